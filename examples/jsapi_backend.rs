//! The backend of a shop in WeChat (JSAPI支付): it places orders for its page,
//! takes notifications, and asks by itself where none has come.
//!
//! Run it: `cargo run --all-features --example jsapi_backend`
//!
//! Page, user, and a stranger are played at the end.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use hongbao::notify::{Ack, Expected, Paid};
use hongbao::pay::{self, BridgeParams, Payment};
use hongbao::sandbox::{NoticeFault, Payer, Sandbox};
use hongbao::{Client, Fen, OpenId, OutTradeNo, query};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

struct Shop {
    client: Client,
    notify_url: String,
    /// Stands for a table of yours.
    orders: Mutex<BTreeMap<String, Order>>,
}

struct Order {
    /// Number and amount.
    on_record: Expected,
    paid_as: Option<String>,
    deliveries: u32,
}

#[derive(serde::Deserialize)]
struct Basket {
    /// From the session, never from the page, in earnest.
    openid: OpenId,
    cups: u32,
}

/// `POST /orders`
async fn place(State(shop): State<Arc<Shop>>, Json(basket): Json<Basket>) -> Result<Json<Value>, StatusCode> {
    // The price is the shop's. Number and amount are on record before any byte leaves.
    let amount = Fen::new(i64::from(basket.cups) * 888);
    let number = {
        let mut orders = shop.orders();
        let number = OutTradeNo::new(format!("T20250318{:06}", orders.len() + 1)).map_err(internal)?;
        let on_record = Expected::new(shop.client.merchant(), number.clone(), amount);
        orders.insert(number.to_string(), Order { on_record, paid_as: None, deliveries: 0 });
        number
    };
    let order = pay::Jsapi {
        body: "蓝鲸咖啡-拿铁".into(),
        out_trade_no: number.clone(),
        total_fee: amount,
        spbill_create_ip: [127, 0, 0, 1].into(),
        notify_url: shop.notify_url.clone(),
        payer: pay::Payer::OpenId(basket.openid),
        extra: pay::Extra::default(),
    };
    let placed = shop.client.send(&order).await.map_err(|error| {
        eprintln!("{}", error.report());
        StatusCode::BAD_GATEWAY
    })?;
    let stamp = shop.client.stamp().await.map_err(internal)?;
    Ok(Json(json!({ "number": number, "bridge": BridgeParams::new(&stamp, &placed.prepay_id) })))
}

/// `POST /wx/notify`. The body as it came: nothing parses it before it is verified.
async fn notified(State(shop): State<Arc<Shop>>, body: Bytes) -> impl IntoResponse {
    let ack = shop.receive(&body).await.unwrap_or_else(|error| {
        println!("  refused: {error}");
        Ack::to(&error)
    });
    ([(CONTENT_TYPE, ack.content_type())], ack.into_body())
}

/// `GET /orders/{number}`: what the page asks when the user comes back to it. What
/// the user's program says about the payment counts for nothing.
async fn state(State(shop): State<Arc<Shop>>, Path(number): Path<String>) -> Result<Json<Value>, StatusCode> {
    let found = shop.orders().get(&number).map(|order| (order.on_record.clone(), order.paid_as.is_some()));
    let (on_record, paid) = found.ok_or(StatusCode::NOT_FOUND)?;
    if !paid {
        let found = shop.client.send(&query::Order::new(on_record.out_trade_no.clone())).await.map_err(internal)?;
        if let Some(payment) = found.payment() {
            match on_record.check(&payment) {
                Ok(()) => shop.settle(&payment),
                Err(error) => eprintln!("ALARM: {number}: {error}"),
            }
        }
    }
    let orders = shop.orders();
    let order = orders.get(&number).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(json!({ "paid": order.paid_as.is_some(), "deliveries": order.deliveries })))
}

