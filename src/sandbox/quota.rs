//! What was used of the day's and the second's limits.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::money::Fen;

/// Counters of the current Beijing day and of the current second.
#[derive(Default)]
pub(crate) struct Quotas {
    /// The Beijing day, from its first moment to the first of the next.
    day: Range<Timestamp>,
    merchants: HashMap<String, MerchantDay>,
    /// How many users a merchant gets room for at its first packet.
    room: usize,
    seconds: HashMap<(String, &'static str), (i64, u32)>,
}

/// What a merchant sent in the current Beijing day.
#[derive(Default)]
struct MerchantDay {
    paid: Fen,
    /// Packets and fen of each user who got one, by openid.
    users: HashMap<Box<str>, (u32, Fen)>,
    /// Who got most.
    busiest: Option<BusiestUser>,
}

/// What a merchant has used of its limits.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Usage {
    calls_this_second: u32,
    /// Fen sent in packets in this Beijing day.
    paid_today: Fen,
    /// How much that may be.
    merchant_day_amount: Fen,
    /// How many users got a packet today.
    users_today: usize,
    busiest_user: Option<BusiestUser>,
}

/// The user who got most packets today, or most money among those.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct BusiestUser {
    openid: String,
    count: u32,
    amount: Fen,
}

impl Quotas {
    /// For a start with so many packets: room that is not used costs no memory,
    /// room that grows costs time.
    pub(super) fn with_room(room: usize) -> Self {
        Self { room, ..Self::default() }
    }

    /// What a merchant has used at `now`.
    pub(crate) fn usage(&self, mch_id: &str, now: Timestamp, merchant_day_amount: Fen) -> Usage {
        let today = self.merchants.get(mch_id).filter(|_| self.day.contains(&now));
        let calls = self.seconds.iter().filter(|((own, _), (second, _))| own == mch_id && *second == now.unix());
        Usage {
            calls_this_second: calls.map(|(_, (_, count))| count).sum(),
            paid_today: today.map(|day| day.paid).unwrap_or_default(),
            merchant_day_amount,
            users_today: today.map_or(0, |day| day.users.len()),
            busiest_user: today.and_then(|day| day.busiest.clone()),
        }
    }

    /// From now on there are as many users as come.
    pub(super) fn forget_room(&mut self) {
        self.room = 0;
    }

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
        let today = self.merchants.get(mch_id);
        today.and_then(|day| day.users.get(openid)).copied().unwrap_or_default()
    }

    /// Fen that a merchant paid out on the day of `now`.
    pub(crate) fn merchant(&mut self, mch_id: &str, now: Timestamp) -> Fen {
        self.turn(now);
        self.merchants.get(mch_id).map(|day| day.paid).unwrap_or_default()
    }

    /// Counts a packet that was sent at `at`.
    pub(crate) fn sent(&mut self, mch_id: &str, openid: &str, amount: Fen, at: Timestamp) {
        self.turn(at);
        if !self.merchants.contains_key(mch_id) {
            let users = HashMap::with_capacity(self.room);
            self.merchants.insert(mch_id.to_owned(), MerchantDay { users, ..MerchantDay::default() });
        }
        let Some(day) = self.merchants.get_mut(mch_id) else { return };
        day.paid = day.paid.checked_add(amount).unwrap_or(day.paid);
        let (count, sum) = day.users.entry(openid.into()).or_default();
        *count += 1;
        *sum = sum.checked_add(amount).unwrap_or(*sum);
        let (count, sum) = (*count, *sum);
        match &mut day.busiest {
            Some(busiest) if busiest.openid == openid => (busiest.count, busiest.amount) = (count, sum),
            Some(busiest) if (busiest.count, busiest.amount) >= (count, sum) => {}
            busiest => *busiest = Some(BusiestUser { openid: openid.to_owned(), count, amount: sum }),
        }
    }

    fn turn(&mut self, now: Timestamp) {
        if !self.day.contains(&now) {
            self.day = day_of(now);
            self.merchants.clear();
        }
    }
}

/// The Beijing day of a moment.
pub(super) fn day_of(moment: Timestamp) -> Range<Timestamp> {
    let start = moment.beijing_day().start();
    start..start.after(Duration::from_secs(86_400))
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn usage_tells_who_got_most() {
        let mut quotas = Quotas::default();
        let now: Timestamp = "2025-03-18 12:00:00".parse().unwrap();
        let most = Fen::new(1000);
        assert_eq!(quotas.usage("1", now, most).busiest_user, None);
        quotas.call("1", "/a", now, 9);
        quotas.call("1", "/b", now, 9);
        for (mch_id, openid, fen) in [("1", "a", 5), ("1", "b", 6), ("1", "a", 1), ("2", "c", 900)] {
            quotas.sent(mch_id, openid, Fen::new(fen), now);
        }
        let usage = quotas.usage("1", now, most);
        assert_eq!((usage.calls_this_second, usage.paid_today, usage.users_today), (2, Fen::new(12), 2));
        let busiest = usage.busiest_user.unwrap();
        assert_eq!((busiest.openid.as_str(), busiest.count, busiest.amount), ("a", 2, Fen::new(6)));
        quotas.sent("1", "b", Fen::new(6), now);
        assert_eq!(quotas.usage("1", now, most).busiest_user.unwrap().openid, "b");
        let tomorrow = quotas.usage("1", now.after(Duration::from_secs(86_400)), most);
        assert_eq!((tomorrow.calls_this_second, tomorrow.paid_today, tomorrow.users_today), (0, Fen::ZERO, 0));
        assert_eq!(tomorrow.busiest_user, None);
    }
}
