//! Faults and sizes that only the inside can bring about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::Ipv4Addr;
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::Connection;

use super::*;
use crate::error::ErrorKind;
use crate::ids::{AppId, OpenId};
use crate::money::Fen;
use crate::payout::record::{Template, Texts};
use crate::payout::state::{Action, Phase, Standing};
use crate::redpack::Extra;

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
    let text = String::from;
    let template = Template {
        send_name: text("蓝鲸咖啡"),
        wishing: text("早安"),
        act_name: text("签到有礼"),
        remark: text("奖励"),
        client_ip: Ipv4Addr::new(203, 0, 113, 24),
        extra: Extra::default(),
    };
    let app_id = AppId::new("wx00f1e2d3c4b5a697").unwrap();
    let new = NewCampaign { name: text("spring"), mch_id: mch_id(), app_id, template };
    let id = ledger.campaign(&new, NOON).await.unwrap().id;
    ledger.ready(id, "digest", NOON).await.unwrap();
    id
}

/// In a file of its own, with this many payouts.
async fn filled(count: usize) -> (tempfile::TempDir, Sqlite, CampaignId) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Sqlite::open(folder.path().join("ledger.db")).unwrap();
    let id = campaign(&ledger).await;
    ledger.add(id, &payouts(0, count), NOON).await.unwrap();
    (folder, ledger, id)
}

impl Sqlite {
    /// Runs this on the ledger's own connection, outside of any operation's transaction.
    async fn set(&self, pragma: &'static str) {
        self.0
            .read(move |connection| {
                connection.execute_batch("ROLLBACK")?;
                Ok(connection.execute_batch(pragma)?)
            })
            .await
            .unwrap();
    }

    async fn ask<T: rusqlite::types::FromSql + Send + 'static>(&self, sql: &'static str) -> T {
        self.0.read(move |connection| Ok(connection.query_row(sql, [], |row| row.get(0))?)).await.unwrap()
    }

    fn claim_of(id: CampaignId) -> Claim {
        Claim { campaign: id, action: Action::Send, limit: 10, now: NOON, until: NOON.after(Duration::from_secs(60)) }
    }
}

#[tokio::test]
async fn every_commit_waits_for_the_disk() {
    let (_folder, ledger, _) = filled(1).await;
    assert_eq!(ledger.ask::<String>("PRAGMA journal_mode").await, "wal");
    // FULL.
    assert_eq!(ledger.ask::<i64>("PRAGMA synchronous").await, 2);
    assert_eq!(ledger.ask::<i64>("PRAGMA foreign_keys").await, 1);
    assert_eq!(ledger.ask::<i64>("PRAGMA busy_timeout").await, 5000);
    assert_eq!(ledger.ask::<i64>("PRAGMA cache_size").await, -32_768);
    assert_eq!(ledger.ask::<i64>("PRAGMA temp_store").await, 2);
}

#[tokio::test]
async fn a_full_disk_changes_nothing_and_work_goes_on_when_there_is_room() {
    let (_folder, ledger, id) = filled(10).await;
    ledger.set("PRAGMA max_page_count = 1").await; // SQLite takes it for the present size
    let error = ledger.add(id, &payouts(10, 2000), NOON).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ledger);
    assert!(error.next_step().contains("make room"), "{}", error.report());
    assert_eq!(ledger.find(&mch_id(), "k10").await.unwrap(), None);
    assert_eq!(ledger.totals(id).await.unwrap()[0].count, 10);
    ledger.set("PRAGMA max_page_count = 1000000").await;
    assert_eq!(ledger.add(id, &payouts(10, 2000), NOON).await.unwrap().new, 1990);
    assert_eq!(ledger.claim(&Sqlite::claim_of(id)).await.unwrap().len(), 10);
}

#[tokio::test]
async fn a_file_that_becomes_read_only_is_an_error_until_it_is_writable_again() {
    let (_folder, ledger, id) = filled(10).await;
    ledger.set("PRAGMA query_only = 1").await;
    let error = ledger.claim(&Sqlite::claim_of(id)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ledger);
    assert!(error.next_step().contains("let this user write"), "{}", error.report());
    assert_eq!(ledger.due(NOON).await.unwrap().len(), 1, "reading goes on");
    ledger.set("PRAGMA query_only = 0").await;
    assert_eq!(ledger.claim(&Sqlite::claim_of(id)).await.unwrap().len(), 10);
}

