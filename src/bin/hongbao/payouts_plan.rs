//! `hongbao payouts plan`: from a file of recipients to the ledger.

use std::fs::File;
use std::path::{Path, PathBuf};

use hongbao::payout::plan::{self, Format, Options, Plan, Problems, Stage};
use hongbao::payout::{NewCampaign, Rules};
use hongbao::{AppId, Client, Fen, MchId};
use serde_json::json;

use crate::entities::Source;
use crate::failure::Failure;
use crate::ledger::{self, LedgerArgs};
use crate::redpack::Says;
use crate::terminal::{BAD, GOOD, MONEY, NUMBER, TITLE, Terminal, harmless};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The recipients: CSV (openid, amount, and if needed key, wishing, remark, scene_id), JSON lines, or one openid a line; - reads standard input
    file: PathBuf,

    /// The campaign's name; with the openid it is the business key of lines that have no key
    #[arg(long, value_name = "NAME")]
    campaign: String,

    #[command(flatten)]
    source: Source,

    #[command(flatten)]
    ledger: LedgerArgs,

    /// Check everything, compare with the ledger, store nothing
    #[arg(long)]
    dry_run: bool,

    /// How much each payee gets, in yuan, where the lines do not say it
    #[arg(long, value_name = "YUAN")]
    amount: Option<Fen>,

    /// The form of the file, where its name and first line do not tell it
    #[arg(long, value_enum)]
    format: Option<Form>,

    #[command(flatten)]
    says: Says,

    /// Packets a second that the forecast counts on, if WeChat Pay granted other than 30
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,

    /// How many bad lines are told one by one; all are counted
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    errors: usize,

    /// One JSON object on standard output, words on standard error
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Form {
    /// With a header
    Csv,
    /// One JSON object a line
    Jsonl,
    /// One openid a line
    Openids,
}

