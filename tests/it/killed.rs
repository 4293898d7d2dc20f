//! The served sandbox is killed while clients send, again and again: whatever it
//! answered is there when it starts again, with its money.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hongbao::sandbox::Sandbox;
use hongbao::{Client, Endpoint, Entity, Fen, RetryPolicy};
use serde_json::Value;

use crate::payouts::simulation::Dice;
use crate::support::packet;

const LIVES: usize = 6;
const CLIENTS: usize = 8;
const TOPPED_UP: i64 = 1_000_000_000;

/// `hongbao sandbox`, which nobody stops in an orderly way.
struct Life {
    child: Child,
    gateway: String,
    ca_pem: String,
}

impl Life {
    fn begin(directory: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hongbao"));
        command.args(["sandbox", "--dir", directory.to_str().unwrap(), "--json"]);
        command.args(["--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // Before anything can fail, so that the process never outlives the test.
        let mut life = Self { child, gateway: String::new(), ca_pem: String::new() };
        let started: Value = serde_json::from_str(&line).unwrap();
        started["gateway"].as_str().unwrap().clone_into(&mut life.gateway);
        life.ca_pem = std::fs::read_to_string(directory.join("ca.pem")).unwrap();
        life
    }
}

impl Drop for Life {
    /// With `SIGKILL`.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An entity with limits out of the way, on a directory that nobody serves.
fn prepare(directory: &Path) -> Entity {
    let sandbox = Sandbox::open(directory).unwrap();
    let entity = sandbox.merchants().remove(0);
    sandbox.top_up(&entity.mch_id, Fen::new(TOPPED_UP)).unwrap();
    sandbox
        .change_settings(&entity.mch_id, |settings| {
            settings.calls_per_second = u32::MAX;
            settings.user_day_count = u32::MAX;
            settings.user_day_amount = Fen::new(TOPPED_UP);
            settings.merchant_day_amount = Fen::new(TOPPED_UP);
        })
        .unwrap();
    entity
}

/// The packets that a life answered, by number and fen. It ends while they come.
async fn live(life: Life, entity: &Entity, numbers: &Arc<AtomicU64>, dice: &mut Dice) -> Vec<(u64, i64)> {
    let entity = Entity { endpoint: Endpoint::at(life.gateway.as_str(), life.ca_pem.as_str()), ..entity.clone() };
    let client = Client::builder(&entity).retry(RetryPolicy::never()).build().unwrap();
    let (answered, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (client, numbers) = (client.clone(), Arc::clone(numbers));
        let (answered, over) = (Arc::clone(&answered), Arc::clone(&over));
        running.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                let fen = 100 + i64::try_from(number % 200).unwrap();
                let sent =
                    client.send(&packet(&format!("K{number}"), &format!("oKilled{:021}", number % 50), fen)).await;
                match sent {
                    Ok(_) => answered.lock().unwrap().push((number, fen)),
                    // The end has come for this one, or is near.
                    Err(error) => assert!(error.code().is_none(), "{}", error.report()),
                }
            }
        });
    }
    let started = Instant::now();
    while answered.lock().unwrap().len() < 20 {
        assert!(started.elapsed() < Duration::from_secs(20), "no packets");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(dice.below(300))).await;
    drop(life);
    over.store(true, Ordering::Relaxed);
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
    std::mem::take(&mut *answered.lock().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_the_end_of_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let entity = prepare(folder.path());
    let (numbers, mut dice) = (Arc::new(AtomicU64::new(0)), Dice::new(7));
    let mut answered: Vec<(u64, i64)> = Vec::new();
    for _ in 0..LIVES {
        let life = Life::begin(folder.path());
        answered.extend(live(life, &entity, &numbers, &mut dice).await);
        let sandbox = Sandbox::open(folder.path()).unwrap();
        let books = sandbox.books();
        assert!(books.balanced, "{books}");
        for (number, fen) in &answered {
            let found = sandbox.packet(&entity.mch_id, &format!("K{number}"));
            assert_eq!(found.map(|packet| packet.total_amount.get()), Some(*fen), "K{number} was answered and is gone");
        }
        // What was on its way at the end may be there or not, but then as a whole.
        let packets = sandbox.packets(0, usize::MAX);
        let sent: i64 = packets.iter().map(|packet| packet.total_amount.get()).sum();
        assert_eq!(sandbox.balance(&entity.mch_id), Fen::new(1_000_000 + TOPPED_UP - sent));
        assert_eq!(books.in_transit, Fen::new(sent));
        let unanswered = packets.len() - answered.len();
        assert!(unanswered <= LIVES * CLIENTS, "{unanswered}");
        let distinct: BTreeSet<_> = packets.iter().map(|packet| &packet.detail_id).collect();
        assert_eq!(distinct.len(), packets.len(), "two packets with one number of WeChat's");
    }
    assert!(answered.len() >= LIVES * 20);
}

#[test]
fn a_second_sandbox_on_a_directory_is_refused_and_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let life = Life::begin(folder.path());
    let file = folder.path().join("sandbox.json");
    let (before, changed) = (std::fs::read(&file).unwrap(), std::fs::metadata(&file).unwrap().modified().unwrap());
    let mut second = Command::new(env!("CARGO_BIN_EXE_hongbao"));
    second.args(["sandbox", "--dir", folder.path().to_str().unwrap(), "--json"]);
    let output = second.args(["--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!told.contains("gateway"), "{told}");
    assert!(told.contains("another sandbox runs on this directory"), "{told}");
    assert!(told.contains("give this one another directory"), "{told}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), changed);
    drop(life);
}
