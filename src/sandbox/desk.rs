//! The state of the sandbox: entities, users, packets, money, time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::answers::Answers;
use super::archive::{PacketId, Packets, Postings};
use super::behaviour::User;
use super::books::{Account, Books, Reason, Statement};
use super::clock::SandboxClock;
use super::fault::Faults;
use super::log::RequestRecord;
use super::notices::Notices;
use super::packed;
use super::phone::Phones;
use super::query_comments::CommentRecord;
use super::quota::Quotas;
use super::store::row_key;
use super::trades::Trades;
use crate::clock::Timestamp;
use crate::money::Fen;
use crate::redpack::limits;
use crate::secret::Secret;

/// A merchant entity as the platform keeps it.
pub(crate) struct Entity {
    pub(crate) mch_id: String,
    pub(crate) app_id: String,
    pub(crate) key: Secret,
    /// A certificate from elsewhere that this entity was admitted with.
    pub(crate) admitted: Option<Vec<u8>>,
    pub(crate) settings: Settings,
}

/// Product settings of a merchant (产品设置) and limits, all of them the
/// platform's defaults unless changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Settings {
    /// Addresses that may call (调用IP地址).
    pub allowed_ips: Vec<IpAddr>,
    /// Whether issuing through the API is switched on.
    pub api_open: bool,
    /// Least amount of a packet, in fen.
    pub min_amount: Fen,
    /// Greatest amount of a packet, in fen.
    pub max_amount: Fen,
    /// Calls in a second.
    pub calls_per_second: u32,
    /// Packets a user may get in a Beijing day.
    pub user_day_count: u32,
    /// Fen a user may get in a Beijing day.
    pub user_day_amount: Fen,
    /// Fen the merchant may pay out in a Beijing day.
    pub merchant_day_amount: Fen,
    /// Whether there is an operating account (运营账户), from which packets are paid
    /// then, and from nothing else.
    pub operating_account: bool,
    /// Sub-merchants of this provider (子商户号).
    pub sub_merchants: Vec<String>,
    /// Whether a query for an unknown number answers in the older form,
    /// `FAIL` with `SYSTEMERROR`, instead of `NOT_FOUND`.
    pub not_found_as_system_error: bool,
    /// The platform's fee on payments, in ten-thousandths.
    pub fee_rate: u32,
    /// Above this amount, in fen, a payment by code asks for the password.
    pub password_above: Fen,
    /// Whether a payment by code that was paid is refused with `ORDERPAID` when it
    /// comes again, instead of answered with the payment.
    pub paid_code_is_refused: bool,
    /// Whether the merchant has the product H5, without which there is no `mweb_url`.
    pub h5_granted: bool,
    /// Whether a NATIVE order needs a `product_id`.
    pub native_needs_product_id: bool,
    /// How many seconds after it was placed an order can be closed.
    pub close_after_seconds: u64,
    /// Whether closing an unknown order succeeds.
    pub close_unknown_succeeds: bool,
    /// Where refunds are told that name no address themselves (退款配置).
    pub refund_notify_url: String,
    /// What is asked when somebody scans a static code (支付回调URL).
    pub native_callback_url: String,
    /// The page that H5 orders must come from, as the browser's `Referer` begins;
    /// any if empty.
    pub h5_referer: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allowed_ips: vec![IpAddr::from([127, 0, 0, 1]), IpAddr::from(std::net::Ipv6Addr::LOCALHOST)],
            api_open: true,
            min_amount: limits::SCENE_FREE_MIN.fen(),
            max_amount: limits::SCENE_FREE_MAX.fen(),
            calls_per_second: limits::PER_SECOND.count(),
            user_day_count: limits::USER_DAY_COUNT.count(),
            user_day_amount: limits::USER_DAY.fen(),
            merchant_day_amount: limits::MERCHANT_DAY.fen(),
            operating_account: false,
            sub_merchants: Vec::new(),
            not_found_as_system_error: false,
            fee_rate: 60,
            password_above: Fen::new(100_000),
            paid_code_is_refused: false,
            h5_granted: true,
            native_needs_product_id: true,
            close_after_seconds: 0,
            close_unknown_succeeds: false,
            refund_notify_url: String::new(),
            native_callback_url: String::new(),
            h5_referer: String::new(),
        }
    }
}

/// A row that must be on disk before an answer goes out.
pub(crate) struct Change {
    pub(crate) table: Table,
    pub(crate) key: String,
    /// `None` removes the row.
    pub(crate) value: Option<Vec<u8>>,
}

/// The tables of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Settings,
    Users,
    Packets,
    Postings,
    Requests,
    Orders,
    Refunds,
    /// Payment codes that users show.
    Codes,
    /// Short links.
    Links,
    Notices,
    /// Clock, faults and counters, one row each.
    State,
}

