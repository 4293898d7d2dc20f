//! Why a verb did not do what it was asked to, and the exit code for it.

use hongbao::{BillNo, ErrorKind, Outcome};
use serde_json::{Value, json};

/// A failure and the packet that it is about, if there is one.
pub(crate) struct Failure {
    cause: Cause,
    mch_billno: Option<BillNo>,
    hint: Option<String>,
}

enum Cause {
    Call(hongbao::Error),
    Usage { problem: String, next_step: String },
    Unexpected(String),
}

impl Failure {
    /// Wrong use or configuration: what, and what to do about it.
    pub(crate) fn usage(problem: impl Into<String>, next_step: impl Into<String>) -> Self {
        let cause = Cause::Usage { problem: problem.into(), next_step: next_step.into() };
        Self { cause, mch_billno: None, hint: None }
    }

    /// Something came out otherwise than it must.
    pub(crate) fn unexpected(problem: impl Into<String>) -> Self {
        Self { cause: Cause::Unexpected(problem.into()), mch_billno: None, hint: None }
    }

    /// For a story in which nothing may fail on its own account.
    pub(crate) fn into_unexpected(self) -> Self {
        Self::unexpected(self.report())
    }

    pub(crate) fn about(mut self, mch_billno: &BillNo) -> Self {
        self.mch_billno = Some(mch_billno.clone());
        self
    }

    /// Something more that a person may try.
    pub(crate) fn hint(mut self, hint: String) -> Self {
        self.hint = Some(hint);
        self
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match &self.cause {
            Cause::Usage { .. } => 2,
            Cause::Unexpected(_) => 1,
            Cause::Call(error) => match (error.outcome(), error.kind()) {
                (Outcome::Unknown, _) => 3,
                (Outcome::Refused, _) => 1,
                (
                    Outcome::NotSent,
                    ErrorKind::Config | ErrorKind::Invalid | ErrorKind::NotServed | ErrorKind::Sandbox,
                ) => 2,
                // Well formed, and it will pass when the network does.
                (Outcome::NotSent, _) => 1,
            },
        }
    }

    /// The outcome in one or two words, for people.
    pub(crate) fn headline(&self) -> String {
        match &self.cause {
            Cause::Call(error) if error.outcome() == Outcome::Unknown => "outcome unknown".to_owned(),
            Cause::Call(error) if error.kind() != ErrorKind::Sandbox => error.outcome().to_string(),
            _ => "error".to_owned(),
        }
    }

    /// Everything that is known, on several lines.
    pub(crate) fn report(&self) -> String {
        let mut report = match &self.cause {
            Cause::Call(error) => error.report(),
            Cause::Usage { problem, next_step } => format!("{problem}\n  next step: {next_step}"),
            Cause::Unexpected(problem) => problem.clone(),
        };
        if let Some(hint) = &self.hint {
            report.push_str(&format!("\n  {hint}"));
        }
        report
    }

    pub(crate) fn json(&self) -> Value {
        let mut object = match &self.cause {
            Cause::Call(error) => json!({
                "outcome": word(error.outcome()),
                "code": error.code().map(hongbao::code::Code::as_str),
                "description": error.description(),
                "field": error.field(),
                "error": error.to_string(),
                "next_step": error.next_step(),
                "attempts": error.attempts().len(),
            }),
            Cause::Usage { problem, next_step } => json!({
                "outcome": word(Outcome::NotSent), "code": null, "error": problem, "next_step": next_step,
            }),
            Cause::Unexpected(problem) => json!({ "outcome": "failed", "error": problem }),
        };
        if let Some(mch_billno) = &self.mch_billno {
            object["mch_billno"] = json!(mch_billno);
        }
        object
    }
}

impl From<hongbao::Error> for Failure {
    fn from(error: hongbao::Error) -> Self {
        Self { cause: Cause::Call(error), mch_billno: None, hint: None }
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
