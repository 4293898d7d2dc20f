//! The program as a process: what it prints, where, and how it exits.

mod bill;
mod config_file;
mod killed;
mod notify;
mod order;
mod payouts;
mod redpack;
mod sandbox_verbs;
mod scenarios;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

const USER: &str = "oQx4r0Z1a2b3c4d5e6f7g8h9i0jk";

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hongbao"));
    command.args(arguments);
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "HONGBAO_LOG"] {
        command.env_remove(variable);
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn exits(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "stdout:\n{}\nstderr:\n{}", out(output), err(output));
}

/// The one line of JSON that a verb prints.
#[track_caller]
fn object(output: &Output) -> Value {
    let text = out(output);
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// `hongbao sandbox` on a directory; killed when dropped.
struct Running {
    child: Child,
    directory: PathBuf,
    started: Value,
}

impl Running {
    fn start(directory: &Path) -> Self {
        let listen = ["--listen", "127.0.0.1:0", "--console", "127.0.0.1:0", "--json"];
        let mut command = program(&["sandbox", "--dir", directory.to_str().unwrap()]);
        let mut child = command.args(listen).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // Before anything can fail, so that the process never outlives the test.
        let mut running = Self { child, directory: directory.to_owned(), started: Value::Null };
        running.started = serde_json::from_str(&line).expect("the addresses as JSON");
        running
    }

    /// As a service manager would stop it.
    fn stop(mut self) -> ExitStatus {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        self.child.wait().unwrap()
    }

    fn send(&self, more: &[&str]) -> Output {
        let directory = self.directory.to_str().unwrap();
        program(&["redpack", "send", "--sandbox", directory, "--to", USER]).args(more).output().unwrap()
    }

    fn query(&self, more: &[&str]) -> Output {
        program(&["redpack", "query", "--sandbox", self.directory.to_str().unwrap()]).args(more).output().unwrap()
    }

    /// Any verb on this sandbox.
    fn run(&self, verb: &[&str], more: &[&str]) -> Output {
        program(verb).args(["--sandbox", self.directory.to_str().unwrap()]).args(more).output().unwrap()
    }

    fn console(&self, method: &str, path: &str, body: &str) -> Value {
        let address = self.started["console"].as_str().unwrap().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        serde_json::from_str(body).unwrap()
    }

    /// What left the merchants' accounts so far; the books must be balanced.
    fn paid(&self) -> i64 {
        let books = self.console("GET", "/api/books", "");
        assert_eq!(books["balanced"], true);
        2_000_000 - books["with_merchants"].as_i64().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that no test leaves behind.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_demo_tells_its_story_in_a_pipe() {
    let output = run(&["demo"]);
    exits(&output, 0);
    let text = out(&output);
    assert!(!text.contains('\u{1b}'), "{text}");
    let told = [
        "query: SENT",
        "Lin opens it",
        "query: RECEIVED",
        "query: RFUND_ING",
        "query: REFUND",
        "no answer",
        "the very same packet again",
        "paid 8.88 yuan once",
        "SIGN_ERROR",
    ];
    let mut rest = text.as_str();
    for part in told {
        let at = rest.find(part).unwrap_or_else(|| panic!("no {part:?}, or in another order:\n{text}"));
        rest = &rest[at..];
    }
    assert!(text.ends_with("\nBalanced to the fen.\n"), "{text}");
    assert_eq!(err(&output), "");
}

#[test]
fn the_demo_has_colours_where_they_are_wanted() {
    let forced = program(&["demo"]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(out(&forced).contains("\u{1b}[1m"));
    let refused = program(&["demo"]).env("NO_COLOR", "1").output().unwrap();
    assert!(!out(&refused).contains('\u{1b}'));
}

#[test]
fn the_demo_speaks_json() {
    let output = run(&["demo", "--json"]);
    exits(&output, 0);
    let steps: Vec<Value> = out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let named = |name: &str| steps.iter().filter(|step| step["step"] == name).collect::<Vec<_>>();
    for step in &steps {
        assert!(step["step"].is_string() && step["chapter"].is_u64() && step["at"].is_i64(), "{step}");
    }
    let states: Vec<_> = named("query").iter().map(|step| step["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["SENT", "RECEIVED", "RFUND_ING", "REFUND", "RECEIVED"]);
    assert_eq!(named("no_answer")[0]["outcome"], "unknown");
    assert_eq!(named("paid_once")[0]["paid"], 888);
    assert_eq!(named("refused")[0]["outcome"], "refused");
    let books = steps.last().unwrap();
    assert_eq!(
        (&books["step"], &books["balanced"], &books["with_users"]),
        (&json!("books"), &json!(true), &json!(1076))
    );
    assert!(err(&output).contains("Balanced to the fen."));
}

#[test]
fn the_sandbox_fills_its_directory_and_comes_back_to_it() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("new one");
    let first = Running::start(&directory);
    let addresses: Value = serde_json::from_slice(&fs::read(directory.join("sandbox.json")).unwrap()).unwrap();
    for field in ["gateway", "console", "pid"] {
        assert_eq!(addresses[field], first.started[field], "{field}");
    }
    assert!(addresses["gateway"].as_str().unwrap().starts_with("https://127.0.0.1:"));
    assert_eq!(addresses["pid"], first.child.id());
    let ca = fs::read_to_string(directory.join("ca.pem")).unwrap();
    assert!(ca.starts_with("-----BEGIN CERTIFICATE-----"));
    let merchants = first.started["merchants"].as_array().unwrap().clone();
    assert_eq!(merchants.len(), 2);
    let mut files = Vec::new();
    for merchant in &merchants {
        let folder = PathBuf::from(merchant["folder"].as_str().unwrap());
        let mch_id = merchant["mch_id"].as_str().unwrap();
        assert_eq!(folder, directory.join("merchants").join(mch_id));
        assert!(mch_id.len() == 10 && mch_id.bytes().all(|b| b.is_ascii_digit()));
        let handed: Value = serde_json::from_slice(&fs::read(folder.join("merchant.json")).unwrap()).unwrap();
        for field in ["mch_id", "app_id", "name"] {
            assert_eq!(handed[field], merchant[field], "{field}");
        }
        assert_eq!(handed["api_key"].as_str().unwrap().len(), 32);
        assert!(!first.started.to_string().contains(handed["api_key"].as_str().unwrap()));
        for name in ["apiclient_cert.pem", "apiclient_key.pem", "apiclient_cert.p12", "apiclient_cert.legacy.p12"] {
            let bytes = fs::read(folder.join(name)).unwrap();
            assert!(bytes.len() > 500, "{name}");
            files.push((folder.join(name), bytes));
        }
        files.push((folder.join("merchant.json"), fs::read(folder.join("merchant.json")).unwrap()));
    }

    let second =
        run(&["sandbox", "--dir", directory.to_str().unwrap(), "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"]);
    exits(&second, 2);
    assert!(err(&second).contains("another sandbox runs on this directory"), "{}", err(&second));

    exits(&first.send(&["--amount", "1.88", "--bill-no", "K1"]), 0);
    let gateway = first.started["gateway"].clone();
    assert_eq!(first.stop().code(), Some(0));

    let gone = run(&["redpack", "query", "--sandbox", directory.to_str().unwrap(), "--bill-no", "K1"]);
    exits(&gone, 1);
    assert!(err(&gone).starts_with("not sent: ") && err(&gone).contains("does the sandbox run?"), "{}", err(&gone));

    let again = Running::start(&directory);
    assert_ne!(again.started["gateway"], gateway);
    assert_eq!(again.started["merchants"], json!(merchants));
    assert_eq!(fs::read_to_string(directory.join("ca.pem")).unwrap(), ca);
    for (path, bytes) in files {
        assert_eq!(fs::read(&path).unwrap(), bytes, "{}", path.display());
    }
    let found = object(&again.query(&["--bill-no", "K1", "--json"]));
    assert_eq!((&found["status"], &found["total_amount"]), (&json!("SENT"), &json!(188)));
    assert_eq!(again.paid(), 188);
}

/// A place of its own, so that the usual directory is a fresh one.
fn served_from(folder: &Path, more: &[&str]) -> (Running, String) {
    let listen = ["--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"];
    let mut command = program(&["sandbox"]);
    command.args(listen).args(more).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running =
        Running { child: command.spawn().unwrap(), directory: folder.join("hongbao-sandbox"), started: Value::Null };
    let mut line = String::new();
    BufReader::new(running.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (running, line)
}

#[test]
fn the_sandbox_prints_one_line_with_the_consoles_address() {
    let folder = TempDir::new().unwrap();
    let (mut running, line) = served_from(folder.path(), &[]);
    let addresses: Value = serde_json::from_slice(&fs::read(running.directory.join("sandbox.json")).unwrap()).unwrap();
    let console = addresses["console"].as_str().unwrap();
    assert!(line.contains(&format!("{console}/")) && line.contains("state in hongbao-sandbox"), "{line}");
    // It lies in the middle of somebody's project.
    assert_eq!(fs::read_to_string(running.directory.join(".gitignore")).unwrap(), "*\n");
    let mut errors = running.child.stderr.take().unwrap();
    assert_eq!(running.stop().code(), Some(0));
    let mut text = String::new();
    errors.read_to_string(&mut text).unwrap();
    assert_eq!(text, "");
}

#[test]
fn the_sandbox_says_what_to_do_if_a_port_or_a_directory_is_taken() {
    let folder = TempDir::new().unwrap();
    let (running, line) = served_from(folder.path(), &[]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let other = folder.path().join("other");
    let output = run(&["sandbox", "--dir", other.to_str().unwrap(), "--listen", "127.0.0.1:0", "--console", &address]);
    exits(&output, 2);
    let text = err(&output);
    assert!(text.contains(&address) && text.contains("--console 127.0.0.1:0"), "{text}");
    let second = run(&["sandbox", "--dir", running.directory.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
    exits(&second, 2);
    let text = err(&second);
    let console = line.split("http://").nth(1).unwrap().split('/').next().unwrap();
    assert!(text.contains("another sandbox runs on this directory") && text.contains(console), "{text}");
}

#[test]
fn help_and_version() {
    let version = run(&["--version"]);
    exits(&version, 0);
    assert_eq!(out(&version), concat!("hongbao ", env!("CARGO_PKG_VERSION"), "\n"));
    let help = run(&["--help"]);
    exits(&help, 0);
    for part in ["demo", "sandbox", "redpack", "order", "notify", "bill", "Exit codes"] {
        assert!(out(&help).contains(part), "{part}");
    }
    let verbs: BTreeSet<_> = [&["redpack", "send", "--help"][..], &["sandbox", "--help"], &["demo", "--help"]]
        .iter()
        .map(|arguments| run(arguments).status.code())
        .collect();
    assert_eq!(verbs, BTreeSet::from([Some(0)]));
    exits(&run(&[]), 2);
}
