//! What workers do with payouts, and what holds for a merchant as a whole.

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Row, params};

use super::day::Days;
use super::fault::{Fault, Result, strange};
use super::numbers::Numbers;
use super::plan::{known_merchant, merchant};
use super::rows;
use super::totals::Shifts;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::{BillNo, MchId};
use crate::money::Fen;
use crate::payout::ledger::{Change, Claim, Due, Recorded, Slots};
use crate::payout::record::{CampaignId, Entry, Payout, PayoutId, Version};
use crate::payout::state::{Action, Cause, Gate, Next, Phase, Standing};

// Each of these walks along the index of what is due, from its beginning.

pub(super) const DUE: &str = "SELECT m.mch_id, c.id, a.action FROM campaign c JOIN merchant m ON m.id = c.merchant, \
     (SELECT 'send' AS action UNION ALL SELECT 'query') a WHERE c.ready IS NOT NULL AND EXISTS \
     (SELECT 1 FROM payout p WHERE p.campaign = c.id AND p.action = a.action AND p.due_at <= ?) ORDER BY c.id";

pub(super) const NEXT_DUE: &str = "SELECT * FROM (SELECT m.mch_id, c.id, a.action, (SELECT min(p.due_at) FROM payout p \
     WHERE p.campaign = c.id AND p.action = a.action AND p.due_at IS NOT NULL) AS first FROM campaign c \
     JOIN merchant m ON m.id = c.merchant, (SELECT 'send' AS action UNION ALL SELECT 'query') a \
     WHERE c.ready IS NOT NULL) WHERE first IS NOT NULL";

/// Behind [`rows::PAYOUT`].
pub(super) const CLAIMED: &str = "WHERE p.campaign = ? AND p.action = ? AND p.due_at <= ? \
     AND c.ready IS NOT NULL ORDER BY p.due_at, p.id LIMIT ?";

pub(super) fn due(connection: &Connection, now: Timestamp) -> Result<Vec<Due>> {
    let mut statement = connection.prepare_cached(DUE)?;
    statement.query_and_then([now.unix_millis()], due_row)?.collect()
}

/// Merchant, campaign, action.
fn due_row(row: &Row<'_>) -> Result<Due> {
    let mch_id: String = row.get(0)?;
    let action: String = row.get(2)?;
    Ok(Due {
        mch_id: MchId::new(mch_id).map_err(|problem| strange("merchant", problem))?,
        campaign: CampaignId(row.get(1)?),
        action: rows::named("action", &action, Action::from_name)?,
    })
}

pub(super) fn next_due(connection: &Connection) -> Result<Vec<(Due, Timestamp)>> {
    let mut statement = connection.prepare_cached(NEXT_DUE)?;
    statement.query_and_then([], |row| Ok((due_row(row)?, Timestamp::from_unix_millis(row.get(3)?))))?.collect()
}

pub(super) fn claim(connection: &Connection, claim: &Claim) -> Result<Vec<Payout>> {
    let mut find = connection.prepare_cached(&format!("{} {CLAIMED}", rows::PAYOUT))?;
    let limit = i64::try_from(claim.limit).unwrap_or(i64::MAX);
    let found = find.query_and_then(
        params![claim.campaign.0, claim.action.as_str(), claim.now.unix_millis(), limit],
        rows::payout,
    )?;
    let mut payouts: Vec<Payout> = found.collect::<Result<_>>()?;
    let mut take = connection.prepare_cached("UPDATE payout SET version = version + 1, due_at = ? WHERE id = ?")?;
    for payout in &mut payouts {
        take.execute(params![claim.until.unix_millis(), payout.id.0])?;
        payout.version.0 += 1;
        payout.standing.next = Some(Next { action: claim.action, at: claim.now });
    }
    Ok(payouts)
}

pub(super) fn give_back(connection: &Connection, claimed: &[(PayoutId, Version)], now: Timestamp) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE payout SET version = version + 1, due_at = ? WHERE id = ? AND version = ? AND due_at IS NOT NULL",
    )?;
    for (id, version) in claimed {
        statement.execute(params![now.unix_millis(), id.0, version.0])?;
    }
    Ok(())
}

pub(super) fn record(connection: &Connection, changes: &[Change]) -> Result<Vec<Recorded>> {
    let mut recorder = Recorder::new(connection)?;
    let recorded = changes.iter().map(|change| recorder.record(change)).collect::<Result<_>>()?;
    recorder.days.write()?;
    recorder.shifts.write(connection)?;
    Ok(recorded)
}

struct Recorder<'c> {
    connection: &'c Connection,
    find: CachedStatement<'c>,
    set: CachedStatement<'c>,
    journal: CachedStatement<'c>,
    days: Days<'c>,
    shifts: Shifts,
}

impl<'c> Recorder<'c> {
    fn new(connection: &'c Connection) -> Result<Self> {
        Ok(Self {
            connection,
            find: connection.prepare_cached(KNOWN)?,
            set: connection.prepare_cached(rows::SET_STANDING)?,
            journal: connection.prepare_cached(JOURNAL)?,
            days: Days::new(connection)?,
            shifts: Shifts::default(),
        })
    }

