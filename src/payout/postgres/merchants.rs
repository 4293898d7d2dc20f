//! What the processes of a merchant share: its rate and its gate.

use super::Postgres;
use super::failure::Failure;
use super::rows::{self, Columns};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::MchId;
use crate::payout::Version;
use crate::payout::ledger::Slots;
use crate::payout::state::Gate;

/// [`Slots::take`] with what the row has, without reading it first: all
/// processes of the merchant wait for this row. What lies further ahead than $4
/// was left behind by a clock that was set back.
const RESERVE: &str = "INSERT INTO merchant AS m (mch_id, next_slot) VALUES ($1, $2::bigint + $3::bigint)
ON CONFLICT (mch_id) DO UPDATE SET next_slot =
    CASE WHEN m.next_slot > $4::bigint THEN $2 ELSE greatest(m.next_slot, $2) END + $3
RETURNING next_slot - $3";

const GATE: &str = "SELECT gate, gate_version FROM merchant WHERE mch_id = $1";

const SET_GATE: &str = "INSERT INTO merchant AS m (mch_id, gate, gate_version)
SELECT $1, $2, 1 WHERE $3::bigint = 0 OR EXISTS (SELECT FROM merchant WHERE mch_id = $1)
ON CONFLICT (mch_id) DO UPDATE SET gate = $2, gate_version = m.gate_version + 1 WHERE m.gate_version = $3
RETURNING gate_version";

impl Postgres {
    pub(super) async fn reserve_slots(
        &self,
        mch_id: &MchId,
        calls: u32,
        per_second: u32,
        now: Timestamp,
    ) -> Result<Slots, Failure> {
        let (idle, next) = Slots::take(i64::MIN, calls, per_second, now);
        let taken = next.saturating_sub(idle.first);
        let furthest = idle.first.saturating_add(Slots::FURTHEST);
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let found = session.query(RESERVE, &[&mch_id.as_str(), &idle.first, &taken, &furthest]).await?;
        let first = found.first().map_or(Ok(idle.first), |row| Columns::of(row).next())?;
        Ok(Slots { first, ..idle })
    }

    pub(super) async fn read_gate(&self, mch_id: &MchId) -> Result<(Gate, Version), Failure> {
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let found = session.query(GATE, &[&mch_id.as_str()]).await?;
        let Some(row) = found.first() else { return Ok(Default::default()) };
        let mut columns = Columns::of(row);
        let gate = columns.next::<Option<&str>>()?.map_or(Ok(Gate::default()), rows::from_json)?;
        Ok((gate, Version(columns.next()?)))
    }

    pub(super) async fn write_gate(&self, mch_id: &MchId, version: Version, gate: &Gate) -> Result<bool, Failure> {
        let gate = serde_json::to_string(gate).map_err(|error| Error::invalid("gate", error))?;
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let found = session.query(SET_GATE, &[&mch_id.as_str(), &gate, &version.0]).await?;
        Ok(!found.is_empty())
    }
}
