//! Every way to take a payment, over sockets from end to end: order, payment,
//! notification, query, refunds, their notifications, the next day's bill; and
//! the books agree everywhere.

use std::net::SocketAddr;
use std::time::Duration;

use hongbao::notify::{Ack, Expected, ExpectedRefund, Paid, Refunded, Scanned};
use hongbao::pay::{self, AppParams, BridgeParams, Payment, TradeState, TradeType};
use hongbao::query::{self, RefundStatus, TradeBill};
use hongbao::sandbox::{Payer, Sandbox, Served};
use hongbao::wire::{self, Digest, Doc};
use hongbao::{Client, Entity, Fen, OutRefundNo, PayConfig, RetryPolicy, SubMerchant};

use crate::orders::{by_code, jsapi, native, number, refund};
use crate::shop::{Posted, Shop};
use crate::support::{ALICE, DAY, HOUR};

const TOTAL: i64 = 888;

struct Counter {
    sandbox: Sandbox,
    served: Served,
    shop: Shop,
    entity: Entity,
    client: Client,
}

impl Counter {
    async fn open(digest: Digest) -> Self {
        let noon = "2025-03-18 12:00:00".parse().unwrap();
        let sandbox = Sandbox::builder().frozen_at(noon).build().unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let served = sandbox.serve(any, any, None).await.unwrap();
        let entity = Entity { digest, ..sandbox.merchants().remove(0) };
        let client = Client::builder(&entity).retry(RetryPolicy::never()).build().unwrap();
        Self { sandbox, served, shop: Shop::open().await, entity, client }
    }

