//! Users, and the packets that they open.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, At, Body, Failure};
use super::lists::user_view;
use crate::sandbox::{Opens, PacketRecord, Sandbox};

pub(super) async fn user(State(sandbox): State<Sandbox>, At(openid): At<String>) -> Answer {
    let desk = sandbox.desk();
    let user = desk.users.get(openid.as_str()).ok_or_else(|| Failure::missing(format!("{openid} was never seen")))?;
    Ok(Json(user_view(&desk, &openid, user)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserChange {
    app_id: Option<String>,
    risk_blocked: Option<bool>,
    asks_password: Option<bool>,
    opens: Option<Opens>,
    real_name: Option<bool>,
}

/// Fields that are left out keep their value.
pub(super) async fn put_user(
    State(sandbox): State<Sandbox>,
    At(openid): At<String>,
    Body(change): Body<UserChange>,
) -> Answer {
    let known = sandbox.user(&openid).map(|user| user.app_id);
    let Some(app_id) = change.app_id.or(known) else {
        return Err(Failure::wrong(format!("app_id: {openid} is new here"), "say to which appid the openid belongs"));
    };
    sandbox.change_user(&openid, &app_id, |user| {
        user.risk_blocked = change.risk_blocked.unwrap_or(user.risk_blocked);
        user.asks_password = change.asks_password.unwrap_or(user.asks_password);
        user.opens = change.opens.unwrap_or(user.opens);
        user.real_name = change.real_name.unwrap_or(user.real_name);
    })?;
    user(State(sandbox), At(openid)).await
}

fn no_packet(mch_id: &str, mch_billno: &str) -> Failure {
    Failure::missing(format!("merchant {mch_id} has no packet {mch_billno}"))
}

pub(super) async fn packet(
    State(sandbox): State<Sandbox>,
    At((mch_id, mch_billno)): At<(String, String)>,
) -> Answer<PacketRecord> {
    sandbox.packet(&mch_id, &mch_billno).map(Json).ok_or_else(|| no_packet(&mch_id, &mch_billno))
}

/// Its 24 hours are over now.
pub(super) async fn expire_packet(
    State(sandbox): State<Sandbox>,
    At((mch_id, mch_billno)): At<(String, String)>,
) -> Answer<PacketRecord> {
    sandbox.packet(&mch_id, &mch_billno).ok_or_else(|| no_packet(&mch_id, &mch_billno))?;
    Ok(Json(sandbox.expire_packet(&mch_id, &mch_billno)?))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OpenPacket {
    openid: Option<String>,
}

/// The receiver opens it, unless the body names another user.
pub(super) async fn open_packet(
    State(sandbox): State<Sandbox>,
    At((mch_id, mch_billno)): At<(String, String)>,
    Body(OpenPacket { openid }): Body<OpenPacket>,
) -> Answer {
    let record = sandbox.packet(&mch_id, &mch_billno).ok_or_else(|| no_packet(&mch_id, &mch_billno))?;
    let openid = openid.unwrap_or(record.re_openid);
    let amount = sandbox.open_packet(&mch_id, &mch_billno, &openid)?;
    Ok(Json(json!({ "openid": openid, "amount": amount, "balance": sandbox.received(&openid) })))
}
