//! `hongbao payouts …`: many packets, each paid once.

use std::path::PathBuf;
use std::sync::Arc;

use hongbao::payout::state::Phase;
use hongbao::payout::{Ledger, Operator, Payout};
use hongbao::{BillNo, MchId};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::ledger::{self, LedgerArgs};
use crate::terminal::{BAD, GOOD, MONEY, NUMBER, QUIET, TITLE, Terminal, harmless};
use crate::{payouts_plan, payouts_report, payouts_run};

#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Read a file of recipients and put its payouts into the ledger
    ///
    /// The whole file is checked before anything is stored; the same file again changes nothing.
    Plan(Box<payouts_plan::Args>),
    /// Send what is planned, and stay with it
    ///
    /// It may be killed at any moment and started again, also several times at once on one ledger.
    /// It ends with 0 once every payout has its answer, also if some are refused or held.
    Run(payouts_run::Args),
    /// Say where the campaigns stand
    Status(Status),
    /// Report on a campaign, as a table, HTML, CSV or JSON
    Report(payouts_report::Args),
    /// Show one payout and its journal
    Show(Which),
    /// Hold a payout that WeChat Pay has not taken yet
    Hold(Decision),
    /// Let a held payout, or a stopped merchant, go on
    Release(Release),
    /// Permit a second number for a payout whose first one is proven dead
    Permit(Decision),
}

#[derive(clap::Args)]
pub(crate) struct Status {
    #[command(flatten)]
    ledger: LedgerArgs,

    /// Only this campaign
    #[arg(long, value_name = "NAME")]
    campaign: Option<String>,

    /// The clock of this sandbox, which may be ahead
    #[arg(long, value_name = "DIR")]
    sandbox: Option<PathBuf>,

    /// One JSON object for each campaign on standard output, words on standard error
    #[arg(long)]
    json: bool,
}

/// What a payout is known by.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Name {
    /// The payout's business key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// The bill number that it has or had (mch_billno)
    #[arg(long, value_name = "NO")]
    number: Option<BillNo>,

    /// The merchant, where the key or number is known to several
    #[arg(long, value_name = "MCH_ID")]
    mch_id: Option<MchId>,
}

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["key", "number"])))]
pub(crate) struct Which {
    #[command(flatten)]
    ledger: LedgerArgs,

    #[command(flatten)]
    name: Name,

    /// One JSON object on standard output, words on standard error
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct Decision {
    #[command(flatten)]
    which: Which,

    /// Why; the journal keeps it
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// Who decides; the journal keeps it
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true, default_value = "somebody")]
    by: String,
}

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["key", "number", "merchant"])))]
pub(crate) struct Release {
    #[command(flatten)]
    ledger: LedgerArgs,

    #[command(flatten)]
    name: Name,

    /// A merchant that is stopped or pauses
    #[arg(long, value_name = "MCH_ID")]
    merchant: Option<MchId>,

    /// Why; the journal of a payout keeps it, and of a merchant the log (--log info)
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// Who decides; kept in the same place
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true, default_value = "somebody")]
    by: String,

    /// One JSON object on standard output, words on standard error
    #[arg(long)]
    json: bool,
}

impl Verb {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Plan(args) => args.json,
            Self::Run(args) => args.json,
            Self::Status(args) => args.json,
            Self::Report(args) => args.json(),
            Self::Show(which) => which.json,
            Self::Hold(args) | Self::Permit(args) => args.which.json,
            Self::Release(args) => args.json,
        }
    }
}

pub(crate) async fn run(verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Plan(args) => payouts_plan::run(&args).await,
        Verb::Run(args) => payouts_run::run(&args).await,
        Verb::Status(args) => status(&args).await,
        Verb::Report(args) => payouts_report::run(&args).await,
        Verb::Show(which) => show(&which).await,
        Verb::Hold(args) => decide(&args, Decided::Held).await,
        Verb::Permit(args) => decide(&args, Decided::Permitted).await,
        Verb::Release(args) => release(args).await,
    }
}

