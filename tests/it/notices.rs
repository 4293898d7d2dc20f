//! What WeChat tells the merchant: genuine notifications are opened, confirmed
//! and answered.

mod changed;
mod forge;
pub(crate) mod hostile;
mod routed;
pub(crate) mod strict;

use hongbao::notify::{self, Ack, Expected, ExpectedRefund, Paid, Refunded, Scanned, kind};
use hongbao::query::RefundStatus;
use hongbao::wire::Digest;
use hongbao::{Client, Entity, ErrorKind, Fen, OutRefundNo, Outcome, PayConfig, Secret, SubMerchant};

use crate::exchange::all_listed;
use crate::fake::{Scripted, client_of, coffee, fixture};
use crate::payments::{OPENID, ORDER, PAID, SUB_OPENID, number, provider};
pub(crate) use forge::OTHER_KEY;
use forge::{fields, signed};

pub(crate) const REFUND: &str = "R20250318000001";

/// An entity whose key was replaced.
pub(crate) struct Rotated {
    pub(crate) entity: Entity,
    pub(crate) retired: Vec<&'static str>,
}

impl PayConfig for Rotated {
    fn app_id(&self) -> &str {
        self.entity.app_id()
    }
    fn mch_id(&self) -> &str {
        self.entity.mch_id()
    }
    fn key(&self) -> Secret {
        self.entity.key()
    }
    fn cert(&self) -> hongbao::Cert {
        self.entity.cert()
    }
    fn endpoint(&self) -> hongbao::Endpoint {
        self.entity.endpoint()
    }
    fn sub_merchant(&self) -> Option<SubMerchant> {
        self.entity.sub_merchant()
    }
    fn retired_keys(&self) -> Vec<Secret> {
        self.retired.iter().map(|key| Secret::new(*key)).collect()
    }
}

pub(crate) fn quiet(config: &dyn PayConfig) -> Client {
    client_of(config, &Scripted::new([]))
}

pub(crate) fn expected(client: &Client) -> Expected {
    Expected::new(client.merchant(), number(ORDER), Fen::new(888))
}

pub(crate) fn expected_refund(client: &Client, out_refund_no: &str) -> ExpectedRefund {
    let out_refund_no = OutRefundNo::new(out_refund_no).unwrap();
    ExpectedRefund::new(client.merchant(), ORDER, out_refund_no, Fen::new(888), Fen::new(300))
}

fn entity_of(name: &str) -> Entity {
    if name.starts_with("provider") { provider() } else { coffee() }
}

/// As the plain notice has it; the others say what differs.
fn plain() -> serde_json::Value {
    serde_json::json!({
        "transaction_id": PAID, "out_trade_no": ORDER, "total_fee": 888, "fee_type": "CNY", "cash_fee": 888,
        "coupons": [], "openid": OPENID, "is_subscribe": "N", "trade_type": "JSAPI", "bank_type": "OTHERS",
        "attach": "深圳分店", "time_end": 1_742_257_933_000_i64,
    })
}

