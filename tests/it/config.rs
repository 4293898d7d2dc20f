//! Configurations that cannot be used, and what a configuration is allowed to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hongbao::wire::{Contract, Digest, Field, Generation, Request, verify};
use hongbao::{Cert, Client, Endpoint, Entity, Error, ErrorKind, Outcome, PayConfig, RetryPolicy, Secret};
use serde::{Deserialize, Serialize};

use crate::fake::{self, KEY, Scripted, Standing, Step, coffee, fixture, fixture_path};

fn file(name: &str) -> std::path::PathBuf {
    fixture_path("certificates").join(name)
}

/// The merchant of the certificate fixtures.
fn tester() -> Entity {
    Entity { mch_id: "1230004567".into(), cert: pair("merchant.cert.pem", "merchant.key.pem"), ..coffee() }
}

fn pair(certificate: &str, key: &str) -> Cert {
    Cert::pem_files(file(certificate), file(key))
}

fn with_cert(cert: Cert) -> Entity {
    Entity { cert, ..tester() }
}

fn with_key(key: &str) -> Entity {
    Entity { key: Secret::new(key), ..tester() }
}

fn at(address: &str) -> Entity {
    Entity { endpoint: Endpoint::at(address, ca()), ..tester() }
}

fn ca() -> String {
    fixture("certificates/merchant.cert.pem")
}

fn build_at(config: &dyn PayConfig, beijing: &str) -> Result<Client, Error> {
    Client::builder(config).transport(Scripted::new([])).clock(Standing::at(beijing)).build()
}

/// The configuration is refused for this field, in words that contain `needle`,
/// and with a next step.
#[track_caller]
fn refused(config: &dyn PayConfig, field: &str, needle: &str) -> Error {
    check(build_at(config, "2025-03-18 08:30:00"), field, needle)
}

#[track_caller]
fn check(built: Result<Client, Error>, field: &str, needle: &str) -> Error {
    let Err(error) = built else { panic!("{field}, {needle}: was accepted") };
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Config, Outcome::NotSent), "{error}");
    assert_eq!(error.field(), Some(field), "{error}");
    assert!(error.to_string().contains(field), "{error}");
    assert!(error.report().contains(needle), "{needle} in\n{}", error.report());
    assert!(!error.next_step().is_empty(), "{error}");
    assert!(!format!("{error:?} {}", error.report()).contains(KEY), "{error}");
    error
}

#[test]
fn the_pair_of_the_fixtures_is_accepted() {
    let client = build_at(&tester(), "2025-03-18 08:30:00").unwrap();
    let facts = client.merchant().certificate().unwrap();
    assert_eq!(facts.common_name.as_deref(), Some("1230004567"));
    assert_eq!(facts.serial, "8F1B5A0C27D94E63B8A1F04C5D7E92613A40BC17");
    assert_eq!(facts.not_after.to_string(), "2056-01-01 08:00:00");
    let given = Cert::pem(fixture("certificates/merchant.cert.pem"), fixture("certificates/merchant.key.pem"));
    assert!(build_at(&with_cert(given), "2025-03-18 08:30:00").is_ok());
}

#[test]
fn certificate_files_that_are_missing() {
    let here = file("merchant.cert.pem");
    for (cert, name) in [
        (pair("no_such.pem", "merchant.key.pem"), "no_such.pem"),
        (pair("merchant.cert.pem", "no_such_key.pem"), "no_such_key.pem"),
        (Cert::p12_file(file("no_such.p12")), "no_such.p12"),
        (Cert::pem_files(&here, fixture_path("certificates")), "certificates"),
    ] {
        let error = refused(&with_cert(cert), "cert", name);
        assert!(error.to_string().contains(name), "{error}");
        assert!(error.report().contains("because"), "{}", error.report());
    }
}

