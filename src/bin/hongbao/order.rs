//! `hongbao order query`, `close` and the way to the other verbs of orders.

use hongbao::pay::{self, OrderKey, TradeState};
use hongbao::query::{self, OrderFound, RefundKey};
use hongbao::{Client, OutTradeNo, PayConfig as _};
use serde_json::json;

use crate::entities::Source;
use crate::failure::Failure;
use crate::order_create::{self, Create};
use crate::refund::{self, Refund, Refunds};
use crate::terminal::{GOOD, MONEY, NUMBER, Terminal, harmless};

#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Place an order (统一下单) and print what its payer needs
    ///
    /// The same command again is safe: with the same number and the same fields it is the same order.
    Create(Box<Create>),
    /// Ask what became of an order (查询订单)
    Query(Query),
    /// Close an order, so that it cannot be paid any more (关闭订单)
    ///
    /// Not sooner than five minutes after it was placed.
    Close(Close),
    /// Give a payment back, or a part of it (申请退款)
    ///
    /// The same command again is safe: with the same number and amount it is the same refund.
    Refund(Box<Refund>),
    /// List the refunds of an order, and what became of each (查询退款)
    Refunds(Refunds),
}

/// Which order.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["out_trade_no", "transaction_id"])))]
pub(crate) struct Which {
    /// The merchant's number of the order
    #[arg(long, value_name = "NO")]
    out_trade_no: Option<OutTradeNo>,

    /// WeChat's number of the payment
    #[arg(long, value_name = "NO", value_parser = filled)]
    transaction_id: Option<String>,
}

impl Which {
    pub(crate) fn order(&self) -> Result<OrderKey, Failure> {
        match (&self.transaction_id, &self.out_trade_no) {
            (Some(number), _) => Ok(OrderKey::TransactionId(number.clone())),
            (None, Some(number)) => Ok(OrderKey::OutTradeNo(number.clone())),
            (None, None) => Err(Failure::usage("no order is named", "give --out-trade-no or --transaction-id")),
        }
    }

    pub(crate) fn refunds(&self) -> Result<RefundKey, Failure> {
        Ok(match self.order()? {
            OrderKey::OutTradeNo(number) => RefundKey::OutTradeNo(number),
            other => RefundKey::TransactionId(number_of(&other).1.to_owned()),
        })
    }
}

/// A number's name on the wire, and the number.
pub(crate) fn number_of(order: &OrderKey) -> (&'static str, &str) {
    match order {
        OrderKey::OutTradeNo(number) => (OUT_TRADE_NO, number.as_str()),
        OrderKey::TransactionId(number) => ("transaction_id", number),
        _ => ("order", ""),
    }
}

pub(crate) const OUT_TRADE_NO: &str = "out_trade_no";

pub(crate) fn filled(text: &str) -> Result<String, &'static str> {
    if text.is_empty() { Err("must not be empty") } else { Ok(text.to_owned()) }
}

#[derive(clap::Args)]
pub(crate) struct Query {
    #[command(flatten)]
    source: Source,

    #[command(flatten)]
    which: Which,

    /// List its refunds too
    #[arg(long)]
    refunds: bool,

    /// One JSON object on standard output, words on standard error
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct Close {
    #[command(flatten)]
    source: Source,

    /// The merchant's number of the order
    #[arg(long, value_name = "NO")]
    out_trade_no: OutTradeNo,

    /// One JSON object on standard output, words on standard error
    #[arg(long)]
    json: bool,
}

impl Verb {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Create(args) => args.json,
            Self::Query(args) => args.json,
            Self::Close(args) => args.json,
            Self::Refund(args) => args.json,
            Self::Refunds(args) => args.json,
        }
    }
}

pub(crate) async fn run(verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Create(args) => order_create::create(&args).await,
        Verb::Query(args) => query(&args).await,
        Verb::Close(args) => close(&args).await,
        Verb::Refund(args) => refund::refund(&args).await,
        Verb::Refunds(args) => refund::refunds(&args).await,
    }
}

