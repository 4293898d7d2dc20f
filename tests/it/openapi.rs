//! The description of the control API, held against what the sandbox does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::orders::{native, refund};
use crate::raw::Raw;
use crate::schema::problems;
use crate::shop::Shop;
use crate::support::{ALICE, packet};

/// A sandbox with something of everything, its description, and what of it was tried.
struct Tour {
    raw: Raw,
    document: Value,
    tried: BTreeSet<String>,
}

impl Tour {
    /// Calls an operation by its name and checks body and answer against its schemas.
    async fn call(&mut self, name: &str, path: &str, body: Option<Value>) -> Value {
        let (method, described) = self.operation(name);
        if let Some(body) = &body {
            let schema = &described["requestBody"]["content"]["application/json"]["schema"];
            assert!(schema.is_object(), "{name} takes no body");
            let wrong = problems(&self.document, schema, body);
            assert!(wrong.is_empty(), "{name}: {wrong:#?}");
        }
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        let (status, answer) = self.raw.api(&method, &format!("/api/v1{path}"), &text).await;
        assert_eq!(status, 200, "{name}: {answer}");
        if let Some(schema) = described["responses"]["200"]["content"]["application/json"].get("schema") {
            let wrong = problems(&self.document, schema, &answer);
            assert!(wrong.is_empty(), "{name}: {wrong:#?}");
            // What was removed leaves nothing; any other empty list shows nothing.
            assert!(answer != json!([]) || method == "DELETE", "{name}");
        }
        self.tried.insert(name.to_owned());
        answer
    }

    fn operation(&self, name: &str) -> (String, Value) {
        for methods in self.document["paths"].as_object().unwrap().values() {
            for (method, described) in methods.as_object().unwrap() {
                if described["operationId"] == name {
                    return (method.to_uppercase(), described.clone());
                }
            }
        }
        panic!("there is no operation {name}");
    }

