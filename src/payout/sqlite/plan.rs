//! Campaigns, and the payouts that they are planned with.

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};

use super::fault::{Fault, Result, strange};
use super::numbers::{self, Numbers};
use super::rows;
use super::totals::Shifts;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::{BillNo, MchId};
use crate::payout::ledger::{Admission, Comparison, Conflict};
use crate::payout::record::{Campaign, CampaignId, NewCampaign, NewPayout, Payout};
use crate::payout::state::Standing;

pub(super) fn campaign(connection: &Connection, new: &NewCampaign, now: Timestamp) -> Result<Campaign> {
    let merchant = merchant(connection, &new.mch_id)?;
    if let Some(known) = named(connection, merchant, &new.name)? {
        known.matches(new).map_err(Fault::Refused)?;
        return Ok(known);
    }
    let template = serde_json::to_string(&new.template).map_err(|problem| strange("template", problem))?;
    connection
        .prepare_cached("INSERT INTO campaign (merchant, name, app_id, template, created) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![merchant, new.name, new.app_id.as_str(), template, now.unix_millis()])?;
    Ok(Campaign::new(CampaignId(connection.last_insert_rowid()), new.clone(), now))
}

pub(super) fn campaigns(connection: &Connection) -> Result<Vec<Campaign>> {
    connection
        .prepare_cached(&format!("{} ORDER BY c.id", rows::CAMPAIGN))?
        .query_and_then([], rows::campaign)?
        .collect()
}

pub(super) fn ready(connection: &Connection, campaign: CampaignId, digest: &str, now: Timestamp) -> Result<()> {
    let changed = connection
        .prepare_cached("UPDATE campaign SET ready = coalesce(ready, ?), digest = ? WHERE id = ?")?
        .execute(params![now.unix_millis(), digest, campaign.0])?;
    if changed == 0 { Err(rows::no_campaign(campaign)) } else { Ok(()) }
}

fn named(connection: &Connection, merchant: i64, name: &str) -> Result<Option<Campaign>> {
    connection
        .prepare_cached(&format!("{} WHERE c.merchant = ? AND c.name = ?", rows::CAMPAIGN))?
        .query_and_then(params![merchant, name], rows::campaign)?
        .next()
        .transpose()
}

/// The file's number of a merchant, which is made if there is none yet.
pub(super) fn merchant(connection: &Connection, mch_id: &MchId) -> Result<i64> {
    if let Some(id) = known_merchant(connection, mch_id)? {
        return Ok(id);
    }
    connection.prepare_cached("INSERT INTO merchant (mch_id) VALUES (?)")?.execute([mch_id.as_str()])?;
    Ok(connection.last_insert_rowid())
}

pub(super) fn known_merchant(connection: &Connection, mch_id: &MchId) -> Result<Option<i64>> {
    Ok(connection
        .prepare_cached("SELECT id FROM merchant WHERE mch_id = ?")?
        .query_row([mch_id.as_str()], |row| row.get(0))
        .optional()?)
}

/// What is known under the keys of a campaign's merchant.
struct Keys<'c> {
    merchant: i64,
    mch_id: MchId,
    numbers: Numbers<'c>,
    payout: CachedStatement<'c>,
}

