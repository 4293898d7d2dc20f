//! The answer to a notification.

use crate::error::{Error, ErrorKind, Outcome};
use crate::wire::{Doc, write_xml};

/// What the merchant answers. Anything but this, with status 200 and within
/// five seconds, makes WeChat send the notification again.
///
/// Official page: payment result notification, pay.weixin.qq.com, read 2026-11.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a notification that is not answered comes again"]
pub struct Ack {
    body: String,
    success: bool,
}

impl Ack {
    /// Received, verified, and recorded: it need not come again.
    pub fn success() -> Self {
        Self::with("SUCCESS", "OK")
    }

    /// It should come again later; `reason` is for WeChat's log, at most 128 characters.
    pub fn fail(reason: &str) -> Self {
        Self::with("FAIL", &one_line(reason))
    }

    /// The answer to a notification that was refused with this error. It does
    /// not tell a stranger what was wrong.
    ///
    /// A genuine one that is not what was expected is answered with `FAIL`, so it
    /// comes again for a day. Who has recorded it and raised the alarm may answer
    /// [`success`](Self::success) instead.
    pub fn to(error: &Error) -> Self {
        match (error.kind(), error.outcome()) {
            // Genuine, and there is nothing to do about it.
            (ErrorKind::Refusal, Outcome::Refused) => Self::success(),
            (ErrorKind::Unreadable, _) => Self::fail("参数格式校验错误"),
            (ErrorKind::Mismatch, _) => Self::fail("业务校验失败"),
            _ => Self::fail("签名失败"),
        }
    }

    fn with(code: &str, text: &str) -> Self {
        Self::of([("return_code", code), ("return_msg", text)].into_iter().collect(), code == "SUCCESS")
    }

    pub(super) fn of(doc: Doc, success: bool) -> Self {
        Self { body: write_xml(&doc), success }
    }

    /// The body of the answer.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The body of the answer, to be moved into a response.
    #[must_use]
    pub fn into_body(self) -> String {
        self.body
    }

    /// `text/xml; charset=utf-8`.
    #[must_use]
    pub const fn content_type(&self) -> &'static str {
        "text/xml; charset=utf-8"
    }

    /// 200, always: another status is not read.
    #[must_use]
    pub const fn status(&self) -> u16 {
        200
    }

    /// Whether it tells WeChat not to send the notification again.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.success
    }
}

/// At most 128 characters, and none that the other side would read as another:
/// XML makes a line feed of a carriage return, and then a signature is wrong.
pub(super) fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(128).collect()
}
