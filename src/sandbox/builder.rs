//! A sandbox with something other than the defaults.

use super::certificates::{Authority, KeyKind};
use super::clock::SandboxClock;
use super::desk::Desk;
use super::{FIRST_BALANCE, FIRST_MERCHANTS, Sandbox};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::money::Fen;

/// A sandbox with something other than the defaults.
#[derive(Default)]
#[must_use]
pub struct Builder {
    frozen: Option<Timestamp>,
    seed: Option<u64>,
    balance: Option<Fen>,
}

impl Builder {
    /// The clock stands still at this moment until it is advanced.
    pub fn frozen_at(mut self, moment: Timestamp) -> Self {
        self.frozen = Some(moment);
        self
    }

    /// What chance is made of. Two sandboxes of the same seed whose clocks stand
    /// still give the same answers to the same calls, byte for byte, notifications
    /// included: the numbers of WeChat, the shares of groups, the API keys are the
    /// same. Certificates and what encrypts with random bytes (the `.p12` files,
    /// TLS) are not, nor is what the log measures in time. Without a seed the API
    /// keys are the system's random numbers.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// What each merchant entity has at the start, 10,000.00 yuan unless it is
    /// said; nothing if it is not above zero.
    pub fn balance(mut self, balance: Fen) -> Self {
        self.balance = Some(balance);
        self
    }

    /// Starts it, in memory, with two merchant entities.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: no random numbers from the system.
    pub fn build(self) -> Result<Sandbox> {
        let clock = self.frozen.map_or(SandboxClock::Ahead(0), SandboxClock::At);
        let mut desk = Desk::new(clock, self.seed.unwrap_or_default(), false);
        desk.keys_from_seed = self.seed.is_some();
        let sandbox = Sandbox::with(desk, Authority::new()?, None);
        for (mch_id, app_id, name) in FIRST_MERCHANTS {
            let issued = sandbox.0.authority.issue_merchant(mch_id, name, KeyKind::EllipticCurve, clock)?;
            sandbox.enrol_issued(mch_id, app_id, name, issued)?;
            let balance = self.balance.unwrap_or(FIRST_BALANCE);
            if balance > Fen::ZERO {
                sandbox.top_up(mch_id, balance)?;
            }
        }
        Ok(sandbox)
    }
}