#[tokio::test]
async fn a_lock_that_stays_is_an_error_and_work_goes_on_when_it_ends() {
    let (folder, ledger, id) = filled(10).await;
    ledger.set("PRAGMA busy_timeout = 20").await;
    let other = Connection::open(folder.path().join("ledger.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = ledger.claim(&Sqlite::claim_of(id)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ledger);
    assert!(error.next_step().contains("another program is writing"), "{}", error.report());
    assert_eq!(ledger.due(NOON).await.unwrap().len(), 1, "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(ledger.claim(&Sqlite::claim_of(id)).await.unwrap().len(), 10);
}

/// Holds the ledger's thread until the other end is dropped, so that what is
/// asked meanwhile shares one transaction.
fn hold(ledger: &Sqlite) -> (mpsc::Sender<()>, impl Future<Output = Result<()>>) {
    let (release, held) = mpsc::channel::<()>();
    let waiting = ledger.0.read(move |_| {
        let _ = held.recv();
        Ok(())
    });
    (release, waiting)
}

/// `spoil` fails; its neighbours in the same transaction must not notice.
async fn neighbours_of(spoil: &'static str) {
    let (_folder, ledger, id) = filled(0).await;
    let (release, waiting) = hold(&ledger);
    let (first, last) = (payouts(0, 5), payouts(5, 10));
    let spoilt = ledger.0.write(move |connection| {
        connection.execute_batch("INSERT INTO merchant (mch_id) VALUES ('spoilt')")?;
        Ok(connection.execute_batch(spoil)?)
    });
    // Polled in this order, and all before the thread goes on.
    let release = async {
        drop(release);
        Ok::<_, crate::Error>(())
    };
    let (_, before, spoilt, after, _) =
        tokio::join!(waiting, ledger.add(id, &first, NOON), spoilt, ledger.add(id, &last, NOON), release);
    assert_eq!((before.unwrap().new, after.unwrap().new), (5, 5), "{spoil}");
    let error = spoilt.expect_err(spoil);
    assert_eq!(error.kind(), ErrorKind::Ledger);
    assert_eq!(ledger.ask::<i64>("SELECT count(*) FROM payout").await, 10);
    assert_eq!(ledger.ask::<i64>("SELECT count(*) FROM merchant WHERE mch_id = 'spoilt'").await, 0);
}

#[tokio::test]
async fn an_operation_that_fails_undoes_only_itself() {
    neighbours_of("INSERT INTO merchant (id, mch_id) VALUES (1, 'taken')").await;
}

#[tokio::test]
async fn a_transaction_that_is_lost_is_repeated_by_each_alone() {
    neighbours_of("ROLLBACK; SELECT no_such_function()").await;
}

#[tokio::test]
async fn what_waits_shares_one_commit() {
    let (folder, ledger, id) = filled(0).await;
    let ledger = std::sync::Arc::new(ledger);
    let (release, waiting) = hold(&ledger);
    let batches: Vec<_> = (0..20).map(|n| payouts(n, n + 1)).collect();
    let mut calls: tokio::task::JoinSet<Result<Comparison>> = tokio::task::JoinSet::new();
    for batch in batches {
        let ledger = ledger.clone();
        calls.spawn(async move { ledger.add(id, &batch, NOON).await });
    }
    let before = std::fs::metadata(folder.path().join("ledger.db-wal")).unwrap().len();
    let release = async {
        // The calls stand in the queue once they were polled.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        drop(release);
    };
    tokio::join!(waiting, release).0.unwrap();
    for added in calls.join_all().await {
        assert_eq!(added.unwrap().new, 1);
    }
    let after = std::fs::metadata(folder.path().join("ledger.db-wal")).unwrap().len();
    // Each commit writes at least five pages again: payout, two indexes, number, total.
    let pages = (after - before) / 4096;
    assert!((1..40).contains(&pages), "{pages} pages for twenty calls");
}

#[tokio::test]
async fn numbers_are_unique_and_found_when_they_have_moved_on() {
    let ledger = Sqlite::in_memory().unwrap();
    let id = campaign(&ledger).await;
    ledger.add(id, &payouts(0, 10), NOON).await.unwrap();
    // As if there were many: the next ids pass the mark at 65536.
    ledger
        .0
        .write(move |connection| {
            connection.execute(
                "INSERT INTO payout (id, campaign, key, openid, amount, number, phase) \
                 VALUES (65530, ?, 'far', 'o', 1, 'FAR', 'planned')",
                [id.0],
            )?;
            Ok(())
        })
        .await
        .unwrap();
    ledger.add(id, &payouts(10, 13), NOON).await.unwrap();
    assert_eq!(ledger.ask::<i64>("SELECT count(*) FROM number").await, 0);
    // Not even a conflict on the way loses any.
    let mut conflict = payouts(12, 25);
    conflict[0].amount = Fen::new(7);
    assert_eq!(ledger.add(id, &conflict, NOON).await.unwrap().conflicts.len(), 1);
    assert_eq!(ledger.ask::<i64>("SELECT count(*) FROM number").await, 0);
    ledger.add(id, &payouts(13, 20), NOON).await.unwrap();
    assert_eq!(ledger.ask::<i64>("SELECT count(*) FROM number").await, 20);
    assert_eq!(ledger.ask::<i64>("SELECT count(*) FROM recent_number").await, 0);
    let again = ledger.add(id, &payouts(0, 30), NOON).await.unwrap();
    assert_eq!((again.new, again.known), (10, 20));
    assert_eq!(ledger.compare(id, &payouts(0, 31)).await.unwrap().known, 30);
    for new in payouts(0, 30) {
        let found = ledger.find_number(&mch_id(), &new.number(&mch_id()).unwrap()).await.unwrap();
        assert_eq!(found.map(|payout| payout.key), Some(new.key));
    }
    // One that moved on cannot be given to another payout.
    let (old, young) = (payouts(3, 4).pop().unwrap(), ledger.find(&mch_id(), "k29").await.unwrap().unwrap());
    let entry = Entry {
        at: NOON,
        by: "test".to_owned(),
        kind: crate::payout::EntryKind::Permit,
        generation: 1,
        attempt: 0,
        phase: Phase::Planned,
        text: String::new(),
        raw: None,
    };
    let number = Some(old.number(&mch_id()).unwrap());
    let standing = Standing::planned(NOON);
    let change = Change { id: young.id, version: young.version, standing, entry, count: None, number };
    let error = ledger.record(&[change]).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("number")));
}

#[tokio::test]
async fn what_is_due_and_what_a_person_sees_comes_from_an_index() {
    let ledger = Sqlite::in_memory().unwrap();
    let held = format!("{} WHERE p.campaign = ? AND p.id > ? AND p.phase = 'held' ORDER BY p.id LIMIT ?", rows::PAYOUT);
    let page = format!("{} WHERE p.campaign = ? AND p.id > ? ORDER BY p.id LIMIT ?", rows::PAYOUT);
    let alarmed = format!("{} WHERE p.campaign = ? AND p.id > ? AND p.alarmed = 1 ORDER BY p.id LIMIT ?", rows::PAYOUT);
    for (sql, index) in [
        (work::DUE.to_owned(), "payout_due"),
        (work::NEXT_DUE.to_owned(), "payout_due"),
        (format!("{} {}", rows::PAYOUT, work::CLAIMED), "payout_due"),
        (held, "payout_person"),
        (page, "payout_campaign"),
        (alarmed, "payout_alarmed"),
    ] {
        let explained = format!("EXPLAIN QUERY PLAN {sql}");
        let plan: Vec<String> = ledger
            .0
            .read(move |connection| {
                let mut statement = connection.prepare(&explained)?;
                for place in 1..=statement.parameter_count() {
                    statement.raw_bind_parameter(place, 1)?;
                }
                let mut rows = statement.raw_query();
                let mut plan = vec![];
                while let Some(row) = rows.next()? {
                    plan.push(row.get(3)?);
                }
                Ok(plan)
            })
            .await
            .unwrap();
        let plan = plan.join("\n");
        assert!(plan.contains(index) && !plan.contains("SCAN p") && !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    }
}

/// A simulation counts on it.
#[test]
fn in_memory_each_call_is_done_at_once() {
    use std::task::{Context, Poll, Waker};

    let ledger = Sqlite::in_memory().unwrap();
    let mut call = std::pin::pin!(ledger.next_due());
    let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Ok(moments)) if moments.is_empty()));
}
