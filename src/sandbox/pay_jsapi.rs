//! unifiedorder with JSAPI: an order that is paid in an official account or a mini program.
//!
//! Differs from the real gateway: openids are believed and enrolled under the first appid that names
//! them; placing an order again compares all fields but nonce, signature, address
//! and start, and gives the same session while it lasts (nobody documents either);
//! the payment directory is not checked, for nothing here has one.

use super::desk::Desk;
use super::gate::Call;
use super::orders;
use super::refusal::Refusal;
use super::reply::Reply;
use crate::pay::TradeType;

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    orders::place(desk, call, TradeType::Jsapi)
}
