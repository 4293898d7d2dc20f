//! `hongbao sandbox`: a WeChat Pay on this machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hongbao::Entity;
use hongbao::sandbox::{Sandbox, Served};
use serde_json::json;

use crate::failure::Failure;
use crate::terminal::{NUMBER, QUIET, TITLE, Terminal};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where its state lives: CA, certificates, keys, packets, money. The first start fills it
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,

    /// Where the gateway listens, with TLS; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,

    /// Where the console listens, in the clear; it opens packets, pays orders, advances time, sets faults
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8480")]
    console: SocketAddr,

    /// One JSON object with addresses and merchants on standard output, words on standard error
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) async fn run(args: &Args) -> Result<(), Failure> {
    let directory = std::path::absolute(&args.dir).map_err(|error| {
        Failure::usage(format!("{}: {error}", args.dir.display()), "give a directory that this process may use")
    })?;
    // Before anything is served, so that an early signal is not missed.
    let end = Signals::new()?;
    let sandbox = Sandbox::open(&directory)?;
    let served = sandbox.serve(args.listen, args.console, Some(&directory)).await?;
    let terminal = Terminal::new(args.json);
    tell(terminal, &directory, &served, &sandbox.merchants());
    end.wait().await;
    served.stop().await;
    terminal.say(format_args!("stopped; the state stays in {}", directory.display()));
    Ok(())
}

fn tell(terminal: Terminal, directory: &Path, served: &Served, merchants: &[Entity]) {
    let (gateway, console) = (served.gateway(), served.console());
    let folder = |entity: &Entity| directory.join("merchants").join(&entity.mch_id);
    let rows: Vec<_> = merchants
        .iter()
        .map(|entity| {
            json!({
                "mch_id": entity.mch_id, "app_id": entity.app_id, "name": entity.name, "folder": folder(entity),
            })
        })
        .collect();
    terminal.result(&json!({
        "gateway": gateway, "console": console, "pid": std::process::id(), "dir": directory, "merchants": rows,
    }));
    terminal.say(format_args!("{TITLE}A WeChat Pay on this machine{TITLE:#}"));
    terminal.say(format_args!(
        "  gateway  {NUMBER}{gateway}{NUMBER:#}  TLS; its CA is {}",
        shown(directory.join("ca.pem"))
    ));
    terminal.say(format_args!(
        "  console  {NUMBER}{console}{NUMBER:#}  opens packets, pays orders, advances time, sets faults"
    ));
    terminal.say(format_args!("\n{TITLE}Merchant entities{TITLE:#}, with certificate and key in their folders"));
    for entity in merchants {
        let Entity { mch_id, app_id, name, .. } = entity;
        let folder = folder(entity);
        terminal.say(format_args!("  {NUMBER}{mch_id}{NUMBER:#}  {app_id}  {name}  {}", shown(folder)));
    }
    let Some(first) = merchants.first() else { return };
    let dir = shown(directory);
    let ca = shown(directory.join("ca.pem"));
    let folder = folder(first);
    let (certificate, key) = (shown(folder.join("apiclient_cert.pem")), shown(folder.join("apiclient_key.pem")));
    let mch_id = &first.mch_id;
    terminal.say(format_args!("\n{TITLE}To try it{TITLE:#}, in another terminal"));
    terminal.say(format_args!("{QUIET}  # send a packet, open it as its user, ask what became of it{QUIET:#}"));
    terminal.say(format_args!("  hongbao redpack send --sandbox {dir} --to {USER} --amount 1.88 --bill-no A1"));
    terminal.say(format_args!("  curl -X POST {console}/api/packets/{mch_id}/A1/open"));
    terminal.say(format_args!("  hongbao redpack query --sandbox {dir} --bill-no A1"));
    terminal.say(format_args!("{QUIET}  # listen as a shop; place an order and pay it as a user{QUIET:#}"));
    terminal.say(format_args!("  hongbao notify listen --sandbox {dir} &"));
    terminal.say(format_args!(
        "  hongbao order create --sandbox {dir} --type native --out-trade-no T00001 --amount 8.88 --notify-url {SHOP} --qr"
    ));
    terminal.say(format_args!("  curl -X POST {console}/api/orders/{mch_id}/T00001/pay"));
    terminal.say(format_args!("  hongbao order query --sandbox {dir} --out-trade-no T00001"));
    terminal
        .say(format_args!("{QUIET}  # the gateway itself: it names the first field that this message lacks{QUIET:#}"));
    terminal.say(format_args!(
        "  curl --cacert {ca} --cert {certificate} --key {key} -d '<xml><mch_id>{mch_id}</mch_id></xml>' {gateway}/mmpaymkttransfers/gethbinfo",
    ));
    terminal.say("\nCtrl-C stops it.");
}

const USER: &str = "oQx4r0Z1a2b3c4d5e6f7g8h9i0jk";
/// Where `hongbao notify listen` listens.
const SHOP: &str = "http://127.0.0.1:8490/";

/// A path as a shell takes it.
fn shown(path: impl AsRef<Path>) -> String {
    let text = path.as_ref().to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,".contains(c);
    if text.chars().all(plain) { text.into_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Ctrl-C, and SIGTERM where there is one.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    pub(crate) fn new() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let watch = |kind| {
            signal(kind).map_err(|error| Failure::usage(format!("signals cannot be watched: {error}"), "try again"))
        };
        Ok(Self { interrupt: watch(SignalKind::interrupt())?, terminate: watch(SignalKind::terminate())? })
    }

    #[cfg(not(unix))]
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self {})
    }

    #[cfg(unix)]
    pub(crate) async fn wait(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    pub(crate) async fn wait(self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
