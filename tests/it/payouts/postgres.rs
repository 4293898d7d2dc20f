//! The ledger in PostgreSQL: what only a server can do, and do wrong.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use hongbao::clock::Timestamp;
use hongbao::payout::ledger::{Change, Claim, Count, Filter, Recorded};
use hongbao::payout::state::{Action, Cause, Next, Phase, Proof, Standing};
use hongbao::payout::{
    CampaignId, Entry, EntryKind, Ledger, NewCampaign, NewPayout, Payout, Postgres, Rules, Template, Texts, conformance,
};
use hongbao::redpack::Extra;
use hongbao::{AppId, ErrorKind, Fen, MchId, OpenId};

use crate::postgres::{ESCAPED_PASSWORD, PASSWORD, Server, USER, server};

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(1_742_270_400 + seconds)
}

pub(super) fn mch_id() -> MchId {
    MchId::new("1510000001").unwrap()
}

pub(super) fn spring() -> NewCampaign {
    NewCampaign {
        name: "spring".to_owned(),
        mch_id: mch_id(),
        app_id: AppId::new("wx00f1e2d3c4b5a697").unwrap(),
        template: Template {
            send_name: "天虹百货".to_owned(),
            wishing: "新年快乐".to_owned(),
            act_name: "spring".to_owned(),
            remark: "NUL: \0".to_owned(),
            client_ip: [192, 168, 0, 1].into(),
            extra: Extra::default(),
        },
    }
}

pub(super) fn gift(key: &str, payee: &str) -> NewPayout {
    let openid = OpenId::new(format!("oQx4{payee:0>24}")).unwrap();
    NewPayout { key: key.to_owned(), openid, amount: Fen::new(100), texts: Texts::default() }
}

/// A campaign of so many payouts, to as many payees, that may be sent.
pub(super) async fn planned(ledger: &Postgres, payouts: usize) -> CampaignId {
    let campaign = ledger.campaign(&spring(), at(0)).await.unwrap().id;
    let gifts: Vec<NewPayout> = (0..payouts).map(|n| gift(&format!("gift-{n}"), &n.to_string())).collect();
    ledger.add(campaign, &gifts, at(0)).await.unwrap();
    ledger.ready(campaign, "digest", at(0)).await.unwrap();
    campaign
}

pub(super) fn claim(campaign: CampaignId, limit: usize) -> Claim {
    Claim { campaign, action: Action::Send, limit, now: at(1), until: at(121) }
}

