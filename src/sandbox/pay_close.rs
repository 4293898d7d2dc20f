//! closeorder: an order that can no longer be paid.
//!
//! Differs from the real gateway: an order can be closed at once unless
//! `close_after_seconds` says otherwise; an unknown number is ORDERNOTEXIST,
//! where a user reports SUCCESS (`close_unknown_succeeds`).

use std::time::Duration;

use super::desk::Desk;
use super::gate::Call;
use super::refusal::Refusal;
use super::reply::{Reply, accepted};
use crate::pay::{TradeState, TradeType};

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    let refuse = |code: &str| Refusal::of(call.contract, code);
    let settings = desk.entity(&call.mch_id).map(|entity| entity.settings.clone()).unwrap_or_default();
    let mut doc = accepted();
    doc.push("result_msg", "OK");
    let Some(mut order) = desk.find_order(call).cloned() else {
        return if settings.close_unknown_succeeds { Ok(doc.into()) } else { Err(refuse("ORDERNOTEXIST")) };
    };
    if order.trade_type == TradeType::Micropay {
        return Err(refuse("TRADE_STATE_ERROR").note("payments by code are reversed, not closed"));
    }
    match order.trade_state {
        TradeState::Closed => return Err(refuse("ORDERCLOSED")),
        TradeState::NotPay | TradeState::PayError => {}
        _ => return Err(refuse("ORDERPAID")),
    }
    let wait = Duration::from_secs(settings.close_after_seconds);
    if desk.now().since(order.created) < wait {
        let note = format!("not sooner than {} s after the order was placed", wait.as_secs());
        return Err(refuse("TRADE_STATE_ERROR").note(note));
    }
    order.trade_state = TradeState::Closed;
    desk.put_order(order);
    Ok(doc.into())
}
