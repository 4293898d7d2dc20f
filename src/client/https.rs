//! HTTPS with the merchant's client certificate: the only file that knows the
//! HTTP library.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use once_cell::sync::OnceCell;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::transport::{Body, Delivered, Failed, Post, Streamed, Transport};
use crate::config::Merchant;
use crate::error::{CertificateUse, Error, Outcome, Result};
use crate::wire::Answer;

/// How long each phase of one attempt may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Name, TCP and TLS together; nothing of the request has left. 5 seconds.
    pub connect: Duration,
    /// Between two signs of life of the answer. 15 seconds.
    pub silence: Duration,
    /// All of it. 30 seconds.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), silence: Duration::from_secs(15), total: Duration::from_secs(30) }
    }
}

/// Connections are given up after this much idleness: below the keep-alive of
/// common servers and balancers, so that a request seldom meets a closing one.
const IDLE: Duration = Duration::from_secs(30);
const MAX_ANSWER: usize = 1024 * 1024;

/// The pooled connections of one merchant entity. Those that show its
/// certificate and those that do not are never mixed.
pub(crate) struct Https {
    certified: Option<Pool>,
    /// Many entities never make a call without their certificate.
    plain: OnceCell<Pool>,
    roots: Option<Arc<RootCertStore>>,
    user_agent: String,
    timeouts: Timeouts,
}

impl Https {
    /// # Errors
    /// [`crate::ErrorKind::Config`]: a CA that cannot be used, or a machine
    /// without root certificates.
    pub(crate) fn new(merchant: &Merchant, timeouts: Timeouts) -> Result<Self> {
        let roots = merchant.endpoint().ca().map(read_roots).transpose()?;
        let mch_id = merchant.mch_id();
        let user_agent = format!(
            "hongbao/{} ({} {}) {mch_id}",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::ARCH,
            std::env::consts::OS
        );
        let mut https = Self { certified: None, plain: OnceCell::new(), roots, user_agent, timeouts };
        if let Some(identity) = &merchant.identity {
            let certificate =
                Arc::new(Shown { certified: Arc::clone(identity.certified()), asked: AtomicBool::new(false) });
            https.certified = Some(https.pool(Some(certificate))?);
        }
        Ok(https)
    }

    fn pool_for(&self, post: Post<'_>) -> Result<&Pool, Failed> {
        if post.needs_certificate() {
            return self.certified.as_ref().ok_or_else(|| Failed::new(Outcome::NotSent, "no client certificate"));
        }
        self.plain.get_or_try_init(|| self.pool(None)).map_err(|error| {
            let mut failed = Failed::new(Outcome::NotSent, "TLS cannot be set up");
            failed.source = Some(error.into());
            failed
        })
    }

    fn pool(&self, certificate: Option<Arc<Shown>>) -> Result<Pool> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let unusable = |error: rustls::Error| {
            Error::config("endpoint", "TLS cannot be set up", "install the system's CA certificates (ca-certificates)")
                .because(error)
        };
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(unusable)?;
        let builder = match &self.roots {
            Some(roots) => builder.with_root_certificates(Arc::clone(roots)),
            None => builder.with_platform_verifier().map_err(unusable)?,
        };
        let tls = match &certificate {
            Some(shown) => builder.with_client_cert_resolver(Arc::clone(shown) as Arc<dyn ResolvesClientCert>),
            None => builder.with_no_client_auth(),
        };
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .tcp_nodelay(true)
            .pool_idle_timeout(IDLE)
            .connect_timeout(self.timeouts.connect)
            .read_timeout(self.timeouts.silence)
            .timeout(self.timeouts.total)
            .user_agent(self.user_agent.as_str())
            .build()
            .map_err(|error| Error::config("endpoint", "the HTTP client cannot be set up", "").because(error))?;
        Ok(Pool { http, certificate })
    }
}

#[async_trait]
impl Transport for Https {
    async fn post(&self, post: Post<'_>) -> Result<Delivered, Failed> {
        let pool = self.pool_for(post)?;
        match pool.post(post).await {
            Ok(answer) => Ok(Delivered { answer, certificate: pool.certificate_use() }),
            Err(error) => Err(pool.failed(error)),
        }
    }

    async fn stream(&self, post: Post<'_>) -> Result<Streamed, Failed> {
        let pool = self.pool_for(post)?;
        // A bill takes as long as it takes: silence is what ends it.
        let response = match pool.request(post).timeout(LONGEST).send().await {
            Ok(response) => response,
            Err(error) => return Err(pool.failed(Broken::Http(error))),
        };
        let status = response.status().as_u16();
        let digest = response.headers().get("digest").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = Box::new(Arriving { response, pool: pool.clone() });
        Ok(Streamed::new(status, digest, pool.certificate_use(), body))
    }
}

/// The longest that a download may take.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

struct Arriving {
    response: reqwest::Response,
    pool: Pool,
}

