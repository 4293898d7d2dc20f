//! The time, what goes wrong, and the books.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Asked, At, Body, Failure};
use crate::clock::Timestamp;
use crate::sandbox::forecast::Forecast;
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
    seconds: Option<u64>,
    to: Option<Moment>,
}

/// Whither the clock can be advanced.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Moment {
    Midnight,
}

pub(super) async fn advance(State(sandbox): State<Sandbox>, Body(advance): Body<Advance>) -> Answer {
    let now = match (advance.seconds, advance.to) {
        (Some(seconds), None) => sandbox.advance(Duration::from_secs(seconds))?,
        (None, Some(Moment::Midnight)) => sandbox.advance_to_midnight()?,
        _ => return Err(Failure::wrong("the body says not how far", "give seconds, or to")),
    };
    Ok(Json(time(now)))
}

#[derive(Deserialize)]
pub(super) struct Ahead {
    #[serde(default = "a_day")]
    seconds: u64,
}

const fn a_day() -> u64 {
    86_400
}

pub(super) async fn forecast(State(sandbox): State<Sandbox>, Asked(Ahead { seconds }): Asked<Ahead>) -> Json<Forecast> {
    Json(sandbox.forecast(Duration::from_secs(seconds)))
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

/// The rule is named twice, by place and by what it is, so that a list that has
/// changed meanwhile loses no other one.
pub(super) async fn remove_fault(
    State(sandbox): State<Sandbox>,
    At(position): At<usize>,
    Body(rule): Body<FaultRule>,
) -> Answer<Vec<FaultRule>> {
    sandbox.remove_fault(position, &rule)?;
    Ok(Json(sandbox.faults()))
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    accounts: Option<bool>,
}

pub(super) async fn books(State(sandbox): State<Sandbox>, Asked(wanted): Asked<Wanted>) -> Json<Statement> {
    Json(if wanted.accounts == Some(false) { sandbox.totals() } else { sandbox.books() })
}
