//! What the gateway's payment side takes and refuses, byte by byte.

use std::collections::BTreeMap;
use std::time::Duration;

use hongbao::sandbox::{Fault, FaultRule, Sandbox, When};
use hongbao::wire::{self, Digest, Doc};
use hongbao::{Fen, Secret};

use crate::raw::{self, Raw};

const PLACE: &str = "/pay/unifiedorder";

fn order<'a>(raw: &'a Raw, number: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("appid", &raw.entity.app_id),
        ("mch_id", &raw.entity.mch_id),
        ("nonce_str", "k3v9q2m7x1c5b8n4z6l0p2w8e7r5t1y3"),
        ("body", "蓝鲸咖啡-拿铁"),
        ("out_trade_no", number),
        ("total_fee", "888"),
        ("spbill_create_ip", "203.0.113.10"),
        ("notify_url", "https://shop.example.com/wx/notify"),
        ("trade_type", "NATIVE"),
        ("product_id", "SKU-0001"),
    ]
}

fn with<'a>(fields: &[(&'a str, &'a str)], name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut changed: Vec<_> = fields.iter().filter(|(own, _)| *own != name).copied().collect();
    changed.push((name, value));
    changed
}

fn signed(fields: &[(&str, &str)], key: &str, digest: Digest) -> String {
    let mut doc: Doc = fields.iter().copied().collect();
    let sign = wire::sign(&doc, &Secret::new(key), digest);
    doc.push("sign", &sign);
    wire::write_xml(&doc)
}

