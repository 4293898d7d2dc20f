//! Many merchant entities at once: nobody's call in another's name.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hongbao::wire::{Answer, Contract, Digest, Doc, Field, Repeat, Request, read_xml, sign, verify, write_xml};
use hongbao::{
    Cert, CertificateUse, Client, Delivered, Endpoint, Entity, ErrorKind, Failed, Merchants, Outcome, PayConfig, Post,
    Secret, Transport,
};
use serde::{Deserialize, Serialize};

use crate::fake::{Scripted, coffee};

#[derive(Serialize)]
struct Order {
    out_trade_no: String,
}

/// The gateway's answer names the entity in whose books it looked.
#[derive(Debug, Deserialize)]
struct Booked {
    out_trade_no: String,
    owner: String,
    key_number: u32,
}

impl Request for Order {
    const CONTRACT: Contract = Contract::v2("/test/order")
        .fields(&[Field::text("out_trade_no", 32)])
        .number("out_trade_no")
        .repeat(Repeat::SameNumber)
        .echo(&["out_trade_no", "mch_id", "appid"]);
    type Reply = Booked;
}

/// An entity that prefers one digest.
struct Shop {
    entity: Entity,
    digest: Digest,
}

impl PayConfig for Shop {
    fn app_id(&self) -> &str {
        self.entity.app_id()
    }
    fn mch_id(&self) -> &str {
        self.entity.mch_id()
    }
    fn key(&self) -> Secret {
        self.entity.key()
    }
    fn cert(&self) -> Cert {
        Cert::none()
    }
    fn endpoint(&self) -> Endpoint {
        self.entity.endpoint()
    }
    fn digest(&self) -> Digest {
        self.digest
    }
}

fn mch_id(n: usize) -> String {
    format!("{}", 1_600_000_000 + n)
}

fn app_id(n: usize) -> String {
    format!("wx{n:016x}")
}

fn key(n: usize, number: u32) -> Secret {
    Secret::new(format!("k{n:015}n{number:015}"))
}

/// Keeps the keys of all entities, verifies each message with the keys of the
/// merchant it names, and answers with that merchant's data and key.
#[derive(Default)]
struct Gateway {
    keys: Mutex<HashMap<String, Vec<(u32, Secret)>>>,
    served: AtomicU32,
    refused: AtomicU32,
}

impl Gateway {
    fn accept(&self, n: usize, number: u32) {
        self.keys.lock().unwrap().entry(mch_id(n)).or_default().push((number, key(n, number)));
    }

    fn find(&self, doc: &Doc) -> Option<(u32, Secret, Digest)> {
        let digest = if doc.get("sign_type").is_some() { Digest::HmacSha256 } else { Digest::Md5 };
        let keys = self.keys.lock().unwrap();
        let own = keys.get(doc.get("mch_id")?)?;
        let (number, key) = own.iter().find(|(_, key)| verify(doc, doc.get("sign").unwrap(), key, digest))?;
        Some((*number, key.clone(), digest))
    }
}

#[async_trait]
impl Transport for Gateway {
    async fn post(&self, post: Post<'_>) -> Result<Delivered, Failed> {
        let doc = read_xml(post.body.as_bytes()).unwrap();
        let waits = 1 + u64::from(post.body.as_bytes()[post.body.len() / 2] % 3);
        tokio::time::sleep(Duration::from_millis(waits)).await;
        let mut answer = Doc::new();
        if let Some((number, key, digest)) = self.find(&doc) {
            self.served.fetch_add(1, Ordering::Relaxed);
            let field = |name: &str| doc.get(name).unwrap().to_owned();
            for (name, value) in [
                ("return_code", "SUCCESS".to_owned()),
                ("result_code", "SUCCESS".to_owned()),
                ("mch_id", field("mch_id")),
                ("appid", field("appid")),
                ("out_trade_no", field("out_trade_no")),
                ("owner", field("mch_id")),
                ("key_number", number.to_string()),
            ] {
                answer.push(name, &value);
            }
            let signature = sign(&answer, &key, digest);
            answer.push("sign", &signature);
        } else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            answer.push("return_code", "FAIL");
            answer.push("return_msg", "签名错误");
        }
        Ok(Delivered { answer: Answer::new(200, write_xml(&answer)), certificate: CertificateUse::NotNeeded })
    }
}

