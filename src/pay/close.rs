//! `POST /pay/closeorder`: an order that can no longer be paid (关闭订单).
//!
//! Official page: closeorder, pay.weixin.qq.com, read 2026-11.

use serde::{Deserialize, Serialize};

use crate::code;
use crate::ids::OutTradeNo;
use crate::wire::{Contract, Field, Generation, Repeat, Request};

/// Closes an order, no sooner than five minutes after it was placed: before
/// another number is used for the same sale, and when the user has gone.
/// Payments by code are reversed instead: [`Reverse`](super::Reverse).
///
/// `ORDERPAID` is an error of [`Outcome::Unknown`](crate::Outcome::Unknown): the
/// order was paid, so query it. `ORDERCLOSED` says that it was closed before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Close {
    /// The merchant's number of the order.
    pub out_trade_no: OutTradeNo,
}

/// The order is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Closed {
    /// The gateway's text, for people.
    pub result_msg: Option<String>,
}

impl Request for Close {
    const CONTRACT: Contract = Contract::v2("/pay/closeorder")
        .with_sub_merchant()
        .number("out_trade_no")
        .repeat(Repeat::SameNumber)
        .fields(&[Field::order_number("out_trade_no", 32)])
        .echo(&["appid", "mch_id", "sub_appid", "sub_mch_id"])
        .codes(code::CLOSE_ORDER)
        .official_sandboxes(&[Generation::One]);

    type Reply = Closed;
}