#[test]
fn pem_that_is_none() {
    let good = || fixture("certificates/merchant.cert.pem");
    let key = || fixture("certificates/merchant.key.pem");
    let damaged = good().replacen("MII", "M!I", 1);
    for (certificate, private, needle) in [
        (String::new(), key(), "no BEGIN CERTIFICATE line"),
        ("garbage".into(), key(), "no BEGIN CERTIFICATE line"),
        (key(), key(), "no BEGIN CERTIFICATE line"),
        ("<html>404</html>".into(), key(), "no BEGIN CERTIFICATE line"),
        (damaged, key(), "a damaged PEM block"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into(), key(), "not an X.509 certificate"),
        (good(), String::new(), "no BEGIN PRIVATE KEY line"),
        (good(), "garbage".into(), "no BEGIN PRIVATE KEY line"),
        (good(), good(), "no BEGIN PRIVATE KEY line"),
        (good(), key().replacen("MII", "M!I", 1), "a damaged PEM block"),
        (good(), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".into(), "cannot be used"),
    ] {
        refused(&with_cert(Cert::pem(certificate, private)), "cert", needle);
    }
    // Bytes that are no text, as when somebody names the DER file.
    let der = Cert::pem(std::fs::read(file("merchant.cert.der")).unwrap(), key());
    refused(&with_cert(der), "cert", "no BEGIN CERTIFICATE line");
}

#[test]
fn keys_under_a_password() {
    for name in ["encrypted.key.pem", "encrypted_old.key.pem"] {
        let error = refused(&with_cert(pair("merchant.cert.pem", name)), "cert", name);
        assert!(error.to_string().contains("the private key is encrypted"), "{error}");
        assert!(error.next_step().contains("openssl pkey"), "{}", error.next_step());
    }
}

#[test]
fn certificates_that_are_not_this_merchants() {
    let error = refused(&with_cert(pair("other_merchant.cert.pem", "other_merchant.key.pem")), "cert", "1230009999");
    assert!(error.to_string().contains("1230004567"), "{error}");
    assert!(error.to_string().contains("other_merchant.cert.pem"), "{error}");
    refused(&with_cert(pair("merchant.cert.pem", "other_merchant.key.pem")), "cert", "belongs to another certificate");
    refused(&with_cert(pair("coffee.cert.pem", "merchant.key.pem")), "cert", "1510000001");
}

#[test]
fn certificates_out_of_their_time() {
    let expired = with_cert(pair("expired.cert.pem", "merchant.key.pem"));
    let error = refused(&expired, "cert", "expired.cert.pem");
    assert!(error.to_string().contains("expired on 2020-01-01 07:59:59"), "{error}");
    assert!(build_at(&expired, "2019-06-01 00:00:00").is_ok());
    for (now, needle) in
        [("2023-12-31 23:59:59", "not valid before 2024-01-01 08:00:00"), ("2056-01-01 08:00:01", "expired on")]
    {
        check(build_at(&tester(), now), "cert", needle);
    }
    assert!(build_at(&tester(), "2024-01-01 08:00:00").is_ok());
    assert!(build_at(&tester(), "2056-01-01 08:00:00").is_ok());
}

#[test]
fn p12_files_open_with_the_merchant_number() {
    for name in [
        "wechat.p12",
        "3des.p12",
        "mac_once.p12",
        "no_mac.p12",
        "no_mac_modern.p12",
        "open_certificates.p12",
        "open.p12",
        "modern.p12",
        "aes128_mac_sha512.p12",
        "aes192_mac_sha384.p12",
        "java.p12",
        "java_sha1.p12",
        "java_sha512.p12",
        "java_issuer_first.p12",
        "ber.p12",
        "python.p12",
    ] {
        let client = build_at(&with_cert(Cert::p12_file(file(name))), "2025-03-18 08:30:00");
        let client = client.unwrap_or_else(|error| panic!("{name}: {}", error.report()));
        let facts = client.merchant().certificate().unwrap();
        assert_eq!(facts.common_name.as_deref(), Some("1230004567"), "{name}");
    }
    let bytes = std::fs::read(file("modern.p12")).unwrap();
    assert!(build_at(&with_cert(Cert::p12(bytes)), "2025-03-18 08:30:00").is_ok());
    for (name, password) in [
        ("chinese_password.p12", "红包密码"),
        ("chinese_password_modern.p12", "红包密码"),
        ("empty_password.p12", ""),
        ("empty_password_modern.p12", ""),
        ("null_password.p12", ""),
        ("modern.p12", "1230004567"),
    ] {
        let cert = Cert::p12_file(file(name)).with_password(password);
        assert!(build_at(&with_cert(cert), "2025-03-18 08:30:00").is_ok(), "{name}");
    }
}

#[test]
fn p12_files_that_do_not_open() {
    for name in ["wechat.p12", "modern.p12", "no_mac.p12", "no_mac_modern.p12", "ber.p12"] {
        let wrong = Cert::p12_file(file(name)).with_password("1230004568");
        let error = refused(&with_cert(wrong), "cert", "the password does not open");
        assert!(error.to_string().contains(name), "{error}");
        assert!(error.next_step().contains("merchant number"), "{}", error.next_step());
    }
    // The default password is the number in the configuration, right or wrong.
    let other = Entity { mch_id: "1230009999".into(), ..with_cert(Cert::p12_file(file("wechat.p12"))) };
    refused(&other, "cert", "the password does not open");
    for (name, needle) in [
        ("chinese_password.p12", "the password does not open"),
        ("only_certificate.p12", "no private key"),
        ("only_key.p12", "no certificate"),
        ("camellia.p12", "not supported"),
        ("too_many_iterations.p12", "rounds"),
        ("merchant.cert.pem", "PEM text"),
        ("merchant.cert.der", "a certificate"),
        ("merchant.key.der", "a private key by itself"),
    ] {
        let error = refused(&with_cert(Cert::p12_file(file(name))), "cert", needle);
        assert!(error.to_string().contains(name), "{error}");
    }
    refused(&with_cert(Cert::p12(Vec::new())), "cert", "an empty file");
}

#[test]
fn keys_that_are_none() {
    for (key, needle) in [
        ("", "found 0"),
        (&KEY[1..], "found 31"),
        (&format!("{KEY}x"), "found 33"),
        (&format!("{KEY}\n"), "line break"),
        (&format!("{KEY}\r\n"), "line break"),
        (&format!(" {}", &KEY[1..]), "white space"),
        (&format!("{} {}", &KEY[..16], &KEY[17..]), "white space"),
        (&format!("{}-", &KEY[1..]), "ASCII letters and digits"),
        (&format!("{}钥", &KEY[3..]), "ASCII letters and digits"),
        (&format!("{}\0", &KEY[1..]), "ASCII letters and digits"),
        (&"红".repeat(32), "found 96"),
    ] {
        let error = refused(&with_key(key), "key", needle);
        let told = format!("{error:?} {}", error.report());
        assert!(key.len() < 16 || !told.contains(key.trim()), "{told}");
        assert!(error.next_step().contains("APIv2"), "{}", error.next_step());
    }
}

#[test]
fn identities_that_are_none() {
    for app_id in ["", "wx", "gh_1234567890", "wx 12345678", "WX00f1e2d3c4b5a697", "wx00f1e2d3c4b5a69\n"] {
        refused(&Entity { app_id: app_id.into(), ..tester() }, "app_id", "wx");
    }
    for mch_id in ["", "1234567", "12345678901", "123000456x", " 123000456", "１２３０００４５６７", "1230004567\n"]
    {
        refused(&Entity { mch_id: mch_id.into(), ..tester() }, "mch_id", "8 to 10 digits");
    }
}

#[test]
fn base_addresses() {
    for address in [
        "",
        "127.0.0.1:8443",
        "http://127.0.0.1:8443",
        "ftp://127.0.0.1",
        "https://",
        "https:///",
        "https://:8443",
        "https://127.0.0.1:8443/pay",
        "https://127.0.0.1:8443?x",
        "https://127.0.0.1:8443#x",
        "https://user@127.0.0.1",
        "https://127.0.0.1:",
        "https://127.0.0.1:65536",
        "https://127.0.0.1:+443",
        "https://127.0.0.1:http",
        "https://one two",
        "https://one\ttwo",
        "https://sand%62ox.example",
        "https://沙箱.example",
        "https://::1",
        "https://::1:8443",
        "https://[::1",
        "https://a:b:1",
        "https://[::1]8443",
        "https://.",
    ] {
        refused(&at(address), "endpoint", "https://127.0.0.1:8443");
    }
    for address in [
        "https://api.mch.weixin.qq.com",
        "https://api2.mch.weixin.qq.com:443/",
        "https://API.MCH.weixin.qq.com.",
        "https://mch.weixin.qq.com",
    ] {
        let error = refused(&at(address), "endpoint", "WeChat Pay itself");
        assert!(error.next_step().contains("production"), "{}", error.next_step());
    }
    for address in
        ["https://127.0.0.1:8443", "https://localhost:1/", "https://[::1]:8443", "https://[::1]", "https://pay-1.test"]
    {
        assert!(build_at(&at(address), "2025-03-18 08:30:00").is_ok(), "{address}");
    }
}

/// Only the HTTPS transport needs a CA, and it is made when the client is.
#[tokio::test]
async fn authorities_that_are_none() {
    let build = |ca: &str| {
        let config = Entity { endpoint: Endpoint::at("https://127.0.0.1:8443", ca), ..tester() };
        Client::builder(&config).clock(Standing::at("2025-03-18 08:30:00")).build()
    };
    for (ca, needle) in [
        ("", "no BEGIN CERTIFICATE line"),
        ("garbage", "no BEGIN CERTIFICATE line"),
        (&*fixture("certificates/merchant.key.pem"), "no BEGIN CERTIFICATE line"),
        ("-----BEGIN CERTIFICATE-----\nM!\n-----END CERTIFICATE-----\n", "damaged PEM block"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be used"),
    ] {
        let error = check(build(ca), "endpoint", needle);
        assert!(error.next_step().contains("ca.pem"), "{}", error.next_step());
    }
    assert!(build(&ca()).is_ok());
}

/// What only the URL parser sees through, and a port where nobody listens: not sent.
#[tokio::test]
async fn addresses_that_nobody_has() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in ["https://1.2.3.400".to_owned(), "https://1.2.3.4.5:1".to_owned(), format!("https://{free}")] {
        let client = Client::builder(&at(&address))
            .clock(Standing::at("2025-03-18 08:30:00"))
            .retry(RetryPolicy::never())
            .build()
            .unwrap();
        let error = client.send(&fake::packet()).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, Outcome::NotSent), "{}", error.report());
        assert!(!error.next_step().is_empty());
    }
}

