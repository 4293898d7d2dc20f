//! The sockets: the gateway behind TLS, the console in the clear.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::serve::{IncomingStream, Listener};
use futures_util::stream::{self, Stream};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificates::{Issued, Peer};
use super::control::{self, Guard};
use super::engine::Effect;
use super::gate::Incoming;
use super::patience::{Line, Lines, Patient};
use super::{Sandbox, directory, failed, refused};
use crate::error::Result;
use crate::secret::Secret;

/// A sandbox behind sockets. Dropping it, or [`Served::stop`], ends both.
pub struct Served {
    gateway: SocketAddr,
    console: SocketAddr,
    connections: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<io::Result<()>>>,
}

impl Served {
    /// The gateway's base address, as in `https://127.0.0.1:8443`.
    #[must_use]
    pub fn gateway(&self) -> String {
        format!("https://{}", self.gateway)
    }

    /// The console's base address, as in `http://127.0.0.1:8480`.
    #[must_use]
    pub fn console(&self) -> String {
        format!("http://{}", self.console)
    }

    /// How many TLS connections the gateway has accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Takes no more connections, finishes what is in flight, and returns.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        for task in std::mem::take(&mut self.tasks) {
            // Idle kept-alive connections end at once; a stuck one is cut off.
            let _ = tokio::time::timeout(Duration::from_secs(5), task).await;
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Sandbox {
    /// Serves the gateway and the console on this machine; port 0 lets the
    /// system choose. With a directory, the addresses are written to its
    /// `sandbox.json` once both accept connections.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: an address cannot be listened on, or the
    /// console's is not of this machine alone.
    pub async fn serve(&self, gateway: SocketAddr, console: SocketAddr, directory: Option<&Path>) -> Result<Served> {
        self.serve_with_token(gateway, console, directory, None).await
    }

    /// As [`serve`](Self::serve), and the console asks for a token: its API takes
    /// only what carries `Authorization: Bearer` with it, and the page is opened
    /// with `#token=…` behind its address. A console that other machines reach has
    /// to have one.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: an address cannot be listened on, the token
    /// is empty, or the console would be open to other machines without one.
    pub async fn serve_with_token(
        &self,
        gateway: SocketAddr,
        console: SocketAddr,
        directory: Option<&Path>,
        token: Option<Secret>,
    ) -> Result<Served> {
        if token.as_ref().map_or(!console.ip().is_loopback(), Secret::is_empty) {
            let problem = format!("the console at {console} would be open to other machines");
            return Err(refused(problem, "give it a token, or an address such as 127.0.0.1:8480"));
        }
        let certificate = match directory {
            Some(directory) => directory::server_certificate(directory, &self.0.authority)?,
            None => self.0.authority.issue_server()?,
        };
        let tls = TlsAcceptor::from(Arc::new(server_config(&certificate)?));
        let gateway_socket = listen(gateway).await?;
        let console_socket = listen(console).await?;
        let local = |socket: &TcpListener| socket.local_addr().map_err(|error| failed("a socket", error));
        let (gateway, console) = (local(&gateway_socket)?, local(&console_socket)?);
        let connections = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = watch::channel(false);
        let over = |mut stopped: watch::Receiver<bool>| async move {
            // An error means that the sender is gone, which is a stop as well.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let listener = TlsListener::start(gateway_socket, tls, self.clone(), Arc::clone(&connections), stopped.clone())
            .map_err(|error| failed("a socket", error))?;
        let app = Router::new().fallback(message).with_state(self.clone());
        let app = app.layer(from_fn(|info, request, next| whole(too_long, info, request, next)));
        let app = app.into_make_service_with_connect_info::<PeerInfo>();
        let for_courier = stopped.clone();
        let gateway_task = axum::serve(listener, app).with_graceful_shutdown(over(stopped.clone()));
        let listener = ConsoleListener { socket: console_socket, lines: Lines::new(CONSOLE_CONNECTIONS) };
        let app = control::router(self.clone(), Guard::new(token), stopped.clone())?;
        let app = app.layer(from_fn(|info, request, next| whole(control::too_large, info, request, next)));
        let app = app.into_make_service_with_connect_info::<PeerInfo>();
        let console_task = axum::serve(listener, app).with_graceful_shutdown(over(stopped));
        let tasks = vec![
            tokio::spawn(async move { gateway_task.await }),
            tokio::spawn(async move { console_task.await }),
            tokio::spawn(self.clone().courier(for_courier)),
        ];
        let served = Served { gateway, console, connections, stop, tasks };
        let _ = self.0.gateway.set(served.gateway());
        self.desk().h5_base = served.console();
        if let Some(directory) = directory {
            let info = serde_json::json!({
                "gateway": served.gateway(), "console": served.console(), "pid": std::process::id(),
            });
            directory::write(&directory.join("sandbox.json"), format!("{info}\n").as_bytes())?;
        }
        Ok(served)
    }
}

/// Twice what a message may have, so that too long a one is refused by the
/// gate and not by the socket.
const MAX_BODY: usize = 128 * 1024;
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Together less than the 1024 files that most systems let a process open.
const GATEWAY_CONNECTIONS: usize = 512;
const CONSOLE_CONNECTIONS: usize = 128;

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        failed(&address.to_string(), error)
            .with_next_step("stop what listens there, or choose another port (0 for any)")
    })
}

