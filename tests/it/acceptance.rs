//! The acceptance cases (验收用例) below the prefixes of the official sandboxes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hongbao::pay::{CouponType, TradeState};
use hongbao::sandbox::Sandbox;
use hongbao::wire::{self, Digest, Doc, Generation};
use hongbao::{Client, Entity, ErrorKind, Fen, PayConfig, Secret, query};

use crate::orders::{by_code, jsapi, native, number, refund};
use crate::raw::Raw;

struct Official {
    sandbox: Sandbox,
    mch_id: String,
    client: Client,
}

fn official(generation: Generation) -> Official {
    let sandbox = Sandbox::builder().frozen_at("2025-03-18 12:00:00".parse().unwrap()).build().unwrap();
    let entity = sandbox.merchants().remove(0);
    let config = Entity { endpoint: entity.endpoint().below(generation), ..entity.clone() };
    let client = sandbox.client(&config).unwrap();
    Official { mch_id: entity.mch_id, sandbox, client }
}

#[tokio::test]
async fn orders_pay_themselves_by_their_amount() {
    let stage = official(Generation::One);
    let mut told = BTreeMap::new();
    for (index, fen) in [101, 102, 130, 131, 132, 133, 134].into_iter().enumerate() {
        let order = format!("T{fen}_{index}");
        stage.client.send(&jsapi(&order, fen)).await.unwrap();
        let found = stage.client.send(&query::Order::new(number(&order))).await.unwrap();
        let state = if fen == 131 { TradeState::PayError } else { TradeState::Success };
        assert_eq!(found.trade_state, state, "{fen}");
        if fen == 102 {
            assert_eq!((found.coupon_fee, found.cash_fee), (Some(Fen::new(3)), Some(Fen::new(99))));
            assert_eq!((found.coupons.len(), found.settlement_total_fee), (2, Some(Fen::new(100))));
        }
        let shown = found.total_fee.unwrap().get();
        assert_eq!(shown, if fen == 134 { 20_000 } else { fen }, "{fen}");
        told.insert(fen, stage.sandbox.notices(0, 100).iter().filter(|notice| notice.number == order).count());
    }
    assert_eq!(told, BTreeMap::from([(101, 1), (102, 1), (130, 0), (131, 0), (132, 3), (133, 1), (134, 1)]));
    // What is told can be read with the sandbox's key, and with the wrong one it cannot.
    for notice in stage.sandbox.notices(0, 100) {
        let opened = stage.client.open::<hongbao::notify::Paid>(notice.body.as_bytes()).await;
        assert_eq!(opened.is_ok(), !notice.number.starts_with("T133"), "{}", notice.number);
    }
    // A failed order is not a paid one when it comes again.
    stage.client.send(&jsapi("T131_3", 131)).await.unwrap();
    let error = stage.client.send(&native("T00888", 888)).await.unwrap_err();
    assert!(error.to_string().contains("沙箱支付金额(888)无效"), "{error}");
    assert!(stage.sandbox.requests(1)[0].note.as_deref().unwrap().contains("101, 102, 130"));
    // Nothing of this moved money.
    assert_eq!(stage.sandbox.balance(&stage.mch_id), Fen::new(1_000_000));
    assert!(stage.sandbox.books().balanced);
}

#[tokio::test]
async fn a_fault_spoils_what_is_told_here_too() {
    let stage = official(Generation::One);
    stage.sandbox.spoil_next_notice(hongbao::sandbox::NoticeFault::WrongSign).unwrap();
    for (order, genuine) in [("T00001", false), ("T00002", true)] {
        stage.client.send(&jsapi(order, 101)).await.unwrap();
        let notice = stage.sandbox.notices(0, 10).pop().unwrap();
        let opened = stage.client.open::<hongbao::notify::Paid>(notice.body.as_bytes()).await;
        assert_eq!(opened.is_ok(), genuine, "{order}");
    }
}

