//! What is wrong with a file of recipients, said so that its author can mend it.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::error::{Error, ErrorKind, Outcome};

/// One thing that is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// The line, from 1 on; `None` if it concerns the whole file.
    pub line: Option<u64>,
    /// The column or name, as the file calls it.
    pub field: Option<Cow<'static, str>>,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub next_step: Cow<'static, str>,
}

impl Problem {
    pub(super) fn new(reason: impl Into<String>, next_step: impl Into<Cow<'static, str>>) -> Self {
        Self { line: None, field: None, reason: reason.into(), next_step: next_step.into() }
    }

    pub(super) fn in_field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.field = Some(field.into());
        self
    }

    pub(super) fn at(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// What the rules of red packets say, in the words of the file.
    pub(super) fn of_rule(error: &Error) -> Self {
        let field = match error.field() {
            None => None,
            Some("re_openid") => Some("openid"),
            Some("total_amount") => Some("amount"),
            Some(other) => Some(other),
        };
        let message = error.to_string();
        let prefix = error.field().map_or(0, |field| match message.strip_prefix(field) {
            Some(rest) if rest.starts_with(": ") => field.len() + 2,
            _ => 0,
        });
        Self {
            line: None,
            field: field.map(|field| Cow::Owned(field.to_owned())),
            reason: message.get(prefix..).unwrap_or_default().to_owned(),
            next_step: Cow::Borrowed("correct it"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        write!(f, "{}; {}", self.reason, self.next_step)
    }
}

/// Everything that is wrong with a file: the first problems, by line, and how
/// many there are. Nothing was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problems {
    /// The first ones, as many as [`Options::errors_shown`](super::Options::errors_shown) asks for.
    pub shown: Vec<Problem>,
    /// How many were found, those that are not shown included.
    pub found: u64,
}

impl Problems {
    pub(super) fn one(problem: Problem) -> Self {
        Self { shown: vec![problem], found: 1 }
    }

    pub(super) fn add(&mut self, problem: Problem, limit: usize) {
        self.found += 1;
        if self.shown.len() < limit.max(1) {
            self.shown.push(problem);
        }
    }

    /// Takes the problems of another reading, in the order of lines.
    pub(super) fn join(&mut self, other: Self, limit: usize) {
        self.found += other.found;
        self.shown.extend(other.shown);
        self.shown.sort_by_key(|problem| problem.line);
        self.shown.truncate(limit.max(1));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found == 0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.shown.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{problem}")?;
        }
        let shown = u64::try_from(self.shown.len()).unwrap_or(u64::MAX);
        match self.found.saturating_sub(shown) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Problems {}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Self {
        Self::new(ErrorKind::Invalid, Outcome::NotSent, format!("recipients: {problems}"))
            .with_next_step("correct the file; nothing was stored and nothing was sent")
    }
}

/// Something that deserves a look and keeps nothing from being planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Warning {
    /// The first line that it concerns.
    pub line: u64,
    /// How many lines it concerns.
    pub lines: u64,
    /// What is unusual.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lines {
            1 => write!(f, "line {}: {}", self.line, self.text),
            lines => write!(f, "line {} and {} more: {}", self.line, lines - 1, self.text),
        }
    }
}

/// Why a plan was not compared or stored.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The file cannot be used, or it contradicts what the ledger knows.
    Problems(Problems),
    /// The ledger said no: another template under the campaign's name, or a
    /// store that cannot be used just now.
    Ledger(Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problems(problems) => problems.fmt(f),
            Self::Ledger(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Problems(_) => None,
            Self::Ledger(error) => error.source(),
        }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Problems(problems)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ledger(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Problems(problems) => problems.into(),
            Failure::Ledger(error) => error,
        }
    }
}

/// At most this much of a foreign text goes into a message.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
