//! What the client does on a real connection, seen from the other end.

use std::sync::{Arc, Mutex};

use hongbao::sandbox::Sandbox;
use hongbao::{BillNo, CertificateUse, Client, Endpoint, Entity, ErrorKind, Outcome, RetryPolicy, query};

use crate::canned::{Canned, ok};
use crate::support::{ALICE, packet};

fn entity(sandbox: &Sandbox, server: &Canned) -> Entity {
    let endpoint = Endpoint::at(server.base(), server.ca_pem.as_str());
    Entity { endpoint, ..sandbox.merchants().remove(0) }
}

fn once(entity: &Entity) -> Client {
    Client::builder(entity).retry(RetryPolicy::never()).build().unwrap()
}

#[tokio::test]
async fn says_who_it_is_and_what_it_sends() {
    let sandbox = Sandbox::new().unwrap();
    let seen = Arc::new(Mutex::new(String::new()));
    let record = Arc::clone(&seen);
    let server = Canned::start(Some(sandbox.ca_pem()), move |request| {
        record.lock().unwrap().push_str(request);
        ok("<xml><return_code>FAIL</return_code></xml>")
    })
    .await;
    let entity = entity(&sandbox, &server);
    let error = once(&entity).send(&packet("A1", ALICE, 188)).await.unwrap_err();
    assert_eq!(error.attempts()[0].certificate, CertificateUse::Presented);

    let request = seen.lock().unwrap().clone();
    assert!(request.starts_with("POST /mmpaymkttransfers/sendredpack HTTP/1.1\r\n"), "{request}");
    let agent = format!("user-agent: hongbao/{} (", env!("CARGO_PKG_VERSION"));
    assert!(request.contains(&agent) && request.contains(&format!(") {}\r\n", entity.mch_id)), "{request}");
    assert!(request.contains("content-type: text/xml; charset=utf-8\r\n"), "{request}");
    assert!(request.contains("<send_name><![CDATA[蓝鲸咖啡]]></send_name>"), "{request}");
}

#[tokio::test]
async fn follows_no_redirect() {
    let sandbox = Sandbox::new().unwrap();
    let target = Canned::start(None, |_| panic!("somebody followed the redirect")).await;
    let location = target.base();
    let server = Canned::start(None, move |_| {
        format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {location}/\r\ncontent-length: 0\r\n\r\n").into_bytes()
    })
    .await;
    let error = once(&entity(&sandbox, &server)).send(&packet("A1", ALICE, 188)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.status()), (ErrorKind::Gateway, Outcome::Unknown, Some(307)));
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn notices_a_server_that_never_asks_for_the_certificate() {
    let sandbox = Sandbox::new().unwrap();
    let page = "<html><h1>400 No required SSL certificate was sent</h1></html>";
    let server = Canned::start(None, move |_| {
        format!("HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\n\r\n{page}", page.len()).into_bytes()
    })
    .await;
    let client = Client::new(&entity(&sandbox, &server)).unwrap();
    let error = client.send(&packet("A1", ALICE, 188)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.status()), (ErrorKind::Gateway, Outcome::Unknown, Some(400)));
    assert_eq!(error.attempts().len(), 1, "a refused request is not repeated");
    assert_eq!(error.attempts()[0].certificate, CertificateUse::NotAsked);
    assert!(error.next_step().contains("proxy"), "{}", error.report());
}

#[tokio::test]
async fn takes_no_endless_answer() {
    let sandbox = Sandbox::new().unwrap();
    let server = Canned::start(None, |_| ok(&"x".repeat(2 * 1024 * 1024))).await;
    let error = once(&entity(&sandbox, &server)).send(&packet("A1", ALICE, 188)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Lost, Outcome::Unknown));
    assert!(error.to_string().contains("1 MiB"), "{error}");
}

#[tokio::test]
async fn a_server_that_refuses_the_certificate_leaves_the_outcome_open() {
    let (sandbox, other) = (Sandbox::new().unwrap(), Sandbox::new().unwrap());
    let server = Canned::start(Some(other.ca_pem()), |_| ok("<xml/>")).await;
    let error = once(&entity(&sandbox, &server)).send(&packet("A1", ALICE, 188)).await.unwrap_err();
    // With TLS 1.3 the refusal arrives when the request may be on its way.
    assert_eq!(error.outcome(), Outcome::Unknown, "{}", error.report());
}

#[tokio::test]
async fn concurrent_calls_share_the_pool() {
    let sandbox = Sandbox::new().unwrap();
    let answer = "<xml><return_code>SUCCESS</return_code><result_code>SUCCESS</result_code><mch_billno>A1</mch_billno><status>SENT</status></xml>";
    let server = Canned::start(Some(sandbox.ca_pem()), move |_| ok(answer)).await;
    let client = once(&entity(&sandbox, &server));
    for _ in 0..8 {
        let calls = (0..8).map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.send(&query::RedPacket { mch_billno: BillNo::new("A1").unwrap() }).await })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap().unwrap();
        }
    }
    // A call that comes just before a connection is free again opens another.
    assert!(server.connections() <= 24, "{} connections for 64 calls, 8 at a time", server.connections());
}
