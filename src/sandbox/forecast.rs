//! What time will bring, if nobody acts meanwhile.

use std::collections::HashSet;
use std::time::Duration;

use serde::Serialize;

use super::desk::Desk;
use super::packets::{PacketRecord, REFUND_TAKES};
use super::{LONGEST_JUMP, Sandbox};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::pay::TradeState;
use crate::query::RedPacketStatus as Status;

/// What happens until a moment.
#[derive(Debug, Serialize)]
pub(crate) struct Forecast {
    pub(crate) until: Timestamp,
    pub(crate) steps: Vec<Step>,
    /// How many things happen besides.
    pub(crate) more: usize,
}

/// Things of one kind that happen within a minute.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Step {
    /// When the first of them happens.
    pub(crate) at: Timestamp,
    pub(crate) what: What,
    /// What the first of them happens to.
    pub(crate) key: String,
    pub(crate) count: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    PacketOpened,
    PacketExpires,
    PacketBack,
    /// Three days in `SENDING` are over.
    PacketClosed,
    RefundEnds,
    Notice,
    PasswordOver,
    OrderExpires,
    /// A Beijing day begins, and with it the day's limits.
    QuotaTurns,
    CertificateExpires,
}

/// So many steps are told.
const STEPS: usize = 200;
/// So many things of a kind are looked at; the others are only counted.
const LOOKED_AT: usize = 10_000;

const DAY: Duration = Duration::from_secs(86_400);

impl Sandbox {
    /// What happens within this time.
    pub(crate) fn forecast(&self, within: Duration) -> Forecast {
        let entities: Vec<String> = self.desk().entities.keys().cloned().collect();
        let certificates: Vec<_> = entities
            .into_iter()
            .filter_map(|mch_id| Some((self.certificate_of(&mch_id)?.not_after, What::CertificateExpires, mch_id)))
            .collect();
        let mut desk = self.desk();
        desk.settle();
        let now = desk.now();
        let until = now.after(within.min(LONGEST_JUMP));
        let (mut things, mut more) = desk.things_until(until);
        things.extend(certificates.into_iter().filter(|(at, ..)| now < *at && *at <= until));
        drop(desk);
        things.sort();
        let mut steps: Vec<Step> = Vec::new();
        for (at, what, key) in things {
            let full = steps.len() == STEPS;
            match steps.last_mut() {
                Some(last) if last.what == what && last.at.unix() / 60 == at.unix() / 60 => last.count += 1,
                _ if full => more += 1,
                _ => steps.push(Step { at, what, key, count: 1 }),
            }
        }
        Forecast { until, steps, more }
    }

    /// Lets time pass until the next Beijing midnight, when the day's limits begin
    /// anew.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: the state could not be stored.
    pub fn advance_to_midnight(&self) -> Result<Timestamp> {
        self.update(|desk| {
            let now = desk.now();
            desk.clock.advance(midnight_after(now).since(now));
            desk.put_state();
            desk.settle();
            Ok(desk.now())
        })
    }
}

fn midnight_after(moment: Timestamp) -> Timestamp {
    moment.beijing_day().start().after(DAY)
}

impl Desk {
    /// What happens until then, and how many things more that were not looked at.
    fn things_until(&self, until: Timestamp) -> (Vec<(Timestamp, What, String)>, usize) {
        let mut things = Vec::new();
        let mut add = |at: Timestamp, what: What, key: &str| {
            if at <= until {
                things.push((at, what, key.to_owned()));
            }
        };
        let mut more = 0;
        let (mut opened, mut coming) = (HashSet::new(), self.openings.iter().take_while(|(at, _)| *at <= until));
        for (at, id) in coming.by_ref().take(LOOKED_AT) {
            let Some(record) = self.packets.at(*id) else { continue };
            // Of several notes the first one counts, if it is not out of date.
            let valid = self.opening(&record).is_some_and(|opening| opening <= *at) && *at < record.expires();
            if valid && opened.insert(*id) {
                add(*at, What::PacketOpened, &record.own_key());
            }
        }
        more += coming.count();
        let mut coming = self.due.iter().take_while(|(at, _)| *at <= until);
        for (at, id) in coming.by_ref().take(LOOKED_AT) {
            // Most of them need not be unpacked.
            let Some(packet) = self.packets.view(*id) else { continue };
            let last_share_goes = || {
                let record = packet.to_record();
                record.claims.len() + 1 == record.shares.len()
            };
            let key = &PacketRecord::key(packet.mch_id, packet.mch_billno);
            match packet.status {
                Status::Sending => add(*at, What::PacketClosed, key),
                Status::Refunding => add(*at, What::PacketBack, key),
                // Nothing is left by then.
                Status::Sent if opened.contains(id) && last_share_goes() => {}
                Status::Sent => {
                    add(*at, What::PacketExpires, key);
                    add(at.after(REFUND_TAKES), What::PacketBack, key);
                }
                _ => {}
            }
        }
        more += coming.count();
        let mut coming = self.trades.due.iter().take_while(|(at, _)| *at <= until);
        for (at, key) in coming.by_ref().take(LOOKED_AT) {
            add(*at, What::RefundEnds, key);
        }
        more += coming.count();
        let mut coming = self.notices.planned().take_while(|(at, _)| *at <= until);
        for (at, id) in coming.by_ref().take(LOOKED_AT) {
            add(*at, What::Notice, &id.to_string());
        }
        more += coming.count();
        let mut coming = self.waiting.iter().take_while(|(at, _)| *at <= until);
        for (at, key) in coming.by_ref().take(LOOKED_AT) {
            if self.trades.order(key).is_some_and(|order| order.trade_state == TradeState::UserPaying) {
                add(*at, What::PasswordOver, key);
            }
        }
        more += coming.count();
        let mut coming = self.phones.ending(self.now(), until);
        for (at, key) in coming.by_ref().take(LOOKED_AT) {
            if self.trades.order(key).is_some_and(|order| order.trade_state == TradeState::NotPay) {
                add(*at, What::OrderExpires, key);
            }
        }
        more += coming.count();
        let midnights = std::iter::successors(Some(midnight_after(self.now())), |last| Some(midnight_after(*last)));
        for at in midnights.take_while(|at| *at <= until).take(STEPS) {
            add(at, What::QuotaTurns, &at.beijing_day().to_string());
        }
        (things, more)
    }
}
