//! The dispatcher is killed, again and again, while everything else fails too.
//!
//! The size comes from the environment: `HONGBAO_KILL_PACKETS` and
//! `HONGBAO_KILLS`, 2000 and 20 unless told.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::*;
use crate::payouts::simulation::Dice;
use crate::postgres::Server;

const FAULTS: [&str; 10] = [
    r#"{"kind": "system_error_before"}"#,
    r#"{"kind": "system_error_after"}"#,
    r#"{"kind": "processing"}"#,
    r#"{"kind": "hang_up_before"}"#,
    r#"{"kind": "hang_up_after"}"#,
    r#"{"kind": "delay", "millis": 40}"#,
    r#"{"kind": "garbage"}"#,
    r#"{"kind": "bad_gateway"}"#,
    r#"{"kind": "truncated_body"}"#,
    r#"{"kind": "refuse", "code": "FREQ_LIMIT"}"#,
];
/// Ten kinds at five of a thousand calls each: one call in twenty.
const PER_MILLE: u32 = 5;

fn size(variable: &str, usual: usize) -> usize {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{variable}: {text:?}")))
}

struct Campaign {
    sandbox: Running,
    folder: TempDir,
    ledger: String,
    packets: usize,
    dice: Dice,
    /// Packets a second, so that there is work for all the lives.
    rate: usize,
    kills: usize,
    /// Kills that left open attempts behind.
    in_the_act: usize,
    started: Instant,
}

