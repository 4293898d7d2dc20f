//! An inbox that makes repeats harmless: the key of a notification, the order's
//! new state, and what is to be delivered are written in one transaction, before
//! WeChat is answered.
//!
//! Run it: `cargo run --all-features --example inbox_sqlite`

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use hongbao::notify::{self, Ack, Expected, ExpectedRefund, Kind, Paid, Refunded};
use hongbao::pay::{self, Payment};
use hongbao::query::{self, RefundStatus};
use hongbao::sandbox::{NoticeRecord, Payer, Sandbox};
use hongbao::{Client, Fen, OutRefundNo, OutTradeNo};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use tokio::task::{JoinSet, spawn_blocking};

/// States are numbers, and only grow: 0 placed, 1 paid, 2 given back. With several
/// merchants, the merchant number belongs into each key.
const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE inbox (key TEXT PRIMARY KEY, verdict TEXT) STRICT;
    CREATE TABLE orders (number TEXT PRIMARY KEY, amount INTEGER NOT NULL,
        state INTEGER NOT NULL DEFAULT 0, transaction_id TEXT) STRICT;
    CREATE TABLE deliveries (id INTEGER PRIMARY KEY, number TEXT NOT NULL) STRICT;
";

type Error = Box<dyn std::error::Error + Send + Sync>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// The order moved on.
    Moved,
    /// Seen before: nothing was written.
    Repeated,
    /// News to us, and the order was further already.
    Late,
    /// On record, and for a person to look at.
    Alarm,
}

#[derive(Clone)]
struct Shop {
    client: Client,
    database: PathBuf,
}

impl Shop {
    /// What an adapter such as that of `notify_axum` calls.
    async fn notified(&self, body: &[u8]) -> (Ack, Option<Verdict>) {
        match self.receive(body).await {
            Ok(verdict) => (Ack::success(), Some(verdict)),
            Err(error) => match error.downcast_ref::<hongbao::Error>() {
                Some(error) => (Ack::to(error), None),
                // The database: it has to come again.
                None => (Ack::fail("稍后重试"), None),
            },
        }
    }

    async fn receive(&self, body: &[u8]) -> Result<Verdict, Error> {
        let shop = self.clone();
        match notify::kind(body)? {
            Kind::Paid => {
                let paid: Paid = self.client.open(body).await?;
                spawn_blocking(move || shop.transact(|tx| shop.paid(tx, paid))).await?
            }
            Kind::Refunded => {
                let refunded: Refunded = self.client.open(body).await?;
                spawn_blocking(move || shop.transact(|tx| shop.refunded(tx, refunded))).await?
            }
            other => Err(format!("{other:?} is not expected here").into()),
        }
    }

    /// Immediate: whoever comes second waits here, and sees what the first has written.
    fn transact<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let mut database = Connection::open(&self.database)?;
        let tx = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&tx)?; // an error rolls back: the notification was never seen
        tx.commit()?;
        Ok(done)
    }

    fn paid(&self, tx: &Transaction<'_>, paid: Paid) -> Result<Verdict, Error> {
        let number = OutTradeNo::new(paid.out_trade_no())?;
        let amount = amount(tx, &number)?;
        settle(tx, &paid.confirm(&Expected::new(self.client.merchant(), number, amount))?)
    }

    /// This shop gives back whole orders only.
    fn refunded(&self, tx: &Transaction<'_>, refunded: Refunded) -> Result<Verdict, Error> {
        let order = OutTradeNo::new(refunded.out_trade_no())?;
        let number = OutRefundNo::new(refunded.out_refund_no())?;
        let amount = amount(tx, &order)?;
        let expected = ExpectedRefund::new(self.client.merchant(), order.as_str(), number, amount, amount);
        let result = refunded.confirm(&expected)?;
        once(tx, &result.key(), || {
            if result.refund_status != RefundStatus::Success {
                return Ok(Verdict::Alarm);
            }
            let move_on = "UPDATE orders SET state = 2, transaction_id = ?2 WHERE number = ?1 AND state < 2";
            let moved = tx.execute(move_on, params![order.as_str(), result.transaction_id])?;
            Ok(if moved == 1 { Verdict::Moved } else { Verdict::Late })
        })
    }
}

fn amount(tx: &Transaction<'_>, number: &OutTradeNo) -> Result<Fen, Error> {
    let row = tx.query_row("SELECT amount FROM orders WHERE number = ?1", [number.as_str()], |row| row.get(0));
    Ok(Fen::new(row.optional()?.ok_or("no such order")?))
}

/// A payment that agrees with the order, from a notification or from a query.
fn settle(tx: &Transaction<'_>, payment: &Payment) -> Result<Verdict, Error> {
    let Payment { transaction_id, out_trade_no, .. } = payment;
    once(tx, transaction_id, || {
        let known = "SELECT transaction_id FROM orders WHERE number = ?1";
        let known: Option<String> = tx.query_row(known, [out_trade_no], |row| row.get(0))?;
        if known.is_some_and(|known| known != *transaction_id) {
            return Ok(Verdict::Alarm); // paid twice: one of them is to be given back
        }
        let move_on = "UPDATE orders SET state = 1, transaction_id = ?2 WHERE number = ?1 AND state < 1";
        if tx.execute(move_on, [out_trade_no, transaction_id])? == 0 {
            return Ok(Verdict::Late);
        }
        // Delivering takes longer than WeChat waits; here it is only promised.
        tx.execute("INSERT INTO deliveries (number) VALUES (?1)", [out_trade_no])?;
        Ok(Verdict::Moved)
    })
}

