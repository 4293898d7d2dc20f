//! Durable payouts in a second, and the memory that dispatching takes.
//!
//! Each payout is planned before the clock starts; then it is claimed, begun,
//! sent and accepted, each step on disk before the next. The wire is the
//! in-process sandbox, the rate limit is lifted. Beside it, in turns so that a
//! noisy machine is noisy for all: the bare database doing the same writes in
//! batches of the same size (`sqlite.rs`, `postgres.rs`), and the bare sandbox
//! answering the same calls without a ledger. The table shows medians over the
//! rounds.
//!
//! `cargo bench --bench payouts -- million` also measures the memory of a
//! million payouts, which takes minutes.

#![allow(clippy::panic, clippy::unwrap_used)] // a measurement that fails should say so and stop

mod memory;
mod postgres;
mod sqlite;

#[allow(dead_code, unreachable_pub, clippy::expect_used, clippy::panic)]
#[path = "../../tests/it/postgres.rs"]
mod server;

#[allow(dead_code, unreachable_pub)]
#[path = "../../tests/it/provision.rs"]
mod provision;

use std::sync::Arc;
use std::time::Instant;

use hongbao::clock::{Clock as _, SystemClock};
use hongbao::payout::state::Phase;
use hongbao::payout::{
    CampaignId, Dispatcher, Ledger, NewCampaign, NewPayout, Postgres, Rules, Sqlite, Template, Texts,
};
use hongbao::redpack::{Extra, Packet};
use hongbao::sandbox::Sandbox;
use hongbao::{Client, Entity, Fen, MchId, Merchants, OpenId};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// How many of a kind are in a round.
struct Size {
    rounds: usize,
    payouts: usize,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let [_, flag, path] = &*arguments
        && flag == memory::CHILD
    {
        memory::dispatch(&runtime, path);
        return;
    }
    // `cargo test --benches` wants to see that it runs, not how fast.
    let quick = !arguments.iter().any(|argument| argument == "--bench");
    let size = if quick { Size { rounds: 1, payouts: 64 } } else { Size { rounds: 5, payouts: 16_384 } };
    rates(&runtime, &size);
    let sizes: &[usize] = if quick { &[100] } else { &[10_000, 100_000, 1_000_000] };
    for payouts in sizes {
        memory::measure(&runtime, &arguments[0], *payouts);
    }
}

fn rates(runtime: &Runtime, size: &Size) {
    let server = server::Server::start();
    println!(
        "{:>10}  {:>9}  {:>11}  {:>12}  {:>9}  {:>10}  {:>11}",
        "ledger", "in flight", "payouts/s", "database/s", "sandbox/s", "ratio", "each round"
    );
    for width in [64, 512] {
        for store in ["sqlite", "postgres"] {
            let mut columns = [vec![], vec![], vec![], vec![]];
            for _ in 0..size.rounds {
                // A sandbox that has served others is slower now and then, when its tables grow.
                let shop = Shop::open();
                let folder = tempfile::tempdir().unwrap();
                let [ours, bare] = match store {
                    "sqlite" => {
                        let (ours, bare) = (folder.path().join("ours"), folder.path().join("bare"));
                        let ours = shop.dispatched(runtime, Arc::new(Sqlite::open(ours).unwrap()), size.payouts, width);
                        shop.planned(runtime, &Sqlite::open(&bare).unwrap(), size.payouts);
                        [ours, per_second(size.payouts, || sqlite::write(&bare, width))]
                    }
                    _ => {
                        let open = |url: &str| runtime.block_on(Postgres::connect(url)).unwrap();
                        let ours = shop.dispatched(runtime, Arc::new(open(&server.url())), size.payouts, width);
                        let schema = server.schema();
                        shop.planned(runtime, &open(&server.url_of(&schema)), size.payouts);
                        let mut bare = runtime.block_on(server.sql(&schema));
                        let write = || runtime.block_on(postgres::write(&mut bare, width));
                        [ours, per_second(size.payouts, write)]
                    }
                };
                let calls = shop.called(runtime, size.payouts, width);
                for (column, value) in columns.iter_mut().zip([ours, bare, calls, ours / bare]) {
                    column.push(value);
                }
            }
            let ratios: Vec<String> = columns[3].iter().map(|ratio| format!("{ratio:.2}")).collect();
            let [ours, bare, calls, ratio] = columns.map(median);
            println!(
                "{store:>10}  {width:>9}  {ours:>11.0}  {bare:>12.0}  {calls:>9.0}  {ratio:>10.2}  {}",
                ratios.join(" ")
            );
        }
    }
}

