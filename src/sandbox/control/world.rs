//! The time, what goes wrong, and the books.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Asked, Body};
use crate::clock::Timestamp;
use crate::sandbox::{FaultRule, Sandbox, Statement};

fn time(now: Timestamp) -> Value {
    json!({ "now": now, "beijing": now.to_string() })
}

pub(super) async fn clock(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(time(sandbox.now()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advance {
    seconds: u64,
}

pub(super) async fn advance(State(sandbox): State<Sandbox>, Body(Advance { seconds }): Body<Advance>) -> Answer {
    Ok(Json(time(sandbox.advance(Duration::from_secs(seconds))?)))
}

pub(super) async fn faults(State(sandbox): State<Sandbox>) -> Json<Vec<FaultRule>> {
    Json(sandbox.faults())
}

pub(super) async fn add_fault(State(sandbox): State<Sandbox>, Body(rule): Body<FaultRule>) -> Answer<Vec<FaultRule>> {
    sandbox.fault(rule)?;
    Ok(Json(sandbox.faults()))
}

pub(super) async fn clear_faults(State(sandbox): State<Sandbox>) -> Answer<Vec<FaultRule>> {
    sandbox.clear_faults()?;
    Ok(Json(sandbox.faults()))
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    accounts: Option<bool>,
}

pub(super) async fn books(State(sandbox): State<Sandbox>, Asked(wanted): Asked<Wanted>) -> Json<Statement> {
    let mut books = sandbox.books();
    if wanted.accounts == Some(false) {
        books.accounts.clear();
    }
    Json(books)
}
