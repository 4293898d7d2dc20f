//! A wire without a network, a clock that stands, nonces that can be foretold,
//! and the merchant that the fixtures belong to.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hongbao::clock::{Clock, Nonce, Timestamp};
use hongbao::redpack::{Extra, Packet};
use hongbao::wire::{Answer, Digest, Doc, Request, read_xml, sign, write_xml};
use hongbao::{
    BillNo, Cert, CertificateUse, Client, Delivered, Endpoint, Entity, ErrorKind, Failed, Fen, OpenId, Outcome,
    PayConfig, Post, Secret, Transport,
};
use tokio::time::Instant;

pub(crate) const KEY: &str = "Rw7TqZ2nLx9KcV4bJm8PsD3hGf6YaE5u";

pub(crate) fn fixture_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

pub(crate) fn fixture(name: &str) -> String {
    std::fs::read_to_string(fixture_path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The merchant entity of the red packet fixtures.
pub(crate) fn coffee() -> Entity {
    Entity {
        name: "coffee".into(),
        app_id: "wx00f1e2d3c4b5a697".into(),
        mch_id: "1510000001".into(),
        key: Secret::new(KEY),
        cert: Cert::pem_files(
            fixture_path("certificates/coffee.cert.pem"),
            fixture_path("certificates/merchant.key.pem"),
        ),
        endpoint: Endpoint::production(),
        digest: hongbao::wire::Digest::Md5,
        sub_merchant: None,
    }
}

/// The packet of the fixtures.
pub(crate) fn packet() -> Packet {
    Packet {
        mch_billno: BillNo::new("1510000001202503180000000017").unwrap(),
        re_openid: OpenId::new("oQx4r0Z1a2b3c4d5e6f7g8h9i0jk").unwrap(),
        total_amount: Fen::new(150),
        send_name: "蓝鲸咖啡".into(),
        wishing: "早安，今天也要加油".into(),
        act_name: "签到有礼".into(),
        remark: "连续签到七天奖励".into(),
        client_ip: "203.0.113.24".parse().unwrap(),
        extra: Extra::default(),
    }
}

/// How a fake wire ends an attempt.
pub(crate) enum Step {
    Answer(String),
    Status(u16, String),
    /// Something may have arrived, no answer came.
    Lost,
    NoConnection,
}

/// An answer of the gateway to the merchant of the fixtures: accepted, with these
/// fields, and signed.
pub(crate) fn answered(fields: &[(&str, &str)]) -> Step {
    let levels = [("return_code", "SUCCESS"), ("result_code", "SUCCESS")];
    let head = [("appid", "wx00f1e2d3c4b5a697"), ("mch_id", "1510000001"), ("nonce_str", "aB3dE5fG7hJ9kL1m")];
    let mut doc: Doc = Doc::new();
    // The first of a name counts, so a field given here wins.
    for (name, value) in fields.iter().chain(&levels).chain(&head) {
        doc.push(name, value);
    }
    let signature = sign(&doc, &Secret::new(KEY), Digest::Md5);
    doc.push("sign", &signature);
    Step::Answer(write_xml(&doc))
}

/// The same, refused with this code.
pub(crate) fn refused(code: &str) -> Step {
    answered(&[("result_code", "FAIL"), ("err_code", code), ("err_code_des", "说明")])
}

/// What a fake wire saw.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) doc: Doc,
    pub(crate) certificate: bool,
    pub(crate) at: Instant,
}

/// Answers by a script; a message beyond its end fails the test.
pub(crate) struct Scripted {
    steps: Mutex<VecDeque<Step>>,
    seen: Mutex<Vec<Seen>>,
}

impl Scripted {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self { steps: Mutex::new(steps.into_iter().collect()), seen: Mutex::default() })
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Steps that nobody asked for.
    pub(crate) fn left(&self) -> usize {
        self.steps.lock().unwrap().len()
    }
}

#[async_trait]
impl Transport for Scripted {
    async fn post(&self, post: Post<'_>) -> Result<Delivered, Failed> {
        self.seen.lock().unwrap().push(Seen {
            host: post.host.to_owned(),
            path: post.path.to_owned(),
            doc: read_xml(post.body.as_bytes()).unwrap(),
            certificate: post.needs_certificate(),
            at: Instant::now(),
        });
        let step = self.steps.lock().unwrap().pop_front().expect("the script has no answer to this message");
        let certificate = if post.needs_certificate() { CertificateUse::Presented } else { CertificateUse::NotNeeded };
        match step {
            Step::Answer(body) => Ok(Delivered { answer: Answer::new(200, body), certificate }),
            Step::Status(status, body) => Ok(Delivered { answer: Answer::new(status, body), certificate }),
            Step::Lost => {
                let mut failed = Failed::new(Outcome::Unknown, "the connection ended before an answer came");
                failed.certificate = certificate;
                Err(failed)
            }
            Step::NoConnection => Err(Failed::new(Outcome::NotSent, "no connection")),
        }
    }
}

/// A clock that moves when it is told to.
pub(crate) struct Standing(AtomicI64);

impl Standing {
    pub(crate) fn at(beijing: &str) -> Arc<Self> {
        let moment: Timestamp = beijing.parse().unwrap();
        Arc::new(Self(AtomicI64::new(moment.unix_millis())))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.load(Ordering::Relaxed))
    }
}

pub(crate) struct FixedNonce(pub(crate) String);

impl Nonce for FixedNonce {
    fn nonce(&self) -> String {
        self.0.clone()
    }
}

#[derive(Default)]
pub(crate) struct Counting(AtomicU32);

impl Nonce for Counting {
    fn nonce(&self) -> String {
        format!("nonce{}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// A client over the fake wire, in the days when the fixtures were written.
pub(crate) fn client(wire: &Arc<Scripted>) -> Client {
    client_of(&coffee(), wire)
}

/// The same for another entity.
pub(crate) fn client_of(config: &dyn PayConfig, wire: &Arc<Scripted>) -> Client {
    Client::builder(config)
        .transport(Arc::<Scripted>::clone(wire))
        .clock(Standing::at("2025-03-18 08:30:00"))
        .nonce(Arc::new(Counting::default()))
        .build()
        .unwrap()
}

/// Nothing of it leaves, and the error names the field.
pub(crate) async fn must_refuse<R: Request>(request: &R, field: &str, what: &str) {
    let wire = Scripted::new([]);
    let Err(error) = client(&wire).send(request).await else { panic!("{what}: was sent") };
    assert_eq!(error.field(), Some(field), "{what}: {error}");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Invalid, Outcome::NotSent), "{what}");
    assert!(error.to_string().contains(field), "{what}: {error}");
    assert!(error.attempts().is_empty() && !error.next_step().is_empty(), "{what}");
    assert!(wire.seen().is_empty(), "{what}: something left");
}

/// Passes every rule, and reaches the wire once.
pub(crate) async fn must_send<R: Request>(request: &R, what: &str) {
    let refusal = "<xml><return_code>FAIL</return_code><err_code>PARAM_ERROR</err_code></xml>";
    let wire = Scripted::new([Step::Answer(refusal.into())]);
    let Err(error) = client(&wire).send(request).await else { panic!("{what}: PARAM_ERROR counts as success") };
    assert_eq!(error.kind(), ErrorKind::Refusal, "{what}: {error}");
    assert_eq!(wire.seen().len(), 1, "{what}");
}
