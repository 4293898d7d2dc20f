//! downloadfundflow: what moved in an account on a day.
//!
//! Differs from the real gateway: the platform's fee is a row of its own in the
//! basic account, so the account of fees has no bill; the header `Digest` is made
//! over the unpacked text, which is not documented; as old as three months, where
//! the real one goes back to June 2017.

use super::accounts::AccountKind;
use super::bills;
use super::desk::Desk;
use super::gate::Call;
use super::query_trade_bill::{Availability, availability};
use super::refusal::Refusal;
use super::reply::Reply;
use crate::clock::Day;

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    let refuse = |code: &str| Refusal::of(call.contract, code);
    let Ok(day) = call.text("bill_date").parse::<Day>() else {
        return Err(refuse("PARAM_ERROR").note("bill_date: yyyyMMdd"));
    };
    let account = match call.text("account_type") {
        "Basic" => Some(AccountKind::Basic),
        "Operation" => Some(AccountKind::Operating),
        "Fees" => None,
        _ => {
            let note = "account_type: Basic, Operation or Fees";
            return Err(Refusal::with_text("PARAM_ERROR", "不支持的流水类型").note(note));
        }
    };
    match availability(day, desk.now()) {
        Availability::There => {}
        Availability::NotYet => return Err(refuse("BILL_CREATING").note("it is made at 09:00 of the next day")),
        Availability::Gone => return Err(refuse("NO_BILL_EXIST").note("more than three months ago")),
    }
    let found = account.and_then(|account| desk.fund_bill(&call.mch_id, account, day));
    let Some(text) = found else { return Err(refuse("NO_BILL_EXIST").note("nothing moved on that day")) };
    let digest = bills::digest(&text);
    Ok(Reply::table(bills::packed(text, call.text("tar_type") == "GZIP"), Some(digest)))
}
