//! What every message must pass before its endpoint sees it, in the order that
//! published answers suggest: XML, certificate, required fields, merchant and
//! appid, caller's address, signature.
//!
//! Differs from the real gateway: the order is inferred, not documented; length
//! is counted in characters; a lower-case `sign` is refused.

use std::net::{IpAddr, Ipv4Addr};

use super::certificates::Peer;
use super::desk::Desk;
use super::routes::Route;
use crate::clock::Timestamp;
use crate::code;
use crate::secret::Secret;
use crate::wire::{self, Contract, Digest, Doc, Kind};

/// A request as the socket or the test hands it over.
pub(crate) struct Incoming<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) peer: &'a Peer,
    pub(crate) ip: IpAddr,
}

/// A message that passed.
pub(crate) struct Call {
    pub(crate) contract: &'static Contract,
    /// The documented fields that were filled, whole numbers re-printed.
    pub(crate) doc: Doc,
    pub(crate) mch_id: String,
    pub(crate) app_id: String,
    /// Whether the bill is to be kept in `SENDING`.
    pub(crate) hold: bool,
}

impl Call {
    /// A field that the gate has checked to be there, or an optional one.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.doc.get(field).unwrap_or_default()
    }

    /// A whole number that the gate has checked.
    pub(crate) fn integer(&self, field: &str) -> i64 {
        self.text(field).parse().unwrap_or(0)
    }
}

/// A refusal in the gateway's words.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// `None`: `return_code` is FAIL and there is only a text.
    pub(crate) code: Option<String>,
    pub(crate) text: String,
    /// Fields that the answer repeats.
    pub(crate) echo: Vec<(String, String)>,
    /// `return_code` is FAIL although there is a code.
    pub(crate) failed: bool,
    /// For the developer; goes to the log and not to the client.
    pub(crate) note: Option<String>,
}

impl Refusal {
    /// A code of the endpoint with its official text.
    pub(crate) fn of(contract: &Contract, code: &str) -> Self {
        let text = contract.code(code).map_or("未知错误", |entry| entry.text);
        Self::with_text(code, text)
    }

    /// A code with another text.
    pub(crate) fn with_text(code: &str, text: impl Into<String>) -> Self {
        Self { code: Some(code.to_owned()), text: text.into(), echo: Vec::new(), failed: false, note: None }
    }

