//! What people and reports ask.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::fault::{Result, strange};
use super::numbers::Numbers;
use super::plan::known_merchant;
use super::rows;
use crate::clock::Timestamp;
use crate::ids::{BillNo, MchId};
use crate::payout::ledger::Filter;
use crate::payout::number::bill_no;
use crate::payout::record::{CampaignId, Entry, Payout, PayoutId};

pub(super) fn payout(connection: &Connection, id: PayoutId) -> Result<Option<Payout>> {
    connection
        .prepare_cached(&format!("{} WHERE p.id = ?", rows::PAYOUT))?
        .query_and_then([id.0], rows::payout)?
        .next()
        .transpose()
}

/// By the first number of the key, which tells it from all others.
pub(super) fn find(connection: &Connection, mch_id: &MchId, key: &str) -> Result<Option<Payout>> {
    let number = bill_no(mch_id, key, 0)?;
    Ok(find_number(connection, mch_id, &number)?.filter(|payout| payout.key == key))
}

pub(super) fn find_number(connection: &Connection, mch_id: &MchId, number: &BillNo) -> Result<Option<Payout>> {
    let Some(merchant) = known_merchant(connection, mch_id)? else { return Ok(None) };
    match Numbers::of(connection, merchant)?.owner(number.as_str())? {
        None => Ok(None),
        Some(id) => payout(connection, PayoutId(id)),
    }
}

pub(super) fn journal(connection: &Connection, id: PayoutId) -> Result<Vec<Entry>> {
    connection
        .prepare_cached(
            "SELECT at, by, kind, generation, attempt, phase, text, raw FROM journal WHERE payout = ? ORDER BY id",
        )?
        .query_and_then([id.0], rows::entry)?
        .collect()
}

pub(super) fn list(connection: &Connection, filter: &Filter, limit: usize) -> Result<Vec<Payout>> {
    // The phase stands in the text, where SQLite can see that an index serves it.
    let phase = filter.phase.map_or_else(String::new, |phase| format!(" AND p.phase = '{}'", phase.as_str()));
    let alarmed = if filter.alarmed { " AND p.alarmed = 1" } else { "" };
    let sql = format!("{} WHERE p.campaign = ? AND p.id > ?{phase}{alarmed} ORDER BY p.id LIMIT ?", rows::PAYOUT);
    let after = filter.after.map_or(i64::MIN, |id| id.0);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection.prepare_cached(&sql)?.query_and_then(params![filter.campaign.0, after, limit], rows::payout)?.collect()
}

pub(super) fn accepted(
    connection: &Connection,
    campaign: CampaignId,
    stretch: Duration,
) -> Result<Vec<(Timestamp, u64)>> {
    let stretch = i64::try_from(stretch.as_millis()).unwrap_or(i64::MAX).max(1);
    connection
        .prepare_cached(
            "SELECT accepted - accepted % ?1 AS start, count(*) FROM payout \
             WHERE campaign = ?2 AND accepted IS NOT NULL GROUP BY start ORDER BY start",
        )?
        .query_and_then([stretch, campaign.0], |row| {
            let count: i64 = row.get(1)?;
            let count = u64::try_from(count).map_err(|_| strange("count", count))?;
            Ok((Timestamp::from_unix_millis(row.get(0)?), count))
        })?
        .collect()
}