pub(crate) async fn run(args: &Args) -> Result<(), Failure> {
    let terminal = Terminal::new(args.json);
    let options = options(args)?;
    let kept;
    let source = if args.file == Path::new("-") {
        kept = spooled()?;
        // Read several times, so it needs a place to be read from.
        let spool = kept.path().to_owned();
        plan::Source::with("standard input", move || Ok(Box::new(File::open(&spool)?)))
    } else {
        plan::Source::file(&args.file)
    };
    let plan = Plan::read(&source, &options).map_err(|problems| refused(args, &problems))?;
    show(terminal, args, &plan).await;

    let ledger = match args.dry_run {
        // A dry run leaves no ledger behind that was not there.
        true => match args.ledger.existing().await {
            Ok(ledger) => Some(ledger),
            Err(_) if !args.ledger.exists() => None,
            Err(failure) => return Err(failure),
        },
        false => Some(args.ledger.open().await?),
    };
    let clock = ledger::clock(args.source.sandbox.as_deref()).await;
    let count = plan.totals().count;
    let bar = if count < 10_000 { None } else { terminal.bar(count, "{bar:30.yellow} {pos} of {len} {msg}") };
    let mut progress = |stage: Stage, done: u64| {
        if let Some(bar) = &bar {
            bar.set_message(if stage == Stage::Storing { "stored" } else { "compared" });
            bar.set_position(done);
        }
    };
    let imported = match &ledger {
        Some(ledger) if args.dry_run => plan.compare(&**ledger, &mut progress).await.map(Some),
        Some(ledger) => plan.store(&**ledger, clock.now(), &mut progress).await.map(Some),
        None => Ok(None),
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let imported = imported.map_err(|failure| match failure {
        plan::Failure::Problems(problems) => refused(args, &problems),
        other => Failure::from(hongbao::Error::from(other)),
    })?;
    let (new, known) = imported.map_or((plan.totals().count, 0), |imported| (imported.new, imported.known));
    let outcome = match (args.dry_run, new) {
        (true, _) => "checked",
        (false, 0) => "unchanged",
        (false, _) => "planned",
    };
    terminal.result(&json!({
        "outcome": outcome, "campaign": args.campaign, "mch_id": plan.campaign().mch_id, "new": new, "known": known,
        "totals": plan.totals(), "digest": plan.digest(), "forecast": plan.forecast(clock.now()),
        "warnings": plan.warnings(),
    }));
    match outcome {
        "checked" => terminal
            .say(format_args!("{GOOD}checked{GOOD:#}: {new} would be new, {known} are known; nothing was stored")),
        "unchanged" => terminal.say(format_args!("{GOOD}unchanged{GOOD:#}: all {known} payouts are known")),
        _ => terminal.say(format_args!(
            "{GOOD}planned{GOOD:#}: {new} payouts are new, {known} were known; send them with hongbao payouts run"
        )),
    }
    Ok(())
}

fn options(args: &Args) -> Result<Options, Failure> {
    let entity = args.source.entity()?;
    // Reads key and certificate too, so that a wrong one shows now and not at the first packet.
    Client::new(&entity)?;
    let invalid = |error: hongbao::InvalidId| Failure::from(hongbao::Error::from(error));
    let mut options = Options::new(NewCampaign {
        name: args.campaign.clone(),
        mch_id: MchId::new(entity.mch_id.as_str()).map_err(invalid)?,
        app_id: AppId::new(entity.app_id.as_str()).map_err(invalid)?,
        template: args.says.template(&args.source, &entity)?,
    });
    options.amount = args.amount;
    options.errors_shown = args.errors;
    options.format = args.format.map(|form| match form {
        Form::Csv => Format::Csv,
        Form::Jsonl => Format::JsonLines,
        Form::Openids => Format::OpenIds,
    });
    let mut rules = Rules::default();
    if let Some(rate) = args.rate {
        rules.per_second = rate;
    }
    options.rules = rules;
    Ok(options)
}

async fn show(terminal: Terminal, args: &Args, plan: &Plan) {
    let totals = plan.totals();
    terminal.say(format_args!("{TITLE}{}{TITLE:#}, merchant {}", harmless(&args.campaign), plan.campaign().mch_id));
    terminal.row("payouts", format_args!("{NUMBER}{}{NUMBER:#} for {} payees", totals.count, totals.payees));
    terminal.row("together", format_args!("{MONEY}{}{MONEY:#} yuan", totals.sum));
    terminal
        .row("each", format_args!("{MONEY}{}{MONEY:#} to {MONEY}{}{MONEY:#} yuan", totals.smallest, totals.largest));
    terminal.row("digest", plan.digest());
    let clock = ledger::clock(args.source.sandbox.as_deref()).await;
    let forecast = plan.forecast(clock.now());
    let days = forecast.merchant_days.max(forecast.payee_days);
    let because = if days > 1 { format!(", spread over {days} days by the day's limits") } else { String::new() };
    terminal.row("sent by", format_args!("{} Beijing time{because}, if it begins now", forecast.finish));
    for warning in plan.warnings() {
        terminal.say(format_args!("{BAD}warning{BAD:#}: {warning}"));
    }
}

/// Says all that is wrong with the file.
fn refused(args: &Args, problems: &Problems) -> Failure {
    let name = if args.file == Path::new("-") { "standard input".into() } else { args.file.to_string_lossy() };
    let mut report = match problems.found {
        _ if problems.shown.iter().all(|problem| problem.line.is_none()) => format!("{name} cannot be planned"),
        1 => format!("1 line of {name} cannot be used"),
        found => format!("{found} lines of {name} cannot be used"),
    };
    for problem in &problems.shown {
        report.push_str(&format!("\n  {}", harmless(&problem.to_string())));
    }
    let more = problems.found.saturating_sub(u64::try_from(problems.shown.len()).unwrap_or(u64::MAX));
    if more > 0 {
        report.push_str(&format!("\n  and {more} more; --errors shows more of them"));
    }
    Failure::usage(report, "correct that and plan it again; nothing was stored and nothing was sent")
        .with(json!({ "problems": problems.shown, "found": problems.found }))
}

/// Standard input, in a file that goes away by itself.
fn spooled() -> Result<Spool, Failure> {
    let failed = |error: std::io::Error| {
        Failure::usage(format!("standard input cannot be kept for reading it again: {error}"), "give a file instead")
    };
    let path = std::env::temp_dir().join(format!("hongbao-{}.recipients", std::process::id()));
    let mut file = File::create_new(&path).map_err(failed)?;
    let spool = Spool(path);
    std::io::copy(&mut std::io::stdin().lock(), &mut file).map_err(failed)?;
    Ok(spool)
}

struct Spool(PathBuf);

impl Spool {
    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
