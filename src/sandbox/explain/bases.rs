//! Which fields a client signs by mistake.

use super::Words;
use super::suspects::{Fields, sorted};
use crate::wire::{Contract, Digest, Doc};

/// A choice of fields. The first is the right one and has no mistake.
pub(super) struct Base {
    pub(super) mistake: Option<(&'static str, Words)>,
    pub(super) fields: Fields,
}

fn filled(doc: &Doc) -> Fields {
    let kept = doc.iter().filter(|(name, value)| *name != "sign" && !value.is_empty());
    kept.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The choices of fields that lead to other strings than the right one, which
/// comes first.
pub(super) fn bases(contract: &Contract, signed: &Doc, received: &Doc, digest: Digest) -> Vec<Base> {
    let right = sorted(filled(signed));
    let all = filled(received);
    let mut bases = vec![Base { mistake: None, fields: right.clone() }];
    let mut add = |name: &'static str, text: Words, fields: Fields| {
        let fields = sorted(fields);
        if !fields.is_empty() && bases.iter().all(|base| base.fields != fields) {
            bases.push(Base { mistake: Some((name, text)), fields });
        }
    };
    let without = |fields: &Fields, gone: &dyn Fn(&str) -> bool| -> Fields {
        fields.iter().filter(|(name, _)| !gone(name)).cloned().collect()
    };
    let sent = received.get_filled("sign_type");
    if sent.is_some() {
        add(
            "sign_type_left_out",
            Words::new(
                "sign_type was sent but not signed: every field of the message belongs to the string but sign itself",
                "发送了 sign_type 却没有参与签名：除 sign 外，报文中的所有字段都要参与签名",
            ),
            without(&right, &|name| name == "sign_type"),
        );
    }
    for value in [sent, Some(digest.name()), Some("MD5"), Some("HMAC-SHA256")].into_iter().flatten() {
        let mut fields = without(&right, &|name| name == "sign_type");
        fields.push(("sign_type".to_owned(), value.to_owned()));
        let text = if contract.kind_of("sign_type").is_none() {
            Words::new(
                "sign_type was signed, but this endpoint has no such field (red packets know MD5 alone): leave it out of the message and of the string",
                "sign_type 参与了签名，但此接口没有这个字段（红包接口只支持 MD5）：报文和签名串中都不要包含 sign_type",
            )
        } else {
            Words::new(
                format!(
                    "sign_type={value} was signed, but the message does not carry it so: send exactly what is signed"
                ),
                format!("签名串中包含 sign_type={value}，但报文中并没有这样发送：签名内容必须与发送内容一致"),
            )
        };
        add("sign_type_included", text, fields);
    }
    // As they came: whole numbers are re-printed where the gateway does so.
    let raw = without(&all, &|name| !signed.has(name));
    if sorted(raw.clone()) != right {
        add("decimals", raw_numbers(&raw, signed), raw);
    }
    let unknown = names(all.iter().filter(|(name, _)| contract.kind_of(name).is_none()));
    if !unknown.is_empty() {
        add(
            "unknown_field_included",
            Words::new(
                format!("{unknown} was signed, but the endpoint has no such field and does not sign it"),
                format!("{unknown} 参与了签名，但此接口没有该字段，服务端不对它签名"),
            ),
            all.clone(),
        );
        add(
            "field_added_late",
            Words::new(
                format!("{unknown} stands in the message but was not signed: add it before the signature is made"),
                format!("报文中有 {unknown}，但没有参与签名：请在计算签名之前加入该字段"),
            ),
            without(&all, &|name| contract.kind_of(name).is_none()),
        );
    }
    let empties: Vec<&str> = received.iter().filter(|(n, v)| *n != "sign" && v.is_empty()).map(|(n, _)| n).collect();
    if !empties.is_empty() {
        let mut fields = right.clone();
        fields.extend(empties.iter().map(|name| ((*name).to_owned(), String::new())));
        let list = empties.join(", ");
        add(
            "empty_field_included",
            Words::new(
                format!(
                    "{list} is empty and was signed as \"{}=\": empty fields are no part of the string",
                    empties[0]
                ),
                format!("{list} 为空却以 \"{}=\" 参与了签名：空值字段不参与签名", empties[0]),
            ),
            fields,
        );
    }
    bases
}

fn raw_numbers(raw: &Fields, signed: &Doc) -> Words {
    let odd: Vec<String> = raw
        .iter()
        .filter_map(|(name, value)| Some((name, value, signed.get(name)?)).filter(|(_, value, own)| *value != own))
        .map(|(name, value, own)| format!("{name}: {value} → {own}"))
        .collect();
    let odd = odd.join(", ");
    Words::new(
        format!(
            "an amount is not a plain whole number of fen; the gateway reads and signs the digits it finds ({odd})"
        ),
        format!("金额不是以分为单位的整数；服务端只读取并签名开头的数字（{odd}）"),
    )
}

fn names<'a>(fields: impl Iterator<Item = &'a (String, String)>) -> String {
    fields.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
}
