//! What WeChat tells the merchant: read, proved to be genuine and ours, and only
//! then handed on.

use super::digest::{self, Digest};
use super::doc::Doc;
use super::req_info;
use super::signer::Signer;
use super::xml::{self, XmlError};
use crate::code::Code;
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::secret::Secret;

/// A notification that [`Client::open`](crate::Client::open) can read.
pub trait Notice: Sized {
    /// Reads the body of the request as it came.
    ///
    /// # Errors
    /// Whatever keeps it from being genuine, whole and for this receiver.
    fn open(receiver: &Receiver<'_>, body: &[u8]) -> Result<Self>;
}

/// The merchant entity that a notification must be for.
#[derive(Clone, Copy)]
pub struct Receiver<'a> {
    /// The entity and its present key.
    pub signer: Signer<'a>,
    /// Keys that were replaced and may still be in use for what is on its way.
    pub retired: &'a [Secret],
}

/// Whom a notification claims to be for. Nothing of it is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hint {
    /// The merchant number, as it came.
    pub mch_id: String,
    /// The appid, as it came.
    pub app_id: String,
    /// The sub-merchant's number, as it came.
    pub sub_mch_id: Option<String>,
}

/// Whom a notification claims to be for, in order to find the entity whose key
/// may prove it.
///
/// # Errors
/// [`ErrorKind::Unreadable`]: no message, or one that names no merchant.
pub fn unverified_merchant(body: &[u8]) -> Result<Hint> {
    let doc = read(body)?;
    let (mch_id, app_id) = (named(&doc, "mch_id")?, named(&doc, "appid")?);
    let sub_mch_id = doc.get_filled("sub_mch_id").map(str::to_owned);
    Ok(Hint { mch_id: mch_id.to_owned(), app_id: app_id.to_owned(), sub_mch_id })
}

impl<'a> Receiver<'a> {
    /// A signed notification whose `return_code` is `SUCCESS`.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`], [`ErrorKind::Unverified`] or [`ErrorKind::Mismatch`].
    pub fn signed(&self, body: &[u8]) -> Result<Doc> {
        let doc = read(body)?;
        return_code(&doc)?;
        self.verified(doc, None)
    }

    /// A signed question to the merchant, which has no `return_code`; always MD5.
    ///
    /// # Errors
    /// As [`signed`](Self::signed).
    pub fn signed_question(&self, body: &[u8]) -> Result<Doc> {
        self.verified(read(body)?, Some(Digest::Md5))
    }

    /// An encrypted notification: the outer document, and the inner one whose
    /// root is `<root>`.
    ///
    /// # Errors
    /// As [`signed`](Self::signed).
    pub fn encrypted(&self, body: &[u8]) -> Result<(Doc, Doc)> {
        let doc = read(body)?;
        return_code(&doc)?;
        let sealed = named(&doc, "req_info")?;
        // What is wrong with it is nobody's business but ours.
        let inner = self.keys().find_map(|key| {
            let text = req_info::decrypt(sealed, key)?;
            xml::read_below(&text, "root").ok().filter(|inner| !inner.is_empty())
        });
        let Some(inner) = inner else {
            return Err(unverified(format!("req_info was not encrypted with the key of {}", self.signer.mch_id))
                .with_field("req_info"));
        };
        self.is_ours(&doc, true)?;
        Ok((doc, inner))
    }

    fn keys(&self) -> impl Iterator<Item = &'a Secret> + use<'a> {
        std::iter::once(self.signer.key).chain(self.retired)
    }

    fn verified(&self, doc: Doc, only: Option<Digest>) -> Result<Doc> {
        let Some(sign) = doc.get_filled("sign") else {
            return Err(unverified("it carries no signature".to_owned()).with_field("sign"));
        };
        if doc.has_lists() {
            return Err(unverified("it holds elements that no signature covers".to_owned()).with_field("sign"));
        }
        // Never by the length of the signature, which its sender chooses.
        let digest = match (only, doc.get_filled("sign_type")) {
            (Some(only), _) => only,
            (None, None | Some("MD5")) => Digest::Md5,
            (None, Some("HMAC-SHA256")) => Digest::HmacSha256,
            (None, Some(other)) => {
                return Err(
                    unverified(format!("sign_type is {}, which nobody uses", shown(other))).with_field("sign_type")
                );
            }
        };
        if !self.keys().any(|key| digest::verify(&doc, sign, key, digest)) {
            let claimed = shown(doc.get_filled("mch_id").unwrap_or("nobody"));
            return Err(unverified(format!(
                "its signature does not hold under the key of {}; it names merchant {claimed}",
                self.signer.mch_id
            ))
            .with_field("sign"));
        }
        // Questions, which are always MD5, name no sub-merchant.
        self.is_ours(&doc, only.is_none())?;
        Ok(doc)
    }

