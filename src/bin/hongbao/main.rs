//! `hongbao`: WeChat Pay in a terminal.

mod bill;
mod bill_kept;
mod bill_output;
mod bill_rows;
mod config_file;
mod console;
mod demo;
mod demo_payouts;
mod entities;
mod failure;
mod http;
mod input;
mod ledger;
mod listen;
mod notify;
mod order;
mod order_create;
mod order_place;
mod payouts;
mod payouts_plan;
mod payouts_report;
mod payouts_run;
mod redpack;
mod refund;
mod sandbox;
mod sandbox_listen;
mod sandbox_logs;
mod sandbox_run;
mod sandbox_trigger;
mod scenario;
mod terminal;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use failure::Failure;
use terminal::{Log, Terminal};

/// WeChat Pay (微信支付): red packets, orders, refunds, notifications and bills, and a sandbox to prove them.
#[derive(Parser)]
#[command(name = "hongbao", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Args {
    #[command(subcommand)]
    verb: Verb,

    /// What to log on standard error, as in debug; HONGBAO_LOG does the same
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused, not sent, not genuine or not whole: this call moved no money; or a scenario that differs
  2  wrong use or configuration: nothing was sent
  3  outcome unknown: query, or repeat the same command; never with a new number";

#[derive(Subcommand)]
enum Verb {
    /// Tell the story of four red packets against a sandbox in this process
    Demo(demo::Args),
    /// Run a WeChat Pay on this machine
    Sandbox(sandbox::Args),
    /// Send a red packet (现金红包), or ask what became of one
    #[command(subcommand)]
    Redpack(redpack::Verb),
    /// Send many red packets from a file, each paid once
    #[command(subcommand)]
    Payouts(payouts::Verb),
    /// Place an order (订单), query, close or refund it
    #[command(subcommand)]
    Order(order::Verb),
    /// Look into notifications (通知) that WeChat sends
    #[command(subcommand)]
    Notify(notify::Verb),
    /// Fetch a bill (账单), or show one
    #[command(subcommand)]
    Bill(bill::Verb),
}

impl Verb {
    fn json(&self) -> bool {
        match self {
            Self::Demo(args) => args.json,
            Self::Sandbox(args) => args.json(),
            Self::Redpack(verb) => verb.json(),
            Self::Payouts(verb) => verb.json(),
            Self::Order(verb) => verb.json(),
            Self::Notify(verb) => verb.json(),
            Self::Bill(verb) => verb.json(),
        }
    }

    /// What is logged unless told otherwise. Failed attempts are left out: the
    /// story of the demo tells them, and so does the report of an error.
    fn usual_log(&self) -> &'static str {
        match self {
            Self::Demo(_) => "off",
            Self::Sandbox(args) => args.usual_log(),
            Self::Redpack(_) | Self::Order(_) | Self::Notify(_) => "warn,hongbao::client=off",
            // Each attempt is in the journal; what matters to people is told by the dispatcher.
            Self::Payouts(_) => "warn,hongbao::client=off",
            // What does not add up is told in the end.
            Self::Bill(_) => "warn,hongbao::client=off,hongbao::query=off",
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let json = args.verb.json();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            Terminal::new(json).result(&failure.json());
            Terminal::complain(failure.headline(), failure.report());
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(args: Args) -> Result<(), Failure> {
    start_log(args.log, args.verb.usual_log())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Failure::usage(format!("no threads from the system: {error}"), "free some memory or raise the process limits")
    })?;
    runtime.block_on(async {
        match args.verb {
            Verb::Demo(args) => demo::run(&args).await.map_err(Failure::into_unexpected),
            Verb::Sandbox(args) => sandbox::run(&args).await,
            Verb::Redpack(verb) => redpack::run(verb).await,
            Verb::Payouts(verb) => payouts::run(verb).await,
            Verb::Order(verb) => order::run(verb).await,
            Verb::Notify(verb) => notify::run(verb).await,
            Verb::Bill(verb) => bill::run(verb).await,
        }
    })
}

fn start_log(flag: Option<String>, usual: &str) -> Result<(), Failure> {
    let (origin, filter) = match (flag, std::env::var("HONGBAO_LOG")) {
        (Some(filter), _) => ("--log", filter),
        (None, Ok(filter)) if !filter.is_empty() => ("HONGBAO_LOG", filter),
        (None, _) => ("--log", usual.to_owned()),
    };
    let filter = EnvFilter::try_new(&filter).map_err(|error| {
        Failure::usage(
            format!("{origin}: {filter:?}: {error}"),
            "give a level such as debug, or hongbao=debug,hyper=info",
        )
    })?;
    let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Log).with_ansi(colours).init();
    Ok(())
}
