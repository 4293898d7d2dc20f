//! `hongbao notify`: what a notification says, and whether it is genuine.

use std::path::PathBuf;

use hongbao::notify::{self, Ack, Expected, ExpectedRefund, Hint, Kind, Paid, Refunded, Scanned};
use hongbao::query::RefundStatus;
use hongbao::wire::{Doc, Notice, Receiver};
use hongbao::{Cert, Client, Entity, Error, ErrorKind, Fen, Merchant, Merchants, OutRefundNo, OutTradeNo, Outcome};
use serde_json::{Map, Value, json};

use crate::entities::Source;
use crate::failure::Failure;
use crate::input;
use crate::listen::{self, Listen};
use crate::terminal::{BAD, GOOD, NUMBER, QUIET, Terminal, harmless};

#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Tell whether a notification is genuine, what it says, and what to answer
    ///
    /// Exits with 0 if it is, with 1 if it is not or is not what was expected.
    Verify(Box<Verify>),
    /// Take the notifications of a sandbox, and tell what came
    Listen(Listen),
}

#[derive(clap::Args)]
pub(crate) struct Verify {
    /// The bytes of the request's body, as they came; - reads them from standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    source: Source,

    /// The merchant's number of the order that it must be for
    #[arg(long, value_name = "NO", requires = "expect_amount")]
    expect_order: Option<OutTradeNo>,

    /// What it must be: of a payment the order's amount, of a refund what goes back, in yuan
    #[arg(long, value_name = "YUAN", requires = "expect_order")]
    expect_amount: Option<Fen>,

    /// The merchant's number of the refund that it must be for
    #[arg(long, value_name = "NO", requires = "expect_order")]
    expect_refund: Option<OutRefundNo>,

    /// One JSON object on standard output, words on standard error
    #[arg(long)]
    json: bool,
}

impl Verb {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Verify(args) => args.json,
            Self::Listen(args) => args.json,
        }
    }
}

pub(crate) async fn run(verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Verify(args) => verify(&args).await,
        Verb::Listen(args) => listen::run(&args).await,
    }
}

async fn verify(args: &Verify) -> Result<(), Failure> {
    let terminal = Terminal::new(args.json);
    let body = input::read(&args.file)?;
    let kind = notify::kind(&body).map_err(|error| refused(error, json!({})))?;
    let mut facts = json!({ "kind": word(kind), "verified": false });
    let refuse = |error: Error, facts: &Value| refused(error, facts.clone());
    let Hint { mch_id, app_id, .. } = notify::unverified_merchant(&body).map_err(|error| refuse(error, &facts))?;
    let merchants = Merchants::new();
    for entity in args.source.entities(&mch_id, &app_id)? {
        // To read a notification takes the key alone.
        merchants.insert(Client::new(&Entity { cert: Cert::none(), ..entity })?);
    }
    let (client, fields) = opened(kind, &merchants, &body).await.map_err(|error| refuse(error, &facts))?;
    if let Value::Object(facts) = &mut facts {
        facts.extend(facts_of(client.merchant(), &fields));
    }
    show(terminal, kind, client.merchant(), &fields);
    let judged = judge(args, kind, &client, &body, &fields).await;
    let answer = match &judged {
        Ok(Verdict::ToAnswer) => None,
        Ok(_) => Some(Ack::success()),
        Err(error) => Some(Ack::to(error)),
    };
    facts["answer"] = json!(answer.as_ref().map(Ack::body));
    let verdict = judged.map_err(|error| refuse(error, &facts))?;
    facts["outcome"] = json!("genuine");
    facts["confirmed"] = json!(matches!(verdict, Verdict::Confirmed));
    facts["failed"] = json!(matches!(verdict, Verdict::Failed | Verdict::NotBack(_)));
    terminal.result(&facts);
    terminal.say(match verdict {
        Verdict::Confirmed => format!("{GOOD}confirmed{GOOD:#}; number and amount are those that were expected"),
        Verdict::Unconfirmed => {
            "compare number and amount with the order: --expect-order and --expect-amount".to_owned()
        }
        Verdict::Failed => format!("{BAD}failed{BAD:#}; nothing was paid, and there is nothing to do about it"),
        Verdict::NotBack(RefundStatus::Closed) => {
            format!("{BAD}closed{BAD:#}; no money went back, and another try has another number")
        }
        Verdict::NotBack(status) => format!(
            "{BAD}not given back{BAD:#}; it is {}: somebody has to decide in the merchant platform",
            harmless(status.as_str())
        ),
        Verdict::ToAnswer => {
            "the answer is an order for these goods: its prepay_id, signed, while the user waits".to_owned()
        }
        Verdict::OnlySigned => "this version knows no more of such a notification than its signature".to_owned(),
    });
    if let Some(answer) = answer {
        terminal.say(format_args!("\n{QUIET}answer it with{QUIET:#}\n{}", answer.body()));
    }
    Ok(())
}

