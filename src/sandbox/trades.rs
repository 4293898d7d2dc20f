//! Orders, payments and refunds as the platform keeps them.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::desk::{Desk, Table};
use super::fault::scatter;
use crate::clock::Timestamp;
use crate::money::Fen;
use crate::pay::{CouponType, TradeState, TradeType};
use crate::query::RefundStatus;
use crate::wire::{Digest, Generation};

/// An order (订单).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OrderRecord {
    /// Whose order.
    pub mch_id: String,
    /// The merchant's number.
    pub out_trade_no: String,
    /// The appid it was placed with.
    pub app_id: String,
    /// For whom a service provider placed it.
    pub sub_mch_id: Option<String>,
    /// The sub-merchant's appid.
    pub sub_app_id: Option<String>,
    /// How it is paid.
    pub trade_type: TradeType,
    /// Where it stands.
    pub trade_state: TradeState,
    /// Who is to pay, or has paid.
    pub openid: Option<String>,
    /// The same under the sub-merchant's appid.
    pub sub_openid: Option<String>,
    /// How much, in fen.
    pub total_fee: Fen,
    /// The goods in words.
    pub body: String,
    /// As sent (附加数据).
    pub attach: Option<String>,
    /// As sent (设备号).
    pub device_info: Option<String>,
    /// As sent (商品ID).
    pub product_id: Option<String>,
    /// Where the payment is told; empty for payments by code.
    pub notify_url: String,
    /// When it was placed.
    pub created: Timestamp,
    /// Until when it can be paid.
    pub time_expire: Option<Timestamp>,
    /// The session in which it can be paid.
    pub prepay_id: String,
    /// Until when the session lasts.
    pub prepay_until: Timestamp,
    /// What the QR code of a NATIVE order says.
    pub code_url: Option<String>,
    /// Where the browser of an H5 order goes.
    pub mweb_url: Option<String>,
    /// WeChat's number, once it is paid.
    pub transaction_id: Option<String>,
    /// When it was paid.
    pub time_end: Option<Timestamp>,
    /// The payer's bank.
    pub bank_type: Option<String>,
    /// The coupons that were used.
    pub coupons: Vec<CouponUse>,
    /// When it was reversed.
    pub reversed: Option<Timestamp>,
    /// The platform's fee, in fen.
    pub fee: Fen,
    /// Of the fee, what came back with refunds.
    pub fee_returned: Fen,
    /// What a query and the notification say was paid, where an acceptance case
    /// wants another amount than was ordered.
    pub reported_fee: Option<Fen>,
    /// The official sandbox whose prefix it was placed under; no money moves there.
    pub official: Option<u8>,
    /// What must be the same when it is placed again.
    pub(crate) terms: String,
    pub(crate) nonce: String,
    pub(crate) by_hmac: bool,
}

/// A coupon that was used, or the part of one that goes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponUse {
    /// The coupon's number.
    pub id: String,
    /// Who pays for it.
    pub kind: CouponType,
    /// How much, in fen.
    pub fee: Fen,
}

/// A refund (退款).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RefundRecord {
    /// Whose refund.
    pub mch_id: String,
    /// The appid it was applied for with.
    pub app_id: String,
    /// For whom a service provider applied.
    pub sub_mch_id: Option<String>,
    /// The sub-merchant's appid.
    pub sub_app_id: Option<String>,
    /// The merchant's number.
    pub out_refund_no: String,
    /// WeChat's number.
    pub refund_id: String,
    /// The order.
    pub out_trade_no: String,
    /// The payment.
    pub transaction_id: String,
    /// What was ordered, in fen.
    pub total_fee: Fen,
    /// What goes back, in fen.
    pub refund_fee: Fen,
    /// Of that, what goes back to coupons.
    pub coupons: Vec<CouponUse>,
    /// What the user is told.
    pub refund_desc: Option<String>,
    /// Where the money comes from.
    pub refund_account: String,
    /// Where the result is told.
    pub notify_url: Option<String>,
    /// Where it stands.
    pub status: RefundStatus,
    /// When it was applied for.
    pub created: Timestamp,
    /// When time will end it, and how.
    pub due: Option<Timestamp>,
    /// How time will end it.
    pub ends_as: RefundStatus,
    /// When the money was back.
    pub success_time: Option<Timestamp>,
    /// When it came to its present state.
    pub changed: Timestamp,
    /// Where the money goes (退款入账账户).
    pub recv_account: String,
    /// Of the platform's fee, what came back.
    pub fee_returned: Fen,
    /// The official sandbox whose prefix it was applied for under.
    pub official: Option<u8>,
}

