//! The control API below `/api/`, for programs and for the page.
//!
//! Amounts are whole fen, times are milliseconds since 1970 (UTC). Every error
//! is `{"error": …, "next_step": …}` with a status of 4xx.

mod trades;

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{FaultRule, Sandbox, Settings, console};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::money::Fen;

pub(super) fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/api/merchants", get(merchants))
        .route("/api/merchants/{mch_id}/top_up", post(top_up))
        .route("/api/merchants/{mch_id}/settings", get(settings).put(put_settings))
        .route("/api/users/{openid}", get(user).put(put_user))
        .route("/api/packets", get(packets))
        .route("/api/packets/{mch_id}/{mch_billno}", get(packet))
        .route("/api/packets/{mch_id}/{mch_billno}/open", post(open_packet))
        .route("/api/clock", get(clock))
        .route("/api/clock/advance", post(advance))
        .route("/api/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/api/books", get(books))
        .route("/api/postings", get(postings))
        .route("/api/requests", get(requests))
        .route("/api/notices", get(notices))
        .route("/api/notices/faults", post(spoil_notice))
        .route("/api/notices/{id}", get(notice))
        .route("/api/notices/{id}/body", get(notice_body))
        .route("/api/notices/{id}/resend", post(resend))
        .merge(trades::routes())
        .merge(console::routes())
        .fallback(unknown)
        .with_state(sandbox)
}

/// A failure as the API tells it.
struct Failure(StatusCode, String, String);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1, "next_step": self.2 }))).into_response()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(StatusCode::UNPROCESSABLE_ENTITY, error.to_string(), error.next_step().to_owned())
    }
}

type Answer<T = Value> = Result<Json<T>, Failure>;

fn missing(what: String) -> Failure {
    Failure(StatusCode::NOT_FOUND, what, "look at the list one level up".to_owned())
}

/// A body of JSON whatever Content-Type it claims, for the sake of curl.
fn body<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes)
        .map_err(|error| Failure(StatusCode::BAD_REQUEST, format!("the body: {error}"), "send JSON".to_owned()))
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    offset: usize,
    #[serde(default = "usual")]
    limit: usize,
}

fn usual() -> usize {
    100
}

async fn unknown() -> Failure {
    missing("there is no such route".to_owned())
}

#[derive(Serialize)]
struct MerchantView {
    mch_id: String,
    app_id: String,
    name: String,
    balance: Fen,
    settings: Option<Settings>,
}

async fn merchants(State(sandbox): State<Sandbox>) -> Json<Vec<MerchantView>> {
    let view = |entity: crate::config::Entity| MerchantView {
        balance: sandbox.balance(&entity.mch_id),
        settings: sandbox.settings(&entity.mch_id),
        mch_id: entity.mch_id,
        app_id: entity.app_id,
        name: entity.name,
    };
    Json(sandbox.merchants().into_iter().map(view).collect())
}

#[derive(Deserialize)]
struct TopUp {
    amount: Fen,
}

async fn top_up(State(sandbox): State<Sandbox>, Path(mch_id): Path<String>, bytes: axum::body::Bytes) -> Answer {
    let TopUp { amount } = body(&bytes)?;
    Ok(Json(json!({ "balance": sandbox.top_up(&mch_id, amount)? })))
}

async fn settings(State(sandbox): State<Sandbox>, Path(mch_id): Path<String>) -> Answer<Settings> {
    sandbox.settings(&mch_id).map(Json).ok_or_else(|| missing(format!("there is no merchant {mch_id}")))
}

/// Fields that are left out keep their value.
async fn put_settings(
    State(sandbox): State<Sandbox>,
    Path(mch_id): Path<String>,
    bytes: axum::body::Bytes,
) -> Answer<Settings> {
    let changes: serde_json::Map<String, Value> = body(&bytes)?;
    let current = sandbox.settings(&mch_id).ok_or_else(|| missing(format!("there is no merchant {mch_id}")))?;
    let wrong = |error: serde_json::Error| {
        Failure(StatusCode::BAD_REQUEST, format!("settings: {error}"), "send JSON as GET shows it".to_owned())
    };
    let mut merged = serde_json::to_value(current).map_err(wrong)?;
    for (field, value) in changes {
        let Some(slot) = merged.get_mut(&field) else {
            return Err(Failure(StatusCode::BAD_REQUEST, format!("there is no setting {field}"), "see GET".to_owned()));
        };
        *slot = value;
    }
    let new: Settings = serde_json::from_value(merged).map_err(wrong)?;
    Ok(Json(sandbox.change_settings(&mch_id, |settings| *settings = new)?))
}

async fn user(State(sandbox): State<Sandbox>, Path(openid): Path<String>) -> Answer {
    let user = sandbox.user(&openid).ok_or_else(|| missing(format!("{openid} was never seen")))?;
    Ok(Json(json!({
        "openid": openid, "app_id": user.app_id, "risk_blocked": user.risk_blocked,
        "asks_password": user.asks_password,
        "balance": sandbox.received(&openid),
    })))
}

