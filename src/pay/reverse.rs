//! `POST /secapi/pay/reverse`: a payment by code is undone (撤销订单).
//!
//! Official page: reverse, pay.weixin.qq.com, read 2026-11.

use serde::{Deserialize, Serialize};

use super::trade::OrderKey;
use crate::code;
use crate::error::Result;
use crate::wire::{Contract, Field, Generation, Repeat, Request};

/// Gives the money of a payment by code back, or closes it if none came; within
/// seven days, and no sooner than 15 seconds after the payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reverse {
    /// Which payment.
    #[serde(flatten)]
    pub order: OrderKey,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reversed {
    /// Whether it must be called again (是否重调); only `false` is the end.
    pub recall: bool,
}

impl Request for Reverse {
    const CONTRACT: Contract = Contract::v2("/secapi/pay/reverse")
        .with_certificate()
        .with_sub_merchant()
        .number("out_trade_no")
        .repeat(Repeat::SameNumber)
        .fields(&[Field::text("transaction_id", 32).optional(), Field::order_number("out_trade_no", 32).optional()])
        .echo(&["appid", "mch_id", "sub_appid", "sub_mch_id"])
        .codes(code::REVERSE)
        .official_sandboxes(&[Generation::One]);

    type Reply = Reversed;

    fn check(&self) -> Result<()> {
        self.order.check()
    }
}
