//! All notifications of two merchant entities at one address, with axum: which
//! kind it is, whose it is, whether it is genuine, and whether it agrees with
//! what is on record.
//!
//! Run it: `cargo run --all-features --example notify_axum`

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use hongbao::notify::{self, Ack, Expected, ExpectedRefund, Kind, Paid, Refunded, Scanned};
use hongbao::pay;
use hongbao::sandbox::{NoticeFault, Payer, Sandbox};
use hongbao::{Client, Fen, Merchants, OutRefundNo, OutTradeNo};
use tokio::net::TcpListener;

#[derive(Default)]
struct Shop {
    merchants: Merchants,
    notify_url: String,
    scans: AtomicU32,
    records: Mutex<Records>,
}

/// Stands for tables of yours. Numbers are unique within a merchant only.
#[derive(Default)]
struct Records {
    orders: BTreeMap<(String, String), Expected>,
    refunds: BTreeMap<(String, String), ExpectedRefund>,
}

/// The adapter. Everything else of this file would be the same with any server.
async fn notified(State(shop): State<Arc<Shop>>, body: Bytes) -> impl IntoResponse {
    let ack = shop.receive(&body).await.unwrap_or_else(|error| {
        println!("refused: {error}");
        Ack::to(&error)
    });
    ([(CONTENT_TYPE, ack.content_type())], ack.into_body())
}

impl Shop {
    /// What a body claims decides only who looks at it.
    async fn receive(&self, body: &[u8]) -> hongbao::Result<Ack> {
        match notify::kind(body)? {
            Kind::Paid => self.paid(body).await,
            Kind::Refunded => self.refunded(body).await,
            Kind::Scanned => self.scanned(body).await,
            other => Ok(Ack::fail(&format!("{other:?} is not expected here"))),
        }
    }

    async fn paid(&self, body: &[u8]) -> hongbao::Result<Ack> {
        let (client, paid) = self.merchants.open::<Paid>(body).await?;
        let key = key(&client, paid.out_trade_no());
        let Some(on_record) = self.with(|records| records.orders.get(&key).cloned()) else {
            return Ok(Ack::fail("订单不存在"));
        };
        let payment = paid.confirm(&on_record)?;
        println!("{}: {} paid {} yuan", client.merchant().name(), payment.out_trade_no, payment.total_fee);
        Ok(Ack::success())
    }

    async fn refunded(&self, body: &[u8]) -> hongbao::Result<Ack> {
        let (client, refunded) = self.merchants.open::<Refunded>(body).await?;
        let key = key(&client, refunded.out_refund_no());
        let Some(on_record) = self.with(|records| records.refunds.get(&key).cloned()) else {
            return Ok(Ack::fail("退款单不存在"));
        };
        let result = refunded.confirm(&on_record)?;
        // Some end otherwise, and then somebody has to pay by hand.
        println!("{}: {} has ended as {}", client.merchant().name(), result.out_refund_no, result.refund_status);
        Ok(Ack::success())
    }

    /// A question rather than a notification: the answer is an order, and the
    /// user waits for it.
    async fn scanned(&self, body: &[u8]) -> hongbao::Result<Ack> {
        let (client, scanned) = self.merchants.open::<Scanned>(body).await?;
        let stamp = client.stamp().await?;
        let Some((body, price)) = goods(&scanned.product_id) else {
            return Ok(scanned.refuse(&stamp, "商品已售完"));
        };
        let number = OutTradeNo::new(format!("SCAN{:06}", self.scans.fetch_add(1, Ordering::Relaxed)))?;
        Ok(match client.send(&self.order(&client, number, body, price)).await {
            Ok(placed) => scanned.answer(&stamp, &placed.prepay_id),
            Err(_) => scanned.refuse(&stamp, "请稍后再试"),
        })
    }