#[derive(Deserialize)]
struct PutUser {
    app_id: String,
    #[serde(default)]
    risk_blocked: bool,
    asks_password: Option<bool>,
}

async fn put_user(State(sandbox): State<Sandbox>, Path(openid): Path<String>, bytes: axum::body::Bytes) -> Answer {
    let PutUser { app_id, risk_blocked, asks_password } = body(&bytes)?;
    sandbox.set_user(&openid, &app_id, risk_blocked)?;
    if let Some(asks_password) = asks_password {
        sandbox.set_asks_password(&openid, &app_id, asks_password)?;
    }
    user(State(sandbox), Path(openid)).await
}

async fn packets(State(sandbox): State<Sandbox>, Query(page): Query<Page>) -> Json<Vec<super::PacketRecord>> {
    Json(sandbox.packets(page.offset, page.limit))
}

async fn packet(
    State(sandbox): State<Sandbox>,
    Path((mch_id, mch_billno)): Path<(String, String)>,
) -> Answer<super::PacketRecord> {
    let found = sandbox.packet(&mch_id, &mch_billno);
    found.map(Json).ok_or_else(|| missing(format!("merchant {mch_id} has no packet {mch_billno}")))
}

#[derive(Default, Deserialize)]
struct OpenPacket {
    openid: Option<String>,
}

/// The receiver opens it, unless the body names another user.
async fn open_packet(
    State(sandbox): State<Sandbox>,
    Path((mch_id, mch_billno)): Path<(String, String)>,
    bytes: axum::body::Bytes,
) -> Answer {
    let OpenPacket { openid } = if bytes.is_empty() { OpenPacket::default() } else { body(&bytes)? };
    let Some(record) = sandbox.packet(&mch_id, &mch_billno) else {
        return Err(missing(format!("merchant {mch_id} has no packet {mch_billno}")));
    };
    let openid = openid.unwrap_or(record.re_openid);
    let amount = sandbox.open_packet(&mch_id, &mch_billno, &openid)?;
    Ok(Json(json!({ "openid": openid, "amount": amount, "balance": sandbox.received(&openid) })))
}

fn time(now: Timestamp) -> Value {
    json!({ "now": now, "beijing": now.to_string() })
}

async fn clock(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(time(sandbox.now()))
}

#[derive(Deserialize)]
struct Advance {
    seconds: u64,
}

async fn advance(State(sandbox): State<Sandbox>, bytes: axum::body::Bytes) -> Answer {
    let Advance { seconds } = body(&bytes)?;
    Ok(Json(time(sandbox.advance(Duration::from_secs(seconds))?)))
}

async fn faults(State(sandbox): State<Sandbox>) -> Json<Vec<FaultRule>> {
    Json(sandbox.faults())
}

async fn add_fault(State(sandbox): State<Sandbox>, bytes: axum::body::Bytes) -> Answer<Vec<FaultRule>> {
    sandbox.fault(body(&bytes)?)?;
    Ok(Json(sandbox.faults()))
}

async fn clear_faults(State(sandbox): State<Sandbox>) -> Answer<Vec<FaultRule>> {
    sandbox.clear_faults()?;
    Ok(Json(sandbox.faults()))
}

async fn books(State(sandbox): State<Sandbox>) -> Json<super::Statement> {
    Json(sandbox.books())
}

async fn postings(State(sandbox): State<Sandbox>, Query(page): Query<Page>) -> Json<Vec<super::Posting>> {
    Json(sandbox.postings(page.offset, page.limit))
}

async fn requests(State(sandbox): State<Sandbox>, Query(page): Query<Page>) -> Json<Vec<super::RequestRecord>> {
    Json(sandbox.requests(page.limit))
}

async fn notices(State(sandbox): State<Sandbox>, Query(page): Query<Page>) -> Json<Vec<super::NoticeRecord>> {
    Json(sandbox.notices(page.offset, page.limit))
}

async fn notice(State(sandbox): State<Sandbox>, Path(id): Path<u64>) -> Answer<super::NoticeRecord> {
    sandbox.notice(id).map(Json).ok_or_else(|| missing(format!("there is no notice {id}")))
}

/// The bytes as they are posted, for a pipe.
async fn notice_body(State(sandbox): State<Sandbox>, Path(id): Path<u64>) -> Result<Response, Failure> {
    let notice = sandbox.notice(id).ok_or_else(|| missing(format!("there is no notice {id}")))?;
    Ok(([(header::CONTENT_TYPE, "text/xml")], notice.body).into_response())
}

async fn resend(State(sandbox): State<Sandbox>, Path(id): Path<u64>) -> Answer<super::NoticeRecord> {
    Ok(Json(sandbox.resend_notice(id).await?))
}

async fn spoil_notice(State(sandbox): State<Sandbox>, bytes: axum::body::Bytes) -> Answer {
    sandbox.spoil_next_notice(body(&bytes)?)?;
    Ok(Json(json!({})))
}