#[tokio::test]
async fn the_upgrade_to_coupons_that_nobody_paid_for() {
    let stage = official(Generation::One);
    stage.client.send(&by_code("M00502", 502, "134500000000000001")).await.unwrap();
    let found = stage.client.send(&query::Order::new(number("M00502"))).await.unwrap();
    assert_eq!((found.settlement_total_fee, found.coupon_fee), (Some(Fen::new(501)), Some(Fen::new(1))));
    assert_eq!(found.coupons[0].coupon_type, Some(CouponType::NoCash));
    let taken = stage.client.send(&refund("M00502", "R502", 502, 502)).await.unwrap();
    assert_eq!(taken.settlement_refund_fee, Some(Fen::new(501)));
    let found = stage.client.send(&query::Refund::new(number("M00502"))).await.unwrap();
    assert_eq!(found.refunds[0].settlement_refund_fee, Some(Fen::new(501)));
    stage.client.send(&jsapi("T00551", 551)).await.unwrap();
    let found = stage.client.send(&query::Order::new(number("T00551"))).await.unwrap();
    assert_eq!(found.settlement_total_fee, Some(Fen::new(550)));
}

#[tokio::test]
async fn the_second_sandbox_serves_codes_and_queries() {
    let stage = official(Generation::Two);
    for (fen, coupons) in [(1, 0), (2, 1), (3, 2)] {
        let order = format!("M0000{fen}");
        let code = format!("13450000000000000{fen}");
        let payment = stage.client.send(&by_code(&order, fen, &code)).await.unwrap();
        assert_eq!((payment.total_fee, payment.coupons.len()), (Fen::new(fen), coupons));
        let settlement = payment.settlement_total_fee.unwrap_or(payment.total_fee);
        assert_eq!(
            (payment.cash_fee, settlement),
            ([1, 1, 0].map(|fen| Some(Fen::new(fen)))[coupons], Fen::new([1, 2, 1][coupons]))
        );
        let found = stage.client.send(&query::Order::new(number(&order))).await.unwrap();
        assert_eq!((found.trade_state, found.coupons.len()), (TradeState::Success, coupons));
    }
    let error = stage.client.send(&jsapi("T00101", 101)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotServed);
}

/// Fields, signed with the sandbox's key, and a case.
async fn case(raw: &Raw, path: &str, fields: &[(&str, &str)], key: &str, case: Option<&str>) -> (Doc, Duration) {
    let mut doc: Doc = fields.iter().copied().collect();
    let sign = wire::sign(&doc, &Secret::new(key), Digest::Md5);
    doc.push("sign", &sign);
    let started = Instant::now();
    let (status, text) = raw.post_case(path, wire::write_xml(&doc), case).await;
    assert_eq!(status, 200, "{text}");
    (wire::read_xml(text.as_bytes()).unwrap(), started.elapsed())
}

