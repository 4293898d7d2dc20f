//! What the gateway takes and refuses, byte by byte.

use hongbao::wire::{self, Generation};
use hongbao::{Client, Endpoint, Entity, ErrorKind, Fen, Outcome};

use crate::raw::Raw;
use crate::support::packet;

const SEND: &str = "/mmpaymkttransfers/sendredpack";

#[tokio::test]
async fn takes_what_foreign_clients_send() {
    let raw = Raw::new().await;
    let mut accepted = Vec::new();

    let mut fields = raw.packet("A1");
    fields.reverse();
    accepted.push(raw.signed(&fields));
    // Unknown elements that are not signed, and a sign_type beside them.
    accepted.push(raw.signed(&raw.packet("A2")).replace("<xml>", "<xml><sign_type>MD5</sign_type><x>1</x><empty/>"));
    // A declaration, a BOM, comments, plain text in place of CDATA, one line.
    let plain = raw.signed(&raw.packet("A3")).replace("<![CDATA[", "").replace("]]>", "").replace('\n', "");
    accepted.push(format!("\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?><!-- hello -->{plain}\n"));
    for body in accepted {
        let (status, text) = raw.post(SEND, body.clone()).await;
        assert_eq!(status, 200);
        let doc = wire::read_xml(text.as_bytes()).unwrap();
        assert_eq!(doc.get("result_code"), Some("SUCCESS"), "{body}\n{text}\n{:?}", raw.sandbox.requests(1)[0].note);
        assert_eq!(doc.get("err_code"), Some("SUCCESS"));
        assert!(!doc.has("sign"), "answers of this family are unsigned");
    }
    assert!(raw.sandbox.books().balanced);
}

#[tokio::test]
async fn refuses_bytes_that_are_no_message() {
    let raw = Raw::new().await;
    let good = raw.signed(&raw.packet("A1"));
    for body in [
        String::new(),
        "hello".into(),
        "{\"json\":true}".into(),
        good.replace("</xml>", ""),
        good.replace("<xml>", "<xml><nonce_str>1</nonce_str>"),
        format!("<!DOCTYPE xml [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>{good}"),
        good.replace("早安", &"长".repeat(30_000)),
    ] {
        assert_eq!(raw.refused(body.clone()).await.0, "XML_ERROR", "{}", body.chars().take(80).collect::<String>());
        assert!(raw.sandbox.requests(1)[0].note.is_some());
    }
    let logged = raw.sandbox.requests(1)[0].request.len();
    assert!(logged < 20_000, "a log entry is bounded, found {logged} bytes");
    let mut gbk = good.into_bytes();
    gbk.extend_from_slice(&[0xd6, 0xd0]);
    assert_eq!(raw.refused(gbk).await.0, "XML_ERROR");
    assert_eq!(raw.post(SEND, vec![b'x'; 200_000]).await.0, 413);
    assert_eq!(raw.sandbox.balance(&raw.entity.mch_id), Fen::new(1_000_000));
}

#[tokio::test]
async fn names_the_field_that_is_missing_or_wrong() {
    let raw = Raw::new().await;
    let all = raw.packet("A1");
    for (name, _) in &all {
        let without: Vec<_> = all.iter().filter(|(own, _)| own != name).cloned().collect();
        let (code, text) = raw.refused(raw.signed(&without)).await;
        assert_eq!(code, "PARAM_ERROR", "{name}: {text}");
    }
    let with = |name: &str, value: &str| {
        let changed: Vec<_> =
            all.iter().map(|(own, old)| (own.clone(), if own == name { value.into() } else { old.clone() })).collect();
        raw.signed(&changed)
    };
    for (name, value, code, text) in [
        ("total_num", "2", "PARAM_ERROR", "total_num必须为1"),
        ("client_ip", "localhost", "PARAM_ERROR", "client_ip必须是合法的IP字符串"),
        ("act_name", &*"名".repeat(33), "PARAM_ERROR", "act_name字段必填"),
        ("mch_billno", "A-1", "PARAM_ERROR", "输入的商户订单号有误"),
        ("mch_billno", &*"1".repeat(29), "PARAM_ERROR", "最长为28个字符"),
        ("total_amount", "-1", "PARAM_ERROR", "红包金额参数错误"),
        ("total_amount", "0", "PARAM_ERROR", "红包金额参数错误"),
        ("total_amount", "20001", "PARAM_ERROR", "scene_id"),
        ("total_amount", "1.00", "SIGN_ERROR", "签名错误"),
        ("wxappid", "wx0000000000000000", "PARAM_ERROR", "商户号和wxappid不匹配"),
        ("mch_id", "1999999999", "CA_ERROR", "CA证书出错"),
    ] {
        let (found, message) = raw.refused(with(name, value)).await;
        assert_eq!(found, code, "{name}={value}: {message}");
        assert!(message.contains(text), "{name}={value}: {message}");
    }
    assert!(raw.sandbox.packets(0, 10).is_empty());
}

