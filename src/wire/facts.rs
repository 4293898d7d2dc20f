//! The words that contracts are written in.

/// Which digests an endpoint takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Digests {
    /// MD5 or HMAC-SHA256, as the merchant chooses.
    Both,
    /// MD5 without a `sign_type` field.
    Md5Only,
    /// HMAC-SHA256, said in `sign_type`, whatever the merchant prefers.
    HmacOnly,
}

/// Whether an answer is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplySign {
    /// An accepted call without a valid signature in its answer is not believed.
    Required,
    /// Unsigned by nature; one that is there must hold.
    IfPresent,
}

/// Whether a call may be made again after an unclear outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repeat {
    /// No: nothing protects against doing it twice.
    Never,
    /// Yes, with the same number and the same business fields, and at least a
    /// second apart.
    SameNumber,
    /// Yes: it moves nothing.
    Freely,
}

/// The official sandboxes (官方沙箱), of which neither moves money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Generation {
    /// Below `/sandboxnew`.
    One,
    /// Below `/xdc/apiv2sandbox`.
    Two,
}

/// A documented field of a request.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Field {
    /// The official name.
    pub name: &'static str,
    /// What may stand in it.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
}

impl Field {
    /// A required text of at most `max` characters.
    #[must_use]
    pub const fn text(name: &'static str, max: u16) -> Self {
        Self { name, kind: Kind::Text(max), required: true }
    }

    /// A required text of at most `max` bytes of UTF-8.
    #[must_use]
    pub const fn bytes(name: &'static str, max: u16) -> Self {
        Self { name, kind: Kind::Bytes(max), required: true }
    }

    /// A required number of the merchant's own, of at most `max` characters.
    #[must_use]
    pub const fn order_number(name: &'static str, max: u16) -> Self {
        Self { name, kind: Kind::OrderNumber(max), required: true }
    }

    /// A required whole number.
    #[must_use]
    pub const fn integer(name: &'static str) -> Self {
        Self { name, kind: Kind::Integer, required: true }
    }

    /// The field may be missing.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.required = false;
        self
    }
}

/// What may stand in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Text of at most so many characters.
    Text(u16),
    /// Text of at most so many bytes of UTF-8, three for a Chinese character.
    Bytes(u16),
    /// A number of the merchant's own: letters, digits and `_-|*@`, at most so
    /// many of them.
    OrderNumber(u16),
    /// A whole number in plain decimal digits.
    Integer,
}

/// Fields of an answer that end in a number, `coupon_id_0`, `coupon_id_1` and so
/// on, and are read as the list `into` of items with fields `coupon_id`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Numbered {
    /// The name of the list in the typed reply.
    pub into: &'static str,
    /// The names without their numbers.
    pub fields: &'static [&'static str],
    /// Lists within each item: `coupon_refund_id_0_1` is coupon 1 of item 0.
    pub inner: Option<&'static Numbered>,
}

impl Numbered {
    /// A list of items with these fields.
    #[must_use]
    pub const fn list(into: &'static str, fields: &'static [&'static str]) -> Self {
        Self { into, fields, inner: None }
    }

    /// The items hold a list themselves, under a second number.
    #[must_use]
    pub const fn with(mut self, inner: &'static Numbered) -> Self {
        self.inner = Some(inner);
        self
    }
}