#[tokio::test]
async fn payments_are_told() {
    let coupon = |id: &str, kind: Option<&str>, fee: i64| serde_json::json!({ "coupon_id": id, "coupon_type": kind, "coupon_fee": fee });
    let coupons = |kinds: [Option<&str>; 2]| {
        serde_json::json!([coupon("30000000001", kinds[0], 120), coupon("30000000002", kinds[1], 80)])
    };
    let used = serde_json::json!({ "cash_fee": 688, "coupon_fee": 200, "coupons": coupons([None, None]) });
    let settled = serde_json::json!({
        "cash_fee": 688, "coupon_fee": 200, "coupons": coupons([Some("CASH"), Some("NO_CASH")]),
        "settlement_total_fee": 808, "cash_fee_type": "CNY",
    });
    let theirs = serde_json::json!({ "sub_openid": SUB_OPENID, "sub_is_subscribe": "Y" });
    let nothing = serde_json::json!({});
    let table = [
        ("md5.xml", &nothing),
        ("hmac.xml", &nothing),
        ("lower_case_sign.xml", &nothing),
        ("new_field.xml", &nothing),
        ("provider.xml", &theirs),
        ("coupons.xml", &used),
        ("settlement.xml", &settled),
        ("version.xml", &settled),
    ];
    all_listed("notices/paid", "", table.iter().map(|row| row.0).chain(["failed.xml"]));
    for (name, differs) in table {
        let client = quiet(&entity_of(name));
        let body = fixture(&format!("notices/paid/{name}"));
        assert_eq!(kind(body.as_bytes()).unwrap(), notify::Kind::Paid, "{name}");
        let paid: Paid = client.open(body.as_bytes()).await.unwrap_or_else(|e| panic!("{name}: {}", e.report()));
        assert_eq!((paid.out_trade_no(), paid.transaction_id()), (ORDER, PAID), "{name}");
        let debug = format!("{paid:?}");
        assert!(!debug.contains("888") && !debug.contains(OPENID), "nothing counts before it is confirmed: {debug}");
        let payment = paid.confirm(&expected(&client)).unwrap_or_else(|e| panic!("{name}: {}", e.report()));
        let promotion = payment.promotion_detail.as_deref().is_some_and(|json| json.contains("满减券"));
        assert_eq!(promotion, name == "version.xml", "{name}");

        let mut value = serde_json::to_value(&payment).unwrap();
        let all = value.as_object_mut().unwrap();
        all.retain(|field, value| !value.is_null() && field != "promotion_detail");
        let mut whole = plain();
        for (field, value) in differs.as_object().unwrap() {
            whole[field] = value.clone();
        }
        assert_eq!(value, whole, "{name}");
    }
}

/// Genuine, and nothing to do about it: it need not come again.
#[tokio::test]
async fn a_failed_payment_is_a_refusal() {
    let body = fixture("notices/paid/failed.xml");
    let error = quiet(&coffee()).open::<Paid>(body.as_bytes()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Refusal, Outcome::Refused));
    assert_eq!((error.code().unwrap().as_str(), error.description()), ("BANKERROR", Some("银行系统异常")));
    assert!(Ack::to(&error).is_success());
}

/// Deductions by contract tell failures too, and one official sample has
/// `result_code` SUCCESS beside `trade_state` PAY_FAIL: the state decides.
#[tokio::test]
async fn a_failed_deduction_is_no_payment() {
    let contract = ("contract_id", Some("202503180000000001"));
    let client = quiet(&coffee());
    for result in ["SUCCESS", "FAIL"] {
        let state = ("trade_state", Some("PAY_FAIL"));
        let body = signed(&fields(&[contract, state, ("result_code", Some(result)), ("err_code", Some("NOTENOUGH"))]));
        let error = client.open::<Paid>(body.as_bytes()).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Refusal, Outcome::Refused), "{result}");
        assert_eq!(error.code().unwrap().as_str(), "NOTENOUGH");
        assert!(Ack::to(&error).is_success());
        // A state that nobody knows is neither paid nor failed.
        let state = ("trade_state", Some("ACCEPT"));
        let body = signed(&fields(&[contract, state, ("result_code", Some(result))]));
        let error = client.open::<Paid>(body.as_bytes()).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Mismatch, Outcome::Unknown), "{result}");
        assert!(!Ack::to(&error).is_success());
    }
    // Two answers that contradict each other are none.
    let body = signed(&fields(&[("trade_state", Some("SUCCESS")), ("result_code", Some("FAIL"))]));
    let error = client.open::<Paid>(body.as_bytes()).await.unwrap_err();
    assert_eq!((error.outcome(), error.field()), (Outcome::Unknown, Some("result_code")));
    let body = signed(&fields(&[contract, ("trade_state", Some("SUCCESS"))]));
    let paid: Paid = client.open(body.as_bytes()).await.unwrap();
    assert!(paid.confirm(&expected(&client)).is_ok());
}

