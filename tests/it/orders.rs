//! Orders through the sandbox in the process: states, refusals, refunds, money.

use std::time::Duration;

use hongbao::pay::{self, CouponType, OrderKey, TradeState};
use hongbao::query::{self, RefundStatus};
use hongbao::sandbox::{Fault, Payer, Settings};
use hongbao::{Fen, OpenId, OutRefundNo, OutTradeNo, Outcome};

use crate::support::{ALICE, BOB, DAY, HOUR, Stage, code};

pub fn number(text: &str) -> OutTradeNo {
    OutTradeNo::new(text).unwrap()
}

pub fn native(order: &str, fen: i64) -> pay::Native {
    pay::Native {
        body: "蓝鲸咖啡-拿铁".into(),
        out_trade_no: number(order),
        total_fee: Fen::new(fen),
        spbill_create_ip: [203, 0, 113, 10].into(),
        notify_url: "http://127.0.0.1:9/wx/notify".into(),
        product_id: "SKU-0001".into(),
        extra: pay::Extra::default(),
    }
}

pub fn jsapi(order: &str, fen: i64) -> pay::Jsapi {
    pay::Jsapi {
        body: "蓝鲸咖啡-拿铁".into(),
        out_trade_no: number(order),
        total_fee: Fen::new(fen),
        spbill_create_ip: [203, 0, 113, 10].into(),
        notify_url: "http://127.0.0.1:9/wx/notify".into(),
        payer: pay::Payer::OpenId(OpenId::new(ALICE).unwrap()),
        extra: pay::Extra::default(),
    }
}

pub fn refund(order: &str, number: &str, total: i64, fen: i64) -> pay::Refund {
    pay::Refund {
        order: OutTradeNo::new(order).unwrap().into(),
        out_refund_no: OutRefundNo::new(number).unwrap(),
        total_fee: Fen::new(total),
        refund_fee: Fen::new(fen),
        extra: pay::RefundExtra::default(),
    }
}

pub fn by_code(order: &str, fen: i64, auth_code: &str) -> pay::Micropay {
    pay::Micropay {
        body: "蓝鲸咖啡-早餐".into(),
        out_trade_no: number(order),
        total_fee: Fen::new(fen),
        spbill_create_ip: [203, 0, 113, 20].into(),
        auth_code: auth_code.to_owned(),
        extra: pay::Extra::default(),
    }
}

impl Stage {
    fn pays(&self, order: &str) -> hongbao::Result<String> {
        self.sandbox.pay_order(&self.entity.mch_id, order, &Payer::default())
    }

    async fn state(&self, order: &str) -> TradeState {
        self.client.send(&query::Order::new(number(order))).await.unwrap().trade_state
    }
}

