//! What a payout is, and what comes next: pure, without I/O and without a
//! clock of its own.
//!
//! [`step`] takes where a payout stands, what happened, the rules and the
//! moment, and gives where it stands then. Everything that moves money goes
//! through it, and a model check explores it (`tests/it/payouts/model.rs`):
//!
//! ```text
//!            begin              accepted              opened
//!  planned ────────► sending ────────────► accepted ────────► received
//!     ▲                │  ▲ │                  │    after 24 h
//!     │ permit         │  └─┘ repeat,          └────────────► returned
//!     │ (new number)   │      query
//!     └──── refused ◄──┤  proven: nothing was and will be paid
//!                      └──► held, for a person
//! ```

mod answer;
mod gate;
mod machine;
mod permit;
#[cfg(test)]
mod tests;
mod verdict;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use answer::{QueryAnswer, SendAnswer};
pub use gate::{Gate, GateEvent};
pub use machine::{NotPossible, Step, step};
pub use permit::Permit;
pub use verdict::{Verdict, verdict};

use crate::clock::Timestamp;
use crate::money::Fen;

/// Where a payout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// It has its number, and nothing is open under it: it was not sent yet, or
    /// each attempt was refused for a cause that passes.
    Planned,
    /// An attempt was begun; what became of it is not known yet.
    Sending,
    /// WeChat Pay took it; its user has 24 hours to open it.
    Accepted,
    /// Opened (已领取). Final.
    Received,
    /// Nobody opened it in time and the money is back (已退款). Final.
    Returned,
    /// Refused: its [`Proof`] says whether the number is dead. It stays so
    /// unless a person permits another number.
    Refused,
    /// A person must decide; nothing is sent until then.
    Held,
}

impl Phase {
    /// All of them, in the order of a payout's life.
    pub const ALL: [Self; 7] =
        [Self::Planned, Self::Sending, Self::Accepted, Self::Received, Self::Returned, Self::Refused, Self::Held];

    /// The name in ledgers, files and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::Received => "received",
            Self::Returned => "returned",
            Self::Refused => "refused",
            Self::Held => "held",
        }
    }

    /// The phase of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == name)
    }

    /// Whether nothing more is expected to happen by itself.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Received | Self::Returned | Self::Refused)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a worker does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Send, or send again, under the same number.
    Send,
    /// Ask what became of the number.
    Query,
}

impl Action {
    /// The name in ledgers and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Query => "query",
        }
    }

    /// The action of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Send, Self::Query].into_iter().find(|action| action.as_str() == name)
    }
}

/// The next action, and the moment before which it must not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Next {
    /// What.
    pub action: Action,
    /// Not before.
    pub at: Timestamp,
}

impl Next {
    /// Send, at this moment or later.
    #[must_use]
    pub const fn send(at: Timestamp) -> Self {
        Self { action: Action::Send, at }
    }

    /// Query, at this moment or later.
    #[must_use]
    pub const fn query(at: Timestamp) -> Self {
        Self { action: Action::Query, at }
    }
}

/// What is known of the number of a refused payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// `SEND_FAILED`, or the state `FAILED`: nothing was paid under the number
    /// and nothing ever will be. It alone licenses another number.
    Dead,
    /// Each attempt was refused and none is open: nothing was paid, but the
    /// number would still pay if it were sent again.
    Refusals,
}

/// Why a payout is refused or held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// The number failed for good.
    Failed,
    /// The gateway refused the payee or the amount.
    Payee,
    /// Risk control stopped it, or the calling address is not allowed: one code
    /// says both, and only its text tells them apart.
    Risk,
    /// The number stands for an order with other fields.
    NumberTaken,
    /// A query found another amount than was sent.
    AmountDiffers,
    /// The time to repeat is over and nothing is known.
    WindowOver,
    /// The packet can no longer be queried and was never seen to be decided.
    HorizonOver,
    /// Something that should not be possible was seen.
    Contradiction,
    /// A person held it.
    Person,
}

