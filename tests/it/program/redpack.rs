//! `hongbao redpack send` and `query` against a running sandbox.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Running, USER, err, exits, object, out, run};

#[test]
fn a_packet_is_sent_opened_and_asked_about() {
    let folder = TempDir::new().unwrap();
    let sandbox = Running::start(folder.path());
    let sent = sandbox.send(&["--amount", "1.88", "--bill-no", "P1", "--json"]);
    exits(&sent, 0);
    let sent = object(&sent);
    assert_eq!(
        (&sent["outcome"], &sent["mch_billno"], &sent["total_amount"]),
        (&json!("accepted"), &json!("P1"), &json!(188))
    );

    let again = object(&sandbox.send(&["--amount", "1.88", "--bill-no", "P1", "--json"]));
    assert_eq!(again["send_listid"], sent["send_listid"]);
    assert_eq!(sandbox.paid(), 188);

    let people = sandbox.query(&["--bill-no", "P1"]);
    exits(&people, 0);
    assert!(
        out(&people).contains("SENT, waiting for its user") && out(&people).contains("1.88 yuan"),
        "{}",
        out(&people)
    );

    let opened = sandbox.console("POST", "/api/packets/1900000101/P1/open", "");
    assert_eq!(opened["amount"], 188);
    let found = object(&sandbox.query(&["--bill-no", "P1", "--json"]));
    assert_eq!((&found["outcome"], &found["status"]), (&json!("found"), &json!("RECEIVED")));
    assert_eq!(found["detail_id"], sent["send_listid"]);
    assert_eq!(found["hblist"][0]["openid"], USER);
    assert!(out(&sandbox.query(&["--bill-no", "P1"])).contains(USER));

    let clock = sandbox.console("POST", "/api/clock/advance", r#"{"seconds":60}"#);
    assert!(clock["beijing"].is_string());
}

#[test]
fn the_second_merchant_pays_from_its_own_account() {
    let folder = TempDir::new().unwrap();
    let sandbox = Running::start(folder.path());
    exits(&sandbox.send(&["--merchant", "1900000102", "--amount", "2", "--bill-no", "M1"]), 0);
    let balances: Vec<_> = sandbox
        .console("GET", "/api/merchants", "")
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["balance"].clone())
        .collect();
    assert_eq!(balances, [json!(1_000_000), json!(999_800)]);
    let unknown = sandbox.send(&["--merchant", "1900000103", "--amount", "2", "--bill-no", "M2"]);
    exits(&unknown, 2);
    assert!(err(&unknown).contains("1900000101, 1900000102"), "{}", err(&unknown));
}

#[test]
fn a_number_is_derived_from_the_business_event() {
    let folder = TempDir::new().unwrap();
    let sandbox = Running::start(folder.path());
    let sent = sandbox.send(&["--amount", "1", "--business-key", "order42", "--day", "2025-03-18", "--json"]);
    exits(&sent, 0);
    assert_eq!(object(&sent)["mch_billno"], "190000010120250318order42");
    let without_day = sandbox.send(&["--amount", "1", "--business-key", "order42"]);
    exits(&without_day, 2);
    assert!(err(&without_day).contains("--day"));
    let too_long = sandbox.send(&["--amount", "1", "--business-key", "order420000", "--day", "2025-03-18"]);
    exits(&too_long, 2);
    assert!(err(&too_long).contains("business key"));
    assert_eq!(sandbox.paid(), 100);
}

#[test]
fn a_refusal_exits_with_one() {
    let folder = TempDir::new().unwrap();
    let sandbox = Running::start(folder.path());
    let refused = sandbox.send(&["--amount", "300", "--scene", "2", "--bill-no", "R1", "--json"]);
    exits(&refused, 1);
    let told = object(&refused);
    assert_eq!(
        (&told["outcome"], &told["code"], &told["mch_billno"]),
        (&json!("refused"), &json!("MONEY_LIMIT"), &json!("R1"))
    );
    assert!(!told["next_step"].as_str().unwrap().is_empty());
    assert!(err(&refused).starts_with("refused: MONEY_LIMIT"), "{}", err(&refused));
    assert_eq!(sandbox.paid(), 0);
}

#[test]
fn a_lost_answer_exits_with_three_and_the_same_command_pays_once() {
    let folder = TempDir::new().unwrap();
    let sandbox = Running::start(folder.path());
    sandbox.console("POST", "/api/faults", r#"{"fault":{"kind":"hang_up_after"},"when":{"next":3}}"#);
    let command = ["--amount", "8.88", "--bill-no", "U1", "--json"];
    let lost = sandbox.send(&command);
    exits(&lost, 3);
    let told = object(&lost);
    assert_eq!((&told["outcome"], &told["attempts"]), (&json!("unknown"), &json!(3)));
    assert!(err(&lost).starts_with("outcome unknown: "), "{}", err(&lost));
    exits(&sandbox.send(&command), 0);
    assert_eq!(sandbox.paid(), 888);

    let unknown = sandbox.query(&["--bill-no", "U2", "--json"]);
    exits(&unknown, 3);
    assert_eq!(object(&unknown)["code"], "NOT_FOUND");
}

#[test]
fn what_can_be_known_before_sending_exits_with_two() {
    let folder = TempDir::new().unwrap();
    let sandbox = Running::start(folder.path());
    for (arguments, part) in [
        (["--amount", "0.50", "--bill-no", "W1"], "scene_id"),
        (["--amount", "1.888", "--bill-no", "W1"], "--amount"),
        (["--amount", "1.88", "--bill-no", "W-1"], "--bill-no"),
    ] {
        let wrong = sandbox.send(&arguments);
        exits(&wrong, 2);
        assert!(err(&wrong).contains(part), "{}", err(&wrong));
    }
    exits(&sandbox.send(&["--amount", "1", "--bill-no", "W1", "--scene", "9"]), 2);
    exits(&sandbox.send(&["--amount", "1", "--bill-no", "W1", "--log", "hongbao=loud"]), 2);
    exits(&run(&["redpack", "send", "--amount", "1", "--to", USER, "--bill-no", "W1"]), 2);
    assert_eq!(sandbox.console("GET", "/api/requests", ""), json!([]));

    let nowhere = run(&["redpack", "query", "--sandbox", "/nowhere/at/all", "--bill-no", "W1"]);
    exits(&nowhere, 2);
    assert!(err(&nowhere).contains("hongbao sandbox --dir"), "{}", err(&nowhere));
}

#[test]
fn the_log_is_on_standard_error_and_holds_no_key() {
    let folder = TempDir::new().unwrap();
    let sandbox = Running::start(folder.path());
    let output = sandbox.send(&["--amount", "1", "--bill-no", "L1", "--json", "--log", "trace"]);
    exits(&output, 0);
    assert_eq!(object(&output)["outcome"], "accepted");
    assert!(err(&output).contains("call accepted"), "{}", err(&output));
    let path = folder.path().join("merchants/1900000101/merchant.json");
    let handed: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(!err(&output).contains(handed["api_key"].as_str().unwrap()));
    assert!(!err(&output).contains('\u{1b}'));
}
