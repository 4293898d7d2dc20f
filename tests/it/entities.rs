//! Entities that are added while the sandbox runs, and what is to be seen of each.

use hongbao::sandbox::{NewMerchant, Sandbox};
use hongbao::{Cert, Client, Entity, Fen};
use serde_json::{Value, json};

use crate::raw::{Raw, client as client_of_the_console};
use crate::support::{ALICE, BOB, DAY, Stage, packet};

fn named(mch_id: &str) -> NewMerchant {
    NewMerchant { mch_id: Some(mch_id.into()), ..NewMerchant::default() }
}

#[tokio::test]
async fn an_entity_in_memory_pays_at_once() {
    let stage = Stage::new();
    let entity = stage.sandbox.add_merchant(&NewMerchant::default()).unwrap();
    assert_eq!(entity.mch_id, "1900000103");
    let client = stage.sandbox.client(&entity).unwrap();
    client.send(&packet("A1", ALICE, 188)).await.unwrap();
    assert_eq!(stage.sandbox.balance(&entity.mch_id), Fen::new(999_812));
    let next = stage.sandbox.add_merchant(&NewMerchant::default()).unwrap();
    assert_eq!(next.mch_id, "1900000104");
    assert_ne!((&next.app_id, &next.mch_id), (&entity.app_id, &entity.mch_id));
    // Several entities may share an appid.
    let shared =
        NewMerchant { app_id: Some(entity.app_id.clone()), name: Some("竹里茶馆".into()), ..named("1510000001") };
    let shared = stage.sandbox.add_merchant(&shared).unwrap();
    assert_eq!(
        (shared.mch_id.as_str(), &shared.app_id, shared.name.as_str()),
        ("1510000001", &entity.app_id, "竹里茶馆")
    );
    for wrong in [
        named("1510000001"),
        named("1900000101"),
        named("../etc"),
        named("12"),
        NewMerchant { app_id: Some("wx".into()), ..NewMerchant::default() },
        NewMerchant { name: Some(String::new()), ..NewMerchant::default() },
        NewMerchant { name: Some("a\nb".into()), ..NewMerchant::default() },
        NewMerchant { name: Some("长".repeat(33)), ..NewMerchant::default() },
    ] {
        assert!(stage.sandbox.add_merchant(&wrong).is_err(), "{wrong:?}");
    }
    assert_eq!(stage.sandbox.merchants().len(), 5);
    stage.balanced();
}

#[tokio::test]
async fn an_entity_of_a_directory_has_files_and_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let made = {
        let sandbox = Sandbox::open(directory.path()).unwrap();
        let made =
            sandbox.add_merchant(&NewMerchant { name: Some("竹里茶馆".into()), ..NewMerchant::default() }).unwrap();
        let client = sandbox.client(&made).unwrap();
        client.send(&packet("A1", ALICE, 188)).await.unwrap();
        made
    };
    let folder = directory.path().join("merchants").join(&made.mch_id);
    let json: Value = serde_json::from_slice(&std::fs::read(folder.join("merchant.json")).unwrap()).unwrap();
    assert_eq!((&json["name"], &json["app_id"]), (&json!("竹里茶馆"), &json!(made.app_id)));
    let sandbox = Sandbox::open(directory.path()).unwrap();
    assert_eq!(sandbox.balance(&made.mch_id), Fen::new(999_812), "it is not topped up again");
    assert!(sandbox.add_merchant(&named(&made.mch_id)).is_err());
    let again = sandbox.merchants().into_iter().find(|entity| entity.mch_id == made.mch_id).unwrap();
    for cert in [again.cert.clone(), Cert::p12_file(folder.join("apiclient_cert.p12"))] {
        let entity = Entity { cert, ..again.clone() };
        Client::builder(&entity).transport(sandbox.transport()).build().unwrap();
    }
}

