//! A refund came to its end (退款结果通知).
//!
//! Official page: refund result notification, pay.weixin.qq.com, read 2026-11.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::config::Merchant;
use crate::error::Result;
use crate::ids::{AppId, MchId, OutRefundNo};
use crate::money::Fen;
use crate::query::RefundStatus;
use crate::wire::{self, Notice, Receiver, beijing_time};

/// The end of a refund as WeChat tells it: encrypted with this entity's key. It
/// carries no signature, and its cipher does not notice a change, so compare it
/// with the refund ([`Refunded::confirm`]), and query where much depends on it.
#[must_use = "nothing counts before it is confirmed"]
pub struct Refunded {
    result: RefundResult,
    app_id: String,
    mch_id: String,
}

/// How a refund ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RefundResult {
    /// WeChat's number of the payment.
    pub transaction_id: String,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// WeChat's number of the refund.
    pub refund_id: String,
    /// The merchant's number of the refund.
    pub out_refund_no: String,
    /// What was ordered, in fen.
    pub total_fee: Fen,
    /// What the merchant got for the order, in fen.
    pub settlement_total_fee: Option<Fen>,
    /// What goes back, in fen, as it was applied for.
    pub refund_fee: Fen,
    /// What the merchant pays of it, in fen.
    pub settlement_refund_fee: Option<Fen>,
    /// What the user gets back, in fen.
    pub cash_refund_fee: Option<Fen>,
    /// How it ended. [`RefundStatus::Change`] may be followed by another end.
    pub refund_status: RefundStatus,
    /// When the money was back.
    #[serde(default, deserialize_with = "beijing_time")]
    pub success_time: Option<Timestamp>,
    /// Where the money went (退款入账账户). The wire spells it `accout`.
    #[serde(rename = "refund_recv_accout")]
    pub refund_recv_account: Option<String>,
    /// Where the money came from (退款资金来源).
    pub refund_account: Option<String>,
    /// Who started it: `API`, or `VENDOR_PLATFORM` for somebody in the merchant
    /// platform (退款发起来源).
    pub refund_request_source: Option<String>,
}

impl RefundResult {
    /// The key of whatever must happen once: the refund's number and how it ended.
    /// It is unique within a merchant; with several, put the merchant number before.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}", self.out_refund_no, self.refund_status)
    }
}

impl Notice for Refunded {
    fn open(receiver: &Receiver<'_>, body: &[u8]) -> Result<Self> {
        let (outer, inner) = receiver.encrypted(body)?;
        for field in
            ["transaction_id", "out_trade_no", "refund_id", "out_refund_no", "total_fee", "refund_fee", "refund_status"]
        {
            if inner.get_filled(field).is_none() {
                return Err(wire::missing_in_notice(field));
            }
        }
        let text = |field| outer.get(field).unwrap_or_default().to_owned();
        let (app_id, mch_id) = (text("appid"), text("mch_id"));
        Ok(Self { result: wire::read_doc(&inner).map_err(wire::misfit)?, app_id, mch_id })
    }
}

impl Refunded {
    /// The merchant's number of the refund, by which to find it.
    #[must_use]
    pub fn out_refund_no(&self) -> &str {
        &self.result.out_refund_no
    }

    /// The merchant's number of the order, by which to find it. Refunds that
    /// somebody started in the merchant platform have numbers of their own.
    #[must_use]
    pub fn out_trade_no(&self) -> &str {
        &self.result.out_trade_no
    }

    /// The end of the refund, if it is the one that was expected.
    ///
    /// # Errors
    /// [`ErrorKind::Mismatch`](crate::ErrorKind::Mismatch) names the field.
    pub fn confirm(self, expected: &ExpectedRefund) -> Result<RefundResult> {
        let Self { result, app_id, mch_id } = self;
        let text = |field, ours: &str, theirs: &str| {
            if ours == theirs { Ok(()) } else { Err(wire::unexpected_in_notice(field, ours, theirs)) }
        };
        text("mch_id", expected.mch_id.as_str(), &mch_id)?;
        text("appid", expected.app_id.as_str(), &app_id)?;
        text("out_trade_no", &expected.out_trade_no, &result.out_trade_no)?;
        text("out_refund_no", expected.out_refund_no.as_str(), &result.out_refund_no)?;
        for (field, ours, theirs) in [
            ("total_fee", expected.total_fee, result.total_fee),
            ("refund_fee", expected.refund_fee, result.refund_fee),
        ] {
            if ours != theirs {
                let yuan = |fee| format!("{fee} yuan");
                return Err(wire::unexpected_in_notice(field, yuan(ours), yuan(theirs)));
            }
        }
        Ok(result)
    }
}

impl fmt::Debug for Refunded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refunded").field("out_refund_no", &self.result.out_refund_no).finish_non_exhaustive()
    }
}

/// What the merchant has on record of a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedRefund {
    /// The appid that the refund was applied for with.
    pub app_id: AppId,
    /// The merchant number that the refund was applied for with.
    pub mch_id: MchId,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// The merchant's number of the refund.
    pub out_refund_no: OutRefundNo,
    /// What was ordered, in fen.
    pub total_fee: Fen,
    /// What was to go back, in fen.
    pub refund_fee: Fen,
}

impl ExpectedRefund {
    /// A refund of this entity.
    #[must_use]
    pub fn new(
        merchant: &Merchant,
        out_trade_no: impl Into<String>,
        out_refund_no: OutRefundNo,
        total_fee: Fen,
        refund_fee: Fen,
    ) -> Self {
        let (app_id, mch_id) = (merchant.app_id().clone(), merchant.mch_id().clone());
        Self { app_id, mch_id, out_trade_no: out_trade_no.into(), out_refund_no, total_fee, refund_fee }
    }
}
