//! Notifications: what was told, what goes wrong with the next one, once more.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::answer::{Answer, At, Body, Failure};
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

pub(super) async fn resend(State(sandbox): State<Sandbox>, At(id): At<u64>) -> Answer<NoticeRecord> {
    Ok(Json(sandbox.resend_notice(id).await?))
}

pub(super) async fn spoil_notice(State(sandbox): State<Sandbox>, Body(fault): Body<NoticeFault>) -> Answer {
    sandbox.spoil_next_notice(fault)?;
    Ok(Json(json!({})))
}
