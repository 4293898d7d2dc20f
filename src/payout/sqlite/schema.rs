//! The file: how it is opened, what makes it a ledger, and its versions.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row, Transaction, TransactionBehavior};

use super::fault::{self, Fault, Result};
use crate::error::Result as Answer;
use crate::payout::ledger::unusable;

/// Says that a file is a ledger: "HBLG".
const APPLICATION: i64 = 0x4842_4C47;

/// Each brings a ledger from the version of its place to the next one. What was
/// released stays as it is; a change is a new one at the end.
const MIGRATIONS: &[&str] = &[include_str!("v1.sql")];

/// How long one connection waits for the lock of another.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

/// Statements that stay prepared; more than there are.
const STATEMENTS: usize = 128;

/// Opens a file, or makes it, and brings it to the present version.
pub(super) fn open(path: &Path) -> Answer<Connection> {
    open_here(path).map_err(|fault| match fault {
        // SQLite's words seldom say which file it was.
        Fault::Store(failure) => fault::store_at(path, &failure),
        Fault::Refused(error) => error,
    })
}

fn open_here(path: &Path) -> Result<Connection> {
    make(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    // Nothing is changed in a file that is not ours.
    let version = recognise(&connection)?;
    if connection.is_readonly("main")? {
        return Err(Fault::Refused(unusable(
            format_args!("{} is read-only", path.display()),
            "let this user write to the file and to its directory",
        )));
    }
    let mode: String = patiently(|| connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)))?;
    if mode != "wal" {
        return Err(Fault::Refused(unusable(
            format_args!("{} cannot keep a write-ahead log, its journal mode is {mode}", path.display()),
            "put the ledger on a local disk",
        )));
    }
    // A commit is on the disk when it returns, whatever happens to the power.
    connection.pragma_update(None, "synchronous", "FULL")?;
    settle(&mut connection, version)?;
    Ok(connection)
}

/// Makes the file if there is none, for its owner alone: it says who got how
/// much. SQLite gives the files beside it the same permissions.
#[cfg(unix)]
fn make(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt as _;
    // SQLite does not take this name for a file's.
    if path != Path::new(":memory:") {
        // Where this fails, SQLite says better why.
        let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    }
}

#[cfg(not(unix))]
fn make(_: &Path) {}

/// The same in memory.
pub(super) fn in_memory() -> Result<Connection> {
    let mut connection = Connection::open_in_memory()?;
    settle(&mut connection, 0)?;
    Ok(connection)
}

fn settle(connection: &mut Connection, version: usize) -> Result<()> {
    connection.pragma_update(None, "foreign_keys", true)?;
    // In KiB.
    connection.pragma_update(None, "cache_size", -32_768)?;
    // In pages: few checkpoints while a million payouts are planned.
    connection.pragma_update(None, "wal_autocheckpoint", 16_000)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // What a savepoint or a statement may have to undo stays out of the file system.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    if version < MIGRATIONS.len() {
        migrate(connection)?;
    }
    Ok(())
}

fn migrate(connection: &mut Connection) -> Result<()> {
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    // Another process may have done it while this one waited for the lock.
    let version = recognise(&transaction)?;
    for migration in MIGRATIONS.iter().skip(version) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX))?;
    Ok(transaction.commit()?)
}

/// The version of a ledger, 0 of an empty file; an error for anything else.
fn recognise(connection: &Connection) -> Result<usize> {
    // In one statement, since another process may make the ledger meanwhile.
    const MARKS: &str = "SELECT (SELECT application_id FROM pragma_application_id), \
         (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)";
    let marks = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
    let (application, version, tables) = patiently(|| connection.query_row(MARKS, [], marks))?;
    if application == APPLICATION {
        return match usize::try_from(version) {
            Ok(version) if version <= MIGRATIONS.len() => Ok(version),
            _ => Err(Fault::Refused(unusable(
                format_args!("it has version {version}, and this program knows versions up to {}", MIGRATIONS.len()),
                "use the newer hongbao that made it so; nothing was changed",
            ))),
        };
    }
    if application != 0 || version != 0 || tables != 0 {
        return Err(Fault::Refused(unusable(
            "the file is a database, but not a ledger of payouts",
            "name another file; nothing was changed",
        )));
    }
    Ok(0)
}

/// Tries again while another connection is in the way: where SQLite changes the
/// journal mode it does not wait by itself.
fn patiently<T>(mut attempt: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let mut left = PATIENCE;
    loop {
        match attempt() {
            Err(failure) if fault::is_busy(&failure) && !left.is_zero() => {
                left = left.saturating_sub(PAUSE);
                std::thread::sleep(PAUSE);
            }
            result => return result,
        }
    }
}
