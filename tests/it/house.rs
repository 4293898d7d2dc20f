//! The rules of the house: imports point downward, foreign crates stay in
//! their places, every endpoint is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::source::{File, exports, files, root};

/// From the ground up. Modules of one row may use each other, except in the last.
const LAYERS: [&[&str]; 5] = [
    &["secret", "ids", "money", "clock", "code", "error"],
    &["config", "endpoint", "wire"],
    ENDPOINT_GROUPS,
    &["client", "merchants", "cashier"],
    APART,
];
const ENDPOINT_GROUPS: &[&str] = &["pay", "redpack", "transfer", "coupon", "sharing", "papay", "query", "notify"];
/// These know nothing of each other.
const APART: &[&str] = &["sandbox", "payout"];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

fn wrong_imports(files: &[File], exports: &BTreeMap<&str, &str>) -> Vec<String> {
    let mut wrong = vec![];
    for file in files.iter().filter(|file| file.path != "lib.rs") {
        let own = file.module()[0];
        let Some(own_layer) = layer(own) else {
            wrong.push(format!("{}: {own} has no layer", file.path));
            continue;
        };
        for name in file.names_from_the_root() {
            let module = exports.get(name).copied().unwrap_or(name);
            let Some(other_layer) = layer(module) else {
                wrong.push(format!("{}: {name} is neither a module nor exported", file.path));
                continue;
            };
            let why = if other_layer > own_layer {
                "points upward"
            } else if module != own && APART.contains(&own) && APART.contains(&module) {
                "joins what stays apart"
            } else if own == "client" && ENDPOINT_GROUPS.contains(&module) {
                "makes the client know an endpoint"
            } else {
                continue;
            };
            wrong.push(format!("{}: {module} {why}", file.path));
        }
    }
    wrong
}

fn lib(files: &[File]) -> &File {
    files.iter().find(|file| file.path == "lib.rs").unwrap()
}

