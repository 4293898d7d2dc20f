//! Around the fields: identity and signature on the way out, the three-level
//! result on the way in.

use super::contract::{Contract, Request};
use super::digest::{self, Digest, Signature};
use super::doc::Doc;
use super::facts::{Kind, ReplySign};
use super::signer::Signer;
use super::{check, de, numbered, ser, xml};
use crate::code::Code;
use crate::error::{Error, ErrorKind, Outcome, Result};

const QUERY_FIRST: &str = "query, or repeat with the same number and the same fields; never with a new number";

/// A signed message, ready to be sent once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sealed {
    /// The fields, signature included.
    pub doc: Doc,
    /// The bytes.
    pub body: String,
}

/// What came back from the wire.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body as it came.
    pub body: Vec<u8>,
    /// The header `Digest`, which comes with some bills.
    pub digest: Option<String>,
}

impl Answer {
    /// An answer of status 200 and others.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), digest: None }
    }
}

/// The business fields of a request, checked against its contract. They are
/// the same at every repeat; [`seal`] adds the rest.
///
/// # Errors
/// Names the field that breaks a rule; nothing has been sent.
pub fn fields_of<R: Request>(request: &R) -> Result<Doc> {
    let mut doc = Doc::with_capacity(1024);
    ser::append(request, &mut doc).map_err(|error| {
        Error::new(ErrorKind::Invalid, Outcome::NotSent, "the request cannot be written as flat fields").because(error)
    })?;
    check::check(&R::CONTRACT, &doc)?;
    request.check()?;
    Ok(doc)
}

/// Adds identity, nonce and signature. Called anew for each attempt, so that a
/// repeat keeps its business fields and nothing else.
#[must_use]
pub fn seal(contract: &Contract, signer: &Signer<'_>, business: &Doc, nonce: &str) -> Sealed {
    let mut doc = business.with_room(256);
    doc.push("nonce_str", nonce);
    doc.push(contract.mch_field, signer.mch_id.as_str());
    if let Some(field) = contract.app_field {
        doc.push(field, signer.app_id.as_str());
    }
    if let Some(sub) = signer.sub.filter(|_| contract.sub_merchant) {
        doc.push("sub_mch_id", sub.mch_id().as_str());
        if let Some(app_id) = sub.app_id() {
            doc.push("sub_appid", app_id.as_str());
        }
    }
    for (field, value) in contract.fixed {
        doc.push(field, value);
    }
    let digest = signer.digest(contract);
    if digest != Digest::Md5 {
        doc.push("sign_type", digest.name());
    }
    let sign = Signature::of(&doc, signer.key, digest);
    doc.push("sign", sign.as_str());
    let body = xml::write(&doc);
    Sealed { doc, body }
}

/// Opens an answer: readable, verified, ours, and accepted by the gateway; all
/// four or an error that says which and what that means for the money.
///
/// # Errors
/// [`ErrorKind::Gateway`], [`ErrorKind::Unreadable`], [`ErrorKind::Unverified`],
/// [`ErrorKind::Mismatch`] (all [`Outcome::Unknown`]) or [`ErrorKind::Refusal`].
pub fn open(contract: &Contract, signer: &Signer<'_>, sent: &Doc, answer: &Answer) -> Result<Doc> {
    let doc = read(contract, answer)?;
    let accepted = doc.get("return_code") == Some("SUCCESS");
    let must_be_signed = accepted && contract.reply == ReplySign::Required;
    match doc.get_filled("sign") {
        Some(sign) => {
            let digest = signer.digest(contract);
            let covered = contract.reply == ReplySign::IfPresent || !doc.has_lists();
            if !covered || !digest::verify(&doc, sign, signer.key, digest) {
                return Err(Error::new(
                    ErrorKind::Unverified,
                    Outcome::Unknown,
                    "the answer's signature does not hold",
                )
                .with_next_step("check that the key is this merchant's, then query; do not trust this answer"));
            }
        }
        None if must_be_signed => {
            return Err(Error::new(ErrorKind::Unverified, Outcome::Unknown, "the answer carries no signature")
                .with_next_step("do not trust this answer; query"));
        }
        None => {}
    }
    for &field in contract.echo {
        let (Some(ours), Some(theirs)) = (sent.get_filled(field), doc.get_filled(field)) else { continue };
        if !same(contract.kind_of(field), ours, theirs) {
            return Err(Error::new(
                ErrorKind::Mismatch,
                Outcome::Unknown,
                format!("the answer belongs to another request: {field} is {theirs:?} where {ours:?} was sent"),
            )
            .with_field(field)
            .with_next_step("do not trust this answer; query"));
        }
    }
    if accepted && (contract.one_level || doc.get("result_code") == Some("SUCCESS")) {
        Ok(doc)
    } else {
        Err(refusal(contract, &doc))
    }
}

/// The typed reply in an answer that [`open`] let through.
///
/// # Errors
/// [`ErrorKind::Unreadable`], [`Outcome::Unknown`]: a field does not fit its type.
pub fn reply_of<R: Request>(doc: &Doc) -> Result<R::Reply> {
    let contract = R::CONTRACT;
    let read = match contract.numbered {
        [] => de::read(doc),
        families => de::read(&numbered::fold(doc, families)),
    };
    read.map_err(misfit)
}

