//! Bills and comments against a writer that shares nothing with the reader.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use hongbao::money::MilliFen;
use hongbao::query::bill::{Comments, Direction, Funds, Reader, RefundState, Trade, TradeState, TradeSummary, Trades};
use hongbao::wire::{Progress, Sheet};
use hongbao::{Error, ErrorKind, Fen, Outcome};

mod files;
mod random;

const HEADER: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
const PAID: &str = "`2025-01-01 08:02:13,`wx2f3a4b5c6d7e8f90,`1230004567,`0,`WEB,`4200009999202501010000000001,`T20250101000001,`oTest_0000000000000000000001,`JSAPI,`SUCCESS,`OTHERS,`CNY,`8.88,`0.00,`0,`0,`0.00,`0.00,`,`,`示例商城-水杯,大号,`深圳分店,`0.05000,`0.60%,`8.88,`0.00,`";
const REFUNDED: &str = "`2025-01-01 08:10:00,`wx2f3a4b5c6d7e8f90,`1230004567,`0,`WEB,`4200009999202501010000000001,`T20250101000001,`oTest_0000000000000000000001,`JSAPI,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`50300009992025010100000000001,`R20250101000001,`3.00,`0.00,`ORIGINAL,`SUCCESS,`示例商城-水杯,大号,`深圳分店,`-0.02000,`0.60%,`0.00,`3.00,`";
const TOTALS: &str = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";
const TOTAL: &str = "`2.0,`8.88,`3.00,`0.0,`0.03,`8.88,`3.00";