#[test]
fn imports_point_downward() {
    let files = files(&root().join("src"));
    assert!(files.len() > 30, "{}", files.len());
    let exports = exports(lib(&files));
    assert_eq!((exports["Client"], exports["Fen"]), ("client", "money"));
    let wrong = wrong_imports(&files, &exports);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_upward_import_is_found() {
    let lib = File::new("lib.rs", "pub use client::{Client, Transport}; pub use error::Error;");
    let exports = exports(&lib);
    let found = |path: &str, text: &str| wrong_imports(&[File::new(path, text)], &exports);
    for (path, text, complaint) in [
        ("wire/doc.rs", "use crate::client::Client;", "wire/doc.rs: client points upward"),
        ("wire/doc.rs", "use crate::{error::Error, redpack::Packet};", "wire/doc.rs: redpack points upward"),
        ("wire/doc.rs", "fn f() -> crate::Client { todo() }", "wire/doc.rs: client points upward"),
        ("wire/doc.rs", "use super::super::merchants;", "wire/doc.rs: merchants points upward"),
        ("money.rs", "use super::{wire::Doc};", "money.rs: wire points upward"),
        ("redpack/packet.rs", "use crate::Transport;", "redpack/packet.rs: client points upward"),
        ("redpack/mod.rs", "pub(in crate::sandbox) fn f() {}", "redpack/mod.rs: sandbox points upward"),
        ("merchants.rs", "use crate::payout::Ledger;", "merchants.rs: payout points upward"),
        ("sandbox/desk.rs", "use crate::payout;", "sandbox/desk.rs: payout joins what stays apart"),
        ("payout/dispatch.rs", "use crate::sandbox::Desk;", "payout/dispatch.rs: sandbox joins what stays apart"),
        ("client/mod.rs", "use crate::query;", "client/mod.rs: query makes the client know an endpoint"),
        ("utils.rs", "", "utils.rs: utils has no layer"),
        ("wire/doc.rs", "use crate::utils::x;", "wire/doc.rs: utils is neither a module nor exported"),
    ] {
        assert_eq!(found(path, text), [complaint], "{text}");
    }
    for (path, text) in [
        ("wire/doc.rs", "// crate::client\n/// crate::client\nlet text = \"crate::client\";"),
        ("wire/doc.rs", "use super::client; use crate::Error; use crate::config;"),
        ("client/mod.rs", "use crate::{wire, endpoint};"),
        ("sandbox/desk.rs", "use crate::{redpack, client, Client}; use super::gate;"),
        ("query/mod.rs", "use crate::redpack;"),
    ] {
        assert!(found(path, text).is_empty(), "{text}: {:?}", found(path, text));
    }
}

/// A word and the files that may hold it: whole paths, or beginnings that end in `*`.
const PLACES: &[(&str, &[&str])] = &[
    ("reqwest", &["client/https.rs", "sandbox/delivery.rs"]),
    ("rustls_platform_verifier", &["client/https.rs", "payout/postgres/tls.rs", "sandbox/delivery.rs"]),
    (
        "rustls",
        &[
            "client/https.rs",
            "config/cert.rs",
            "payout/postgres/tls.rs",
            "sandbox/server.rs",
            "sandbox/delivery.rs",
            "sandbox/cert*",
        ],
    ),
    (
        "rustls_pemfile",
        &["client/https.rs", "config/cert.rs", "payout/postgres/tls.rs", "sandbox/server.rs", "sandbox/cert*"],
    ),
    ("tokio_postgres", &["payout/postgres/*"]),
    ("tokio_postgres_rustls", &["payout/postgres/*"]),
    ("tokio_rustls", &["sandbox/server.rs"]),
    ("rcgen", &["sandbox/cert*"]),
    ("axum", &["sandbox/server.rs", "sandbox/control*", "sandbox/console.rs"]),
    ("redb", &["sandbox/store.rs"]),
    ("rusqlite", &["payout/sqlite/*"]),
    ("quick_xml", &["wire/xml.rs"]),
    ("md5", &["wire/digest.rs", "config/p12*"]),
    ("hmac", &["wire/digest.rs", "config/p12*"]),
    ("sha2", &["wire/digest.rs", "config/p12*", "payout/number.rs", "payout/plan/seal.rs"]),
    ("sha1", &["config/p12*", "query/bill/*", "sandbox/bills.rs"]),
    ("pbkdf2", &["config/p12*"]),
    ("cbc", &["config/p12*"]),
    ("flate2", &["query/bill/*", "sandbox/bills.rs"]),
    ("memchr", &["query/bill/*", "payout/plan/*", "sandbox/log.rs"]),
    ("jiff", &["clock.rs"]),
    ("SystemTime", &["clock.rs"]),
    ("base64", &["wire/req_info.rs"]),
    ("qrcode", &["pay/qr.rs"]),
    ("clap", &[]),
    ("anstream", &[]),
    ("thread_local", &[]),
    ("unsafe", &[]),
    ("todo", &[]),
    ("unimplemented", &[]),
    ("dbg", &[]),
];

fn out_of_place(files: &[File]) -> Vec<String> {
    let mut wrong = vec![];
    for file in files {
        for (word, places) in PLACES {
            let fits = |place: &&str| match place.strip_suffix('*') {
                Some(beginning) => file.path.starts_with(beginning),
                None => file.path == *place,
            };
            // `hmac` is a crate and a good name for a variable: only paths count.
            let used = file.tokens.windows(2).any(|pair| pair[0] == *word && matches!(&*pair[1], "::" | "!" | "{"))
                || file.has(&["use", word]);
            if used && !places.iter().any(fits) {
                wrong.push(format!("{}: {word}", file.path));
            }
        }
        if file.has(&["env", "::", "var"]) || file.has(&["static", "mut"]) {
            wrong.push(format!("{}: reads what nobody passed", file.path));
        }
        if file.lines > 500 {
            wrong.push(format!("{}: {} lines", file.path, file.lines));
        }
        let name = file.module().pop().unwrap_or_default();
        if matches!(name, "util" | "utils" | "common" | "helper" | "helpers" | "manager") {
            wrong.push(format!("{}: a name that says nothing", file.path));
        }
    }
    wrong
}

#[test]
fn everything_has_its_place() {
    let files = files(&root().join("src"));
    let wrong = out_of_place(&files);
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Where a crate has one home, it is really there.
    for (word, path) in [("reqwest", "client/https.rs"), ("quick_xml", "wire/xml.rs"), ("md5", "wire/digest.rs")] {
        let home = files.iter().find(|file| file.path == path).unwrap();
        assert!(home.has(&["use", word]) || home.has(&[word, "::"]), "{word}");
    }
}

#[test]
fn what_is_out_of_place_is_found() {
    for (path, text, complaint) in [
        ("wire/doc.rs", "use reqwest::Client;", "wire/doc.rs: reqwest"),
        ("wire/doc.rs", "fn f() { rustls::x() }", "wire/doc.rs: rustls"),
        ("sandbox/desk.rs", "use redb::{Database};", "sandbox/desk.rs: redb"),
        ("client/mod.rs", "use quick_xml as xml;", "client/mod.rs: quick_xml"),
        ("client/retry.rs", "let now = SystemTime::now();", "client/retry.rs: SystemTime"),
        ("ids.rs", "fn f() { unsafe { g() } }", "ids.rs: unsafe"),
        ("ids.rs", "fn f() { todo!() }", "ids.rs: todo"),
        ("ids.rs", "fn f() { dbg!(1); }", "ids.rs: dbg"),
        ("ids.rs", "let home = std::env::var(name);", "ids.rs: reads what nobody passed"),
        ("ids.rs", &"\n".repeat(501), "ids.rs: 501 lines"),
        ("wire/utils.rs", "", "wire/utils.rs: a name that says nothing"),
    ] {
        assert_eq!(out_of_place(&[File::new(path, text)]), [complaint], "{text}");
    }
    for (path, text) in [
        ("config/p12/keys.rs", "use hmac::Hmac;"),
        ("wire/doc.rs", "let hmac = 1; // reqwest::Client"),
        ("ids.rs", &"\n".repeat(500)),
    ] {
        assert!(out_of_place(&[File::new(path, text)]).is_empty(), "{text}");
    }
}

/// Every endpoint has its fixtures and, where there is a sandbox, its file and
/// its line in the list there; and nothing of that is left of an endpoint that
/// is gone.
fn incomplete(root: &Path) -> Vec<String> {
    let files = files(&root.join("src"));
    let mut wrong = vec![];
    let mut endpoints = BTreeMap::new();
    for file in &files {
        let (module, requests) = (file.module(), file.requests());
        match (&*module, &*requests) {
            (_, []) => {}
            ([group, name], [request]) if ENDPOINT_GROUPS.contains(group) => {
                endpoints.insert((*group, *name), *request);
            }
            _ => wrong.push(format!("src/{}: {requests:?}: a file of its group has one request", file.path)),
        }
    }

    let mut folders = BTreeSet::new();
    for entry in std::fs::read_dir(root.join("fixtures")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        folders.extend(name.split_once('.').map(|(group, name)| (group.to_owned(), name.to_owned())));
    }
    for (group, name) in &folders {
        if !endpoints.contains_key(&(&**group, &**name)) {
            wrong.push(format!("fixtures/{group}.{name}: no request in src/{group}/{name}.rs"));
        }
    }
    for (group, name) in endpoints.keys() {
        for kind in ["request.xml", "reply.xml", "refusal.xml"] {
            let path = format!("fixtures/{group}.{name}/{kind}");
            // Some endpoints answer with a table.
            let table = kind == "reply.xml" && root.join(path.replace(".xml", ".txt")).is_file();
            if !table && !root.join(&path).is_file() {
                wrong.push(format!("{path}: missing"));
            }
        }
    }
    if root.join("src/sandbox").is_dir() {
        wrong.extend(missing_in_the_sandbox(&files, &endpoints));
    }
    wrong
}

fn missing_in_the_sandbox(files: &[File], endpoints: &BTreeMap<(&str, &str), &str>) -> Vec<String> {
    let mut wrong = vec![];
    let Some(routes) = files.iter().find(|file| file.path == "sandbox/routes.rs") else {
        return vec!["src/sandbox/routes.rs: missing".to_owned()];
    };
    for ((group, name), request) in endpoints {
        if !routes.has(&["Route", "::", "of", "::", "<", group, "::", request, ">"]) {
            wrong.push(format!("src/sandbox/routes.rs: no line for {group}::{request}"));
        }
        let path = format!("sandbox/{group}_{name}.rs");
        if !files.iter().any(|file| file.path == path) {
            wrong.push(format!("src/{path}: missing"));
        }
    }
    for file in files {
        let Some((group, name)) = file.path.strip_prefix("sandbox/").and_then(|path| path.split_once('_')) else {
            continue;
        };
        let name = name.trim_end_matches(".rs");
        if ENDPOINT_GROUPS.contains(&group) && !endpoints.contains_key(&(group, name)) {
            wrong.push(format!("src/{}: no request in src/{group}/{name}.rs", file.path));
        }
    }
    wrong
}

#[test]
fn every_endpoint_is_complete() {
    let wrong = incomplete(&root());
    assert!(wrong.is_empty(), "{wrong:#?}");
    let requests: usize = files(&root().join("src")).iter().map(|file| file.requests().len()).sum();
    assert!(requests >= 3, "{requests}");
}

#[test]
fn an_incomplete_endpoint_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("src/redpack/packet.rs", "impl Request for Packet {} #[cfg(test)] mod tests { impl Request for Other {} }");
    for kind in ["request", "reply", "refusal"] {
        write(&format!("fixtures/redpack.packet/{kind}.xml"), "");
    }
    write("fixtures/signing/vectors.json", "");
    assert!(incomplete(folder.path()).is_empty());

    write("src/query/order.rs", "impl Request for Order {}");
    write("fixtures/query.order/request.xml", "");
    write("fixtures/query.gone/request.xml", "");
    write("src/money.rs", "impl Request for Fen {}");
    write("src/pay/both.rs", "impl Request for One {} impl Request for Two {}");
    assert_eq!(
        incomplete(folder.path()),
        [
            "src/money.rs: [\"Fen\"]: a file of its group has one request",
            "src/pay/both.rs: [\"One\", \"Two\"]: a file of its group has one request",
            "fixtures/query.gone: no request in src/query/gone.rs",
            "fixtures/query.order/reply.xml: missing",
            "fixtures/query.order/refusal.xml: missing",
        ]
    );

    write("src/sandbox/mod.rs", "");
    assert!(incomplete(folder.path()).contains(&"src/sandbox/routes.rs: missing".to_owned()));
    write("src/sandbox/routes.rs", "Route::of::<redpack::Packet>(redpack_packet::handle)");
    write("src/sandbox/redpack_packet.rs", "");
    write("src/sandbox/query_gone.rs", "");
    write("src/sandbox/sign_key.rs", "");
    let wrong = incomplete(folder.path());
    assert_eq!(
        wrong[5..],
        [
            "src/sandbox/routes.rs: no line for query::Order",
            "src/sandbox/query_order.rs: missing",
            "src/sandbox/query_gone.rs: no request in src/query/gone.rs",
        ]
    );
}
