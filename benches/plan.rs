//! Planning a file of a million recipients, beside the `csv` crate on the same
//! bytes, and how much memory that takes.
//!
//! Both get the bytes from memory. Hongbao reads every line into a typed payout
//! with its business key, checks the rules of red packets, looks for what stands
//! there twice, and makes two digests. `csv` splits the same bytes into a
//! `StringRecord` of texts, which is less: no types, no rules, no digest. The
//! peaks of memory are those of processes that plan the same file from the disk and
//! store it in SQLite.

#![allow(clippy::unwrap_used)] // a measurement that fails should say so and stop

use std::io::Write as _;
use std::process::Command;
use std::sync::{Arc, OnceLock};

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use hongbao::payout::plan::{Options, Plan, Source};
use hongbao::payout::{NewCampaign, Sqlite, Template};
use hongbao::redpack::Extra;

const LINES: usize = 1_000_000;
const PEAK: &str = "--peak-of-planning";
const FORMS: [&str; 3] = ["plain.csv", "texts.csv", "lines.jsonl"];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, path] = &*arguments
        && flag == PEAK
    {
        store(&plan(&Source::file(path)));
        println!("{} KiB", peak().unwrap_or_default());
        return;
    }
    if !arguments.iter().any(|argument| argument == "--list") {
        files(); // not in the midst of the table
    }
    divan::main();
    if !arguments.iter().any(|argument| matches!(argument.as_str(), "--test" | "--list")) {
        for (name, bytes) in FORMS.iter().zip(files()) {
            let mut file = tempfile::Builder::new().suffix(name).tempfile().unwrap();
            file.write_all(bytes).unwrap();
            let child = Command::new(&arguments[0]).arg(PEAK).arg(file.path()).output().unwrap();
            assert!(child.status.success());
            print!("peak memory of planning and storing {name} ({} MiB): ", bytes.len() >> 20);
            print!("{}", String::from_utf8(child.stdout).unwrap());
        }
    }
}

/// Each line is checked; nothing is stored.
#[divan::bench(sample_count = 9, sample_size = 1, args = FORMS)]
fn hongbao(bencher: Bencher<'_, '_>, form: &str) {
    let source = Source::bytes(form, file(form).clone());
    counted(bencher, form).bench_local(|| plan(black_box(&source)));
}

/// Each payout is compared with an empty ledger on the disk, and stored there;
/// the check before is not measured.
#[divan::bench(sample_count = 3, sample_size = 1, args = FORMS)]
fn hongbao_into_sqlite(bencher: Bencher<'_, '_>, form: &str) {
    let source = Source::bytes(form, file(form).clone());
    let plan = plan(&source);
    counted(bencher, form).bench_local(|| store(black_box(&plan)));
}

/// Each line is split.
#[divan::bench(sample_count = 9, sample_size = 1, args = &FORMS[..2])]
fn csv(bencher: Bencher<'_, '_>, form: &str) {
    counted(bencher, form).bench_local(|| split(black_box(file(form))));
}

fn counted<'a, 'b>(bencher: Bencher<'a, 'b>, form: &str) -> Bencher<'a, 'b> {
    bencher.counter(ItemsCount::new(LINES)).counter(BytesCount::new(file(form).len()))
}

fn plan(source: &Source) -> Plan {
    let options = Options::new(NewCampaign {
        name: "spring-2025".into(),
        mch_id: "1510000001".parse().unwrap(),
        app_id: "wx00f1e2d3c4b5a697".parse().unwrap(),
        template: Template {
            send_name: "蓝鲸咖啡".into(),
            wishing: "早安，今天也要加油".into(),
            act_name: "签到有礼".into(),
            remark: "连续签到七天奖励".into(),
            client_ip: "203.0.113.24".parse().unwrap(),
            extra: Extra::default(),
        },
    });
    let plan = Plan::read(source, &options).unwrap();
    assert_eq!(plan.totals().count, u64::try_from(LINES).unwrap());
    plan
}

fn store(plan: &Plan) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Sqlite::open(folder.path().join("payouts.db")).unwrap();
    let now = "2025-03-18 08:00:00".parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let imported = runtime.block_on(plan.store(&ledger, now, &mut |_, _| {})).unwrap();
    assert_eq!(imported.new, plan.totals().count);
}

fn split(bytes: &[u8]) {
    let mut reader = csv::Reader::from_reader(bytes);
    let (mut record, mut lines) = (csv::StringRecord::new(), 0);
    while reader.read_record(&mut record).unwrap() {
        black_box(&record);
        lines += 1;
    }
    assert_eq!(lines, LINES);
}

fn file(form: &str) -> &'static Arc<[u8]> {
    &files()[FORMS.iter().position(|known| *known == form).unwrap()]
}

/// Openid and amount alone; keys and greetings of their own; JSON lines.
fn files() -> &'static [Arc<[u8]>; 3] {
    static FILES: OnceLock<[Arc<[u8]>; 3]> = OnceLock::new();
    FILES.get_or_init(|| {
        let (mut plain, mut texts, mut lines) = (vec![], vec![], vec![]);
        plain.extend_from_slice(b"openid,amount\n");
        texts.extend_from_slice(b"key,openid,amount,wishing\n");
        for n in 0..LINES {
            let random = n.wrapping_mul(2_654_435_761) % 1_000_000_007;
            let openid = format!("oQx4r0{random:010}{n:012}");
            let amount = format!("{}.{:02}", random % 199 + 1, n % 100);
            writeln!(plain, "{openid},{amount}").unwrap();
            writeln!(texts, "order-{n},{openid},{amount},\"新春快乐，第{n}位\"").unwrap();
            writeln!(lines, "{{\"openid\":\"{openid}\",\"amount\":\"{amount}\"}}").unwrap();
        }
        [plain.into(), texts.into(), lines.into()]
    })
}

/// The largest part of memory that this process ever had, in KiB.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}
