//! Arbitrary rows, and arbitrary bytes.

use hongbao::Fen;
use hongbao::money::MilliFen;
use hongbao::query::bill::{Comments, Funds, Trades};
use proptest::prelude::*;

use super::{HEADER, TOTALS, gzip, read, sample, trades};

#[derive(Clone, Debug)]
struct Written {
    body: String,
    attach: String,
    device: String,
    refund_id: String,
    amounts: [i64; 6],
    fee: i64,
}

fn yuan(fen: i64) -> String {
    let digits = format!("{:03}", fen.unsigned_abs());
    let (yuan, decimals) = digits.split_at(digits.len() - 2);
    format!("{}{yuan}.{decimals}", if fen < 0 { "-" } else { "" })
}

fn five_decimals(fee: i64) -> String {
    let digits = format!("{:06}", fee.unsigned_abs());
    let (yuan, decimals) = digits.split_at(digits.len() - 5);
    format!("{}{yuan}.{decimals}", if fee < 0 { "-" } else { "" })
}

fn write(rows: &[Written], line_end: &str) -> String {
    let mut lines = vec![HEADER.to_owned()];
    let (mut sums, mut fees) = ([0; 6], 0);
    for row in rows {
        let amounts = row.amounts.map(yuan);
        let values = [
            "2025-01-01 08:02:13",
            "wx2f3a4b5c6d7e8f90",
            "1230004567",
            "0",
            &row.device,
            "42",
            "T1",
            "oTest",
            "JSAPI",
            "SUCCESS",
            "OTHERS",
            "CNY",
            &amounts[0],
            &amounts[1],
            &row.refund_id,
            "0",
            &amounts[2],
            &amounts[3],
            "",
            "",
            &row.body,
            &row.attach,
            &five_decimals(row.fee),
            "0.60%",
            &amounts[4],
            &amounts[5],
            "",
        ];
        lines.push(values.map(|value| format!("`{value}")).join(","));
        for (sum, amount) in sums.iter_mut().zip(row.amounts) {
            *sum += amount;
        }
        fees += row.fee;
    }
    lines.push(TOTALS.to_owned());
    let [settled, _, refunded, coupons, total, asked] = sums.map(yuan);
    let fees = five_decimals(fees);
    lines.push(format!("`{}.0,`{settled},`{refunded},`{coupons},`{fees},`{total},`{asked}", rows.len()));
    lines.push(String::new());
    lines.join(line_end)
}

/// What people write, without what separates values.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z0-9 ]{1,5}",
        3 => "[水杯大号店，。]{1,4}",
        3 => Just(",".to_owned()),
        3 => Just("`".to_owned()),
        1 => Just("\"".to_owned()),
        1 => Just("'".to_owned()),
        1 => Just("\u{feff}".to_owned()),
        1 => Just("😀".to_owned()),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat().replace(",`", ", `"))
}

fn written() -> impl Strategy<Value = Written> {
    let amounts = prop::array::uniform6(-1_000_000_000_000_i64..1_000_000_000_000);
    let body = prop_oneof![4 => text(), 1 => (text(), text()).prop_map(|(a, b)| format!("{a},`{b}"))];
    let refund_id = prop_oneof![Just(String::new()), Just("0".to_owned()), "[1-9][0-9]{27}"];
    (body, text(), text(), refund_id, amounts, -10_000_000_000_i64..10_000_000_000).prop_map(
        |(body, attach, device, refund_id, amounts, fee)| Written { body, attach, device, refund_id, amounts, fee },
    )
}

fn some(text: &str) -> Option<&str> {
    if text.is_empty() { None } else { Some(text) }
}

proptest! {
    #[test]
    fn writer_and_reader_agree(
        rows in prop::collection::vec(written(), 0..6),
        sizes in prop::collection::vec(1_usize..400, 1..8),
        line_end in prop_oneof![Just("\n"), Just("\r\n")],
        mark: bool,
        packed: bool,
    ) {
        let mut bytes = write(&rows, line_end).into_bytes();
        if mark {
            bytes.splice(0..0, "\u{feff}".bytes());
        }
        let bytes = if packed { gzip(&bytes) } else { bytes };
        let mut read_rows = 0;
        let sheet = read(Trades::new(), &bytes, &sizes, |trade| {
            let row = &rows[read_rows];
            read_rows += 1;
            let [settled, coupon, refunded, coupons, total, asked] = row.amounts.map(Fen::new);
            assert_eq!((trade.body, trade.attach), (some(&row.body), some(&row.attach)));
            assert_eq!(trade.device_info, some(&row.device));
            assert_eq!(trade.refund_id, some(&row.refund_id).filter(|id| *id != "0"));
            assert_eq!((trade.settlement_total_fee, trade.coupon_fee), (settled, coupon));
            assert_eq!((trade.settlement_refund_fee, trade.coupon_refund_fee), (Some(refunded), Some(coupons)));
            assert_eq!((trade.total_fee, trade.refund_fee), (Some(total), Some(asked)));
            assert_eq!((trade.fee, trade.rate), (Some(MilliFen::new(row.fee)), Some("0.60%")));
        }).unwrap();
        assert_eq!(read_rows, rows.len());
        let summary = sheet.summary().unwrap();
        assert!(summary.differences().is_empty(), "{:?}", summary.differences());
        assert_eq!(summary.rows, rows.len() as u64);
    }

    /// Lines that are lost or doubled never pass.
    #[test]
    fn rows_that_are_lost_are_missed(rows in prop::collection::vec(written(), 1..6), at: prop::sample::Index, double: bool) {
        let text = write(&rows, "\n");
        let mut lines: Vec<&str> = text.lines().collect();
        let at = 1 + at.index(rows.len());
        if double {
            lines.insert(at, lines[at]);
        } else {
            lines.remove(at);
        }
        prop_assert!(trades(lines.join("\n").as_bytes(), &[64]).is_err());
    }

    #[test]
    fn any_bytes_are_an_answer_or_an_error(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        at: prop::sample::Index,
        packed: bool,
        size in 1_usize..50,
    ) {
        let mut text = sample().into_bytes();
        let at = at.index(text.len());
        text.splice(at..at, bytes.iter().copied());
        let text = if packed { gzip(&text) } else { text };
        let _ = trades(&text, &[size]);
        let _ = read(Funds::new(), &bytes, &[size], |_| {});
        let _ = read(Comments::new(), &bytes, &[size], |_| {});
        let _ = trades(&[&[0x1f, 0x8b], &*bytes].concat(), &[size]);
    }
}
