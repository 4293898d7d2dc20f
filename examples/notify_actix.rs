//! Payment notifications with actix-web. With another server only `notified`
//! differs: it needs the bytes of the body, and gives back type and text.
//!
//! Run it: `cargo run --all-features --example notify_actix`

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Mutex;

use actix_web::{App, HttpResponse, HttpServer, web};
use hongbao::notify::{Ack, Expected, Paid};
use hongbao::pay;
use hongbao::sandbox::{NoticeFault, Payer, Sandbox};
use hongbao::{Client, Fen, OutTradeNo};

struct Shop {
    client: Client,
    /// Stands for a table of yours: what was ordered, and whether it was paid.
    orders: Mutex<BTreeMap<String, (Expected, bool)>>,
}

/// The adapter. The status is 200 whatever the answer says.
async fn notified(shop: web::Data<Shop>, body: web::Bytes) -> HttpResponse {
    let ack = shop.receive(&body).await.unwrap_or_else(|error| {
        println!("refused: {error}");
        Ack::to(&error)
    });
    HttpResponse::Ok().content_type(ack.content_type()).body(ack.into_body())
}

impl Shop {
    async fn receive(&self, body: &[u8]) -> hongbao::Result<Ack> {
        let paid: Paid = self.client.open(body).await?;
        // No lock is held while anything is awaited.
        let Ok(mut orders) = self.orders.lock() else { return Ok(Ack::fail("稍后重试")) };
        let Some((on_record, is_paid)) = orders.get_mut(paid.out_trade_no()) else {
            return Ok(Ack::fail("订单不存在"));
        };
        let payment = paid.confirm(on_record)?;
        println!("{} paid {} yuan", payment.out_trade_no, payment.total_fee);
        *is_paid = true;
        Ok(Ack::success())
    }
}

/// Actix runs in tokio's runtime; its workers have threads and runtimes of their
/// own, between which a [`Client`] is shared.
#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::new()?;
    let coffee = sandbox.merchants().remove(0);
    let client = sandbox.client(&coffee)?;
    let shop = web::Data::new(Shop { client: client.clone(), orders: Mutex::default() });

    let state = shop.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .app_data(web::PayloadConfig::new(64 * 1024))
            .route("/wx/notify", web::post().to(notified))
    })
    .workers(1)
    .disable_signals()
    .bind(("127.0.0.1", 0))?;
    let address = server.addrs().first().copied().ok_or("no address")?;
    let server = server.run();
    let handle = server.handle();
    let running = tokio::spawn(server);

    // The second notification is spoiled on its way, and comes again by itself
    // until somebody answers SUCCESS: never, in this case.
    for (number, fault) in [("T00001", None), ("T00002", Some(NoticeFault::WrongSign))] {
        let order = pay::Native {
            body: "蓝鲸咖啡-拿铁".into(),
            out_trade_no: OutTradeNo::new(number)?,
            total_fee: Fen::new(888),
            spbill_create_ip: [127, 0, 0, 1].into(),
            notify_url: format!("http://{address}/wx/notify"),
            product_id: "SKU-0001".into(),
            extra: pay::Extra::default(),
        };
        let on_record = Expected::new(client.merchant(), order.out_trade_no.clone(), order.total_fee);
        shop.orders.lock().map_err(|_| "poisoned")?.insert(number.to_owned(), (on_record, false));
        client.send(&order).await?;
        if let Some(fault) = fault {
            sandbox.spoil_next_notice(fault)?;
        }
        sandbox.pay_order(&coffee.mch_id, number, &Payer::default())?;
        sandbox.deliver_notices().await?;
    }

    let notices = sandbox.notices(0, 10);
    assert_eq!(notices.iter().map(|notice| notice.delivered).collect::<Vec<_>>(), [true, false]);
    let paid = shop.orders.lock().map_err(|_| "poisoned")?.values().map(|(_, paid)| *paid).collect::<Vec<_>>();
    assert_eq!(paid, [true, false]);
    handle.stop(true).await;
    running.await??;
    Ok(())
}