/// Reads a request to its end before anything is done with it: how long that may
/// take is known, and how much it may be. One that says itself that it is too long
/// is not read at all.
async fn whole(
    too_long: fn(usize) -> Response,
    ConnectInfo(info): ConnectInfo<PeerInfo>,
    request: Request,
    next: Next,
) -> Response {
    let (head, body) = request.into_parts();
    let length =
        head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_none_or(|length| length <= MAX_BODY)
        && let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await
    {
        info.line.heard();
        return next.run(Request::from_parts(head, Body::from(body))).await;
    }
    too_long(MAX_BODY)
}

fn too_long(most: usize) -> Response {
    (StatusCode::PAYLOAD_TOO_LARGE, format!("a request has at most {most} bytes\n")).into_response()
}

/// Every message, whatever its path, method and Content-Type.
async fn message(
    State(sandbox): State<Sandbox>,
    ConnectInfo(info): ConnectInfo<PeerInfo>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let incoming = Incoming {
        method: method.as_str(),
        path: uri.path(),
        body: &body,
        peer: &info.peer,
        ip: info.address.ip().to_canonical(),
        negative_test: headers.get("wechatpay-negative-test").and_then(|value| value.to_str().ok()),
        headers: headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect(),
    };
    match sandbox.handle(&incoming).await {
        Effect::Answer(answer) => {
            let html = answer.body.starts_with(b"<html");
            let kind = if html { "text/html" } else { "text/plain" };
            let mut response = Response::builder().status(answer.status).header(header::CONTENT_TYPE, kind);
            if let Some(digest) = answer.digest {
                response = response.header("Digest", digest);
            }
            response.body(Body::from(answer.body)).unwrap_or_default()
        }
        Effect::Truncated(answer) => {
            let length = answer.body.len();
            let half = answer.body.get(..length / 2).unwrap_or_default().to_vec();
            let response = Response::builder().header(header::CONTENT_LENGTH, length);
            response.body(Body::from_stream(broken_after(half))).unwrap_or_default()
        }
        Effect::HangUp => {
            // Whatever is answered now meets a closed connection.
            info.line.cut();
            Response::default()
        }
    }
}

#[derive(Clone)]
struct PeerInfo {
    peer: Arc<Peer>,
    address: SocketAddr,
    line: Arc<Line>,
}

impl Connected<IncomingStream<'_, TlsListener>> for PeerInfo {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        let connection = stream.io();
        let line = Arc::clone(connection.stream.get_ref().0.line());
        Self { peer: Arc::clone(&connection.peer), address: *stream.remote_addr(), line }
    }
}

impl Connected<IncomingStream<'_, ConsoleListener>> for PeerInfo {
    fn connect_info(stream: IncomingStream<'_, ConsoleListener>) -> Self {
        let line = Arc::clone(stream.io().line());
        Self { peer: Arc::new(Peer::Absent), address: *stream.remote_addr(), line }
    }
}