    /// An order that is on record before it is placed.
    fn order(&self, client: &Client, number: OutTradeNo, body: &str, price: Fen) -> pay::Native {
        let on_record = Expected::new(client.merchant(), number.clone(), price);
        self.with(|records| records.orders.insert(key(client, number.as_str()), on_record));
        pay::Native {
            body: body.to_owned(),
            out_trade_no: number,
            total_fee: price,
            spbill_create_ip: [127, 0, 0, 1].into(),
            notify_url: self.notify_url.clone(),
            product_id: "SKU-0001".into(),
            extra: pay::Extra::default(),
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut Records) -> T) -> T {
        look(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn key(client: &Client, number: &str) -> (String, String) {
    (client.merchant().mch_id().to_string(), number.to_owned())
}

fn goods(product_id: &str) -> Option<(&'static str, Fen)> {
    (product_id == "SKU-0001").then_some(("当日推荐", Fen::new(888)))
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::new()?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let notify_url = format!("http://{}/wx/notify", listener.local_addr()?);
    let shop = Arc::new(Shop { notify_url: notify_url.clone(), ..Shop::default() });
    let app = Router::new().route("/wx/notify", post(notified));
    let app = app.layer(DefaultBodyLimit::max(64 * 1024)).with_state(Arc::clone(&shop));
    let listening = tokio::spawn(async move { axum::serve(listener, app).await });

    for entity in sandbox.merchants() {
        // In earnest this is set in the merchant platform (支付回调URL).
        sandbox.change_settings(&entity.mch_id, |settings| settings.native_callback_url = notify_url.clone())?;
        let client = sandbox.client(&entity)?;
        shop.merchants.insert(client.clone());
        let user = format!("oUser{}", entity.mch_id);
        let pays = |number: &str| {
            let payer = Payer { openid: Some(user.clone()), ..Payer::default() };
            sandbox.pay_order(&entity.mch_id, number, &payer)
        };

        // Both merchants use the same numbers, and neither is taken for the other.
        let order = shop.order(&client, OutTradeNo::new("T00001")?, "拿铁", Fen::new(1_200));
        client.send(&order).await?;
        pays("T00001")?;
        sandbox.deliver_notices().await?;

        let refund = pay::Refund {
            order: order.out_trade_no.into(),
            out_refund_no: OutRefundNo::new("R1")?,
            total_fee: order.total_fee,
            refund_fee: Fen::new(300),
            extra: pay::RefundExtra { notify_url: Some(notify_url.clone()), ..Default::default() },
        };
        let number = refund.out_refund_no.clone();
        let on_record = ExpectedRefund::new(client.merchant(), "T00001", number, refund.total_fee, refund.refund_fee);
        shop.with(|records| records.refunds.insert(key(&client, "R1"), on_record));
        client.send(&refund).await?;
        sandbox.advance(Duration::from_secs(3600))?;
        sandbox.deliver_notices().await?;

        // A poster on the wall, and somebody who scans it.
        let poster = pay::native_link(&client.stamp().await?, "SKU-0001")?;
        pays(&sandbox.scan(&poster, Some(&user)).await?.out_trade_no)?;
        sandbox.deliver_notices().await?;
        let old_poster = pay::native_link(&client.stamp().await?, "SKU-0002")?;
        let Err(shown) = sandbox.scan(&old_poster, Some(&user)).await else { return Err("SKU-0002 was sold".into()) };
        println!("{}: {shown}", entity.name);
    }

    // Genuine in its form, but of a merchant who is none of ours.
    let client = shop.merchants.by_mch_id("1900000102")?;
    client.send(&shop.order(&client, OutTradeNo::new("T00002")?, "拿铁", Fen::new(1_200))).await?;
    sandbox.spoil_next_notice(NoticeFault::ForeignMerchant)?;
    let payer = Payer { openid: Some("oUser1900000102".into()), ..Payer::default() };
    sandbox.pay_order("1900000102", "T00002", &payer)?;
    sandbox.deliver_notices().await?;

    let delivered: Vec<_> = sandbox.notices(0, 10).iter().map(|notice| notice.delivered).collect();
    assert_eq!(delivered, [true, true, true, true, true, true, false]);
    assert!(sandbox.books().balanced);
    listening.abort();
    Ok(())
}
