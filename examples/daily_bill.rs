//! The next day: the trade bill (交易账单) and the fund bill (资金账单) of yesterday,
//! row by row as their bytes arrive, against the shop's own list. They find an
//! order that was paid and that nobody had told the shop of.
//!
//! Run it: `cargo run --all-features --example daily_bill`

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use hongbao::clock::Day;
use hongbao::notify::{Expected, Paid};
use hongbao::pay;
use hongbao::query::bill::{Direction, Trade, TradeState};
use hongbao::query::{self, AccountType, FundFlow, TradeBill};
use hongbao::sandbox::{NoticeFault, Payer, Sandbox};
use hongbao::wire::Tabular;
use hongbao::{Client, Download, Fen, OutRefundNo, OutTradeNo};

const HOUR: Duration = Duration::from_secs(3_600);

/// What the shop's books say of a day: an order and what happened to it, and the
/// amount. Stands for a table of yours.
type Own = BTreeMap<(String, Event), Fen>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Paid,
    Reversed,
    Refund(String),
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::builder().frozen_at("2025-03-18 09:00:00".parse()?).build()?;
    let coffee = sandbox.merchants().remove(0);
    let client = sandbox.client(&coffee)?;
    let mut own = a_day(&sandbox, &client).await?;
    let yesterday: Day = "2025-03-18".parse()?;
    let closing = sandbox.balance(&coffee.mch_id);
    sandbox.advance(19 * HOUR)?; // to eight in the morning

    let (mut missed, mut differing) = (vec![], vec![]);
    let mut bill = wait_for(&sandbox, &client, &TradeBill::new(yesterday)).await?;
    while let Some(trade) = bill.next().await? {
        let (event, amount) = event(&trade)?;
        let verdict = match own.remove(&(trade.out_trade_no.to_owned(), event.clone())) {
            Some(ours) if ours == amount => "ok",
            Some(ours) => {
                differing.push(format!("{} {event:?}: {ours} yuan in our books", trade.out_trade_no));
                "OTHER AMOUNT"
            }
            None => {
                missed.push((OutTradeNo::new(trade.out_trade_no)?, event));
                "NOT IN OUR BOOKS"
            }
        };
        let fee = trade.fee.unwrap_or_default();
        println!(
            "{} {:7} {:8} {amount:>6} {fee:>9}  {verdict}",
            trade.trade_time, trade.out_trade_no, trade.trade_state
        );
    }
    let summary = bill.sheet().summary().ok_or("a bill ends with its totals")?;
    println!("{} rows, {} yuan of orders\n", summary.rows, summary.total_fee.unwrap_or_default());
    // The rows add up to what the bill states, and what is left of our list is not in it.
    assert!(summary.differences().is_empty(), "{:?}", summary.differences());
    assert!(own.is_empty(), "not in the bill: {own:?}");
    assert!(differing.is_empty(), "{differing:?}");

    assert_eq!(missed, [(OutTradeNo::new("T00003")?, Event::Paid)]);
    for (number, _) in missed {
        let found = client.send(&query::Order::new(number)).await?;
        let payment = found.payment().ok_or("the bill knows it as paid")?;
        println!("{} was paid with {} yuan: deliver it\n", payment.out_trade_no, payment.total_fee);
    }

    // The same day as the account saw it. It goes on where the day before ended.
    let (mut sums, mut last) = (BTreeMap::new(), Fen::ZERO);
    let mut bill = wait_for(&sandbox, &client, &FundFlow::new(yesterday, AccountType::Basic)).await?;
    while let Some(fund) = bill.next().await? {
        let amount = match fund.direction {
            Direction::Income => fund.amount.get(),
            Direction::Expense => -fund.amount.get(),
            other => return Err(format!("neither income nor expense: {other}").into()),
        };
        *sums.entry(fund.business_name.to_owned()).or_insert(0) += amount;
        last = fund.balance;
    }
    for (name, sum) in &sums {
        println!("{:>10}  {name}", Fen::new(*sum));
    }
    let summary = bill.sheet().summary().ok_or("a bill ends with its totals")?;
    println!("{} incomes, {} expenses, {last} yuan at the end", summary.incomes, summary.expenses);
    assert!(summary.differences().is_empty(), "{:?}", summary.differences());
    assert_eq!((last.get(), last), (sums.values().sum(), closing));
    Ok(())
}

