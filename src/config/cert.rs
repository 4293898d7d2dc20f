//! The client certificate (API证书) in each of the forms that WeChat hands out.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::InconsistentKeys;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use super::{p12, x509};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::ids::MchId;
use crate::secret::Secret;

/// Where the client certificate and its private key come from. Nothing is read
/// before a client is built.
///
/// ```
/// use hongbao::Cert;
/// let pair = Cert::pem_files("apiclient_cert.pem", "apiclient_key.pem");
/// let p12 = Cert::p12_file("apiclient_cert.p12"); // its password is mch_id unless told otherwise
/// ```
#[derive(Clone)]
pub struct Cert {
    source: Source,
    password: Option<Secret>,
}

#[derive(Clone)]
enum Source {
    None,
    Pem { certificate: Bytes, key: Bytes },
    P12(Bytes),
}

#[derive(Clone)]
enum Bytes {
    Given(Arc<Zeroizing<Vec<u8>>>),
    File(PathBuf),
}

impl Cert {
    /// No certificate: calls that need one are refused before anything is sent.
    #[must_use]
    pub fn none() -> Self {
        Self { source: Source::None, password: None }
    }

    /// The PEM texts of `apiclient_cert.pem` and `apiclient_key.pem`.
    #[must_use]
    pub fn pem(certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        let source = Source::Pem { certificate: Bytes::given(certificate.into()), key: Bytes::given(key.into()) };
        Self { source, password: None }
    }

    /// The PEM files.
    #[must_use]
    pub fn pem_files(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        let source = Source::Pem { certificate: Bytes::file(certificate.as_ref()), key: Bytes::file(key.as_ref()) };
        Self { source, password: None }
    }

    /// The bytes of `apiclient_cert.p12`, in the old encryption (RC2 and 3DES)
    /// or the modern one (PBES2).
    #[must_use]
    pub fn p12(bytes: impl Into<Vec<u8>>) -> Self {
        Self { source: Source::P12(Bytes::given(bytes.into())), password: None }
    }

    /// The `.p12` file.
    #[must_use]
    pub fn p12_file(path: impl AsRef<Path>) -> Self {
        Self { source: Source::P12(Bytes::file(path.as_ref())), password: None }
    }

    /// Another password of the `.p12` than the merchant number.
    #[must_use]
    pub fn with_password(mut self, password: impl Into<Secret>) -> Self {
        self.password = Some(password.into());
        self
    }
}

impl Bytes {
    fn given(bytes: Vec<u8>) -> Self {
        Self::Given(Arc::new(Zeroizing::new(bytes)))
    }

    fn file(path: &Path) -> Self {
        Self::File(path.to_owned())
    }

    fn read(&self) -> Result<Arc<Zeroizing<Vec<u8>>>> {
        match self {
            Self::Given(bytes) => Ok(Arc::clone(bytes)),
            Self::File(path) => match std::fs::read(path) {
                Ok(bytes) => Ok(Arc::new(Zeroizing::new(bytes))),
                Err(error) => Err(Error::config(
                    "cert",
                    format!("{} cannot be read", path.display()),
                    "check the path and that this process may read the file",
                )
                .because(error)),
            },
        }
    }

    /// How to call it in an error.
    fn label(&self, given: &str) -> String {
        match self {
            Self::Given(_) => given.to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// Whose certificate it is, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateFacts {
    /// The subject's common name: the merchant number on certificates of today.
    pub common_name: Option<String>,
    /// The issuer's organisation.
    pub issuer_organization: Option<String>,
    /// The serial number in upper-case hex.
    pub serial: String,
    /// The first moment of validity.
    pub not_before: Timestamp,
    /// The last moment of validity.
    pub not_after: Timestamp,
}

/// A certificate with its key, ready to be shown.
#[derive(Clone)]
pub(crate) struct Identity {
    certified: Arc<CertifiedKey>,
    facts: CertificateFacts,
}

impl Identity {
    /// Reads and checks: key fits certificate, validity, whose it is.
    ///
    /// # Errors
    /// Names the file, what is wrong with it and the next step.
    pub(crate) fn read(cert: &Cert, mch_id: &MchId, now: Timestamp) -> Result<Option<Self>> {
        let (chain, key, label) = match &cert.source {
            Source::None => return Ok(None),
            Source::Pem { certificate, key } => read_pem(certificate, key)?,
            Source::P12(bytes) => read_p12(bytes, cert.password.as_ref(), mch_id)?,
        };
        let Some(leaf) = chain.first() else { return Err(wrong(&label, "holds no certificate", DOWNLOAD)) };
        let facts = facts(leaf, &label)?;
        check_facts(&facts, &label, mch_id, now)?;
        let certified = certified(chain, &key).map_err(|error| {
            let mismatch = matches!(error, rustls::Error::InconsistentKeys(_));
            let problem = if mismatch {
                "the private key belongs to another certificate"
            } else {
                "the private key cannot be used"
            };
            wrong(&label, problem, "use the certificate and the key of the same download").because(error)
        })?;
        Ok(Some(Self { certified: Arc::new(certified), facts }))
    }

    pub(crate) fn facts(&self) -> &CertificateFacts {
        &self.facts
    }

    /// For the TLS handshake.
    pub(crate) fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }

    /// The certificates in DER, the merchant's own first.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &[u8]> {
        self.certified.cert.iter().map(AsRef::as_ref)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.facts.fmt(f)
    }
}

