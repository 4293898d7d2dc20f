//! A sandbox in a directory: its files, and what survives a restart.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hongbao::query::RedPacketStatus as Status;
use hongbao::sandbox::{Fault, FaultRule, Sandbox, When};
use hongbao::{Cert, Client, Endpoint, Entity, Fen, RetryPolicy};
use serde_json::Value;

use crate::provision;
use crate::support::{ALICE, BOB, DAY, Stage, code, packet};

#[test]
fn the_first_start_hands_out_what_wechat_does() {
    provision::command("openssl", "openssl");
    let temp = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(temp.path()).unwrap();
    for entity in sandbox.merchants() {
        let folder = temp.path().join("merchants").join(&entity.mch_id);
        let json: Value = serde_json::from_slice(&fs::read(folder.join("merchant.json")).unwrap()).unwrap();
        assert_eq!(json["mch_id"], entity.mch_id.as_str());
        assert_eq!(json["app_id"], entity.app_id.as_str());
        assert_eq!(json["api_key"].as_str().unwrap().len(), 32);
        assert_eq!(entity.mch_id.len(), 10);

        let pem = folder.join("apiclient_cert.pem");
        let text = openssl(&["x509", "-noout", "-serial", "-subject", "-in", path(&pem)]);
        assert!(text.contains(json["serial_no"].as_str().unwrap()), "{text}");
        assert!(text.contains(&entity.mch_id), "{text}");
        let key = openssl(&["pkey", "-noout", "-text", "-in", path(&folder.join("apiclient_key.pem"))]);
        assert!(key.contains("2048 bit"), "{key}");
        openssl(&["verify", "-CAfile", path(&temp.path().join("ca.pem")), path(&pem)]);

        // OpenSSL 3 reads the modern file as it is, the old one with its
        // legacy provider, and both hold the same certificate.
        let password = format!("pass:{}", entity.mch_id);
        let modern = folder.join("apiclient_cert.p12");
        let legacy = folder.join("apiclient_cert.legacy.p12");
        let modern = openssl(&["pkcs12", "-in", path(&modern), "-passin", &password, "-nodes"]);
        let legacy = openssl(&["pkcs12", "-legacy", "-in", path(&legacy), "-passin", &password, "-nodes"]);
        let certificate = fs::read_to_string(&pem).unwrap().replace("\r\n", "\n");
        for text in [modern, legacy] {
            assert!(text.contains(certificate.trim()), "the certificate is in the .p12");
            assert!(text.contains("BEGIN PRIVATE KEY"));
        }
        #[cfg(unix)]
        for secret in ["merchant.json", "apiclient_key.pem", "apiclient_cert.p12", "apiclient_cert.legacy.p12"] {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(folder.join(secret)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{secret} is for its owner alone");
        }
    }
}

#[tokio::test]
async fn each_form_of_the_certificate_pays() {
    let temp = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(temp.path()).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let served = sandbox.serve(any, any, Some(temp.path())).await.unwrap();
    let info: Value = serde_json::from_slice(&fs::read(temp.path().join("sandbox.json")).unwrap()).unwrap();
    assert_eq!(info["gateway"], served.gateway().as_str());
    assert_eq!(info["console"], served.console().as_str());
    assert_eq!(info["pid"], std::process::id());

    let entity = sandbox.merchants().remove(0);
    let folder = temp.path().join("merchants").join(&entity.mch_id);
    let ca = fs::read(temp.path().join("ca.pem")).unwrap();
    for (n, cert) in [
        Cert::pem_files(folder.join("apiclient_cert.pem"), folder.join("apiclient_key.pem")),
        Cert::p12_file(folder.join("apiclient_cert.p12")),
        Cert::p12(fs::read(folder.join("apiclient_cert.legacy.p12")).unwrap()),
    ]
    .into_iter()
    .enumerate()
    {
        let config = Entity { cert, endpoint: Endpoint::at(served.gateway(), ca.clone()), ..entity.clone() };
        let client = Client::builder(&config).retry(RetryPolicy::never()).build().unwrap();
        client.send(&packet(&format!("A{n}"), ALICE, 188)).await.unwrap();
        let facts = client.merchant().certificate().unwrap();
        assert_eq!(facts.common_name.as_deref(), Some(entity.mch_id.as_str()));
        assert!(facts.not_after > sandbox.now().after(DAY * 365 * 4));
    }
    assert_eq!(sandbox.balance(&entity.mch_id), Fen::new(1_000_000 - 3 * 188));
    served.stop().await;
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let temp = tempfile::tempdir().unwrap();
    let first = Stage::on(Sandbox::open(temp.path()).unwrap());
    first.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    first.client.send(&packet("A2", BOB, 200)).await.unwrap();
    first.open("A1", ALICE).unwrap();
    first.sandbox.change_settings(&first.entity.mch_id, |settings| settings.user_day_count = 2).unwrap();
    first.sandbox.set_user(BOB, &first.entity.app_id, true).unwrap();
    first.sandbox.fault(FaultRule::new(Fault::Garbage, When::Next(7)).at("/nowhere")).unwrap();
    first.advance(3 * DAY / 2);
    let (now, books, settings) =
        (first.sandbox.now(), first.sandbox.books(), first.sandbox.settings(&first.entity.mch_id));
    let (ca, requests) = (first.sandbox.ca_pem().to_owned(), first.sandbox.requests(10));
    assert!(Sandbox::open(temp.path()).err().unwrap().to_string().contains("another sandbox runs on this directory"));
    drop(first);

    let second = Stage::on(Sandbox::open(temp.path()).unwrap());
    assert!(second.sandbox.now() >= now && second.sandbox.now() < now.after(Duration::from_secs(600)));
    assert_eq!(second.sandbox.ca_pem(), ca);
    assert_eq!(second.sandbox.requests(10), requests);
    assert_eq!(second.sandbox.settings(&second.entity.mch_id), settings);
    assert!(second.sandbox.user(BOB).unwrap().risk_blocked);
    assert_eq!(second.sandbox.faults()[0].path.as_deref(), Some("/nowhere"));
    assert_eq!(second.query("A1").await.unwrap().status, Status::Received);
    assert_eq!(second.query("A2").await.unwrap().status, Status::Refund);
    // A2 came back by the clock before or after the restart, A1 stays paid.
    assert_eq!(second.balance(), Fen::new(1_000_000 - 188));
    assert_eq!(second.sandbox.books().topped_up, books.topped_up);
    second.balanced();

    let again = second.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    assert_eq!(Some(again.send_listid), second.query("A1").await.unwrap().detail_id);
    assert_eq!(code(&second.client.send(&packet("A1", ALICE, 189)).await.unwrap_err()), "FATAL_ERROR");
    assert_eq!(second.balance(), Fen::new(1_000_000 - 188));
}

#[test]
fn a_first_start_that_was_cut_short_is_taken_up() {
    let temp = tempfile::tempdir().unwrap();
    drop(Sandbox::open(temp.path()).unwrap());
    let merchants = temp.path().join("merchants");
    let mut folders: Vec<_> = fs::read_dir(&merchants).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    fs::remove_file(folders[1].join("merchant.json")).unwrap();
    assert_eq!(Sandbox::open(temp.path()).unwrap().merchants().len(), 2);
    fs::remove_dir_all(&folders[1]).unwrap();
    assert_eq!(Sandbox::open(temp.path()).unwrap().merchants().len(), 1);
}

#[test]
fn a_directory_that_cannot_be_used_says_so() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("file");
    fs::write(&file, "x").unwrap();
    let error = Sandbox::open(file.join("below")).err().unwrap();
    assert!(error.to_string().contains("below"), "{error}");
    fs::write(temp.path().join("sandbox.redb"), "not a database").unwrap();
    let error = Sandbox::open(temp.path()).err().unwrap();
    assert!(error.to_string().contains("sandbox.redb"), "{error}");
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn openssl(arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    text
}
