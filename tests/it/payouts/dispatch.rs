//! The dispatcher against the sandbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hongbao::payout::state::{Cause, Phase, Proof};
use hongbao::payout::{EntryKind, Ledger, Postgres, Sqlite};
use hongbao::sandbox::{Fault, FaultRule, When};
use hongbao::{Delivered, Failed, Fen, Post, Transport};

use super::stage::{Stage, faults, gift, gifts, payee, refusal};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const SEND: &str = "/mmpaymkttransfers/sendredpack";

#[tokio::test]
async fn each_payee_is_paid_once_and_followed_to_the_end() {
    let stage = Stage::new();
    let campaign = stage.plan("spring", &gifts(40)).await;
    let dispatcher = stage.dispatcher();
    let pass = dispatcher.pass().await.unwrap();
    assert_eq!(pass.calls, 40);
    assert_eq!(pass.next, Some(stage.sandbox.now().after(10 * MINUTE)));
    for number in 0..20 {
        let payout = stage.payout(&format!("k{number:05}")).await;
        assert_eq!(payout.standing.phase, Phase::Accepted);
        stage.sandbox.open_packet(&stage.entity.mch_id, payout.number.as_str(), payout.openid.as_str()).unwrap();
    }
    stage.until(&dispatcher, campaign, &[Phase::Received, Phase::Returned]).await;
    for number in 0..40 {
        let payout = stage.payout(&format!("k{number:05}")).await;
        assert_eq!(stage.paid(&payout), [payout.number.as_str()]);
        let (phase, received, returned) = match number < 20 {
            true => (Phase::Received, payout.amount, Fen::ZERO),
            false => (Phase::Returned, Fen::ZERO, payout.amount),
        };
        assert_eq!((payout.standing.phase, payout.standing.received), (phase, received));
        assert_eq!(payout.standing.returned, returned);
    }
    assert_eq!(dispatcher.stats().sends, 40);
    stage.balanced();
}

#[tokio::test]
pub async fn every_kind_of_fault_still_pays_once() {
    for fault in faults().into_iter().chain([refusal("BRAND_NEW")]) {
        let stage = Stage::new();
        let campaign = stage.plan("faults", &gifts(6)).await;
        stage.sandbox.fault(FaultRule::new(fault.clone(), When::Next(8)).at(SEND)).unwrap();
        let dispatcher = stage.dispatcher();
        stage.until(&dispatcher, campaign, &[Phase::Accepted]).await;
        for number in 0..6 {
            let payout = stage.payout(&format!("k{number:05}")).await;
            assert_eq!(stage.paid(&payout).len(), 1, "{fault:?}");
            assert_eq!(payout.standing.generation, 0, "{fault:?}");
        }
        stage.balanced();
    }
}

#[tokio::test]
async fn the_journal_tells_the_whole_story() {
    let stage = Stage::new();
    let campaign = stage.plan("story", &gifts(1)).await;
    stage.sandbox.fault(FaultRule::new(Fault::HangUpAfter, When::Next(1))).unwrap();
    let dispatcher = stage.dispatcher();
    stage.until(&dispatcher, campaign, &[Phase::Accepted]).await;
    let payout = stage.payout("k00000").await;
    let journal = stage.ledger.journal(payout.id).await.unwrap();
    let kinds: Vec<_> = journal.iter().map(|entry| (entry.kind, entry.attempt)).collect();
    use EntryKind::{Answer, Begin};
    assert_eq!(kinds, [(Begin, 1), (Answer, 1), (Begin, 2), (Answer, 2)]);
    assert_eq!(journal[1].raw, None);
    let raw = journal[3].raw.as_deref().unwrap();
    assert!(raw.contains("<send_listid>") && raw.contains(payout.number.as_str()), "{raw}");
    // Neither the signature nor anything else of the request is kept.
    assert!(!format!("{journal:?}{payout:?}").contains("sign>"));
}

