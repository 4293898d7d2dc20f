//! Signatures against vectors that other tools made.

use hongbao::wire::{Answer, Contract, Digest, Doc, Signer, open, read_xml, sign, string_to_sign, verify, write_xml};
use hongbao::{AppId, ErrorKind, MchId, Secret};
use serde::Deserialize;

use crate::fake::fixture;

#[derive(Deserialize)]
struct Vector {
    name: String,
    key: String,
    fields: Vec<(String, String)>,
    string: Option<String>,
    md5: String,
    hmac_sha256: Option<String>,
    md5_of_gbk: Option<String>,
}

impl Vector {
    fn doc(&self) -> Doc {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    fn without_sign(&self) -> Doc {
        self.doc().iter().filter(|(name, _)| *name != "sign").collect()
    }

    fn key(&self) -> Secret {
        Secret::new(self.key.as_str())
    }

    fn signatures(&self) -> impl Iterator<Item = (Digest, &str)> {
        let mac = self.hmac_sha256.as_deref().map(|mac| (Digest::HmacSha256, mac));
        std::iter::once((Digest::Md5, self.md5.as_str())).chain(mac)
    }

    /// Every XML reader turns a carriage return into a line feed, and then the
    /// signature does not hold.
    fn survives_xml(&self) -> bool {
        !self.fields.iter().any(|(_, value)| value.contains('\r'))
    }
}

fn vectors() -> Vec<Vector> {
    let read = |name: &str| -> Vec<Vector> { serde_json::from_str(&fixture(name)).unwrap() };
    let (published, tools) = (read("signing/vectors.json"), read("signing/tools.json"));
    assert!(published.len() >= 29 && tools.len() >= 60, "{} and {}", published.len(), tools.len());
    published.into_iter().chain(tools).collect()
}

fn swap_case(text: &str) -> String {
    let swap = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    text.chars().map(swap).collect()
}

fn percent_encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[test]
fn every_vector_is_signed_as_elsewhere() {
    for vector in vectors() {
        let (name, doc, key) = (&vector.name, vector.doc(), vector.key());
        for (digest, expected) in vector.signatures() {
            assert_eq!(sign(&doc, &key, digest), expected, "{name} {digest}");
            assert!(verify(&doc, expected, &key, digest), "{name} {digest}");
            assert!(verify(&doc, &expected.to_lowercase(), &key, digest), "{name} {digest} in lower case");
        }
        if let Some(string) = &vector.string {
            assert_eq!(&format!("{}{}", string_to_sign(&doc), vector.key), string, "{name}");
        }
    }
}

#[test]
fn the_order_of_the_fields_does_not_matter() {
    for vector in vectors() {
        let backwards: Doc = vector.fields.iter().rev().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        for (digest, expected) in vector.signatures() {
            assert_eq!(sign(&backwards, &vector.key(), digest), expected, "{} {digest}", vector.name);
        }
    }
}

#[test]
fn every_vector_but_carriage_returns_survives_the_wire() {
    for vector in vectors() {
        for (digest, expected) in vector.signatures() {
            let mut doc = vector.without_sign();
            assert!(doc.push("sign", expected));
            let arrived = read_xml(write_xml(&doc).as_bytes()).unwrap();
            let survives = vector.survives_xml();
            assert_eq!(arrived == doc, survives, "{}", vector.name);
            let holds = verify(&arrived, arrived.get("sign").unwrap(), &vector.key(), digest);
            assert_eq!(holds, survives, "{} {digest}", vector.name);
        }
    }
}

#[test]
fn nothing_else_verifies() {
    use md5::{Digest as _, Md5};
    let hex = |text: &str| -> String { Md5::digest(text).iter().map(|byte| format!("{byte:02X}")).collect() };
    let mut encoded_differently = 0;
    for vector in vectors() {
        let (name, doc, key) = (&vector.name, vector.doc(), vector.key());
        let shown = string_to_sign(&doc);
        let joined = shown.strip_suffix("&key=").unwrap();
        assert_eq!(hex(&format!("{joined}&key={}", vector.key)), vector.md5, "{name}");

        let with_sign = format!("{joined}&sign={}&key={}", vector.md5, vector.key);
        for (mistake, text) in [
            ("no key at all", joined.to_owned()),
            ("the key without its name", format!("{joined}{}", vector.key)),
            ("the key's value without a separator", format!("{joined}key={}", vector.key)),
            ("the sign included", with_sign),
            ("a line break behind the key", format!("{joined}&key={}\n", vector.key)),
        ] {
            assert!(!verify(&doc, &hex(&text), &key, Digest::Md5), "{name}: {mistake}");
        }

        let other_key = Secret::new(swap_case(&vector.key));
        if swap_case(&vector.key) != vector.key {
            for (digest, expected) in vector.signatures() {
                assert!(!verify(&doc, expected, &other_key, digest), "{name}: case of the key");
            }
        }
        let encoded: Vec<_> = doc.iter().map(|(name, value)| (name, percent_encode(value))).collect();
        let encoded: Doc = encoded.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if encoded != doc {
            encoded_differently += 1;
            assert!(!verify(&doc, &sign(&encoded, &key, Digest::Md5), &key, Digest::Md5), "{name}: URL-encoded");
        }
        assert!(!verify(&doc, &vector.md5, &key, Digest::HmacSha256), "{name}: the other digest");
        assert!(!verify(&doc, "", &key, Digest::Md5), "{name}: no sign");
        assert!(!verify(&doc, &vector.md5[..31], &key, Digest::Md5), "{name}: a shortened sign");
        if let Some(wrong) = &vector.md5_of_gbk {
            assert!(!verify(&doc, wrong, &key, Digest::Md5), "{name}: GBK");
        }
    }
    assert!(encoded_differently > 50, "{encoded_differently}");
}

/// A signed endpoint's answer is believed with its sign and not without.
#[test]
fn a_stripped_sign_is_not_nothing_to_verify() {
    const SIGNED: Contract = Contract::v2("/pay/orderquery");
    let (app_id, mch_id) = (AppId::new("wx00f1e2d3c4b5a697").unwrap(), MchId::new("1510000001").unwrap());
    for vector in vectors().iter().filter(|vector| vector.survives_xml()) {
        let key = vector.key();
        for digest in [Digest::Md5, Digest::HmacSha256] {
            let signer = Signer { app_id: &app_id, mch_id: &mch_id, sub: None, key: &key, digest };
            let levels = [("return_code", "SUCCESS"), ("result_code", "SUCCESS")];
            let fields = vector.without_sign();
            let fields = fields.iter().filter(|(name, _)| !name.ends_with("_code"));
            let mut doc: Doc = fields.chain(levels).collect();
            let stripped = write_xml(&doc);
            let signature = sign(&doc, &key, digest);
            doc.push("sign", &signature);
            let opened = open(&SIGNED, &signer, &Doc::new(), &Answer::new(200, write_xml(&doc)));
            assert!(opened.is_ok(), "{} {digest}", vector.name);
            let error = open(&SIGNED, &signer, &Doc::new(), &Answer::new(200, stripped)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unverified, "{} {digest}", vector.name);
        }
    }
}
