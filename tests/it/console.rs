//! Who may use the console, and what it says to whom.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use hongbao::Secret;
use hongbao::sandbox::{Sandbox, Served};
use serde_json::Value;

use crate::raw::Raw;
use crate::support::{ALICE, Stage, packet};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A request with exactly these header lines; status, headers and body of the answer.
fn ask(served: &Served, line: &str, headers: &[(&str, &str)]) -> (u16, String, String) {
    let mut stream = connect(served);
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(stream, "{line} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_ascii_lowercase(), body.to_owned())
}

fn connect(served: &Served) -> TcpStream {
    let stream = TcpStream::connect(served.console().strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

fn code(body: &str) -> String {
    let failure: Value = serde_json::from_str(body).unwrap();
    assert!(!failure["message"].as_str().unwrap().is_empty() && !failure["next_step"].as_str().unwrap().is_empty());
    assert_eq!(failure["error"], failure["message"]);
    failure["code"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_from_elsewhere_cannot_drive_it() {
    let sandbox = Sandbox::new().unwrap();
    let served = sandbox.serve(ANY, ANY, None).await.unwrap();
    let console = served.console();
    let here = console.strip_prefix("http://").unwrap();
    let port = here.rsplit(':').next().unwrap();
    for host in [here, &format!("localhost:{port}"), &format!("[::1]:{port}")] {
        assert_eq!(ask(&served, "GET /api/v1/clock", &[("Host", host)]).0, 200, "{host}");
        let own = format!("http://{host}");
        let page = [("Host", host), ("Origin", own.as_str()), ("Content-Length", "0")];
        assert_eq!(ask(&served, "DELETE /api/faults", &page).0, 200, "{host}");
    }
    // A name that its owner pointed at this machine.
    for line in ["GET /api/v1/clock", "GET /", "POST /api/clock/advance"] {
        let (status, _, body) = ask(&served, line, &[("Host", "rebound.example"), ("Content-Length", "0")]);
        assert_eq!((status, &*code(&body)), (403, "forbidden"), "{line}");
    }
    // A form or a script of somebody else's page.
    let (other_port, tls) = (format!("http://127.0.0.1:{}", port.parse::<u16>().unwrap() ^ 1), "https://evil.example");
    for origin in [tls, "null", &other_port, "http://evil.example", ""] {
        let headers = [("Host", here), ("Origin", origin), ("Content-Length", "15")];
        let mut stream = connect(&served);
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        write!(stream, "POST /api/clock/advance HTTP/1.1\r\n{lines}Connection: close\r\n\r\n{{\"seconds\": 90}}")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 403"), "{origin:?}: {answer}");
    }
    assert!(sandbox.now().since(Sandbox::new().unwrap().now()).as_secs() < 60, "the clock was not advanced");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for() {
    let sandbox = Sandbox::new().unwrap();
    let everywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    for (console, token) in [(everywhere, None), (everywhere, Some("")), (ANY, Some(""))] {
        let refused = sandbox.serve_with_token(ANY, console, None, token.map(Secret::new)).await;
        assert!(refused.is_err_and(|error| error.next_step().contains("token")), "{console}");
    }
    let served = sandbox.serve_with_token(ANY, ANY, None, Some(Secret::new("t0ken"))).await.unwrap();
    for (given, status, expected) in [
        (None, 401, "unauthorized"),
        (Some("Bearer wrong"), 401, "unauthorized"),
        (Some("Bearer t0kenn"), 401, "unauthorized"),
        (Some("Basic t0ken"), 401, "unauthorized"),
        (Some("Bearer t0ken"), 200, ""),
    ] {
        let mut headers = vec![("Host", "any.example")];
        headers.extend(given.map(|given| ("Authorization", given)));
        for path in ["/api/v1/clock", "/api/clock", "/api/nothing"] {
            let (found, head, body) = ask(&served, &format!("GET {path}"), &headers);
            assert_eq!(found, if path == "/api/nothing" && status == 200 { 404 } else { status }, "{given:?} {path}");
            assert_eq!(head.contains("www-authenticate: bearer"), found == 401);
            assert!(found == 200 || found == 404 || code(&body) == expected);
        }
    }
    let (status, head, body) = ask(&served, "GET /", &[("Host", "any.example")]);
    assert!(status == 200 && !body.contains("t0ken"), "the page itself holds nothing");
    assert!(head.contains("content-security-policy: default-src 'none'; script-src 'self'"), "{head}");
    served.stop().await;
}

#[tokio::test]
async fn failures_have_one_form() {
    let raw = Raw::new().await;
    for (method, path, body, status, code) in [
        ("GET", "/api/v1/nothing", "", 404, "not_found"),
        ("GET", "/nothing", "", 404, "not_found"),
        ("GET", "/api/v1/notices/x", "", 400, "bad_request"),
        ("GET", "/api/v1/notices/9", "", 404, "not_found"),
        ("GET", "/api/v1/packets?limit=many", "", 400, "bad_request"),
        ("GET", "/api/v1/packets?merchant=1", "", 400, "bad_request"),
        ("GET", "/api/v1/clock?x", "", 400, "bad_request"),
        ("POST", "/api/v1/clock", "", 405, "method_not_allowed"),
        ("POST", "/api/v1/clock/advance", "{", 400, "bad_request"),
        ("POST", "/api/v1/clock/advance", r#"{"secs": 5}"#, 400, "bad_request"),
        ("POST", "/api/v1/clock/advance", r#"{"seconds": 99999999999}"#, 422, "refused"),
        ("PUT", "/api/v1/merchants/1/settings", "{}", 404, "not_found"),
    ] {
        let (found, failure) = raw.api(method, path, body).await;
        assert_eq!((found, &failure["code"]), (status, &code.into()), "{method} {path}: {failure}");
        assert!(!failure["message"].as_str().unwrap().is_empty() && !failure["next_step"].as_str().unwrap().is_empty());
    }
    let (_, failure) = raw.api("GET", "/api/v1/packets?merchant=1", "").await;
    let told = failure["next_step"].as_str().unwrap();
    assert!(failure["message"].as_str().unwrap().contains("merchant") && told.contains("mch_id"), "{failure}");
}

#[tokio::test]
async fn lists_have_pages_filters_and_totals() {
    let raw = Raw::new().await;
    let stage = Stage::on(raw.sandbox.clone());
    for n in 0..7 {
        stage.client.send(&packet(&format!("A{n}"), ALICE, 188)).await.unwrap();
    }
    stage.open("A3", ALICE).unwrap();
    let http = crate::raw::client(raw.sandbox.ca_pem(), None);
    for (query, total, expected) in [
        ("", "7", vec!["A0", "A1", "A2", "A3", "A4", "A5", "A6"]),
        ("?offset=5", "7", vec!["A5", "A6"]),
        ("?offset=9", "7", vec![]),
        ("?newest=true&limit=2", "7", vec!["A6", "A5"]),
        ("?newest=true&limit=2&offset=1", "7", vec!["A5", "A4"]),
        ("?status=RECEIVED", "1", vec!["A3"]),
        ("?status=SENT&offset=4", "6", vec!["A5", "A6"]),
        ("?status=SENT&newest=true&limit=1", "6", vec!["A6"]),
        ("?search=a5", "1", vec!["A5"]),
        (&*format!("?openid={ALICE}&limit=1"), "7", vec!["A0"]),
        ("?openid=nobody", "0", vec![]),
        ("?limit=0", "7", vec![]),
    ] {
        let answer = http.get(format!("{}/api/v1/packets{query}", raw.served.console())).send().await.unwrap();
        assert_eq!(answer.headers()["x-total-count"], total, "{query}");
        let packets: Vec<Value> = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let numbers: Vec<_> = packets.iter().map(|packet| packet["mch_billno"].as_str().unwrap()).collect();
        assert_eq!(numbers, expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_told_as_it_changes() {
    let stage = Stage::on(Sandbox::new().unwrap());
    let served = stage.sandbox.serve(ANY, ANY, None).await.unwrap();
    let mut stream = connect(&served);
    write!(stream, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines();
    while !lines.next().unwrap().unwrap().is_empty() {}
    stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    let mut told = lines.by_ref().map(Result::unwrap).skip_while(|line| !line.starts_with("event: change"));
    assert!(told.next().is_some());
    let data = told.next().unwrap();
    let change: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    let mch_id = &stage.entity.mch_id;
    assert_eq!(change["topics"]["packets"], serde_json::json!([format!("{mch_id}/A1")]), "{change}");
    assert_eq!(change["topics"]["requests"], serde_json::json!(["1"]), "{change}");
    assert_eq!(change["topics"]["users"], serde_json::json!([ALICE]), "{change}");
    assert!(change["now"].is_i64());
    drop(told);
    // A page that is open does not hold up the end.
    let started = std::time::Instant::now();
    served.stop().await;
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}