async fn status(args: &Status) -> Result<(), Failure> {
    let terminal = Terminal::new(args.json);
    let ledger = args.ledger.existing().await?;
    let campaigns = ledger::campaigns(&*ledger, args.campaign.as_deref()).await?;
    if campaigns.is_empty() {
        terminal.say("the ledger has no campaign; plan one: hongbao payouts plan FILE --campaign NAME");
    }
    let now = ledger::clock(args.sandbox.as_deref()).await.now();
    for campaign in campaigns {
        let totals = ledger.totals(campaign.id).await.map_err(Failure::of_ledger)?;
        let (gate, _) = ledger.gate(&campaign.mch_id).await.map_err(Failure::of_ledger)?;
        terminal.result(&json!({
            "campaign": campaign.name, "mch_id": campaign.mch_id, "ready": campaign.ready,
            "digest": campaign.digest, "totals": totals, "merchant": gate,
        }));
        terminal.say(format_args!("{TITLE}{}{TITLE:#}, merchant {}", harmless(&campaign.name), campaign.mch_id));
        if campaign.ready.is_none() {
            terminal.say(format_args!("  {BAD}not ready:{BAD:#} its file was not taken in to the end; plan it again"));
        }
        for total in &totals {
            let cause = total.cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
            terminal.say(format_args!(
                "  {:<26} {:>10}  {MONEY}{:>14}{MONEY:#} yuan",
                format!("{}{cause}", total.phase),
                total.count,
                total.amount
            ));
        }
        if gate.stopped {
            let reason = harmless(gate.reason.as_deref().unwrap_or_default()).into_owned();
            terminal.say(format_args!("  {BAD}the merchant is stopped:{BAD:#} {reason}"));
            terminal.say(format_args!(
                "  next step: correct it, then hongbao payouts release --merchant {} --reason …",
                campaign.mch_id
            ));
        } else if let Some(until) = gate.paused_until {
            let reason = harmless(gate.reason.as_deref().unwrap_or_default()).into_owned();
            let (verb, next) = match until > now {
                true => ("pauses", "it goes on by itself"),
                false => ("paused", "payouts run tries again, with one packet first"),
            };
            terminal.say(format_args!("  the merchant {verb} until {until}: {reason}"));
            if totals.iter().any(|total| matches!(total.phase, Phase::Planned | Phase::Sending)) {
                terminal.say(format_args!("  next step: {next}"));
            }
        }
    }
    Ok(())
}

impl Which {
    async fn payout(&self, ledger: &dyn Ledger) -> Result<Payout, Failure> {
        find(ledger, &self.name).await
    }
}

async fn find(ledger: &dyn Ledger, name: &Name) -> Result<Payout, Failure> {
    let Name { key, number, mch_id } = name;
    let mut merchants: Vec<MchId> = match mch_id {
        Some(mch_id) => vec![mch_id.clone()],
        None => ledger::campaigns(ledger, None).await?.into_iter().map(|campaign| campaign.mch_id).collect(),
    };
    merchants.sort();
    merchants.dedup();
    let mut found = Vec::new();
    for mch_id in &merchants {
        let payout = match (key, number) {
            (Some(key), _) => ledger.find(mch_id, key).await,
            (None, Some(number)) => ledger.find_number(mch_id, number).await,
            (None, None) => Ok(None),
        };
        found.extend(payout.map_err(Failure::of_ledger)?);
    }
    let name = key.as_deref().or(number.as_ref().map(BillNo::as_str)).unwrap_or_default();
    match (found.pop(), found.is_empty()) {
        (Some(payout), true) => Ok(payout),
        (None, _) => Err(Failure::usage(
            format!("no payout has {name:?}"),
            "give its key as the file has it (CAMPAIGN/OPENID where the file has none), or its number",
        )),
        (Some(_), false) => Err(Failure::usage(format!("several merchants have a payout {name:?}"), "add --mch-id")),
    }
}

async fn show(which: &Which) -> Result<(), Failure> {
    let terminal = Terminal::new(which.json);
    let ledger = which.ledger.existing().await?;
    let payout = which.payout(&*ledger).await?;
    let journal = ledger.journal(payout.id).await.map_err(Failure::of_ledger)?;
    let mut object = json!(payout);
    object["journal"] = json!(journal);
    terminal.result(&object);
    told(terminal, &payout);
    terminal.say(format_args!("\n{TITLE}Journal{TITLE:#}, Beijing time"));
    if journal.is_empty() {
        terminal.say("  nothing yet: no attempt was begun, and nobody decided anything");
    }
    for entry in journal {
        let (by, text) = (harmless(&entry.by).into_owned(), harmless(&entry.text).into_owned());
        terminal.say(format_args!("  {}  {:<8}  {QUIET}{by}{QUIET:#}  {text}", entry.at, entry.kind.as_str()));
    }
    Ok(())
}

