//! `hongbao sandbox`: a WeChat Pay on this machine, and what can be done with it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hongbao::Entity;
use hongbao::sandbox::{Sandbox, Served};
use serde_json::json;

use crate::failure::Failure;
use crate::sandbox_run;
use crate::terminal::{NUMBER, Terminal};

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, after_long_help = TO_TRY_IT)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,

    #[command(flatten)]
    serve: Serve,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Run scenarios (场景) in a sandbox of their own, and tell what differs
    ///
    /// A scenario is a TOML file that sets up merchants, users and faults, makes calls, lets time pass
    /// and states what must come of it; docs/SCENARIOS.md describes it. Each runs in a fresh sandbox in
    /// this process, on a clock that stands still until the file advances it, so it takes milliseconds
    /// and comes out the same each time.
    ///
    /// Exits with 0 if all expectations held, with 1 if something differed, with 2 if a file is wrong.
    Run(sandbox_run::Args),
}

/// What `hongbao sandbox` does without a further word.
#[derive(clap::Args)]
struct Serve {
    /// Where its state lives: CA, certificates, keys, packets, money. The first start fills it
    #[arg(long, value_name = "DIR", default_value = USUAL_DIR)]
    dir: PathBuf,

    /// Where the gateway listens, with TLS; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,

    /// Where the console listens, in the clear: a page for people and an API for programs
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8480")]
    console: SocketAddr,

    /// One JSON object with addresses and merchants on standard output, words on standard error
    #[arg(long)]
    json: bool,
}

/// Where a sandbox lives unless told otherwise: beside what is developed with it,
/// where its certificates are at hand and easily thrown away.
pub(crate) const USUAL_DIR: &str = "hongbao-sandbox";

const TO_TRY_IT: &str = "\
To try it, in another terminal:
  hongbao redpack send --sandbox hongbao-sandbox --to oQx4r0Z1a2b3c4d5e6f7g8h9i0jk --amount 1.88 --bill-no A1
  curl -X POST http://127.0.0.1:8480/api/packets/1900000101/A1/open
  hongbao redpack query --sandbox hongbao-sandbox --bill-no A1

The directory has all that an SDK of any language needs: ca.pem, and for each merchant entity
merchants/MCH_ID/ with apiclient_cert.pem, apiclient_key.pem, apiclient_cert.p12 and merchant.json.
The gateway itself, which names the first field that this message lacks:
  cd hongbao-sandbox/merchants/1900000101
  curl --cacert ../../ca.pem --cert apiclient_cert.pem --key apiclient_key.pem \\
    -d '<xml><mch_id>1900000101</mch_id></xml>' https://127.0.0.1:8443/mmpaymkttransfers/gethbinfo";

impl Args {
    pub(crate) fn json(&self) -> bool {
        match &self.verb {
            None => self.serve.json,
            Some(Verb::Run(args)) => args.json,
        }
    }

    /// What is logged unless told otherwise. What a scenario makes go wrong is in
    /// its report.
    pub(crate) fn usual_log(&self) -> &'static str {
        match &self.verb {
            None => "warn",
            Some(Verb::Run(_)) => "off",
        }
    }
}

pub(crate) async fn run(args: &Args) -> Result<(), Failure> {
    match &args.verb {
        None => serve(&args.serve).await,
        Some(Verb::Run(args)) => sandbox_run::run(args).await,
    }
}

async fn serve(args: &Serve) -> Result<(), Failure> {
    let directory = std::path::absolute(&args.dir).map_err(|error| {
        Failure::usage(format!("{}: {error}", args.dir.display()), "give a directory that this process may use")
    })?;
    // Before anything is served, so that an early signal is not missed.
    let end = Signals::new()?;
    let sandbox = Sandbox::open(&directory).map_err(|error| not_opened(error, &directory))?;
    let served = sandbox.serve(args.listen, args.console, Some(&directory)).await;
    let served = served.map_err(|error| {
        let other = format!("hongbao sandbox --dir {} --listen 127.0.0.1:0 --console 127.0.0.1:0", shown(&args.dir));
        Failure::from(error).hint(format!("free ports are found by: {other}"))
    })?;
    tell(Terminal::new(args.json), args, &directory, &served, &sandbox.merchants());
    end.wait().await;
    served.stop().await;
    Ok(())
}

/// Names the console of the sandbox that has the directory already.
fn not_opened(error: hongbao::Error, directory: &Path) -> Failure {
    let file = std::fs::read(directory.join("sandbox.json")).unwrap_or_default();
    let addresses: serde_json::Value = serde_json::from_slice(&file).unwrap_or_default();
    let taken = error.to_string().contains("another sandbox");
    match addresses["console"].as_str().filter(|_| taken) {
        Some(console) => Failure::from(error).hint(format!("its console is at {console}/")),
        None => Failure::from(error),
    }
}

fn tell(terminal: Terminal, args: &Serve, directory: &Path, served: &Served, merchants: &[Entity]) {
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
    terminal.say(format_args!(
        "WeChat Pay sandbox at {NUMBER}{console}/{NUMBER:#} (state in {}, Ctrl-C stops it)",
        shown(&args.dir)
    ));
}

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
