//! `hongbao sandbox`: a WeChat Pay on this machine, and what can be done with it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hongbao::sandbox::{Sandbox, Served};
use hongbao::{Entity, Secret};
use serde_json::json;

use crate::console::{TOKEN_FILE, TOKEN_VARIABLE};
use crate::failure::Failure;
use crate::terminal::{NUMBER, Terminal};
use crate::{sandbox_listen, sandbox_logs, sandbox_run, sandbox_trigger};

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
    /// Make an event happen in a sandbox that runs, with all that comes before it
    Trigger(sandbox_trigger::Args),
    /// Bring the notifications of a sandbox that runs to a backend of yours
    ///
    /// While it runs, the sandbox posts every notification here instead of to its notify_url. Here it is
    /// verified with the merchant's key, posted to the backend unchanged, and the backend's answer is
    /// given to the sandbox, which judges it and repeats as it always does. A backend that does not answer
    /// is a status 502 to the sandbox. When this program ends, even by kill -9, notifications go to their own
    /// addresses again, at the latest after 15 seconds.
    Listen(sandbox_listen::Args),
    /// Follow the requests that a sandbox gets
    Logs(sandbox_logs::Args),
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

    /// What the console asks for; needed where other machines can reach it. It is kept in DIR/console.token
    #[arg(long, value_name = "TOKEN", env = TOKEN_VARIABLE, hide_env_values = true)]
    console_token: Option<String>,

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
            Some(Verb::Trigger(args)) => args.json,
            Some(Verb::Listen(args)) => args.json,
            Some(Verb::Logs(args)) => args.json,
        }
    }

    /// What is logged unless told otherwise. What a scenario makes go wrong is in
    /// its report.
    pub(crate) fn usual_log(&self) -> &'static str {
        match &self.verb {
            None => "warn",
            Some(Verb::Run(_)) => "off",
            // What goes wrong with a call, or with a notification, is the point and is told.
            Some(_) => "warn,hongbao::client=off",
        }
    }
}

pub(crate) async fn run(args: &Args) -> Result<(), Failure> {
    match &args.verb {
        None => serve(&args.serve).await,
        Some(Verb::Run(args)) => sandbox_run::run(args).await,
        Some(Verb::Trigger(args)) => sandbox_trigger::run(args).await,
        Some(Verb::Listen(args)) => sandbox_listen::run(args).await,
        Some(Verb::Logs(args)) => sandbox_logs::run(args).await,
    }
}

async fn serve(args: &Serve) -> Result<(), Failure> {
    let directory = std::path::absolute(&args.dir).map_err(|error| {
        Failure::usage(format!("{}: {error}", args.dir.display()), "give a directory that this process may use")
    })?;
    // Before anything is served, so that an early signal is not missed.
    let end = Signals::new()?;
    let fresh = !directory.exists();
    let sandbox = Sandbox::open(&directory).map_err(|error| not_opened(error, &directory))?;
    // Before the addresses are, so that whoever finds those finds the token, too.
    keep_token(&directory, args.console_token.as_deref())?;
    let token = args.console_token.as_deref().map(Secret::new);
    let served = sandbox.serve_with_token(args.listen, args.console, Some(&directory), token).await;
    let served = served.map_err(|error| {
        let dir = shown(&args.dir);
        let hint = match error.to_string().contains("open to other machines") {
            true => format!("it is given by --console-token or {TOKEN_VARIABLE}"),
            false => format!(
                "free ports are found by: hongbao sandbox --dir {dir} --listen 127.0.0.1:0 --console 127.0.0.1:0"
            ),
        };
        Failure::from(error).hint(hint)
    })?;
    if fresh && args.dir == Path::new(USUAL_DIR) {
        // It lies in the middle of a project. Without the file all is well, too.
        let _ = fs::write(directory.join(".gitignore"), "*\n");
    }
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
    let behind = if args.console_token.is_some() { "#token=TOKEN" } else { "" };
    terminal.say(format_args!(
        "WeChat Pay sandbox at {NUMBER}{console}/{behind}{NUMBER:#} (state in {}, Ctrl-C stops it)",
        shown(&args.dir)
    ));
}

/// The token for the verbs that use the console, readable by this user alone; no
/// file where none is asked for.
fn keep_token(directory: &Path, token: Option<&str>) -> Result<(), Failure> {
    let path = directory.join(TOKEN_FILE);
    let kept = match token {
        None => match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        },
        Some(token) => private(&path).and_then(|mut file| writeln!(file, "{token}")),
    };
    kept.map_err(|error| {
        Failure::usage(format!("{}: {error}", path.display()), "make the directory one that this process may write to")
    })
}

#[cfg(unix)]
fn private(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // A file of an earlier start keeps its mode when it is opened.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

#[cfg(not(unix))]
fn private(path: &Path) -> std::io::Result<File> {
    File::create(path)
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
