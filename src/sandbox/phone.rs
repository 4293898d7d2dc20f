//! A user's phone: the chat with the merchant, what can be paid, what was shown.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::Serialize;

use super::Sandbox;
use super::behaviour::{Opens, User};
use super::books::Account;
use super::desk::Desk;
use super::packed::PacketView;
use super::packets::PacketRecord;
use super::paying::PASSWORD;
use super::recent::Recent;
use super::trades::{OrderRecord, RefundRecord};
use crate::clock::Timestamp;
use crate::money::Fen;
use crate::pay::{TradeState, TradeType};
use crate::query::RedPacketStatus as Status;

/// What belongs to whom, so that nothing is searched for a phone.
#[derive(Default)]
pub(crate) struct Phones {
    /// The last packet for an openid by its hash, as a position in the order of
    /// packets. A chain may mix users; who follows it compares the openid.
    last: HashMap<u64, u32>,
    /// For each packet the one before it in its chain.
    before: Vec<u32>,
    /// Keys of group packets that a user got a share of without being the receiver.
    shares: HashMap<String, Vec<String>>,
    /// Keys of orders that name a user.
    orders: HashMap<String, Vec<String>>,
    refunds: HashMap<String, Vec<String>>,
    /// Orders that can be paid, by whom (an openid, or an appid for all of its
    /// users) and until when.
    open: HashMap<String, BTreeSet<(Timestamp, String)>>,
    /// The code that a user showed last.
    codes: HashMap<String, String>,
    /// To whom something happened last.
    pub(super) recent: Recent,
}

const NONE: u32 = u32::MAX;

/// Behind all that is due at a moment; no key begins with the last character of all.
fn behind(moment: Timestamp) -> (Timestamp, String) {
    (moment, char::MAX.to_string())
}

fn hash(openid: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    openid.hash(&mut hasher);
    hasher.finish()
}

impl Phones {
    /// With room for so many packets.
    pub(super) fn with_room(count: usize) -> Self {
        Self { last: HashMap::with_capacity(count), before: Vec::with_capacity(count), ..Self::default() }
    }

    /// The next packet in the order of packets is for this user.
    pub(super) fn received(&mut self, openid: &str) {
        self.recent.touch(openid);
        self.chain(openid);
    }

    fn chain(&mut self, openid: &str) {
        // A sandbox has no four thousand million packets.
        let position = u32::try_from(self.before.len()).unwrap_or(NONE);
        self.before.push(self.last.insert(hash(openid), position).unwrap_or(NONE));
    }

    /// The next packet of an earlier start.
    pub(super) fn keep_packet(&mut self, packet: &PacketView<'_>) {
        self.chain(packet.re_openid);
        // Only a group can be opened by others.
        if packet.group.is_some() {
            let record = packet.to_record();
            for claim in record.claims.iter().filter(|claim| claim.openid != record.re_openid) {
                self.shared(&claim.openid, record.own_key());
            }
        }
    }

    /// Somebody got a share of a packet that was for another.
    pub(super) fn shared(&mut self, openid: &str, key: String) {
        self.recent.touch(openid);
        self.shares.entry(openid.to_owned()).or_default().push(key);
    }

    /// Positions of packets that may be for this user, newest first.
    fn positions(&self, openid: &str) -> impl Iterator<Item = usize> {
        let known = |position: u32| (position != NONE).then_some(position);
        let first = self.last.get(&hash(openid)).copied().and_then(known);
        std::iter::successors(first, move |position| self.before.get(*position as usize).copied().and_then(known))
            .map(|position| position as usize)
    }

    /// An order is new or was changed.
    pub(super) fn keep_order(&mut self, before: Option<&OrderRecord>, order: &OrderRecord) {
        let key = order.own_key();
        if let Some((who, until)) = before.and_then(|before| Some((payers(before), open_until(before)?)))
            && let Some(open) = self.open.get_mut(who)
        {
            open.remove(&(until, key.clone()));
            if open.is_empty() {
                self.open.remove(who);
            }
        }
        if let Some(until) = open_until(order) {
            self.open.entry(payers(order).to_owned()).or_default().insert((until, key.clone()));
        }
        if let Some(openid) = &order.openid {
            self.recent.touch(openid);
        }
        if let Some(openid) = order.openid.as_ref().filter(|_| order.is_real())
            && before.and_then(|before| before.openid.as_ref()) != Some(openid)
        {
            self.orders.entry(openid.clone()).or_default().push(key);
        }
    }

    pub(super) fn keep_refund(&mut self, openid: &str, key: String) {
        self.refunds.entry(openid.to_owned()).or_default().push(key);
    }

    pub(super) fn shows(&mut self, openid: &str, code: &str) {
        self.recent.touch(openid);
        self.codes.insert(openid.to_owned(), code.to_owned());
    }

    /// Orders whose time to be paid ends after `now` and not after `until`.
    pub(super) fn ending(&self, now: Timestamp, until: Timestamp) -> impl Iterator<Item = &(Timestamp, String)> {
        self.open.values().flat_map(move |orders| orders.range(behind(now)..behind(until)))
    }
}