#[test]
fn test_material_never_meets_the_platform() {
    let official = Endpoint::official_sandbox(Generation::One);
    for endpoint in [Endpoint::production(), official] {
        for key in ["TestKey0TestKey1TestKey2TestKey3", "HongbaoSandbox000000000000000001"] {
            let config = Entity { endpoint: endpoint.clone(), ..with_key(key) };
            let error = refused(&config, "key", "sandbox");
            assert!(!error.report().contains(key), "{}", error.report());
        }
        let issued = Entity { endpoint, ..with_cert(pair("sandbox.cert.pem", "merchant.key.pem")) };
        refused(&issued, "cert", "sandbox");
    }
    let ours = Entity {
        key: Secret::new("HongbaoSandbox000000000000000001"),
        cert: pair("sandbox.cert.pem", "merchant.key.pem"),
        ..at("https://127.0.0.1:8443")
    };
    assert!(build_at(&ours, "2025-03-18 08:30:00").is_ok());
}

/// A configuration of the caller's own making, which counts how often it is read.
struct Own {
    reads: AtomicU32,
}

impl PayConfig for Own {
    fn app_id(&self) -> &str {
        "wx00f1e2d3c4b5a697"
    }
    fn mch_id(&self) -> &str {
        "1510000001"
    }
    fn key(&self) -> Secret {
        self.reads.fetch_add(1, Ordering::SeqCst);
        Secret::new(KEY)
    }
    fn cert(&self) -> Cert {
        pair("coffee.cert.pem", "merchant.key.pem")
    }
    fn endpoint(&self) -> Endpoint {
        Endpoint::production()
    }
    fn name(&self) -> &str {
        "蓝鲸咖啡"
    }
    fn digest(&self) -> Digest {
        Digest::HmacSha256
    }
}

