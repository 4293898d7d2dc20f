//! Notifications that come to one address for several entities.

use hongbao::notify::{Paid, Refunded, Scanned, unverified_merchant};
use hongbao::wire::Digest;
use hongbao::{AppId, Entity, ErrorKind, MchId, Merchants, Secret, SubMerchant};

use super::forge::{OTHER_KEY, around, encrypt, fields, inner, scan, signed, signed_with};
use super::{expected, quiet};
use crate::fake::{KEY, coffee, fixture};
use crate::payments::provider;

const THIRD_KEY: &str = "0123456789abcdef0123456789abcdef";

fn street() -> Merchants {
    let merchants = Merchants::new();
    let bare = || Entity { cert: hongbao::Cert::none(), ..coffee() };
    let second = SubMerchant::new(MchId::new("1510000004").unwrap());
    for entity in [
        Entity { name: "coffee".into(), ..bare() },
        Entity {
            name: "tea".into(),
            mch_id: "1510000002".into(),
            app_id: "wx0123456789abcdea".into(),
            key: Secret::new(OTHER_KEY),
            ..bare()
        },
        // The same merchant under another appid, with the same key.
        Entity { name: "coffee to go".into(), app_id: "wx0123456789abcdeb".into(), ..bare() },
        Entity { name: "sub one".into(), sub_merchant: provider().sub_merchant, ..bare() },
        Entity {
            name: "sub two".into(),
            sub_merchant: Some(second.with_app_id(AppId::new("wx0123456789abcdec").unwrap())),
            ..bare()
        },
    ] {
        assert!(merchants.insert(quiet(&entity)).is_none());
    }
    merchants
}

const TEA: [(&str, Option<&str>); 2] = [("mch_id", Some("1510000002")), ("appid", Some("wx0123456789abcdea"))];
const SUB_TWO: [(&str, Option<&str>); 2] =
    [("sub_mch_id", Some("1510000004")), ("sub_appid", Some("wx0123456789abcdec"))];

#[tokio::test]
async fn each_entity_gets_its_own() {
    let merchants = street();
    for (body, name) in [
        (fixture("notices/paid/md5.xml"), "coffee"),
        (fixture("notices/paid/hmac.xml"), "coffee"),
        (fixture("notices/paid/provider.xml"), "sub one"),
        (signed_with(&fields(&TEA), OTHER_KEY, Digest::Md5), "tea"),
        (signed(&fields(&[("appid", Some("wx0123456789abcdeb"))])), "coffee to go"),
        (signed(&fields(&SUB_TWO)), "sub two"),
        (signed(&fields(&SUB_TWO[..1])), "sub two"),
    ] {
        let (client, paid) = merchants.open::<Paid>(body.as_bytes()).await.unwrap();
        assert_eq!(client.merchant().name(), name);
        assert!(paid.confirm(&expected(&client)).is_ok(), "{name}");
    }
    let body = fixture("notices/refunded/provider.xml");
    let (client, _) = merchants.open::<Refunded>(body.as_bytes()).await.unwrap();
    assert_eq!(client.merchant().name(), "sub one");
    let body = around(&encrypt(&inner(&[]), OTHER_KEY), &TEA);
    let (client, _) = merchants.open::<Refunded>(body.as_bytes()).await.unwrap();
    assert_eq!(client.merchant().name(), "tea");
    let (client, _) = merchants.open::<Scanned>(fixture("notices/native/callback.xml").as_bytes()).await.unwrap();
    assert_eq!(client.merchant().name(), "coffee");
}

/// What a notification claims finds the entity; only that entity's key proves it.
#[tokio::test]
async fn a_claim_proves_nothing() {
    let merchants = street();
    for (body, kind, field) in [
        // Tea's customers cannot pay with what coffee's key has signed, and the reverse.
        (signed(&fields(&TEA)), ErrorKind::Unverified, "sign"),
        (signed_with(&fields(&[]), OTHER_KEY, Digest::Md5), ErrorKind::Unverified, "sign"),
        (signed_with(&fields(&SUB_TWO), THIRD_KEY, Digest::Md5), ErrorKind::Unverified, "sign"),
        // Nobody's.
        (signed(&fields(&[("mch_id", Some("1510000009"))])), ErrorKind::Mismatch, "mch_id"),
        (signed(&fields(&[("appid", Some("wx0123456789abcdef"))])), ErrorKind::Mismatch, "mch_id"),
        (signed(&fields(&[("sub_mch_id", Some("1510000005"))])), ErrorKind::Mismatch, "mch_id"),
        // The number of one entity and the appid of another.
        (signed(&fields(&TEA[..1])), ErrorKind::Mismatch, "mch_id"),
        // Named, but with somebody else's sub_appid.
        (signed(&fields(&[SUB_TWO[0], ("sub_appid", Some("wx0123456789abcdef"))])), ErrorKind::Mismatch, "sub_appid"),
        // Without a name there is nobody to ask.
        (signed(&fields(&[("mch_id", None)])), ErrorKind::Unreadable, "mch_id"),
        (signed(&fields(&[("appid", Some(""))])), ErrorKind::Unreadable, "appid"),
    ] {
        let error = merchants.open::<Paid>(body.as_bytes()).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (kind, Some(field)), "{}", error.report());
        assert!(!error.next_step().is_empty());
    }
    let body = around(&encrypt(&inner(&[]), KEY), &TEA);
    let error = merchants.open::<Refunded>(body.as_bytes()).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Unverified, Some("req_info")));
    let body = signed(&scan(&TEA));
    let error = merchants.open::<Scanned>(body.as_bytes()).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Unverified, Some("sign")));
}

#[test]
fn hints_are_what_the_body_says() {
    let hint = unverified_merchant(fixture("notices/paid/provider.xml").as_bytes()).unwrap();
    let named = (&*hint.mch_id, &*hint.app_id, hint.sub_mch_id.as_deref());
    assert_eq!(named, ("1510000001", "wx00f1e2d3c4b5a697", Some("1510000003")));
    let hint = unverified_merchant(fixture("notices/native/callback.xml").as_bytes()).unwrap();
    assert_eq!(hint.sub_mch_id, None);
}
