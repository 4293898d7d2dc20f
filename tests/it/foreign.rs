//! SDKs of other languages against the served sandbox: they share no code with
//! us, so they cannot be wrong together with us. What is measured here is what
//! `docs/INTEROP.md` says.

mod driver;
mod journey;
mod table;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use hongbao::Fen;
use hongbao::sandbox::Sandbox;
use serde_json::Value;

use crate::provision;
use driver::Sdk;
use journey::{Journey, Verdict};
use table::Document;

const SDKS: [Sdk; 8] = [
    Sdk { name: "wechatpy", language: "Python", script: "wechatpy_sdk.py" },
    Sdk { name: "pywe-pay", language: "Python", script: "pywe_pay_sdk.py" },
    Sdk { name: "weixin-python", language: "Python", script: "weixin_python.py" },
    Sdk { name: "wechatpay-axios-plugin", language: "JavaScript", script: "wechatpay_axios_plugin.js" },
    Sdk { name: "tenpay", language: "JavaScript", script: "tenpay.js" },
    Sdk { name: "node-easywechat", language: "TypeScript", script: "node_easywechat.js" },
    Sdk { name: "wechat-pay", language: "JavaScript", script: "wechat_pay.js" },
    Sdk { name: "weixin-pay", language: "JavaScript", script: "weixin_pay.js" },
];

/// Takes one through everything, and compares its column of the table with what
/// was measured.
async fn compare(name: &str) {
    let sdk = SDKS.into_iter().find(|sdk| sdk.name == name).unwrap();
    let temp = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(temp.path()).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let _served = sandbox.serve(any, any, Some(temp.path())).await.unwrap();
    let measured = Journey::new(sdk, &sandbox, temp.path()).run().await;

    let document = Document::read();
    let said_of_it: Vec<_> = document.row_of(name).into_iter().flatten().take(3).map(String::as_str).collect();
    assert_eq!(said_of_it, [name, &*measured.version, sdk.language]);
    let said = document.column_of(name);
    let mut differences = vec![];
    for (step, verdict) in &measured.steps {
        let said = said.iter().find(|(own, _)| own == step).map_or("nothing", |(_, said)| said);
        let word = said.split("[^").next().unwrap();
        let (right, evidence) = match verdict {
            Verdict::Yes => ("yes", ""),
            Verdict::NotOffered => ("–", ""),
            Verdict::No(evidence) => ("**no**", &**evidence),
        };
        if word != right {
            differences.push(format!("{step}: says {said}, is {right} {evidence}"));
        }
    }
    assert!(differences.is_empty(), "docs/INTEROP.md on {name}:\n{}", differences.join("\n"));
    assert_eq!(said.len(), measured.steps.len(), "the table has steps that nobody takes");
}