fn told(terminal: Terminal, payout: &Payout) {
    let standing = &payout.standing;
    terminal.row("key", harmless(&payout.key));
    terminal.row("number", format_args!("{NUMBER}{}{NUMBER:#}", payout.number));
    terminal.row("amount", format_args!("{MONEY}{}{MONEY:#} yuan", payout.amount));
    terminal.row("payee", &payout.openid);
    terminal.row("from", &payout.mch_id);
    terminal.row("state", format_args!("{GOOD}{}{GOOD:#}", standing.phase));
    if let Some(cause) = standing.cause {
        terminal.row("cause", cause);
    }
    if let Some(note) = &standing.note {
        terminal.row("note", harmless(note));
    }
    if let Some(next) = standing.next {
        terminal.row("next", format_args!("{} at {} Beijing time", next.action.as_str(), next.at));
    } else if let Some(cause) = standing.cause {
        terminal.row("next step", cause.next_step());
    }
}

#[derive(Clone, Copy)]
enum Decided {
    Held,
    Released,
    Permitted,
}

impl Decided {
    const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Released => "released",
            Self::Permitted => "permitted",
        }
    }
}

async fn decide(args: &Decision, decided: Decided) -> Result<(), Failure> {
    let ledger = args.which.ledger.existing().await?;
    let payout = args.which.payout(&*ledger).await?;
    let operator = Operator::new(Arc::clone(&ledger), args.by.as_str());
    let changed = match decided {
        Decided::Permitted => operator.permit(&payout, &args.reason).await,
        _ => operator.hold(&payout, &args.reason).await,
    };
    done(Terminal::new(args.which.json), decided, &changed.map_err(|error| forbidden(&payout, error))?);
    Ok(())
}

async fn release(args: Release) -> Result<(), Failure> {
    let terminal = Terminal::new(args.json);
    let ledger = args.ledger.existing().await?;
    let operator = Operator::new(Arc::clone(&ledger), args.by.as_str());
    if let Some(mch_id) = &args.merchant {
        let campaigns = ledger::campaigns(&*ledger, None).await?;
        if !campaigns.iter().any(|campaign| campaign.mch_id == *mch_id) {
            let mut known: Vec<&str> = campaigns.iter().map(|campaign| campaign.mch_id.as_str()).collect();
            known.sort_unstable();
            known.dedup();
            let problem = format!("the ledger has no campaign of the merchant {mch_id}");
            return Err(Failure::usage(problem, format!("it has those of: {}", known.join(", "))));
        }
        operator.release_merchant(mch_id, &args.reason).await.map_err(Failure::from)?;
        terminal.result(&json!({ "outcome": "released", "mch_id": mch_id }));
        terminal.say(format_args!("{GOOD}released{GOOD:#}: merchant {mch_id} goes on, with one packet first"));
        return Ok(());
    }
    let payout = find(&*ledger, &args.name).await?;
    let changed = operator.release(&payout, &args.reason).await.map_err(|error| forbidden(&payout, error))?;
    done(terminal, Decided::Released, &changed);
    Ok(())
}

/// A decision that does not fit where the payout stands.
fn forbidden(payout: &Payout, error: hongbao::Error) -> Failure {
    if error.field() != Some("payout") {
        return Failure::from(error);
    }
    let problem = error.to_string();
    let problem = problem.strip_prefix("payout: ").unwrap_or(&problem);
    let next = format!("nothing was changed; hongbao payouts show --number {} tells the whole story", payout.number);
    Failure::usage(format!("{}: {problem}", harmless(&payout.key)), next)
}

fn done(terminal: Terminal, decided: Decided, payout: &Payout) {
    let mut object: Value = json!(payout);
    object["outcome"] = json!(decided.word());
    terminal.result(&object);
    terminal.say(format_args!("{GOOD}{}{GOOD:#}", decided.word()));
    told(terminal, payout);
}