impl Cause {
    const ALL: [Self; 9] = [
        Self::Failed,
        Self::Payee,
        Self::Risk,
        Self::NumberTaken,
        Self::AmountDiffers,
        Self::WindowOver,
        Self::HorizonOver,
        Self::Contradiction,
        Self::Person,
    ];

    /// The name in ledgers, reports and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Payee => "payee",
            Self::Risk => "risk",
            Self::NumberTaken => "number_taken",
            Self::AmountDiffers => "amount_differs",
            Self::WindowOver => "window_over",
            Self::HorizonOver => "horizon_over",
            Self::Contradiction => "contradiction",
            Self::Person => "person",
        }
    }

    /// The cause of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == name)
    }

    /// What a person does about it.
    #[must_use]
    pub const fn next_step(self) -> &'static str {
        match self {
            Self::Failed => "nothing was paid under this number; permit a second number if the payee is to be paid",
            Self::Payee => "read the text; correct what it names in the merchant platform and release the payout",
            Self::Risk => {
                "read the text: add the calling address to the allow-list, or decide about this payee; then release"
            }
            Self::NumberTaken => "find the order that has this number in the merchant platform before anything else",
            Self::AmountDiffers => "compare with the packet in the merchant platform; it was sent with other money",
            Self::WindowOver => "look the number up in the merchant platform; it is asked about until it is decided",
            Self::HorizonOver => "look the number up in the merchant platform; it can no longer be asked about",
            Self::Contradiction => "do not release; compare journal and merchant platform, and report it",
            Self::Person => "release it when the reason is gone",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Everything that the machine knows of a payout. Numbers count what happened
/// under the present bill number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Standing {
    /// Where it stands.
    pub phase: Phase,
    /// What comes next, if anything does by itself.
    pub next: Option<Next>,
    /// Which number it has: 0 is the first, and each permit adds one.
    pub generation: u32,
    /// Attempts that were begun.
    pub attempts: u32,
    /// Attempts of which nobody knows whether they did anything.
    pub open: u32,
    /// Queries since the phase began.
    pub queries: u32,
    /// When the first attempt was begun, or a person released later what was
    /// refused each time.
    pub first_attempt: Option<Timestamp>,
    /// When the last attempt was begun.
    pub last_attempt: Option<Timestamp>,
    /// When it was accepted, as far as is known.
    pub accepted: Option<Timestamp>,
    /// Whether the gateway said that it keeps the bill undelivered (`SENDING`).
    pub stuck: bool,
    /// Whether the alarm of the query horizon was raised.
    pub alarmed: bool,
    /// Why it is refused or held.
    pub cause: Option<Cause>,
    /// What is proven of the number, where it is refused.
    pub proof: Option<Proof>,
    /// WeChat's or a person's words about it.
    pub note: Option<String>,
    /// What the user got.
    pub received: Fen,
    /// What came back.
    pub returned: Fen,
}

impl Standing {
    /// A payout that was just planned and may be sent from `at` on.
    #[must_use]
    pub fn planned(at: Timestamp) -> Self {
        Self {
            phase: Phase::Planned,
            next: Some(Next::send(at)),
            generation: 0,
            attempts: 0,
            open: 0,
            queries: 0,
            first_attempt: None,
            last_attempt: None,
            accepted: None,
            stuck: false,
            alarmed: false,
            cause: None,
            proof: None,
            note: None,
            received: Fen::ZERO,
            returned: Fen::ZERO,
        }
    }
}

/// What happens to a payout.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A worker is about to send. It becomes durable before the first byte.
    Begin,
    /// The answer to the attempt that was begun last.
    Sent(SendAnswer),
    /// An answer that comes after the payout went on without it: only what is
    /// a fact about the number still counts.
    Late {
        /// The number that was sent.
        generation: u32,
        /// What came of it.
        answer: SendAnswer,
    },
    /// The answer to a query.
    Asked(QueryAnswer),
    /// The day's limits leave no room; not before this moment.
    Deferred(Timestamp),
    /// A person holds it, for this reason.
    Hold(String),
    /// A person lets it go on, for this reason.
    Release(String),
    /// A person permits another number.
    Permit(Permit),
}
