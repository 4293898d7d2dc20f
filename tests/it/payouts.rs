//! Durable payouts: the machine, the ledgers, and what drives them.

mod partitions;
mod postgres;
mod plan;