    fn is_ours(&self, doc: &Doc, names_sub: bool) -> Result<()> {
        let sub = self.signer.sub;
        let sub_app_id = sub.and_then(|sub| sub.app_id()).map(|id| id.as_str());
        let expected = [
            ("mch_id", Some(self.signer.mch_id.as_str()), true),
            ("appid", Some(self.signer.app_id.as_str()), true),
            ("sub_mch_id", sub.map(|sub| sub.mch_id().as_str()), names_sub && sub.is_some()),
            ("sub_appid", sub_app_id, false),
        ];
        for (field, ours, required) in expected {
            match (ours, doc.get_filled(field)) {
                (Some(ours), Some(theirs)) if ours == theirs => {}
                (_, None) if !required => {}
                // A payment for a sub-merchant's appid that this entity does not name.
                (None, Some(_)) if field == "sub_appid" && sub.is_some() => {}
                (ours, theirs) => {
                    let (ours, theirs) = (ours.unwrap_or("none"), shown(theirs.unwrap_or("none")));
                    return Err(Error::new(
                        ErrorKind::Mismatch,
                        Outcome::Unknown,
                        format!("the notification is for another merchant entity: {field} is {theirs}, ours is {ours}"),
                    )
                    .with_field(field)
                    .with_next_step("route it by mch_id and appid to the entity that it names"));
                }
            }
        }
        Ok(())
    }
}

fn read(body: &[u8]) -> Result<Doc> {
    xml::read(body).map_err(unreadable)
}

/// A body that is no message.
pub(crate) fn unreadable(error: XmlError) -> Error {
    let problem = format!("the notification cannot be read: {}", shown(&error.to_string()));
    Error::new(ErrorKind::Unreadable, Outcome::Unknown, problem)
        .because(error)
        .with_next_step("hand over the bytes of the body as they came; WeChat sends XML")
}

/// A stranger's text as errors quote it, which are logged: it begins no line of
/// its own, and does not fill the log.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(128).flat_map(char::escape_debug).collect()
}

fn return_code(doc: &Doc) -> Result<()> {
    match named(doc, "return_code")? {
        "SUCCESS" => Ok(()),
        other => {
            let text = doc.get_filled("return_msg").unwrap_or("without a text");
            let (other, text) = (shown(other), shown(text));
            Err(unverified(format!("return_code is {other} ({text}), which carries no signature and proves nothing"))
                .with_field("return_code"))
        }
    }
}

/// A field without which there is nothing to verify.
fn named<'a>(doc: &'a Doc, field: &'static str) -> Result<&'a str> {
    doc.get_filled(field).ok_or_else(|| missing(field))
}

pub(crate) fn missing(field: &'static str) -> Error {
    Error::new(ErrorKind::Unreadable, Outcome::Unknown, format!("the notification has no {field}"))
        .with_field(field)
        .with_next_step("do not act on it; query what it speaks of")
}

fn unverified(problem: String) -> Error {
    Error::new(ErrorKind::Unverified, Outcome::Unknown, format!("the notification cannot be trusted: {problem}"))
        .with_next_step("change nothing and answer FAIL; check that the key is this merchant's, and query")
}

/// A notification that is genuine and says that something failed.
pub(crate) fn failed(doc: &Doc) -> Error {
    let code = doc.get_filled("err_code").unwrap_or("FAIL");
    let text = doc.get_filled("err_code_des").unwrap_or("without a text");
    Error::new(ErrorKind::Refusal, Outcome::Refused, format!("the notification tells of a failure: {code}: {text}"))
        .with_code(Code::new(code.to_owned()))
        .with_description(text)
        .with_next_step("record it and answer SUCCESS; nothing was paid")
}

/// Fields that are genuine, and not those of what the caller expects.
pub(crate) fn unexpected(field: &'static str, ours: impl std::fmt::Display, theirs: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Mismatch,
        Outcome::Unknown,
        format!("genuine, and not what was expected: {field} is {theirs}, expected {ours}"),
    )
    .with_field(field)
    .with_next_step("raise an alarm and deliver nothing; query the order and look at both amounts")
}
