//! `hongbao payouts …` as a person and a program use it.

use super::*;

struct Desk {
    sandbox: Running,
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let sandbox = Running::start(&folder.path().join("sandbox"));
        Self { sandbox, folder }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn ledger(&self) -> String {
        self.folder.path().join("payouts.db").to_str().unwrap().to_owned()
    }

    /// With the sandbox's first merchant.
    fn sending(&self, verb: &[&str]) -> Output {
        let directory = self.sandbox.directory.to_str().unwrap();
        let mut command = program(&["payouts"]);
        command.args(verb).args(["--ledger", &self.ledger(), "--sandbox", directory, "--merchant", "1900000101"]);
        command.output().unwrap()
    }

    /// Without a merchant.
    fn looking(&self, verb: &[&str]) -> Output {
        program(&["payouts"]).args(verb).args(["--ledger", &self.ledger()]).env("USER", "li").output().unwrap()
    }

    fn advance(&self, seconds: u32) {
        self.sandbox.console("POST", "/api/clock/advance", &json!({ "seconds": seconds }).to_string());
    }

    fn open(&self, number: &str) {
        self.sandbox.console("POST", &format!("/api/packets/1900000101/{number}/open"), "");
    }
}

const THREE: &str = "openid,amount,key\n\
    oAlice1a2b3c4d5e6f7g8h9i0jkl,1.88,a1\n\
    oBob91a2b3c4d5e6f7g8h9i0jklm,8.88,b2\n\
    oCarol1a2b3c4d5e6f7g8h9i0jkl,6.66,c3\n";

#[test]
fn a_campaign_from_the_file_to_the_report() {
    let desk = Desk::new();
    let file = desk.file("three.csv", THREE);
    let early = desk.looking(&["status"]);
    exits(&early, 2);
    assert!(err(&early).contains("plan a campaign first"), "{}", err(&early));

    let dry = desk.sending(&["plan", &file, "--campaign", "spring", "--dry-run", "--json"]);
    exits(&dry, 0);
    assert_eq!((&object(&dry)["outcome"], &object(&dry)["new"]), (&json!("checked"), &json!(3)));
    assert!(!Path::new(&desk.ledger()).exists(), "a dry run leaves nothing behind");

    let planned = desk.sending(&["plan", &file, "--campaign", "spring"]);
    exits(&planned, 0);
    for part in ["3 for 3 payees", "17.42 yuan", "1.88 to 8.88", "planned: 3 payouts are new"] {
        assert!(out(&planned).contains(part), "{part}: {}", out(&planned));
    }
    let again = object(&desk.sending(&["plan", &file, "--campaign", "spring", "--json"]));
    assert_eq!((&again["outcome"], &again["known"]), (&json!("unchanged"), &json!(3)));

    let sent = desk.sending(&["run", "--json"]);
    exits(&sent, 0);
    let told = object(&sent);
    assert_eq!(
        (&told["outcome"], &told["sends"], &told["payouts"]["accepted"]),
        (&json!("done"), &json!(3), &json!(3))
    );
    assert_eq!(told["payouts"]["sent"], 1742);
    assert_eq!(desk.sandbox.paid(), 1742);
    exits(&desk.sending(&["run"]), 0);
    assert_eq!(desk.sandbox.paid(), 1742, "nothing is sent twice");

    let shown = object(&desk.looking(&["show", "--key", "b2", "--json"]));
    assert_eq!((&shown["amount"], &shown["standing"]["phase"]), (&json!(888), &json!("accepted")));
    let kinds: Vec<&str> =
        shown["journal"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["begin", "answer"]);
    let number = shown["number"].as_str().unwrap();
    assert_eq!(object(&desk.looking(&["show", "--number", number, "--json"]))["key"], "b2");

    // Two are opened, a day passes, one comes back.
    for key in ["a1", "b2"] {
        desk.open(object(&desk.looking(&["show", "--key", key, "--json"]))["number"].as_str().unwrap());
    }
    desk.advance(26 * 3600);
    let settled = desk.sending(&["run", "--until", "settled", "--json"]);
    exits(&settled, 0);
    assert_eq!(object(&settled)["payouts"]["received"], 2);
    assert_eq!(object(&settled)["payouts"]["returned"], 1);

    let page = desk.folder.path().join("report.html");
    let lines = desk.folder.path().join("report.csv");
    let report = desk.looking(&[
        "report",
        "--campaign",
        "spring",
        "--html",
        page.to_str().unwrap(),
        "--csv",
        lines.to_str().unwrap(),
        "--language",
        "zh",
    ]);
    exits(&report, 0);
    assert!(out(&report).contains("10.76"), "{}", out(&report));
    assert!(fs::read_to_string(page).unwrap().contains("<svg"));
    assert_eq!(fs::read_to_string(lines).unwrap().lines().count(), 4);
    let object = object(&desk.looking(&["report", "--json"]));
    assert_eq!((&object["money"]["received"], &object["money"]["returned"]), (&json!(1076), &json!(666)));
}

