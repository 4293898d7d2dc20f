//! Users' phones.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::answer::{Answer, Asked, At, Failure};
use super::lists::LONGEST;
use crate::sandbox::Sandbox;
use crate::sandbox::phone::Phone;

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default = "usual")]
    limit: usize,
}

/// As much as a phone shows at once and a little more.
const fn usual() -> usize {
    30
}

pub(super) async fn phone(
    State(sandbox): State<Sandbox>,
    At(openid): At<String>,
    Asked(Wanted { limit }): Asked<Wanted>,
) -> Answer<Phone> {
    let found = sandbox.phone(&openid, limit.min(LONGEST));
    found.map(Json).ok_or_else(|| Failure::missing(format!("{openid} was never seen")))
}
