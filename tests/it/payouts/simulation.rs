//! Engine, sandbox, faults and clock in one deterministic run for each seed.
//!
//! A failure names the seed that replays it:
//! `HONGBAO_SIMULATION_SEED=42 cargo test --all-features simulation`. More
//! seeds: `HONGBAO_SIMULATION_SEEDS=100000`, best with `--release`.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use hongbao::payout::ledger::Filter;
use hongbao::payout::state::{Cause, Phase, Proof};
use hongbao::payout::{CampaignId, Dispatcher, NewPayout, Payout, Sqlite};
use hongbao::sandbox::{FaultRule, Sandbox, When};
use hongbao::{Delivered, Failed, Fen, Post, Transport};

use super::flaky::Flaky;
use super::stage::{Stage, faults, gift, payee, refusal};

/// SplitMix64: small, and the same everywhere.
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn one_in(&mut self, chance: u64) -> bool {
        self.below(chance) == 0
    }
}

/// Takes turns with others before and after the call, so that a crash can hit
/// a request that has not arrived and an answer that has not been read.
struct Slow {
    inner: Arc<dyn Transport>,
    dice: Mutex<Dice>,
}

impl Slow {
    async fn linger(&self) {
        let turns = self.dice.lock().unwrap().below(4);
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Transport for Slow {
    async fn post(&self, post: Post<'_>) -> Result<Delivered, Failed> {
        self.linger().await;
        let answer = self.inner.post(post).await;
        self.linger().await;
        answer
    }
}

/// A process that is killed after so many steps.
struct Killed<F> {
    process: Pin<Box<F>>,
    steps: u64,
}

impl<F: Future> Future for Killed<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.steps == 0 {
            return Poll::Ready(None);
        }
        self.steps -= 1;
        self.process.as_mut().poll(context).map(Some)
    }
}

struct World {
    seed: u64,
    dice: Dice,
    stage: Stage,
    campaigns: Vec<CampaignId>,
    keys: Vec<String>,
    workers: Vec<Dispatcher>,
    /// What the workers see of the ledger.
    flaky: Arc<Flaky>,
    crashes: u64,
    outages: u64,
    trace: u64,
}

/// What a run comes to; equal for equal seeds.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    pub payouts: u64,
    pub calls: u64,
    pub crashes: u64,
    pub outages: u64,
    pub trace: u64,
}

pub async fn run(seed: u64, payouts: u64) -> Told {
    let mut world = World::new(seed, payouts).await;
    world.storm().await;
    world.calm().await;
    world.judge().await;
    let calls = world.workers.iter().map(|worker| worker.stats().sends + worker.stats().queries).sum();
    Told { payouts: world.keys.len() as u64, calls, crashes: world.crashes, outages: world.outages, trace: world.trace }
}

impl World {
    async fn new(seed: u64, payouts: u64) -> Self {
        let mut dice = Dice::new(seed);
        let noon = "2025-03-18 12:00:00".parse().unwrap();
        let sandbox = Sandbox::builder().frozen_at(noon).seed(seed).build().unwrap();
        let mut stage = Stage::on(sandbox, Arc::new(Sqlite::in_memory().unwrap()));
        let mch_id = stage.entity.mch_id.clone();
        let calls = [10_000, 10_000, 20, 5][dice.below(4) as usize];
        stage.sandbox.change_settings(&mch_id, |settings| settings.calls_per_second = calls).unwrap();
        if dice.one_in(3) {
            stage.rules.user_day_count = 100;
        }
        if dice.one_in(4) {
            stage.rules.merchant_day = Fen::new(100_000_000_000);
        }
        let mut campaigns = vec![];
        let mut keys = vec![];
        let mut left = payouts;
        for name in ["one", "two"] {
            let count = if name == "two" { left } else { dice.below(left + 1) };
            left -= count;
            let payees = 1 + dice.below(count.max(1));
            let gifts: Vec<NewPayout> = (0..count)
                .map(|number| {
                    let openid = payee(dice.below(payees) as usize);
                    gift(&format!("{name}{number}"), openid, 100 + dice.below(19_000) as i64)
                })
                .collect();
            keys.extend(gifts.iter().map(|gift| gift.key.clone()));
            campaigns.push(stage.plan(name, &gifts).await);
        }
        let chance = [u64::MAX, 100, 30][dice.below(3) as usize];
        let flaky = Flaky::over(Arc::clone(&stage.ledger), Dice::new(dice.next()), chance);
        let mut world =
            Self { seed, dice, stage, campaigns, keys, workers: vec![], flaky, crashes: 0, outages: 0, trace: 0 };
        let workers = 1 + world.dice.below(3);
        for _ in 0..workers {
            let worker = world.worker();
            world.workers.push(worker);
        }
        world.bad_luck();
        world
    }

    fn worker(&mut self) -> Dispatcher {
        let dice = Mutex::new(Dice::new(self.dice.next()));
        let transport = Arc::new(Slow { inner: self.stage.sandbox.transport(), dice });
        self.stage.dispatcher_on(self.flaky.clone(), transport, &self.stage.entity)
    }

