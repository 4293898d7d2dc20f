//! A client with something other than the defaults.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use tokio::sync::OnceCell;

use super::https::{Https, Timeouts};
use super::retry::RetryPolicy;
use super::transport::Transport;
use super::{Client, Inner};
use crate::clock::{Clock, Nonce, SystemClock, SystemNonce};
use crate::config::{Merchant, PayConfig};
use crate::error::Result;

/// Made by [`Client::builder`].
#[must_use]
pub struct Builder<'a> {
    config: &'a dyn PayConfig,
    timeouts: Timeouts,
    retry: RetryPolicy,
    transport: Option<Arc<dyn Transport>>,
    clock: Arc<dyn Clock>,
    nonce: Arc<dyn Nonce>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(config: &'a dyn PayConfig) -> Self {
        Self {
            config,
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
            transport: None,
            clock: Arc::new(SystemClock),
            nonce: Arc::new(SystemNonce::default()),
        }
    }

    /// How long each phase of an attempt may take.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How often and how far apart a call is repeated, where its contract
    /// allows that at all.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Another wire than HTTPS: the sandbox in the process, a fake in a test.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Another clock than the machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Another source of `nonce_str`.
    pub fn nonce(mut self, nonce: Arc<dyn Nonce>) -> Self {
        self.nonce = nonce;
        self
    }

    /// Reads the configuration and builds the client.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] names the field or file that cannot be used.
    pub fn build(self) -> Result<Client> {
        let merchant = Merchant::read(self.config, self.clock.now())?;
        let hosts = merchant.endpoint.hosts()?;
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(Https::new(&merchant, self.timeouts)?),
        };
        Ok(Client(Arc::new(Inner {
            merchant,
            hosts,
            transport,
            retry: self.retry,
            clock: self.clock,
            nonce: self.nonce,
            sign_key: OnceCell::new(),
            backup_until: AtomicI64::new(0),
        })))
    }
}
