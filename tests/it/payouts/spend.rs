//! "Spend and get" over a real ledger: one gift for an order, and no more than
//! the rule grants for a user, whoever notifies at the same time.

use std::sync::Arc;

use hongbao::clock::Timestamp;
use hongbao::pay::Payment;
use hongbao::payout::ledger::{Filter, Ledger};
use hongbao::payout::spend::{Gift, Given, NoGift, Rule};
use hongbao::payout::{Campaign, NewCampaign, Postgres, Sqlite};
use hongbao::{ErrorKind, Fen, MchId};
use serde_json::json;
use tokio::task::JoinSet;

use crate::payouts::told::{Told, at};
use crate::postgres::server;

const ALICE: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";
const BOB: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS7b";

fn now() -> Timestamp {
    at("2025-03-18 12:00:00")
}

fn rule(per_user: Option<u32>) -> Rule {
    Rule {
        name: "spring".into(),
        threshold: Fen::new(10_000),
        gift: Gift::Fixed(Fen::new(188)),
        per_user,
        first_day: "2025-03-18".parse().unwrap(),
        last_day: "2025-03-18".parse().unwrap(),
    }
}

fn payment(order: &str, openid: &str, fen: i64) -> Payment {
    let fields = json!({
        "transaction_id": format!("4200{order}"), "out_trade_no": order, "total_fee": fen,
        "openid": openid, "time_end": "20250318115959",
    });
    serde_json::from_value(fields).unwrap()
}

async fn campaign(ledger: &dyn Ledger, name: &str) -> Campaign {
    let Campaign { mch_id, app_id, template, .. } = Told::new(name).campaign;
    ledger.campaign(&NewCampaign { name: name.to_owned(), mch_id, app_id, template }, now()).await.unwrap()
}

async fn kept(ledger: &dyn Ledger, campaign: &Campaign) -> Vec<(String, String, i64)> {
    let all = ledger.list(&Filter::all(campaign.id), 10_000).await.unwrap();
    all.into_iter().map(|payout| (payout.key, payout.openid.to_string(), payout.amount.get())).collect()
}

/// An order has one gift, whatever the rule says by then.
async fn an_order_has_one_gift(ledger: Arc<dyn Ledger>) {
    for per_user in [None, Some(2)] {
        let rule = Rule { name: format!("once-{per_user:?}"), ..rule(per_user) };
        let campaign = campaign(&*ledger, &rule.name).await;
        let give = async |rule: &Rule, payment: &Payment| rule.give(&*ledger, &campaign, payment, now()).await;
        let first = payment("T00001", ALICE, 10_000);
        let Given::Planned(payout) = give(&rule, &first).await.unwrap() else { panic!("no gift") };
        assert_eq!(payout.key, format!("{}/T00001", rule.name));
        for _ in 0..3 {
            assert_eq!(give(&rule, &first).await.unwrap(), Given::Before);
        }
        let richer = Rule { gift: Gift::Fixed(Fen::new(288)), ..rule.clone() };
        assert_eq!(give(&richer, &first).await.unwrap(), Given::Before);
        let poor = payment("T00002", ALICE, 9_999);
        assert_eq!(give(&rule, &poor).await.unwrap(), Given::Nothing(NoGift::BelowThreshold));
        let error = give(&rule, &payment("T00001", BOB, 10_000)).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("openid")));
        assert_eq!(kept(&*ledger, &campaign).await, [(payout.key, ALICE.to_owned(), 188)]);
        let found = ledger.find(&MchId::new("1510000001").unwrap(), &format!("{}/T00001", rule.name)).await.unwrap();
        assert_eq!(found.unwrap().amount, Fen::new(188));
    }
}

