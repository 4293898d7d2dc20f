//! Every rule of payments and refunds that can be known before sending: named by
//! its field, and not a byte leaves.

use hongbao::pay::{self, Detail, Extra, Goods, Micropay, RefundExtra, Scene, Store};
use hongbao::{ErrorKind, Fen, OutRefundNo, OutTradeNo, Outcome, query};

use crate::fake::{must_refuse, must_send};
use crate::payments::{MICRO, ORDER, app, h5, jsapi, micropay, native, number, refund};

/// What all four ways to place an order have.
struct Shared {
    body: String,
    total_fee: Fen,
    notify_url: String,
    extra: Extra,
}

/// All four ways to place an order, changed alike.
fn orders(change: impl FnOnce(&mut Shared)) -> (pay::Jsapi, pay::Native, pay::App, pay::H5) {
    let pay::Jsapi { body, total_fee, notify_url, extra, .. } = jsapi();
    let mut shared = Shared { body, total_fee, notify_url, extra };
    change(&mut shared);
    let texts = || (shared.body.clone(), shared.notify_url.clone(), shared.extra.clone());
    let total_fee = shared.total_fee;
    let (body, notify_url, extra) = texts();
    let jsapi = pay::Jsapi { body, total_fee, notify_url, extra, ..jsapi() };
    let (body, notify_url, extra) = texts();
    let native = pay::Native { body, total_fee, notify_url, extra, ..native() };
    let (body, notify_url, extra) = texts();
    let app = pay::App { body, total_fee, notify_url, extra, ..app() };
    let (body, notify_url, extra) = texts();
    (jsapi, native, app, pay::H5 { body, total_fee, notify_url, extra, ..h5() })
}

async fn orders_refused(field: &str, what: &str, change: impl FnOnce(&mut Shared)) {
    let (jsapi, native, app, h5) = orders(change);
    must_refuse(&jsapi, field, what).await;
    must_refuse(&native, field, what).await;
    must_refuse(&app, field, what).await;
    must_refuse(&h5, field, what).await;
}

async fn orders_accepted(what: &str, change: impl FnOnce(&mut Shared)) {
    let (jsapi, native, app, h5) = orders(change);
    must_send(&jsapi, what).await;
    must_send(&native, what).await;
    must_send(&app, what).await;
    must_send(&h5, what).await;
}

const GREATEST: i64 = i32::MAX as i64;

#[tokio::test]
async fn amounts_of_orders() {
    for fen in [i64::MIN, -888, -1, 0, GREATEST + 1, i64::MAX] {
        let what = format!("{fen} fen");
        orders_refused("total_fee", &what, |order| order.total_fee = Fen::new(fen)).await;
        must_refuse(&Micropay { total_fee: Fen::new(fen), ..micropay() }, "total_fee", &what).await;
    }
    for fen in [1, 888, GREATEST] {
        let what = format!("{fen} fen");
        orders_accepted(&what, |order| order.total_fee = Fen::new(fen)).await;
        must_send(&Micropay { total_fee: Fen::new(fen), ..micropay() }, &what).await;
    }
}

#[tokio::test]
async fn amounts_of_refunds() {
    for (total, back, field) in [
        (0, 1, "total_fee"),
        (-888, 1, "total_fee"),
        (GREATEST + 1, 1, "total_fee"),
        (888, 0, "refund_fee"),
        (888, -300, "refund_fee"),
        (888, 889, "refund_fee"),
        (1, i64::MAX, "refund_fee"),
    ] {
        let refund = pay::Refund { total_fee: Fen::new(total), refund_fee: Fen::new(back), ..refund() };
        must_refuse(&refund, field, &format!("{back} of {total}")).await;
    }
    for (total, back) in [(888, 888), (888, 1), (1, 1), (GREATEST, GREATEST)] {
        let refund = pay::Refund { total_fee: Fen::new(total), refund_fee: Fen::new(back), ..refund() };
        must_send(&refund, &format!("{back} of {total}")).await;
    }
}

