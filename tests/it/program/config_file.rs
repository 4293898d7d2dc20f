//! The TOML file of merchant entities.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use super::{Running, USER, err, exits, object, out, program, run};

/// The texts that a configuration file needs and a sandbox goes without.
const TEXTS: [&str; 8] = ["--send-name", "蓝鲸咖啡", "--wishing", "早安", "--act-name", "签到有礼", "--remark", "七天"];

fn send_with_config(file: &Path, more: &[&str]) -> Output {
    let mut command =
        program(&["redpack", "send", "--config", file.to_str().unwrap(), "--to", USER, "--amount", "1.88"]);
    command.args(more).output().unwrap()
}

#[test]
fn a_configuration_file_names_its_keys_and_certificates() {
    let folder = TempDir::new().unwrap();
    let sandbox = Running::start(&folder.path().join("sandbox"));
    let mut handed = Vec::new();
    for mch_id in ["1900000101", "1900000102"] {
        let path = folder.path().join("sandbox/merchants").join(mch_id).join("merchant.json");
        handed.push(serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap());
    }
    let key = |index: usize| handed[index]["api_key"].as_str().unwrap();
    fs::write(folder.path().join("north.key"), format!("{}\n", key(0))).unwrap();
    fs::write(folder.path().join("north.password"), "1900000101\r\n").unwrap();
    let file = folder.path().join("merchants.toml");
    let gateway = sandbox.started["gateway"].as_str().unwrap();
    let text = format!(
        r#"
[merchants.north]
name = "蓝鲸咖啡"
app_id = {}
mch_id = "1900000101"
key_file = "north.key"
p12_file = "sandbox/merchants/1900000101/apiclient_cert.legacy.p12"
p12_password_file = "north.password"
endpoint = {{ base = "{gateway}", ca_file = "sandbox/ca.pem" }}

[merchants.south]
app_id = {}
mch_id = "1900000102"
key_env = "HONGBAO_TEST_SOUTH"
cert_file = "sandbox/merchants/1900000102/apiclient_cert.pem"
cert_key_file = "sandbox/merchants/1900000102/apiclient_key.pem"
endpoint = {{ base = "{gateway}", ca_file = "sandbox/ca.pem" }}
"#,
        handed[0]["app_id"], handed[1]["app_id"]
    );
    fs::write(&file, text).unwrap();
    let north = send_with_config(&file, &[&TEXTS[..], &["--merchant", "north", "--bill-no", "C1"]].concat());
    exits(&north, 0);
    let south = ["--merchant", "south", "--bill-no", "C2", "--to", "oSouth"];
    let config = ["redpack", "send", "--config", file.to_str().unwrap(), "--amount", "1.88"];
    let arguments = [&config[..], &south, &TEXTS].concat();
    exits(&program(&arguments).env("HONGBAO_TEST_SOUTH", key(1)).output().unwrap(), 0);
    assert_eq!(sandbox.paid(), 376);

    let unset = run(&arguments);
    exits(&unset, 2);
    assert!(err(&unset).contains("key_env") && err(&unset).contains("HONGBAO_TEST_SOUTH"), "{}", err(&unset));
    let which = send_with_config(&file, &[&TEXTS[..], &["--bill-no", "C3"]].concat());
    exits(&which, 2);
    assert!(err(&which).contains("north, south"), "{}", err(&which));
    let texts = send_with_config(&file, &["--merchant", "north", "--bill-no", "C3"]);
    exits(&texts, 2);
    assert!(err(&texts).contains("--send-name is missing"), "{}", err(&texts));
    let second_line_end = format!("{}\n\n", key(0));
    fs::write(folder.path().join("north.key"), second_line_end).unwrap();
    let spoiled = send_with_config(&file, &[&TEXTS[..], &["--merchant", "north", "--bill-no", "C3"]].concat());
    exits(&spoiled, 2);
    assert!(err(&spoiled).contains("line break"), "{}", err(&spoiled));
    assert_eq!(sandbox.paid(), 376);
}

