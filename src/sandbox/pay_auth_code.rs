//! authcodetoopenid: whose payment code it is.
//!
//! Differs from the real gateway: a code that nobody showed belongs to a user of
//! its own, whose openid names the code.

use super::desk::Desk;
use super::gate::Call;
use super::refusal::Refusal;
use super::reply::{Reply, accepted};

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    let mut code = desk.code_owner(call)?;
    code.reserved = Some(call.mch_id.clone());
    let mut doc = accepted();
    doc.push("openid", &code.openid);
    desk.put_code(call.text("auth_code"), code);
    Ok(doc.into())
}
