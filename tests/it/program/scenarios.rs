//! `hongbao sandbox run`: what comes of scenarios, and what it says of wrong files.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::{err, exits, out, program, run};
use crate::source::root;

fn shipped() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("scenarios")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn name(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

fn objects(output: &Output) -> Vec<Value> {
    out(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs a file of this text.
fn of_text(text: &str, more: &[&str]) -> Output {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("mine.toml");
    fs::write(&file, text).unwrap();
    run(&[&["sandbox", "run", file.to_str().unwrap()], more].concat())
}

#[test]
fn all_shipped_scenarios_hold_by_name() {
    let files = shipped();
    assert_eq!(files.len(), 10);
    let names: Vec<&str> = files.iter().map(|path| name(path)).collect();
    let output = run(&[&["sandbox", "run", "--json"], &*names].concat());
    exits(&output, 0);
    let objects = objects(&output);
    let held: Vec<&Value> = objects.iter().filter(|object| object["expectations"].is_u64()).collect();
    assert_eq!(held.len(), 10);
    for object in held {
        assert!(object["held"] == true && object["expectations"].as_u64().unwrap() >= 9, "{object}");
        assert!(object["books"]["balanced"] == true && object["differences"] == 0, "{object}");
    }
}

#[test]
fn the_list_of_shipped_scenarios_is_complete() {
    let output = run(&["sandbox", "run", "--list", "--json"]);
    exits(&output, 0);
    let objects = objects(&output);
    let mut listed: Vec<&str> = objects.iter().map(|object| object["scenario"].as_str().unwrap()).collect();
    listed.sort_unstable();
    assert_eq!(listed, shipped().iter().map(|path| name(path)).collect::<Vec<_>>());
    for path in shipped() {
        let output = run(&["sandbox", "run", "--show", name(&path)]);
        exits(&output, 0);
        assert_eq!(out(&output), fs::read_to_string(&path).unwrap());
    }
}

/// The line of an expectation with something else in it.
fn spoilt(line: &str) -> String {
    let (key, value) = line.split_once(" = ").unwrap();
    let other = match value {
        "\"accepted\"" => "\"refused\"".to_owned(),
        "\"refused\"" | "\"unknown\"" => "\"accepted\"".to_owned(),
        "\"SENT\"" => "\"RECEIVED\"".to_owned(),
        "\"none\"" | "\"SENDING\"" | "\"RECEIVED\"" | "\"REFUND\"" if key.contains("packet") => "\"SENT\"".to_owned(),
        "\"FAILED\"" => "\"SENT\"".to_owned(),
        "\"SUCCESS\"" if key.contains("order") => "\"NOTPAY\"".to_owned(),
        "\"PROCESSING\"" | "\"none\"" if key.contains("refund") => "\"CHANGE\"".to_owned(),
        _ if key.ends_with("time") => "\"2025-03-19 00:00:01\"".to_owned(),
        _ if value.contains("at_least") => "{ at_most = 1 }".to_owned(),
        _ => match value.parse::<u64>() {
            Ok(count) => (count + 1).to_string(),
            // An amount, a code or a field of an answer.
            Err(_) if value.starts_with("\"") && value.contains('.') => "\"123.45\"".to_owned(),
            Err(_) => "\"SOMETHING_ELSE\"".to_owned(),
        },
    };
    format!("{key} = {other}")
}

/// Every expectation of every shipped scenario, spoilt one at a time: each is
/// noticed, with its line, what was expected and what was found.
#[test]
fn each_shipped_expectation_can_fail() {
    let folder = TempDir::new().unwrap();
    let mut spoilt_at = Vec::new();
    let mut files = Vec::new();
    for path in shipped() {
        let text = fs::read_to_string(&path).unwrap();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with("expect.")) {
            let other: Vec<String> = text
                .lines()
                .enumerate()
                .map(|(at, own)| if at == index { spoilt(line) } else { own.to_owned() })
                .collect();
            let file = folder.path().join(format!("{}-{}.toml", name(&path), index + 1));
            fs::write(&file, other.join("\n")).unwrap();
            spoilt_at.push((file.to_str().unwrap().to_owned(), index + 1, line.to_owned()));
            files.push(file.to_str().unwrap().to_owned());
        }
    }
    assert!(files.len() > 100, "{}", files.len());
    let mut arguments = vec!["sandbox", "run", "--json"];
    arguments.extend(files.iter().map(String::as_str));
    let output = run(&arguments);
    exits(&output, 1);
    let objects = objects(&output);
    for (file, line, text) in spoilt_at {
        let found = objects
            .iter()
            .find(|object| object["file"] == file && object["line"] == line && object["expected"].is_string());
        let found = found.unwrap_or_else(|| panic!("nothing differs in {file}: {text}"));
        assert!(text.contains(found["what"].as_str().unwrap()), "{found}");
        assert_ne!(found["expected"], found["found"], "{found}");
    }
}

/// Without the faults and limits that a scenario is about, it does not hold.
#[test]
fn a_scenario_without_its_point_differs() {
    for (scenario, without, with) in [
        ("lost-answer", "hang_up_after", "hang_up_before"),
        ("double-click", "number = \"CLICK{n}\"", "number = \"CLICK1\""),
        ("quota-at-midnight", "merchant_day_amount = \"20.00\"", "merchant_day_amount = \"21.00\""),
        ("balance-runs-out", "top_up = \"100.00\"", "top_up = \"1.00\""),
        ("risk-blocked-user", "risk_blocked = true", "risk_blocked = false"),
        ("unclaimed-packets", "advance = \"23h59m50s\"", "advance = \"24h10m\""),
        ("refund-storm", "attempts = 10", "attempts = 1"),
        ("callback-answers-wrongly", "[\"500\", \"plain_text\", \"json\", \"ok\"]", "\"ok\""),
        ("certificate-expired", "advance = \"certificate expiry\"\nof = \"cafe\"", "advance = \"1h\""),
        ("grey-network", "attempts = 10", "attempts = 1"),
    ] {
        let text = fs::read_to_string(root().join(format!("scenarios/{scenario}.toml"))).unwrap();
        assert!(text.contains(without), "{scenario}");
        exits(&of_text(&text.replacen(without, with, 1), &[]), 1);
    }
}

#[test]
fn a_difference_is_told_with_line_and_books() {
    let text = fs::read_to_string(root().join("scenarios/lost-answer.toml")).unwrap();
    let output = of_text(&text.replace("expect.balance.cafe = \"91.12\"", "expect.balance.cafe = \"100.00\""), &[]);
    exits(&output, 1);
    let told = out(&output);
    let line = text.lines().position(|line| line.starts_with("expect.balance.cafe")).unwrap() + 1;
    for part in [
        &format!("mine.toml:{line}: balance.cafe"),
        "expected  100.00 yuan",
        "found     91.12 yuan",
        "the books, balanced:",
        "merchant 1900000101",
        "8.88",
    ] {
        assert!(told.contains(part), "no {part:?} in\n{told}");
    }
    assert!(err(&output).contains("otherwise than it expects"), "{}", err(&output));
}

const HEAD: &str = "name = \"x\"\n[users.lin]\n[[step]]\n";

#[test]
fn a_wrong_file_is_told_with_line_and_what_would_be_right() {
    for (text, line, problem, next) in [
        ("call = \"packet\"\nnumber = \"A1\"\nto = \"lin\"\namout = \"1.00\"\n", 4, "no amount", "amount = \"8.88\""),
        (
            "call = \"packet\"\nnumber = \"A1\"\nto = \"lin\"\namount = \"1.00\"\nexpct.outcome = \"refused\"\n",
            8,
            "no key \"expct\"",
            "did you mean \"expect\"?",
        ),
        ("call = \"paket\"\n", 4, "\"paket\" is not known", "did you mean \"packet\"?"),
        ("call = \"packet\"\nnumber = \"A1\"\nto = \"lim\"\namount = \"1.00\"\n", 6, "no user \"lim\"", "\"lin\""),
        ("call = \"packet\"\nnumber = \"A-1\"\nto = \"lin\"\namount = \"1.00\"\n", 4, "mch_billno", "another number"),
        (
            "call = \"packet\"\nnumber = \"A1\"\nto = \"lin\"\namount = 1.00\n",
            7,
            "amount in yuan, as a text",
            "\"8.88\"",
        ),
        ("call = \"packet\"\nnumber = \"A1\"\nto = \"lin\"\namount = \"1.001\"\n", 7, "amount", "give yuan"),
        ("expect.packet.A1 = \"RECIEVED\"\n", 4, "\"RECIEVED\" is not known", "did you mean \"RECEIVED\"?"),
        ("expect.balance.show = \"1.00\"\n", 4, "no such merchant", "did you mean \"shop\"?"),
        ("expect.books.in_transt = \"1.00\"\n", 4, "no key \"in_transt\"", "\"in_transit\"?"),
        ("expect.outcome = \"accepted\"\n", 4, "this step makes no call", "the step with the call"),
        ("advance = \"1 day\"\n", 4, "is no time", "\"24h\""),
        ("advance = \"1h\"\nfaults = \"off\"\n", 5, "both advance and faults", "two steps"),
        ("fault = \"hangup_after\"\n", 4, "no fault \"hangup_after\"", "did you mean \"hang_up_after\"?"),
        ("fault = \"garbage\"\non = \"packets\"\n", 5, "no call \"packets\"", "did you mean \"packet\"?"),
        ("of = \"shop\"\nsettings.max_amout = \"1.00\"\n", 5, "no setting", "did you mean \"max_amount\"?"),
        ("handler = [\"ok\", \"fial\"]\n", 4, "\"fial\" is not known", "did you mean \"fail\"?"),
        ("user = \"lin\"\n", 4, "one thing in a step", "opens, pays"),
        ("behave = \"lin\"\nopens = \"sometimes\"\n", 5, "\"sometimes\" is not known", "\"refuses\""),
        ("says = \"nothing\"\n", 4, "does nothing and expects nothing", "there are: "),
        ("expect.requests = { at_most = 1, at_least = 2 }\n", 4, "one bound", "{ at_least = 3 }"),
        ("call = \"packet\n", 4, "", "correct the line"),
    ] {
        let output = of_text(&format!("{HEAD}{text}"), &[]);
        exits(&output, 2);
        let told = err(&output);
        for part in [&format!("mine.toml:{line}: "), problem, next] {
            assert!(told.contains(part), "no {part:?} of {text:?} in\n{told}");
        }
    }
    let output = run(&["sandbox", "run", "lost-anser"]);
    exits(&output, 2);
    assert!(err(&output).contains("did you mean \"lost-answer\"?"), "{}", err(&output));
    exits(&run(&["sandbox", "run", "nowhere/at-all.toml"]), 2);
    exits(&run(&["sandbox", "run"]), 2);
    let mut command = program(&["sandbox", "run", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{HEAD}expect.requests = 1\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    exits(&output, 1);
    assert!(out(&output).contains("standard input:4: requests"), "{}", out(&output));
}

/// The whole file that the document shows.
#[test]
fn the_documented_scenario_holds() {
    let document = fs::read_to_string(root().join("docs/SCENARIOS.md")).unwrap();
    let text = document.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let output = of_text(text, &["--json"]);
    exits(&output, 0);
    assert_eq!(objects(&output).last().unwrap()["expectations"], 11);
}

/// What can be written in a file is in the document.
#[test]
fn the_document_names_every_call_act_and_answer() {
    let document = fs::read_to_string(root().join("docs/SCENARIOS.md")).unwrap();
    for (text, words) in [
        ("call = \"?\"\n", "call"),
        ("handler = \"?\"\n", "handler"),
        ("expect.requests.x = 1\n", "requests"),
        ("says = \"nothing\"\n", "step"),
        ("expect.books.x = \"1.00\"\n", "books"),
        ("expect.notices.x = 1\n", "notices"),
        ("expect.x = 1\n", "expect"),
    ] {
        let output = of_text(&format!("{HEAD}{text}"), &[]);
        exits(&output, 2);
        let told = err(&output);
        let listed = told.split("there are: ").nth(1).unwrap_or_else(|| panic!("{words}: {told}"));
        for word in listed.trim().split(", ") {
            assert!(document.contains(word), "{words}: {word} is not documented");
        }
    }
}

/// The seed and the frozen clock leave nothing to chance but keys.
#[test]
fn the_same_file_tells_the_same_each_time() {
    let told = || {
        let output = run(&["sandbox", "run", "--json", "grey-network", "refund-storm"]);
        exits(&output, 0);
        let mut objects = objects(&output);
        for object in &mut objects {
            object["millis"] = Value::Null;
        }
        objects
    };
    assert_eq!(told(), told());
}

#[test]
fn every_kind_of_call_and_act_works() {
    let text = r#"
name = "Everything"
[merchants.cafe]
balance = "100.00"
[merchants.books]
balance = "0.00"
operating = "50.00"
[users.wei]
of = "books"
opens = "30m"
[users.tao]
of = "books"
real_name = false
[users.lin]
[users.mei]
of = "books"
asks_password = true
[[step]]
call = "group"
number = "G1"
to = "lin"
amount = "6.00"
people = 3
[[step]]
by = "books"
call = "packet"
number = "W1"
to = "wei"
amount = "10.00"
expect.operating.books = "40.00"
expect.balance.books = "0.00"
[[step]]
by = "books"
call = "packet"
number = "W2"
to = "tao"
amount = "10.00"
expect.code = "NO_AUTH"
[[step]]
of = "books"
account = "operating"
top_up = "5.00"
expect.operating.books = "45.00"
expect.operating.cafe = "0.00"
[[step]]
call = "app"
number = "T00001"
amount = "1.00"
[[step]]
call = "h5"
number = "T00002"
amount = "1.00"
expect.reply.prepay_id = "?"
[[step]]
call = "close"
number = "T00002"
expect.order.T00002 = "CLOSED"
[[step]]
user = "lin"
pays = "T00001"
coupons.CASH = "0.40"
expect.books.with_users = "0.00"
[[step]]
by = "books"
call = "micropay"
number = "M00001"
payer = "mei"
amount = "3.00"
expect.code = "USERPAYING"
expect.order."books/M00001" = "USERPAYING"
expect.order."cafe/M00001" = "none"
[[step]]
user = "mei"
cancels = "M00001"
expect.orders.PAYERROR = 1
[[step]]
by = "books"
call = "reverse"
number = "M00001"
[[step]]
behave = "mei"
asks_password = false
[[step]]
by = "books"
call = "micropay"
number = "M00002"
payer = "mei"
amount = "3.00"
expect.amount = "3.00"
[[step]]
call = "refund"
number = "R1"
order = "T00001"
amount = "0.50"
[[step]]
advance = "1h"
[[step]]
call = "query_refund"
number = "R1"
expect.reply.refunds.0.refund_status = "SUCCESS"
[[step]]
resend_notice = "T00001"
expect.received.wei = "10.00"
expect.notices.genuine = 3
[[step]]
spoil_notice = "duplicate"
times = 2
[[step]]
of = "books"
settings.fee_rate = 0
[[step]]
answers = { element_order = true, cdata = "mixed", extra_fields = true, err_code_on_success = true }
[[step]]
call = "query_order"
number = "T00001"
expect.reply.trade_state = "REFUND"
[[step]]
answers.wrong_sign = true
[[step]]
call = "query_order"
number = "T00001"
expect.outcome = "unknown"
[[step]]
answers = {}
[[step]]
advance = "2025-03-19 10:00:00"
[[step]]
call = "trade_bill"
day = "2025-03-18"
expect.reply.payments = 1
expect.reply.refunds = 1
expect.reply.adds_up = true
[[step]]
call = "fund_flow"
day = "2025-03-18"
expect.reply.adds_up = true
"#;
    let output = of_text(text, &["--json"]);
    exits(&output, 1);
    let differing: Vec<Value> = objects(&output).into_iter().filter(|object| object["expected"].is_string()).collect();
    // Two are meant: an account that is not there, and a prepay_id that nobody can know.
    let whats: Vec<&str> = differing.iter().map(|object| object["what"].as_str().unwrap()).collect();
    assert_eq!(whats, ["operating.cafe", "reply.prepay_id"], "{differing:#?}");
}

/// What the sandbox itself cannot do is told with the step that asked for it.
#[test]
fn a_step_that_cannot_be_done_is_told_with_its_line() {
    let output = of_text(&format!("{HEAD}account = \"operating\"\ntop_up = \"1.00\"\n"), &[]);
    exits(&output, 2);
    let told = err(&output);
    assert!(told.contains("no operating account") && told.contains("mine.toml:4"), "{told}");
}
