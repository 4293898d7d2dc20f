//! Notifications that somebody forged, broke or sent to the wrong place: not one
//! of them is accepted.

mod encrypted;

use hongbao::ErrorKind::{self, Mismatch, Refusal, Unreadable, Unverified};
use hongbao::notify::{Ack, Paid, Refunded, Scanned};
use hongbao::wire::{Digest, Doc, write_xml};
use hongbao::{Client, Error, Outcome};

use super::forge::{Changes, OTHER_KEY, fields, inner, refund, scan, signed, signed_with, with_sign};
use super::{REFUND, expected, expected_refund, quiet};
use crate::fake::{KEY, coffee, fixture};

/// What the receiver takes it for.
#[derive(Clone, Copy, Debug)]
enum As {
    Paid,
    Refunded,
    Scanned,
}

/// Name, bytes, what it is taken for, kind of the error, and a piece of its report.
type Row = (&'static str, Vec<u8>, As, ErrorKind, &'static str);

/// Opened and confirmed, as a merchant does.
async fn verdict(client: &Client, body: &[u8], taken: As) -> Result<(), Error> {
    match taken {
        As::Paid => client.open::<Paid>(body).await?.confirm(&expected(client)).map(|_| ()),
        As::Refunded => client.open::<Refunded>(body).await?.confirm(&expected_refund(client, REFUND)).map(|_| ()),
        As::Scanned => client.open::<Scanned>(body).await.map(|_| ()),
    }
}

fn good() -> String {
    fixture("notices/paid/md5.xml")
}

/// The plain notice with a piece of its text replaced, its sign left as it is.
fn edited(from: &str, to: &str) -> Vec<u8> {
    let text = good();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1).into_bytes()
}

/// Genuine but for the fields that are changed.
fn resigned(changes: Changes<'_>) -> Vec<u8> {
    signed(&fields(changes)).into_bytes()
}

fn md5_of(doc: &Doc) -> String {
    hongbao::wire::sign(doc, &hongbao::Secret::new(KEY), Digest::Md5)
}

