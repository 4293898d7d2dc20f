//! Durable payouts (feature `payout`, with `payout-sqlite` or `payout-postgres`
//! for the ledger): many red packets, none paid twice, none lost.

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
