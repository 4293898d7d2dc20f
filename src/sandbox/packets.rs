//! The life of a red packet: SENDING, SENT, RECEIVED, RFUND_ING, REFUND, FAILED.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::accounts::AccountKind;
use super::archive::PacketId;
use super::books::{Account, Reason};
use super::desk::{Desk, Table};
use super::fault::scatter;
use super::packed::PacketView;
use super::store::row_key;
use crate::clock::Timestamp;
use crate::money::Fen;
use crate::query::RedPacketStatus as Status;
use crate::redpack::limits;

/// A packet as the platform keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PacketRecord {
    /// Who pays.
    pub mch_id: String,
    /// The merchant's number.
    pub mch_billno: String,
    /// The appid it was sent with.
    pub app_id: String,
    /// To whom, or who shares it out.
    pub re_openid: String,
    /// In fen.
    pub total_amount: Fen,
    /// `None` for a packet to one user, else the number of shares.
    pub group: Option<u32>,
    /// The platform's number.
    pub detail_id: String,
    /// Where it stands.
    pub status: Status,
    /// Why it is stuck or failed.
    pub reason: Option<String>,
    /// When the number was first seen.
    pub created: Timestamp,
    /// When it was sent, or last tried.
    pub send_time: Timestamp,
    /// When the rest came back.
    pub refund_time: Option<Timestamp>,
    /// How much came back.
    pub refund_amount: Option<Fen>,
    /// What each who opens it gets, in this order.
    pub shares: Vec<Fen>,
    /// Who opened it.
    pub claims: Vec<Claim>,
    /// The account that paid it, to which the rest goes back.
    #[serde(default)]
    pub paid_from: AccountKind,
    /// As sent (商户名称).
    pub send_name: String,
    /// As sent (红包祝福语).
    pub wishing: String,
    /// As sent (活动名称).
    pub act_name: String,
    /// As sent (备注).
    pub remark: String,
}

/// A share that was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Claim {
    /// By whom.
    pub openid: String,
    /// How much, in fen.
    pub amount: Fen,
    /// When.
    pub at: Timestamp,
}

/// Where time brings something next.
pub(super) enum Queue {
    /// A packet's 24 hours or three days are over, or its money is back.
    Packets,
    /// A packet's receiver opens it.
    Openings,
    /// A refund ends.
    Refunds,
    /// A password was not entered in time.
    Passwords,
}

/// How long the way back takes; the documented sample shows two minutes.
pub(super) const REFUND_TAKES: Duration = Duration::from_secs(137);

impl PacketRecord {
    /// The key in the store.
    pub(crate) fn key(mch_id: &str, mch_billno: &str) -> String {
        format!("{mch_id}/{mch_billno}")
    }

    /// Its [`key`](Self::key).
    pub(crate) fn own_key(&self) -> String {
        Self::key(&self.mch_id, &self.mch_billno)
    }

    /// What users have got of it.
    pub(crate) fn claimed(&self) -> Fen {
        Fen::checked_sum(self.claims.iter().map(|claim| claim.amount)).unwrap_or_default()
    }

    /// What lies in it unopened.
    pub(crate) fn unopened(&self) -> Fen {
        unopened(&self.status, self.total_amount, self.claimed())
    }

    /// Until when it can be opened, once it is sent.
    pub(crate) fn expires(&self) -> Timestamp {
        expires(self.send_time)
    }

    /// When time will change it, if it will.
    pub(super) fn due(&self) -> Option<Timestamp> {
        due(&self.status, self.created, self.send_time)
    }

    /// Whether its money ever left the merchant.
    pub(super) fn is_sent(&self) -> bool {
        is_sent(&self.status)
    }
}

/// As of [`PacketRecord`].
impl PacketView<'_> {
    pub(super) fn unopened(&self) -> Fen {
        unopened(&self.status, self.total_amount, self.claimed)
    }

    pub(super) fn due(&self) -> Option<Timestamp> {
        due(&self.status, self.created, self.send_time)
    }

    pub(super) fn is_sent(&self) -> bool {
        is_sent(&self.status)
    }
}

fn is_sent(status: &Status) -> bool {
    *status != Status::Sending && *status != Status::Failed
}

fn unopened(status: &Status, total: Fen, claimed: Fen) -> Fen {
    if *status != Status::Sent && *status != Status::Refunding {
        return Fen::ZERO;
    }
    total.checked_sub(claimed).unwrap_or_default()
}