    fn bad_luck(&mut self) {
        let refusals = [refusal("NOTENOUGH"), refusal("RCVDAMOUNT_LIMIT")];
        for fault in faults().into_iter().chain(refusals) {
            if self.dice.one_in(2) {
                let when = When::PerMille { rate: 10 + self.dice.below(120) as u16, seed: self.dice.next() };
                self.stage.sandbox.fault(FaultRule::new(fault, when)).unwrap();
            }
        }
        for number in 0..self.keys.len().min(4) {
            if self.dice.one_in(5) {
                self.stage.sandbox.set_user(payee(number).as_str(), &self.stage.entity.app_id, true).unwrap();
            } else if self.dice.one_in(8) {
                self.stage.sandbox.set_user(payee(number).as_str(), "wx8d7c6b5a49382716", false).unwrap();
            }
        }
    }

    /// Everything at once, for a while.
    async fn storm(&mut self) {
        for _ in 0..20 + self.dice.below(40) {
            match self.dice.below(10) {
                0..=3 => self.work().await,
                4..=5 => {
                    let seconds = [1, 1, 5, 60, 600, 3_600, 21_600][self.dice.below(7) as usize];
                    self.stage.advance(Duration::from_secs(seconds));
                }
                6 => self.somebody_opens_packets().await,
                7 => self.somebody_decides().await,
                8 => {
                    let more = Fen::new(1 + self.dice.below(50_000) as i64);
                    self.stage.sandbox.top_up(&self.stage.entity.mch_id, more).unwrap();
                }
                _ => self.unblock_somebody(),
            }
        }
    }

    /// One or two workers make a pass; now and then one of them is killed.
    async fn work(&mut self) {
        let first = self.dice.below(self.workers.len() as u64) as usize;
        let steps = if self.dice.one_in(2) { self.dice.below(14) } else { u64::MAX };
        let pass = Killed { process: Box::pin(self.workers[first].pass()), steps };
        let killed = if self.workers.len() > 1 && self.dice.one_in(2) {
            let second = (first + 1) % self.workers.len();
            let (one, two) = tokio::join!(biased; pass, self.workers[second].pass());
            self.outages += u64::from(two.is_err()) + u64::from(matches!(one, Some(Err(_))));
            one.is_none()
        } else {
            match pass.await {
                Some(done) => {
                    self.outages += u64::from(done.is_err());
                    false
                }
                None => true,
            }
        };
        if killed {
            self.crashes += 1;
            // What was under way is gone before anything else happens.
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            self.workers[first] = self.worker();
        }
        self.note(first as u64).await;
    }

    async fn note(&mut self, what: u64) {
        let mut sum = self.trace.wrapping_mul(31).wrapping_add(what);
        for payout in self.payouts().await {
            let standing = &payout.standing;
            sum = sum.wrapping_mul(1_000_003).wrapping_add(
                u64::from(standing.attempts) << 8 | u64::from(standing.open) << 4 | standing.phase as u64,
            );
        }
        self.trace = sum;
    }

    async fn payouts(&self) -> Vec<Payout> {
        let mut all = vec![];
        for campaign in &self.campaigns {
            all.extend(self.stage.ledger.list(&Filter::all(*campaign), 10_000).await.unwrap());
        }
        all
    }

    async fn somebody_opens_packets(&mut self) {
        for payout in self.payouts().await {
            if payout.standing.phase == Phase::Accepted && self.dice.one_in(3) {
                let mch_id = &self.stage.entity.mch_id;
                // It may be on its way back already.
                let _ = self.stage.sandbox.open_packet(mch_id, payout.number.as_str(), payout.openid.as_str());
            }
        }
    }

    async fn somebody_decides(&mut self) {
        let operator = self.stage.operator();
        for payout in self.payouts().await {
            match (payout.standing.phase, self.dice.below(12)) {
                (Phase::Planned | Phase::Sending, 0) => drop(operator.hold(&payout, "wait a moment").await),
                (Phase::Held | Phase::Refused, 0..=5) => drop(operator.release(&payout, "go on").await),
                (Phase::Refused, 6..=9) => drop(operator.permit(&payout, "checked").await),
                _ => {}
            }
        }
        operator.release_merchant(&self.stage.mch_id(), "looked into it").await.unwrap();
    }

    fn unblock_somebody(&mut self) {
        let number = self.dice.below(4) as usize;
        self.stage.sandbox.set_user(payee(number).as_str(), &self.stage.entity.app_id, false).unwrap();
    }

