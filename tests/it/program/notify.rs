//! `hongbao notify`: over notices that were made elsewhere, and beside a sandbox.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Killed, Running, err, exits, object, out, program};
use crate::fake::{KEY, fixture, fixture_path};

/// A file with the merchant of the fixtures, for itself and for a sub-merchant,
/// and one whose key is nowhere.
struct Merchants {
    folder: TempDir,
}

impl Merchants {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("coffee.key"), KEY).unwrap();
        fs::write(folder.path().join("other.key"), "0123456789abcdefghijklmnopqrstuv").unwrap();
        let numbers = "app_id = \"wx00f1e2d3c4b5a697\"\nmch_id = \"1510000001\"\nendpoint = \"production\"\n";
        let text = format!(
            "[merchants.coffee]\nname = \"蓝鲸咖啡\"\n{numbers}key_file = \"coffee.key\"\np12_file = \"nowhere.p12\"\n\
             [merchants.coffee_for_tea]\n{numbers}key_file = \"coffee.key\"\ndigest = \"HMAC-SHA256\"\n\
             sub_mch_id = \"1510000003\"\nsub_app_id = \"wx0123456789abcdef\"\n\
             [merchants.other]\napp_id = \"wx00f1e2d3c4b5a699\"\nmch_id = \"1510000009\"\n\
             key_file = \"nowhere.key\"\nendpoint = \"production\"\n"
        );
        fs::write(folder.path().join("merchants.toml"), &text).unwrap();
        fs::write(folder.path().join("mixed.toml"), text.replace("coffee.key", "other.key")).unwrap();
        Self { folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn verify(&self, notice: &str, more: &[&str]) -> Output {
        let notice = fixture_path(&format!("notices/{notice}"));
        let config = self.file("merchants.toml");
        let arguments = ["notify", "verify", notice.to_str().unwrap(), "--config", config.to_str().unwrap()];
        program(&arguments).args(more).output().unwrap()
    }

    fn verify_bytes(&self, config: &str, bytes: &[u8]) -> Output {
        let config = self.file(config);
        let mut command = program(&["notify", "verify", "-", "--config", config.to_str().unwrap(), "--json"]);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        child.wait_with_output().unwrap()
    }
}

#[test]
fn genuine_notices_of_every_kind() {
    let merchants = Merchants::new();
    for (notice, kind, merchant, field) in [
        ("paid/md5.xml", "paid", "蓝鲸咖啡", ("total_fee", "888")),
        ("paid/hmac.xml", "paid", "蓝鲸咖啡", ("sign_type", "HMAC-SHA256")),
        ("paid/lower_case_sign.xml", "paid", "蓝鲸咖啡", ("total_fee", "888")),
        ("paid/new_field.xml", "paid", "蓝鲸咖啡", ("loyalty_level", "金卡 & 银卡")),
        ("paid/coupons.xml", "paid", "蓝鲸咖啡", ("coupon_fee_1", "80")),
        ("paid/provider.xml", "paid", "coffee_for_tea", ("sub_mch_id", "1510000003")),
        ("refunded/success.xml", "refunded", "蓝鲸咖啡", ("refund_status", "SUCCESS")),
        ("refunded/change.xml", "refunded", "蓝鲸咖啡", ("refund_status", "CHANGE")),
        ("refunded/provider.xml", "refunded", "coffee_for_tea", ("refund_fee", "300")),
    ] {
        let output = merchants.verify(notice, &["--json"]);
        exits(&output, 0);
        let told = object(&output);
        assert_eq!((&told["outcome"], &told["verified"]), (&json!("genuine"), &json!(true)), "{notice}");
        assert_eq!((&told["kind"], &told["merchant"]), (&json!(kind), &json!(merchant)), "{notice}");
        assert_eq!(told["fields"][field.0], field.1, "{notice}");
        let back = notice != "refunded/change.xml";
        assert_eq!((&told["confirmed"], &told["failed"]), (&json!(false), &json!(!back)), "{notice}");
        assert!(told["answer"].as_str().unwrap().contains("<![CDATA[SUCCESS]]>"), "{notice}");
    }
    let scanned = object(&merchants.verify("native/callback.xml", &["--json"]));
    assert_eq!((&scanned["kind"], &scanned["answer"]), (&json!("scanned"), &Value::Null));
    let failed = object(&merchants.verify("paid/failed.xml", &["--json"]));
    assert_eq!((&failed["outcome"], &failed["failed"]), (&json!("genuine"), &json!(true)));
}

