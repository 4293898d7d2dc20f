//! Notifications: what was told, what goes wrong with the next one, once more.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, At, Body, Failure};
use crate::sandbox::delivery::MOST_DUPLICATES;
use crate::sandbox::{NoticeFault, NoticeRecord, Sandbox};

fn found(sandbox: &Sandbox, id: u64) -> Result<NoticeRecord, Failure> {
    sandbox.notice(id).ok_or_else(|| Failure::missing(format!("there is no notice {id}")))
}

pub(super) async fn notice(State(sandbox): State<Sandbox>, At(id): At<u64>) -> Answer<NoticeRecord> {
    found(&sandbox, id).map(Json)
}

/// The bytes as they are posted, for a pipe.
pub(super) async fn notice_body(State(sandbox): State<Sandbox>, At(id): At<u64>) -> Result<Response, Failure> {
    Ok(([(header::CONTENT_TYPE, "text/xml")], found(&sandbox, id)?.body).into_response())
}

/// How it is posted once more.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Again {
    times: Option<u32>,
    flip: bool,
}

pub(super) async fn resend(
    State(sandbox): State<Sandbox>,
    At(id): At<u64>,
    Body(Again { times, flip }): Body<Again>,
) -> Answer<NoticeRecord> {
    let times = times.unwrap_or(1);
    if !(1..=MOST_DUPLICATES).contains(&times) {
        return Err(Failure::wrong(format!("times: 1 to {MOST_DUPLICATES}"), "give another number"));
    }
    for _ in 0..times {
        if flip {
            sandbox.resend_notice_flipped(id).await?;
        } else {
            sandbox.resend_notice(id).await?;
        }
    }
    found(&sandbox, id).map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InOrder {
    ids: Vec<u64>,
}

pub(super) async fn resend_many(
    State(sandbox): State<Sandbox>,
    Body(InOrder { ids }): Body<InOrder>,
) -> Answer<Vec<NoticeRecord>> {
    Ok(Json(sandbox.resend_notices(&ids).await?))
}

pub(super) async fn spoil_notice(State(sandbox): State<Sandbox>, Body(fault): Body<NoticeFault>) -> Answer {
    sandbox.spoil_next_notice(fault)?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Forward {
    url: String,
    seconds: u64,
}

pub(super) async fn forwarding(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(json!({ "url": sandbox.forwarding() }))
}

pub(super) async fn forward(State(sandbox): State<Sandbox>, Body(Forward { url, seconds }): Body<Forward>) -> Answer {
    sandbox.forward_notices(&url, Duration::from_secs(seconds))?;
    Ok(forwarding(State(sandbox)).await)
}

pub(super) async fn stop_forwarding(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.stop_forwarding();
    forwarding(State(sandbox)).await
}
