//! All integration tests, in one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod directory;
mod flow;
mod foreign;
mod provision;
mod served;
mod support;
