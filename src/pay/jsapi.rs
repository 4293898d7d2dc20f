//! `POST /pay/unifiedorder` with `trade_type` JSAPI: an order that is paid in an
//! official account or a mini program (JSAPI支付, 小程序支付).
//!
//! Official page: unifiedorder, pay.weixin.qq.com, read 2026-11.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::order::{self, Extra, Placed};
use crate::error::Result;
use crate::ids::{OpenId, OutTradeNo};
use crate::money::Fen;
use crate::wire::{Contract, Request};

/// An order that is paid where WeChat shows the merchant's page. With its
/// `prepay_id` the page calls WeChat: [`BridgeParams`](super::BridgeParams).
///
/// Placing it again with the same number and fields is safe, and gives the same
/// order.
///
/// ```
/// use hongbao::{Fen, OpenId, OutTradeNo, pay};
///
/// let order = pay::Jsapi {
///     body: "蓝鲸咖啡-拿铁".into(),
///     out_trade_no: OutTradeNo::new("T20250318000001")?,
///     total_fee: Fen::new(888),
///     spbill_create_ip: "203.0.113.10".parse()?,
///     notify_url: "https://shop.example.com/wx/notify".into(),
///     payer: pay::Payer::OpenId(OpenId::new("oQx4r0Z1a2b3c4d5e6f7g8h9i0jk")?),
///     extra: pay::Extra::default(),
/// };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jsapi {
    /// What is sold (商品描述), at most 127 bytes: the shop's name, `-`, the goods.
    pub body: String,
    /// The merchant's number of the order, stored before the first attempt.
    pub out_trade_no: OutTradeNo,
    /// How much, in fen (标价金额).
    pub total_fee: Fen,
    /// The user's address (终端IP).
    pub spbill_create_ip: IpAddr,
    /// Where the payment is told (通知地址); no query string.
    pub notify_url: String,
    /// Who pays.
    #[serde(flatten)]
    pub payer: Payer,
    /// Everything optional.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Who pays an order in WeChat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payer {
    /// A user under the entity's appid.
    #[serde(rename = "openid")]
    OpenId(OpenId),
    /// A user under the sub-merchant's appid (服务商模式).
    #[serde(rename = "sub_openid")]
    SubOpenId(OpenId),
}

impl Request for Jsapi {
    const CONTRACT: Contract = order::placing(&[("trade_type", "JSAPI")]);

    type Reply = Placed;

    fn check(&self) -> Result<()> {
        order::check(self.total_fee, &self.notify_url, &self.extra)
    }
}