/// Who can pay an order: the user that it names, or anybody of its appid.
fn payers(order: &OrderRecord) -> &str {
    order.openid.as_deref().unwrap_or(&order.app_id)
}

/// Until when an order can be paid, if its state lets it be paid at all.
pub(super) fn open_until(order: &OrderRecord) -> Option<Timestamp> {
    match order.trade_state {
        _ if !order.is_real() => None,
        TradeState::UserPaying => Some(order.created.after(PASSWORD)),
        TradeState::NotPay if order.trade_type != TradeType::Micropay => {
            Some(order.time_expire.map_or(order.prepay_until, |end| end.min(order.prepay_until)))
        }
        _ => None,
    }
}

/// What a phone shows.
#[derive(Serialize)]
pub(crate) struct Phone {
    openid: String,
    app_id: String,
    /// `None` for an appid that no merchant has.
    merchant: Option<Correspondent>,
    balance: Fen,
    behaviour: Behaviour,
    now: Timestamp,
    chat: Vec<Entry>,
    /// What the user can pay at once.
    sheets: Vec<OrderRecord>,
    /// What any user of the appid can scan.
    native: Vec<OrderRecord>,
    code: Option<ShownCode>,
}

/// The merchant at the other end of the chat.
#[derive(Serialize)]
struct Correspondent {
    mch_id: String,
    name: String,
}

#[derive(Serialize)]
struct Behaviour {
    opens: Opens,
    real_name: bool,
    risk_blocked: bool,
    asks_password: bool,
}

#[derive(Serialize)]
struct ShownCode {
    auth_code: String,
    until: Timestamp,
}

/// One bubble of the chat.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Entry {
    /// One that is stuck in `SENDING` or has failed is here, too; a real phone does
    /// not know of it.
    Packet {
        at: Timestamp,
        packet: Box<PacketRecord>,
        /// When the money goes back.
        expires: Timestamp,
        /// What the user got of it.
        mine: Option<Share>,
        /// Whose account the packet comes from, by its merchant's name.
        official_account: String,
        /// When the user will open it by itself.
        opens_at: Option<Timestamp>,
    },
    Payment {
        at: Timestamp,
        order: Box<OrderRecord>,
    },
    /// At the time when it arrived, or else when it was applied for.
    Refund {
        at: Timestamp,
        refund: Box<RefundRecord>,
    },
}

#[derive(Serialize)]
struct Share {
    amount: Fen,
    at: Timestamp,
}

impl Entry {
    const fn at(&self) -> Timestamp {
        match self {
            Self::Packet { at, .. } | Self::Payment { at, .. } | Self::Refund { at, .. } => *at,
        }
    }
}

/// So many of a user's last packets are looked at for a list of users.
const GLANCE: usize = 100;

/// So many sheets and codes are shown.
const OPEN_ORDERS: usize = 50;

impl Sandbox {
    /// A user's phone with the newest `limit` entries of the chat, if the openid
    /// was ever seen.
    pub(crate) fn phone(&self, openid: &str, limit: usize) -> Option<Phone> {
        let mut desk = self.desk();
        desk.settle();
        let user = User::clone(desk.users.get(openid)?);
        let mch_id = desk.entity_of_app(&user.app_id).map(str::to_owned);
        let merchant = mch_id.map(|mch_id| Correspondent { name: self.name_of(&mch_id), mch_id });
        let now = desk.now();
        let code = desk.phones.codes.get(openid).and_then(|code| {
            let record = desk.trades.codes.get(code).filter(|record| !record.used && record.until > now)?;
            Some(ShownCode { auth_code: code.clone(), until: record.until })
        });
        let named = desk.open_orders_of(openid, |order| order.trade_type != TradeType::Native);
        let anybodys = desk.open_orders_of(&user.app_id, |order| order.trade_type != TradeType::Native);
        Some(Phone {
            openid: openid.to_owned(),
            merchant,
            balance: desk.books.balance(&Account::User(openid.to_owned())),
            behaviour: Behaviour {
                opens: user.opens,
                real_name: user.real_name,
                risk_blocked: user.risk_blocked,
                asks_password: user.asks_password,
            },
            now,
            chat: desk.chat(openid, limit, |mch_id| self.name_of(mch_id)),
            sheets: named.into_iter().chain(anybodys).take(OPEN_ORDERS).collect(),
            native: desk.open_orders_of(&user.app_id, |order| order.trade_type == TradeType::Native),
            code,
            app_id: user.app_id,
        })
    }
}

impl Desk {
    /// Packets that were for this user, newest first.
    pub(super) fn packets_for(&self, openid: &str) -> impl Iterator<Item = PacketRecord> {
        self.packet_views_for(openid).map(|packet| packet.to_record())
    }

