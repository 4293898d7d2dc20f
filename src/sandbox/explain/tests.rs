//! Mistakes that Python made, found again.

use serde::Deserialize;

use super::*;
use crate::sandbox::clock::SandboxClock;
use crate::sandbox::desk::Entity;
use crate::sandbox::log::Cause;

#[derive(Deserialize)]
struct Mistakes {
    own: String,
    other: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    mistake: String,
    path: String,
    body: String,
    string: Option<String>,
    key_of: Option<String>,
}

const MISTAKES: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/mistakes/mistakes.json"));

fn desk(own: &str, other: &str) -> Desk {
    let mut desk = Desk::new(SandboxClock::Ahead(0), 0, false);
    for (mch_id, app_id, key) in
        [("1900000101", "wx5a0d8c3f1e2b4a61", own), ("1900000102", "wx5a0d8c3f1e2b4a62", other)]
    {
        let (mch_id, app_id) = (mch_id.to_owned(), app_id.to_owned());
        let settings = crate::sandbox::Settings::default();
        let entity = Entity { mch_id: mch_id.clone(), app_id, key: Secret::new(key), admitted: None, settings };
        desk.entities.insert(mch_id, entity);
    }
    desk
}

fn record(path: &str, body: &str) -> RequestRecord {
    let empty = r#"{"id": 1, "at": 0, "ip": "127.0.0.1", "path": "", "mch_id": null, "certificate": "none",
        "request": "", "status": 200, "answer": "", "code": null, "note": null, "fault": null, "micros": 1}"#;
    let mut record: RequestRecord = serde_json::from_str(empty).unwrap();
    record.path = path.to_owned();
    record.request = body.to_owned();
    record.mch_id = gate::message(body.as_bytes()).unwrap().get("mch_id").map(str::to_owned);
    record.cause = Some(Cause::Signature);
    record
}

#[test]
fn every_mistake_is_found_with_its_string() {
    let Mistakes { own, other, cases } = serde_json::from_str(MISTAKES).unwrap();
    assert!(cases.len() > 70, "{}", cases.len());
    let desk = desk(&own, &other);
    let mut wrong = Vec::new();
    for case in &cases {
        let record = record(&case.path, &case.body);
        let explanation = signature_of(&record, keys(&desk, &record)).unwrap();
        let json = serde_json::to_string(&explanation).unwrap();
        let (mistake, received) = (explanation.mistake.unwrap(), explanation.received.unwrap());
        let found = (&mistake.name, &received.string_to_sign, &received.key_of);
        let named = found.0 == &case.mistake && found.2 == &case.key_of;
        // A string in another charset is shown in characters, whichever they are.
        let shown = case.string.is_none() || found.1 == &case.string;
        if !named || !shown {
            wrong.push(format!(
                "{}: {found:?}\n  expected {:?}",
                case.name,
                (&case.mistake, &case.string, &case.key_of)
            ));
        }
        assert!(!json.contains(&own) && !json.contains(&other), "{}: a key is shown", case.name);
        assert!(received.tried <= signature::MOST + 9, "{}: {} digests", case.name, received.tried);
        assert!(!mistake.text.en.is_empty() && !mistake.text.zh.is_empty());
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn what_is_right_is_called_so() {
    let Mistakes { own, other, .. } = serde_json::from_str(MISTAKES).unwrap();
    let mut doc: Doc =
        [("mch_id", "1900000101"), ("appid", "wx5a0d8c3f1e2b4a61"), ("nonce_str", "n")].into_iter().collect();
    let sign = wire::sign(&doc, &Secret::new(own.as_str()), wire::Digest::Md5);
    doc.push("sign", &sign);
    let record = record("/pay/orderquery", &wire::write_xml(&doc));
    let explanation = signature_of(&record, keys(&desk(&own, &other), &record)).unwrap();
    assert_eq!(explanation.mistake.unwrap().name, "key_changed");
    let expected = explanation.expected.unwrap();
    assert_eq!(expected.string_to_sign, "appid=wx5a0d8c3f1e2b4a61&mch_id=1900000101&nonce_str=n&key=********");
    assert_eq!((&*expected.digest, &*expected.key_of, expected.sign), ("MD5", "1900000101", None));
}

/// Five hundred fields of Chinese text, and entities in plenty: still bounded.
#[test]
fn the_worst_message_costs_little() {
    let mut doc = Doc::new();
    doc.push("mch_id", "1900000101");
    doc.push("appid", "wx5a0d8c3f1e2b4a61");
    for n in 0..400 {
        doc.push(&format!("field_{n}"), "红包 & <红包>");
    }
    doc.push("sign", "0123456789ABCDEF0123456789ABCDEF");
    let body = wire::write_xml(&doc);
    assert!(body.len() > 12_000, "{}", body.len());
    let record = record("/pay/unifiedorder", &body);
    let mut desk = desk("a", "b");
    for n in 0..1000 {
        let mch_id = format!("15{n:08}");
        let settings = crate::sandbox::Settings::default();
        let key = Secret::new(format!("key{n}"));
        let entity = Entity { mch_id: mch_id.clone(), app_id: String::new(), key, admitted: None, settings };
        desk.entities.insert(mch_id, entity);
    }
    let started = std::time::Instant::now();
    let explanation = signature_of(&record, keys(&desk, &record)).unwrap();
    let received = explanation.received.unwrap();
    assert_eq!(received.tried, signature::MOST);
    println!("{} digests, {:?}", received.tried, started.elapsed());
    let contract = &routes::find("/pay/unifiedorder").unwrap().route.contract;
    let fields: suspects::Fields = doc.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let suspects = suspects::of_base(&fields, contract, &doc, &body);
    assert!(suspects.len() < 400, "{} strings", suspects.len());
}

#[test]
fn records_of_earlier_versions_are_explained_by_their_code() {
    let Mistakes { own, other, cases } = serde_json::from_str(MISTAKES).unwrap();
    let case = cases.iter().find(|case| case.name == "lower case").unwrap();
    let mut record = record(&case.path, &case.body);
    record.cause = None;
    record.code = Some("SIGN_ERROR".to_owned());
    assert!(matches!(refusals::cause(&record), Some(refusals::Why::Signature)));
    let explanation = signature_of(&record, keys(&desk(&own, &other), &record)).unwrap();
    assert_eq!(explanation.mistake.unwrap().name, "lower_case");
}

/// A telephone number that the client itself has masked, and another key.
#[test]
fn asterisks_of_the_client_are_no_key() {
    let Mistakes { own, other, .. } = serde_json::from_str(MISTAKES).unwrap();
    let desk = desk(&own, &other);
    let mut doc: Doc = [
        ("appid", "wx5a0d8c3f1e2b4a61"),
        ("mch_id", "1900000101"),
        ("nonce_str", "n"),
        ("attach", "138********"),
        ("out_trade_no", "T1"),
    ]
    .into_iter()
    .collect();
    let sign = wire::sign(&doc, &Secret::new(other.as_str()), wire::Digest::Md5);
    doc.push("sign", &sign);
    let record = record("/pay/unifiedorder", &wire::write_xml(&doc));
    let explanation = signature_of(&record, keys(&desk, &record)).unwrap();
    assert_eq!(explanation.mistake.unwrap().name, "wrong_key");
}
