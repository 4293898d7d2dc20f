//! Durable payouts: the machine, the ledgers, and what drives them.

mod dispatch;
mod partitions;
mod plan;
mod postgres;
pub mod simulation;
mod stage;
mod report;
mod spend;
mod told;
