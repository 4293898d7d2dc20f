//! What a merchant and its payees used of a day's limits.

use std::collections::BTreeMap;

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};

use super::fault::Result;
use crate::clock::Day;
use crate::money::Fen;
use crate::payout::ledger::{Count, Recorded};

/// Takes places in the limits of days. The merchants' sums, which each payout
/// needs, are read once and written once, by [`write`](Self::write).
pub(super) struct Days<'c> {
    find: CachedStatement<'c>,
    add: CachedStatement<'c>,
    merchants: BTreeMap<(i64, Day), Paid>,
}

struct Paid {
    before: Fen,
    now: Fen,
    count: i64,
}

impl<'c> Days<'c> {
    pub(super) fn new(connection: &'c Connection) -> Result<Self> {
        Ok(Self {
            find: connection
                .prepare_cached("SELECT count, fen FROM usage WHERE merchant = ? AND day = ? AND openid = ?")?,
            add: connection.prepare_cached(
                "INSERT INTO usage (merchant, day, openid, count, fen) VALUES (?, ?, ?, ?, ?) \
                 ON CONFLICT DO UPDATE SET count = count + excluded.count, fen = fen + excluded.fen",
            )?,
            merchants: BTreeMap::new(),
        })
    }

    /// Takes a place, or says which limit is full.
    pub(super) fn take(
        &mut self,
        merchant: i64,
        openid: &str,
        amount: Fen,
        limits: &Count,
    ) -> Result<Option<Recorded>> {
        let day = limits.day.compact();
        let (count, fen) = used(&mut self.find, merchant, &day, openid)?;
        let beyond = |used: Fen, most: Fen| used.checked_add(amount).is_none_or(|sum| sum > most);
        if count >= i64::from(limits.user_count) || beyond(fen, limits.user) {
            return Ok(Some(Recorded::PayeeFull));
        }
        let place = (merchant, limits.day);
        if !self.merchants.contains_key(&place) {
            let before = used(&mut self.find, merchant, &day, "")?.1;
            self.merchants.insert(place, Paid { before, now: before, count: 0 });
        }
        if let Some(paid) = self.merchants.get_mut(&place) {
            match paid.now.checked_add(amount).filter(|sum| *sum <= limits.merchant) {
                Some(sum) => (paid.now, paid.count) = (sum, paid.count + 1),
                None => return Ok(Some(Recorded::MerchantFull)),
            }
        }
        self.add.execute(params![merchant, day, openid, 1, amount.get()])?;
        Ok(None)
    }

    pub(super) fn write(mut self) -> Result<()> {
        for ((merchant, day), paid) in self.merchants {
            let fen = paid.now.get() - paid.before.get();
            self.add.execute(params![merchant, day.compact(), "", paid.count, fen])?;
        }
        Ok(())
    }
}

fn used(find: &mut CachedStatement<'_>, merchant: i64, day: &str, openid: &str) -> Result<(i64, Fen)> {
    let found = find.query_row(params![merchant, day, openid], |row| Ok((row.get(0)?, Fen::new(row.get(1)?))));
    Ok(found.optional()?.unwrap_or_default())
}