/// What programs are told of a genuine notification.
pub(crate) fn facts_of(merchant: &Merchant, fields: &Doc) -> Map<String, Value> {
    let fields: Map<_, _> = fields.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    [
        ("verified", json!(true)),
        ("merchant", json!(merchant.name())),
        ("mch_id", json!(merchant.mch_id())),
        ("app_id", json!(merchant.app_id())),
        ("fields", fields.into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// What people are told of a genuine notification.
pub(crate) fn show(terminal: Terminal, kind: Kind, merchant: &Merchant, fields: &Doc) {
    let (name, mch_id) = (merchant.name(), merchant.mch_id());
    let what = in_words(kind);
    let genuine = match kind {
        Kind::Refunded => "it was encrypted with the key of",
        _ => "it was signed with the key of",
    };
    terminal.say(format_args!("{GOOD}genuine{GOOD:#}; {what}; {genuine} {name} ({mch_id})"));
    for (name, value) in fields.iter() {
        let yuan = match value.parse() {
            Ok(fen) if name.ends_with("_fee") => format!(", {} yuan", Fen::new(fen)),
            _ => String::new(),
        };
        terminal.say(format_args!("  {name:<22} {NUMBER}{}{NUMBER:#}{yuan}", harmless(value)));
    }
}

/// What is to be thought of a genuine notification.
enum Verdict {
    Confirmed,
    Unconfirmed,
    /// It tells of a failure.
    Failed,
    /// It tells of a refund that has ended without giving back.
    NotBack(RefundStatus),
    /// It is a question.
    ToAnswer,
    OnlySigned,
}

/// The fields of a notification of any kind, whatever they say: genuine, and for
/// this entity.
struct Signed(Doc);
struct Question(Doc);
struct Sealed(Doc);

impl Notice for Signed {
    fn open(receiver: &Receiver<'_>, body: &[u8]) -> hongbao::Result<Self> {
        receiver.signed(body).map(Self)
    }
}

impl Notice for Question {
    fn open(receiver: &Receiver<'_>, body: &[u8]) -> hongbao::Result<Self> {
        receiver.signed_question(body).map(Self)
    }
}

impl Notice for Sealed {
    fn open(receiver: &Receiver<'_>, body: &[u8]) -> hongbao::Result<Self> {
        receiver.encrypted(body).map(|(_, inner)| Self(inner))
    }
}

pub(crate) async fn opened(kind: Kind, merchants: &Merchants, body: &[u8]) -> hongbao::Result<(Client, Doc)> {
    match kind {
        Kind::Refunded => merchants.open::<Sealed>(body).await.map(|(client, notice)| (client, notice.0)),
        Kind::Scanned => merchants.open::<Question>(body).await.map(|(client, notice)| (client, notice.0)),
        _ => merchants.open::<Signed>(body).await.map(|(client, notice)| (client, notice.0)),
    }
}

/// Reads it as what it is, and compares it with what was expected.
async fn judge(args: &Verify, kind: Kind, client: &Client, body: &[u8], fields: &Doc) -> hongbao::Result<Verdict> {
    let expected = args.expect_order.clone().zip(args.expect_amount);
    let verdict = match (kind, expected) {
        (Kind::Paid, expected) => {
            let paid = match client.open::<Paid>(body).await {
                Err(error) if is_told_failure(&error) && expected.is_none() => return Ok(Verdict::Failed),
                opened => opened?,
            };
            let Some((number, amount)) = expected else { return Ok(Verdict::Unconfirmed) };
            if args.expect_refund.is_some() {
                return Err(Error::invalid("--expect-refund", "the notification is one of a payment"));
            }
            paid.confirm(&Expected::new(client.merchant(), number, amount))?;
            Verdict::Confirmed
        }
        (Kind::Refunded, expected) => {
            let refunded = client.open::<Refunded>(body).await?;
            let ended = RefundStatus::from(fields.get("refund_status").unwrap_or_default().to_owned());
            let back = |verdict| if ended == RefundStatus::Success { verdict } else { Verdict::NotBack(ended) };
            let Some((number, amount)) = expected else { return Ok(back(Verdict::Unconfirmed)) };
            let refund = match &args.expect_refund {
                Some(number) => number.clone(),
                None => OutRefundNo::new(refunded.out_refund_no())?,
            };
            // Nothing was said of the order's amount, so it is taken as it is told.
            let total = fields.get("total_fee").and_then(|fen| fen.parse().ok()).map_or(Fen::ZERO, Fen::new);
            refunded.confirm(&ExpectedRefund::new(client.merchant(), number.as_str(), refund, total, amount))?;
            back(Verdict::Confirmed)
        }
        (_, Some(_)) => {
            return Err(Error::invalid("--expect-order", "the notification is of no payment and no refund"));
        }
        (Kind::Scanned, None) => {
            client.open::<Scanned>(body).await?;
            Verdict::ToAnswer
        }
        (_, None) => Verdict::OnlySigned,
    };
    Ok(verdict)
}

fn is_told_failure(error: &Error) -> bool {
    error.kind() == ErrorKind::Refusal && error.outcome() == Outcome::Refused
}

/// Exits with 1, with the answer that would be given.
fn refused(error: Error, mut facts: Value) -> Failure {
    if facts.get("answer").is_none() {
        facts["answer"] = json!(Ack::to(&error).body());
    }
    let verdict = match error.kind() {
        ErrorKind::Mismatch if facts["verified"] == json!(true) => "not expected",
        ErrorKind::Mismatch => "for another",
        ErrorKind::Unreadable => "unreadable",
        ErrorKind::Unverified => "not genuine",
        ErrorKind::Refusal => "told failure",
        // An official sandbox hands out the key that it signs with.
        _ => return Failure::from(error),
    };
    let answer = facts["answer"].as_str().map(|body| format!("answer it with: {body}"));
    let failure = Failure::judged(verdict, error).with(facts);
    match answer {
        Some(answer) => failure.hint(answer),
        None => failure,
    }
}

pub(crate) fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Paid => "paid",
        Kind::Refunded => "refunded",
        Kind::Scanned => "scanned",
        Kind::Contract => "contract",
        Kind::Deduction => "deduction",
        Kind::Combined => "combined",
        _ => "other",
    }
}

fn in_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Paid => "about a payment",
        Kind::Refunded => "about the end of a refund",
        Kind::Scanned => "about a static QR code that somebody scanned",
        Kind::Contract => "about a contract that was signed or ended",
        Kind::Deduction => "about a deduction by contract",
        Kind::Combined => "about a payment of several orders at once",
        _ => "about something that this version does not know",
    }
}
