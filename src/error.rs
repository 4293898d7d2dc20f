//! One error type, and the question that matters: what became of the money?

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::code::Code;

/// The result of everything fallible in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What an error says about the call that met it. The three arms are a promise:
/// there will never be a fourth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// No byte of the request left this machine.
    NotSent,
    /// The gateway refused this call with a documented code: this call moved
    /// nothing. It says nothing of an earlier call with the same number.
    Refused,
    /// It may have happened. Query, or repeat with the same number and the same
    /// fields; never with a new number.
    Unknown,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotSent => "not sent",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        })
    }
}

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The merchant's configuration cannot be used.
    Config,
    /// The request breaks a rule that can be known before sending.
    Invalid,
    /// The endpoint does not serve this call.
    NotServed,
    /// No connection could be made.
    Connect,
    /// The request was sent, and no whole answer came back.
    Lost,
    /// An answer that is not the gateway's XML: another status, a page of a proxy.
    Gateway,
    /// An answer that cannot be read.
    Unreadable,
    /// An answer whose signature does not hold.
    Unverified,
    /// An answer that belongs to another request.
    Mismatch,
    /// The gateway answered with an error code.
    Refusal,
    /// A payment by code stayed open and was reversed: nothing is held.
    Reversed,
    /// The embedded sandbox could not do what it was asked to.
    Sandbox,
    /// The ledger of payouts cannot be used just now; nothing was sent that it
    /// does not know of.
    Ledger,
}

/// Whether the client certificate was shown during an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateUse {
    /// The call needs none, and none was offered.
    NotNeeded,
    /// The server asked for it and got it.
    Presented,
    /// The server did not ask, or no handshake came that far. If the gateway
    /// then misses it, look for a proxy that ends TLS on the way.
    NotAsked,
}

impl fmt::Display for CertificateUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotNeeded => "no client certificate needed",
            Self::Presented => "client certificate presented",
            Self::NotAsked => "client certificate not asked for",
        })
    }
}

/// One try of a call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// Host and port that were addressed.
    pub host: String,
    /// Whether the client certificate was shown.
    pub certificate: CertificateUse,
    /// How long it took.
    pub elapsed: Duration,
    /// What came of this attempt alone.
    pub outcome: Outcome,
    /// How it ended, in a few words.
    pub ended: String,
}

/// Anything that can go wrong.
///
/// `Display` prints this level alone and [`source`](StdError::source) leads to
/// the cause; [`Error::report`] prints all of it with attempts and the next
/// step. The wording is for people and may change; programs use
/// [`outcome`](Self::outcome), [`kind`](Self::kind) and [`code`](Self::code).
/// No error holds a key.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    outcome: Outcome,
    message: String,
    field: Option<Cow<'static, str>>,
    code: Option<Code>,
    description: Option<String>,
    next_step: Cow<'static, str>,
    status: Option<u16>,
    attempts: Vec<Attempt>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// What became of the call.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The gateway's error code, if it gave one.
    #[must_use]
    pub fn code(&self) -> Option<&Code> {
        self.0.code.as_ref()
    }

    /// The gateway's own text, for people; programs must not branch on it.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// The field of the request or configuration that is wrong, if one is.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// The HTTP status of an answer that was not the gateway's XML.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// What to do now.
    #[must_use]
    pub fn next_step(&self) -> &str {
        &self.0.next_step
    }

    /// Every try that was made, in order.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.0.attempts
    }

    /// The whole story on several lines: this error, its causes, the attempts
    /// and the next step.
    #[must_use]
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(&format!("\n  because: {error}"));
            cause = error.source();
        }
        for (index, attempt) in self.0.attempts.iter().enumerate() {
            let millis = attempt.elapsed.as_millis();
            text.push_str(&format!(
                "\n  attempt {} to {} ({}): {} after {millis} ms",
                index + 1,
                attempt.host,
                attempt.certificate,
                attempt.ended
            ));
        }
        if !self.0.next_step.is_empty() {
            text.push_str(&format!("\n  next step: {}", self.0.next_step));
        }
        text
    }

    pub(crate) fn new(kind: ErrorKind, outcome: Outcome, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            outcome,
            message: message.into(),
            field: None,
            code: None,
            description: None,
            next_step: Cow::Borrowed(""),
            status: None,
            attempts: Vec::new(),
            source: None,
        }))
    }

    /// A configuration that cannot be used.
    pub(crate) fn config(field: &'static str, problem: impl fmt::Display, next: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, Outcome::NotSent, format!("configuration: {field}: {problem}"))
            .with_field(field)
            .with_next_step(next)
    }

    /// A request that breaks a rule. Requests of your own
    /// ([`crate::wire::Request::check`]) report theirs with it too.
    #[must_use]
    pub fn invalid(field: impl Into<Cow<'static, str>>, problem: impl fmt::Display) -> Self {
        let field = field.into();
        Self::new(ErrorKind::Invalid, Outcome::NotSent, format!("{field}: {problem}"))
            .with_field(field)
            .with_next_step("correct the field; nothing was sent")
    }

    /// A store of payouts that cannot be used just now.
    #[cfg(feature = "payout")]
    pub(crate) fn ledger(problem: impl fmt::Display, next: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Ledger, Outcome::NotSent, format!("ledger: {problem}")).with_next_step(next)
    }

    /// An answer that cannot be read: where in it, and what is wrong there.
    pub(crate) fn unreadable(place: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Unreadable, Outcome::Unknown, format!("{place}: {problem}"))
    }

    pub(crate) fn with_field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    pub(crate) fn with_code(mut self, code: Code) -> Self {
        self.0.code = Some(code);
        self
    }

    pub(crate) fn with_description(mut self, text: impl Into<String>) -> Self {
        self.0.description = Some(text.into());
        self
    }

    pub(crate) fn with_next_step(mut self, next: impl Into<Cow<'static, str>>) -> Self {
        self.0.next_step = next.into();
        self
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    pub(crate) fn with_attempts(mut self, attempts: Vec<Attempt>) -> Self {
        self.0.attempts = attempts;
        self
    }

    pub(crate) fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.0.outcome = outcome;
        self
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("outcome", &self.0.outcome)
            .field("message", &self.0.message)
            .field("code", &self.0.code)
            .field("attempts", &self.0.attempts)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<crate::ids::InvalidId> for Error {
    fn from(invalid: crate::ids::InvalidId) -> Self {
        Self::new(ErrorKind::Invalid, Outcome::NotSent, invalid.to_string())
            .with_field(invalid.field())
            .with_next_step("correct the value; nothing was sent")
    }
}

impl From<crate::money::InvalidAmount> for Error {
    fn from(invalid: crate::money::InvalidAmount) -> Self {
        Self::invalid("amount", invalid)
    }
}

impl From<crate::clock::InvalidTime> for Error {
    fn from(invalid: crate::clock::InvalidTime) -> Self {
        Self::invalid("time", invalid)
    }
}