impl Table {
    pub(super) const ALL: [Self; 11] = [
        Self::Settings,
        Self::Users,
        Self::Packets,
        Self::Postings,
        Self::Requests,
        Self::Orders,
        Self::Refunds,
        Self::Codes,
        Self::Links,
        Self::Notices,
        Self::State,
    ];

    /// Its name in the store, and that of the topic under which its changes are told.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Users => "users",
            Self::Packets => "packets",
            Self::Postings => "postings",
            Self::Requests => "requests",
            Self::Orders => "orders",
            Self::Refunds => "refunds",
            Self::Codes => "codes",
            Self::Links => "links",
            Self::Notices => "notices",
            Self::State => "state",
        }
    }
}

/// Everything, behind one lock.
pub(crate) struct Desk {
    pub(crate) clock: SandboxClock,
    pub(crate) faults: Faults,
    pub(crate) seed: u64,
    /// Whether API keys are made of the seed.
    pub(super) keys_from_seed: bool,
    pub(super) answers: Answers,
    pub(super) entities: BTreeMap<String, Entity>,
    /// By openid, in their order. Most users are alike and share what there is to them.
    pub(super) users: BTreeMap<Box<str>, Arc<User>>,
    pub(super) packets: Packets,
    /// What time will bring: when, and to which packet.
    pub(super) due: BTreeSet<(Timestamp, PacketId)>,
    /// When packets will be opened by themselves, as far as anyone knows now.
    pub(super) openings: BTreeSet<(Timestamp, PacketId)>,
    pub(super) phones: Phones,
    pub(super) books: Books,
    pub(super) postings: Postings,
    pub(super) quotas: Quotas,
    pub(super) requests: VecDeque<RequestRecord>,
    pub(super) next_request: u64,
    pub(super) trades: Trades,
    pub(super) notices: Notices,
    pub(super) comments: Vec<CommentRecord>,
    /// Payments by code that wait for a password, and until when.
    pub(super) waiting: BTreeSet<(Timestamp, String)>,
    /// Orders whose payer was asked about once.
    pub(super) asked: HashSet<String>,
    /// How many numbers that look random were made so far.
    pub(super) numbers: u64,
    pub(super) nonces: u64,
    /// Where the page of H5 orders is.
    pub(super) h5_base: String,
    /// Settings from the store, until their entities are enrolled.
    pub(super) loaded_settings: HashMap<String, Settings>,
    changes: Vec<Change>,
    durable: bool,
    /// What changed since it was last told, as long as somebody listens.
    touched: Touched,
    listeners: broadcast::Sender<Arc<Touched>>,
}

/// Rows that changed: where, and which.
pub(crate) type Touched = Vec<(Table, String)>;

/// So many tellings may wait for a slow listener; then it is told to start anew.
const UNHEARD: usize = 1024;

impl Desk {
    /// `durable`: whether changes are collected for a store.
    pub(crate) fn new(clock: SandboxClock, seed: u64, durable: bool) -> Self {
        Self {
            clock,
            faults: Faults::default(),
            seed,
            keys_from_seed: false,
            answers: Answers::default(),
            entities: BTreeMap::new(),
            users: BTreeMap::new(),
            packets: Packets::default(),
            due: BTreeSet::new(),
            openings: BTreeSet::new(),
            phones: Phones::default(),
            books: Books::default(),
            postings: Postings::default(),
            quotas: Quotas::default(),
            requests: VecDeque::new(),
            next_request: 1,
            trades: Trades::default(),
            notices: Notices::default(),
            comments: Vec::new(),
            waiting: BTreeSet::new(),
            asked: HashSet::new(),
            numbers: 0,
            nonces: 0,
            h5_base: "https://wx.tenpay.com".to_owned(),
            loaded_settings: HashMap::new(),
            changes: Vec::new(),
            durable,
            touched: Vec::new(),
            listeners: broadcast::Sender::new(UNHEARD),
        }
    }

