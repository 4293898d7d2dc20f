//! refundquery: what became of refunds.
//!
//! Differs from the real gateway: `total_refund_count` is there however it was
//! asked, and the numbers of a page begin at zero again.

use super::desk::Desk;
use super::gate::Call;
use super::refusal::Refusal;
use super::reply::{Reply, accepted};
use super::trades::{RefundRecord, generation_number};
use crate::money::Fen;
use crate::query::RefundStatus;
use crate::wire::Doc;

/// So many refunds does an answer hold (refundquery, read 2026-11).
const PAGE: usize = 10;

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    let refuse = |code: &str| Refusal::of(call.contract, code);
    let own = |refund: &&RefundRecord| {
        let same = refund.mch_id == call.mch_id && refund.official == generation_number(call.official);
        same && refund.sub_mch_id.as_deref() == call.doc.get_filled("sub_mch_id")
    };
    let found: Vec<RefundRecord> = if let Some(id) = call.doc.get_filled("refund_id") {
        desk.trades.refund_of_id(id).filter(own).cloned().into_iter().collect()
    } else if let Some(number) = call.doc.get_filled("out_refund_no") {
        let key = RefundRecord::key(&call.mch_id, call.official, number);
        desk.trades.refund(&key).filter(own).cloned().into_iter().collect()
    } else if call.text("transaction_id").is_empty() && call.text("out_trade_no").is_empty() {
        return Err(Refusal::communication("缺少参数").note("one of the four numbers is required"));
    } else {
        desk.find_order(call).map(|order| desk.trades.refunds_of(order).cloned().collect()).unwrap_or_default()
    };
    let Some(first) = found.first() else { return Err(refuse("REFUNDNOTEXIST")) };
    let offset = usize::try_from(call.integer("offset")).unwrap_or(usize::MAX);
    if offset > found.len() {
        return Err(refuse("PARAM_ERROR").note(format!("offset: the order has {} refunds", found.len())));
    }
    let order = desk.trades.order_of_transaction(&first.transaction_id);
    let page: Vec<&RefundRecord> = found.iter().skip(offset).take(PAGE).collect();
    let fen = |fee: Fen| fee.get().to_string();
    let sum = |part: fn(&RefundRecord) -> Fen| {
        fen(Fen::checked_sum(page.iter().map(|refund| part(refund))).unwrap_or_default())
    };
    let mut doc = accepted();
    doc.push("transaction_id", &first.transaction_id);
    doc.push("out_trade_no", &first.out_trade_no);
    doc.push("total_fee", &fen(first.total_fee));
    doc.push("fee_type", "CNY");
    if let Some(order) = order {
        doc.push("cash_fee", &fen(order.cash_fee()));
        if order.settlement_fee() != order.total_fee {
            doc.push("settlement_total_fee", &fen(order.settlement_fee()));
        }
    }
    doc.push("refund_count", &page.len().to_string());
    doc.push("total_refund_count", &found.len().to_string());
    doc.push("refund_fee", &sum(|refund| refund.refund_fee));
    doc.push("cash_refund_fee", &sum(RefundRecord::cash_fee));
    for (index, refund) in page.iter().enumerate() {
        one(&mut doc, index, refund);
    }
    Ok(doc.into())
}

fn one(doc: &mut Doc, index: usize, refund: &RefundRecord) {
    let mut push = |name: &str, value: &str| {
        doc.push(&format!("{name}_{index}"), value);
    };
    let fen = |fee: Fen| fee.get().to_string();
    push("out_refund_no", &refund.out_refund_no);
    push("refund_id", &refund.refund_id);
    push("refund_channel", "ORIGINAL");
    push("refund_fee", &fen(refund.refund_fee));
    push("refund_status", refund.status.as_str());
    push("refund_account", &refund.refund_account);
    push("refund_recv_accout", &refund.recv_account);
    if refund.settlement_fee() != refund.refund_fee {
        push("settlement_refund_fee", &fen(refund.settlement_fee()));
    }
    if let (RefundStatus::Success, Some(time)) = (&refund.status, refund.success_time) {
        push("refund_success_time", &time.to_string());
    }
    if !refund.coupons.is_empty() {
        push("coupon_refund_fee", &fen(refund.coupon_fee()));
        push("coupon_refund_count", &refund.coupons.len().to_string());
        for (number, coupon) in refund.coupons.iter().enumerate() {
            doc.push(&format!("coupon_type_{index}_{number}"), coupon.kind.as_str());
            doc.push(&format!("coupon_refund_id_{index}_{number}"), &coupon.id);
            doc.push(&format!("coupon_refund_fee_{index}_{number}"), &fen(coupon.fee));
        }
    }
}
