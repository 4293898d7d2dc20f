//! Durable payouts (feature `payout`, with `payout-sqlite` or `payout-postgres`
//! for the ledger): many red packets, none paid twice, none lost.
//!
//! ```
//! use std::sync::Arc;
//!
//! use hongbao::payout::{Dispatcher, Ledger, Operator};
//! use hongbao::{Client, Merchants};
//!
//! # async fn run(ledger: Arc<dyn Ledger>, client: Client) -> hongbao::Result<()> {
//! // A plan (`plan`) has put payouts into the ledger. Any number of processes
//! // send them, each for the merchant entities that it has clients for.
//! let merchants = Merchants::new();
//! merchants.insert(client.clone());
//! let dispatcher = Dispatcher::builder(Arc::clone(&ledger), Arc::new(merchants)).build();
//! dispatcher.pass().await?;
//!
//! // What became of one of them, by what it is for.
//! let mch_id = client.merchant().mch_id();
//! if let Some(payout) = ledger.find(mch_id, "order-42").await? {
//!     println!("{}: {}", payout.number, payout.standing.phase);
//!     Operator::new(ledger, "Li").hold(&payout, "is it the right user?").await?;
//! }
//! # Ok(()) }
//! ```
//!
//! | room | what it does |
//! |---|---|
//! | [`state`] | decides: pure, and model-checked |
//! | [`plan`] | files of recipients, checked whole, become payouts |
//! | [`ledger`] | keeps them: the trait that stores implement |
//! | [`Dispatcher`] | sends, records, asks until each is decided |
//! | [`Operator`] | what people do: hold, release, permit |
//! | [`report`] | what became of a campaign |
//! | [`spend`] | packets for payments, by rule |
//!
//! The bill number is computed from merchant and business key ([`bill_no`]) and
//! durable before the first byte leaves: that, and not the queue, is why nobody
//! is paid twice. `docs/EXACTLY_ONCE.md` tells it from the beginning.

pub mod conformance;
mod dispatch;
pub mod ledger;
mod number;
mod operator;
pub mod plan;
#[cfg(feature = "payout-postgres")]
mod postgres;
mod record;
pub mod report;
mod rules;
pub mod spend;
#[cfg(feature = "payout-sqlite")]
mod sqlite;
pub mod state;

pub use dispatch::{Builder, Dispatcher, Pass, Stats};
pub use ledger::Ledger;
pub use number::bill_no;
pub use operator::Operator;
#[cfg(feature = "payout-postgres")]
pub use postgres::Postgres;
pub use record::{
    Campaign, CampaignId, Entry, EntryKind, NewCampaign, NewPayout, Payout, PayoutId, Template, Texts, Version,
};
pub use rules::Rules;
#[cfg(feature = "payout-sqlite")]
pub use sqlite::Sqlite;