impl<'c> Keys<'c> {
    fn of(connection: &'c Connection, campaign: CampaignId) -> Result<Self> {
        let (merchant, mch_id) = connection
            .prepare_cached(
                "SELECT m.id, m.mch_id FROM campaign c JOIN merchant m ON m.id = c.merchant WHERE c.id = ?",
            )?
            .query_row([campaign.0], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
            .optional()?
            .ok_or_else(|| rows::no_campaign(campaign))?;
        Ok(Self {
            merchant,
            mch_id: MchId::new(mch_id).map_err(|problem| strange("merchant", problem))?,
            numbers: Numbers::of(connection, merchant)?,
            payout: connection.prepare_cached(&format!("{} WHERE p.id = ?", rows::PAYOUT))?,
        })
    }

    /// The payout of a key: the one that has the key's first number.
    fn known(&mut self, key: &str, number: &str) -> Result<Option<Payout>> {
        let Some(id) = self.numbers.owner(number)? else { return Ok(None) };
        let known = self.payout.query_and_then([id], rows::payout)?.next().transpose()?;
        let known = known.ok_or_else(|| strange("number", number))?;
        if known.key == key {
            return Ok(Some(known));
        }
        let problem = format!("{key:?} has the number {number}, which belongs to {:?}; choose another key", known.key);
        Err(Fault::Refused(Error::invalid("key", problem)))
    }
}

fn count(comparison: &mut Comparison, index: usize, known: &Payout, given: &NewPayout) {
    match Conflict::between(index, known, given) {
        None => comparison.known += 1,
        Some(conflict) => comparison.conflicts.push(conflict),
    }
}

pub(super) fn compare(connection: &Connection, campaign: CampaignId, payouts: &[NewPayout]) -> Result<Comparison> {
    let mut keys = Keys::of(connection, campaign)?;
    let mut comparison = Comparison::default();
    if !numbers::any(connection, keys.merchant)? {
        comparison.new = u64::try_from(payouts.len()).unwrap_or(u64::MAX);
        return Ok(comparison);
    }
    for (index, given) in payouts.iter().enumerate() {
        let number = given.number(&keys.mch_id)?;
        match keys.known(&given.key, number.as_str())? {
            None => comparison.new += 1,
            Some(known) => count(&mut comparison, index, &known, given),
        }
    }
    Ok(comparison)
}

/// Changes no row where the limit is reached.
const ADMIT: &str = "INSERT INTO admitted (campaign, openid, count) SELECT ?1, ?2, 1 WHERE ?3 > 0 \
     ON CONFLICT (campaign, openid) DO UPDATE SET count = count + 1 WHERE count < ?3";

const INSERT: &str = "INSERT INTO payout (id, campaign, key, openid, amount, texts, number, phase, action, due_at) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

pub(super) fn admit(
    connection: &Connection,
    campaign: CampaignId,
    payout: &NewPayout,
    most: u32,
    now: Timestamp,
) -> Result<Admission> {
    connection.prepare_cached("SAVEPOINT admission")?.execute([])?;
    let found = insert(connection, campaign, std::slice::from_ref(payout), now)?;
    let admission = match found.conflicts.into_iter().next() {
        Some(conflict) => Admission::Conflict(conflict),
        None if found.known > 0 => Admission::Known,
        None => {
            let admitted =
                connection.prepare_cached(ADMIT)?.execute(params![campaign.0, payout.openid.as_str(), most])?;
            if admitted == 0 { Admission::Full } else { Admission::New }
        }
    };
    if admission == Admission::Full {
        connection.prepare_cached("ROLLBACK TO admission")?.execute([])?;
    }
    connection.prepare_cached("RELEASE admission")?.execute([])?;
    Ok(admission)
}

/// Stores payouts that are not known. Where some contradict what is known, the
/// caller has the whole operation undone: a savepoint for a large batch would keep
/// a copy of each page that it changes.
pub(super) fn insert(
    connection: &Connection,
    campaign: CampaignId,
    payouts: &[NewPayout],
    now: Timestamp,
) -> Result<Comparison> {
    let mut keys = Keys::of(connection, campaign)?;
    let mut comparison = Comparison::default();
    let mut shifts = Shifts::default();
    let mut store = connection.prepare_cached(INSERT)?;
    let first: i64 =
        connection.prepare_cached("SELECT coalesce(max(id), 0) + 1 FROM payout")?.query_row([], |row| row.get(0))?;
    let standing = Standing::planned(now);
    let (action, due_at) = standing.next.map(|next| (next.action.as_str(), next.at.unix_millis())).unzip();
    let numbers: Vec<BillNo> =
        payouts.iter().map(|given| given.number(&keys.mch_id)).collect::<crate::error::Result<_>>()?;
    let taken = take_all(&mut keys.numbers, &numbers, first)?;
    for (((index, given), number), taken) in payouts.iter().enumerate().zip(&numbers).zip(taken) {
        let Some(id) = taken else {
            // Somebody has it, so there is a payout.
            if let Some(known) = keys.known(&given.key, number.as_str())? {
                count(&mut comparison, index, &known, given);
            }
            continue;
        };
        store.execute(params![
            id,
            campaign.0,
            given.key,
            given.openid.as_str(),
            given.amount.get(),
            rows::texts_column(&given.texts)?,
            number.as_str(),
            standing.phase.as_str(),
            action,
            due_at,
        ])?;
        shifts.enter(campaign, &standing, given.amount);
        comparison.new += 1;
    }
    shifts.write(connection)?;
    numbers::merge(connection, first, id_of(first, payouts.len()))?;
    Ok(comparison)
}

/// Takes the numbers that are free, in their own order, which is quicker than
/// jumping about in the index; the ids of their payouts are in the given order.
fn take_all(free: &mut Numbers<'_>, numbers: &[BillNo], first: i64) -> Result<Vec<Option<i64>>> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    // Stable: of a number that is there twice the first one takes it.
    order.sort_by_key(|index| &numbers[*index]);
    let mut taken = vec![None; numbers.len()];
    for index in order {
        let id = id_of(first, index);
        if free.take(numbers[index].as_str(), id)? {
            taken[index] = Some(id);
        }
    }
    Ok(taken)
}

fn id_of(first: i64, index: usize) -> i64 {
    first.saturating_add(i64::try_from(index).unwrap_or(i64::MAX))
}
