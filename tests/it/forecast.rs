//! What the clock will bring, and that it does.

use serde_json::{Value, json};

use crate::orders::{by_code, native, refund};
use crate::raw::Raw;
use crate::support::{ALICE, BOB, packet};

fn steps(forecast: &Value, what: &str) -> Vec<(i64, String, u64)> {
    let all = forecast["steps"].as_array().unwrap().iter().filter(|step| step["what"] == what);
    all.map(|step| {
        (step["at"].as_i64().unwrap(), step["key"].as_str().unwrap().to_owned(), step["count"].as_u64().unwrap())
    })
    .collect()
}

#[tokio::test]
async fn each_jump_is_foretold() {
    let raw = Raw::new().await;
    let (mch_id, client) = (raw.entity.mch_id.as_str(), raw.sandbox.client(&raw.entity).unwrap());
    let user = |rest: &str| format!(r#"{{"app_id": "{}", {rest}}}"#, raw.entity.app_id);
    let opens = user(r#""opens": {"kind": "after", "seconds": 7200}"#);
    raw.api("PUT", &format!("/api/users/{ALICE}"), &opens).await;
    raw.api("PUT", &format!("/api/users/{BOB}"), &user(r#""asks_password": true"#)).await;
    for (number, openid) in [("A1", ALICE), ("B1", BOB), ("B2", BOB)] {
        client.send(&packet(number, openid, 188)).await.unwrap();
    }
    raw.api("PUT", "/api/users/oCarol", &user(r#""risk_blocked": true"#)).await;
    client.send(&packet("C1", "oCarol", 188)).await.unwrap_err();
    client.send(&native("T00001", 888)).await.unwrap();
    client.send(&native("T00002", 888)).await.unwrap();
    raw.api("POST", &format!("/api/orders/{mch_id}/T00002/pay"), "").await;
    client.send(&refund("T00002", "R00001", 888, 888)).await.unwrap();
    let (_, code) = raw.api("POST", &format!("/api/users/{BOB}/code"), "").await;
    client.send(&by_code("T00003", 888, code["auth_code"].as_str().unwrap())).await.unwrap_err();

    let (status, day) = raw.api("GET", "/api/clock/forecast?seconds=90000", "").await;
    assert_eq!((status, &day["more"]), (200, &json!(0)));
    let record = |number: &str| raw.sandbox.packet(mch_id, number).unwrap();
    let sent = |number: &str| record(number).send_time.unix_millis();
    assert_eq!(steps(&day, "packet_opened"), [(sent("A1") + 7_200_000, format!("{mch_id}/A1"), 1)]);
    // Two in the same minute are one step, unless the minute has just turned.
    let expires = steps(&day, "packet_expires");
    assert_eq!((expires[0].0, &*expires[0].1), (sent("B1") + 86_400_000, &*format!("{mch_id}/B1")));
    assert_eq!(expires.iter().map(|(_, _, count)| count).sum::<u64>(), 2);
    let back = steps(&day, "packet_back");
    assert_eq!((back[0].0, back.iter().map(|(_, _, count)| count).sum::<u64>()), (sent("B1") + 86_537_000, 2));
    assert!(steps(&day, "packet_closed").is_empty());
    for (what, key) in [
        ("order_expires", format!("{mch_id}/T00001")),
        ("refund_ends", format!("{mch_id}/R00001")),
        ("password_over", format!("{mch_id}/T00003")),
    ] {
        let found = steps(&day, what);
        assert_eq!((found.len(), &found[0].1), (1, &key), "{what}: {found:?}");
    }
    let midnight = steps(&day, "quota_turns");
    assert!(midnight.len() <= 2 && midnight[0].0 % 86_400_000 == 57_600_000, "{midnight:?}");
    let times: Vec<i64> = day["steps"].as_array().unwrap().iter().map(|step| step["at"].as_i64().unwrap()).collect();
    assert!(times.is_sorted());

    // It comes as it was foretold.
    raw.api("POST", "/api/clock/advance", r#"{"seconds": 90000}"#).await;
    assert_eq!(record("A1").claims[0].at.unix_millis(), sent("A1") + 7_200_000);
    assert_eq!(record("B1").refund_time.unwrap().unix_millis(), back[0].0);
    let (_, later) = raw.api("GET", "/api/clock/forecast?seconds=200000", "").await;
    let left: Vec<&str> =
        later["steps"].as_array().unwrap().iter().map(|step| step["what"].as_str().unwrap()).collect();
    assert!(left.contains(&"packet_closed"), "{left:?}");
    assert!(!left.contains(&"packet_expires") && !left.contains(&"packet_opened"), "{left:?}");
    let (_, years) = raw.api("GET", "/api/clock/forecast?seconds=170000000", "").await;
    assert_eq!(years["steps"].as_array().unwrap().len(), 200);
    assert!(years["more"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_jump_to_midnight_begins_a_day() {
    let raw = Raw::new().await;
    let client = raw.sandbox.client(&raw.entity).unwrap();
    client.send(&packet("A1", ALICE, 188)).await.unwrap();
    for _ in 0..2 {
        let before = raw.sandbox.now();
        let (status, clock) = raw.api("POST", "/api/clock/advance", r#"{"to": "midnight"}"#).await;
        assert_eq!(status, 200);
        assert!(clock["beijing"].as_str().unwrap().contains(" 00:00:0"), "{clock}");
        assert_ne!(raw.sandbox.now().beijing_day(), before.beijing_day());
        let (_, seen) = raw.api("GET", &format!("/api/merchants/{}", raw.entity.mch_id), "").await;
        assert_eq!(seen["usage"]["paid_today"], 0);
    }
    for wrong in ["{}", r#"{"to": "noon"}"#, r#"{"to": "midnight", "seconds": 1}"#] {
        assert_eq!(raw.api("POST", "/api/clock/advance", wrong).await.0, 400, "{wrong}");
    }
}

/// Of very many things the first are told one by one and the others counted.
#[tokio::test]
async fn nothing_is_left_out_of_the_count() {
    let raw = Raw::new().await;
    let client = raw.sandbox.client(&raw.entity).unwrap();
    let lift = |settings: &mut hongbao::sandbox::Settings| {
        settings.calls_per_second = u32::MAX;
        settings.user_day_count = u32::MAX;
        settings.user_day_amount = settings.merchant_day_amount;
    };
    raw.sandbox.change_settings(&raw.entity.mch_id, lift).unwrap();
    raw.sandbox.top_up(&raw.entity.mch_id, hongbao::Fen::new(2_000_000)).unwrap();
    const PACKETS: u64 = 10_050;
    let mut sending = tokio::task::JoinSet::new();
    for number in 0..PACKETS {
        let (client, packet) = (client.clone(), packet(&format!("A{number}"), ALICE, 100));
        sending.spawn(async move { client.send(&packet).await.map(drop) });
    }
    while let Some(sent) = sending.join_next().await {
        sent.unwrap().unwrap();
    }
    let (_, day) = raw.api("GET", "/api/clock/forecast?seconds=90000", "").await;
    let told: u64 = steps(&day, "packet_expires").iter().map(|(_, _, count)| count).sum();
    assert_eq!(told + day["more"].as_u64().unwrap(), PACKETS, "{day}");
    let midnights: u64 = steps(&day, "quota_turns").len() as u64;
    assert!((1..=2).contains(&midnights));
}
