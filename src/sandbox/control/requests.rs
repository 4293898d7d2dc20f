//! One request with its explanation, and how answers are written.

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value};

use super::answer::{Answer, At, Body, Failure};
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
    let wrong = |error: serde_json::Error| Failure::wrong(format!("answers: {error}"), "send JSON as GET shows it");
    let mut merged = serde_json::to_value(sandbox.answers()).map_err(wrong)?;
    for (field, value) in changes {
        let Some(slot) = merged.get_mut(&field) else {
            return Err(Failure::wrong(format!("there is no {field}"), "look at GET"));
        };
        *slot = value;
    }
    sandbox.set_answers(serde_json::from_value(merged).map_err(wrong)?)?;
    Ok(answers(State(sandbox)).await)
}
