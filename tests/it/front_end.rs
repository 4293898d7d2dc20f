//! What the front end is given, against vectors that other tools made.

mod qr;

use std::sync::Arc;

use hongbao::clock::{Clock, Timestamp};
use hongbao::pay::{AppParams, BridgeParams, h5_redirect, native_link};
use hongbao::wire::{Digest, Doc, read_xml, sign, write_xml};
use hongbao::{AppId, Client, Endpoint, Entity, ErrorKind, MchId, Outcome, Secret, SubMerchant, notify};
use serde_json::Value;

use crate::fake::{FixedNonce, KEY, Scripted, Standing, coffee, fixture};

struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn vectors(kind: &str, least: usize) -> Vec<Value> {
    let all: Value = serde_json::from_str(&fixture("payments/front_end.json")).unwrap();
    let vectors = all[kind].as_array().unwrap().clone();
    assert!(vectors.len() >= least, "{kind}: {}", vectors.len());
    vectors
}

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().unwrap_or_else(|| panic!("{field} of {vector}"))
}

/// A client of the vector's merchant, in the vector's moment, with its nonce.
fn client(vector: &Value, sub: Option<SubMerchant>) -> Client {
    let or = |field: &str, otherwise: &str| vector[field].as_str().unwrap_or(otherwise).to_owned();
    let digest = if or("digest", "MD5") == "MD5" { Digest::Md5 } else { Digest::HmacSha256 };
    let entity = Entity {
        app_id: if sub.is_some() { coffee().app_id } else { or("app_id", "") },
        mch_id: or("mch_id", &coffee().mch_id),
        key: Secret::new(text(vector, "key")),
        cert: hongbao::Cert::none(),
        // The keys of published vectors never meet the real platform.
        endpoint: Endpoint::at("https://127.0.0.1:8443", ""),
        digest,
        sub_merchant: sub,
        ..coffee()
    };
    let seconds = or("time", "0").parse().unwrap();
    Client::builder(&entity)
        .transport(Scripted::new([]))
        .clock(Arc::new(At(Timestamp::from_unix(seconds))))
        .nonce(Arc::new(FixedNonce(text(vector, "random").to_owned())))
        .build()
        .unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn the_bridge_is_given_what_others_sign() {
    let sub_app = "wx0123456789abcdef";
    let mut for_sub = 0;
    for vector in vectors("jsapi", 9) {
        let name = text(&vector, "name");
        let sub = (text(&vector, "app_id") == sub_app).then(|| {
            for_sub += 1;
            SubMerchant::new(MchId::new("1510000003").unwrap()).with_app_id(AppId::new(sub_app).unwrap())
        });
        let client = client(&vector, sub.clone());
        let stamp = client.stamp().await.unwrap();
        let prepay = text(&vector, "prepay");
        let params = match sub {
            Some(_) => BridgeParams::for_sub_app(&stamp, prepay).unwrap(),
            None => BridgeParams::new(&stamp, prepay),
        };
        assert_eq!(serde_json::to_value(&params).unwrap(), vector["bridge"], "{name}");
        assert_eq!(json(&params.bridge_json()), vector["bridge"], "{name}");
        assert_eq!(json(&params.jssdk_json()), vector["jssdk"], "{name}");
        assert_eq!(json(&params.mini_program_json()), vector["mini_program"], "{name}");
    }
    assert_eq!(for_sub, 1);
}

/// The appid of the order decides whose signature it is; a provider has two.
#[tokio::test]
async fn only_a_sub_appid_signs_as_one() {
    let vector = &vectors("jsapi", 9)[0];
    let alone = SubMerchant::new(MchId::new("1510000003").unwrap());
    for sub in [None, Some(alone.clone())] {
        let client = client(vector, sub);
        let error = BridgeParams::for_sub_app(&client.stamp().await.unwrap(), "wx18").unwrap_err();
        let found = (error.kind(), error.outcome(), error.field());
        assert_eq!(found, (ErrorKind::Invalid, Outcome::NotSent, Some("sub_appid")));
    }
    let sub = alone.with_app_id(AppId::new("wx0123456789abcdef").unwrap());
    let client = client(vector, Some(sub));
    let params = BridgeParams::new(&client.stamp().await.unwrap(), text(vector, "prepay"));
    assert_eq!(serde_json::to_value(&params).unwrap(), vector["bridge"], "the provider's own users");
}

#[tokio::test]
async fn apps_are_given_what_others_sign() {
    for vector in vectors("app", 6) {
        let client = client(&vector, None);
        let params = AppParams::new(&client.stamp().await.unwrap(), text(&vector, "prepay"));
        assert_eq!(serde_json::to_value(&params).unwrap(), vector["call"], "{}", vector["name"]);
        assert_eq!(json(&params.json()), vector["call"], "{}", vector["name"]);
    }
}

#[tokio::test]
async fn links_are_those_of_others() {
    for vector in vectors("native_link", 7) {
        let client = client(&vector, None);
        let link = native_link(&client.stamp().await.unwrap(), text(&vector, "product")).unwrap();
        assert_eq!(link, text(&vector, "link"), "{}", vector["name"]);
        // It is MD5 whatever the entity prefers elsewhere.
        let mut other = vector.clone();
        other["digest"] = "HMAC-SHA256".into();
        let client = self::client(&other, None);
        let link = native_link(&client.stamp().await.unwrap(), text(&vector, "product")).unwrap();
        assert_eq!(link, text(&vector, "link"), "{}", vector["name"]);
    }
    let vector = &vectors("native_link", 7)[0];
    let client = client(vector, None);
    let stamp = client.stamp().await.unwrap();
    assert!(native_link(&stamp, &"水".repeat(32)).is_ok());
    for product in ["", &"x".repeat(33)] {
        let error = native_link(&stamp, product).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("product_id")));
    }
}

