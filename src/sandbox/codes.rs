//! Codes: those that users show, and those that users scan.

use std::time::Duration;

use super::desk::Desk;
use super::gate::Call;
use super::refusal::Refusal;
use super::trades::CodeRecord;
use crate::wire::{Digest, Doc, percent, verify};

/// A payment code is new about every minute (micropay, read 2026-11).
const CODE: Duration = Duration::from_secs(60);

impl Desk {
    /// A user opens the page that shows a payment code.
    pub(super) fn show_code(&mut self, openid: &str) -> String {
        let code = format!("13{:016}", self.next_number() % 10_000_000_000_000_000);
        let until = self.now().after(CODE);
        self.put_code(&code, CodeRecord { openid: openid.to_owned(), until, used: false, reserved: None });
        code
    }

    /// Whose code it is, if this merchant can use it. A code that nobody showed
    /// belongs to a user of its own, so that foreign SDKs can be tried.
    pub(super) fn code_owner(&self, call: &Call) -> Result<CodeRecord, Refusal> {
        let refuse = |code: &str, note: &str| Refusal::of(call.contract, code).note(note);
        let code = call.text("auth_code");
        let known = matches!(code.as_bytes(), [b'1', b'0'..=b'5', ..]);
        if code.len() != 18 || !known || !code.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refuse("AUTH_CODE_ERROR", "auth_code: 18 digits that begin with 10 to 15"));
        }
        let Some(record) = self.trades.codes.get(code) else {
            let until = self.now().after(CODE);
            return Ok(CodeRecord { openid: format!("oCode{code}"), until, used: false, reserved: None });
        };
        if record.used || self.now() >= record.until {
            return Err(refuse("AUTHCODEEXPIRE", "the code was used, or is older than a minute"));
        }
        if record.reserved.as_ref().is_some_and(|own| *own != call.mch_id) {
            return Err(refuse("AUTH_CODE_INVALID", "another merchant has asked whose code it is"));
        }
        Ok(record.clone())
    }

    /// A short link for a long one, the same each time.
    pub(super) fn shorten(&mut self, long: &str) -> String {
        if let Some((short, _)) = self.trades.links.iter().find(|(_, own)| *own == long) {
            return short.clone();
        }
        let short = format!("weixin://wxpay/s/{:06X}", self.next_number() % 0x100_0000);
        self.put_link(&short, long);
        short
    }
}

/// What a static QR code says (Native支付, mode one).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StaticCode {
    pub(super) mch_id: String,
    pub(super) app_id: String,
    pub(super) product_id: String,
}

impl Desk {
    /// Reads a static QR code as the scanner of a phone does, which believes no
    /// code that its merchant has not signed.
    ///
    /// # Errors
    /// What the phone shows, and why.
    pub(super) fn static_code(&self, link: &str) -> Result<StaticCode, String> {
        let wrong = |why: &str| format!("原生支付URL参数错误: {why}");
        let link = self.trades.links.get(link).map_or(link, String::as_str);
        let query =
            link.strip_prefix("weixin://wxpay/bizpayurl?").ok_or_else(|| wrong("this is no code for payments"))?;
        let mut doc = Doc::new();
        for part in query.split('&') {
            let (name, value) = part.split_once('=').ok_or_else(|| wrong("a part without ="))?;
            let value = percent::decode(value).ok_or_else(|| wrong("a value that is not URL-encoded"))?;
            if !doc.push(name, &value) {
                return Err(wrong("a field twice"));
            }
        }
        for field in ["appid", "mch_id", "product_id", "time_stamp", "nonce_str", "sign"] {
            if doc.get_filled(field).is_none() {
                return Err(wrong(&format!("{field} is missing")));
            }
        }
        let text = |field: &str| doc.get(field).unwrap_or_default().to_owned();
        let entity = self.entity(&text("mch_id")).ok_or_else(|| wrong("no such merchant"))?;
        if entity.app_id != text("appid") {
            return Err(wrong("appid and mch_id do not belong together"));
        }
        if !verify(&doc, &text("sign"), &entity.key, Digest::Md5) {
            return Err(wrong("the signature does not hold; MD5 of the decoded values was expected"));
        }
        Ok(StaticCode { mch_id: text("mch_id"), app_id: text("appid"), product_id: text("product_id") })
    }
}
