//! Documents on the wire: whatever they hold comes out as it went in, and
//! numbered fields become lists in whatever order they arrive.

use std::collections::BTreeMap;

use hongbao::query;
use hongbao::wire::{self, Answer, Digest, Doc, Request as _, Signer, read_xml, sign, write_xml};
use hongbao::{AppId, Fen, MchId, Secret};
use proptest::prelude::*;

use crate::fake::KEY;

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z_][A-Za-z0-9_.$-]{0,12}"
}

/// Anything that XML can carry: carriage returns arrive as line feeds.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~\u{a0}-\u{2fff}\u{4e00}-\u{9fff}\n\t]{0,24}",
        "[\\]><&\"'!\\[CDAT ]{0,12}",
        "[0-9]{0,12}",
        Just("]]>".to_owned()),
        Just("]]]]><![CDATA[>".to_owned()),
        Just(" \n".to_owned()),
        any::<char>()
            .prop_filter("a character of XML", |c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}'))
            .prop_map(String::from),
    ]
}

fn flat() -> impl Strategy<Value = Doc> {
    proptest::collection::vec((name(), value()), 0..6)
        .prop_map(|fields| fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect())
}

/// Texts and lists mixed; a list has an item at least, for an empty one is an
/// empty text.
fn nested() -> impl Strategy<Value = Doc> {
    let list = (name(), name(), proptest::collection::vec(flat(), 1..4));
    (flat(), proptest::collection::vec(list, 0..3), flat()).prop_map(|(first, lists, last)| {
        let mut doc = first;
        for (name, item, docs) in lists {
            doc.push_list(&name, &item, docs);
        }
        for (name, value) in last.iter() {
            doc.push(name, value);
        }
        doc
    })
}

proptest! {
    #[test]
    fn documents_survive_the_wire(doc in nested()) {
        let text = write_xml(&doc);
        let back = read_xml(text.as_bytes());
        prop_assert_eq!(back.as_ref(), Ok(&doc), "{}", text);
        prop_assert_eq!(write_xml(&back.unwrap()), text);
    }
}

#[derive(Clone, Debug)]
struct Given {
    fee: i64,
    coupons_fee: Option<i64>,
    coupons: Vec<(String, i64)>,
}

fn refunds() -> impl Strategy<Value = Vec<Given>> {
    let coupon = ("[0-9]{11}", 1..500_i64);
    let one = (1..1000_i64, proptest::option::of(0..1000_i64), proptest::collection::vec(coupon, 0..12));
    let one = one.prop_map(|(fee, coupons_fee, coupons)| Given { fee, coupons_fee, coupons });
    proptest::collection::vec(one, 0..13)
}

fn fields_of(refunds: &[Given]) -> Vec<(String, String)> {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut put = |name: String, value: String| assert!(fields.insert(name, value).is_none());
    for (n, refund) in refunds.iter().enumerate() {
        put(format!("out_refund_no_{n}"), format!("R{n}"));
        put(format!("refund_id_{n}"), format!("W{n}"));
        put(format!("refund_status_{n}"), "SUCCESS".into());
        put(format!("refund_fee_{n}"), refund.fee.to_string());
        if let Some(fee) = refund.coupons_fee {
            put(format!("coupon_refund_fee_{n}"), fee.to_string());
        }
        for (m, (id, fee)) in refund.coupons.iter().enumerate() {
            put(format!("coupon_refund_id_{n}_{m}"), id.clone());
            put(format!("coupon_refund_fee_{n}_{m}"), fee.to_string());
            put(format!("coupon_type_{n}_{m}"), "CASH".into());
        }
    }
    for (name, value) in [
        ("return_code", "SUCCESS"),
        ("result_code", "SUCCESS"),
        ("transaction_id", "4200009999202503180000000001"),
        ("out_trade_no", "T20250318000001"),
        ("total_fee", "888"),
        // The sums of all of them have the names of the parts.
        ("refund_fee", "7"),
        ("coupon_refund_fee", "5"),
    ] {
        put(name.into(), value.into());
    }
    fields.into_iter().collect()
}

/// As the client opens an answer, without a client.
fn open(fields: &[(String, String)]) -> query::RefundsFound {
    let (app_id, mch_id) = (AppId::new("wx00f1e2d3c4b5a697").unwrap(), MchId::new("1510000001").unwrap());
    let key = Secret::new(KEY);
    let signer = Signer { app_id: &app_id, mch_id: &mch_id, sub: None, key: &key, digest: Digest::Md5 };
    let mut doc: Doc = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let signature = sign(&doc, &key, Digest::Md5);
    doc.push("sign", &signature);
    let answer = Answer::new(200, write_xml(&doc));
    let opened = wire::open(&query::Refund::CONTRACT, &signer, &Doc::new(), &answer).unwrap();
    wire::reply_of::<query::Refund>(&opened).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn numbered_fields_in_any_order((given, fields) in refunds().prop_flat_map(|given| {
        let fields = fields_of(&given);
        (Just(given), Just(fields).prop_shuffle())
    })) {
        let found = open(&fields);
        prop_assert_eq!(found.refunds.len(), given.len());
        prop_assert_eq!((found.total_fee, found.refund_fee), (Fen::new(888), Some(Fen::new(7))));
        for (n, (found, given)) in found.refunds.iter().zip(&given).enumerate() {
            prop_assert_eq!(&found.out_refund_no, &format!("R{n}"));
            prop_assert_eq!(&found.refund_id, &format!("W{n}"));
            prop_assert_eq!(found.refund_fee, Fen::new(given.fee));
            prop_assert_eq!(found.coupon_refund_fee, given.coupons_fee.map(Fen::new));
            let coupons: Vec<_> = found
                .coupons
                .iter()
                .map(|coupon| (coupon.coupon_refund_id.clone().unwrap(), coupon.coupon_refund_fee.unwrap().get()))
                .collect();
            prop_assert_eq!(&coupons, &given.coupons);
        }
    }
}

#[test]
fn odd_numbers_are_no_numbers() {
    let one = Given { fee: 300, coupons_fee: None, coupons: vec![] };
    let mut fields = fields_of(&[one]);
    for odd in [
        "refund_fee_00",
        "refund_fee_01",
        "refund_fee_",
        "refund_fee_-1",
        "refund_fee_1.5",
        "refund_fee_1000",
        "refund_fee_x",
        "refund_fee_0_0_0",
        "Refund_fee_1",
    ] {
        fields.push((odd.into(), "1".into()));
    }
    let found = open(&fields);
    assert_eq!(found.refunds.len(), 1);
    assert_eq!(found.refunds[0].refund_fee, Fen::new(300));
}
