//! "Spend and get" (满额送): whoever pays an order of 100 yuan or more gets a
//! packet, two at most. The gift is durable before WeChat is answered, its key is
//! the order, and so the same notification gives nothing twice.
//!
//! Run it: `cargo run --all-features --example spend_and_get`

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use hongbao::notify::{Ack, Expected, Paid};
use hongbao::pay;
use hongbao::payout::ledger::Filter;
use hongbao::payout::spend::{Gift, Given, NoGift, Rule};
use hongbao::payout::state::Phase;
use hongbao::payout::{Campaign, Dispatcher, Ledger, NewCampaign, Sqlite, Template};
use hongbao::sandbox::{Payer, Sandbox};
use hongbao::{Client, Fen, Merchants, OutTradeNo, redpack};

struct Shop {
    client: Client,
    sandbox: Sandbox,
    /// Stands for a table of yours.
    orders: Mutex<BTreeMap<String, Expected>>,
    ledger: Arc<dyn Ledger>,
    rule: Rule,
    campaign: Campaign,
}

impl Shop {
    /// What an adapter such as that of `notify_axum` calls.
    async fn notified(&self, body: &[u8]) -> (Ack, Option<Given>) {
        match self.receive(body).await {
            Ok(given) => (Ack::success(), Some(given)),
            // Not genuine, another amount, or no ledger: it has to come again.
            Err(error) => (Ack::to(&error), None),
        }
    }

    async fn receive(&self, body: &[u8]) -> hongbao::Result<Given> {
        let paid: Paid = self.client.open(body).await?;
        let order = self.orders.lock().unwrap_or_else(PoisonError::into_inner).get(paid.out_trade_no()).cloned();
        let Some(order) = order else { return Err(hongbao::Error::invalid("out_trade_no", "no such order")) };
        let payment = paid.confirm(&order)?;
        // In a shop, the order is marked as paid here. Then the gift: it is in
        // the ledger when this returns, and sent later, by whoever runs a dispatcher.
        self.rule.give(&*self.ledger, &self.campaign, &payment, self.sandbox.now()).await
    }

    /// A user orders and pays; gives the notification, which this sandbox, not
    /// being served, does not post by itself.
    async fn sell(&self, number: &str, total_fee: Fen) -> Result<String, Box<dyn Error>> {
        let order = pay::Native {
            body: "蓝鲸咖啡-咖啡豆".into(),
            out_trade_no: OutTradeNo::new(number)?,
            total_fee,
            spbill_create_ip: [127, 0, 0, 1].into(),
            notify_url: "https://shop.example.com/wx/notify".into(),
            product_id: "SKU-0001".into(),
            extra: pay::Extra::default(),
        };
        let expected = Expected::new(self.client.merchant(), order.out_trade_no.clone(), total_fee);
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).insert(number.to_owned(), expected);
        self.client.send(&order).await?;
        self.sandbox.pay_order(self.client.merchant().mch_id().as_str(), number, &Payer::default())?;
        let notice = self.sandbox.notices(0, 100).into_iter().find(|notice| notice.number == number);
        Ok(notice.ok_or("it was paid")?.body)
    }
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let sandbox = Sandbox::new()?;
    let client = sandbox.client(&sandbox.merchants().remove(0))?;
    let today = sandbox.now().beijing_day();
    let yuan = |yuan: i64| Fen::new(yuan * 100);
    let rule = Rule {
        name: "spend-and-get".into(),
        threshold: yuan(100),
        gift: Gift::Steps(vec![(yuan(100), yuan(1)), (yuan(300), yuan(5))]),
        per_user: Some(2),
        first_day: today,
        last_day: "2099-12-31".parse()?,
    };
    rule.check()?;

    let ledger: Arc<dyn Ledger> = Arc::new(Sqlite::open(directory.path().join("payouts.db"))?);
    // Openids belong to an appid: the campaign's is that of the orders.
    let campaign = NewCampaign {
        name: rule.name.clone(),
        mch_id: client.merchant().mch_id().clone(),
        app_id: client.merchant().app_id().clone(),
        template: Template {
            send_name: "蓝鲸咖啡".into(),
            wishing: "谢谢惠顾".into(),
            act_name: "满额送".into(),
            remark: "满100元送红包".into(),
            client_ip: [127, 0, 0, 1].into(),
            extra: redpack::Extra::default(),
        },
    };
    let campaign = ledger.campaign(&campaign, sandbox.now()).await?;
    // It has no file that has to be whole first: its gifts may go out as they come.
    ledger.ready(campaign.id, "", sandbox.now()).await?;
    let shop = Shop { client, sandbox, orders: Mutex::default(), ledger, rule, campaign };

    let letter = shop.sell("T00001", yuan(128)).await?;
    println!("An order of 128 yuan, and its notification comes twice:");
    for again in [false, true] {
        let (ack, given) = shop.notified(letter.as_bytes()).await;
        println!("  {given:?}");
        let planned = matches!(&given, Some(Given::Planned(gift)) if gift.amount == yuan(1));
        assert!(ack.is_success() && planned != again);
        assert_eq!(given == Some(Given::Before), again);
    }

    println!("Orders of 99.99, 300 and 100 yuan:");
    let mut given = vec![];
    for (number, fen) in [("T00002", 9_999), ("T00003", 30_000), ("T00004", 10_000)] {
        let letter = shop.sell(number, Fen::new(fen)).await?;
        given.extend(shop.notified(letter.as_bytes()).await.1);
        println!("  {:?}", given.last());
    }
    assert_eq!(given[0], Given::Nothing(NoGift::BelowThreshold));
    assert!(matches!(&given[1], Given::Planned(gift) if gift.amount == yuan(5)));
    assert_eq!(given[2], Given::LimitReached);

    println!("A notification that somebody changed on the way:");
    let (ack, given) = shop.notified(letter.replace("12800", "92800").as_bytes()).await;
    assert!(!ack.is_success() && given.is_none());

    // Another process, perhaps: it sends what is planned.
    let merchants = Merchants::new();
    merchants.insert(shop.client.clone());
    Dispatcher::builder(shop.ledger.clone(), Arc::new(merchants)).build().pass().await?;
    let gifts = shop.ledger.list(&Filter::all(shop.campaign.id), 100).await?;
    for gift in &gifts {
        println!("{}: {} yuan to {}, {}", gift.key, gift.amount, gift.openid, gift.standing.phase);
    }
    assert!(gifts.iter().all(|gift| gift.standing.phase == Phase::Accepted));
    let mut packets: Vec<Fen> = shop.sandbox.packets(0, 100).into_iter().map(|packet| packet.total_amount).collect();
    packets.sort();
    assert_eq!(packets, [yuan(1), yuan(5)]);
    Ok(())
}