const FUNDS: &str = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,资金变更提交申请人,备注,业务凭证号
`2025-01-01 08:02:13,`4200009999202501010000000001,`1230004567202501010000000001,`交易,`交易,`收入,`8.88,`108.88,`system,`结算总金额 8.88 元,`T20250101000001
`2025-01-01 08:10:00,`50300009992025010100000000001,`1230004567202501010000000002,`退款,`退款,`支出,`3.00,`105.88,`system,`商品已售完,`R20250101000001
资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额
`2.0,`1.0,`8.88,`1.0,`3.00
";

/// The sample of a trade bill, as a real file has it.
fn sample() -> String {
    bill(&[HEADER, PAID, REFUNDED, TOTALS, TOTAL])
}

fn bill(lines: &[&str]) -> String {
    format!("\u{feff}{}\r\n", lines.join("\r\n"))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Reads all of it, in pieces of the given sizes over and over.
fn read<S: Sheet>(mut sheet: S, bytes: &[u8], sizes: &[usize], mut each: impl FnMut(S::Row<'_>)) -> Result<S, Error> {
    let (mut rest, mut sizes) = (bytes, sizes.iter().cycle());
    loop {
        match sheet.advance()? {
            Progress::Row => each(sheet.row()?),
            Progress::End => return Ok(sheet),
            Progress::NeedBytes if rest.is_empty() => sheet.end()?,
            Progress::NeedBytes => {
                let (piece, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                sheet.feed(piece)?;
                rest = after;
            }
        }
    }
}

fn trades(bytes: &[u8], sizes: &[usize]) -> Result<(Vec<serde_json::Value>, TradeSummary), Error> {
    let mut rows = vec![];
    let sheet = read(Trades::new(), bytes, sizes, |row| rows.push(serde_json::to_value(&row).unwrap()))?;
    Ok((rows, sheet.summary().unwrap().clone()))
}

fn refusal(lines: &[&str]) -> String {
    let error = trades(bill(lines).as_bytes(), &[4096]).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unreadable, Outcome::Unknown));
    assert!(!error.next_step().is_empty());
    error.to_string()
}

#[test]
fn the_sample_of_a_trade_bill_is_read() {
    let text = sample();
    let mut reader = Reader::new(text.as_bytes(), Trades::new());
    {
        let paid: Trade<'_> = reader.next_row().unwrap().unwrap();
        assert_eq!(paid.trade_time.to_string(), "2025-01-01 08:02:13");
        assert_eq!((paid.appid, paid.mch_id, paid.sub_mch_id), ("wx2f3a4b5c6d7e8f90", "1230004567", None));
        assert_eq!((paid.trade_state, paid.device_info), (TradeState::Success, Some("WEB")));
        assert_eq!((paid.refund_id, paid.out_refund_no, paid.refund_state), (None, None, None));
        assert_eq!((paid.settlement_total_fee, paid.settlement_refund_fee), (Fen::new(888), Some(Fen::ZERO)));
        assert_eq!((paid.body, paid.attach), (Some("示例商城-水杯,大号"), Some("深圳分店")));
        assert_eq!((paid.fee, paid.rate, paid.rate_remark), (Some(MilliFen::new(5000)), Some("0.60%"), None));
        assert_eq!(paid.other().count(), 0);
    }
    {
        let refunded = reader.next_row().unwrap().unwrap();
        assert_eq!(refunded.refund_id, Some("50300009992025010100000000001"));
        assert_eq!((refunded.refund_state, refunded.refund_type), (Some(RefundState::Success), Some("ORIGINAL")));
        assert_eq!((refunded.refund_fee, refunded.fee), (Some(Fen::new(300)), Some(MilliFen::new(-2000))));
    }
    assert!(reader.sheet().summary().is_none());
    assert!(reader.next_row().unwrap().is_none());
    assert!(reader.next_row().unwrap().is_none());
    let summary = reader.sheet().summary().unwrap();
    assert_eq!((summary.rows, summary.fee), (2, Some(MilliFen::new(3000))));
    assert_eq!((summary.total_fee, summary.refund_fee), (Some(Fen::new(888)), Some(Fen::new(300))));
    assert_eq!(summary.differences(), []);
}

#[test]
fn bills_of_the_old_form_are_read() {
    let header = "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,总金额,代金券或立减优惠金额,微信退款单号,商户退款单号,退款金额,代金券或立减优惠退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率";
    let row = "`2014-11-10 16:33:45,`wx2421b1c4370ec43b,`10000100,`1000,`1000,`1001690740201411100005734289,`1415640626,`085e9858e3ba5186aafcbaed1,`MICROPAY,`REVOKED,`OTHERS,`CNY,`0.01,`0.0,`0,`0,`0,`0,`,`,`被扫支付测试,`订单额外描述,`0,`0.60%";
    let totals = "总交易单数,总交易额,总退款金额,总代金券或立减优惠退款金额,手续费总金额";
    let mut seen = 0;
    let text = [header, row, totals, "`1,`0.01,`0.0,`0.0,`0"].join("\n");
    let sheet = read(Trades::new(), text.as_bytes(), &[100], |row| {
        seen += 1;
        assert_eq!((row.sub_mch_id, row.trade_state), (Some("1000"), TradeState::Revoked));
        assert_eq!((row.settlement_total_fee, row.total_fee), (Fen::new(1), None));
    });
    let sheet = sheet.unwrap();
    let summary = sheet.summary().unwrap();
    assert_eq!((seen, summary.settlement_total_fee, summary.total_fee), (1, Some(Fen::new(1)), None));
    assert!(summary.differences().is_empty());
}

/// Columns by their names, wherever they stand; one nobody knows; the two times
/// and the returned fee of bills of refunds.
#[test]
fn columns_are_found_by_name() {
    let mut columns: Vec<(&str, &str)> = HEADER.split(',').zip(values(REFUNDED)).collect();
    columns.reverse();
    for column in &mut columns {
        if column.0 == "手续费" {
            column.0 = "返还手续费";
        }
    }
    columns.insert(3, ("新列", "新值"));
    columns.insert(7, ("退款成功时间", ""));
    columns.push(("退款申请时间", "2025-01-01 08:09:00"));
    let header: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let row: Vec<&str> = columns.iter().map(|(_, value)| *value).collect();
    let text = bill(&[&header.join(","), &format!("`{}", row.join(",`")), "总交易单数,手续费总金额", "`1,`-0.02"]);
    let sheet = read(Trades::new(), text.as_bytes(), &[9], |row| {
        assert_eq!(row.other().collect::<Vec<_>>(), [("新列", "新值")]);
        assert_eq!((row.fee, row.returned_fee), (None, Some(MilliFen::new(-2000))));
        assert_eq!(row.refund_apply_time.unwrap().to_string(), "2025-01-01 08:09:00");
        assert_eq!((row.refund_success_time, row.body), (None, Some("示例商城-水杯,大号")));
    });
    assert!(sheet.unwrap().summary().unwrap().differences().is_empty());
}

