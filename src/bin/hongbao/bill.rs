//! `hongbao bill download` and `hongbao bill show`.

use std::io::{Cursor, Read as _};
use std::path::PathBuf;

use clap::ValueEnum;
use hongbao::clock::Day;
use hongbao::query::bill::{Funds, Reader, Trades};
use hongbao::query::{AccountType, BillType, FundFlow, TradeBill};
use hongbao::wire::{Progress as Step, Sheet, Tabular};
use hongbao::{Client, Error, ErrorKind};

use crate::bill_kept::Kept;
use crate::bill_output::{Form, Output, Progress, size, sum_up};
use crate::bill_rows::{Bill, Row};
use crate::entities::Source;
use crate::failure::Failure;
use crate::input;

#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Fetch the trade bill (交易账单) or fund bill (资金账单) of a day, and check its totals
    ///
    /// There from 10:00 Beijing time of the next day on, for three months. Amounts are yuan and times
    /// Beijing times; with --json they are fen and milliseconds, and fees thousandths of a fen.
    Download(Box<Download>),
    /// Show a bill that WeChat wrote, plain or gzip, and check its totals
    ///
    /// A table on a terminal, CSV in a pipe; amounts and times are written as download writes them.
    /// Exits with 1 if rows are missing or do not add up.
    Show(Show),
}

#[derive(clap::Args)]
pub(crate) struct Download {
    #[command(flatten)]
    source: Source,

    /// The Beijing day
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: Day,

    /// Which rows of the trade bill
    #[arg(long = "type", value_name = "TYPE", default_value = "all", conflicts_with = "funds")]
    rows: Rows,

    /// The fund bill of an account, in place of the trade bill
    #[arg(long, value_name = "ACCOUNT")]
    funds: Option<Account>,

    /// Write to a file, which is there only when the bill is whole
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Keep WeChat's own text as it comes
    #[arg(long, conflicts_with = "json")]
    raw: bool,

    /// One JSON object for each row and one for the totals on standard output, words on standard error
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Rows {
    /// Payments of the day, and refunds that began on it
    All,
    /// Payments
    Success,
    /// Refunds
    Refund,
    /// Refunds of recharge orders
    RechargeRefund,
}

#[derive(Clone, Copy, ValueEnum)]
enum Account {
    /// Where payments arrive
    Basic,
    /// What payouts are made from
    Operation,
    /// Fees
    Fees,
}

#[derive(clap::Args)]
pub(crate) struct Show {
    /// The bill; - reads it from standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// How many rows to show; all of them are checked
    #[arg(long, value_name = "ROWS")]
    limit: Option<u64>,

    /// One JSON object for each row and one for the totals on standard output, words on standard error
    #[arg(long)]
    json: bool,
}

impl Verb {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Download(args) => args.json,
            Self::Show(args) => args.json,
        }
    }
}

pub(crate) async fn run(verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Download(args) => download(&args).await,
        Verb::Show(args) => show(&args),
    }
}

async fn download(args: &Download) -> Result<(), Failure> {
    let client = Client::new(&args.source.entity()?)?;
    match args.funds {
        None => {
            let bill_type = match args.rows {
                Rows::All => BillType::All,
                Rows::Success => BillType::Success,
                Rows::Refund => BillType::Refund,
                Rows::RechargeRefund => BillType::RechargeRefund,
            };
            let bill = TradeBill { bill_type, ..TradeBill::new(args.date) };
            if args.raw {
                raw(args, &client, Kept(TradeBill { tar_type: None, ..bill })).await
            } else {
                rows(args, &client, &bill).await
            }
        }
        Some(account) => {
            let account = match account {
                Account::Basic => AccountType::Basic,
                Account::Operation => AccountType::Operation,
                Account::Fees => AccountType::Fees,
            };
            let bill = FundFlow::new(args.date, account);
            if args.raw {
                raw(args, &client, Kept(FundFlow { tar_type: None, ..bill })).await
            } else {
                rows(args, &client, &bill).await
            }
        }
    }
}