    /// What the courier brings, by itself.
    async fn brought(&self) -> Posted {
        for _ in 0..500 {
            if let Some(posted) = self.shop.posted().pop() {
                return posted;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nothing came: {:?}", self.sandbox.notices(0, 10));
    }

    fn pay(&self, order: &str) -> String {
        self.sandbox.pay_order(&self.entity.mch_id, order, &Payer::default()).unwrap()
    }

    /// Paid as the notification and a query tell, which tell the same.
    async fn is_paid(&self, order: &str, trade_type: TradeType) -> Payment {
        let posted = self.brought().await;
        assert_eq!((posted.path.as_str(), posted.request_id.len()), ("/wx/notify", 32));
        let paid: Paid = self.client.open(&posted.body).await.unwrap();
        let expected = Expected::new(self.client.merchant(), number(order), Fen::new(TOTAL));
        let told = paid.confirm(&expected).unwrap();
        let found = self.client.send(&query::Order::new(number(order))).await.unwrap();
        assert_eq!((&found.trade_state, found.payment().unwrap()), (&TradeState::Success, told.clone()));
        assert_eq!(told.trade_type, Some(trade_type));
        told
    }

    /// Two partial refunds, told and found; then the bill of the day.
    async fn refund_and_bill(&self, order: &str, payment: &Payment) {
        let mut known = vec![];
        for (refund_no, fen) in [("R1", 300), ("R2", 588)] {
            let mut request = refund(order, refund_no, TOTAL, fen);
            request.extra.notify_url = Some(self.shop.url("/wx/refund"));
            request.extra.refund_desc = Some("商品已售完".into());
            let within =
                request.within(known.iter().map(|(number, fen): &(String, Fen)| (number.as_str(), *fen))).unwrap();
            self.client.send(within).await.unwrap();
            known.push((refund_no.to_owned(), Fen::new(fen)));
            self.sandbox.advance(HOUR).unwrap();
            let posted = self.brought().await;
            assert_eq!(posted.path, "/wx/refund");
            let told: Refunded = self.client.open(&posted.body).await.unwrap();
            let expected = ExpectedRefund::new(
                self.client.merchant(),
                order,
                OutRefundNo::new(refund_no).unwrap(),
                Fen::new(TOTAL),
                Fen::new(fen),
            );
            let told = told.confirm(&expected).unwrap();
            assert_eq!((&told.refund_status, told.key()), (&RefundStatus::Success, format!("{refund_no}/SUCCESS")));
            let found = self.client.send(&query::Refund::new(OutRefundNo::new(refund_no).unwrap())).await.unwrap();
            assert_eq!(
                (&found.refunds[0].refund_id, found.refunds[0].refund_success_time),
                (&told.refund_id, told.success_time)
            );
        }
        let found = self.client.send(&query::Order::new(number(order))).await.unwrap();
        assert_eq!(found.trade_state, TradeState::Refund);
        let next = refund(order, "R3", TOTAL, 1);
        let found = self.client.send(&query::Refund::new(number(order))).await.unwrap();
        assert_eq!(next.within(found.standing()).unwrap_err().field(), Some("refund_fee"));

        self.sandbox.advance(DAY).unwrap();
        let mut bill = self.client.download(&TradeBill::new("2025-03-18".parse().unwrap())).await.unwrap();
        let (mut paid, mut back) = (Fen::ZERO, Fen::ZERO);
        while let Some(row) = bill.next().await.unwrap() {
            assert_eq!((row.out_trade_no, row.transaction_id), (order, payment.transaction_id.as_str()));
            paid = paid.checked_add(row.total_fee.unwrap()).unwrap();
            back = back.checked_add(row.refund_fee.unwrap()).unwrap();
        }
        let summary = bill.sheet().summary().unwrap();
        assert_eq!((summary.rows, summary.differences().len()), (3, 0));
        assert_eq!((paid, back), (Fen::new(TOTAL), Fen::new(TOTAL)));
        assert_eq!(self.sandbox.balance(&self.entity.mch_id), Fen::new(1_000_000));
        let books = self.sandbox.books();
        assert!(books.balanced, "{books}");
    }

    async fn get(&self, path: &str, referer: &str) -> (u16, String, String) {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        // The console speaks plain HTTP, and the TLS library still wants a provider.
        let tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let http = http.tls_backend_preconfigured(tls).build().unwrap();
        let response = http.get(path).header("referer", referer).send().await.unwrap();
        let to = response.headers().get("location").map_or("", |value| value.to_str().unwrap()).to_owned();
        (response.status().as_u16(), to, response.text().await.unwrap())
    }
}

#[tokio::test]
pub async fn native_by_code_url() {
    let counter = Counter::open(Digest::Md5).await;
    let sale = pay::Native { notify_url: counter.shop.url("/wx/notify"), ..native("T00001", TOTAL) };
    let placed = counter.client.send(&sale).await.unwrap();
    let scanned = counter.sandbox.scan(&placed.code_url, Some(ALICE)).await.unwrap();
    assert_eq!((scanned.out_trade_no.as_str(), scanned.prepay_id), ("T00001", placed.prepay_id));
    counter.pay("T00001");
    let payment = counter.is_paid("T00001", TradeType::Native).await;
    counter.refund_and_bill("T00001", &payment).await;
    counter.served.stop().await;
}

/// The front end's parameters are signed as the gateway's own answers are.
#[tokio::test]
pub async fn jsapi_with_hmac() {
    let counter = Counter::open(Digest::HmacSha256).await;
    let sale = pay::Jsapi { notify_url: counter.shop.url("/wx/notify"), ..jsapi("T00001", TOTAL) };
    let placed = counter.client.send(&sale).await.unwrap();
    let params = BridgeParams::new(&counter.client.stamp().await.unwrap(), &placed.prepay_id);
    let signed: Doc = [
        ("appId", params.app_id.as_str()),
        ("timeStamp", &params.time_stamp),
        ("nonceStr", &params.nonce_str),
        ("package", &params.package),
        ("signType", "HMAC-SHA256"),
    ]
    .into_iter()
    .collect();
    assert!(wire::verify(&signed, &params.pay_sign, &counter.entity.key, Digest::HmacSha256));
    counter.pay("T00001");
    let payment = counter.is_paid("T00001", TradeType::Jsapi).await;
    assert_eq!(payment.openid.as_deref(), Some(ALICE));
    let notice = counter.sandbox.notices(0, 1).remove(0);
    assert!(notice.body.contains("<sign_type><![CDATA[HMAC-SHA256]]></sign_type>"));
    counter.refund_and_bill("T00001", &payment).await;
}

#[tokio::test]
pub async fn app() {
    let counter = Counter::open(Digest::Md5).await;
    let native = native("T00001", TOTAL);
    let sale = pay::App {
        body: native.body,
        out_trade_no: native.out_trade_no,
        total_fee: native.total_fee,
        spbill_create_ip: native.spbill_create_ip,
        notify_url: counter.shop.url("/wx/notify"),
        extra: pay::Extra { attach: Some("深圳分店".into()), ..pay::Extra::default() },
    };
    let placed = counter.client.send(&sale).await.unwrap();
    let params = AppParams::new(&counter.client.stamp().await.unwrap(), &placed.prepay_id);
    assert_eq!((params.partnerid.as_str(), params.package.as_str()), (counter.entity.mch_id(), "Sign=WXPay"));
    counter.pay("T00001");
    let payment = counter.is_paid("T00001", TradeType::App).await;
    assert_eq!(payment.attach.as_deref(), Some("深圳分店"));
    counter.refund_and_bill("T00001", &payment).await;
}

#[tokio::test]
pub async fn h5() {
    let counter = Counter::open(Digest::Md5).await;
    let scene_info = pay::H5Scene::Wap { wap_url: "https://shop.example.com".into(), wap_name: "蓝鲸咖啡".into() };
    let native = native("T00001", TOTAL);
    let sale = pay::H5 {
        body: native.body,
        out_trade_no: native.out_trade_no,
        total_fee: native.total_fee,
        spbill_create_ip: native.spbill_create_ip,
        notify_url: counter.shop.url("/wx/notify"),
        scene_info,
        extra: pay::Extra::default(),
    };
    let mch_id = &counter.entity.mch_id;
    counter
        .sandbox
        .change_settings(mch_id, |settings| settings.h5_referer = "https://shop.example.com/".into())
        .unwrap();
    let mweb_url = counter.client.send(&sale).await.unwrap().mweb_url.unwrap();
    assert!(mweb_url.starts_with(&counter.served.console()), "{mweb_url}");
    let back = "https://shop.example.com/paid?order=T00001&a=中";
    let url = pay::h5_redirect(&mweb_url, back);
    let (status, _, page) = counter.get(&url, "https://elsewhere.example.com/").await;
    assert!(status == 200 && page.contains("商家存在未配置的参数"), "{page}");
    let (status, to, _) = counter.get(&url, "https://shop.example.com/cart").await;
    assert_eq!((status, to.as_str()), (303, "https://shop.example.com/paid?order=T00001&a=%E4%B8%AD"));
    let (_, _, page) = counter.get(&mweb_url, "https://shop.example.com/cart").await;
    assert!(page.contains("T00001") && page.contains("8.88"), "{page}");
    counter.sandbox.advance(Duration::from_secs(301)).unwrap();
    let (_, _, page) = counter.get(&url, "https://shop.example.com/cart").await;
    assert!(page.contains("支付请求已失效"), "{page}");
    counter.pay("T00001");
    let payment = counter.is_paid("T00001", TradeType::H5).await;
    counter.refund_and_bill("T00001", &payment).await;

    counter.sandbox.change_settings(mch_id, |settings| settings.h5_granted = false).unwrap();
    let again = pay::H5 { out_trade_no: number("T00002"), ..sale };
    assert_eq!(counter.client.send(&again).await.unwrap().mweb_url, None);
}

/// Nobody is told of a payment by code; the answer and the query are all there is.
#[tokio::test]
pub async fn micropay() {
    let counter = Counter::open(Digest::Md5).await;
    let code = counter.sandbox.show_code(ALICE).unwrap();
    let payment = counter.client.send(&by_code("M00001", TOTAL, &code)).await.unwrap();
    let found = counter.client.send(&query::Order::new(number("M00001"))).await.unwrap();
    assert_eq!(found.payment().unwrap(), payment);
    assert!(counter.sandbox.notices(0, 10).is_empty());
    counter.refund_and_bill("M00001", &payment).await;
}

/// Mode one: the code is on the wall, and the merchant is asked when somebody scans it.
#[tokio::test]
pub async fn native_by_static_code() {
    let counter = Counter::open(Digest::Md5).await;
    let link = pay::native_link(&counter.client.stamp().await.unwrap(), "SKU 杯/1").unwrap();
    let short = counter.client.send(&pay::ShortUrl { long_url: link.clone() }).await.unwrap().short_url;
    let refused = async |code: &str| counter.sandbox.scan(code, Some(ALICE)).await.unwrap_err().to_string();
    assert!(refused(&link).await.contains("native_callback_url"));
    assert!(refused(&link.replace("SKU", "SKV")).await.contains("原生支付URL参数错误"));
    assert!(refused("https://example.com").await.contains("原生支付URL参数错误"));

    // The callback is a program of its own: verify, place the order, answer signed.
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/wx/native", socket.local_addr().unwrap());
    counter.sandbox.change_settings(&counter.entity.mch_id, |settings| settings.native_callback_url = url).unwrap();
    let (client, notify_url) = (counter.client.clone(), counter.shop.url("/wx/notify"));
    let answer = move |body: axum::body::Bytes| {
        let (client, notify_url) = (client.clone(), notify_url.clone());
        async move {
            let scanned: Scanned = match client.open(&body).await {
                Ok(scanned) => scanned,
                Err(error) => return Ack::to(&error).into_body(),
            };
            let stamp = client.stamp().await.unwrap();
            if scanned.product_id != "SKU 杯/1" {
                return scanned.refuse(&stamp, "商品已售完").into_body();
            }
            let sale = pay::Native { notify_url, product_id: scanned.product_id.clone(), ..native("T00001", TOTAL) };
            let placed = client.send(&sale).await.unwrap();
            scanned.answer(&stamp, &placed.prepay_id).into_body()
        }
    };
    let app = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(socket, app).await.unwrap() });
    for code in [&link, &short] {
        let order = counter.sandbox.scan(code, Some(ALICE)).await.unwrap();
        assert_eq!((order.out_trade_no.as_str(), order.product_id.as_deref()), ("T00001", Some("SKU 杯/1")));
    }
    let other = pay::native_link(&counter.client.stamp().await.unwrap(), "SKU-0002").unwrap();
    assert!(refused(&other).await.contains("商品已售完"));
    counter.pay("T00001");
    let payment = counter.is_paid("T00001", TradeType::Native).await;
    counter.refund_and_bill("T00001", &payment).await;
}