#[tokio::test]
pub async fn placed_paid_refunded() {
    let stage = Stage::new();
    let placed = stage.client.send(&native("T00001", 888)).await.unwrap();
    assert!(placed.code_url.starts_with("weixin://wxpay/bizpayurl?pr="));
    assert_eq!((placed.prepay_id.len(), &placed.prepay_id[..10]), (36, "wx18120000"));
    assert_eq!(stage.state("T00001").await, TradeState::NotPay);
    assert_eq!(stage.sandbox.order_of_code(&placed.code_url).unwrap().out_trade_no, "T00001");

    let id = stage.pays("T00001").unwrap();
    assert_eq!(id.len(), 28);
    let found = stage.client.send(&query::Order::new(OrderKey::TransactionId(id.clone()))).await.unwrap();
    let payment = found.payment().unwrap();
    assert_eq!((payment.total_fee, payment.cash_fee), (Fen::new(888), Some(Fen::new(888))));
    assert_eq!(payment.time_end.unwrap().to_string(), "2025-03-18 12:00:00");
    // 8.88 less the platform's 0.60 %.
    assert_eq!(stage.balance(), Fen::new(1_000_000 + 888 - 5));
    stage.balanced();

    let taken = stage.client.send(&refund("T00001", "R1", 888, 300)).await.unwrap();
    assert_eq!((taken.refund_id.len(), taken.refund_fee, taken.refund_channel), (29, Fen::new(300), None));
    assert_eq!(stage.state("T00001").await, TradeState::Refund);
    let again = stage.client.send(&refund("T00001", "R1", 888, 300)).await.unwrap();
    assert_eq!(again.refund_id, taken.refund_id);
    stage.balanced();
    let found = stage.client.send(&query::Refund::new(OutRefundNo::new("R1").unwrap())).await.unwrap();
    assert_eq!(found.refunds[0].refund_status, RefundStatus::Processing);
    stage.advance(HOUR);
    let found = stage.client.send(&query::Refund::new(number("T00001"))).await.unwrap();
    let [one] = &found.refunds[..] else { panic!("{found:?}") };
    assert_eq!(
        (&one.refund_status, one.refund_recv_account.as_deref()),
        (&RefundStatus::Success, Some("支付用户零钱"))
    );
    assert_eq!(one.refund_success_time.unwrap().to_string(), "2025-03-18 12:03:00");

    let next = refund("T00001", "R2", 888, 588);
    stage.client.send(next.within(found.standing()).unwrap()).await.unwrap();
    let too_much = stage.client.send(&refund("T00001", "R3", 888, 1)).await.unwrap_err();
    assert_eq!((code(&too_much), too_much.outcome()), ("INVALID_REQUEST", Outcome::Refused));
    stage.advance(HOUR);
    // Everything is back, the platform's fee included.
    assert_eq!(stage.balance(), Fen::new(1_000_000));
    assert_eq!(stage.sandbox.books().with_platform, Fen::ZERO);
    stage.balanced();
}

#[tokio::test]
pub async fn the_same_order_again_and_another() {
    let stage = Stage::new();
    let first = stage.client.send(&jsapi("T00001", 888)).await.unwrap();
    let mut again = jsapi("T00001", 888);
    again.spbill_create_ip = [203, 0, 113, 11].into();
    assert_eq!(stage.client.send(&again).await.unwrap(), first);
    stage.advance(2 * HOUR);
    assert!(stage.pays("T00001").unwrap_err().to_string().contains("session"));
    let renewed = stage.client.send(&again).await.unwrap();
    assert_ne!(renewed.prepay_id, first.prepay_id);

    for changed in [jsapi("T00001", 889), pay::Jsapi { body: "别的".into(), ..jsapi("T00001", 888) }] {
        let error = stage.client.send(&changed).await.unwrap_err();
        assert_eq!((code(&error), error.description()), ("INVALID_REQUEST", Some("201 商户订单号重复")));
    }
    assert_eq!(code(&stage.client.send(&native("T00001", 888)).await.unwrap_err()), "INVALID_REQUEST");
    stage.pays("T00001").unwrap();
    let error = stage.client.send(&jsapi("T00001", 888)).await.unwrap_err();
    assert_eq!((code(&error), error.outcome()), ("ORDERPAID", Outcome::Unknown));
    assert!(stage.pays("T00001").is_err());
    stage.balanced();
}

#[tokio::test]
pub async fn closed_and_expired() {
    let stage = Stage::new();
    stage.client.send(&jsapi("T00001", 888)).await.unwrap();
    stage.client.send(&pay::Close { out_trade_no: number("T00001") }).await.unwrap();
    assert_eq!(stage.state("T00001").await, TradeState::Closed);
    assert!(stage.pays("T00001").is_err());
    for (order, expected) in [("T00001", "ORDERCLOSED"), ("T99999", "ORDERNOTEXIST")] {
        let error = stage.client.send(&pay::Close { out_trade_no: number(order) }).await.unwrap_err();
        assert_eq!((code(&error), error.outcome()), (expected, Outcome::Refused));
    }
    assert_eq!(code(&stage.client.send(&jsapi("T00001", 888)).await.unwrap_err()), "ORDERCLOSED");

    let mut short = jsapi("T00002", 888);
    short.extra.time_expire = Some(stage.sandbox.now().after(Duration::from_secs(299)));
    let error = stage.client.send(&short).await.unwrap_err();
    assert!(error.to_string().contains("time_expire时间过短"), "{error}");
    short.extra.time_expire = Some(stage.sandbox.now().after(Duration::from_secs(300)));
    stage.client.send(&short).await.unwrap();
    stage.advance(Duration::from_secs(300));
    assert!(stage.pays("T00002").unwrap_err().to_string().contains("could be paid until"));
    assert_eq!(stage.state("T00002").await, TradeState::NotPay);

    stage.client.send(&jsapi("T00003", 888)).await.unwrap();
    stage.pays("T00003").unwrap();
    let error = stage.client.send(&pay::Close { out_trade_no: number("T00003") }).await.unwrap_err();
    assert_eq!((code(&error), error.outcome()), ("ORDERPAID", Outcome::Unknown));
    let error = stage.client.send(&query::Order::new(number("T99999"))).await.unwrap_err();
    assert_eq!((code(&error), error.outcome()), ("ORDERNOTEXIST", Outcome::Unknown));
}

