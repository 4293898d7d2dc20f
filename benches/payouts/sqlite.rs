//! The writes of a ledger of payouts, made with rusqlite alone: the same
//! statements on the same tables in the same transactions, without reading
//! anything but what is claimed, and without deciding anything.

use std::path::Path;

use hongbao::clock::{Clock as _, SystemClock};
use rusqlite::{Connection, params};

use crate::reply;

const CLAIM: &str = "SELECT id, number, openid, amount FROM payout \
     WHERE campaign = 1 AND action = 'send' AND due_at <= ? ORDER BY due_at, id LIMIT ?";
const TAKE: &str = "UPDATE payout SET version = version + 1, due_at = ? WHERE id = ?";
const SET: &str = "UPDATE payout SET version = version + 1, counted = ?3, number = ?4, \
     phase = ?5, action = ?6, due_at = ?7, generation = ?8, attempts = ?9, open = ?10, queries = ?11, \
     first_attempt = ?12, last_attempt = ?13, accepted = ?14, stuck = ?15, alarmed = ?16, cause = ?17, \
     proof = ?18, note = ?19, received = ?20, returned = ?21 WHERE id = ?1 AND version = ?2";
const JOURNAL: &str = "INSERT INTO journal (payout, at, by, kind, generation, attempt, phase, text, raw) \
     VALUES (?, ?, 'bench', ?, 0, 1, ?, ?, ?)";
const USE: &str = "INSERT INTO usage (merchant, day, openid, count, fen) VALUES (1, ?, ?, ?, ?) \
     ON CONFLICT DO UPDATE SET count = count + excluded.count, fen = fen + excluded.fen";
const TOTAL: &str = "INSERT INTO total (campaign, phase, cause, count, amount, received, returned, attempts, alarmed) \
     VALUES (1, ?, '', ?, ?, 0, 0, ?, 0) ON CONFLICT DO UPDATE SET count = count + excluded.count, \
     amount = amount + excluded.amount, attempts = attempts + excluded.attempts";

struct Row {
    id: i64,
    number: String,
    openid: String,
    amount: i64,
}

/// Claims, begins and accepts everything in this file, so many at a time; how
/// many there were.
pub(crate) fn write(path: &Path, width: usize) -> usize {
    let connection = Connection::open(path).unwrap();
    // As the ledger sets them.
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    for (name, value) in [("cache_size", -32_768), ("wal_autocheckpoint", 4000), ("foreign_keys", 1), ("temp_store", 2)]
    {
        connection.pragma_update(None, name, value).unwrap();
    }
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    let mut written = 0;
    loop {
        let claimed = claim(&connection, width);
        if claimed.is_empty() {
            return written;
        }
        begin(&connection, &claimed);
        accept(&connection, &claimed);
        written += claimed.len();
    }
}

fn transaction<T>(connection: &Connection, work: impl FnOnce() -> T) -> T {
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let done = work();
    connection.execute_batch("COMMIT").unwrap();
    done
}

fn claim(connection: &Connection, width: usize) -> Vec<Row> {
    let now = SystemClock.now().unix_millis();
    transaction(connection, || {
        let mut claim = connection.prepare_cached(CLAIM).unwrap();
        let row = |row: &rusqlite::Row<'_>| {
            Ok(Row { id: row.get(0)?, number: row.get(1)?, openid: row.get(2)?, amount: row.get(3)? })
        };
        let rows: Vec<Row> = claim.query_map(params![now, width as i64], row).unwrap().map(Result::unwrap).collect();
        let mut take = connection.prepare_cached(TAKE).unwrap();
        for row in &rows {
            take.execute(params![now + 120_000, row.id]).unwrap();
        }
        rows
    })
}

fn begin(connection: &Connection, rows: &[Row]) {
    let now = SystemClock.now();
    let (at, day) = (now.unix_millis(), now.beijing_day().compact());
    let none: Option<i64> = None;
    transaction(connection, || {
        let mut set = connection.prepare_cached(SET).unwrap();
        let mut journal = connection.prepare_cached(JOURNAL).unwrap();
        let mut usage = connection.prepare_cached(USE).unwrap();
        for row in rows {
            let fields = params![
                row.id,
                1,
                day,
                row.number,
                "sending",
                "send",
                at + 120_000,
                0,
                1,
                1,
                0,
                at,
                at,
                none,
                false,
                false,
                none,
                none,
                none,
                0,
                0,
            ];
            assert_eq!(set.execute(fields).unwrap(), 1);
            let text = format!("sends {}", row.number);
            journal.execute(params![row.id, at, "begin", "sending", text, none]).unwrap();
            usage.execute(params![day, row.openid, 1, row.amount]).unwrap();
        }
        let fen: i64 = rows.iter().map(|row| row.amount).sum();
        usage.execute(params![day, "", rows.len() as i64, fen]).unwrap();
        shift(connection, rows, "planned", "sending", (0, 1));
    });
}

fn accept(connection: &Connection, rows: &[Row]) {
    let now = SystemClock.now();
    let (at, day) = (now.unix_millis(), now.beijing_day().compact());
    let none: Option<i64> = None;
    transaction(connection, || {
        let mut set = connection.prepare_cached(SET).unwrap();
        let mut journal = connection.prepare_cached(JOURNAL).unwrap();
        for row in rows {
            let fields = params![
                row.id,
                2,
                day,
                row.number,
                "accepted",
                "query",
                at + 600_000,
                0,
                1,
                0,
                0,
                at,
                at,
                at,
                false,
                false,
                none,
                none,
                none,
                0,
                0,
            ];
            assert_eq!(set.execute(fields).unwrap(), 1);
            let raw = reply(&row.number, "1900000101", &row.openid, &row.amount.to_string());
            journal.execute(params![row.id, at, "answer", "accepted", "accepted", raw]).unwrap();
        }
        shift(connection, rows, "sending", "accepted", (1, 1));
    });
}

/// The totals from one phase to another, with the attempts of a payout in each.
fn shift(connection: &Connection, rows: &[Row], from: &str, to: &str, attempts: (i64, i64)) {
    let mut total = connection.prepare_cached(TOTAL).unwrap();
    let (count, fen) = (rows.len() as i64, rows.iter().map(|row| row.amount).sum::<i64>());
    total.execute(params![from, -count, -fen, -count * attempts.0]).unwrap();
    total.execute(params![to, count, fen, count * attempts.1]).unwrap();
}