async fn rows<R>(args: &Download, client: &Client, bill: &R) -> Result<(), Failure>
where
    R: Tabular,
    R::Sheet: Bill + 'static,
    for<'a> <R::Sheet as Sheet>::Row<'a>: Row,
{
    let mut table = client.download(bill).await.map_err(|error| refused(args, error))?;
    let mut output = Output::new(Form::of(args.json, args.out.as_deref()), args.out.clone(), None)?;
    let mut progress = Progress::new(args.out.is_some());
    loop {
        match table.next().await {
            Ok(Some(row)) => output.row(&row)?,
            Ok(None) => break,
            Err(error) => {
                progress.end();
                return Err(unreadable(error));
            }
        }
        progress.at(output.rows(), table.received());
    }
    progress.end();
    came(args, output.rows(), table.received());
    output.end()?;
    sum_up(args.json, table.sheet().totals())
}

/// What WeChat wrote is kept, whatever is to be thought of it.
async fn raw<R>(args: &Download, client: &Client, bill: Kept<R>) -> Result<(), Failure>
where
    R: Tabular,
    R::Sheet: Bill + 'static,
{
    let mut table = client.download(&bill).await.map_err(|error| refused(args, error))?;
    let mut output = Output::new(Form::Raw, args.out.clone(), None)?;
    let mut progress = Progress::new(args.out.is_some());
    let mut rows = 0;
    let ended = loop {
        match table.next().await {
            Ok(Some(())) => rows += 1,
            Ok(None) => break Ok(()),
            Err(error) if error.kind() == ErrorKind::Unreadable => break Err(error),
            Err(error) => {
                progress.end();
                return Err(unreadable(error));
            }
        }
        output.raw(&table.sheet().taken())?;
        progress.at(rows, table.received());
    };
    progress.end();
    output.raw(&table.sheet().taken())?;
    came(args, rows, table.received());
    output.end()?;
    ended.map_err(unreadable)?;
    sum_up(false, table.sheet().sheet.totals())
}

fn came(args: &Download, rows: u64, bytes: u64) {
    let place = args.out.as_ref().map_or(String::new(), |file| format!(" to {}", file.display()));
    let line = format!("{} of {}: {} received, {rows} rows{place}", what(args), args.date, size(bytes));
    let _ = std::io::Write::write_fmt(&mut anstream::stderr(), format_args!("{line}\n"));
}

fn what(args: &Download) -> &'static str {
    if args.funds.is_some() { "fund bill" } else { "trade bill" }
}

fn refused(args: &Download, error: Error) -> Failure {
    let none = error.code().is_some_and(|code| *code == "NO_BILL_EXIST");
    let failure = args.source.failure(error).about("bill_date", args.date);
    match (none, args.funds) {
        (false, _) => failure,
        (true, None) => failure.hint(format!("no trade on {}: WeChat makes no bill of such a day", args.date)),
        (true, Some(_)) => failure.hint(format!("nothing moved in this account on {}", args.date)),
    }
}

/// The bytes came and are no whole bill; or they did not all come.
fn unreadable(error: Error) -> Failure {
    match error.kind() {
        ErrorKind::Unreadable => Failure::judged("unreadable bill", error),
        _ => Failure::from(error),
    }
}

fn show(args: &Show) -> Result<(), Failure> {
    let mut from = input::open(&args.file)?;
    let mut head = Vec::new();
    from.by_ref()
        .take(HEAD)
        .read_to_end(&mut head)
        .map_err(|error| Failure::usage(format!("{}: {error}", args.file.display()), "give a file that can be read"))?;
    let funds = is_of_funds(&head);
    let bytes = Cursor::new(head).chain(from);
    if funds { shown(args, Reader::new(bytes, Funds::new())) } else { shown(args, Reader::new(bytes, Trades::new())) }
}

/// Enough for the names of the columns.
const HEAD: u64 = 64 * 1024;

/// By its first column, or, where it is compressed, by whether it can be read so.
fn is_of_funds(head: &[u8]) -> bool {
    let first = "记账时间".as_bytes();
    let mut funds = Funds::new();
    head.windows(first.len()).take(16).any(|text| text == first)
        || funds.feed(head).and_then(|()| funds.advance()).is_ok_and(|step| step == Step::Row)
}

fn shown<R, S>(args: &Show, mut bill: Reader<R, S>) -> Result<(), Failure>
where
    R: std::io::Read,
    S: Bill + 'static,
    for<'a> S::Row<'a>: Row,
{
    let mut output = Output::new(Form::of(args.json, None), None, args.limit)?;
    let ended = loop {
        match bill.next_row() {
            Ok(Some(row)) => output.row(&row)?,
            Ok(None) => break Ok(()),
            Err(error) => break Err(unreadable(error)),
        }
    };
    output.end()?;
    ended?;
    sum_up(args.json, bill.sheet().totals())
}