#[tokio::test]
async fn refunds_are_told() {
    use RefundStatus::{Change, Closed, Success};
    let table = [
        ("success.xml", REFUND, Success, "API", Some("2025-03-18 08:45:30"), "支付用户零钱"),
        ("change.xml", REFUND, Change, "API", None, "招商银行信用卡0403"),
        ("refundclose.xml", REFUND, Closed, "API", None, "招商银行信用卡0403"),
        ("provider.xml", "R20250318000011", Success, "API", Some("2025-03-18 08:45:30"), "支付用户零钱"),
        ("vendor_platform.xml", REFUND, Success, "VENDOR_PLATFORM", Some("2025-03-18 08:45:30"), "支付用户零钱"),
    ];
    all_listed("notices/refunded", "", table.iter().map(|row| row.0));
    for (name, out_refund_no, status, source, time, account) in table {
        let client = quiet(&entity_of(name));
        let body = fixture(&format!("notices/refunded/{name}"));
        assert_eq!(kind(body.as_bytes()).unwrap(), notify::Kind::Refunded, "{name}");
        let told: Refunded = client.open(body.as_bytes()).await.unwrap_or_else(|e| panic!("{name}: {}", e.report()));
        assert_eq!((told.out_refund_no(), told.out_trade_no()), (out_refund_no, ORDER), "{name}");
        let result = told.confirm(&expected_refund(&client, out_refund_no)).unwrap();
        assert_eq!(result.key(), format!("{out_refund_no}/{status}"), "{name}");
        assert_eq!(result.refund_status, status, "{name}");
        assert_eq!((&*result.transaction_id, &*result.out_trade_no), (PAID, ORDER), "{name}");
        assert_eq!(result.refund_id, "50300009992025031800000000001", "{name}");
        let fees = [Some(result.total_fee), Some(result.refund_fee), result.settlement_total_fee];
        assert_eq!(fees, [888, 300, 888].map(|fee| Some(Fen::new(fee))), "{name}");
        assert_eq!(result.settlement_refund_fee, Some(Fen::new(300)), "{name}");
        let cash = name.starts_with("provider").then(|| Fen::new(300));
        assert_eq!(result.cash_refund_fee, cash, "{name}");
        assert_eq!(result.success_time.map(|time| time.to_string()).as_deref(), time, "{name}");
        assert_eq!(result.refund_recv_account.as_deref(), Some(account), "{name}");
        assert_eq!(result.refund_account.as_deref(), Some("REFUND_SOURCE_UNSETTLED_FUNDS"), "{name}");
        assert_eq!(result.refund_request_source.as_deref(), Some(source), "{name}");
    }
}

#[tokio::test]
async fn scans_are_told() {
    all_listed("notices/native", "", ["callback.xml"].into_iter());
    let body = fixture("notices/native/callback.xml");
    assert_eq!(kind(body.as_bytes()).unwrap(), notify::Kind::Scanned);
    // MD5, whatever the entity prefers elsewhere.
    for digest in [Digest::Md5, Digest::HmacSha256] {
        let client = quiet(&Entity { digest, ..coffee() });
        let scanned: Scanned = client.open(body.as_bytes()).await.unwrap();
        assert_eq!((&*scanned.openid, &*scanned.product_id), (OPENID, "SKU-0001"));
        assert_eq!(scanned.is_subscribe.as_deref(), Some("N"));
    }
}

/// Which digest a notification has is its own to say, whatever its order had.
#[tokio::test]
async fn notices_name_their_digest() {
    for digest in [Digest::Md5, Digest::HmacSha256] {
        let client = quiet(&Entity { digest, ..coffee() });
        for name in ["md5.xml", "hmac.xml"] {
            let paid = client.open::<Paid>(fixture(&format!("notices/paid/{name}")).as_bytes()).await;
            assert!(paid.is_ok(), "{name} with {digest}");
        }
    }
}

#[tokio::test]
pub(crate) async fn retired_keys_still_open_notices_and_sign_nothing() {
    let rotated = |retired: &[&'static str]| Rotated {
        entity: Entity { key: Secret::new(OTHER_KEY), ..coffee() },
        retired: retired.to_vec(),
    };
    let paid = fixture("notices/paid/md5.xml");
    let refunded = fixture("notices/refunded/success.xml");
    let scanned = fixture("notices/native/callback.xml");
    let unknown = "0123456789abcdef0123456789abcdef";
    for (retired, opens) in
        [(&[][..], false), (&[unknown], false), (&[unknown, crate::fake::KEY], true), (&[crate::fake::KEY], true)]
    {
        let client = quiet(&rotated(retired));
        assert_eq!(client.open::<Paid>(paid.as_bytes()).await.is_ok(), opens);
        assert_eq!(client.open::<Refunded>(refunded.as_bytes()).await.is_ok(), opens);
        assert_eq!(client.open::<Scanned>(scanned.as_bytes()).await.is_ok(), opens);
    }
    let wire = Scripted::new([crate::fake::Step::NoConnection]);
    let client = Client::builder(&rotated(&[crate::fake::KEY]))
        .transport(std::sync::Arc::<Scripted>::clone(&wire))
        .retry(hongbao::RetryPolicy::never())
        .build()
        .unwrap();
    client.send(&crate::payments::jsapi()).await.unwrap_err();
    let doc = &wire.seen()[0].doc;
    let holds = |key: &str| hongbao::wire::verify(doc, doc.get("sign").unwrap(), &Secret::new(key), Digest::Md5);
    assert!(holds(OTHER_KEY) && !holds(crate::fake::KEY));
}

