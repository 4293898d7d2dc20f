//! The v2 signature: sorted fields, the key at the end, one digest.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::doc::Doc;
use crate::secret::Secret;

/// The digest of a signature (签名类型, `sign_type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Digest {
    /// `MD5`, the default of the protocol; 32 hex digits.
    #[default]
    Md5,
    /// `HMAC-SHA256`; 64 hex digits.
    HmacSha256,
}

impl Digest {
    /// The value of `sign_type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::HmacSha256 => "HMAC-SHA256",
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The signature of a document in upper-case hex: all fields but `sign` and the
/// empty ones, in byte order of their names.
///
/// Source: rules of the protocol (安全规范, read 2026-11).
#[must_use]
pub fn sign(doc: &Doc, key: &Secret, digest: Digest) -> String {
    Signature::of(doc, key, digest).as_str().to_owned()
}

/// Whether `sign` is the signature of the document. The comparison takes the
/// same time wherever the two differ; the case of the hex digits is ignored.
#[must_use]
pub fn verify(doc: &Doc, sign: &str, key: &Secret, digest: Digest) -> bool {
    let expected = Signature::of(doc, key, digest);
    let given = sign.as_bytes();
    let mut upper = [0_u8; 64];
    let Some(upper) = upper.get_mut(..given.len()) else { return false };
    upper.copy_from_slice(given);
    upper.make_ascii_uppercase();
    upper.ct_eq(expected.as_bytes()).into()
}

/// The key under which refund notifications are encrypted.
pub(super) fn lower_hex_md5(key: &Secret) -> Zeroizing<[u8; 32]> {
    let hex = Signature::hex(&Md5::digest(key.expose())).hex;
    let mut lower = Zeroizing::new([0; 32]);
    for (to, from) in lower.iter_mut().zip(hex) {
        *to = from.to_ascii_lowercase();
    }
    lower
}

/// Digests as such, for who looks for the mistake in a signature.
#[cfg(feature = "sandbox")]
pub(crate) mod plain {
    use super::*;

    pub(crate) fn md5(parts: &[&[u8]]) -> Vec<u8> {
        parts.iter().fold(Md5::new(), |sum, part| sum.chain_update(part)).finalize().to_vec()
    }

    pub(crate) fn sha256(parts: &[&[u8]]) -> Vec<u8> {
        parts.iter().fold(Sha256::new(), |sum, part| sum.chain_update(part)).finalize().to_vec()
    }

    pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        // HMAC takes a key of any length, so the empty arm is never reached.
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
        parts.iter().fold(mac, |mac, part| mac.chain_update(part)).finalize().into_bytes().to_vec()
    }

    pub(crate) fn hmac_md5(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let Ok(mac) = Hmac::<Md5>::new_from_slice(key) else { return Vec::new() };
        parts.iter().fold(mac, |mac, part| mac.chain_update(part)).finalize().into_bytes().to_vec()
    }
}

/// The string to sign up to and without the key, for people who compare.
#[must_use]
pub fn string_to_sign(doc: &Doc) -> String {
    let mut text = String::with_capacity(doc.bytes() + 2 * doc.len() + 4);
    for (name, value) in doc.sorted() {
        if name != "sign" {
            text.push_str(name);
            text.push('=');
            text.push_str(value);
            text.push('&');
        }
    }
    text.push_str("key=");
    text
}

/// Upper-case hex in place.
pub(super) struct Signature {
    hex: [u8; 64],
    len: usize,
}

impl Signature {
    pub(super) fn of(doc: &Doc, key: &Secret, digest: Digest) -> Self {
        // The key is fed by itself, so that no buffer of ours ever holds it.
        let text = string_to_sign(doc);
        match digest {
            Digest::Md5 => Self::hex(&Md5::new_with_prefix(text).chain_update(key.expose()).finalize()),
            Digest::HmacSha256 => {
                // HMAC takes a key of any length, so this arm cannot be left.
                let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose()) else { return Self::hex(&[]) };
                mac.update(text.as_bytes());
                mac.update(key.expose());
                Self::hex(&mac.finalize().into_bytes())
            }
        }
    }

    fn hex(bytes: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let mut hex = [0; 64];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(bytes) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        Self { hex, len: bytes.len() * 2 }
    }

    fn as_bytes(&self) -> &[u8] {
        self.hex.get(..self.len).unwrap_or_default()
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negatives_of_the_published_vector() {
        let doc: Doc = [
            ("appid", "wxd930ea5d5a258f4f"),
            ("mch_id", "10000100"),
            ("device_info", "1000"),
            ("body", "test"),
            ("nonce_str", "ibuaiVcKdpRxkhJA"),
        ]
        .into_iter()
        .collect();
        let key = Secret::new("192006250b4c09247ec02edce69f6a2d");
        let good = "9A0A8659F005D6984697E2CA0A9CF3B7";
        assert_eq!(sign(&doc, &key, Digest::Md5), good);
        assert!(verify(&doc, good, &key, Digest::Md5));
        assert!(verify(&doc, &good.to_lowercase(), &key, Digest::Md5));
        let other = Secret::new("192006250b4c09247ec02edce69f6a2D");
        for wrong in ["", "9", &good[1..], &format!("{good}0"), &"0".repeat(32), &"0".repeat(65)] {
            assert!(!verify(&doc, wrong, &key, Digest::Md5), "{wrong}");
        }
        assert!(!verify(&doc, good, &other, Digest::Md5));
        assert!(!verify(&doc, good, &key, Digest::HmacSha256));
    }

    #[test]
    fn the_shown_string_stops_before_the_key() {
        let doc: Doc = [("b", "2"), ("a", "1"), ("sign", "x"), ("c", "")].into_iter().collect();
        assert_eq!(string_to_sign(&doc), "a=1&b=2&key=");
    }
}
