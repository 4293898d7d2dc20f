//! The control API, as a program in any language uses it.

use serde_json::json;

use crate::raw::Raw;

#[tokio::test]
async fn a_packet_from_the_outside() {
    let raw = Raw::new().await;
    let mch_id = raw.entity.mch_id.clone();
    let (status, merchants) = raw.api("GET", "/api/merchants", "").await;
    assert_eq!((status, merchants.as_array().unwrap().len()), (200, 2));
    assert_eq!((&merchants[0]["mch_id"], &merchants[0]["balance"]), (&json!(mch_id), &json!(1_000_000)));
    assert!(!merchants.to_string().contains(&raw.key), "no key leaves through the API");

    assert_eq!(raw.refused(raw.signed(&raw.packet("A1"))).await.0, "SUCCESS");
    assert_eq!(raw.refused(raw.signed(&raw.packet("A2"))).await.0, "SUCCESS");
    let (_, packets) = raw.api("GET", "/api/packets?offset=1&limit=5", "").await;
    assert_eq!((packets.as_array().unwrap().len(), &packets[0]["mch_billno"]), (1, &json!("A2")));
    let (_, opened) = raw.api("POST", &format!("/api/packets/{mch_id}/A1/open"), "").await;
    assert_eq!(opened, json!({"openid": "oAlice1a2b3c4d5e6f7g8h9i0jkl", "amount": 150, "balance": 150}));
    let (status, error) = raw.api("POST", &format!("/api/packets/{mch_id}/A1/open"), "{}").await;
    assert_eq!(status, 422);
    assert!(error["error"].as_str().unwrap().contains("RECEIVED") && !error["next_step"].as_str().unwrap().is_empty());

    let (_, before) = raw.api("GET", "/api/clock", "").await;
    let (_, after) = raw.api("POST", "/api/clock/advance", r#"{"seconds": 90000}"#).await;
    assert!(after["now"].as_i64().unwrap() - before["now"].as_i64().unwrap() >= 90_000_000);
    let (_, packet) = raw.api("GET", &format!("/api/packets/{mch_id}/A2"), "").await;
    assert_eq!((&packet["status"], &packet["refund_amount"]), (&json!("REFUND"), &json!(150)));
    let (_, books) = raw.api("GET", "/api/books", "").await;
    assert_eq!((&books["balanced"], &books["with_users"]), (&json!(true), &json!(150)));
    let (_, postings) = raw.api("GET", "/api/postings", "").await;
    let reasons: Vec<_> =
        postings.as_array().unwrap().iter().map(|posting| posting["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["top_up", "top_up", "sent", "sent", "received", "refunded"]);
    let (_, user) = raw.api("GET", "/api/users/oAlice1a2b3c4d5e6f7g8h9i0jkl", "").await;
    assert_eq!(user["balance"], 150);
    let (_, requests) = raw.api("GET", "/api/requests?limit=1", "").await;
    assert_eq!(requests[0]["path"], "/mmpaymkttransfers/sendredpack");
    assert!(requests[0]["answer"].as_str().unwrap().contains("A2"));
}

#[tokio::test]
async fn settings_users_and_faults() {
    let raw = Raw::new().await;
    let mch_id = raw.entity.mch_id.clone();
    let settings = format!("/api/merchants/{mch_id}/settings");
    let (status, changed) = raw.api("PUT", &settings, r#"{"api_open": false}"#).await;
    assert_eq!((status, &changed["api_open"], &changed["calls_per_second"]), (200, &json!(false), &json!(30)));
    assert_eq!(raw.refused(raw.signed(&raw.packet("A1"))).await.0, "API_METHOD_CLOSED");
    raw.api("PUT", &settings, r#"{"api_open": true}"#).await;
    for (body, problem) in [(r#"{"colour": 1}"#, "colour"), (r#"{"api_open": 1}"#, "api_open"), ("x", "body")] {
        let (status, error) = raw.api("PUT", &settings, body).await;
        assert!(status == 400 && error["error"].as_str().unwrap().contains(problem), "{error}");
    }
    let user = format!(r#"{{"app_id": "{}", "risk_blocked": true}}"#, raw.entity.app_id);
    assert_eq!(raw.api("PUT", "/api/users/oAlice1a2b3c4d5e6f7g8h9i0jkl", &user).await.0, 200);
    assert_eq!(raw.refused(raw.signed(&raw.packet("A1"))).await.0, "NO_AUTH");

    let rule = r#"{"path": "/mmpaymkttransfers/sendredpack", "fault": {"kind": "refuse", "code": "FREQ_LIMIT"}, "when": {"next": 1}}"#;
    let (status, rules) = raw.api("POST", "/api/faults", rule).await;
    assert_eq!((status, rules.as_array().unwrap().len()), (200, 1));
    assert_eq!(raw.refused(raw.signed(&raw.packet("A1"))).await.0, "FREQ_LIMIT");
    assert_eq!(raw.api("GET", "/api/faults", "").await.1, json!([]));
    raw.api("POST", "/api/faults", r#"{"fault": {"kind": "garbage"}, "when": {"per_mille": {"rate": 1, "seed": 1}}}"#)
        .await;
    assert_eq!(raw.api("DELETE", "/api/faults", "").await.1, json!([]));
    let worn = r#"{"fault": {"kind": "bad_gateway"}, "when": {"next": 0}, "seen": 18446744073709551615}"#;
    assert_eq!(raw.api("POST", "/api/faults", worn).await.0, 200);
    assert_eq!(raw.refused(raw.signed(&raw.packet("A1"))).await.0, "NO_AUTH");
    raw.api("DELETE", "/api/faults", "").await;
    assert_eq!(raw.api("POST", "/api/faults", r#"{"fault": {"kind": "storm"}, "when": {"next": 1}}"#).await.0, 400);

    for code in ["", "NOT ENOUGH", "<x>", "\\u0001"] {
        let rule = format!(r#"{{"fault": {{"kind": "refuse", "code": "{code}"}}, "when": {{"next": 1}}}}"#);
        assert_eq!(raw.api("POST", "/api/faults", &rule).await.0, 422, "{rule}");
    }

    let (_, topped) = raw.api("POST", &format!("/api/merchants/{mch_id}/top_up"), r#"{"amount": 500}"#).await;
    assert_eq!(topped["balance"], 1_000_500);
    for (path, body) in [
        ("/api/merchants/1/top_up", r#"{"amount": 5}"#),
        (&*format!("/api/merchants/{mch_id}/top_up"), r#"{"amount": -5}"#),
    ] {
        assert_eq!(raw.api("POST", path, body).await.0, 422);
    }
    for path in ["/api/packets/1/2", "/api/users/nobody", "/api/nothing"] {
        assert_eq!(raw.api("GET", path, "").await.0, 404);
    }
}

#[tokio::test]
async fn users_are_searched_and_paged_in_order() {
    let raw = Raw::new().await;
    let app_id = &raw.entity.app_id;
    for number in (0..300).rev() {
        let openid = format!("oUser{:03}", number * 7 % 300);
        raw.sandbox.change_user(&openid, app_id, |_| {}).unwrap();
    }
    raw.sandbox.change_user("oÄnne", app_id, |_| {}).unwrap();
    let openids = async |query: &str| -> Vec<String> {
        let (status, users) = raw.api("GET", &format!("/api/users?{query}"), "").await;
        assert_eq!(status, 200, "{users}");
        users.as_array().unwrap().iter().map(|user| user["openid"].as_str().unwrap().to_owned()).collect()
    };
    let all = openids("limit=1000").await;
    assert_eq!(all.len(), 301);
    for (offset, limit) in [(0, 10), (95, 10), (250, 40), (290, 100), (301, 5)] {
        let page = openids(&format!("offset={offset}&limit={limit}")).await;
        assert_eq!(page, all[offset..all.len().min(offset + limit)], "{offset}");
        let found = openids(&format!("search=OUSER&offset={offset}&limit={limit}")).await;
        let fitting: Vec<_> = all.iter().filter(|openid| openid.starts_with("oUser")).cloned().collect();
        assert_eq!(found, fitting[offset.min(300)..fitting.len().min(offset + limit)], "{offset}");
    }
    assert_eq!(openids("search=%C3%A4NN").await, ["oÄnne"]);
    assert_eq!(openids("search=&limit=3").await, all[..3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_changed_at_the_same_moment_all_stay() {
    let raw = Raw::new().await;
    let settings = format!("/api/merchants/{}/settings", raw.entity.mch_id);
    for n in 1..100 {
        let (rate, count) = (format!(r#"{{"fee_rate": {n}}}"#), format!(r#"{{"user_day_count": {n}}}"#));
        tokio::join!(raw.api("PUT", &settings, &rate), raw.api("PUT", &settings, &count));
        let (_, now) = raw.api("GET", &settings, "").await;
        assert_eq!((&now["fee_rate"], &now["user_day_count"]), (&json!(n), &json!(n)));
    }
}