fn expires(send_time: Timestamp) -> Timestamp {
    send_time.after(Duration::from_secs(u64::from(limits::CLAIM_HOURS.count()) * 3600))
}

fn due(status: &Status, created: Timestamp, send_time: Timestamp) -> Option<Timestamp> {
    let reentry = Duration::from_secs(u64::from(limits::REENTRY_DAYS.count()) * 86_400);
    match status {
        Status::Sending => Some(created.after(reentry)),
        Status::Sent => Some(expires(send_time)),
        Status::Refunding => Some(expires(send_time).after(REFUND_TAKES)),
        _ => None,
    }
}

impl Desk {
    pub(crate) fn packet(&self, mch_id: &str, mch_billno: &str) -> Option<PacketRecord> {
        self.packets.get(&PacketRecord::key(mch_id, mch_billno))
    }

    /// Stores a new or changed packet.
    pub(super) fn put_packet(&mut self, record: &PacketRecord) {
        let key = PacketRecord::key(&record.mch_id, &record.mch_billno);
        match self.packets.id(&key) {
            Some(id) => {
                if let Some(due) = self.packets.view(id).and_then(|before| before.due()) {
                    self.due.remove(&(due, id));
                }
            }
            None => self.phones.received(&record.re_openid),
        }
        let (id, row) = self.packets.put(record);
        let row = row.to_vec();
        if let Some(due) = record.due() {
            self.due.insert((due, id));
        }
        self.expect_opening(record, id, Timestamp::default());
        self.change_row(Table::Packets, key, row_key(id.into()), row);
    }

    /// Takes over packets that an earlier version stored under their numbers, in any
    /// order, and stores them anew in the order in which they came.
    pub(super) fn take_over(&mut self, mut records: Vec<PacketRecord>) {
        records.sort_by(|a, b| (a.created, &a.detail_id).cmp(&(b.created, &b.detail_id)));
        for record in &records {
            self.put_packet(record);
            for claim in record.claims.iter().filter(|claim| claim.openid != record.re_openid) {
                self.phones.shared(&claim.openid, record.own_key());
            }
            self.remove_row(Table::Packets, PacketRecord::key(&record.mch_id, &record.mch_billno));
        }
    }

