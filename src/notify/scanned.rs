//! Somebody scanned a static QR code (Native支付, mode one): WeChat asks for an
//! order, and the answer is the order.
//!
//! Official page: NATIVE guide, mode one, pay.weixin.qq.com, read 2026-11.

use serde::{Deserialize, Serialize};

use super::ack::{Ack, one_line};
use crate::error::Result;
use crate::wire::{self, Digest, Doc, Notice, Receiver, Stamp};

/// A user scanned the code that [`pay::native_link`](crate::pay::native_link)
/// made: genuine, and for this entity. Place a
/// [`pay::Native`](crate::pay::Native) order for `product_id`, and answer with
/// its `prepay_id` while the user waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Scanned {
    /// Who scanned it, under the entity's appid.
    pub openid: String,
    /// `Y` if the user follows the official account.
    pub is_subscribe: Option<String>,
    /// The goods of the code.
    pub product_id: String,
    nonce_str: String,
}

impl Notice for Scanned {
    fn open(receiver: &Receiver<'_>, body: &[u8]) -> Result<Self> {
        let doc = receiver.signed_question(body)?;
        for field in ["openid", "product_id", "nonce_str"] {
            if doc.get_filled(field).is_none() {
                return Err(wire::missing_in_notice(field));
            }
        }
        wire::read_doc(&doc).map_err(wire::misfit)
    }
}

impl Scanned {
    /// The order that the user is to pay.
    pub fn answer(&self, stamp: &Stamp<'_>, prepay_id: &str) -> Ack {
        self.signed(stamp, &[("prepay_id", prepay_id), ("result_code", "SUCCESS")], true)
    }

    /// There is none; the user reads `reason`, such as 商品已售完,
    /// at most 128 characters.
    pub fn refuse(&self, stamp: &Stamp<'_>, reason: &str) -> Ack {
        self.signed(stamp, &[("result_code", "FAIL"), ("err_code_des", &one_line(reason))], false)
    }

    fn signed(&self, stamp: &Stamp<'_>, fields: &[(&str, &str)], success: bool) -> Ack {
        let signer = &stamp.signer;
        let mut doc: Doc = [
            ("return_code", "SUCCESS"),
            ("appid", signer.app_id.as_str()),
            ("mch_id", signer.mch_id.as_str()),
            ("nonce_str", self.nonce_str.as_str()),
        ]
        .into_iter()
        .chain(fields.iter().copied())
        .collect();
        let sign = wire::sign(&doc, signer.key, Digest::Md5);
        doc.push("sign", &sign);
        Ack::of(doc, success)
    }
}
