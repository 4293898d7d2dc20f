//! `POST /pay/orderquery`: what became of an order (查询订单).
//!
//! Official page: orderquery, pay.weixin.qq.com, read 2026-11.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::code;
use crate::error::Result;
use crate::money::Fen;
use crate::pay::{COUPONS, Coupon, OrderKey, Payment, TradeState, TradeType};
use crate::wire::{Contract, Field, Generation, Repeat, Request, beijing_time};

/// Asks about an order, whatever way it is paid.
///
/// ```no_run
/// # async fn run(client: hongbao::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use hongbao::{OutTradeNo, query};
/// let number = OutTradeNo::new("T20250318000001")?;
/// let found = client.send(&query::Order::new(number)).await?;
/// if let Some(payment) = found.payment() {
///     println!("{} yuan at {:?}", payment.total_fee, payment.time_end);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Which order.
    #[serde(flatten)]
    pub order: OrderKey,
    /// `1.0` for promotions in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Order {
    /// By WeChat's number or the merchant's.
    #[must_use]
    pub fn new(order: impl Into<OrderKey>) -> Self {
        Self { order: order.into(), version: None }
    }
}

impl Request for Order {
    const CONTRACT: Contract = Contract::v2("/pay/orderquery")
        .with_sub_merchant()
        .repeat(Repeat::Freely)
        .fields(&[
            Field::text("transaction_id", 32).optional(),
            Field::order_number("out_trade_no", 32).optional(),
            Field::text("version", 32).optional(),
        ])
        .echo(&["appid", "mch_id", "sub_appid", "sub_mch_id", "transaction_id", "out_trade_no"])
        .numbered(&[COUPONS])
        .codes(code::ORDER_QUERY)
        .official_sandboxes(&[Generation::One, Generation::Two]);

    type Reply = OrderFound;

    fn check(&self) -> Result<()> {
        self.order.check()
    }
}

/// An order as WeChat keeps it. Only the state and the merchant's number are
/// always there; of an order that was not paid hardly anything else is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OrderFound {
    /// Where it stands.
    pub trade_state: TradeState,
    /// The same in words, for people.
    pub trade_state_desc: Option<String>,
    /// The merchant's number.
    pub out_trade_no: String,
    /// WeChat's number.
    pub transaction_id: Option<String>,
    /// How it is paid.
    pub trade_type: Option<TradeType>,
    /// What was ordered, in fen.
    pub total_fee: Option<Fen>,
    /// What the merchant gets before fees, in fen.
    pub settlement_total_fee: Option<Fen>,
    /// The currency; CNY if absent.
    pub fee_type: Option<String>,
    /// What the user paid, in fen.
    pub cash_fee: Option<Fen>,
    /// The currency of `cash_fee`.
    pub cash_fee_type: Option<String>,
    /// What coupons paid, in fen.
    pub coupon_fee: Option<Fen>,
    /// The coupons, where they are told one by one.
    #[serde(default)]
    pub coupons: Vec<Coupon>,
    /// Who paid, under the appid of the order.
    pub openid: Option<String>,
    /// `Y` if the payer follows the official account.
    pub is_subscribe: Option<String>,
    /// Who paid, under the sub-merchant's appid.
    pub sub_openid: Option<String>,
    /// `Y` if the payer follows the sub-merchant's official account.
    pub sub_is_subscribe: Option<String>,
    /// The payer's bank.
    pub bank_type: Option<String>,
    /// What the order said, unchanged.
    pub attach: Option<String>,
    /// The terminal of the order.
    pub device_info: Option<String>,
    /// When it was paid.
    #[serde(default, deserialize_with = "beijing_time")]
    pub time_end: Option<Timestamp>,
    /// Promotions as JSON text.
    pub promotion_detail: Option<String>,
}

impl OrderFound {
    /// The payment, of an order that was paid, whatever was given back since.
    #[must_use]
    pub fn payment(&self) -> Option<Payment> {
        if !self.trade_state.is_paid() {
            return None;
        }
        let found = self.clone();
        Some(Payment {
            transaction_id: found.transaction_id?,
            out_trade_no: found.out_trade_no,
            total_fee: found.total_fee?,
            settlement_total_fee: found.settlement_total_fee,
            fee_type: found.fee_type,
            cash_fee: found.cash_fee,
            cash_fee_type: found.cash_fee_type,
            coupon_fee: found.coupon_fee,
            coupons: found.coupons,
            openid: found.openid,
            is_subscribe: found.is_subscribe,
            sub_openid: found.sub_openid,
            sub_is_subscribe: found.sub_is_subscribe,
            trade_type: found.trade_type,
            bank_type: found.bank_type,
            attach: found.attach,
            device_info: found.device_info,
            time_end: found.time_end,
            promotion_detail: found.promotion_detail,
        })
    }
}