fn shop(gateway: &Arc<Gateway>, n: usize, number: u32) -> Client {
    let entity =
        Entity { name: format!("shop {n}"), app_id: app_id(n), mch_id: mch_id(n), key: key(n, number), ..coffee() };
    let digest = if n.is_multiple_of(2) { Digest::Md5 } else { Digest::HmacSha256 };
    let config = Shop { entity, digest };
    Client::builder(&config).transport(Arc::<Gateway>::clone(gateway)).build().unwrap()
}

const SHOPS: usize = 1000;

fn street() -> (Arc<Gateway>, Arc<Merchants>) {
    let (gateway, merchants) = (Arc::new(Gateway::default()), Arc::new(Merchants::new()));
    for n in 0..SHOPS {
        gateway.accept(n, 0);
        assert!(merchants.insert(shop(&gateway, n, 0)).is_none());
    }
    (gateway, merchants)
}

/// One call, looked up one way or another; answers with the number of the key.
async fn call(merchants: &Merchants, n: usize, round: usize) -> u32 {
    let client = match round % 3 {
        0 => merchants.by_mch_id(&mch_id(n)).unwrap(),
        1 => merchants.by_app_id(&app_id(n)).unwrap(),
        _ => merchants.find(&mch_id(n), &app_id(n)).unwrap(),
    };
    let out_trade_no = format!("T{n}R{round}");
    let booked = client.send(&Order { out_trade_no: out_trade_no.clone() }).await;
    let booked = booked.unwrap_or_else(|error| panic!("shop {n}: {}", error.report()));
    assert_eq!((booked.owner, booked.out_trade_no), (mch_id(n), out_trade_no));
    booked.key_number
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_entities_do_not_meet() {
    let (gateway, merchants) = street();
    assert_eq!(merchants.all().len(), SHOPS);
    let calls: Vec<_> = (0..3 * SHOPS)
        .map(|i| {
            let merchants = Arc::<Merchants>::clone(&merchants);
            // 7 and 1000 have no factor in common: all shops, far apart in time.
            tokio::spawn(async move { call(&merchants, i * 7 % SHOPS, i / SHOPS).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), 0);
    }
    assert_eq!(gateway.served.load(Ordering::Relaxed), 3 * 1000);
    assert_eq!(gateway.refused.load(Ordering::Relaxed), 0);
}

/// Keys change while calls are in flight: a call that began before finishes
/// with the old key, one that begins after it has the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn entities_are_replaced_under_way() {
    const CHANGING: usize = 50;
    let (gateway, merchants) = street();
    let in_place: Arc<Vec<AtomicU32>> = Arc::new((0..CHANGING).map(|_| AtomicU32::new(0)).collect());
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4 * CHANGING)
        .map(|i| {
            let (merchants, in_place) = (Arc::<Merchants>::clone(&merchants), Arc::clone(&in_place));
            let stop = Arc::<AtomicBool>::clone(&stop);
            tokio::spawn(async move {
                let (n, mut calls, mut round) = (i % CHANGING, 0, i);
                while !stop.load(Ordering::Relaxed) {
                    let least = in_place[n].load(Ordering::SeqCst);
                    let used = call(&merchants, n, round).await;
                    assert!(used >= least, "shop {n} used key {used} after key {least} was in place");
                    (calls, round) = (calls + 1, round + 1);
                }
                calls
            })
        })
        .collect();
    for number in 1..=10 {
        for n in 0..CHANGING {
            gateway.accept(n, number);
            let old = merchants.insert(shop(&gateway, n, number)).expect("there was one in its place");
            assert_eq!(old.merchant().mch_id().as_str(), mch_id(n));
            in_place[n].store(number, Ordering::SeqCst);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut calls = 0;
    for caller in callers {
        calls += caller.await.unwrap();
    }
    assert!(calls > 4 * CHANGING, "{calls}");
    assert_eq!(gateway.refused.load(Ordering::Relaxed), 0);
    assert_eq!(merchants.all().len(), SHOPS);
    for n in 0..CHANGING {
        assert_eq!(call(&merchants, n, 0).await, 10);
    }
}

/// A client whose key the gateway does not accept, to show that the tests
/// above would see it.
#[tokio::test]
async fn another_ones_key_is_noticed() {
    let gateway = Arc::new(Gateway::default());
    gateway.accept(1, 0);
    gateway.accept(2, 0);
    let mixed = Entity { app_id: app_id(1), mch_id: mch_id(1), key: key(2, 0), cert: Cert::none(), ..coffee() };
    let client = Client::builder(&mixed).transport(Arc::<Gateway>::clone(&gateway)).build().unwrap();
    let error = client.send(&Order { out_trade_no: "T".into() }).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Refusal, Outcome::Unknown));
    assert_eq!(gateway.refused.load(Ordering::Relaxed), 1);
}

