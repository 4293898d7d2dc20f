//! How to test code of your own that sends red packets: hand it a client of a
//! sandbox, let things go wrong, and look at the books.
//!
//! Run it: `cargo run --example sandbox_test --features sandbox`
//!
//! In a real project the cases below are functions with
//! `#[tokio::test(start_paused = true)]`. Paused time makes the pauses between
//! the client's attempts take no time; it needs tokio's feature `test-util`,
//! and a client without sockets, as [`Sandbox::client`] makes it.

use std::error::Error;

use hongbao::sandbox::{Fault, FaultRule, Sandbox, When};
use hongbao::{BillNo, Client, Entity, Fen, OpenId, Outcome, redpack};

/// The code under test. It takes the client from its caller, so it cannot tell
/// a sandbox from WeChat Pay.
async fn reward(client: &Client, order: &str, openid: &str) -> hongbao::Result<Reward> {
    let packet = redpack::Packet {
        mch_billno: BillNo::new(format!("reward{order}"))?,
        re_openid: OpenId::new(openid)?,
        total_amount: Fen::new(500),
        send_name: client.merchant().name().to_owned(),
        wishing: "感谢支持".into(),
        act_name: "订单返现".into(),
        remark: "订单返现".into(),
        client_ip: [127, 0, 0, 1].into(),
        extra: redpack::Extra::default(),
    };
    match client.send(&packet).await {
        Ok(_) => Ok(Reward::Sent),
        Err(error) if error.outcome() == Outcome::Unknown => Ok(Reward::TryAgainLater),
        Err(error) if error.outcome() == Outcome::Refused => Ok(Reward::AskSupport),
        Err(error) => Err(error),
    }
}

#[derive(Debug, PartialEq)]
enum Reward {
    Sent,
    TryAgainLater,
    AskSupport,
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    a_lost_answer_pays_once().await?;
    a_doubt_stays_a_doubt().await?;
    an_empty_account_pays_nothing().await?;
    every_tenth_call_fails().await?;
    println!("all cases hold");
    Ok(())
}

const LIN: &str = "oLin4r0Z1a2b3c4d5e6f7g8h9i0j";

/// A fresh sandbox for each case: no case sees another's money.
fn sandbox() -> hongbao::Result<(Sandbox, Entity, Client)> {
    let sandbox = Sandbox::new()?;
    let merchant = sandbox.merchants().remove(0);
    let client = sandbox.client(&merchant)?;
    Ok((sandbox, merchant, client))
}

/// The client repeats a lost call on its own, with the same number.
async fn a_lost_answer_pays_once() -> Result<(), Box<dyn Error>> {
    let (sandbox, merchant, client) = sandbox()?;
    sandbox.fault(FaultRule::new(Fault::HangUpAfter, When::Next(2)))?;
    assert_eq!(reward(&client, "1", LIN).await?, Reward::Sent);
    assert_eq!(sandbox.balance(&merchant.mch_id), Fen::new(999_500));
    assert_eq!(sandbox.requests(10).len(), 3);
    println!("a lost answer: three calls, one payment");
    Ok(())
}

async fn a_doubt_stays_a_doubt() -> Result<(), Box<dyn Error>> {
    let (sandbox, merchant, client) = sandbox()?;
    sandbox.fault(FaultRule::new(Fault::SystemErrorAfter, When::Next(3)))?;
    assert_eq!(reward(&client, "2", LIN).await?, Reward::TryAgainLater);
    // Later, even after a restart of the backend.
    assert_eq!(reward(&client, "2", LIN).await?, Reward::Sent);
    assert_eq!(sandbox.balance(&merchant.mch_id), Fen::new(999_500));
    println!("a doubt: cleared later, one payment");
    Ok(())
}

async fn an_empty_account_pays_nothing() -> Result<(), Box<dyn Error>> {
    let (sandbox, merchant, client) = sandbox()?;
    sandbox.fault(FaultRule::new(Fault::Refuse { code: "NOTENOUGH".into() }, When::Next(1)))?;
    assert_eq!(reward(&client, "3", LIN).await?, Reward::AskSupport);
    assert_eq!(sandbox.balance(&merchant.mch_id), Fen::new(1_000_000));
    println!("an empty account: refused, no payment");
    Ok(())
}

/// The seed makes the same calls fail in every run.
async fn every_tenth_call_fails() -> Result<(), Box<dyn Error>> {
    let (sandbox, merchant, client) = sandbox()?;
    sandbox.change_settings(&merchant.mch_id, |settings| settings.calls_per_second = 1_000)?;
    sandbox.fault(FaultRule::new(Fault::HangUpAfter, When::PerMille { rate: 100, seed: 7 }))?;
    for order in 100..200 {
        let openid = format!("oCustomer{order}");
        assert_eq!(reward(&client, &order.to_string(), &openid).await?, Reward::Sent);
        sandbox.open_packet(&merchant.mch_id, &format!("reward{order}"), &openid)?;
    }
    let books = sandbox.books();
    assert!(books.balanced, "{books}");
    assert_eq!(books.with_users, Fen::new(100 * 500));
    println!(
        "every tenth call fails: 100 customers, {} calls, {} yuan",
        sandbox.requests(1_000).len(),
        books.with_users
    );
    Ok(())
}