/// A call that leaves the choice of the digest to the merchant.
#[derive(Serialize)]
struct Note {
    body: &'static str,
}

#[derive(Debug, Deserialize)]
struct Noted {}

impl Request for Note {
    const CONTRACT: Contract =
        Contract::v2("/test/note").with_certificate().reply_unsigned().fields(&[Field::text("body", 32)]);
    type Reply = Noted;
}

/// Sends a note and returns what the wire saw of it.
async fn note(config: &dyn PayConfig) -> (crate::fake::Seen, Client) {
    let wire = Scripted::new([Step::NoConnection]);
    let client = Client::builder(config)
        .transport(Arc::<Scripted>::clone(&wire))
        .clock(Standing::at("2025-03-18 08:30:00"))
        .retry(RetryPolicy::never())
        .build()
        .unwrap();
    client.send(&Note { body: "红包" }).await.unwrap_err();
    (wire.seen().remove(0), client)
}

#[tokio::test]
async fn configurations_work_behind_every_pointer() {
    fn takes(config: impl PayConfig + 'static) -> Box<dyn PayConfig> {
        Box::new(config)
    }
    let own = || Own { reads: AtomicU32::new(0) };
    let plain = own();
    let by_reference: &dyn PayConfig = &plain;
    let boxed: Box<dyn PayConfig> = Box::new(own());
    let shared: Arc<dyn PayConfig> = Arc::new(own());
    for config in [
        by_reference,
        &by_reference,
        &boxed,
        &shared,
        &takes(boxed_again(own())),
        &takes(Arc::<dyn PayConfig>::clone(&shared)),
    ] {
        let (seen, client) = note(config).await;
        assert_eq!(client.merchant().name(), "蓝鲸咖啡");
        assert_eq!(client.merchant().mch_id().as_str(), "1510000001");
        assert_eq!(seen.doc.get("appid"), Some("wx00f1e2d3c4b5a697"));
        assert_eq!(seen.doc.get("sign_type"), Some("HMAC-SHA256"));
        let sign = seen.doc.get("sign").unwrap();
        assert!(verify(&seen.doc, sign, &Secret::new(KEY), Digest::HmacSha256));
    }
}