#[test]
fn people_are_told_what_it_says_and_what_to_answer() {
    let merchants = Merchants::new();
    let output = merchants.verify("paid/md5.xml", &[]);
    exits(&output, 0);
    for part in ["genuine; about a payment", "蓝鲸咖啡 (1510000001)", "888, 8.88 yuan", "--expect-amount", "answer it"]
    {
        assert!(out(&output).contains(part), "no {part:?} in {}", out(&output));
    }
    assert!(!out(&output).contains(KEY) && err(&output).is_empty(), "{}", err(&output));
}

#[test]
fn a_notice_is_compared_with_what_was_expected() {
    let merchants = Merchants::new();
    let order = ["--expect-order", "T20250318000001"];
    for (notice, more, code, field) in [
        ("paid/md5.xml", &["--expect-amount", "8.88"][..], 0, ""),
        ("paid/md5.xml", &["--expect-amount", "8.87"], 1, "total_fee"),
        ("refunded/success.xml", &["--expect-amount", "3"], 0, ""),
        ("refunded/success.xml", &["--expect-amount", "3", "--expect-refund", "R20250318000001"], 0, ""),
        ("refunded/success.xml", &["--expect-amount", "3", "--expect-refund", "R9"], 1, "out_refund_no"),
        ("refunded/success.xml", &["--expect-amount", "8.88"], 1, "refund_fee"),
        ("paid/failed.xml", &["--expect-amount", "8.88"], 1, ""),
        ("paid/md5.xml", &["--expect-amount", "8.88", "--expect-refund", "R1"], 2, "--expect-refund"),
        ("native/callback.xml", &["--expect-amount", "8.88"], 2, "--expect-order"),
    ] {
        let output = merchants.verify(notice, &[&order[..], more, &["--json"]].concat());
        exits(&output, code);
        let told = object(&output);
        if code == 0 {
            assert_eq!((&told["outcome"], &told["confirmed"]), (&json!("genuine"), &json!(true)), "{notice} {more:?}");
        } else if !field.is_empty() {
            assert_eq!(told["field"], field, "{notice} {more:?}");
        }
        if code == 1 && !field.is_empty() {
            assert_eq!((&told["outcome"], &told["verified"]), (&json!("not_expected"), &json!(true)));
            assert!(told["answer"].as_str().unwrap().contains("FAIL"), "{notice} {more:?}");
        }
    }
    let half = merchants.verify("paid/md5.xml", &order);
    exits(&half, 2);
    assert!(err(&half).contains("--expect-amount"), "{}", err(&half));
}

#[test]
fn what_is_not_genuine_exits_with_one() {
    let merchants = Merchants::new();
    let paid = fixture("notices/paid/md5.xml");
    let refunded = fixture("notices/refunded/success.xml");
    for (config, body, outcome) in [
        ("merchants.toml", paid.replace("888", "889"), "not_genuine"),
        ("merchants.toml", paid.replace("<sign>", "<sing>").replace("</sign>", "</sing>"), "not_genuine"),
        ("mixed.toml", paid.clone(), "not_genuine"),
        ("mixed.toml", refunded.clone(), "not_genuine"),
        ("merchants.toml", paid.replace("1510000001", "1510000002"), "for_another"),
        ("merchants.toml", refunded.replace("1510000001", "1510000002"), "for_another"),
        ("merchants.toml", "{\"id\":\"a\"}".to_owned(), "unreadable"),
        ("merchants.toml", "<xml><a>".to_owned(), "unreadable"),
        ("merchants.toml", String::new(), "unreadable"),
    ] {
        let output = merchants.verify_bytes(config, body.as_bytes());
        exits(&output, 1);
        let told = object(&output);
        assert_eq!(told["outcome"], outcome, "{body}");
        assert!(told["verified"] != json!(true) && told["fields"].is_null(), "{told}");
        assert!(told["answer"].as_str().unwrap().contains("FAIL"), "{told}");
    }
    // What the named entity refers to must be there, and only that.
    let nowhere = merchants.verify("paid/md5.xml", &["--merchant", "other"]);
    exits(&nowhere, 2);
    assert!(err(&nowhere).contains("nowhere.key"), "{}", err(&nowhere));
    let provider = merchants.verify("paid/provider.xml", &["--merchant", "coffee", "--json"]);
    exits(&provider, 1);
    assert_eq!(object(&provider)["outcome"], "for_another");
    let missing = merchants.verify("paid/none.xml", &[]);
    exits(&missing, 2);
    assert!(err(&missing).contains("none.xml"), "{}", err(&missing));
}

