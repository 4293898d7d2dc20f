//! The ledger in a file: what is in the file, and what comes from outside.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hongbao::clock::Timestamp;
use hongbao::payout::ledger::{Claim, Ledger};
use hongbao::payout::state::Action;
use hongbao::payout::{CampaignId, Entry, EntryKind, NewCampaign, NewPayout, Sqlite, Template, Texts, state};
use hongbao::redpack::Extra;
use hongbao::{AppId, Error, ErrorKind, Fen, MchId, OpenId};
use rusqlite::Connection;

const NOON: Timestamp = Timestamp::from_unix(1_742_270_400);

fn mch_id() -> MchId {
    MchId::new("1510000001").unwrap()
}

fn payouts(from: usize, to: usize) -> Vec<NewPayout> {
    let new = |n: usize| NewPayout {
        key: format!("k{n}"),
        openid: OpenId::new(format!("o{n}")).unwrap(),
        amount: Fen::new(100),
        texts: Texts::default(),
    };
    (from..to).map(new).collect()
}

async fn campaign(ledger: &Sqlite) -> CampaignId {
    let template = Template {
        send_name: "蓝鲸咖啡".into(),
        wishing: "早安".into(),
        act_name: "签到有礼".into(),
        remark: "奖励".into(),
        client_ip: "203.0.113.24".parse().unwrap(),
        extra: Extra::default(),
    };
    let app_id = AppId::new("wx00f1e2d3c4b5a697").unwrap();
    let new = NewCampaign { name: "spring".into(), mch_id: mch_id(), app_id, template };
    let id = ledger.campaign(&new, NOON).await.unwrap().id;
    ledger.ready(id, "digest", NOON).await.unwrap();
    id
}

fn claim(campaign: CampaignId) -> Claim {
    Claim { campaign, action: Action::Send, limit: 7, now: NOON, until: NOON.after(Duration::from_secs(60)) }
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    (folder, path)
}

fn refusal(path: &Path) -> Error {
    let error = Sqlite::open(path).expect_err("it was opened");
    assert_eq!(error.kind(), ErrorKind::Ledger);
    error
}

#[tokio::test]
async fn what_was_stored_is_there_when_the_file_is_opened_again() {
    let (_folder, path) = folder();
    let ledger = Sqlite::open(&path).unwrap();
    let id = campaign(&ledger).await;
    ledger.add(id, &payouts(0, 20), NOON).await.unwrap();
    let claimed = ledger.claim(&claim(id)).await.unwrap();
    let entry = Entry {
        at: NOON,
        by: "test".into(),
        kind: EntryKind::Begin,
        generation: 0,
        attempt: 1,
        phase: state::Phase::Sending,
        text: "begun".into(),
        raw: None,
    };
    ledger.journalise(&[(claimed[0].id, entry.clone())]).await.unwrap();
    ledger.reserve(&mch_id(), 5, 10, NOON).await.unwrap();
    let before = (ledger.campaigns().await.unwrap(), ledger.totals(id).await.unwrap());
    drop(ledger);
    assert!(!path.with_extension("db-wal").exists(), "the log is folded in when the last one lets go");

    let ledger = Sqlite::open(&path).unwrap();
    assert_eq!((ledger.campaigns().await.unwrap(), ledger.totals(id).await.unwrap()), before);
    let known = ledger.payout(claimed[0].id).await.unwrap().unwrap();
    assert_eq!(known.version, claimed[0].version);
    assert_eq!(ledger.journal(known.id).await.unwrap(), [entry]);
    assert_eq!(ledger.reserve(&mch_id(), 1, 10, NOON).await.unwrap().first, 1_742_270_400_520_000);
    assert_eq!(ledger.claim(&claim(id)).await.unwrap().len(), 7, "seven are claimed still");
}