/// A service provider's orders are those of its sub-merchant, everywhere.
#[tokio::test]
pub async fn for_a_sub_merchant() {
    let counter = Counter::open(Digest::Md5).await;
    let sub = SubMerchant::new("1510000003".parse().unwrap());
    let provider = Entity { sub_merchant: Some(sub), ..counter.entity.clone() };
    let client = Client::builder(&provider).retry(RetryPolicy::never()).build().unwrap();
    let sale = pay::Native { notify_url: counter.shop.url("/wx/notify"), ..native("T00001", TOTAL) };
    let unknown = client.send(&sale).await.unwrap_err();
    assert!(unknown.to_string().contains("sub_mch_id不存在"), "{unknown}");
    counter
        .sandbox
        .change_settings(&counter.entity.mch_id, |settings| settings.sub_merchants = vec!["1510000003".into()])
        .unwrap();
    client.send(&sale).await.unwrap();
    counter.pay("T00001");
    let posted = counter.brought().await;
    // For the provider without the sub-merchant it is somebody else's.
    let error = counter.client.open::<Paid>(&posted.body).await.unwrap_err();
    assert_eq!(error.field(), Some("sub_mch_id"));
    let error = counter.client.send(&query::Order::new(number("T00001"))).await.unwrap_err();
    assert!(error.code().is_some_and(|code| *code == "ORDERNOTEXIST"), "{error}");
    let paid: Paid = client.open(&posted.body).await.unwrap();
    let expected = Expected::new(client.merchant(), number("T00001"), Fen::new(TOTAL));
    let payment = paid.confirm(&expected).unwrap();
    let counter = Counter { client, entity: provider, ..counter };
    counter.refund_and_bill("T00001", &payment).await;
}