#[async_trait]
impl Body for Arriving {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failed> {
        match self.response.chunk().await {
            Ok(chunk) => Ok(chunk.map(Vec::from)),
            Err(error) => Err(self.pool.failed(Broken::Http(error))),
        }
    }
}

#[derive(Clone)]
struct Pool {
    http: reqwest::Client,
    certificate: Option<Arc<Shown>>,
}

enum Broken {
    Http(reqwest::Error),
    TooLong,
}

impl Pool {
    fn request(&self, post: Post<'_>) -> reqwest::RequestBuilder {
        self.http
            .post(format!("https://{}{}", post.host, post.path))
            .header("content-type", "text/xml; charset=utf-8")
            .body(post.body.to_owned())
    }

    async fn post(&self, post: Post<'_>) -> Result<Answer, Broken> {
        let mut response = self.request(post).send().await.map_err(Broken::Http)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(Broken::Http)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(Broken::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer::new(status, body))
    }

    fn certificate_use(&self) -> CertificateUse {
        match &self.certificate {
            None => CertificateUse::NotNeeded,
            Some(shown) if shown.asked.load(Ordering::Relaxed) => CertificateUse::Presented,
            Some(_) => CertificateUse::NotAsked,
        }
    }

    /// `is_connect` and `is_builder` mean that no byte of the request left; all
    /// else is open.
    fn failed(&self, broken: Broken) -> Failed {
        let (outcome, problem, next_step, source): (_, _, _, Option<Box<dyn StdError + Send + Sync>>) = match broken {
            Broken::TooLong => (Outcome::Unknown, "the answer is longer than 1 MiB", None, None),
            Broken::Http(error) if error.is_connect() => {
                let (problem, next) = connect_problem(&error);
                (Outcome::NotSent, problem, Some(next), Some(Box::new(error.without_url())))
            }
            Broken::Http(error) if error.is_builder() => (
                Outcome::NotSent,
                "the address cannot be used",
                Some("check the base address of the endpoint"),
                Some(Box::new(error.without_url())),
            ),
            Broken::Http(error) => {
                let problem = match (error.is_timeout(), error.is_decode()) {
                    (true, _) => "no whole answer came in time",
                    (false, true) => "the answer broke off",
                    (false, false) => "the connection ended before an answer came",
                };
                (Outcome::Unknown, problem, None, Some(Box::new(error.without_url())))
            }
        };
        // A handshake that failed may have looked the certificate up without
        // showing it.
        let certificate = match (&self.certificate, outcome) {
            (Some(_), Outcome::NotSent) => CertificateUse::NotAsked,
            _ => self.certificate_use(),
        };
        Failed { outcome, certificate, problem: problem.to_owned(), next_step, source }
    }
}

/// What kept the connection from being made, and what to do about it.
fn connect_problem(error: &reqwest::Error) -> (&'static str, &'static str) {
    let network = "check the address, the network and any firewall";
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(current) = cause {
        // The TLS error comes wrapped in I/O errors, which hide it from `source`.
        let mut inner: &(dyn StdError + 'static) = current;
        while let Some(wrapped) = inner.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref()) {
            inner = wrapped;
        }
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return match tls {
                rustls::Error::InvalidCertificate(rustls::CertificateError::NotValidForName)
                | rustls::Error::InvalidCertificate(rustls::CertificateError::NotValidForNameContext { .. }) => (
                    "the server's certificate is for another host name",
                    "check the address; this may be another server",
                ),
                rustls::Error::InvalidCertificate(_) => (
                    "the server's certificate is not trusted",
                    "check the address and the CA, and look for a proxy that ends TLS on the way",
                ),
                _ => ("no TLS connection could be made", "check the address and look for a proxy on the way"),
            };
        }
        cause = current.source();
    }
    if error.is_timeout() { ("no connection in time", network) } else { ("no connection", network) }
}

/// Shows the certificate and remembers that somebody asked for it.
#[derive(Debug)]
struct Shown {
    certified: Arc<CertifiedKey>,
    asked: AtomicBool,
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        Some(Arc::clone(&self.certified))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn read_roots(pem: &[u8]) -> Result<Arc<RootCertStore>> {
    let next = "give the PEM text of the CA, as in ca.pem of the sandbox's directory";
    let mut roots = RootCertStore::empty();
    for certificate in rustls_pemfile::certs(&mut &*pem) {
        let certificate = certificate
            .map_err(|error| Error::config("endpoint", "the CA has a damaged PEM block", next).because(error))?;
        roots
            .add(certificate)
            .map_err(|error| Error::config("endpoint", "the CA cannot be used", next).because(error))?;
    }
    if roots.is_empty() {
        return Err(Error::config("endpoint", "the CA holds no certificate (no BEGIN CERTIFICATE line)", next));
    }
    Ok(Arc::new(roots))
}