#[tokio::test]
async fn without_money_the_merchant_waits_and_goes_on_after_a_top_up() {
    let stage = Stage::new();
    // 10,000.00 yuan are there; this takes 10,150.00.
    let all: Vec<_> = (0..203).map(|number| gift(&format!("b{number}"), payee(number), 5_000)).collect();
    let campaign = stage.plan("rich", &all).await;
    let dispatcher = stage.dispatcher();
    dispatcher.pass().await.unwrap();
    let (gate, _) = stage.ledger.gate(&stage.mch_id()).await.unwrap();
    assert!(gate.paused_until.is_some() && !gate.stopped, "{gate:?}");
    assert!(gate.reason.unwrap().starts_with("NOTENOUGH"));
    // One packet a minute asks whether there is money again.
    let before = dispatcher.stats().sends;
    for _ in 0..10 {
        stage.advance(MINUTE);
        dispatcher.pass().await.unwrap();
    }
    assert!((8..=12).contains(&(dispatcher.stats().sends - before)), "{}", dispatcher.stats().sends - before);
    stage.sandbox.top_up(&stage.entity.mch_id, Fen::new(100_000)).unwrap();
    stage.until(&dispatcher, campaign, &[Phase::Accepted, Phase::Returned]).await;
    stage.balanced();
}

#[tokio::test]
async fn a_payee_gets_no_more_than_the_day_allows() {
    let stage = Stage::new();
    let all: Vec<_> = (0..25).map(|number| gift(&format!("d{number}"), payee(7), 100)).collect();
    let campaign = stage.plan("daily", &all).await;
    let dispatcher = stage.dispatcher();
    let mut days = vec![];
    for _ in 0..3 {
        let before = dispatcher.stats().sends;
        dispatcher.pass().await.unwrap();
        days.push(dispatcher.stats().sends - before);
        stage.advance(DAY);
    }
    assert_eq!(days, [10, 10, 5]);
    assert_eq!(dispatcher.stats().refused, 0, "the gateway was never asked in vain");
    let totals = stage.ledger.totals(campaign).await.unwrap();
    assert!(totals.iter().all(|total| total.phase != Phase::Held));
}

#[tokio::test]
async fn a_merchants_day_is_kept_too() {
    let mut stage = Stage::new();
    stage.rules.merchant_day = Fen::new(1_000);
    let all: Vec<_> = (0..25).map(|number| gift(&format!("m{number}"), payee(number), 100)).collect();
    stage.plan("merchant", &all).await;
    let dispatcher = stage.dispatcher();
    let pass = dispatcher.pass().await.unwrap();
    assert_eq!(dispatcher.stats().sends, 10);
    assert_eq!(pass.next, Some(stage.sandbox.now().after(10 * MINUTE)), "those that were sent are asked about");
    stage.advance(DAY);
    for _ in 0..3 {
        dispatcher.pass().await.unwrap();
    }
    assert_eq!(dispatcher.stats().sends, 20);
}

#[tokio::test]
pub async fn a_wrong_key_stops_the_merchant_until_a_person_releases_it() {
    let stage = Stage::new();
    let campaign = stage.plan("mixed", &gifts(30)).await;
    let mut wrong = stage.entity.clone();
    wrong.key = stage.sandbox.merchants().remove(1).key;
    let mixed = stage.dispatcher_over(stage.sandbox.transport(), &wrong);
    mixed.pass().await.unwrap();
    let (gate, _) = stage.ledger.gate(&stage.mch_id()).await.unwrap();
    assert!(gate.stopped && gate.reason.unwrap().contains("SIGN_ERROR"));
    let sent = mixed.stats().sends;
    stage.advance(HOUR);
    mixed.pass().await.unwrap();
    assert_eq!(mixed.stats().sends, sent, "nothing more is tried");

    let right = stage.dispatcher();
    right.pass().await.unwrap();
    assert_eq!(right.stats().sends, 0);
    stage.operator().release_merchant(&stage.mch_id(), "the key is the right one now").await.unwrap();
    stage.until(&right, campaign, &[Phase::Accepted]).await;
    stage.balanced();
}

