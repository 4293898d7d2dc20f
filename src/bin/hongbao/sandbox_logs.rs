//! `hongbao sandbox logs`: the requests that a sandbox gets, as they come.

use std::time::Duration;

use hongbao::clock::Timestamp;
use serde_json::Value;

use crate::console::{Console, Of};
use crate::failure::Failure;
use crate::http::encoded;
use crate::sandbox::Signals;
use crate::terminal::{BAD, GOOD, NUMBER, QUIET, Terminal, harmless};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    of: Of,

    /// Only of this merchant
    #[arg(long, value_name = "MCH_ID")]
    merchant: Option<String>,

    /// Only of paths that hold this, as in sendredpack
    #[arg(long, value_name = "PART")]
    path: Option<String>,

    /// Only with this error code, as in SIGN_ERROR
    #[arg(long, value_name = "CODE")]
    code: Option<String>,

    /// Only what was refused or got no proper answer
    #[arg(long)]
    refused: bool,

    /// Only with this text in the request, the answer or the note
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,

    /// Print the last so many, and end; without it the last ten, and then each as it comes
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: Option<u32>,

    /// One JSON object for each request on standard output, as GET /api/requests has it
    #[arg(long)]
    pub(crate) json: bool,
}

/// So many of those before are shown first.
const BEFORE: usize = 10;
/// The longest page of the console.
const PAGE: usize = 1000;
/// How long a sandbox that went away is waited for between two looks.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) async fn run(args: &Args) -> Result<(), Failure> {
    let terminal = Terminal::new(args.json);
    let end = Signals::new()?;
    let console = args.of.console()?;
    let logs = Logs { args, terminal, console };
    if let Some(limit) = args.limit {
        let limit = usize::try_from(limit).unwrap_or(PAGE);
        for record in logs.after(0, limit).await?.iter().rev() {
            show(terminal, record);
        }
        return Ok(());
    }
    tokio::select! {
        followed = logs.follow() => followed,
        () = end.wait() => Ok(()),
    }
}

struct Logs<'a> {
    args: &'a Args,
    terminal: Terminal,
    console: Console,
}

impl Logs<'_> {
    async fn follow(mut self) -> Result<(), Failure> {
        // Listening begins before looking, so that nothing falls between.
        let mut events = Some(self.console.events().await?);
        let mut seen = self.show_after(0, BEFORE).await?;
        loop {
            let changed = match &mut events {
                Some(listening) => listening.next().await,
                None => None,
            };
            match changed {
                // An event without topics says that something was missed.
                Some(event) if event["topics"].is_object() && event["topics"]["requests"].is_null() => {}
                Some(_) => {
                    if let Ok(last) = self.show_after(seen, usize::MAX).await {
                        seen = last;
                    }
                }
                None => {
                    if events.take().is_some() {
                        self.terminal.say(format_args!("{QUIET}the sandbox has stopped; waiting for it{QUIET:#}"));
                    }
                    tokio::time::sleep(PATIENCE).await;
                    // It may come back at another address.
                    self.console = self.args.of.console()?;
                    if let Ok(again) = self.console.events().await {
                        self.terminal.say(format_args!("{QUIET}it is back{QUIET:#}"));
                        events = Some(again);
                        seen = self.show_after(seen, usize::MAX).await.unwrap_or(seen);
                    }
                }
            }
        }
    }

    /// Shows what came after a request, and gives the last one's number.
    async fn show_after(&self, seen: u64, limit: usize) -> Result<u64, Failure> {
        let found = self.after(seen, limit).await?;
        for record in found.iter().rev() {
            show(self.terminal, record);
        }
        let last = found.first().and_then(|record| record["id"].as_u64());
        Ok(last.unwrap_or(seen).max(seen))
    }

    /// Those after a request, newest first.
    async fn after(&self, seen: u64, limit: usize) -> Result<Vec<Value>, Failure> {
        let Args { merchant, path, code, refused, search, .. } = self.args;
        let mut filters = String::new();
        for (name, value) in [("mch_id", merchant), ("path", path), ("code", code), ("search", search)] {
            if let Some(value) = value {
                filters.push_str(&format!("&{name}={}", encoded(value)));
            }
        }
        if *refused {
            filters.push_str("&refused=true");
        }
        let mut found = Vec::new();
        loop {
            let wanted = PAGE.min(limit.saturating_sub(found.len()));
            if wanted == 0 {
                return Ok(found);
            }
            let before = match found.last().and_then(|record: &Value| record["id"].as_u64()) {
                Some(id) => format!("&before={id}"),
                None => String::new(),
            };
            let page = self.console.get(&format!("/requests?limit={wanted}{before}{filters}")).await?;
            let page = page.as_array().cloned().unwrap_or_default();
            let whole = page.len() == wanted;
            let fresh = page.into_iter().take_while(|record| record["id"].as_u64().is_some_and(|id| id > seen));
            let had = found.len();
            found.extend(fresh);
            if !whole || found.len() - had < wanted {
                return Ok(found);
            }
        }
    }
}

fn show(terminal: Terminal, record: &Value) {
    terminal.result(record);
    let text = |field: &str| record[field].as_str().unwrap_or_default();
    let at = Timestamp::from_unix_millis(record["at"].as_i64().unwrap_or_default());
    let millis = record["micros"].as_f64().unwrap_or_default() / 1000.0;
    let verdict = match (text("code"), record["status"].as_u64()) {
        ("", Some(200)) => format!("{GOOD}ok{GOOD:#}"),
        ("", Some(status)) => format!("{BAD}status {status}{BAD:#}"),
        ("", None) => format!("{BAD}no answer{BAD:#}"),
        (code, _) => format!("{BAD}{}{BAD:#}", harmless(code)),
    };
    let (id, merchant, path) = (&record["id"], harmless(text("mch_id")), harmless(text("path")));
    terminal.say(format_args!(
        "{QUIET}{at} #{id}{QUIET:#} {NUMBER}{merchant:<10}{NUMBER:#} {path:<38} {verdict} {QUIET}{millis:.1} ms{QUIET:#}"
    ));
    if let Some(fault) = record["fault"]["kind"].as_str() {
        terminal.say(format_args!("    fault: {fault}"));
    }
    if !text("note").is_empty() {
        terminal.say(format_args!("    {}", harmless(text("note"))));
    }
}