/// Numbers and amounts that fit say nothing of where the money is.
#[test]
fn a_refund_that_gave_nothing_back_is_not_confirmed() {
    let merchants = Merchants::new();
    for (notice, words) in [("refundclose", "no money went back"), ("change", "somebody has to decide")] {
        let notice = format!("refunded/{notice}.xml");
        let told = object(&merchants.verify(&notice, &["--json"]));
        let (order, refund) = (&told["fields"]["out_trade_no"], &told["fields"]["out_refund_no"]);
        let fen: hongbao::Fen = hongbao::Fen::new(told["fields"]["refund_fee"].as_str().unwrap().parse().unwrap());
        let amount = fen.to_string();
        let expect = [
            "--expect-order",
            order.as_str().unwrap(),
            "--expect-refund",
            refund.as_str().unwrap(),
            "--expect-amount",
            &amount,
        ];
        let output = merchants.verify(&notice, &expect);
        exits(&output, 0);
        assert!(out(&output).contains(words) && !out(&output).contains("confirmed"), "{}", out(&output));
        let told = object(&merchants.verify(&notice, &[&expect[..], &["--json"]].concat()));
        assert_eq!((&told["confirmed"], &told["failed"]), (&json!(false), &json!(true)), "{notice}");
    }
}

/// A listener on its own, as a user would start it beside a sandbox.
#[test]
fn a_shop_that_listens() {
    let folder = TempDir::new().unwrap();
    let sandbox = Running::start(folder.path());
    let directory = folder.path().to_str().unwrap();
    let listen = ["notify", "listen", "--listen", "127.0.0.1:0", "--count", "3", "--json", "--sandbox", directory];
    let child = program(&listen).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut child = Killed(child);
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let url = next()["notify_url"].as_str().unwrap().to_owned();

    let order = ["--type", "native", "--out-trade-no", "T00001", "--amount", "8.88", "--notify-url", &url];
    exits(&sandbox.run(&["order", "create"], &order), 0);
    sandbox.console("POST", "/api/orders/1900000101/T00001/pay", "");
    let paid = next();
    assert_eq!((&paid["verified"], &paid["kind"]), (&json!(true), &json!("paid")), "{paid}");
    assert_eq!((&paid["mch_id"], &paid["fields"]["total_fee"]), (&json!("1900000101"), &json!("888")), "{paid}");

    // What it is told by anybody else is refused, and does not stop it.
    let body = sandbox.console("GET", "/api/notices/1", "")["body"].as_str().unwrap().replace("888", "889");
    let address = url.strip_prefix("http://").unwrap().trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(stream, "POST / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("FAIL"), "{answer}");
    let forged = next();
    assert_eq!((&forged["verified"], &forged["fields"]), (&json!(false), &Value::Null), "{forged}");
    assert!(forged["error"].as_str().unwrap().contains("signature"), "{forged}");

    let refund = ["--out-trade-no", "T00001", "--out-refund-no", "R1", "--amount", "3", "--notify-url", &url];
    exits(&sandbox.run(&["order", "refund"], &refund), 0);
    sandbox.console("POST", "/api/clock/advance", r#"{"seconds":3600}"#);
    let refunded = next();
    assert_eq!((&refunded["verified"], &refunded["kind"]), (&json!(true), &json!("refunded")), "{refunded}");
    assert_eq!(refunded["fields"]["refund_fee"], "300", "{refunded}");
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    // Written down a moment after the answer.
    let received = || {
        let notices = sandbox.console("GET", "/api/notices", "");
        notices.as_array().unwrap().iter().all(|notice| notice["delivered"] == true)
    };
    let in_time = (0..500).any(|_| {
        received() || {
            std::thread::sleep(Duration::from_millis(10));
            false
        }
    });
    assert!(in_time, "{}", sandbox.console("GET", "/api/notices", ""));

    let nowhere = program(&["notify", "listen", "--sandbox", "/nowhere"]).output().unwrap();
    exits(&nowhere, 2);
    assert!(err(&nowhere).contains("hongbao sandbox --dir"), "{}", err(&nowhere));
}
