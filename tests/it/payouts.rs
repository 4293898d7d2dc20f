//! Durable payouts: the machine, the ledgers, and what drives them.

mod conformance;
mod dispatch;
mod flaky;
mod model;
mod partitions;
mod plan;
mod postgres;
mod report;
pub mod simulation;
mod spend;
mod stage;
mod told;