impl Shop {
    async fn receive(&self, body: &[u8]) -> hongbao::Result<Ack> {
        let paid: Paid = self.client.open(body).await?;
        let on_record = self.orders().get(paid.out_trade_no()).map(|order| order.on_record.clone());
        let Some(on_record) = on_record else { return Ok(Ack::fail("订单不存在")) };
        self.settle(&paid.confirm(&on_record)?);
        Ok(Ack::success())
    }

    /// Both ways lead here, any number of times. In earnest: one transaction.
    fn settle(&self, payment: &Payment) {
        let (number, mut orders) = (&payment.out_trade_no, self.orders());
        let Some(order) = orders.get_mut(number) else { return };
        match &order.paid_as {
            None => {
                println!("  {number} is paid, deliver");
                order.paid_as = Some(payment.transaction_id.clone());
                order.deliveries += 1;
            }
            Some(known) if *known == payment.transaction_id => println!("  {number} is paid, as we know"),
            Some(known) => eprintln!("ALARM: {number} was paid twice, {known} and {}", payment.transaction_id),
        }
    }

    fn orders(&self) -> MutexGuard<'_, BTreeMap<String, Order>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn internal(error: impl std::fmt::Display) -> StatusCode {
    eprintln!("{error}");
    StatusCode::INTERNAL_SERVER_ERROR
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::new()?;
    let coffee = sandbox.merchants().remove(0);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?.to_string();
    let notify_url = format!("http://{address}/wx/notify");
    let shop = Arc::new(Shop { client: sandbox.client(&coffee)?, notify_url, orders: Mutex::default() });
    let app = Router::new()
        .route("/orders", post(place))
        .route("/orders/{number}", get(state))
        .route("/wx/notify", post(notified))
        .with_state(shop);
    let listening = tokio::spawn(async move { axum::serve(listener, app).await });
    let basket = |cups| json!({ "openid": "oQx4r0Z1a2b3c4d5e6f7g8h9i0jk", "cups": cups }).to_string();

    println!("The user pays, and the notification comes three times:");
    let first: Value = serde_json::from_str(&ask(&address, "POST /orders", &basket(1)).await?)?;
    println!("  the page calls WeChat with {}", first["bridge"]);
    let first = first["number"].as_str().ok_or("no number")?;
    sandbox.spoil_next_notice(NoticeFault::Duplicate { times: 2 })?;
    sandbox.pay_order(&coffee.mch_id, first, &Payer::default())?;
    assert_eq!(sandbox.deliver_notices().await?, 3);
    let paid = json!({ "paid": true, "deliveries": 1 }).to_string();
    assert_eq!(ask(&address, &format!("GET /orders/{first}"), "").await?, paid);

    println!("A stranger tells of the first payment under another number:");
    let second: Value = serde_json::from_str(&ask(&address, "POST /orders", &basket(2)).await?)?;
    let second = second["number"].as_str().ok_or("no number")?;
    let forged = sandbox.notices(0, 1).remove(0).body.replace(first, second);
    assert!(ask(&address, "POST /wx/notify", &forged).await?.contains("FAIL"));
    let unpaid = json!({ "paid": false, "deliveries": 0 }).to_string();
    assert_eq!(ask(&address, &format!("GET /orders/{second}"), "").await?, unpaid);

    println!("The user pays that order too, and no notification comes; the page asks:");
    sandbox.spoil_next_notice(NoticeFault::Missing)?;
    sandbox.pay_order(&coffee.mch_id, second, &Payer::default())?;
    assert_eq!(ask(&address, &format!("GET /orders/{second}"), "").await?, paid);
    assert!(sandbox.books().balanced);
    listening.abort();
    Ok(())
}

/// What a page does: one request, and the body of the answer.
async fn ask(address: &str, what: &str, body: &str) -> Result<String, Box<dyn Error>> {
    let mut socket = TcpStream::connect(address).await?;
    let length = body.len();
    let head = format!("{what} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n");
    socket.write_all(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    Ok(body.to_owned())
}