/// Does what belongs to a key if the key is new.
fn once(tx: &Transaction<'_>, key: &str, work: impl FnOnce() -> Result<Verdict, Error>) -> Result<Verdict, Error> {
    if tx.execute("INSERT INTO inbox (key) VALUES (?1) ON CONFLICT DO NOTHING", [key])? == 0 {
        return Ok(Verdict::Repeated);
    }
    let verdict = work()?;
    tx.execute("UPDATE inbox SET verdict = ?2 WHERE key = ?1", [key, &format!("{verdict:?}")])?;
    Ok(verdict)
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Error> {
    let directory = tempfile::tempdir()?;
    let sandbox = Sandbox::new()?;
    let coffee = sandbox.merchants().remove(0);
    let shop = Shop { client: sandbox.client(&coffee)?, database: directory.path().join("shop.db") };
    Connection::open(&shop.database)?.execute_batch(SCHEMA)?;
    let letters = a_day(&sandbox, &shop).await?;

    println!("The refund of an order overtakes its payment, which must not open it again:");
    for (letter, expected) in [(&letters[3], Verdict::Moved), (&letters[2], Verdict::Late)] {
        let (ack, verdict) = shop.notified(letter.body.as_bytes()).await;
        println!("  {}: {verdict:?}", letter.number);
        assert_eq!((ack.is_success(), verdict), (true, Some(expected)));
    }

    println!("Four at once bring everything five times, each in an order of its own:");
    let mut couriers = JoinSet::new();
    for first in 0..letters.len() {
        let (shop, letters) = (shop.clone(), letters.clone());
        couriers.spawn(async move {
            let mut verdicts = vec![];
            for letter in letters.iter().cycle().skip(first).take(5 * letters.len()) {
                verdicts.push(shop.notified(letter.body.as_bytes()).await.1);
            }
            verdicts
        });
    }
    let mut tally = BTreeMap::new();
    for verdict in couriers.join_all().await.into_iter().flatten() {
        *tally.entry(verdict).or_insert(0) += 1;
    }
    println!("  {tally:?}");
    assert_eq!(tally, BTreeMap::from([(Some(Verdict::Moved), 2), (Some(Verdict::Repeated), 78)]));

    println!("Another payment of an order that is paid:");
    let found = shop.client.send(&query::Order::new(OutTradeNo::new("T00001")?)).await?;
    let mut second = found.payment().ok_or("it was paid")?;
    second.transaction_id = "4200009999202503180000009999".into();
    let verdict = shop.transact(|tx| settle(tx, &second))?;
    println!("  {verdict:?}");
    assert_eq!(verdict, Verdict::Alarm);

    let database = Connection::open(&shop.database)?;
    let mut rows = database.prepare("SELECT number FROM deliveries ORDER BY number")?;
    let delivered = rows.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    println!("To be delivered: {delivered:?}");
    assert_eq!(delivered, ["T00001", "T00002"]);
    Ok(())
}

/// Three orders that are paid, and one of them given back: all notifications.
async fn a_day(sandbox: &Sandbox, shop: &Shop) -> Result<Vec<NoticeRecord>, Error> {
    let Shop { client, .. } = shop;
    let (mch_id, notify_url) = (client.merchant().mch_id().as_str(), "https://shop.example.com/wx/notify");
    for number in ["T00001", "T00002", "T00003"] {
        let order = pay::Native {
            body: "蓝鲸咖啡-拿铁".into(),
            out_trade_no: OutTradeNo::new(number)?,
            total_fee: Fen::new(888),
            spbill_create_ip: [127, 0, 0, 1].into(),
            notify_url: notify_url.into(),
            product_id: "SKU-0001".into(),
            extra: pay::Extra::default(),
        };
        let insert = "INSERT INTO orders (number, amount) VALUES (?1, ?2)";
        shop.transact(|tx| Ok(tx.execute(insert, params![number, order.total_fee.get()])?))?;
        client.send(&order).await?;
        sandbox.pay_order(mch_id, number, &Payer::default())?;
    }
    let refund = pay::Refund {
        order: OutTradeNo::new("T00003")?.into(),
        out_refund_no: OutRefundNo::new("R-T00003")?,
        total_fee: Fen::new(888),
        refund_fee: Fen::new(888),
        extra: pay::RefundExtra { notify_url: Some(notify_url.into()), ..Default::default() },
    };
    client.send(&refund).await?;
    sandbox.advance(Duration::from_secs(3600))?;
    // This sandbox is not served, so nothing is posted: the example brings it itself.
    Ok(sandbox.notices(0, 4))
}
