//! Genuine notifications that are for somebody else, or of something else, and
//! what errors say of those that are not genuine.

use hongbao::ErrorKind::Mismatch;
use hongbao::notify::{Paid, Refunded};
use hongbao::wire::write_xml;

use super::forge::{around, encrypt, fields, inner, refund, signed, with_sign};
use super::{REFUND, expected, expected_refund, quiet};
use crate::fake::{KEY, coffee, fixture};
use crate::payments::provider;

/// The gateway signs its answers with the same key, and they are no notifications.
#[tokio::test]
async fn signed_answers_are_no_notifications() {
    let client = quiet(&coffee());
    for name in ["pay.refund/reply.xml", "query.refund/reply.xml", "pay.jsapi/reply.xml", "pay.reverse/reply.xml"] {
        let error = client.open::<Paid>(fixture(name).as_bytes()).await.unwrap_err();
        assert_eq!(error.kind(), hongbao::ErrorKind::Unreadable, "{name}: {error}");
    }
}

/// A provider's notification is for one sub-merchant.
#[tokio::test]
async fn sub_merchants_are_not_each_other() {
    let client = quiet(&provider());
    let named = |sub: Option<&'static str>, app: Option<&'static str>| {
        signed(&fields(&[("sub_mch_id", sub), ("sub_appid", app)]))
    };
    let (sub, app) = (Some("1510000003"), Some("wx0123456789abcdef"));
    for (body, field) in [
        (named(None, None), Some("sub_mch_id")),
        (named(Some("1510000004"), app), Some("sub_mch_id")),
        (named(sub, Some("wx0123456789abcdee")), Some("sub_appid")),
        (named(sub, app), None),
        (named(sub, None), None),
    ] {
        let found = client.open::<Paid>(body.as_bytes()).await;
        let wrong = found.as_ref().err().map(|error| (error.kind(), error.field()));
        assert_eq!(wrong, field.map(|field| (Mismatch, Some(field))));
    }
}

/// Numbers and appids that the merchant has on record differently, though the
/// notification is genuine and for this client.
#[tokio::test]
async fn the_record_has_the_last_word() {
    let client = quiet(&coffee());
    let body = fixture("notices/paid/md5.xml");
    let paid = async || client.open::<Paid>(body.as_bytes()).await.unwrap();
    let mut record = expected(&client);
    record.app_id = hongbao::AppId::new("wx0123456789abcdef").unwrap();
    assert_eq!(paid().await.confirm(&record).unwrap_err().field(), Some("appid"));
    let mut record = expected(&client);
    record.mch_id = hongbao::MchId::new("1510000009").unwrap();
    assert_eq!(paid().await.confirm(&record).unwrap_err().field(), Some("mch_id"));
    let mut record = expected(&client);
    record.fee_type = "HKD".into();
    assert_eq!(paid().await.confirm(&record).unwrap_err().field(), Some("fee_type"));
    // CNY where none is said.
    let body = signed(&fields(&[("fee_type", None)]));
    let paid = client.open::<Paid>(body.as_bytes()).await.unwrap();
    assert!(paid.confirm(&expected(&client)).is_ok());

    // The same of a payment that a query found.
    let record = expected(&client);
    let payment = client.open::<Paid>(body.as_bytes()).await.unwrap().confirm(&record).unwrap();
    assert!(record.check(&payment).is_ok());
    let mut less = payment.clone();
    less.total_fee = hongbao::Fen::new(1);
    assert_eq!(record.check(&less).unwrap_err().field(), Some("total_fee"));
    let mut other = payment.clone();
    other.out_trade_no = "T20250101000009".into();
    assert_eq!(record.check(&other).unwrap_err().field(), Some("out_trade_no"));
    let mut foreign = payment;
    foreign.fee_type = Some("HKD".into());
    assert_eq!(record.check(&foreign).unwrap_err().field(), Some("fee_type"));

    let body = refund(&[]);
    let told = async || client.open::<Refunded>(body.as_bytes()).await.unwrap();
    let mut record = expected_refund(&client, REFUND);
    record.app_id = hongbao::AppId::new("wx0123456789abcdef").unwrap();
    assert_eq!(told().await.confirm(&record).unwrap_err().field(), Some("appid"));
    let mut record = expected_refund(&client, REFUND);
    record.mch_id = hongbao::MchId::new("1510000009").unwrap();
    assert_eq!(told().await.confirm(&record).unwrap_err().field(), Some("mch_id"));
    assert!(told().await.confirm(&expected_refund(&client, REFUND)).is_ok());
}

/// Errors are logged: a stranger's text must not begin a line of its own, and
/// must not fill the log.
#[tokio::test]
pub(crate) async fn strangers_write_no_lines_into_the_log() {
    let client = quiet(&coffee());
    let line = format!("1510000001\nINFO payment accepted {}", "x".repeat(5000));
    for body in [
        with_sign(&fields(&[("mch_id", Some(&line))]), "0"),
        write_xml(&[("return_code", "FAIL"), ("return_msg", &*line)].into_iter().collect()),
        write_xml(&[("return_code", &*line)].into_iter().collect()),
        with_sign(&fields(&[("sign_type", Some(&line))]), "0"),
        signed(&fields(&[("mch_id", Some(&line))])),
        around(&encrypt(&inner(&[]), KEY), &[("mch_id", Some(&line))]),
        edited_root(&line),
    ] {
        let error = client.open::<Paid>(body.as_bytes()).await.map(|_| ()).unwrap_err();
        check_line(&error.to_string());
        let error = client.open::<Refunded>(body.as_bytes()).await.map(|_| ()).unwrap_err();
        check_line(&error.to_string());
        let merchants = hongbao::Merchants::new();
        let error = merchants.open::<Paid>(body.as_bytes()).await.map(|_| ()).unwrap_err();
        check_line(&error.to_string());
    }
}

fn edited_root(line: &str) -> String {
    format!("<xml><{line}>1</{line}></xml>")
}

fn check_line(message: &str) {
    assert!(!message.contains('\n'), "{message}");
    assert!(message.chars().count() < 500, "{} characters: {message}", message.len());
}