#[test]
fn a_bad_file_stores_nothing_and_says_where_it_is_bad() {
    let desk = Desk::new();
    let file =
        desk.file("bad.csv", "openid,amount\noAlice1a2b3c4d5e6f7g8h9i0jkl,1e3\noBob91a2b3c4d5e6f7g8h9i0jklm,0\n");
    let refused = desk.sending(&["plan", &file, "--campaign", "bad"]);
    exits(&refused, 2);
    let text = err(&refused);
    assert!(
        text.contains("2 lines of ") && text.contains("bad.csv cannot be used") && text.contains("line 2: amount: "),
        "{text}"
    );
    assert!(text.contains("line 3: amount: ") && text.contains("nothing was stored"), "{text}");
    assert!(!Path::new(&desk.ledger()).exists());
    let refused = desk.sending(&["plan", &file, "--campaign", "bad", "--errors", "1", "--json"]);
    exits(&refused, 2);
    let told = object(&refused);
    assert_eq!(
        (&told["found"], &told["problems"][0]["line"], &told["problems"][0]["field"]),
        (&json!(2), &json!(2), &json!("amount"))
    );
    assert_eq!(told["problems"].as_array().unwrap().len(), 1);

    // A known key with another amount.
    exits(&desk.sending(&["plan", &desk.file("three.csv", THREE), "--campaign", "spring"]), 0);
    let changed = desk.file("changed.csv", &THREE.replace("8.88", "9.88"));
    let refused = desk.sending(&["plan", &changed, "--campaign", "spring"]);
    exits(&refused, 2);
    assert!(err(&refused).contains("line 3") && err(&refused).contains("8.88"), "{}", err(&refused));
    exits(&desk.sending(&["run"]), 0);
    assert_eq!(desk.sandbox.paid(), 1742);
}

