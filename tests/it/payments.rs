//! Payments, refunds and what is asked about them, against the messages in
//! `fixtures/`: each request as another program wrote and signed it, each answer
//! as a typed value.

mod by_code;
mod orders;
mod queries;
mod refunds;
mod stored;

use hongbao::pay::{self, Detail, Extra, Goods, H5Scene, Payer, Scene, Store};
use hongbao::query;
use hongbao::wire::{Digest, Request};
use hongbao::{AppId, Entity, Fen, MchId, OpenId, OutRefundNo, OutTradeNo, SubMerchant};

use crate::exchange::{reads, writes};
use crate::fake::{coffee, fixture_path};

pub(crate) const OPENID: &str = "oQx4r0Z1a2b3c4d5e6f7g8h9i0jk";
pub(crate) const SUB_OPENID: &str = "oSub4r0Z1a2b3c4d5e6f7g8h9i0j";
pub(crate) const ORDER: &str = "T20250318000001";
pub(crate) const PAID: &str = "4200009999202503180000000001";
pub(crate) const MICRO: &str = "M20250318000001";
pub(crate) const MICRO_PAID: &str = "4200009999202503180000000002";
pub(crate) const NOTIFY: &str = "https://shop.example.com/wx/notify";

/// The entity of the fixtures with the other digest.
pub(crate) fn hmac() -> Entity {
    Entity { digest: Digest::HmacSha256, ..coffee() }
}

/// The entity of the fixtures as service provider.
pub(crate) fn provider() -> Entity {
    let sub = SubMerchant::new(MchId::new("1510000003").unwrap());
    Entity { sub_merchant: Some(sub.with_app_id(AppId::new("wx0123456789abcdef").unwrap())), ..hmac() }
}

pub(crate) fn number(text: &str) -> OutTradeNo {
    OutTradeNo::new(text).unwrap()
}

fn openid(text: &str) -> OpenId {
    OpenId::new(text).unwrap()
}

/// Every optional field of an order.
fn full() -> Extra {
    let goods = Goods {
        goods_id: "sku-1".into(),
        wxpay_goods_id: Some("1001".into()),
        goods_name: Some("水杯".into()),
        quantity: 1,
        price: Fen::new(528_800),
    };
    let store = Store {
        id: "SZTX001".into(),
        name: Some("示例门店".into()),
        area_code: Some("440305".into()),
        address: Some("深圳市南山区".into()),
    };
    Extra {
        version: Some("1.0".into()),
        device_info: Some("WEB".into()),
        detail: Some(Detail {
            cost_price: Some(Fen::new(608_800)),
            receipt_id: Some("wx123".into()),
            goods_detail: vec![goods],
        }),
        attach: Some("深圳分店".into()),
        fee_type: Some("CNY".into()),
        time_start: Some("20250318083000".parse().unwrap()),
        time_expire: Some("20250318090000".parse().unwrap()),
        goods_tag: Some("SPRING".into()),
        product_id: None,
        limit_pay: Some("no_credit".into()),
        receipt: Some(true),
        profit_sharing: Some(true),
        scene_info: Some(Scene { store_info: store }),
    }
}

pub(crate) fn jsapi() -> pay::Jsapi {
    pay::Jsapi {
        body: "蓝鲸咖啡-拿铁".into(),
        out_trade_no: number(ORDER),
        total_fee: Fen::new(888),
        spbill_create_ip: [203, 0, 113, 10].into(),
        notify_url: NOTIFY.into(),
        payer: Payer::OpenId(openid(OPENID)),
        extra: Extra::default(),
    }
}

fn full_jsapi() -> pay::Jsapi {
    pay::Jsapi {
        out_trade_no: number("T20250318000011"),
        spbill_create_ip: "2001:db8::10".parse().unwrap(),
        payer: Payer::SubOpenId(openid(SUB_OPENID)),
        extra: Extra { product_id: Some("SKU-0001".into()), ..full() },
        ..jsapi()
    }
}

pub(crate) fn native() -> pay::Native {
    let pay::Jsapi { body, total_fee, spbill_create_ip, notify_url, extra, .. } = jsapi();
    let (out_trade_no, product_id) = (number("T20250318000002"), "SKU-0001".into());
    pay::Native { body, out_trade_no, total_fee, spbill_create_ip, notify_url, product_id, extra }
}

fn full_native() -> pay::Native {
    let (out_trade_no, spbill_create_ip) = (number("T20250318000012"), "2001:db8::10".parse().unwrap());
    pay::Native { out_trade_no, spbill_create_ip, extra: full(), ..native() }
}

pub(crate) fn app() -> pay::App {
    let pay::Jsapi { body, total_fee, spbill_create_ip, notify_url, extra, .. } = jsapi();
    pay::App { body, out_trade_no: number("T20250318000003"), total_fee, spbill_create_ip, notify_url, extra }
}