async fn answer(raw: &Raw, path: &str, body: String) -> BTreeMap<String, String> {
    let (status, text) = raw.post(path, body).await;
    assert_eq!(status, 200, "{text}");
    let doc = wire::read_xml(text.as_bytes()).unwrap();
    doc.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn verified(answer: &BTreeMap<String, String>, key: &str, digest: Digest) -> bool {
    let doc: Doc = answer.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    wire::verify(&doc, doc.get("sign").unwrap_or_default(), &Secret::new(key), digest)
}

#[tokio::test]
async fn answers_are_signed_by_the_digest_of_the_question() {
    let raw = Raw::new().await;
    let fields = order(&raw, "T00001");
    let answered = answer(&raw, PLACE, signed(&fields, &raw.key, Digest::Md5)).await;
    assert_eq!(answered["result_code"], "SUCCESS", "{answered:?}");
    assert!(verified(&answered, &raw.key, Digest::Md5) && !answered.contains_key("sign_type"));
    let fields = with(&order(&raw, "T00002"), "sign_type", "HMAC-SHA256");
    let answered = answer(&raw, PLACE, signed(&fields, &raw.key, Digest::HmacSha256)).await;
    assert!(verified(&answered, &raw.key, Digest::HmacSha256), "{answered:?}");
    // A refusal of the business is signed too.
    let fields = with(&order(&raw, "T00001"), "total_fee", "889");
    let refused = answer(&raw, PLACE, signed(&fields, &raw.key, Digest::Md5)).await;
    assert_eq!((&*refused["return_code"], &*refused["return_msg"]), ("SUCCESS", "OK"));
    assert_eq!((&*refused["err_code"], &*refused["err_code_des"]), ("INVALID_REQUEST", "201 商户订单号重复"));
    assert!(verified(&refused, &raw.key, Digest::Md5));
}

#[tokio::test]
async fn what_the_gate_refuses_is_an_unsigned_text() {
    let raw = Raw::new().await;
    let good = order(&raw, "T00001");
    let md5 = |fields: &[(&str, &str)]| signed(fields, &raw.key, Digest::Md5);
    let without = |name: &str| -> Vec<_> { good.iter().filter(|(own, _)| *own != name).copied().collect() };
    let other_key = "0".repeat(32);
    let chinese = "商".repeat(43);
    for (body, text) in [
        (String::new(), "post数据为空"),
        ("hello".to_owned(), "XML格式错误"),
        (md5(&good).replace("<xml>", "<!DOCTYPE xml><xml>"), "XML格式错误"),
        (md5(&good).replace("xml>", "order>"), "XML格式错误"),
        (md5(&good).replace("<xml>", "<root>"), "XML格式错误"),
        (md5(&without("mch_id")), "缺少参数"),
        (md5(&without("appid")), "缺少参数"),
        (md5(&with(&good, "appid", &"w".repeat(33))), "appid参数长度有误"),
        (md5(&with(&good, "appid", "wx0000000000000000")), "appid和mch_id不匹配"),
        (md5(&with(&good, "mch_id", "1999999999")), "商户号mch_id或sub_mch_id不存在"),
        (md5(&with(&good, "sub_mch_id", "1999999999")), "商户号mch_id或sub_mch_id不存在"),
        (signed(&good, &other_key, Digest::Md5), "签名错误"),
        (signed(&good, &raw.key, Digest::HmacSha256), "签名错误"),
        (md5(&with(&good, "sign_type", "SHA1")), "签名错误"),
        (md5(&with(&good, "sign_type", "HMAC-SHA256")), "签名错误"),
        (md5(&good).replace("<total_fee>888", "<total_fee>889"), "签名错误"),
        (md5(&without("body")), "缺少参数"),
        (md5(&without("nonce_str")), "缺少参数"),
        (md5(&without("product_id")), "缺少参数"),
        (md5(&with(&good, "total_fee", "0")), "invalid total_fee"),
        (md5(&with(&good, "total_fee", "1.00")), "invalid total_fee"),
        (md5(&with(&good, "total_fee", "2147483648")), "invalid total_fee"),
        (md5(&with(&good, "body", &chinese)), "body参数格式错误"),
        (md5(&with(&good, "body", "生日蛋糕🎂")), "body参数格式错误"),
        (md5(&with(&good, "out_trade_no", "T 0001")), "out_trade_no参数格式错误"),
        (md5(&with(&good, "spbill_create_ip", "localhost")), "spbill_create_ip参数格式错误"),
        (md5(&with(&good, "notify_url", "https://shop.example.com/n?a=1")), "notify_url参数格式错误"),
        (md5(&with(&good, "notify_url", "https://shop.example.com/通知")), "notify_url参数格式错误"),
        (md5(&with(&good, "fee_type", "USD")), "fee_type参数格式错误"),
        (md5(&with(&good, "detail", "{")), "detail参数格式错误"),
        (md5(&with(&good, "trade_type", "native")), "trade_type参数格式错误"),
        (md5(&with(&good, "trade_type", "JSAPI")), "缺少参数"),
        (md5(&with(&good, "trade_type", "MWEB")), "缺少参数"),
        (md5(&with(&good, "time_expire", "soon")), "time_expire参数格式错误"),
    ] {
        let refused = answer(&raw, PLACE, body.clone()).await;
        assert_eq!(refused["return_code"], "FAIL", "{body}\n{refused:?}");
        assert!(refused["return_msg"].contains(text), "{text}\n{body}\n{refused:?}");
        assert!(!refused.contains_key("sign") && !refused.contains_key("err_code"), "{refused:?}");
        assert!(raw.sandbox.requests(1)[0].note.is_some(), "{text} is not explained");
    }
    let mut gbk = md5(&good).into_bytes();
    gbk.extend_from_slice(&[0xd6, 0xd0]);
    let (_, text) = raw.post(PLACE, gbk).await;
    assert!(text.contains("编码格式错误"), "{text}");
    let (_, text) = raw.get(PLACE).await;
    assert!(text.contains("请使用post方法"), "{text}");
    assert!(raw.sandbox.orders(0, 10).is_empty());

    // All that is sent is signed, what the endpoint does not know included.
    let extra = with(&good, "colour", "blue");
    assert_eq!(answer(&raw, PLACE, md5(&extra)).await["result_code"], "SUCCESS");
}

#[tokio::test]
async fn the_root_that_some_clients_send_passes() {
    let raw = Raw::new().await;
    let body = signed(&order(&raw, "T00001"), &raw.key, Digest::Md5).replace("xml>", "root>");
    assert!(body.starts_with("<root>"), "{body}");
    assert_eq!(answer(&raw, PLACE, body).await["result_code"], "SUCCESS");
    assert_eq!(raw.sandbox.orders(0, 10).len(), 1);
}

#[tokio::test]
async fn without_a_certificate_the_proxy_answers() {
    let raw = Raw::new().await;
    let fields = [
        ("appid", &*raw.entity.app_id),
        ("mch_id", &raw.entity.mch_id),
        ("nonce_str", "n"),
        ("out_trade_no", "T00001"),
        ("out_refund_no", "R1"),
        ("total_fee", "888"),
        ("refund_fee", "1"),
    ];
    let body = signed(&fields, &raw.key, Digest::Md5);
    let elsewhere = Sandbox::open(tempfile::tempdir().unwrap().path()).unwrap();
    let foreign = tempfile::tempdir().unwrap();
    drop(elsewhere);
    Sandbox::open(foreign.path()).unwrap();
    let folder = foreign.path().join("merchants").join(&raw.entity.mch_id);
    let pem = |file: &str| std::fs::read(folder.join(file)).unwrap();
    let (certificate, key) = (pem("apiclient_cert.pem"), pem("apiclient_key.pem"));

    let bare = raw::client(raw.sandbox.ca_pem(), None);
    let wrong = raw::client(raw.sandbox.ca_pem(), Some((&certificate, &key)));
    for (client, title) in [(bare, "No required SSL certificate was sent"), (wrong, "The SSL certificate error")] {
        let url = format!("{}/secapi/pay/refund", raw.served.gateway());
        let response = client.post(url).body(body.clone()).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 400);
        assert_eq!(response.headers()["content-type"], "text/html");
        let page = response.text().await.unwrap();
        assert!(
            page.contains(&format!("<title>400 {title}</title>")) && page.contains("<h1>400 Bad Request</h1>"),
            "{page}"
        );
    }
    // Another merchant's certificate is the application's to judge.
    let other = raw.sandbox.merchants().remove(1);
    let theirs = with(&fields, "mch_id", &other.mch_id);
    let theirs = with(&theirs, "appid", &other.app_id);
    let refused = answer(&raw, "/secapi/pay/refund", signed(&theirs, &raw.key, Digest::Md5)).await;
    assert_eq!(refused["return_msg"], "商户号与API证书不匹配");
    // With its own it gets as far as the order.
    let refused = answer(&raw, "/secapi/pay/refund", body.clone()).await;
    assert_eq!(refused["err_code"], "ORDERNOTEXIST");
    // Five years on the certificate has expired.
    raw.sandbox.advance(Duration::from_secs(6 * 366 * 86_400)).unwrap();
    let (status, page) = raw.post("/secapi/pay/refund", body).await;
    assert!(status == 400 && page.contains("The SSL certificate error"), "{page}");
    assert_eq!(raw.sandbox.balance(&raw.entity.mch_id), Fen::new(1_000_000));
}

