//! unifiedorder with MWEB: an order that is paid from a browser outside WeChat.
//!
//! Differs from the real gateway: a merchant gets no `mweb_url` where `h5_granted` is switched off; where the
//! sandbox is served the page is the console's, elsewhere the address names
//! WeChat's host and leads nowhere. Otherwise as JSAPI.

use super::desk::Desk;
use super::gate::Call;
use super::orders;
use super::refusal::Refusal;
use super::reply::Reply;
use crate::pay::TradeType;

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    orders::place(desk, call, TradeType::H5)
}