async fn query(args: &Query) -> Result<(), Failure> {
    let terminal = Terminal::new(args.json);
    let client = Client::new(&args.source.entity()?)?;
    let order = args.which.order()?;
    let (field, number) = number_of(&order);
    let found = client.send(&query::Order::new(order.clone())).await;
    let found = found.map_err(|error| args.source.failure(error).about(field, number))?;
    let mut result = json!(found);
    result["outcome"] = json!("found");
    let refunds = match (args.refunds, found.trade_state.is_paid()) {
        (false, _) => None,
        (true, false) => Some(None),
        (true, true) => {
            let known = refund::known(&client, args.which.refunds()?).await;
            Some(known.map_err(|error| args.source.failure(error).about(field, number))?)
        }
    };
    if let Some(known) = &refunds {
        result["refunds"] = json!(refund::listed(known.as_ref()));
    }
    terminal.result(&result);
    table(terminal, &found);
    if let Some(known) = &refunds {
        refund::table(terminal, known.as_ref());
    }
    Ok(())
}

fn table(terminal: Terminal, found: &OrderFound) {
    terminal.row("number", format_args!("{NUMBER}{}{NUMBER:#}", found.out_trade_no));
    terminal.row("state", format_args!("{GOOD}{}{GOOD:#}, {}", found.trade_state, in_words(&found.trade_state)));
    if let Some(amount) = found.total_fee {
        terminal.row("amount", format_args!("{MONEY}{amount}{MONEY:#} {}", currency(found.fee_type.as_deref())));
    }
    if let (Some(cash), Some(coupons)) = (found.cash_fee, found.coupon_fee) {
        terminal.row("of that", format_args!("{cash} by the user, {coupons} by coupons"));
    }
    if let Some(number) = &found.transaction_id {
        terminal.row("WeChat's", format_args!("{NUMBER}{number}{NUMBER:#}"));
    }
    if let Some(time) = found.time_end {
        terminal.row("paid", format_args!("{time} Beijing time"));
    }
    for (label, text) in [("by", found.openid.as_deref()), ("bank", found.bank_type.as_deref())] {
        if let Some(text) = text {
            terminal.row(label, text);
        }
    }
    if let Some(way) = &found.trade_type {
        terminal.row("way", way);
    }
    if let Some(text) = &found.attach {
        terminal.row("attach", harmless(text));
    }
}

/// The unit behind an amount.
pub(crate) fn currency(fee_type: Option<&str>) -> &str {
    match fee_type {
        None | Some("CNY") => "yuan",
        Some(other) => other,
    }
}

/// A state for people.
fn in_words(state: &TradeState) -> &'static str {
    match state {
        TradeState::Success => "the money came",
        TradeState::Refund => "the money came, and a refund was accepted: of all or of a part",
        TradeState::NotPay => "nobody has paid it",
        TradeState::Closed => "it cannot be paid any more",
        TradeState::Revoked => "the payment was reversed; nothing is held",
        TradeState::UserPaying => "the user has to enter the password",
        TradeState::PayError | TradeState::PayFail => "the payment failed; nothing is held",
        TradeState::Accept => "accepted, waiting for the deduction",
        _ => "a state that this version does not know",
    }
}

async fn close(args: &Close) -> Result<(), Failure> {
    let terminal = Terminal::new(args.json);
    let entity = args.source.entity()?;
    let client = Client::new(&entity)?;
    let number = &args.out_trade_no;
    let before = match client.send(&pay::Close { out_trade_no: number.clone() }).await {
        Ok(_) => false,
        Err(error) if error.code().is_some_and(|code| *code == "ORDERCLOSED") => true,
        Err(error) => return Err(args.source.failure(error).about(OUT_TRADE_NO, number)),
    };
    terminal.result(&json!({
        "outcome": "closed", "out_trade_no": number, "mch_id": entity.mch_id(), "closed_before": before,
    }));
    let when = if before { "it was closed before" } else { "it cannot be paid any more" };
    terminal.say(format_args!("{GOOD}closed{GOOD:#}; {when}"));
    terminal.say(format_args!("  number     {NUMBER}{number}{NUMBER:#}"));
    Ok(())
}
