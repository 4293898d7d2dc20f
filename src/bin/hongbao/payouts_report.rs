//! `hongbao payouts report`: a campaign as a table, JSON, CSV or a page.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use hongbao::payout::Rules;
use hongbao::payout::report::{Language, Lines, Report};
use serde_json::json;

use crate::failure::Failure;
use crate::ledger::{self, LedgerArgs};
use crate::terminal::{GOOD, Terminal};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The campaign; may be left out where there is only one
    #[arg(long, value_name = "NAME")]
    campaign: Option<String>,

    #[command(flatten)]
    ledger: LedgerArgs,

    /// Write one page with charts, which needs nothing else
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// The language of the page
    #[arg(long, value_enum, default_value_t = Tongue::En)]
    language: Tongue,

    /// Write one line for each payout
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// Packets a second that the forecast counts on, if WeChat Pay granted other than 30
    #[arg(long, value_name = "NUMBER")]
    rate: Option<u32>,

    /// The clock of this sandbox, which may be ahead
    #[arg(long, value_name = "DIR")]
    sandbox: Option<PathBuf>,

    /// One JSON object on standard output, words on standard error
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Tongue {
    /// English
    En,
    /// 中文
    Zh,
}

impl Args {
    pub(crate) fn json(&self) -> bool {
        self.json
    }
}

pub(crate) async fn run(args: &Args) -> Result<(), Failure> {
    let terminal = Terminal::new(args.json);
    let ledger = args.ledger.existing().await?;
    let mut campaigns = ledger::campaigns(&*ledger, args.campaign.as_deref()).await?;
    let (Some(campaign), true) = (campaigns.pop(), campaigns.is_empty()) else {
        return Err(Failure::usage("it is not clear which campaign is meant", "name it with --campaign"));
    };
    let mut rules = Rules::default();
    if let Some(rate) = args.rate {
        rules.per_second = rate;
    }
    let clock = ledger::clock(args.sandbox.as_deref()).await;
    let report = Report::of(&*ledger, campaign.id, &rules, clock.now()).await.map_err(Failure::of_ledger)?;
    terminal.result(&json!(report));
    terminal.say(report.table().trim_end());
    if let Some(file) = &args.html {
        let language = match args.language {
            Tongue::En => Language::English,
            Tongue::Zh => Language::Chinese,
        };
        std::fs::write(file, report.html(language)).map_err(|error| unwritable(file, &error))?;
        terminal.say(format_args!("{GOOD}written{GOOD:#}: {}", file.display()));
    }
    if let Some(file) = &args.csv {
        let mut output = BufWriter::new(File::create(file).map_err(|error| unwritable(file, &error))?);
        let mut lines = Lines::of(campaign.id);
        while let Some(text) = lines.next(&*ledger).await.map_err(Failure::of_ledger)? {
            output.write_all(text.as_bytes()).map_err(|error| unwritable(file, &error))?;
        }
        output.flush().map_err(|error| unwritable(file, &error))?;
        terminal.say(format_args!("{GOOD}written{GOOD:#}: {}", file.display()));
    }
    Ok(())
}

fn unwritable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{}: {error}", file.display()), "give a file that can be written")
}
