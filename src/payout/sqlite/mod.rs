//! The ledger in one file: SQLite, compiled in.
//!
//! One thread owns the connection. It commits all operations that wait for it
//! in one transaction, so that many workers share one wait for the disk, and
//! nobody hears "done" before that. Several processes may use one file; they
//! write in turn.

mod day;
mod fault;
mod look;
mod numbers;
mod plan;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod totals;
mod work;
mod worker;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::ledger::{Admission, Change, Claim, Comparison, Due, Filter, Ledger, Recorded, Slots, Total};
use super::record::{Campaign, CampaignId, Entry, NewCampaign, NewPayout, Payout, PayoutId, Version};
use super::state::Gate;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::ids::{BillNo, MchId};
use worker::Worker;

/// A [`Ledger`] in a file, or in memory.
///
/// The file keeps a write-ahead log beside it (`-wal`, `-shm`) and belongs on a
/// local disk. What was confirmed survives a power failure. A copy is taken with
/// SQLite's own means (`.backup`, `VACUUM INTO`), never of the file alone.
///
/// The file may be shared by processes of one machine. When another one writes,
/// an operation waits up to five seconds for its turn.
pub struct Sqlite(Worker);

impl Sqlite {
    /// Opens the ledger in this file, and makes it if there is none. The last
    /// one to let go of the value waits for what was begun.
    ///
    /// # Errors
    /// [`ErrorKind::Ledger`](crate::ErrorKind::Ledger) if the file cannot be
    /// written, is no ledger, or was made by a newer version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Worker::open(path.as_ref()).map(Self)
    }

    /// A ledger that is gone with the value, for simulations: each operation is
    /// done before its future is first waited for, in the order of the calls.
    ///
    /// # Errors
    /// None that can happen while there is memory.
    pub fn in_memory() -> Result<Self> {
        Worker::in_memory().map(Self)
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").finish_non_exhaustive()
    }
}

#[async_trait]
impl Ledger for Sqlite {
    async fn campaign(&self, new: &NewCampaign, now: Timestamp) -> Result<Campaign> {
        let new = new.clone();
        self.0.write(move |connection| plan::campaign(connection, &new, now)).await
    }

    async fn campaigns(&self) -> Result<Vec<Campaign>> {
        self.0.read(plan::campaigns).await
    }

    async fn ready(&self, campaign: CampaignId, digest: &str, now: Timestamp) -> Result<()> {
        let digest = digest.to_owned();
        self.0.write(move |connection| plan::ready(connection, campaign, &digest, now)).await
    }

    async fn compare(&self, campaign: CampaignId, payouts: &[NewPayout]) -> Result<Comparison> {
        let payouts = payouts.to_vec();
        self.0.read(move |connection| plan::compare(connection, campaign, &payouts)).await
    }

    async fn add(&self, campaign: CampaignId, payouts: &[NewPayout], now: Timestamp) -> Result<Comparison> {
        let payouts = payouts.to_vec();
        let contradicted = Arc::new(Mutex::new(None));
        let told = Arc::clone(&contradicted);
        let added = self.0.write(move |connection| {
            let comparison = plan::insert(connection, campaign, &payouts, now)?;
            // It may be done again, alone.
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            *told = None;
            if comparison.conflicts.is_empty() {
                return Ok(comparison);
            }
            *told = Some(comparison);
            // An operation that fails is undone.
            Err(Error::invalid("payouts", "some contradict what is known").into())
        });
        let added = added.await;
        match (added, contradicted.lock().unwrap_or_else(PoisonError::into_inner).take()) {
            (Err(_), Some(comparison)) => Ok(comparison),
            (added, _) => added,
        }
    }

    async fn admit(&self, campaign: CampaignId, payout: &NewPayout, most: u32, now: Timestamp) -> Result<Admission> {
        let payout = payout.clone();
        self.0.write(move |connection| plan::admit(connection, campaign, &payout, most, now)).await
    }

    async fn due(&self, now: Timestamp) -> Result<Vec<Due>> {
        self.0.read(move |connection| work::due(connection, now)).await
    }

    async fn next_due(&self) -> Result<Vec<(Due, Timestamp)>> {
        self.0.read(work::next_due).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Payout>> {
        let claim = *claim;
        self.0.write(move |connection| work::claim(connection, &claim)).await
    }

    async fn give_back(&self, claimed: &[(PayoutId, Version)], now: Timestamp) -> Result<()> {
        let claimed = claimed.to_vec();
        self.0.write(move |connection| work::give_back(connection, &claimed, now)).await
    }

    async fn record(&self, changes: &[Change]) -> Result<Vec<Recorded>> {
        let changes = changes.to_vec();
        self.0.write(move |connection| work::record(connection, &changes)).await
    }

    async fn journalise(&self, entries: &[(PayoutId, Entry)]) -> Result<()> {
        let entries = entries.to_vec();
        self.0.write(move |connection| work::journalise(connection, &entries)).await
    }

    async fn reserve(&self, mch_id: &MchId, calls: u32, per_second: u32, now: Timestamp) -> Result<Slots> {
        let mch_id = mch_id.clone();
        self.0.write(move |connection| work::reserve(connection, &mch_id, calls, per_second, now)).await
    }

    async fn gate(&self, mch_id: &MchId) -> Result<(Gate, Version)> {
        let mch_id = mch_id.clone();
        self.0.read(move |connection| work::gate(connection, &mch_id)).await
    }

    async fn set_gate(&self, mch_id: &MchId, version: Version, gate: &Gate) -> Result<bool> {
        let (mch_id, gate) = (mch_id.clone(), gate.clone());
        self.0.write(move |connection| work::set_gate(connection, &mch_id, version, &gate)).await
    }

    async fn payout(&self, id: PayoutId) -> Result<Option<Payout>> {
        self.0.read(move |connection| look::payout(connection, id)).await
    }

    async fn find(&self, mch_id: &MchId, key: &str) -> Result<Option<Payout>> {
        let (mch_id, key) = (mch_id.clone(), key.to_owned());
        self.0.read(move |connection| look::find(connection, &mch_id, &key)).await
    }

    async fn find_number(&self, mch_id: &MchId, number: &BillNo) -> Result<Option<Payout>> {
        let (mch_id, number) = (mch_id.clone(), number.clone());
        self.0.read(move |connection| look::find_number(connection, &mch_id, &number)).await
    }

    async fn journal(&self, id: PayoutId) -> Result<Vec<Entry>> {
        self.0.read(move |connection| look::journal(connection, id)).await
    }

    async fn list(&self, filter: &Filter, limit: usize) -> Result<Vec<Payout>> {
        let filter = *filter;
        self.0.read(move |connection| look::list(connection, &filter, limit)).await
    }

    async fn totals(&self, campaign: CampaignId) -> Result<Vec<Total>> {
        self.0.read(move |connection| totals::totals(connection, campaign)).await
    }

    async fn accepted(&self, campaign: CampaignId, stretch: Duration) -> Result<Vec<(Timestamp, u64)>> {
        self.0.read(move |connection| look::accepted(connection, campaign, stretch)).await
    }
}