#[tokio::test]
async fn the_header_asks_for_what_goes_wrong() {
    let raw = Raw::new().await;
    let entity = raw.entity.clone();
    let (app_id, mch_id) = (entity.app_id.as_str(), entity.mch_id.as_str());
    let fields = [("mch_id", mch_id), ("nonce_str", "n")];
    let (answer, _) = case(&raw, "/xdc/apiv2getsignkey/sign/getsignkey", &fields, &raw.key, None).await;
    let key = answer.get("sandbox_signkey").unwrap().to_owned();
    assert_eq!(key.len(), 32);

    let pay = |order: &'static str, fee: &'static str, code: &'static str| {
        vec![
            ("appid", "wx2421b1c4370ec43b"),
            ("mch_id", mch_id),
            ("nonce_str", "echo_me"),
            ("body", "验收"),
            ("out_trade_no", order),
            ("total_fee", fee),
            ("spbill_create_ip", "203.0.113.20"),
            ("auth_code", code),
        ]
    };
    let ask =
        |order: &'static str| vec![("appid", app_id), ("mch_id", mch_id), ("nonce_str", "n"), ("out_trade_no", order)];
    let (micropay, orderquery) = ("/xdc/apiv2sandbox/pay/micropay", "/xdc/apiv2sandbox/pay/orderquery");
    let (late, soon) = (Duration::from_millis(2_500), Duration::from_millis(1_500));

    let name = Some("MICROPAY_USERPAYING");
    let (answer, _) = case(&raw, micropay, &pay("M00001", "1", "134500000000000001"), &key, name).await;
    let field = |doc: &Doc, name: &str| doc.get(name).unwrap_or_default().to_owned();
    assert_eq!(
        (field(&answer, "err_code"), field(&answer, "err_code_des")),
        ("USERPAYING".into(), "需要输入密码".into())
    );
    assert_eq!((field(&answer, "device_info"), field(&answer, "nonce_str")), ("sandbox".into(), "echo_me".into()));
    assert!(wire::verify(&answer, answer.get("sign").unwrap(), &Secret::new(key.as_str()), Digest::Md5));
    let mut states = vec![];
    for _ in 0..3 {
        let (answer, _) = case(&raw, orderquery, &ask("M00001"), &key, name).await;
        states.push(field(&answer, "trade_state"));
    }
    assert_eq!(states, ["USERPAYING", "SUCCESS", "SUCCESS"]);

    // Each of these waits for seconds, so they wait together.
    let paid_late = async |order, code, name, state| {
        let (_, took) = case(&raw, micropay, &pay(order, "1", code), &key, Some(name)).await;
        assert!(took > late, "{name}: {took:?}");
        let (answer, took) = case(&raw, orderquery, &ask(order), &key, Some(name)).await;
        assert!(took < soon && field(&answer, "trade_state") == state, "{name}: {took:?} {answer:?}");
    };
    let silent = async {
        let name = Some("MICROPAY_PAY_QUERY_TIMEOUT");
        let payment = pay("M00004", "1", "134500000000000004");
        let (_, took) = case(&raw, micropay, &payment, &key, name).await;
        // Whatever the answer would be, a repeated payment or a number that is unknown.
        let (known, unknown) = (ask("M00004"), ask("M09999"));
        let ((_, asked), (_, again), (_, unknown)) = tokio::join!(
            case(&raw, orderquery, &known, &key, name),
            case(&raw, micropay, &payment, &key, name),
            case(&raw, orderquery, &unknown, &key, name),
        );
        assert!(
            [took, asked, again, unknown].iter().all(|took| *took > late),
            "{took:?} {asked:?} {again:?} {unknown:?}"
        );
    };
    tokio::join!(
        paid_late("M00002", "134500000000000002", "MICROPAY_TIMEOUT", "SUCCESS"),
        paid_late("M00003", "134500000000000003", "MICROPAY_PAYERROR", "PAYERROR"),
        silent,
    );
}

/// SDKs differ in where the first sandbox serves refunds and reversals.
#[tokio::test]
async fn paths_of_the_first_sandbox() {
    let raw = Raw::new().await;
    let (app_id, mch_id) = (raw.entity.app_id.clone(), raw.entity.mch_id.clone());
    let (answer, _) =
        case(&raw, "/sandboxnew/pay/getsignkey", &[("mch_id", &mch_id), ("nonce_str", "n")], &raw.key, None).await;
    let key = answer.get("sandbox_signkey").unwrap().to_owned();
    let fields = [("appid", &*app_id), ("mch_id", &mch_id), ("nonce_str", "n"), ("out_trade_no", "T99999")];
    for path in ["/sandboxnew/secapi/pay/reverse", "/sandboxnew/pay/reverse"] {
        let (answer, _) = case(&raw, path, &fields, &key, None).await;
        assert_eq!(answer.get("recall"), Some("N"), "{path}: {answer:?}");
    }
    let more = [("out_refund_no", "R1"), ("total_fee", "101"), ("refund_fee", "101")];
    let fields: Vec<_> = fields.into_iter().chain(more).collect();
    for path in ["/sandboxnew/secapi/pay/refund", "/sandboxnew/pay/refund"] {
        let (answer, _) = case(&raw, path, &fields, &key, None).await;
        assert_eq!(answer.get("err_code"), Some("ORDERNOTEXIST"), "{path}: {answer:?}");
    }
    let wrong = "0".repeat(32);
    let (answer, _) = case(&raw, "/sandboxnew/pay/refund", &fields, &wrong, None).await;
    assert!(answer.get("return_msg").unwrap().contains("沙箱验证签名失败"), "{answer:?}");
}
