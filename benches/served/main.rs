//! The served sandbox under load: packets over mutual TLS on 64 kept-alive
//! connections, each on disk before its answer, beside the same TLS library
//! serving a canned answer to the same bytes.
//!
//! Both are served and called in turns, by threads of the same number, so that a
//! noisy machine is noisy for both; the table shows medians over the rounds.
//!
//! `cargo bench --all-features --bench served -- million` measures instead what a
//! million packets in the books cost: memory, start-up, and the rate with them.

#![allow(clippy::panic, clippy::unwrap_used)] // a measurement that fails should say so and stop

mod connections;
mod million;

#[allow(dead_code, unreachable_pub)]
#[path = "../../tests/it/canned.rs"]
mod canned;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use hongbao::redpack::{Extra, Packet};
use hongbao::sandbox::Sandbox;
use hongbao::wire::{self, Digest, Request as _, Signer};
use hongbao::{BillNo, Entity, Fen, OpenId};
use tokio::runtime::Runtime;

use connections::Connections;

/// How many connections are kept alive.
const WIDTH: usize = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, directory] = &*arguments
        && flag == million::CHILD
    {
        million::serve(Path::new(directory));
        return;
    }
    // `cargo test --benches` wants to see that it runs, not how fast.
    let quick = !arguments.iter().any(|argument| argument == "--bench");
    if quick || arguments.iter().any(|argument| argument == "million") {
        million::measure(&arguments[0], if quick { 200 } else { 1_000_000 });
    }
    if quick || !arguments.iter().any(|argument| argument == "million") {
        let (rounds, sends) = if quick { (1, 2) } else { (15, 100) };
        rates(rounds, sends);
    }
}

fn rates(rounds: usize, sends: usize) {
    // Each side has as many threads as the program's own runtime on two processors.
    let (server, clients) = (runtime(2), runtime(2));
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(directory.path()).unwrap();
    let entity = sandbox.merchants().remove(0);
    lift_limits(&sandbox, &entity);
    let served = server.block_on(sandbox.serve(any(), any(), None)).unwrap();
    let identity = connections::identity(directory.path(), &entity.mch_id);
    let gateway = served.gateway().strip_prefix("https://").unwrap().parse().unwrap();
    let mut ours = clients.block_on(Connections::open(gateway, sandbox.ca_pem(), &identity, WIDTH));
    let mut numbers = 0..;
    let answer = clients.block_on(ours.post(vec![requests(&entity, &mut numbers, 1)])).pop().unwrap();
    let canned = server.block_on(canned::Canned::start(Some(sandbox.ca_pem()), move |_| answer.clone()));
    let mut bare = clients.block_on(Connections::open(canned.address, &canned.ca_pem, &identity, WIDTH));

    let mut columns = [vec![], vec![], vec![]];
    for _ in 0..rounds {
        let mut rate = |connections: &mut Connections| {
            let bodies: Vec<_> = (0..WIDTH).map(|_| requests(&entity, &mut numbers, sends)).collect();
            connections::per_second(&clients, connections, bodies)
        };
        let (first, theirs, second) = (rate(&mut ours), rate(&mut bare), rate(&mut ours));
        for (column, value) in columns.iter_mut().zip([first, second, theirs]) {
            column.push(value);
        }
    }
    assert!(sandbox.books().balanced);
    let [first, second, bare] = columns.map(median);
    let ratio = (first + second) / 2.0 / bare;
    println!("{:>11}  {:>10}  {:>10}  {:>10}  {:>6}", "connections", "sandbox/s", "again/s", "canned/s", "ratio");
    println!("{WIDTH:>11}  {first:>10.0}  {second:>10.0}  {bare:>10.0}  {ratio:>6.2}");
    server.block_on(served.stop());
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn runtime(threads: usize) -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap()
}

/// Leaves every check in place, with room for millions of packets.
fn lift_limits(sandbox: &Sandbox, entity: &Entity) {
    let most = Fen::new(1_000_000_000_000);
    sandbox.top_up(&entity.mch_id, most).unwrap();
    sandbox
        .change_settings(&entity.mch_id, |settings| {
            settings.calls_per_second = u32::MAX;
            settings.user_day_count = u32::MAX;
            settings.user_day_amount = most;
            settings.merchant_day_amount = most;
        })
        .unwrap();
}

fn packet(number: u64) -> Packet {
    Packet {
        mch_billno: BillNo::new(format!("1900000101202503{number:012}")).unwrap(),
        re_openid: OpenId::new(format!("oServed1a2b3c4d{number:013}")).unwrap(),
        total_amount: Fen::new(150),
        send_name: "蓝鲸咖啡".into(),
        wishing: "早安，今天也要加油".into(),
        act_name: "签到有礼".into(),
        remark: "连续签到七天奖励".into(),
        client_ip: [203, 0, 113, 24].into(),
        extra: Extra::default(),
    }
}

/// So many packets with the next numbers, signed, as the bytes of HTTP requests.
fn requests(entity: &Entity, numbers: &mut impl Iterator<Item = u64>, count: usize) -> Vec<Arc<[u8]>> {
    let (app_id, mch_id) = (entity.app_id.parse().unwrap(), entity.mch_id.parse().unwrap());
    let signer = Signer { app_id: &app_id, mch_id: &mch_id, sub: None, key: &entity.key, digest: Digest::Md5 };
    let request = |number: u64| {
        let fields = wire::fields_of(&packet(number)).unwrap();
        let body = wire::seal(&Packet::CONTRACT, &signer, &fields, &format!("n{number:031}")).body;
        let (path, length) = (Packet::CONTRACT.path, body.len());
        let head = "host: 127.0.0.1\r\ncontent-type: text/xml; charset=utf-8";
        format!("POST {path} HTTP/1.1\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes().into()
    };
    numbers.take(count).map(request).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
