//! Which payout has, or had, a bill number.

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};

use super::fault::Result;

/// So many ids from one merge of numbers to the next.
const MERGE: i64 = 1 << 16;

/// The numbers of one merchant.
pub(super) struct Numbers<'c> {
    merchant: i64,
    find: CachedStatement<'c>,
    take: CachedStatement<'c>,
}

impl<'c> Numbers<'c> {
    pub(super) fn of(connection: &'c Connection, merchant: i64) -> Result<Self> {
        Ok(Self {
            merchant,
            find: connection.prepare_cached(
                "SELECT payout FROM recent_number WHERE merchant = ?1 AND number = ?2 \
                 UNION ALL SELECT payout FROM number WHERE merchant = ?1 AND number = ?2",
            )?,
            take: connection.prepare_cached(
                "INSERT INTO recent_number (merchant, number, payout) SELECT ?1, ?2, ?3 WHERE NOT EXISTS \
                 (SELECT 1 FROM number WHERE merchant = ?1 AND number = ?2) ON CONFLICT DO NOTHING",
            )?,
        })
    }

    /// The payout of a number.
    pub(super) fn owner(&mut self, number: &str) -> Result<Option<i64>> {
        Ok(self.find.query_row(params![self.merchant, number], |row| row.get(0)).optional()?)
    }

    /// Gives a number to a payout; `false` if it has one already.
    pub(super) fn take(&mut self, number: &str, payout: i64) -> Result<bool> {
        Ok(self.take.execute(params![self.merchant, number, payout])? == 1)
    }
}

/// Whether the merchant has any.
pub(super) fn any(connection: &Connection, merchant: i64) -> Result<bool> {
    Ok(connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM recent_number WHERE merchant = ?1) \
             OR EXISTS (SELECT 1 FROM number WHERE merchant = ?1)",
        )?
        .query_row([merchant], |row| row.get(0))?)
}

/// Puts the recent numbers to the others, if ids have grown far enough.
pub(super) fn merge(connection: &Connection, first: i64, next: i64) -> Result<()> {
    if first / MERGE != next / MERGE {
        connection
            // FAIL, because SQLite would keep a copy of each page for the case of ABORT;
            // the operation is undone as a whole in any case.
            .prepare_cached("INSERT OR FAIL INTO number SELECT * FROM recent_number ORDER BY merchant, number")?
            .execute([])?;
        connection.prepare_cached("DELETE FROM recent_number")?.execute([])?;
    }
    Ok(())
}