#[tokio::test]
async fn addresses_that_wechat_would_not_call() {
    for (url, what) in [
        ("", "empty"),
        ("shop.example.com/wx", "no scheme"),
        ("//shop.example.com/wx", "no scheme but slashes"),
        ("ftp://shop.example.com/wx", "another scheme"),
        ("javascript:alert(1)", "no address at all"),
        ("https://", "no host"),
        ("https:///wx", "no host but a path"),
        ("https://shop.example.com/wx?a=1", "a query"),
        ("https://shop.example.com/wx?", "an empty query"),
        ("https://shop.example.com/wx#top", "a fragment"),
        ("https://shop.example.com/微信", "Chinese in the path"),
        ("https://商店.example/wx", "Chinese in the host"),
        ("https://shop.example.com/a b", "a blank"),
        ("https://shop.example.com/wx\n", "a line break behind"),
        (" https://shop.example.com/wx", "a blank in front"),
    ] {
        orders_refused("notify_url", what, |order| order.notify_url = url.into()).await;
        // An empty one is not sent, and the setting of the merchant platform counts.
        let refund =
            pay::Refund { extra: RefundExtra { notify_url: Some(url.into()), ..RefundExtra::default() }, ..refund() };
        must_refuse(&refund, "notify_url", what).await;
    }
    let longest = format!("https://shop.example.com/{}", "a".repeat(256 - 25));
    let longer = format!("{longest}a");
    orders_refused("notify_url", "257 characters", |order| order.notify_url = longer.clone()).await;
    for url in ["https://shop.example.com/wx", "http://203.0.113.9:8080/", "https://x", &longest] {
        orders_accepted(url, |order| order.notify_url = url.into()).await;
        let extra = RefundExtra { notify_url: Some(url.into()), ..RefundExtra::default() };
        must_send(&pay::Refund { extra, ..refund() }, url).await;
    }
}

#[tokio::test]
async fn goods_are_described_in_127_bytes() {
    for (text, what) in [
        ("a".repeat(128), "128 letters"),
        ("拿".repeat(43), "43 Chinese characters, 129 bytes"),
        (format!("{}拿", "a".repeat(125)), "126 characters, 128 bytes"),
        (String::new(), "nothing"),
        (" 拿铁".into(), "a blank in front"),
        ("拿铁\n".into(), "a line break behind"),
        ("拿\0铁".into(), "NUL"),
        ("拿\r铁".into(), "a carriage return"),
        ("拿铁🧧".into(), "emoji"),
    ] {
        orders_refused("body", what, |order| order.body = text.clone()).await;
        must_refuse(&Micropay { body: text.clone(), ..micropay() }, "body", what).await;
    }
    for text in ["a".repeat(127), format!("{}a", "拿".repeat(42)), "a&b=<c>]]>".into()] {
        orders_accepted(&text, |order| order.body = text.clone()).await;
        must_send(&Micropay { body: text.clone(), ..micropay() }, &text).await;
    }
}

#[tokio::test]
async fn the_end_of_an_order_lies_ahead_of_its_beginning() {
    let with = |start: &str, end: &str| Extra {
        time_start: (!start.is_empty()).then(|| start.parse().unwrap()),
        time_expire: (!end.is_empty()).then(|| end.parse().unwrap()),
        ..Extra::default()
    };
    for (start, end, for_orders, for_codes) in [
        ("20250318083000", "20250318083000", false, false),
        ("20250318083000", "20250318082959", false, false),
        ("20250318083000", "20250318083059", false, false),
        ("20250318083000", "20250318083100", false, true),
        ("20250318083000", "20250318083459", false, true),
        ("20250318083000", "20250318083500", true, true),
        ("20250318235959", "20250319000459", true, true),
        ("20250318083000", "", true, true),
        ("", "20250318083000", true, true),
        ("", "", true, true),
    ] {
        let what = format!("{start:?} to {end:?}");
        if for_orders {
            orders_accepted(&what, |order| order.extra = with(start, end)).await;
        } else {
            orders_refused("time_expire", &what, |order| order.extra = with(start, end)).await;
        }
        let sale = Micropay { extra: with(start, end), ..micropay() };
        if for_codes { must_send(&sale, &what).await } else { must_refuse(&sale, "time_expire", &what).await }
    }
}

fn goods(goods_id: &str) -> Goods {
    Goods { goods_id: goods_id.into(), wxpay_goods_id: None, goods_name: None, quantity: 1, price: Fen::new(888) }
}

#[tokio::test]
async fn goods_have_plain_numbers() {
    let with = |ids: &[&str]| {
        let goods_detail = ids.iter().map(|id| goods(id)).collect();
        Extra { detail: Some(Detail { goods_detail, ..Detail::default() }), ..Extra::default() }
    };
    let long = "x".repeat(33);
    for ids in [&[""][..], &["sku 1"], &["水杯"], &["sku-1", "sku/2"], &[&long], &["sku.1"]] {
        orders_refused("detail", &format!("{ids:?}"), |order| order.extra = with(ids)).await;
        must_refuse(&Micropay { extra: with(ids), ..micropay() }, "detail", &format!("{ids:?}")).await;
    }
    for ids in [&["sku-1", "SKU_2"][..], &[&long[1..]], &[]] {
        orders_accepted(&format!("{ids:?}"), |order| order.extra = with(ids)).await;
    }
    // Names are free, emoji excepted, and all of it together has an end.
    let named = |name: &str, times: usize| {
        let one = Goods { goods_name: Some(name.into()), ..goods("sku-1") };
        Extra { detail: Some(Detail { goods_detail: vec![one; times], ..Detail::default() }), ..Extra::default() }
    };
    must_send(&pay::Jsapi { extra: named("水杯 \"大\"", 60), ..jsapi() }, "60 goods").await;
    must_refuse(&pay::Jsapi { extra: named("🧧", 1), ..jsapi() }, "detail", "emoji").await;
    must_refuse(&pay::Jsapi { extra: named(&"水".repeat(120), 50), ..jsapi() }, "detail", "over 6000 characters").await;
}

