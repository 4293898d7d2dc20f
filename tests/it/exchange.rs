//! One call against the messages in `fixtures/`: written, read or refused as
//! they say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hongbao::wire::{Digest, Digests, Doc, Request, read_xml, verify};
use hongbao::{Client, Entity, Error, ErrorKind, Outcome, Result, RetryPolicy, Secret};

use crate::fake::{FixedNonce, KEY, Scripted, Standing, Step, fixture, fixture_path};

/// Sends a request of this entity once, in the days when the fixtures were written.
pub(crate) async fn exchange<R: Request>(
    entity: &Entity,
    request: &R,
    answer: Step,
    nonce: &str,
) -> (Result<R::Reply>, Arc<Scripted>) {
    let wire = Scripted::new([answer]);
    let client = Client::builder(entity)
        .transport(Arc::<Scripted>::clone(&wire))
        .clock(Standing::at("2025-03-18 08:30:00"))
        .nonce(Arc::new(FixedNonce(nonce.to_owned())))
        .retry(RetryPolicy::never())
        .build()
        .unwrap();
    (client.send(request).await, wire)
}

fn fields(doc: &Doc) -> BTreeMap<&str, &str> {
    doc.iter().collect()
}

/// The request is written as another program wrote and signed it.
pub(crate) async fn writes<R: Request>(entity: &Entity, request: &R, name: &str) {
    let expected = read_xml(fixture(name).as_bytes()).unwrap();
    let digest = match R::CONTRACT.digests {
        Digests::Md5Only => Digest::Md5,
        Digests::HmacOnly => Digest::HmacSha256,
        _ => entity.digest,
    };
    let sign = expected.get("sign").unwrap();
    assert!(verify(&expected, sign, &Secret::new(KEY), digest), "{name}");
    let said = (digest == Digest::HmacSha256).then_some("HMAC-SHA256");
    assert_eq!(expected.get("sign_type"), said, "{name}");

    let nonce = expected.get("nonce_str").unwrap();
    let (result, wire) = exchange(entity, request, Step::NoConnection, nonce).await;
    let Err(error) = result else { panic!("{name}: an answer without a connection") };
    let seen = wire.seen();
    assert_eq!(seen.len(), 1, "{name}: {}", error.report());
    assert_eq!(fields(&seen[0].doc), fields(&expected), "{name}");
    assert_eq!((&*seen[0].host, &*seen[0].path), ("api.mch.weixin.qq.com", R::CONTRACT.path), "{name}");
    assert_eq!(seen[0].certificate, R::CONTRACT.certificate, "{name}");
}

/// The typed value of an answer.
pub(crate) async fn reads<R: Request>(entity: &Entity, request: &R, name: &str) -> R::Reply {
    let (result, _) = exchange(entity, request, Step::Answer(fixture(name)), "n").await;
    result.unwrap_or_else(|error| panic!("{name}: {}", error.report()))
}

pub(crate) type Row = (&'static str, ErrorKind, Outcome, Option<&'static str>);

/// Each refusal of the folder gives the error that the table says.
pub(crate) async fn refuses<R: Request>(entity: &Entity, request: &R, folder: &str, table: &[Row]) {
    all_listed(folder, "refusal", table.iter().map(|row| row.0));
    for &(name, kind, outcome, code) in table {
        let (result, wire) = exchange(entity, request, Step::Answer(fixture(&format!("{folder}/{name}"))), "n").await;
        let Err(error) = result else { panic!("{folder}/{name} counts as success") };
        let found = (error.kind(), error.outcome(), error.code().map(|code| code.as_str()));
        assert_eq!(found, (kind, outcome, code), "{folder}/{name}: {}", error.report());
        assert!(!error.next_step().is_empty(), "{folder}/{name}");
        assert_eq!((error.attempts().len(), wire.seen().len()), (1, 1), "{folder}/{name}");
        if kind == ErrorKind::Refusal {
            let said = fixture(&format!("{folder}/{name}"));
            let said = read_xml(said.as_bytes()).unwrap();
            let silent = ["err_code_des", "return_msg", "retmsg"].iter().all(|text| said.get_filled(text).is_none());
            assert!(described(&error) || silent, "{folder}/{name}: {error}");
        }
    }
}

/// The gateway's own words stand in the message.
fn described(error: &Error) -> bool {
    error.description().is_some_and(|text| !text.is_empty() && error.to_string().contains(text))
}

/// A fixture that no row names would never be read.
pub(crate) fn all_listed<'a>(folder: &str, kind: &str, names: impl Iterator<Item = &'a str>) {
    let listed: BTreeSet<String> = names.map(str::to_owned).collect();
    let files = std::fs::read_dir(fixture_path(folder)).unwrap();
    let there: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(kind))
        .collect();
    assert_eq!(there, listed, "{folder}");
}
