//! What the server's errors mean, and what to do about them.

use std::error::Error as StdError;

use tokio_postgres::Error as ServerError;
use tokio_postgres::error::SqlState;

use crate::error::Error;
use crate::payout::ledger;

/// Why a transaction did not happen.
pub(super) enum Failure {
    /// The server, or the way to it.
    Server(ServerError),
    /// Anything else.
    Other(Error),
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        Self::Server(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<crate::ids::InvalidId> for Failure {
    fn from(error: crate::ids::InvalidId) -> Self {
        unreadable(error)
    }
}

/// A row that this program cannot read.
pub(super) fn unreadable(problem: impl std::fmt::Display) -> Failure {
    let next = "run the version of the program that wrote the ledger, and compare the row with its documentation";
    Failure::Other(ledger::unusable(format!("a row cannot be read: {problem}"), next))
}

/// Whether transactions met each other, so that the same one may do now.
pub(super) fn collided(error: &ServerError) -> bool {
    matches!(error.code(), Some(code) if *code == SqlState::T_R_DEADLOCK_DETECTED || *code == SqlState::T_R_SERIALIZATION_FAILURE)
}

/// The whole chain of causes: the outermost one only says where it happened.
fn words(error: &ServerError) -> String {
    if let Some(server) = error.as_db_error() {
        return format!("{} ({})", server.message(), server.code().code());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

/// What a person is told. The place names no password, and neither does what
/// the server says.
pub(super) fn told(error: &ServerError, place: &str) -> Error {
    ledger::unusable(format!("PostgreSQL at {place}: {}", words(error)), next_step(error))
}

fn next_step(error: &ServerError) -> &'static str {
    const AGAIN: &str = "check that the server runs and can be reached; the next call connects again by itself";
    let Some(code) = error.code() else {
        return if error.to_string().contains("TLS") {
            "compare the host name and sslrootcert with the server's certificate; \
             sslmode=disable does without TLS where nobody can listen"
        } else {
            AGAIN
        };
    };
    match code.code() {
        "57P01" | "57P02" | "57P03" | "57P05" => {
            "the server is stopping or starting; the next call connects again by itself"
        }
        "53300" => "raise max_connections of the server or run fewer processes; each takes up to four connections",
        "53100" => "make room on the server's disk; the same call later is safe",
        "25006" => "this server only reads: name the primary, or several hosts with target_session_attrs=read-write",
        "55P03" => "another session holds a lock for too long: look into pg_locks and pg_stat_activity",
        "40001" | "40P01" => "too many transactions met each other; the same call later is safe",
        "28000" | "28P01" => "check user, password and the server's pg_hba.conf",
        "3D000" => "make the database first: createdb NAME",
        "42501" => "let the role of the URL create the schema and own what is in it",
        _ => match code.code().get(..2) {
            Some("08") => AGAIN,
            Some("53") => "the server has run out of memory or space; the same call later is safe",
            _ => "read the server's log; the same call later is safe",
        },
    }
}