/// The optional texts, each one character beyond its length and with characters
/// that no field may have.
#[tokio::test]
async fn optional_texts() {
    type Set = fn(&mut Extra, String);
    let texts: [(&str, usize, Set); 7] = [
        ("version", 32, |extra, text| extra.version = Some(text)),
        ("device_info", 32, |extra, text| extra.device_info = Some(text)),
        ("attach", 127, |extra, text| extra.attach = Some(text)),
        ("fee_type", 16, |extra, text| extra.fee_type = Some(text)),
        ("goods_tag", 32, |extra, text| extra.goods_tag = Some(text)),
        ("limit_pay", 32, |extra, text| extra.limit_pay = Some(text)),
        ("product_id", 32, |extra, text| extra.product_id = Some(text)),
    ];
    for (field, max, set) in texts {
        let with = |text: String| {
            let mut extra = Extra::default();
            set(&mut extra, text);
            pay::Jsapi { extra, ..jsapi() }
        };
        must_send(&with("店".repeat(max)), field).await;
        must_send(&with(String::new()), field).await;
        for text in ["店".repeat(max + 1), " a".into(), "a ".into(), "a\u{7f}".into(), "🧧".into()] {
            must_refuse(&with(text.clone()), field, &format!("{field}: {text:?}")).await;
        }
    }
    let store = |id: usize| Store { id: "s".repeat(id), name: None, area_code: None, address: None };
    let scene = |id| Extra { scene_info: Some(Scene { store_info: store(id) }), ..Extra::default() };
    // `{"store_info":{"id":""}}` has 24 characters.
    must_send(&pay::App { extra: scene(256 - 24), ..app() }, "256 characters").await;
    must_refuse(&pay::App { extra: scene(257 - 24), ..app() }, "scene_info", "257 characters").await;
}

/// What an order type has as a field of its own is not given a second time.
#[tokio::test]
async fn fields_are_given_once() {
    let product = Extra { product_id: Some("SKU-0002".into()), ..Extra::default() };
    must_refuse(&pay::Native { extra: product.clone(), ..native() }, "product_id", "twice, and which one counts?")
        .await;
    must_send(&pay::Jsapi { extra: product, ..jsapi() }, "once").await;
    let store = Store { id: "SZTX001".into(), name: None, area_code: None, address: None };
    let scene = Extra { scene_info: Some(Scene { store_info: store }), ..Extra::default() };
    must_refuse(&pay::H5 { extra: scene.clone(), ..h5() }, "scene_info", "twice, and which one counts?").await;
    must_send(&pay::Native { extra: scene, ..native() }, "once").await;
    // A code belongs to no goods.
    let product = Extra { product_id: Some("SKU-0001".into()), ..Extra::default() };
    must_refuse(&Micropay { extra: product, ..micropay() }, "product_id", "not a field of micropay").await;
    must_refuse(&pay::Native { product_id: String::new(), ..native() }, "product_id", "empty").await;
    must_refuse(&pay::Native { product_id: "x".repeat(33), ..native() }, "product_id", "33 characters").await;
}

#[tokio::test]
async fn payment_codes_have_a_form() {
    for code in [
        "",
        "13450000000000000",
        "1345000000000000011",
        "093450000000000001",
        "163450000000000001",
        "280000000000000001",
        "13450000000000000a",
        "１３450000000000000",
        " 134500000000000001",
        "134500000000000001\n",
    ] {
        must_refuse(&Micropay { auth_code: code.into(), ..micropay() }, "auth_code", code).await;
        must_refuse(&pay::AuthCode { auth_code: code.into() }, "auth_code", code).await;
    }
    for code in ["100000000000000000", "159999999999999999"] {
        must_send(&Micropay { auth_code: code.into(), ..micropay() }, code).await;
        must_send(&pay::AuthCode { auth_code: code.into() }, code).await;
    }
}

