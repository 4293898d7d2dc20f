//! Bodies that are no message: what they are instead.

use super::refusals::{explanation, headline};
use super::{Explanation, ExplanationKind, Mistake, Words, charset};
use crate::sandbox::gate;
use crate::sandbox::log::{RequestRecord, from_hex};

/// `None` if the body is a message, or nothing that can be named.
pub(super) fn hint(record: &RequestRecord) -> Option<Explanation> {
    if gate::message(record.request.as_bytes()).is_ok() && record.request_hex.is_none() {
        return None;
    }
    let start = record.request.trim_start();
    let looks_like_a_form = !start.starts_with('<') && start.contains('=');
    let (name, what, next) = if let Some(hex) = &record.request_hex {
        let text = charset::from_gbk(&from_hex(hex))?;
        let shown: String = text.chars().filter(|c| !c.is_ascii()).take(20).collect();
        (
            "charset",
            Words::new(
                format!("the body is not UTF-8 but GBK ({shown}…)"),
                format!("报文不是 UTF-8，而是 GBK 编码（{shown}…）"),
            ),
            Words::new(
                "turn the text into UTF-8 bytes, for the message and for the signature alike",
                "报文和签名都必须使用 UTF-8 编码",
            ),
        )
    } else if start.is_empty() {
        (
            "empty_body",
            Words::new("the body is empty", "报文为空"),
            Words::new(
                "send the XML as the body of the POST; a redirect or a GET may have lost it",
                "将 XML 作为 POST 正文发送；重定向或 GET 会丢失正文",
            ),
        )
    } else if start.starts_with(['{', '[']) {
        (
            "json_body",
            Words::new("the body is JSON, and this API takes XML", "报文是 JSON，而此接口使用 XML"),
            Words::new(
                "send <xml> with one element for each field; JSON belongs to API v3",
                "请发送 <xml>，每个字段一个元素；JSON 是 API v3 的格式",
            ),
        )
    } else if looks_like_a_form {
        (
            "form_body",
            Words::new("the body is a form, and this API takes XML", "报文是表单格式，而此接口使用 XML"),
            Words::new(
                "send <xml> with one element for each field as the raw body",
                "请将 <xml>（每个字段一个元素）作为原始正文发送",
            ),
        )
    } else if record.request.contains("<!DOCTYPE") {
        (
            "doctype",
            Words::new("the body has a DOCTYPE, which is never accepted", "报文含有 DOCTYPE，一律拒绝"),
            Words::new("write the elements alone", "只发送元素本身，不要 DOCTYPE"),
        )
    } else if record.note.as_deref().is_some_and(|note| note.starts_with(gate::UNREADABLE)) {
        let note = record.note.clone().unwrap_or_default();
        (
            "malformed",
            Words::new(note.clone(), format!("报文不是合法的 XML（{note}）")),
            Words::new(
                "send one <xml> with one element for each field, each closed; put texts in CDATA, or escape & and <",
                "请发送一个 <xml>，每个字段一个成对的元素；文本放在 CDATA 中，或转义 & 和 <",
            ),
        )
    } else {
        return None;
    };
    let mut out =
        explanation(ExplanationKind::Other, headline(record, &what.en, &what.zh), next).with_found(what.clone());
    out.mistake = Some(Mistake { name: name.to_owned(), text: what });
    Some(out)
}
