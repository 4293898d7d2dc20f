//! The ledger in PostgreSQL, for many processes on many machines.

mod address;
mod batch;
mod failure;
mod merchants;
mod plan;
mod pool;
mod read;
mod record;
mod rows;
mod schema;
mod tls;
mod work;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::Ledger;
use super::ledger::{Admission, Change, Claim, Comparison, Due, Filter, Recorded, Slots, Total};
use super::record::{Campaign, CampaignId, Entry, NewCampaign, NewPayout, Payout, PayoutId, Version};
use super::state::Gate;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::{BillNo, MchId};
use address::Address;
use failure::{Failure, collided};
use pool::Pool;

/// A ledger in PostgreSQL 13 or newer.
///
/// Any number of processes may use it at once: payouts are claimed with row
/// locks, and what two of them would change at once is decided by versions. It
/// opens up to four connections, when they are needed, and opens them again
/// when they are lost: after an error of kind
/// [`ErrorKind::Ledger`](crate::ErrorKind::Ledger) the same value goes on
/// working as soon as the server does.
///
/// It must meet the server itself, or a pooler that keeps a session for each
/// connection (PgBouncer: `pool_mode = session`).
pub struct Postgres {
    pool: Pool,
}

impl Postgres {
    /// Opens the ledger of a URL such as
    /// `postgres://user:password@host:5432/database?sslmode=verify-full`, and
    /// makes its tables where there are none yet.
    ///
    /// Parameters besides those of tokio-postgres:
    ///
    /// * `schema=NAME`: where the tables are; `hongbao` if it is not given. Each
    ///   schema is a ledger of its own.
    /// * `sslrootcert=FILE`: the CA that signed the server's certificate, as
    ///   PEM; without it, or with `system`, those that the machine trusts.
    /// * `sslmode`: `disable`, `prefer` (the default), `require` or
    ///   `verify-full`. TLS always verifies certificate and host name, so that
    ///   `require` means `verify-full`. `prefer` goes without TLS only to a
    ///   loopback address, and even there not if `sslrootcert` is given; a Unix
    ///   socket never has TLS. What the other side says decides nothing.
    ///
    /// The password appears in no error, no log and no `Debug`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a URL or a CA that
    /// cannot be used; [`ErrorKind::Ledger`](crate::ErrorKind::Ledger) for a
    /// server that cannot be reached, is older than PostgreSQL 13 or only reads,
    /// and for a ledger that a newer program has written.
    pub async fn connect(url: &str) -> Result<Self> {
        let ledger = Self { pool: Pool::new(Address::parse(url)?)? };
        ledger.run(|| ledger.open()).await?;
        Ok(ledger)
    }

    async fn open(&self) -> Result<(), Failure> {
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        schema::open(&self.pool, session).await
    }

    /// Does a transaction, and does it again if it met another one half way:
    /// then the server has undone it.
    async fn run<T, F>(&self, transaction: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut pause = Duration::from_millis(5);
        loop {
            match transaction().await {
                Ok(done) => return Ok(done),
                Err(Failure::Other(error)) => return Err(error),
                Err(Failure::Server(error)) if collided(&error) && pause < Duration::from_millis(300) => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(Failure::Server(error)) => {
                    self.pool.forget();
                    return Err(self.pool.told(&error));
                }
            }
        }
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("server", &self.pool.place)
            .field("schema", &self.pool.schema)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Ledger for Postgres {
    async fn campaign(&self, new: &NewCampaign, now: Timestamp) -> Result<Campaign> {
        self.run(|| self.make_campaign(new, now)).await
    }

    async fn campaigns(&self) -> Result<Vec<Campaign>> {
        self.run(|| self.all_campaigns()).await
    }

    async fn ready(&self, campaign: CampaignId, digest: &str, now: Timestamp) -> Result<()> {
        self.run(|| self.make_ready(campaign, digest, now)).await
    }

    async fn compare(&self, campaign: CampaignId, payouts: &[NewPayout]) -> Result<Comparison> {
        self.run(|| self.compare_payouts(campaign, payouts)).await
    }

    async fn add(&self, campaign: CampaignId, payouts: &[NewPayout], now: Timestamp) -> Result<Comparison> {
        self.run(|| self.add_payouts(campaign, payouts, None, now)).await.map(|(comparison, _)| comparison)
    }

    async fn admit(&self, campaign: CampaignId, payout: &NewPayout, most: u32, now: Timestamp) -> Result<Admission> {
        let payouts = std::slice::from_ref(payout);
        let (found, full) = self.run(|| self.add_payouts(campaign, payouts, Some(most), now)).await?;
        Ok(match found.conflicts.into_iter().next() {
            Some(conflict) => Admission::Conflict(conflict),
            None if found.known > 0 => Admission::Known,
            None if full => Admission::Full,
            None => Admission::New,
        })
    }

    async fn due(&self, now: Timestamp) -> Result<Vec<Due>> {
        self.run(|| self.what_is_due(now)).await
    }

    async fn next_due(&self) -> Result<Vec<(Due, Timestamp)>> {
        self.run(|| self.when_due()).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Payout>> {
        self.run(|| self.claim_payouts(claim)).await
    }

    async fn give_back(&self, claimed: &[(PayoutId, Version)], now: Timestamp) -> Result<()> {
        self.run(|| self.give_back_payouts(claimed, now)).await
    }

    async fn record(&self, changes: &[Change]) -> Result<Vec<Recorded>> {
        self.run(|| self.record_changes(changes)).await
    }

    async fn journalise(&self, entries: &[(PayoutId, Entry)]) -> Result<()> {
        self.run(|| self.write_journal(entries)).await
    }

    async fn reserve(&self, mch_id: &MchId, calls: u32, per_second: u32, now: Timestamp) -> Result<Slots> {
        self.run(|| self.reserve_slots(mch_id, calls, per_second, now)).await
    }

    async fn gate(&self, mch_id: &MchId) -> Result<(Gate, Version)> {
        self.run(|| self.read_gate(mch_id)).await
    }

    async fn set_gate(&self, mch_id: &MchId, version: Version, gate: &Gate) -> Result<bool> {
        self.run(|| self.write_gate(mch_id, version, gate)).await
    }

    async fn payout(&self, id: PayoutId) -> Result<Option<Payout>> {
        self.run(|| self.one_payout(id)).await
    }

    async fn find(&self, mch_id: &MchId, key: &str) -> Result<Option<Payout>> {
        self.run(|| self.payout_of_key(mch_id, key)).await
    }

    async fn find_number(&self, mch_id: &MchId, number: &BillNo) -> Result<Option<Payout>> {
        self.run(|| self.payout_of_number(mch_id, number)).await
    }

    async fn journal(&self, id: PayoutId) -> Result<Vec<Entry>> {
        self.run(|| self.journal_of(id)).await
    }

    async fn list(&self, filter: &Filter, limit: usize) -> Result<Vec<Payout>> {
        self.run(|| self.list_payouts(filter, limit)).await
    }

    async fn totals(&self, campaign: CampaignId) -> Result<Vec<Total>> {
        self.run(|| self.totals_of(campaign)).await
    }

    async fn accepted(&self, campaign: CampaignId, stretch: Duration) -> Result<Vec<(Timestamp, u64)>> {
        self.run(|| self.accepted_of(campaign, stretch)).await
    }
}
