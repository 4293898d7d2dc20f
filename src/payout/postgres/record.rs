//! Changes of payouts, the limits of the day, and the journal.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use tokio_postgres::Transaction;
use tokio_postgres::error::SqlState;

use super::Postgres;
use super::batch::{Changed, Journal};
use super::failure::Failure;
use super::rows::Columns;
use crate::clock::Day;
use crate::error::Error;
use crate::money::Fen;
use crate::payout::ledger::{Change, Recorded};
use crate::payout::{Entry, PayoutId, Version};

/// Locks in the order of the numbers, so that no two transactions wait for
/// each other.
const LOCK: &str = "SELECT id, version, to_char(counted, 'YYYY-MM-DD'), mch_id, openid, amount
FROM payout WHERE id = ANY ($1) ORDER BY id FOR UPDATE";

const NEW_USAGE: &str = "INSERT INTO usage (mch_id, day, openid)
SELECT mch_id, day::date, openid FROM unnest($1::text[], $2::text[], $3::text[]) AS u (mch_id, day, openid)
ORDER BY openid = '', mch_id, day, openid ON CONFLICT DO NOTHING";

/// Locks in the same order as above, the merchants' totals last: each of their
/// payouts needs those, and they are held for as short a time as can be.
const USAGE: &str = "SELECT k.place, u.count, u.fen
FROM usage u JOIN unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS k (mch_id, day, openid, place)
    ON u.mch_id = k.mch_id AND u.day = k.day::date AND u.openid = k.openid
ORDER BY u.openid = '', u.mch_id, u.day, u.openid FOR UPDATE OF u";

const USE: &str = "UPDATE usage u SET count = n.count, fen = n.fen
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS n (mch_id, day, openid, count, fen)
WHERE u.mch_id = n.mch_id AND u.day = n.day::date AND u.openid = n.openid";

/// Gives as many rows as there are numbers, unless one of them is another
/// payout's.
const NUMBERS: &str = "INSERT INTO number AS known (mch_id, number, payout)
SELECT p.mch_id, n.number, p.id FROM unnest($1::bigint[], $2::text[]) AS n (id, number) JOIN payout p ON p.id = n.id
ORDER BY p.mch_id, n.number
ON CONFLICT (mch_id, number) DO UPDATE SET payout = known.payout WHERE known.payout = excluded.payout";

/// What is known of a payout while its row is locked.
struct Locked {
    version: i64,
    /// The day, as the server reads and writes it.
    counted: Option<String>,
    mch_id: String,
    openid: String,
    amount: Fen,
}

/// Merchant, day and payee; the payee `""` is the merchant's total.
type Who = (String, String, String);

/// What was used of a limit, and whether this batch uses more.
#[derive(Default)]
struct Used {
    count: i64,
    fen: i64,
    changed: bool,
}

impl Postgres {
    pub(super) async fn record_changes(&self, changes: &[Change]) -> Result<Vec<Recorded>, Failure> {
        if changes.is_empty() {
            return Ok(vec![]);
        }
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        // Asked for before anything is locked.
        let lock = session.statement(LOCK).await?;
        let new_usage = session.statement(NEW_USAGE).await?;
        let usage = session.statement(USAGE).await?;
        let use_it = session.statement(USE).await?;
        let numbers = session.statement(NUMBERS).await?;
        let update = session.statement(Changed::SQL).await?;
        let journal = session.statement(Journal::SQL).await?;

        let transaction = session.client.transaction().await?;
        let ids: Vec<i64> = changes.iter().map(|change| change.id.0).collect();
        let mut locked = HashMap::new();
        for row in transaction.query(&lock, &[&ids]).await? {
            let mut columns = Columns::of(&row);
            let id: i64 = columns.next()?;
            let row = Locked {
                version: columns.next()?,
                counted: columns.next()?,
                mch_id: columns.next()?,
                openid: columns.next()?,
                amount: columns.fen()?,
            };
            locked.insert(id, row);
        }
        let mut used = wanted(changes, &locked);
        if !used.is_empty() {
            let (mch_ids, days, openids) = columns_of(used.keys());
            transaction.execute(&new_usage, &[&mch_ids, &days, &openids]).await?;
            let rows = transaction.query(&usage, &[&mch_ids, &days, &openids]).await?;
            let places: Vec<Who> = used.keys().cloned().collect();
            for row in rows {
                let mut columns = Columns::of(&row);
                let place: usize = columns.count()?;
                let (count, fen) = (columns.next()?, columns.next()?);
                if let Some(who) = places.get(place.wrapping_sub(1)) {
                    used.insert(who.clone(), Used { count, fen, changed: false });
                }
            }
        }

        let (mut changed, mut lines, mut recorded) = (Changed::default(), Journal::default(), vec![]);
        for change in changes {
            let verdict = decide(change, &mut locked, &mut used);
            if let (Recorded::Done(version), Some(row)) = (verdict, locked.get(&change.id.0)) {
                changed.push(change, version, row.counted.clone());
                lines.push(change.id, &change.entry);
            }
            recorded.push(verdict);
        }
        if lines.is_empty() {
            return Ok(recorded);
        }
        let (ids, new) = changed.numbers();
        if !ids.is_empty() {
            let taken = || Failure::Other(Error::invalid("number", "it belongs to another payout, or did before"));
            let inserted = match transaction.execute(&numbers, &[&ids, &new]).await {
                Ok(inserted) => inserted,
                // Two payouts of this batch want the same one.
                Err(error) if error.code() == Some(&SqlState::CARDINALITY_VIOLATION) => return Err(taken()),
                Err(error) => return Err(error.into()),
            };
            if usize::try_from(inserted).ok() != Some(ids.len()) {
                return Err(taken());
            }
        }
        transaction.execute(&update, &changed.parameters()).await?;
        transaction.execute(&journal, &lines.parameters()).await?;
        used.retain(|_, used| used.changed);
        write_usage(&transaction, &use_it, &used).await?;
        transaction.commit().await?;
        Ok(recorded)
    }