const DOWNLOAD: &str = "download the API certificate again (账户中心 → API安全) and use its files unchanged";

/// The key's bytes are wiped once the TLS library has its own form of it.
type Material = (Vec<CertificateDer<'static>>, Zeroizing<PrivateKeyDer<'static>>, String);

/// Pairs a chain with its key. Where the library cannot tell whether they
/// belong together, the handshake will.
fn certified(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'_>) -> Result<CertifiedKey, rustls::Error> {
    let certified = CertifiedKey::new(chain, aws_lc_rs::sign::any_supported_type(key)?);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(error) => Err(error),
    }
}

fn wrong(label: &str, problem: impl fmt::Display, next: &'static str) -> Error {
    Error::config("cert", format!("{label}: {problem}"), next)
}

fn read_pem(certificate: &Bytes, key: &Bytes) -> Result<Material> {
    let label = certificate.label("the certificate PEM");
    let text = certificate.read()?;
    let chain: Vec<_> = rustls_pemfile::certs(&mut text.as_slice())
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(&label, "a damaged PEM block", DOWNLOAD).because(error))?;
    if chain.is_empty() {
        return Err(wrong(&label, "holds no certificate (no BEGIN CERTIFICATE line)", DOWNLOAD));
    }
    let key_label = key.label("the private key PEM");
    let text = key.read()?;
    let content = String::from_utf8_lossy(&text);
    if content.contains("ENCRYPTED PRIVATE KEY") || content.contains("Proc-Type: 4,ENCRYPTED") {
        let next = "decrypt it first: openssl pkey -in KEY -out apiclient_key.pem";
        return Err(wrong(&key_label, "the private key is encrypted", next));
    }
    match rustls_pemfile::private_key(&mut text.as_slice()) {
        Ok(Some(key)) => Ok((chain, Zeroizing::new(key), label)),
        Ok(None) => Err(wrong(&key_label, "holds no private key (no BEGIN PRIVATE KEY line)", DOWNLOAD)),
        Err(error) => Err(wrong(&key_label, "a damaged PEM block", DOWNLOAD).because(error)),
    }
}

fn read_p12(bytes: &Bytes, password: Option<&Secret>, mch_id: &MchId) -> Result<Material> {
    let label = bytes.label("the .p12");
    let file = bytes.read()?;
    let password = match password {
        Some(secret) => std::str::from_utf8(secret.expose()).unwrap_or_default(),
        None => mch_id.as_str(),
    };
    let contents = p12::open(&file, password).map_err(|error| {
        let next = match error {
            p12::P12Error::WrongPassword => "the password is the merchant number unless somebody changed it",
            _ => DOWNLOAD,
        };
        wrong(&label, "cannot be opened", next).because(error)
    })?;
    let chain = contents.certificates.into_iter().map(CertificateDer::from).collect();
    let key = PrivateKeyDer::Pkcs8(contents.key.to_vec().into());
    Ok((chain, Zeroizing::new(key), label))
}

fn facts(leaf: &CertificateDer<'_>, label: &str) -> Result<CertificateFacts> {
    let facts = x509::facts(leaf).map_err(|error| wrong(label, "not an X.509 certificate", DOWNLOAD).because(error))?;
    Ok(CertificateFacts {
        common_name: facts.subject_common_name,
        issuer_organization: facts.issuer_organization,
        serial: facts.serial,
        not_before: Timestamp::from_unix(facts.not_before),
        not_after: Timestamp::from_unix(facts.not_after),
    })
}

fn check_facts(facts: &CertificateFacts, label: &str, mch_id: &MchId, now: Timestamp) -> Result<()> {
    if now > facts.not_after {
        let problem = format!("the certificate expired on {} Beijing time", facts.not_after);
        return Err(wrong(label, problem, "apply for a new certificate (账户中心 → API安全); it cannot be renewed"));
    }
    if now < facts.not_before {
        let problem = format!("the certificate is not valid before {} Beijing time", facts.not_before);
        return Err(wrong(label, problem, "check this machine's clock"));
    }
    if let Some(name) = &facts.common_name
        && name != mch_id.as_str()
    {
        // Certificates of the old kind carry the number elsewhere.
        if MchId::new(name.as_str()).is_ok() {
            let problem = format!("the certificate belongs to merchant {name}, the configuration says {mch_id}");
            return Err(wrong(label, problem, "give each entity its own certificate"));
        }
        tracing::warn!(%mch_id, common_name = %name, "the certificate does not name the merchant");
    }
    Ok(())
}
