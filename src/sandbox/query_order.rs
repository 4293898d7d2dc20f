//! orderquery: what became of an order.
//!
//! Differs from the real gateway: which fields an unpaid order has is taken from
//! a report; the words of `trade_state_desc` are those of public samples.

use super::cases::{self, Negative};
use super::desk::Desk;
use super::gate::Call;
use super::paying;
use super::refusal::Refusal;
use super::reply::{Reply, accepted};
use super::trades::OrderRecord;
use crate::pay::TradeState;
use crate::wire::Doc;

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    let by_transaction = call.doc.get_filled("transaction_id").is_some();
    if by_transaction && !cases::finds_by_transaction(call.official) {
        return Err(Refusal::communication("缺少参数").note("this sandbox finds orders by out_trade_no alone"));
    }
    if !by_transaction && call.text("out_trade_no").is_empty() {
        return Err(Refusal::communication("缺少参数").note("transaction_id or out_trade_no is required"));
    }
    if cases::negative(call) == Some(Negative::UserPaying) {
        desk.enter_password(call);
    }
    let Some(order) = desk.find_order(call) else { return Err(Refusal::of(call.contract, "ORDERNOTEXIST")) };
    Ok(found(order).into())
}

fn found(order: &OrderRecord) -> Doc {
    let mut doc = accepted();
    doc.push("trade_state", order.trade_state.as_str());
    doc.push("trade_state_desc", in_words(&order.trade_state));
    if order.transaction_id.is_some() {
        for (name, value) in paying::facts(order) {
            doc.push(&name, &value);
        }
        return doc;
    }
    for (name, value) in [("device_info", &order.device_info), ("attach", &order.attach)] {
        if let Some(value) = value {
            doc.push(name, value);
        }
    }
    doc.push("total_fee", &order.total_fee.get().to_string());
    doc.push("out_trade_no", &order.out_trade_no);
    doc
}

fn in_words(state: &TradeState) -> &'static str {
    match state {
        TradeState::Success => "支付成功",
        TradeState::Refund => "订单发生过退款，退款详情请查询退款单",
        TradeState::NotPay => "订单未支付",
        TradeState::Closed => "订单已关闭",
        TradeState::Revoked => "订单已撤销",
        TradeState::UserPaying => "需要用户输入支付密码",
        _ => "支付失败，请重新下单支付",
    }
}

impl Desk {
    /// The case in which the user enters the password between two queries: the
    /// first query still finds it open.
    fn enter_password(&mut self, call: &Call) {
        let Some(order) = self.find_order(call).cloned() else { return };
        if order.trade_state != TradeState::UserPaying {
            return;
        }
        let key = order.own_key();
        if self.asked.insert(key.clone()) {
            return;
        }
        let coupons = match call.official {
            Some(_) => cases::coupons_by_code(order.total_fee.get()),
            None => Vec::new(),
        };
        // It is open, so it can be paid.
        let _ = self.pay_order(&key, &paying::Payer { coupons, ..paying::Payer::default() });
    }
}