/// A message that is genuine and does not have the documented fields.
pub(crate) fn misfit(error: de::Misfit) -> Error {
    Error::new(ErrorKind::Unreadable, Outcome::Unknown, "the answer does not have the documented fields")
        .because(error)
        .with_next_step(QUERY_FIRST)
}

fn read(contract: &Contract, answer: &Answer) -> Result<Doc> {
    if answer.status != 200 {
        let text = String::from_utf8_lossy(&answer.body);
        let about_certificate = answer.status == 400 && text.contains("SSL certificate");
        let next = if about_certificate {
            "the gateway misses a valid client certificate: check this merchant's certificate and any proxy on the way"
        } else {
            QUERY_FIRST
        };
        return Err(Error::new(
            ErrorKind::Gateway,
            Outcome::Unknown,
            format!("HTTP status {} for {} instead of an answer", answer.status, contract.path),
        )
        .with_status(answer.status)
        .with_description(excerpt(&text))
        .with_next_step(next));
    }
    let doc = xml::read(&answer.body).map_err(|error| {
        let text = String::from_utf8_lossy(&answer.body);
        let kind = if looks_like_html(&text) { ErrorKind::Gateway } else { ErrorKind::Unreadable };
        Error::new(kind, Outcome::Unknown, "the answer is not a message of the gateway")
            .with_description(excerpt(&text))
            .because(error)
            .with_next_step(QUERY_FIRST)
    })?;
    if !doc.has("return_code") {
        return Err(Error::new(ErrorKind::Unreadable, Outcome::Unknown, "the answer has no return_code")
            .with_next_step(QUERY_FIRST));
    }
    Ok(doc)
}

/// An answer that did not say SUCCESS twice.
fn refusal(contract: &Contract, doc: &Doc) -> Error {
    // `err_code` may stand below a failed `return_code`, and reads SUCCESS in
    // accepted answers; the official sandbox says `retmsg`.
    let failed = [doc.get("return_code"), doc.get("result_code")].contains(&Some("FAIL"));
    let text = ["err_code_des", "return_msg", "retmsg"].into_iter().find_map(|field| doc.get_filled(field));
    let by_text = || {
        let lower = doc.get_filled("return_msg")?.to_ascii_lowercase();
        contract.codes_by_text.iter().find(|(text, _)| *text == lower).map(|(_, code)| *code)
    };
    // Bills say `error_code` where everything else says `err_code`.
    let coded = || ["err_code", "error_code"].into_iter().find_map(|field| doc.get_filled(field));
    let code = by_text().or_else(coded).filter(|code| failed && *code != "SUCCESS" && *code != "0");
    let described = |error: Error| match text {
        Some(text) => error.with_description(text),
        None => error,
    };
    let Some(code) = code else {
        let message = match (failed, text) {
            (true, Some(text)) => format!("the gateway answered FAIL without a code: {text}"),
            (true, None) => "the gateway answered FAIL without a code or a text".to_owned(),
            (false, _) => "the answer says neither SUCCESS nor FAIL".to_owned(),
        };
        return described(Error::new(ErrorKind::Refusal, Outcome::Unknown, message)).with_next_step(QUERY_FIRST);
    };
    let entry = contract.code(code);
    let (outcome, advice) = match entry {
        Some(entry) => (entry.class.outcome(), entry.advice),
        None => (Outcome::Unknown, QUERY_FIRST),
    };
    let message = match (text, entry) {
        (Some(text), _) => format!("{code}: {text}"),
        (None, Some(entry)) => format!("{code}: {}", entry.meaning),
        (None, None) => format!("{code}, a code that this version does not know"),
    };
    described(Error::new(ErrorKind::Refusal, outcome, message))
        .with_code(Code::new(code.to_owned()))
        .with_next_step(advice)
}

fn same(kind: Option<Kind>, ours: &str, theirs: &str) -> bool {
    match kind {
        Some(Kind::Integer) => ours.parse::<i64>().ok() == theirs.parse::<i64>().ok(),
        _ => ours == theirs,
    }
}

fn looks_like_html(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(15).collect::<String>().to_ascii_lowercase();
    start.starts_with("<html") || start.starts_with("<!doctype html")
}

