//! Why a request was refused, as a person reads it, and the request once more.

use std::process::Command;

use hongbao::Secret;
use hongbao::wire::{self, Digest, Doc};
use serde_json::{Value, json};

use crate::provision;
use crate::raw::{self, Raw};
use crate::support::{ALICE, DAY};

const SEND: &str = "/mmpaymkttransfers/sendredpack";

impl Raw {
    /// What the API says of the last request.
    async fn last(&self) -> Value {
        let id = self.sandbox.requests(1)[0].id;
        let (status, details) = self.api("GET", &format!("/api/v1/requests/{id}"), "").await;
        assert_eq!(status, 200, "{details}");
        let text = details.to_string();
        assert!(!text.contains(&self.key), "a key leaves through the API: {text}");
        details
    }

    fn signed_by(&self, fields: &[(String, String)], key: &str, digest: Digest) -> String {
        let mut doc: Doc = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let sign = wire::sign(&doc, &Secret::new(key), digest);
        doc.push("sign", &sign);
        wire::write_xml(&doc)
    }
}

fn with(fields: &[(String, String)], name: &str, value: &str) -> Vec<(String, String)> {
    let mut fields: Vec<_> = fields.iter().filter(|(own, _)| own != name).cloned().collect();
    fields.push((name.to_owned(), value.to_owned()));
    fields
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

#[tokio::test]
async fn a_wrong_signature_shows_both_strings_and_the_mistake() {
    let raw = Raw::new().await;
    let fields = with(&raw.packet("A1"), "sign_type", "MD5");
    assert_eq!(raw.refused(raw.signed(&fields)).await.0, "SIGN_ERROR");
    let details = raw.last().await;
    let explanation = &details["explanation"];
    assert_eq!(explanation["kind"], "signature");
    assert_eq!(explanation["mistake"]["name"], "sign_type_included");
    let expected = text(explanation, "/expected/string_to_sign");
    assert!(expected.starts_with("act_name=签到有礼&client_ip=203.0.113.24&mch_billno=A1"), "{expected}");
    assert!(expected.ends_with("&wxappid=wx5a0d8c3f1e2b4a61&key=********"), "{expected}");
    assert_eq!(
        text(explanation, "/received/string_to_sign").replace("sign_type=MD5&", ""),
        expected,
        "they differ in the mistake alone"
    );
    assert_eq!(explanation["expected"]["digest"], "MD5");
    assert_eq!(explanation["expected"]["key_of"], raw.entity.mch_id);
    assert_eq!(explanation["expected"]["sign"], Value::Null);
    assert!(text(explanation, "/headline").starts_with("SIGN_ERROR: the signature does not hold"));
    assert!(text(explanation, "/mistake/text/en").contains("sign_type was signed"));
    assert!(text(explanation, "/zh/headline").contains("签名错误"));
    assert!(!text(explanation, "/next_step/zh").is_empty() && !text(explanation, "/next_step/en").is_empty());

    assert_eq!(details["method"], "POST");
    assert_eq!(details["fields"][0], json!(["nonce_str", "k3v9q2m7x1c5b8n4z6l0p2w8e7r5t1y3"]));
    assert_eq!(details["answer_fields"][0], json!(["return_code", "SUCCESS"]));
    assert_eq!(details["certificate_facts"]["mch_id"], raw.entity.mch_id);
    assert_eq!(details["certificate_facts"]["known"], true);

    // What is right needs no explanation, and what is gone is not found.
    assert_eq!(raw.refused(raw.signed(&raw.packet("A1"))).await.0, "SUCCESS");
    assert_eq!(raw.last().await["explanation"], Value::Null);
    let (status, failure) = raw.api("GET", "/api/requests/999", "").await;
    assert_eq!((status, &failure["code"]), (404, &json!("not_found")));
}

#[tokio::test]
async fn another_merchants_key_is_named_and_not_shown() {
    let raw = Raw::new().await;
    let other = raw.sandbox.merchants().remove(1);
    // The only way to its text from outside: the file that the sandbox wrote.
    let file = raw.directory().join("merchants").join(&other.mch_id).join("merchant.json");
    let json: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let key = json["api_key"].as_str().unwrap();
    assert_eq!(raw.refused(raw.signed_by(&raw.packet("A1"), key, Digest::Md5)).await.0, "SIGN_ERROR");
    let details = raw.last().await;
    assert!(!details.to_string().contains(key));
    assert_eq!(details["explanation"]["mistake"]["name"], "wrong_key");
    assert_eq!(details["explanation"]["received"]["key_of"], other.mch_id);
    let order = [
        ("appid", raw.entity.app_id.as_str()),
        ("mch_id", &raw.entity.mch_id),
        ("nonce_str", "n"),
        ("out_trade_no", "T00001"),
    ];
    let order: Vec<_> = order.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    raw.post("/pay/orderquery", raw.signed_by(&order, &raw.key, Digest::HmacSha256)).await;
    assert_eq!(raw.last().await["explanation"]["mistake"]["name"], "wrong_digest");
    raw.post("/sandboxnew/pay/orderquery", raw.signed(&order)).await;
    let details = raw.last().await;
    assert_eq!(details["explanation"]["mistake"]["name"], "wrong_key");
    assert!(text(&details, "/explanation/mistake/text/en").contains("getsignkey"));
}

#[tokio::test]
async fn a_certificate_is_shown_beside_the_expected_one() {
    let raw = Raw::new().await;
    let good = raw.signed(&raw.packet("A1"));
    let url = format!("{}{SEND}", raw.served.gateway());
    let folder = raw.directory().join("merchants");
    let read = |mch_id: &str, file: &str| std::fs::read(folder.join(mch_id).join(file)).unwrap();
    let other = raw.sandbox.merchants().remove(1).mch_id;
    let pair = (read(&other, "apiclient_cert.pem"), read(&other, "apiclient_key.pem"));
    let foreign =
        ["cert", "key"].map(|part| std::fs::read(format!("fixtures/certificates/merchant.{part}.pem")).unwrap());

    let none = raw::client(raw.sandbox.ca_pem(), None);
    let wrong = raw::client(raw.sandbox.ca_pem(), Some((&pair.0, &pair.1)));
    let foreign = raw::client(raw.sandbox.ca_pem(), Some((&foreign[0], &foreign[1])));
    for (client, words, presented) in [
        (none, "no client certificate was shown", None),
        (wrong, "belongs to merchant", Some((other.as_str(), true))),
        (foreign, "comes from another CA", Some(("1230004567", false))),
    ] {
        client.post(&url).body(good.clone()).send().await.unwrap();
        let details = raw.last().await;
        let explanation = &details["explanation"];
        assert_eq!(explanation["kind"], "certificate");
        assert!(text(explanation, "/headline").contains(words), "{explanation}");
        let shown = &explanation["certificates"]["presented"];
        assert_eq!(presented, shown["mch_id"].as_str().zip(shown["known"].as_bool()), "{explanation}");
        let expected = &explanation["certificates"]["expected"];
        assert_eq!((&expected["mch_id"], &expected["known"]), (&json!(raw.entity.mch_id), &json!(true)));
        assert_ne!(expected["serial"], shown["serial"]);
        assert!(text(explanation, "/rule").contains(SEND));
    }
    // The other family answers with a page, and is explained alike.
    let none = raw::client(raw.sandbox.ca_pem(), None);
    none.post(format!("{}/secapi/pay/refund", raw.served.gateway())).body("<xml/>").send().await.unwrap();
    assert_eq!(raw.last().await["explanation"]["kind"], "certificate");

    raw.sandbox.advance(6 * 366 * DAY).unwrap();
    assert_eq!(raw.refused(good).await.0, "CA_ERROR");
    assert!(text(&raw.last().await, "/explanation/headline").contains("expired on"));
}

#[tokio::test]
async fn a_parameter_shows_its_rule_and_what_was_found() {
    let raw = Raw::new().await;
    let all = raw.packet("A1");
    for (name, value, rule, found) in [
        ("act_name", &*"名".repeat(33), "at most 32 characters; required", "33 characters"),
        ("total_num", "2", "must be 1", "\"2\""),
        ("total_amount", "0", "whole number in plain digits; amounts are in fen; required", "\"0\""),
        ("client_ip", "localhost", "text", "localhost"),
        ("remark", "", "required", "empty"),
        ("wxappid", "wx0000000000000000", "text of at most 32", "wx0000000000000000"),
    ] {
        assert_eq!(raw.refused(raw.signed(&with(&all, name, value))).await.0, "PARAM_ERROR");
        let explanation = raw.last().await["explanation"].clone();
        assert_eq!((&explanation["kind"], &explanation["field"]), (&json!("parameter"), &json!(name)));
        assert!(text(&explanation, "/rule").contains(rule), "{explanation}");
        assert!(text(&explanation, "/found").contains(found), "{explanation}");
        assert!(text(&explanation, "/headline").contains(name) && !text(&explanation, "/zh/rule").is_empty());
    }
    let order =
        [("appid", &*raw.entity.app_id), ("mch_id", &raw.entity.mch_id), ("nonce_str", "n"), ("sign_type", "SHA1")];
    let order: Vec<_> = order.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    raw.post("/pay/orderquery", raw.signed(&order)).await;
    let explanation = raw.last().await["explanation"].clone();
    assert_eq!((&explanation["kind"], &explanation["field"]), (&json!("parameter"), &json!("sign_type")));
    assert!(text(&explanation, "/rule").contains("HMAC-SHA256"));
}

#[tokio::test]
async fn limits_faults_and_paths_say_what_to_do() {
    let raw = Raw::new().await;
    let mch_id = raw.entity.mch_id.clone();
    let explained = async |number: &str, code: &str| {
        assert_eq!(raw.refused(raw.signed(&raw.packet(number))).await.0, code);
        let explanation = raw.last().await["explanation"].clone();
        assert!(text(&explanation, "/headline").contains(code) || explanation["found"].is_null(), "{explanation}");
        assert!(!text(&explanation, "/next_step/zh").is_empty());
        explanation
    };
    for (change, code, field, rule, found) in [
        (r#"{"calls_per_second": 0}"#, "FREQ_LIMIT", "calls_per_second", "0 calls in a second", "0 calls"),
        (
            r#"{"calls_per_second": 30, "min_amount": 200}"#,
            "MONEY_LIMIT",
            "min_amount",
            "at least 2.00 yuan",
            "1.50 yuan",
        ),
        (
            r#"{"min_amount": 100, "user_day_amount": 149}"#,
            "RCVDAMOUNT_LIMIT",
            "user_day_amount",
            "1.49 yuan",
            "1.50 yuan",
        ),
        (r#"{"user_day_amount": 9999, "user_day_count": 0}"#, "SENDNUM_LIMIT", "user_day_count", "0 packets", "had 0"),
        (
            r#"{"user_day_count": 9, "merchant_day_amount": 1}"#,
            "SENDAMOUNT_LIMIT",
            "merchant_day_amount",
            "0.01",
            "1.50",
        ),
    ] {
        raw.api("PUT", &format!("/api/merchants/{mch_id}/settings"), change).await;
        let explanation = explained("A1", code).await;
        assert_eq!(explanation["field"], field);
        assert!(
            text(&explanation, "/rule").contains(rule) && text(&explanation, "/found").contains(found),
            "{explanation}"
        );
    }
    raw.api(
        "PUT",
        &format!("/api/merchants/{mch_id}/settings"),
        r#"{"merchant_day_amount": 100000000, "allowed_ips": ["203.0.113.1"]}"#,
    )
    .await;
    let explanation = explained("A1", "NO_AUTH").await;
    assert_eq!((&explanation["field"], &explanation["found"]), (&json!("allowed_ips"), &json!("127.0.0.1")));
    raw.api("PUT", &format!("/api/merchants/{mch_id}/settings"), r#"{"allowed_ips": ["127.0.0.1"]}"#).await;

    raw.api("POST", "/api/faults", r#"{"fault": {"kind": "system_error_after"}, "when": {"next": 1}}"#).await;
    assert!(text(&explained("A1", "SYSTEMERROR").await, "/headline").contains("although everything was done"));
    // The catalogue of codes has the rest.
    let elsewhere = with(&raw.packet("A1"), "re_openid", "oBob91a2b3c4d5e6f7g8h9i0jklm");
    assert_eq!(raw.refused(raw.signed(&elsewhere)).await.0, "FATAL_ERROR");
    let explanation = raw.last().await["explanation"].clone();
    assert!(text(&explanation, "/headline").starts_with("FATAL_ERROR"), "{explanation}");

    raw.post("/pay/sendredpack", "<xml/>").await;
    assert!(text(&raw.last().await, "/explanation/next_step/en").contains(SEND));
    raw.post("/v3/transfer/batches", "{}").await;
    assert!(text(&raw.last().await, "/explanation/next_step/en").contains("API v3"));
    raw.post("/sandboxnew/mmpaymkttransfers/sendredpack", "<xml/>").await;
    assert!(text(&raw.last().await, "/explanation/headline").contains("do not serve"));
    for (body, name) in [
        (&b"{\"mch_id\": 1}"[..], "json_body"),
        (b"mch_id=1&sign=2", "form_body"),
        (b"", "empty_body"),
        (b"<!DOCTYPE xml><xml></xml>", "doctype"),
        (b"hello", "malformed"),
        (b"<xml><mch_id>1</xml>", "malformed"),
        (b"<xml><a>\xd6\xd0\xce\xc4</a></xml>", "charset"),
    ] {
        for path in [SEND, "/pay/orderquery"] {
            raw.post(path, body).await;
            let explanation = raw.last().await["explanation"].clone();
            assert_eq!(explanation["mistake"]["name"], name, "{path}: {explanation}");
        }
    }
    assert!(text(&raw.last().await, "/explanation/headline").contains("中文"));
    raw.post("/pay/orderquery", "<xml><body>A & B</body></xml>").await;
    let explanation = raw.last().await["explanation"].clone();
    assert!(text(&explanation, "/headline").contains("cannot be read"), "{explanation}");
    assert!(text(&explanation, "/next_step/en").contains("escape &"), "{explanation}");

    let sandbox = &raw.sandbox;
    let rest = sandbox.balance(&mch_id).get();
    sandbox
        .change_settings(&mch_id, |settings| {
            settings.max_amount = hongbao::Fen::new(rest + 2);
            settings.user_day_amount = hongbao::Fen::new(10 * rest);
        })
        .unwrap();
    let much = with(&with(&raw.packet("A9"), "total_amount", &(rest + 1).to_string()), "scene_id", "PRODUCT_1");
    assert_eq!(raw.refused(raw.signed(&much)).await.0, "NOTENOUGH");
    let explanation = raw.last().await["explanation"].clone();
    assert!(text(&explanation, "/found").contains("there"), "{explanation}");
    assert!(text(&explanation, "/next_step/en").contains("top the merchant up"));
}

/// Some write the key into the map of fields and send all of it.
#[tokio::test]
async fn a_key_that_was_sent_is_not_kept() {
    let raw = Raw::new().await;
    let sent = with(&raw.packet("A1"), "key", &raw.key);
    assert_eq!(raw.refused(raw.signed(&sent)).await.0, "SIGN_ERROR");
    let details = raw.last().await;
    assert_eq!(details["explanation"]["mistake"]["name"], "key_sent");
    assert!(text(&details, "/request").contains("<key><![CDATA[********]]></key>"), "{details}");
    let order =
        [("appid", &*raw.entity.app_id), ("mch_id", &raw.entity.mch_id), ("nonce_str", "n"), ("attach", &raw.key)];
    let order: Vec<_> = order.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    raw.post("/pay/unifiedorder", raw.signed(&order).replace("<nonce_str>", "<device_info>x</device_info><nonce_str>"))
        .await;
    assert_eq!(raw.last().await["explanation"]["mistake"]["name"], "key_sent");
    // The one answer that is a key.
    let ask = [("mch_id", raw.entity.mch_id.as_str()), ("nonce_str", "n")];
    let ask: Vec<_> = ask.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let (_, answer) = raw.post("/sandboxnew/pay/getsignkey", raw.signed(&ask)).await;
    let handed_out = wire::read_xml(answer.as_bytes()).unwrap().get("sandbox_signkey").unwrap().to_owned();
    let (_, list) = raw.api("GET", "/api/requests", "").await;
    assert!(!list.to_string().contains(&raw.key) && !list.to_string().contains(&handed_out));
}

#[tokio::test]
async fn headers_are_kept_without_secrets() {
    let raw = Raw::new().await;
    let long = "x".repeat(1000);
    let headers =
        [("Authorization", "Bearer s3cret"), ("X-Api-Key", "s3cret"), ("Content-Type", "text/xml"), ("X-Long", &long)];
    raw.post_with(SEND, "<xml/>", &headers).await;
    let details = raw.last().await;
    let headers = details["headers"].as_array().unwrap();
    assert!(
        headers.contains(&json!(["content-type", "text/xml"]))
            && headers.contains(&json!(["authorization", "********"]))
    );
    assert!(!details.to_string().contains("s3cret"));
    let long = headers.iter().find(|pair| pair[0] == "x-long").unwrap()[1].as_str().unwrap();
    assert_eq!(long.len(), 256);
}

#[tokio::test]
async fn the_command_makes_the_same_request_again() {
    provision::command("curl", "curl");
    let raw = Raw::new().await;
    let quotes = with(&raw.packet("A1"), "wishing", "it's \"$HOME\" `id` \\ $(id) !x\n@file");
    let mut bytes = raw.signed(&raw.packet("A3")).into_bytes();
    bytes.extend_from_slice(&[0xd6, 0xd0, 0, b'%', b'\'', b'\\']);
    for (body, code) in [
        (raw.signed(&quotes).into_bytes(), "SUCCESS"),
        (raw.signed(&raw.packet("A2")).replace("早安", "晚安").into_bytes(), "SIGN_ERROR"),
        (b"@/etc/passwd".to_vec(), "XML_ERROR"),
        (Vec::new(), "XML_ERROR"),
        (bytes, "XML_ERROR"),
    ] {
        raw.post_with(SEND, body.clone(), &[("Content-Type", "text/xml"), ("Wechatpay-Negative-Test", "X'Y")]).await;
        let first = raw.last().await;
        let command = text(&first, "/curl").to_owned();
        assert!(!command.contains("insecure") && !command.contains(" -k"), "{command}");
        let done = tokio::task::spawn_blocking(move || Command::new("sh").arg("-c").arg(&command).output().unwrap());
        let done = done.await.unwrap();
        let answer = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert!(answer.contains(code), "{answer}");
        let second = raw.last().await;
        assert_eq!(second["id"].as_u64().unwrap(), first["id"].as_u64().unwrap() + 1);
        for field in ["request", "request_hex", "method", "path", "code", "certificate_facts"] {
            assert_eq!(first[field], second[field], "{field}");
        }
        let kept = |details: &Value, name: &str| {
            let headers = details["headers"].as_array().unwrap().clone();
            headers.into_iter().find(|pair| pair[0] == name)
        };
        for name in ["content-type", "wechatpay-negative-test"] {
            assert_eq!(kept(&first, name), kept(&second, name));
        }
    }
    // A body that was cut has no command.
    raw.post(SEND, vec![b'x'; 20_000]).await;
    assert_eq!(raw.last().await["curl"], Value::Null);
    raw.get(&format!("{SEND}?x=1")).await;
    let command = text(&raw.last().await, "/curl").to_owned();
    assert!(command.contains("-X 'GET'") && !command.contains("--data"), "{command}");
    assert_eq!(raw.sandbox.packets(0, 10).len(), 1, "{ALICE} has one packet, as often as it is sent");
}

/// Neither does a message that cannot be read, nor one that names somebody else.
#[tokio::test]
async fn no_key_is_kept_wherever_it_was_sent() {
    let raw = Raw::new().await;
    let key = raw.key.as_str();
    let other = raw.sandbox.merchants().remove(1).mch_id;
    let message = |mch_id: &str, more: &str| format!("<xml><mch_id>{mch_id}</mch_id>{more}<sign>A</sign></xml>");
    let own = &raw.entity.mch_id;
    let in_pieces = format!("<a><![CDATA[{}]]><![CDATA[{}]]></a>", &key[..9], &key[9..]);
    let as_references: String = key.chars().map(|c| format!("&#{};", u32::from(c))).collect();
    let bodies = [
        message(own, &format!("<a>{key}</a>")).replace("</xml>", ""),
        message(&other, &format!("<a>{key}</a>")),
        message("1999999999", &format!("<a>{key}</a>")),
        message(key, ""),
        format!("<xml><a>{key}</a></xml>"),
        format!("mch_id={own}&key={key}"),
        format!("{{\"mch_id\": \"{own}\", \"key\": \"{key}\"}}"),
        message(own, &in_pieces),
        message(own, &format!("<a>{as_references}</a>")),
        message(own, &format!("<{key}>1</{key}>")),
    ];
    for body in bodies {
        for path in [SEND, "/pay/orderquery", "/sandboxnew/pay/orderquery"] {
            raw.post(path, body.clone()).await;
            let details = raw.last().await;
            assert!(details.to_string().contains("********"), "{details}");
        }
    }
    raw.post_with(SEND, message(own, ""), &[("x-signed", &format!("a=1&key={key}"))]).await;
    assert!(raw.last().await["headers"].to_string().contains("a=1&key=********"));
    raw.post(&format!("/pay/{key}"), message(own, "")).await;
    assert_eq!(raw.last().await["path"], "/pay/********");
}
