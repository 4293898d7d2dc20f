//! Somebody paid an order (支付结果通知).
//!
//! Official page: payment result notification, pay.weixin.qq.com, read 2026-11.

use std::fmt;

use crate::config::Merchant;
use crate::error::Result;
use crate::ids::{AppId, MchId, OutTradeNo};
use crate::money::Fen;
use crate::pay::{COUPONS, Payment};
use crate::wire::{self, Notice, Receiver};

/// A payment as WeChat tells it: genuine, and for this entity. What it says
/// counts when it was compared with the order: [`Paid::confirm`].
#[must_use = "nothing counts before it is confirmed"]
pub struct Paid {
    payment: Payment,
    app_id: String,
    mch_id: String,
}

impl Notice for Paid {
    fn open(receiver: &Receiver<'_>, body: &[u8]) -> Result<Self> {
        let doc = receiver.signed(body)?;
        // Deductions by contract say in trade_state what became of them, and may
        // say SUCCESS above it (deduction notification, 扣款结果通知, read 2026-11).
        match (doc.get_filled("trade_state"), doc.get_filled("result_code")) {
            (None | Some("SUCCESS"), Some("SUCCESS")) => {}
            (None, Some("FAIL")) | (Some("PAY_FAIL"), _) => return Err(wire::failed_notice(&doc)),
            (Some("SUCCESS"), Some(code)) => return Err(wire::unexpected_in_notice("result_code", "SUCCESS", code)),
            (Some(state), Some(_)) => return Err(wire::unexpected_in_notice("trade_state", "SUCCESS", state)),
            _ => return Err(wire::missing_in_notice("result_code")),
        }
        // The answer to a refund is signed too, and has all of these but the last.
        for field in ["transaction_id", "out_trade_no", "total_fee", "time_end"] {
            if doc.get_filled(field).is_none() {
                return Err(wire::missing_in_notice(field));
            }
        }
        let text = |field| doc.get(field).unwrap_or_default().to_owned();
        let (app_id, mch_id) = (text("appid"), text("mch_id"));
        let payment = wire::read_doc(&wire::fold(&doc, &[COUPONS])).map_err(wire::misfit)?;
        Ok(Self { payment, app_id, mch_id })
    }
}

impl Paid {
    /// The merchant's number of the order, by which to find it.
    #[must_use]
    pub fn out_trade_no(&self) -> &str {
        &self.payment.out_trade_no
    }

    /// WeChat's number of the payment.
    #[must_use]
    pub fn transaction_id(&self) -> &str {
        &self.payment.transaction_id
    }

    /// The payment, if it is the one that was expected.
    ///
    /// # Errors
    /// [`ErrorKind::Mismatch`](crate::ErrorKind::Mismatch) names the field. Raise
    /// an alarm: a genuine notification with another amount is not answered by
    /// delivering goods.
    pub fn confirm(self, expected: &Expected) -> Result<Payment> {
        let Self { payment, app_id, mch_id } = self;
        for (field, ours, theirs) in
            [("mch_id", expected.mch_id.as_str(), &mch_id), ("appid", expected.app_id.as_str(), &app_id)]
        {
            if ours != theirs {
                return Err(wire::unexpected_in_notice(field, ours, theirs));
            }
        }
        expected.check(&payment)?;
        Ok(payment)
    }
}

impl fmt::Debug for Paid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paid").field("out_trade_no", &self.payment.out_trade_no).finish_non_exhaustive()
    }
}

const CNY: &str = "CNY";

/// What the merchant has on record of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The appid that the order was placed with.
    pub app_id: AppId,
    /// The merchant number that the order was placed with.
    pub mch_id: MchId,
    /// The merchant's number of the order.
    pub out_trade_no: OutTradeNo,
    /// What was ordered, in fen.
    pub total_fee: Fen,
    /// The currency of the order.
    pub fee_type: String,
}

impl Expected {
    /// An order of this entity, in CNY.
    #[must_use]
    pub fn new(merchant: &Merchant, out_trade_no: OutTradeNo, total_fee: Fen) -> Self {
        let (app_id, mch_id) = (merchant.app_id().clone(), merchant.mch_id().clone());
        Self { app_id, mch_id, out_trade_no, total_fee, fee_type: CNY.to_owned() }
    }

    /// Compares a payment that a query found
    /// ([`OrderFound::payment`](crate::query::OrderFound::payment)): number,
    /// currency and amount. That it is this entity's was checked when it was asked
    /// for. [`Paid::confirm`] does all that by itself.
    ///
    /// # Errors
    /// [`ErrorKind::Mismatch`](crate::ErrorKind::Mismatch) names the field.
    pub fn check(&self, payment: &Payment) -> Result<()> {
        let fee_type = payment.fee_type.as_deref().unwrap_or(CNY);
        for (field, ours, theirs) in [
            ("out_trade_no", self.out_trade_no.as_str(), payment.out_trade_no.as_str()),
            ("fee_type", &self.fee_type, fee_type),
        ] {
            if ours != theirs {
                return Err(wire::unexpected_in_notice(field, ours, theirs));
            }
        }
        if payment.total_fee != self.total_fee {
            let yuan = |fee| format!("{fee} yuan");
            return Err(wire::unexpected_in_notice("total_fee", yuan(self.total_fee), yuan(payment.total_fee)));
        }
        Ok(())
    }
}
