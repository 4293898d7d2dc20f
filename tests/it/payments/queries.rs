//! What queries find of orders and refunds.

use hongbao::ErrorKind::{Mismatch, Refusal};
use hongbao::Fen;
use hongbao::Outcome::{Refused, Unknown};
use hongbao::pay::{Coupon, CouponType, TradeState, TradeType};
use hongbao::query::{OrderFound, RefundChannel, RefundFound, RefundKey, RefundStatus, RefundsFound};
use hongbao::{OutRefundNo, query};

use super::{
    OPENID, ORDER, PAID, SUB_OPENID, coffee, full_order_query, full_refund_query, hmac, next_refunds, order_query,
    provider, reads, refund_query,
};
use crate::exchange::{all_listed, refuses};

fn fen(fee: i64) -> Option<Fen> {
    Some(Fen::new(fee))
}

fn coupons(coupons: &[Coupon]) -> Vec<(&str, Option<CouponType>, i64)> {
    let one = |c: &'_ Coupon| (c.coupon_type.clone(), c.coupon_fee.unwrap().get());
    coupons.iter().map(|c| (c.coupon_id.as_deref().unwrap(), one(c).0, one(c).1)).collect()
}

/// What every order has that was paid.
fn whole(found: &OrderFound, name: &str) {
    assert_eq!(found.openid.as_deref(), Some(OPENID), "{name}");
    assert_eq!(found.transaction_id.as_deref(), Some(PAID), "{name}");
    assert_eq!(found.fee_type.as_deref(), Some("CNY"), "{name}");
    assert!(found.time_end.unwrap().to_string().starts_with("2025-03-18 08:3"), "{name}");
}

#[tokio::test]
async fn orders_in_every_state() {
    use TradeState::{Closed, NotPay, PayError, Refund, Revoked, Success, UserPaying};
    let new = || TradeState::Unknown("FROZEN".into());
    // File, entity, state, whether it is paid, total, cash, coupons.
    let rows = [
        ("reply.xml", coffee(), Success, true, 888, fen(688), 2),
        ("reply.hmac.xml", hmac(), Success, true, 888, fen(688), 2),
        ("reply.provider.xml", provider(), Success, true, 888, fen(888), 0),
        ("reply.promotions.xml", coffee(), Success, true, 888, fen(688), 2),
        ("reply.eleven_coupons.xml", coffee(), Success, true, 888, fen(822), 11),
        ("reply.sandbox.xml", coffee(), Success, true, 101, fen(101), 0),
        ("reply.refund.xml", coffee(), Refund, true, 888, fen(688), 2),
        ("reply.revoked.xml", coffee(), Revoked, false, 888, fen(888), 0),
        ("reply.notpay.xml", coffee(), NotPay, false, 888, None, 0),
        ("reply.closed.xml", coffee(), Closed, false, 888, None, 0),
        ("reply.userpaying.xml", coffee(), UserPaying, false, 888, None, 0),
        ("reply.payerror.xml", coffee(), PayError, false, 888, None, 0),
        ("reply.new_state.xml", coffee(), new(), false, 888, None, 0),
    ];
    all_listed("query.order", "reply", rows.iter().map(|row| row.0));
    for (name, entity, state, paid, total, cash, count) in rows {
        let found = reads(&entity, &order_query(), &format!("query.order/{name}")).await;
        assert_eq!((&found.trade_state, found.trade_state.is_paid()), (&state, paid), "{name}");
        assert_eq!((&*found.out_trade_no, found.total_fee, found.cash_fee), (ORDER, fen(total), cash), "{name}");
        assert_eq!(found.coupons.len(), count, "{name}");
        assert!(found.trade_state_desc.as_deref().is_some_and(|text| !text.is_empty()), "{name}");
        match found.payment() {
            Some(payment) => {
                whole(&found, name);
                assert!(paid, "{name}");
                assert_eq!((&*payment.transaction_id, &*payment.out_trade_no), (PAID, ORDER), "{name}");
                assert_eq!((payment.total_fee, payment.cash_fee), (Fen::new(total), cash), "{name}");
                // A payment says of the order what the order says of itself.
                let (payment, found) = (serde_json::to_value(payment), serde_json::to_value(&found));
                let (payment, found) = (payment.unwrap(), found.unwrap());
                for (field, value) in payment.as_object().unwrap() {
                    assert_eq!(found.get(field), Some(value), "{name}: {field}");
                }
            }
            None => assert!(!paid, "{name}"),
        }
    }
}