/// Runs it, and tells how many of `count` that are in a second. The work says
/// itself how many it did: fewer would be a wrong figure.
fn per_second(count: usize, work: impl FnOnce() -> usize) -> f64 {
    let started = Instant::now();
    let done = work();
    let rate = count as f64 / started.elapsed().as_secs_f64();
    assert_eq!(done, count);
    rate
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A merchant of the sandbox whom nothing limits.
struct Shop {
    entity: Entity,
    client: Client,
    /// Numbers of payouts, so that none comes twice.
    used: std::cell::Cell<usize>,
}

impl Shop {
    fn open() -> Self {
        let sandbox = Sandbox::new().unwrap();
        let entity = sandbox.merchants().remove(0);
        let all = Fen::new(1_000_000_000_000);
        sandbox.top_up(&entity.mch_id, all).unwrap();
        let lift = |settings: &mut hongbao::sandbox::Settings| {
            settings.calls_per_second = u32::MAX;
            settings.merchant_day_amount = all;
        };
        sandbox.change_settings(&entity.mch_id, lift).unwrap();
        let client = sandbox.client(&entity).unwrap();
        Self { entity, client, used: std::cell::Cell::new(0) }
    }

    /// Stores a campaign that may be sent.
    fn planned(&self, runtime: &Runtime, ledger: &dyn Ledger, payouts: usize) -> CampaignId {
        let first = self.used.replace(self.used.get() + payouts);
        plan(runtime, ledger, &self.entity, first, payouts)
    }

    fn dispatched(&self, runtime: &Runtime, ledger: Arc<dyn Ledger>, payouts: usize, width: usize) -> f64 {
        let campaign = self.planned(runtime, &*ledger, payouts);
        let dispatcher = dispatcher(&ledger, self.client.clone(), width);
        let rate = per_second(payouts, || {
            let pass = runtime.block_on(dispatcher.pass()).unwrap();
            usize::try_from(pass.calls).unwrap()
        });
        let totals = runtime.block_on(ledger.totals(campaign)).unwrap();
        let [total] = &*totals else { panic!("{totals:#?}") };
        assert_eq!((total.phase, total.count), (Phase::Accepted, payouts as u64));
        rate
    }

    /// The same calls without a ledger, as many at once.
    fn called(&self, runtime: &Runtime, payouts: usize, width: usize) -> f64 {
        let first = self.used.replace(self.used.get() + payouts);
        let mch_id = MchId::new(&*self.entity.mch_id).unwrap();
        let packets: Vec<Packet> = (first..first + payouts).map(|number| packet(&mch_id, &gift(number))).collect();
        per_second(payouts, || {
            runtime.block_on(async {
                let mut accepted = 0;
                for packets in packets.chunks(width) {
                    let mut calls = JoinSet::new();
                    for packet in packets {
                        let (client, packet) = (self.client.clone(), packet.clone());
                        calls.spawn(async move { client.send(&packet).await.unwrap() });
                    }
                    accepted += calls.join_all().await.len();
                }
                accepted
            })
        })
    }
}

/// Payouts `first` and the following ones, in a campaign that may be sent.
fn plan(runtime: &Runtime, ledger: &dyn Ledger, entity: &Entity, first: usize, payouts: usize) -> CampaignId {
    let now = SystemClock.now();
    let new = NewCampaign {
        name: "bench".into(),
        mch_id: MchId::new(&*entity.mch_id).unwrap(),
        app_id: entity.app_id.parse().unwrap(),
        template: template(),
    };
    runtime.block_on(async {
        let campaign = ledger.campaign(&new, now).await.unwrap().id;
        for start in (first..first + payouts).step_by(4096) {
            let gifts: Vec<NewPayout> = (start..(start + 4096).min(first + payouts)).map(gift).collect();
            assert_eq!(ledger.add(campaign, &gifts, now).await.unwrap().new, gifts.len() as u64);
        }
        ledger.ready(campaign, "digest", now).await.unwrap();
        campaign
    })
}

fn dispatcher(ledger: &Arc<dyn Ledger>, client: Client, width: usize) -> Dispatcher {
    let merchants = Merchants::new();
    merchants.insert(client);
    let mut rules = Rules::default();
    rules.per_second = 0;
    rules.merchant_day = Fen::new(1_000_000_000_000);
    Dispatcher::builder(Arc::clone(ledger), Arc::new(merchants)).rules(rules).in_flight(width).worker("bench").build()
}

fn gift(number: usize) -> NewPayout {
    NewPayout {
        key: format!("order-{number:010}"),
        openid: OpenId::new(format!("oPayee{number:022}")).unwrap(),
        amount: Fen::new(100 + number as i64 % 50),
        texts: Texts::default(),
    }
}

fn template() -> Template {
    Template {
        send_name: "蓝鲸咖啡".into(),
        wishing: "早安，今天也要加油".into(),
        act_name: "签到有礼".into(),
        remark: "连续签到七天奖励".into(),
        client_ip: [203, 0, 113, 24].into(),
        extra: Extra::default(),
    }
}

fn packet(mch_id: &MchId, gift: &NewPayout) -> Packet {
    let Template { send_name, wishing, act_name, remark, client_ip, extra } = template();
    let (mch_billno, re_openid) = (gift.number(mch_id).unwrap(), gift.openid.clone());
    Packet { mch_billno, re_openid, total_amount: gift.amount, send_name, wishing, act_name, remark, client_ip, extra }
}

/// What a gateway says to a packet; the bare databases keep it as the ledgers do.
fn reply(mch_billno: &str, mch_id: &str, re_openid: &str, total_amount: &str) -> String {
    format!(
        "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[发放成功]]></return_msg>\
         <result_code><![CDATA[SUCCESS]]></result_code><err_code><![CDATA[SUCCESS]]></err_code>\
         <err_code_des><![CDATA[发放成功]]></err_code_des><mch_billno><![CDATA[{mch_billno}]]></mch_billno>\
         <mch_id><![CDATA[{mch_id}]]></mch_id>\
         <re_openid><![CDATA[{re_openid}]]></re_openid><total_amount>{total_amount}</total_amount>\
         <send_listid><![CDATA[1000041701202503183000051947263]]></send_listid></xml>"
    )
}
