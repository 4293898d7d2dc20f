//! Clients that are slow, silent, too many or too talkative, on real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hongbao::sandbox::{Sandbox, Served};
use hongbao::{Client, RetryPolicy};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{ALICE, packet};

const SECOND: Duration = Duration::from_secs(1);

struct Stage {
    sandbox: Sandbox,
    served: Served,
}

impl Stage {
    async fn new() -> Self {
        let sandbox = Sandbox::new().unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let served = sandbox.serve(any, any, None).await.unwrap();
        Self { sandbox, served }
    }

    async fn gateway(&self) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        let pem = self.sandbox.ca_pem();
        roots.add_parsable_certificates(rustls_pemfile::certs(&mut pem.as_bytes()).map(Result::unwrap));
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = connect(&self.served.gateway()).await;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    async fn console(&self) -> TcpStream {
        connect(&self.served.console()).await
    }

    /// Somebody who behaves is served, whatever others do.
    async fn serves_others(&self, number: &str) {
        let entity = self.sandbox.merchants().remove(0);
        let client = Client::builder(&entity).retry(RetryPolicy::never()).build().unwrap();
        client.send(&packet(number, ALICE, 188)).await.unwrap();
    }
}

async fn connect(address: &str) -> TcpStream {
    TcpStream::connect(address.split("//").nth(1).unwrap()).await.unwrap()
}