fn no_messages() -> Vec<Row> {
    let doctype = |dtd: &str| format!("{dtd}{}", good()).into_bytes();
    let bomb = "<!DOCTYPE lolz [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>";
    let xxe = "<!DOCTYPE xml [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>";
    let remote = "<!DOCTYPE xml SYSTEM \"http://203.0.113.66/evil.dtd\">";
    let shop = "<![CDATA[深圳分店]]>";
    let gbk: Vec<u8> = {
        let (head, tail) = good().split_once("深圳分店").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        [head.as_bytes(), b"\xc9\xee\xdb\xda\xb7\xd6\xb5\xea", tail.as_bytes()].concat()
    };
    let cut = |share: usize| good().into_bytes()[..good().len() * share / 10].to_vec();
    let many: String = (0..600).map(|n| format!("<f{n}>1</f{n}>")).collect();
    let utf16: Vec<u8> = good().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let end = "</xml>\n";
    let twice = format!("{end}{}", good());
    let json = br#"{"id":"EV-2025","resource":{"ciphertext":"x"}}"#;
    vec![
        ("nothing", vec![], As::Paid, Unreadable, "too early"),
        ("blanks", b" \r\n\t".to_vec(), As::Paid, Unreadable, "too early"),
        ("JSON", json.to_vec(), As::Paid, Unreadable, "text outside"),
        ("a form", b"return_code=SUCCESS&total_fee=888".to_vec(), As::Paid, Unreadable, "text outside"),
        ("a page", b"<html><body>hi</body></html>".to_vec(), As::Paid, Unreadable, "root element"),
        ("a DOCTYPE", doctype("<!DOCTYPE xml>"), As::Paid, Unreadable, "DOCTYPE"),
        ("an entity bomb", doctype(bomb), As::Paid, Unreadable, "DOCTYPE"),
        ("an external entity", doctype(xxe), As::Paid, Unreadable, "DOCTYPE"),
        ("a remote DTD", doctype(remote), As::Paid, Unreadable, "DOCTYPE"),
        ("a DOCTYPE in lower case", doctype("<!doctype xml>"), As::Paid, Unreadable, ""),
        ("an entity that is used", edited(shop, "&x;"), As::Paid, Unreadable, "does not predefine"),
        (
            "a second total_fee",
            edited("<total_fee>", "<total_fee>1</total_fee><total_fee>"),
            As::Paid,
            Unreadable,
            "second element <total_fee>",
        ),
        ("a second sign", edited("<sign>", "<sign>x</sign><sign>"), As::Paid, Unreadable, "second element <sign>"),
        ("an attribute", edited("<total_fee>", "<total_fee currency=\"CNY\">"), As::Paid, Unreadable, "attribute"),
        ("a namespace", edited("<xml>", "<xml xmlns=\"urn:x\">"), As::Paid, Unreadable, "attribute"),
        (
            "a prefix",
            edited("<total_fee>888</total_fee>", "<w:total_fee>888</w:total_fee>"),
            As::Paid,
            Unreadable,
            "element name",
        ),
        ("an instruction in front", doctype("<?php echo 1 ?>"), As::Paid, Unreadable, "processing instruction"),
        (
            "an instruction inside",
            edited("<total_fee>", "<?x y?><total_fee>"),
            As::Paid,
            Unreadable,
            "processing instruction",
        ),
        ("a declared GBK", doctype("<?xml version=\"1.0\" encoding=\"GBK\"?>"), As::Paid, Unreadable, "encoding"),
        ("another root", edited("<xml>", "<root>").to_ascii_lowercase(), As::Paid, Unreadable, ""),
        ("a root in capitals", good().replace("xml>", "XML>").into_bytes(), As::Paid, Unreadable, "root element"),
        ("an inner document as the outer one", inner(&[]).into_bytes(), As::Paid, Unreadable, "root element"),
        ("a text in front", format!("ok{}", good()).into_bytes(), As::Paid, Unreadable, "text outside"),
        ("a second document behind", edited(end, &twice), As::Paid, Unreadable, "second root"),
        ("a text behind", format!("{}ok", good()).into_bytes(), As::Paid, Unreadable, "text outside"),
        ("one tenth of it", cut(1), As::Paid, Unreadable, ""),
        ("one half of it", cut(5), As::Paid, Unreadable, ""),
        (
            "all but its end",
            good().trim_end().strip_suffix("</xml>").unwrap().into(),
            As::Paid,
            Unreadable,
            "too early",
        ),
        ("too much", edited("深圳分店", &"x".repeat(70_000)), As::Paid, Unreadable, "64 KiB"),
        ("too many fields", edited("<appid>", &format!("{many}<appid>")), As::Paid, Unreadable, "500 elements"),
        ("too deep", edited(shop, "<a><b><c>1</c></b></a>"), As::Paid, Unreadable, "too deeply"),
        ("text and elements", edited(shop, "x<a>1</a>"), As::Paid, Unreadable, "mixed"),
        ("GBK", gbk, As::Paid, Unreadable, "not UTF-8"),
        ("a byte that is no UTF-8", [good().as_bytes(), b"\xff"].concat(), As::Paid, Unreadable, "not UTF-8"),
        (
            "a surrogate",
            edited("深圳分店", "?")
                .iter()
                .flat_map(|b| if *b == b'?' { b"\xed\xa0\x80".to_vec() } else { vec![*b] })
                .collect(),
            As::Paid,
            Unreadable,
            "not UTF-8",
        ),
        ("UTF-16", utf16, As::Paid, Unreadable, ""),
        ("NUL", edited("深圳分店", "深圳\0店"), As::Paid, Unreadable, "control character"),
        ("NUL by reference", edited(shop, "&#0;"), As::Paid, Unreadable, ""),
    ]
}