#[test]
fn browsers_find_the_way_back() {
    let all = vectors("h5_redirect", 6);
    let bare = all.iter().find(|vector| vector["back_to"].is_null()).map(|vector| text(vector, "url")).unwrap();
    for vector in all.iter().filter(|vector| !vector["back_to"].is_null()) {
        assert_eq!(h5_redirect(bare, text(vector, "back_to")), text(vector, "url"), "{}", vector["name"]);
    }
}

/// A scan as WeChat tells it, for this client.
fn scan(client: &Client, key: &str, nonce: &str) -> String {
    let merchant = client.merchant();
    let mut doc: Doc = [
        ("appid", merchant.app_id().as_str()),
        ("openid", "oQx4r0Z1a2b3c4d5e6f7g8h9i0jk"),
        ("mch_id", merchant.mch_id().as_str()),
        ("is_subscribe", "N"),
        ("nonce_str", nonce),
        ("product_id", "SKU-0001"),
    ]
    .into_iter()
    .collect();
    let signature = sign(&doc, &Secret::new(key), Digest::Md5);
    doc.push("sign", &signature);
    write_xml(&doc)
}

#[tokio::test]
async fn scans_are_answered_as_others_answer() {
    for vector in vectors("native_answer", 4) {
        let name = text(&vector, "name");
        let client = client(&vector, None);
        let body = scan(&client, text(&vector, "key"), text(&vector, "random"));
        let scanned: notify::Scanned = client.open(body.as_bytes()).await.unwrap();
        assert_eq!((&*scanned.product_id, &*scanned.openid), ("SKU-0001", "oQx4r0Z1a2b3c4d5e6f7g8h9i0jk"));
        let stamp = client.stamp().await.unwrap();
        let (ack, success) = match vector["prepay_id"].as_str() {
            Some(prepay_id) => (scanned.answer(&stamp, prepay_id), true),
            None => (scanned.refuse(&stamp, text(&vector, "err_code_des")), false),
        };
        let doc = read_xml(ack.body().as_bytes()).unwrap();
        let fields: serde_json::Map<_, _> = doc.iter().map(|(name, value)| (name.into(), value.into())).collect();
        assert_eq!(Value::Object(fields), vector["fields"], "{name}");
        assert_eq!((ack.is_success(), ack.status()), (success, 200), "{name}");
    }
}

/// What the user reads may not break the signature: XML turns a carriage return
/// into a line feed, and other control characters have no place in it at all.
#[tokio::test]
async fn what_a_scanning_user_reads_is_signed_as_it_arrives() {
    let vector = &vectors("native_answer", 4)[0];
    let client = client(vector, None);
    let body = scan(&client, KEY, "n");
    let scanned: notify::Scanned = client.open(body.as_bytes()).await.unwrap();
    let long = "完".repeat(200);
    for (reason, arrives) in
        [("商品已\r\n售完", "商品已售完"), ("售\0完\u{1b}", "售完"), (&long, &*"完".repeat(128)), ("]]>&<", "]]>&<")]
    {
        let ack = scanned.refuse(&client.stamp().await.unwrap(), reason);
        let doc = read_xml(ack.body().as_bytes()).unwrap();
        assert_eq!(doc.get("err_code_des"), Some(arrives));
        assert!(hongbao::wire::verify(&doc, doc.get("sign").unwrap(), &Secret::new(KEY), Digest::Md5), "{reason:?}");
    }
}

/// Each signature has a nonce and a moment of its own.
#[tokio::test]
async fn stamps_are_fresh() {
    let clock = Standing::at("2025-03-18 08:30:00");
    let entity = Entity { cert: hongbao::Cert::none(), ..coffee() };
    let client =
        Client::builder(&entity).transport(Scripted::new([])).clock(Arc::<Standing>::clone(&clock)).build().unwrap();
    let first = client.stamp().await.unwrap();
    clock.advance(std::time::Duration::from_secs(1));
    let second = client.stamp().await.unwrap();
    assert_ne!(first.nonce, second.nonce);
    assert_eq!(second.now.unix() - first.now.unix(), 1);
    let (one, two) = (BridgeParams::new(&first, "wx18"), BridgeParams::new(&second, "wx18"));
    assert_ne!(one.pay_sign, two.pay_sign);
    assert_eq!(two.time_stamp, "1742257801");
}
