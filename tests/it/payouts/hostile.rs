//! What somebody, or some machine, does to payouts to make them go wrong.

use std::sync::Arc;

use hongbao::payout::state::Phase;

use super::flaky::{Flaky, Moment};
use super::stage::{Stage, gift, payee};

#[cfg(unix)]
#[tokio::test]
async fn a_new_ledger_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    use hongbao::payout::Sqlite;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("payouts.db");
    let ledger = Sqlite::open(&file).unwrap();
    let mode = |file: &std::path::Path| std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
    for file in ["payouts.db", "payouts.db-wal", "payouts.db-shm"] {
        assert_eq!(mode(&folder.path().join(file)), 0o600, "{file}");
    }
    // What somebody opened to others stays as it is.
    drop(ledger);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    drop(Sqlite::open(&file).unwrap());
    assert_eq!(mode(&file), 0o640);
}

/// What was claimed when the ledger broke does not wait for the end of its lease.
#[tokio::test]
async fn work_goes_on_at_once_when_the_ledger_does() {
    for (call, moment) in [
        ("due", Moment::Before),
        ("gate", Moment::Before),
        ("claim", Moment::Before),
        ("record", Moment::Before),
        ("reserve", Moment::Before),
        ("reserve", Moment::After),
        ("give_back", Moment::Before),
        ("give_back", Moment::After),
        ("set_gate", Moment::Before),
    ] {
        let mut stage = Stage::new();
        stage.rules.merchant_day = hongbao::Fen::new(1_000);
        let flaky = Flaky::calm(Arc::clone(&stage.ledger));
        let all: Vec<_> = (0..12).map(|number| gift(&format!("w{number}"), payee(number), 100)).collect();
        let campaign = stage.plan("outage", &all).await;
        let dispatcher = stage.dispatcher_on(flaky.clone(), stage.sandbox.transport(), &stage.entity);
        flaky.break_once(call, moment);
        let _ = dispatcher.pass().await;
        dispatcher.pass().await.unwrap();
        let totals = stage.ledger.totals(campaign).await.unwrap();
        let count = |phase| totals.iter().find(|total| total.phase == phase).map_or(0, |total| total.count);
        assert_eq!((count(Phase::Accepted), count(Phase::Planned)), (10, 2), "{call} {moment:?}");
        let (gate, _) = stage.ledger.gate(&stage.mch_id()).await.unwrap();
        assert!(gate.paused_until.is_some(), "{call} {moment:?}");
        // The merchant's day is over for these two, and for nobody longer.
        let tomorrow = gate.paused_until.unwrap();
        stage.advance(tomorrow.since(stage.sandbox.now()));
        dispatcher.pass().await.unwrap();
        dispatcher.pass().await.unwrap();
        assert_eq!(dispatcher.stats().accepted, 12, "{call} {moment:?}");
        stage.balanced();
    }
}