fn values(row: &str) -> impl Iterator<Item = &str> {
    row[1..].split(",`")
}

#[test]
fn rows_become_json_and_csv() {
    let (rows, _) = trades(sample().as_bytes(), &[4096]).unwrap();
    assert_eq!(rows[0]["settlement_total_fee"], 888);
    assert_eq!(rows[0]["trade_state"], "SUCCESS");
    assert_eq!(rows[0]["refund_id"], serde_json::Value::Null);
    let mut writer = csv::Writer::from_writer(vec![]);
    read(Trades::new(), sample().as_bytes(), &[4096], |row| writer.serialize(&row).unwrap()).unwrap();
    let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
    assert!(text.starts_with("trade_time,appid,mch_id,"), "{text}");
    assert!(text.contains("\"示例商城-水杯,大号\""), "{text}");
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let few = PAID.rsplit_once(",`").unwrap().0;
    let broken = PAID.replace("`0.05000", "`0.05x");
    let no_name = HEADER.replace("交易状态", "状态");
    for (lines, message) in [
        (&[HEADER, few, TOTALS, TOTAL][..], "trade bill, line 2: 26 values for 27 columns: "),
        (&[HEADER, &broken, TOTALS, TOTAL], "trade bill, line 2: 手续费: not a decimal number"),
        (&[HEADER, PAID, "总单数,金额"], "trade bill, line 3: neither a row nor the names of the totals: "),
        (&[HEADER, PAID, TOTALS, TOTAL], "trade bill, line 4: 总交易单数: the bill states 2 rows and has 1"),
        (&[HEADER, PAID, TOTALS, "`1.5,`,`,`,`,`,`"], "trade bill, line 4: 总交易单数: not a whole number"),
        (&[HEADER, PAID, TOTALS, "`1.0,`8.88"], "trade bill, line 4: 2 values for 7 columns"),
        (&[HEADER, PAID, TOTALS, "1.0,8.88"], "trade bill, line 4: 0 values for 7 columns"),
        (&[HEADER, PAID, REFUNDED, TOTALS, TOTAL, PAID], "trade bill, line 6: something behind the totals"),
        (&[HEADER, PAID], "trade bill, line 3: cut off: rows or totals are missing"),
        (&[HEADER, PAID, TOTALS], "trade bill, line 4: cut off: the totals are missing"),
        (&[&no_name, PAID, TOTALS], "trade bill, line 1: 交易状态: no such column; the line is "),
        (&["<html><body>", "</html>"], "trade bill, line 1: XML or HTML, a refusal in most cases, and no bill"),
        (&["<xml>", "<return_code>FAIL</return_code>"], "trade bill, line 1: XML or HTML"),
        (&["", "", " <xml><return_code>"], "trade bill, line 3: XML or HTML"),
        (&[""], "trade bill, line 2: is empty"),
        (&[&HEADER.replace("费率", &",".repeat(100))], "trade bill, line 1: more than 100 columns"),
    ] {
        let found = refusal(lines);
        assert!(found.starts_with(message), "{found}\n{message}");
    }
    let huge = PAID.replace("`8.88", "`92233720368547758.07");
    let found = refusal(&[HEADER, &huge, &huge, TOTALS, TOTAL]);
    assert!(found.ends_with("应结订单金额: the sum is too large"), "{found}");
}

#[test]
fn an_error_is_final() {
    let text = bill(&[HEADER, &PAID.replace("`0.05000", "`x"), REFUNDED, TOTALS, "`1,`0,`0,`0,`0,`0,`0"]);
    let mut sheet = Trades::new();
    sheet.feed(text.as_bytes()).unwrap();
    sheet.end().unwrap();
    assert_eq!(sheet.row().unwrap_err().kind(), ErrorKind::Invalid);
    let first = sheet.advance().unwrap_err();
    assert_eq!(first.field(), Some("手续费"));
    for _ in 0..3 {
        assert!(sheet.advance().is_err());
        assert!(sheet.row().is_err() && sheet.summary().is_none());
    }
}