#[tokio::test]
pub async fn coupons_are_split_and_add_up() {
    let stage = Stage::new();
    stage.client.send(&jsapi("T00001", 1000)).await.unwrap();
    let coupons = vec![(CouponType::Cash, Fen::new(200)), (CouponType::NoCash, Fen::new(100))];
    stage.sandbox.pay_order(&stage.entity.mch_id, "T00001", &Payer { coupons, ..Payer::default() }).unwrap();
    let payment = stage.client.send(&query::Order::new(number("T00001"))).await.unwrap().payment().unwrap();
    assert_eq!((payment.cash_fee, payment.coupon_fee), (Some(Fen::new(700)), Some(Fen::new(300))));
    assert_eq!((payment.settlement_total_fee, payment.coupons.len()), (Some(Fen::new(900)), 2));
    assert_eq!(payment.coupons[1].coupon_type, Some(CouponType::NoCash));
    stage.balanced();
    let mut back = [Fen::ZERO; 3];
    for (index, fen) in [333, 333, 334].into_iter().enumerate() {
        let taken = stage.client.send(&refund("T00001", &format!("R{index}"), 1000, fen)).await.unwrap();
        let parts = [taken.cash_refund_fee, taken.coupon_refund_fee, taken.settlement_refund_fee];
        for (sum, part) in back.iter_mut().zip(parts) {
            *sum = sum.checked_add(part.unwrap()).unwrap();
        }
        stage.balanced();
    }
    assert_eq!(back, [Fen::new(700), Fen::new(300), Fen::new(900)]);
    stage.advance(HOUR);
    let found = stage.client.send(&query::Refund::new(number("T00001"))).await.unwrap();
    assert_eq!((found.refunds.len(), found.refunds[0].coupons.len()), (3, 2));
    assert_eq!(found.refunds[0].coupons[0].coupon_refund_fee, Some(Fen::new(66)));
    assert_eq!(stage.balance(), Fen::new(1_000_000));
    assert_eq!(stage.sandbox.received(ALICE), Fen::new(700));
    stage.balanced();
}

