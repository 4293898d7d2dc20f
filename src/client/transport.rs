//! The wire below the client, as a trait: a message for a message, or for a body that streams.

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

    /// Posts a message whose answer may be long, and hands it on as it comes.
    /// A wire that does not know better collects it first.
    ///
    /// # Errors
    /// [`Failed`] if no answer began.
    async fn stream(&self, post: Post<'_>) -> Result<Streamed, Failed> {
        let Delivered { answer, certificate } = self.post(post).await?;
        let Answer { status, body, digest } = answer;
        Ok(Streamed { status, digest, certificate, body: Box::new(Whole(Some(body))) })
    }
}

/// An answer that has begun.
#[non_exhaustive]
pub struct Streamed {
    /// HTTP status.
    pub status: u16,
    /// The header `Digest`, which comes with some bills.
    pub digest: Option<String>,
    /// Whether the client certificate was shown.
    pub certificate: CertificateUse,
    /// The rest of it.
    pub body: Box<dyn Body>,
}

impl Streamed {
    /// An answer whose body comes piece by piece.
    #[must_use]
    pub fn new(status: u16, digest: Option<String>, certificate: CertificateUse, body: Box<dyn Body>) -> Self {
        Self { status, digest, certificate, body }
    }
}

/// The body of an answer, piece by piece.
#[async_trait]
pub trait Body: Send {
    /// The next bytes, or `None` after the last ones.
    ///
    /// # Errors
    /// [`Failed`] if the answer broke off.
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failed>;
}

struct Whole(Option<Vec<u8>>);

#[async_trait]
impl Body for Whole {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failed> {
        Ok(self.0.take())
    }
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
