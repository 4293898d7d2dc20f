//! Reading a trade bill of a million rows, beside the `csv` crate on the same
//! bytes, and how much memory that takes.
//!
//! Both get the bytes from memory, packed or not. Hongbao reads rows into typed
//! values: times, amounts, texts that are UTF-8; adds the amounts up, and
//! digests the bytes. `csv` splits the same bytes into a `ByteRecord` of raw
//! values, which is less: no types, no sums, no check of the text. The peaks of
//! memory are those of processes that read the same bill from a file.

#![allow(clippy::unwrap_used)] // a measurement that fails should say so and stop

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, Read, Write as _};
use std::process::Command;
use std::sync::OnceLock;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use hongbao::query::bill::{Reader, Trades};

const ROWS: usize = 1_000_000;
const PEAK: &str = "--peak-of-reading";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, path] = &*arguments
        && flag == PEAK
    {
        read(File::open(path).unwrap());
        println!("{} KiB", peak().unwrap_or_default());
        return;
    }
    if !arguments.iter().any(|argument| argument == "--list") {
        bill(); // not in the midst of the table
    }
    divan::main();
    if !arguments.iter().any(|argument| matches!(argument.as_str(), "--test" | "--list")) {
        for (name, bytes) in [("plain", &bill().plain), ("gzip", &bill().gzip)] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(bytes).unwrap();
            let child = Command::new(&arguments[0]).arg(PEAK).arg(file.path()).output().unwrap();
            assert!(child.status.success());
            print!("peak memory of reading {name} ({} MiB): ", bytes.len() >> 20);
            print!("{}", String::from_utf8(child.stdout).unwrap());
        }
    }
}

#[divan::bench_group(sample_count = 9, sample_size = 1)]
mod plain {
    use super::*;

    #[divan::bench]
    fn hongbao(bencher: Bencher<'_, '_>) {
        counted(bencher).bench_local(|| read(black_box(&*bill().plain)));
    }

    #[divan::bench]
    fn csv(bencher: Bencher<'_, '_>) {
        counted(bencher).bench_local(|| split(black_box(&*bill().plain)));
    }
}

#[divan::bench_group(sample_count = 9, sample_size = 1)]
mod gzip {
    use super::*;

    #[divan::bench]
    fn hongbao(bencher: Bencher<'_, '_>) {
        counted(bencher).bench_local(|| read(black_box(&*bill().gzip)));
    }

    #[divan::bench]
    fn csv(bencher: Bencher<'_, '_>) {
        counted(bencher).bench_local(|| split(BufReader::new(MultiGzDecoder::new(black_box(&*bill().gzip)))));
    }
}

fn counted<'a, 'b>(bencher: Bencher<'a, 'b>) -> Bencher<'a, 'b> {
    bencher.counter(ItemsCount::new(ROWS)).counter(BytesCount::new(bill().plain.len()))
}

/// Every row as its typed value, the sums, the end.
fn read(bytes: impl Read) {
    let mut reader = Reader::new(bytes, Trades::new());
    while let Some(trade) = reader.next_row().unwrap() {
        black_box(&trade);
    }
    assert!(reader.sheet().summary().unwrap().differences().is_empty());
}

/// Every line as raw values.
fn split(bytes: impl Read) {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).quoting(false).from_reader(bytes);
    let (mut record, mut lines) = (csv::ByteRecord::new(), 0);
    while reader.read_byte_record(&mut record).unwrap() {
        black_box(&record);
        lines += 1;
    }
    assert_eq!(lines, ROWS + 3);
}

struct Bill {
    plain: Vec<u8>,
    gzip: Vec<u8>,
}

fn bill() -> &'static Bill {
    static BILL: OnceLock<Bill> = OnceLock::new();
    BILL.get_or_init(|| {
        let plain = write().into_bytes();
        let mut encoder = GzEncoder::new(vec![], Compression::default());
        encoder.write_all(&plain).unwrap();
        let gzip = encoder.finish().unwrap();
        println!("{ROWS} rows, {} bytes a row, {} packed", plain.len() / ROWS, gzip.len() / ROWS);
        Bill { plain, gzip }
    })
}

/// A day of a shop: one row in twenty is a refund.
fn write() -> String {
    const GOODS: [&str; 6] =
        ["拿铁,大杯", "美式咖啡", "蓝鲸咖啡-门店消费", "早餐套餐（含豆浆）", "Gift card", "年卡会员"];
    const BANKS: [&str; 5] = ["OTHERS", "CMB_DEBIT", "ICBC_DEBIT", "CCB_CREDIT", "LQT"];
    let mut out = String::with_capacity(ROWS * 340);
    out.push_str("\u{feff}交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r\n");
    let (mut state, mut paid, mut returned, mut fees) = (42_u64, 0, 0, 0);
    for row in 0..ROWS {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = usize::try_from(state >> 33).unwrap();
        let (second, amount) = (row * 86_400 / ROWS, random % 20_000 + 1);
        let fee = amount * 6; // 0.60%, in thousandths of a fen
        let yuan = |fen: usize| format!("{}.{:02}", fen / 100, fen % 100);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            out,
            "`2025-01-01 {hour:02}:{minute:02}:{second:02},`wx2f3a4b5c6d7e8f90,`1230004567,`0,`WEB,`420000{:022},`T20250101{row:010},`oQx4r0{:022x},`JSAPI,",
            state, state
        )
        .unwrap();
        let (bank, goods) = (BANKS[random % 5], GOODS[random % 6]);
        let amount_text = yuan(amount);
        let fee_text = format!("{}.{:05}", fee / 100_000, fee % 100_000);
        if random % 20 == 0 {
            (returned, fees) = (returned + amount, fees - i64::try_from(fee).unwrap());
            write!(
                out,
                "`REFUND,`{bank},`CNY,`0.00,`0.00,`503000{state:023},`R20250101{row:010},`{amount_text},`0.00,`ORIGINAL,`SUCCESS,`{goods},`,`-{fee_text},`0.60%,`0.00,`{amount_text},`\r\n"
            )
            .unwrap();
        } else {
            (paid, fees) = (paid + amount, fees + i64::try_from(fee).unwrap());
            write!(
                out,
                "`SUCCESS,`{bank},`CNY,`{amount_text},`0.00,`0,`0,`0.00,`0.00,`,`,`{goods},`shop=17,`{fee_text},`0.60%,`{amount_text},`0.00,`\r\n"
            )
            .unwrap();
        }
    }
    let yuan = |fen: usize| format!("{}.{:02}", fen / 100, fen % 100);
    let (paid, returned, fees) = (yuan(paid), yuan(returned), format!("{}.{:05}", fees / 100_000, fees % 100_000));
    out.push_str("总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n");
    write!(out, "`{ROWS}.0,`{paid},`{returned},`0.0,`{fees},`{paid},`{returned}\r\n").unwrap();
    out
}

/// The largest part of memory that this process ever had, in KiB.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}
