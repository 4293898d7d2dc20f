//! What is to be known of an endpoint, as one constant.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::facts::{Digests, Field, Generation, Kind, Numbered, Repeat, ReplySign};
use super::sheet::Sheet;
use crate::code::{self, Entry};
use crate::error::Result;

/// A call that [`Client::send`](crate::Client::send) can make.
///
/// The struct holds the business fields under their official names, required
/// ones plain and optional ones as `Option`; identity, nonce and signature are
/// filled in when it is sent. Calls that this crate lacks are ordinary
/// implementations:
///
/// ```
/// use hongbao::wire::{Contract, Field, Repeat, Request};
/// # use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize)]
/// struct ExchangeRate { fee_type: String, date: String }
///
/// #[derive(Deserialize)]
/// struct Rate { rate: String }
///
/// impl Request for ExchangeRate {
///     const CONTRACT: Contract = Contract::v2("/pay/queryexchagerate")
///         .fields(&[Field::text("fee_type", 10), Field::text("date", 14)])
///         .repeat(Repeat::Freely);
///     type Reply = Rate;
/// }
/// ```
///
/// A contract that contradicts itself does not compile:
///
/// ```compile_fail
/// use hongbao::wire::{Contract, Field};
/// const TWO_MERCHANTS: Contract = Contract::v2("/x").fields(&[Field::text("mch_id", 32)]);
/// ```
/// ```compile_fail
/// use hongbao::wire::{Contract, Repeat};
/// const SAME_WHAT: Contract = Contract::v2("/x").repeat(Repeat::SameNumber);
/// ```
pub trait Request: Serialize + Sync {
    /// What is to be known of the endpoint.
    const CONTRACT: Contract;

    /// What the gateway answers on success.
    type Reply: DeserializeOwned;

    /// Rules between fields that can be known before sending. What the
    /// contract's field list says is checked besides.
    ///
    /// # Errors
    /// [`Error::invalid`](crate::Error::invalid) with the field's name.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// A call that answers with a table, for [`Client::download`](crate::Client::download).
pub trait Tabular: Request {
    /// Reads the table.
    type Sheet: Sheet + Default;
}

/// The facts of one endpoint. The defaults are the strict ones: no
/// certificate needed, reply signed, never repeated, not served by any
/// official sandbox; each loosening is a visible word.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Contract {
    /// Path below the host, with its leading slash.
    pub path: &'static str,
    /// Whether the client certificate must be shown.
    pub certificate: bool,
    /// The wire name of the appid, if the call has one.
    pub app_field: Option<&'static str>,
    /// The wire name of the merchant number.
    pub mch_field: &'static str,
    /// Which digests the endpoint takes.
    pub digests: Digests,
    /// Whether the answer is signed.
    pub reply: ReplySign,
    /// Whether `return_code` alone decides, without a `result_code` below it.
    pub one_level: bool,
    /// Whether a call may be made again after an unclear outcome.
    pub repeat: Repeat,
    /// The field with the merchant's own number, which names the bill.
    pub number: Option<&'static str>,
    /// The documented business fields, in the order they are written.
    pub fields: &'static [Field],
    /// Fields with the one value that the endpoint takes.
    pub fixed: &'static [(&'static str, &'static str)],
    /// Fields that the answer repeats; another value is another call's answer.
    pub echo: &'static [&'static str],
    /// Fields of the answer that are numbered and read as lists.
    pub numbered: &'static [Numbered],
    /// Whether success is a text for [`Client::download`](crate::Client::download)
    /// and only failure a message.
    pub text_reply: bool,
    /// What the endpoint's error codes mean; [`code::COMMON`] is asked next.
    pub codes: &'static [Entry],
    /// Codes for failures that come as a text alone, in lower case.
    pub codes_by_text: &'static [(&'static str, &'static str)],
    /// Whether the call is made for a sub-merchant where the entity has one.
    pub sub_merchant: bool,
    /// The official sandboxes that serve it.
    pub official_sandboxes: &'static [Generation],
}

impl Contract {
    /// The strict contract of an XML endpoint.
    #[must_use]
    pub const fn v2(path: &'static str) -> Self {
        assert!(matches!(path.as_bytes(), [b'/', _, ..]), "a path begins with a slash");
        Self {
            path,
            certificate: false,
            app_field: Some("appid"),
            mch_field: "mch_id",
            digests: Digests::Both,
            reply: ReplySign::Required,
            one_level: false,
            repeat: Repeat::Never,
            number: None,
            fields: &[],
            fixed: &[],
            echo: &[],
            numbered: &[],
            text_reply: false,
            codes: code::COMMON,
            codes_by_text: &[],
            sub_merchant: false,
            official_sandboxes: &[],
        }
    }

    /// The appid has another name on the wire.
    #[must_use]
    pub const fn app_as(mut self, field: &'static str) -> Self {
        self.app_field = Some(field);
        self.distinct()
    }

    /// The call carries no appid.
    #[must_use]
    pub const fn without_app(mut self) -> Self {
        self.app_field = None;
        self
    }

    /// The merchant number has another name on the wire.
    #[must_use]
    pub const fn mch_as(mut self, field: &'static str) -> Self {
        self.mch_field = field;
        self.distinct()
    }

    /// The client certificate is needed.
    #[must_use]
    pub const fn with_certificate(mut self) -> Self {
        self.certificate = true;
        self
    }