#[tokio::test(flavor = "multi_thread")]
async fn wechatpy_does_what_the_table_says() {
    compare("wechatpy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pywe_pay_does_what_the_table_says() {
    compare("pywe-pay").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn weixin_python_does_what_the_table_says() {
    compare("weixin-python").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wechatpay_axios_plugin_does_what_the_table_says() {
    compare("wechatpay-axios-plugin").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenpay_does_what_the_table_says() {
    compare("tenpay").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_easywechat_does_what_the_table_says() {
    compare("node-easywechat").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wechat_pay_does_what_the_table_says() {
    compare("wechat-pay").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn weixin_pay_does_what_the_table_says() {
    compare("weixin-pay").await;
}

#[test]
fn each_no_in_the_table_says_why() {
    let document = Document::read();
    let names: Vec<_> = SDKS.iter().map(|sdk| sdk.name.to_owned()).collect();
    let rows: Vec<_> = document.tables[0][1..].iter().map(|row| row[0].clone()).collect();
    assert_eq!(rows, names, "the table of versions");
    for name in &names {
        for (step, cell) in document.column_of(name) {
            let (word, note) = cell.split_once("[^").map_or((&*cell, None), |(word, note)| (word, Some(note)));
            let explained = if word == "**no**" { note.is_some() } else { matches!(word, "yes" | "–") };
            assert!(explained, "{name}, {step}: {cell}");
        }
    }
    let (used, defined) = document.footnotes();
    assert_eq!(used, defined);
    assert!(used.len() > 5, "{used:?}");
}

#[test]
fn a_table_that_rots_is_seen() {
    let text = "| SDK | version |\n|---|---|\n| a | 1 |\n\n| step | a | b |\n|---|:-:|:-:|\n| one | yes | **no**[^x] |\n\n\
                | step | b |\n|---|---|\n| two | – |\n\n[^y]: Because.\n";
    let document = Document::of(text.to_owned());
    assert_eq!(document.row_of("a").unwrap(), ["a", "1"]);
    let pair = |step: &str, cell: &str| (step.to_owned(), cell.to_owned());
    assert_eq!(document.column_of("b"), [pair("one", "**no**[^x]"), pair("two", "–")]);
    assert_eq!(document.column_of("a"), [pair("one", "yes")]);
    assert_eq!(document.footnotes(), (BTreeSet::from(["x"]), BTreeSet::from(["y"])));
}

/// Runs a script with the served sandbox's directory, and reads its lines.
async fn run(script: &str, sandbox: &Sandbox, directory: &Path) -> (Vec<Value>, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = provision::python(&root.join("tests/foreign/requirements.txt"));
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let _served = sandbox.serve(any, any, Some(directory)).await.unwrap();
    let (script, directory) = (root.join("tests/foreign").join(script), directory.to_owned());
    let run = move || Command::new(python).arg(script).arg(directory).output().unwrap();
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{errors}\n{text}");
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), errors)
}

#[tokio::test(flavor = "multi_thread")]
async fn wechatpy_sends_and_queries() {
    let temp = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(temp.path()).unwrap();
    let (steps, errors) = run("wechatpy_red_packets.py", &sandbox, temp.path()).await;
    let answer = |step: &str| {
        let found = steps.iter().find(|value| value["step"] == step);
        found.map_or_else(|| panic!("no step {step}: {errors}"), |value| value["answer"].clone())
    };

    let sent = answer("send");
    let notes: Vec<_> = sandbox.requests(20).into_iter().filter_map(|request| request.note).collect();
    assert_eq!(sent["errcode"], Value::Null, "{sent} {notes:#?}");
    assert_eq!((&sent["result_code"], &sent["total_amount"]), (&"SUCCESS".into(), &"188".into()));
    assert_eq!(answer("again")["send_listid"], sent["send_listid"]);
    assert_eq!(answer("changed")["errcode"], "FATAL_ERROR");
    let found = answer("query");
    assert_eq!((&found["status"], &found["detail_id"]), (&"SENT".into(), &sent["send_listid"]));
    assert_eq!(answer("chunked")["status"], "SENT");
    assert_eq!(answer("not found")["errcode"], "NOT_FOUND");
    assert_eq!(answer("wrong key")["errcode"], "SIGN_ERROR");
    assert_eq!(answer("no certificate")["errcode"], "CA_ERROR");
    assert_eq!(answer("other certificate")["errcode"], "CA_ERROR");

    let mch_id = &sandbox.merchants()[0].mch_id;
    assert_eq!(sandbox.balance(mch_id), Fen::new(1_000_000 - 188));
    assert_eq!(sandbox.packet(mch_id, "PY0001").unwrap().wishing, "早安 <&> 今天");
    assert!(sandbox.books().balanced);
}

#[tokio::test(flavor = "multi_thread")]
async fn wechatpy_takes_payments() {
    let temp = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(temp.path()).unwrap();
    let (steps, errors) = run("wechatpy_payments.py", &sandbox, temp.path()).await;
    let answer = |step: &str| {
        let found = steps.iter().find(|value| value["step"] == step);
        found.map_or_else(|| panic!("no step {step}: {errors}"), |value| value["answer"].clone())
    };
    let has = |step: &str, fields: &[(&str, &str)]| {
        let answer = answer(step);
        for (field, expected) in fields {
            let found = &answer[*field];
            let text = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
            assert_eq!(text, *expected, "{step}: {field} in {answer}");
        }
    };
    assert!(answer("place")["code_url"].as_str().unwrap().starts_with("weixin://wxpay/bizpayurl?pr="));
    assert_eq!(answer("signed")["place"], true, "wechatpy verifies the answer");
    has("notice", &[("path", "/paid"), ("total_fee", "888"), ("cash_fee", "738"), ("settlement_total_fee", "838")]);
    has("notice", &[("coupon_count", "2"), ("coupon_type_1", "NO_CASH"), ("out_trade_no", "PY00001")]);
    has("query", &[("trade_state", "SUCCESS"), ("total_fee", "888"), ("coupon_fee", "150")]);
    has("refund", &[("refund_fee", "300"), ("out_refund_no", "PYR1"), ("coupon_refund_count", "2")]);
    has("refund again", &[("errcode", "REFUND_FEE_MISMATCH")]);
    // A page and no message: the library has nothing to tell.
    has("without certificate", &[("errcode", "null"), ("return_msg", "null")]);
    has("refund notice", &[("path", "/refunded"), ("refund_status", "SUCCESS"), ("refund_fee", "300")]);
    has(
        "refund query",
        &[("refund_status_0", "SUCCESS"), ("refund_count", "1"), ("refund_recv_accout_0", "支付用户零钱")],
    );
    has("jsapi", &[("trade_type", "JSAPI")]);
    has("close", &[("result_code", "SUCCESS")]);
    has("query closed", &[("trade_state", "CLOSED")]);
    has("unknown", &[("errcode", "ORDERNOTEXIST")]);
    has("owner", &[("openid", "oAlice1a2b3c4d5e6f7g8h9i0jkl")]);
    has("micropay", &[("trade_type", "MICROPAY"), ("total_fee", "1250")]);
    has("reverse", &[("recall", "N")]);
    assert!(answer("short")["short_url"].as_str().unwrap().starts_with("weixin://wxpay/s/"));
    has("wrong key", &[("errcode", "null"), ("return_msg", "签名错误，请检查后再试")]);
    let bill = answer("bill").as_str().unwrap().to_owned();
    assert!(
        bill.starts_with("\u{feff}交易时间,") && bill.contains(",`PY00001,`") && bill.contains(",`PYR1,`2.84"),
        "{bill}"
    );
    let funds = answer("funds").as_str().unwrap().to_owned();
    assert!(funds.contains("记账时间") && funds.contains("`退款,`退款,`支出"), "{funds}");
    has("trial", &[("err_code", "SUCCESS"), ("device_info", "sandbox")]);
    has("trial notice", &[("path", "/trial"), ("total_fee", "101")]);
    has("trial query", &[("trade_state", "SUCCESS")]);
    has("trial amount", &[("return_msg", "沙箱支付金额(888)无效，请检查需要验收的case")]);
    assert!(sandbox.books().balanced);
}