fn unsigned() -> Vec<Row> {
    let all = || fields(&[]);
    let bare = write_xml(&all()).into_bytes();
    let failed: Doc = [("return_code", "FAIL"), ("return_msg", "签名失败")].into_iter().collect();
    let with = |name: &str, value: &str| edited("<total_fee>", &format!("<{name}>{value}</{name}><total_fee>"));
    let lied =
        |named: &str, digest: Digest| signed_with(&fields(&[("sign_type", Some(named))]), KEY, digest).into_bytes();
    let md5 = md5_of(&all());
    let sort_keys = |sign: &str| with_sign(&all(), sign).into_bytes();
    vec![
        ("no return_code", resigned(&[("return_code", None)]), As::Paid, Unreadable, "has no return_code"),
        ("an empty return_code", resigned(&[("return_code", Some(""))]), As::Paid, Unreadable, "has no return_code"),
        ("return_code FAIL", write_xml(&failed).into_bytes(), As::Paid, Unverified, "return_code"),
        ("return_code FAIL, signed", resigned(&[("return_code", Some("FAIL"))]), As::Paid, Unverified, "return_code"),
        ("success in lower case", resigned(&[("return_code", Some("success"))]), As::Paid, Unverified, "return_code"),
        ("success with a blank", resigned(&[("return_code", Some("SUCCESS "))]), As::Paid, Unverified, "return_code"),
        ("no sign", bare, As::Paid, Unverified, "no signature"),
        ("an empty sign", sort_keys(""), As::Paid, Unverified, "no signature"),
        ("a sign of blanks", sort_keys(" "), As::Paid, Unverified, "does not hold"),
        ("a sign of zeros", sort_keys(&"0".repeat(32)), As::Paid, Unverified, "does not hold"),
        ("a shortened sign", sort_keys(&md5[..31]), As::Paid, Unverified, "does not hold"),
        ("a lengthened sign", sort_keys(&format!("{md5}0")), As::Paid, Unverified, "does not hold"),
        ("a sign with a blank behind", sort_keys(&format!("{md5} ")), As::Paid, Unverified, "does not hold"),
        (
            "another key",
            signed_with(&all(), OTHER_KEY, Digest::Md5).into_bytes(),
            As::Paid,
            Unverified,
            "does not hold",
        ),
        ("an empty key", signed_with(&all(), "", Digest::Md5).into_bytes(), As::Paid, Unverified, "does not hold"),
        (
            "64 digits without sign_type",
            signed_with(&all(), KEY, Digest::HmacSha256).into_bytes(),
            As::Paid,
            Unverified,
            "does not hold",
        ),
        ("HMAC is named, MD5 signed", lied("HMAC-SHA256", Digest::Md5), As::Paid, Unverified, "does not hold"),
        ("MD5 is named, HMAC signed", lied("MD5", Digest::HmacSha256), As::Paid, Unverified, "does not hold"),
        ("an unknown sign_type", lied("RSA", Digest::Md5), As::Paid, Unverified, "sign_type"),
        ("sign_type none", lied("none", Digest::Md5), As::Paid, Unverified, "sign_type"),
        ("hmac-sha256 in lower case", lied("hmac-sha256", Digest::HmacSha256), As::Paid, Unverified, "sign_type"),
        ("sign_type added unsigned", with("sign_type", "HMAC-SHA256"), As::Paid, Unverified, "does not hold"),
        ("another amount", edited("<total_fee>888<", "<total_fee>1<"), As::Paid, Unverified, "does not hold"),
        ("another number", edited("T20250318000001", "T20250318000002"), As::Paid, Unverified, "does not hold"),
        ("another payment", edited("4200009999", "4200009998"), As::Paid, Unverified, "does not hold"),
        ("another text", edited("深圳分店", "广州分店"), As::Paid, Unverified, "does not hold"),
        ("a trailing blank", edited("深圳分店", "深圳分店 "), As::Paid, Unverified, "does not hold"),
        ("a field added", with("settlement_total_fee", "888"), As::Paid, Unverified, "does not hold"),
        ("a coupon added", with("coupon_fee_0", "1"), As::Paid, Unverified, "does not hold"),
        (
            "a name in another case",
            edited("<total_fee>888</total_fee>", "<Total_fee>888</Total_fee>"),
            As::Paid,
            Unverified,
            "does not hold",
        ),
        (
            "a list that no signature covers",
            with("coupons", "<item><coupon_fee>1</coupon_fee></item>"),
            As::Paid,
            Unverified,
            "no signature covers",
        ),
        (
            "a list in place of a text",
            with("device_info", "<a><b>1</b></a>"),
            As::Paid,
            Unverified,
            "no signature covers",
        ),
        (
            "a field removed",
            edited("<is_subscribe><![CDATA[N]]></is_subscribe>", ""),
            As::Paid,
            Unverified,
            "does not hold",
        ),
        ("a field emptied", edited("<![CDATA[OTHERS]]>", ""), As::Paid, Unverified, "does not hold"),
        ("a scan without a sign", write_xml(&scan(&[])).into_bytes(), As::Scanned, Unverified, "no signature"),
        (
            "a scan by HMAC",
            signed_with(&scan(&[("sign_type", Some("HMAC-SHA256"))]), KEY, Digest::HmacSha256).into_bytes(),
            As::Scanned,
            Unverified,
            "does not hold",
        ),
        (
            "a scan by another key",
            signed_with(&scan(&[]), OTHER_KEY, Digest::Md5).into_bytes(),
            As::Scanned,
            Unverified,
            "does not hold",
        ),
    ]
}