    /// When time brings something next, and where.
    pub(super) fn next_event(&self) -> Option<(Timestamp, Queue)> {
        // At the same moment the first of these wins: who opens a packet when its
        // time is over is too late.
        let queues = [
            self.due.first().map(|(at, _)| (*at, Queue::Packets)),
            self.openings.first().map(|(at, _)| (*at, Queue::Openings)),
            self.trades.due.first().map(|(at, _)| (*at, Queue::Refunds)),
            self.waiting.first().map(|(at, _)| (*at, Queue::Passwords)),
        ];
        queues.into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Lets happen what was to happen by now, in order, each at its moment.
    pub(crate) fn settle(&mut self) {
        let now = self.now();
        while let Some((_, queue)) = self.next_event().filter(|(at, _)| *at <= now) {
            // The queue has a first one, since that is what was found.
            let _ = match queue {
                Queue::Packets => self.due.pop_first().map(|(at, id)| self.change_by_itself(id, at)),
                Queue::Openings => self.openings.pop_first().map(|(at, id)| self.open_by_itself(id, at)),
                Queue::Refunds => self.trades.due.pop_first().map(|(at, key)| self.end_by_itself(&key, at)),
                Queue::Passwords => self.waiting.pop_first().map(|(at, key)| self.give_up_password(&key, at)),
            };
        }
    }

    fn change_by_itself(&mut self, id: PacketId, at: Timestamp) {
        let Some(mut record) = self.packets.at(id) else { return };
        match record.status {
            Status::Sending => record.status = Status::Failed,
            Status::Sent => record.status = Status::Refunding,
            Status::Refunding => self.give_back(&mut record, at),
            _ => {}
        }
        self.put_packet(&record);
    }

    /// The money that nobody has opened is back with the merchant.
    pub(super) fn give_back(&mut self, record: &mut PacketRecord, at: Timestamp) {
        // What is unopened is counted before the packet is marked as returned.
        let rest = record.unopened();
        let transit = Account::Transit(record.mch_id.clone());
        let merchant = record.paid_from.of(&record.mch_id);
        self.pay_at(at, transit, merchant, rest, Reason::Refunded, Some(&record.mch_billno));
        record.status = Status::Refund;
        record.refund_time = Some(at);
        record.refund_amount = Some(rest);
    }

    /// Takes the money and puts the packet on its way. `false`: the merchant
    /// has not enough, and nothing changed.
    pub(super) fn deliver(&mut self, record: &mut PacketRecord) -> bool {
        let paid_from = self.pays_packets(&record.mch_id);
        let merchant = paid_from.of(&record.mch_id);
        let transit = Account::Transit(record.mch_id.clone());
        if !self.pay(merchant, transit, record.total_amount, Reason::Sent, Some(&record.mch_billno)) {
            return false;
        }
        let now = self.now();
        record.status = Status::Sent;
        record.reason = None;
        record.paid_from = paid_from;
        record.send_time = now;
        self.count_sent(&record.mch_id, &record.re_openid, record.total_amount, now);
        true
    }

    /// A user opens a packet and gets a share.
    ///
    /// # Errors
    /// Says why there is nothing to open.
    pub(crate) fn open_packet(&mut self, mch_id: &str, mch_billno: &str, openid: &str) -> Result<Fen, String> {
        self.settle();
        let Some(record) = self.packet(mch_id, mch_billno) else {
            return Err(format!("merchant {mch_id} has no packet {mch_billno}"));
        };
        let now = self.now();
        self.take_share(record, openid, now)
    }

    /// # Errors
    /// Says why there is nothing to open.
    pub(super) fn take_share(&mut self, mut record: PacketRecord, openid: &str, at: Timestamp) -> Result<Fen, String> {
        if record.status != Status::Sent {
            return Err(format!("the packet is {}, there is nothing to open", record.status));
        }
        if record.group.is_none() && record.re_openid != openid {
            return Err(format!("the packet is for {}", record.re_openid));
        }
        if record.claims.iter().any(|claim| claim.openid == openid) {
            return Err(format!("{openid} has opened it already"));
        }
        self.allows_opening(&record, openid)?;
        let Some(amount) = record.shares.get(record.claims.len()).copied() else {
            return Err("all shares are gone".to_owned());
        };
        let (transit, user) = (Account::Transit(record.mch_id.clone()), Account::User(openid.to_owned()));
        if !self.pay_at(at, transit, user, amount, Reason::Received, Some(&record.mch_billno)) {
            return Err("the money of the packet is not there; the books are wrong".to_owned());
        }
        if openid != record.re_openid {
            self.user(openid, &record.app_id);
            self.phones.shared(openid, PacketRecord::key(&record.mch_id, &record.mch_billno));
        }
        record.claims.push(Claim { openid: openid.to_owned(), amount, at });
        if record.claims.len() == record.shares.len() {
            record.status = Status::Received;
        }
        self.put_packet(&record);
        Ok(amount)
    }

    /// WeChat's number for the next packet: 31 digits, as live ones.
    pub(super) fn next_detail_id(&self) -> String {
        let number = 3_000_000_000_000_u64 + self.packets.len() as u64 + 1;
        format!("1000041701{}{number:013}", self.now().beijing_day().compact())
    }

    /// Splits an amount at random, at least one fen each.
    pub(super) fn split(&self, amount: Fen, shares: u32) -> Vec<Fen> {
        let mut left = amount.get();
        let mut split = Vec::new();
        for rest in (1..=i64::from(shares)).rev() {
            let share = if rest == 1 {
                left
            } else {
                // Up to twice the average, as people know it from group chats.
                let most = (left * 2 / rest).min(left - (rest - 1)).max(1);
                let random = scatter(self.seed, (self.packets.len() as u64) << 8 | rest.unsigned_abs() & 0xff);
                1 + i64::try_from(random % most.unsigned_abs()).unwrap_or(0)
            };
            left -= share;
            split.push(Fen::new(share));
        }
        split
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::clock::SandboxClock;

    #[test]
    fn shares_add_up() {
        for seed in 0..200 {
            let desk = Desk::new(SandboxClock::Ahead(0), seed, false);
            for (fen, shares) in [(300, 3), (900, 5), (20, 20), (100_000, 20), (3, 3)] {
                let split = desk.split(Fen::new(fen), shares);
                assert_eq!(split.len(), shares as usize);
                assert!(split.iter().all(|share| share.get() >= 1), "{split:?}");
                assert_eq!(Fen::checked_sum(split), Some(Fen::new(fen)));
            }
        }
    }
}
