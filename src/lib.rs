//! WeChat Pay for several merchant entities.

mod client;
pub mod clock;
pub mod code;
mod config;
mod endpoint;
mod error;
mod ids;
mod merchants;
pub mod money;
pub mod query;
pub mod redpack;
#[cfg(feature = "sandbox")]
pub mod sandbox;
mod secret;
pub mod wire;

pub use client::{Builder, Client, Delivered, Failed, Post, RetryPolicy, Timeouts, Transport};
pub use config::{Cert, CertificateFacts, Entity, Merchant, PayConfig, Sandboxed};
pub use endpoint::Endpoint;
pub use error::{Attempt, CertificateUse, Error, ErrorKind, Outcome, Result};
pub use ids::{AppId, BillNo, InvalidId, MchId, OpenId};
pub use merchants::Merchants;
pub use money::Fen;
pub use secret::Secret;