#[test]
fn a_wrong_configuration_file_is_told_by_line_and_field() {
    const KEY: &str = "Zz9ThisIsAKeyThatMustNotBeShown1";
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.key"), KEY).unwrap();
    let file = folder.path().join("merchants.toml");
    let head = "[merchants.north]\napp_id = \"wx00f1e2d3c4b5a697\"\nmch_id = \"1510000001\"\n";
    let live = "endpoint = \"production\"\n";
    let cases: &[(String, &[&str])] = &[
        (
            format!("{head}{live}key = \"{KEY}\"\n"),
            &["line 1", "merchants.north", "key: a key does not belong", "key_file"],
        ),
        (format!("{head}{live}api_key = \"{KEY}\"\n"), &["line 5", "unknown field `api_key`", "merchants.north"]),
        (format!("{head}{live}"), &["merchants.north", "key: is nowhere"]),
        (format!("{head}{live}key_file = \"a.key\"\nkey_env = \"A\"\n"), &["key_file and key_env"]),
        (format!("{head}{live}key_file = \"gone.key\"\n"), &["key_file", "gone.key"]),
        (format!("{head}{live}key_file = \"{KEY}\"\n"), &["key_file", "looks like the secret itself"]),
        (format!("{head}{live}key_file = [\"a.key\"]\n"), &["line 5", "key_file", "expected"]),
        (
            format!("{head}key_file = \"a.key\"\nendpoint = \"prodution\"\n"),
            &["line 5", "endpoint", "prodution", "\"sandboxnew\""],
        ),
        (format!("{head}key_file = \"a.key\"\n"), &["missing field `endpoint`", "line 1"]),
        (format!("{head}{live}key_file = \"a.key\"\ncert_file = \"a.pem\"\n"), &["certificate", "cert_key_file"]),
        (format!("{head}{live}key_file = \"a.key\"\np12_password_env = \"PATH\"\n"), &["p12_password", "no p12_file"]),
        (
            format!(
                "{head}key_file = \"a.key\"\nendpoint = {{ base = \"https://127.0.0.1:1\", ca_file = \"no.pem\" }}\n"
            ),
            &["ca_file", "no.pem"],
        ),
        (
            format!("{head}key_file = \"a.key\"\nendpoint = {{ base = \"https://127.0.0.1:1\" }}\n"),
            &["line 5", "missing field `ca_file`"],
        ),
        (format!("{head}{live}key_file = \"a.key\n"), &["line 5"]),
        (format!("{head}{live}key_file = \"a.key\"\ndigest = \"SHA1\"\n"), &["line 6", "digest", "HMAC-SHA256"]),
        (format!("{head}{live}key_file = \"a.key\"\nsub_mch_id = \"1\"\n"), &["sub_mch_id", "8 to 10 digits"]),
        (
            format!("{head}{live}key_file = \"a.key\"\nsub_app_id = \"wx0123456789abcdef\"\n"),
            &["sub_app_id", "no sub_mch_id"],
        ),
        (
            format!("{head}{live}key_file = \"a.key\"\nsub_mch_id = \"1510000003\"\nsub_app_id = \"x\"\n"),
            &["sub_app_id", "wx"],
        ),
        ("[merchant.north]\n".to_owned(), &["unknown field `merchant`", "line 1"]),
        (format!("{}{live}key_file = \"a.key\"\n", head.replace("1510000001", "151")), &["mch_id", "8 to 10 digits"]),
    ];
    for (text, parts) in cases {
        fs::write(&file, text).unwrap();
        let output =
            send_with_config(&file, &[&TEXTS[..], &["--bill-no", "T1", "--yes-real-money", "--json"]].concat());
        exits(&output, 2);
        let told = err(&output);
        for part in *parts {
            assert!(told.contains(part), "no {part:?} in {told:?} for\n{text}");
        }
        assert_eq!(object(&output)["outcome"], "not_sent", "{text}");
        assert!(!told.contains(KEY) && !out(&output).contains(KEY), "{told}");
    }
}

#[test]
fn real_money_takes_a_word() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.key"), "0123456789abcdefghijklmnopqrstuv").unwrap();
    let file = folder.path().join("merchants.toml");
    let entity = |endpoint: &str| {
        let text = format!(
            "[merchants.north]\napp_id = \"wx00f1e2d3c4b5a697\"\nmch_id = \"1510000001\"\nkey_file = \"a.key\"\nendpoint = {endpoint:?}\n"
        );
        fs::write(&file, text).unwrap();
    };
    entity("production");
    let silent = send_with_config(&file, &[&TEXTS[..], &["--bill-no", "T1"]].concat());
    exits(&silent, 2);
    assert!(err(&silent).contains("--yes-real-money") && err(&silent).contains("1.88 yuan"), "{}", err(&silent));
    // With the word it goes on, up to the certificate that this entity lacks.
    let meant = send_with_config(&file, &[&TEXTS[..], &["--bill-no", "T1", "--yes-real-money"]].concat());
    exits(&meant, 2);
    assert!(err(&meant).contains("needs the client certificate"), "{}", err(&meant));
    for official in ["sandboxnew", "apiv2sandbox"] {
        entity(official);
        let output = send_with_config(&file, &[&TEXTS[..], &["--bill-no", "T1"]].concat());
        exits(&output, 2);
        assert!(err(&output).contains("does not serve"), "{}", err(&output));
    }
}
