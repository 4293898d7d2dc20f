//! The sandbox behind sockets: TLS, certificates, connections, faults on the wire.

use std::net::SocketAddr;
use std::time::Duration;

use hongbao::query::RedPacketStatus as Status;
use hongbao::sandbox::{Fault, FaultRule, Sandbox, Served, When};
use hongbao::{
    BillNo, Cert, CertificateUse, Client, Endpoint, Entity, ErrorKind, Fen, Outcome, RetryPolicy, Timeouts, query,
};

use crate::support::{ALICE, code, packet};

async fn serve(sandbox: &Sandbox) -> Served {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    sandbox.serve(any, any, None).await.unwrap()
}

fn once(entity: &Entity) -> Client {
    Client::builder(entity).retry(RetryPolicy::never()).build().unwrap()
}

#[tokio::test]
pub async fn one_connection_serves_many_calls() {
    let sandbox = Sandbox::new().unwrap();
    let served = serve(&sandbox).await;
    let entity = sandbox.merchants().remove(0);
    let client = once(&entity);
    client.send(&packet("A1", ALICE, 188)).await.unwrap();
    assert_eq!(served.connections(), 1);
    for _ in 0..5 {
        let found = client.send(&query::RedPacket { mch_billno: BillNo::new("A1").unwrap() }).await.unwrap();
        assert_eq!(found.status, Status::Sent);
    }
    assert_eq!(served.connections(), 1, "a further call must not shake hands again");
    let log = sandbox.requests(10);
    assert_eq!(log.len(), 6);
    assert!(log[0].certificate.contains(&entity.mch_id), "{}", log[0].certificate);
    served.stop().await;
}

#[tokio::test]
pub async fn faults_on_a_real_connection() {
    let sandbox = Sandbox::new().unwrap();
    let _served = serve(&sandbox).await;
    let client = once(&sandbox.merchants().remove(0));
    for (n, (fault, kind, moved)) in [
        (Fault::HangUpBefore, ErrorKind::Lost, 0),
        (Fault::HangUpAfter, ErrorKind::Lost, 188),
        (Fault::TruncatedBody, ErrorKind::Lost, 188),
        (Fault::Garbage, ErrorKind::Unreadable, 188),
        (Fault::BadGateway, ErrorKind::Gateway, 0),
        (Fault::SystemErrorAfter, ErrorKind::Refusal, 188),
    ]
    .into_iter()
    .enumerate()
    {
        let mch_id = client.merchant().mch_id().to_string();
        let before = sandbox.balance(&mch_id);
        sandbox.fault(FaultRule::new(fault.clone(), When::Next(1))).unwrap();
        let packet = packet(&format!("A{n}"), ALICE, 188);
        let error = client.send(&packet).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (kind, Outcome::Unknown), "{fault:?}: {}", error.report());
        assert_eq!(error.attempts()[0].certificate, CertificateUse::Presented);
        let moved = Fen::new(moved);
        assert_eq!(before.checked_sub(sandbox.balance(&mch_id)), Some(moved), "{fault:?}");
        client.send(&packet).await.unwrap();
        assert_eq!(before.checked_sub(sandbox.balance(&mch_id)), Some(Fen::new(188)), "{fault:?}");
    }
    assert!(sandbox.books().balanced);
}

#[tokio::test]
pub async fn a_late_answer_is_unknown_and_the_client_repeats_by_itself() {
    let sandbox = Sandbox::new().unwrap();
    let _served = serve(&sandbox).await;
    let entity = sandbox.merchants().remove(0);
    let mut timeouts = Timeouts::default();
    timeouts.total = Duration::from_secs(1);
    let impatient = Client::builder(&entity).timeouts(timeouts).build().unwrap();
    sandbox.fault(FaultRule::new(Fault::Delay { millis: 4_000 }, When::Next(1))).unwrap();
    impatient.send(&packet("A1", ALICE, 188)).await.unwrap();
    assert_eq!(sandbox.requests(10).len(), 2, "one lost answer, one repeat");
    assert_eq!(sandbox.balance(&entity.mch_id), Fen::new(999_812));

    sandbox.fault(FaultRule::new(Fault::Delay { millis: 4_000 }, When::Next(1))).unwrap();
    let impatient = Client::builder(&entity).timeouts(timeouts).retry(RetryPolicy::never()).build().unwrap();
    let error = impatient.send(&packet("A2", ALICE, 188)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Lost, Outcome::Unknown));
    assert!(error.report().contains("in time"), "{}", error.report());
}

#[tokio::test]
pub async fn nothing_is_sent_to_the_wrong_server() {
    let sandbox = Sandbox::new().unwrap();
    let served = serve(&sandbox).await;
    let entity = sandbox.merchants().remove(0);
    let address = served.gateway();
    let elsewhere = Sandbox::new().unwrap();

    let wrong_ca = Entity { endpoint: Endpoint::at(&address, elsewhere.ca_pem()), ..entity.clone() };
    let error = once(&wrong_ca).send(&packet("A1", ALICE, 188)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, Outcome::NotSent));
    assert!(error.to_string().contains("not trusted"), "{}", error.report());

    // 127.0.0.2 is this machine too, but not in the certificate.
    let port = address.rsplit(':').next().unwrap().to_owned();
    let any = SocketAddr::from(([127, 0, 0, 2], 0));
    let second = sandbox.serve(any, any, None).await.unwrap();
    let wrong_name = Entity { endpoint: Endpoint::at(second.gateway(), sandbox.ca_pem()), ..entity.clone() };
    let error = once(&wrong_name).send(&packet("A1", ALICE, 188)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, Outcome::NotSent));
    assert!(error.to_string().contains("another host name"), "{}", error.report());

    served.stop().await;
    let gone =
        Entity { endpoint: Endpoint::at(format!("https://127.0.0.1:{port}"), sandbox.ca_pem()), ..entity.clone() };
    let error = once(&gone).send(&packet("A1", ALICE, 188)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, Outcome::NotSent));
    assert_eq!(error.attempts()[0].host, format!("127.0.0.1:{port}"));
    assert_eq!(sandbox.balance(&entity.mch_id), Fen::new(1_000_000));
    assert!(sandbox.requests(10).is_empty());
}

