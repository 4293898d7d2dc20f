//! A QR code at the counter (Native支付, mode two): the order is placed over
//! HTTPS, its code drawn in the terminal, a user scans it and pays, and the
//! notification arrives at a listener of the shop's own.
//!
//! Run it: `cargo run --all-features --example native_qr`

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use hongbao::notify::{Ack, Expected, Paid};
use hongbao::pay::{self, Payment};
use hongbao::sandbox::{Payer, Sandbox};
use hongbao::{Client, Fen, OutTradeNo, query};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Any free port of this machine.
const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const USER: &str = "oQx4r0Z1a2b3c4d5e6f7g8h9i0jk";

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    // A gateway behind a socket, with TLS and a courier that posts notifications.
    let sandbox = Sandbox::new()?;
    let served = sandbox.serve(HERE, HERE, None).await?;
    let coffee = sandbox.merchants().remove(0);
    let client = Client::new(&coffee)?;

    let listener = TcpListener::bind(HERE).await?;
    let order = pay::Native {
        body: "蓝鲸咖啡-拿铁".into(),
        out_trade_no: OutTradeNo::new("T20250318000001")?,
        total_fee: "8.88".parse()?,
        spbill_create_ip: listener.local_addr()?.ip(),
        notify_url: format!("http://{}/wx/notify", listener.local_addr()?),
        product_id: "SKU-0001".into(),
        extra: pay::Extra::default(),
    };
    // Stands for the row that is stored before the first attempt: what a
    // notification has to agree with.
    let on_record = Expected::new(client.merchant(), order.out_trade_no.clone(), order.total_fee);

    let (told, mut payments) = mpsc::channel(1);
    let shop = Arc::new(Shop { client: client.clone(), on_record, told });
    let app = Router::new().route("/wx/notify", post(notified)).with_state(shop);
    let listening = tokio::spawn(async move { axum::serve(listener, app).await });

    let placed = client.send(&order).await?;
    println!("{}", pay::qr_terminal(&placed.code_url, true)?);
    println!("{}: scan to pay {} yuan", order.body, order.total_fee);

    // The user's side. No phone is at hand, so the sandbox scans.
    let seen = sandbox.scan(&placed.code_url, Some(USER)).await?;
    println!("the phone shows {} and {} yuan", seen.body, seen.total_fee);
    let payer = Payer { openid: Some(USER.into()), ..Payer::default() };
    sandbox.pay_order(&seen.mch_id, &seen.out_trade_no, &payer)?;

    // A notification can be late or never come. After a while, and whenever the
    // customer insists, ask.
    let payment = match timeout(Duration::from_secs(5), payments.recv()).await {
        Ok(Some(payment)) => payment,
        Ok(None) | Err(_) => return Err("no notification within five seconds".into()),
    };
    println!("notified: {} paid {} yuan as {}", USER, payment.total_fee, payment.transaction_id);
    let found = client.send(&query::Order::new(order.out_trade_no)).await?;
    println!("queried:  {}", found.trade_state);
    assert_eq!(found.payment(), Some(payment));

    // 8.88 yuan less 0.60 % for the platform.
    assert_eq!(sandbox.balance(&coffee.mch_id), Fen::new(1_000_000 + 888 - 5));
    assert!(sandbox.books().balanced);
    println!("{}", sandbox.books());
    listening.abort();
    served.stop().await;
    Ok(())
}

struct Shop {
    client: Client,
    on_record: Expected,
    told: mpsc::Sender<Payment>,
}

/// The body as it came: no extractor may parse it before it was verified.
async fn notified(State(shop): State<Arc<Shop>>, body: Bytes) -> impl IntoResponse {
    let ack = shop.receive(&body).await.unwrap_or_else(|error| {
        eprintln!("{}", error.report());
        Ack::to(&error)
    });
    ([(CONTENT_TYPE, ack.content_type())], ack.into_body())
}

impl Shop {
    async fn receive(&self, body: &[u8]) -> hongbao::Result<Ack> {
        let paid: Paid = self.client.open(body).await?;
        let payment = paid.confirm(&self.on_record)?;
        // Whoever answers SUCCESS has it safe. A full channel is not safe.
        match self.told.try_send(payment) {
            Ok(()) => Ok(Ack::success()),
            Err(_) => Ok(Ack::fail("稍后重试")),
        }
    }
}
