//! An SDK of another language against the served sandbox: it shares no code
//! with us, so it cannot be wrong together with us.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use hongbao::Fen;
use hongbao::sandbox::Sandbox;
use serde_json::Value;

use crate::provision;

#[tokio::test(flavor = "multi_thread")]
async fn wechatpy_sends_and_queries() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = provision::python(&root.join("tests/foreign/requirements.txt"));
    let temp = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(temp.path()).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let _served = sandbox.serve(any, any, Some(temp.path())).await.unwrap();

    let script = root.join("tests/foreign/wechatpy_red_packets.py");
    let directory = temp.path().to_owned();
    let run = move || Command::new(python).arg(script).arg(directory).output().unwrap();
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let steps: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answer = |step: &str| {
        let found = steps.iter().find(|value| value["step"] == step);
        found.map_or_else(|| panic!("no step {step}: {errors}"), |value| value["answer"].clone())
    };

    let sent = answer("send");
    let notes: Vec<_> = sandbox.requests(20).into_iter().filter_map(|request| request.note).collect();
    assert_eq!(sent["errcode"], Value::Null, "{sent} {notes:#?}");
    assert_eq!((&sent["result_code"], &sent["total_amount"]), (&"SUCCESS".into(), &"188".into()));
    assert_eq!(answer("again")["send_listid"], sent["send_listid"]);
    assert_eq!(answer("changed")["errcode"], "FATAL_ERROR");
    let found = answer("query");
    assert_eq!((&found["status"], &found["detail_id"]), (&"SENT".into(), &sent["send_listid"]));
    assert_eq!(answer("chunked")["status"], "SENT");
    assert_eq!(answer("not found")["errcode"], "NOT_FOUND");
    assert_eq!(answer("wrong key")["errcode"], "SIGN_ERROR");
    assert_eq!(answer("no certificate")["errcode"], "CA_ERROR");
    assert_eq!(answer("other certificate")["errcode"], "CA_ERROR");

    let mch_id = &sandbox.merchants()[0].mch_id;
    assert_eq!(sandbox.balance(mch_id), Fen::new(1_000_000 - 188));
    assert_eq!(sandbox.packet(mch_id, "PY0001").unwrap().wishing, "早安 <&> 今天");
    assert!(sandbox.books().balanced);
}