fn full_app() -> pay::App {
    let (out_trade_no, spbill_create_ip) = (number("T20250318000013"), "2001:db8::10".parse().unwrap());
    pay::App { out_trade_no, spbill_create_ip, extra: full(), ..app() }
}

pub(crate) fn h5() -> pay::H5 {
    let pay::Jsapi { body, total_fee, spbill_create_ip, notify_url, extra, .. } = jsapi();
    let scene_info = H5Scene::Wap { wap_url: "https://shop.example.com".into(), wap_name: "蓝鲸咖啡".into() };
    pay::H5 {
        body,
        out_trade_no: number("T20250318000004"),
        total_fee,
        spbill_create_ip,
        notify_url,
        scene_info,
        extra,
    }
}

fn full_h5() -> pay::H5 {
    pay::H5 {
        out_trade_no: number("T20250318000014"),
        spbill_create_ip: "2001:db8::10".parse().unwrap(),
        scene_info: H5Scene::Ios { app_name: "蓝鲸咖啡".into(), bundle_id: "com.example.coffee".into() },
        extra: Extra { product_id: Some("SKU-0001".into()), scene_info: None, ..full() },
        ..h5()
    }
}

pub(crate) fn micropay() -> pay::Micropay {
    pay::Micropay {
        body: "蓝鲸咖啡-早餐".into(),
        out_trade_no: number(MICRO),
        total_fee: Fen::new(1250),
        spbill_create_ip: [203, 0, 113, 20].into(),
        auth_code: "134500000000000001".into(),
        extra: Extra::default(),
    }
}

fn full_micropay() -> pay::Micropay {
    let extra = Extra { device_info: Some("POS-01".into()), ..full() };
    pay::Micropay { out_trade_no: number("M20250318000011"), extra, ..micropay() }
}

pub(crate) fn refund() -> pay::Refund {
    pay::Refund {
        order: number(ORDER).into(),
        out_refund_no: OutRefundNo::new("R20250318000001").unwrap(),
        total_fee: Fen::new(888),
        refund_fee: Fen::new(300),
        extra: pay::RefundExtra::default(),
    }
}

fn full_refund() -> pay::Refund {
    pay::Refund {
        order: pay::OrderKey::TransactionId(PAID.into()),
        out_refund_no: OutRefundNo::new("R20250318000011").unwrap(),
        extra: pay::RefundExtra {
            refund_fee_type: Some("CNY".into()),
            refund_desc: Some("商品已售完".into()),
            refund_account: Some("REFUND_SOURCE_RECHARGE_FUNDS".into()),
            notify_url: Some("https://shop.example.com/wx/refund".into()),
        },
        ..refund()
    }
}

fn close(text: &str) -> pay::Close {
    pay::Close { out_trade_no: number(text) }
}

fn reverse() -> pay::Reverse {
    pay::Reverse { order: number(MICRO).into() }
}

fn full_reverse() -> pay::Reverse {
    pay::Reverse { order: pay::OrderKey::TransactionId(MICRO_PAID.into()) }
}

fn auth_code() -> pay::AuthCode {
    pay::AuthCode { auth_code: "134500000000000001".into() }
}

/// As `native_link` of the fixtures' front end gives it.
fn short_url() -> pay::ShortUrl {
    let link = "weixin://wxpay/bizpayurl?sign=372651FC7768D15751D574BFABA535AC&appid=wx00f1e2d3c4b5a697\
        &mch_id=1510000001&product_id=SKU-0001&time_stamp=1742257800&nonce_str=N1a2T3i4V5e6M7o8D9e0N1o2N3c4E5x6";
    pay::ShortUrl { long_url: link.into() }
}

fn report() -> pay::Report {
    pay::Report {
        interface_url: "https://api.mch.weixin.qq.com/pay/unifiedorder".into(),
        execute_time: 143,
        return_code: "SUCCESS".into(),
        result_code: "SUCCESS".into(),
        user_ip: [203, 0, 113, 10].into(),
        extra: pay::ReportExtra {
            return_msg: Some("OK".into()),
            time: Some("20250318083000".parse().unwrap()),
            ..pay::ReportExtra::default()
        },
    }
}

fn full_report() -> pay::Report {
    let extra = pay::ReportExtra {
        device_info: Some("WEB".into()),
        err_code: Some("SYSTEMERROR".into()),
        err_code_des: Some("系统错误".into()),
        out_trade_no: Some(ORDER.into()),
        ..report().extra
    };
    pay::Report { result_code: "FAIL".into(), extra, ..report() }
}

fn order_query() -> query::Order {
    query::Order::new(number(ORDER))
}

