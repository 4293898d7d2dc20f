//! Kept-alive connections with a client certificate, and no more HTTP than the
//! measurement needs: its own cost must stay small.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A merchant's certificate and key from the sandbox's directory.
pub(crate) fn identity(directory: &Path, mch_id: &str) -> Identity {
    let folder = directory.join("merchants").join(mch_id);
    let read = |file: &str| std::fs::read(folder.join(file)).unwrap();
    let chain = rustls_pemfile::certs(&mut &*read("apiclient_cert.pem")).map(Result::unwrap).collect();
    (chain, rustls_pemfile::private_key(&mut &*read("apiclient_key.pem")).unwrap().unwrap())
}

pub(crate) struct Connections(Vec<TlsStream<TcpStream>>);

impl Connections {
    pub(crate) async fn open(address: SocketAddr, ca_pem: &str, identity: &Identity, width: usize) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_pemfile::certs(&mut ca_pem.as_bytes()).map(Result::unwrap));
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(identity.0.clone(), identity.1.clone_key())
            .unwrap();
        let tls = TlsConnector::from(Arc::new(config));
        let mut connections = Vec::new();
        for _ in 0..width {
            let stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let name = ServerName::IpAddress(address.ip().into());
            connections.push(tls.connect(name, stream).await.unwrap());
        }
        Self(connections)
    }

    /// Posts each list over a connection of its own, one request after the other,
    /// and gives the last answer of each.
    pub(crate) async fn post(&mut self, lists: Vec<Vec<Arc<[u8]>>>) -> Vec<Vec<u8>> {
        let mut running = JoinSet::new();
        for list in lists {
            let mut stream = self.0.pop().unwrap();
            running.spawn(async move {
                let mut answer = Vec::new();
                for request in list {
                    stream.write_all(&request).await.unwrap();
                    stream.flush().await.unwrap();
                    read_answer(&mut stream, &mut answer).await;
                    let paid = answer.windows(PAID.len()).any(|window| window == PAID);
                    assert!(paid, "{}", String::from_utf8_lossy(&answer));
                }
                (stream, answer)
            });
        }
        let mut answers = Vec::new();
        while let Some(done) = running.join_next().await {
            let (stream, answer) = done.unwrap();
            self.0.push(stream);
            answers.push(answer);
        }
        answers
    }
}

const PAID: &[u8] = b"<result_code><![CDATA[SUCCESS]]></result_code>";

/// Reads one whole answer of HTTP/1.1 with a length.
async fn read_answer(stream: &mut TlsStream<TcpStream>, answer: &mut Vec<u8>) {
    answer.clear();
    loop {
        let read = stream.read_buf(answer).await.unwrap();
        assert!(read > 0, "the connection ended: {}", String::from_utf8_lossy(answer));
        let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&answer[..head]).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if answer.len() >= head + 4 + length.parse::<usize>().unwrap() {
            return;
        }
    }
}

/// How many of the requests are answered in a second.
pub(crate) fn per_second(clients: &Runtime, connections: &mut Connections, lists: Vec<Vec<Arc<[u8]>>>) -> f64 {
    let count: usize = lists.iter().map(Vec::len).sum();
    let started = Instant::now();
    clients.block_on(connections.post(lists));
    count as f64 / started.elapsed().as_secs_f64()
}
