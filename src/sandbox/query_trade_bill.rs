//! downloadbill: what was paid and refunded on a day.
//!
//! Differs from the real gateway: a bill is made when it is asked for, from 09:00
//! of the next day on, as things stood then; a payment that was reversed is a
//! SUCCESS row and a REVOKED row; there are no recharges. Below the prefix of
//! the first official sandbox the real one answers with a file of 2016, here
//! with a bill of that day's orders, which has none.

use std::time::Duration;

use super::bills;
use super::desk::Desk;
use super::gate::Call;
use super::refusal::Refusal;
use super::reply::Reply;
use crate::clock::{Day, Timestamp};
use crate::query::BillType;

/// Bills are kept for three months (downloadbill, read 2026-11).
const KEPT: Duration = Duration::from_secs(92 * 86_400);

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    let wrong = |text: &str, note: &str| Err(Refusal::bill(text, Some("20001")).note(note));
    let Ok(day) = call.text("bill_date").parse::<Day>() else {
        return wrong("data format error", "bill_date: yyyyMMdd");
    };
    let kind = BillType::from(call.text("bill_type").to_owned());
    if matches!(kind, BillType::Unknown(_)) {
        return wrong("invalid bill_type", "bill_type: ALL, SUCCESS, REFUND or RECHARGE_REFUND");
    }
    match availability(day, desk.now()) {
        Availability::Gone => {
            return Err(Refusal::bill("No Bill Exist", Some("20002")).note("more than three months ago"));
        }
        Availability::NotYet => {
            return Err(Refusal::bill("Bill Creating", Some("20002")).note("it is made at 09:00 of the next day"));
        }
        Availability::There => {}
    }
    let found = match call.official {
        Some(_) => None,
        None => desk.trade_bill(&call.mch_id, call.doc.get_filled("sub_mch_id"), day, &kind),
    };
    match found {
        Some(text) => Ok(Reply::table(bills::packed(text, call.text("tar_type") == "GZIP"), None)),
        None => Err(Refusal::bill("No Bill Exist", Some("20002")).note("nothing was paid or refunded on that day")),
    }
}

pub(super) enum Availability {
    There,
    NotYet,
    Gone,
}

pub(super) fn availability(day: Day, now: Timestamp) -> Availability {
    if now < bills::made_at(day) {
        Availability::NotYet
    } else if now.since(day.start()) > KEPT {
        Availability::Gone
    } else {
        Availability::There
    }
}