    /// `return_code` FAIL with a text and nothing else.
    pub(crate) fn communication(text: impl Into<String>) -> Self {
        Self { code: None, text: text.into(), echo: Vec::new(), failed: true, note: None }
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Repeats what identifies the request, as live refusals do.
    pub(crate) fn echoing(mut self, contract: &Contract, doc: &Doc) -> Self {
        self.echo = contract
            .echo
            .iter()
            .filter_map(|field| doc.get_filled(field).map(|value| ((*field).to_owned(), value.to_owned())))
            .collect();
        self
    }

    pub(crate) fn into_doc(self) -> Doc {
        let mut doc = Doc::new();
        doc.push("return_code", if self.failed { "FAIL" } else { "SUCCESS" });
        doc.push("return_msg", &self.text);
        if let Some(code) = &self.code {
            doc.push("result_code", "FAIL");
            doc.push("err_code", code);
            doc.push("err_code_des", &self.text);
        }
        for (field, value) in &self.echo {
            doc.push(field, value);
        }
        doc
    }
}

/// Lets a message pass or refuses it.
pub(crate) fn check(desk: &Desk, route: &'static Route, incoming: &Incoming<'_>) -> Result<Call, Refusal> {
    let contract = &route.contract;
    if incoming.method != "POST" {
        return Err(Refusal::communication("请使用post方法").note("only POST is served"));
    }
    let received = wire::read_xml(incoming.body)
        .map_err(|error| Refusal::of(contract, route.malformed).note(format!("the body cannot be read: {error}")))?;
    if contract.certificate {
        certificate(contract, incoming.peer, received.get_filled(contract.mch_field), desk.now())?;
    }
    let doc = documented_fields(route, &received)?;
    let (mch_id, app_id) = merchant(desk, route, &doc)?;
    let refuse = |code: &str, text: &str| Refusal::with_text(code, text).echoing(contract, &doc);
    let entity = desk.entity(&mch_id).ok_or_else(|| refuse("PARAM_ERROR", "参数错误:输入的商户号有误"))?;
    if contract.certificate && !entity.settings.allowed_ips.contains(&incoming.ip) {
        let note = format!("{} is not among the addresses that {mch_id} allows", incoming.ip);
        return Err(refuse("NO_AUTH", "IP地址非你在商户平台设置的可用IP地址").note(note));
    }
    signature(contract, &doc, &received, &mch_id, &entity.key)
        .map_err(|note| Refusal::of(contract, route.sign_error).echoing(contract, &doc).note(note))?;
    Ok(Call { contract: &route.contract, doc, mch_id, app_id, hold: false })
}

fn certificate(contract: &Contract, peer: &Peer, claimed: Option<&str>, now: Timestamp) -> Result<(), Refusal> {
    let problem = match peer {
        Peer::Absent => "no client certificate was shown".to_owned(),
        Peer::Bad(problem) => format!("the client certificate is not accepted: {problem}"),
        Peer::Good { not_after, .. } if now > *not_after => format!("the client certificate expired on {not_after}"),
        Peer::Good { not_before, .. } if now < *not_before => {
            format!("the client certificate is not valid before {not_before}")
        }
        // A message without a merchant number is refused for that, a step later.
        Peer::Good { mch_id, .. } if claimed.is_some_and(|claimed| claimed != mch_id) => {
            let claimed = claimed.unwrap_or_default();
            format!("the client certificate belongs to merchant {mch_id}, the message says {claimed}")
        }
        Peer::Good { .. } => return Ok(()),
    };
    Err(Refusal::of(contract, "CA_ERROR").note(problem))
}

/// The fields that the endpoint documents, filled and well formed. What it does
/// not know is ignored, as the real one does, and so is no part of the
/// signature.
fn documented_fields(route: &Route, received: &Doc) -> Result<Doc, Refusal> {
    let contract = &route.contract;
    let wrong = |field: &str, note: String| {
        let text = route.texts.iter().find(|(name, _)| *name == field).map_or(field, |(_, text)| text);
        Refusal::with_text("PARAM_ERROR", format!("参数错误:{text}")).note(format!("{field}: {note}"))
    };
    let mut doc = Doc::with_capacity(received.bytes());
    for (name, value) in received.iter() {
        let Some(kind) = contract.kind_of(name) else { continue };
        if value.is_empty() {
            continue;
        }
        match kind {
            Kind::Text(max) if value.chars().count() > usize::from(max) => {
                return Err(wrong(name, format!("at most {max} characters, found {}", value.chars().count())));
            }
            Kind::Bytes(max) if value.len() > usize::from(max) => {
                return Err(wrong(name, format!("at most {max} bytes, found {}", value.len())));
            }
            Kind::OrderNumber(max) if value.len() > usize::from(max) || !wire::is_order_number(value) => {
                return Err(wrong(name, format!("at most {max} letters, digits and _-|*@, found {value:?}")));
            }
            Kind::Text(_) | Kind::Bytes(_) | Kind::OrderNumber(_) => doc.push(name, value),
            // The platform reads the digits it finds and signs what it read, so
            // `1.00` becomes `1` and a wrong signature.
            Kind::Integer => {
                let digits = value.find(|c: char| !c.is_ascii_digit()).map_or(value, |end| &value[..end]);
                let number: i64 = digits.parse().map_err(|_| wrong(name, format!("{value:?} is no whole number")))?;
                doc.push(name, &number.to_string())
            }
        };
    }
    let identity = ["nonce_str", contract.mch_field].into_iter().chain(contract.app_field);
    let required = contract.fields.iter().filter(|field| field.required).map(|field| field.name);
    for name in identity.chain(required) {
        if !doc.has(name) {
            return Err(wrong(name, "required, and missing or empty".to_owned()));
        }
    }
    for (name, value) in contract.fixed {
        if doc.get(name) != Some(value) {
            return Err(wrong(name, format!("must be {value}, found {:?}", doc.get(name).unwrap_or_default())));
        }
    }
    if let Some(ip) = doc.get("client_ip")
        && ip.parse::<Ipv4Addr>().is_err()
    {
        return Err(wrong("client_ip", format!("{ip:?} is no IPv4 address")));
    }
    if let Some(number) = contract.number
        && matches!(contract.kind_of(number), Some(Kind::Text(_)))
        && !doc.get(number).unwrap_or_default().bytes().all(|b| b.is_ascii_alphanumeric())
    {
        let text = "输入的商户订单号有误";
        return Err(Refusal::with_text("PARAM_ERROR", text).note(format!("{number}: letters and digits only")));
    }
    Ok(doc)
}

fn merchant(desk: &Desk, route: &Route, doc: &Doc) -> Result<(String, String), Refusal> {
    let contract = &route.contract;
    let refuse = |text: &str, note: String| {
        Refusal::with_text("PARAM_ERROR", format!("参数错误:{text}")).echoing(contract, doc).note(note)
    };
    let mch_id = doc.get(contract.mch_field).unwrap_or_default();
    let Some(entity) = desk.entity(mch_id) else {
        return Err(refuse("找不到对应的商户号", format!("the sandbox has no merchant {mch_id}")));
    };
    let app_id = contract.app_field.and_then(|field| doc.get(field)).unwrap_or(&entity.app_id);
    if app_id != entity.app_id {
        let note = format!("{app_id} is not bound to {mch_id}, whose appid is {}", entity.app_id);
        return Err(refuse("商户号和wxappid不匹配", note));
    }
    Ok((mch_id.to_owned(), app_id.to_owned()))
}

fn signature(contract: &Contract, doc: &Doc, received: &Doc, mch_id: &str, key: &Secret) -> Result<(), String> {
    let given = received.get("sign").unwrap_or_default();
    let digest = match doc.get("sign_type") {
        Some("HMAC-SHA256") => Digest::HmacSha256,
        _ => Digest::Md5,
    };
    if wire::verify(doc, given, key, digest) && !given.bytes().any(|b| b.is_ascii_lowercase()) {
        return Ok(());
    }
    let ignored: Vec<&str> = received
        .iter()
        .map(|(name, _)| name)
        .filter(|name| *name != "sign" && contract.kind_of(name).is_none())
        .collect();
    let mut note = format!("{digest} of {:?} followed by the key of {mch_id} was expected", wire::string_to_sign(doc));
    if given.is_empty() {
        note.push_str("; no sign was sent");
    } else if wire::verify(doc, given, key, digest) {
        note.push_str("; the sign is in lower-case hex");
    } else if wire::verify(received, given, key, digest) {
        note.push_str(&format!("; the client signed fields that the endpoint does not have: {}", ignored.join(", ")));
    } else if wire::verify(doc, given, key, Digest::HmacSha256) {
        note.push_str("; the client signed with HMAC-SHA256");
    }
    Err(note)
}

/// The certificate in words.
pub(crate) fn describe(peer: &Peer) -> String {
    match peer {
        Peer::Absent => "none".to_owned(),
        Peer::Good { mch_id, serial, not_after, .. } => {
            format!("merchant {mch_id}, serial {serial}, until {not_after}")
        }
        Peer::Bad(problem) => format!("not accepted: {problem}"),
    }
}

/// The official text of a code, whichever call it belongs to.
pub(crate) fn official_text(contract: &Contract, code_text: &str) -> String {
    let entry = contract.code(code_text).or_else(|| code::find(code::RED_PACKET_SEND, code_text));
    entry.map_or_else(|| "未知错误".to_owned(), |entry| entry.text.to_owned())
}
