//! The wire below the client, as a trait with one method.

use std::error::Error as StdError;
use std::fmt;

use async_trait::async_trait;

use crate::config::Identity;
use crate::error::{CertificateUse, Outcome};
use crate::wire::Answer;

/// Carries one message to the gateway and its answer back, once. It never
/// repeats and never follows a redirect: both are decisions about money, and
/// the client makes them.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Posts a message.
    ///
    /// # Errors
    /// [`Failed`] if no whole answer came back; an answer of any HTTP status is
    /// an answer.
    async fn post(&self, post: Post<'_>) -> Result<Delivered, Failed>;
}

/// One message on its way.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Post<'a> {
    /// Host, with its port unless it is 443.
    pub host: &'a str,
    /// Path with its leading slash.
    pub path: &'a str,
    /// The XML.
    pub body: &'a str,
    pub(crate) identity: Option<&'a Identity>,
}

impl<'a> Post<'a> {
    pub(crate) fn new(host: &'a str, path: &'a str, body: &'a str, identity: Option<&'a Identity>) -> Self {
        Self { host, path, body, identity }
    }

    /// Whether the client certificate is to be shown.
    #[must_use]
    pub fn needs_certificate(&self) -> bool {
        self.identity.is_some()
    }

    /// The certificates to be shown, in DER, the merchant's own first.
    pub fn certificates(&self) -> impl Iterator<Item = &'a [u8]> {
        self.identity.into_iter().flat_map(Identity::chain)
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// What the gateway answered.
    pub answer: Answer,
    /// Whether the client certificate was shown.
    pub certificate: CertificateUse,
}

/// No whole answer.
#[derive(Debug)]
pub struct Failed {
    /// [`Outcome::NotSent`] only if no byte of the request left this machine.
    pub outcome: Outcome,
    /// Whether the client certificate was shown.
    pub certificate: CertificateUse,
    /// In a few words.
    pub problem: String,
    /// What to do about it, if that is known here.
    pub next_step: Option<&'static str>,
    /// The cause.
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Failed {
    /// A failure without a cause of its own.
    #[must_use]
    pub fn new(outcome: Outcome, problem: impl Into<String>) -> Self {
        Self { outcome, certificate: CertificateUse::NotAsked, problem: problem.into(), next_step: None, source: None }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl StdError for Failed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