#[tokio::test]
async fn risk_holds_the_payee_and_many_of_them_the_merchant() {
    let stage = Stage::new();
    stage.plan("risk", &gifts(3)).await;
    stage.sandbox.set_user(payee(1).as_str(), &stage.entity.app_id, true).unwrap();
    let dispatcher = stage.dispatcher();
    dispatcher.pass().await.unwrap();
    let blocked = stage.payout("k00001").await;
    assert_eq!((blocked.standing.phase, blocked.standing.cause), (Phase::Held, Some(Cause::Risk)));
    assert_eq!(stage.payout("k00002").await.standing.phase, Phase::Accepted);
    // A person looks, the block is lifted, the same number is paid.
    stage.sandbox.set_user(payee(1).as_str(), &stage.entity.app_id, false).unwrap();
    stage.operator().release(&blocked, "Li knows the user").await.unwrap();
    stage.advance(Duration::from_secs(2));
    dispatcher.pass().await.unwrap();
    let paid = stage.payout("k00001").await;
    assert_eq!((paid.standing.phase, paid.number), (Phase::Accepted, blocked.number));

    // The address is not allowed: the same code for everybody.
    stage.sandbox.change_settings(&stage.entity.mch_id, |settings| settings.allowed_ips.clear()).unwrap();
    let more: Vec<_> = (0..200).map(|number| gift(&format!("r{number}"), payee(100 + number), 100)).collect();
    stage.plan("address", &more).await;
    dispatcher.pass().await.unwrap();
    let (gate, _) = stage.ledger.gate(&stage.mch_id()).await.unwrap();
    assert!(gate.stopped, "{gate:?}");
    let total = stage.ledger.totals(stage.payout("r0").await.campaign).await.unwrap();
    let held: u64 = total.iter().filter(|total| total.phase == Phase::Held).map(|total| total.count).sum();
    assert!(held <= 64, "{held} payees were held although the cause is the merchant's");
}

#[tokio::test]
async fn a_dead_number_is_followed_by_a_permitted_one_and_paid_once() {
    let stage = Stage::new();
    let campaign = stage.plan("dead", &gifts(1)).await;
    stage.sandbox.set_user(payee(0).as_str(), &stage.entity.app_id, true).unwrap();
    let dispatcher = stage.dispatcher();
    dispatcher.pass().await.unwrap();
    let held = stage.payout("k00000").await;
    let denied = stage.operator().permit(&held, "in a hurry").await.unwrap_err();
    assert_eq!(denied.field(), Some("payout"));
    // After three days the gateway closes the stuck bill; the query finds it.
    for _ in 0..80 {
        stage.advance(HOUR);
        dispatcher.pass().await.unwrap();
    }
    let dead = stage.payout("k00000").await;
    assert_eq!((dead.standing.phase, dead.standing.proof), (Phase::Refused, Some(Proof::Dead)));
    stage.sandbox.set_user(payee(0).as_str(), &stage.entity.app_id, false).unwrap();
    assert!(stage.operator().release(&dead, "again").await.is_err());
    let second = stage.operator().permit(&dead, "the state FAILED was seen").await.unwrap();
    assert_ne!(second.number, dead.number);
    assert!(stage.operator().permit(&dead, "twice").await.is_err());
    stage.until(&dispatcher, campaign, &[Phase::Accepted]).await;
    let paid = stage.payout("k00000").await;
    assert_eq!(stage.paid(&paid), [second.number.as_str()]);
    let by_old = stage.ledger.find_number(&stage.mch_id(), &dead.number).await.unwrap().unwrap();
    assert_eq!(by_old.id, paid.id);
}

/// Sees which numbers are under way, and yields so that others get their turn.
struct Watching {
    inner: Arc<dyn Transport>,
    under_way: Mutex<BTreeSet<String>>,
    sent: Mutex<BTreeMap<String, u32>>,
    overlaps: AtomicUsize,
    slow: Duration,
}

impl Watching {
    fn over(stage: &Stage, slow: Duration) -> Arc<Self> {
        Arc::new(Self {
            inner: stage.sandbox.transport(),
            under_way: Mutex::default(),
            sent: Mutex::default(),
            overlaps: AtomicUsize::new(0),
            slow,
        })
    }
}

