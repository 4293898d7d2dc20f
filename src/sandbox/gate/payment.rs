//! Payments: certificate, method and XML, merchant and appid, signature, fields.
//!
//! Differs from the real gateway: whether merchant and appid are looked up
//! before the signature is not documented; the wording of some refusals is taken
//! from the tables of codes; a lower-case `sign` is refused. Below the prefixes
//! of the official sandboxes no certificate is wanted, the appid is not checked,
//! and the sign key is the one that getsignkey hands out. A message with the root
//! `<root>` passes: clients that send it are in use (weixin-pay and wechatpay for
//! Node.js), whatever the documentation says.

use std::net::IpAddr;

use super::{Call, Incoming, UNREADABLE, holds, message, wrong_signature};
use crate::clock::Timestamp;
use crate::sandbox::certificates::Peer;
use crate::sandbox::desk::{Desk, Entity};
use crate::sandbox::log::Cause;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::routes::{self, Found};
use crate::sandbox::sign_key;
use crate::wire::{self, Contract, Digest, Digests, Doc, Generation, Kind};

/// Lets a message pass or refuses it.
pub(super) fn check(desk: &Desk, found: Found, incoming: &Incoming<'_>) -> Result<Call, Refusal> {
    let official = found.official;
    let wants_certificate = found.route.contract.certificate && official.is_none();
    if wants_certificate {
        shown(incoming.peer, desk.now())?;
    }
    let received = read(incoming)?;
    let route = routes::choose(found.route, &received);
    let contract = &route.contract;
    let (entity, app_id) = merchant(desk, contract, &received, official)?;
    if let Peer::Good { mch_id, .. } = incoming.peer
        && wants_certificate
        && *mch_id != entity.mch_id
    {
        let note = format!("the client certificate belongs to {mch_id}, the message says {}", entity.mch_id);
        return Err(Refusal::communication("商户号与API证书不匹配").note(note).because(Cause::Certificate));
    }
    let key = sign_key::valid_for(entity, official.is_some());
    let digest = digest(contract, &received, official)?;
    // All that was sent counts, as the rules say.
    if !holds(&received, &received, &key, digest) {
        let note = wrong_signature(contract, &received, &received, &entity.mch_id, &key, digest);
        let text = match official {
            Some(Generation::One) => "沙箱验证签名失败，请确认沙箱签名key是否正确（通过getsignkey调用生成）",
            _ => "签名错误，请检查后再试",
        };
        return Err(Refusal::communication(text).note(note).because(Cause::Signature));
    }
    let doc = fields(contract, &received)?;
    Ok(Call {
        contract,
        doc,
        mch_id: entity.mch_id.clone(),
        app_id,
        key,
        digest,
        official,
        negative_test: incoming.negative_test.map(str::to_owned),
        hold: false,
    })
}

/// As the proxy judges it, which knows nothing of messages.
fn shown(peer: &Peer, now: Timestamp) -> Result<(), Refusal> {
    let page = |title: &'static str, note: &str| Refusal::page(title).note(note).because(Cause::Certificate);
    let refused = |note: String| Err(page("The SSL certificate error", &note));
    match peer {
        Peer::Absent => Err(page("No required SSL certificate was sent", "no client certificate was shown")),
        Peer::Bad(problem, _) => refused(format!("the client certificate is not accepted: {problem}")),
        Peer::Good { not_after, .. } if now > *not_after => refused(format!("it expired on {not_after}")),
        Peer::Good { not_before, .. } if now < *not_before => refused(format!("it is not valid before {not_before}")),
        Peer::Good { .. } => Ok(()),
    }
}

fn read(incoming: &Incoming<'_>) -> Result<Doc, Refusal> {
    if incoming.method != "POST" {
        return Err(Refusal::communication("请使用post方法").note("only POST is served"));
    }
    if incoming.body.trim_ascii().is_empty() {
        return Err(Refusal::communication("post数据为空").note("the body is empty"));
    }
    if let Err(error) = std::str::from_utf8(incoming.body) {
        let note = format!("not UTF-8 from byte {} on", error.valid_up_to());
        return Err(Refusal::communication("编码格式错误").note(note));
    }
    message(incoming.body).map_err(|error| Refusal::communication("XML格式错误").note(format!("{UNREADABLE}: {error}")))
}