/// Enough of a foreign page to recognise it.
fn excerpt(text: &str) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    flat.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code;
    use crate::ids::{AppId, MchId};
    use crate::secret::Secret;

    const SEND: Contract = Contract::v2("/mmpaymkttransfers/sendredpack")
        .app_as("wxappid")
        .md5_only()
        .reply_unsigned()
        .echo(&["mch_billno"])
        .codes(code::RED_PACKET_SEND);
    const SIGNED: Contract = Contract::v2("/pay/orderquery");

    struct Entity {
        app_id: AppId,
        mch_id: MchId,
        key: Secret,
    }

    impl Entity {
        fn new() -> Self {
            Self {
                app_id: AppId::new("wx00f1e2d3c4b5a697").unwrap(),
                mch_id: MchId::new("1510000001").unwrap(),
                key: Secret::new("Rw7TqZ2nLx9KcV4bJm8PsD3hGf6YaE5u"),
            }
        }

        fn signer(&self) -> Signer<'_> {
            Signer { app_id: &self.app_id, mch_id: &self.mch_id, sub: None, key: &self.key, digest: Digest::Md5 }
        }

        fn open(&self, contract: &Contract, status: u16, body: &str) -> Result<Doc> {
            let sent: Doc = [("mch_billno", "A1")].into_iter().collect();
            open(contract, &self.signer(), &sent, &Answer::new(status, body))
        }
    }

    #[test]
    fn the_three_levels() {
        let entity = Entity::new();
        use ErrorKind::{Gateway, Mismatch, Refusal, Unreadable, Unverified};
        use Outcome::{Refused, Unknown};
        for (status, body, kind, outcome) in [
            (
                200,
                "<xml><return_code>SUCCESS</return_code><result_code>FAIL</result_code><err_code>NOTENOUGH</err_code></xml>",
                Refusal,
                Refused,
            ),
            (
                200,
                "<xml><return_code>FAIL</return_code><result_code>FAIL</result_code><err_code>CA_ERROR</err_code></xml>",
                Refusal,
                Refused,
            ),
            (200, "<xml><return_code>FAIL</return_code><err_code>PARAM_ERROR</err_code></xml>", Refusal, Refused),
            (
                200,
                "<xml><return_code>SUCCESS</return_code><result_code>FAIL</result_code><err_code>SYSTEMERROR</err_code></xml>",
                Refusal,
                Unknown,
            ),
            (
                200,
                "<xml><return_code>SUCCESS</return_code><result_code>FAIL</result_code><err_code>PROCESSING</err_code></xml>",
                Refusal,
                Unknown,
            ),
            (
                200,
                "<xml><return_code>SUCCESS</return_code><result_code>FAIL</result_code><err_code>BRAND_NEW</err_code></xml>",
                Refusal,
                Unknown,
            ),
            (200, "<xml><return_code>SUCCESS</return_code><result_code>FAIL</result_code></xml>", Refusal, Unknown),
            (200, "<xml><return_code>SUCCESS</return_code></xml>", Refusal, Unknown),
            (200, "<xml><return_code>SUCCESS</return_code><err_code>NOTENOUGH</err_code></xml>", Refusal, Unknown),
            (200, "<xml><return_code>FAIL</return_code><return_msg>签名错误</return_msg></xml>", Refusal, Unknown),
            (
                200,
                "<xml><return_code>FAIL</return_code><retmsg>param invalid</retmsg><retcode>1</retcode></xml>",
                Refusal,
                Unknown,
            ),
            (
                200,
                "<xml><return_code>SUCCESS</return_code><result_code>SUCCESS</result_code><mch_billno>B2</mch_billno></xml>",
                Mismatch,
                Unknown,
            ),
            (
                200,
                "<xml><return_code>SUCCESS</return_code><result_code>SUCCESS</result_code><sign>0</sign></xml>",
                Unverified,
                Unknown,
            ),
            (200, "<xml><result_code>SUCCESS</result_code></xml>", Unreadable, Unknown),
            (200, "<html><body>hello</body></html>", Gateway, Unknown),
            (200, "", Unreadable, Unknown),
            (502, "<html>502 Bad Gateway</html>", Gateway, Unknown),
            (400, "<h1>400 No required SSL certificate was sent</h1>", Gateway, Unknown),
        ] {
            let error = entity.open(&SEND, status, body).expect_err(body);
            assert_eq!((error.kind(), error.outcome()), (kind, outcome), "{body}");
            assert!(!error.next_step().is_empty());
        }
        let fine = "<xml><return_code>SUCCESS</return_code><result_code>SUCCESS</result_code><err_code>SUCCESS</err_code></xml>";
        assert!(entity.open(&SEND, 200, fine).is_ok());
    }

    #[test]
    fn a_signed_endpoint_believes_no_unsigned_success() {
        let entity = Entity::new();
        let fields = [("return_code", "SUCCESS"), ("result_code", "SUCCESS"), ("new_field", "值")];
        let mut doc: Doc = fields.into_iter().collect();
        let unsigned = xml::write(&doc);
        let sign = digest::sign(&doc, &entity.key, Digest::Md5);
        doc.push("sign", &sign);
        assert!(entity.open(&SIGNED, 200, &xml::write(&doc)).is_ok());
        assert_eq!(entity.open(&SIGNED, 200, &unsigned).unwrap_err().kind(), ErrorKind::Unverified);
        let changed = xml::write(&doc).replace("值", "假");
        assert_eq!(entity.open(&SIGNED, 200, &changed).unwrap_err().kind(), ErrorKind::Unverified);
        let failed = "<xml><return_code>FAIL</return_code><return_msg>签名错误</return_msg></xml>";
        assert_eq!(entity.open(&SIGNED, 200, failed).unwrap_err().kind(), ErrorKind::Refusal);
    }
}
