//! A ledger whose connection breaks: before a call, or after its commit, so
//! that nobody is told.

use std::sync::atomic::{AtomicBool, Ordering};
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
}

impl Flaky {
    pub fn over(inner: Arc<dyn Ledger>, dice: Dice, chance: u64) -> Arc<Self> {
        Arc::new(Self { inner, dice: Mutex::new(dice), chance, calm: AtomicBool::new(false) })
    }

    pub fn calm_down(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    fn breaks(&self) -> Result<()> {
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
                self.breaks()?;
                let done = self.inner.$name($($argument),*).await?;
                self.breaks()?;
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
    next_due() -> Option<Timestamp>;
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
