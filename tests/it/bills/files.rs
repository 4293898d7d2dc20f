//! Bills as files, written and read by Python: every value of every row.

use std::collections::BTreeMap;
use std::fs::File;

use hongbao::query::bill::{Funds, Reader, Trades};
use hongbao::{Error, ErrorKind};
use serde_json::Value;

use crate::fake::{fixture, fixture_path};

/// The names of a column in both generations, and the field it becomes.
const TRADE_COLUMNS: &[(&str, &str)] = &[
    ("交易时间", "trade_time"),
    ("公众账号ID", "appid"),
    ("商户号", "mch_id"),
    ("特约商户号", "sub_mch_id"),
    ("子商户号", "sub_mch_id"),
    ("设备号", "device_info"),
    ("微信订单号", "transaction_id"),
    ("商户订单号", "out_trade_no"),
    ("用户标识", "openid"),
    ("交易类型", "trade_type"),
    ("交易状态", "trade_state"),
    ("付款银行", "bank_type"),
    ("货币种类", "fee_type"),
    ("应结订单金额", "settlement_total_fee"),
    ("总金额", "settlement_total_fee"),
    ("代金券金额", "coupon_fee"),
    ("代金券或立减优惠金额", "coupon_fee"),
    ("退款申请时间", "refund_apply_time"),
    ("退款成功时间", "refund_success_time"),
    ("微信退款单号", "refund_id"),
    ("商户退款单号", "out_refund_no"),
    ("退款金额", "settlement_refund_fee"),
    ("充值券退款金额", "coupon_refund_fee"),
    ("代金券或立减优惠退款金额", "coupon_refund_fee"),
    ("退款类型", "refund_type"),
    ("退款状态", "refund_state"),
    ("商品名称", "body"),
    ("商户数据包", "attach"),
    ("手续费", "fee"),
    ("返还手续费", "returned_fee"),
    ("费率", "rate"),
    ("订单金额", "total_fee"),
    ("申请退款金额", "refund_fee"),
    ("费率备注", "rate_remark"),
];

const FUND_COLUMNS: &[(&str, &str)] = &[
    ("记账时间", "booking_time"),
    ("微信支付业务单号", "business_order"),
    ("资金流水单号", "fund_flow_id"),
    ("业务名称", "business_name"),
    ("业务类型", "business_type"),
    ("收支类型", "direction"),
    ("收支金额（元）", "amount"),
    ("收支金额(元)", "amount"),
    ("账户结余（元）", "balance"),
    ("账户结余(元)", "balance"),
    ("资金变更提交申请人", "applicant"),
    ("备注", "remark"),
    ("业务凭证号", "voucher"),
];

/// A value of Python's as the typed row has it in JSON.
fn typed(field: &str, text: &str) -> Value {
    let scaled = |text: &str, decimals: usize| -> i64 {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{}{part:0<decimals$}", whole.trim_start_matches('-'));
        let number: i64 = digits.parse().unwrap();
        if whole.starts_with('-') { -number } else { number }
    };
    match field {
        "trade_time" | "booking_time" => time(text),
        "refund_apply_time" | "refund_success_time" if text.is_empty() => Value::Null,
        "refund_apply_time" | "refund_success_time" => time(text),
        "fee" | "returned_fee" => scaled(text, 5).into(),
        "settlement_total_fee"
        | "coupon_fee"
        | "settlement_refund_fee"
        | "coupon_refund_fee"
        | "total_fee"
        | "refund_fee"
        | "amount"
        | "balance" => scaled(text, 2).into(),
        "sub_mch_id" | "refund_id" | "out_refund_no" if text == "0" => Value::Null,
        _ if text.is_empty() => Value::Null,
        _ => text.into(),
    }
}

fn time(text: &str) -> Value {
    let moment: hongbao::clock::Timestamp = text.parse().unwrap();
    moment.unix_millis().into()
}

type Row = (Value, Vec<(String, String)>);

fn read(name: &str) -> Result<Vec<Row>, Error> {
    let file = File::open(fixture_path(&format!("bills/{name}"))).unwrap();
    let mut rows = vec![];
    macro_rules! all {
        ($sheet:expr) => {{
            let mut reader = Reader::new(file, $sheet);
            while let Some(row) = reader.next_row()? {
                let other = row.other().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                rows.push((serde_json::to_value(&row).unwrap(), other));
            }
            assert!(reader.sheet().summary().is_some());
        }};
    }
    if name.starts_with("fund_flow") {
        all!(Funds::new());
    } else {
        all!(Trades::new());
    }
    Ok(rows)
}

#[test]
fn every_value_of_every_bill() {
    let expected: BTreeMap<String, Value> = serde_json::from_str(&fixture("bills/expected.json")).unwrap();
    let files = std::fs::read_dir(fixture_path("bills")).unwrap();
    let good = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let good: Vec<String> = good.filter(|name| !name.starts_with("bad.") && !name.ends_with(".json")).collect();
    assert_eq!(good.len(), expected.len() + 2, "{good:?}");
    for name in good {
        // Compressed ones hold the same text.
        let own = if name.ends_with(".gz") { "all.csv" } else { name.as_str() };
        let columns = if name.starts_with("fund_flow") { FUND_COLUMNS } else { TRADE_COLUMNS };
        let rows = expected[own]["rows"].as_array().unwrap();
        let found = read(&name).unwrap_or_else(|error| panic!("{name}: {}", error.report()));
        assert_eq!(found.len(), rows.len(), "{name}");
        for (line, ((row, other), expected)) in found.iter().zip(rows).enumerate() {
            for (header, text) in expected.as_object().unwrap() {
                let text = text.as_str().unwrap();
                match columns.iter().find(|(name, _)| name == header) {
                    Some((_, field)) => assert_eq!(row[field], typed(field, text), "{name}, row {line}, {header}"),
                    None => assert!(other.contains(&(header.clone(), text.to_owned())), "{name}, row {line}, {header}"),
                }
            }
        }
    }
}

#[test]
fn the_sums_are_those_that_stand_there() {
    for (name, differences) in [("all.csv", 0), ("all.legacy.csv", 0), ("refund.csv", 0), ("recharge_refund.csv", 0)] {
        let file = File::open(fixture_path(&format!("bills/{name}"))).unwrap();
        let mut reader = Reader::new(file, Trades::new());
        while reader.next_row().unwrap().is_some() {}
        let summary = reader.sheet().summary().unwrap();
        assert_eq!(summary.differences().len(), differences, "{name}: {:?}", summary.differences());
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (name, parts) in [
        ("bad.amount.csv", &["line", "8.888"][..]),
        ("bad.columns.csv", &["line 2", "26"]),
        ("bad.count.csv", &["7"]),
        ("bad.no_header.csv", &["line 1"]),
        ("bad.no_summary.csv", &["totals are missing"]),
        ("bad.not_utf8.csv", &["UTF-8"]),
        ("bad.truncated.csv", &["line"]),
    ] {
        let error = read(name).map(drop).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Unreadable, "{name}");
        for part in parts {
            assert!(error.report().contains(part), "{name}: {}", error.report());
        }
        assert!(!error.next_step().is_empty(), "{name}");
    }
}
