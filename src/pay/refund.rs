//! `POST /secapi/pay/refund`: money goes back to the user (申请退款).
//!
//! Official page: refund, pay.weixin.qq.com, read 2026-11.

use serde::{Deserialize, Serialize};

use super::order::{check_fee, check_notify_url};
use super::trade::{CouponType, OrderKey};
use crate::code;
use crate::error::{Error, Result};
use crate::ids::OutRefundNo;
use crate::money::Fen;
use crate::wire::{Contract, Field, Generation, Numbered, Repeat, Request};

/// Gives a payment back, or a part of it.
///
/// An answer says only that the application was taken. What became of it,
/// [`query::Refund`](crate::query::Refund) and
/// [`notify::Refunded`](crate::notify::Refunded) tell. The same number with the
/// same amounts is the same refund, however often it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Which payment.
    #[serde(flatten)]
    pub order: OrderKey,
    /// The merchant's number of the refund, stored before the first attempt.
    pub out_refund_no: OutRefundNo,
    /// What was ordered, in fen (订单金额).
    pub total_fee: Fen,
    /// What goes back, in fen (退款金额).
    pub refund_fee: Fen,
    /// Everything optional.
    #[serde(flatten)]
    pub extra: RefundExtra,
}

/// The optional fields of [`Refund`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundExtra {
    /// The currency, which is that of the order (退款货币种类).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_fee_type: Option<String>,
    /// What the user is told (退款原因), at most 80 characters; not shown with a
    /// part of 1.00 yuan or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_desc: Option<String>,
    /// Where the money comes from (退款资金来源): `REFUND_SOURCE_UNSETTLED_FUNDS`,
    /// the default, or `REFUND_SOURCE_RECHARGE_FUNDS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_account: Option<String>,
    /// Where the result is told (退款结果通知url); no query string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify_url: Option<String>,
}

/// The application was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RefundTaken {
    /// WeChat's number of the payment.
    pub transaction_id: String,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// The merchant's number of the refund, as it was sent.
    pub out_refund_no: String,
    /// WeChat's number of the refund (微信退款单号).
    pub refund_id: String,
    /// Where the money goes (退款渠道); live answers leave it empty.
    pub refund_channel: Option<String>,
    /// What goes back, in fen.
    pub refund_fee: Fen,
    /// What the merchant pays of it, in fen, where coupons that nobody paid for
    /// were used (应结退款金额).
    pub settlement_refund_fee: Option<Fen>,
    /// What was ordered, in fen.
    pub total_fee: Fen,
    /// What the merchant got for the order, in fen (应结订单金额).
    pub settlement_total_fee: Option<Fen>,
    /// The currency; CNY if absent.
    pub fee_type: Option<String>,
    /// What the user had paid, in fen.
    pub cash_fee: Option<Fen>,
    /// The currency of `cash_fee`.
    pub cash_fee_type: Option<String>,
    /// What the user gets back, in fen.
    pub cash_refund_fee: Option<Fen>,
    /// What goes back to coupons, in fen.
    pub coupon_refund_fee: Option<Fen>,
    /// The coupons, where they are told one by one.
    #[serde(default)]
    pub coupons: Vec<CouponRefund>,
}

/// A coupon of a refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CouponRefund {
    /// The coupon's number.
    pub coupon_refund_id: Option<String>,
    /// Who had paid for it.
    pub coupon_type: Option<CouponType>,
    /// How much of it goes back, in fen.
    pub coupon_refund_fee: Option<Fen>,
}

/// `coupon_refund_id_0` and so on.
pub(crate) const COUPON_REFUNDS: Numbered =
    Numbered::list("coupons", &["coupon_refund_id", "coupon_type", "coupon_refund_fee"]);

/// So many parts can an order be given back in (refund, read 2026-11).
pub(crate) const REFUNDS_OF_AN_ORDER: usize = 50;

impl Request for Refund {
    const CONTRACT: Contract = Contract::v2("/secapi/pay/refund")
        .with_certificate()
        .with_sub_merchant()
        .number("out_refund_no")
        .repeat(Repeat::SameNumber)
        .fields(&[
            Field::text("transaction_id", 32).optional(),
            Field::order_number("out_trade_no", 32).optional(),
            Field::order_number("out_refund_no", 64),
            Field::integer("total_fee"),
            Field::integer("refund_fee"),
            Field::text("refund_fee_type", 8).optional(),
            Field::text("refund_desc", 80).optional(),
            Field::text("refund_account", 30).optional(),
            Field::text("notify_url", 256).optional(),
        ])
        .echo(&[
            "appid",
            "mch_id",
            "sub_appid",
            "sub_mch_id",
            "transaction_id",
            "out_trade_no",
            "out_refund_no",
            "total_fee",
            "refund_fee",
        ])
        .numbered(&[COUPON_REFUNDS])
        .codes(code::REFUND)
        .official_sandboxes(&[Generation::One]);

    type Reply = RefundTaken;

    fn check(&self) -> Result<()> {
        self.order.check()?;
        check_fee("total_fee", self.total_fee)?;
        check_fee("refund_fee", self.refund_fee)?;
        if self.refund_fee > self.total_fee {
            let problem = format!("{} yuan of an order of {}", self.refund_fee, self.total_fee);
            return Err(Error::invalid("refund_fee", problem));
        }
        self.extra.notify_url.as_deref().map_or(Ok(()), check_notify_url)
    }
}

impl Refund {
    /// This refund, if it fits into the order beside those that are known:
    /// number and amount of each, from one's own books or from
    /// [`RefundsFound::standing`](crate::query::RefundsFound::standing). Its own
    /// number among them is this same refund.
    ///
    /// ```
    /// use hongbao::{Fen, OutRefundNo, OutTradeNo, pay};
    ///
    /// let refund = pay::Refund {
    ///     order: OutTradeNo::new("T20250318000001")?.into(),
    ///     out_refund_no: OutRefundNo::new("R3")?,
    ///     total_fee: Fen::new(888),
    ///     refund_fee: Fen::new(300),
    ///     extra: pay::RefundExtra::default(),
    /// };
    /// assert!(refund.within([("R1", Fen::new(300)), ("R2", Fen::new(288))]).is_ok());
    /// assert!(refund.within([("R1", Fen::new(300)), ("R2", Fen::new(289))]).is_err());
    /// assert!(refund.within([("R3", Fen::new(299))]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid): together they exceed
    /// the order or the number of parts, or the number was used with another amount.
    pub fn within<'a>(&self, known: impl IntoIterator<Item = (&'a str, Fen)>) -> Result<&Self> {
        let (mut others, mut sum) = (0, self.refund_fee);
        for (number, fee) in known {
            if number == self.out_refund_no.as_str() {
                if fee != self.refund_fee {
                    let problem = format!("{number} was used for {fee} yuan, this is {}", self.refund_fee);
                    return Err(Error::invalid("out_refund_no", problem));
                }
                continue;
            }
            others += 1;
            sum = sum.checked_add(fee).unwrap_or(Fen::new(i64::MAX));
        }
        if sum > self.total_fee {
            let problem = format!("with the refunds that are known {sum} yuan of an order of {}", self.total_fee);
            return Err(Error::invalid("refund_fee", problem));
        }
        if others >= REFUNDS_OF_AN_ORDER {
            let problem = format!("the order has {others} refunds; {REFUNDS_OF_AN_ORDER} are the most");
            return Err(Error::invalid("out_refund_no", problem));
        }
        Ok(self)
    }
}
