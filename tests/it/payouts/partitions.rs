//! The partitioned layout of `docs/PARTITIONS.md`, executed as it stands there.

use hongbao::ErrorKind;
use hongbao::payout::ledger::Recorded;
use hongbao::payout::state::Phase;
use hongbao::payout::{Ledger, Postgres};

use super::postgres::{at, begun, claim, gift, mch_id, planned, spring};
use crate::postgres::server;
use crate::source::root;

/// The blocks of SQL of the page, in order.
fn blocks() -> [String; 3] {
    let page = std::fs::read_to_string(root().join("docs/PARTITIONS.md")).unwrap();
    let blocks = page.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.collect::<Vec<_>>().try_into().unwrap()
}

#[tokio::test]
async fn the_engine_runs_over_merchants_and_months() {
    let [layout, months, detach] = blocks();
    let schema = server().schema();
    let url = server().url_of(&schema);
    Postgres::connect(&url).await.unwrap();
    let sql = server().sql(&schema).await;
    sql.batch_execute(&layout).await.unwrap();

    let ledger = Postgres::connect(&url).await.unwrap();
    let campaign = ledger.campaign(&spring(), at(0)).await.unwrap().id;
    // No month, no payout.
    let error = ledger.add(campaign, &[gift("early", "1")], at(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ledger);
    for _ in 0..2 {
        sql.batch_execute(&months).await.unwrap();
    }
    // What the tests do happens in a March of long ago.
    sql.batch_execute("SELECT partition_for('1510000001', '2025-03-01')").await.unwrap();

    assert_eq!(planned(&ledger, 10).await, campaign);
    let again = ledger.add(campaign, &[gift("gift-3", "3")], at(0)).await.unwrap();
    assert_eq!((again.new, again.known), (0, 1));
    let claimed = ledger.claim(&claim(campaign, 20)).await.unwrap();
    assert_eq!(claimed.len(), 10);
    let changes: Vec<_> = claimed.iter().map(|payout| begun(payout, None)).collect();
    assert!(ledger.record(&changes).await.unwrap().iter().all(|told| matches!(told, Recorded::Done(_))));
    assert_eq!(ledger.record(&changes).await.unwrap(), [Recorded::Stale; 10]);
    let one = ledger.find_number(&mch_id(), &claimed[4].number).await.unwrap().unwrap();
    assert_eq!((&one.key, one.standing.phase), (&claimed[4].key, Phase::Sending));
    assert_eq!(ledger.journal(one.id).await.unwrap().len(), 1);
    assert_eq!(ledger.totals(campaign).await.unwrap()[0].count, 10);

    // The journal's guard is in the partition too.
    for table in ["journal", "journal_2025_03"] {
        let error = sql.execute(&format!("DELETE FROM {table}"), &[]).await.unwrap_err();
        assert!(error.as_db_error().unwrap().message().contains("only grows"), "{error:?}");
    }
    // The same key in another month.
    let copy = "INSERT INTO payout (campaign, mch_id, key, openid, amount, number, phase, month)
        SELECT campaign, mch_id, key, openid, amount, number || 'X', phase, month + interval '1 month'
        FROM payout LIMIT 1";
    let error = sql.execute(copy, &[]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "23505");

    // A month goes when all of it is settled, and its keys stay taken.
    let error = sql.batch_execute(&detach).await.unwrap_err();
    assert!(error.as_db_error().unwrap().message().contains("10 payouts"), "{error:?}");
    let claimed: Vec<_> = changes
        .iter()
        .map(|change| {
            let mut change = change.clone();
            change.version.0 += 1;
            change.standing.phase = Phase::Received;
            change.standing.next = None;
            change
        })
        .collect();
    assert!(ledger.record(&claimed).await.unwrap().iter().all(|told| matches!(told, Recorded::Done(_))));
    sql.batch_execute(&detach).await.unwrap();
    assert!(ledger.totals(campaign).await.unwrap().is_empty());
    let error = ledger.add(campaign, &[gift("gift-3", "3")], at(0)).await.unwrap_err();
    // The month's partition is gone, and the key would be refused in any other.
    assert_eq!(error.kind(), ErrorKind::Ledger);
    sql.batch_execute("ALTER TABLE payout ALTER COLUMN month SET DEFAULT '2025-03-01'").await.unwrap();
    let error = ledger.add(campaign, &[gift("gift-3", "3")], at(0)).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("key")));
}