#[tokio::test]
pub async fn refunds_that_are_refused_or_end_badly() {
    let stage = Stage::new();
    stage.client.send(&jsapi("T00001", 1000)).await.unwrap();
    let refused = async |request: pay::Refund, expected: &str, outcome: Outcome| {
        let error = stage.client.send(&request).await.unwrap_err();
        assert_eq!((code(&error), error.outcome()), (expected, outcome), "{}", error.report());
    };
    refused(refund("T00001", "R1", 1000, 1), "ORDERNOTEXIST", Outcome::Refused).await;
    stage.pays("T00001").unwrap();
    refused(refund("T00001", "R1", 999, 1), "REFUND_FEE_MISMATCH", Outcome::Unknown).await;
    stage.client.send(&refund("T00001", "R1", 1000, 400)).await.unwrap();
    refused(refund("T00001", "R1", 1000, 401), "REFUND_FEE_MISMATCH", Outcome::Unknown).await;
    refused(refund("T00001", "R2", 1000, 601), "INVALID_REQUEST", Outcome::Refused).await;

    // The bank does not take it, and the merchant closes it: the money is free again.
    let mch_id = &stage.entity.mch_id;
    stage.sandbox.end_refund(mch_id, "R1", RefundStatus::Change).unwrap();
    stage.balanced();
    stage.advance(DAY);
    let status = async || {
        stage.client.send(&query::Refund::new(OutRefundNo::new("R1").unwrap())).await.unwrap().refunds[0]
            .refund_status
            .clone()
    };
    assert_eq!(status().await, RefundStatus::Change);
    stage.sandbox.end_refund(mch_id, "R1", RefundStatus::Closed).unwrap();
    assert_eq!(status().await, RefundStatus::Closed);
    assert!(stage.sandbox.end_refund(mch_id, "R1", RefundStatus::Success).is_err());
    stage.balanced();
    stage.client.send(&refund("T00001", "R2", 1000, 1000)).await.unwrap();
    stage.advance(HOUR);
    assert_eq!(stage.balance(), Fen::new(1_000_000));
    stage.balanced();

    let error = stage.client.send(&query::Refund::new(OutRefundNo::new("R9").unwrap())).await.unwrap_err();
    assert_eq!((code(&error), error.outcome()), ("REFUNDNOTEXIST", Outcome::Unknown));
    let question = query::Refund { offset: Some(3), ..query::Refund::new(number("T00001")) };
    assert_eq!(code(&stage.client.send(&question).await.unwrap_err()), "PARAM_ERROR");
    stage.client.send(&jsapi("T00002", 1000)).await.unwrap();
    stage.pays("T00002").unwrap();
    stage.advance(366 * DAY);
    refused(refund("T00002", "R3", 1000, 1), "TRADE_OVERDUE", Outcome::Refused).await;
}

#[tokio::test]
pub async fn many_refunds_come_in_pages() {
    let stage = Stage::new();
    stage.client.send(&jsapi("T00001", 1000)).await.unwrap();
    stage.pays("T00001").unwrap();
    for index in 0..50 {
        stage.client.send(&refund("T00001", &format!("R{index}"), 1000, 7)).await.unwrap();
    }
    assert_eq!(code(&stage.client.send(&refund("T00001", "R50", 1000, 7)).await.unwrap_err()), "INVALID_REQUEST");
    let mut question = query::Refund::new(number("T00001"));
    let mut numbers = vec![];
    loop {
        let found = stage.client.send(&question).await.unwrap();
        assert_eq!(found.total_refund_count, Some(50));
        let next = found.next_offset(question.offset);
        numbers.extend(found.refunds.into_iter().map(|refund| refund.out_refund_no));
        match next {
            Some(offset) => question.offset = Some(offset),
            None => break,
        }
    }
    assert_eq!(numbers, (0..50).map(|index| format!("R{index}")).collect::<Vec<_>>());
    stage.balanced();
}

#[tokio::test]
pub async fn payments_by_code() {
    let stage = Stage::new();
    let shown = stage.sandbox.show_code(BOB).unwrap();
    let owner = stage.client.send(&pay::AuthCode { auth_code: shown.clone() }).await.unwrap();
    assert_eq!(owner.openid, BOB);
    let payment = stage.client.send(&by_code("M00001", 1250, &shown)).await.unwrap();
    assert_eq!((payment.total_fee, payment.openid.as_deref()), (Fen::new(1250), Some(BOB)));
    // The same payment again, by number and amount; the code itself is used up.
    let again = stage.client.send(&by_code("M00001", 1250, "134500000000000001")).await.unwrap();
    assert_eq!(again.transaction_id, payment.transaction_id);
    assert_eq!(code(&stage.client.send(&by_code("M00001", 1251, &shown)).await.unwrap_err()), "INVALID_REQUEST");
    assert_eq!(code(&stage.client.send(&by_code("M00002", 1250, &shown)).await.unwrap_err()), "AUTHCODEEXPIRE");
    let late = stage.sandbox.show_code(BOB).unwrap();
    stage.advance(Duration::from_secs(60));
    assert_eq!(code(&stage.client.send(&by_code("M00002", 1250, &late)).await.unwrap_err()), "AUTHCODEEXPIRE");

    let refuses = |settings: &mut Settings, refuses| settings.paid_code_is_refused = refuses;
    stage.sandbox.change_settings(&stage.entity.mch_id, |settings| refuses(settings, true)).unwrap();
    let error = stage.client.send(&by_code("M00001", 1250, &shown)).await.unwrap_err();
    assert_eq!((code(&error), error.outcome()), ("ORDERPAID", Outcome::Unknown));
    stage.sandbox.change_settings(&stage.entity.mch_id, |settings| refuses(settings, false)).unwrap();

    // Reversed: the money goes back, and the number is spent.
    let reverse = pay::Reverse { order: number("M00001").into() };
    assert!(!stage.client.send(&reverse).await.unwrap().recall);
    assert!(!stage.client.send(&reverse).await.unwrap().recall);
    assert_eq!(stage.state("M00001").await, TradeState::Revoked);
    assert_eq!((stage.balance(), stage.sandbox.received(BOB)), (Fen::new(1_000_000), Fen::new(1250)));
    assert_eq!(
        code(&stage.client.send(&by_code("M00001", 1250, "134500000000000002")).await.unwrap_err()),
        "ORDERREVERSED"
    );
    stage.client.send(&jsapi("T00001", 888)).await.unwrap();
    let order = pay::Reverse { order: number("T00001").into() };
    assert_eq!(code(&stage.client.send(&order).await.unwrap_err()), "INVALID_REQUEST");
    stage.balanced();
}

