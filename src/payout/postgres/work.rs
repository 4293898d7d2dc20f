//! What is due, and who does it.

use super::Postgres;
use super::failure::Failure;
use super::rows::{self, Columns, PAYOUT_COLUMNS, payout_columns};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::MchId;
use crate::payout::ledger::{Claim, Due};
use crate::payout::state::Next;
use crate::payout::{CampaignId, Payout, PayoutId, Version};

/// The first entry of the index for each campaign and action. A mere `EXISTS`
/// lets the server read all payouts instead, if most of them are due.
const DUE: &str = "SELECT c.mch_id, c.id, a.action
FROM campaign c CROSS JOIN (VALUES ('send'), ('query')) AS a (action)
CROSS JOIN LATERAL (
    SELECT FROM payout p WHERE p.campaign = c.id AND p.action = a.action AND p.due_at <= $1
    ORDER BY p.due_at LIMIT 1
) AS first
WHERE c.ready IS NOT NULL
ORDER BY c.id, a.action DESC";

const NEXT_DUE: &str = "SELECT c.mch_id, c.id, a.action, first.due_at
FROM campaign c CROSS JOIN (VALUES ('send'), ('query')) AS a (action)
CROSS JOIN LATERAL (
    SELECT p.due_at FROM payout p WHERE p.campaign = c.id AND p.action = a.action ORDER BY p.due_at LIMIT 1
) AS first
WHERE c.ready IS NOT NULL";

/// Rows that another worker is claiming at this moment are passed over.
const CLAIM: &str = concat!(
    "WITH first AS MATERIALIZED (
    SELECT id, due_at FROM payout
    WHERE campaign = $1 AND action = $2 AND due_at <= $3
        AND EXISTS (SELECT FROM campaign WHERE id = $1 AND ready IS NOT NULL)
    ORDER BY due_at, id LIMIT $4 FOR UPDATE OF payout SKIP LOCKED
)
UPDATE payout p SET due_at = $5, version = p.version + 1 FROM first WHERE p.id = first.id RETURNING ",
    payout_columns!(),
    ", first.due_at"
);

/// Locked in the order of the numbers, as everywhere.
const GIVE_BACK: &str = "WITH mine AS MATERIALIZED (
    SELECT p.id FROM payout p JOIN unnest($1::bigint[], $2::bigint[]) AS claimed (id, version)
        ON p.id = claimed.id AND p.version = claimed.version
    WHERE p.action IS NOT NULL ORDER BY p.id FOR UPDATE OF p
)
UPDATE payout p SET due_at = $3, version = p.version + 1 FROM mine WHERE p.id = mine.id";

/// Merchant, campaign, action.
fn due(columns: &mut Columns<'_>) -> Result<Due, Failure> {
    Ok(Due {
        mch_id: MchId::new(columns.next::<String>()?)?,
        campaign: CampaignId(columns.next()?),
        action: columns.action()?,
    })
}

impl Postgres {
    pub(super) async fn what_is_due(&self, now: Timestamp) -> Result<Vec<Due>, Failure> {
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let found = session.query(DUE, &[&now.unix_millis()]).await?;
        found.iter().map(|row| due(&mut Columns::of(row))).collect()
    }

    pub(super) async fn when_due(&self) -> Result<Vec<(Due, Timestamp)>, Failure> {
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let found = session.query(NEXT_DUE, &[]).await?;
        let first = |row| {
            let mut columns = Columns::of(row);
            Ok((due(&mut columns)?, columns.time()?))
        };
        found.iter().map(first).collect()
    }

    pub(super) async fn claim_payouts(&self, claim: &Claim) -> Result<Vec<Payout>, Failure> {
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let limit = i64::try_from(claim.limit).unwrap_or(i64::MAX);
        let (now, until) = (claim.now.unix_millis(), claim.until.unix_millis());
        let found = session.query(CLAIM, &[&claim.campaign.0, &claim.action.as_str(), &now, &limit, &until]).await?;
        let mut claimed = vec![];
        for row in &found {
            let mut payout = rows::payout(row)?;
            payout.standing.next = Some(Next { action: claim.action, at: claim.now });
            claimed.push((row.try_get::<_, i64>(PAYOUT_COLUMNS)?, payout));
        }
        claimed.sort_by_key(|(due_at, payout)| (*due_at, payout.id));
        Ok(claimed.into_iter().map(|(_, payout)| payout).collect())
    }

    pub(super) async fn give_back_payouts(
        &self,
        claimed: &[(PayoutId, Version)],
        now: Timestamp,
    ) -> Result<(), Failure> {
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let ids: Vec<i64> = claimed.iter().map(|(id, _)| id.0).collect();
        let versions: Vec<i64> = claimed.iter().map(|(_, version)| version.0).collect();
        session.query(GIVE_BACK, &[&ids, &versions, &now.unix_millis()]).await?;
        Ok(())
    }
}
