//! Repeats, domains and what an error tells, over scripted wires.

use std::sync::Arc;
use std::time::Duration;

use hongbao::query::RedPacket;
use hongbao::wire::{Contract, Doc, Repeat, Request, write_xml};
use hongbao::{Cert, CertificateUse, Client, Entity, ErrorKind, Outcome, RetryPolicy, Sandboxed, Secret, Timeouts};
use serde::{Deserialize, Serialize};

use crate::fake::{self, Scripted, Seen, Standing, Step, client, coffee, fixture};

const MAIN: &str = "api.mch.weixin.qq.com";
const BACKUP: &str = "api2.mch.weixin.qq.com";

fn answer(name: &str) -> Step {
    Step::Answer(fixture(&format!("redpack.packet/{name}.xml")))
}

fn accepted() -> Step {
    answer("reply")
}

fn refusal(code: &str) -> Step {
    answer(&format!("refusal.{code}"))
}

fn hosts(wire: &Scripted) -> Vec<String> {
    wire.seen().into_iter().map(|seen| seen.host).collect()
}

fn business(seen: &Seen) -> Doc {
    seen.doc.iter().filter(|(name, _)| !matches!(*name, "nonce_str" | "sign")).collect()
}

/// A call that nothing protects against being made twice.
#[derive(Serialize)]
struct Once {
    body: &'static str,
}

#[derive(Debug, Deserialize)]
struct Done {}

impl Request for Once {
    const CONTRACT: Contract =
        Contract::v2("/test/once").reply_unsigned().fields(&[hongbao::wire::Field::text("body", 32)]);
    type Reply = Done;
}

const ONCE: Once = Once { body: "x" };

fn done() -> Step {
    let levels: Doc = [("return_code", "SUCCESS"), ("result_code", "SUCCESS")].into_iter().collect();
    Step::Answer(write_xml(&levels))
}