    fn record(&mut self, change: &Change) -> Result<Recorded> {
        let found = self.find.query_and_then([change.id.0, change.version.0], known)?.next().transpose()?;
        let Some(known) = found else { return Ok(Recorded::Stale) };
        let mut counted = known.counted;
        if let Some(count) = change.count {
            let day = count.day.compact();
            if counted.as_ref() != Some(&day) {
                if let Some(full) = self.days.take(known.merchant, &known.openid, known.amount, &count)? {
                    return Ok(full);
                }
                counted = Some(day);
            }
        }
        if let Some(number) = &change.number {
            take_number(self.connection, known.merchant, change.id, number.as_str())?;
        }
        let number = change.number.as_ref().map_or(&*known.number, BillNo::as_str);
        self.set.raw_bind_parameter(1, change.id.0)?;
        self.set.raw_bind_parameter(2, change.version.0)?;
        self.set.raw_bind_parameter(3, counted)?;
        self.set.raw_bind_parameter(4, number)?;
        rows::bind_standing(&mut self.set, &change.standing)?;
        self.set.raw_execute()?;
        write_entry(&mut self.journal, change.id, &change.entry)?;
        self.shifts.leave(known.campaign, &known.standing, known.amount);
        self.shifts.enter(known.campaign, &change.standing, known.amount);
        Ok(Recorded::Done(Version(change.version.0 + 1)))
    }
}

/// What decides about a change of a payout: a part of it, because each change
/// reads it.
struct Known {
    merchant: i64,
    campaign: CampaignId,
    openid: String,
    amount: Fen,
    number: String,
    counted: Option<String>,
    /// As far as the totals count it.
    standing: Standing,
}

const KNOWN: &str = "SELECT c.merchant, p.campaign, p.openid, p.amount, p.number, p.counted, p.phase, p.cause, \
     p.attempts, p.alarmed, p.received, p.returned FROM payout p JOIN campaign c ON c.id = p.campaign \
     WHERE p.id = ? AND p.version = ?";

fn known(row: &Row<'_>) -> Result<Known> {
    Ok(Known {
        merchant: row.get(0)?,
        campaign: CampaignId(row.get(1)?),
        openid: row.get(2)?,
        amount: Fen::new(row.get(3)?),
        number: row.get(4)?,
        counted: row.get(5)?,
        standing: Standing {
            phase: rows::named("phase", &row.get::<_, String>(6)?, Phase::from_name)?,
            cause: rows::optional(row, 7, "cause", Cause::from_name)?,
            attempts: row.get(8)?,
            alarmed: row.get(9)?,
            received: Fen::new(row.get(10)?),
            returned: Fen::new(row.get(11)?),
            ..Standing::planned(Timestamp::default())
        },
    })
}

fn take_number(connection: &Connection, merchant: i64, id: PayoutId, number: &str) -> Result<()> {
    let mut numbers = Numbers::of(connection, merchant)?;
    if numbers.take(number, id.0)? {
        return Ok(());
    }
    let owner = numbers.owner(number)?.unwrap_or_default();
    if owner == id.0 {
        return Ok(());
    }
    Err(Fault::Refused(Error::invalid("number", format_args!("{number} belongs to the payout {owner}"))))
}

const JOURNAL: &str = "INSERT INTO journal (payout, at, by, kind, generation, attempt, phase, text, raw) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

fn write_entry(statement: &mut CachedStatement<'_>, id: PayoutId, entry: &Entry) -> Result<()> {
    statement.execute(params![
        id.0,
        entry.at.unix_millis(),
        entry.by,
        entry.kind.as_str(),
        entry.generation,
        entry.attempt,
        entry.phase.as_str(),
        entry.text,
        entry.raw,
    ])?;
    Ok(())
}

pub(super) fn journalise(connection: &Connection, entries: &[(PayoutId, Entry)]) -> Result<()> {
    let mut statement = connection.prepare_cached(JOURNAL)?;
    entries.iter().try_for_each(|(id, entry)| write_entry(&mut statement, *id, entry))
}

pub(super) fn reserve(
    connection: &Connection,
    mch_id: &MchId,
    calls: u32,
    per_second: u32,
    now: Timestamp,
) -> Result<Slots> {
    let merchant = merchant(connection, mch_id)?;
    let free = connection
        .prepare_cached("SELECT next_slot FROM merchant WHERE id = ?")?
        .query_row([merchant], |row| row.get(0))?;
    let (slots, free) = Slots::take(free, calls, per_second, now);
    connection.prepare_cached("UPDATE merchant SET next_slot = ? WHERE id = ?")?.execute(params![free, merchant])?;
    Ok(slots)
}

pub(super) fn gate(connection: &Connection, mch_id: &MchId) -> Result<(Gate, Version)> {
    let known = connection
        .prepare_cached("SELECT gate, gate_version FROM merchant WHERE mch_id = ?")?
        .query_row([mch_id.as_str()], |row| Ok((row.get::<_, Option<String>>(0)?, row.get(1)?)))
        .optional()?;
    match known {
        None => Ok((Gate::default(), Version::default())),
        Some((None, version)) => Ok((Gate::default(), Version(version))),
        Some((Some(gate), version)) => Ok((rows::json("gate", &gate)?, Version(version))),
    }
}

pub(super) fn set_gate(connection: &Connection, mch_id: &MchId, version: Version, gate: &Gate) -> Result<bool> {
    let gate = serde_json::to_string(gate).map_err(|problem| strange("gate", problem))?;
    if known_merchant(connection, mch_id)?.is_none() {
        merchant(connection, mch_id)?;
    }
    let changed = connection
        .prepare_cached(
            "UPDATE merchant SET gate = ?, gate_version = gate_version + 1 WHERE mch_id = ? AND gate_version = ?",
        )?
        .execute(params![gate, mch_id.as_str(), version.0])?;
    Ok(changed == 1)
}