fn full_order_query() -> query::Order {
    query::Order { version: Some("1.0".into()), ..query::Order::new(pay::OrderKey::TransactionId(PAID.into())) }
}

fn refund_query() -> query::Refund {
    query::Refund::new(number(ORDER))
}

fn next_refunds() -> query::Refund {
    query::Refund { offset: Some(10), ..refund_query() }
}

fn full_refund_query() -> query::Refund {
    query::Refund::new(query::RefundKey::RefundId("50300009992025031800000000001".into()))
}

async fn both<R: Request>(folder: &str, plain: &R, full: &R) {
    writes(&coffee(), plain, &format!("{folder}/request.xml")).await;
    writes(&provider(), full, &format!("{folder}/request.full.xml")).await;
}

#[tokio::test]
pub(crate) async fn requests_are_written_as_elsewhere() {
    both("pay.jsapi", &jsapi(), &full_jsapi()).await;
    both("pay.native", &native(), &full_native()).await;
    both("pay.app", &app(), &full_app()).await;
    both("pay.h5", &h5(), &full_h5()).await;
    both("pay.micropay", &micropay(), &full_micropay()).await;
    both("pay.refund", &refund(), &full_refund()).await;
    both("pay.close", &close(ORDER), &close("T20250318000011")).await;
    both("pay.reverse", &reverse(), &full_reverse()).await;
    both("pay.auth_code", &auth_code(), &auth_code()).await;
    both("pay.short_url", &short_url(), &short_url()).await;
    both("query.order", &order_query(), &full_order_query()).await;
    both("query.refund", &refund_query(), &full_refund_query()).await;
    writes(&coffee(), &next_refunds(), "query.refund/request.offset.xml").await;
    // Its full request is no service provider's.
    writes(&coffee(), &report(), "pay.report/request.xml").await;
    writes(&hmac(), &full_report(), "pay.report/request.full.xml").await;
}

/// A folder that no test above or below names would never be read.
#[test]
fn every_payment_call_has_its_row() {
    let mut there: Vec<String> = std::fs::read_dir(fixture_path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("pay."))
        .collect();
    there.sort();
    let calls = ["app", "auth_code", "close", "h5", "jsapi", "micropay", "native", "refund", "report", "reverse"];
    let mut known: Vec<String> = calls.iter().chain(&["short_url"]).map(|call| format!("pay.{call}")).collect();
    known.sort();
    assert_eq!(there, known);
}

#[test]
fn the_contracts_say_who_shows_a_certificate() {
    let shown = [
        ("refund", pay::Refund::CONTRACT.certificate),
        ("reverse", pay::Reverse::CONTRACT.certificate),
        ("jsapi", pay::Jsapi::CONTRACT.certificate),
        ("native", pay::Native::CONTRACT.certificate),
        ("app", pay::App::CONTRACT.certificate),
        ("h5", pay::H5::CONTRACT.certificate),
        ("micropay", pay::Micropay::CONTRACT.certificate),
        ("close", pay::Close::CONTRACT.certificate),
        ("auth_code", pay::AuthCode::CONTRACT.certificate),
        ("short_url", pay::ShortUrl::CONTRACT.certificate),
        ("report", pay::Report::CONTRACT.certificate),
        ("order", query::Order::CONTRACT.certificate),
        ("refund query", query::Refund::CONTRACT.certificate),
    ];
    let shown: Vec<&str> = shown.into_iter().filter(|(_, certificate)| *certificate).map(|(call, _)| call).collect();
    assert_eq!(shown, ["refund", "reverse"]);
}

/// An entity without a sub-merchant sends none of its fields, and one without a
/// `sub_appid` only the number.
#[tokio::test]
async fn sub_merchants_come_from_the_configuration() {
    use crate::exchange::exchange;
    use crate::fake::Step;
    let number_alone = SubMerchant::new(MchId::new("1510000003").unwrap());
    let cases = [
        (coffee(), [None, None]),
        (Entity { sub_merchant: Some(number_alone), ..coffee() }, [Some("1510000003"), None]),
        (provider(), [Some("1510000003"), Some("wx0123456789abcdef")]),
    ];
    for (entity, expected) in cases {
        let (_, wire) = exchange(&entity, &close(ORDER), Step::NoConnection, "n").await;
        let doc = &wire.seen()[0].doc;
        assert_eq!(["sub_mch_id", "sub_appid"].map(|field| doc.get(field)), expected);
    }
    // Red packets have fields of their own for that.
    let (_, wire) = exchange(&provider(), &crate::fake::packet(), Step::NoConnection, "n").await;
    assert!(!wire.seen()[0].doc.has("sub_mch_id") && !wire.seen()[0].doc.has("sub_appid"));
}