pub(super) fn begun(payout: &Payout, count: Option<Count>) -> Change {
    let mut standing = payout.standing.clone();
    standing.phase = Phase::Sending;
    standing.attempts += 1;
    standing.next = Some(Next::send(at(121)));
    let entry = Entry {
        at: at(1),
        by: "worker".to_owned(),
        kind: EntryKind::Begin,
        generation: standing.generation,
        attempt: standing.attempts,
        phase: standing.phase,
        text: String::new(),
        raw: None,
    };
    Change { id: payout.id, version: payout.version, standing, entry, count, number: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_ledger_on_a_server_passes_the_suite() {
    let fresh = async || Ok(Arc::new(Postgres::connect(&server().url()).await?) as Arc<dyn Ledger>);
    conformance::run(fresh).await.unwrap();
}

#[tokio::test]
async fn a_key_that_no_index_holds_is_refused_by_name() {
    let ledger = Postgres::connect(&server().url()).await.unwrap();
    let campaign = planned(&ledger, 1).await;
    // Numbers that cannot be compressed.
    let key: String = (0..1000_u64).map(|n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let error = ledger.add(campaign, &[gift("short", "1"), gift(&key, "2")], at(0)).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("key")));
    assert_eq!(ledger.find(&mch_id(), "short").await.unwrap(), None);
}

#[tokio::test]
async fn nothing_of_a_payout_is_lost_on_the_way() {
    let ledger = Postgres::connect(&server().url()).await.unwrap();
    let known = ledger.campaign(&spring(), at(0)).await.unwrap();
    assert_eq!(known.template, spring().template);
    let mut new = gift("春节/1", "1");
    new.texts.wishing = Some("only \0 for you".to_owned());
    ledger.add(known.id, &[new.clone()], at(5)).await.unwrap();
    let payout = ledger.find(&mch_id(), "春节/1").await.unwrap().unwrap();
    assert_eq!(
        (&payout.texts, payout.amount, &payout.standing),
        (&new.texts, Fen::new(100), &Standing::planned(at(5)))
    );

    let mut standing = Standing::planned(at(5));
    standing.phase = Phase::Refused;
    standing.next = Some(Next::query(at(7)));
    (standing.generation, standing.attempts, standing.open, standing.queries) = (u32::MAX, 2, 3, 4);
    (standing.first_attempt, standing.last_attempt, standing.accepted) = (Some(at(1)), Some(at(2)), Some(at(3)));
    (standing.stuck, standing.alarmed) = (true, true);
    (standing.cause, standing.proof) = (Some(Cause::Payee), Some(Proof::Refusals));
    standing.note = Some("余额 'quoted' \\ ; -- {}".to_owned());
    (standing.received, standing.returned) = (Fen::new(1), Fen::new(i64::MAX));
    let mut change = begun(&payout, Some(Count::of(&Rules::default(), at(0))));
    change.standing = standing.clone();
    change.number = Some(hongbao::payout::bill_no(&mch_id(), "春节/1", 1).unwrap());
    change.entry.raw = Some("<xml>\0</xml>".to_owned());
    assert!(matches!(ledger.record(&[change.clone()]).await.unwrap()[..], [Recorded::Done(_)]));

    let read = ledger.payout(payout.id).await.unwrap().unwrap();
    assert_eq!(read.standing, standing);
    assert_eq!(read.counted.unwrap().to_string(), "2025-03-18");
    assert_eq!(Some(&read.number), change.number.as_ref());
    assert_eq!(ledger.journal(payout.id).await.unwrap(), [change.entry.clone()]);
    for number in [&payout.number, &read.number] {
        assert_eq!(ledger.find_number(&mch_id(), number).await.unwrap().unwrap(), read);
    }
    // What a server cannot keep in words, it replaces; it must not fail for ever.
    let mut change = Change { version: read.version, number: None, ..change };
    change.standing.note = Some("a\0b".to_owned());
    assert!(matches!(ledger.record(&[change]).await.unwrap()[..], [Recorded::Done(_)]));
    let note = ledger.payout(payout.id).await.unwrap().unwrap().standing.note;
    assert_eq!(note.as_deref(), Some("a\u{fffd}b"));
    // A key that it cannot keep is refused, and cannot be found.
    let error = ledger.add(known.id, &[gift("a\0b", "2")], at(0)).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("key")));
    assert_eq!(ledger.find(&mch_id(), "a\0b").await.unwrap(), None);
}

