//! The sandbox's own certificate authority, and its judgement of what clients show.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256, RsaKeySize, SanType, SerialNumber,
};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use zeroize::Zeroizing;

use super::clock::SandboxClock;
use super::failed;
use super::log::CertificateFacts;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::{P12Contents, P12Encryption, SANDBOX_ORGANIZATION, certificate_facts, write_p12};
use crate::error::Result;

/// Which keys new certificates get.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// As WeChat's merchants have them; a tenth of a second each.
    Rsa,
    /// For sandboxes inside a test, which must start at once.
    EllipticCurve,
}

/// Issues certificates and judges them.
pub(crate) struct Authority {
    certificate_pem: String,
    key: KeyPair,
    verifier: Arc<dyn ClientCertVerifier>,
}

/// A certificate with its key, as files would hold them.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: Zeroizing<String>,
    certificate_der: Vec<u8>,
    key_der: Zeroizing<Vec<u8>>,
}

/// What a client showed, as far as issuer and form go; its validity is asked
/// again at each request, on the sandbox's clock.
#[derive(Clone, Debug)]
pub(crate) enum Peer {
    /// No certificate.
    Absent,
    /// From the sandbox's CA, or one that an entity was admitted with.
    Good { mch_id: String, serial: String, issuer: String, not_before: Timestamp, not_after: Timestamp },
    /// Anything else: why, and what it says about itself if it is a certificate.
    Bad(String, Option<Box<CertificateFacts>>),
}

impl Peer {
    /// For the log.
    pub(super) fn facts(&self) -> Option<CertificateFacts> {
        match self {
            Self::Absent => None,
            Self::Bad(_, facts) => facts.as_deref().cloned(),
            Self::Good { mch_id, serial, issuer, not_before, not_after } => Some(CertificateFacts {
                mch_id: mch_id.clone(),
                issuer: issuer.clone(),
                serial: serial.clone(),
                not_before: *not_before,
                not_after: *not_after,
                known: true,
            }),
        }
    }
}

impl Authority {
    pub(crate) fn new() -> Result<Self> {
        let key = KeyPair::generate().map_err(|error| failed("the CA's key", error))?;
        let certificate = params().self_signed(&key).map_err(|error| failed("the CA's certificate", error))?;
        Self::with(certificate.pem(), key)
    }

    /// The CA of an earlier start.
    pub(crate) fn load(certificate_pem: &str, key_pem: &str) -> Result<Self> {
        let key = KeyPair::from_pem(key_pem).map_err(|error| failed("the CA's key", error))?;
        Self::with(certificate_pem.to_owned(), key)
    }

    fn with(certificate_pem: String, key: KeyPair) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in rustls_pemfile::certs(&mut certificate_pem.as_bytes()) {
            let certificate = certificate.map_err(|error| failed("the CA's certificate", error))?;
            roots.add(certificate).map_err(|error| failed("the CA's certificate", error))?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
            .build()
            .map_err(|error| failed("the CA's certificate", error))?;
        Ok(Self { certificate_pem, key, verifier })
    }

