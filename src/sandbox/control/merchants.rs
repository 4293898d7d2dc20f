//! Merchants: their money and their settings.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, At, Body, Failure};
use crate::money::Fen;
use crate::sandbox::{Sandbox, Settings};

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
}

pub(super) async fn top_up(
    State(sandbox): State<Sandbox>,
    At(mch_id): At<String>,
    Body(TopUp { amount }): Body<TopUp>,
) -> Answer {
    Ok(Json(json!({ "balance": sandbox.top_up(&mch_id, amount)? })))
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
    Body(changes): Body<serde_json::Map<String, Value>>,
) -> Answer<Settings> {
    let current = sandbox.settings(&mch_id).ok_or_else(|| unknown(&mch_id))?;
    let wrong = |field: &str, error: &serde_json::Error| {
        Failure::wrong(format!("settings: {field}: {error}"), "send JSON as GET shows it")
    };
    let mut merged = serde_json::to_value(current).map_err(|error| wrong("all", &error))?;
    for (field, value) in changes {
        let Some(slot) = merged.get_mut(&field) else {
            return Err(Failure::wrong(format!("settings: {field}: there is no such setting"), "see GET"));
        };
        *slot = value;
        // One by one, so that the error names the field.
        if let Err(error) = Settings::deserialize(&merged) {
            return Err(wrong(&field, &error));
        }
    }
    let new: Settings = serde_json::from_value(merged).map_err(|error| wrong("all", &error))?;
    Ok(Json(sandbox.change_settings(&mch_id, |settings| *settings = new)?))
}