#[tokio::test]
async fn a_number_of_another_payout_is_refused_and_changes_nothing() {
    let ledger = Postgres::connect(&server().url()).await.unwrap();
    let campaign = planned(&ledger, 2).await;
    let [one, other] = &ledger.claim(&claim(campaign, 2)).await.unwrap()[..] else { panic!() };
    let change = Change { number: Some(other.number.clone()), ..begun(one, None) };
    let error = ledger.record(&[begun(other, None), change]).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("number")));
    assert_eq!(ledger.payout(other.id).await.unwrap().unwrap().version, other.version);
    assert!(ledger.journal(other.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn many_processes_may_open_a_new_ledger_at_once() {
    let url = server().url();
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { Postgres::connect(&url).await })
        })
        .collect();
    for ledger in opening {
        ledger.await.unwrap().unwrap().campaign(&spring(), at(0)).await.unwrap();
    }
    let ledger = Postgres::connect(&url).await.unwrap();
    assert_eq!(ledger.campaigns().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_ledger_of_a_newer_program_is_refused() {
    let schema = server().schema();
    let url = server().url_of(&schema);
    Postgres::connect(&url).await.unwrap();
    let sql = server().sql(&schema).await;
    sql.execute("INSERT INTO ledger (version) VALUES (1000)", &[]).await.unwrap();
    let error = Postgres::connect(&url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ledger);
    assert!(error.to_string().contains("has version 1000"), "{error}");
    assert!(error.next_step().contains("newer program"), "{}", error.next_step());
}

#[tokio::test]
async fn the_journal_only_grows() {
    let schema = server().schema();
    let ledger = Postgres::connect(&server().url_of(&schema)).await.unwrap();
    let campaign = planned(&ledger, 1).await;
    let payout = &ledger.claim(&claim(campaign, 1)).await.unwrap()[0];
    ledger.record(&[begun(payout, None)]).await.unwrap();
    let sql = server().sql(&schema).await;
    for statement in ["UPDATE journal SET text = 'x'", "DELETE FROM journal", "TRUNCATE journal"] {
        let error = sql.execute(statement, &[]).await.unwrap_err();
        assert!(error.as_db_error().unwrap().message().contains("only grows"), "{statement}: {error:?}");
    }
    assert_eq!(ledger.journal(payout.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn tls_is_verified_or_there_is_no_connection() {
    let schema = server().schema();
    let ca = server().ca();
    let url = |host: &str, parameters: &str| {
        let port = server().port();
        format!("postgres://{USER}:{ESCAPED_PASSWORD}@{host}:{port}/postgres?schema={schema}&{parameters}")
    };
    let trusted = format!("sslrootcert={}", ca.display());
    for (name, host, parameters) in [
        ("tls-1", "127.0.0.1", format!("sslmode=verify-full&{trusted}")),
        ("tls-2", "localhost", format!("sslmode=require&{trusted}")),
        ("tls-3", "localhost", trusted.clone()),
        ("plain-1", "localhost", format!("sslmode=disable&{trusted}")),
        ("plain-2", "localhost", "sslmode=prefer".to_owned()),
    ] {
        let ledger = Postgres::connect(&url(host, &format!("{parameters}&application_name={name}"))).await.unwrap();
        let sql = server().sql(&schema).await;
        let found = sql
            .query_one(
                "SELECT bool_and(ssl), count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                 WHERE application_name = $1",
                &[&name],
            )
            .await
            .unwrap();
        assert_eq!((found.get(0), found.get(1)), (name.starts_with("tls"), 1_i64), "{name}");
        drop(ledger);
    }
    // The machine does not trust this server, another CA did not sign for it,
    // and its certificate is for another name.
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.pem");
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(&other, certificate.pem()).unwrap();
    for (host, parameters) in [
        ("127.0.0.1", "sslmode=require".to_owned()),
        ("127.0.0.1", format!("sslrootcert={}", other.display())),
        ("127.0.0.2", format!("hostaddr=127.0.0.1&{trusted}")),
    ] {
        let error = Postgres::connect(&url(host, &parameters)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ledger, "{host} {parameters}");
        assert!(error.to_string().contains("certificate"), "{error}");
        assert!(error.next_step().contains("sslrootcert"), "{}", error.next_step());
    }
}

#[tokio::test]
async fn a_unix_socket_serves_too() {
    let url = server().socket_url(&server().schema());
    let ledger = Postgres::connect(&format!("{url}&sslmode=require")).await.unwrap();
    assert_eq!(planned(&ledger, 3).await, ledger.campaigns().await.unwrap()[0].id);
}

#[tokio::test]
pub async fn the_password_is_never_shown() {
    let good = server().url();
    let mut shown = vec![format!("{:?}", Postgres::connect(&good).await.unwrap())];
    let wrong = "an0ther-Passw0rd";
    for url in [
        good.replace(ESCAPED_PASSWORD, wrong),
        good.replace("/postgres?", "/nowhere?"),
        good.replace("127.0.0.1", "no-such-host.invalid"),
        format!("{good}&sslmode=verify-full"),
        format!("{good}&sslmode=perhaps"),
        format!("{good}&password={wrong}&sslcert=x"),
        // Not escaped.
        good.replace(ESCAPED_PASSWORD, PASSWORD),
    ] {
        let error = Postgres::connect(&url).await.unwrap_err();
        shown.push(format!("{error} {error:?} {}", error.report()));
    }
    for text in &shown {
        for secret in [PASSWORD, ESCAPED_PASSWORD, wrong, "the:tests"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    assert!(shown[0].contains("127.0.0.1"), "{}", shown[0]);
    assert!(shown[1].contains("28P01") && shown[1].contains("check user, password"), "{}", shown[1]);
    assert!(shown[2].contains("createdb"), "{}", shown[2]);
}

#[tokio::test]
async fn commits_are_durable_whatever_the_roles_default_is() {
    let schema = server().schema();
    let url = server().url_of(&schema);
    Postgres::connect(&url).await.unwrap();
    let sql = server().sql(&schema).await;
    sql.batch_execute(&format!(
        "CREATE TABLE seen AS SELECT ''::text AS setting WHERE false; \
         CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END$$; \
         CREATE TRIGGER look AFTER INSERT ON campaign EXECUTE FUNCTION look(); \
         CREATE ROLE careless_{schema} LOGIN SUPERUSER PASSWORD 'x'; \
         ALTER ROLE careless_{schema} SET synchronous_commit = off; \
         ALTER ROLE careless_{schema} SET default_transaction_isolation = 'serializable'"
    ))
    .await
    .unwrap();
    let careless = url.replace(&format!("{USER}:{ESCAPED_PASSWORD}"), &format!("careless_{schema}:x"));
    Postgres::connect(&careless).await.unwrap().campaign(&spring(), at(0)).await.unwrap();
    let setting: String = sql.query_one("SELECT setting FROM seen", &[]).await.unwrap().get(0);
    assert_eq!(setting, "on");

    sql.batch_execute(&format!("ALTER ROLE careless_{schema} SET default_transaction_read_only = on")).await.unwrap();
    let error = Postgres::connect(&careless).await.unwrap_err();
    assert!(error.next_step().contains("primary"), "{}", error.report());
    sql.batch_execute(&format!(
        "ALTER ROLE careless_{schema} RESET ALL; ALTER ROLE careless_{schema} NOSUPERUSER CONNECTION LIMIT 0"
    ))
    .await
    .unwrap();
    let error = Postgres::connect(&careless).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ledger);
    assert!(error.next_step().contains("max_connections"), "{}", error.report());
}

#[tokio::test]
async fn a_role_that_may_not_make_schemas_may_use_one() {
    let schema = server().schema();
    let url = server().url_of(&schema);
    let sql = server().sql(&schema).await;
    sql.batch_execute(&format!("CREATE ROLE modest_{schema} LOGIN PASSWORD 'x'")).await.unwrap();
    let modest = url.replace(&format!("{USER}:{ESCAPED_PASSWORD}"), &format!("modest_{schema}:x"));
    let error = Postgres::connect(&modest).await.unwrap_err();
    assert!(error.next_step().contains("create the schema"), "{}", error.report());
    sql.batch_execute(&format!("CREATE SCHEMA {schema} AUTHORIZATION modest_{schema}")).await.unwrap();
    planned(&Postgres::connect(&modest).await.unwrap(), 1).await;
}

#[tokio::test]
pub async fn the_same_ledger_works_again_after_the_server_was_restarted() {
    let server = Server::start();
    let ledger = Postgres::connect(&server.url()).await.unwrap();
    let campaign = planned(&ledger, 40).await;
    let claimed = ledger.claim(&claim(campaign, 20)).await.unwrap();
    let changes: Vec<Change> = claimed.iter().map(|payout| begun(payout, None)).collect();
    ledger.record(&changes).await.unwrap();

    for round in 0..2 {
        server.restart_immediate();
        // The connections are lost, and that may be told once for them all.
        if let Err(error) = ledger.payout(claimed[0].id).await {
            assert_eq!(error.kind(), ErrorKind::Ledger);
            assert!(!error.next_step().is_empty());
        }
        let read = ledger.payout(claimed[0].id).await.unwrap().unwrap();
        assert_eq!(read.standing, changes[0].standing, "{round}");
    }
    let left = Claim { limit: 100, ..claim(campaign, 100) };
    assert_eq!(ledger.claim(&left).await.unwrap().len(), 20);

    server.stop();
    let mut problems = vec![];
    for _ in 0..2 {
        let error = ledger.due(at(0)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ledger);
        problems.push(error.report());
    }
    assert!(problems[1].contains("connects again by itself"), "{problems:?}");
    server.start_again();
    assert_eq!(ledger.list(&Filter::all(campaign).phase(Phase::Sending), 100).await.unwrap().len(), 20);
}

#[tokio::test]
async fn a_session_that_the_administrator_ends_is_replaced() {
    let schema = server().schema();
    let ledger = Postgres::connect(&format!("{}&application_name={schema}", server().url_of(&schema))).await.unwrap();
    planned(&ledger, 1).await;
    let sql = server().sql(&schema).await;
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1";
    let ended: i64 = sql.query_one(end, &[&schema]).await.unwrap().get(0);
    assert_eq!(ended, 1);
    if let Err(error) = ledger.campaigns().await {
        assert!(error.next_step().contains("connects again by itself"), "{}", error.report());
    }
    assert_eq!(ledger.campaigns().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_ledgers_never_hand_out_the_same_payout() {
    let url = server().url();
    let ledgers = [Arc::new(Postgres::connect(&url).await.unwrap()), Arc::new(Postgres::connect(&url).await.unwrap())];
    let campaign = planned(&ledgers[0], 600).await;
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let ledger = Arc::clone(&ledgers[worker % 2]);
            tokio::spawn(async move {
                let mut mine = vec![];
                loop {
                    let claimed = ledger.claim(&claim(campaign, 7)).await.unwrap();
                    if claimed.is_empty() {
                        return mine;
                    }
                    mine.extend(claimed);
                }
            })
        })
        .collect();
    let (mut all, mut ids) = (vec![], HashSet::new());
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    assert!(all.iter().all(|payout| ids.insert(payout.id)), "{} claims of {} payouts", all.len(), ids.len());
    // What one passed over because another held it was still handed out.
    assert_eq!(all.len(), 600);
    assert!(all.iter().all(|payout| payout.standing.next == Some(Next::send(at(1)))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_workers_count_the_same_payees_without_deadlock() {
    const PAYEES: usize = 12;
    const EACH: usize = 40;
    let url = server().url();
    let ledgers = [Arc::new(Postgres::connect(&url).await.unwrap()), Arc::new(Postgres::connect(&url).await.unwrap())];
    let campaign = ledgers[0].campaign(&spring(), at(0)).await.unwrap().id;
    // Every other one is for the same payee, whose limit is reached first.
    let payee = |n: usize| if n.is_multiple_of(2) { 0 } else { n / 2 % PAYEES };
    let gifts: Vec<NewPayout> = (0..PAYEES * EACH).map(|n| gift(&format!("gift-{n}"), &payee(n).to_string())).collect();
    ledgers[0].add(campaign, &gifts, at(0)).await.unwrap();
    ledgers[0].ready(campaign, "digest", at(0)).await.unwrap();

    let count = Count {
        user_count: 25,
        // 20 yuan for a payee would be 20 packets, 200 yuan for the merchant 200.
        user: Fen::new(2_000),
        merchant: Fen::new(20_000),
        ..Count::of(&Rules::default(), at(0))
    };
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let ledger = Arc::clone(&ledgers[worker % 2]);
            tokio::spawn(async move {
                let mut told = vec![];
                for round in 0.. {
                    let mut claimed = ledger.claim(&claim(campaign, 11)).await.unwrap();
                    if claimed.is_empty() {
                        break;
                    }
                    // Each in another order.
                    let by = (worker + round) % claimed.len();
                    claimed.rotate_left(by);
                    let changes: Vec<Change> = claimed.iter().map(|payout| begun(payout, Some(count))).collect();
                    let recorded = ledger.record(&changes).await.unwrap();
                    told.extend(claimed.into_iter().map(|payout| payout.openid).zip(recorded));
                }
                told
            })
        })
        .collect();
    let mut told = vec![];
    for worker in workers {
        told.extend(worker.await.unwrap());
    }
    assert_eq!(told.len(), PAYEES * EACH);
    let number = |wanted: fn(&Recorded) -> bool| told.iter().filter(|(_, recorded)| wanted(recorded)).count();
    assert_eq!(number(|recorded| matches!(recorded, Recorded::Done(_))), 200);
    assert_eq!(number(|recorded| matches!(recorded, Recorded::Stale)), 0);
    assert!(number(|recorded| matches!(recorded, Recorded::PayeeFull)) > 0);
    assert!(number(|recorded| matches!(recorded, Recorded::MerchantFull)) > 0);
    for payee in 0..PAYEES {
        let openid = gift("", &payee.to_string()).openid;
        let done = told.iter().filter(|(who, recorded)| *who == openid && matches!(recorded, Recorded::Done(_)));
        assert!(done.count() <= 20, "{payee}");
    }
    // The server undid nothing: the order of the locks was enough.
    let sql = server().sql("public").await;
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(sql.query_one(deadlocks, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rate_is_shared_by_all_processes() {
    let url = server().url();
    let mut taken = vec![];
    let workers: Vec<_> = (0..6)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move {
                let ledger = Postgres::connect(&url).await.unwrap();
                let mut taken = vec![];
                for _ in 0..5 {
                    taken.push(ledger.reserve(&mch_id(), 3, 30, at(0)).await.unwrap());
                }
                taken
            })
        })
        .collect();
    for worker in workers {
        taken.extend(worker.await.unwrap());
    }
    taken.sort_by_key(|slots| slots.first);
    for (place, slots) in (0_i64..).zip(&taken) {
        assert_eq!((slots.first, slots.spacing), (at(0).unix_millis() * 1000 + place * 3 * 34_667, 34_667));
    }
    // Waits are measured from there.
    assert_eq!(taken[1].wait(0, at(0)), Duration::from_micros(104_001));
}

#[tokio::test]
async fn a_database_that_cannot_keep_every_text_is_refused() {
    let sql = server().sql("public").await;
    sql.batch_execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0").await.unwrap();
    let url = server().url().replace("/postgres?", "/latin?");
    let error = Postgres::connect(&url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ledger);
    assert!(error.report().contains("LATIN1") && error.next_step().contains("UTF8"), "{}", error.report());
}

/// It is asked many times a second, and most of a million payouts may be due.
#[tokio::test]
async fn what_is_due_is_found_without_a_look_at_all_payouts() {
    let schema = server().schema();
    let ledger = Postgres::connect(&server().url_of(&schema)).await.unwrap();
    for name in 0..50 {
        let other = NewCampaign { name: format!("other {name}"), ..spring() };
        let campaign = ledger.campaign(&other, at(0)).await.unwrap().id;
        ledger.ready(campaign, "digest", at(0)).await.unwrap();
    }
    planned(&ledger, 5_000).await;
    let sql = server().sql(&schema).await;
    sql.batch_execute("ANALYZE").await.unwrap();
    let looks = async |column: &str| {
        let sum = format!("SELECT {column} FROM pg_stat_user_tables WHERE schemaname = $1 AND relname = 'payout'");
        sql.query_one(&sum, &[&schema]).await.unwrap().get::<_, i64>(0)
    };
    // A session tells what it has done once a second at most, and when it ends.
    let settled = async || {
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        ledger.campaigns().await.unwrap();
        (looks("seq_scan").await, looks("idx_scan").await)
    };
    let (whole, _) = settled().await;
    for _ in 0..10 {
        assert_eq!(ledger.due(at(1)).await.unwrap().len(), 1);
        assert_eq!(ledger.next_due().await.unwrap().len(), 1);
        assert_eq!(ledger.claim(&claim(CampaignId(51), 7)).await.unwrap().len(), 7);
    }
    let (now, by_index) = settled().await;
    assert!(by_index > 0, "nothing was told yet");
    assert_eq!(now - whole, 0, "looks at all payouts");
}

#[tokio::test]
async fn who_waits_for_a_lock_is_told_so() {
    let schema = server().schema();
    let ledger = Postgres::connect(&server().url_of(&schema)).await.unwrap();
    let mut sql = server().sql(&schema).await;
    let transaction = sql.transaction().await.unwrap();
    transaction.batch_execute("LOCK TABLE campaign").await.unwrap();
    let error = ledger.campaigns().await.unwrap_err();
    assert!(error.next_step().contains("pg_locks"), "{}", error.report());
    transaction.rollback().await.unwrap();
    assert!(ledger.campaigns().await.unwrap().is_empty());
}
