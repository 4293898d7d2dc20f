//! `POST /pay/refundquery`: what became of refunds (查询退款).
//!
//! Official page: refundquery, pay.weixin.qq.com, read 2026-11.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::code;
use crate::error::Result;
use crate::ids::{OutRefundNo, OutTradeNo};
use crate::money::Fen;
use crate::pay::{COUPON_REFUNDS, CouponRefund, check_filled};
use crate::wire::{Contract, Field, Generation, Numbered, Repeat, Request, beijing_time, wire_enum};

/// Asks about one refund, or about all of an order, ten at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Which refunds.
    #[serde(flatten)]
    pub refund: RefundKey,
    /// How many refunds of the order to pass over (偏移量); see
    /// [`RefundsFound::next_offset`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u32>,
}

/// Which refunds are meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum RefundKey {
    /// One, by WeChat's number (微信退款单号).
    #[serde(rename = "refund_id")]
    RefundId(String),
    /// One, by the merchant's number (商户退款单号).
    #[serde(rename = "out_refund_no")]
    OutRefundNo(OutRefundNo),
    /// All of an order, by WeChat's number of the payment.
    #[serde(rename = "transaction_id")]
    TransactionId(String),
    /// All of an order, by the merchant's number.
    #[serde(rename = "out_trade_no")]
    OutTradeNo(OutTradeNo),
}

impl From<OutRefundNo> for RefundKey {
    fn from(number: OutRefundNo) -> Self {
        Self::OutRefundNo(number)
    }
}

impl From<OutTradeNo> for RefundKey {
    fn from(number: OutTradeNo) -> Self {
        Self::OutTradeNo(number)
    }
}

impl Refund {
    /// By any of the four numbers, from the first refund on.
    #[must_use]
    pub fn new(refund: impl Into<RefundKey>) -> Self {
        Self { refund: refund.into(), offset: None }
    }
}

impl Request for Refund {
    const CONTRACT: Contract = Contract::v2("/pay/refundquery")
        .with_sub_merchant()
        .repeat(Repeat::Freely)
        .fields(&[
            Field::text("refund_id", 32).optional(),
            Field::order_number("out_refund_no", 64).optional(),
            Field::text("transaction_id", 32).optional(),
            Field::order_number("out_trade_no", 32).optional(),
            Field::integer("offset").optional(),
        ])
        .echo(&["appid", "mch_id", "sub_appid", "sub_mch_id", "transaction_id", "out_trade_no"])
        .numbered(&[REFUNDS])
        .codes(code::REFUND_QUERY)
        .official_sandboxes(&[Generation::One]);

    type Reply = RefundsFound;

    fn check(&self) -> Result<()> {
        match &self.refund {
            RefundKey::RefundId(number) => check_filled("refund_id", number),
            RefundKey::TransactionId(number) => check_filled("transaction_id", number),
            RefundKey::OutRefundNo(_) | RefundKey::OutTradeNo(_) => Ok(()),
        }
    }
}

const REFUNDS: Numbered = Numbered::list(
    "refunds",
    &[
        "out_refund_no",
        "refund_id",
        "refund_channel",
        "refund_fee",
        "settlement_refund_fee",
        "coupon_refund_fee",
        "coupon_refund_count",
        "refund_status",
        "refund_account",
        "refund_recv_accout",
        "refund_success_time",
    ],
)
.with(&COUPON_REFUNDS);

/// Refunds as WeChat keeps them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RefundsFound {
    /// WeChat's number of the payment.
    pub transaction_id: String,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// What was ordered, in fen.
    pub total_fee: Fen,
    /// What the merchant got for the order, in fen.
    pub settlement_total_fee: Option<Fen>,
    /// The currency; CNY if absent.
    pub fee_type: Option<String>,
    /// What the user had paid, in fen.
    pub cash_fee: Option<Fen>,
    /// How many refunds this answer holds.
    pub refund_count: Option<u32>,
    /// How many refunds the order has.
    pub total_refund_count: Option<u32>,
    /// The sum of the refunds of this answer, in fen.
    pub refund_fee: Option<Fen>,
    /// The refunds, at most ten.
    #[serde(default)]
    pub refunds: Vec<RefundFound>,
}