#[tokio::test]
async fn the_rest_of_what_a_query_finds() {
    let found = reads(&coffee(), &order_query(), "query.order/reply.xml").await;
    assert_eq!(found.trade_type, Some(TradeType::Jsapi));
    assert_eq!((found.coupon_fee, found.settlement_total_fee), (fen(200), fen(808)));
    assert_eq!((found.attach.as_deref(), found.bank_type.as_deref()), (Some("深圳分店"), Some("OTHERS")));
    assert_eq!(found.is_subscribe.as_deref(), Some("N"));
    assert_eq!(
        coupons(&found.coupons),
        [("30000000001", Some(CouponType::Cash), 120), ("30000000002", Some(CouponType::NoCash), 80)]
    );
    let again = reads(&hmac(), &order_query(), "query.order/reply.hmac.xml").await;
    assert_eq!(again, found);

    let found = reads(&provider(), &full_order_query(), "query.order/reply.provider.xml").await;
    assert_eq!((found.sub_openid.as_deref(), found.sub_is_subscribe.as_deref()), (Some(SUB_OPENID), Some("Y")));

    // Numbered fields in the order of their numbers, however they arrive.
    let found = reads(&coffee(), &order_query(), "query.order/reply.eleven_coupons.xml").await;
    let ids: Vec<String> = (30_000_000_001_u64..=30_000_000_011).map(|id| id.to_string()).collect();
    let expected: Vec<_> = ids.iter().zip(1..).map(|(id, fee)| (&**id, Some(CouponType::Cash), fee)).collect();
    assert_eq!(coupons(&found.coupons), expected);

    let found = reads(&coffee(), &order_query(), "query.order/reply.promotions.xml").await;
    assert!(found.promotion_detail.unwrap().contains("满减券"));
    let found = reads(&coffee(), &order_query(), "query.order/reply.userpaying.xml").await;
    assert_eq!((found.device_info, found.openid, found.time_end), (None, None, None));
    let found = reads(&coffee(), &order_query(), "query.order/reply.sandbox.xml").await;
    assert_eq!(found.device_info.as_deref(), Some("sandbox"), "err_code SUCCESS is no error");
}

/// Elements within elements are in no signature.
#[tokio::test]
async fn a_list_in_a_signed_answer_is_not_believed() {
    use crate::exchange::exchange;
    use crate::fake::{Step, fixture};
    let list = "<coupons><item><coupon_fee>1</coupon_fee></item></coupons></xml>";
    let text = fixture("query.order/reply.xml").replace("</xml>", list);
    let (result, _) = exchange(&coffee(), &order_query(), Step::Answer(text), "n").await;
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (hongbao::ErrorKind::Unverified, Unknown));
}

#[tokio::test]
async fn refused_queries() {
    let table = [
        ("refusal.xml", Refusal, Unknown, Some("ORDERNOTEXIST")),
        ("refusal.systemerror.xml", Refusal, Unknown, Some("SYSTEMERROR")),
        ("refusal.new_code.xml", Refusal, Unknown, Some("QUERY_SUSPENDED")),
        ("refusal.other_number.xml", Mismatch, Unknown, None),
    ];
    refuses(&coffee(), &order_query(), "query.order", &table).await;
    let table = [
        ("refusal.xml", Refusal, Unknown, Some("REFUNDNOTEXIST")),
        ("refusal.param_error.xml", Refusal, Refused, Some("PARAM_ERROR")),
        ("refusal.systemerror.xml", Refusal, Unknown, Some("SYSTEMERROR")),
        ("refusal.frequency_limited.xml", Refusal, Refused, Some("FREQUENCY_LIMITED")),
    ];
    refuses(&coffee(), &refund_query(), "query.refund", &table).await;
}

fn statuses(found: &RefundsFound) -> Vec<&RefundStatus> {
    found.refunds.iter().map(|refund| &refund.refund_status).collect()
}

fn standing(found: &RefundsFound) -> Vec<(&str, i64)> {
    found.standing().map(|(number, fee)| (number, fee.get())).collect()
}

