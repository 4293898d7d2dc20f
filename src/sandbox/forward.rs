//! Notifications that go elsewhere for a while: to a developer's machine, in
//! place of the address that the order names.
//!
//! It is a lease, so that a listener that dies takes nothing with it for longer
//! than it said; and it is not stored, for whoever forwards renews it anyway.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::{Sandbox, refused};
use crate::error::Result;

/// Who gets all notifications, and until when by the machine's clock.
pub(super) struct Forward {
    url: String,
    until: Instant,
}

/// The longest lease.
const LONGEST: Duration = Duration::from_secs(300);

impl Sandbox {
    /// Posts every notification to `url` instead of its own address, schedule and
    /// verdict unchanged, for so long or until
    /// [`stop_forwarding`](Self::stop_forwarding). The headers `Hongbao-Notice`
    /// and `Hongbao-Notify-Url` say which it is and where it would have gone. The
    /// same address again renews the lease.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: no such address, a lease of more than five
    /// minutes, or another one has it.
    pub fn forward_notices(&self, url: &str, lasting: Duration) -> Result<()> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(refused(format!("{url:?} is no address"), "give one that begins with http:// or https://"));
        }
        if lasting.is_zero() || lasting > LONGEST {
            return Err(refused("forwarding lasts 1 to 300 seconds", "give another length, and renew it in time"));
        }
        let now = Instant::now();
        let mut forward = self.0.forward.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = forward.as_ref().filter(|own| own.url != url && own.until > now) {
            let problem = format!("notifications go to {} already", other.url);
            return Err(refused(problem, "end the other listener, or wait until its lease is over"));
        }
        *forward = Some(Forward { url: url.to_owned(), until: now + lasting });
        Ok(())
    }

    /// Notifications go to their own addresses again.
    pub fn stop_forwarding(&self) {
        *self.0.forward.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Where notifications go for the time being, if not to their own addresses.
    #[must_use]
    pub fn forwarding(&self) -> Option<String> {
        let forward = self.0.forward.lock().unwrap_or_else(PoisonError::into_inner);
        forward.as_ref().filter(|own| own.until > Instant::now()).map(|own| own.url.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_belongs_to_one_address_and_ends() {
        let sandbox = Sandbox::new().unwrap();
        let (one, other) = ("http://127.0.0.1:1/", "http://127.0.0.1:2/");
        let long = Duration::from_secs(60);
        assert_eq!(sandbox.forwarding(), None);
        sandbox.forward_notices(one, long).unwrap();
        assert_eq!(sandbox.forwarding().as_deref(), Some(one));
        assert!(sandbox.forward_notices(other, long).is_err());
        sandbox.forward_notices(one, Duration::from_millis(1)).unwrap();
        while sandbox.forwarding().is_some() {
            std::thread::yield_now();
        }
        sandbox.forward_notices(other, long).unwrap();
        sandbox.stop_forwarding();
        assert_eq!(sandbox.forwarding(), None);
        for (url, lasting) in [("127.0.0.1:1", long), (one, Duration::ZERO), (one, Duration::from_secs(301))] {
            assert!(sandbox.forward_notices(url, lasting).is_err(), "{url} {lasting:?}");
        }
    }
}
