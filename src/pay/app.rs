//! `POST /pay/unifiedorder` with `trade_type` APP: an order that is paid in a
//! mobile app (APP支付).
//!
//! Official page: unifiedorder, pay.weixin.qq.com, read 2026-11.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::order::{self, Extra, Placed};
use crate::error::Result;
use crate::ids::OutTradeNo;
use crate::money::Fen;
use crate::wire::{Contract, Request};

/// An order that is paid in a mobile app of the merchant. With its `prepay_id`
/// the app calls WeChat: [`AppParams`](super::AppParams).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// What is sold (商品描述), at most 127 bytes: the app's name, `-`, the goods.
    pub body: String,
    /// The merchant's number of the order, stored before the first attempt.
    pub out_trade_no: OutTradeNo,
    /// How much, in fen (标价金额).
    pub total_fee: Fen,
    /// The user's address (终端IP).
    pub spbill_create_ip: IpAddr,
    /// Where the payment is told (通知地址); no query string.
    pub notify_url: String,
    /// Everything optional.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Request for App {
    const CONTRACT: Contract = order::placing(&[("trade_type", "APP")]);

    type Reply = Placed;

    fn check(&self) -> Result<()> {
        order::check(self.total_fee, &self.notify_url, &self.extra)
    }
}
