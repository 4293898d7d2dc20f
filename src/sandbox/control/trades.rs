//! Orders, refunds, codes: what users do, for programs.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, Asked, At, Body, Failure};
use crate::query::RefundStatus;
use crate::sandbox::{OrderRecord, Payer, RefundRecord, Sandbox};
use crate::wire::percent;

pub(super) fn h5_page() -> Router<Sandbox> {
    Router::new().route("/cgi-bin/mmpayweb-bin/checkmweb", get(visit))
}

pub(super) async fn order(
    State(sandbox): State<Sandbox>,
    At((mch_id, number)): At<(String, String)>,
) -> Answer<OrderRecord> {
    let found = sandbox.order(&mch_id, &number);
    found.map(Json).ok_or_else(|| Failure::missing(format!("merchant {mch_id} has no order {number}")))
}

/// The user that the order names pays all of it, unless the body says more.
pub(super) async fn pay(
    State(sandbox): State<Sandbox>,
    At((mch_id, number)): At<(String, String)>,
    Body(payer): Body<Payer>,
) -> Answer<OrderRecord> {
    sandbox.pay_order(&mch_id, &number, &payer)?;
    order(State(sandbox), At((mch_id, number))).await
}

pub(super) async fn cancel(
    State(sandbox): State<Sandbox>,
    At((mch_id, number)): At<(String, String)>,
) -> Answer<OrderRecord> {
    sandbox.cancel_order(&mch_id, &number)?;
    order(State(sandbox), At((mch_id, number))).await
}

/// It can no longer be paid as it is.
pub(super) async fn expire(
    State(sandbox): State<Sandbox>,
    At((mch_id, number)): At<(String, String)>,
) -> Answer<OrderRecord> {
    let Json(known) = order(State(sandbox.clone()), At((mch_id, number))).await?;
    Ok(Json(sandbox.expire_order(&known.mch_id, &known.out_trade_no)?))
}

pub(super) async fn refund(
    State(sandbox): State<Sandbox>,
    At((mch_id, number)): At<(String, String)>,
) -> Answer<RefundRecord> {
    let found = sandbox.refund(&mch_id, &number);
    found.map(Json).ok_or_else(|| Failure::missing(format!("merchant {mch_id} has no refund {number}")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    status: RefundStatus,
}

pub(super) async fn end_refund(
    State(sandbox): State<Sandbox>,
    At((mch_id, number)): At<(String, String)>,
    Body(End { status }): Body<End>,
) -> Answer<RefundRecord> {
    sandbox.end_refund(&mch_id, &number, status)?;
    refund(State(sandbox), At((mch_id, number))).await
}

pub(super) async fn show_code(State(sandbox): State<Sandbox>, At(openid): At<String>) -> Answer {
    let auth_code = sandbox.show_code(&openid)?;
    Ok(Json(json!({ "openid": openid, "auth_code": auth_code })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scan {
    code: String,
    openid: Option<String>,
}

pub(super) async fn scan(
    State(sandbox): State<Sandbox>,
    Body(Scan { code, openid }): Body<Scan>,
) -> Answer<OrderRecord> {
    Ok(Json(sandbox.scan(&code, openid.as_deref()).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Comment {
    transaction_id: String,
    stars: u8,
    #[serde(default)]
    text: String,
}

pub(super) async fn comment(
    State(sandbox): State<Sandbox>,
    Body(Comment { transaction_id, stars, text }): Body<Comment>,
) -> Answer {
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
async fn visit(State(sandbox): State<Sandbox>, Asked(h5): Asked<H5>, headers: HeaderMap) -> Response {
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
