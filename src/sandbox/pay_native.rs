//! unifiedorder with NATIVE: an order as a QR code.
//!
//! Differs from the real gateway: whether `product_id` is enforced is said both ways; here it is unless
//! `native_needs_product_id` is switched off. The code lasts two hours. Otherwise
//! as JSAPI.

use super::desk::Desk;
use super::gate::Call;
use super::orders;
use super::refusal::Refusal;
use super::reply::Reply;
use crate::pay::TradeType;

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    orders::place(desk, call, TradeType::Native)
}
