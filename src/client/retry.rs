//! Whether, where and when a call is made again. Pure: no clock, no I/O.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Outcome};
use crate::wire::Repeat;

/// How often and how far apart. The defaults: three attempts, the second after
/// one second and the third after two more.
///
/// Every attempt of a call carries the same number and business fields; calls
/// whose contract forbids repeating are repeated only while nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    attempts: u32,
    spacing: Duration,
}

/// The gateway wants the same bill at least this far apart
/// (doc/v2/merchant/4011974053, read 2026-11).
const MIN_SPACING: Duration = Duration::from_secs(1);

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 3, spacing: MIN_SPACING }
    }
}

impl RetryPolicy {
    /// One attempt and no more.
    #[must_use]
    pub const fn never() -> Self {
        Self { attempts: 1, spacing: MIN_SPACING }
    }

    /// At most so many attempts; zero counts as one.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = if attempts == 0 { 1 } else { attempts };
        self
    }

    /// The first pause, doubled for each further one; below one second, the
    /// gateway's minimum, it counts as one second.
    #[must_use]
    pub const fn spacing(mut self, spacing: Duration) -> Self {
        self.spacing = if spacing.as_millis() < MIN_SPACING.as_millis() { MIN_SPACING } else { spacing };
        self
    }

    fn pause(&self, made: u32) -> Duration {
        self.spacing.saturating_mul(1 << made.saturating_sub(1).min(6))
    }
}

/// How an attempt ended, as far as repeating is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// No connection: no byte left.
    NotSent,
    /// It may have happened, and the same call again may clear it up.
    Open,
    /// Nothing that a program should repeat at once.
    Settled,
}

impl Ended {
    pub(crate) fn of(error: &Error) -> Self {
        let open = match error.kind() {
            ErrorKind::Connect => return Self::NotSent,
            ErrorKind::Lost | ErrorKind::Unreadable => true,
            // A 4xx is about the request or the certificate and will come again.
            ErrorKind::Gateway => !error.status().is_some_and(|status| (400..500).contains(&status)),
            // PROCESSING wants twenty minutes, FATAL_ERROR and NOT_FOUND a query,
            // a code that nobody knows a person.
            ErrorKind::Refusal => error.code().is_some_and(|code| *code == "SYSTEMERROR"),
            // An answer that was tampered with or belongs to somebody else is
            // no reason to send money again.
            _ => false,
        };
        if open && error.outcome() == Outcome::Unknown { Self::Open } else { Self::Settled }
    }
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Stop,
    Again { host: usize, after: Duration },
}

/// Decides after `made` attempts, the last of which went to `host` and ended so.
pub(crate) fn next(policy: &RetryPolicy, repeat: Repeat, hosts: usize, host: usize, made: u32, ended: Ended) -> Next {
    if made >= policy.attempts {
        return Next::Stop;
    }
    match (ended, repeat) {
        (Ended::Settled, _) | (Ended::Open, Repeat::Never) => Next::Stop,
        // The other domain is for connections that cannot be made and for
        // nothing else; at first without a pause, for nothing was sent.
        (Ended::NotSent, _) => {
            let other = if hosts > 1 { (host + 1) % hosts } else { host };
            let fresh = (made as usize) < hosts;
            Next::Again { host: other, after: if fresh { Duration::ZERO } else { policy.pause(made) } }
        }
        (Ended::Open, Repeat::SameNumber | Repeat::Freely) => Next::Again { host, after: policy.pause(made) },
    }
}

/// What the whole call is, after its attempts: once one of them may have
/// happened, only an answer about the bill itself ends the doubt, never the
/// refusal of a later attempt.
pub(crate) fn overall(last: Outcome, settles: bool, earlier: impl IntoIterator<Item = Outcome>) -> Outcome {
    if settles {
        return last;
    }
    if earlier.into_iter().any(|outcome| outcome == Outcome::Unknown) { Outcome::Unknown } else { last }
}

#[cfg(test)]
mod tests {
    use super::Ended::{NotSent, Open, Settled};
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn again(host: usize, after: Duration) -> Next {
        Next::Again { host, after }
    }

