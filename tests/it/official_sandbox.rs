//! The official sandboxes: their sign key, their prefixes, their gaps.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hongbao::query::RedPacket;
use hongbao::wire::{
    Answer, Contract, Digest, Doc, Field, Generation, Repeat, Request, read_xml, sign, verify, write_xml,
};
use hongbao::{
    Cert, CertificateUse, Client, Delivered, Endpoint, Entity, ErrorKind, Failed, Outcome, PayConfig, Post, Secret,
    Transport,
};
use serde::{Deserialize, Serialize};

use crate::fake::{self, KEY, Scripted, Standing, Step, coffee};

const SANDBOX_KEY: &str = "5f4dcc3b5aa765d61d8327deb882cf99";

/// A call that the first generation serves, and that needs a certificate
/// everywhere else.
#[derive(Serialize)]
struct Refund {
    out_refund_no: String,
}

#[derive(Debug, Deserialize)]
struct Refunded {
    out_refund_no: String,
}

impl Request for Refund {
    const CONTRACT: Contract = Contract::v2("/secapi/pay/refund")
        .with_certificate()
        .fields(&[Field::text("out_refund_no", 64)])
        .number("out_refund_no")
        .repeat(Repeat::SameNumber)
        .echo(&["out_refund_no"])
        .official_sandboxes(&[Generation::One]);
    type Reply = Refunded;
}

fn refund(number: u32) -> Refund {
    Refund { out_refund_no: format!("R{number}") }
}

fn entity(generation: Generation) -> Entity {
    Entity { endpoint: Endpoint::official_sandbox(generation), ..coffee() }
}

/// An entity that prefers HMAC-SHA256.
struct Hmac(Entity);

impl PayConfig for Hmac {
    fn app_id(&self) -> &str {
        self.0.app_id()
    }
    fn mch_id(&self) -> &str {
        self.0.mch_id()
    }
    fn key(&self) -> Secret {
        self.0.key()
    }
    fn cert(&self) -> Cert {
        self.0.cert()
    }
    fn endpoint(&self) -> Endpoint {
        self.0.endpoint()
    }
    fn digest(&self) -> Digest {
        Digest::HmacSha256
    }
}

/// Behaves as the official sandbox should, and fails the test where a message
/// is not signed with the key that its path wants.
#[derive(Default)]
struct Official {
    fetches: AtomicU32,
    calls: AtomicU32,
    /// How many fetches fail first.
    away: AtomicU32,
    paths: Mutex<Vec<String>>,
}

fn answer(fields: &[(&str, &str)]) -> Delivered {
    let doc: Doc = fields.iter().copied().collect();
    Delivered { answer: Answer::new(200, write_xml(&doc)), certificate: CertificateUse::NotNeeded }
}

#[async_trait]
impl Transport for Official {
    async fn post(&self, post: Post<'_>) -> Result<Delivered, Failed> {
        assert!(!post.needs_certificate() && post.certificates().next().is_none());
        assert!(post.host.ends_with(".mch.weixin.qq.com"));
        self.paths.lock().unwrap().push(post.path.to_owned());
        // Long enough for concurrent first calls to meet.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let doc = read_xml(post.body.as_bytes()).unwrap();
        let given = doc.get("sign").unwrap();
        if post.path.ends_with("/getsignkey") {
            self.fetches.fetch_add(1, Ordering::SeqCst);
            assert!(verify(&doc, given, &Secret::new(KEY), Digest::Md5), "the real key, MD5");
            let names: Vec<&str> = doc.iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["nonce_str", "mch_id", "sign"]);
            if self.away.load(Ordering::SeqCst) > 0 {
                self.away.fetch_sub(1, Ordering::SeqCst);
                return Ok(answer(&[("return_code", "FAIL"), ("retmsg", "获取失败"), ("retcode", "1")]));
            }
            return Ok(answer(&[
                ("return_code", "SUCCESS"),
                ("return_msg", "ok"),
                ("mch_id", "1510000001"),
                ("sandbox_signkey", SANDBOX_KEY),
            ]));
        }
        self.calls.fetch_add(1, Ordering::SeqCst);
        let digest = if doc.get("sign_type").is_some() { Digest::HmacSha256 } else { Digest::Md5 };
        assert!(verify(&doc, given, &Secret::new(SANDBOX_KEY), digest), "the sandbox key");
        let number = doc.get("out_refund_no").unwrap();
        let mut reply: Doc =
            [("return_code", "SUCCESS"), ("result_code", "SUCCESS"), ("out_refund_no", number)].into_iter().collect();
        let signature = sign(&reply, &Secret::new(SANDBOX_KEY), digest);
        reply.push("sign", &signature);
        Ok(Delivered { answer: Answer::new(200, write_xml(&reply)), certificate: CertificateUse::NotNeeded })
    }
}

