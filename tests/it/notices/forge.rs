//! Notifications of our own making, genuine and otherwise.

use aes::Aes256;
use aes::cipher::{Block, BlockCipherEncrypt as _, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hongbao::Secret;
use hongbao::wire::{Digest, Doc, read_xml, sign, write_xml};

use crate::fake::{KEY, fixture};

pub(crate) const OTHER_KEY: &str = "Zq8WeR5tYu2IoP7aSd4FgH1jKl9XcV6b";

/// Names with another value, or with none.
pub(crate) type Changes<'a> = &'a [(&'a str, Option<&'a str>)];

fn changed(doc: &Doc, changes: Changes<'_>) -> Doc {
    let mut new = Doc::new();
    for (name, value) in doc.iter().filter(|(name, _)| *name != "sign") {
        match changes.iter().find(|(changed, _)| *changed == name) {
            Some((_, Some(other))) => new.push(name, other),
            Some((_, None)) => true,
            None => new.push(name, value),
        };
    }
    for (name, value) in changes {
        if let Some(value) = value {
            new.push(name, value);
        }
    }
    new
}

/// The fields of the plain payment notice, some of them changed, without a sign.
pub(crate) fn fields(changes: Changes<'_>) -> Doc {
    changed(&read_xml(fixture("notices/paid/md5.xml").as_bytes()).unwrap(), changes)
}

/// The fields of the callback of a static code.
pub(crate) fn scan(changes: Changes<'_>) -> Doc {
    changed(&read_xml(fixture("notices/native/callback.xml").as_bytes()).unwrap(), changes)
}

pub(crate) fn signed_with(doc: &Doc, key: &str, digest: Digest) -> String {
    let mut doc = doc.clone();
    let signature = sign(&doc, &Secret::new(key), digest);
    doc.push("sign", &signature);
    write_xml(&doc)
}

pub(crate) fn signed(doc: &Doc) -> String {
    signed_with(doc, KEY, Digest::Md5)
}

/// With a sign that is somebody's invention.
pub(crate) fn with_sign(doc: &Doc, signature: &str) -> String {
    let mut doc = doc.clone();
    doc.push("sign", signature);
    write_xml(&doc)
}

/// The inner document of a refund, some of it changed.
pub(crate) fn inner(changes: Changes<'_>) -> String {
    let plain = [
        ("out_refund_no", "R20250318000001"),
        ("out_trade_no", "T20250318000001"),
        ("refund_fee", "300"),
        ("refund_id", "50300009992025031800000000001"),
        ("refund_status", "SUCCESS"),
        ("total_fee", "888"),
        ("transaction_id", "4200009999202503180000000001"),
    ];
    let doc = changed(&plain.into_iter().collect(), changes);
    let body = write_xml(&doc);
    let body = body.strip_prefix("<xml>").unwrap().strip_suffix("</xml>").unwrap();
    format!("<root>{body}</root>")
}

/// AES-256-ECB under the hex digits of the key's MD5; `padding` in place of PKCS#7.
pub(crate) fn encrypt_padded(text: &[u8], key: &str, padding: &[u8]) -> Vec<u8> {
    use md5::{Digest as _, Md5};
    let hex: String = Md5::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
    let cipher = Aes256::new_from_slice(hex.as_bytes()).unwrap();
    let mut bytes = [text, padding].concat();
    for block in bytes.chunks_exact_mut(16) {
        cipher.encrypt_block(<&mut Block<Aes256>>::try_from(block).unwrap());
    }
    bytes
}

pub(crate) fn encrypt(text: &str, key: &str) -> String {
    let padding = 16 - text.len() % 16;
    STANDARD.encode(encrypt_padded(text.as_bytes(), key, &vec![u8::try_from(padding).unwrap(); padding]))
}

/// A refund notice around this text.
pub(crate) fn around(req_info: &str, changes: Changes<'_>) -> String {
    let outer = [
        ("return_code", "SUCCESS"),
        ("appid", "wx00f1e2d3c4b5a697"),
        ("mch_id", "1510000001"),
        ("nonce_str", "aB3dE5fG7hJ9kL1v"),
        ("req_info", req_info),
    ];
    write_xml(&changed(&outer.into_iter().collect(), changes))
}

pub(crate) fn refund(changes: Changes<'_>) -> String {
    around(&encrypt(&inner(changes), KEY), &[])
}