/// A user gets what the rule grants, and repeats do not use it up.
async fn a_user_has_a_limit(ledger: Arc<dyn Ledger>) {
    let (rule, campaign) = (rule(Some(2)), campaign(&*ledger, "limit").await);
    let rule = Rule { name: "limit".into(), ..rule };
    let mut given = vec![];
    for (order, openid) in [
        ("T00001", ALICE),
        ("T00001", ALICE),
        ("T00002", ALICE),
        ("T00003", ALICE),
        ("T00001", ALICE),
        ("T00003", ALICE),
        ("T00004", BOB),
    ] {
        given.push(match rule.give(&*ledger, &campaign, &payment(order, openid, 10_000), now()).await.unwrap() {
            Given::Planned(_) => 'p',
            Given::Before => 'b',
            Given::LimitReached => 'l',
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(given, ['p', 'b', 'p', 'l', 'b', 'l', 'p']);
    // Granted more, the order that came too late gets its gift after all.
    let more = Rule { per_user: Some(3), ..rule };
    let again = more.give(&*ledger, &campaign, &payment("T00003", ALICE, 10_000), now()).await.unwrap();
    assert!(matches!(again, Given::Planned(_)), "{again:?}");
    assert_eq!(kept(&*ledger, &campaign).await.len(), 4);
}

/// Twelve orders of one user, each told four times, all at once and through
/// several ledgers of one store: three gifts, each of another order.
async fn the_limit_holds_between_processes(ledgers: Vec<Arc<dyn Ledger>>) {
    let campaign = Arc::new(campaign(&*ledgers[0], "race").await);
    let rule = Arc::new(Rule { name: "race".into(), ..rule(Some(3)) });
    let mut tasks = JoinSet::new();
    for place in 0..48 {
        let (ledger, campaign, rule) = (ledgers[place % ledgers.len()].clone(), campaign.clone(), rule.clone());
        tasks.spawn(async move {
            let payment = payment(&format!("R000{:02}", place / 4), ALICE, 10_000);
            rule.give(&*ledger, &campaign, &payment, now()).await.unwrap()
        });
    }
    let given = tasks.join_all().await;
    let count = |wanted: fn(&Given) -> bool| given.iter().filter(|one| wanted(one)).count();
    assert_eq!(count(|given| matches!(given, Given::Planned(_))), 3);
    assert_eq!(count(|given| matches!(given, Given::Before)), 9);
    assert_eq!(count(|given| matches!(given, Given::LimitReached)), 36);
    let kept = kept(&*ledgers[0], &campaign).await;
    let orders: std::collections::BTreeSet<_> = kept.iter().map(|(key, ..)| key).collect();
    assert_eq!((kept.len(), orders.len()), (3, 3));
}

#[tokio::test]
async fn an_order_has_one_gift_in_sqlite() {
    an_order_has_one_gift(Arc::new(Sqlite::in_memory().unwrap())).await;
}

#[tokio::test]
async fn a_user_has_a_limit_in_sqlite() {
    a_user_has_a_limit(Arc::new(Sqlite::in_memory().unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_holds_between_processes_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(Sqlite::open(folder.path().join("ledger.db")).unwrap()) as Arc<dyn Ledger>;
    the_limit_holds_between_processes(vec![open(), open(), open()]).await;
}

async fn postgres(url: &str) -> Arc<dyn Ledger> {
    Arc::new(Postgres::connect(url).await.unwrap())
}

#[tokio::test]
async fn an_order_has_one_gift_in_postgres() {
    an_order_has_one_gift(postgres(&server().url()).await).await;
}

#[tokio::test]
async fn a_user_has_a_limit_in_postgres() {
    a_user_has_a_limit(postgres(&server().url()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_holds_between_processes_in_postgres() {
    let url = server().url();
    the_limit_holds_between_processes(vec![postgres(&url).await, postgres(&url).await, postgres(&url).await]).await;
}

/// A ledger that cannot count gives nothing rather than too much.
#[tokio::test]
async fn a_ledger_that_does_not_count_gives_nothing() {
    let told = Told::new("spring");
    let error = rule(Some(1)).give(&told, &told.campaign, &payment("T00001", ALICE, 10_000), now()).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("per_user")));
}