#[tokio::test]
async fn signs_its_own_list_of_fields() {
    let raw = Raw::new().await;
    let note = || raw.sandbox.requests(1)[0].note.clone().unwrap_or_default();

    let mut fields = raw.packet("A1");
    fields.push(("sign_type".into(), "MD5".into()));
    assert_eq!(raw.refused(raw.signed(&fields)).await.0, "SIGN_ERROR");
    assert!(note().contains("the client signed fields that the endpoint does not have: sign_type"), "{}", note());

    let good = raw.signed(&raw.packet("A1"));
    let sign = wire::read_xml(good.as_bytes()).unwrap().get("sign").unwrap().to_owned();
    assert_eq!(raw.refused(good.replace(&sign, &sign.to_lowercase())).await.0, "SIGN_ERROR");
    assert!(note().contains("lower-case"), "{}", note());
    assert_eq!(raw.refused(good.replace("早安", "晚安")).await.0, "SIGN_ERROR");
    assert_eq!(raw.refused(good.replace(&sign, "")).await.0, "SIGN_ERROR");
    assert!(note().contains("no sign was sent"), "{}", note());
    assert!(!note().contains(&raw.key));
    assert_eq!(raw.refused(good).await.0, "SUCCESS");
}

#[tokio::test]
async fn other_methods_and_paths() {
    let raw = Raw::new().await;
    let (status, text) = raw.get(SEND).await;
    assert_eq!(status, 200);
    assert!(text.contains("请使用post方法"), "{text}");
    assert_eq!(raw.post("/no/such/path", "<xml/>").await.0, 404);
    let (status, text) = raw.post("/sandboxnew/mmpaymkttransfers/sendredpack", "<xml/>").await;
    assert!(status == 200 && text.contains("<retcode>1</retcode>") && text.contains("retmsg"), "{text}");
    let (status, text) = raw.post("/xdc/apiv2sandbox/mmpaymkttransfers/sendredpack", "<xml/>").await;
    assert!(status == 200 && text.contains("商户号非法"), "{text}");
}

#[tokio::test]
async fn hands_out_the_official_sandboxes_key() {
    let raw = Raw::new().await;
    let fields = [("mch_id", raw.entity.mch_id.as_str()), ("nonce_str", "n0nce")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let good = raw.signed(&fields);
    let mut keys = Vec::new();
    for path in ["/sandboxnew/pay/getsignkey", "/xdc/apiv2getsignkey/sign/getsignkey"] {
        let (_, text) = raw.post(path, good.clone()).await;
        let doc = wire::read_xml(text.as_bytes()).unwrap();
        assert_eq!(doc.get("return_code"), Some("SUCCESS"), "{text}");
        keys.push(doc.get("sandbox_signkey").unwrap().to_owned());
        let (_, text) = raw.post(path, good.replace("n0nce", "n1nce")).await;
        let doc = wire::read_xml(text.as_bytes()).unwrap();
        assert_eq!((doc.get("return_code"), doc.has("err_code")), (Some("FAIL"), false), "{text}");
        assert_eq!(doc.get("return_msg"), Some("获取沙箱密钥失败，确认交易密钥是否正确"));
        let (_, text) = raw.post(path, good.replace(&raw.entity.mch_id, "1999999999")).await;
        assert_eq!(wire::read_xml(text.as_bytes()).unwrap().get("return_msg"), Some("商户号非法"));
    }
    assert_eq!(keys[0], keys[1]);
    assert!(keys[0].len() == 32 && keys[0].bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()));
    assert_ne!(keys[0], raw.key);
}

#[tokio::test]
async fn the_client_asks_no_official_sandbox_for_a_payout() {
    let raw = Raw::new().await;
    for generation in [Generation::One, Generation::Two] {
        let endpoint = Endpoint::at(raw.served.gateway(), raw.sandbox.ca_pem()).below(generation);
        let client = Client::new(&Entity { endpoint, ..raw.entity.clone() }).unwrap();
        let error = client.send(&packet("A1", "oAlice", 188)).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::NotServed, Outcome::NotSent));
    }
    assert!(raw.sandbox.requests(1).is_empty());
}
