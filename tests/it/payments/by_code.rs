//! Answers about payment codes, and the tools around payments.

use hongbao::ErrorKind::{Mismatch, Refusal};
use hongbao::Fen;
use hongbao::Outcome::{Refused, Unknown};
use hongbao::pay::{Payment, TradeType};

use super::{
    MICRO, MICRO_PAID, OPENID, SUB_OPENID, auth_code, coffee, full_micropay, hmac, micropay, provider, reads, report,
    reverse, short_url,
};
use crate::exchange::{all_listed, refuses};

/// As the plain fixture has it; the others say what differs.
fn paid(payment: &Payment) -> serde_json::Value {
    let mut value = serde_json::to_value(payment).unwrap();
    let fields = value.as_object_mut().unwrap();
    fields.retain(|_, value| !value.is_null());
    value
}

fn expected() -> serde_json::Value {
    serde_json::json!({
        "transaction_id": MICRO_PAID, "out_trade_no": MICRO, "total_fee": 1250, "fee_type": "CNY", "cash_fee": 1250,
        "cash_fee_type": "CNY", "coupons": [], "openid": OPENID, "is_subscribe": "N", "trade_type": "MICROPAY",
        "bank_type": "OTHERS", "time_end": 1_742_257_923_000_i64,
    })
}

#[tokio::test]
async fn codes_are_paid() {
    all_listed(
        "pay.micropay",
        "reply",
        ["reply.xml", "reply.hmac.xml", "reply.provider.xml", "reply.coupons.xml"].into_iter(),
    );
    let payment = reads(&coffee(), &micropay(), "pay.micropay/reply.xml").await;
    assert_eq!(payment.time_end.unwrap().to_string(), "2025-03-18 08:32:03");
    assert_eq!(payment.trade_type, Some(TradeType::Micropay));
    assert_eq!((payment.attach.as_deref(), payment.device_info.as_deref()), (None, None), "empty is absent");
    assert_eq!(paid(&payment), expected());
    let same = reads(&hmac(), &micropay(), "pay.micropay/reply.hmac.xml").await;
    assert_eq!(same, payment);

    let mut theirs = expected();
    theirs["out_trade_no"] = "M20250318000011".into();
    theirs["attach"] = "深圳分店".into();
    theirs["device_info"] = "POS-01".into();
    theirs["sub_openid"] = SUB_OPENID.into();
    theirs["sub_is_subscribe"] = "N".into();
    assert_eq!(paid(&reads(&provider(), &full_micropay(), "pay.micropay/reply.provider.xml").await), theirs);

    let payment = reads(&coffee(), &micropay(), "pay.micropay/reply.coupons.xml").await;
    let fees = [payment.cash_fee, payment.coupon_fee, payment.settlement_total_fee];
    assert_eq!(fees, [1000, 250, 1100].map(|fee| Some(Fen::new(fee))));
    assert!(payment.promotion_detail.unwrap().contains("水杯立减"));
    assert!(payment.coupons.is_empty());
}

#[tokio::test]
async fn refused_codes() {
    let table = [
        ("refusal.xml", Refusal, Refused, Some("AUTHCODEEXPIRE")),
        ("refusal.userpaying.xml", Refusal, Unknown, Some("USERPAYING")),
        ("refusal.systemerror.xml", Refusal, Unknown, Some("SYSTEMERROR")),
        ("refusal.bankerror.xml", Refusal, Unknown, Some("BANKERROR")),
        ("refusal.notenough.xml", Refusal, Refused, Some("NOTENOUGH")),
        ("refusal.notsuportcard.xml", Refusal, Refused, Some("NOTSUPORTCARD")),
        ("refusal.buyer_mismatch.xml", Refusal, Refused, Some("BUYER_MISMATCH")),
        ("refusal.trade_error.xml", Refusal, Refused, Some("TRADE_ERROR")),
        ("refusal.orderpaid.xml", Refusal, Unknown, Some("ORDERPAID")),
        ("refusal.orderreversed.xml", Refusal, Refused, Some("ORDERREVERSED")),
        ("refusal.auth_code_invalid.xml", Refusal, Refused, Some("AUTH_CODE_INVALID")),
        ("refusal.new_code.xml", Refusal, Unknown, Some("PRODUCT_SUSPENDED")),
        ("refusal.communication.xml", Refusal, Unknown, None),
        ("refusal.other_number.xml", Mismatch, Unknown, None),
    ];
    refuses(&coffee(), &micropay(), "pay.micropay", &table).await;
}

#[tokio::test]
async fn payments_by_code_are_reversed() {
    all_listed("pay.reverse", "reply", ["reply.xml", "reply.recall.xml"].into_iter());
    assert!(!reads(&coffee(), &reverse(), "pay.reverse/reply.xml").await.recall);
    assert!(reads(&coffee(), &reverse(), "pay.reverse/reply.recall.xml").await.recall);
    let table = [
        ("refusal.xml", Refusal, Refused, Some("REVERSE_EXPIRE")),
        ("refusal.userpaying.xml", Refusal, Unknown, Some("USERPAYING")),
        ("refusal.systemerror.xml", Refusal, Unknown, Some("SYSTEMERROR")),
        ("refusal.invalid_transactionid.xml", Refusal, Refused, Some("INVALID_TRANSACTIONID")),
    ];
    refuses(&coffee(), &reverse(), "pay.reverse", &table).await;
}

#[tokio::test]
async fn codes_have_owners() {
    all_listed("pay.auth_code", "reply", ["reply.xml", "reply.provider.xml"].into_iter());
    let owner = reads(&coffee(), &auth_code(), "pay.auth_code/reply.xml").await;
    assert_eq!((&*owner.openid, owner.sub_openid), (OPENID, None));
    let owner = reads(&provider(), &auth_code(), "pay.auth_code/reply.provider.xml").await;
    assert_eq!((&*owner.openid, owner.sub_openid.as_deref()), (OPENID, Some(SUB_OPENID)));
    let table = [
        ("refusal.xml", Refusal, Refused, Some("AUTH_CODE_INVALID")),
        ("refusal.authcodeexpire.xml", Refusal, Refused, Some("AUTHCODEEXPIRE")),
        ("refusal.auth_code_error.xml", Refusal, Refused, Some("AUTH_CODE_ERROR")),
        ("refusal.systemerror.xml", Refusal, Unknown, Some("SYSTEMERROR")),
    ];
    refuses(&coffee(), &auth_code(), "pay.auth_code", &table).await;
}

#[tokio::test]
async fn links_are_shortened() {
    all_listed("pay.short_url", "reply", ["reply.xml"].into_iter());
    let short = reads(&coffee(), &short_url(), "pay.short_url/reply.xml").await;
    assert_eq!(short.short_url, "weixin://wxpay/s/aB3dE5");
    let table = [
        ("refusal.xml", Refusal, Refused, Some("APPID_MCHID_NOT_MATCH")),
        ("refusal.communication.xml", Refusal, Unknown, None),
    ];
    refuses(&coffee(), &short_url(), "pay.short_url", &table).await;
}

#[tokio::test]
async fn calls_are_reported() {
    all_listed("pay.report", "reply", ["reply.xml"].into_iter());
    reads(&coffee(), &report(), "pay.report/reply.xml").await;
    let table = [("refusal.xml", Refusal, Unknown, None), ("refusal.result.xml", Refusal, Unknown, None)];
    refuses(&coffee(), &report(), "pay.report", &table).await;
}