#[test]
fn standard_input_and_a_plain_list_of_openids() {
    let desk = Desk::new();
    let directory = desk.sandbox.directory.to_str().unwrap();
    let mut command = program(&["payouts", "plan", "-", "--campaign", "list", "--amount", "1.00", "--json"]);
    command.args(["--ledger", &desk.ledger(), "--sandbox", directory, "--merchant", "1900000101"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let list = "oAlice1a2b3c4d5e6f7g8h9i0jkl\r\noBob91a2b3c4d5e6f7g8h9i0jklm\r\n";
    child.stdin.take().unwrap().write_all(list.as_bytes()).unwrap();
    let planned = child.wait_with_output().unwrap();
    exits(&planned, 0);
    assert_eq!(object(&planned)["totals"]["sum"], 200);
    let shown = object(&desk.looking(&["show", "--key", "list/oAlice1a2b3c4d5e6f7g8h9i0jkl", "--json"]));
    assert_eq!(shown["amount"], 100);
}

#[test]
fn a_person_holds_releases_and_permits() {
    let desk = Desk::new();
    exits(&desk.sending(&["plan", &desk.file("three.csv", THREE), "--campaign", "spring"]), 0);
    let held = desk.looking(&["hold", "--key", "a1", "--reason", "is it the right Alice?"]);
    exits(&held, 0);
    assert!(out(&held).starts_with("held\n"), "{}", out(&held));
    exits(&desk.looking(&["hold", "--key", "a1", "--reason", " "]), 2);
    let run = desk.sending(&["run"]);
    exits(&run, 0);
    assert!(out(&run).contains("1 held for a person"), "{}", out(&run));
    assert_eq!(desk.sandbox.paid(), 1554);
    let denied = desk.looking(&["permit", "--key", "a1", "--reason", "hurry"]);
    exits(&denied, 2);
    assert!(err(&denied).contains("nothing proves"), "{}", err(&denied));
    let released = desk.looking(&["release", "--key", "a1", "--reason", "it is", "--json"]);
    exits(&released, 0);
    assert_eq!(object(&released)["outcome"], "released");
    exits(&desk.sending(&["run"]), 0);
    assert_eq!(desk.sandbox.paid(), 1742);
    let journal = object(&desk.looking(&["show", "--key", "a1", "--json"]));
    assert_eq!(journal["journal"][0]["by"], "li");
    assert_eq!(journal["journal"][0]["text"], "is it the right Alice?");
    let taken = desk.looking(&["hold", "--key", "a1", "--reason", "too late"]);
    exits(&taken, 2);
    assert!(err(&taken).contains("cannot be called back"), "{}", err(&taken));
    exits(&desk.looking(&["show", "--key", "nobody"]), 2);
}

#[test]
fn a_stopped_merchant_is_explained_and_goes_on_when_it_is_released() {
    let desk = Desk::new();
    exits(&desk.sending(&["plan", &desk.file("three.csv", THREE), "--campaign", "spring"]), 0);
    desk.sandbox.console("PUT", "/api/merchants/1900000101/settings", r#"{"api_open": false}"#);
    let stopped = desk.sending(&["run", "--json"]);
    exits(&stopped, 1);
    assert_eq!(object(&stopped)["outcome"], "stopped");
    assert!(err(&stopped).contains("a merchant is stopped"), "{}", err(&stopped));
    let status = desk.looking(&["status"]);
    assert!(out(&status).contains("API_METHOD_CLOSED") && out(&status).contains("release --merchant 1900000101"));
    desk.sandbox.console("PUT", "/api/merchants/1900000101/settings", r#"{"api_open": true}"#);
    exits(&desk.looking(&["release", "--merchant", "1900000101", "--reason", "switched on"]), 0);
    exits(&desk.sending(&["run"]), 0);
    assert_eq!(desk.sandbox.paid(), 1742);
}

#[test]
fn a_signal_stops_it_and_nothing_is_left_open() {
    let desk = Desk::new();
    let mut file = "openid,amount\n".to_owned();
    for number in 0..400 {
        file.push_str(&format!("oMany{number:023},1.00\n"));
    }
    exits(&desk.sending(&["plan", &desk.file("many.csv", &file), "--campaign", "many"]), 0);
    let directory = desk.sandbox.directory.to_str().unwrap();
    let mut command = program(&["payouts", "run", "--ledger", &desk.ledger(), "--sandbox", directory, "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let patience = std::time::Instant::now();
    while desk.sandbox.paid() < 1_000 {
        assert!(patience.elapsed().as_secs() < 60, "nothing is sent");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    // Some are not sent, and none is open.
    exits(&ended, 1);
    let told = object(&ended);
    assert_eq!((&told["outcome"], &told["payouts"]["sending"]), (&json!("interrupted"), &json!(0)));
    let accepted = told["payouts"]["accepted"].as_i64().unwrap();
    assert!((10..400).contains(&accepted), "{accepted}");
    assert_eq!(desk.sandbox.paid(), accepted * 100);
}

#[test]
fn real_money_wants_to_be_meant() {
    let desk = Desk::new();
    let folder = desk.sandbox.directory.join("merchants/1900000101");
    fs::write(folder.join("key"), "Rw7TqZ2nLx9KcV4bJm8PsD3hGf6YaE5u").unwrap();
    let config = desk.file(
        "merchants.toml",
        &format!(
            "[merchants.north]\napp_id = \"wx00f1e2d3c4b5a697\"\nmch_id = \"1900000101\"\nkey_file = {:?}\np12_file = {:?}\nendpoint = \"production\"\n",
            folder.join("key"),
            folder.join("apiclient_cert.p12")
        ),
    );
    let run = desk.looking(&["run", "--config", &config]);
    exits(&run, 2);
    assert!(err(&run).contains("--yes-real-money"), "{}", err(&run));
}

#[test]
fn the_demo_sends_a_campaign_through_a_storm() {
    let output = run(&["demo", "--payouts", "300", "--json"]);
    exits(&output, 0);
    let steps: Vec<Value> = out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut names: Vec<&str> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    // A quick machine may be done before it is killed again.
    names.dedup();
    assert_eq!(names, ["start", "planned", "killed", "sent", "opened", "books"]);
    assert!(steps[2]["open"].as_u64().unwrap() > 0, "{}", steps[2]);
    let books = steps.last().unwrap();
    assert_eq!(books["lines"], 300);
    assert_eq!(books["books"]["with_users"], books["money"]["received"]);
    assert!(err(&output).contains("300 payees, each paid exactly once. Balanced to the fen."), "{}", err(&output));
}

#[test]
fn a_run_waits_for_nobody_that_it_does_not_serve() {
    let desk = Desk::new();
    exits(&desk.sending(&["plan", &desk.file("three.csv", THREE), "--campaign", "spring"]), 0);
    let directory = desk.sandbox.directory.to_str().unwrap();
    let file = desk.file("other.csv", &THREE.replace("1.88", "2.88"));
    let other = ["plan", &file, "--campaign", "other", "--sandbox", directory, "--merchant", "1900000102"];
    exits(&desk.looking(&other), 0);
    let run = desk.sending(&["run"]);
    exits(&run, 0);
    for part in ["done: 3 of 3 packets are paid, 17.42 of 17.42 yuan", "3 of merchants that are not served here"] {
        assert!(out(&run).contains(part), "{part}: {}", out(&run));
    }
    assert_eq!(desk.sandbox.paid(), 1742);
    let unclear = desk.looking(&["report"]);
    exits(&unclear, 2);
    assert!(err(&unclear).contains(r#""spring", "other""#), "{}", err(&unclear));
    let stranger = desk.looking(&["release", "--merchant", "1900000199", "--reason", "a slip"]);
    exits(&stranger, 2);
    assert!(err(&stranger).contains("1900000101, 1900000102"), "{}", err(&stranger));
}

#[test]
fn a_sandbox_that_does_not_run_is_named_at_once() {
    let mut desk = Desk::new();
    exits(&desk.sending(&["plan", &desk.file("three.csv", THREE), "--campaign", "spring"]), 0);
    desk.sandbox.child.kill().unwrap();
    desk.sandbox.child.wait().unwrap();
    let run = desk.sending(&["run", "--json"]);
    exits(&run, 1);
    assert_eq!(object(&run)["outcome"], "not_sent");
    assert!(err(&run).contains("does not answer") && err(&run).contains("start it: hongbao sandbox --dir"));
}

#[test]
fn a_wrong_name_of_a_ledger_shows_no_password() {
    for name in [
        "mysql://me:geheim@db/pay",
        "POSTGRES://me:geheim@db/pay",
        "host=db password=geheim",
        "postgres://me:begins@geheim@127.0.0.1:1/pay",
        "",
    ] {
        let status = run(&["payouts", "status", "--ledger", name]);
        exits(&status, 2);
        let text = err(&status);
        assert!(text.contains("next step: ") && !text.contains("geheim"), "{name:?}: {text}");
    }
    let folder = TempDir::new().unwrap();
    let text_file = folder.path().join("recipients.csv");
    fs::write(&text_file, THREE).unwrap();
    let status = run(&["payouts", "status", "--ledger", text_file.to_str().unwrap()]);
    exits(&status, 2);
    assert!(err(&status).contains("recipients.csv"), "{}", err(&status));
    assert_eq!(fs::read_to_string(&text_file).unwrap(), THREE);
}

#[test]
fn lines_for_a_pipe_come_alone() {
    let desk = Desk::new();
    exits(&desk.sending(&["plan", &desk.file("three.csv", THREE), "--campaign", "spring"]), 0);
    let lines = desk.looking(&["report", "--csv", "-"]);
    exits(&lines, 0);
    assert!(out(&lines).starts_with("key,openid,amount,") && out(&lines).lines().count() == 4, "{}", out(&lines));
    assert!(err(&lines).contains("cost at most"), "{}", err(&lines));
    let both = desk.looking(&["report", "--csv", "-", "--json"]);
    exits(&both, 2);
    assert_eq!(object(&both)["outcome"], "not_sent");
}

#[test]
fn several_runs_at_once_share_a_file() {
    let desk = Desk::new();
    desk.sandbox.console("PUT", "/api/merchants/1900000101/settings", r#"{"calls_per_second": 10000}"#);
    let mut file = "openid,amount\n".to_owned();
    for number in 0..600 {
        file.push_str(&format!("oMany{number:023},1.00\n"));
    }
    exits(&desk.sending(&["plan", &desk.file("many.csv", &file), "--campaign", "many"]), 0);
    let directory = desk.sandbox.directory.to_str().unwrap();
    let runs: Vec<_> = (0..3)
        .map(|_| {
            let mut command =
                program(&["payouts", "run", "--ledger", &desk.ledger(), "--sandbox", directory, "--json"]);
            command.args(["--rate", "200", "--in-flight", "16"]);
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    let mut sends = 0;
    for run in runs {
        let ended = run.wait_with_output().unwrap();
        exits(&ended, 0);
        sends += object(&ended)["sends"].as_i64().unwrap();
    }
    // Nothing failed, so nothing had to be sent again, whoever sent it.
    assert_eq!((sends, desk.sandbox.paid()), (600, 60_000));
}
