//! `POST /pay/unifiedorder` with `trade_type` MWEB: an order that is paid from a
//! browser outside WeChat (H5支付).
//!
//! Official page: unifiedorder, pay.weixin.qq.com, read 2026-11.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::order::{self, Extra};
use crate::error::Result;
use crate::ids::OutTradeNo;
use crate::money::Fen;
use crate::wire::{Contract, Request};

/// An order that a browser pays by going to its `mweb_url`, which
/// [`h5_redirect`](super::h5_redirect) extends by the way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct H5 {
    /// What is sold (商品描述), at most 127 bytes: the shop's name, `-`, the goods.
    pub body: String,
    /// The merchant's number of the order, stored before the first attempt.
    pub out_trade_no: OutTradeNo,
    /// How much, in fen (标价金额).
    pub total_fee: Fen,
    /// The user's address (终端IP); WeChat compares it with the browser's.
    pub spbill_create_ip: IpAddr,
    /// Where the payment is told (通知地址); no query string.
    pub notify_url: String,
    /// Where the order is shown (场景信息).
    #[serde(with = "as_json")]
    pub scene_info: H5Scene,
    /// Everything optional.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Where an order outside WeChat is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum H5Scene {
    /// A web page.
    Wap {
        /// Its address.
        wap_url: String,
        /// Its name.
        wap_name: String,
    },
    /// The web view of an app on iOS.
    #[serde(rename = "IOS")]
    Ios {
        /// The app's name.
        app_name: String,
        /// The app's bundle.
        bundle_id: String,
    },
    /// The web view of an app on Android.
    Android {
        /// The app's name.
        app_name: String,
        /// The app's package.
        package_name: String,
    },
}

/// An order that waits for its browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct H5Placed {
    /// The session in which it can be paid (预支付交易会话标识), for two hours.
    pub prepay_id: String,
    /// Where the browser goes (支付跳转链接), for five minutes. A merchant to whom
    /// the product was not granted gets none.
    pub mweb_url: Option<String>,
    /// Promotions as JSON text; only with `version` 1.0.
    pub promotion_detail: Option<String>,
}

impl Request for H5 {
    const CONTRACT: Contract = order::placing(&[("trade_type", "MWEB")]);

    type Reply = H5Placed;

    fn check(&self) -> Result<()> {
        order::check(self.total_fee, &self.notify_url, &self.extra)
    }
}

/// `{"h5_info":{…}}`.
mod as_json {
    use serde::de::{Deserializer, Error as _};
    use serde::ser::{Error as _, Serializer};
    use serde::{Deserialize, Serialize};

    use super::H5Scene;

    #[derive(Serialize)]
    struct Writing<'a> {
        h5_info: &'a H5Scene,
    }

    #[derive(Deserialize)]
    struct Reading {
        h5_info: H5Scene,
    }

    pub(super) fn serialize<S: Serializer>(scene: &H5Scene, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&serde_json::to_string(&Writing { h5_info: scene }).map_err(S::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<H5Scene, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str(&text).map(|reading: Reading| reading.h5_info).map_err(D::Error::custom)
    }
}
