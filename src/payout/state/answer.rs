//! What came of a call, as far as a payout is concerned.

use crate::clock::Timestamp;
use crate::code::Code;
use crate::error::{Error, ErrorKind, Outcome};
use crate::money::Fen;
use crate::query::{RedPacketFound, RedPacketStatus};
use crate::redpack::Sent;

/// What came of an attempt to send.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendAnswer {
    /// Taken.
    Accepted,
    /// No byte left this machine.
    NotSent {
        /// In a few words.
        text: String,
        /// Whether the cause lies in the merchant's configuration and will not go
        /// away by itself.
        lasting: bool,
    },
    /// No byte left this machine: the packet itself breaks a rule, and no other
    /// packet of the merchant need do so.
    Invalid {
        /// Which rule.
        text: String,
    },
    /// Refused with a documented code: this attempt did nothing.
    Refused {
        /// The code.
        code: String,
        /// WeChat's text.
        text: String,
    },
    /// It may have happened.
    Unknown {
        /// The code, if one came.
        code: Option<String>,
        /// In a few words.
        text: String,
    },
}

impl SendAnswer {
    /// Reads what the client gave.
    pub(crate) fn of(result: &Result<Sent, Error>) -> Self {
        let error = match result {
            Ok(_) => return Self::Accepted,
            Err(error) => error,
        };
        let text = words(error);
        match error.outcome() {
            Outcome::NotSent if error.kind() == ErrorKind::Invalid => Self::Invalid { text },
            Outcome::NotSent => Self::NotSent { text, lasting: error.kind() != ErrorKind::Connect },
            Outcome::Refused => Self::Refused { code: error.code().map(text_of).unwrap_or_default(), text },
            Outcome::Unknown => Self::Unknown { code: error.code().map(text_of), text },
        }
    }
}

/// What came of a query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QueryAnswer {
    /// The packet as WeChat keeps it.
    Found {
        /// Where it stands.
        status: RedPacketStatus,
        /// The sum, if it was told.
        amount: Option<Fen>,
        /// What its users got, if that was told.
        received: Option<Fen>,
        /// What came back, if that was told.
        returned: Option<Fen>,
        /// When it was sent, if that was told.
        sent: Option<Timestamp>,
        /// WeChat's reason, for people.
        reason: Option<String>,
    },
    /// Nothing is known: not found, no answer, an answer that says nothing.
    Unknown {
        /// The code, if one came.
        code: Option<String>,
        /// In a few words.
        text: String,
    },
}

impl QueryAnswer {
    /// Reads what the client gave.
    pub(crate) fn of(result: &Result<RedPacketFound, Error>) -> Self {
        match result {
            Ok(found) => Self::Found {
                status: found.status.clone(),
                amount: found.total_amount,
                received: Fen::checked_sum(found.hblist.iter().filter_map(|receiver| receiver.amount))
                    .filter(|sum| *sum > Fen::ZERO),
                returned: found.refund_amount,
                sent: found.send_time,
                reason: found.reason.clone(),
            },
            Err(error) => Self::Unknown { code: error.code().map(text_of), text: words(error) },
        }
    }
}

fn text_of(code: &Code) -> String {
    code.as_str().to_owned()
}

fn words(error: &Error) -> String {
    error.description().map_or_else(|| error.to_string(), str::to_owned)
}
