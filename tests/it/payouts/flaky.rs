//! A ledger whose connection breaks: before a call, or after its commit, so
//! that nobody is told. By chance, or where a test wants it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hongbao::clock::Timestamp;
use hongbao::payout::ledger::{self, Admission, Change, Claim, Comparison, Due, Filter, Recorded, Slots, Total};
use hongbao::payout::state::Gate;
use hongbao::payout::{Campaign, CampaignId, Entry, Ledger, NewCampaign, NewPayout, Payout, PayoutId, Version};
use hongbao::{BillNo, Error, MchId};

use super::simulation::Dice;

type Result<T> = std::result::Result<T, Error>;

pub struct Flaky {
    inner: Arc<dyn Ledger>,
    dice: Mutex<Dice>,
    /// One call in so many fails.
    chance: u64,
    calm: AtomicBool,
    /// Calls that are to break, by name and moment.
    marked: Mutex<Vec<(&'static str, Moment)>>,
    calls: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

impl Flaky {
    pub fn over(inner: Arc<dyn Ledger>, dice: Dice, chance: u64) -> Arc<Self> {
        Arc::new(Self {
            inner,
            dice: Mutex::new(dice),
            chance,
            calm: AtomicBool::new(false),
            marked: Mutex::default(),
            calls: AtomicU64::new(0),
        })
    }

    /// Breaks nowhere but where it is told to.
    pub fn calm(inner: Arc<dyn Ledger>) -> Arc<Self> {
        let flaky = Self::over(inner, Dice::new(0), 1);
        flaky.calm_down();
        flaky
    }

    /// The next call of this name breaks.
    pub fn break_once(&self, call: &'static str, moment: Moment) {
        self.marked.lock().unwrap().push((call, moment));
    }

    /// How many calls were made.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub fn calm_down(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    fn breaks(&self, call: &'static str, moment: Moment) -> Result<()> {
        self.calls.fetch_add(u64::from(moment == Moment::Before), Ordering::Relaxed);
        let mut marked = self.marked.lock().unwrap();
        let place = marked.iter().position(|mark| *mark == (call, moment));
        if place.map(|place| marked.remove(place)).is_some() {
            return Err(ledger::unusable("the connection broke", "wait"));
        }
        if !self.calm.load(Ordering::Relaxed) && self.dice.lock().unwrap().one_in(self.chance) {
            return Err(ledger::unusable("the connection broke", "wait"));
        }
        Ok(())
    }
}

macro_rules! forward {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        #[async_trait]
        impl Ledger for Flaky {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$result> {
                self.breaks(stringify!($name), Moment::Before)?;
                let done = self.inner.$name($($argument),*).await?;
                self.breaks(stringify!($name), Moment::After)?;
                Ok(done)
            })*
        }
    };
}

forward! {
    campaign(new: &NewCampaign, now: Timestamp) -> Campaign;
    campaigns() -> Vec<Campaign>;
    ready(campaign: CampaignId, digest: &str, now: Timestamp) -> ();
    compare(campaign: CampaignId, payouts: &[NewPayout]) -> Comparison;
    add(campaign: CampaignId, payouts: &[NewPayout], now: Timestamp) -> Comparison;
    admit(campaign: CampaignId, payout: &NewPayout, most: u32, now: Timestamp) -> Admission;
    due(now: Timestamp) -> Vec<Due>;
    next_due() -> Vec<(Due, Timestamp)>;
    claim(claim: &Claim) -> Vec<Payout>;
    give_back(claimed: &[(PayoutId, Version)], now: Timestamp) -> ();
    record(changes: &[Change]) -> Vec<Recorded>;
    journalise(entries: &[(PayoutId, Entry)]) -> ();
    reserve(mch_id: &MchId, calls: u32, per_second: u32, now: Timestamp) -> Slots;
    gate(mch_id: &MchId) -> (Gate, Version);
    set_gate(mch_id: &MchId, version: Version, gate: &Gate) -> bool;
    payout(id: PayoutId) -> Option<Payout>;
    find(mch_id: &MchId, key: &str) -> Option<Payout>;
    find_number(mch_id: &MchId, number: &BillNo) -> Option<Payout>;
    journal(id: PayoutId) -> Vec<Entry>;
    list(filter: &Filter, limit: usize) -> Vec<Payout>;
    totals(campaign: CampaignId) -> Vec<Total>;
    accepted(campaign: CampaignId, stretch: Duration) -> Vec<(Timestamp, u64)>;
}