impl RefundsFound {
    /// The offset of the next ten, if the order has more refunds than these and
    /// those before `offset`.
    ///
    /// ```no_run
    /// # async fn run(client: hongbao::Client, number: hongbao::OutTradeNo) -> hongbao::Result<()> {
    /// use hongbao::query;
    /// let mut question = query::Refund::new(number);
    /// let mut all = vec![];
    /// loop {
    ///     let found = client.send(&question).await?;
    ///     let next = found.next_offset(question.offset);
    ///     all.extend(found.refunds);
    ///     match next {
    ///         Some(offset) => question.offset = Some(offset),
    ///         None => break,
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn next_offset(&self, offset: Option<u32>) -> Option<u32> {
        let seen = offset.unwrap_or(0).checked_add(u32::try_from(self.refunds.len()).ok()?)?;
        (!self.refunds.is_empty() && self.total_refund_count? > seen).then_some(seen)
    }

    /// Number and amount of each refund that money was or may yet be given back
    /// for: all but the closed ones. For [`pay::Refund::within`](crate::pay::Refund::within).
    pub fn standing(&self) -> impl Iterator<Item = (&str, Fen)> {
        let standing = self.refunds.iter().filter(|refund| !refund.refund_status.is_closed());
        standing.map(|refund| (refund.out_refund_no.as_str(), refund.refund_fee))
    }
}

/// One refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RefundFound {
    /// The merchant's number.
    pub out_refund_no: String,
    /// WeChat's number.
    pub refund_id: String,
    /// Where it stands.
    pub refund_status: RefundStatus,
    /// What goes back, in fen, as it was applied for.
    pub refund_fee: Fen,
    /// What the merchant pays of it, in fen.
    pub settlement_refund_fee: Option<Fen>,
    /// What goes back to coupons, in fen.
    pub coupon_refund_fee: Option<Fen>,
    /// How many coupons.
    pub coupon_refund_count: Option<u32>,
    /// The coupons one by one.
    #[serde(default)]
    pub coupons: Vec<CouponRefund>,
    /// Which way the money goes (退款渠道).
    pub refund_channel: Option<RefundChannel>,
    /// Where the money comes from (退款资金来源).
    pub refund_account: Option<String>,
    /// Where the money goes (退款入账账户). The wire spells it `accout`.
    #[serde(rename = "refund_recv_accout")]
    pub refund_recv_account: Option<String>,
    /// When the money was back.
    #[serde(default, deserialize_with = "beijing_time")]
    pub refund_success_time: Option<Timestamp>,
}

wire_enum! {
    /// Where a refund stands (退款状态).
    RefundStatus {
        /// The money is back (退款成功).
        Success = "SUCCESS",
        /// Closed (退款关闭): the money stays with the merchant, and another try
        /// has another number.
        Closed = "REFUNDCLOSE",
        /// On its way (退款处理中).
        Processing = "PROCESSING",
        /// The bank did not take it (退款异常): somebody must decide in the merchant
        /// platform, and it ends as one of the first two.
        Change = "CHANGE",
        /// An older word for closed (退款失败).
        Fail = "FAIL",
    }
}

impl RefundStatus {
    /// Whether this state never changes again.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Success | Self::Closed | Self::Fail)
    }

    /// Whether it ended without money.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed | Self::Fail)
    }
}

wire_enum! {
    /// Which way the money of a refund goes (退款渠道).
    RefundChannel {
        /// As it came (原路退款).
        Original = "ORIGINAL",
        /// To the user's change (退回到余额).
        Balance = "BALANCE",
        /// To another user's change, since the account was abnormal.
        OtherBalance = "OTHER_BALANCE",
        /// To another bank card, since the card was abnormal.
        OtherBankCard = "OTHER_BANKCARD",
    }
}