    #[test]
    fn the_whole_table() {
        let policy = RetryPolicy::default();
        use Repeat::{Freely, Never, SameNumber};
        for (repeat, hosts, host, made, ended, expected) in [
            // Nothing left: always again, other domain first, at once.
            (Never, 2, 0, 1, NotSent, again(1, Duration::ZERO)),
            (Never, 2, 1, 1, NotSent, again(0, Duration::ZERO)),
            (Never, 1, 0, 1, NotSent, again(0, S)),
            (SameNumber, 2, 0, 1, NotSent, again(1, Duration::ZERO)),
            (SameNumber, 2, 1, 2, NotSent, again(0, 2 * S)),
            (Freely, 1, 0, 2, NotSent, again(0, 2 * S)),
            // It may have happened: same domain, never sooner than a second.
            (Never, 2, 0, 1, Open, Next::Stop),
            (SameNumber, 2, 0, 1, Open, again(0, S)),
            (SameNumber, 2, 1, 2, Open, again(1, 2 * S)),
            (Freely, 1, 0, 1, Open, again(0, S)),
            (Freely, 1, 0, 2, Open, again(0, 2 * S)),
            // Decided, or nothing for a program.
            (Never, 2, 0, 1, Settled, Next::Stop),
            (SameNumber, 2, 0, 1, Settled, Next::Stop),
            (Freely, 2, 0, 1, Settled, Next::Stop),
            // Enough.
            (Never, 2, 0, 3, NotSent, Next::Stop),
            (SameNumber, 2, 0, 3, Open, Next::Stop),
            (Freely, 2, 0, 4, Open, Next::Stop),
        ] {
            let found = next(&policy, repeat, hosts, host, made, ended);
            assert_eq!(found, expected, "{repeat:?} {hosts} {host} {made} {ended:?}");
        }
    }

    #[test]
    fn the_other_domain_only_after_no_connection() {
        for repeat in [Repeat::Never, Repeat::SameNumber, Repeat::Freely] {
            for made in 1..6 {
                for host in 0..2 {
                    let policy = RetryPolicy::default().attempts(9);
                    if let Next::Again { host: other, after } = next(&policy, repeat, 2, host, made, Open) {
                        assert_eq!(other, host);
                        assert!(after >= MIN_SPACING);
                    }
                }
            }
        }
    }

    #[test]
    fn policies_cannot_be_hasty() {
        let policy = RetryPolicy::default().spacing(Duration::from_millis(5)).attempts(0);
        assert_eq!(policy, RetryPolicy::never());
        let patient = RetryPolicy::default().attempts(100);
        assert_eq!(patient.pause(1), S);
        assert_eq!(patient.pause(90), 64 * S);
    }

    #[test]
    fn what_is_worth_another_try() {
        let error = |kind, outcome| Error::new(kind, outcome, "x");
        use ErrorKind::*;
        use Outcome::{NotSent as Kept, Refused, Unknown};
        for (kind, outcome, expected) in [
            (Connect, Kept, NotSent),
            (Lost, Unknown, Open),
            (Unreadable, Unknown, Open),
            (Gateway, Unknown, Open),
            (Unverified, Unknown, Settled),
            (Mismatch, Unknown, Settled),
            (Refusal, Refused, Settled),
            (Refusal, Unknown, Settled),
            (Config, Kept, Settled),
            (Invalid, Kept, Settled),
            (NotServed, Kept, Settled),
        ] {
            assert_eq!(Ended::of(&error(kind, outcome)), expected, "{kind:?}");
        }
        for (code, expected) in
            [("SYSTEMERROR", Open), ("PROCESSING", Settled), ("NOT_FOUND", Settled), ("NEW", Settled)]
        {
            let refusal = error(Refusal, Unknown).with_code(crate::code::Code::new(code));
            assert_eq!(Ended::of(&refusal), expected, "{code}");
        }
        assert_eq!(Ended::of(&error(Gateway, Unknown).with_status(400)), Settled);
    }

    #[test]
    fn doubt_survives_a_later_refusal() {
        use Outcome::{NotSent as Kept, Refused, Unknown};
        assert_eq!(overall(Refused, false, [Unknown]), Unknown);
        assert_eq!(overall(Refused, true, [Unknown]), Refused);
        assert_eq!(overall(Refused, false, [Kept]), Refused);
        assert_eq!(overall(Kept, false, [Unknown, Kept]), Unknown);
        assert_eq!(overall(Kept, false, [Kept, Kept]), Kept);
        assert_eq!(overall(Unknown, false, []), Unknown);
    }
}
