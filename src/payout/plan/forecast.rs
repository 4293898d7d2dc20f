//! How long a plan will take, if nothing fails.

use std::time::Duration;

use serde::Serialize;

use super::tally::Totals;
use crate::clock::Timestamp;
use crate::payout::Rules;

/// How long sending takes at least: while the money lasts, nothing fails and
/// nothing else is paid. Whether users open their packets shows in the day after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Forecast {
    /// Seconds of sending at the merchant's rate.
    pub seconds: u64,
    /// Beijing days that the merchant's daily sum spreads it over.
    pub merchant_days: u64,
    /// Beijing days that a payee's daily packets and sum spread it over.
    pub payee_days: u64,
    /// When the last packet leaves, begun now.
    pub finish: Timestamp,
}

impl Forecast {
    pub(super) fn of(totals: &Totals, rules: &Rules, now: Timestamp) -> Self {
        let fen = |fen: crate::Fen| u64::try_from(fen.get()).unwrap_or(0);
        let (count, sum) = (totals.count, fen(totals.sum));
        let per_second = u64::from(rules.per_second.max(1));
        let merchant_days = sum.div_ceil(fen(rules.merchant_day).max(1)).max(1);
        let by_count = totals.most_packets.div_ceil(u64::from(rules.user_day_count.max(1)));
        let payee_days = by_count.max(fen(totals.most_fen).div_ceil(fen(rules.user_day).max(1))).max(1);

        let seconds = count.div_ceil(per_second);
        let by_rate = now.after(Duration::from_secs(seconds));
        let days = merchant_days.max(payee_days);
        let finish = if days == 1 {
            by_rate
        } else {
            // What is left for the last day; of payees that may be one packet.
            let left = if merchant_days < days {
                1
            } else {
                let before = u128::from(fen(rules.merchant_day)) * u128::from(days - 1);
                let sent = u128::from(count) * before / u128::from(sum.max(1));
                count.saturating_sub(u64::try_from(sent).unwrap_or(u64::MAX)).max(1)
            };
            let to_last = Duration::from_secs(86_400).saturating_mul(u32::try_from(days - 1).unwrap_or(u32::MAX));
            let last_day = now.after(to_last).beijing_day().start();
            by_rate.max(last_day.after(Duration::from_secs(left.div_ceil(per_second))))
        };
        Self { seconds, merchant_days, payee_days, finish }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Fen;

    fn totals(count: u64, sum: i64, most_packets: u64, most_fen: i64) -> Totals {
        Totals { count, sum: Fen::new(sum), most_packets, most_fen: Fen::new(most_fen), ..Totals::default() }
    }

    #[test]
    fn rates_and_caps_say_when_it_is_over() {
        let now: Timestamp = "2025-03-18 12:00:00".parse().unwrap();
        let rules = Rules::default();
        for (totals, seconds, days, finish) in [
            (totals(0, 0, 0, 0), 0, (1, 1), "2025-03-18 12:00:00"),
            (totals(30, 3000, 1, 100), 1, (1, 1), "2025-03-18 12:00:01"),
            (totals(31, 3100, 1, 100), 2, (1, 1), "2025-03-18 12:00:02"),
            // A million yuan and one packet more.
            (totals(10_000, 100_000_000, 1, 10_000), 334, (1, 1), "2025-03-18 12:05:34"),
            (totals(10_001, 100_010_000, 1, 10_000), 334, (2, 1), "2025-03-19 00:00:01"),
            (totals(25_000, 250_000_000, 1, 10_000), 834, (3, 1), "2025-03-20 00:02:47"),
            // Ten packets a day, a thousand yuan a day.
            (totals(11, 1100, 11, 1100), 1, (1, 2), "2025-03-19 00:00:01"),
            (totals(21, 210_000, 5, 210_000), 1, (1, 3), "2025-03-20 00:00:01"),
            // The rate alone takes longer than the caps.
            (totals(6_000_000, 150_000_000, 1, 100), 200_000, (2, 1), "2025-03-20 19:33:20"),
        ] {
            let forecast = Forecast::of(&totals, &rules, now);
            let found = (forecast.seconds, (forecast.merchant_days, forecast.payee_days), forecast.finish.to_string());
            assert_eq!(found, (seconds, days, finish.to_owned()), "{totals:?}");
        }
        let nothing = Rules { merchant_day: Fen::ZERO, user_day: Fen::ZERO, per_second: 0, ..Rules::default() };
        assert!(Forecast::of(&totals(u64::MAX, i64::MAX, u64::MAX, i64::MAX), &nothing, now).finish > now);
    }
}