#[tokio::test]
async fn the_console_adds_shows_and_hands_out_files() {
    let raw = Raw::new().await;
    let (status, added) = raw.api("POST", "/api/merchants", r#"{"name": "竹里茶馆"}"#).await;
    assert_eq!((status, &added["mch_id"], &added["accounts"]["basic"]), (200, &json!("1900000103"), &json!(1_000_000)));
    assert_eq!(added["certificate"]["subject"], "1900000103");
    assert_eq!(added["certificate"]["issuer"], "Hongbao Sandbox CA");
    assert_eq!(added["files"].as_array().unwrap().len(), 6);
    for name in added["files"].as_array().unwrap() {
        let path = format!("/api/merchants/1900000103/files/{}", name.as_str().unwrap());
        assert_eq!(raw.api("GET", &path, "").await.0, 200, "{name}");
    }
    let (_, pem) = raw.api("GET", "/api/merchants/1900000103/files/ca.pem", "").await;
    assert_eq!(pem.as_str(), Some(raw.sandbox.ca_pem()));
    let (_, file) = raw.api("GET", "/api/merchants/1900000103/files/merchant.json", "").await;
    assert_eq!((&file["mch_id"], &file["serial_no"]), (&json!("1900000103"), &added["certificate"]["serial"]));
    for path in ["1900000103/files/sandbox.redb", "1900000103/files/..%2F..%2Fca.key.pem", "1/files/ca.pem", "1"] {
        assert_eq!(raw.api("GET", &format!("/api/merchants/{path}"), "").await.0, 404, "{path}");
    }
    for wrong in [r#"{"mch_id": "1900000101"}"#, r#"{"mch_id": "x"}"#, r#"{"name": ""}"#] {
        assert_eq!(raw.api("POST", "/api/merchants", wrong).await.0, 422, "{wrong}");
    }
    assert_eq!(raw.api("POST", "/api/merchants", r#"{"colour": 1}"#).await.0, 400);
    assert_eq!(raw.api("GET", "/api/merchants", "").await.1.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn usage_and_accounts_of_an_entity() {
    let raw = Raw::new().await;
    let (mch_id, client) = (raw.entity.mch_id.as_str(), raw.sandbox.client(&raw.entity).unwrap());
    for (number, openid, fen) in [("A1", ALICE, 188), ("A2", ALICE, 112), ("B1", BOB, 5000)] {
        client.send(&packet(number, openid, fen)).await.unwrap();
    }
    let path = format!("/api/merchants/{mch_id}");
    let (_, seen) = raw.api("GET", &path, "").await;
    assert_eq!(seen["accounts"], json!({ "basic": 994_700, "operating": null }));
    assert_eq!((&seen["in_transit"], &seen["refunds_in_transit"]), (&json!(5300), &json!(0)));
    let usage = &seen["usage"];
    assert_eq!((&usage["paid_today"], &usage["users_today"]), (&json!(5300), &json!(2)));
    assert_eq!(usage["busiest_user"], json!({ "openid": ALICE, "count": 2, "amount": 300 }));
    assert_eq!(usage["merchant_day_amount"], 100_000_000);
    let (status, moved) = raw.api("POST", &format!("{path}/operating"), r#"{"amount": 4700}"#).await;
    assert_eq!((status, &moved["balance"]), (200, &json!(4700)));
    let (_, seen) = raw.api("GET", &path, "").await;
    assert_eq!(seen["accounts"], json!({ "basic": 990_000, "operating": 4700 }));
    let days = seen["certificate"]["days_left"].as_u64().unwrap();
    assert!((1820..=1827).contains(&days), "{days}");

    // Six years on the certificate has expired, and the limits begin anew.
    raw.api("POST", "/api/clock/advance", &json!({ "seconds": 6 * 366 * DAY.as_secs() }).to_string()).await;
    let (_, seen) = raw.api("GET", &path, "").await;
    assert_eq!((&seen["certificate"]["expired"], &seen["certificate"]["days_left"]), (&json!(true), &json!(0)));
    assert_eq!((&seen["usage"]["paid_today"], &seen["usage"]["busiest_user"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn an_admitted_entity_has_a_certificate_and_no_files_here() {
    let (elsewhere, here) = (Sandbox::new().unwrap(), Sandbox::new().unwrap());
    let mine = elsewhere.merchants().remove(0);
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    here.admit(mine.clone(), Fen::new(100)).unwrap();
    let served = here.serve(any, any, None).await.unwrap();
    let get = async |path: &str| {
        let url = format!("{}/api/merchants/{}{path}", served.console(), mine.mch_id);
        let answer = client_of_the_console(here.ca_pem(), None).get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let seen: Value = serde_json::from_str(&get("").await.1).unwrap();
    assert_eq!((&seen["files"], &seen["certificate"]["expired"]), (&json!([]), &json!(false)));
    assert_eq!(get("/files/apiclient_key.pem").await.0, 404);
    served.stop().await;
}
