//! `POST /pay/unifiedorder` with `trade_type` NATIVE: an order as a QR code that
//! the user scans (Native支付, mode two).
//!
//! Official page: unifiedorder, pay.weixin.qq.com, read 2026-11.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::order::{self, Extra};
use crate::error::{Error, Result};
use crate::ids::OutTradeNo;
use crate::money::Fen;
use crate::wire::{Contract, Request};

/// An order whose `code_url` is shown as a QR code: one code, one order, one
/// payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Native {
    /// What is sold (商品描述), at most 127 bytes: the shop's name, `-`, the goods.
    pub body: String,
    /// The merchant's number of the order, stored before the first attempt.
    pub out_trade_no: OutTradeNo,
    /// How much, in fen (标价金额).
    pub total_fee: Fen,
    /// The address of the calling machine (终端IP).
    pub spbill_create_ip: IpAddr,
    /// Where the payment is told (通知地址); no query string.
    pub notify_url: String,
    /// The goods' number (商品ID), at most 32 characters.
    pub product_id: String,
    /// Everything optional.
    #[serde(flatten)]
    pub extra: Extra,
}

/// An order that waits for somebody to scan it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NativePlaced {
    /// The session in which it can be paid (预支付交易会话标识), for two hours.
    pub prepay_id: String,
    /// What the QR code says (二维码链接), for two hours.
    pub code_url: String,
    /// Promotions as JSON text; only with `version` 1.0.
    pub promotion_detail: Option<String>,
}

impl Request for Native {
    const CONTRACT: Contract = order::placing(&[("trade_type", "NATIVE")]);

    type Reply = NativePlaced;

    fn check(&self) -> Result<()> {
        // The field list is that of all trade types, where it may be missing.
        if self.product_id.is_empty() {
            return Err(Error::invalid("product_id", "must not be empty"));
        }
        order::check(self.total_fee, &self.notify_url, &self.extra)
    }
}
