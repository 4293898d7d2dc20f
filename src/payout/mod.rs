//! Durable payouts (feature `payout`, with `payout-sqlite` or `payout-postgres`
//! for the ledger): many red packets, none paid twice, none lost.

mod dispatch;
pub mod ledger;
mod number;
mod operator;
pub mod plan;
mod record;
pub mod report;
mod rules;
pub mod spend;
pub mod state;

pub use dispatch::{Builder, Dispatcher, Pass, Stats};
pub use ledger::Ledger;
pub use number::bill_no;
pub use operator::Operator;
pub use record::{
    Campaign, CampaignId, Entry, EntryKind, NewCampaign, NewPayout, Payout, PayoutId, Template, Texts, Version,
};
pub use rules::Rules;
