//! `POST /tools/shorturl`: a shorter link, for a simpler QR code (转换短链接).
//!
//! Official page: shorturl, pay.weixin.qq.com, read 2026-11.

use serde::{Deserialize, Serialize};

use crate::code;
use crate::wire::{Contract, Field, Generation, Repeat, Request};

/// Shortens a link that [`native_link`](super::native_link) made. It travels and
/// is signed as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShortUrl {
    /// The link, at most 512 characters.
    pub long_url: String,
}

/// The shorter link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Shortened {
    /// `weixin://wxpay/s/…`.
    pub short_url: String,
}

impl Request for ShortUrl {
    const CONTRACT: Contract = Contract::v2("/tools/shorturl")
        .with_sub_merchant()
        .repeat(Repeat::Freely)
        .fields(&[Field::text("long_url", 512)])
        .echo(&["appid", "mch_id", "sub_appid", "sub_mch_id"])
        .codes(code::COMMON)
        .official_sandboxes(&[Generation::One]);

    type Reply = Shortened;
}
