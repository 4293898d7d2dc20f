//! What SQLite's errors mean, and what to do about them.

use std::path::Path;

use rusqlite::{Error as Failure, ErrorCode};

use crate::error::Error;
use crate::payout::ledger::unusable;

/// What an operation gives.
pub(super) type Result<T> = std::result::Result<T, Fault>;

/// Why an operation failed.
pub(super) enum Fault {
    /// SQLite could not do it.
    Store(Failure),
    /// It must not be done.
    Refused(Error),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Store(failure)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(failure) => store(&failure),
            Fault::Refused(error) => error,
        }
    }
}

/// A value in the file that this program did not write.
pub(super) fn strange(what: &'static str, found: impl std::fmt::Display) -> Fault {
    Fault::Refused(unusable(
        format_args!("the file has an unknown {what}: {found}"),
        "find out which program wrote it; a newer hongbao may read it",
    ))
}

/// SQLite's error as the ledger's: all of them may end by themselves or by what
/// somebody does, and the same call is right then.
pub(super) fn store(failure: &Failure) -> Error {
    unusable(failure, next_step(failure))
}

/// The same of a file that is being opened.
pub(super) fn store_at(path: &Path, failure: &Failure) -> Error {
    let (text, name) = (failure.to_string(), path.display().to_string());
    let problem = if text.contains(&name) { text } else { format!("{name}: {text}") };
    unusable(problem, next_step(failure))
}

fn next_step(failure: &Failure) -> &'static str {
    match failure.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program is writing to the ledger; if this lasts, find the one that keeps a transaction open"
        }
        Some(ErrorCode::DiskFull) => "make room on the disk of the ledger; work goes on then",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "let this user write to the file and to its directory"
        }
        Some(ErrorCode::CannotOpen) => "check that the directory exists and that this user may write to it",
        Some(ErrorCode::SystemIoFailure) => {
            "check the disk of the ledger and that there is room on it; what was confirmed before is stored"
        }
        Some(ErrorCode::NotADatabase) => "name another file: this one is no ledger, and it was not touched",
        Some(ErrorCode::DatabaseCorrupt) => {
            "stop all programs on this ledger and recover it, or restore a copy and query what it does not know"
        }
        Some(ErrorCode::OutOfMemory) => "give the program more memory",
        _ => "repeat it; if it fails again, report it",
    }
}

/// Whether another connection holds the lock.
pub(super) fn is_busy(failure: &Failure) -> bool {
    matches!(failure.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}