    pub(crate) fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    pub(crate) fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.key.serialize_pem())
    }

    /// A merchant's certificate, valid for five years like WeChat's: by the
    /// machine's clock, which clients look at, and by the sandbox's.
    pub(crate) fn issue_merchant(
        &self,
        mch_id: &str,
        name: &str,
        kind: KeyKind,
        clock: SandboxClock,
    ) -> Result<Issued> {
        let mut subject = CertificateParams::default();
        for (field, value) in [
            (DnType::CountryName, "CN"),
            (DnType::LocalityName, "ShenZhen"),
            (DnType::OrganizationName, "微信商户系统"),
            (DnType::OrganizationalUnitName, name),
            (DnType::CommonName, mch_id),
        ] {
            subject.distinguished_name.push(field, value);
        }
        subject.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        subject.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (here, there) = (SystemClock.now(), clock.now());
        // From yesterday, so that no time zone makes it invalid today.
        let yesterday = Timestamp::from_unix(here.min(there).unix() - 86_400);
        let (year, month, day) = yesterday.beijing_day().parts();
        subject.not_before = rcgen::date_time_ymd(year, month, day);
        let (year, month, day) = here.max(there).beijing_day().parts();
        // The 29th of February has no fifth anniversary.
        subject.not_after = rcgen::date_time_ymd(year + 5, month, day.min(28));
        self.issue(subject, kind)
    }

    /// The gateway's certificate, for this machine and WeChat Pay's host names.
    pub(crate) fn issue_server(&self) -> Result<Issued> {
        let mut subject = CertificateParams::default();
        subject.distinguished_name.push(DnType::CommonName, "hongbao sandbox gateway");
        let hosts = ["localhost", "api.mch.weixin.qq.com", "api2.mch.weixin.qq.com"];
        for host in hosts {
            let host = host.try_into().map_err(|error| failed("the gateway's certificate", error))?;
            subject.subject_alt_names.push(SanType::DnsName(host));
        }
        subject.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        subject.subject_alt_names.push(SanType::IpAddress(std::net::Ipv6Addr::LOCALHOST.into()));
        subject.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        subject.not_before = rcgen::date_time_ymd(2024, 1, 1);
        subject.not_after = rcgen::date_time_ymd(2099, 1, 1);
        self.issue(subject, KeyKind::EllipticCurve)
    }

    fn issue(&self, mut subject: CertificateParams, kind: KeyKind) -> Result<Issued> {
        let key = match kind {
            KeyKind::Rsa => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            KeyKind::EllipticCurve => KeyPair::generate(),
        }
        .map_err(|error| failed("a certificate's key", error))?;
        subject.serial_number = Some(SerialNumber::from_slice(&super::random::<20>()?));
        subject.use_authority_key_identifier_extension = true;
        let issuer = Issuer::new(params(), &self.key);
        let certificate = subject.signed_by(&key, &issuer).map_err(|error| failed("a certificate", error))?;
        Ok(Issued {
            certificate_pem: certificate.pem(),
            key_pem: Zeroizing::new(key.serialize_pem()),
            certificate_der: certificate.der().to_vec(),
            key_der: Zeroizing::new(key.serialize_der()),
        })
    }

    /// Judges the certificates of a client; `admitted` tells whose a foreign
    /// one is.
    pub(crate) fn judge(&self, chain: &[&[u8]], admitted: impl FnOnce(&[u8]) -> Option<String>) -> Peer {
        let Some((leaf, rest)) = chain.split_first() else { return Peer::Absent };
        let facts = match certificate_facts(leaf) {
            Ok(facts) => facts,
            Err(error) => return Peer::Bad(format!("not a certificate: {error}"), None),
        };
        let (not_before, not_after) = (Timestamp::from_unix(facts.not_before), Timestamp::from_unix(facts.not_after));
        let issuer = facts.issuer_common_name.unwrap_or_default();
        let named = facts.subject_common_name.unwrap_or_default();
        let mch_id = match admitted(leaf) {
            Some(mch_id) => mch_id,
            None => {
                let within = u64::try_from(facts.not_before).unwrap_or(0);
                let rest: Vec<CertificateDer<'_>> = rest.iter().map(|der| CertificateDer::from(*der)).collect();
                let at = UnixTime::since_unix_epoch(Duration::from_secs(within));
                if let Err(error) = self.verifier.verify_client_cert(&CertificateDer::from(*leaf), &rest, at) {
                    let problem = format!("not from the sandbox's CA but from {issuer:?}: {error}");
                    let serial = facts.serial;
                    let shown = CertificateFacts { mch_id: named, issuer, serial, not_before, not_after, known: false };
                    return Peer::Bad(problem, Some(Box::new(shown)));
                }
                named
            }
        };
        Peer::Good { mch_id, serial: facts.serial, issuer, not_before, not_after }
    }
}

impl Issued {
    /// From the PEM texts of an earlier start.
    pub(crate) fn load(certificate_pem: String, key_pem: String) -> Self {
        let key_pem = Zeroizing::new(key_pem);
        Self { certificate_pem, key_pem, certificate_der: Vec::new(), key_der: Zeroizing::default() }
    }

    /// As a `.p12` whose password is `mch_id`. Only of a fresh certificate.
    pub(crate) fn p12(&self, mch_id: &str, encryption: P12Encryption) -> Result<Vec<u8>> {
        let contents = P12Contents { certificates: vec![self.certificate_der.clone()], key: self.key_der.clone() };
        let mut random = Ok(());
        let mut fill = |bytes: &mut [u8]| random = random.and(getrandom::fill(bytes));
        let file = write_p12(&contents, mch_id, "Tenpay Certificate", encryption, &mut fill);
        random.map_err(|error| failed("the system's random numbers", error))?;
        file.map_err(|error| failed("a .p12 file", error))
    }

    /// The serial number in upper-case hex.
    pub(crate) fn serial(&self) -> String {
        certificate_facts(&self.certificate_der).map(|facts| facts.serial).unwrap_or_default()
    }
}

/// The first certificate of a PEM text, in DER.
pub(crate) fn leaf_of_pem(pem: &[u8]) -> Option<Vec<u8>> {
    let first = rustls_pemfile::certs(&mut &*pem).next()?;
    first.ok().map(|certificate| certificate.to_vec())
}

/// The CA's subject, the same at each start.
fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Hongbao Sandbox CA");
    params.distinguished_name.push(DnType::OrganizationName, SANDBOX_ORGANIZATION);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    params.not_before = rcgen::date_time_ymd(2014, 1, 1);
    params.not_after = rcgen::date_time_ymd(2099, 12, 31);
    params
}
