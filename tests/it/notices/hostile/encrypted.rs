//! What encryption is in place of a signature: refunds that are none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hongbao::ErrorKind::{Mismatch, Unreadable, Unverified};

use super::super::forge::{Changes, OTHER_KEY, around, encrypt, encrypt_padded, inner, refund};
use super::{As, Row, good};
use crate::fake::{KEY, fixture};

pub(super) fn rows() -> Vec<Row> {
    let sealed = || encrypt(&inner(&[]), KEY);
    let whole = |req_info: &str| around(req_info, &[]).into_bytes();
    let told = |changes: Changes<'_>| refund(changes).into_bytes();
    let text = |text: &str| whole(&encrypt(text, KEY));
    // A whole document that ends with a block, so that nothing but its padding is wrong.
    let even = (1..=16).map(|n| inner(&[("refund_account", Some(&"x".repeat(n)))])).find(|text| text.len() % 16 == 0);
    let even = even.unwrap();
    let padded = |padding: &[u8]| whole(&STANDARD.encode(encrypt_padded(even.as_bytes(), KEY, padding)));
    let other = encrypt(&inner(&[]), OTHER_KEY);
    let raw = STANDARD.decode(sealed()).unwrap();
    let url_safe = sealed().replace('+', "-").replace('/', "_");
    let swapped = {
        let mut blocks: Vec<&[u8]> = raw.chunks(16).collect();
        blocks.swap(0, 1);
        STANDARD.encode(blocks.concat())
    };
    let twice = inner(&[]).replacen("<refund_fee>", "<refund_fee>1</refund_fee><refund_fee>", 1);
    let unread = "req_info was not encrypted with the key";
    let dtd = format!("<!DOCTYPE root [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>{}", inner(&[]));
    let foreign = |changes: Changes<'_>| around(&sealed(), changes).into_bytes();
    vec![
        ("no req_info", foreign(&[("req_info", None)]), As::Refunded, Unreadable, "has no req_info"),
        ("an empty req_info", whole(""), As::Refunded, Unreadable, "has no req_info"),
        ("no base64", whole("这不是密文"), As::Refunded, Unverified, unread),
        ("base64 for addresses", whole(&format!("{url_safe}-_==")), As::Refunded, Unverified, unread),
        ("base64 cut by one", whole(&sealed()[..sealed().len() - 1]), As::Refunded, Unverified, unread),
        ("a block cut by four bytes", whole(&STANDARD.encode(&raw[..raw.len() - 4])), As::Refunded, Unverified, unread),
        ("the last block cut off", whole(&STANDARD.encode(&raw[..raw.len() - 16])), As::Refunded, Unverified, unread),
        ("blocks in another order", whole(&swapped), As::Refunded, Unverified, unread),
        ("a refund by another key", whole(&other), As::Refunded, Unverified, unread),
        ("the text itself", whole(&STANDARD.encode(inner(&[]))), As::Refunded, Unverified, unread),
        ("padding of zeros", padded(&[0; 16]), As::Refunded, Unverified, unread),
        ("padding beyond a block", padded(&[32; 32]), As::Refunded, Unverified, unread),
        (
            "padding that disagrees",
            padded(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
            As::Refunded,
            Unverified,
            unread,
        ),
        (
            "padding and no text",
            whole(&STANDARD.encode(encrypt_padded(b"", KEY, &[16; 16]))),
            As::Refunded,
            Unverified,
            unread,
        ),
        ("an inner root <xml>", text(&inner(&[]).replace("root>", "xml>")), As::Refunded, Unverified, unread),
        ("no XML inside", text("SUCCESS"), As::Refunded, Unverified, unread),
        ("JSON inside", text("{\"refund_status\":\"SUCCESS\"}"), As::Refunded, Unverified, unread),
        ("a DOCTYPE inside", text(&dtd), As::Refunded, Unverified, unread),
        ("an inner field twice", text(&twice), As::Refunded, Unverified, unread),
        ("an inner document with a tail", text(&format!("{}x", inner(&[]))), As::Refunded, Unverified, unread),
        ("an empty root", text("<root></root>"), As::Refunded, Unverified, unread),
        ("no refund_id", told(&[("refund_id", None)]), As::Refunded, Unreadable, "has no refund_id"),
        ("no out_refund_no", told(&[("out_refund_no", Some(""))]), As::Refunded, Unreadable, "has no out_refund_no"),
        ("no refund_status", told(&[("refund_status", None)]), As::Refunded, Unreadable, "has no refund_status"),
        ("no refund_fee", told(&[("refund_fee", None)]), As::Refunded, Unreadable, "has no refund_fee"),
        (
            "no transaction_id in a refund",
            told(&[("transaction_id", None)]),
            As::Refunded,
            Unreadable,
            "has no transaction_id",
        ),
        ("a refund in yuan", told(&[("refund_fee", Some("3.00"))]), As::Refunded, Unreadable, "field refund_fee"),
        (
            "return_code FAIL around a refund",
            foreign(&[("return_code", Some("FAIL"))]),
            As::Refunded,
            Unverified,
            "return_code",
        ),
        ("a foreign merchant around it", foreign(&[("mch_id", Some("1510000009"))]), As::Refunded, Mismatch, "mch_id"),
        (
            "a foreign appid around it",
            foreign(&[("appid", Some("wx0123456789abcdef"))]),
            As::Refunded,
            Mismatch,
            "appid",
        ),
        (
            "a foreign sub-merchant around it",
            foreign(&[("sub_mch_id", Some("1510000003"))]),
            As::Refunded,
            Mismatch,
            "sub_mch_id",
        ),
        ("no merchant around it", foreign(&[("mch_id", None)]), As::Refunded, Mismatch, "mch_id"),
        (
            "one fen more goes back",
            told(&[("refund_fee", Some("301"))]),
            As::Refunded,
            Mismatch,
            "3.01 yuan, expected 3.00 yuan",
        ),
        ("of another total", told(&[("total_fee", Some("889"))]), As::Refunded, Mismatch, "total_fee"),
        (
            "another refund",
            told(&[("out_refund_no", Some("R20250318000009"))]),
            As::Refunded,
            Mismatch,
            "out_refund_no",
        ),
        (
            "a refund of another order",
            told(&[("out_trade_no", Some("T20250318000009"))]),
            As::Refunded,
            Mismatch,
            "out_trade_no",
        ),
        ("a payment taken for a refund", good().into_bytes(), As::Refunded, Unreadable, "has no req_info"),
        (
            "a refund taken for a payment",
            fixture("notices/refunded/success.xml").into_bytes(),
            As::Paid,
            Unverified,
            "no signature",
        ),
        (
            "a refund taken for a scan",
            fixture("notices/refunded/success.xml").into_bytes(),
            As::Scanned,
            Unverified,
            "no signature",
        ),
        ("a payment taken for a scan", good().into_bytes(), As::Scanned, Unreadable, "has no product_id"),
        (
            "a scan taken for a payment",
            fixture("notices/native/callback.xml").into_bytes(),
            As::Paid,
            Unreadable,
            "has no return_code",
        ),
    ]
}