/// The bytes, a moment in which they go out, and the end of the connection.
fn broken_after(bytes: Vec<u8>) -> impl Stream<Item = io::Result<Vec<u8>>> {
    stream::unfold(Some(bytes), |bytes| async move {
        match bytes {
            Some(bytes) if !bytes.is_empty() => Some((Ok(bytes), Some(Vec::new()))),
            _ => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Some((Err(io::ErrorKind::ConnectionAborted.into()), None))
            }
        }
    })
}

/// Accepts connections; each handshake runs in a task of its own with a
/// deadline, so a slow client blocks nobody.
struct TlsListener {
    ready: mpsc::Receiver<(Connection, SocketAddr)>,
    local: SocketAddr,
}

impl TlsListener {
    fn start(
        socket: TcpListener,
        tls: TlsAcceptor,
        sandbox: Sandbox,
        connections: Arc<AtomicU64>,
        mut stopped: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let local = socket.local_addr()?;
        let (sender, ready) = mpsc::channel(64);
        let lines = Lines::new(GATEWAY_CONNECTIONS);
        tokio::spawn(async move {
            loop {
                let (stream, address) = tokio::select! {
                    accepted = accept(&socket, &lines) => accepted,
                    _ = stopped.wait_for(|stop| *stop) => return,
                };
                let (tls, sandbox, sender) = (tls.clone(), sandbox.clone(), sender.clone());
                let connections = Arc::clone(&connections);
                tokio::spawn(async move {
                    match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                        Ok(Ok(stream)) => {
                            connections.fetch_add(1, Ordering::Relaxed);
                            let _ = sender.send((Connection::new(stream, &sandbox), address)).await;
                        }
                        Ok(Err(error)) => tracing::debug!(%address, %error, "no TLS handshake"),
                        Err(_) => tracing::debug!(%address, "no TLS handshake in time"),
                    }
                });
            }
        });
        Ok(Self { ready, local })
    }
}

impl Listener for TlsListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        match self.ready.recv().await {
            Some(ready) => ready,
            // The accepting task is gone; so is the server in a moment.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}

/// The next connection that can be had.
async fn accept(socket: &TcpListener, lines: &Arc<Lines>) -> (Patient<TcpStream>, SocketAddr) {
    loop {
        match socket.accept().await {
            Ok((stream, address)) => {
                let _ = stream.set_nodelay(true);
                return (lines.admit(stream), address);
            }
            Err(error) => {
                // Out of file descriptors, most likely: others must end first.
                tracing::warn!(%error, "the sandbox cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

struct ConsoleListener {
    socket: TcpListener,
    lines: Arc<Lines>,
}

impl Listener for ConsoleListener {
    type Io = Patient<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Patient<TcpStream>, SocketAddr) {
        accept(&self.socket, &self.lines).await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// A TLS connection, and what its client showed.
struct Connection {
    stream: TlsStream<Patient<TcpStream>>,
    peer: Arc<Peer>,
}

impl Connection {
    fn new(stream: TlsStream<Patient<TcpStream>>, sandbox: &Sandbox) -> Self {
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let chain: Vec<&[u8]> = chain.iter().map(AsRef::as_ref).collect();
        let peer = Arc::new(sandbox.judge(&chain));
        Self { stream, peer }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

fn server_config(issued: &Issued) -> Result<ServerConfig> {
    let unusable = |error: &dyn std::fmt::Display| failed("the gateway's certificate", error);
    let chain = rustls_pemfile::certs(&mut issued.certificate_pem.as_bytes())
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|error| unusable(&error))?;
    let key = rustls_pemfile::private_key(&mut issued.key_pem.as_bytes())
        .map_err(|error| unusable(&error))?
        .ok_or_else(|| unusable(&"no private key"))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(AskEveryone { schemes: provider.signature_verification_algorithms });
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| unusable(&error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Asks for a certificate and takes any, or none: which one a path needs is for
/// the gate to say, in XML. That the client holds its key is checked here.
#[derive(Debug)]
struct AskEveryone {
    schemes: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for AskEveryone {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> std::result::Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.schemes)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.schemes)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.supported_schemes()
    }
}