/// A bill is made some time in the morning: from 09:00 on, and surely by 10:00.
async fn wait_for<R: Tabular>(sandbox: &Sandbox, client: &Client, bill: &R) -> hongbao::Result<Download<R::Sheet>> {
    loop {
        match client.download(bill).await {
            Err(error) if error.code().is_some_and(|code| *code == "BILL_CREATING") => {
                println!("{}  not yet: {error}", sandbox.now());
                sandbox.advance(HOUR)?; // in earnest: sleep
            }
            // Among the errors is NO_BILL_EXIST, of a day on which nothing happened.
            other => return other,
        }
    }
}

/// What a row tells, in the shop's terms.
fn event(trade: &Trade<'_>) -> Result<(Event, Fen), Box<dyn Error>> {
    let refund_fee = trade.refund_fee.unwrap_or_default();
    Ok(match (trade.trade_state, trade.out_refund_no) {
        (TradeState::Success, _) => (Event::Paid, trade.total_fee.unwrap_or_default()),
        (TradeState::Revoked, _) => (Event::Reversed, refund_fee),
        (TradeState::Refund, Some(number)) => (Event::Refund(number.to_owned()), refund_fee),
        (state, _) => return Err(format!("{}: a row about {state}", trade.out_trade_no).into()),
    })
}

/// Three sales of which one is never told, a part given back, and a breakfast
/// that was reversed.
async fn a_day(sandbox: &Sandbox, client: &Client) -> Result<Own, Box<dyn Error>> {
    let (merchant, mut own) = (client.merchant(), Own::new());
    let ip = [127, 0, 0, 1].into();
    for (number, fen) in [("T00001", 888), ("T00002", 1_000), ("T00003", 500)] {
        let order = pay::Native {
            body: "蓝鲸咖啡-拿铁".into(),
            out_trade_no: OutTradeNo::new(number)?,
            total_fee: Fen::new(fen),
            spbill_create_ip: ip,
            notify_url: "https://shop.example.com/wx/notify".into(),
            product_id: "SKU-0001".into(),
            extra: pay::Extra::default(),
        };
        client.send(&order).await?;
        if number == "T00003" {
            sandbox.spoil_next_notice(NoticeFault::Missing)?;
        }
        sandbox.pay_order(merchant.mch_id().as_str(), number, &Payer::default())?;
        sandbox.advance(HOUR)?;
        // What would come over HTTP, as `notify_axum` shows it.
        for notice in sandbox.notices(0, 10).iter().filter(|notice| notice.number == number && notice.next.is_some()) {
            let paid: Paid = client.open(notice.body.as_bytes()).await?;
            let payment = paid.confirm(&Expected::new(merchant, order.out_trade_no.clone(), order.total_fee))?;
            own.insert((payment.out_trade_no, Event::Paid), payment.total_fee);
        }
    }

    let refund = pay::Refund {
        order: OutTradeNo::new("T00002")?.into(),
        out_refund_no: OutRefundNo::new("R1")?,
        total_fee: Fen::new(1_000),
        refund_fee: Fen::new(300),
        extra: pay::RefundExtra::default(),
    };
    let taken = client.send(&refund).await?;
    own.insert((taken.out_trade_no, Event::Refund(taken.out_refund_no)), taken.refund_fee);
    sandbox.advance(HOUR)?;

    let breakfast = pay::Micropay {
        body: "蓝鲸咖啡-早餐".into(),
        out_trade_no: OutTradeNo::new("M00001")?,
        total_fee: Fen::new(1_250),
        spbill_create_ip: ip,
        auth_code: sandbox.show_code("oQx4r0Z1a2b3c4d5e6f7g8h9i0jk")?,
        extra: pay::Extra::default(),
    };
    let payment = client.send(&breakfast).await?;
    own.insert((payment.out_trade_no.clone(), Event::Paid), payment.total_fee);
    client.send(&pay::Reverse { order: breakfast.out_trade_no.into() }).await?;
    own.insert((payment.out_trade_no, Event::Reversed), payment.total_fee);
    Ok(own)
}
