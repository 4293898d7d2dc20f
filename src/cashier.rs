//! From a payment code to one answer: paid, not paid, or nobody knows.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::client::Client;
use crate::code::{Class, Code};
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::pay::{Micropay, OrderKey, Payment, Reverse, TradeState};
use crate::query;
use crate::wire::Request as _;

/// How long to wait for a payment by code, and for what.
///
/// The defaults are those of the official pages, which differ among themselves
/// (micropay and its development guide, pay.weixin.qq.com, read 2026-11): a
/// query after five seconds and every five from then on, up to 45 seconds after
/// the payment; then reversals five seconds apart, none sooner than 15 seconds
/// after the payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rhythm {
    /// Between two queries, and before the first.
    pub interval: Duration,
    /// How long after the payment the queries end.
    pub deadline: Duration,
    /// How long after the payment it may be reversed.
    pub reverse_after: Duration,
    /// Between two reversals.
    pub reverse_spacing: Duration,
    /// How many reversals are tried.
    pub reversals: u32,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            deadline: Duration::from_secs(45),
            reverse_after: Duration::from_secs(15),
            reverse_spacing: Duration::from_secs(5),
            reversals: 12,
        }
    }
}

/// Takes a payment by code (付款码支付) and stays with it until it is decided: the
/// user enters a password, the answer was lost, the gateway was busy. What stays
/// open is reversed, so that the user can pay in another way. A try that is
/// refused is followed by one query, because an earlier try of the same number,
/// before a crash perhaps, may have been paid.
///
/// It may take [`Rhythm::deadline`] and the reversals; show the user that it
/// goes on. Dropping the future leaves the payment as it is:
/// [`Outcome::Unknown`].
///
/// ```no_run
/// # async fn run(client: hongbao::Client, sale: hongbao::pay::Micropay) {
/// use hongbao::{Outcome, cashier};
///
/// match cashier::collect(&client, &sale, &cashier::Rhythm::default()).await {
///     Ok(payment) => println!("paid as {}", payment.transaction_id),
///     Err(error) => match error.outcome() {
///         Outcome::NotSent | Outcome::Refused => println!("not paid; another code may be tried: {error}"),
///         Outcome::Unknown => println!("query {} before anything else: {error}", sale.out_trade_no),
///     },
/// }
/// # }
/// ```
///
/// # Errors
/// [`Outcome::NotSent`] and [`Outcome::Refused`]: no money is held for this
/// number; [`ErrorKind::Reversed`] if it had to be reversed for that.
/// [`Outcome::Unknown`]: neither query nor reversal came through.
pub async fn collect(client: &Client, sale: &Micropay, rhythm: &Rhythm) -> Result<Payment> {
    // Without it what stays open would stay open for ever.
    let merchant = client.merchant();
    if Reverse::CONTRACT.certificate && merchant.certificate().is_none() && !is_official(client) {
        let problem = "a payment by code may have to be reversed, which needs the client certificate";
        return Err(Error::config("cert", problem, "give the entity its certificate; nothing was sent"));
    }
    let started = Instant::now();
    let question = query::Order::new(sale.out_trade_no.clone());
    let open = match client.send(sale).await {
        Ok(payment) => return Ok(payment),
        Err(error) if error.outcome() == Outcome::Unknown => error,
        Err(error) if !speaks_of_one_try(&error) => return Err(error),
        // An earlier try of this number may be paid, or wait for its password.
        Err(error) => match judge(sale, client.send(&question).await)? {
            Verdict::Paid(payment) => return Ok(*payment),
            Verdict::Ended(_) | Verdict::Reverse => return Err(error),
            Verdict::Open => error,
        },
    };
    tracing::info!(out_trade_no = %sale.out_trade_no, %open, "payment by code is open, querying");
    let deadline = started + rhythm.deadline;
    loop {
        let next = Instant::now() + rhythm.interval;
        if next > deadline {
            break;
        }
        sleep_until(next).await;
        match judge(sale, client.send(&question).await)? {
            Verdict::Paid(payment) => return Ok(*payment),
            Verdict::Ended(state) => return Err(ended(&state, open)),
            Verdict::Reverse => break,
            Verdict::Open => {}
        }
    }
    sleep_until(started + rhythm.reverse_after).await;
    reverse(client, sale, rhythm, open).await
}

