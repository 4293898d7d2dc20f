//! sendgroupredpack: a packet that its receiver shares out.
//!
//! Differs from the real gateway: WeChat closed the product on 2024-06-05, here
//! it is open; the split is random with at least one fen each, which nobody
//! documented; more than 20 shares are refused, which only secondary sources
//! say. Otherwise as sendredpack.

use super::desk::Desk;
use super::gate::Call;
use super::redpack_packet;
use super::refusal::Refusal;
use super::reply::Reply;
use crate::redpack::limits;

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    let shares = call.integer("total_num");
    let fen = call.integer("total_amount");
    let wrong =
        |text: &str, note: String| Err(Refusal::with_text("PARAM_ERROR", format!("参数错误:{text}")).note(note));
    let (fewest, most) = (limits::SHARES_MIN.value, limits::SHARES_USUAL_MAX.value);
    if !(fewest..=most).contains(&shares) {
        return wrong("total_num", format!("total_num: {fewest} to {most}, found {shares}"));
    }
    let total = limits::GROUP_MIN.value..=limits::GROUP_MAX.value;
    let average = limits::SHARE_MIN.value * shares..=limits::SHARE_MAX.value * shares;
    if !total.contains(&fen) || !average.contains(&fen) {
        return wrong("红包金额参数错误", format!("total_amount: {fen} fen for {shares} shares is out of range"));
    }
    redpack_packet::issue(desk, call, u32::try_from(shares).ok()).map(Reply::from)
}