/// A payment code that a user shows (付款码).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CodeRecord {
    pub(crate) openid: String,
    pub(crate) until: Timestamp,
    pub(crate) used: bool,
    /// The merchant that asked whose it is; nobody else can use it then.
    pub(crate) reserved: Option<String>,
}

/// All of it, and the ways to find it.
#[derive(Default)]
pub(crate) struct Trades {
    pub(super) orders: HashMap<String, OrderRecord>,
    pub(super) order_list: Vec<String>,
    by_transaction: HashMap<String, String>,
    by_prepay: HashMap<String, String>,
    by_code_url: HashMap<String, String>,
    pub(super) refunds: HashMap<String, RefundRecord>,
    pub(super) refund_list: Vec<String>,
    by_refund_id: HashMap<String, String>,
    of_order: HashMap<String, Vec<String>>,
    pub(super) codes: HashMap<String, CodeRecord>,
    /// Long links by their short ones.
    pub(super) links: HashMap<String, String>,
    /// What time will bring: when, and to which refund.
    pub(super) due: BTreeSet<(Timestamp, String)>,
    /// How many orders nobody has paid yet, as far as they can be paid.
    pub(super) unpaid: usize,
    /// The merchants' money that is on its way to users, in fen; kept at each change.
    under_way: i128,
}

impl OrderRecord {
    pub(crate) fn key(mch_id: &str, official: Option<Generation>, out_trade_no: &str) -> String {
        key_of(mch_id, generation_number(official), out_trade_no)
    }

    pub(crate) fn own_key(&self) -> String {
        key_of(&self.mch_id, self.official, &self.out_trade_no)
    }

    /// What coupons paid, in fen.
    #[must_use]
    pub fn coupon_fee(&self) -> Fen {
        sum(&self.coupons, |_| true)
    }

    /// What the user paid, in fen.
    #[must_use]
    pub fn cash_fee(&self) -> Fen {
        self.total_fee.checked_sub(self.coupon_fee()).unwrap_or_default()
    }

    /// What the merchant gets before the platform's fee, in fen.
    #[must_use]
    pub fn settlement_fee(&self) -> Fen {
        self.total_fee.checked_sub(not_paid_for(&self.coupons)).unwrap_or_default()
    }

    pub(crate) fn digest(&self) -> Digest {
        if self.by_hmac { Digest::HmacSha256 } else { Digest::Md5 }
    }

    /// Whether money moves for it.
    pub(crate) fn is_real(&self) -> bool {
        self.official.is_none()
    }
}

impl RefundRecord {
    pub(crate) fn key(mch_id: &str, official: Option<Generation>, out_refund_no: &str) -> String {
        OrderRecord::key(mch_id, official, out_refund_no)
    }

    pub(crate) fn own_key(&self) -> String {
        key_of(&self.mch_id, self.official, &self.out_refund_no)
    }

    /// The key of the order that it belongs to.
    pub(crate) fn order_key(&self) -> String {
        key_of(&self.mch_id, self.official, &self.out_trade_no)
    }

    /// What goes back to coupons, in fen.
    #[must_use]
    pub fn coupon_fee(&self) -> Fen {
        sum(&self.coupons, |_| true)
    }

    /// What the user gets back, in fen.
    #[must_use]
    pub fn cash_fee(&self) -> Fen {
        self.refund_fee.checked_sub(self.coupon_fee()).unwrap_or_default()
    }

    /// What the merchant pays of it, in fen.
    #[must_use]
    pub fn settlement_fee(&self) -> Fen {
        self.refund_fee.checked_sub(not_paid_for(&self.coupons)).unwrap_or_default()
    }

    pub(crate) fn is_real(&self) -> bool {
        self.official.is_none()
    }