#[tokio::test]
async fn all_pages_are_of_one_proxy() {
    let raw = Raw::new().await;
    raw.sandbox.fault(FaultRule::new(Fault::BadGateway, When::Next(1)).at(PLACE)).unwrap();
    for (path, expected, title) in [(PLACE, 502, "502 Bad Gateway"), ("/pay/nothing", 404, "404 Not Found")] {
        let (status, page) = raw.post(path, signed(&order(&raw, "T00001"), &raw.key, Digest::Md5)).await;
        assert_eq!(status, expected);
        assert!(page.starts_with(&format!("<html>\r\n<head><title>{title}</title></head>")), "{page}");
        assert!(page.ends_with("<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"), "{page}");
    }
    assert!(raw.sandbox.orders(0, 10).is_empty());
}

#[tokio::test]
async fn some_endpoints_take_hmac_alone() {
    let raw = Raw::new().await;
    let fields = [
        ("appid", &*raw.entity.app_id),
        ("mch_id", &raw.entity.mch_id),
        ("nonce_str", "n"),
        ("bill_date", "20250101"),
        ("account_type", "Basic"),
    ];
    let path = "/pay/downloadfundflow";
    let refused = answer(&raw, path, signed(&fields, &raw.key, Digest::Md5)).await;
    assert!(refused["return_msg"].contains("签名错误"), "{refused:?}");
    for digest_field in [None, Some(("sign_type", "HMAC-SHA256"))] {
        let fields: Vec<_> = fields.into_iter().chain(digest_field).collect();
        let refused = answer(&raw, path, signed(&fields, &raw.key, Digest::HmacSha256)).await;
        assert_eq!((&*refused["return_code"], &*refused["err_code"]), ("SUCCESS", "NO_BILL_EXIST"));
        assert!(!refused.contains_key("sign"), "{refused:?}");
    }
    // A bill is refused in words of its own.
    let fields = [
        ("appid", &*raw.entity.app_id),
        ("mch_id", &raw.entity.mch_id),
        ("nonce_str", "n"),
        ("bill_date", "20250101"),
        ("bill_type", "ALL"),
    ];
    let path = "/pay/downloadbill";
    for (name, value, text, number) in [
        ("bill_date", "20250101", "No Bill Exist", "20002"),
        ("bill_date", "2025-1-1", "data format error", "20001"),
        ("bill_type", "NONE", "invalid bill_type", "20001"),
    ] {
        let refused = answer(&raw, path, signed(&with(&fields, name, value), &raw.key, Digest::Md5)).await;
        let expected = BTreeMap::from(
            [("return_code", "FAIL"), ("return_msg", text), ("error_code", number)]
                .map(|(a, b)| (a.to_owned(), b.to_owned())),
        );
        assert_eq!(refused, expected);
    }
}
