//! Orders, refunds, codes: what users do, for programs.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::{Answer, Page, body, missing};
use crate::query::RefundStatus;
use crate::sandbox::{OrderRecord, Payer, RefundRecord, Sandbox};
use crate::wire::percent;

pub(super) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/api/orders", get(orders))
        .route("/api/orders/{mch_id}/{out_trade_no}", get(order))
        .route("/api/orders/{mch_id}/{out_trade_no}/pay", post(pay))
        .route("/api/orders/{mch_id}/{out_trade_no}/cancel", post(cancel))
        .route("/api/refunds", get(refunds))
        .route("/api/refunds/{mch_id}/{out_refund_no}", get(refund))
        .route("/api/refunds/{mch_id}/{out_refund_no}/end", post(end_refund))
        .route("/api/users/{openid}/code", post(show_code))
        .route("/api/scan", post(scan))
        .route("/api/comments", post(comment))
        .route("/cgi-bin/mmpayweb-bin/checkmweb", get(h5_page))
}

async fn orders(State(sandbox): State<Sandbox>, Query(page): Query<Page>) -> Json<Vec<OrderRecord>> {
    Json(sandbox.orders(page.offset, page.limit))
}

async fn order(State(sandbox): State<Sandbox>, Path((mch_id, number)): Path<(String, String)>) -> Answer<OrderRecord> {
    let found = sandbox.order(&mch_id, &number);
    found.map(Json).ok_or_else(|| missing(format!("merchant {mch_id} has no order {number}")))
}

/// The user that the order names pays all of it, unless the body says more.
async fn pay(
    State(sandbox): State<Sandbox>,
    Path((mch_id, number)): Path<(String, String)>,
    bytes: axum::body::Bytes,
) -> Answer<OrderRecord> {
    let payer: Payer = if bytes.is_empty() { Payer::default() } else { body(&bytes)? };
    sandbox.pay_order(&mch_id, &number, &payer)?;
    order(State(sandbox), Path((mch_id, number))).await
}

async fn cancel(State(sandbox): State<Sandbox>, Path((mch_id, number)): Path<(String, String)>) -> Answer<OrderRecord> {
    sandbox.cancel_order(&mch_id, &number)?;
    order(State(sandbox), Path((mch_id, number))).await
}

async fn refunds(State(sandbox): State<Sandbox>, Query(page): Query<Page>) -> Json<Vec<RefundRecord>> {
    Json(sandbox.refunds(page.offset, page.limit))
}

async fn refund(
    State(sandbox): State<Sandbox>,
    Path((mch_id, number)): Path<(String, String)>,
) -> Answer<RefundRecord> {
    let found = sandbox.refund(&mch_id, &number);
    found.map(Json).ok_or_else(|| missing(format!("merchant {mch_id} has no refund {number}")))
}

#[derive(Deserialize)]
struct End {
    status: RefundStatus,
}

async fn end_refund(
    State(sandbox): State<Sandbox>,
    Path((mch_id, number)): Path<(String, String)>,
    bytes: axum::body::Bytes,
) -> Answer<RefundRecord> {
    let End { status } = body(&bytes)?;
    sandbox.end_refund(&mch_id, &number, status)?;
    refund(State(sandbox), Path((mch_id, number))).await
}

async fn show_code(State(sandbox): State<Sandbox>, Path(openid): Path<String>) -> Answer {
    let auth_code = sandbox.show_code(&openid)?;
    Ok(Json(json!({ "openid": openid, "auth_code": auth_code })))
}

#[derive(Deserialize)]
struct Scan {
    code: String,
    openid: Option<String>,
}

async fn scan(State(sandbox): State<Sandbox>, bytes: axum::body::Bytes) -> Answer<OrderRecord> {
    let Scan { code, openid } = body(&bytes)?;
    Ok(Json(sandbox.scan(&code, openid.as_deref()).await?))
}

#[derive(Deserialize)]
struct Comment {
    transaction_id: String,
    stars: u8,
    #[serde(default)]
    text: String,
}

async fn comment(State(sandbox): State<Sandbox>, bytes: axum::body::Bytes) -> Answer {
    let Comment { transaction_id, stars, text } = body(&bytes)?;
    sandbox.comment(&transaction_id, stars, &text)?;
    Ok(Json(json!({ "transaction_id": transaction_id })))
}

#[derive(Deserialize)]
struct H5 {
    #[serde(default)]
    prepay_id: String,
    redirect_url: Option<String>,
}

/// The page between the merchant's and the phone's WeChat. Nobody pays here:
/// that is what `/api/orders/…/pay` is for.
async fn h5_page(State(sandbox): State<Sandbox>, Query(h5): Query<H5>, headers: HeaderMap) -> Response {
    let referer = headers.get(header::REFERER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match (sandbox.visit_h5(&h5.prepay_id, referer), h5.redirect_url) {
        (Err(text), _) => (StatusCode::OK, page(text)).into_response(),
        (Ok(_), Some(url)) if url.starts_with("https://") || url.starts_with("http://") => {
            Redirect::to(&percent::encode_beyond_ascii(&url)).into_response()
        }
        (Ok(order), _) => page(&format!("{} {} 元", order.out_trade_no, order.total_fee)).into_response(),
    }
}

fn page(text: &str) -> Html<String> {
    // Order numbers and amounts hold nothing that HTML would take for markup.
    Html(format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>微信支付</title><p>{text}</p>"
    ))
}
