//! Red packets and sign keys, in the order that published answers suggest: XML,
//! certificate, required fields, merchant and appid, caller's address, signature.
//!
//! Differs from the real gateway: the order is inferred, not documented; length
//! is counted in characters; a lower-case `sign` is refused.

use std::net::Ipv4Addr;

use super::{Call, Incoming, UNREADABLE, holds, wrong_signature};
use crate::clock::Timestamp;
use crate::sandbox::certificates::Peer;
use crate::sandbox::desk::Desk;
use crate::sandbox::log::Cause;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::routes::{Family, Route};
use crate::wire::{self, Contract, Digest, Doc, Kind};

/// Lets a message pass or refuses it.
pub(super) fn check(desk: &Desk, route: &'static Route, incoming: &Incoming<'_>) -> Result<Call, Refusal> {
    let contract = &route.contract;
    if incoming.method != "POST" {
        return Err(Refusal::communication("请使用post方法").note("only POST is served"));
    }
    let received = wire::read_xml(incoming.body)
        .map_err(|error| Refusal::of(contract, route.malformed).note(format!("{UNREADABLE}: {error}")))?;
    if contract.certificate {
        certificate(contract, incoming.peer, received.get_filled(contract.mch_field), desk.now())?;
    }
    let doc = documented_fields(route, &received)?;
    let (mch_id, app_id) = merchant(desk, route, &doc)?;
    let refuse = |code: &str, text: &str| Refusal::with_text(code, text).echoing(contract, &doc);
    let entity = desk.entity(&mch_id).ok_or_else(|| refuse("PARAM_ERROR", "参数错误:输入的商户号有误"))?;
    if contract.certificate && !entity.settings.allowed_ips.contains(&incoming.ip) {
        let note = format!("{} is not among the addresses that {mch_id} allows", incoming.ip);
        let refusal = refuse("NO_AUTH", "IP地址非你在商户平台设置的可用IP地址");
        return Err(refusal.note(note).because(Cause::Address));
    }
    let digest = named_digest(&doc);
    if !holds(&doc, &received, &entity.key, digest) {
        let note = wrong_signature(contract, &doc, &received, &mch_id, &entity.key, digest);
        let refusal = match route.family {
            Family::SignKey => Refusal::communication("获取沙箱密钥失败，确认交易密钥是否正确"),
            _ => Refusal::of(contract, route.sign_error).echoing(contract, &doc),
        };
        return Err(refusal.note(note).because(Cause::Signature));
    }
    let key = entity.key.clone();
    Ok(Call {
        contract: &route.contract,
        doc,
        mch_id,
        app_id,
        key,
        digest,
        official: None,
        negative_test: None,
        hold: false,
    })
}

fn named_digest(doc: &Doc) -> Digest {
    match doc.get("sign_type") {
        Some("HMAC-SHA256") => Digest::HmacSha256,
        _ => Digest::Md5,
    }
}

/// The fields that are signed, of a message whose fields were found good.
pub(super) fn signed(route: &Route, received: &Doc) -> (Doc, Digest) {
    let doc = documented_fields(route, received).unwrap_or_else(|_| received.clone());
    let digest = named_digest(&doc);
    (doc, digest)
}

fn certificate(contract: &Contract, peer: &Peer, claimed: Option<&str>, now: Timestamp) -> Result<(), Refusal> {
    let problem = match peer {
        Peer::Absent => "no client certificate was shown".to_owned(),
        Peer::Bad(problem, _) => format!("the client certificate is not accepted: {problem}"),
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
    Err(Refusal::of(contract, "CA_ERROR").note(problem).because(Cause::Certificate))
}

/// The fields that the endpoint documents, filled and well formed. What it does
/// not know is ignored, as the real one does, and so is no part of the
/// signature.
fn documented_fields(route: &Route, received: &Doc) -> Result<Doc, Refusal> {
    let contract = &route.contract;
    let wrong = |field: &str, note: String| {
        let text = route.texts.iter().find(|(name, _)| *name == field).map_or(field, |(_, text)| text);
        Refusal::with_text("PARAM_ERROR", format!("参数错误:{text}")).note(format!("{field}: {note}")).of_field(field)
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
        && !doc.get(number).unwrap_or_default().bytes().all(|b| b.is_ascii_alphanumeric())
    {
        let text = "输入的商户订单号有误";
        let note = format!("{number}: letters and digits only");
        return Err(Refusal::with_text("PARAM_ERROR", text).note(note).of_field(number));
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
        let note = format!("the sandbox has no merchant {mch_id}");
        let refusal = match route.family {
            Family::SignKey => Refusal::communication("商户号非法").note(note),
            _ => refuse("找不到对应的商户号", note),
        };
        return Err(refusal.of_field(contract.mch_field));
    };
    let app_id = contract.app_field.and_then(|field| doc.get(field)).unwrap_or(&entity.app_id);
    if app_id != entity.app_id {
        let note = format!("{app_id} is not bound to {mch_id}, whose appid is {}", entity.app_id);
        return Err(refuse("商户号和wxappid不匹配", note).of_field(contract.app_field.unwrap_or("appid")));
    }
    Ok((mch_id.to_owned(), app_id.to_owned()))
}