/// Signed with our key, and still not ours, not whole or not what was expected.
fn not_ours() -> Vec<Row> {
    vec![
        ("another merchant", resigned(&[("mch_id", Some("1510000009"))]), As::Paid, Mismatch, "mch_id"),
        ("no merchant", resigned(&[("mch_id", None)]), As::Paid, Mismatch, "mch_id"),
        ("another appid", resigned(&[("appid", Some("wx0123456789abcdef"))]), As::Paid, Mismatch, "appid"),
        ("no appid", resigned(&[("appid", Some(""))]), As::Paid, Mismatch, "appid"),
        (
            "a sub-merchant that we do not serve",
            resigned(&[("sub_mch_id", Some("1510000003"))]),
            As::Paid,
            Mismatch,
            "sub_mch_id",
        ),
        (
            "a sub-merchant's appid",
            resigned(&[("sub_appid", Some("wx0123456789abcdef"))]),
            As::Paid,
            Mismatch,
            "sub_appid",
        ),
        (
            "a scan for another merchant",
            signed(&scan(&[("mch_id", Some("1510000009"))])).into_bytes(),
            As::Scanned,
            Mismatch,
            "mch_id",
        ),
        (
            "a scan without goods",
            signed(&scan(&[("product_id", None)])).into_bytes(),
            As::Scanned,
            Unreadable,
            "has no product_id",
        ),
        (
            "a scan without a user",
            signed(&scan(&[("openid", Some(""))])).into_bytes(),
            As::Scanned,
            Unreadable,
            "has no openid",
        ),
        (
            "a scan without a nonce",
            signed(&scan(&[("nonce_str", None)])).into_bytes(),
            As::Scanned,
            Unreadable,
            "has no nonce_str",
        ),
        ("no result_code", resigned(&[("result_code", None)]), As::Paid, Unreadable, "has no result_code"),
        ("no transaction_id", resigned(&[("transaction_id", None)]), As::Paid, Unreadable, "has no transaction_id"),
        ("no out_trade_no", resigned(&[("out_trade_no", Some(""))]), As::Paid, Unreadable, "has no out_trade_no"),
        ("no total_fee", resigned(&[("total_fee", None)]), As::Paid, Unreadable, "has no total_fee"),
        ("yuan", resigned(&[("total_fee", Some("8.88"))]), As::Paid, Unreadable, "field total_fee"),
        ("full-width digits", resigned(&[("total_fee", Some("８８８"))]), As::Paid, Unreadable, "field total_fee"),
        ("digits with a blank", resigned(&[("total_fee", Some("888 "))]), As::Paid, Unreadable, "field total_fee"),
        ("an exponent", resigned(&[("total_fee", Some("888e0"))]), As::Paid, Unreadable, "field total_fee"),
        (
            "more than 64 bits",
            resigned(&[("total_fee", Some("99999999999999999999"))]),
            As::Paid,
            Unreadable,
            "field total_fee",
        ),
        ("a negative amount", resigned(&[("total_fee", Some("-888"))]), As::Paid, Mismatch, "-8.88 yuan"),
        ("a huge amount", resigned(&[("total_fee", Some("9223372036854775807"))]), As::Paid, Mismatch, "total_fee"),
        ("one fen less", resigned(&[("total_fee", Some("887"))]), As::Paid, Mismatch, "8.87 yuan, expected 8.88 yuan"),
        ("one fen more", resigned(&[("total_fee", Some("889"))]), As::Paid, Mismatch, "total_fee"),
        (
            "the cash is right and the total is not",
            resigned(&[("total_fee", Some("1")), ("cash_fee", Some("888"))]),
            As::Paid,
            Mismatch,
            "total_fee",
        ),
        ("another order", resigned(&[("out_trade_no", Some("T20250318000009"))]), As::Paid, Mismatch, "out_trade_no"),
        (
            "the number in another case",
            resigned(&[("out_trade_no", Some("t20250318000001"))]),
            As::Paid,
            Mismatch,
            "out_trade_no",
        ),
        ("another currency", resigned(&[("fee_type", Some("JPY"))]), As::Paid, Mismatch, "fee_type"),
        ("failed", resigned(&[("result_code", Some("FAIL"))]), As::Paid, Refusal, "tells of a failure"),
        ("a third result_code", resigned(&[("result_code", Some("OK"))]), As::Paid, Unreadable, "result_code"),
        ("a failed deduction", resigned(&[("trade_state", Some("PAY_FAIL"))]), As::Paid, Refusal, "tells of a failure"),
    ]
}