    /// Where it stood at a moment of the past.
    pub(crate) fn status_at(&self, moment: Timestamp) -> RefundStatus {
        if self.changed <= moment { self.status.clone() } else { RefundStatus::Processing }
    }

    /// The merchant's money that is on its way to the user, in fen.
    fn under_way(&self) -> i128 {
        let open = self.is_real() && matches!(self.status, RefundStatus::Processing | RefundStatus::Change);
        if open { i128::from(self.settlement_fee().get()) } else { 0 }
    }
}

/// Numbers are a merchant's own, and the official sandboxes have theirs apart.
fn key_of(mch_id: &str, official: Option<u8>, number: &str) -> String {
    match official {
        None => format!("{mch_id}/{number}"),
        Some(generation) => format!("{mch_id}/sandbox {generation}/{number}"),
    }
}

pub(super) const fn generation_number(official: Option<Generation>) -> Option<u8> {
    match official {
        None => None,
        Some(Generation::One) => Some(1),
        Some(Generation::Two) => Some(2),
    }
}

fn sum(coupons: &[CouponUse], wanted: impl Fn(&CouponUse) -> bool) -> Fen {
    Fen::checked_sum(coupons.iter().filter(|coupon| wanted(coupon)).map(|coupon| coupon.fee)).unwrap_or_default()
}

/// Coupons of which nobody pays the merchant's part.
pub(super) fn not_paid_for(coupons: &[CouponUse]) -> Fen {
    sum(coupons, |coupon| coupon.kind == CouponType::NoCash)
}

impl Trades {
    pub(crate) fn order(&self, key: &str) -> Option<&OrderRecord> {
        self.orders.get(key)
    }

    pub(crate) fn order_of_transaction(&self, transaction_id: &str) -> Option<&OrderRecord> {
        self.orders.get(self.by_transaction.get(transaction_id)?)
    }

    pub(crate) fn order_of_prepay(&self, prepay_id: &str) -> Option<&OrderRecord> {
        self.orders.get(self.by_prepay.get(prepay_id)?)
    }

    pub(crate) fn order_of_code_url(&self, code_url: &str) -> Option<&OrderRecord> {
        self.orders.get(self.by_code_url.get(code_url)?)
    }

    pub(crate) fn refund(&self, key: &str) -> Option<&RefundRecord> {
        self.refunds.get(key)
    }

    pub(crate) fn refund_of_id(&self, refund_id: &str) -> Option<&RefundRecord> {
        self.refunds.get(self.by_refund_id.get(refund_id)?)
    }

    /// The refunds of an order, in the order in which they came.
    pub(crate) fn refunds_of(&self, order: &OrderRecord) -> impl Iterator<Item = &RefundRecord> {
        let keys = self.of_order.get(&order.own_key()).map(Vec::as_slice).unwrap_or_default();
        keys.iter().filter_map(|key| self.refunds.get(key))
    }

    fn keep_order(&mut self, record: OrderRecord) {
        let key = record.own_key();
        let is_open = |order: &OrderRecord| matches!(order.trade_state, TradeState::NotPay | TradeState::UserPaying);
        self.unpaid += usize::from(is_open(&record));
        // A session that was replaced leads nowhere.
        if let Some(before) = self.orders.get(&key) {
            self.unpaid -= usize::from(is_open(before));
            self.by_prepay.remove(&before.prepay_id);
            if let Some(url) = &before.code_url {
                self.by_code_url.remove(url);
            }
        }
        if let Some(id) = &record.transaction_id {
            self.by_transaction.insert(id.clone(), key.clone());
        }
        self.by_prepay.insert(record.prepay_id.clone(), key.clone());
        if let Some(url) = &record.code_url {
            self.by_code_url.insert(url.clone(), key.clone());
        }
        if self.orders.insert(key.clone(), record).is_none() {
            self.order_list.push(key);
        }
    }

