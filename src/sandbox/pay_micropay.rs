//! micropay: money from a payment code that a user shows.
//!
//! Differs from the real gateway: a code that nobody showed belongs to a user of
//! its own; a password is asked for above an amount (`password_above`) and of
//! users who want it (`asks_password`), where the real one decides by risk; a
//! number that was paid answers with the same payment again, which users report
//! and the table of codes (ORDERPAID) contradicts: `paid_code_is_refused`.

use std::time::Duration;

use super::cases::{self, Negative, TOO_LATE};
use super::desk::Desk;
use super::gate::Call;
use super::orders;
use super::paying::{self, Payer};
use super::refusal::Refusal;
use super::reply::{Reply, accepted};
use super::trades::OrderRecord;
use crate::money::Fen;
use crate::pay::{TradeState, TradeType};
use crate::wire::Doc;

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    orders::check_amount(call)?;
    let negative = cases::negative(call);
    let refuse = |code: &str| Refusal::of(call.contract, code);
    let amount = Fen::new(call.integer("total_fee"));
    let key = OrderRecord::key(&call.mch_id, call.official, call.text("out_trade_no"));
    if let Some(known) = desk.trades.order(&key) {
        if known.trade_type != TradeType::Micropay {
            return Err(refuse("OUT_TRADE_NO_USED").note("the number belongs to an order of another kind"));
        }
        match known.trade_state {
            TradeState::Success | TradeState::Refund if known.total_fee == amount => {
                let refuses = desk.entity(&call.mch_id).is_some_and(|entity| entity.settings.paid_code_is_refused);
                return if refuses { Err(refuse("ORDERPAID")) } else { Ok(paid(known).into()) };
            }
            TradeState::Success | TradeState::Refund => {
                return Err(refuse("INVALID_REQUEST").note("the number was paid with another amount"));
            }
            TradeState::UserPaying => return Err(refuse("USERPAYING")),
            TradeState::Revoked => return Err(refuse("ORDERREVERSED")),
            TradeState::Closed => return Err(refuse("ORDERCLOSED")),
            // A failed attempt may keep its number and try another code.
            _ => {}
        }
    }
    orders::check_expiry(call, desk.now(), Duration::from_secs(60))?;
    let mut code = desk.code_owner(call)?;
    if let Some(known) = desk.trades.order(&key)
        && known.openid.as_ref() != Some(&code.openid)
    {
        return Err(refuse("BUYER_MISMATCH").note("the number was tried before with another user's code"));
    }
    code.used = true;
    desk.put_code(call.text("auth_code"), code.clone());
    let user = desk.user(&code.openid, &call.app_id);
    if user.risk_blocked {
        return Err(refuse("TRADE_ERROR").note("risk control stops this user"));
    }
    let mut order = orders::new_record(desk, call, TradeType::Micropay);
    order.openid = Some(code.openid);
    order.trade_state = TradeState::UserPaying;
    let password_above = desk.entity(&call.mch_id).map_or(Fen::ZERO, |entity| entity.settings.password_above);
    let asks = user.asks_password || (call.official.is_none() && amount > password_above);
    if negative == Some(Negative::PayError) {
        order.trade_state = TradeState::PayError;
    }
    let failed = order.trade_state == TradeState::PayError;
    if !failed {
        desk.await_password(&order);
    }
    desk.put_order(order);
    if failed {
        return Ok(Reply::from(refuse("SYSTEMERROR").into_doc(super::routes::Family::Payment)).late(TOO_LATE));
    }
    if asks || matches!(negative, Some(Negative::UserPaying | Negative::Silence)) {
        let refusal = match call.official {
            Some(_) => Refusal::with_text("USERPAYING", "需要输入密码"),
            None => refuse("USERPAYING"),
        };
        return Err(refusal.note("the user has to enter the password: let the user pay or cancel"));
    }
    let coupons = if call.official.is_some() { cases::coupons_by_code(amount.get()) } else { Vec::new() };
    if let Err(problem) = desk.pay_order(&key, &Payer { coupons, ..Payer::default() }) {
        if let Some(mut order) = desk.trades.order(&key).cloned() {
            order.trade_state = TradeState::PayError;
            desk.put_order(order);
        }
        return Err(refuse("TRADE_ERROR").note(problem));
    }
    let Some(order) = desk.trades.order(&key) else { return Err(refuse("SYSTEMERROR")) };
    let reply = Reply::from(paid(order));
    Ok(if negative == Some(Negative::Timeout) { reply.late(TOO_LATE) } else { reply })
}

fn paid(order: &OrderRecord) -> Doc {
    let mut doc = accepted();
    for (name, value) in paying::facts(order) {
        doc.push(&name, &value);
    }
    doc
}
