//! The request log: what came, what was answered, and why.

use std::borrow::Cow;

use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::desk::{Desk, Table};
use super::fault::Fault;
use super::store::row_key;
use crate::clock::Timestamp;
use crate::secret::Secret;

/// One request to the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RequestRecord {
    /// Counts from one.
    pub id: u64,
    /// When, on the sandbox's clock.
    pub at: Timestamp,
    /// From where.
    pub ip: String,
    /// Which path.
    pub path: String,
    /// The merchant number in the message, whether it is true or not.
    pub mch_id: Option<String>,
    /// The certificate that was shown, in words.
    pub certificate: String,
    /// The body as it came.
    pub request: String,
    /// The HTTP status; `None` if no answer was given.
    pub status: Option<u16>,
    /// The body of the answer.
    pub answer: String,
    /// The error code of the answer, if it has one.
    pub code: Option<String>,
    /// For the developer: what was wrong and what was expected. Holds no key.
    pub note: Option<String>,
    /// The fault that was set for this call.
    pub fault: Option<Fault>,
    /// How long the sandbox took, in microseconds.
    pub micros: u64,
    /// The HTTP method; empty in records of versions before this field.
    #[serde(default)]
    pub method: String,
    /// Names and values as they came, secrets masked, long ones cut; none of a
    /// request without sockets.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// What the certificate that was shown says.
    #[serde(default)]
    pub certificate_facts: Option<CertificateFacts>,
    /// Why it was refused, for programs.
    #[serde(default)]
    pub cause: Option<Cause>,
    /// How long the answer was held back by a fault or a case, in milliseconds.
    #[serde(default)]
    pub held_millis: Option<u64>,
    /// The body in hex, if it is not UTF-8 and `request` cannot hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_hex: Option<String>,
}

/// What a client certificate says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CertificateFacts {
    /// Whose it is: the common name, or the entity that was admitted with it.
    pub mch_id: String,
    /// The common name of its issuer.
    pub issuer: String,
    /// The serial number in upper-case hex.
    pub serial: String,
    /// The first moment of its validity.
    pub not_before: Timestamp,
    /// The last second of its validity.
    pub not_after: Timestamp,
    /// Whether it comes from the sandbox's CA or an entity was admitted with it.
    pub known: bool,
}

/// Why a request was refused, where the kind of the mistake is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// The signature does not hold.
    Signature,
    /// The client certificate is missing, not accepted, or another merchant's.
    Certificate,
    /// A field breaks a rule.
    Parameter {
        /// The field's official name.
        field: String,
    },
    /// The caller's address is not on the merchant's list.
    Address,
    /// A limit.
    Limit {
        /// The name of the setting, or `balance` or `operating_balance`.
        setting: String,
        /// What it allows: fen, calls or packets. For the balance, what there is.
        most: i64,
        /// How much of it was used before.
        used: i64,
        /// How much this request wanted.
        asked: i64,
    },
}

/// So many bytes of a body are kept. Real messages have a tenth of it; ten
/// thousand of the longest bodies that the socket takes would be more than a
/// gigabyte.
pub(super) const LOGGED: usize = 16 * 1024;

/// The headers as the log keeps them.
pub(super) fn shown_headers(headers: &[(&str, &[u8])]) -> Vec<(String, String)> {
    const MOST: usize = 32;
    const LONGEST: usize = 256;
    const SECRET: [&str; 6] = ["authorization", "cookie", "token", "secret", "key", "password"];
    let shown = |(name, value): &(&str, &[u8])| {
        let value = if SECRET.iter().any(|word| name.contains(word)) {
            MASK.to_owned()
        } else {
            String::from_utf8_lossy(value.get(..LONGEST).unwrap_or(value)).into_owned()
        };
        (name.chars().take(LONGEST).collect(), value)
    };
    headers.iter().take(MOST).map(shown).collect()
}

/// What stands in the place of a secret.
pub(super) const MASK: &str = "********";

/// The message without the merchant's key, should a client have sent it: no key is
/// kept, whoever wrote it down.
pub(super) fn without_key<'a>(body: &'a [u8], key: Option<&Secret>) -> Cow<'a, [u8]> {
    let Some(key) = key.map(Secret::expose).filter(|key| key.len() >= MASK.len()) else { return body.into() };
    let mut out = Vec::new();
    let mut rest = body;
    // Nothing is kept of what is further behind.
    let near = |rest: &'a [u8]| rest.get(..LOGGED + key.len()).unwrap_or(rest);
    while let Some(at) = memmem::find(near(rest), key) {
        let (before, behind) = rest.split_at(at);
        out.extend_from_slice(before);
        out.extend_from_slice(MASK.as_bytes());
        rest = behind.get(key.len()..).unwrap_or_default();
    }
    if out.is_empty() && rest.len() == body.len() {
        return body.into();
    }
    out.extend_from_slice(rest);
    out.into()
}

/// A body that no text can hold, or its beginning.
pub(super) fn hex_unless_text(body: &[u8]) -> Option<String> {
    if std::str::from_utf8(body).is_ok() && !body.contains(&0) {
        return None;
    }
    let kept = body.get(..LOGGED).unwrap_or(body);
    Some(kept.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The bytes of [`hex_unless_text`].
pub(super) fn from_hex(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

/// So many requests are kept.
const KEPT: usize = 10_000;

impl Desk {
    pub(super) fn log(&mut self, mut record: RequestRecord) {
        record.id = self.next_request;
        self.next_request += 1;
        self.change(Table::Requests, row_key(record.id), Some(&record));
        self.requests.push_back(record);
        if self.requests.len() > KEPT
            && let Some(old) = self.requests.pop_front()
        {
            self.change::<()>(Table::Requests, row_key(old.id), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_masked_wherever_they_stand() {
        let key = Secret::new("abcdefgh12345678");
        let masked = |text: &str| String::from_utf8(without_key(text.as_bytes(), Some(&key)).into_owned()).unwrap();
        for (text, expected) in [
            ("", ""),
            ("abcdefgh1234567", "abcdefgh1234567"),
            ("abcdefgh12345678", "********"),
            ("<a>abcdefgh12345678</a>abcdefgh12345678.", "<a>********</a>********."),
            ("abcdabcdefgh12345678", "abcd********"),
        ] {
            assert_eq!(masked(text), expected);
        }
        let long = format!("{}abcdefgh12345678{}", "x".repeat(LOGGED - 3), "y".repeat(LOGGED));
        assert!(!masked(&long)[..LOGGED + 16].contains("abc"));
        // A short one would be found everywhere.
        assert_eq!(&*without_key(b"abc", Some(&Secret::new("abc"))), b"abc");
        assert_eq!(&*without_key(b"abc", None), b"abc");
    }
}
