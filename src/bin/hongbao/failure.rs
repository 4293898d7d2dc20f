//! Why a verb did not do what it was asked to, and the exit code for it.

use std::fmt::Display;

use hongbao::{ErrorKind, Outcome};
use serde_json::{Map, Value, json};

/// A failure, and what is known of it beside: above all the number of the packet,
/// order or refund that it is about.
pub(crate) struct Failure {
    cause: Cause,
    facts: Map<String, Value>,
    hint: Option<String>,
}

enum Cause {
    /// The call that the verb is for.
    Call(hongbao::Error),
    /// A call that had to come before it.
    Question(hongbao::Error),
    Usage {
        problem: String,
        next_step: String,
    },
    /// Well asked, and the state of things forbids it.
    NotNow {
        problem: String,
        next_step: String,
    },
    /// Calls were made of which nobody knows yet what they did.
    Open {
        problem: String,
        next_step: String,
    },
    /// What was given is not what it should be.
    Judged {
        verdict: &'static str,
        error: hongbao::Error,
    },
    Unexpected(String),
}

impl Failure {
    /// Wrong use or configuration: what, and what to do about it.
    pub(crate) fn usage(problem: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self::of(Cause::Usage { problem: problem.into(), next_step: next_step.into() })
    }

    /// Nothing was sent, since it could not have come to a good end.
    pub(crate) fn not_now(problem: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self::of(Cause::NotNow { problem: problem.into(), next_step: next_step.into() })
    }

    /// A ledger that cannot be used.
    pub(crate) fn of_ledger(error: hongbao::Error) -> Self {
        Self::of(Cause::Call(error))
    }

    /// Calls were made of which nobody knows yet what they did.
    pub(crate) fn open(problem: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self::of(Cause::Open { problem: problem.into(), next_step: next_step.into() })
    }

    /// Something that had to be known before the call was not to be learnt, so
    /// that the call itself was not made.
    pub(crate) fn before_the_call(error: hongbao::Error) -> Self {
        Self::of(Cause::Question(error))
    }

    /// A notification or a file that is not what it should be, and why in two words.
    pub(crate) fn judged(verdict: &'static str, error: hongbao::Error) -> Self {
        Self::of(Cause::Judged { verdict, error })
    }

    /// Something came out otherwise than it must.
    pub(crate) fn unexpected(problem: impl Into<String>) -> Self {
        Self::of(Cause::Unexpected(problem.into()))
    }

    fn of(cause: Cause) -> Self {
        Self { cause, facts: Map::new(), hint: None }
    }

    /// For a story in which nothing may fail on its own account.
    pub(crate) fn into_unexpected(self) -> Self {
        Self::unexpected(self.report())
    }

    /// Names the number under which to ask, as in `mch_billno`.
    pub(crate) fn about(mut self, field: &'static str, number: impl Display) -> Self {
        self.facts.insert(field.to_owned(), json!(number.to_string()));
        self
    }

    /// What else is known, for programs.
    pub(crate) fn with(mut self, facts: Value) -> Self {
        if let Value::Object(facts) = facts {
            self.facts.extend(facts);
        }
        self
    }

    /// Something more that a person may try.
    pub(crate) fn hint(mut self, hint: String) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Whether the call failed since nobody listens there.
    pub(crate) fn is_without_connection(&self) -> bool {
        matches!(&self.cause, Cause::Call(error) | Cause::Question(error) if error.kind() == ErrorKind::Connect)
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match &self.cause {
            Cause::Usage { .. } => 2,
            Cause::NotNow { .. } | Cause::Judged { .. } | Cause::Unexpected(_) => 1,
            Cause::Open { .. } => 3,
            Cause::Call(error) if error.outcome() == Outcome::Unknown => 3,
            Cause::Call(error) | Cause::Question(error) => match (error.outcome(), error.kind()) {
                (
                    Outcome::NotSent,
                    ErrorKind::Config
                    | ErrorKind::Invalid
                    | ErrorKind::NotServed
                    | ErrorKind::Sandbox
                    | ErrorKind::Ledger,
                ) => 2,
                // Refused; or well formed, and it will pass when the network does.
                _ => 1,
            },
        }
    }

    /// The outcome in one or two words, for people.
    pub(crate) fn headline(&self) -> String {
        match &self.cause {
            Cause::Open { .. } => "outcome unknown".to_owned(),
            Cause::Call(error) if error.outcome() == Outcome::Unknown => "outcome unknown".to_owned(),
            Cause::Call(error) if !matches!(error.kind(), ErrorKind::Sandbox | ErrorKind::Ledger) => {
                error.outcome().to_string()
            }
            Cause::Question(_) | Cause::NotNow { .. } => Outcome::NotSent.to_string(),
            Cause::Judged { verdict, .. } => (*verdict).to_owned(),
            _ => "error".to_owned(),
        }
    }

    /// Everything that is known, on several lines.
    pub(crate) fn report(&self) -> String {
        let mut report = match &self.cause {
            Cause::Call(error) | Cause::Judged { error, .. } => error.report(),
            Cause::Question(error) => format!("what had to be asked first has no answer: {}", error.report()),
            Cause::Usage { problem, next_step }
            | Cause::NotNow { problem, next_step }
            | Cause::Open { problem, next_step } => {
                format!("{problem}\n  next step: {next_step}")
            }
            Cause::Unexpected(problem) => problem.clone(),
        };
        if let Some(hint) = &self.hint {
            report.push_str(&format!("\n  {hint}"));
        }
        report
    }

    pub(crate) fn json(&self) -> Value {
        let mut object = match &self.cause {
            Cause::Call(error) => error_json(error, word(error.outcome())),
            Cause::Question(error) => error_json(error, word(Outcome::NotSent)),
            Cause::Usage { problem, next_step } | Cause::NotNow { problem, next_step } => json!({
                "outcome": word(Outcome::NotSent), "code": null, "error": problem, "next_step": next_step,
            }),
            Cause::Open { problem, next_step } => json!({
                "outcome": word(Outcome::Unknown), "code": null, "error": problem, "next_step": next_step,
            }),
            Cause::Judged { verdict, error } => error_json(error, &verdict.replace(' ', "_")),
            Cause::Unexpected(problem) => json!({ "outcome": "failed", "error": problem }),
        };
        if let Value::Object(object) = &mut object {
            object.extend(self.facts.clone());
        }
        object
    }
}

fn error_json(error: &hongbao::Error, outcome: &str) -> Value {
    json!({
        "outcome": outcome,
        "code": error.code().map(hongbao::code::Code::as_str),
        "description": error.description(),
        "field": error.field(),
        "error": error.to_string(),
        "next_step": error.next_step(),
        "attempts": error.attempts().len(),
    })
}

impl From<hongbao::Error> for Failure {
    fn from(error: hongbao::Error) -> Self {
        Self::of(Cause::Call(error))
    }
}

/// An outcome as programs read it.
pub(crate) fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NotSent => "not_sent",
        Outcome::Refused => "refused",
        Outcome::Unknown => "unknown",
    }
}
