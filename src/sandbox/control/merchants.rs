//! Merchants: their money, their settings and their files.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::answer::{Answer, At, Body, Failure, changed};
use crate::money::Fen;
use crate::sandbox::entities::MerchantDetail;
use crate::sandbox::{AccountKind, NewMerchant, Sandbox, Settings, failed};

#[derive(Serialize)]
pub(super) struct MerchantRow {
    mch_id: String,
    app_id: String,
    name: String,
    balance: Fen,
    settings: Option<Settings>,
}

pub(super) async fn merchants(State(sandbox): State<Sandbox>) -> Json<Vec<MerchantRow>> {
    let view = |entity: crate::config::Entity| MerchantRow {
        balance: sandbox.balance(&entity.mch_id),
        settings: sandbox.settings(&entity.mch_id),
        mch_id: entity.mch_id,
        app_id: entity.app_id,
        name: entity.name,
    };
    Json(sandbox.merchants().into_iter().map(view).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TopUp {
    amount: Fen,
    #[serde(default)]
    account: AccountKind,
}

pub(super) async fn top_up(
    State(sandbox): State<Sandbox>,
    At(mch_id): At<String>,
    Body(TopUp { amount, account }): Body<TopUp>,
) -> Answer {
    Ok(Json(json!({ "balance": sandbox.top_up_account(&mch_id, account, amount)? })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Operating {
    #[serde(default)]
    amount: Fen,
}

/// Opens the operating account, or moves money into it from the basic one.
pub(super) async fn operating(
    State(sandbox): State<Sandbox>,
    At(mch_id): At<String>,
    Body(Operating { amount }): Body<Operating>,
) -> Answer {
    Ok(Json(json!({ "balance": sandbox.open_operating_account(&mch_id, amount)? })))
}

pub(super) async fn add(State(sandbox): State<Sandbox>, Body(new): Body<NewMerchant>) -> Answer<MerchantDetail> {
    // An RSA key takes a tenth of a second.
    let (desk, added) = (sandbox.clone(), tokio::task::spawn_blocking(move || sandbox.add_merchant(&new)));
    let entity = added.await.map_err(|error| failed("a new entity", error))??;
    merchant(State(desk), At(entity.mch_id)).await
}

pub(super) async fn merchant(State(sandbox): State<Sandbox>, At(mch_id): At<String>) -> Answer<MerchantDetail> {
    sandbox.merchant_detail(&mch_id).map(Json).ok_or_else(|| unknown(&mch_id))
}

pub(super) async fn file(
    State(sandbox): State<Sandbox>,
    At((mch_id, name)): At<(String, String)>,
) -> Result<Response, Failure> {
    let files = sandbox.merchant_detail(&mch_id).ok_or_else(|| unknown(&mch_id))?.files;
    if !files.contains(&name.as_str()) {
        return Err(Failure::missing(format!("there is no file {name} of {mch_id} here")));
    }
    let bytes = sandbox.merchant_file(&mch_id, &name)?;
    let kind = if name.ends_with(".json") { "application/json" } else { "application/octet-stream" };
    let attachment = format!("attachment; filename=\"{name}\"");
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, attachment)], bytes.to_vec())
        .into_response())
}

fn unknown(mch_id: &str) -> Failure {
    Failure::missing(format!("there is no merchant {mch_id}"))
}

pub(super) async fn settings(State(sandbox): State<Sandbox>, At(mch_id): At<String>) -> Answer<Settings> {
    sandbox.settings(&mch_id).map(Json).ok_or_else(|| unknown(&mch_id))
}

/// Fields that are left out keep their value.
pub(super) async fn put_settings(
    State(sandbox): State<Sandbox>,
    At(mch_id): At<String>,
    Body(changes): Body<Map<String, Value>>,
) -> Answer<Settings> {
    sandbox.settings(&mch_id).ok_or_else(|| unknown(&mch_id))?;
    // In one step, so that of two changes at the same moment both stay.
    let mut wrong = None;
    let settings = sandbox.change_settings(&mch_id, |settings| match changed(settings, changes) {
        Ok(new) => *settings = new,
        Err(failure) => wrong = Some(failure),
    })?;
    wrong.map_or(Ok(Json(settings)), Err)
}
