//! All integration tests, in one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod acceptance;
mod bills;
mod canned;
mod client;
mod config;
mod control;
mod courier;
mod daily;
mod directory;
mod downloads;
mod examples;
mod fake;
mod fixtures;
mod flow;
mod foreign;
mod gate;
mod house;
mod https;
mod logs;
mod merchants;
mod official_sandbox;
mod orders;
mod payment_gate;
mod program;
mod provision;
mod raw;
mod rules;
mod served;
mod shop;
mod source;
mod support;
mod trade_flow;
mod vectors;
