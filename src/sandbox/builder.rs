//! A sandbox with something other than the defaults.

use super::certificates::{Authority, KeyKind};
use super::clock::SandboxClock;
use super::desk::Desk;
use super::{FIRST_BALANCE, FIRST_MERCHANTS, Sandbox, new_key};
use crate::clock::Timestamp;
use crate::config::Cert;
use crate::error::Result;

/// A sandbox with something other than the defaults.
#[derive(Default)]
#[must_use]
pub struct Builder {
    frozen: Option<Timestamp>,
    seed: u64,
}

impl Builder {
    /// The clock stands still at this moment until it is advanced.
    pub fn frozen_at(mut self, moment: Timestamp) -> Self {
        self.frozen = Some(moment);
        self
    }

    /// What chance is made of: the same seed splits groups in the same way.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Starts it, in memory, with two merchant entities of 10,000.00 yuan each.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: no random numbers from the system.
    pub fn build(self) -> Result<Sandbox> {
        let clock = self.frozen.map_or(SandboxClock::Ahead(0), SandboxClock::At);
        let desk = Desk::new(clock, self.seed, false);
        let sandbox = Sandbox::with(desk, Authority::new()?, None);
        for (mch_id, app_id, name) in FIRST_MERCHANTS {
            let issued = sandbox.0.authority.issue_merchant(mch_id, name, KeyKind::EllipticCurve, clock)?;
            let cert = Cert::pem(issued.certificate_pem.as_bytes(), issued.key_pem.as_bytes());
            sandbox.enrol(mch_id, app_id, name, new_key()?, cert, None);
            sandbox.top_up(mch_id, FIRST_BALANCE)?;
        }
        Ok(sandbox)
    }
}
