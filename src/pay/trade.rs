//! What orders, notifications and queries have in common.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::ids::OutTradeNo;
use crate::money::Fen;
use crate::wire::{Numbered, beijing_time, wire_enum};

/// Which order is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum OrderKey {
    /// WeChat's number (微信支付订单号), which wins where both could be given.
    #[serde(rename = "transaction_id")]
    TransactionId(String),
    /// The merchant's number (商户订单号).
    #[serde(rename = "out_trade_no")]
    OutTradeNo(OutTradeNo),
}

impl OrderKey {
    /// An empty field is not sent, and then no order would be meant.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::TransactionId(number) => check_filled("transaction_id", number),
            Self::OutTradeNo(_) => Ok(()),
        }
    }
}

pub(crate) fn check_filled(field: &'static str, number: &str) -> Result<()> {
    if number.is_empty() { Err(Error::invalid(field, "must not be empty")) } else { Ok(()) }
}

impl From<OutTradeNo> for OrderKey {
    fn from(number: OutTradeNo) -> Self {
        Self::OutTradeNo(number)
    }
}

wire_enum! {
    /// How an order is paid (交易类型).
    TradeType {
        /// In an official account or mini program.
        Jsapi = "JSAPI",
        /// By scanning a QR code.
        Native = "NATIVE",
        /// In a mobile app.
        App = "APP",
        /// In a browser outside WeChat.
        H5 = "MWEB",
        /// By a payment code that the user shows.
        Micropay = "MICROPAY",
        /// By a standing contract.
        Papay = "PAP",
    }
}

wire_enum! {
    /// Where an order stands (交易状态).
    TradeState {
        /// Paid (支付成功).
        Success = "SUCCESS",
        /// Paid, and at least one refund was accepted, perhaps of a part (转入退款).
        Refund = "REFUND",
        /// Not paid (未支付); also of an order that has expired.
        NotPay = "NOTPAY",
        /// Closed (已关闭).
        Closed = "CLOSED",
        /// Reversed (已撤销); only payments by code.
        Revoked = "REVOKED",
        /// The user has to enter the password (用户支付中); only payments by code.
        UserPaying = "USERPAYING",
        /// Failed (支付失败); only payments by code.
        PayError = "PAYERROR",
        /// Accepted, waiting for the deduction (已接收，等待扣款); only contracts.
        Accept = "ACCEPT",
        /// Failed (支付失败); only contracts.
        PayFail = "PAY_FAIL",
    }
}

impl TradeState {
    /// Whether the user's money came, whatever was given back since.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        matches!(self, Self::Success | Self::Refund)
    }
}

wire_enum! {
    /// Who pays for a coupon (代金券类型).
    CouponType {
        /// Paid for in advance (充值代金券): the merchant gets the whole amount.
        Cash = "CASH",
        /// Not paid for (免充值代金券): the merchant gets less.
        NoCash = "NO_CASH",
    }
}

/// A coupon that was used (代金券).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Coupon {
    /// The coupon's number.
    pub coupon_id: Option<String>,
    /// Who pays for it.
    pub coupon_type: Option<CouponType>,
    /// How much, in fen.
    pub coupon_fee: Option<Fen>,
}

/// `coupon_id_0`, `coupon_type_0`, `coupon_fee_0` and so on.
pub(crate) const COUPONS: Numbered = Numbered::list("coupons", &["coupon_id", "coupon_type", "coupon_fee"]);

/// A payment that came.
///
/// `total_fee` is what was ordered: it is `cash_fee` and `coupon_fee` together,
/// and what a merchant compares with the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Payment {
    /// WeChat's number (微信支付订单号), the key of whatever must happen once.
    pub transaction_id: String,
    /// The merchant's number.
    pub out_trade_no: String,
    /// What was ordered, in fen (订单金额).
    pub total_fee: Fen,
    /// What the merchant gets before fees, in fen; there where coupons that
    /// nobody paid for were used (应结订单金额).
    pub settlement_total_fee: Option<Fen>,
    /// The currency; CNY if absent (货币种类).
    pub fee_type: Option<String>,
    /// What the user paid, in fen (现金支付金额).
    pub cash_fee: Option<Fen>,
    /// The currency of `cash_fee`.
    pub cash_fee_type: Option<String>,
    /// What coupons paid, in fen (代金券金额).
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
    /// How it was paid.
    pub trade_type: Option<TradeType>,
    /// The payer's bank (付款银行), such as `OTHERS` or `ICBC_DEBIT`.
    pub bank_type: Option<String>,
    /// What the order said (附加数据), unchanged.
    pub attach: Option<String>,
    /// The terminal of the order.
    pub device_info: Option<String>,
    /// When it was paid.
    #[serde(default, deserialize_with = "beijing_time")]
    pub time_end: Option<Timestamp>,
    /// Promotions as JSON text; only of orders with `version` 1.0.
    pub promotion_detail: Option<String>,
}
