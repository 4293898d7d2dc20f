//! The ledger that `--ledger` names, and the clock that goes with it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hongbao::clock::{Clock, SystemClock, Timestamp};
use hongbao::payout::{Campaign, Ledger, Postgres, Sqlite};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::failure::Failure;

/// Where payouts are kept.
#[derive(clap::Args)]
pub(crate) struct LedgerArgs {
    /// The ledger: a file of SQLite, or postgres://USER:PASSWORD@HOST/DATABASE
    #[arg(long, value_name = "LEDGER", env = "HONGBAO_LEDGER", hide_env_values = true, default_value = "payouts.db")]
    ledger: String,
}

impl LedgerArgs {
    /// Opens the ledger; a file is made if it is not there.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Ledger>, Failure> {
        self.named()?;
        if self.is_server() {
            return Ok(Arc::new(Postgres::connect(&self.ledger).await.map_err(Failure::of_ledger)?));
        }
        Ok(Arc::new(Sqlite::open(&self.ledger).map_err(Failure::of_ledger)?))
    }

    /// Opens a ledger that must be there already.
    pub(crate) async fn existing(&self) -> Result<Arc<dyn Ledger>, Failure> {
        self.named()?;
        if !self.exists() {
            let problem = format!("there is no ledger {}", self.ledger);
            return Err(Failure::usage(
                problem,
                "plan a campaign first (hongbao payouts plan), or name it with --ledger",
            ));
        }
        self.open().await
    }

    /// Whether the name can be one of a ledger; a name that may hold a password is
    /// not repeated.
    fn named(&self) -> Result<(), Failure> {
        if self.ledger.is_empty() {
            let problem = "the ledger has no name";
            return Err(Failure::usage(problem, "give --ledger FILE, or unset HONGBAO_LEDGER for payouts.db"));
        }
        if !self.is_server() && (self.ledger.contains("://") || self.ledger.contains("password=")) {
            let problem = "the ledger is neither a file nor postgres://…";
            return Err(Failure::usage(problem, "write --ledger FILE, or postgres://USER:PASSWORD@HOST/DATABASE"));
        }
        Ok(())
    }

    /// Whether there is something to open, as far as can be told without opening it.
    pub(crate) fn exists(&self) -> bool {
        self.is_server() || Path::new(&self.ledger).exists()
    }

    fn is_server(&self) -> bool {
        self.ledger.starts_with("postgres://") || self.ledger.starts_with("postgresql://")
    }
}

/// The campaigns that a verb is about: the one that is named, or all.
pub(crate) async fn campaigns(ledger: &dyn Ledger, name: Option<&str>) -> Result<Vec<Campaign>, Failure> {
    let all = ledger.campaigns().await.map_err(Failure::of_ledger)?;
    let Some(name) = name else { return Ok(all) };
    let known: Vec<String> = all.iter().map(|campaign| campaign.name.clone()).collect();
    let chosen: Vec<Campaign> = all.into_iter().filter(|campaign| campaign.name == name).collect();
    if chosen.is_empty() {
        let next = match known.is_empty() {
            true => "plan one: hongbao payouts plan FILE --campaign NAME".to_owned(),
            false => format!("the ledger has: {}", known.join(", ")),
        };
        return Err(Failure::usage(format!("there is no campaign {name:?}"), next));
    }
    Ok(chosen)
}

/// The machine's clock, ahead by as much as a sandbox's is: whoever advances the
/// sandbox by a day wants the payouts to be a day older too.
pub(crate) struct Ahead(i64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(SystemClock.now().unix_millis().saturating_add(self.0))
    }
}

/// The clock of the sandbox of this directory, or the machine's.
pub(crate) async fn clock(sandbox: Option<&Path>) -> Arc<dyn Clock> {
    match sandbox {
        Some(directory) => Arc::new(Ahead(ahead(directory).await.unwrap_or(0))),
        None => Arc::new(SystemClock),
    }
}

/// The same of a sandbox that must run.
pub(crate) async fn running_clock(sandbox: Option<&Path>) -> Result<Arc<dyn Clock>, Failure> {
    let Some(directory) = sandbox else { return Ok(Arc::new(SystemClock)) };
    match ahead(directory).await {
        Some(ahead) => Ok(Arc::new(Ahead(ahead))),
        None => {
            let directory = directory.display();
            let problem = format!("the sandbox of {directory} does not answer");
            Err(Failure::not_now(problem, format!("start it: hongbao sandbox --dir {directory}")))
        }
    }
}

/// By how many milliseconds; `None` if the sandbox does not say.
async fn ahead(directory: &Path) -> Option<i64> {
    #[derive(Deserialize)]
    struct Addresses {
        console: String,
    }
    #[derive(Deserialize)]
    struct Now {
        now: i64,
    }
    let addresses: Addresses = serde_json::from_slice(&std::fs::read(directory.join("sandbox.json")).ok()?).ok()?;
    let host = addresses.console.strip_prefix("http://")?.to_owned();
    let asked = async {
        let mut stream = TcpStream::connect(&host).await.ok()?;
        let request = format!("GET /api/clock HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        serde_json::from_str::<Now>(body).ok()
    };
    let Now { now } = tokio::time::timeout(Duration::from_secs(5), asked).await.ok()??;
    let ahead = now - SystemClock.now().unix_millis();
    // A second or two is the way here and back.
    Some(if ahead.abs() < 2_000 { 0 } else { ahead })
}