    /// Hears from now on which rows change.
    pub(super) fn listen(&self) -> broadcast::Receiver<Arc<Touched>> {
        self.listeners.subscribe()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn entity(&self, mch_id: &str) -> Option<&Entity> {
        self.entities.get(mch_id)
    }

    /// Whose certificate this is, if an entity was admitted with it.
    pub(crate) fn admitted(&self, certificate: &[u8]) -> Option<String> {
        let owner = self.entities.values().find(|entity| entity.admitted.as_deref() == Some(certificate));
        owner.map(|entity| entity.mch_id.clone())
    }

    /// Moves money and writes it down. `false` if it is not there.
    pub(super) fn pay(
        &mut self,
        from: Account,
        to: Account,
        amount: Fen,
        reason: Reason,
        number: Option<&str>,
    ) -> bool {
        self.pay_at(self.now(), from, to, amount, reason, number)
    }

    /// The same, written down for an earlier moment.
    pub(super) fn pay_at(
        &mut self,
        at: Timestamp,
        from: Account,
        to: Account,
        amount: Fen,
        reason: Reason,
        number: Option<&str>,
    ) -> bool {
        let Some(posting) = self.books.post(at, from, to, amount, reason, number) else { return false };
        let row = self.postings.push(&posting).to_vec();
        self.change_row(Table::Postings, posting.id.to_string(), row_key(posting.id), row);
        true
    }

    /// Takes over a posting of an earlier start, or `None`: it cannot be read.
    pub(super) fn restore_posting(&mut self, row: &[u8]) -> Option<()> {
        let posting = self.postings.restore(row)?;
        self.books.replay(&posting);
        Some(())
    }

    /// The user of an openid, enrolled under `app_id` at first sight.
    pub(super) fn user(&mut self, openid: &str, app_id: &str) -> User {
        if let Some(user) = self.users.get(openid) {
            return User::clone(user);
        }
        let user = User::new(app_id);
        self.put_user(openid, user.clone());
        user
    }

    pub(super) fn put_user(&mut self, openid: &str, user: User) {
        self.change_row(Table::Users, openid.to_owned(), openid.to_owned(), packed::user(&user));
        if self.users.insert(openid.into(), Arc::new(user)).is_none() {
            self.phones.recent.touch(openid);
        }
    }

    pub(super) fn put_settings(&mut self, mch_id: &str, settings: Settings) -> bool {
        let Some(entity) = self.entities.get_mut(mch_id) else { return false };
        entity.settings = settings.clone();
        self.change(Table::Settings, mch_id.to_owned(), Some(&settings));
        true
    }

    /// Clock, faults and seed as they are now.
    pub(super) fn put_state(&mut self) {
        let (clock, faults, seed) = (self.clock, self.faults.clone(), self.seed);
        self.change(Table::State, "clock".to_owned(), Some(&clock));
        self.change(Table::State, "faults".to_owned(), Some(&faults));
        self.change(Table::State, "seed".to_owned(), Some(&seed));
    }

    pub(super) fn change<T: Serialize>(&mut self, table: Table, key: String, value: Option<&T>) {
        if self.listeners.receiver_count() > 0 {
            self.touched.push((table, key.clone()));
        }
        if !self.durable {
            return;
        }
        // Plain structs of texts and numbers: they always have a JSON form.
        let value = value.map(|value| serde_json::to_vec(value).unwrap_or_default());
        self.changes.push(Change { table, key, value });
    }

    /// As [`change`](Self::change), for a row that is packed and lies under a number
    /// instead of its key.
    pub(super) fn change_row(&mut self, table: Table, key: String, row: String, value: Vec<u8>) {
        if self.listeners.receiver_count() > 0 {
            self.touched.push((table, key));
        }
        if self.durable {
            self.changes.push(Change { table, key: row, value: Some(value) });
        }
    }

    /// Puts bundles in the place of rows, of which nobody needs to hear.
    fn store_bundles(&mut self) {
        // Postings count from one.
        for (table, first, bundles) in
            [(Table::Packets, 0, self.packets.bundles()), (Table::Postings, 1, self.postings.bundles())]
        {
            if !self.durable || bundles.is_empty() {
                continue;
            }
            let mut keys: HashSet<String> = HashSet::new();
            for bundled in bundles {
                self.changes.push(Change { table, key: bundled.key, value: Some(bundled.bytes) });
                keys.extend(bundled.rows.map(|position| row_key(position as u64 + first)));
            }
            // What is in a bundle need not be stored before it is removed.
            self.changes.retain(|change| change.table != table || !keys.contains(&change.key));
            keys.into_iter().for_each(|key| self.remove_row(table, key));
        }
    }

    /// Removes a row, of which nobody needs to hear.
    pub(super) fn remove_row(&mut self, table: Table, row: String) {
        if self.durable {
            self.changes.push(Change { table, key: row, value: None });
        }
    }

    /// What has changed since the last call. Whoever listens hears of it.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        if !self.touched.is_empty() {
            // An error means that the last listener has just gone.
            let _ = self.listeners.send(Arc::new(std::mem::take(&mut self.touched)));
        }
        self.store_bundles();
        std::mem::take(&mut self.changes)
    }

    /// The books now.
    pub(crate) fn statement(&self) -> Statement {
        Statement::of(&self.books, self.packets.owed(), self.trades.under_way())
    }

    /// The same without accounts, of which there may be a million.
    pub(crate) fn totals(&self) -> Statement {
        Statement::without_accounts(&self.books, self.packets.owed(), self.trades.under_way())
    }
}
