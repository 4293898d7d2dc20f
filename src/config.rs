//! A merchant entity (商户主体): what the SDK needs to know of it.

mod cert;
mod der;
mod p12;
#[cfg(feature = "sandbox")]
mod p12_write;
mod x509;

use std::fmt;
use std::sync::Arc;

pub(crate) use cert::Identity;
pub use cert::{Cert, CertificateFacts};
#[cfg(feature = "sandbox")]
pub(crate) use {
    p12::Contents as P12Contents,
    p12_write::{Encryption as P12Encryption, write as write_p12},
    x509::facts as certificate_facts,
};

use crate::clock::Timestamp;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::ids::{AppId, MchId};
use crate::secret::Secret;
use crate::wire::Digest;

/// What a merchant entity supplies. Implement it once per entity; it is read
/// when a [`Client`](crate::Client) is built, and never again, so key and
/// certificate may come from a file, a vault or a constant.
///
/// ```
/// use hongbao::{Cert, Endpoint, PayConfig, Secret};
///
/// struct BlueWhaleCoffee { key: Secret }
///
/// impl PayConfig for BlueWhaleCoffee {
///     fn app_id(&self) -> &str { "wx00f1e2d3c4b5a697" }
///     fn mch_id(&self) -> &str { "1510000001" }
///     fn key(&self) -> Secret { self.key.clone() }
///     fn cert(&self) -> Cert { Cert::p12_file("/etc/blue-whale/apiclient_cert.p12") }
///     fn endpoint(&self) -> Endpoint { Endpoint::production() }
/// }
/// ```
pub trait PayConfig: Send + Sync {
    /// The appid (公众账号appid) that is bound to the merchant number.
    fn app_id(&self) -> &str;

    /// The merchant number (商户号).
    fn mch_id(&self) -> &str;

    /// The APIv2 key (商户API密钥): 32 ASCII letters and digits.
    fn key(&self) -> Secret;

    /// The client certificate (API证书); [`Cert::none`] for an entity that only
    /// makes calls without one.
    fn cert(&self) -> Cert;

    /// Where the calls go.
    fn endpoint(&self) -> Endpoint;

    /// A name for people, in logs and errors; the merchant number unless told.
    fn name(&self) -> &str {
        self.mch_id()
    }

    /// The digest where an endpoint leaves the choice.
    fn digest(&self) -> Digest {
        Digest::Md5
    }

    /// The sub-merchant (特约商户) for whom this entity acts as service provider
    /// (服务商); payments, refunds and queries then carry its fields.
    fn sub_merchant(&self) -> Option<SubMerchant> {
        None
    }

    /// Keys that were replaced. Notifications that were signed with one of them
    /// still count; nothing is ever signed with them.
    fn retired_keys(&self) -> Vec<Secret> {
        Vec::new()
    }

    /// The same entity against a sandbox: only endpoint and key change, so a
    /// test runs the very configuration that will run against production.
    ///
    /// ```
    /// # use hongbao::{Cert, Endpoint, PayConfig, Secret};
    /// # fn test(config: impl PayConfig, ca_pem: Vec<u8>, sandbox_key: Secret) {
    /// let config = config.sandboxed(Endpoint::at("https://127.0.0.1:8443", ca_pem), sandbox_key);
    /// # }
    /// ```
    fn sandboxed(self, endpoint: Endpoint, key: Secret) -> Sandboxed<Self>
    where
        Self: Sized,
    {
        Sandboxed { config: self, endpoint, key }
    }
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<T: PayConfig + ?Sized> PayConfig for $pointer {
            fn app_id(&self) -> &str { (**self).app_id() }
            fn mch_id(&self) -> &str { (**self).mch_id() }
            fn key(&self) -> Secret { (**self).key() }
            fn cert(&self) -> Cert { (**self).cert() }
            fn endpoint(&self) -> Endpoint { (**self).endpoint() }
            fn name(&self) -> &str { (**self).name() }
            fn digest(&self) -> Digest { (**self).digest() }
            fn sub_merchant(&self) -> Option<SubMerchant> { (**self).sub_merchant() }
            fn retired_keys(&self) -> Vec<Secret> { (**self).retired_keys() }
        }
    )*};
}

