//! `hongbao order refund` and `hongbao order refunds`.

use hongbao::pay::{self, RefundExtra};
use hongbao::query::{self, RefundFound, RefundKey, RefundStatus, RefundsFound};
use hongbao::{Client, Entity, Fen, OutRefundNo, OutTradeNo, PayConfig as _};
use serde_json::json;

use crate::entities::Source;
use crate::failure::Failure;
use crate::order::{Which, filled, number_of};
use crate::terminal::{GOOD, MONEY, NUMBER, QUIET, Terminal};

#[derive(clap::Args)]
pub(crate) struct Refund {
    #[command(flatten)]
    source: Source,

    #[command(flatten)]
    which: Which,

    /// The merchant's number of this refund, stored before the first attempt
    #[arg(long, value_name = "NO")]
    out_refund_no: OutRefundNo,

    /// How much goes back, in yuan
    #[arg(long, value_name = "YUAN")]
    amount: Fen,

    /// What was ordered, in yuan; asked for first if it is left out
    #[arg(long, value_name = "YUAN")]
    total: Option<Fen>,

    /// What the user is told
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// Where WeChat tells of the result; no query string
    #[arg(long, value_name = "URL")]
    notify_url: Option<String>,

    /// Required where money is real: it leaves the merchant's account
    #[arg(long)]
    yes_real_money: bool,

    /// One JSON object on standard output, words on standard error
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("refund").required(true).args(
    ["out_trade_no", "transaction_id", "out_refund_no", "refund_id"],
)))]
pub(crate) struct Refunds {
    #[command(flatten)]
    source: Source,

    /// All of an order, by the merchant's number
    #[arg(long, value_name = "NO")]
    out_trade_no: Option<OutTradeNo>,

    /// All of an order, by WeChat's number of the payment
    #[arg(long, value_name = "NO", value_parser = filled)]
    transaction_id: Option<String>,

    /// One, by the merchant's number of it
    #[arg(long, value_name = "NO")]
    out_refund_no: Option<OutRefundNo>,

    /// One, by WeChat's number of it
    #[arg(long, value_name = "NO", value_parser = filled)]
    refund_id: Option<String>,

    /// One JSON object on standard output, words on standard error
    #[arg(long)]
    pub(crate) json: bool,
}

const OUT_REFUND_NO: &str = "out_refund_no";

pub(crate) async fn refund(args: &Refund) -> Result<(), Failure> {
    let terminal = Terminal::new(args.json);
    let entity = args.source.entity()?;
    if entity.endpoint.is_production() && !args.yes_real_money {
        let problem = format!("{} is a real account: {} yuan would leave it", entity.name, args.amount);
        return Err(Failure::usage(problem, "add --yes-real-money if that is meant; nothing was sent"));
    }
    let client = Client::new(&entity)?;
    let refund = prepared(args, &client).await.map_err(|failure| failure.about(OUT_REFUND_NO, &args.out_refund_no))?;
    let taken = client.send(&refund).await;
    let taken = taken.map_err(|error| args.source.failure(error).about(OUT_REFUND_NO, &args.out_refund_no))?;
    let mut result = json!(taken);
    result["outcome"] = json!("accepted");
    result["mch_id"] = json!(entity.mch_id());
    terminal.result(&result);
    accepted(terminal, &entity, &taken);
    Ok(())
}

fn accepted(terminal: Terminal, entity: &Entity, taken: &pay::RefundTaken) {
    let pay::RefundTaken { out_refund_no, out_trade_no, refund_fee, total_fee, refund_id, .. } = taken;
    terminal.say(format_args!("{GOOD}accepted{GOOD:#}; what becomes of it comes later, so ask: order refunds"));
    terminal.say(format_args!("  number     {NUMBER}{out_refund_no}{NUMBER:#}"));
    terminal.say(format_args!("  amount     {MONEY}{refund_fee}{MONEY:#} of {total_fee} yuan"));
    terminal.say(format_args!("  of order   {NUMBER}{out_trade_no}{NUMBER:#}"));
    terminal.say(format_args!("  from       {} ({})", entity.name, entity.mch_id));
    terminal.say(format_args!("  WeChat's   {NUMBER}{refund_id}{NUMBER:#}"));
}

/// The refund, after what can be known before it was asked.
async fn prepared(args: &Refund, client: &Client) -> Result<pay::Refund, Failure> {
    let order = args.which.order()?;
    let total_fee = match args.total {
        Some(total) => total,
        None => {
            let found = client.send(&query::Order::new(order.clone())).await;
            let found = found.map_err(|error| args.source.failed_question(error))?;
            let Some(payment) = found.payment() else {
                let problem =
                    format!("order {} is {}: there is no payment to give back", number_of(&order).1, found.trade_state);
                return Err(Failure::not_now(problem, "query the order; nothing was sent"));
            };
            payment.total_fee
        }
    };
    let refund = pay::Refund {
        order,
        out_refund_no: args.out_refund_no.clone(),
        total_fee,
        refund_fee: args.amount,
        extra: RefundExtra {
            refund_desc: args.reason.clone(),
            notify_url: args.notify_url.clone(),
            ..RefundExtra::default()
        },
    };
    let known = known(client, args.which.refunds()?).await.map_err(|error| args.source.failed_question(error))?;
    let Some(known) = known else { return Ok(refund) };
    let number = args.out_refund_no.as_str();
    if known.refunds.iter().any(|refund| refund.out_refund_no == number && refund.refund_status.is_closed()) {
        let problem = format!("refund {number} was closed before, without money");
        return Err(Failure::not_now(problem, "give another try another number; nothing was sent"));
    }
    refund.within(known.standing())?;
    Ok(refund)
}