    fn all(&self) -> BTreeSet<String> {
        let methods = self.document["paths"].as_object().unwrap().values();
        let operations = methods.flat_map(|methods| methods.as_object().unwrap().values());
        operations.map(|described| described["operationId"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn each_operation_takes_and_gives_what_the_description_says() {
    let raw = Raw::new().await;
    let document = raw.api("GET", "/api/v1/openapi.json", "").await.1;
    let mut tour = Tour { raw, document, tried: BTreeSet::new() };
    let (mch_id, app_id) = (tour.raw.entity.mch_id.clone(), tour.raw.entity.app_id.clone());
    let client = tour.raw.sandbox.client(&tour.raw.entity).unwrap();
    let shop = Shop::open().await;

    tour.call("put_users_one", &format!("/users/{ALICE}"), Some(json!({ "app_id": app_id }))).await;
    for number in ["A1", "A2"] {
        client.send(&packet(number, ALICE, 188)).await.unwrap();
    }
    tour.call("post_packets_open", &format!("/packets/{mch_id}/A1/open"), Some(json!({}))).await;
    for number in ["T00001", "T00002", "T00003"] {
        let mut sale = native(number, 888);
        sale.notify_url = shop.url("/told");
        let placed = client.send(&sale).await.unwrap();
        if number == "T00003" {
            let code = placed.code_url.as_str();
            tour.call("post_scan", "/scan", Some(json!({ "code": code, "openid": ALICE }))).await;
            tour.call("post_orders_cancel", &format!("/orders/{mch_id}/{number}/cancel"), None).await;
            continue;
        }
        let payer = json!({ "openid": ALICE, "bank_type": "ICBC_DEBIT", "coupons": [["CASH", 100]] });
        let paid = tour.call("post_orders_pay", &format!("/orders/{mch_id}/{number}/pay"), Some(payer)).await;
        let comment = json!({ "transaction_id": paid["transaction_id"], "stars": 5, "text": "好喝" });
        tour.call("post_comments", "/comments", Some(comment)).await;
    }
    tour.call("post_orders_expire", &format!("/orders/{mch_id}/T00003/expire"), None).await;
    tour.call("post_packets_expire", &format!("/packets/{mch_id}/A2/expire"), None).await;
    let behaviour = json!({ "opens": { "kind": "after", "seconds": 7200 }, "real_name": true });
    tour.call("put_users_one", &format!("/users/{ALICE}"), Some(behaviour)).await;
    for number in ["A3", "A4"] {
        client.send(&packet(number, ALICE, 188)).await.unwrap();
    }
    client.send(&native("T00004", 888)).await.unwrap();
    client.send(&refund("T00001", "R00001", 888, 300)).await.unwrap();
    let end = Some(json!({ "status": "CHANGE" }));
    tour.call("post_refunds_end", &format!("/refunds/{mch_id}/R00001/end"), end).await;
    tour.call("post_users_code", &format!("/users/{ALICE}/code"), None).await;
    tour.call("post_notices_faults", "/notices/faults", Some(json!({ "kind": "delayed", "seconds": 5 }))).await;
    tour.call("post_notices_resend", "/notices/1/resend", Some(json!({ "times": 2, "flip": true }))).await;
    tour.call("post_notices_resend_list", "/notices/resend", Some(json!({ "ids": [2, 1] }))).await;
    tour.call("put_answers", "/answers", Some(json!({ "element_order": true, "cdata": "mixed" }))).await;
    let lease = Some(json!({ "url": shop.url("/forwarded"), "seconds": 60 }));
    tour.call("put_notices_forward", "/notices/forward", lease).await;
    tour.call("get_notices_forward", "/notices/forward", None).await;
    let told = tour.call("post_notices_resend", "/notices/1/resend", None).await;
    assert_eq!(told["attempts"].as_array().unwrap().last().unwrap()["forwarded_to"], shop.url("/forwarded"));
    tour.call("delete_notices_forward", "/notices/forward", None).await;
    tour.call("post_clock_advance", "/clock/advance", Some(json!({ "seconds": 60 }))).await;
    let rule = json!({ "path": null, "fault": { "kind": "delay", "millis": 1 }, "when": { "per_mille": { "rate": 1, "seed": 7 } } });
    tour.call("post_faults", "/faults", Some(rule)).await;
    tour.call("post_merchants_top_up", &format!("/merchants/{mch_id}/top_up"), Some(json!({ "amount": 500 }))).await;
    tour.call("post_merchants_operating", &format!("/merchants/{mch_id}/operating"), Some(json!({ "amount": 9 })))
        .await;
    let operating = json!({ "amount": 500, "account": "operating" });
    tour.call("post_merchants_top_up", &format!("/merchants/{mch_id}/top_up"), Some(operating)).await;
    let added = tour.call("post_merchants", "/merchants", Some(json!({ "name": "竹里茶馆" }))).await;
    assert_eq!(added["mch_id"], "1900000103");
    let settings = format!("/merchants/{mch_id}/settings");
    tour.call("put_merchants_settings", &settings, Some(json!({ "fee_rate": 38 }))).await;
    // A refusal, so that the log has a note and a code.
    tour.raw.post("/mmpaymkttransfers/sendredpack", "<xml><mch_id>1</mch_id></xml>").await;

    for (name, path) in [
        ("get_openapi_json", "/openapi.json".to_owned()),
        ("get_overview", "/overview".to_owned()),
        ("get_merchants", "/merchants".to_owned()),
        ("get_merchants_one", format!("/merchants/{mch_id}")),
        ("get_merchants_files_one", format!("/merchants/{mch_id}/files/apiclient_cert.pem")),
        ("get_merchants_settings", settings),
        ("get_phones_one", format!("/phones/{ALICE}?limit=50")),
        ("get_clock_forecast", "/clock/forecast?seconds=90000".to_owned()),
        ("get_users", "/users".to_owned()),
        ("get_users_one", format!("/users/{ALICE}")),
        ("get_packets", "/packets?newest=true".to_owned()),
        ("get_packets_one", format!("/packets/{mch_id}/A1")),
        ("get_orders", "/orders?trade_state=REFUND".to_owned()),
        ("get_orders_one", format!("/orders/{mch_id}/T00001")),
        ("get_refunds", "/refunds".to_owned()),
        ("get_refunds_one", format!("/refunds/{mch_id}/R00001")),
        ("get_notices", "/notices?kind=paid".to_owned()),
        ("get_notices_one", "/notices/1".to_owned()),
        ("get_notices_body", "/notices/1/body".to_owned()),
        ("get_clock", "/clock".to_owned()),
        ("get_faults", "/faults".to_owned()),
        ("get_books", "/books?accounts=false".to_owned()),
        ("get_accounts", "/accounts?search=user".to_owned()),
        ("get_postings", format!("/postings?account={mch_id}&newest=true")),
        ("get_requests", "/requests?refused=true".to_owned()),
        ("get_answers", "/answers".to_owned()),
    ] {
        tour.call(name, &path, None).await;
    }
    tour.call("get_books", "/books", None).await;
    tour.call("post_clock_advance", "/clock/advance", Some(json!({ "to": "midnight" }))).await;
    for id in 1..=tour.raw.sandbox.requests(1)[0].id {
        tour.call("get_requests_one", &format!("/requests/{id}"), None).await;
    }
    let faults = tour.call("get_faults", "/faults", None).await;
    tour.call("delete_faults_one", "/faults/0", Some(faults[0].clone())).await;
    tour.call("delete_faults", "/faults", None).await;
    // A stream that never ends has a test of its own.
    tour.tried.insert("get_events".to_owned());
    assert_eq!(tour.tried, tour.all(), "each operation is described, and each that is described was tried");
}
