//! WeChat Pay (微信支付) for backends that serve several merchant entities.
//!
//! Implement [`PayConfig`] once per entity, build a [`Client`] from it, and
//! [`send`](Client::send) requests: plain structs such as [`redpack::Packet`],
//! [`pay::Jsapi`] and [`query::Order`]. Each error tells by [`Error::outcome`] what became
//! of the money.
//!
//! ```no_run
//! use hongbao::{BillNo, Cert, Client, Endpoint, OpenId, Outcome, PayConfig, Secret, redpack};
//!
//! struct BlueWhaleCoffee {
//!     key: Secret,
//! }
//!
//! impl PayConfig for BlueWhaleCoffee {
//!     fn app_id(&self) -> &str { "wx00f1e2d3c4b5a697" }
//!     fn mch_id(&self) -> &str { "1510000001" }
//!     fn key(&self) -> Secret { self.key.clone() }
//!     fn cert(&self) -> Cert { Cert::p12_file("secrets/apiclient_cert.p12") }
//!     fn endpoint(&self) -> Endpoint { Endpoint::production() }
//! }
//!
//! # async fn run(key: Secret) -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(&BlueWhaleCoffee { key })?;
//! let packet = redpack::Packet {
//!     mch_billno: BillNo::new("1510000001202503180000000017")?,
//!     re_openid: OpenId::new("oQx4r0Z1a2b3c4d5e6f7g8h9i0jk")?,
//!     total_amount: "1.88".parse()?,
//!     send_name: "蓝鲸咖啡".into(),
//!     wishing: "早安，今天也要加油".into(),
//!     act_name: "签到有礼".into(),
//!     remark: "连续签到七天奖励".into(),
//!     client_ip: "203.0.113.24".parse()?,
//!     extra: redpack::Extra::default(),
//! };
//! match client.send(&packet).await {
//!     Ok(sent) => println!("accepted as {}", sent.send_listid),
//!     Err(error) => match error.outcome() {
//!         Outcome::NotSent => println!("no byte left this machine: {error}"),
//!         Outcome::Refused => println!("this call paid nothing: {error}"),
//!         Outcome::Unknown => println!("query, or send the very same packet again: {error}"),
//!     },
//! }
//! # Ok(()) }
//! ```
//!
//! # Money moves once
//!
//! A packet is known by its [`BillNo`] for life. Store the number and the
//! fields before the first attempt; repeat with the same ones, however often.
//! Another number is another payment, so a second one needs proof that the
//! first was not and will not be paid: the state `FAILED`, or the code
//! `SEND_FAILED`. That a number is not found proves nothing.
//!
//! # Money comes in once, too
//!
//! [`pay`] places orders, takes payment codes and gives money back; [`query`]
//! asks and downloads the bills of a day; [`notify`] turns what WeChat posts
//! into values that count only after they were compared with the merchant's own
//! records; [`cashier`] stays with a payment code until it is decided. A refund
//! has one [`OutRefundNo`] for life, as a packet has its bill number.
//!
//! # Features
//!
//! * *(default)*: the SDK.
//! * `qr`: pictures of the QR codes that users scan.
//! * `sandbox`: a WeChat Pay in the process or on this machine.
//! * `payout`: durable payouts of many packets, for a ledger of your own.
//! * `payout-sqlite`, `payout-postgres`: the same with a ledger.
//! * `cli`: the program `hongbao`; turns all of the above on.
//!
//! # What is promised, and what is not
//!
//! The three arms of [`Outcome`] are for ever. Enums of the wire keep values
//! that they do not know. Logs go through `tracing` under targets that begin
//! with `hongbao` and hold no key, no certificate and no message body. The
//! wording of errors may change at any time. Dropping the future of a call is
//! an unknown outcome. TLS verification cannot be turned off.

pub mod cashier;
mod client;
pub mod clock;
pub mod code;
mod config;
mod endpoint;
mod error;
mod ids;
mod merchants;
pub mod money;
pub mod notify;
pub mod pay;
#[cfg(feature = "payout")]
pub mod payout;
pub mod query;
pub mod redpack;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod secret;
pub mod wire;

pub use client::{
    Body, Builder, Client, Delivered, Download, Failed, Post, RetryPolicy, Streamed, Timeouts, Transport,
};
pub use config::{Cert, CertificateFacts, Entity, Merchant, PayConfig, Sandboxed, SubMerchant};
pub use endpoint::Endpoint;
pub use error::{Attempt, CertificateUse, Error, ErrorKind, Outcome, Result};
pub use ids::{AppId, BillNo, InvalidId, MchId, OpenId, OutRefundNo, OutTradeNo};
pub use merchants::Merchants;
pub use money::Fen;
pub use secret::Secret;

/// The programs in the documents compile and run as tests.
#[cfg(all(doctest, feature = "payout-sqlite", feature = "sandbox"))]
mod documents {
    #[doc = include_str!("../README.md")]
    struct English;
    #[doc = include_str!("../README.zh-CN.md")]
    struct Chinese;
    #[doc = include_str!("../docs/SANDBOX.md")]
    struct Sandbox;
}
