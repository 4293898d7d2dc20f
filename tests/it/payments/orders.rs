//! Answers to orders that are placed and closed.

use hongbao::ErrorKind::{Mismatch, Refusal, Unreadable, Unverified};
use hongbao::Outcome::{Refused, Unknown};
use hongbao::pay::Placed;
use hongbao::wire::Digest;
use hongbao::{Entity, ErrorKind};

use super::{app, close, coffee, full_jsapi, h5, hmac, jsapi, native, number, provider, reads};
use crate::exchange::{all_listed, exchange, refuses};
use crate::fake::{Step, fixture};

fn prepay_id(end: &str) -> String {
    format!("wx18083000{end:0>26}")
}

#[tokio::test]
async fn orders_in_wechat_are_placed() {
    let placed = [
        (coffee(), "reply.xml", prepay_id("aa"), None),
        (hmac(), "reply.hmac.xml", prepay_id("aa"), None),
        (provider(), "reply.provider.xml", prepay_id("ba"), None),
        (coffee(), "reply.old_prepay_id.xml", "wx201803180830000a1b2c3d4e5f67890123".into(), None),
        (coffee(), "reply.promotions.xml", prepay_id("aa"), Some(2)),
    ];
    all_listed("pay.jsapi", "reply", placed.iter().map(|row| row.1));
    for (entity, name, expected, promotions) in placed {
        let request = if entity.sub_merchant.is_some() { full_jsapi() } else { jsapi() };
        let Placed { prepay_id, promotion_detail, .. } = reads(&entity, &request, &format!("pay.jsapi/{name}")).await;
        assert_eq!(prepay_id, expected, "{name}");
        let count = promotion_detail.map(|json| {
            let json: serde_json::Value = serde_json::from_str(&json).unwrap();
            json["promotion_detail"].as_array().unwrap().len()
        });
        assert_eq!(count, promotions, "{name}");
    }
}

/// A reply is signed with the digest of its request, and with no other.
#[tokio::test]
async fn the_digest_is_the_one_that_was_asked_for() {
    let other = |entity: &Entity| match entity.digest {
        Digest::Md5 => hmac(),
        _ => coffee(),
    };
    for (entity, name) in [(coffee(), "reply.xml"), (hmac(), "reply.hmac.xml")] {
        let text = fixture(&format!("pay.jsapi/{name}"));
        let (result, _) = exchange(&other(&entity), &jsapi(), Step::Answer(text), "n").await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Unverified, "{name}");
    }
}

#[tokio::test]
async fn orders_elsewhere_are_placed() {
    all_listed("pay.native", "reply", ["reply.xml", "reply.old_code_url.xml"].into_iter());
    for (name, code_url) in [
        ("reply.xml", "weixin://wxpay/bizpayurl?pr=aB3dE5f"),
        ("reply.old_code_url.xml", "weixin://wxpay/bizpayurl?sr=aB3dE5f"),
    ] {
        let placed = reads(&coffee(), &native(), &format!("pay.native/{name}")).await;
        assert_eq!((placed.prepay_id, &*placed.code_url), (prepay_id("ab"), code_url), "{name}");
        assert_eq!(placed.promotion_detail, None);
    }

    all_listed("pay.app", "reply", ["reply.xml"].into_iter());
    assert_eq!(reads(&coffee(), &app(), "pay.app/reply.xml").await.prepay_id, prepay_id("ac"));

    let page = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=";
    let page = format!("{page}{}&package=1037687096", prepay_id("ad"));
    all_listed("pay.h5", "reply", ["reply.xml", "reply.without_mweb_url.xml"].into_iter());
    for (name, mweb_url) in [("reply.xml", Some(page)), ("reply.without_mweb_url.xml", None)] {
        let placed = reads(&coffee(), &h5(), &format!("pay.h5/{name}")).await;
        assert_eq!((placed.prepay_id, placed.mweb_url), (prepay_id("ad"), mweb_url), "{name}");
    }
}

#[tokio::test]
async fn orders_are_closed() {
    all_listed("pay.close", "reply", ["reply.xml", "reply.without_result_msg.xml"].into_iter());
    for (name, text) in [("reply.xml", Some("OK")), ("reply.without_result_msg.xml", None)] {
        let closed = reads(&coffee(), &close("T20250318000001"), &format!("pay.close/{name}")).await;
        assert_eq!(closed.result_msg.as_deref(), text, "{name}");
    }
}

