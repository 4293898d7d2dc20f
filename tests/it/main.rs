//! All integration tests, in one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod canned;
mod cashier;
mod client;
mod config;
mod control;
mod directory;
mod examples;
mod exchange;
mod fake;
mod fixtures;
mod flow;
mod foreign;
mod front_end;
mod gate;
mod house;
mod https;
mod logs;
mod merchants;
mod notices;
mod official_sandbox;
mod pay_rules;
mod payments;
mod program;
mod provision;
mod raw;
mod rules;
mod served;
mod shapes;
mod source;
mod support;
mod vectors;