#[tokio::test]
pub async fn a_password_is_entered_or_not() {
    let stage = Stage::new();
    stage.sandbox.set_asks_password(ALICE, &stage.entity.app_id, true).unwrap();
    let ask = async |order: &str| {
        let shown = stage.sandbox.show_code(ALICE).unwrap();
        let error = stage.client.send(&by_code(order, 100, &shown)).await.unwrap_err();
        assert_eq!((code(&error), error.outcome()), ("USERPAYING", Outcome::Unknown));
        assert_eq!(stage.state(order).await, TradeState::UserPaying);
        let reverse = pay::Reverse { order: number(order).into() };
        assert_eq!(code(&stage.client.send(&reverse).await.unwrap_err()), "USERPAYING");
    };
    ask("M00001").await;
    stage.pays("M00001").unwrap();
    assert_eq!(stage.state("M00001").await, TradeState::Success);
    ask("M00002").await;
    stage.sandbox.cancel_order(&stage.entity.mch_id, "M00002").unwrap();
    assert_eq!(stage.state("M00002").await, TradeState::PayError);
    ask("M00003").await;
    stage.advance(Duration::from_secs(60));
    assert_eq!(stage.state("M00003").await, TradeState::NotPay);
    // Another try of that number is for the same user.
    let other = stage.sandbox.show_code(BOB).unwrap();
    assert_eq!(code(&stage.client.send(&by_code("M00003", 100, &other)).await.unwrap_err()), "BUYER_MISMATCH");
    stage.client.send(&by_code("M00009", 100, &other)).await.unwrap(); // the code was not used up
    // Above the amount that needs none everybody is asked.
    let error = stage.client.send(&by_code("M00004", 100_001, "134500000000000003")).await.unwrap_err();
    assert_eq!(code(&error), "USERPAYING");
    stage.balanced();
}

#[tokio::test]
pub async fn links_and_reports() {
    let stage = Stage::new();
    let link = pay::native_link(&stage.client.stamp().await.unwrap(), "SKU-0001").unwrap();
    let short = stage.client.send(&pay::ShortUrl { long_url: link.clone() }).await.unwrap().short_url;
    assert!(short.starts_with("weixin://wxpay/s/") && short.len() < 30);
    assert_eq!(stage.client.send(&pay::ShortUrl { long_url: link }).await.unwrap().short_url, short);
    let report = pay::Report {
        interface_url: "https://api.mch.weixin.qq.com/pay/unifiedorder".into(),
        execute_time: 143,
        return_code: "SUCCESS".into(),
        result_code: "SUCCESS".into(),
        user_ip: [203, 0, 113, 10].into(),
        extra: pay::ReportExtra::default(),
    };
    stage.client.send(&report).await.unwrap();
}

