//! One request with its explanation, and how answers are written.

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value};

use super::answer::{Answer, At, Body, Failure, changed};
use crate::sandbox::{Answers, RequestDetails, Sandbox};

pub(super) async fn request(State(sandbox): State<Sandbox>, At(id): At<u64>) -> Answer<RequestDetails> {
    // Up to a thousand digests: not on the threads that serve the gateway.
    let found = tokio::task::spawn_blocking(move || sandbox.request(id)).await;
    let found = found.map_err(|error| Failure::wrong(format!("the explanation: {error}"), "report this"))?;
    found.map(Json).ok_or_else(|| Failure::missing(format!("there is no request {id}, or not any more")))
}

pub(super) async fn answers(State(sandbox): State<Sandbox>) -> Json<Answers> {
    Json(sandbox.answers())
}

/// Fields that are left out keep their value.
pub(super) async fn put_answers(
    State(sandbox): State<Sandbox>,
    Body(changes): Body<Map<String, Value>>,
) -> Answer<Answers> {
    sandbox.set_answers(changed(&sandbox.answers(), changes)?)?;
    Ok(answers(State(sandbox)).await)
}
