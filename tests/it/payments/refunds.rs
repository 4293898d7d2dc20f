//! Answers to refunds.

use hongbao::ErrorKind::{Mismatch, Refusal};
use hongbao::Outcome::{Refused, Unknown};
use hongbao::pay::{CouponRefund, CouponType, Refund, RefundTaken};
use hongbao::{Entity, Fen};

use super::{ORDER, PAID, coffee, full_refund, hmac, provider, reads, refund};
use crate::exchange::{all_listed, refuses};

type Coupon<'a> = (Option<&'a str>, Option<CouponType>, Option<i64>);

fn coupons(coupons: &[CouponRefund]) -> Vec<Coupon<'_>> {
    let one = |coupon: &'_ CouponRefund| coupon.coupon_refund_fee.map(Fen::get);
    coupons.iter().map(|c| (c.coupon_refund_id.as_deref(), c.coupon_type.clone(), one(c))).collect()
}

/// total, cash, refund, cash back, coupons back, settled total, settled refund.
fn fees(taken: &RefundTaken) -> [Option<i64>; 7] {
    [
        Some(taken.total_fee),
        taken.cash_fee,
        Some(taken.refund_fee),
        taken.cash_refund_fee,
        taken.coupon_refund_fee,
        taken.settlement_total_fee,
        taken.settlement_refund_fee,
    ]
    .map(|fee| fee.map(Fen::get))
}

#[tokio::test]
async fn refunds_are_taken() {
    let split = [Some(888), Some(688), Some(300), Some(233), Some(67), Some(808), Some(273)];
    let plain = [Some(888), Some(888), Some(300), Some(300), Some(0), None, None];
    let two = [("30000000001", 40), ("30000000002", 27)];
    let typed = [CouponType::Cash, CouponType::NoCash];
    let typed = two.iter().zip(typed).map(|(&(id, fee), kind)| (Some(id), Some(kind), Some(fee))).collect();
    let untyped = two.iter().map(|&(id, fee)| (Some(id), None, Some(fee))).collect();
    // The full refund names the payment by WeChat's number.
    let by_wechat = Refund { out_refund_no: refund().out_refund_no, ..full_refund() };
    type Row<'a> = (&'a str, Entity, Refund, [Option<i64>; 7], Vec<Coupon<'a>>, Option<&'a str>);
    let rows: Vec<Row<'_>> = vec![
        ("reply.xml", coffee(), refund(), plain, vec![], None),
        ("reply.xml", coffee(), by_wechat, plain, vec![], None),
        ("reply.hmac.xml", hmac(), refund(), plain, vec![], None),
        ("reply.provider.xml", provider(), full_refund(), plain, vec![], None),
        ("reply.coupons.xml", coffee(), refund(), split, typed, None),
        ("reply.old_coupons.xml", coffee(), refund(), split, untyped, Some("ORIGINAL")),
    ];
    all_listed("pay.refund", "reply", rows.iter().map(|row| row.0));
    for (name, entity, request, expected, listed, channel) in rows {
        let taken = reads(&entity, &request, &format!("pay.refund/{name}")).await;
        assert_eq!((&*taken.transaction_id, &*taken.out_trade_no), (PAID, ORDER), "{name}");
        assert_eq!(taken.out_refund_no, request.out_refund_no.as_str(), "{name}");
        let end = if entity.sub_merchant.is_some() { "11" } else { "01" };
        assert_eq!(taken.refund_id, format!("503000099920250318000000000{end}"), "{name}");
        assert_eq!(fees(&taken), expected, "{name}");
        assert_eq!(coupons(&taken.coupons), listed, "{name}");
        assert_eq!(taken.refund_channel.as_deref(), channel, "{name}: an empty channel is none");
    }
}

#[tokio::test]
async fn refused_refunds() {
    let table = [
        ("refusal.xml", Refusal, Refused, Some("NOTENOUGH")),
        ("refusal.systemerror.xml", Refusal, Unknown, Some("SYSTEMERROR")),
        ("refusal.bizerr_need_retry.xml", Refusal, Unknown, Some("BIZERR_NEED_RETRY")),
        ("refusal.trade_overdue.xml", Refusal, Refused, Some("TRADE_OVERDUE")),
        ("refusal.error.xml", Refusal, Refused, Some("ERROR")),
        ("refusal.user_account_abnormal.xml", Refusal, Refused, Some("USER_ACCOUNT_ABNORMAL")),
        ("refusal.invalid_req_too_much.xml", Refusal, Refused, Some("INVALID_REQ_TOO_MUCH")),
        ("refusal.refund_fee_mismatch.xml", Refusal, Unknown, Some("REFUND_FEE_MISMATCH")),
        ("refusal.invalid_request.xml", Refusal, Refused, Some("INVALID_REQUEST")),
        ("refusal.ordernotexist.xml", Refusal, Refused, Some("ORDERNOTEXIST")),
        ("refusal.frequency_limited.xml", Refusal, Refused, Some("FREQUENCY_LIMITED")),
        ("refusal.cert_error.xml", Refusal, Refused, Some("CERT_ERROR")),
        ("refusal.fail_empty.xml", Refusal, Unknown, None),
        ("refusal.invalid_refund_fee.xml", Refusal, Unknown, None),
        ("refusal.other_number.xml", Mismatch, Unknown, None),
    ];
    refuses(&coffee(), &refund(), "pay.refund", &table).await;
}

/// Each number and amount that comes back must be the one that was sent.
#[tokio::test]
async fn answers_to_another_refund_are_no_answers() {
    use crate::exchange::exchange;
    use crate::fake::{Step, fixture};
    let other = |order: &str| Refund { order: super::number(order).into(), ..refund() };
    let paid = |id: &str| Refund { order: hongbao::pay::OrderKey::TransactionId(id.into()), ..refund() };
    for (request, field) in [
        (other("T20250318000009"), "out_trade_no"),
        (paid("4200009999202503180000000009"), "transaction_id"),
        (Refund { total_fee: Fen::new(889), ..refund() }, "total_fee"),
        (Refund { refund_fee: Fen::new(299), ..refund() }, "refund_fee"),
    ] {
        let (result, _) = exchange(&coffee(), &request, Step::Answer(fixture("pay.refund/reply.xml")), "n").await;
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.field()), (Mismatch, Some(field)));
        assert_eq!(error.outcome(), Unknown);
    }
}
