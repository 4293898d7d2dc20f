//! The request log: what came, what was answered, and why.

use std::borrow::Cow;

use memchr::{memchr2_iter, memmem};
use serde::{Deserialize, Serialize};

use super::desk::{Desk, Table};
use super::fault::Fault;
use super::gate;
use super::store::row_key;
use crate::clock::Timestamp;
use crate::config::SANDBOX_KEY_MARKS;
use crate::secret::Secret;
use crate::wire::{self, Doc};

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
pub(super) fn shown_headers(headers: &[(&str, &[u8])], own: &[Secret]) -> Vec<(String, String)> {
    const MOST: usize = 32;
    const LONGEST: usize = 256;
    const SECRET: [&str; 6] = ["authorization", "cookie", "token", "secret", "key", "password"];
    let kept = |(name, value): &(&str, &[u8])| {
        let value = if SECRET.iter().any(|word| name.contains(word)) {
            MASK.to_owned()
        } else {
            let value = without_keys(value, own);
            String::from_utf8_lossy(value.get(..LONGEST).unwrap_or(&value)).into_owned()
        };
        (shown(name, own).chars().take(LONGEST).collect(), value)
    };
    headers.iter().take(MOST).map(kept).collect()
}

/// What stands in the place of a secret.
pub(super) const MASK: &str = "********";

/// The text without keys, should a client have sent one: no key is kept, whoever
/// wrote it down. `own`: those of the merchant that the message names; test keys of
/// others are known by their mark, as are those that no message names.
pub(super) fn without_keys<'a>(text: &'a [u8], own: &[Secret]) -> Cow<'a, [u8]> {
    let mut out = Vec::new();
    let mut rest = text;
    // Nothing is kept of what is further behind.
    let near = |rest: &'a [u8]| rest.get(..LOGGED + LONGEST_KEY).unwrap_or(rest);
    while let Some((at, length)) = first_key(near(rest), own) {
        let (before, behind) = rest.split_at(at);
        out.extend_from_slice(before);
        out.extend_from_slice(MASK.as_bytes());
        rest = behind.get(length..).unwrap_or_default();
    }
    if out.is_empty() {
        return text.into();
    }
    out.extend_from_slice(rest);
    out.into()
}

/// As long as any key is that a sandbox keeps.
const LONGEST_KEY: usize = 128;

/// How long the keys are that sandboxes make.
const TEST_KEY: usize = 32;

/// Where a key stands, and how long it is.
fn first_key(text: &[u8], own: &[Secret]) -> Option<(usize, usize)> {
    // A short one would be found everywhere.
    let own = own.iter().map(Secret::expose).filter(|key| key.len() >= MASK.len());
    let own = own.filter_map(|key| Some((memmem::find(text, key)?, key.len())));
    let marked = memchr2_iter(b'H', b'h', text).find(|at| text.get(*at..).is_some_and(is_test_key));
    own.chain(marked.map(|at| (at, TEST_KEY))).min()
}

/// Whether this begins with a sandbox's key, in whatever case it was written.
fn is_test_key(text: &[u8]) -> bool {
    let mark = SANDBOX_KEY_MARKS[0].as_bytes();
    text.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark))
        && text.get(mark.len()..TEST_KEY).is_some_and(|rest| rest.iter().all(u8::is_ascii_alphanumeric))
}

/// A message without keys, those included that only its decoded values show.
pub(super) fn message_without_keys<'a>(body: &'a [u8], decoded: Option<&Doc>, own: &[Secret]) -> Cow<'a, [u8]> {
    let masked = without_keys(body, own);
    let is_key = |text: &str| first_key(text.as_bytes(), own).is_some();
    let shows_key = |doc: &Doc| doc.iter().any(|(name, value)| is_key(name) || is_key(value));
    if !decoded.is_some_and(shows_key) {
        return masked;
    }
    match gate::message(&masked) {
        // In pieces or as references: the message is written anew.
        Ok(doc) if shows_key(&doc) => {
            let mut anew = Doc::new();
            for (name, value) in doc.iter() {
                anew.push(&shown(name, own), &shown(value, own));
            }
            wire::write_xml(&anew).into_bytes().into()
        }
        _ => masked,
    }
}

/// A text without keys.
pub(super) fn shown(text: &str, own: &[Secret]) -> String {
    String::from_utf8_lossy(&without_keys(text.as_bytes(), own)).into_owned()
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
        let own = [Secret::new("abcdefgh12345678")];
        let masked = |text: &str| shown(text, &own);
        for (text, expected) in [
            ("", ""),
            ("abcdefgh1234567", "abcdefgh1234567"),
            ("abcdefgh12345678", "********"),
            ("<a>abcdefgh12345678</a>abcdefgh12345678.", "<a>********</a>********."),
            ("abcdabcdefgh12345678", "abcd********"),
            ("HongbaoSandbox", "HongbaoSandbox"),
            ("HongbaoSandbox of a shop with much to say", "HongbaoSandbox of a shop with much to say"),
            ("key=HongbaoSandboxabcdefghijkmnpqrst&", "key=********&"),
            ("HONGBAOSANDBOXABCDEFGHIJKMNPQRST", "********"),
        ] {
            assert_eq!(masked(text), expected);
        }
        let long = format!("{}abcdefgh12345678{}", "x".repeat(LOGGED - 3), "y".repeat(LOGGED));
        assert!(!masked(&long)[..LOGGED + 16].contains("abc"));
        // A short one would be found everywhere.
        assert_eq!(&*without_keys(b"abc", &[Secret::new("abc")]), b"abc");
        assert_eq!(&*without_keys(b"abc", &[]), b"abc");
    }

    #[test]
    fn keys_are_masked_that_only_decoding_shows() {
        for body in [
            "<xml><a>&#72;ongbaoSandboxabcdefghijkmnpqrst</a><b>1</b></xml>",
            "<xml><a><![CDATA[HongbaoSandbox]]><![CDATA[abcdefghijkmnpqrst]]></a><b>1</b></xml>",
        ] {
            let read = gate::message(body.as_bytes()).unwrap();
            let masked = message_without_keys(body.as_bytes(), Some(&read), &[]);
            let doc = gate::message(&masked).unwrap();
            assert_eq!((doc.get("a"), doc.get("b")), (Some(MASK), Some("1")), "{body}");
        }
        let plain = b"<xml><a>&#72;ello</a></xml>";
        assert_eq!(&*message_without_keys(plain, Some(&gate::message(plain).unwrap()), &[]), plain);
    }
}
