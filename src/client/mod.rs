//! Sends requests for one merchant entity.

mod builder;
mod download;
mod https;
mod retry;
mod transport;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::OnceCell;

pub use builder::Builder;
pub use download::Download;
pub use https::Timeouts;
pub use retry::RetryPolicy;
pub use transport::{Body, Delivered, Failed, Post, Streamed, Transport};

use download::Text;
use retry::{Ended, Next};

use crate::clock::{Clock, Nonce};
use crate::config::{Merchant, PayConfig};
use crate::endpoint;
use crate::error::{Attempt, CertificateUse, Error, ErrorKind, Outcome, Result};
use crate::secret::Secret;
use crate::wire::{self, Contract, Digest, Doc, Generation, Notice, Receiver, Request, Sealed, Signer, Stamp, Tabular};

/// One merchant entity's way to WeChat Pay: its certificate, its key and its
/// pooled connections. Cheap to clone; clones share everything.
///
/// ```no_run
/// # async fn run(config: impl hongbao::PayConfig, packet: hongbao::redpack::Packet) -> hongbao::Result<()> {
/// use hongbao::{Client, Outcome};
///
/// let client = Client::new(&config)?;
/// match client.send(&packet).await {
///     Ok(sent) => println!("accepted as {}", sent.send_listid),
///     Err(error) => match error.outcome() {
///         Outcome::NotSent => println!("nothing left this machine: {error}"),
///         Outcome::Refused => println!("nothing was paid by this call: {error}"),
///         Outcome::Unknown => println!("query, or send the very same packet again: {error}"),
///     },
/// }
/// # Ok(()) }
/// ```
///
/// Dropping the future of [`send`](Self::send) is an outcome of
/// [`Outcome::Unknown`]: bytes may have left.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    merchant: Merchant,
    hosts: Vec<String>,
    transport: Arc<dyn Transport>,
    retry: RetryPolicy,
    clock: Arc<dyn Clock>,
    nonce: Arc<dyn Nonce>,
    /// The official sandbox's sign key, once it was fetched.
    sign_key: OnceCell<Secret>,
    /// Until when (Unix milliseconds) the backup domain is tried first.
    backup_until: AtomicI64,
}

/// How long the backup domain stays the first choice after no connection to
/// the main one could be made (the official SDK's figure, read 2026-11).
const BACKUP_FOR: Duration = Duration::from_secs(180);

const EARLIER_MAY_HAVE: &str = "an earlier attempt of this call may have been carried out: query, or repeat with the same number and the same fields; never with a new number";

const NO_SIGN_KEY: &str = "only the sandbox's sign key was asked for, the call itself was not sent; check that the key is this merchant's APIv2 key, then try again";

impl Client {
    /// A client with the defaults. The configuration is read now and never again.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] names the field or file that cannot be used.
    pub fn new(config: &dyn PayConfig) -> Result<Self> {
        Self::builder(config).build()
    }

