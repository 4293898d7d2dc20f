//! `hongbao order` against a running sandbox.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::{Running, USER, err, exits, object, out, program};
use crate::fake::KEY;

const ORDER: [&str; 4] = ["--out-trade-no", "T20250318000001", "--amount", "8.88"];
const WHICH: [&str; 2] = ["--out-trade-no", "T20250318000001"];

fn create(sandbox: &Running, way: &str, more: &[&str]) -> std::process::Output {
    sandbox.run(&["order", "create", "--type", way], more)
}

#[test]
fn an_order_is_placed_paid_refunded_and_asked_about() {
    let folder = TempDir::new().unwrap();
    let sandbox = Running::start(&folder.path().join("sandbox"));
    let svg = folder.path().join("order.svg");
    let placed = create(
        &sandbox,
        "native",
        &[&ORDER[..], &["--qr-svg", svg.to_str().unwrap(), "--attach", "深圳", "--json"]].concat(),
    );
    exits(&placed, 0);
    let placed = object(&placed);
    assert_eq!(
        (&placed["outcome"], &placed["out_trade_no"], &placed["total_fee"]),
        (&json!("placed"), &json!("T20250318000001"), &json!(888))
    );
    assert!(placed["code_url"].as_str().unwrap().starts_with("weixin://wxpay/bizpayurl?pr="));
    assert!(fs::read_to_string(&svg).unwrap().contains("<svg"));
    let again = object(&create(&sandbox, "native", &[&ORDER[..], &["--attach", "深圳", "--json"]].concat()));
    assert_eq!(again["code_url"], placed["code_url"]);

    let query = |more: &[&str]| sandbox.run(&["order", "query"], &[&WHICH[..], more].concat());
    assert_eq!(object(&query(&["--json"]))["trade_state"], "NOTPAY");
    let unpaid = sandbox
        .run(&["order", "refund"], &[&WHICH[..], &["--out-refund-no", "R1", "--amount", "3", "--json"]].concat());
    exits(&unpaid, 1);
    let told = object(&unpaid);
    assert_eq!((&told["outcome"], &told["out_refund_no"]), (&json!("not_sent"), &json!("R1")));

    sandbox.console("POST", "/api/orders/1900000101/T20250318000001/pay", "");
    let people = query(&["--refunds"]);
    exits(&people, 0);
    for part in ["SUCCESS, the money came", "8.88 yuan", "深圳", "none that WeChat knows of"] {
        assert!(out(&people).contains(part), "no {part:?} in {}", out(&people));
    }
    let found = object(&query(&["--json", "--refunds"]));
    assert_eq!((&found["outcome"], &found["refunds"]), (&json!("found"), &json!([])));
    let by_wechat = ["--transaction-id", found["transaction_id"].as_str().unwrap(), "--json"];
    assert_eq!(object(&sandbox.run(&["order", "query"], &by_wechat))["out_trade_no"], "T20250318000001");

    let refund = |number: &str, amount: &str| {
        sandbox.run(
            &["order", "refund"],
            &[&WHICH[..], &["--out-refund-no", number, "--amount", amount, "--json"]].concat(),
        )
    };
    let taken = refund("R1", "3");
    exits(&taken, 0);
    let taken = object(&taken);
    assert_eq!((&taken["outcome"], &taken["refund_fee"]), (&json!("accepted"), &json!(300)));
    // The gateway wants the refunds of one order apart.
    sandbox.console("POST", "/api/clock/advance", r#"{"seconds":120}"#);
    let repeated = refund("R1", "3");
    exits(&repeated, 0);
    assert_eq!(object(&repeated)["refund_id"], taken["refund_id"]);
    for (number, amount, field) in [("R2", "5.89", "refund_fee"), ("R1", "2.99", "out_refund_no")] {
        let wrong = refund(number, amount);
        exits(&wrong, 2);
        assert_eq!((&object(&wrong)["field"], &object(&wrong)["outcome"]), (&json!(field), &json!("not_sent")));
    }
    let listed = object(&sandbox.run(&["order", "refunds"], &[&WHICH[..], &["--json"]].concat()));
    assert_eq!((listed["refunds"].as_array().unwrap().len(), &listed["total_fee"]), (1, &json!(888)));
    let one = sandbox.run(&["order", "refunds"], &["--out-refund-no", "R1"]);
    assert!(out(&one).contains("3.00 of 8.88 yuan"), "{}", out(&one));
    let none = sandbox.run(&["order", "refunds"], &["--out-refund-no", "R9", "--json"]);
    assert_eq!(object(&none)["code"], "REFUNDNOTEXIST");
    assert_ne!(none.status.code(), Some(0));

    let paid = sandbox.run(&["order", "close"], &[&WHICH[..], &["--json"]].concat());
    exits(&paid, 3);
    assert_eq!((&object(&paid)["code"], &object(&paid)["out_trade_no"]), (&json!("ORDERPAID"), &json!(WHICH[1])));
}

#[test]
fn refunds_of_all_pages_are_known() {
    let folder = TempDir::new().unwrap();
    let sandbox = Running::start(folder.path());
    exits(&create(&sandbox, "app", &ORDER), 0);
    sandbox.console("POST", "/api/orders/1900000101/T20250318000001/pay", "");
    for number in 1..=12 {
        let number = format!("R{number:02}");
        let more = ["--out-refund-no", &number, "--amount", "0.10", "--total", "8.88"];
        exits(&sandbox.run(&["order", "refund"], &[&WHICH[..], &more].concat()), 0);
        sandbox.console("POST", "/api/clock/advance", r#"{"seconds":120}"#);
    }
    let listed = object(&sandbox.run(&["order", "refunds"], &[&WHICH[..], &["--json"]].concat()));
    assert_eq!(listed["refunds"].as_array().unwrap().len(), 12);
    let more = ["--out-refund-no", "R13", "--amount", "7.69", "--json"];
    let too_much = sandbox.run(&["order", "refund"], &[&WHICH[..], &more].concat());
    exits(&too_much, 2);
    assert_eq!(object(&too_much)["field"], "refund_fee");
}

#[test]
fn an_order_is_closed_once_and_for_all() {
    let folder = TempDir::new().unwrap();
    let sandbox = Running::start(folder.path());
    exits(&create(&sandbox, "jsapi", &ORDER), 0);
    sandbox.console("POST", "/api/clock/advance", r#"{"seconds":360}"#);
    for before in [false, true] {
        let closed = sandbox.run(&["order", "close"], &[&WHICH[..], &["--json"]].concat());
        exits(&closed, 0);
        let closed = object(&closed);
        assert_eq!((&closed["outcome"], &closed["closed_before"]), (&json!("closed"), &json!(before)));
    }
    let again = sandbox.run(&["order", "close"], &WHICH);
    assert!(out(&again).contains("it was closed before"), "{}", out(&again));
    let reopened = create(&sandbox, "jsapi", &[&ORDER[..], &["--json"]].concat());
    exits(&reopened, 1);
    assert_eq!(object(&reopened)["code"], "ORDERCLOSED");
}

#[test]
fn each_way_prints_what_its_payer_needs() {
    let folder = TempDir::new().unwrap();
    let sandbox = Running::start(folder.path());
    let order = |number: &'static str| ["--out-trade-no", number, "--amount", "1"];
    let jsapi = object(&create(&sandbox, "jsapi", &[&order("T00001")[..], &["--openid", USER, "--json"]].concat()));
    for (form, field) in [("bridge", "appId"), ("jssdk", "timestamp"), ("mini_program", "timeStamp")] {
        assert!(jsapi[form][field].is_string(), "{form}: {jsapi}");
        assert_eq!(jsapi[form]["paySign"], jsapi["bridge"]["paySign"], "{form}");
    }
    let text = out(&create(&sandbox, "jsapi", &[&order("T00001")[..], &["--openid", USER]].concat()));
    assert!(text.contains("wx.requestPayment") && text.contains("prepay_id="), "{text}");

    let app = object(&create(&sandbox, "app", &[&order("T00002")[..], &["--json"]].concat()));
    assert_eq!((&app["app"]["prepayid"], &app["app"]["package"]), (&app["prepay_id"], &json!("Sign=WXPay")));

    let back = ["--redirect-url", "https://shop.example.com/back?a=1", "--json"];
    let h5 = object(&create(&sandbox, "h5", &[&order("T00003")[..], &back].concat()));
    let url = h5["url"].as_str().unwrap();
    assert!(url.ends_with("&redirect_url=https%3A%2F%2Fshop.example.com%2Fback%3Fa%3D1"), "{url}");

    let native = create(&sandbox, "native", &order("T00004"));
    assert!(out(&native).contains("weixin://") && !out(&native).contains('█'), "{}", out(&native));
    let dark = create(&sandbox, "native", &[&order("T00004")[..], &["--qr"]].concat());
    let light = create(&sandbox, "native", &[&order("T00004")[..], &["--qr=light"]].concat());
    assert!(out(&dark).contains('█') && out(&light).contains('█') && out(&dark) != out(&light));

    let expiring = [&order("T00005")[..], &["--expire-in", "30"]].concat();
    let text = out(&create(&sandbox, "native", &expiring));
    assert!(text.contains("it can be paid for 30 minutes"), "{text}");
}

#[test]
fn what_can_be_known_before_sending_exits_with_two() {
    let folder = TempDir::new().unwrap();
    let sandbox = Running::start(folder.path());
    for (way, more, part) in [
        ("native", &["--openid", USER][..], "--openid belongs to orders of type jsapi"),
        ("jsapi", &["--product-id", "1"], "--product-id belongs to orders of type native"),
        ("app", &["--redirect-url", "https://a.example.com"], "--redirect-url belongs to orders of type h5"),
        ("native", &["--notify-url", "https://a.example.com/?b=1"], "notify_url"),
        ("native", &["--expire-in", "4"], "--expire-in"),
        ("coin", &[], "--type"),
    ] {
        let wrong = create(&sandbox, way, &[&ORDER[..], more].concat());
        exits(&wrong, 2);
        assert!(err(&wrong).contains(part), "{}", err(&wrong));
    }
    exits(&sandbox.run(&["order", "query"], &[]), 2);
    exits(&sandbox.run(&["order", "query"], &["--transaction-id", ""]), 2);
    exits(&sandbox.run(&["order", "refunds"], &["--out-refund-no", "R1", "--out-trade-no", "T20250318000001"]), 2);
    assert_eq!(sandbox.console("GET", "/api/requests", ""), json!([]));
}

#[test]
fn texts_are_wanted_and_refunds_take_a_word_where_money_is_real() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.key"), KEY).unwrap();
    let file = folder.path().join("merchants.toml");
    let entity = "[merchants.north]\napp_id = \"wx00f1e2d3c4b5a697\"\nmch_id = \"1510000001\"\nkey_file = \"a.key\"\n";
    fs::write(&file, format!("{entity}endpoint = \"production\"\n")).unwrap();
    let run = |verb: &str, more: &[&str]| {
        program(&["order", verb, "--config", file.to_str().unwrap()]).args(more).output().unwrap()
    };
    let texts = ["--body", "咖啡-拿铁", "--notify-url", "https://shop.example.com/wx"];
    for (way, more, part) in [
        ("native", &[][..], "--body is missing"),
        ("native", &texts[..2], "--notify-url is missing"),
        ("native", &texts, "--product-id is missing"),
        ("jsapi", &texts, "--openid is missing"),
        ("h5", &texts, "--ip is missing"),
    ] {
        let wrong = run("create", &[&["--type", way], &ORDER[..], more].concat());
        exits(&wrong, 2);
        assert!(err(&wrong).contains(part), "{}", err(&wrong));
    }
    let refund = [&WHICH[..], &["--out-refund-no", "R1", "--amount", "3"]].concat();
    let silent = run("refund", &refund);
    exits(&silent, 2);
    assert!(err(&silent).contains("--yes-real-money") && err(&silent).contains("3.00 yuan"), "{}", err(&silent));
}
