//! Sends what is planned, once each, and stays with it until it is decided.
//!
//! A dispatcher claims payouts from the ledger, makes the intent durable, sends,
//! and records what came of it. Any number of them may work on one ledger, in
//! one process or in many. What keeps a payout from being paid twice is its bill
//! number; claims, leases and versions only keep work from being done twice.

mod answers;
mod begin;
mod call;
mod gates;
mod round;
mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use work::{BREATH, Turn, Work};

use super::ledger::Ledger;
use super::record::Campaign;
use super::rules::Rules;
use crate::client::Client;
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::error::Result;
use crate::merchants::Merchants;

/// Works on a ledger for the merchant entities of this process; campaigns of
/// others are left to other processes.
///
/// ```no_run
/// # async fn run(ledger: std::sync::Arc<dyn hongbao::payout::Ledger>, client: hongbao::Client) -> hongbao::Result<()> {
/// use std::sync::Arc;
/// use hongbao::{Merchants, payout::Dispatcher};
///
/// let merchants = Merchants::new();
/// merchants.insert(client);
/// let dispatcher = Dispatcher::builder(ledger, Arc::new(merchants)).build();
/// // Until the process is asked to stop; what is under way is waited for.
/// dispatcher.run(async { /* a signal */ }).await?;
/// # Ok(()) }
/// ```
pub struct Dispatcher {
    desk: Arc<Desk>,
}

/// What all parts of a dispatcher share.
struct Desk {
    ledger: Arc<dyn Ledger>,
    merchants: Arc<Merchants>,
    rules: Rules,
    clock: Arc<dyn Clock>,
    worker: String,
    in_flight: usize,
    poll: Duration,
    counters: Counters,
}

impl Desk {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn client(&self, campaign: &Campaign) -> Option<Client> {
        self.merchants.find(campaign.mch_id.as_str(), campaign.app_id.as_str())
    }
}

/// A dispatcher with something other than the defaults.
#[must_use]
pub struct Builder(Desk);

impl Builder {
    /// Other rates, caps, windows and schedules.
    pub fn rules(mut self, rules: Rules) -> Self {
        self.0.rules = rules;
        self
    }

    /// Another clock than the machine's. Dispatchers of one ledger need clocks
    /// that agree within a second or so: leases and day limits go by them.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.0.clock = clock;
        self
    }

    /// The name that the journal knows this worker by; the process number
    /// unless told.
    pub fn worker(mut self, name: impl Into<String>) -> Self {
        self.0.worker = name.into();
        self
    }

    /// How many calls may be under way at once; 64 unless told, at least one.
    pub fn in_flight(mut self, calls: usize) -> Self {
        self.0.in_flight = calls.max(1);
        self
    }

    /// How often a dispatcher without work looks for some; once a second unless
    /// told.
    pub fn poll(mut self, every: Duration) -> Self {
        self.0.poll = every.max(Duration::from_millis(1));
        self
    }

    /// The dispatcher.
    #[must_use]
    pub fn build(self) -> Dispatcher {
        Dispatcher { desk: Arc::new(self.0) }
    }
}

/// What a dispatcher has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Attempts to send.
    pub sends: u64,
    /// Packets that were taken.
    pub accepted: u64,
    /// Attempts that were refused or never left.
    pub refused: u64,
    /// Attempts of which nobody knows.
    pub unknown: u64,
    /// Queries.
    pub queries: u64,
    /// Changes that came too late, because another worker or a person was there
    /// before.
    pub stale: u64,
}

#[derive(Default)]
struct Counters {
    sends: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    unknown: AtomicU64,
    queries: AtomicU64,
    stale: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pass {
    /// How many calls were made.
    pub calls: u64,
    /// When there will be something to do again, as far as this process can.
    pub next: Option<Timestamp>,
}

impl Dispatcher {
    /// A dispatcher of a ledger for these merchant entities.
    pub fn builder(ledger: Arc<dyn Ledger>, merchants: Arc<Merchants>) -> Builder {
        Builder(Desk {
            ledger,
            merchants,
            rules: Rules::default(),
            clock: Arc::new(SystemClock),
            worker: format!("process {}", std::process::id()),
            in_flight: 64,
            poll: Duration::from_secs(1),
            counters: Counters::default(),
        })
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.desk.counters;
        Stats {
            sends: read(&counters.sends),
            accepted: read(&counters.accepted),
            refused: read(&counters.refused),
            unknown: read(&counters.unknown),
            queries: read(&counters.queries),
            stale: read(&counters.stale),
        }
    }

    /// Works until `stop` is there. Then nothing new is sent, the answers to
    /// what is under way are waited for and recorded, and nothing stays claimed.
    ///
    /// A ledger that cannot be used is waited for: nothing is sent meanwhile,
    /// and answers that it has not taken yet are kept.
    ///
    /// Dropping the future instead is safe too: what was under way counts as
    /// unknown and is repeated under its number when its lease is over.
    ///
    /// # Errors
    /// None at present; faults of the ledger are logged and waited out.
    pub async fn run(&self, stop: impl Future<Output = ()>) -> Result<Stats> {
        let mut work = Work::new(&self.desk);
        let mut stop = std::pin::pin!(stop);
        let mut stopping = false;
        loop {
            let turn = work.turn(!stopping).await;
            let pause = match turn {
                Ok(_) if stopping && work.is_done() => break,
                Ok(Turn::Busy) => Duration::ZERO,
                // Only answers are waited for.
                Ok(Turn::Idle) if stopping || !work.has_room() => self.desk.poll,
                Ok(Turn::Idle) => self.desk.poll.min(work.until_next().await),
                Err(error) => {
                    let next_step = error.next_step();
                    tracing::error!(worker = %self.desk.worker, %error, next_step, "the ledger cannot be used; nothing is sent");
                    work.back_off()
                }
            };
            tokio::select! {
                biased;
                () = &mut stop, if !stopping => {
                    tracing::info!(worker = %self.desk.worker, in_flight = work.calls.len(), "stopping: nothing new is sent");
                    stopping = true;
                }
                () = work.wait(pause) => {}
            }
        }
        Ok(self.stats())
    }

    /// Does everything that is due now, and what becomes due while it does so,
    /// and returns when nothing is left to do at once.
    ///
    /// # Errors
    /// [`ErrorKind::Ledger`](crate::ErrorKind::Ledger); what was under way is awaited before and recorded if
    /// that is possible.
    pub async fn pass(&self) -> Result<Pass> {
        let mut work = Work::new(&self.desk);
        let calls = |stats: Stats| stats.sends + stats.queries;
        let before = calls(self.stats());
        loop {
            match work.turn(true).await {
                Ok(Turn::Idle) if work.is_done() => break,
                Ok(Turn::Idle) if work.waiting.is_zero() => work.wait(Duration::MAX).await,
                Ok(Turn::Idle) => work.wait(BREATH).await,
                Ok(Turn::Busy) => work.wait(Duration::ZERO).await,
                Err(error) => {
                    work.drain().await;
                    return Err(error);
                }
            }
        }
        Ok(Pass { calls: calls(self.stats()) - before, next: work.next_moment().await? })
    }
}
