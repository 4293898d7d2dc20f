//! Notifications once more: often, out of order, with a bit flipped; and one fault
//! less.

use hongbao::notify::{Paid, Refunded};
use hongbao::sandbox::{Fault, FaultRule, NoticeKind, Payer, When};
use serde_json::json;

use crate::orders::{native, refund};
use crate::raw::Raw;
use crate::shop::Shop;
use crate::support::{DAY, Stage};

async fn paid(stage: &Stage, shop: &Shop, order: &str) {
    let mut sale = native(order, 888);
    sale.notify_url = shop.url("/wx/notify");
    sale.extra.attach = Some("<total_fee>888</total_fee> & 早安 ]]>".into());
    stage.client.send(&sale).await.unwrap();
    stage.sandbox.pay_order(&stage.entity.mch_id, order, &Payer::default()).unwrap();
}

#[tokio::test]
async fn a_flipped_bit_is_noticed_wherever_it_is() {
    let (stage, shop) = (Stage::new(), Shop::open().await);
    paid(&stage, &shop, "T00001").await;
    let mut back = refund("T00001", "R00001", 888, 300);
    back.extra.notify_url = Some(shop.url("/wx/refund"));
    stage.client.send(&back).await.unwrap();
    stage.advance(DAY);
    let notices = stage.sandbox.notices(0, 10);
    assert_eq!(notices.iter().map(|notice| notice.kind).collect::<Vec<_>>(), [NoticeKind::Paid, NoticeKind::Refunded]);
    for notice in notices {
        let mut copies = std::collections::BTreeSet::new();
        for round in 0..40 {
            stage.sandbox.resend_notice_flipped(notice.id).await.unwrap();
            let posted = shop.posted().remove(0);
            let genuine = notice.body.as_bytes();
            let bits: u32 = genuine.iter().zip(&posted.body).map(|(a, b)| (a ^ b).count_ones()).sum();
            assert_eq!((posted.body.len(), bits), (genuine.len(), 1), "{round}");
            let believed = match notice.kind {
                NoticeKind::Paid => stage.client.open::<Paid>(&posted.body).await.is_ok(),
                _ => stage.client.open::<Refunded>(&posted.body).await.is_ok(),
            };
            assert!(!believed, "{}", String::from_utf8_lossy(&posted.body));
            let attempt = stage.sandbox.notice(notice.id).unwrap().attempts.pop().unwrap();
            assert_eq!(attempt.sent.unwrap().as_bytes(), posted.body, "what was sent is written down");
            copies.insert(posted.body);
        }
        assert!(copies.len() > 5, "another bit each time, found {} copies", copies.len());
        let after = stage.sandbox.notice(notice.id).unwrap();
        assert!(!after.delivered && after.next.is_some(), "who believes a flipped copy has not received it");
        stage.sandbox.resend_notice(notice.id).await.unwrap();
        assert_eq!(shop.posted()[0].body, notice.body.as_bytes());
        let after = stage.sandbox.notice(notice.id).unwrap();
        assert!(after.delivered && after.attempts.last().unwrap().sent.is_none());
    }
}

#[tokio::test]
async fn notices_come_again_in_any_order() {
    let (stage, shop) = (Stage::new(), Shop::open().await);
    for order in ["T00001", "T00002", "T00003"] {
        paid(&stage, &shop, order).await;
    }
    let records = stage.sandbox.resend_notices(&[3, 1, 2, 1]).await.unwrap();
    assert_eq!(records.iter().map(|record| record.id).collect::<Vec<_>>(), [3, 1, 2, 1]);
    let bodies: Vec<_> = shop.posted().into_iter().map(|posted| String::from_utf8(posted.body).unwrap()).collect();
    for (body, order) in bodies.iter().zip(["T00003", "T00001", "T00002", "T00001"]) {
        assert!(body.contains(order), "{order}: {body}");
    }
    assert_eq!(stage.sandbox.notice(1).unwrap().attempts.len(), 2);
    for ids in [&[1, 9][..], &[1; 101]] {
        assert!(stage.sandbox.resend_notices(ids).await.is_err());
    }
    assert!(shop.posted().is_empty(), "nothing is posted of a list that is wrong");
}