#[async_trait]
impl Transport for Watching {
    async fn post(&self, post: Post<'_>) -> Result<Delivered, Failed> {
        if post.path != SEND {
            return self.inner.post(post).await;
        }
        let (_, rest) = post.body.split_once("<mch_billno>").unwrap();
        let (number, _) = rest.split_once("</mch_billno>").unwrap();
        let number = number.trim_start_matches("<![CDATA[").trim_end_matches("]]>").to_owned();
        if !self.under_way.lock().unwrap().insert(number.clone()) {
            self.overlaps.fetch_add(1, Ordering::Relaxed);
        }
        *self.sent.lock().unwrap().entry(number.clone()).or_default() += 1;
        tokio::time::sleep(self.slow).await;
        let answer = self.inner.post(post).await;
        self.under_way.lock().unwrap().remove(&number);
        answer
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_dispatchers_of_one_file_never_send_the_same_payout_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(Sqlite::open(folder.path().join("payouts.db")).unwrap());
    never_the_same_at_once(open(), open()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_dispatchers_of_one_server_never_send_the_same_payout_at_once() {
    let url = crate::postgres::server().url();
    let (one, two) = (Postgres::connect(&url).await.unwrap(), Postgres::connect(&url).await.unwrap());
    never_the_same_at_once(Arc::new(one), Arc::new(two)).await;
}

async fn never_the_same_at_once(ledger: Arc<dyn Ledger>, others: Arc<dyn Ledger>) {
    let mut stage = Stage::new();
    stage.ledger = ledger;
    let campaign = stage.plan("two", &gifts(300)).await;
    stage.sandbox.fault(FaultRule::new(Fault::HangUpAfter, When::PerMille { rate: 100, seed: 7 }).at(SEND)).unwrap();
    let watching = Watching::over(&stage, Duration::from_millis(2));
    let one = stage.dispatcher_over(watching.clone(), &stage.entity);
    let two = stage.dispatcher_on(others, watching.clone(), &stage.entity);
    for _ in 0..20 {
        let (first, second) = tokio::join!(one.pass(), two.pass());
        let (first, second) = (first.unwrap(), second.unwrap());
        let totals = stage.ledger.totals(campaign).await.unwrap();
        if totals.iter().all(|total| total.phase == Phase::Accepted) {
            break;
        }
        let next = first.next.or(second.next).unwrap();
        stage.advance(next.since(stage.sandbox.now()).max(Duration::from_millis(1)));
    }
    assert_eq!(watching.overlaps.load(Ordering::Relaxed), 0);
    assert_eq!(watching.sent.lock().unwrap().len(), 300);
    assert!(one.stats().sends > 20 && two.stats().sends > 20, "{:?} {:?}", one.stats(), two.stats());
    stage.balanced();
}

/// Holds calls back until it is told to let them go.
struct Held {
    inner: Arc<dyn Transport>,
    arrived: tokio::sync::Semaphore,
    go: tokio::sync::Semaphore,
    after: AtomicBool,
}

#[async_trait]
impl Transport for Held {
    async fn post(&self, post: Post<'_>) -> Result<Delivered, Failed> {
        let answer = if self.after.load(Ordering::Relaxed) { Some(self.inner.post(post).await) } else { None };
        self.arrived.add_permits(1);
        self.go.acquire().await.unwrap().forget();
        match answer {
            Some(answer) => answer,
            None => self.inner.post(post).await,
        }
    }
}

/// A worker that slept beyond its lease wakes up with an old answer.
#[tokio::test]
async fn a_worker_paused_beyond_its_lease_is_fenced() {
    for answer_is_there in [true, false] {
        let stage = Stage::new();
        let campaign = stage.plan("fence", &gifts(1)).await;
        let held = Arc::new(Held {
            inner: stage.sandbox.transport(),
            arrived: tokio::sync::Semaphore::new(0),
            go: tokio::sync::Semaphore::new(0),
            after: AtomicBool::new(answer_is_there),
        });
        let sleeper = stage.dispatcher_over(held.clone(), &stage.entity);
        let sleeping = tokio::spawn(async move {
            sleeper.pass().await.unwrap();
            sleeper.stats()
        });
        held.arrived.acquire().await.unwrap().forget();
        let begun = stage.payout("k00000").await;
        assert_eq!((begun.standing.phase, begun.standing.open), (Phase::Sending, 1));
        stage.advance(stage.rules.lease);
        let awake = stage.dispatcher();
        stage.until(&awake, campaign, &[Phase::Accepted]).await;
        let accepted = stage.payout("k00000").await;
        held.go.add_permits(10);
        let stats = sleeping.await.unwrap();
        assert_eq!(stats.stale, 1);
        let now = stage.payout("k00000").await;
        assert_eq!((now.standing.clone(), now.version), (accepted.standing, accepted.version));
        let journal = stage.ledger.journal(now.id).await.unwrap();
        assert_eq!(journal.last().unwrap().kind, EntryKind::Late, "the old answer is in the journal all the same");
        assert_eq!(stage.paid(&now).len(), 1);
    }
}

#[tokio::test]
async fn a_stop_waits_for_answers_and_leaves_nothing_claimed() {
    let stage = Stage::new();
    let campaign = stage.plan("stop", &gifts(500)).await;
    let watching = Watching::over(&stage, Duration::from_millis(30));
    let dispatcher = Arc::new(stage.dispatcher_over(watching.clone(), &stage.entity));
    let stop = Arc::new(tokio::sync::Notify::new());
    let running = {
        let (dispatcher, stop) = (Arc::clone(&dispatcher), Arc::clone(&stop));
        tokio::spawn(async move { dispatcher.run(stop.notified()).await.unwrap() })
    };
    while watching.sent.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    stop.notify_one();
    let stats = running.await.unwrap();
    assert!(stats.sends < 500 && stats.sends == stats.accepted, "{stats:?}");
    let totals = stage.ledger.totals(campaign).await.unwrap();
    let count = |phase| totals.iter().find(|total| total.phase == phase).map_or(0, |total| total.count);
    assert_eq!((count(Phase::Accepted), count(Phase::Planned)), (stats.accepted, 500 - stats.accepted));
    // The rest is there for the next one at once.
    let next = stage.dispatcher();
    next.pass().await.unwrap();
    assert_eq!(next.stats().accepted, 500 - stats.accepted);
}

#[tokio::test]
async fn a_small_campaign_does_not_wait_for_a_big_one() {
    let stage = Stage::new();
    stage.plan("big", &gifts(2_000)).await;
    let small: Vec<_> = (0..10).map(|number| gift(&format!("s{number}"), payee(5_000 + number), 100)).collect();
    stage.plan("small", &small).await;
    let watching = Watching::over(&stage, Duration::ZERO);
    let dispatcher = stage.dispatcher_over(watching.clone(), &stage.entity);
    let small: BTreeSet<String> = {
        let mut numbers = BTreeSet::new();
        for gift in &small {
            numbers.insert(stage.payout(&gift.key).await.number.to_string());
        }
        numbers
    };
    let pass = dispatcher.pass();
    tokio::pin!(pass);
    let mut sent_when_small_was_done = None;
    loop {
        tokio::select! {
            biased;
            done = &mut pass => { done.unwrap(); break; }
            () = tokio::task::yield_now() => {
                let sent = watching.sent.lock().unwrap();
                if sent_when_small_was_done.is_none() && small.iter().all(|number| sent.contains_key(number)) {
                    sent_when_small_was_done = Some(sent.len());
                }
            }
        }
    }
    assert!(sent_when_small_was_done.unwrap() < 400, "{sent_when_small_was_done:?}");
}

#[tokio::test]
async fn calls_keep_to_the_granted_rate() {
    // A running clock, since the moments are waited for.
    let sandbox = hongbao::sandbox::Sandbox::new().unwrap();
    let mut stage = Stage::on(sandbox, Arc::new(Sqlite::in_memory().unwrap()));
    stage.rules.per_second = 40;
    stage.sandbox.change_settings(&stage.entity.mch_id, |settings| settings.calls_per_second = 40).unwrap();
    let campaign = stage.plan("rate", &gifts(60)).await;
    let (one, two) = (stage.dispatcher(), stage.dispatcher());
    let started = std::time::Instant::now();
    let (first, second) = tokio::join!(one.pass(), two.pass());
    first.unwrap();
    second.unwrap();
    // 60 calls at 40 in a second take 59 pauses of 25 ms, whoever makes them.
    assert!(started.elapsed() >= Duration::from_millis(1_450), "{:?}", started.elapsed());
    let totals = stage.ledger.totals(campaign).await.unwrap();
    assert!(totals.iter().all(|total| matches!(total.phase, Phase::Accepted | Phase::Sending)), "{totals:?}");
    assert!(two.stats().sends > 0 && one.stats().sends > 0);
}
