//! How many packets were accepted, and when.

use std::time::Duration;

use serde::Serialize;

use super::tenths;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::payout::ledger::Ledger;
use crate::payout::record::Campaign;

/// How fast a campaign went.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Speed {
    /// How long a stretch of the curve is, in seconds.
    pub stretch: u64,
    /// Packets that WeChat Pay took.
    pub accepted: u64,
    /// Packets taken in a second, over the stretches in which any was taken;
    /// with one decimal.
    pub per_second: f64,
    /// The same of the best stretch.
    pub peak: f64,
    /// The stretches in which any was taken, in order.
    pub curve: Vec<Point>,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Point {
    /// Its beginning.
    pub at: Timestamp,
    /// Packets taken in it.
    pub accepted: u64,
    /// Packets taken until its end.
    pub total: u64,
}

const POINTS: u64 = 120;
const MINUTE: u64 = 60;
const HOUR: u64 = 3600;
const DAY: u64 = 86_400;
/// Lengths that divide minutes, hours and days.
const STRETCHES: [u64; 18] = [
    1,
    2,
    5,
    10,
    15,
    30,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
];

/// The shortest stretch of which 120 cover so many seconds.
fn stretch(seconds: u64) -> u64 {
    let least = seconds.div_ceil(POINTS).max(1);
    STRETCHES.into_iter().find(|stretch| *stretch >= least).unwrap_or_else(|| least.div_ceil(DAY) * DAY)
}

impl Speed {
    pub(super) async fn of(ledger: &dyn Ledger, campaign: &Campaign, now: Timestamp) -> Result<Self> {
        let mut seconds = stretch(now.since(campaign.created).as_secs());
        loop {
            let counts = ledger.accepted(campaign.id, Duration::from_secs(seconds)).await?;
            // Most campaigns are sent in a small part of the time since they were
            // planned: look closer until that changes nothing.
            let closer = match (counts.first(), counts.last()) {
                (Some((first, _)), Some((last, _))) => stretch(last.since(*first).as_secs() + seconds),
                _ => seconds,
            };
            if closer >= seconds {
                return Ok(Self::new(seconds, &counts));
            }
            seconds = closer;
        }
    }

    fn new(stretch: u64, counts: &[(Timestamp, u64)]) -> Self {
        let mut total = 0;
        let curve: Vec<Point> = counts
            .iter()
            .map(|(at, accepted)| {
                total += accepted;
                Point { at: *at, accepted: *accepted, total }
            })
            .collect();
        let best = curve.iter().map(|point| point.accepted).max().unwrap_or(0);
        let active = u128::from(stretch) * curve.len() as u128;
        let (per_second, peak) = (tenths(total.into(), active), tenths(best.into(), stretch.into()));
        Self { stretch, accepted: total, per_second, peak, curve }
    }

    /// The first moment of the curve and the one behind its end.
    pub(super) fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let (first, last) = (self.curve.first()?, self.curve.last()?);
        Some((first.at, last.at.after(Duration::from_secs(self.stretch))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_keep_the_curve_short() {
        for (seconds, length) in [
            (0, 1),
            (120, 1),
            (121, 2),
            (600, 5),
            (601, 10),
            (HOUR, 30),
            (DAY, 15 * MINUTE),
            (30 * DAY, 6 * HOUR),
            (120 * DAY, DAY),
            (121 * DAY, 2 * DAY),
        ] {
            assert_eq!(stretch(seconds), length, "{seconds}");
            assert!(seconds.div_ceil(stretch(seconds)) <= POINTS, "{seconds}");
        }
    }

    #[test]
    fn idle_stretches_do_not_slow_a_campaign_down() {
        let at = Timestamp::from_unix;
        let speed = Speed::new(10, &[(at(0), 300), (at(10), 100), (at(1000), 5)]);
        assert_eq!((speed.accepted, speed.per_second, speed.peak), (405, 13.5, 30.0));
        assert_eq!(speed.curve[2], Point { at: at(1000), accepted: 5, total: 405 });
        assert_eq!(speed.span(), Some((at(0), at(1010))));
        let none = Speed::new(1, &[]);
        assert_eq!((none.per_second, none.peak, none.span()), (0.0, 0.0, None));
    }
}
