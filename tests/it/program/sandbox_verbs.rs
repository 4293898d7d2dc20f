//! `hongbao sandbox trigger`, `listen` and `logs` on a sandbox that runs, and the
//! token of its console.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{ChildStdout, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Killed, Running, err, exits, object, out, program, run};

fn trigger(running: &Running, event: &str, more: &[&str]) -> Output {
    running.run(&["sandbox", "trigger", event], &[&["--json"], more].concat())
}

fn happened(running: &Running, event: &str, more: &[&str]) -> Value {
    let output = trigger(running, event, more);
    exits(&output, 0);
    let facts = object(&output);
    assert_eq!(facts["event"], event);
    assert!(!facts["did"].as_array().unwrap().is_empty());
    facts
}

#[test]
fn each_event_happens_with_what_comes_before_it() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path());
    let listed = run(&["sandbox", "trigger", "--list", "--json"]);
    exits(&listed, 0);
    let listed: Vec<Value> = out(&listed).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut expected = vec![
        ("packet.sent", "status", json!("SENT")),
        ("packet.received", "status", json!("RECEIVED")),
        ("packet.expired", "status", json!("REFUND")),
        ("packet.refused", "error_code", json!("NOTENOUGH")),
        ("packet.answer_lost", "outcome", json!("unknown")),
        ("order.placed", "trade_state", json!("NOTPAY")),
        ("order.paid", "trade_state", json!("SUCCESS")),
        ("order.closed", "trade_state", json!("CLOSED")),
        ("order.expired", "trade_state", json!("NOTPAY")),
        ("refund.done", "refund_status", json!("SUCCESS")),
        ("refund.closed", "refund_status", json!("REFUNDCLOSE")),
        ("refund.abnormal", "refund_status", json!("CHANGE")),
    ];
    for (event, field, value) in &expected {
        let facts = happened(&running, event, &[]);
        assert_eq!(&facts[*field], value, "{facts}");
    }
    for (event, notices) in [
        ("notice.lost", 1),
        ("notice.late", 1),
        ("notice.twice", 2),
        ("notice.wrong_sign", 1),
        ("notice.wrong_amount", 1),
        ("notice.foreign", 1),
    ] {
        let facts = happened(&running, event, &[]);
        assert_eq!(facts["notices"].as_array().unwrap().len(), notices, "{facts}");
        expected.push((event, "", Value::Null));
    }
    let before = running.console("GET", "/api/clock", "")["now"].as_i64().unwrap();
    for event in ["clock.hour", "clock.day", "clock.midnight"] {
        happened(&running, event, &[]);
        expected.push((event, "", Value::Null));
    }
    let after = running.console("GET", "/api/clock", "");
    assert!(after["now"].as_i64().unwrap() - before >= 25 * 3_600_000);
    assert!(after["beijing"].as_str().unwrap().contains(" 00:00:"), "{after}");
    let tried: Vec<&str> = expected.iter().map(|(event, _, _)| *event).collect();
    let names: Vec<&str> = listed.iter().map(|row| row["event"].as_str().unwrap()).collect();
    assert_eq!(names, tried);
    assert_eq!(running.console("GET", "/api/books", "")["balanced"], true);
}

#[test]
fn an_event_is_as_it_was_set() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path());
    let set = ["--set", "merchant=1900000102", "--set", "amount=6.66", "--set", "number=MINE1", "--set", "openid=oMei"];
    let facts = happened(&running, "packet.received", &set);
    assert_eq!(
        (&facts["mch_id"], &facts["amount"], &facts["opened"]),
        (&json!("1900000102"), &json!(666), &json!(666))
    );
    let packet = running.console("GET", "/api/packets/1900000102/MINE1", "");
    assert_eq!((&packet["status"], &packet["re_openid"]), (&json!("RECEIVED"), &json!("oMei")));
    let facts = happened(&running, "refund.done", &["--set", "amount=5", "--set", "refund_amount=2"]);
    assert_eq!((&facts["amount"], &facts["refund_amount"]), (&json!(500), &json!(200)));

    for (event, set, part) in [
        ("packet.recieved", "amount=1", "did you mean \"packet.received\"?"),
        ("packet.sent", "amout=1.00", "did you mean \"amount\"?"),
        ("packet.sent", "amount=1.001", "amount=1.001"),
        ("packet.sent", "amount", "there is no ="),
        ("clock.day", "amount=1.00", "nothing can be set"),
        ("order.paid", "number=short", "out_trade_no"),
        ("order.paid", "merchant=1900009999", "1900000101, 1900000102"),
    ] {
        let output = trigger(&running, event, &["--set", set]);
        exits(&output, 2);
        assert!(err(&output).contains(part), "no {part:?} in {}", err(&output));
    }
    let directory = running.directory.clone();
    assert_eq!(running.stop().code(), Some(0));
    let gone = run(&["sandbox", "trigger", "clock.hour", "--sandbox", directory.to_str().unwrap()]);
    exits(&gone, 1);
    assert!(err(&gone).contains("does the sandbox run?"), "{}", err(&gone));
    let gone = run(&["sandbox", "trigger", "packet.sent", "--sandbox", directory.to_str().unwrap()]);
    exits(&gone, 1);
    assert!(err(&gone).contains("does the sandbox run?"), "{}", err(&gone));
    let never = run(&["sandbox", "logs", "--sandbox", directory.join("no such").to_str().unwrap()]);
    exits(&never, 2);
    assert!(err(&never).contains("start it: hongbao sandbox --dir"), "{}", err(&never));
}