    pub(super) async fn write_journal(&self, entries: &[(PayoutId, Entry)]) -> Result<(), Failure> {
        let mut lines = Journal::default();
        for (id, entry) in entries {
            lines.push(*id, entry);
        }
        if lines.is_empty() {
            return Ok(());
        }
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        session.query(Journal::SQL, &lines.parameters()).await?;
        Ok(())
    }
}

/// The limits that these changes may touch. Ordered as a map is: the server
/// locks them in the order of its statement.
fn wanted(changes: &[Change], locked: &HashMap<i64, Locked>) -> BTreeMap<Who, Used> {
    let mut wanted = BTreeMap::new();
    for change in changes {
        let (Some(count), Some(row)) = (&change.count, locked.get(&change.id.0)) else { continue };
        let day = iso(count.day);
        if row.counted.as_ref() != Some(&day) && row.version <= change.version.0 {
            wanted.insert((row.mch_id.clone(), day.clone(), row.openid.clone()), Used::default());
            wanted.insert((row.mch_id.clone(), day, String::new()), Used::default());
        }
    }
    wanted
}

fn decide(change: &Change, locked: &mut HashMap<i64, Locked>, used: &mut BTreeMap<Who, Used>) -> Recorded {
    let Some(row) = locked.get_mut(&change.id.0).filter(|row| row.version == change.version.0) else {
        return Recorded::Stale;
    };
    let day = change.count.as_ref().map(|count| iso(count.day));
    if let (Some(count), Some(day)) = (&change.count, day.filter(|day| row.counted.as_ref() != Some(day))) {
        let payee = (row.mch_id.clone(), day.clone(), row.openid.clone());
        let merchant = (row.mch_id.clone(), day.clone(), String::new());
        let room = |who: &Who, most: Option<u32>, fen: Fen| {
            used.get(who).is_some_and(|used| {
                most.is_none_or(|most| used.count < i64::from(most))
                    && used.fen.saturating_add(row.amount.get()) <= fen.get()
            })
        };
        if !room(&payee, Some(count.user_count), count.user) {
            return Recorded::PayeeFull;
        }
        if !room(&merchant, None, count.merchant) {
            return Recorded::MerchantFull;
        }
        for who in [payee, merchant] {
            if let Some(used) = used.get_mut(&who) {
                used.count = used.count.saturating_add(1);
                used.fen = used.fen.saturating_add(row.amount.get());
                used.changed = true;
            }
        }
        row.counted = Some(day);
    }
    row.version += 1;
    Recorded::Done(Version(row.version))
}

async fn write_usage(
    transaction: &Transaction<'_>,
    statement: &tokio_postgres::Statement,
    used: &BTreeMap<Who, Used>,
) -> Result<(), Failure> {
    if used.is_empty() {
        return Ok(());
    }
    let (mch_ids, days, openids) = columns_of(used.keys());
    let counts: Vec<i64> = used.values().map(|used| used.count).collect();
    let fens: Vec<i64> = used.values().map(|used| used.fen).collect();
    transaction.execute(statement, &[&mch_ids, &days, &openids, &counts, &fens]).await?;
    Ok(())
}

fn columns_of<'a>(keys: impl Iterator<Item = &'a Who>) -> (Vec<&'a str>, Vec<&'a str>, Vec<&'a str>) {
    let (mut mch_ids, mut days, mut openids) = (vec![], vec![], vec![]);
    for (mch_id, day, openid) in keys {
        mch_ids.push(&**mch_id);
        days.push(&**day);
        openids.push(&**openid);
    }
    (mch_ids, days, openids)
}

/// As the server reads it whatever its settings are.
fn iso(day: Day) -> String {
    day.to_string()
}

/// Words for people, which the server must be able to keep: it has no NUL.
pub(super) fn kept(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}