fn entity(mch_id: &str, app_id: &str, name: &str) -> Client {
    let config =
        Entity { name: name.into(), mch_id: mch_id.into(), app_id: app_id.into(), cert: Cert::none(), ..coffee() };
    Client::builder(&config).transport(Scripted::new([])).build().unwrap()
}

#[test]
fn lookups_never_guess() {
    let merchants = Merchants::new();
    // Numbers that are prefixes of each other must not be mixed up either.
    for (mch_id, app_id, name) in [
        ("15100000", "wxa", "short"),
        ("151000000", "wxb", "longer"),
        ("1510000001", "wxc", "two appids, first"),
        ("1510000001", "wxd", "two appids, second"),
        ("1510000002", "wxd", "shares an appid"),
    ] {
        assert!(merchants.insert(entity(mch_id, app_id, name)).is_none());
    }
    let name = |client: Client| client.merchant().name().to_owned();
    assert_eq!(name(merchants.by_mch_id("15100000").unwrap()), "short");
    assert_eq!(name(merchants.by_mch_id("151000000").unwrap()), "longer");
    assert_eq!(name(merchants.by_mch_id("1510000002").unwrap()), "shares an appid");
    assert_eq!(name(merchants.by_app_id("wxa").unwrap()), "short");
    assert_eq!(name(merchants.by_app_id("wxc").unwrap()), "two appids, first");
    assert_eq!(name(merchants.find("1510000001", "wxd").unwrap()), "two appids, second");
    assert!(merchants.find("1510000002", "wxc").is_none());

    for (found, field, needle) in [
        (merchants.by_mch_id("1510000001"), "mch_id", "2 merchant entities"),
        (merchants.by_app_id("wxd"), "app_id", "2 merchant entities"),
        (merchants.by_mch_id("15100000011"), "mch_id", "no merchant entity"),
        (merchants.by_mch_id("1510000"), "mch_id", "no merchant entity"),
        (merchants.by_mch_id(""), "mch_id", "no merchant entity"),
        (merchants.by_app_id("wx"), "app_id", "no merchant entity"),
    ] {
        let error = found.unwrap_err();
        assert_eq!((error.kind(), error.outcome(), error.field()), (ErrorKind::Config, Outcome::NotSent, Some(field)));
        assert!(error.to_string().contains(needle), "{error}");
        assert!(!error.next_step().is_empty());
    }

    let all: Vec<String> = merchants.all().into_iter().map(name).collect();
    let order = ["short", "longer", "two appids, first", "two appids, second", "shares an appid"];
    assert_eq!(all, order);
}

#[test]
fn entities_come_and_go() {
    let merchants = Merchants::new();
    let names = |merchants: &Merchants| -> BTreeMap<String, String> {
        let facts = |client: Client| (client.merchant().app_id().to_string(), client.merchant().name().to_owned());
        merchants.all().into_iter().map(facts).collect()
    };
    assert!(merchants.insert(entity("1510000001", "wxa", "first")).is_none());
    assert!(merchants.insert(entity("1510000001", "wxb", "other")).is_none());
    let held = merchants.find("1510000001", "wxa").unwrap();
    let old = merchants.insert(entity("1510000001", "wxa", "second")).unwrap();
    assert_eq!((old.merchant().name(), held.merchant().name()), ("first", "first"));
    assert_eq!(names(&merchants)["wxa"], "second");

    assert!(merchants.remove("1510000001", "wxz").is_none());
    assert!(merchants.remove("1510000009", "wxa").is_none());
    assert_eq!(merchants.remove("1510000001", "wxa").unwrap().merchant().name(), "second");
    assert!(merchants.remove("1510000001", "wxa").is_none());
    assert_eq!(merchants.by_mch_id("1510000001").unwrap().merchant().name(), "other");
    assert_eq!(names(&merchants).len(), 1);
    assert_eq!(held.merchant().name(), "first", "who holds a client keeps it");
}
