//! What a user's phone shows, through the control API.

use serde_json::{Value, json};

use crate::orders::{by_code, jsapi, native, refund};
use crate::raw::{Raw, client as client_of_the_console};
use crate::support::{ALICE, BOB, group, packet};

/// What each bubble of the chat is about, newest first.
fn chat(phone: &Value) -> Vec<String> {
    let number = |entry: &Value| match entry["kind"].as_str().unwrap() {
        "packet" => entry["packet"]["mch_billno"].clone(),
        "payment" => entry["order"]["out_trade_no"].clone(),
        _ => entry["refund"]["out_refund_no"].clone(),
    };
    phone["chat"].as_array().unwrap().iter().map(|entry| number(entry).as_str().unwrap().to_owned()).collect()
}

fn numbers(orders: &Value) -> Vec<&str> {
    orders.as_array().unwrap().iter().map(|order| order["out_trade_no"].as_str().unwrap()).collect()
}

async fn phone(raw: &Raw, openid: &str) -> Value {
    let (status, phone) = raw.api("GET", &format!("/api/v1/phones/{openid}"), "").await;
    assert_eq!(status, 200, "{phone}");
    phone
}

#[tokio::test]
async fn packets_payments_and_refunds_stand_in_the_chat() {
    let raw = Raw::new().await;
    let (mch_id, client) = (raw.entity.mch_id.as_str(), raw.sandbox.client(&raw.entity).unwrap());
    let wait = async || {
        let advanced = raw.api("POST", "/api/clock/advance", r#"{"seconds": 10}"#).await;
        assert_eq!(advanced.0, 200);
    };
    client.send(&packet("A1", ALICE, 188)).await.unwrap();
    wait().await;
    client.send(&packet("B1", BOB, 200)).await.unwrap();
    client.send(&group("G1", BOB, 900, 3)).await.unwrap();
    raw.sandbox.open_packet(mch_id, "G1", ALICE).unwrap();
    wait().await;
    client.send(&jsapi("T00001", 888)).await.unwrap();
    raw.api("POST", &format!("/api/orders/{mch_id}/T00001/pay"), "").await;
    wait().await;
    client.send(&refund("T00001", "R00001", 888, 300)).await.unwrap();
    wait().await;
    client.send(&packet("A2", ALICE, 100)).await.unwrap();

    let shown = phone(&raw, ALICE).await;
    assert_eq!(chat(&shown), ["A2", "R00001", "T00001", "G1", "A1"]);
    assert_eq!(shown["merchant"], json!({ "mch_id": mch_id, "name": "蓝鲸咖啡" }));
    assert_eq!(shown["chat"][0]["official_account"], "蓝鲸咖啡");
    assert_eq!(shown["chat"][0]["mine"], Value::Null);
    let (sent, expires) = (&shown["chat"][4]["at"], &shown["chat"][4]["expires"]);
    assert_eq!(expires.as_i64().unwrap() - sent.as_i64().unwrap(), 86_400_000);
    let share = shown["chat"][3]["mine"]["amount"].as_i64().unwrap();
    assert_eq!(shown["balance"].as_i64(), Some(share), "what came from the bank went to the merchant");
    assert_eq!(chat(&phone(&raw, BOB).await), ["G1", "B1"]);

    let (_, short) = raw.api("GET", &format!("/api/phones/{ALICE}?limit=2"), "").await;
    assert_eq!(chat(&short), ["A2", "R00001"]);
    assert_eq!(raw.api("GET", "/api/phones/oNobody", "").await.0, 404);
    // The refund moves up to the moment when it arrives.
    raw.api("POST", "/api/clock/advance", r#"{"seconds": 600}"#).await;
    assert_eq!(chat(&phone(&raw, ALICE).await), ["R00001", "A2", "T00001", "G1", "A1"]);
}

#[tokio::test]
async fn what_can_be_paid_is_there_until_its_end() {
    let raw = Raw::new().await;
    let (mch_id, client) = (raw.entity.mch_id.as_str(), raw.sandbox.client(&raw.entity).unwrap());
    let user = format!(r#"{{"app_id": "{}", "asks_password": true}}"#, raw.entity.app_id);
    for openid in [ALICE, BOB] {
        assert_eq!(raw.api("PUT", &format!("/api/users/{openid}"), &user).await.0, 200);
    }
    client.send(&jsapi("T00001", 888)).await.unwrap();
    client.send(&native("T00002", 888)).await.unwrap();
    assert_eq!(phone(&raw, ALICE).await["code"], Value::Null);
    let (_, code) = raw.api("POST", &format!("/api/users/{ALICE}/code"), "").await;
    let shown = phone(&raw, ALICE).await;
    assert_eq!(shown["code"]["auth_code"], code["auth_code"]);
    client.send(&by_code("T00003", 888, code["auth_code"].as_str().unwrap())).await.unwrap_err();

    let shown = phone(&raw, ALICE).await;
    let mut sheets = numbers(&shown["sheets"]);
    sheets.sort_unstable();
    assert_eq!((sheets, numbers(&shown["native"])), (vec!["T00001", "T00003"], vec!["T00002"]));
    assert_eq!(shown["code"], Value::Null, "it was used");
    let other = phone(&raw, BOB).await;
    assert_eq!((numbers(&other["sheets"]), numbers(&other["native"])), (vec![], vec!["T00002"]));

    // Ended by hand: the sheet is gone, and the merchant may open it anew.
    for number in ["T00001", "T00002", "T00003"] {
        let expire = format!("/api/orders/{mch_id}/{number}/expire");
        assert_eq!(raw.api("POST", &expire, "").await.0, 200, "{number}");
        assert_eq!(raw.api("POST", &expire, "").await.0, 422, "{number}");
        assert_eq!(raw.api("POST", &format!("/api/orders/{mch_id}/{number}/pay"), "").await.0, 422, "{number}");
    }
    assert_eq!(raw.api("POST", &format!("/api/orders/{mch_id}/T9/expire"), "").await.0, 404);
    let shown = phone(&raw, ALICE).await;
    assert!(numbers(&shown["sheets"]).is_empty() && numbers(&shown["native"]).is_empty(), "{shown}");
    client.send(&jsapi("T00001", 888)).await.unwrap();
    client.send(&native("T00002", 888)).await.unwrap();
    let shown = phone(&raw, ALICE).await;
    assert_eq!((numbers(&shown["sheets"]), numbers(&shown["native"])), (vec!["T00001"], vec!["T00002"]));
    raw.api("POST", "/api/clock/advance", r#"{"seconds": 7200}"#).await;
    let shown = phone(&raw, ALICE).await;
    assert!(numbers(&shown["sheets"]).is_empty() && numbers(&shown["native"]).is_empty(), "{shown}");
}

#[tokio::test]
async fn behaviour_is_set_field_by_field() {
    let raw = Raw::new().await;
    let path = format!("/api/users/{ALICE}");
    assert_eq!(raw.api("PUT", &path, r#"{"real_name": false}"#).await.0, 400, "whose openid is it?");
    let app_id = &raw.entity.app_id;
    let (status, user) = raw.api("PUT", &path, &format!(r#"{{"app_id": "{app_id}", "risk_blocked": true}}"#)).await;
    assert_eq!((status, &user["opens"], &user["real_name"]), (200, &json!({ "kind": "by_hand" }), &json!(true)));
    let change = r#"{"opens": {"kind": "after", "seconds": 60}, "real_name": false}"#;
    let (_, user) = raw.api("PUT", &path, change).await;
    assert_eq!((&user["risk_blocked"], &user["real_name"]), (&json!(true), &json!(false)));
    let (_, user) = raw.api("PUT", &path, r#"{"risk_blocked": false}"#).await;
    assert_eq!(user["opens"], json!({ "kind": "after", "seconds": 60 }));
    let shown = phone(&raw, ALICE).await;
    let expected = json!({
        "opens": { "kind": "after", "seconds": 60 }, "real_name": false, "risk_blocked": false, "asks_password": false,
    });
    assert_eq!(shown["behaviour"], expected);
    for wrong in [r#"{"opens": {"kind": "soon"}}"#, r#"{"opens": "never"}"#, r#"{"opens": {"kind": "after"}}"#] {
        assert_eq!(raw.api("PUT", &path, wrong).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_served_sandbox_lets_users_open_while_nobody_asks() {
    let raw = Raw::new().await;
    let (mch_id, client) = (raw.entity.mch_id.clone(), raw.sandbox.client(&raw.entity).unwrap());
    let change = format!(r#"{{"app_id": "{}", "opens": {{"kind": "after", "seconds": 1}}}}"#, raw.entity.app_id);
    raw.api("PUT", &format!("/api/users/{ALICE}"), &change).await;
    client.send(&packet("A1", ALICE, 188)).await.unwrap();
    // `received` looks at the books and lets nothing happen.
    let late = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while raw.sandbox.received(ALICE).get() == 0 {
        assert!(std::time::Instant::now() < late, "nobody opened it");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let record = raw.sandbox.packet(&mch_id, "A1").unwrap();
    assert_eq!(record.claims[0].at, record.send_time.after(std::time::Duration::from_secs(1)));
}

#[tokio::test]
async fn a_phone_is_the_same_after_a_restart() {
    use hongbao::sandbox::{Payer, Sandbox};

    let directory = tempfile::tempdir().unwrap();
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let mut phones = vec![];
    for start in [1, 2] {
        let sandbox = Sandbox::open(directory.path()).unwrap();
        let entity = sandbox.merchants().remove(0);
        let client = sandbox.client(&entity).unwrap();
        if start == 1 {
            for number in ["A1", "A2", "A3"] {
                client.send(&packet(number, ALICE, 188)).await.unwrap();
            }
            client.send(&group("G1", BOB, 900, 3)).await.unwrap();
            sandbox.open_packet(&entity.mch_id, "G1", ALICE).unwrap();
            for number in ["T00001", "T00002"] {
                client.send(&jsapi(number, 888)).await.unwrap();
            }
            sandbox.pay_order(&entity.mch_id, "T00001", &Payer::default()).unwrap();
            client.send(&refund("T00001", "R00001", 888, 300)).await.unwrap();
            sandbox.show_code(ALICE).unwrap();
        }
        let served = sandbox.serve(any, any, None).await.unwrap();
        let request =
            client_of_the_console(sandbox.ca_pem(), None).get(format!("{}/api/phones/{ALICE}", served.console()));
        let text = request.send().await.unwrap().text().await.unwrap();
        let mut phone: Value = serde_json::from_str(&text).unwrap();
        phone["now"] = Value::Null;
        assert_eq!((chat(&phone).len(), phone["sheets"].as_array().unwrap().len()), (6, 1), "{phone}");
        assert!(phone["code"]["auth_code"].is_string());
        phones.push(phone);
        served.stop().await;
    }
    assert_eq!(phones[0], phones[1]);
}