fn merchant<'a>(
    desk: &'a Desk,
    contract: &Contract,
    received: &Doc,
    official: Option<Generation>,
) -> Result<(&'a Entity, String), Refusal> {
    let lacks =
        |field: &str| Refusal::communication("缺少参数").note(format!("{field} is missing or empty")).of_field(field);
    let mch_id = received.get_filled("mch_id").ok_or_else(|| lacks("mch_id"))?;
    let app_id = match contract.app_field {
        Some(field) => received.get_filled(field).ok_or_else(|| lacks(field))?,
        None => "",
    };
    if app_id.len() > 32 {
        return Err(Refusal::communication("appid参数长度有误").note("appid: at most 32 characters").of_field("appid"));
    }
    let unknown = |note: String| Refusal::communication("商户号mch_id或sub_mch_id不存在").note(note);
    let entity = desk
        .entity(mch_id)
        .ok_or_else(|| unknown(format!("the sandbox has no merchant {mch_id}")).of_field("mch_id"))?;
    if official.is_none() && contract.app_field.is_some() && app_id != entity.app_id {
        let note = format!("{app_id} is not bound to {mch_id}, whose appid is {}", entity.app_id);
        return Err(Refusal::communication("appid和mch_id不匹配").note(note).of_field("appid"));
    }
    if let Some(sub) = received.get_filled("sub_mch_id")
        && official.is_none()
        && !entity.settings.sub_merchants.iter().any(|own| own == sub)
    {
        let note = format!("{sub} is no sub-merchant of {mch_id}; add it to the settings' sub_merchants");
        return Err(unknown(note).of_field("sub_mch_id"));
    }
    Ok((entity, app_id.to_owned()))
}

/// The digest of a message whose `sign_type` was found good.
pub(super) fn named_digest(contract: &Contract, received: &Doc) -> Digest {
    digest(contract, received, None).unwrap_or_default()
}

fn digest(contract: &Contract, received: &Doc, official: Option<Generation>) -> Result<Digest, Refusal> {
    let wrong = |note: &str| Refusal::communication("签名错误，请检查后再试").note(note).of_field("sign_type");
    match (received.get_filled("sign_type"), contract.digests) {
        (Some("HMAC-SHA256"), _) if official == Some(Generation::One) => {
            Err(wrong("the first official sandbox knows MD5 alone"))
        }
        (Some("MD5"), Digests::HmacOnly) => Err(wrong("this endpoint takes HMAC-SHA256 alone")),
        (Some("HMAC-SHA256"), _) | (None, Digests::HmacOnly) => Ok(Digest::HmacSha256),
        (Some("MD5") | None, _) => Ok(Digest::Md5),
        (Some(_), _) => Err(wrong("sign_type is MD5 or HMAC-SHA256")),
    }
}

/// The fields that the endpoint documents, filled and well formed.
fn fields(contract: &Contract, received: &Doc) -> Result<Doc, Refusal> {
    let wrong = |field: &str, note: String| {
        let text = match field {
            "total_fee" | "refund_fee" => format!("invalid {field}"),
            _ => format!("{field}参数格式错误"),
        };
        Refusal::communication(text).note(format!("{field}: {note}")).of_field(field)
    };
    let mut doc = Doc::with_capacity(received.bytes());
    for (name, value) in received.iter() {
        let Some(kind) = contract.kind_of(name) else { continue };
        if value.is_empty() {
            continue;
        }
        let length = value.chars().count();
        match kind {
            Kind::Text(max) if length > usize::from(max) => {
                return Err(wrong(name, format!("at most {max} characters, found {length}")));
            }
            Kind::Bytes(max) if value.len() > usize::from(max) => {
                return Err(wrong(name, format!("at most {max} bytes, found {}", value.len())));
            }
            Kind::OrderNumber(max) if length > usize::from(max) || !wire::is_order_number(value) => {
                return Err(wrong(name, format!("at most {max} letters, digits and _-|*@, found {value:?}")));
            }
            Kind::Integer if value.parse::<i64>().is_err() || !value.bytes().all(|b| b.is_ascii_digit()) => {
                return Err(wrong(name, format!("a whole number in plain digits, found {value:?}")));
            }
            _ => doc.push(name, value),
        };
        if value.chars().any(|c| c.len_utf8() > 3) {
            return Err(wrong(name, "characters beyond U+FFFF are not taken".to_owned()));
        }
    }
    let required = contract.fields.iter().filter(|field| field.required).map(|field| field.name);
    for name in ["nonce_str"].into_iter().chain(required) {
        if !doc.has(name) {
            let note = format!("{name} is missing or empty");
            return Err(Refusal::communication("缺少参数").note(note).of_field(name));
        }
    }
    for (name, value) in contract.fixed {
        if doc.get(name) != Some(value) {
            return Err(wrong(name, format!("found {:?}", doc.get(name).unwrap_or_default())));
        }
    }
    for name in ["fee_type", "refund_fee_type"] {
        if let Some(currency) = doc.get(name)
            && currency != "CNY"
        {
            return Err(wrong(name, format!("merchants of the mainland have CNY, found {currency:?}")));
        }
    }
    for name in ["spbill_create_ip", "user_ip"] {
        if let Some(ip) = doc.get(name)
            && ip.parse::<IpAddr>().is_err()
        {
            return Err(wrong(name, format!("{ip:?} is no IP address")));
        }
    }
    Ok(doc)
}
