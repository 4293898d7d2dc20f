//! Durable payouts: the machine, the ledgers, and what drives them.

mod conformance;
pub mod dispatch;
mod flaky;
mod hostile;
mod model;
mod partitions;
mod plan;
pub mod postgres;
mod report;
pub mod simulation;
mod spend;
mod sqlite;
mod stage;
mod told;