#[tokio::test]
async fn a_newer_ledger_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    drop(Sqlite::open(&path).unwrap());
    let raw = Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 2).unwrap();
    drop(raw);
    let before = std::fs::read(&path).unwrap();
    let error = refusal(&path);
    assert!(error.to_string().contains("version 2") && error.to_string().contains("up to 1"), "{error}");
    assert!(error.next_step().contains("newer hongbao"), "{}", error.next_step());
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_of_another_kind_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch("CREATE TABLE diary (day TEXT); INSERT INTO diary VALUES ('monday')").unwrap();
    drop(raw);
    let before = std::fs::read(&path).unwrap();
    assert!(refusal(&path).to_string().contains("not a ledger"));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let raw = Connection::open(&path).unwrap();
    raw.execute_batch("DROP TABLE diary; VACUUM").unwrap();
    for pragma in ["application_id", "user_version"] {
        raw.pragma_update(None, pragma, 7).unwrap();
        assert!(refusal(&path).to_string().contains("not a ledger"), "{pragma}");
        raw.pragma_update(None, pragma, 0).unwrap();
    }

    let text = "a,text,that,is,no,database\n".repeat(100);
    std::fs::write(&path, &text).unwrap();
    assert!(refusal(&path).next_step().contains("no ledger"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_place_that_cannot_hold_a_ledger_is_refused() {
    let (folder, path) = folder();
    assert!(refusal(folder.path()).next_step().contains("directory"));
    assert!(refusal(&folder.path().join("missing/ledger.db")).next_step().contains("directory"));
    // Whoever runs the tests may be allowed to write everywhere; this says no to anybody.
    drop(Sqlite::open(&path).unwrap());
    let read_only = PathBuf::from(format!("file:{}?mode=ro", path.display()));
    let error = refusal(&read_only);
    assert!(error.to_string().contains("read-only"), "{error}");
    assert!(error.next_step().contains("let this user write"), "{}", error.next_step());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_of_another_program_is_waited_for() {
    let (_folder, path) = folder();
    let ledger = Arc::new(Sqlite::open(&path).unwrap());
    let id = campaign(&ledger).await;
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let adding = tokio::spawn({
        let ledger = ledger.clone();
        async move { ledger.add(id, &payouts(0, 3), NOON).await }
    });
    // It stands in the queue or waits for the lock; a while later it still does.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!adding.is_finished());
    raw.execute_batch("COMMIT").unwrap();
    assert_eq!(adding.await.unwrap().unwrap().new, 3);
}

#[tokio::test]
async fn journal_numbers_and_business_fields_cannot_be_changed_in_the_file() {
    let (_folder, path) = folder();
    let ledger = Sqlite::open(&path).unwrap();
    let id = campaign(&ledger).await;
    ledger.add(id, &payouts(0, 1), NOON).await.unwrap();
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch(
        "INSERT INTO journal VALUES (1, 1, 0, 'by', 'begin', 0, 1, 'sending', '', NULL); \
         INSERT INTO number SELECT merchant, 'OLD', payout FROM recent_number",
    )
    .unwrap();
    for (sql, complaint) in [
        ("UPDATE journal SET text = 'other'", "the journal only grows"),
        ("DELETE FROM journal", "the journal only grows"),
        ("REPLACE INTO journal VALUES (1, 1, 0, 'by', 'begin', 0, 1, 'sending', 'x', NULL)", "the journal only grows"),
        ("UPDATE number SET payout = 2", "a number is given once"),
        ("DELETE FROM number", "a number is given once"),
        ("DELETE FROM payout", "a payout is never forgotten"),
        ("UPDATE payout SET amount = 200", "never change"),
        ("UPDATE payout SET openid = 'o9'", "never change"),
        ("UPDATE payout SET key = 'k9', phase = 'held'", "never change"),
        ("INSERT INTO journal VALUES (9, 9, 0, 'by', 'begin', 0, 1, 'sending', '', NULL)", "FOREIGN KEY"),
    ] {
        let error = raw.execute(sql, []).expect_err(sql).to_string();
        assert!(error.contains(complaint), "{sql}: {error}");
    }
    raw.execute("UPDATE payout SET phase = 'held'", []).unwrap();
}

/// Whoever hears that something is stored can rely on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_confirmed_another_program_sees() {
    let (_folder, path) = folder();
    let ledger = Arc::new(Sqlite::open(&path).unwrap());
    let id = campaign(&ledger).await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..40 {
        let (ledger, path) = (ledger.clone(), path.clone());
        calls.spawn(async move {
            ledger.add(id, &payouts(n, n + 1), NOON).await.unwrap();
            let raw = Connection::open(path).unwrap();
            let sql = "SELECT count(*) FROM payout WHERE key = ?";
            raw.query_row(sql, [format!("k{n}")], |row| row.get::<_, i64>(0)).unwrap()
        });
    }
    assert_eq!(calls.join_all().await, [1; 40]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ledgers_of_one_file_never_hand_out_the_same_payout() {
    let (_folder, path) = folder();
    let first = Sqlite::open(&path).unwrap();
    let id = campaign(&first).await;
    first.add(id, &payouts(0, 600), NOON).await.unwrap();
    let mut workers = tokio::task::JoinSet::new();
    for ledger in [first, Sqlite::open(&path).unwrap(), Sqlite::open(&path).unwrap()].map(Arc::new) {
        for _ in 0..3 {
            let ledger = ledger.clone();
            workers.spawn(async move {
                let mut mine = vec![];
                loop {
                    let claimed = ledger.claim(&claim(id)).await.unwrap();
                    if claimed.is_empty() {
                        return mine;
                    }
                    mine.extend(claimed.into_iter().map(|payout| payout.id));
                }
            });
        }
    }
    let all = workers.join_all().await.concat();
    assert_eq!((all.len(), all.into_iter().collect::<BTreeSet<_>>().len()), (600, 600));
}

#[test]
fn a_file_that_many_make_at_once_is_made_once() {
    for _ in 0..40 {
        let (_folder, path) = folder();
        let opened: Vec<_> = (0..6)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || Sqlite::open(path).map(drop).map_err(|error| error.report()))
            })
            .collect();
        for thread in opened {
            thread.join().unwrap().unwrap();
        }
        let raw = Connection::open(&path).unwrap();
        let mode: String = raw.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
    }
}