/// For each fault: the number finds out, and the money moved once or never.
#[tokio::test]
pub async fn faults_leave_nothing_open_for_ever() {
    for fault in
        [Fault::SystemErrorBefore, Fault::SystemErrorAfter, Fault::HangUpBefore, Fault::HangUpAfter, Fault::Garbage]
    {
        let stage = Stage::new();
        stage.client.send(&jsapi("T00001", 888)).await.unwrap();
        stage.pays("T00001").unwrap();
        stage.fault(fault.clone());
        let error = stage.client.send(&refund("T00001", "R1", 888, 300)).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{fault:?}");
        stage.client.send(&refund("T00001", "R1", 888, 300)).await.unwrap();
        assert_eq!(stage.sandbox.refunds(0, 10).len(), 1, "{fault:?}");
        stage.advance(HOUR);
        assert_eq!(stage.sandbox.received(ALICE), Fen::new(300), "{fault:?}");
        stage.balanced();
    }
}

/// A user has another openid under each appid, also one that nobody named.
#[tokio::test]
async fn somebody_pays_each_merchant() {
    let stage = Stage::new();
    let other = stage.sandbox.merchants().remove(1);
    let their_client = stage.sandbox.client(&other).unwrap();
    for (client, entity) in [(&stage.client, &stage.entity), (&their_client, &other)] {
        client.send(&native("T00001", 888)).await.unwrap();
        stage.sandbox.pay_order(&entity.mch_id, "T00001", &Payer::default()).unwrap();
    }
    let payer = |mch_id: &str| stage.sandbox.order(mch_id, "T00001").unwrap().openid.unwrap();
    assert_ne!(payer(&stage.entity.mch_id), payer(&other.mch_id));
    assert!(hongbao::OpenId::new(payer(&other.mch_id)).is_ok());
    stage.balanced();
}

/// A payment that cannot be booked whole leaves no part of itself.
#[tokio::test]
async fn what_cannot_be_paid_moves_nothing() {
    let stage = Stage::new();
    stage.client.send(&native("T00001", 888)).await.unwrap();
    let most = Fen::new(i64::MAX);
    for coupons in [
        vec![(CouponType::Cash, Fen::new(-5))],
        vec![(CouponType::Cash, Fen::ZERO)],
        vec![(CouponType::Cash, Fen::new(889))],
        vec![(CouponType::Cash, most), (CouponType::Cash, most)],
        vec![(CouponType::Unknown("GIFT".into()), Fen::new(1))],
    ] {
        let refused = stage.sandbox.pay_order(
            &stage.entity.mch_id,
            "T00001",
            &Payer { coupons: coupons.clone(), ..Payer::default() },
        );
        assert!(refused.unwrap_err().to_string().contains("coupon"), "{coupons:?}");
    }
    let all = Fen::new(i64::MAX - 2_000_000);
    stage.sandbox.top_up(&stage.entity.mch_id, all).unwrap();
    let before = stage.balance();
    let full = stage.sandbox.pay_order(&stage.entity.mch_id, "T00001", &Payer::default());
    assert!(full.unwrap_err().to_string().contains("all the money"));
    assert_eq!(stage.balance(), before);
    stage.balanced();
    assert!(stage.sandbox.change_settings(&stage.entity.mch_id, |settings| settings.fee_rate = 10_001).is_err());
    assert!(stage.sandbox.advance(Duration::from_secs(u64::MAX)).is_err());
}

/// However a payment is split: no part takes more cash than was paid, and the
/// last takes what is left.
#[tokio::test]
async fn coupons_never_turn_a_part_negative() {
    for kind in [CouponType::Cash, CouponType::NoCash] {
        for parts in [&[300, 300, 287, 1][..], &[1; 20], &[3, 3, 3, 3, 876], &[887, 1], &[444, 443, 1]] {
            let stage = Stage::new();
            stage.client.send(&jsapi("T00001", 888)).await.unwrap();
            let coupons = vec![(kind.clone(), Fen::new(200))];
            let mch_id = &stage.entity.mch_id;
            stage.sandbox.pay_order(mch_id, "T00001", &Payer { coupons, ..Payer::default() }).unwrap();
            let (mut cash, mut gone) = (0, 0);
            for (index, part) in parts.iter().enumerate() {
                let taken = stage.client.send(&refund("T00001", &format!("R{index}"), 888, *part)).await.unwrap();
                let own = taken.cash_refund_fee.unwrap().get();
                assert!((0..=*part).contains(&own), "{kind}: {parts:?}: {part} as {own}");
                (cash, gone) = (cash + own, gone + part);
                stage.advance(HOUR);
                stage.balanced();
            }
            assert!(cash <= 688, "{kind}: {parts:?}: {cash}");
            assert_eq!(cash == 688, gone == 888, "{kind}: {parts:?}: {cash}");
            assert_eq!(stage.sandbox.received(ALICE), Fen::new(cash), "{kind}: {parts:?}");
        }
    }
}

