//! What every message must pass before its endpoint sees it.
//!
//! Red packets and payments are two houses with customs of their own, so each
//! has its file: which checks come in which order, and in which words they
//! refuse.

mod payment;
mod red_packet;

use std::net::IpAddr;

use super::certificates::Peer;
use super::desk::Desk;
use super::refusal::Refusal;
use super::routes::{self, Family, Found};
use crate::code;
use crate::secret::Secret;
use crate::wire::{self, Contract, Digest, Doc, Generation, XmlError};

/// A request as the socket or the test hands it over.
pub(crate) struct Incoming<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) peer: &'a Peer,
    pub(crate) ip: IpAddr,
    /// The header `Wechatpay-Negative-Test`.
    pub(crate) negative_test: Option<&'a str>,
    /// All headers, for the log, which masks what is secret.
    pub(crate) headers: Vec<(&'a str, &'a [u8])>,
}

/// A message that passed.
pub(crate) struct Call {
    pub(crate) contract: &'static Contract,
    /// The documented fields that were filled, whole numbers re-printed.
    pub(crate) doc: Doc,
    pub(crate) mch_id: String,
    pub(crate) app_id: String,
    /// What the answer is signed with.
    pub(crate) key: Secret,
    pub(crate) digest: Digest,
    /// The official sandbox whose prefix the path had.
    pub(crate) official: Option<Generation>,
    /// The case that is asked for (异常用例).
    pub(crate) negative_test: Option<String>,
    /// Whether the bill is to be kept in `SENDING`.
    pub(crate) hold: bool,
}

impl Call {
    /// A field that the gate has checked to be there, or an optional one.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.doc.get(field).unwrap_or_default()
    }

    /// An optional field.
    pub(crate) fn filled(&self, field: &str) -> Option<String> {
        self.doc.get_filled(field).map(str::to_owned)
    }

    /// A whole number that the gate has checked.
    pub(crate) fn integer(&self, field: &str) -> i64 {
        self.text(field).parse().unwrap_or(0)
    }
}

/// Lets a message pass or refuses it.
pub(crate) fn check(desk: &Desk, found: Found, incoming: &Incoming<'_>) -> Result<Call, Refusal> {
    match found.route.family {
        Family::Payment => payment::check(desk, found, incoming),
        Family::RedPacket | Family::SignKey => red_packet::check(desk, found.route, incoming),
    }
}

/// How the note of a body begins that is no message.
pub(super) const UNREADABLE: &str = "the body cannot be read";

/// A message below the root that the protocol has, or the one that published
/// clients send to payments.
pub(super) fn message(body: &[u8]) -> Result<Doc, XmlError> {
    wire::read_xml(body).or_else(|error| wire::read_xml_below(body, "root").map_err(|_| error))
}

/// The fields that the gateway signs, and by which digest: for the explanation of
/// a signature that was refused.
pub(super) fn signed(found: Found, received: &Doc) -> (Doc, Digest) {
    let route = routes::choose(found.route, received);
    match route.family {
        Family::Payment => (received.clone(), payment::named_digest(&route.contract, received)),
        Family::RedPacket | Family::SignKey => red_packet::signed(route, received),
    }
}

/// Why a signature does not hold, for the developer. `signed`: the fields that
/// the gateway signs; `received`: all that came.
fn wrong_signature(
    contract: &Contract,
    signed: &Doc,
    received: &Doc,
    mch_id: &str,
    key: &Secret,
    digest: Digest,
) -> String {
    let given = received.get("sign").unwrap_or_default();
    let ignored: Vec<&str> = received
        .iter()
        .map(|(name, _)| name)
        .filter(|name| *name != "sign" && contract.kind_of(name).is_none())
        .collect();
    let mut note =
        format!("{digest} of {:?} followed by the key of {mch_id} was expected", wire::string_to_sign(signed));
    if given.is_empty() {
        note.push_str("; no sign was sent");
    } else if wire::verify(signed, given, key, digest) {
        note.push_str("; the sign is in lower-case hex");
    } else if !ignored.is_empty() && wire::verify(received, given, key, digest) {
        note.push_str(&format!("; the client signed fields that the endpoint does not have: {}", ignored.join(", ")));
    } else if digest != Digest::HmacSha256 && wire::verify(signed, given, key, Digest::HmacSha256) {
        note.push_str("; the client signed with HMAC-SHA256");
    } else if digest != Digest::Md5 && wire::verify(signed, given, key, Digest::Md5) {
        note.push_str("; the client signed with MD5");
    }
    note
}

/// Whether the signature holds in the form in which it is sent.
fn holds(signed: &Doc, received: &Doc, key: &Secret, digest: Digest) -> bool {
    let given = received.get("sign").unwrap_or_default();
    wire::verify(signed, given, key, digest) && !given.bytes().any(|b| b.is_ascii_lowercase())
}

/// The certificate in words.
pub(crate) fn describe(peer: &Peer) -> String {
    match peer {
        Peer::Absent => "none".to_owned(),
        Peer::Good { mch_id, serial, not_after, .. } => {
            format!("merchant {mch_id}, serial {serial}, until {not_after}")
        }
        Peer::Bad(problem, _) => format!("not accepted: {problem}"),
    }
}

/// The official text of a code, whichever call it belongs to.
pub(crate) fn official_text(contract: &Contract, code_text: &str) -> String {
    let entry = contract.code(code_text).or_else(|| code::find(code::RED_PACKET_SEND, code_text));
    entry.map_or_else(|| "未知错误".to_owned(), |entry| entry.text.to_owned())
}