const RECEIVED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n<xml><return_code>SUCCESS</return_code></xml>";

/// A backend that gives these answers, one for each connection, and hands on
/// what it got.
fn backend(answers: Vec<&'static str>) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/wx/notify", listener.local_addr().unwrap());
    let (sender, got) = mpsc::channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            sender.send(request(&mut stream)).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (url, got)
}

/// Head and body of a request with a length.
fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
            if body.len() >= length.parse::<usize>().unwrap() {
                return text;
            }
        }
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "the request broke off: {text}");
        bytes.extend_from_slice(&part[..read]);
    }
}

/// A verb that goes on, with its output by lines.
fn started(running: &Running, verb: &[&str]) -> (Killed, BufReader<ChildStdout>) {
    let mut command = program(verb);
    command.args(["--sandbox", running.directory.to_str().unwrap(), "--json"]);
    let mut killed = Killed(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let lines = BufReader::new(killed.0.stdout.take().unwrap());
    (killed, lines)
}

fn next(lines: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line:?}"))
}

#[test]
fn notifications_come_to_a_local_backend_and_its_answer_counts() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path());
    let broken = "HTTP/1.1 500 Oh\r\nConnection: close\r\n\r\n";
    let (url, got) = backend(vec![broken, RECEIVED, RECEIVED]);
    let (mut listening, mut lines) = started(&running, &["sandbox", "listen", "--forward-to", &url, "--count", "4"]);
    let first = next(&mut lines);
    assert_eq!(first["forward_to"], url);
    assert_eq!(running.console("GET", "/api/notices/forward", "")["url"], first["listening"]);

    // Nobody listens at the order's own address, and nobody has to.
    let order = happened(&running, "order.paid", &["--set", "notify_url=http://127.0.0.1:9/mine"]);
    let heard = next(&mut lines);
    assert_eq!(
        (&heard["verified"], &heard["status"], &heard["delivered"], &heard["attempt"], &heard["notify_url"]),
        (&json!(true), &json!(500), &json!(false), &json!(1), &json!("http://127.0.0.1:9/mine"))
    );
    assert_eq!((&heard["kind"], &heard["number"]), (&json!("paid"), &order["out_trade_no"]));
    assert!(heard["why"].as_str().unwrap().contains("status 500") && heard["next"].is_i64(), "{heard}");
    let posted = got.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(posted.starts_with("POST /wx/notify HTTP/1.1\r\n"), "{posted}");
    for part in ["Hongbao-Notify-Url: http://127.0.0.1:9/mine\r\n", "Request-ID: ", "Hongbao-Notice: 1\r\n"] {
        assert!(posted.contains(part), "no {part} in {posted}");
    }
    let body = posted.split_once("\r\n\r\n").unwrap().1;
    let notice = running.console("GET", "/api/notices/1", "");
    assert_eq!(notice["body"], body);
    assert_eq!(notice["attempts"][0]["forwarded_to"], first["listening"]);

    running.console("POST", "/api/clock/advance", "{\"seconds\": 15}");
    let again = next(&mut lines);
    assert_eq!(
        (&again["attempt"], &again["delivered"], &again["why"], &again["next"]),
        (&json!(2), &json!(true), &Value::Null, &Value::Null)
    );

    // What is not genuine is shown as such, and the backend gets it all the same.
    happened(&running, "notice.wrong_sign", &[]);
    let forged = next(&mut lines);
    assert_eq!((&forged["verified"], &forged["status"]), (&json!(false), &json!(200)));
    assert!(forged["problem"].as_str().unwrap().contains("signature"), "{forged}");

    // The backend has gone away.
    happened(&running, "order.paid", &[]);
    let unanswered = next(&mut lines);
    assert!(unanswered["unanswered"].as_str().unwrap().contains("does not answer"), "{unanswered}");
    assert!(unanswered["why"].as_str().unwrap().contains("status 502"), "{unanswered}");

    assert_eq!(listening.0.wait().unwrap().code(), Some(0));
    assert_eq!(running.console("GET", "/api/notices/forward", "")["url"], Value::Null);
    let output = running.run(&["sandbox", "listen", "--forward-to", "https://127.0.0.1/"], &[]);
    exits(&output, 2);
}