/// An empty key is one that everybody knows.
#[test]
fn retired_keys_are_keys() {
    for (wrong, problem) in [
        ("", "32 characters"),
        ("short", "32 characters"),
        ("Rw7TqZ2nLx9KcV4bJm8PsD3hGf6YaE5u\n", "white space"),
        ("Rw7TqZ2nLx9KcV4bJm8PsD3hGf6YaE5-", "letters and digits"),
    ] {
        let config = Rotated { entity: coffee(), retired: vec![OTHER_KEY, wrong] };
        let error = Client::builder(&config).transport(Scripted::new([])).build().unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Config, Some("retired_keys")), "{wrong:?}");
        assert!(error.to_string().contains(problem), "{error}");
    }
}

#[test]
fn answers_are_plain() {
    let xml = |code: &str, text: &str| {
        format!(
            "<xml>\n<return_code><![CDATA[{code}]]></return_code>\n<return_msg><![CDATA[{text}]]></return_msg>\n</xml>"
        )
    };
    let ack = Ack::success();
    assert_eq!((ack.body(), ack.is_success(), ack.status()), (&*xml("SUCCESS", "OK"), true, 200));
    assert_eq!(ack.content_type(), "text/xml; charset=utf-8");
    let ack = Ack::fail("订单不存在");
    assert_eq!((ack.body(), ack.is_success(), ack.status()), (&*xml("FAIL", "订单不存在"), false, 200));
    assert_eq!(Ack::fail("一\r\n\0二").body(), xml("FAIL", "一二"));
    assert_eq!(Ack::fail(&"长".repeat(500)).into_body(), xml("FAIL", &"长".repeat(128)));
}

#[test]
fn kinds_are_told_apart() {
    use notify::Kind::{Combined, Contract, Deduction, Other, Paid, Refunded, Scanned};
    for (named, expected) in [
        (&["transaction_id", "out_trade_no", "total_fee"][..], Paid),
        (&["req_info"], Refunded),
        (&["req_info", "transaction_id"], Refunded),
        (&["product_id", "openid"], Scanned),
        (&["product_id", "transaction_id"], Paid),
        (&["product_id", "result_code"], Other),
        (&["change_type", "contract_id"], Contract),
        (&["contract_id", "transaction_id", "out_trade_no"], Deduction),
        (&["contract_id", "result_code"], Deduction),
        (&["combine_out_trade_no", "transaction_id"], Combined),
        (&["event_type", "event_ciphertext"], Other),
        (&["event_type", "transaction_id"], Other),
        (&["out_trade_no"], Other),
    ] {
        let doc = named.iter().map(|name| (*name, "x")).collect();
        assert_eq!(kind(hongbao::wire::write_xml(&doc).as_bytes()).unwrap(), expected, "{named:?}");
        // An empty field is none.
        let mut more = doc.clone();
        for name in ["req_info", "change_type", "contract_id"] {
            more.push(name, "");
        }
        assert_eq!(kind(hongbao::wire::write_xml(&more).as_bytes()).unwrap(), expected, "{named:?}");
    }
    for (body, needle) in [
        (&b" \n{\"id\":\"EV-1\"}"[..], "API v3"),
        (b"", "cannot be read"),
        (b"<!DOCTYPE xml><xml/>", "DOCTYPE"),
        (b"[]", "cannot be read"),
    ] {
        let error = kind(body).unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unreadable, Outcome::Unknown));
        assert!(error.to_string().contains(needle), "{error}");
    }
}