fn client(config: &dyn PayConfig, wire: &Arc<Official>) -> Client {
    Client::builder(config)
        .transport(Arc::<Official>::clone(wire))
        .clock(Standing::at("2025-03-18 08:30:00"))
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_sign_key_is_fetched_once() {
    let hmac = Hmac(entity(Generation::One));
    for config in [&entity(Generation::One) as &dyn PayConfig, &hmac] {
        let wire = Arc::new(Official::default());
        let client = client(config, &wire);
        for number in 0..3 {
            let refunded = client.send(&refund(number)).await.unwrap();
            assert_eq!(refunded.out_refund_no, format!("R{number}"));
        }
        let paths = wire.paths.lock().unwrap().clone();
        let call = "/sandboxnew/secapi/pay/refund";
        assert_eq!(paths, ["/sandboxnew/pay/getsignkey", call, call, call]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn first_calls_at_the_same_time_share_one_fetch() {
    let wire = Arc::new(Official::default());
    let client = client(&entity(Generation::One), &wire);
    let calls: Vec<_> = (0..32)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { client.send(&refund(number)).await.unwrap().out_refund_no })
        })
        .collect();
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap(), format!("R{number}"));
    }
    assert_eq!((wire.fetches.load(Ordering::SeqCst), wire.calls.load(Ordering::SeqCst)), (1, 32));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_failed_is_not_remembered() {
    let wire = Arc::new(Official::default());
    wire.away.store(1, Ordering::SeqCst);
    let client = client(&entity(Generation::One), &wire);
    let error = client.send(&refund(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Refusal, Outcome::NotSent), "{}", error.report());
    assert_eq!(error.description(), Some("获取失败"));
    assert_eq!(wire.calls.load(Ordering::SeqCst), 0);
    client.send(&refund(1)).await.unwrap();
    assert_eq!((wire.fetches.load(Ordering::SeqCst), wire.calls.load(Ordering::SeqCst)), (2, 1));
}

/// Whatever becomes of the fetch, the call itself was not made.
#[tokio::test(start_paused = true)]
async fn every_failure_of_a_fetch_means_not_sent() {
    let fetched = |key: &str| {
        let doc: Doc = [("return_code", "SUCCESS"), ("sandbox_signkey", key)].into_iter().collect();
        Step::Answer(write_xml(&doc))
    };
    for (steps, kind) in [
        (vec![Step::Lost, Step::Lost, Step::Lost], ErrorKind::Lost),
        (vec![Step::NoConnection, Step::NoConnection, Step::NoConnection], ErrorKind::Connect),
        (vec![Step::Status(404, String::new())], ErrorKind::Gateway),
        (vec![fetched("")], ErrorKind::Unreadable),
        (vec![fetched("short")], ErrorKind::Unreadable),
        (vec![Step::Answer("<xml><return_code>SUCCESS</return_code></xml>".into())], ErrorKind::Unreadable),
        (
            vec![Step::Answer("<xml><return_code>SUCCESS</return_code><sign>0</sign></xml>".into())],
            ErrorKind::Unverified,
        ),
    ] {
        let wire = Scripted::new(steps);
        let client = Client::builder(&entity(Generation::One))
            .transport(Arc::<Scripted>::clone(&wire))
            .clock(Standing::at("2025-03-18 08:30:00"))
            .build()
            .unwrap();
        let error = client.send(&refund(1)).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (kind, Outcome::NotSent), "{}", error.report());
        assert!(!error.next_step().is_empty());
        assert_eq!(wire.left(), 0, "{kind:?}");
        assert!(wire.seen().iter().all(|seen| seen.path == "/sandboxnew/pay/getsignkey" && !seen.certificate));
    }
}

#[tokio::test]
async fn payouts_are_served_by_none() {
    for generation in [Generation::One, Generation::Two] {
        let wire = Scripted::new([]);
        for endpoint in
            [Endpoint::official_sandbox(generation), Endpoint::at("https://127.0.0.1:8443", "").below(generation)]
        {
            let config = Entity { endpoint, ..coffee() };
            let client = Client::builder(&config)
                .transport(Arc::<Scripted>::clone(&wire))
                .clock(Standing::at("2025-03-18 08:30:00"))
                .build()
                .unwrap();
            let packet = client.send(&fake::packet()).await.unwrap_err();
            let query = client.send(&RedPacket { mch_billno: fake::packet().mch_billno }).await.unwrap_err();
            for error in [packet, query] {
                assert_eq!((error.kind(), error.outcome()), (ErrorKind::NotServed, Outcome::NotSent));
                assert!(error.next_step().contains("sandbox") && error.attempts().is_empty());
            }
        }
        assert!(wire.seen().is_empty());
    }
    let wire = Arc::new(Official::default());
    let error = client(&entity(Generation::Two), &wire).send(&refund(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotServed);
    assert_eq!(wire.fetches.load(Ordering::SeqCst), 0);
}