    /// A client with other timeouts, retries, clock, nonces or transport.
    pub fn builder(config: &dyn PayConfig) -> Builder<'_> {
        Builder::new(config)
    }

    /// The merchant entity as it was read.
    #[must_use]
    pub fn merchant(&self) -> &Merchant {
        &self.0.merchant
    }

    /// Sends a request and returns the typed answer, after its signature held
    /// where there is one. Repeats on its own only as the request's contract
    /// allows, with the same number and business fields.
    ///
    /// # Errors
    /// [`Error::outcome`] tells what became of the money:
    /// nothing left, this call was refused, or it may have happened.
    pub async fn send<R: Request>(&self, request: &R) -> Result<R::Reply> {
        const { assert!(!R::CONTRACT.text_reply, "this call answers with a table: use Client::download") };
        let business = wire::fields_of(request)?;
        match self.exchange(&R::CONTRACT, &business, &self.0.retry, None).await? {
            (Got::Doc(doc), attempts) => wire::reply_of::<R>(&doc).map_err(|error| error.with_attempts(attempts)),
            (Got::Text(_), _) => Err(Error::invalid("request", "it answers with a table; use Client::download")),
        }
    }

    /// Sends a request once, whatever the retry policy, and keeps the body of
    /// the answer as it came: for those who record each attempt before the next.
    #[cfg(feature = "payout")]
    pub(crate) async fn send_once<R: Request>(&self, request: &R) -> (Result<R::Reply>, Option<Vec<u8>>) {
        let mut raw = None;
        let reply = async {
            let business = wire::fields_of(request)?;
            match self.exchange(&R::CONTRACT, &business, &RetryPolicy::never(), Some(&mut raw)).await? {
                (Got::Doc(doc), attempts) => wire::reply_of::<R>(&doc).map_err(|error| error.with_attempts(attempts)),
                (Got::Text(_), _) => Err(Error::invalid("request", "it answers with a table; use Client::download")),
            }
        }
        .await;
        (reply, raw)
    }

    /// Sends a request that answers with a table, and returns as soon as the
    /// table begins; its rows are read one by one.
    ///
    /// # Errors
    /// As [`send`](Self::send); a failure comes as a message and is told apart
    /// from a table.
    pub async fn download<R: Tabular>(&self, request: &R) -> Result<Download<R::Sheet>> {
        const { assert!(R::CONTRACT.text_reply, "this call answers with a message: use Client::send") };
        let business = wire::fields_of(request)?;
        match self.exchange(&R::CONTRACT, &business, &self.0.retry, None).await? {
            (Got::Text(text), _) => Download::new(R::Sheet::default(), text),
            (Got::Doc(_), _) => Err(Error::invalid("request", "it answers with a message; use Client::send")),
        }
    }

    /// Reads a notification from the bytes of the body, as they came: proved to
    /// be genuine and for this entity, or an error.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`], [`ErrorKind::Unverified`],
    /// [`ErrorKind::Mismatch`]: change nothing.
    pub async fn open<N: Notice>(&self, body: &[u8]) -> Result<N> {
        let receiver = Receiver { signer: self.signer().await?, retired: &self.0.merchant.retired_keys };
        N::open(&receiver, body).inspect_err(|error| {
            tracing::warn!(merchant = %self.0.merchant.name, %error, "notification refused");
        })
    }

    /// What a signature of the front end is made from: this entity, the moment,
    /// a fresh nonce.
    ///
    /// # Errors
    /// Only against an official sandbox, whose sign key has to be fetched first.
    pub async fn stamp(&self) -> Result<Stamp<'_>> {
        let signer = self.signer().await?;
        Ok(Stamp { signer, now: self.0.clock.now(), nonce: self.0.nonce.nonce() })
    }

    async fn signer(&self) -> Result<Signer<'_>> {
        match self.0.merchant.endpoint.official_generation() {
            Some(generation) => Ok(self.signer_with(self.sign_key(generation).await?)),
            None => Ok(self.signer_with(&self.0.merchant.key)),
        }
    }

    fn signer_with<'a>(&'a self, key: &'a Secret) -> Signer<'a> {
        let merchant = &self.0.merchant;
        // The first official sandbox knows MD5 alone.
        let digest = match merchant.endpoint.official_generation() {
            Some(Generation::One) => Digest::Md5,
            _ => merchant.digest,
        };
        let sub = merchant.sub_merchant.as_ref();
        Signer { app_id: &merchant.app_id, mch_id: &merchant.mch_id, sub, key, digest }
    }

    /// Everything between two documents; not generic, so it exists once.
    async fn exchange(
        &self,
        contract: &Contract,
        business: &Doc,
        policy: &RetryPolicy,
        raw: Option<&mut Option<Vec<u8>>>,
    ) -> Result<(Got, Vec<Attempt>)> {
        let path = self.0.merchant.endpoint.path(contract)?;
        let signer = self.signer().await?;
        self.attempts(contract, &path, &signer, business, policy, raw).await
    }

    async fn attempts(
        &self,
        contract: &Contract,
        path: &str,
        signer: &Signer<'_>,
        business: &Doc,
        policy: &RetryPolicy,
        mut raw: Option<&mut Option<Vec<u8>>>,
    ) -> Result<(Got, Vec<Attempt>)> {
        let inner = &*self.0;
        let merchant = &inner.merchant;
        // The official sandboxes want no certificate anywhere.
        let wanted = contract.certificate && merchant.endpoint.official_generation().is_none();
        if wanted && merchant.identity.is_none() {
            let problem = format!("{} needs the client certificate and this entity has none", contract.path);
            return Err(Error::config("cert", problem, "give the entity its certificate; nothing was sent"));
        }
        let identity = merchant.identity.as_ref().filter(|_| wanted);
        let number = contract.number.and_then(|field| business.get(field)).unwrap_or_default();
        let mut attempts: Vec<Attempt> = Vec::new();
        let mut host = self.first_host();
        loop {
            let sealed = wire::seal(contract, signer, business, &inner.nonce.nonce());
            // `first_host` and `retry::next` stay below the number of hosts.
            let name = &inner.hosts[host];
            let post = Post::new(name, path, &sealed.body, identity);
            let started = inner.clock.now();
            let (certificate, result) = self.attempt(contract, signer, &sealed, post, raw.as_deref_mut()).await;
            let elapsed = inner.clock.now().since(started);
            let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            let error = match result {
                Ok(got) => {
                    tracing::debug!(merchant = %merchant.name, path, number, host = %name, millis, "call accepted");
                    // It is looked at only if the answer turns out to lack a field: then nobody knows.
                    let (outcome, ended) = (Outcome::Unknown, "accepted".to_owned());
                    attempts.push(Attempt { host: name.clone(), certificate, elapsed, outcome, ended });
                    return Ok((got, attempts));
                }
                Err(error) => error,
            };
            let outcome = error.outcome();
            tracing::warn!(merchant = %merchant.name, path, number, host = %name, millis, %outcome, %error, "call failed");
            let earlier: Vec<Outcome> = attempts.iter().map(|attempt| attempt.outcome).collect();
            attempts.push(Attempt { host: name.clone(), certificate, elapsed, outcome, ended: error.to_string() });
            let ended = Ended::of(&error);
            if ended == Ended::NotSent && inner.hosts.len() > 1 && host == 0 {
                let until = inner.clock.now().after(BACKUP_FOR).unix_millis();
                inner.backup_until.store(until, Ordering::Relaxed);
            }
            let made = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
            match retry::next(policy, contract.repeat, inner.hosts.len(), host, made, ended) {
                Next::Again { host: other, after } => {
                    host = other;
                    tokio::time::sleep(after).await;
                }
                Next::Stop => {
                    let settles =
                        error.code().and_then(|code| contract.code(code.as_str())).is_some_and(|row| row.settles);
                    let overall = retry::overall(outcome, settles, earlier);
                    // The last attempt's advice knows nothing of the earlier ones.
                    let error = if overall == outcome { error } else { error.with_next_step(EARLIER_MAY_HAVE) };
                    return Err(error.with_outcome(overall).with_attempts(attempts));
                }
            }
        }
    }

    async fn attempt(
        &self,
        contract: &Contract,
        signer: &Signer<'_>,
        sealed: &Sealed,
        post: Post<'_>,
        raw: Option<&mut Option<Vec<u8>>>,
    ) -> (CertificateUse, Result<Got>) {
        let transport = &self.0.transport;
        if contract.text_reply {
            return match transport.stream(post).await {
                Ok(streamed) => {
                    let certificate = streamed.certificate;
                    let told = download::tell_apart(contract, signer, &sealed.doc, streamed).await;
                    (certificate, told.map(Got::Text))
                }
                Err(failed) => (failed.certificate, Err(lost(failed))),
            };
        }
        match transport.post(post).await {
            Ok(Delivered { answer, certificate }) => {
                let opened = wire::open(contract, signer, &sealed.doc, &answer).map(Got::Doc);
                if let Some(raw) = raw {
                    *raw = Some(answer.body);
                }
                (certificate, opened)
            }
            Err(failed) => (failed.certificate, Err(lost(failed))),
        }
    }

    fn first_host(&self) -> usize {
        let backup = self.0.clock.now().unix_millis() < self.0.backup_until.load(Ordering::Relaxed);
        usize::from(backup && self.0.hosts.len() > 1)
    }

    /// Fetched once with the real key, and kept; concurrent first calls share
    /// one fetch, and a failed one is not remembered.
    async fn sign_key(&self, generation: Generation) -> Result<&Secret> {
        let fetch = || async {
            let contract = endpoint::sign_key_contract(generation);
            let signer = self.signer_with(&self.0.merchant.key);
            let (got, _) = self
                .attempts(&contract, contract.path, &signer, &Doc::new(), &self.0.retry, None)
                .await
                .map_err(|error| error.with_outcome(Outcome::NotSent).with_next_step(NO_SIGN_KEY))?;
            let key = match &got {
                Got::Doc(doc) => doc.get("sandbox_signkey"),
                Got::Text(_) => None,
            };
            match key {
                Some(key) if key.len() == 32 => Ok(Secret::new(key)),
                _ => Err(Error::new(
                    ErrorKind::Unreadable,
                    Outcome::NotSent,
                    "no sandbox_signkey of 32 characters came back",
                )
                .with_next_step("the call itself was not sent; try again later")),
            }
        };
        self.0.sign_key.get_or_try_init(fetch).await
    }
}

/// What came of a call.
enum Got {
    Doc(Doc),
    Text(Text),
}

fn lost(failed: Failed) -> Error {
    let (kind, outcome) = match failed.outcome {
        Outcome::NotSent => (ErrorKind::Connect, Outcome::NotSent),
        _ => (ErrorKind::Lost, Outcome::Unknown),
    };
    let next = failed.next_step.unwrap_or(match outcome {
        Outcome::NotSent => "nothing was sent; try again",
        _ => "query, or repeat with the same number and the same fields; never with a new number",
    });
    let error = Error::new(kind, outcome, failed.problem).with_next_step(next);
    match failed.source {
        Some(source) => error.because(source),
        None => error,
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.0.merchant).finish()
    }
}
