//! A TLS server that answers every request with the bytes it is told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// From a request, head and body, to the bytes of the answer.
pub type Answer = dyn Fn(&str) -> Vec<u8> + Send + Sync;

pub struct Canned {
    pub address: SocketAddr,
    pub ca_pem: String,
    connections: Arc<AtomicU64>,
}

impl Canned {
    /// Starts it on the current runtime. `clients` is the CA whose client
    /// certificates it asks for; without one it asks for none.
    pub async fn start(clients: Option<&str>, answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let (ca_pem, config) = config(clients);
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let connections = Arc::new(AtomicU64::new(0));
        let (count, answer): (_, Arc<Answer>) = (Arc::clone(&connections), Arc::new(answer));
        let tls = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let (tls, answer, count) = (tls.clone(), Arc::clone(&answer), Arc::clone(&count));
                tokio::spawn(async move { serve(tls, stream, &*answer, &count).await });
            }
        });
        Self { address, ca_pem, connections }
    }

    pub fn base(&self) -> String {
        format!("https://{}", self.address)
    }

    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

/// An HTTP answer of status 200.
pub fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn serve(tls: TlsAcceptor, stream: TcpStream, answer: &Answer, count: &AtomicU64) {
    stream.set_nodelay(true).unwrap();
    let Ok(mut stream) = tls.accept(stream).await else { return };
    count.fetch_add(1, Ordering::Relaxed);
    let (mut bytes, mut chunk) = (Vec::new(), [0; 8192]);
    loop {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
        let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        if bytes.len() < head + 4 + length {
            continue;
        }
        let answer = answer(&String::from_utf8_lossy(&bytes));
        bytes.clear();
        if stream.write_all(&answer).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

fn config(clients: Option<&str>) -> (String, ServerConfig) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "Canned CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let mut own = CertificateParams::default();
    own.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
    own.subject_alt_names.push(SanType::DnsName("api.mch.weixin.qq.com".try_into().unwrap()));
    let certificate = own.signed_by(&key, &Issuer::new(ca, &ca_key)).unwrap();
    let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_pemfile::certs(&mut pem.as_bytes()).map(Result::unwrap));
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    (ca_pem, builder.with_single_cert(chain, key).unwrap())
}
