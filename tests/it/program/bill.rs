//! `hongbao bill show` and `download`.

use std::fs;
use std::io::Write as _;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Running, err, exits, out, program};
use crate::canned::{Canned, ok};
use crate::fake::{KEY, fixture, fixture_path};

fn show(bill: &str, more: &[&str]) -> Output {
    let file = fixture_path(&format!("bills/{bill}"));
    program(&["bill", "show", file.to_str().unwrap()]).args(more).output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    out(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_good_bill_is_shown_and_adds_up() {
    let expected: Value = serde_json::from_str(&fixture("bills/expected.json")).unwrap();
    for (name, bill) in expected.as_object().unwrap() {
        let output = show(name, &["--json"]);
        exits(&output, 0);
        let rows = bill["rows"].as_array().unwrap();
        let mut told = lines(&output);
        let totals = told.pop().unwrap();
        assert_eq!(told.len(), rows.len(), "{name}");
        assert_eq!(
            (&totals["outcome"], &totals["rows"], &totals["differences"]),
            (&json!("complete"), &json!(rows.len()), &json!([])),
            "{name}"
        );
        for (told, row) in told.iter().zip(rows) {
            let number = row.get("商户订单号").or(row.get("业务凭证号")).unwrap();
            let found = told.get("out_trade_no").or(told.get("voucher")).unwrap();
            assert_eq!(found.as_str().unwrap_or_default(), number, "{name}");
        }
        assert!(err(&output).contains("the rows add up"), "{name}: {}", err(&output));
    }
    let packed = show("all.gz", &[]);
    assert_eq!(out(&packed), out(&show("all.csv", &[])));
    assert_eq!(out(&packed), out(&show("all.two_members.gz", &[])));
}

#[test]
fn csv_is_that_of_rfc_4180_in_a_pipe() {
    let output = show("odd.csv", &[]);
    exits(&output, 0);
    let mut reader = csv::Reader::from_reader(&*output.stdout);
    let names = reader.headers().unwrap().clone();
    assert_eq!((names.len(), &names[0], &names[29]), (30, "trade_time", "rate_remark"));
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let column = |name: &str| names.iter().position(|other| other == name).unwrap();
    let (body, amount) = (column("body"), column("settlement_total_fee"));
    assert_eq!(rows.len(), 4);
    assert_eq!((&rows[0][body], &rows[0][amount], &rows[0][0]), ("示例商城-水杯,大号", "8.88", "2025-03-17 08:02:13"));
    assert_eq!(&rows[1][body], "套餐,`双人,`含税,");
    assert!(out(&output).lines().count() == 5 && out(&output).ends_with("\r\n"));

    let first = show("all.csv", &["--limit", "1"]);
    assert_eq!(out(&first).lines().count(), 2);
    assert!(err(&first).contains("7 rows"), "{}", err(&first));

    let funds = show("fund_flow.csv", &[]);
    assert!(out(&funds).starts_with("booking_time,") && out(&funds).contains(",收入,8.88,108.88,"), "{}", out(&funds));
}

#[test]
fn bad_bills_exit_with_one() {
    for (bill, part) in [
        ("bad.amount.csv", "line 2"),
        ("bad.columns.csv", "line 2"),
        ("bad.count.csv", "states 8 rows and has 7"),
        ("bad.no_header.csv", "line 1"),
        ("bad.no_summary.csv", ""),
        ("bad.not_utf8.csv", "UTF-8"),
        ("bad.truncated.csv", ""),
        ("expected.json", ""),
    ] {
        let output = show(bill, &["--json"]);
        exits(&output, 1);
        let told = lines(&output).pop().unwrap();
        assert_eq!(told["outcome"], "unreadable_bill", "{bill}");
        assert!(told["error"].as_str().unwrap().contains(part), "{bill}: {told}");
        assert!(err(&output).starts_with("unreadable bill: "), "{bill}: {}", err(&output));
    }
    let missing = show("none.csv", &[]);
    exits(&missing, 2);
}

#[test]
fn rows_that_do_not_add_up_exit_with_one() {
    let mut child = program(&["bill", "show", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let bill = fixture("bills/all.csv").replace("1026.38", "1026.39");
    child.stdin.take().unwrap().write_all(bill.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    exits(&output, 1);
    let mut told = lines(&output);
    let totals = told.pop().unwrap();
    assert_eq!((told.len(), &totals["outcome"]), (7, &json!("failed")));
    assert_eq!(
        totals["differences"],
        json!([{ "total": "订单总金额", "stated": 102_639_000, "counted": 102_638_000 }])
    );
    assert!(err(&output).contains("1026.39000 stated, 1026.38000 counted"), "{}", err(&output));
    assert!(!err(&output).contains("WARN"), "{}", err(&output));
}

#[test]
fn the_bill_of_a_day_is_fetched() {
    let folder = TempDir::new().unwrap();
    let sandbox = Running::start(&folder.path().join("sandbox"));
    let order = ["order", "create", "--type", "native", "--out-trade-no", "T20250318000001", "--amount", "8.88"];
    exits(&sandbox.run(&order, &[]), 0);
    sandbox.console("POST", "/api/orders/1900000101/T20250318000001/pay", "");
    let clock = sandbox.console("GET", "/api/clock", "");
    let day = clock["beijing"].as_str().unwrap()[..10].to_owned();
    let download = ["bill", "download", "--date", &day];

    let early = sandbox.run(&download, &["--json"]);
    exits(&early, 1);
    sandbox.console("POST", "/api/clock/advance", r#"{"seconds":129600}"#);

    let rows = sandbox.run(&download, &["--json"]);
    exits(&rows, 0);
    let rows = lines(&rows);
    assert_eq!((rows.len(), &rows[0]["out_trade_no"]), (2, &json!("T20250318000001")));
    assert_eq!((&rows[1]["outcome"], &rows[1]["totals"]["total_fee"]), (&json!("complete"), &json!(888)));

    let file = folder.path().join("bill.csv");
    let written = sandbox.run(&download, &["--out", file.to_str().unwrap()]);
    exits(&written, 0);
    assert_eq!(out(&written), "");
    assert!(err(&written).contains("1 rows") && err(&written).contains("8.88 yuan"), "{}", err(&written));
    assert!(fs::read_to_string(&file).unwrap().starts_with("trade_time,appid,"));

    let raw = folder.path().join("raw.csv");
    exits(&sandbox.run(&download, &["--raw", "--out", raw.to_str().unwrap()]), 0);
    let shown = program(&["bill", "show", raw.to_str().unwrap()]).output().unwrap();
    exits(&shown, 0);
    assert_eq!(shown.stdout, fs::read(&file).unwrap());

    let funds = lines(&sandbox.run(&download, &["--funds", "basic", "--json"]));
    assert!(funds.iter().any(|row| row["voucher"] == "T20250318000001" && row["amount"] == 888), "{funds:?}");

    let none = sandbox.run(&download, &["--type", "recharge-refund"]);
    exits(&none, 1);
    assert!(err(&none).contains(&format!("no trade on {day}")), "{}", err(&none));
    exits(&sandbox.run(&download, &["--raw", "--json"]), 2);
    exits(&sandbox.run(&download, &["--funds", "basic", "--type", "all"]), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bill_that_is_not_whole_leaves_no_file() {
    let truncated = fixture("bills/bad.truncated.csv");
    let body = truncated.clone();
    let server = Canned::start(None, move |_| ok(&body)).await;
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("ca.pem"), &server.ca_pem).unwrap();
    fs::write(folder.path().join("a.key"), KEY).unwrap();
    let config = folder.path().join("merchants.toml");
    let text = format!(
        "[merchants.coffee]\napp_id = \"wx00f1e2d3c4b5a697\"\nmch_id = \"1510000001\"\nkey_file = \"a.key\"\n\
         endpoint = {{ base = \"{}\", ca_file = \"ca.pem\" }}\n",
        server.base()
    );
    fs::write(&config, text).unwrap();
    let file = folder.path().join("bill.csv");
    let download = |more: &[&str]| {
        let (config, file) = (config.to_str().unwrap(), file.to_str().unwrap());
        let arguments = ["bill", "download", "--config", config, "--date", "2025-03-17", "--out", file];
        program(&arguments).args(more).output().unwrap()
    };
    let output = download(&[]);
    exits(&output, 1);
    assert!(err(&output).starts_with("unreadable bill: "), "{}", err(&output));
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(names.len(), 3, "{names:?}");

    // WeChat's own text is kept, to be looked at.
    exits(&download(&["--raw"]), 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), truncated);
}
