//! A till that takes payment codes (付款码支付): paid at once, after a password,
//! after an answer that was lost, or reversed because the user has turned away.
//!
//! Run it: `cargo run --all-features --example micropay_counter`

use std::error::Error;
use std::time::{Duration, Instant};

use hongbao::cashier::{self, Rhythm};
use hongbao::pay::{self, Payment, TradeState};
use hongbao::sandbox::{Fault, FaultRule, Payer, Sandbox, When};
use hongbao::{Client, ErrorKind, Fen, OutTradeNo, Outcome};

const QUICK: &str = "oQuick4r0Z1a2b3c4d5e6f7g8h9i";
const CAREFUL: &str = "oCareful4r0Z1a2b3c4d5e6f7g8h";

/// What the till shows at the end.
enum Sale {
    Paid(Box<Payment>),
    /// Nothing is held: sell again, under a new number.
    NotPaid(ErrorKind),
    /// Neither query nor reversal came through. No second payment before
    /// somebody has looked.
    Open,
}

async fn sell(client: &Client, number: &str, amount: Fen, auth_code: String, rhythm: &Rhythm) -> hongbao::Result<Sale> {
    let sale = pay::Micropay {
        body: "蓝鲸咖啡-早餐".into(),
        out_trade_no: OutTradeNo::new(number)?, // on record before the scanner beeps
        total_fee: amount,
        spbill_create_ip: [127, 0, 0, 1].into(),
        auth_code,
        extra: pay::Extra::default(),
    };
    let started = Instant::now();
    let end = cashier::collect(client, &sale, rhythm).await;
    let seconds = started.elapsed().as_secs_f32();
    Ok(match end {
        Ok(payment) => {
            println!("{number}: paid as {} within {seconds:.2} s", payment.transaction_id);
            Sale::Paid(Box::new(payment))
        }
        Err(error) => {
            println!("{number}: {error} ({seconds:.2} s)");
            match error.outcome() {
                Outcome::NotSent | Outcome::Refused => Sale::NotPaid(error.kind()),
                Outcome::Unknown => Sale::Open,
            }
        }
    })
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::new()?;
    let coffee = sandbox.merchants().remove(0);
    let client = sandbox.client(&coffee)?;
    sandbox.set_asks_password(CAREFUL, &coffee.app_id, true)?;
    // Minutes at a counter, a moment here. In earnest: Rhythm::default().
    let mut rhythm = Rhythm::default();
    rhythm.interval = Duration::from_millis(50);
    rhythm.deadline = Duration::from_secs(5);
    rhythm.reverse_after = Duration::from_millis(150);
    rhythm.reverse_spacing = Duration::from_millis(50);
    let price = Fen::new(1_250);

    let sale = sell(&client, "M00001", price, sandbox.show_code(QUICK)?, &rhythm).await?;
    assert!(matches!(&sale, Sale::Paid(payment) if payment.openid.as_deref() == Some(QUICK)));

    // The phone asks for the password, and the user takes a moment.
    let user = at_the_phone(&sandbox, &coffee.mch_id, "M00002", true);
    let sale = sell(&client, "M00002", price, sandbox.show_code(CAREFUL)?, &rhythm).await?;
    user.await??;
    assert!(matches!(&sale, Sale::Paid(payment) if payment.total_fee == price));

    // Money has moved, and the answer is lost: a query finds it, no second
    // payment is taken.
    sandbox.fault(FaultRule::new(Fault::HangUpAfter, When::Next(1)).at("/pay/micropay"))?;
    let sale = sell(&client, "M00003", price, sandbox.show_code(QUICK)?, &rhythm).await?;
    assert!(matches!(sale, Sale::Paid(_)));

    // The user turns away. Reversed, so that nothing can be paid later.
    let user = at_the_phone(&sandbox, &coffee.mch_id, "M00004", false);
    let sale = sell(&client, "M00004", price, sandbox.show_code(CAREFUL)?, &rhythm).await?;
    user.await??;
    assert!(matches!(sale, Sale::NotPaid(ErrorKind::Reversed)));

    // A code from a photograph: refused at once, nothing to be reversed.
    let old = sandbox.show_code(QUICK)?;
    sandbox.advance(Duration::from_secs(60))?;
    let sale = sell(&client, "M00005", price, old, &rhythm).await?;
    assert!(matches!(sale, Sale::NotPaid(ErrorKind::Refusal)));

    // Three breakfasts, each less 0.60 % for the platform.
    assert_eq!(sandbox.balance(&coffee.mch_id), Fen::new(1_000_000 + 3 * (1_250 - 8)));
    assert!(sandbox.books().balanced);
    println!("the till: {} yuan", sandbox.balance(&coffee.mch_id));
    Ok(())
}

/// A user who is asked for the password, and enters it or turns away.
fn at_the_phone(
    sandbox: &Sandbox,
    mch_id: &str,
    number: &'static str,
    pays: bool,
) -> tokio::task::JoinHandle<hongbao::Result<()>> {
    let (sandbox, mch_id) = (sandbox.clone(), mch_id.to_owned());
    tokio::spawn(async move {
        while sandbox.order(&mch_id, number).is_none_or(|order| order.trade_state != TradeState::UserPaying) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(120)).await;
        if pays {
            sandbox.pay_order(&mch_id, number, &Payer::default())?;
        } else {
            sandbox.cancel_order(&mch_id, number)?;
        }
        Ok(())
    })
}
