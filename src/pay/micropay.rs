//! `POST /pay/micropay`: money from a payment code that the user shows
//! (付款码支付).
//!
//! Official page: micropay, pay.weixin.qq.com, read 2026-11.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::order::{self, Extra};
use super::trade::{COUPONS, Payment};
use crate::code;
use crate::error::{Error, Result};
use crate::ids::OutTradeNo;
use crate::money::Fen;
use crate::wire::{Contract, Field, Generation, Repeat, Request};

/// A payment by the code on the user's phone.
///
/// Its answer can leave the outcome open, most often because the user has to
/// enter a password, and no notification ever comes.
/// [`collect`](crate::cashier::collect) goes the whole way: query until the
/// deadline, then reverse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Micropay {
    /// What is sold (商品描述), at most 127 bytes: the shop's name, `-`, the goods.
    pub body: String,
    /// The merchant's number of the order, stored before the first attempt.
    pub out_trade_no: OutTradeNo,
    /// How much, in fen (订单金额).
    pub total_fee: Fen,
    /// The address of the calling machine (终端IP).
    pub spbill_create_ip: IpAddr,
    /// What the scanner read (付款码): 18 digits that begin with 10 to 15. It is
    /// good for one payment and about a minute.
    pub auth_code: String,
    /// Everything optional.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Request for Micropay {
    const CONTRACT: Contract = Contract::v2("/pay/micropay")
        .with_sub_merchant()
        .number("out_trade_no")
        .repeat(Repeat::Never)
        .fields(&[
            Field::bytes("body", 127),
            Field::order_number("out_trade_no", 32),
            Field::integer("total_fee"),
            Field::text("spbill_create_ip", 64),
            Field::text("auth_code", 128),
            Field::text("version", 32).optional(),
            Field::text("device_info", 32).optional(),
            Field::text("detail", 6000).optional(),
            Field::text("attach", 127).optional(),
            Field::text("fee_type", 16).optional(),
            Field::text("time_start", 14).optional(),
            Field::text("time_expire", 14).optional(),
            Field::text("goods_tag", 32).optional(),
            Field::text("limit_pay", 32).optional(),
            Field::text("receipt", 8).optional(),
            Field::text("profit_sharing", 16).optional(),
            Field::text("scene_info", 256).optional(),
        ])
        .echo(&["appid", "mch_id", "sub_appid", "sub_mch_id", "out_trade_no", "total_fee"])
        .numbered(&[COUPONS])
        .codes(code::MICROPAY)
        .official_sandboxes(&[Generation::One, Generation::Two]);

    type Reply = Payment;

    fn check(&self) -> Result<()> {
        order::check_fee("total_fee", self.total_fee)?;
        check_auth_code(&self.auth_code)?;
        self.extra.check(Duration::from_secs(60))
    }
}

/// The documented form of a payment code (micropay, read 2026-11).
pub(super) fn check_auth_code(code: &str) -> Result<()> {
    let known = matches!(code.as_bytes(), [b'1', b'0'..=b'5', ..]);
    if code.len() == 18 && known && code.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    let problem = format!("a payment code has 18 digits and begins with 10 to 15, found {} characters", code.len());
    Err(Error::invalid("auth_code", problem))
}
