//! `hongbao payouts report`: a campaign as a table, JSON, CSV or a page.

use std::fs::File;
use std::io::{self, BufWriter, Write};
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

    /// Write one page with charts, which needs nothing else; - is standard output
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// The language of the page
    #[arg(long, value_enum, default_value_t = Tongue::En)]
    language: Tongue,

    /// Write one line for each payout; - is standard output
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// Packets a second that the forecast counts on, if WeChat Pay granted other than 30
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
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
    let piped = [&args.html, &args.csv].into_iter().flatten().filter(|file| is_pipe(file)).count();
    if piped + usize::from(args.json) > 1 {
        let problem = "standard output takes one of --json, --html - and --csv -";
        return Err(Failure::usage(problem, "give the others a file each"));
    }
    // Where a page or lines go to standard output, words go to standard error.
    let terminal = Terminal::new(args.json || piped > 0);
    let ledger = args.ledger.existing().await?;
    let mut campaigns = ledger::campaigns(&*ledger, args.campaign.as_deref()).await?;
    let names: Vec<String> = campaigns.iter().map(|campaign| format!("{:?}", campaign.name)).collect();
    let campaign = match (campaigns.pop(), names.len()) {
        (Some(campaign), 1) => campaign,
        (None, _) => {
            return Err(Failure::usage(
                "the ledger has no campaign",
                "plan one: hongbao payouts plan FILE --campaign NAME",
            ));
        }
        (Some(_), _) => {
            let problem = "it is not clear which campaign is meant";
            return Err(Failure::usage(problem, format!("name one of them with --campaign: {}", names.join(", "))));
        }
    };
    let mut rules = Rules::default();
    if let Some(rate) = args.rate {
        rules.per_second = rate;
    }
    let clock = ledger::clock(args.sandbox.as_deref()).await;
    let report = Report::of(&*ledger, campaign.id, &rules, clock.now()).await.map_err(Failure::of_ledger)?;
    if args.json {
        terminal.result(&json!(report));
    }
    terminal.say(report.table().trim_end());
    if let Some(file) = &args.html {
        let language = match args.language {
            Tongue::En => Language::English,
            Tongue::Zh => Language::Chinese,
        };
        let mut output = created(file)?;
        let page = report.html(language);
        output.write_all(page.as_bytes()).and_then(|()| output.flush()).map_err(|error| unwritable(file, &error))?;
        told(terminal, file);
    }
    if let Some(file) = &args.csv {
        let mut output = created(file)?;
        let mut lines = Lines::of(campaign.id);
        while let Some(text) = lines.next(&*ledger).await.map_err(Failure::of_ledger)? {
            output.write_all(text.as_bytes()).map_err(|error| unwritable(file, &error))?;
        }
        output.flush().map_err(|error| unwritable(file, &error))?;
        told(terminal, file);
    }
    Ok(())
}

fn is_pipe(file: &Path) -> bool {
    file == Path::new("-")
}

fn created(file: &Path) -> Result<Box<dyn Write>, Failure> {
    if is_pipe(file) {
        return Ok(Box::new(BufWriter::new(Reader)));
    }
    Ok(Box::new(BufWriter::new(File::create(file).map_err(|error| unwritable(file, &error))?)))
}

/// Standard output; a reader that went away is no failure of the report.
struct Reader;

impl Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match io::stdout().write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match io::stdout().flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}

fn told(terminal: Terminal, file: &Path) {
    if !is_pipe(file) {
        terminal.say(format_args!("{GOOD}written{GOOD:#}: {}", file.display()));
    }
}

fn unwritable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{}: {error}", file.display()), "give a file that can be written")
}
