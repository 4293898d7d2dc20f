//! Payouts, journals and sums for people and reports.

use std::time::Duration;

use super::Postgres;
use super::failure::Failure;
use super::rows::{self, Columns, payout_columns};
use crate::clock::Timestamp;
use crate::ids::{BillNo, MchId};
use crate::payout::ledger::{Filter, Total};
use crate::payout::{CampaignId, Entry, Payout, PayoutId};

const LIST: &str = concat!(
    "SELECT ",
    payout_columns!(),
    " FROM payout p WHERE p.campaign = $1 AND p.id > $2 AND ($3::text IS NULL OR p.phase = $3)
    AND (p.alarmed OR NOT $4) ORDER BY p.id LIMIT $5"
);

const TOTALS: &str = "SELECT phase, cause, count(*), sum(amount)::bigint, sum(received)::bigint, sum(returned)::bigint,
    sum(attempts)::bigint, count(*) FILTER (WHERE alarmed)
FROM payout WHERE campaign = $1 GROUP BY phase, cause";

/// Rounded towards the past, before 1970 too.
const ACCEPTED: &str = "SELECT floor(accepted / $2::bigint::numeric)::bigint * $2::bigint AS since, count(*)
FROM payout WHERE campaign = $1 AND accepted IS NOT NULL GROUP BY since ORDER BY since";

impl Postgres {
    pub(super) async fn one_payout(&self, id: PayoutId) -> Result<Option<Payout>, Failure> {
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let sql = concat!("SELECT ", payout_columns!(), " FROM payout p WHERE p.id = $1");
        session.query(sql, &[&id.0]).await?.first().map(rows::payout).transpose()
    }

    pub(super) async fn payout_of_key(&self, mch_id: &MchId, key: &str) -> Result<Option<Payout>, Failure> {
        // No key has a NUL, and the server would not even compare it.
        if key.contains('\0') {
            return Ok(None);
        }
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let sql = concat!("SELECT ", payout_columns!(), " FROM payout p WHERE p.mch_id = $1 AND p.key = $2");
        session.query(sql, &[&mch_id.as_str(), &key]).await?.first().map(rows::payout).transpose()
    }

    pub(super) async fn payout_of_number(&self, mch_id: &MchId, number: &BillNo) -> Result<Option<Payout>, Failure> {
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let sql = concat!(
            "SELECT ",
            payout_columns!(),
            " FROM number n JOIN payout p ON p.id = n.payout WHERE n.mch_id = $1 AND n.number = $2"
        );
        session.query(sql, &[&mch_id.as_str(), &number.as_str()]).await?.first().map(rows::payout).transpose()
    }

    pub(super) async fn journal_of(&self, id: PayoutId) -> Result<Vec<Entry>, Failure> {
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let sql =
            "SELECT at, by, kind, generation, attempt, phase, text, raw FROM journal WHERE payout = $1 ORDER BY id";
        session.query(sql, &[&id.0]).await?.iter().map(rows::entry).collect()
    }

    pub(super) async fn list_payouts(&self, filter: &Filter, limit: usize) -> Result<Vec<Payout>, Failure> {
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let after = filter.after.map_or(i64::MIN, |id| id.0);
        let phase = filter.phase.map(|phase| phase.as_str());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = session.query(LIST, &[&filter.campaign.0, &after, &phase, &filter.alarmed, &limit]).await?;
        rows::payouts(&found)
    }

    pub(super) async fn totals_of(&self, campaign: CampaignId) -> Result<Vec<Total>, Failure> {
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let mut totals = vec![];
        for row in session.query(TOTALS, &[&campaign.0]).await? {
            let mut columns = Columns::of(&row);
            totals.push(Total {
                phase: columns.phase()?,
                cause: columns.cause()?,
                count: columns.count()?,
                amount: columns.fen()?,
                received: columns.fen()?,
                returned: columns.fen()?,
                attempts: columns.count()?,
                alarmed: columns.count()?,
            });
        }
        totals.sort_by_key(|total| (total.phase, total.cause));
        Ok(totals)
    }

    pub(super) async fn accepted_of(
        &self,
        campaign: CampaignId,
        stretch: Duration,
    ) -> Result<Vec<(Timestamp, u64)>, Failure> {
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let stretch = i64::try_from(stretch.as_millis()).unwrap_or(i64::MAX).max(1);
        let mut counts = vec![];
        for row in session.query(ACCEPTED, &[&campaign.0, &stretch]).await? {
            let mut columns = Columns::of(&row);
            counts.push((columns.time()?, columns.count()?));
        }
        Ok(counts)
    }
}
