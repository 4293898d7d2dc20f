//! In whose name something is signed.

use super::contract::Contract;
use super::digest::Digest;
use super::facts::Digests;
use crate::clock::Timestamp;
use crate::config::SubMerchant;
use crate::ids::{AppId, MchId};
use crate::secret::Secret;

/// In whose name a message is signed.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// The appid (公众账号appid).
    pub app_id: &'a AppId,
    /// The merchant number (商户号).
    pub mch_id: &'a MchId,
    /// The sub-merchant for whom a service provider (服务商) acts.
    pub sub: Option<&'a SubMerchant>,
    /// The API key, or the sandbox key in its place.
    pub key: &'a Secret,
    /// The digest where the endpoint leaves the choice.
    pub digest: Digest,
}

impl Signer<'_> {
    pub(super) fn digest(&self, contract: &Contract) -> Digest {
        match contract.digests {
            Digests::Md5Only => Digest::Md5,
            Digests::HmacOnly => Digest::HmacSha256,
            Digests::Both => self.digest,
        }
    }
}

/// A signer with the moment and the nonce of one signature: what front-end
/// parameters are made from. [`Client::stamp`](crate::Client::stamp) makes one.
#[derive(Clone)]
pub struct Stamp<'a> {
    /// In whose name.
    pub signer: Signer<'a>,
    /// When.
    pub now: Timestamp,
    /// The `nonce_str`.
    pub nonce: String,
}