#[tokio::test]
async fn refunds_in_every_state() {
    use RefundStatus::{Change, Closed, Processing, Success};
    let names = [
        "reply.xml",
        "reply.hmac.xml",
        "reply.coupons.xml",
        "reply.ten_of_fifteen.xml",
        "reply.rest_of_fifteen.xml",
        "reply.change.xml",
        "reply.refundclose.xml",
    ];
    all_listed("query.refund", "reply", names.into_iter());
    let plain = reads(&coffee(), &refund_query(), "query.refund/reply.xml").await;
    assert_eq!((&*plain.transaction_id, &*plain.out_trade_no), (PAID, ORDER));
    assert_eq!((plain.total_fee, plain.cash_fee, plain.refund_fee), (Fen::new(888), fen(888), fen(500)));
    assert_eq!((plain.refund_count, plain.total_refund_count), (Some(2), Some(2)));
    assert_eq!(statuses(&plain), [&Success, &Processing]);
    assert_eq!(standing(&plain), [("R20250318000001", 300), ("R20250318000002", 200)]);
    assert_eq!(plain.next_offset(None), None);
    let RefundFound { refund_id, refund_channel, refund_account, refund_recv_account, refund_success_time, .. } =
        &plain.refunds[0];
    assert_eq!(refund_id, "50300009992025031800000000001");
    assert_eq!(refund_channel, &Some(RefundChannel::Original));
    assert_eq!(refund_account.as_deref(), Some("REFUND_SOURCE_UNSETTLED_FUNDS"));
    assert_eq!(refund_recv_account.as_deref(), Some("支付用户零钱"));
    assert_eq!(refund_success_time.unwrap().to_string(), "2025-03-18 09:01:30");
    assert_eq!(plain.refunds[1].refund_success_time, None);
    assert_eq!(reads(&hmac(), &refund_query(), "query.refund/reply.hmac.xml").await, plain);
    assert_eq!(reads(&coffee(), &full_refund_query(), "query.refund/reply.xml").await, plain);
    let by_number = query::Refund::new(OutRefundNo::new("R20250318000001").unwrap());
    assert_eq!(reads(&coffee(), &by_number, "query.refund/reply.xml").await, plain);
    let by_payment = query::Refund::new(RefundKey::TransactionId(PAID.into()));
    assert_eq!(reads(&coffee(), &by_payment, "query.refund/reply.xml").await, plain);

    for (name, status, is_final, left) in
        [("reply.change.xml", Change, false, 1), ("reply.refundclose.xml", Closed, true, 0)]
    {
        let found = reads(&coffee(), &refund_query(), &format!("query.refund/{name}")).await;
        assert_eq!(statuses(&found), [&status], "{name}");
        assert_eq!(found.refunds[0].refund_status.is_final(), is_final, "{name}");
        assert_eq!(found.refunds[0].refund_recv_account.as_deref(), Some("招商银行信用卡0403"), "{name}");
        assert_eq!(standing(&found).len(), left, "{name}: closed ones hold no money");
    }
}

/// `coupon_refund_fee_0` is the sum of a refund and `coupon_refund_fee_0_1` a coupon of it.
#[tokio::test]
async fn coupons_within_refunds() {
    let found = reads(&coffee(), &refund_query(), "query.refund/reply.coupons.xml").await;
    assert_eq!((found.settlement_total_fee, found.cash_fee), (fen(808), fen(688)));
    let [first, second] = &*found.refunds else { panic!("{found:?}") };
    assert_eq!((first.coupon_refund_fee, first.coupon_refund_count), (fen(67), Some(2)));
    assert_eq!(first.settlement_refund_fee, fen(273));
    let coupons: Vec<_> = first
        .coupons
        .iter()
        .map(|c| (c.coupon_refund_id.as_deref(), c.coupon_type.clone(), c.coupon_refund_fee))
        .collect();
    assert_eq!(
        coupons,
        [
            (Some("30000000001"), Some(CouponType::Cash), fen(40)),
            (Some("30000000002"), Some(CouponType::NoCash), fen(27))
        ]
    );
    assert_eq!((second.coupon_refund_fee, second.coupon_refund_count), (fen(0), Some(0)));
    assert!(second.coupons.is_empty());
}

#[tokio::test]
async fn refunds_come_ten_at_a_time() {
    let ten = reads(&coffee(), &refund_query(), "query.refund/reply.ten_of_fifteen.xml").await;
    assert_eq!((ten.refunds.len(), ten.total_refund_count), (10, Some(15)));
    assert_eq!(ten.next_offset(None), next_refunds().offset);
    let five = reads(&coffee(), &next_refunds(), "query.refund/reply.rest_of_fifteen.xml").await;
    assert_eq!((five.refunds.len(), five.total_refund_count), (5, Some(15)));
    assert_eq!(five.next_offset(Some(10)), None);
    // Whoever believes a page that says no more than its own must still come to an end.
    assert_eq!(five.next_offset(Some(u32::MAX)), None);
    let numbers = ten.refunds.iter().chain(&five.refunds).map(|refund| refund.out_refund_no.clone());
    let expected: Vec<String> = (1..=15).map(|n| format!("R2025031800{n:04}")).collect();
    assert_eq!(numbers.collect::<Vec<_>>(), expected);
}