#[test]
fn the_contracts_say_what_may_be_repeated() {
    assert_eq!(hongbao::redpack::Packet::CONTRACT.repeat, Repeat::SameNumber);
    assert_eq!(hongbao::redpack::Group::CONTRACT.repeat, Repeat::SameNumber);
    assert_eq!(RedPacket::CONTRACT.repeat, Repeat::Freely);
    assert_eq!(Once::CONTRACT.repeat, Repeat::Never);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_the_same_payment() {
    for first in [
        refusal("systemerror"),
        Step::Lost,
        Step::Status(502, "<html>502 Bad Gateway</html>".into()),
        Step::Answer("<xml><return_code>SUC".into()),
    ] {
        let wire = Scripted::new([first, refusal("systemerror"), accepted()]);
        let sent = client(&wire).send(&fake::packet()).await.unwrap();
        assert_eq!(sent.send_listid, "1000041701202503183000051947263");
        let seen = wire.seen();
        assert_eq!(seen.len(), 3);
        assert_eq!(business(&seen[0]), business(&seen[1]));
        assert_eq!(business(&seen[0]), business(&seen[2]));
        for (earlier, later) in [(0, 1), (1, 2), (0, 2)] {
            let (earlier, later) = (&seen[earlier], &seen[later]);
            assert_eq!(earlier.doc.get("mch_billno"), later.doc.get("mch_billno"));
            assert_ne!(earlier.doc.get("nonce_str"), later.doc.get("nonce_str"));
            assert_ne!(earlier.doc.get("sign"), later.doc.get("sign"));
        }
        assert!(seen[1].at - seen[0].at >= Duration::from_secs(1));
        assert!(seen[2].at - seen[1].at >= Duration::from_secs(2));
        assert!(seen[2].at - seen[0].at < Duration::from_secs(4));
        // Money that may have moved is no reason to try another domain.
        assert_eq!(hosts(&wire), [MAIN, MAIN, MAIN]);
    }
}

#[tokio::test(start_paused = true)]
async fn doubt_stays_until_the_bill_is_settled() {
    for (steps, outcome, code) in [
        (vec![Step::Lost, refusal("freq_limit")], Outcome::Unknown, Some("FREQ_LIMIT")),
        (vec![Step::Lost, refusal("no_auth_risk")], Outcome::Unknown, Some("NO_AUTH")),
        (vec![refusal("systemerror"), refusal("sign_error")], Outcome::Unknown, Some("SIGN_ERROR")),
        (vec![Step::Lost, refusal("send_failed")], Outcome::Refused, Some("SEND_FAILED")),
        (vec![refusal("systemerror"), Step::Lost, refusal("send_failed")], Outcome::Refused, Some("SEND_FAILED")),
        (vec![refusal("freq_limit")], Outcome::Refused, Some("FREQ_LIMIT")),
        (vec![Step::NoConnection, refusal("freq_limit")], Outcome::Refused, Some("FREQ_LIMIT")),
        (vec![Step::Lost, Step::NoConnection, Step::NoConnection], Outcome::Unknown, None),
        (vec![Step::NoConnection, Step::NoConnection, Step::NoConnection], Outcome::NotSent, None),
        (vec![Step::NoConnection, Step::NoConnection, Step::Lost], Outcome::Unknown, None),
        (vec![Step::Lost, Step::Lost, Step::Lost], Outcome::Unknown, None),
    ] {
        let attempts = steps.len();
        let wire = Scripted::new(steps);
        let error = client(&wire).send(&fake::packet()).await.unwrap_err();
        assert_eq!((error.outcome(), error.code().map(|code| code.as_str())), (outcome, code), "{}", error.report());
        assert_eq!((wire.seen().len(), error.attempts().len(), wire.left()), (attempts, attempts, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn some_answers_are_never_met_with_the_same_call_again() {
    for name in [
        "refusal.processing",
        "refusal.fatal_error",
        "refusal.new_code",
        "refusal.forged",
        "refusal.other_number",
        "refusal.without_listid",
        "refusal.code_success",
        "refusal.communication",
        "refusal.official_sandbox",
        "refusal",
        "refusal.send_failed",
    ] {
        let wire = Scripted::new([answer(name), accepted()]);
        client(&wire).send(&fake::packet()).await.unwrap_err();
        assert_eq!((wire.seen().len(), wire.left()), (1, 1), "{name}");
    }
    let wire = Scripted::new([Step::Status(400, "<html>400 The SSL certificate error</html>".into()), accepted()]);
    client(&wire).send(&fake::packet()).await.unwrap_err();
    assert_eq!(wire.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_nothing_protects_is_sent_once() {
    for first in [
        Step::Lost,
        Step::Status(502, String::new()),
        Step::Answer(String::new()),
        Step::Answer(fixture("redpack.packet/refusal.systemerror.xml")),
    ] {
        let wire = Scripted::new([first, done()]);
        let error = client(&wire).send(&ONCE).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown);
        assert_eq!(wire.seen().len(), 1);
    }
    // Nothing left, so there is nothing to be made twice.
    let wire = Scripted::new([Step::NoConnection, Step::NoConnection, done()]);
    client(&wire).send(&ONCE).await.unwrap();
    assert_eq!(hosts(&wire), [MAIN, BACKUP, MAIN]);
    let wire = Scripted::new([Step::NoConnection, Step::Lost, done()]);
    let error = client(&wire).send(&ONCE).await.unwrap_err();
    assert_eq!((error.outcome(), wire.seen().len()), (Outcome::Unknown, 2));
}

#[tokio::test(start_paused = true)]
async fn queries_repeat_freely_and_never_give_certainty() {
    let busy = || Step::Answer(fixture("query.red_packet/refusal.systemerror.xml"));
    let found = || Step::Answer(fixture("query.red_packet/reply.xml"));
    let query = RedPacket { mch_billno: fake::packet().mch_billno };
    let wire = Scripted::new([Step::Lost, busy(), found()]);
    client(&wire).send(&query).await.unwrap();
    assert_eq!(wire.seen().len(), 3);
    let wire = Scripted::new([busy(), busy(), busy(), found()]);
    let error = client(&wire).send(&query).await.unwrap_err();
    assert_eq!((error.outcome(), wire.left()), (Outcome::Unknown, 1));
}

#[tokio::test(start_paused = true)]
async fn policies_bound_the_attempts() {
    let send = async |policy: RetryPolicy, answers: usize| {
        let wire = Scripted::new((0..answers).map(|_| refusal("systemerror")));
        let client = Client::builder(&coffee())
            .transport(Arc::<Scripted>::clone(&wire))
            .clock(Standing::at("2025-03-18 08:30:00"))
            .retry(policy)
            .timeouts(Timeouts::default())
            .build()
            .unwrap();
        client.send(&fake::packet()).await.unwrap_err();
        assert_eq!(wire.left(), 0);
        wire.seen()
    };
    send(RetryPolicy::never(), 1).await;
    let seen = send(RetryPolicy::default().attempts(5).spacing(Duration::from_secs(10)), 5).await;
    let gaps: Vec<u64> = seen.windows(2).map(|two| (two[1].at - two[0].at).as_secs()).collect();
    assert_eq!(gaps, [10, 20, 40, 80]);
    let seen = send(RetryPolicy::default().spacing(Duration::ZERO), 3).await;
    assert!(seen[1].at - seen[0].at >= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn the_backup_domain_serves_for_three_minutes() {
    let clock = Standing::at("2025-03-18 08:30:00");
    let wire = Scripted::new([
        Step::NoConnection,
        accepted(),
        accepted(),
        accepted(),
        accepted(),
        Step::Lost,
        accepted(),
        Step::NoConnection,
        Step::NoConnection,
        accepted(),
    ]);
    let client = Client::builder(&coffee())
        .transport(Arc::<Scripted>::clone(&wire))
        .clock(Arc::<Standing>::clone(&clock))
        .build()
        .unwrap();
    let packet = fake::packet();

    client.send(&packet).await.unwrap();
    let seen = wire.seen();
    assert_eq!(hosts(&wire), [MAIN, BACKUP]);
    assert_eq!(seen[0].at, seen[1].at, "nothing was sent, so nobody needs to wait");
    assert_eq!(business(&seen[0]), business(&seen[1]));

    // Clones share what is known of the domains.
    client.clone().send(&packet).await.unwrap();
    clock.advance(Duration::from_millis(179_999));
    client.send(&packet).await.unwrap();
    assert_eq!(hosts(&wire)[2..], [BACKUP, BACKUP]);

    clock.advance(Duration::from_millis(1));
    client.send(&packet).await.unwrap();
    assert_eq!(hosts(&wire)[4..], [MAIN]);
    client.send(&packet).await.unwrap();
    assert_eq!(hosts(&wire)[5..], [MAIN, MAIN], "a lost answer changes no domain");

    // Both away: main, backup at once, then main after a pause.
    client.send(&packet).await.unwrap();
    assert_eq!(hosts(&wire)[7..], [MAIN, BACKUP, MAIN]);
    let seen = wire.seen();
    assert_eq!(seen[8].at, seen[7].at);
    assert!(seen[9].at - seen[8].at >= Duration::from_secs(1));
    assert_eq!(wire.left(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_single_host_has_no_other() {
    let config = Entity { endpoint: hongbao::Endpoint::at("https://127.0.0.1:8443", ""), ..coffee() };
    let wire = Scripted::new([Step::NoConnection, Step::NoConnection, accepted()]);
    let client = Client::builder(&config)
        .transport(Arc::<Scripted>::clone(&wire))
        .clock(Standing::at("2025-03-18 08:30:00"))
        .build()
        .unwrap();
    client.send(&fake::packet()).await.unwrap();
    assert_eq!(hosts(&wire), ["127.0.0.1:8443"; 3]);
    assert!(wire.seen()[1].at - wire.seen()[0].at >= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn an_error_tells_every_attempt() {
    let wire = Scripted::new([Step::NoConnection, Step::Lost, refusal("freq_limit")]);
    let error = client(&wire).send(&fake::packet()).await.unwrap_err();
    let told: Vec<_> = error.attempts().iter().map(|one| (&*one.host, one.certificate, one.outcome)).collect();
    assert_eq!(
        told,
        [
            (MAIN, CertificateUse::NotAsked, Outcome::NotSent),
            (BACKUP, CertificateUse::Presented, Outcome::Unknown),
            (BACKUP, CertificateUse::Presented, Outcome::Refused),
        ]
    );
    let report = error.report();
    for line in [
        "FREQ_LIMIT: 超过频率限制，请稍后再试",
        "attempt 1 to api.mch.weixin.qq.com (client certificate not asked for): no connection after 0 ms",
        "attempt 2 to api2.mch.weixin.qq.com (client certificate presented): the connection ended before an answer came",
        "attempt 3 to api2.mch.weixin.qq.com (client certificate presented): FREQ_LIMIT",
        "next step: ",
    ] {
        assert!(report.contains(line), "{line} in\n{report}");
    }
    assert!(!report.contains(fake::KEY) && !format!("{error:?}").contains(fake::KEY));

    let wire = Scripted::new([Step::Lost]);
    let error = client(&wire).send(&ONCE).await.unwrap_err();
    assert_eq!(error.attempts()[0].certificate, CertificateUse::NotNeeded);
    assert!(!wire.seen()[0].certificate);
}

/// After a lost answer, the last attempt's own "nothing was sent" would mislead.
#[tokio::test(start_paused = true)]
async fn the_next_step_knows_the_earlier_attempts() {
    for last in [Step::NoConnection, refusal("freq_limit"), refusal("sign_error")] {
        let wire = Scripted::new([Step::Lost, Step::NoConnection, last]);
        let error = client(&wire).send(&fake::packet()).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown);
        assert!(error.next_step().contains("earlier attempt"), "{}", error.report());
        assert!(error.next_step().contains("never with a new number"), "{}", error.report());
    }
    let wire = Scripted::new([Step::Lost, refusal("send_failed")]);
    let error = client(&wire).send(&fake::packet()).await.unwrap_err();
    assert!(error.next_step().contains("a new number is allowed"), "{}", error.report());
}

#[tokio::test(start_paused = true)]
async fn the_report_has_the_causes_too() {
    let wire = Scripted::new([Step::Answer("<xml><a>".into()); 1]);
    let client = Client::builder(&coffee())
        .transport(Arc::<Scripted>::clone(&wire))
        .clock(Standing::at("2025-03-18 08:30:00"))
        .retry(RetryPolicy::never())
        .build()
        .unwrap();
    let error = client.send(&fake::packet()).await.unwrap_err();
    let report = error.report();
    assert!(report.contains("because: the document ends too early (at byte 8)"), "{report}");
    assert!(report.contains("never with a new number"), "{report}");
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn no_certificate_no_call() {
    let config = Entity { cert: Cert::none(), ..coffee() };
    let wire = Scripted::new([done()]);
    let client = Client::builder(&config).transport(Arc::<Scripted>::clone(&wire)).build().unwrap();
    let error = client.send(&fake::packet()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.field()), (ErrorKind::Config, Outcome::NotSent, Some("cert")));
    assert!(!error.next_step().is_empty() && error.attempts().is_empty());
    assert!(wire.seen().is_empty());
    client.send(&ONCE).await.unwrap();
}

/// Futures of the client may be spawned, and a configuration may be shared.
#[test]
fn everything_crosses_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<Client>();
    crosses::<hongbao::Merchants>();
    crosses::<hongbao::Error>();
    crosses::<Sandboxed<Entity>>();
    crosses::<Secret>();
    let send = |client: Client| async move { client.send(&fake::packet()).await.map(|_| ()) };
    let wire = Scripted::new([]);
    let future: Box<dyn Future<Output = hongbao::Result<()>> + Send> = Box::new(send(client(&wire)));
    drop(future);
}