/// Lets time pass for the deadlines, and for nobody else.
async fn pass(by: Duration) {
    // What was sent until now arrives before.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::pause();
    tokio::time::advance(by).await;
    tokio::time::resume();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Whether the other side ends the connection, which it has reason to.
async fn is_over(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    is_over_within(SECOND, stream).await
}

/// Whether it does not: what is over by now shows at once.
async fn stays(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    !is_over_within(Duration::from_millis(50), stream).await
}

async fn is_over_within(patience: Duration, stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut byte = [0];
    match tokio::time::timeout(patience, stream.read(&mut byte)).await {
        Ok(read) => !matches!(read, Ok(1..)),
        Err(_) => false,
    }
}

/// The status line of the answer.
async fn status(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(line).unwrap()
}

async fn is_served(mut stream: impl AsyncRead + AsyncWrite + Unpin, rest: &[u8]) {
    stream.write_all(rest).await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(status(&mut stream).await, "HTTP/1.1 200 OK\r\n");
}

const HALF_A_HEAD: &[u8] = b"POST /pay/orderquery HTTP/1.1\r\nhost: localhost\r\n";
const ANOTHER_HALF: &[u8] = b"content-length: 0\r\n\r\n";

#[tokio::test]
async fn half_a_head_is_waited_for_half_a_minute() {
    let stage = Stage::new().await;
    let (mut slow, mut late) = (stage.gateway().await, stage.gateway().await);
    for stream in [&mut slow, &mut late] {
        stream.write_all(HALF_A_HEAD).await.unwrap();
        stream.flush().await.unwrap();
    }
    stage.serves_others("A1").await;
    pass(25 * SECOND).await;
    is_served(slow, ANOTHER_HALF).await;
    assert!(stays(&mut late).await);
    pass(6 * SECOND).await;
    assert!(is_over(&mut late).await);
    stage.serves_others("A2").await;
}

#[tokio::test]
async fn a_body_that_drips_is_cut_off() {
    let stage = Stage::new().await;
    let mut gateway = stage.gateway().await;
    let mut console = stage.console().await;
    gateway
        .write_all(b"POST /pay/orderquery HTTP/1.1\r\nhost: localhost\r\ncontent-length: 500\r\n\r\n")
        .await
        .unwrap();
    console
        .write_all(b"POST /api/clock/advance HTTP/1.1\r\nhost: localhost\r\ncontent-length: 500\r\n\r\n")
        .await
        .unwrap();
    for drop in 0..5 {
        assert!(stays(&mut gateway).await && stays(&mut console).await, "{drop}");
        // Each byte comes long before anybody would lose patience with a silent client.
        gateway.write_all(b" ").await.unwrap();
        gateway.flush().await.unwrap();
        console.write_all(b" ").await.unwrap();
        pass(5 * SECOND).await;
    }
    pass(6 * SECOND).await;
    assert!(is_over(&mut gateway).await && is_over(&mut console).await);
    assert!(stage.sandbox.requests(1).is_empty());
    stage.serves_others("A1").await;
}

#[tokio::test]
async fn a_silent_client_is_cut_off_and_one_that_shakes_no_hands() {
    let stage = Stage::new().await;
    let (mut console, mut bare) = (stage.console().await, connect(&stage.served.gateway()).await);
    let mut kept = stage.gateway().await;
    pass(11 * SECOND).await;
    assert!(is_over(&mut bare).await && stays(&mut console).await);
    pass(20 * SECOND).await;
    assert!(is_over(&mut console).await);
    // Between two requests there is more time.
    pass(40 * SECOND).await;
    kept.write_all(HALF_A_HEAD).await.unwrap();
    kept.write_all(ANOTHER_HALF).await.unwrap();
    assert_eq!(status(&mut kept).await, "HTTP/1.1 200 OK\r\n");
    let mut rest = vec![0; 4096];
    let read = kept.read(&mut rest).await.unwrap();
    assert!(read > 0);
    pass(70 * SECOND).await;
    assert!(stays(&mut kept).await);
    pass(6 * SECOND).await;
    assert!(is_over(&mut kept).await);
}

#[tokio::test]
async fn a_late_answer_is_no_fault_of_the_client() {
    use hongbao::sandbox::{Fault, FaultRule, When};

    let stage = Stage::new().await;
    stage.sandbox.fault(FaultRule::new(Fault::Delay { millis: 200_000 }, When::Next(1))).unwrap();
    let mut patient = stage.gateway().await;
    patient.write_all(HALF_A_HEAD).await.unwrap();
    patient.write_all(ANOTHER_HALF).await.unwrap();
    patient.flush().await.unwrap();
    pass(190 * SECOND).await;
    assert!(stays(&mut patient).await);
    pass(11 * SECOND).await;
    assert_eq!(status(&mut patient).await, "HTTP/1.1 200 OK\r\n");
}

#[tokio::test]
async fn who_waits_longest_makes_room_for_others() {
    let stage = Stage::new().await;
    let mut first = stage.console().await;
    first.write_all(b"GET /api/clock HTTP/1.1\r\nhost: localhost\r\n").await.unwrap();
    let mut idle = Vec::new();
    for _ in 0..140 {
        idle.push(stage.console().await);
    }
    is_served(stage.console().await, b"GET /api/clock HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(is_over(&mut first).await && is_over(&mut idle[0]).await);
    assert!(stays(&mut idle[139]).await);
    stage.serves_others("A1").await;
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_unread() {
    let stage = Stage::new().await;
    let head = |more: &str| format!("POST /api/faults HTTP/1.1\r\nhost: localhost\r\n{more}\r\n\r\n").into_bytes();
    let announced = head("content-length: 1000000000");
    let mut gateway = stage.gateway().await;
    gateway.write_all(&announced).await.unwrap();
    assert_eq!(status(&mut gateway).await, "HTTP/1.1 413 Payload Too Large\r\n");
    let mut console = stage.console().await;
    console.write_all(&announced).await.unwrap();
    assert_eq!(status(&mut console).await, "HTTP/1.1 413 Payload Too Large\r\n");
    let mut told = Vec::new();
    for stream in [&mut gateway as &mut (dyn AsyncRead + Unpin), &mut console] {
        let mut rest = Vec::new();
        // With or without a proper end: the connection is over.
        let _ = tokio::time::timeout(SECOND, stream.read_to_end(&mut rest)).await.unwrap();
        told.push(String::from_utf8(rest).unwrap());
    }
    assert!(told[0].ends_with("a request has at most 131072 bytes\n"), "{}", told[0]);
    assert!(told[1].contains(r#""code":"too_large""#), "{}", told[1]);
    assert!(stage.sandbox.requests(1).is_empty() && stage.sandbox.faults().is_empty());
}

#[tokio::test]
async fn a_body_without_an_end_is_refused_at_its_limit() {
    let stage = Stage::new().await;
    let (mut answers, mut requests) = tokio::io::split(stage.gateway().await);
    let sending = tokio::spawn(async move {
        let head = b"POST /pay/orderquery HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunk = [b"400\r\n".as_slice(), &[b' '; 1024], b"\r\n"].concat();
        let mut sent = 0_usize;
        let mut result = requests.write_all(head).await;
        while result.is_ok() && sent < 64 << 20 {
            result = requests.write_all(&chunk).await;
            sent += 1024;
        }
        sent
    });
    assert_eq!(status(&mut answers).await, "HTTP/1.1 413 Payload Too Large\r\n");
    // What lies in the buffers of two sockets comes on top of 128 KiB.
    let sent = sending.await.unwrap();
    assert!(sent < 32 << 20, "{sent} bytes were taken");
    stage.serves_others("A1").await;
}