fn is_official(client: &Client) -> bool {
    client.merchant().endpoint().official_generation().is_some()
}

/// A refusal for the sake of the code, the user or the fields, and not one of
/// the set-up, which a query would meet as well.
fn speaks_of_one_try(error: &Error) -> bool {
    let entry = error.code().and_then(|code| Micropay::CONTRACT.code(code.as_str()));
    entry.is_some_and(|entry| entry.class == Class::Final)
}

enum Verdict {
    Paid(Box<Payment>),
    /// Over, and nothing is held.
    Ended(TradeState),
    /// Not paid so far, and to be made sure of.
    Reverse,
    Open,
}

/// # Errors
/// A payment that is not the one that was asked for.
fn judge(sale: &Micropay, found: Result<query::OrderFound>) -> Result<Verdict> {
    let found = match found {
        Ok(found) => found,
        Err(error) if error.code().is_some_and(|code| *code == "ORDERNOTEXIST") => return Ok(Verdict::Reverse),
        Err(_) => return Ok(Verdict::Open),
    };
    match &found.trade_state {
        // Not by us, and in these seconds by nobody: the number is an older sale's.
        TradeState::Refund => {
            let problem = "trade_state: what was paid under this number has been given back, if only in part";
            Err(Error::new(ErrorKind::Mismatch, Outcome::Unknown, problem)
                .with_field("trade_state")
                .with_next_step("deliver nothing for it: query its refunds, and sell under a new number"))
        }
        TradeState::Success => match found.payment() {
            Some(payment) if payment.total_fee != sale.total_fee => {
                let problem = format!(
                    "total_fee: {} yuan were paid under this number, not {}",
                    payment.total_fee, sale.total_fee
                );
                Err(Error::new(ErrorKind::Mismatch, Outcome::Unknown, problem)
                    .with_field("total_fee")
                    .with_next_step("the number belongs to another sale: look at both, and refund what is too much"))
            }
            Some(payment) => Ok(Verdict::Paid(Box::new(payment))),
            None => Ok(Verdict::Open),
        },
        TradeState::Closed | TradeState::Revoked => Ok(Verdict::Ended(found.trade_state)),
        TradeState::NotPay | TradeState::PayError | TradeState::PayFail => Ok(Verdict::Reverse),
        _ => Ok(Verdict::Open),
    }
}

async fn reverse(client: &Client, sale: &Micropay, rhythm: &Rhythm, open: Error) -> Result<Payment> {
    let request = Reverse { order: OrderKey::OutTradeNo(sale.out_trade_no.clone()) };
    let mut last = None;
    for attempt in 0..rhythm.reversals.max(1) {
        if attempt > 0 {
            sleep(rhythm.reverse_spacing).await;
        }
        match client.send(&request).await {
            Ok(reversed) if !reversed.recall => {
                tracing::info!(out_trade_no = %sale.out_trade_no, "payment by code reversed");
                return Err(Error::new(
                    ErrorKind::Reversed,
                    Outcome::Refused,
                    "the payment was reversed: nothing is held",
                )
                .because(open)
                .with_next_step("let the user pay again, under a new number"));
            }
            Ok(_) => last = None,
            Err(error) => last = Some(error),
        }
    }
    let problem = "neither paid nor reversed, as far as anybody can tell";
    Err(Error::new(ErrorKind::Lost, Outcome::Unknown, problem)
        .because(last.unwrap_or(open))
        .with_next_step("query the order, and reverse it within seven days; take no second payment before that"))
}

fn ended(state: &TradeState, open: Error) -> Error {
    let problem = format!("the payment has ended as {state}: nothing is held");
    Error::new(ErrorKind::Refusal, Outcome::Refused, problem)
        .with_code(Code::new(state.as_str().to_owned()))
        .because(open)
        .with_next_step("let the user pay again, under a new number")
}