/// The totals are not the end: more may come, or a digest that does not fit.
#[test]
fn a_summary_waits_for_the_end() {
    let text = sample();
    let advance = |sheet: &mut Trades| loop {
        match sheet.advance() {
            Ok(Progress::Row) => {}
            other => return other,
        }
    };
    for (digest, more, ends) in [("", "", true), ("", "\r\n", true), ("", "x", false), ("SHA=00", "", false)] {
        let mut sheet = Trades::new();
        sheet.expect_digest(digest).unwrap();
        sheet.feed(text.as_bytes()).unwrap();
        assert_eq!(advance(&mut sheet).unwrap(), Progress::NeedBytes);
        assert!(sheet.summary().is_none());
        sheet.feed(more.as_bytes()).unwrap();
        sheet.end().unwrap();
        assert_eq!(advance(&mut sheet).is_ok(), ends, "{digest} {more}");
        assert_eq!(sheet.summary().is_some(), ends);
    }
}

#[test]
fn a_row_that_does_not_fit_its_types_stops_nobody() {
    let text = bill(&[HEADER, &PAID.replace("2025-01-01", "2025-02-30"), REFUNDED, TOTALS, TOTAL]);
    let mut reader = Reader::new(text.as_bytes(), Trades::new());
    let error = reader.next_row().unwrap_err();
    assert_eq!(error.field(), Some("交易时间"));
    assert!(error.to_string().contains("line 2"), "{error}");
    assert!(reader.next_row().unwrap().is_some());
    assert!(reader.next_row().unwrap().is_none());
}

#[test]
fn totals_that_do_not_add_up_are_reported() {
    let text = bill(&[HEADER, PAID, REFUNDED, TOTALS, "`2,`8.89,`3.00,`0.0,`0.03001,`8.88,`3"]);
    let (_, summary) = trades(text.as_bytes(), &[64]).unwrap();
    let differences: Vec<String> = summary.differences().iter().map(ToString::to_string).collect();
    assert_eq!(
        differences,
        ["应结订单总金额: 8.89000 stated, 8.88000 counted", "手续费总金额: 0.03001 stated, 0.03000 counted"]
    );
    // Without an end of line the last value may be half of one.
    let cut = sample().trim_end().replace("`8.88,`3.00", "`8.88,`30.0");
    let error = trades(cut.as_bytes(), &[64]).unwrap_err();
    assert!(error.to_string().ends_with("申请退款总金额: the bill's last value is cut off"), "{error}");
}

#[test]
fn the_sample_of_a_fund_bill_is_read() {
    for text in [FUNDS.to_owned(), FUNDS.replace('（', "(").replace('）', ")").replace('\n', "\r\n")] {
        let mut rows = vec![];
        let sheet = read(Funds::new(), text.as_bytes(), &[50], |fund| {
            assert_eq!((fund.applicant, fund.other().count()), (Some("system"), 0));
            assert_eq!(fund.booking_time.to_string()[..10], *"2025-01-01");
            let direction = (fund.direction == Direction::Income, fund.direction == Direction::Expense);
            rows.push((direction, fund.amount.get(), fund.balance.get(), fund.voucher.map(str::to_owned)));
        });
        let sheet = sheet.unwrap();
        let voucher = |text: &str| Some(text.to_owned());
        assert_eq!(
            rows,
            [
                ((true, false), 888, 10_888, voucher("T20250101000001")),
                ((false, true), 300, 10_588, voucher("R20250101000001"))
            ]
        );
        let summary = sheet.summary().unwrap();
        assert_eq!((summary.rows, summary.incomes, summary.expenses), (2, 1, 1));
        assert_eq!((summary.income, summary.expense), (Some(Fen::new(888)), Some(Fen::new(300))));
        assert!(summary.differences().is_empty());
    }
    let unknown = FUNDS.replace("`收入", "`冻结").replace("`2.0,`1.0,`8.88", "`2.0,`0.0,`0");
    let read_on = read(Funds::new(), unknown.as_bytes(), &[50], |fund| {
        assert!(matches!(fund.direction, Direction::Unknown("冻结") | Direction::Expense));
    });
    assert!(read_on.is_ok());
    let error = read(Funds::new(), FUNDS.replace("`2.0,`1.0", "`2.0,`2.0").as_bytes(), &[50], |_| {}).err().unwrap();
    assert!(error.to_string().contains("收入笔数: the bill states 2 rows and has 1"), "{error}");
    let separator = FUNDS.replace("商品已售完", "商品,`已,`售完");
    let mut remarks = vec![];
    read(Funds::new(), separator.as_bytes(), &[50], |fund| remarks.push(fund.remark.unwrap().to_owned())).unwrap();
    assert_eq!(remarks[1], "商品,`已,`售完");
}