forward!(&T, Box<T>, Arc<T>);

/// A configuration whose endpoint and key are replaced;
/// see [`PayConfig::sandboxed`].
#[derive(Clone)]
pub struct Sandboxed<C> {
    config: C,
    endpoint: Endpoint,
    key: Secret,
}

impl<C: PayConfig> PayConfig for Sandboxed<C> {
    fn app_id(&self) -> &str {
        self.config.app_id()
    }

    fn mch_id(&self) -> &str {
        self.config.mch_id()
    }

    fn key(&self) -> Secret {
        self.key.clone()
    }

    fn cert(&self) -> Cert {
        self.config.cert()
    }

    fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    fn name(&self) -> &str {
        self.config.name()
    }

    fn digest(&self) -> Digest {
        self.config.digest()
    }

    fn sub_merchant(&self) -> Option<SubMerchant> {
        self.config.sub_merchant()
    }
}

/// A ready value for configurations that come from a file or a database.
#[derive(Clone)]
pub struct Entity {
    /// See [`PayConfig::name`].
    pub name: String,
    /// See [`PayConfig::app_id`].
    pub app_id: String,
    /// See [`PayConfig::mch_id`].
    pub mch_id: String,
    /// See [`PayConfig::key`].
    pub key: Secret,
    /// See [`PayConfig::cert`].
    pub cert: Cert,
    /// See [`PayConfig::endpoint`].
    pub endpoint: Endpoint,
    /// See [`PayConfig::digest`].
    pub digest: Digest,
    /// See [`PayConfig::sub_merchant`].
    pub sub_merchant: Option<SubMerchant>,
}

impl PayConfig for Entity {
    fn app_id(&self) -> &str {
        &self.app_id
    }

    fn mch_id(&self) -> &str {
        &self.mch_id
    }

    fn key(&self) -> Secret {
        self.key.clone()
    }

    fn cert(&self) -> Cert {
        self.cert.clone()
    }

    fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn sub_merchant(&self) -> Option<SubMerchant> {
        self.sub_merchant.clone()
    }
}

/// A sub-merchant (特约商户) of a service provider: its number, and its appid
/// where users are known under that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubMerchant {
    mch_id: MchId,
    app_id: Option<AppId>,
}

impl SubMerchant {
    /// A sub-merchant without an appid of its own.
    #[must_use]
    pub const fn new(mch_id: MchId) -> Self {
        Self { mch_id, app_id: None }
    }

    /// With the appid under which its users are known (`sub_appid`).
    #[must_use]
    pub fn with_app_id(mut self, app_id: AppId) -> Self {
        self.app_id = Some(app_id);
        self
    }

    /// The number (子商户号, `sub_mch_id`).
    #[must_use]
    pub const fn mch_id(&self) -> &MchId {
        &self.mch_id
    }

    /// The appid (子商户公众账号ID, `sub_appid`).
    #[must_use]
    pub const fn app_id(&self) -> Option<&AppId> {
        self.app_id.as_ref()
    }
}

/// A configuration after it was read: parsed, and checked against itself.
pub struct Merchant {
    pub(crate) name: String,
    pub(crate) app_id: AppId,
    pub(crate) mch_id: MchId,
    pub(crate) key: Secret,
    pub(crate) identity: Option<Identity>,
    pub(crate) endpoint: Endpoint,
    pub(crate) digest: Digest,
    pub(crate) sub_merchant: Option<SubMerchant>,
    pub(crate) retired_keys: Vec<Secret>,
}