/// All refunds of an order that WeChat knows of, page by page. An order without
/// one answers with an error, which is none.
pub(crate) async fn known(client: &Client, key: RefundKey) -> hongbao::Result<Option<RefundsFound>> {
    let of_an_order = matches!(key, RefundKey::OutTradeNo(_) | RefundKey::TransactionId(_));
    let mut question = query::Refund::new(key);
    let mut known: Option<RefundsFound> = None;
    loop {
        let found = match client.send(&question).await {
            Ok(found) => found,
            Err(error) if of_an_order && error.code().is_some_and(|code| *code == "REFUNDNOTEXIST") => {
                return Ok(known);
            }
            Err(error) => return Err(error),
        };
        let next = found.next_offset(question.offset);
        match &mut known {
            Some(known) => known.refunds.extend(found.refunds),
            None => known = Some(found),
        }
        match next {
            Some(offset) => question.offset = Some(offset),
            None => return Ok(known),
        }
    }
}

pub(crate) async fn refunds(args: &Refunds) -> Result<(), Failure> {
    let terminal = Terminal::new(args.json);
    let client = Client::new(&args.source.entity()?)?;
    let (field, key) = args.key()?;
    let number = args.number();
    let known = known(&client, key).await.map_err(|error| args.source.failure(error).about(field, number))?;
    let mut result = json!({
        "outcome": "found",
        "total_fee": known.as_ref().map(|known| known.total_fee),
        "refunds": listed(known.as_ref()),
    });
    result[field] = json!(number);
    terminal.result(&result);
    table(terminal, known.as_ref());
    Ok(())
}

impl Refunds {
    fn key(&self) -> Result<(&'static str, RefundKey), Failure> {
        match (&self.refund_id, &self.out_refund_no, &self.transaction_id, &self.out_trade_no) {
            (Some(number), ..) => Ok(("refund_id", RefundKey::RefundId(number.clone()))),
            (_, Some(number), ..) => Ok((OUT_REFUND_NO, RefundKey::OutRefundNo(number.clone()))),
            (_, _, Some(number), _) => Ok(("transaction_id", RefundKey::TransactionId(number.clone()))),
            (.., Some(number)) => Ok((crate::order::OUT_TRADE_NO, RefundKey::OutTradeNo(number.clone()))),
            _ => Err(Failure::usage("no refund is named", "give --out-trade-no or one of the other three")),
        }
    }

    fn number(&self) -> &str {
        let order = self.transaction_id.as_deref().or(self.out_trade_no.as_ref().map(OutTradeNo::as_str));
        let refund = self.refund_id.as_deref().or(self.out_refund_no.as_ref().map(OutRefundNo::as_str));
        refund.or(order).unwrap_or_default()
    }
}

pub(crate) fn listed(known: Option<&RefundsFound>) -> &[RefundFound] {
    known.map_or(&[], |known| &known.refunds)
}

pub(crate) fn table(terminal: Terminal, known: Option<&RefundsFound>) {
    let Some(known) = known else {
        terminal.row("refunds", "none that WeChat knows of; one of the last minute may not be stored yet");
        return;
    };
    for refund in &known.refunds {
        let (number, status) = (&refund.out_refund_no, &refund.refund_status);
        let amount = refund.refund_fee;
        terminal.row(
            "refund",
            format_args!(
                "{NUMBER}{number}{NUMBER:#}  {MONEY}{amount}{MONEY:#} yuan  {GOOD}{status}{GOOD:#}, {}",
                in_words(status)
            ),
        );
        let mut more = format!("WeChat's {}", refund.refund_id);
        if let Some(time) = refund.refund_success_time {
            more.push_str(&format!("; back since {time} Beijing time"));
        }
        if let Some(account) = &refund.refund_recv_account {
            more.push_str(&format!("; to {account}"));
        }
        terminal.row("", format_args!("{QUIET}{more}{QUIET:#}"));
    }
    if let Some(sum) = Fen::checked_sum(known.standing().map(|(_, amount)| amount)) {
        terminal.row("together", format_args!("{MONEY}{sum}{MONEY:#} of {} yuan", known.total_fee));
    }
}

/// A state for people.
fn in_words(status: &RefundStatus) -> &'static str {
    match status {
        RefundStatus::Success => "the money is back",
        RefundStatus::Processing => "on its way",
        RefundStatus::Change => "the bank did not take it; somebody must decide in the merchant platform",
        RefundStatus::Closed | RefundStatus::Fail => "closed without money; another try has another number",
        _ => "a state that this version does not know",
    }
}