/// What another sub-merchant has is neither reversed nor shown.
#[tokio::test]
async fn sub_merchants_leave_each_other_alone() {
    let stage = Stage::new();
    let subs = vec!["1510000003".to_owned(), "1510000004".to_owned()];
    stage.sandbox.change_settings(&stage.entity.mch_id, |settings| settings.sub_merchants = subs).unwrap();
    let provider = |sub: &str| {
        let sub = hongbao::SubMerchant::new(sub.parse().unwrap());
        crate::support::once(&stage.sandbox, &hongbao::Entity { sub_merchant: Some(sub), ..stage.entity.clone() })
    };
    let (tea, books) = (provider("1510000003"), provider("1510000004"));
    let shown = stage.sandbox.show_code(BOB).unwrap();
    tea.send(&by_code("M00001", 1000, &shown)).await.unwrap();
    let balance = stage.balance();
    for stranger in [&books, &stage.client] {
        let reverse = pay::Reverse { order: number("M00001").into() };
        assert_eq!(code(&stranger.send(&reverse).await.unwrap_err()), "INVALID_REQUEST");
    }
    assert_eq!(stage.balance(), balance);
    tea.send(&refund("M00001", "R1", 1000, 400)).await.unwrap();
    for stranger in [&books, &stage.client] {
        let question = query::Refund::new(OutRefundNo::new("R1").unwrap());
        assert_eq!(code(&stranger.send(&question).await.unwrap_err()), "REFUNDNOTEXIST");
    }
    assert!(tea.send(&query::Refund::new(OutRefundNo::new("R1").unwrap())).await.is_ok());
    stage.balanced();
}

/// A code that was replaced leads nowhere.
#[tokio::test]
async fn an_old_code_is_not_paid() {
    let stage = Stage::new();
    let order = native("T00001", 888);
    let old = stage.client.send(&order).await.unwrap().code_url;
    stage.advance(2 * HOUR);
    let new = stage.client.send(&order).await.unwrap().code_url;
    assert_ne!(old, new);
    assert!(stage.sandbox.scan(&old, Some(ALICE)).await.is_err());
    assert_eq!(stage.sandbox.scan(&new, Some(ALICE)).await.unwrap().out_trade_no, "T00001");
}

/// A refusal that says that nothing was paid leaves nothing open, and each try of
/// a number has its minute for the password.
#[tokio::test]
async fn tries_of_a_payment_by_code_end_on_their_own() {
    let stage = Stage::new();
    stage.sandbox.set_asks_password(BOB, "wx0000000000000000", false).unwrap();
    let foreign = stage.sandbox.show_code(BOB).unwrap();
    assert_eq!(code(&stage.client.send(&by_code("M00001", 100, &foreign)).await.unwrap_err()), "TRADE_ERROR");
    assert_eq!(stage.state("M00001").await, TradeState::PayError);

    stage.sandbox.set_asks_password(ALICE, &stage.entity.app_id, true).unwrap();
    let try_it = async || {
        let shown = stage.sandbox.show_code(ALICE).unwrap();
        assert_eq!(code(&stage.client.send(&by_code("M00002", 100, &shown)).await.unwrap_err()), "USERPAYING");
    };
    try_it().await;
    stage.advance(Duration::from_secs(10));
    stage.sandbox.cancel_order(&stage.entity.mch_id, "M00002").unwrap();
    stage.advance(Duration::from_secs(10));
    try_it().await;
    stage.advance(Duration::from_secs(45));
    assert_eq!(stage.state("M00002").await, TradeState::UserPaying);
    stage.advance(Duration::from_secs(15));
    assert_eq!(stage.state("M00002").await, TradeState::NotPay);
}