#[tokio::test]
async fn refused_orders() {
    let table = [
        ("refusal.xml", Refusal, Refused, Some("OUT_TRADE_NO_USED")),
        ("refusal.invalid_request.xml", Refusal, Refused, Some("INVALID_REQUEST")),
        ("refusal.orderpaid.xml", Refusal, Unknown, Some("ORDERPAID")),
        ("refusal.orderclosed.xml", Refusal, Refused, Some("ORDERCLOSED")),
        ("refusal.noauth.xml", Refusal, Refused, Some("NOAUTH")),
        ("refusal.notenough.xml", Refusal, Refused, Some("NOTENOUGH")),
        ("refusal.systemerror.xml", Refusal, Unknown, Some("SYSTEMERROR")),
        ("refusal.new_code.xml", Refusal, Unknown, Some("PRODUCT_SUSPENDED")),
        ("refusal.communication.xml", Refusal, Unknown, None),
        ("refusal.time_expire.xml", Refusal, Unknown, None),
        ("refusal.fail_with_code.xml", Refusal, Refused, Some("LACK_PARAMS")),
        ("refusal.unsigned.xml", Unverified, Unknown, None),
        ("refusal.forged.xml", Unverified, Unknown, None),
        ("refusal.other_merchant.xml", Mismatch, Unknown, None),
        ("refusal.without_prepay_id.xml", Unreadable, Unknown, None),
    ];
    refuses(&coffee(), &jsapi(), "pay.jsapi", &table).await;
    let table = [
        ("refusal.xml", Refusal, Refused, Some("INVALID_REQUEST")),
        ("refusal.noauth.xml", Refusal, Refused, Some("NOAUTH")),
        ("refusal.without_code_url.xml", Unreadable, Unknown, None),
    ];
    refuses(&coffee(), &native(), "pay.native", &table).await;
    let table = [
        ("refusal.xml", Refusal, Refused, Some("APPID_MCHID_NOT_MATCH")),
        ("refusal.systemerror.xml", Refusal, Unknown, Some("SYSTEMERROR")),
        ("refusal.communication.xml", Refusal, Unknown, None),
    ];
    refuses(&coffee(), &app(), "pay.app", &table).await;
    let table = [
        ("refusal.xml", Refusal, Refused, Some("NOAUTH")),
        ("refusal.orderclosed.xml", Refusal, Refused, Some("ORDERCLOSED")),
        ("refusal.communication.xml", Refusal, Unknown, None),
    ];
    refuses(&coffee(), &h5(), "pay.h5", &table).await;
}

#[tokio::test]
async fn orders_that_do_not_close() {
    let table = [
        ("refusal.xml", Refusal, Unknown, Some("ORDERPAID")),
        ("refusal.orderclosed.xml", Refusal, Refused, Some("ORDERCLOSED")),
        ("refusal.ordernotexist.xml", Refusal, Refused, Some("ORDERNOTEXIST")),
        ("refusal.trade_state_error.xml", Refusal, Refused, Some("TRADE_STATE_ERROR")),
        ("refusal.systemerror.xml", Refusal, Unknown, Some("SYSTEMERROR")),
    ];
    refuses(&coffee(), &close("T20250318000001"), "pay.close", &table).await;
}

/// The answer to one way of paying is not the answer to another.
#[tokio::test]
async fn answers_of_another_trade_type_are_no_answers() {
    let text = fixture("pay.native/reply.xml");
    let (result, _) = exchange(&coffee(), &jsapi(), Step::Answer(text), "n").await;
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.field()), (Mismatch, Some("trade_type")));
    // The number is not among what unifiedorder repeats.
    let request = hongbao::pay::Jsapi { out_trade_no: number("T20250318000099"), ..jsapi() };
    let (result, _) = exchange(&coffee(), &request, Step::Answer(fixture("pay.jsapi/reply.xml")), "n").await;
    assert!(result.is_ok());
}

/// A provider's answers must name its sub-merchant, where they name one.
#[tokio::test]
async fn answers_for_another_sub_merchant_are_no_answers() {
    let text = fixture("pay.jsapi/reply.provider.xml");
    let sub = hongbao::SubMerchant::new(hongbao::MchId::new("1510000004").unwrap());
    let entity = Entity { sub_merchant: Some(sub), ..hmac() };
    let (result, _) = exchange(&entity, &jsapi(), Step::Answer(text), "n").await;
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.field()), (Mismatch, Some("sub_mch_id")));
}