fn boxed_again(own: Own) -> Box<dyn PayConfig> {
    Box::new(own)
}

#[tokio::test]
async fn a_configuration_is_read_once() {
    let own = Own { reads: AtomicU32::new(0) };
    let steps = (0..3).map(|_| Step::Answer(fixture("redpack.packet/reply.xml")));
    let client = Client::builder(&own)
        .transport(Scripted::new(steps))
        .clock(Standing::at("2025-03-18 08:30:00"))
        .build()
        .unwrap();
    for _ in 0..3 {
        client.send(&fake::packet()).await.unwrap();
    }
    assert_eq!(own.reads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_sandbox_changes_endpoint_and_key_and_nothing_else() {
    const OTHER: &str = "HongbaoSandbox000000000000000001";
    let (real, real_client) = note(&Own { reads: AtomicU32::new(0) }).await;
    let endpoint = Endpoint::at("https://127.0.0.1:8443", ca());
    let sandboxed = Own { reads: AtomicU32::new(0) }.sandboxed(endpoint, Secret::new(OTHER));
    let (test, test_client) = note(&sandboxed).await;
    assert_eq!((&*real.host, &*test.host), ("api.mch.weixin.qq.com", "127.0.0.1:8443"));
    assert_eq!((real.path, real.certificate), (test.path, test.certificate));
    for (name, value) in real.doc.iter().filter(|(name, _)| !matches!(*name, "sign" | "nonce_str")) {
        assert_eq!(test.doc.get(name), Some(value), "{name}");
    }
    assert_eq!(real.doc.len(), test.doc.len());
    let sign = test.doc.get("sign").unwrap();
    assert!(verify(&test.doc, sign, &Secret::new(OTHER), Digest::HmacSha256));
    assert!(!verify(&test.doc, sign, &Secret::new(KEY), Digest::HmacSha256));
    let (real, test) = (real_client.merchant(), test_client.merchant());
    assert_eq!((real.name(), real.app_id(), real.mch_id()), (test.name(), test.app_id(), test.mch_id()));
    assert_eq!(real.certificate(), test.certificate());
    assert!(real.endpoint().is_production() && !test.endpoint().is_production());
}

/// What is printed of an entity holds its name and no key.
#[test]
fn nothing_prints_a_key() {
    let client = build_at(&tester(), "2025-03-18 08:30:00").unwrap();
    let printed = format!("{client:?} {:?} {:?}", client.merchant(), client.merchant().certificate());
    assert!(printed.contains("coffee") && printed.contains("1230004567"), "{printed}");
    assert!(!printed.contains(KEY), "{printed}");
}
