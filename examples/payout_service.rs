//! A backend that pays out: it hands payouts over by function call, a
//! dispatcher works in the background, and a stop waits for what is under way.
//!
//! Run it: `cargo run --all-features --example payout_service`

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use hongbao::payout::plan::{Options, Plan};
use hongbao::payout::state::Phase;
use hongbao::payout::{Dispatcher, Ledger, NewCampaign, NewPayout, Sqlite, Template, Texts};
use hongbao::sandbox::{Fault, FaultRule, Sandbox, When};
use hongbao::{Fen, MchId, Merchants, OpenId, redpack};
use tokio::sync::Notify;

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::new()?;
    let config = sandbox.merchants().remove(0);
    let mch_id = MchId::new(config.mch_id.as_str())?;
    // One of twenty answers is lost after the money has moved.
    sandbox.fault(FaultRule::new(Fault::HangUpAfter, When::PerMille { rate: 50, seed: 1 }))?;

    let folder = tempfile::tempdir()?;
    let ledger: Arc<dyn Ledger> = Arc::new(Sqlite::open(folder.path().join("payouts.db"))?);

    // One client for each entity that this process pays for.
    let merchants = Arc::new(Merchants::new());
    merchants.insert(sandbox.client(&config)?);
    let dispatcher = Arc::new(Dispatcher::builder(Arc::clone(&ledger), merchants).build());

    let stop = Arc::new(Notify::new());
    let background = {
        let (dispatcher, stop) = (Arc::clone(&dispatcher), Arc::clone(&stop));
        tokio::spawn(async move { dispatcher.run(stop.notified()).await })
    };

    // Somewhere in the backend: ten users have earned something. The key says
    // what for, so that this may run again after a crash.
    let options = Options::new(NewCampaign {
        name: "rebates-2025-03".into(),
        mch_id: mch_id.clone(),
        app_id: config.app_id.parse()?,
        template: Template {
            send_name: "蓝鲸咖啡".into(),
            wishing: "谢谢惠顾".into(),
            act_name: "三月返利".into(),
            remark: "会员返利".into(),
            client_ip: [203, 0, 113, 24].into(),
            extra: redpack::Extra::default(),
        },
    });
    let mut payouts = Vec::new();
    for user in 0..10 {
        payouts.push(NewPayout {
            key: format!("rebate/2025-03/{user}"),
            openid: OpenId::new(format!("oMember{user:021}"))?,
            amount: Fen::new(100 + 11 * user),
            texts: Texts::default(),
        });
    }
    for attempt in ["first", "second"] {
        let plan = Plan::of(payouts.clone(), &options)?;
        let imported = plan.store(&*ledger, sandbox.now(), &mut |_, _| {}).await?;
        println!("the {attempt} time: {} are new, {} were known", imported.new, imported.known);
    }

    // Whoever wants to know asks the ledger by the key.
    for user in 0..10 {
        let key = format!("rebate/2025-03/{user}");
        loop {
            let payout = ledger.find(&mch_id, &key).await?.ok_or("not planned")?;
            if payout.standing.phase == Phase::Accepted {
                println!(
                    "{key}: {} yuan, {}, {} attempts",
                    payout.amount, payout.standing.phase, payout.standing.attempts
                );
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    stop.notify_one();
    let stats = background.await??;
    let sent: i64 = (0..10).map(|user| 100 + 11 * user).sum();
    println!("{} calls, {} yuan in the sandbox's packets", stats.sends, sandbox.books().in_transit);
    assert_eq!(sandbox.books().in_transit, Fen::new(sent));
    Ok(())
}
