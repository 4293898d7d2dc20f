//! What was used of the day's and the second's limits.

use std::collections::HashMap;

use crate::clock::{Day, Timestamp};
use crate::money::Fen;

/// Counters of the current Beijing day and of the current second.
#[derive(Default)]
pub(crate) struct Quotas {
    day: Option<Day>,
    users: HashMap<(String, String), (u32, Fen)>,
    merchants: HashMap<String, Fen>,
    seconds: HashMap<(String, &'static str), (i64, u32)>,
}

impl Quotas {
    /// Counts a call; `false` if the second has had enough of them.
    pub(crate) fn call(&mut self, mch_id: &str, path: &'static str, now: Timestamp, most: u32) -> bool {
        let (second, count) = self.seconds.entry((mch_id.to_owned(), path)).or_default();
        if *second != now.unix() {
            (*second, *count) = (now.unix(), 0);
        }
        if *count >= most {
            return false;
        }
        *count += 1;
        true
    }

    /// Packets and fen that a user had from a merchant on the day of `now`.
    pub(crate) fn user(&mut self, mch_id: &str, openid: &str, now: Timestamp) -> (u32, Fen) {
        self.turn(now);
        self.users.get(&(mch_id.to_owned(), openid.to_owned())).copied().unwrap_or_default()
    }

    /// Fen that a merchant paid out on the day of `now`.
    pub(crate) fn merchant(&mut self, mch_id: &str, now: Timestamp) -> Fen {
        self.turn(now);
        self.merchants.get(mch_id).copied().unwrap_or_default()
    }

    /// Counts a packet that was sent at `at`.
    pub(crate) fn sent(&mut self, mch_id: &str, openid: &str, amount: Fen, at: Timestamp) {
        self.turn(at);
        let (count, sum) = self.users.entry((mch_id.to_owned(), openid.to_owned())).or_default();
        *count += 1;
        *sum = sum.checked_add(amount).unwrap_or(*sum);
        let paid = self.merchants.entry(mch_id.to_owned()).or_default();
        *paid = paid.checked_add(amount).unwrap_or(*paid);
    }

    fn turn(&mut self, now: Timestamp) {
        let day = now.beijing_day();
        if self.day != Some(day) {
            self.day = Some(day);
            self.users.clear();
            self.merchants.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn seconds_and_days_turn() {
        let mut quotas = Quotas::default();
        let now: Timestamp = "2025-03-18 23:59:59".parse().unwrap();
        let next = now.after(Duration::from_secs(1));
        assert!(quotas.call("1", "/a", now, 2) && quotas.call("1", "/a", now, 2));
        assert!(!quotas.call("1", "/a", now, 2));
        assert!(quotas.call("2", "/a", now, 2) && quotas.call("1", "/b", now, 2) && quotas.call("1", "/a", next, 2));
        quotas.sent("1", "o", Fen::new(5), now);
        quotas.sent("1", "o", Fen::new(6), now);
        assert_eq!(quotas.user("1", "o", now), (2, Fen::new(11)));
        assert_eq!(quotas.merchant("1", now), Fen::new(11));
        assert_eq!(quotas.user("1", "o", next), (0, Fen::ZERO));
        assert_eq!(quotas.merchant("1", next), Fen::ZERO);
    }
}