impl Merchant {
    /// Reads a configuration once and for all.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the field or file that cannot be used.
    pub(crate) fn read(config: &dyn PayConfig, now: Timestamp) -> Result<Self> {
        let app_id = AppId::new(config.app_id()).map_err(|error| {
            Error::config("app_id", error, "copy it from the official account's or mini program's settings")
        })?;
        let mch_id = MchId::new(config.mch_id())
            .map_err(|error| Error::config("mch_id", error, "copy it from the merchant platform"))?;
        let key = config.key();
        check_key("key", &key)?;
        let retired_keys = config.retired_keys();
        // An empty one would be a key that everybody knows.
        retired_keys.iter().try_for_each(|key| check_key("retired_keys", key))?;
        let endpoint = config.endpoint();
        endpoint.hosts()?;
        let identity = Identity::read(&config.cert(), &mch_id, now)?;
        if endpoint.is_platform() {
            refuse_test_material(&key, identity.as_ref())?;
        }
        Ok(Self {
            name: config.name().to_owned(),
            app_id,
            mch_id,
            key,
            identity,
            endpoint,
            digest: config.digest(),
            sub_merchant: config.sub_merchant(),
            retired_keys,
        })
    }

    /// The name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The appid.
    #[must_use]
    pub fn app_id(&self) -> &AppId {
        &self.app_id
    }

    /// The merchant number.
    #[must_use]
    pub fn mch_id(&self) -> &MchId {
        &self.mch_id
    }

    /// Where the calls go.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The sub-merchant for whom it acts.
    #[must_use]
    pub fn sub_merchant(&self) -> Option<&SubMerchant> {
        self.sub_merchant.as_ref()
    }

    /// Whose certificate it is, and until when.
    #[must_use]
    pub fn certificate(&self) -> Option<&CertificateFacts> {
        self.identity.as_ref().map(Identity::facts)
    }
}

impl fmt::Debug for Merchant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merchant")
            .field("name", &self.name)
            .field("app_id", &self.app_id.as_str())
            .field("mch_id", &self.mch_id.as_str())
            .field("sub_merchant", &self.sub_merchant)
            .field("certificate", &self.certificate())
            .finish_non_exhaustive()
    }
}

/// How the keys of sandboxes begin, ours and that of published test vectors.
pub(crate) const SANDBOX_KEY_MARKS: [&str; 2] = ["HongbaoSandbox", "TestKey0"];
/// The organisation in whose name our sandbox issues certificates.
pub(crate) const SANDBOX_ORGANIZATION: &str = "Hongbao Sandbox";

const KEY_LEN: usize = 32;

fn check_key(field: &'static str, key: &Secret) -> Result<()> {
    let bytes = key.expose();
    let next = "copy the APIv2 key (账户中心 → API安全 → APIv2密钥) without anything around it";
    if bytes.iter().any(u8::is_ascii_whitespace) {
        let problem = format!("{} bytes with white space or a line break among them", bytes.len());
        return Err(Error::config(field, problem, next));
    }
    if bytes.len() != KEY_LEN {
        return Err(Error::config(field, format!("must have {KEY_LEN} characters, found {}", bytes.len()), next));
    }
    if !bytes.iter().all(u8::is_ascii_alphanumeric) {
        return Err(Error::config(field, "has other characters than ASCII letters and digits", next));
    }
    Ok(())
}

/// What a sandbox hands out must never meet the real platform.
fn refuse_test_material(key: &Secret, identity: Option<&Identity>) -> Result<()> {
    let next = "give this entity its real key and certificate, or point its endpoint at the sandbox";
    if SANDBOX_KEY_MARKS.iter().any(|mark| key.expose().starts_with(mark.as_bytes())) {
        return Err(Error::config("key", "a sandbox's test key cannot be used against WeChat Pay itself", next));
    }
    let issuer = identity.and_then(|identity| identity.facts().issuer_organization.as_deref());
    if issuer == Some(SANDBOX_ORGANIZATION) {
        return Err(Error::config("cert", "a sandbox's certificate cannot be used against WeChat Pay itself", next));
    }
    Ok(())
}