    /// MD5 is the only digest, and `sign_type` is not a field.
    #[must_use]
    pub const fn md5_only(mut self) -> Self {
        self.digests = Digests::Md5Only;
        self
    }

    /// HMAC-SHA256 is the only digest, and `sign_type` says so.
    #[must_use]
    pub const fn hmac_only(mut self) -> Self {
        self.digests = Digests::HmacOnly;
        self
    }

    /// The call carries the fields of a sub-merchant (服务商模式) where the entity
    /// has one.
    #[must_use]
    pub const fn with_sub_merchant(mut self) -> Self {
        self.sub_merchant = true;
        self.distinct()
    }

    /// The answer carries no signature by nature; one that is there is verified.
    #[must_use]
    pub const fn reply_unsigned(mut self) -> Self {
        self.reply = ReplySign::IfPresent;
        self
    }

    /// The answer has no `result_code`.
    #[must_use]
    pub const fn one_level(mut self) -> Self {
        self.one_level = true;
        self
    }

    /// Whether a call may be made again after an unclear outcome.
    #[must_use]
    pub const fn repeat(mut self, repeat: Repeat) -> Self {
        assert!(
            !matches!(repeat, Repeat::SameNumber) || self.number.is_some(),
            "to repeat with the same number, the contract must say first which field the number is"
        );
        self.repeat = repeat;
        self
    }

    /// The field with the merchant's own number.
    #[must_use]
    pub const fn number(mut self, field: &'static str) -> Self {
        self.number = Some(field);
        self
    }

    /// The documented business fields.
    #[must_use]
    pub const fn fields(mut self, fields: &'static [Field]) -> Self {
        assert!(fields.len() <= 64, "an endpoint has at most 64 fields");
        self.fields = fields;
        self.distinct()
    }

    /// Fields with the one value that the endpoint takes.
    #[must_use]
    pub const fn fixed(mut self, fixed: &'static [(&'static str, &'static str)]) -> Self {
        self.fixed = fixed;
        self.distinct()
    }

    /// Fields that the answer repeats.
    #[must_use]
    pub const fn echo(mut self, fields: &'static [&'static str]) -> Self {
        self.echo = fields;
        self
    }

    /// Fields of the answer that are numbered and read as lists.
    #[must_use]
    pub const fn numbered(mut self, numbered: &'static [Numbered]) -> Self {
        self.numbered = numbered;
        self
    }

    /// Success is a text without a signature, and only failure is a message.
    #[must_use]
    pub const fn text_reply(mut self) -> Self {
        self.text_reply = true;
        self.reply = ReplySign::IfPresent;
        self
    }

    /// The endpoint's own error codes.
    #[must_use]
    pub const fn codes(mut self, codes: &'static [Entry]) -> Self {
        self.codes = codes;
        self
    }

    /// Codes for failures that come as a text alone, each text in lower case.
    #[must_use]
    pub const fn codes_by_text(mut self, codes: &'static [(&'static str, &'static str)]) -> Self {
        self.codes_by_text = codes;
        self
    }

    /// The official sandboxes that serve it.
    #[must_use]
    pub const fn official_sandboxes(mut self, generations: &'static [Generation]) -> Self {
        self.official_sandboxes = generations;
        self
    }

    /// Does not compile where a business field has the name of one that is
    /// filled in: it would win, and the message would speak for somebody else.
    const fn distinct(self) -> Self {
        let mut at = 0;
        while at < self.fields.len() {
            let name = self.fields[at].name;
            let mut filled_in = same(name, "nonce_str") || same(name, "sign") || same(name, "sign_type");
            filled_in = filled_in || same(name, self.mch_field);
            filled_in = filled_in || (self.sub_merchant && (same(name, "sub_mch_id") || same(name, "sub_appid")));
            if let Some(app_field) = self.app_field {
                filled_in = filled_in || same(name, app_field);
            }
            let mut other = 0;
            while other < self.fixed.len() {
                filled_in = filled_in || same(name, self.fixed[other].0);
                other += 1;
            }
            assert!(!filled_in, "a business field has the name of one that is filled in");
            at += 1;
        }
        self
    }

    /// The row of an error code: the endpoint's own, else the common one.
    #[must_use]
    pub fn code(&self, code: &str) -> Option<&'static Entry> {
        code::find(self.codes, code).or_else(|| code::find(code::COMMON, code))
    }

    /// The kind of a documented field, identity and fixed fields included;
    /// `None` for a name that the endpoint does not know.
    #[must_use]
    pub fn kind_of(&self, name: &str) -> Option<Kind> {
        if let Some(field) = self.fields.iter().find(|field| field.name == name) {
            return Some(field.kind);
        }
        if let Some((_, value)) = self.fixed.iter().find(|(fixed, _)| *fixed == name) {
            let integer = value.bytes().all(|b| b.is_ascii_digit());
            return Some(if integer { Kind::Integer } else { Kind::Text(32) });
        }
        let identity = name == self.mch_field
            || Some(name) == self.app_field
            || name == "nonce_str"
            || (self.sub_merchant && matches!(name, "sub_mch_id" | "sub_appid"))
            || (name == "sign_type" && self.digests != Digests::Md5Only);
        identity.then_some(Kind::Text(32))
    }
}

/// Equality of texts, which `const fn` does not have yet.
const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}
