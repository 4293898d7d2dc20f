//! unifiedorder with APP: an order that is paid in a mobile app.
//!
//! Differs from the real gateway: as JSAPI; the package signature of a mobile app is not checked.

use super::desk::Desk;
use super::gate::Call;
use super::orders;
use super::refusal::Refusal;
use super::reply::Reply;
use crate::pay::TradeType;

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    orders::place(desk, call, TradeType::App)
}
