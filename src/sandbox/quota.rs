//! What was used of the day's and the second's limits.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use serde::Serialize;

use super::desk::Desk;
use crate::clock::Timestamp;
use crate::money::Fen;

/// Counters of the current Beijing day and of the current second.
#[derive(Default)]
pub(crate) struct Quotas {
    /// The Beijing day, from its first moment to the first of the next.
    day: Range<Timestamp>,
    merchants: HashMap<String, MerchantDay>,
    seconds: HashMap<(String, &'static str), (i64, u32)>,
}

/// What a merchant sent in the current Beijing day.
#[derive(Default)]
struct MerchantDay {
    paid: Fen,
    /// Packets and fen of each user who got one, by openid.
    users: HashMap<Box<str>, Received>,
    /// Who got most.
    busiest: Option<BusiestUser>,
    /// Whether packets of an earlier start are so far in `paid` alone: to count them
    /// by user for all users takes time that nobody should wait for at a start.
    uncounted: bool,
}

/// Packets that a user got in a day, and fen in them.
pub(super) type Received = (u32, Fen);

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
    /// Whether [`user`](Self::user) and [`sent`](Self::sent) have to be told first,
    /// by [`count`](Self::count), what the user got before the last start.
    fn lacks(&mut self, mch_id: &str, openid: &str, now: Timestamp) -> bool {
        self.turn(now);
        self.merchants.get(mch_id).is_some_and(|day| day.uncounted && !day.users.contains_key(openid))
    }

    /// Takes over a packet of an earlier start, sent at `at`.
    pub(super) fn restore(&mut self, mch_id: &str, amount: Fen, at: Timestamp) {
        self.turn(at);
        if !self.merchants.contains_key(mch_id) {
            self.merchants.insert(mch_id.to_owned(), MerchantDay::default());
        }
        if let Some(day) = self.merchants.get_mut(mch_id) {
            day.paid = day.paid.checked_add(amount).unwrap_or(day.paid);
            day.uncounted = true;
        }
    }

    /// What a user got since the day began.
    fn count(&mut self, mch_id: &str, openid: &str, received: Received) {
        if let Some(day) = self.merchants.get_mut(mch_id) {
            day.count(openid, received);
        }
    }

    /// What a merchant has used at `now`.
    fn usage(&self, mch_id: &str, now: Timestamp, merchant_day_amount: Fen) -> Usage {
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
    fn user(&mut self, mch_id: &str, openid: &str, now: Timestamp) -> Received {
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
    fn sent(&mut self, mch_id: &str, openid: &str, amount: Fen, at: Timestamp) {
        self.turn(at);
        if !self.merchants.contains_key(mch_id) {
            self.merchants.insert(mch_id.to_owned(), MerchantDay::default());
        }
        let Some(day) = self.merchants.get_mut(mch_id) else { return };
        day.sent(openid, amount);
    }

    fn turn(&mut self, now: Timestamp) {
        if !self.day.contains(&now) {
            self.day = day_of(now);
            self.merchants.clear();
        }
    }
}

impl MerchantDay {
    fn sent(&mut self, openid: &str, amount: Fen) {
        self.paid = self.paid.checked_add(amount).unwrap_or(self.paid);
        let (count, sum) = self.users.get(openid).copied().unwrap_or_default();
        self.count(openid, (count + 1, sum.checked_add(amount).unwrap_or(sum)));
    }

    fn count(&mut self, openid: &str, received: Received) {
        self.users.insert(openid.into(), received);
        let (count, amount) = received;
        match &mut self.busiest {
            Some(busiest) if busiest.openid == openid => (busiest.count, busiest.amount) = received,
            Some(busiest) if (busiest.count, busiest.amount) >= received => {}
            busiest => *busiest = Some(BusiestUser { openid: openid.to_owned(), count, amount }),
        }
    }
}

impl Desk {
    /// Packets and fen that a user had from a merchant on this day.
    pub(super) fn received_today(&mut self, mch_id: &str, openid: &str) -> Received {
        let now = self.now();
        self.count_today(mch_id, openid, now);
        self.quotas.user(mch_id, openid, now)
    }

    /// Counts a packet that is sent now, and not among the packets yet.
    pub(super) fn count_sent(&mut self, mch_id: &str, openid: &str, amount: Fen, now: Timestamp) {
        self.count_today(mch_id, openid, now);
        self.quotas.sent(mch_id, openid, amount, now);
    }

    /// Sees to it that what the user got before the last start is counted.
    fn count_today(&mut self, mch_id: &str, openid: &str, now: Timestamp) {
        if !self.quotas.lacks(mch_id, openid, now) {
            return;
        }
        let today = day_of(now);
        let (mut count, mut sum) = Received::default();
        for packet in self.packet_views_for(openid).filter(|packet| packet.mch_id == mch_id) {
            if packet.is_sent() && today.contains(&packet.send_time) {
                count += 1;
                sum = sum.checked_add(packet.total_amount).unwrap_or(sum);
            }
        }
        self.quotas.count(mch_id, openid, (count, sum));
    }

    /// What a merchant has used of its limits. The first time after a start it goes
    /// through all packets.
    pub(super) fn usage(&mut self, mch_id: &str, merchant_day_amount: Fen) -> Usage {
        let now = self.now();
        self.quotas.turn(now);
        if self.quotas.merchants.get(mch_id).is_some_and(|day| day.uncounted) {
            // Room that is not used costs no memory, room that grows costs time.
            let users = HashMap::with_capacity(self.users.len());
            let (mut day, today) = (MerchantDay { users, ..MerchantDay::default() }, day_of(now));
            for packet in (0..self.packets.len()).filter_map(|position| self.packets.nth(position)) {
                if packet.is_sent() && packet.mch_id == mch_id && today.contains(&packet.send_time) {
                    day.sent(packet.re_openid, packet.total_amount);
                }
            }
            self.quotas.merchants.insert(mch_id.to_owned(), day);
        }
        self.quotas.usage(mch_id, now, merchant_day_amount)
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
