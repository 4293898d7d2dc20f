//! The licence for a second number.

use super::{Phase, Proof, Standing};
use crate::error::{Error, Result};

/// A person's licence to pay a payee under another number.
///
/// It can be made only from the stored proof that the present number was not
/// paid and will not be: the code `SEND_FAILED`, or the state `FAILED`. That a
/// number is not found, that nobody answered, that every attempt was refused:
/// none of it is such a proof, because the number would still pay if a forgotten
/// attempt with it arrived.
///
/// ```
/// use hongbao::clock::Timestamp;
/// use hongbao::payout::state::{Permit, Standing};
///
/// let planned = Standing::planned(Timestamp::from_unix(1_742_270_400));
/// assert!(Permit::new(&planned, "the user asks for it").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Permit {
    generation: u32,
    reason: String,
}

impl Permit {
    /// Makes a permit from where the payout stands, for a reason that the
    /// journal keeps.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] if there is no proof, or no reason.
    pub fn new(standing: &Standing, reason: &str) -> Result<Self> {
        if reason.trim().is_empty() {
            return Err(Error::invalid("reason", "a permit names its reason"));
        }
        match (standing.phase, standing.proof) {
            (Phase::Refused, Some(Proof::Dead)) => {
                Ok(Self { generation: standing.generation, reason: reason.to_owned() })
            }
            (Phase::Refused, _) => Err(Error::invalid(
                "payout",
                "every attempt was refused, but the number is not dead: release it, so that the same number is sent again",
            )),
            (phase, _) => Err(Error::invalid(
                "payout",
                format!("it is {phase}, and nothing proves that its number was not paid and will not be"),
            )),
        }
    }

    /// The number that is dead: 0 is the first.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