#[tokio::test]
pub async fn foreign_certificates_pay_nothing() {
    let sandbox = Sandbox::new().unwrap();
    let _served = serve(&sandbox).await;
    let [north, south] = &sandbox.merchants()[..] else { panic!("two merchants") };
    let elsewhere = Sandbox::new().unwrap();

    // The same merchant number from another CA: the client cannot know, the
    // gate does.
    let foreign = Entity { cert: elsewhere.merchants().remove(0).cert, ..north.clone() };
    let error = once(&foreign).send(&packet("A1", ALICE, 188)).await.unwrap_err();
    assert_eq!((code(&error), error.outcome()), ("CA_ERROR", Outcome::Refused));
    assert!(sandbox.requests(1)[0].note.as_deref().unwrap().contains("not accepted"));

    // Another merchant's certificate is noticed before anything is sent.
    let swapped = Entity { cert: south.cert.clone(), ..north.clone() };
    let error = Client::new(&swapped).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Config, Some("cert")));

    // Five years on, the gateway's clock has seen it expire.
    let client = once(north);
    sandbox.advance(Duration::from_secs(6 * 366 * 86_400)).unwrap();
    let error = client.send(&packet("A1", ALICE, 188)).await.unwrap_err();
    assert_eq!((code(&error), error.outcome()), ("CA_ERROR", Outcome::Refused));
    assert!(sandbox.requests(1)[0].note.as_deref().unwrap().contains("expired"));

    let bare = Entity { cert: Cert::none(), ..north.clone() };
    let error = once(&bare).send(&packet("A1", ALICE, 188)).await.unwrap_err();
    assert_eq!((error.field(), error.outcome()), (Some("cert"), Outcome::NotSent));
    assert_eq!(sandbox.balance(&north.mch_id), Fen::new(1_000_000));
}

#[tokio::test]
pub async fn a_wrong_key_is_explained_in_the_log() {
    let sandbox = Sandbox::new().unwrap();
    let _served = serve(&sandbox).await;
    let [north, south] = &sandbox.merchants()[..] else { panic!("two merchants") };
    let wrong = Entity { key: south.key.clone(), ..north.clone() };
    let error = once(&wrong).send(&packet("A1", ALICE, 188)).await.unwrap_err();
    assert_eq!((code(&error), error.outcome()), ("SIGN_ERROR", Outcome::Refused));
    let note = sandbox.requests(1)[0].note.clone().unwrap();
    assert!(note.contains("act_name=签到有礼&client_ip=203.0.113.24&mch_billno=A1"), "{note}");
    assert!(!note.contains("HongbaoSandbox"), "{note}");
}

#[tokio::test]
pub async fn an_entity_of_ones_own_is_admitted() {
    let sandbox = Sandbox::new().unwrap();
    let _served = serve(&sandbox).await;
    let mine = mine();
    let config = sandbox.admit(&mine, Fen::new(5_000)).unwrap();
    let client = Client::builder(&config).retry(RetryPolicy::never()).build().unwrap();
    client.send(&packet("A1", ALICE, 188)).await.unwrap();
    assert_eq!(sandbox.balance("1230004567"), Fen::new(4_812));
    assert!(sandbox.books().balanced);
}

#[test]
fn an_admitted_entity_keeps_settings_and_money() {
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let sandbox = Sandbox::open(directory.path()).unwrap();
        sandbox.admit(mine(), Fen::new(5_000)).unwrap();
        sandbox.admit(mine(), Fen::new(5_000)).unwrap();
        assert_eq!(sandbox.balance("1230004567"), Fen::new(5_000));
        let (before, after) = (sandbox.settings("1230004567").unwrap().fee_rate, 38);
        sandbox.change_settings("1230004567", |settings| settings.fee_rate = after).unwrap();
        drop(sandbox);
        let sandbox = Sandbox::open(directory.path()).unwrap();
        sandbox.admit(mine(), Fen::new(5_000)).unwrap();
        assert_eq!(sandbox.settings("1230004567").unwrap().fee_rate, after, "was {before}");
    }
}

fn mine() -> Entity {
    Entity {
        name: "我的公司".into(),
        app_id: "wx2f3a4b5c6d7e8f90".into(),
        mch_id: "1230004567".into(),
        key: "0123456789abcdef0123456789abcdef".into(),
        cert: Cert::pem_files("fixtures/certificates/merchant.cert.pem", "fixtures/certificates/merchant.key.pem"),
        endpoint: Endpoint::production(),
        digest: hongbao::wire::Digest::Md5,
        sub_merchant: None,
    }
}