#[test]
fn one_listener_at_a_time() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path());
    let (_listening, mut lines) = started(&running, &["sandbox", "listen", "--forward-to", "http://127.0.0.1:9/"]);
    next(&mut lines);
    let second = running.run(&["sandbox", "listen", "--forward-to", "http://127.0.0.1:9/"], &[]);
    exits(&second, 1);
    assert!(err(&second).contains("notifications go to http://127.0.0.1:"), "{}", err(&second));
}

#[test]
fn requests_are_followed_and_filtered() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path());
    happened(&running, "packet.sent", &[]);
    happened(&running, "packet.refused", &["--set", "merchant=1900000102"]);
    let (_following, mut lines) = started(&running, &["sandbox", "logs"]);
    assert_eq!((&next(&mut lines)["id"], &next(&mut lines)["code"]), (&json!(1), &json!("NOTENOUGH")));
    happened(&running, "order.placed", &["--set", "number=FOLLOWED1"]);
    let third = next(&mut lines);
    assert_eq!((&third["id"], &third["path"]), (&json!(3), &json!("/pay/unifiedorder")));
    assert!(third["request"].as_str().unwrap().contains("FOLLOWED1"));

    let ids = |more: &[&str]| {
        let output = running.run(&["sandbox", "logs", "--limit", "10", "--json"], more);
        exits(&output, 0);
        let rows: Vec<Value> = out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        rows.iter().map(|row| row["id"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&[]), [1, 2, 3]);
    assert_eq!(ids(&["--merchant", "1900000102"]), [2]);
    assert_eq!(ids(&["--path", "sendredpack"]), [1, 2]);
    assert_eq!(ids(&["--refused"]), [2]);
    assert_eq!(ids(&["--code", "NOTENOUGH"]), [2]);
    assert_eq!(ids(&["--search", "FOLLOWED1"]), [3]);
    assert_eq!(ids(&["--search", "余额不足"]), [2]);
    assert!(ids(&["--search", "a b&c=d"]).is_empty());
    let two = running.run(&["sandbox", "logs", "--limit", "2", "--json"], &[]);
    assert_eq!(out(&two).lines().count(), 2);
    let last = running.run(&["sandbox", "logs", "--limit", "1"], &[]);
    exits(&last, 0);
    assert_eq!(out(&last).lines().count(), 1);
    assert!(out(&last).contains("/pay/unifiedorder") && out(&last).contains("ok"), "{}", out(&last));
}

#[test]
fn following_goes_on_when_the_sandbox_comes_back() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path());
    happened(&running, "order.placed", &[]);
    let (_following, mut lines) = started(&running, &["sandbox", "logs"]);
    assert_eq!(next(&mut lines)["id"], 1);
    assert_eq!(running.stop().code(), Some(0));
    let again = Running::start(folder.path());
    // The second may have come before anybody listens again, the third comes after.
    for id in [2, 3] {
        happened(&again, "order.placed", &[]);
        assert_eq!(next(&mut lines)["id"], id);
    }
}

#[test]
fn a_token_guards_the_console_and_the_verbs_find_it() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("guarded");
    let listen = ["--listen", "127.0.0.1:0", "--console", "0.0.0.0:0", "--json", "--dir", directory.to_str().unwrap()];
    let open = program(&["sandbox"]).args(listen).output().unwrap();
    exits(&open, 2);
    assert!(err(&open).contains("open to other machines"), "{}", err(&open));

    let mut command = program(&["sandbox"]);
    command.args(listen).env("HONGBAO_CONSOLE_TOKEN", "open-sesame").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running { child: command.spawn().unwrap(), directory: directory.clone(), started: Value::Null };
    let mut line = String::new();
    BufReader::new(running.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    running.started = serde_json::from_str(&line).unwrap();
    assert!(!line.contains("sesame"), "{line}");
    assert_eq!(fs::read_to_string(directory.join("console.token")).unwrap(), "open-sesame\n");

    // The file is found; the flag and the variable come before it.
    happened(&running, "clock.hour", &[]);
    for (given, code) in [("open-sesame", 0), ("wrong", 2)] {
        exits(&trigger(&running, "clock.hour", &["--console-token", given]), code);
    }
    // A scenario has nothing to do with it, whatever the variable says.
    let scenario = program(&["sandbox", "run", "lost-answer"]).env("HONGBAO_CONSOLE_TOKEN", "x").output().unwrap();
    exits(&scenario, 0);
    fs::remove_file(directory.join("console.token")).unwrap();
    let output = trigger(&running, "clock.hour", &[]);
    exits(&output, 2);
    assert!(err(&output).contains("HONGBAO_CONSOLE_TOKEN"), "{}", err(&output));
    assert_eq!(running.stop().code(), Some(0));

    // Without a token none is kept.
    fs::write(directory.join("console.token"), "old").unwrap();
    let _running = Running::start(&directory);
    assert!(!directory.join("console.token").exists());
}
