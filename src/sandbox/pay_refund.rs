//! refund: money goes back to the user.
//!
//! Differs from the real gateway: an account holds settled and unsettled money
//! alike, so `refund_account` is kept and decides nothing; refunds of one order
//! may follow each other at once; the coupons' part is rounded down, more where the
//! user's cash is used up, and the last refund takes the rest; too much is INVALID_REQUEST as since 2020. A refund
//! takes three minutes to a user's change and a day to a card.

use super::desk::Desk;
use super::gate::Call;
use super::refusal::Refusal;
use super::reply::{Reply, accepted};
use crate::money::Fen;

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    let refund = desk.take_refund(call)?;
    let order = desk.find_order(call).cloned();
    let fen = |fee: Fen| fee.get().to_string();
    let mut doc = accepted();
    doc.push("transaction_id", &refund.transaction_id);
    doc.push("out_trade_no", &refund.out_trade_no);
    doc.push("out_refund_no", &refund.out_refund_no);
    doc.push("refund_id", &refund.refund_id);
    doc.push("refund_channel", "");
    doc.push("refund_fee", &fen(refund.refund_fee));
    doc.push("coupon_refund_fee", &fen(refund.coupon_fee()));
    doc.push("total_fee", &fen(refund.total_fee));
    doc.push("coupon_refund_count", &refund.coupons.len().to_string());
    doc.push("cash_refund_fee", &fen(refund.cash_fee()));
    if let Some(order) = order {
        doc.push("cash_fee", &fen(order.cash_fee()));
        if order.settlement_fee() != order.total_fee {
            doc.push("settlement_total_fee", &fen(order.settlement_fee()));
            doc.push("settlement_refund_fee", &fen(refund.settlement_fee()));
        }
    }
    for (index, coupon) in refund.coupons.iter().enumerate() {
        doc.push(&format!("coupon_type_{index}"), coupon.kind.as_str());
        doc.push(&format!("coupon_refund_id_{index}"), &coupon.id);
        doc.push(&format!("coupon_refund_fee_{index}"), &fen(coupon.fee));
    }
    Ok(doc.into())
}
