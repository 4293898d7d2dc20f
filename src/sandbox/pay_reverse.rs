//! reverse: a payment by code is undone.
//!
//! Differs from the real gateway: an unpaid one becomes REVOKED, which nobody
//! documents; a number that was never seen is reversed too, and a payment that
//! comes later under it is refused with ORDERREVERSED; it may be called sooner
//! than 15 seconds after the payment.

use std::time::Duration;

use super::books::{Account, Reason};
use super::desk::Desk;
use super::gate::Call;
use super::orders;
use super::refusal::Refusal;
use super::reply::{Reply, accepted};
use super::trades::OrderRecord;
use crate::money::Fen;
use crate::pay::{CouponType, TradeState, TradeType};

const LONGEST: Duration = Duration::from_secs(7 * 86_400);

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    let refuse = |code: &str| Refusal::of(call.contract, code);
    let by_transaction = call.doc.get_filled("transaction_id").is_some();
    if !by_transaction && call.text("out_trade_no").is_empty() {
        return Err(refuse("PARAM_ERROR").note("transaction_id or out_trade_no is required"));
    }
    let key = OrderRecord::key(&call.mch_id, call.official, call.text("out_trade_no"));
    let mut order = match desk.find_order(call).cloned() {
        Some(order) => order,
        None if by_transaction => return Err(refuse("INVALID_TRANSACTIONID")),
        None if desk.trades.order(&key).is_some() => {
            return Err(refuse("INVALID_REQUEST").note("the order is another sub-merchant's"));
        }
        None => orders::new_record(desk, call, TradeType::Micropay),
    };
    if order.trade_type != TradeType::Micropay {
        return Err(refuse("INVALID_REQUEST").note("only payments by code are reversed"));
    }
    if desk.now().since(order.created) > LONGEST {
        return Err(refuse("REVERSE_EXPIRE"));
    }
    match order.trade_state {
        TradeState::UserPaying => return Err(refuse("USERPAYING")),
        TradeState::Refund => return Err(refuse("TRADE_ERROR").note("a refund was taken for it")),
        TradeState::Success if order.is_real() => {
            give_back(desk, &order).map_err(|()| refuse("TRADE_ERROR").note("the merchant's account is short"))?;
        }
        _ => {}
    }
    if order.trade_state != TradeState::Revoked {
        order.reversed = Some(desk.now());
    }
    order.trade_state = TradeState::Revoked;
    order.fee_returned = order.fee;
    desk.put_order(order);
    let mut doc = accepted();
    doc.push("recall", "N");
    Ok(doc.into())
}

/// The way the money came, backwards. `Err`: it is not there, and nothing moved.
fn give_back(desk: &mut Desk, order: &OrderRecord) -> Result<(), ()> {
    let (at, number) = (desk.now(), Some(order.out_trade_no.as_str()));
    let merchant = Account::Merchant(order.mch_id.clone());
    let user = Account::User(order.openid.clone().unwrap_or_default());
    let back = order.settlement_fee().checked_sub(order.fee).unwrap_or_default();
    if desk.books.balance(&merchant) < back {
        return Err(());
    }
    if order.fee > Fen::ZERO {
        desk.pay_at(at, Account::Platform, merchant.clone(), order.fee, Reason::FeeReversed, number);
    }
    for coupon in order.coupons.iter().filter(|coupon| coupon.kind != CouponType::NoCash) {
        desk.pay_at(at, merchant.clone(), Account::World, coupon.fee, Reason::Coupon, number);
    }
    desk.pay_at(at, merchant, user, order.cash_fee(), Reason::Reversed, number);
    Ok(())
}