#[tokio::test]
pub(crate) async fn no_forgery_is_accepted() {
    let client = quiet(&coffee());
    // What the table begins with is accepted, so each row fails for its own reason.
    for (body, taken) in [
        (good().into_bytes(), As::Paid),
        (resigned(&[]), As::Paid),
        (refund(&[]).into_bytes(), As::Refunded),
        (signed(&scan(&[])).into_bytes(), As::Scanned),
    ] {
        verdict(&client, &body, taken).await.unwrap_or_else(|error| panic!("{taken:?}: {}", error.report()));
    }
    let table = [no_messages(), unsigned(), not_ours(), encrypted::rows()].concat();
    let names: std::collections::BTreeSet<_> = table.iter().map(|row| row.0).collect();
    assert!(table.len() >= 130, "{}", table.len());
    assert_eq!(names.len(), table.len(), "rows have names of their own");
    for (name, body, taken, kind, needle) in table {
        let Err(error) = verdict(&client, &body, taken).await else { panic!("{name}: accepted as {taken:?}") };
        let report = error.report();
        assert_eq!(error.kind(), kind, "{name}: {report}");
        assert!(report.contains(needle), "{name}: {needle:?} in {report}");
        assert!(!error.next_step().is_empty() && error.attempts().is_empty(), "{name}");
        assert!(!report.contains(KEY) && !format!("{error:?}").contains(KEY), "{name}");
        let refused = kind == Refusal;
        assert_eq!(error.outcome(), if refused { Outcome::Refused } else { Outcome::Unknown }, "{name}");
        let ack = Ack::to(&error);
        assert_eq!(ack.is_success(), refused, "{name}");
        // A stranger learns nothing of what was wrong with a signature or a cipher.
        if kind == Unverified {
            assert_eq!(ack, Ack::fail("签名失败"), "{name}");
        }
    }
}
