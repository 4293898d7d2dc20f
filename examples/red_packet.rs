//! The whole life of a red packet: its number is fixed and stored before the
//! first attempt, all three outcomes are handled, a doubt is cleared with the
//! same number, and what nobody opens comes back after 24 hours.
//!
//! Run it: `cargo run --example red_packet --features sandbox`

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use hongbao::query::{RedPacket, RedPacketStatus};
use hongbao::sandbox::{Fault, FaultRule, Sandbox, When};
use hongbao::{BillNo, Client, Fen, MchId, OpenId, Outcome, RetryPolicy, redpack};

/// Stands for a table of yours: the packet, and how far it has come.
type Payouts = BTreeMap<BillNo, (redpack::Packet, State)>;

#[derive(Debug, PartialEq)]
enum State {
    /// Stored; it may have been sent, or not.
    Open,
    /// On its way to the user, under WeChat's number.
    Accepted(String),
    /// The last attempt was refused: the next one waits for a person. It says
    /// nothing of the attempts before, so the number stays.
    Refused(String),
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::new()?;
    let coffee = sandbox.merchants().remove(0);
    // One attempt at a time, because this example wants to show each of them;
    // by default the client repeats a lost call on its own, up to three times.
    let client = Client::builder(&coffee).transport(sandbox.transport()).retry(RetryPolicy::never()).build()?;
    let mut payouts = Payouts::new();

    // 1. The number comes from the business event, so a crash or a second
    //    event cannot make another one of it; and it is stored before any
    //    byte leaves.
    let mch_id = MchId::new(coffee.mch_id.as_str())?;
    let number = BillNo::derive(&mch_id, "2025-03-18".parse()?, "order42")?;
    let packet = redpack::Packet {
        mch_billno: number.clone(),
        re_openid: OpenId::new("oQx4r0Z1a2b3c4d5e6f7g8h9i0jk")?,
        total_amount: "8.88".parse()?,
        send_name: coffee.name.clone(),
        wishing: "早安，今天也要加油".into(),
        act_name: "签到有礼".into(),
        remark: "连续签到七天奖励".into(),
        client_ip: "127.0.0.1".parse()?,
        extra: redpack::Extra::default(),
    };
    payouts.insert(number.clone(), (packet, State::Open));

    // 2. The product is switched off: refused, and nothing was paid.
    sandbox.fault(FaultRule::new(Fault::Refuse { code: "API_METHOD_CLOSED".into() }, When::Next(1)))?;
    attempt(&client, &mut payouts, &number).await?;
    assert_eq!(state(&payouts, &number), Some(&State::Refused("API_METHOD_CLOSED".into())));

    // 3. Somebody switched it on, but now the answer is lost after the money
    //    has moved. The state stays open: paid or not, nobody knows.
    sandbox.fault(FaultRule::new(Fault::HangUpAfter, When::Next(1)))?;
    attempt(&client, &mut payouts, &number).await?;
    assert_eq!(state(&payouts, &number), Some(&State::Open));

    // 4. The same packet with the same number clears it up: WeChat gives the
    //    answer that was lost, and the money has moved once.
    attempt(&client, &mut payouts, &number).await?;
    assert!(matches!(state(&payouts, &number), Some(State::Accepted(_))));
    assert_eq!(sandbox.balance(&coffee.mch_id), Fen::new(999_112));

    // 5. There is no callback: what became of it, a query tells.
    for pause in [Duration::ZERO, Duration::from_secs(24 * 3600), Duration::from_secs(5 * 60)] {
        sandbox.advance(pause)?;
        let found = client.send(&RedPacket { mch_billno: number.clone() }).await?;
        match (found.status, found.refund_amount) {
            (RedPacketStatus::Refund, Some(amount)) => println!("{}  {amount} yuan are back", sandbox.now()),
            (status, _) => println!("{}  {status}", sandbox.now()),
        }
    }
    assert_eq!(sandbox.balance(&coffee.mch_id), Fen::new(1_000_000));
    assert!(sandbox.books().balanced);
    Ok(())
}

/// Safe to call at any time, any number of times.
async fn attempt(client: &Client, payouts: &mut Payouts, number: &BillNo) -> Result<(), Box<dyn Error>> {
    let (packet, state) = payouts.get_mut(number).ok_or("a number that was not stored")?;
    *state = match client.send(packet).await {
        Ok(sent) => State::Accepted(sent.send_listid),
        Err(error) => match error.outcome() {
            // Nothing left this machine: try again when the network is back.
            Outcome::NotSent => State::Open,
            Outcome::Refused => State::Refused(error.code().map_or(String::new(), ToString::to_string)),
            // Never a new number. A query would tell as well.
            Outcome::Unknown => State::Open,
        },
    };
    println!("{number}: {state:?}");
    Ok(())
}

fn state<'a>(payouts: &'a Payouts, number: &BillNo) -> Option<&'a State> {
    payouts.get(number).map(|(_, state)| state)
}
