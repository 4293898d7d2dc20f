//! What bounds payouts: the dated limits of red packets and our own patience.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::money::Fen;
use crate::redpack::limits;

/// Rates, caps, windows and schedules. The defaults come from
/// [`redpack::LIMITS`](crate::redpack::LIMITS); change what WeChat Pay has
/// granted your merchants.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rules {
    /// Packets that a merchant sends in a second, over all processes.
    pub per_second: u32,
    /// Packets that a user gets from a merchant in a Beijing day.
    pub user_day_count: u32,
    /// Fen that a user gets from a merchant in a Beijing day.
    pub user_day: Fen,
    /// Fen that a merchant pays out in a Beijing day.
    pub merchant_day: Fen,
    /// The least pause between two attempts with one number; below one second,
    /// the gateway's minimum, it counts as one second.
    pub spacing: Duration,
    /// The most that the doubling pauses between attempts grow to.
    pub longest_pause: Duration,
    /// How long after its first attempt a number may be sent again.
    pub reentry: Duration,
    /// The pauses between queries of what was accepted; the last one goes on
    /// for ever.
    pub queries: Vec<Duration>,
    /// How long after `PROCESSING` the first query follows.
    pub processing: Duration,
    /// The age of an undecided packet at which an alarm is raised.
    pub alarm: Duration,
    /// The age at which a packet can no longer be queried.
    pub horizon: Duration,
    /// How long a worker may keep what it claimed before another one takes it.
    /// Longer than the client's longest call (30 seconds unless told) and the
    /// quarter of a second or so for which a call waits for its moment: a shorter
    /// lease sends numbers again that are still under way, which pays nobody twice
    /// and is in vain.
    pub lease: Duration,
    /// How long a merchant without money waits before one packet tries again.
    pub balance_pause: Duration,
    /// How many payees in a row may be refused for a cause of their own before
    /// the cause is taken for the merchant's.
    pub strikes: u32,
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

fn days(limit: limits::Limit) -> Duration {
    DAY.saturating_mul(limit.count())
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            per_second: limits::PER_SECOND.count(),
            user_day_count: limits::USER_DAY_COUNT.count(),
            user_day: limits::USER_DAY.fen(),
            merchant_day: limits::MERCHANT_DAY.fen(),
            spacing: Duration::from_secs(1),
            longest_pause: 30 * MINUTE,
            reentry: days(limits::REENTRY_DAYS),
            // Most packets are opened within minutes; the rest comes back after
            // the day that its user has.
            queries: vec![10 * MINUTE, HOUR, 6 * HOUR, 17 * HOUR, HOUR, 6 * HOUR, DAY],
            processing: 20 * MINUTE,
            alarm: 25 * DAY,
            horizon: days(limits::QUERY_DAYS),
            lease: 2 * MINUTE,
            balance_pause: MINUTE,
            strikes: 5,
        }
    }
}

impl Rules {
    /// The pause after so many attempts: doubled each time, never below the
    /// gateway's minimum.
    pub(crate) fn pause(&self, attempts: u32) -> Duration {
        let first = self.spacing.max(Duration::from_secs(1));
        first.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(self.longest_pause.max(first))
    }

    /// The pause after so many queries.
    pub(crate) fn query_pause(&self, queries: u32) -> Duration {
        let place = usize::try_from(queries).unwrap_or(usize::MAX);
        self.queries.get(place).or(self.queries.last()).copied().unwrap_or(HOUR).max(Duration::from_secs(1))
    }
}

/// The first moment of the next Beijing day, when the day's limits begin anew.
pub(crate) fn next_day(now: Timestamp) -> Timestamp {
    now.after(DAY).beijing_day().start()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_stay_within_bounds() {
        let rules = Rules::default();
        let seconds: Vec<u64> = (0..14).map(|attempts| rules.pause(attempts).as_secs()).collect();
        assert_eq!(seconds, [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1800, 1800]);
        let hasty = Rules { spacing: Duration::ZERO, longest_pause: Duration::ZERO, ..Rules::default() };
        assert_eq!(hasty.pause(1), Duration::from_secs(1));
        assert_eq!(hasty.pause(u32::MAX), Duration::from_secs(1));
    }

    #[test]
    fn queries_thin_out_and_look_once_the_day_is_over() {
        let rules = Rules::default();
        let mut age = Duration::ZERO;
        let ages: Vec<u64> = (0..7)
            .map(|queries| {
                age += rules.query_pause(queries);
                age.as_secs() / 60
            })
            .collect();
        assert_eq!(ages, [10, 70, 430, 1450, 1510, 1870, 3310]);
        assert_eq!(rules.query_pause(1000), DAY);
        assert_eq!(Rules { queries: vec![], ..Rules::default() }.query_pause(0), HOUR);
    }

    #[test]
    fn the_next_day_is_beijings() {
        let evening: Timestamp = "2025-03-18 23:59:59".parse().unwrap();
        assert_eq!(next_day(evening).to_string(), "2025-03-19 00:00:00");
        assert_eq!(next_day(next_day(evening)).to_string(), "2025-03-20 00:00:00");
    }
}
