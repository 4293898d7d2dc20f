//! The acceptance cases (验收用例) of the official sandboxes: below their
//! prefixes the amount decides what happens, and the header
//! `Wechatpay-Negative-Test` what goes wrong, that one on production's paths too.
//!
//! Differs from the real sandboxes: the meaning of 130 to 134 is inferred from
//! that of 330 to 334; the coupons of the cases 501, 502, 551 and 552 are one of
//! one fen that nobody paid for.

use std::time::Duration;

use super::desk::Desk;
use super::gate::Call;
use super::paying::Payer;
use super::refusal::Refusal;
use super::sign_key;
use crate::money::Fen;
use crate::pay::{CouponType, TradeState};
use crate::secret::Secret;
use crate::wire::Generation;

/// What a case does to an order that is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Paid,
    /// Paid, and nobody is told.
    Silent,
    Failed,
    ToldOften,
    ToldWithWrongSign,
    /// Paid, and another amount is told.
    ToldOtherAmount,
}

/// A case of a unifiedorder: the amount in fen, what happens, and the coupons.
struct Case(i64, Then, &'static [(CouponType, i64)]);

/// Acceptance documents of 2016 to 2021 as quoted in public copies, read 2026-11.
const PLACED: &[Case] = &[
    Case(101, Then::Paid, &[]),
    Case(102, Then::Paid, &[(CouponType::Cash, 1), (CouponType::NoCash, 2)]),
    Case(130, Then::Silent, &[]),
    Case(131, Then::Failed, &[]),
    Case(132, Then::ToldOften, &[]),
    Case(133, Then::ToldWithWrongSign, &[]),
    Case(134, Then::ToldOtherAmount, &[]),
    Case(301, Then::Paid, &[]),
    Case(302, Then::Paid, &[(CouponType::Cash, 1), (CouponType::NoCash, 2)]),
    Case(330, Then::Silent, &[]),
    Case(331, Then::Failed, &[]),
    Case(332, Then::ToldOften, &[]),
    Case(333, Then::ToldWithWrongSign, &[]),
    Case(334, Then::ToldOtherAmount, &[]),
    Case(551, Then::Paid, &[(CouponType::NoCash, 1)]),
    Case(552, Then::Paid, &[(CouponType::NoCash, 1)]),
];

/// The same of payments by code.
const BY_CODE: &[(i64, &[(CouponType, i64)])] = &[
    (1, &[]),
    (2, &[(CouponType::Cash, 1)]),
    (3, &[(CouponType::Cash, 1), (CouponType::NoCash, 2)]),
    (501, &[(CouponType::NoCash, 1)]),
    (502, &[(CouponType::NoCash, 1)]),
];

/// The amount that case 334 tells of.
const OTHER_AMOUNT: Fen = Fen::new(20_000);

/// Only the listed amounts are cases.
pub(super) fn check_amount(call: &Call, fee: i64) -> Result<(), Refusal> {
    let by_code = call.contract.path.ends_with("/micropay");
    let known = if by_code {
        BY_CODE.iter().any(|(amount, _)| *amount == fee)
    } else {
        PLACED.iter().any(|Case(amount, ..)| *amount == fee)
    };
    if known {
        return Ok(());
    }
    let amounts: Vec<String> = if by_code {
        BY_CODE.iter().map(|(amount, _)| amount.to_string()).collect()
    } else {
        PLACED.iter().map(|Case(amount, ..)| amount.to_string()).collect()
    };
    let note = format!("total_fee: one of {} fen", amounts.join(", "));
    Err(Refusal::communication(format!("沙箱支付金额({fee})无效，请检查需要验收的case")).note(note))
}

/// The coupons of a payment by code.
pub(super) fn coupons_by_code(fee: i64) -> Vec<(CouponType, Fen)> {
    let coupons = BY_CODE.iter().find(|(amount, _)| *amount == fee).map_or(&[][..], |(_, coupons)| coupons);
    coupons.iter().map(|(kind, fen)| (kind.clone(), Fen::new(*fen))).collect()
}

/// Nobody is there to pay, so the order pays itself, as its amount says.
pub(super) fn pay_by_itself(desk: &mut Desk, key: &str) {
    let Some(mut order) = desk.trades.order(key).cloned() else { return };
    let Some(Case(_, then, coupons)) = PLACED.iter().find(|Case(amount, ..)| *amount == order.total_fee.get()) else {
        return;
    };
    let url = std::mem::take(&mut order.notify_url);
    if *then == Then::Failed {
        order.trade_state = TradeState::PayError;
        order.notify_url = url;
        desk.put_order(order);
        return;
    }
    // Without an address nobody is told; what is told follows below.
    if *then == Then::ToldOtherAmount {
        order.reported_fee = Some(OTHER_AMOUNT);
    }
    desk.put_order(order);
    let coupons = coupons.iter().map(|(kind, fen)| (kind.clone(), Fen::new(*fen))).collect();
    // The order was just placed, so it can be paid.
    let _ = desk.pay_order(key, &Payer { coupons, ..Payer::default() });
    let Some(mut order) = desk.trades.order(key).cloned() else { return };
    order.notify_url = url;
    desk.put_order(order.clone());
    let other: Option<Secret> = match then {
        Then::ToldWithWrongSign => desk.entity(&order.mch_id).map(|entity| sign_key::of("0", &entity.key)),
        _ => None,
    };
    let times = match then {
        Then::Silent => 0,
        Then::ToldOften => 3,
        _ => 1,
    };
    for _ in 0..times {
        desk.announce_paid(&order, other.as_ref());
    }
}

/// What the header asks for (付款码支付异常用例, read 2026-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Negative {
    UserPaying,
    /// Paid, and the answer does not come in time.
    Timeout,
    /// Not paid, and the answer does not come in time.
    PayError,
    /// Nothing comes in time, queries included.
    Silence,
}

/// Longer than the half second for which the official text lets clients wait.
pub(super) const TOO_LATE: Duration = Duration::from_secs(3);

pub(super) fn negative(call: &Call) -> Option<Negative> {
    match call.negative_test.as_deref()? {
        "MICROPAY_USERPAYING" => Some(Negative::UserPaying),
        "MICROPAY_TIMEOUT" => Some(Negative::Timeout),
        "MICROPAY_PAYERROR" => Some(Negative::PayError),
        "MICROPAY_PAY_QUERY_TIMEOUT" => Some(Negative::Silence),
        _ => None,
    }
}

/// How long every answer waits, whatever it is, where none is to come in time.
pub(super) fn silence(call: &Call) -> Option<Duration> {
    let path = call.contract.path;
    let is_case = path.ends_with("/micropay") || path.ends_with("/orderquery");
    (is_case && negative(call) == Some(Negative::Silence)).then_some(TOO_LATE)
}

/// Whether an official sandbox lets orders be found by WeChat's number.
pub(super) fn finds_by_transaction(official: Option<Generation>) -> bool {
    official != Some(Generation::Two)
}
