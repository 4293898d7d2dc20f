//! shorturl: a shorter link.
//!
//! Differs from the real gateway: any link is shortened, and the same link gives
//! the same short one.

use super::desk::Desk;
use super::gate::Call;
use super::refusal::Refusal;
use super::reply::{Reply, accepted};
use crate::wire::percent;

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    let given = call.text("long_url");
    // The page asks for URL encoding, and most SDKs send it as it is.
    let encoded = given.get(..9).is_some_and(|head| head.eq_ignore_ascii_case("weixin%3a"));
    let long = if encoded { percent::decode(given).unwrap_or_else(|| given.to_owned()) } else { given.to_owned() };
    let short = desk.shorten(&long);
    let mut doc = accepted();
    doc.push("short_url", &short);
    Ok(doc.into())
}