/// Numbers are checked where they are made, so no request can hold a wrong one.
#[tokio::test]
async fn numbers_are_checked_when_they_are_made() {
    let long = "T".repeat(33);
    for text in ["", "T1234", "T 12345", "订单000001", "T12345@", "T12345\n", "T12345/", &long] {
        let error = OutTradeNo::new(text).unwrap_err();
        assert_eq!(error.field(), "out_trade_no", "{text:?}");
    }
    for text in ["T12345", "a_b-c|d*", &long[1..]] {
        assert!(OutTradeNo::new(text).is_ok(), "{text:?}");
    }
    let long = "R".repeat(65);
    for text in ["", "R 1", "退款", "R/1", &long] {
        assert_eq!(OutRefundNo::new(text).unwrap_err().field(), "out_refund_no", "{text:?}");
    }
    for text in ["1", "a_b-c|d*@", &long[1..]] {
        assert!(OutRefundNo::new(text).is_ok(), "{text:?}");
    }
    // WeChat's own numbers are free texts, but not nothing.
    for (id, what) in [("", "empty"), (&*"4".repeat(33), "33 characters"), (" 42", "a blank in front")] {
        let key = || pay::OrderKey::TransactionId(id.into());
        must_refuse(&query::Order::new(key()), "transaction_id", what).await;
        must_refuse(&pay::Refund { order: key(), ..refund() }, "transaction_id", what).await;
        must_refuse(&pay::Reverse { order: key() }, "transaction_id", what).await;
        let refunds = query::Refund::new(query::RefundKey::TransactionId(id.into()));
        must_refuse(&refunds, "transaction_id", what).await;
        let refunds = query::Refund::new(query::RefundKey::RefundId(id.into()));
        must_refuse(&refunds, "refund_id", what).await;
    }
    must_send(&query::Order::new(number(ORDER)), "by the merchant's number").await;
    must_send(&pay::Reverse { order: number(MICRO).into() }, "by the merchant's number").await;
}

#[tokio::test]
async fn texts_of_refunds_and_tools() {
    let with = |desc: &str| pay::Refund {
        extra: RefundExtra { refund_desc: Some(desc.into()), ..RefundExtra::default() },
        ..refund()
    };
    must_send(&with(&"退".repeat(80)), "80 characters").await;
    must_refuse(&with(&"退".repeat(81)), "refund_desc", "81 characters").await;
    must_refuse(&with("退🧧"), "refund_desc", "emoji").await;
    must_send(&pay::ShortUrl { long_url: "w".repeat(512) }, "512 characters").await;
    must_refuse(&pay::ShortUrl { long_url: "w".repeat(513) }, "long_url", "513 characters").await;
    must_refuse(&pay::ShortUrl { long_url: String::new() }, "long_url", "empty").await;
}

#[test]
fn refunds_fit_into_their_order() {
    let fen = Fen::new;
    let fifty: Vec<String> = (0..50).map(|n| format!("P{n}")).collect();
    let parts = |n: usize| -> Vec<(&str, Fen)> { fifty[..n].iter().map(|part| (&**part, fen(1))).collect() };
    let own = refund().out_refund_no;
    // Known refunds beside one of 300 fen of 888, and the field that is wrong.
    type Known<'a> = Vec<(&'a str, Fen)>;
    let table: Vec<(Known<'_>, Option<&str>)> = vec![
        (vec![], None),
        (vec![("A", fen(588))], None),
        (vec![("A", fen(589))], Some("refund_fee")),
        (vec![("A", fen(288)), ("B", fen(300))], None),
        (vec![("A", fen(289)), ("B", fen(300))], Some("refund_fee")),
        (vec![("A", fen(888))], Some("refund_fee")),
        (vec![("A", fen(i64::MAX)), ("B", fen(i64::MAX))], Some("refund_fee")),
        (vec![(own.as_str(), fen(300))], None),
        (vec![(own.as_str(), fen(300)), ("A", fen(588))], None),
        (vec![(own.as_str(), fen(300)), ("A", fen(589))], Some("refund_fee")),
        (vec![(own.as_str(), fen(301))], Some("out_refund_no")),
        (vec![("A", fen(588)), (own.as_str(), fen(299))], Some("out_refund_no")),
        (parts(49), None),
        (parts(50), Some("out_refund_no")),
        ([parts(49), vec![(own.as_str(), fen(300))]].concat(), None),
    ];
    for (known, expected) in table {
        let refund = refund();
        match (refund.within(known.iter().copied()), expected) {
            (Ok(same), None) => assert_eq!(same, &refund),
            (Ok(_), Some(field)) => panic!("{known:?} fit, {field} should be wrong"),
            (Err(error), expected) => {
                assert_eq!(error.field(), expected, "{known:?}: {error}");
                assert_eq!((error.kind(), error.outcome()), (ErrorKind::Invalid, Outcome::NotSent));
            }
        }
    }
}