#[tokio::test]
async fn the_api_posts_often_flipped_and_in_order() {
    let (raw, shop) = (Raw::new().await, Shop::open().await);
    let client = raw.sandbox.client(&raw.entity).unwrap();
    for order in ["T00001", "T00002"] {
        let mut sale = native(order, 888);
        sale.notify_url = shop.url("/wx/notify");
        client.send(&sale).await.unwrap();
        raw.sandbox.pay_order(&raw.entity.mch_id, order, &Payer::default()).unwrap();
    }
    // The courier of a served sandbox posts them as well; only what follows counts.
    let done = |notice: &hongbao::sandbox::NoticeRecord| notice.delivered;
    while !raw.sandbox.notices(0, 10).iter().all(done) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    shop.posted();
    let (status, notice) = raw.api("POST", "/api/notices/1/resend", r#"{"times": 5}"#).await;
    assert_eq!((status, notice["attempts"].as_array().unwrap().len()), (200, 6));
    assert_eq!(shop.posted().len(), 5);
    let (_, notice) = raw.api("POST", "/api/notices/1/resend", r#"{"flip": true}"#).await;
    assert_ne!(shop.posted()[0].body, notice["body"].as_str().unwrap().as_bytes());
    let (status, notices) = raw.api("POST", "/api/notices/resend", r#"{"ids": [2, 1]}"#).await;
    assert_eq!((status, &notices[0]["id"], &notices[1]["id"]), (200, &json!(2), &json!(1)));
    for (path, body, status) in [
        ("/api/notices/1/resend", r#"{"times": 0}"#, 400),
        ("/api/notices/1/resend", r#"{"times": 101}"#, 400),
        ("/api/notices/1/resend", r#"{"often": 2}"#, 400),
        ("/api/notices/9/resend", "", 422),
        ("/api/notices/resend", r#"{"ids": [9]}"#, 422),
        ("/api/notices/resend", "", 400),
    ] {
        assert_eq!(raw.api("POST", path, body).await.0, status, "{path} {body}");
    }
    for (body, status) in [(r#"{"cdata": "none"}"#, 200), (r#"{"cdata": "some"}"#, 400), (r#"{"colour": true}"#, 400)] {
        assert_eq!(raw.api("PUT", "/api/answers", body).await.0, status, "{body}");
    }
    let (_, answers) = raw.api("PUT", "/api/answers", r#"{"wrong_sign": true}"#).await;
    assert_eq!((&answers["cdata"], &answers["wrong_sign"]), (&json!("none"), &json!(true)), "the rest keeps its value");
}

#[tokio::test]
async fn one_fault_goes_and_the_others_stay() {
    let stage = Stage::new();
    let rules =
        [Fault::Garbage, Fault::BadGateway, Fault::HangUpAfter].map(|fault| FaultRule::new(fault, When::Next(9)));
    for rule in &rules {
        stage.sandbox.fault(rule.clone()).unwrap();
    }
    // Counters that went on meanwhile are no other rule.
    let _ = stage.client.send(&native("T00001", 888)).await;
    assert!(stage.sandbox.faults()[0].hit > 0);
    assert!(stage.sandbox.remove_fault(0, &rules[1]).is_err(), "another rule stands there");
    assert!(stage.sandbox.remove_fault(3, &rules[0]).is_err());
    stage.sandbox.remove_fault(0, &rules[0]).unwrap();
    let left: Vec<_> = stage.sandbox.faults().into_iter().map(|rule| rule.fault).collect();
    assert_eq!(left, [Fault::BadGateway, Fault::HangUpAfter]);
}