    /// The faults stop, money is there, people answer: now everything must come
    /// to an end.
    async fn calm(&mut self) {
        self.stage.sandbox.clear_faults().unwrap();
        self.flaky.calm_down();
        self.stage.sandbox.top_up(&self.stage.entity.mch_id, Fen::new(100_000_000)).unwrap();
        for number in 0..4 {
            self.stage.sandbox.set_user(payee(number).as_str(), &self.stage.entity.app_id, false).unwrap();
        }
        let operator = self.stage.operator();
        for round in 0..2_000 {
            let mut next = None;
            for worker in 0..self.workers.len() {
                let pass = self.workers[worker].pass().await.unwrap();
                next = [next, pass.next].into_iter().flatten().min();
            }
            let mut open = 0;
            for payout in self.payouts().await {
                let standing = &payout.standing;
                let waits = matches!(standing.phase, Phase::Planned | Phase::Sending | Phase::Accepted);
                open += u64::from(waits);
                let released = standing.phase == Phase::Held
                    && matches!(standing.cause, Some(Cause::Person | Cause::Risk | Cause::Payee | Cause::WindowOver));
                // A person that releases the same payout for ever is no end.
                if released && round < 200 {
                    operator.release(&payout, "all is well again").await.unwrap();
                    open += 1;
                }
            }
            let (gate, _) = self.stage.ledger.gate(&self.stage.mch_id()).await.unwrap();
            if gate.stopped {
                operator.release_merchant(&self.stage.mch_id(), "all is well again").await.unwrap();
            }
            if open == 0 && !gate.stopped {
                return;
            }
            let wait = next.map_or(Duration::from_secs(1), |next| next.since(self.stage.sandbox.now()));
            self.stage.advance(wait.max(Duration::from_secs(1)));
        }
        panic!("it never came to an end: {:#?}", self.payouts().await);
    }

    /// The sandbox's books and the ledger, line by line.
    async fn judge(&self) {
        let mut received: BTreeMap<String, i64> = BTreeMap::new();
        for payout in self.payouts().await {
            let standing = &payout.standing;
            let paid = self.stage.paid(&payout);
            assert!(paid.len() <= 1, "{} is paid {} times", payout.key, paid.len());
            let found = self.stage.sandbox.packet(payout.mch_id.as_str(), payout.number.as_str());
            let status = found.as_ref().map_or("", |packet| packet.status.as_str());
            match standing.phase {
                Phase::Received => {
                    assert_eq!((status, standing.received), ("RECEIVED", payout.amount), "{payout:#?}");
                    *received.entry(payout.openid.to_string()).or_default() += payout.amount.get();
                }
                Phase::Returned => assert_eq!((status, standing.returned), ("REFUND", payout.amount), "{payout:#?}"),
                Phase::Refused if standing.proof == Some(Proof::Dead) => {
                    assert!(paid.is_empty() && status == "FAILED", "{status} {payout:#?}");
                }
                Phase::Refused | Phase::Held => assert!(paid.is_empty(), "{status} {payout:#?}"),
                _ => panic!("{payout:#?}"),
            }
            assert_eq!(payout.version.0 > 0, standing.attempts > 0 || payout.version.0 > 0);
        }
        for (openid, fen) in received {
            assert_eq!(self.stage.sandbox.received(&openid), Fen::new(fen), "{openid}");
        }
        self.stage.balanced();
        assert_eq!(self.stage.sandbox.books().in_transit, Fen::ZERO, "seed {}", self.seed);
    }
}

/// Each seed on a runtime of its own, so that nothing is left of the one before,
/// and with a clock that moves only when nobody has anything to do.
pub fn simulate(seed: u64, payouts: u64) -> Told {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let run = AssertUnwindSafe(|| runtime.block_on(run(seed, payouts)));
    std::panic::catch_unwind(run).unwrap_or_else(|cause| {
        eprintln!("\nreplay it: HONGBAO_SIMULATION_SEED={seed} cargo test --all-features simulation\n");
        std::panic::resume_unwind(cause)
    })
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable}: {text:?}")))
}

#[test]
fn simulation_pays_everybody_at_most_once_and_ends() {
    let seeds: Vec<u64> = match number("HONGBAO_SIMULATION_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("HONGBAO_SIMULATION_SEEDS").unwrap_or(200)).collect(),
    };
    let started = std::time::Instant::now();
    let (mut payouts, mut calls, mut crashes, mut outages) = (0, 0, 0, 0);
    let told: Vec<Told> = std::thread::scope(|scope| {
        let halves = seeds.chunks(seeds.len().div_ceil(2));
        let threads: Vec<_> = halves
            .map(|seeds| scope.spawn(|| seeds.iter().map(|seed| simulate(*seed, 16)).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    for told in &told {
        payouts += told.payouts;
        calls += told.calls;
        crashes += told.crashes;
        outages += told.outages;
    }
    println!(
        "{} seeds, {payouts} payouts, {calls} calls, {crashes} crashes, {outages} outages of the ledger in {:?}",
        told.len(),
        started.elapsed()
    );
    let enough = |count: u64| told.len() < 100 || count > told.len() as u64;
    assert!(enough(crashes) && enough(outages), "{crashes} crashes, {outages} outages: the storm is a breeze");
}

#[test]
fn simulation_is_the_same_for_the_same_seed() {
    for seed in [3, 1_000_003] {
        assert_eq!(simulate(seed, 12), simulate(seed, 12));
    }
}
