//! report: how calls of the interface went.
//!
//! Differs from the real gateway: nothing is made of it but an entry in the log.

use super::desk::Desk;
use super::gate::Call;
use super::refusal::Refusal;
use super::reply::{Reply, accepted};

pub(super) fn handle(_: &mut Desk, _: &Call) -> Result<Reply, Refusal> {
    Ok(accepted().into())
}