impl Campaign {
    fn plan(ledger: impl FnOnce(&Path) -> String, packets: usize, kills: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let sandbox = Running::start(&folder.path().join("sandbox"));
        let ledger = ledger(folder.path());
        let mut file = "openid,amount,key\n".to_owned();
        for number in 0..packets {
            writeln!(file, "oKill{number:023},{}.{:02},order{number:06}", 1 + number % 7, number % 100).unwrap();
        }
        std::fs::write(folder.path().join("recipients.csv"), file).unwrap();
        sandbox.console("PUT", "/api/merchants/1900000101/settings", r#"{"calls_per_second": 100000}"#);
        sandbox.console("POST", "/api/merchants/1900000101/top_up", r#"{"amount": 50000000}"#);
        for (seed, fault) in FAULTS.iter().enumerate() {
            let rule =
                format!(r#"{{"fault": {fault}, "when": {{"per_mille": {{"rate": {PER_MILLE}, "seed": {seed}}}}}}}"#);
            sandbox.console("POST", "/api/faults", &rule);
        }
        let (dice, rate, started) = (Dice::new(packets as u64), (packets * 4 / kills).max(20), Instant::now());
        let campaign = Self { sandbox, folder, ledger, packets, dice, rate, kills: 0, in_the_act: 0, started };
        let planned = campaign.payouts(&["plan", campaign.file().to_str().unwrap(), "--campaign", "kill", "--json"]);
        exits(&planned, 0);
        campaign
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("recipients.csv")
    }

    fn payouts(&self, arguments: &[&str]) -> Output {
        let directory = self.sandbox.directory.to_str().unwrap();
        let mut command = program(&["payouts"]);
        command.args(arguments).args(["--ledger", &self.ledger]);
        if matches!(arguments[0], "plan" | "run") {
            command.args(["--sandbox", directory, "--merchant", "1900000101"]);
        }
        command.output().unwrap()
    }

    fn dispatcher(&self) -> Child {
        let mut command = program(&["payouts", "run", "--sandbox", self.sandbox.directory.to_str().unwrap()]);
        command.args([
            "--ledger",
            &self.ledger,
            "--rate",
            &self.rate.to_string(),
            "--in-flight",
            "32",
            "--until",
            "stopped",
        ]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Lets so many processes work at once and kills them at random moments, one
    /// after the other, each replaced by a new one.
    fn kill(&mut self, processes: usize, kills: usize, mut meanwhile: impl FnMut(usize)) {
        let mut running: Vec<Killed> = (0..processes).map(|_| Killed(self.dispatcher())).collect();
        for kill in 0..kills {
            std::thread::sleep(Duration::from_millis(60 + self.dice.below(500) / processes as u64));
            meanwhile(kill);
            let victim = self.dice.below(processes as u64) as usize;
            running[victim].0.kill().unwrap();
            running[victim].0.wait().unwrap();
            self.kills += 1;
            self.in_the_act += usize::from(self.open() > 0);
            // The leases of the dead end, and the clock is the sandbox's.
            if self.dice.one_in(3) {
                self.sandbox.console("POST", "/api/clock/advance", r#"{"seconds": 125}"#);
            }
            running[victim] = Killed(self.dispatcher());
        }
    }

    fn open(&self) -> u64 {
        let status = object(&self.payouts(&["status", "--json"]));
        let totals = status["totals"].as_array().unwrap();
        totals.iter().filter(|total| total["phase"] == "sending").map(|total| total["count"].as_u64().unwrap()).sum()
    }

    /// Without faults and murder it comes to its end.
    fn finish(&self) {
        self.sandbox.console("DELETE", "/api/faults", "");
        for _ in 0..40 {
            let mut last = program(&["payouts", "run", "--sandbox", self.sandbox.directory.to_str().unwrap()]);
            last.args(["--ledger", &self.ledger, "--rate", "5000", "--until", "sent"]);
            let mut last = Killed(last.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
            let patience = Instant::now();
            while patience.elapsed() < Duration::from_secs(3) {
                if let Some(status) = last.0.try_wait().unwrap() {
                    assert_eq!(status.code(), Some(0));
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            // What waits for its lease or for PROCESSING waits on the sandbox's clock.
            drop(last);
            self.sandbox.console("POST", "/api/clock/advance", r#"{"seconds": 1300}"#);
        }
        panic!("it never ended: {}", out(&self.payouts(&["status"])));
    }

    /// The sandbox's books and the ledger, line by line.
    fn judge(&self) {
        let mut packets = BTreeMap::new();
        for offset in (0..).step_by(1000) {
            let page = self.sandbox.console("GET", &format!("/api/packets?offset={offset}&limit=1000"), "");
            let page = page.as_array().unwrap();
            for packet in page {
                let number = packet["mch_billno"].as_str().unwrap().to_owned();
                assert!(packets.insert(number, packet.clone()).is_none());
            }
            if page.len() < 1000 {
                break;
            }
        }
        let mut paid: BTreeMap<String, u32> = BTreeMap::new();
        for packet in packets.values() {
            assert_eq!(packet["status"], "SENT", "{packet}");
            *paid.entry(packet["re_openid"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        assert_eq!(paid.len(), self.packets, "not everybody is paid");
        assert!(paid.values().all(|times| *times == 1), "somebody is paid twice");

        let file = self.folder.path().join("report.csv");
        exits(&self.payouts(&["report", "--campaign", "kill", "--csv", file.to_str().unwrap()]), 0);
        let mut lines = 0;
        let mut sum = 0;
        for row in csv::Reader::from_path(&file).unwrap().deserialize::<BTreeMap<String, String>>() {
            let row = row.unwrap();
            let packet = packets.get(&row["mch_billno"]).unwrap_or_else(|| panic!("{row:?}"));
            assert_eq!(row["phase"], "accepted", "{row:?}");
            assert_eq!(packet["re_openid"], row["openid"]);
            let amount: hongbao::Fen = row["amount"].parse().unwrap();
            assert_eq!(packet["total_amount"], amount.get());
            (lines, sum) = (lines + 1, sum + amount.get());
        }
        assert_eq!(lines, self.packets);
        let books = self.sandbox.console("GET", "/api/books", "");
        assert_eq!((&books["balanced"], &books["in_transit"]), (&json!(true), &json!(sum)));

        // The same file again changes nothing.
        let again = self.payouts(&["plan", self.file().to_str().unwrap(), "--campaign", "kill", "--json"]);
        exits(&again, 0);
        assert_eq!((&object(&again)["new"], &object(&again)["known"]), (&json!(0), &json!(self.packets)));
        let Self { packets, kills, in_the_act, .. } = self;
        println!("{packets} packets, {kills} kills, {in_the_act} of them in the act, {:?}", self.started.elapsed());
        assert!(in_the_act * 2 > *kills, "only {in_the_act} of {kills} kills hit a dispatcher at work");
    }
}

#[test]
fn killed_again_and_again_on_sqlite_everybody_is_paid_once() {
    let mut campaign = Campaign::plan(
        |folder| folder.join("payouts.db").to_str().unwrap().to_owned(),
        size("HONGBAO_KILL_PACKETS", 2_000),
        size("HONGBAO_KILLS", 20),
    );
    campaign.kill(1, size("HONGBAO_KILLS", 20), |_| {});
    campaign.finish();
    campaign.judge();
    // The keys of the merchants are nowhere in the ledger.
    for mch_id in ["1900000101", "1900000102"] {
        let handed = campaign.sandbox.directory.join("merchants").join(mch_id).join("merchant.json");
        let handed: Value = serde_json::from_slice(&fs::read(handed).unwrap()).unwrap();
        let key = handed["api_key"].as_str().unwrap().as_bytes();
        for file in ["payouts.db", "payouts.db-wal"] {
            let bytes = fs::read(campaign.folder.path().join(file)).unwrap_or_default();
            assert!(!bytes.windows(key.len()).any(|window| window == key), "{file}");
        }
    }
}

#[test]
fn killed_again_and_again_on_postgresql_everybody_is_paid_once() {
    let server = Server::start();
    let kills = size("HONGBAO_KILLS", 20);
    let mut campaign = Campaign::plan(|_| server.url(), size("HONGBAO_KILL_PACKETS", 2_000), kills);
    campaign.kill(3, kills, |kill| {
        // Twice the database goes down with all that it has in memory.
        if kill == kills / 3 || kill == 2 * kills / 3 {
            server.restart_immediate();
        }
    });
    campaign.finish();
    campaign.judge();
}