    fn keep_refund(&mut self, record: RefundRecord) {
        let key = record.own_key();
        if let Some(before) = self.refunds.get(&key) {
            self.under_way -= before.under_way();
            if let Some(due) = before.due {
                self.due.remove(&(due, key.clone()));
            }
        }
        self.under_way += record.under_way();
        if let Some(due) = record.due {
            self.due.insert((due, key.clone()));
        }
        self.by_refund_id.insert(record.refund_id.clone(), key.clone());
        let order = record.order_key();
        if self.refunds.insert(key.clone(), record).is_none() {
            self.refund_list.push(key.clone());
            self.of_order.entry(order).or_default().push(key);
        }
    }

    /// Takes over records of an earlier start, in any order.
    pub(super) fn restore_order(&mut self, record: OrderRecord) {
        self.keep_order(record);
    }

    pub(super) fn restore_refund(&mut self, record: RefundRecord) {
        self.keep_refund(record);
    }

    /// Puts restored records in the order in which they came.
    pub(super) fn finish_loading(&mut self) {
        let (orders, refunds) = (&self.orders, &self.refunds);
        self.order_list.sort_by_cached_key(|key| orders.get(key).map(|order| (order.created, order.prepay_id.clone())));
        let by_time = |key: &String| refunds.get(key).map(|refund| (refund.created, refund.refund_id.clone()));
        self.refund_list.sort_by_cached_key(by_time);
        for keys in self.of_order.values_mut() {
            keys.sort_by_cached_key(by_time);
        }
    }

    /// The merchants' money that is on its way to users, counted from the refunds
    /// themselves.
    pub(crate) fn under_way(&self) -> Fen {
        Fen::new(i64::try_from(self.under_way).unwrap_or_default())
    }
}

impl Desk {
    pub(super) fn put_order(&mut self, record: OrderRecord) {
        self.change(Table::Orders, record.own_key(), Some(&record));
        self.phones.keep_order(self.trades.order(&record.own_key()), &record);
        self.trades.keep_order(record);
    }

    pub(super) fn put_refund(&mut self, record: RefundRecord) {
        self.change(Table::Refunds, record.own_key(), Some(&record));
        let order = self.trades.order(&record.order_key()).filter(|_| record.is_real());
        if let Some(openid) = order.and_then(|order| order.openid.as_deref())
            && self.trades.refund(&record.own_key()).is_none()
        {
            self.phones.keep_refund(openid, record.own_key());
        }
        self.trades.keep_refund(record);
    }

    pub(super) fn put_code(&mut self, code: &str, record: CodeRecord) {
        self.change(Table::Codes, code.to_owned(), Some(&record));
        if !record.used {
            self.phones.shows(&record.openid, code);
        }
        self.trades.codes.insert(code.to_owned(), record);
    }

    pub(super) fn put_link(&mut self, short: &str, long: &str) {
        self.change(Table::Links, short.to_owned(), Some(&long));
        self.trades.links.insert(short.to_owned(), long.to_owned());
    }

    /// WeChat's number of the next payment: 28 digits, as live ones.
    pub(super) fn next_transaction_id(&self) -> String {
        let count = self.trades.by_transaction.len() + 1;
        format!("4200009999{}{count:010}", self.now().beijing_day().compact())
    }

    /// WeChat's number of the next refund: 29 digits, as live ones.
    pub(super) fn next_refund_id(&self) -> String {
        let count = self.trades.refund_list.len() + 1;
        format!("5030000999{}{count:011}", self.now().beijing_day().compact())
    }

    /// A session of 36 characters, as live ones: `wx`, day and time, 26 more.
    pub(super) fn next_prepay_id(&mut self) -> String {
        let time = self.now().compact();
        let (first, second) = (self.next_number(), self.next_number());
        let tail = format!("{first:016x}{second:016x}");
        format!("wx{}{}", &time[6..], &tail[..26])
    }

    /// The next of a row of numbers that look random and come from the seed.
    pub(super) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        let count = self.numbers;
        self.change(Table::State, "numbers".to_owned(), Some(&count));
        scatter(self.seed ^ 0x6f72_6465_7273, count)
    }

    /// The nonce of an answer.
    pub(super) fn next_nonce(&mut self) -> String {
        // Answers are not stored, so neither is their count.
        self.nonces += 1;
        let (first, second) = (scatter(self.seed, self.nonces), scatter(!self.seed, self.nonces));
        format!("{first:016x}{second:016x}")
    }
}