#[test]
fn comments_are_read_with_and_without_back_ticks() {
    let sample = "100\n`2025-01-01 10:00:05,`4200009999202501010000000001,`5,`很新鲜，会再来\n`2025-01-01 11:00:05,`4200009999202501010000000003,`4,`还,`不,错\n";
    let plain = sample.replace("还,`不", "还,不").replace('`', "");
    for (text, last) in [(sample, "还,`不,错"), (&*plain, "还,不,错"), (&format!("\u{feff}`{sample}"), "还,`不,错")]
    {
        let mut rows = vec![];
        let sheet = read(Comments::new(), text.as_bytes(), &[7], |row| {
            rows.push((row.time.to_string(), row.transaction_id.to_owned(), row.stars, row.text.to_owned()));
        });
        assert_eq!(sheet.unwrap().next_offset(), Some(100));
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].2, &*rows[0].3), (5, "很新鲜，会再来"));
        assert_eq!((&*rows[1].0, &*rows[1].1), ("2025-01-01 11:00:05", "4200009999202501010000000003"));
        assert_eq!(rows[1].3, last);
    }
    assert_eq!(read(Comments::new(), b"0", &[1], |_| {}).unwrap().next_offset(), Some(0));
    for (text, message) in [
        ("", "comments, line 1: is empty"),
        ("many\n", "comments, line 1: offset: not a whole number: \"many\""),
        ("<xml><return_code>", "comments, line 1: XML or HTML"),
        ("1\n`2025-01-01 10:00:05,`42", "comments, line 2: fewer than 4 values"),
        ("1\n`yesterday,`42,`5,`x", "comments, line 2: time: not a time: \"yesterday\""),
        ("1\n`2025-01-01 10:00:05,`42,`many,`x", "comments, line 2: stars: not a small number"),
    ] {
        let error = read(Comments::new(), text.as_bytes(), &[5], |_| {}).err().unwrap().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

/// Whatever is missing at the end: what is read as a whole bill is one.
#[test]
fn no_part_of_a_bill_passes_for_all_of_it() {
    let text = sample();
    let whole = trades(text.as_bytes(), &[4096]).unwrap();
    let mut passed = vec![];
    for length in 0..text.len() {
        match trades(&text.as_bytes()[..length], &[97]) {
            Ok(found) => {
                assert_eq!(found, whole, "{length}");
                passed.push(length);
            }
            Err(error) => assert!(error.to_string().starts_with("trade bill, line"), "{error}"),
        }
    }
    // Without CR LF, or the LF alone; and `3.00` as `3.0` and `3` is the same.
    let end = text.len();
    assert_eq!(passed, [end - 5, end - 3, end - 2, end - 1]);
    let packed = gzip(text.as_bytes());
    for length in 0..packed.len() {
        assert!(trades(&packed[..length], &[97]).is_err(), "{length}");
    }
    assert_eq!(trades(&packed, &[97]).unwrap(), whole);
    for length in 0..FUNDS.len() - 1 {
        if let Ok(sheet) = read(Funds::new(), &FUNDS.as_bytes()[..length], &[31], |_| {}) {
            assert_eq!(sheet.summary().unwrap().expense, Some(Fen::new(300)));
        }
    }
}

#[test]
fn a_bomb_is_refused_before_it_is_read() {
    let bomb = gzip(&vec![0; 1 << 20]).repeat(100);
    let mut sheet = Trades::new();
    assert_eq!(sheet.advance().unwrap(), Progress::NeedBytes);
    sheet.feed(&bomb[..1024]).unwrap();
    let error = sheet.advance().unwrap_err();
    assert!(error.to_string().contains("longer than 64 KiB"), "{error}");
}
