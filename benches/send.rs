//! Sends over mutual TLS, beside the bare HTTP client posting the same bytes.
//!
//! Both talk to the same canned server in turns, so that a noisy machine is
//! noisy for both; the table shows medians over the rounds.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hongbao::redpack::{Extra, Packet};
use hongbao::sandbox::Sandbox;
use hongbao::wire::{self, Digest, Request as _, Signer};
use hongbao::{BillNo, Client, Endpoint, Entity, Fen, OpenId};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;

#[allow(dead_code, unreachable_pub, clippy::unwrap_used)]
#[path = "../tests/it/canned.rs"]
mod canned;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(400);

fn main() -> Result<(), Failure> {
    // `cargo test --benches` wants to see that it runs, not how fast.
    let quick = !std::env::args().any(|argument| argument == "--bench");
    let (rounds, round) = if quick { (1, Duration::from_millis(20)) } else { (ROUNDS, ROUND) };
    // The server has a core of its own, as far as the machine has two.
    let server = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let clients = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;

    let directory = tempfile::tempdir()?;
    let sandbox = Sandbox::open(directory.path())?;
    let packet = Arc::new(packet()?);
    let answer = canned::ok(&reply(&packet));
    let canned = server.block_on(canned::Canned::start(Some(sandbox.ca_pem()), move |_| answer.clone()));
    let entity =
        Entity { endpoint: Endpoint::at(canned.base(), canned.ca_pem.as_str()), ..sandbox.merchants().remove(0) };
    let client = Client::new(&entity)?;
    let folder = directory.path().join("merchants").join(&entity.mch_id);
    let bare = bare(&canned, &folder)?;
    let url = format!("{}{}", canned.base(), Packet::CONTRACT.path);
    let body = body(&entity, &packet)?;

    println!("{:>10}  {:>12}  {:>12}  {:>12}  {:>6}", "in flight", "hongbao/s", "again/s", "reqwest/s", "ratio");
    for width in [1, 32] {
        let mut rates = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..rounds {
            let (client, packet) = (client.clone(), Arc::clone(&packet));
            let ours = move || {
                let (client, packet) = (client.clone(), Arc::clone(&packet));
                async move {
                    client.send(&*packet).await?;
                    Ok::<(), Failure>(())
                }
            };
            let (bare, url, body) = (bare.clone(), url.clone(), body.clone());
            let theirs = move || {
                let (bare, url, body) = (bare.clone(), url.clone(), body.clone());
                async move {
                    let response =
                        bare.post(url).header("content-type", "text/xml; charset=utf-8").body(body).send().await?;
                    response.bytes().await?;
                    Ok::<(), Failure>(())
                }
            };
            rates[0].push(clients.block_on(rate(width, round, ours.clone()))?);
            rates[2].push(clients.block_on(rate(width, round, theirs))?);
            rates[1].push(clients.block_on(rate(width, round, ours))?);
        }
        let [first, again, bare] = rates.map(median);
        let ratio = (first + again) / 2.0 / bare;
        println!("{width:>10}  {first:>12.0}  {again:>12.0}  {bare:>12.0}  {ratio:>6.3}");
    }
    Ok(())
}

/// Calls in a second, made by `width` tasks of which each makes one after the
/// other.
async fn rate<C, F>(width: usize, round: Duration, call: C) -> Result<f64, Failure>
where
    C: Fn() -> F + Clone + Send + 'static,
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let started = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..width {
        let call = call.clone();
        running.spawn(async move {
            let mut done = 0_u32;
            while started.elapsed() < round {
                call().await?;
                done += 1;
            }
            Ok::<u32, Failure>(done)
        });
    }
    let mut done = 0;
    while let Some(finished) = running.join_next().await {
        done += finished??;
    }
    Ok(f64::from(done) / started.elapsed().as_secs_f64())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn packet() -> Result<Packet, Failure> {
    Ok(Packet {
        mch_billno: BillNo::new("1900000101202503180000000017")?,
        re_openid: OpenId::new("oQx4r0Z1a2b3c4d5e6f7g8h9i0jk")?,
        total_amount: Fen::new(150),
        send_name: "蓝鲸咖啡".into(),
        wishing: "早安，今天也要加油".into(),
        act_name: "签到有礼".into(),
        remark: "连续签到七天奖励".into(),
        client_ip: [203, 0, 113, 24].into(),
        extra: Extra::default(),
    })
}

fn reply(packet: &Packet) -> String {
    format!(
        "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[发放成功]]></return_msg>\
         <result_code><![CDATA[SUCCESS]]></result_code><err_code><![CDATA[SUCCESS]]></err_code>\
         <err_code_des><![CDATA[发放成功]]></err_code_des><mch_billno><![CDATA[{}]]></mch_billno>\
         <mch_id><![CDATA[1900000101]]></mch_id><re_openid><![CDATA[{}]]></re_openid>\
         <total_amount>150</total_amount><send_listid><![CDATA[1000041701202503183000051947263]]></send_listid></xml>",
        packet.mch_billno, packet.re_openid
    )
}

/// The bytes that the bare client posts, sealed once.
fn body(entity: &Entity, packet: &Packet) -> Result<String, Failure> {
    let (app_id, mch_id) = (entity.app_id.parse()?, entity.mch_id.parse()?);
    let signer = Signer { app_id: &app_id, mch_id: &mch_id, sub: None, key: &entity.key, digest: Digest::Md5 };
    Ok(wire::seal(&Packet::CONTRACT, &signer, &wire::fields_of(packet)?, "k3v9q2m7x1c5b8n4z6l0p2w8e7r5t1y3").body)
}

/// reqwest with the settings of `client/https.rs` that cost time, and the same
/// certificate.
fn bare(canned: &canned::Canned, folder: &Path) -> Result<reqwest::Client, Failure> {
    let certificate = std::fs::read(folder.join("apiclient_cert.pem"))?;
    let key = std::fs::read(folder.join("apiclient_key.pem"))?;
    let chain = rustls_pemfile::certs(&mut &*certificate).collect::<Result<Vec<_>, _>>()?;
    let key = rustls_pemfile::private_key(&mut &*key)?.ok_or("no private key")?;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in rustls_pemfile::certs(&mut canned.ca_pem.as_bytes()) {
        roots.add(certificate?)?;
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .tcp_nodelay(true)
        .timeout(Duration::from_secs(30))
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(15))
        .pool_idle_timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .build()?)
}