    /// The same, not unpacked.
    pub(super) fn packet_views_for(&self, openid: &str) -> impl Iterator<Item = PacketView<'_>> {
        let packets = self.phones.positions(openid).filter_map(|position| self.packets.nth(position));
        packets.filter(move |packet| packet.re_openid == openid)
    }

    /// How many packets lie unopened on a user's phone, [`GLANCE`] at most, and
    /// when something came to it last.
    pub(super) fn glance(&self, openid: &str) -> (usize, Option<Timestamp>) {
        let (mut unopened, mut last) = (0, None);
        for packet in self.packet_views_for(openid).take(GLANCE) {
            last = last.max(Some(packet.send_time));
            // Of a group the others may have got something while this user has not.
            let own = || packet.to_record().claims.iter().any(|claim| claim.openid == openid);
            unopened += usize::from(packet.status == Status::Sent && (packet.claimed == Fen::ZERO || !own()));
        }
        let shared = self.phones.shares.get(openid).and_then(|keys| self.packets.get(keys.last()?));
        let own = shared.and_then(|packet| packet.claims.into_iter().find(|claim| claim.openid == openid));
        last = last.max(own.map(|claim| claim.at));
        let order = self.phones.orders.get(openid).and_then(|keys| self.trades.order(keys.last()?));
        let refund = self.phones.refunds.get(openid).and_then(|keys| self.trades.refund(keys.last()?));
        last = last.max(order.map(|order| order.time_end.unwrap_or(order.created)));
        (unopened, last.max(refund.map(|refund| refund.success_time.unwrap_or(refund.created))))
    }

    /// Orders that can be paid now, by those whom [`payers`] names; first those
    /// that can be paid for longest.
    fn open_orders_of(&self, who: &str, wanted: impl Fn(&OrderRecord) -> bool) -> Vec<OrderRecord> {
        let open = self.phones.open.get(who).into_iter();
        // Later than now: at the end of its time an order cannot be paid any more.
        let keys = open.flat_map(|keys| keys.range(behind(self.now())..).rev());
        let orders = keys.filter_map(|(_, key)| self.trades.order(key)).filter(|order| wanted(order));
        orders.take(OPEN_ORDERS).cloned().collect()
    }

    fn chat(&self, openid: &str, limit: usize, name_of: impl Fn(&str) -> String) -> Vec<Entry> {
        let shared = self.phones.shares.get(openid).into_iter().flatten().rev();
        let shared = shared.filter_map(|key| self.packets.get(key));
        let mut chat: Vec<Entry> = self
            .packets_for(openid)
            .take(limit)
            .chain(shared.take(limit))
            .map(|packet| Entry::Packet {
                at: packet.send_time,
                expires: packet.expires(),
                mine: packet
                    .claims
                    .iter()
                    .find(|claim| claim.openid == openid)
                    .map(|claim| Share { amount: claim.amount, at: claim.at }),
                official_account: name_of(&packet.mch_id),
                opens_at: self.opening(&packet).filter(|at| packet.re_openid == openid && *at < packet.expires()),
                packet: Box::new(packet),
            })
            .collect();
        let orders = self.phones.orders.get(openid).into_iter().flatten().rev();
        let paid = orders.filter_map(|key| self.trades.order(key)).filter_map(|order| {
            // Turned away from and then paid by another: not this user's payment.
            let own = order.openid.as_deref() == Some(openid);
            let at = order.time_end.filter(|_| own && order.transaction_id.is_some())?;
            Some(Entry::Payment { at, order: Box::new(order.clone()) })
        });
        chat.extend(paid.take(limit));
        let refunds = self.phones.refunds.get(openid).into_iter().flatten().rev();
        let refunds = refunds.filter_map(|key| self.trades.refund(key));
        chat.extend(refunds.take(limit).map(|refund| Entry::Refund {
            at: refund.success_time.unwrap_or(refund.created),
            refund: Box::new(refund.clone()),
        }));
        chat.sort_by_key(|entry| std::cmp::Reverse(entry.at()));
        chat.truncate(limit);
        chat
    }

    /// Adds to the packets what else is in the index after a restart, when
    /// everything is in its order.
    pub(super) fn index_phones(&mut self) {
        let mut phones = std::mem::take(&mut self.phones);
        for order in self.trades.order_list.iter().filter_map(|key| self.trades.order(key)) {
            phones.keep_order(None, order);
        }
        for refund in self.trades.refund_list.iter().filter_map(|key| self.trades.refund(key)) {
            let order = self.trades.order(&refund.order_key());
            if let Some(openid) = order.and_then(|order| order.openid.as_deref()).filter(|_| refund.is_real()) {
                phones.keep_refund(openid, refund.own_key());
            }
        }
        // Of several that are good, the last one shown.
        let by_age: BTreeMap<_, _> =
            self.trades.codes.iter().map(|(code, record)| ((record.until, code), record)).collect();
        for ((_, code), record) in by_age {
            phones.shows(&record.openid, code);
        }
        let newest = self.packets.len().saturating_sub(GLANCE)..self.packets.len();
        for packet in newest.filter_map(|position| self.packets.nth(position)) {
            phones.recent.touch(packet.re_openid);
        }
        self.phones = phones;
    }
}
