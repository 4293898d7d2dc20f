//! What WeChat tells the merchant (通知), from the bytes of the request to a
//! value that can be acted on.
//!
//! 1. [`Client::open`](crate::Client::open) or
//!    [`Merchants::open`](crate::Merchants::open) proves that it is genuine, and
//!    for this entity: over all fields that arrived, in constant time.
//! 2. `confirm` compares it with what the merchant has on record. Its fields
//!    count from then on, and not before.
//! 3. [`Ack`] is the answer to give, within five seconds.
//!
//! ```no_run
//! use hongbao::{Client, Fen, OutTradeNo, notify};
//!
//! # struct Order { number: OutTradeNo, amount: Fen }
//! # fn find_order(number: &str) -> Option<Order> { None }
//! /// `body`: the bytes as they came, before anything has parsed them.
//! async fn paid(client: &Client, body: &[u8]) -> notify::Ack {
//!     let paid = match client.open::<notify::Paid>(body).await {
//!         Ok(paid) => paid,
//!         Err(error) => return notify::Ack::to(&error),
//!     };
//!     let Some(order) = find_order(paid.out_trade_no()) else { return notify::Ack::fail("订单不存在") };
//!     let expected = notify::Expected::new(client.merchant(), order.number, order.amount);
//!     match paid.confirm(&expected) {
//!         Ok(payment) => println!("{} paid {} yuan", payment.out_trade_no, payment.total_fee),
//!         Err(error) => return notify::Ack::to(&error),
//!     }
//!     notify::Ack::success()
//! }
//! ```
//!
//! The same notification comes again and again until it is answered, and
//! sometimes after that: what it sets off must be keyed by
//! [`Payment::transaction_id`](crate::pay::Payment::transaction_id) or
//! [`RefundResult::key`]. Some never come at all, so unpaid orders are queried too.

mod ack;
mod kind;
mod paid;
mod refunded;
mod scanned;

pub use ack::Ack;
pub use kind::{Kind, kind};
pub use paid::{Expected, Paid};
pub use refunded::{ExpectedRefund, RefundResult, Refunded};
pub use scanned::Scanned;

pub use crate::wire::{Hint, unverified_merchant};
