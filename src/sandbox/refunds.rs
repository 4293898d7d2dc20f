//! Refunds: money on its way back, and what becomes of it.

use std::time::Duration;

use super::books::{Account, Reason};
use super::desk::Desk;
use super::gate::Call;
use super::notices::{News, NoticeKind};
use super::orders::check_url;
use super::paying::share;
use super::refusal::Refusal;
use super::trades::{CouponUse, OrderRecord, RefundRecord, generation_number};
use super::{notices, sign_key};
use crate::clock::Timestamp;
use crate::money::Fen;
use crate::pay::{CouponType, REFUNDS_OF_AN_ORDER, TradeState};
use crate::query::RefundStatus;
use crate::wire::encrypt_req_info;

/// To a user's change within 20 minutes, to a card in one to three days
/// (refund, read 2026-11).
const TO_CHANGE: Duration = Duration::from_secs(3 * 60);
const TO_CARD: Duration = Duration::from_secs(24 * 3600);

/// No refund after this long (refund, read 2026-11).
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

impl Desk {
    /// The refund of this call: the one that was taken before under its number,
    /// or a new one.
    pub(super) fn take_refund(&mut self, call: &Call) -> Result<RefundRecord, Refusal> {
        let refuse = |code: &str| Refusal::of(call.contract, code);
        let (total, fee) = (Fen::new(call.integer("total_fee")), Fen::new(call.integer("refund_fee")));
        if fee < Fen::new(1) || fee > total {
            let note = format!("refund_fee: {} fen of {}", fee.get(), total.get());
            return Err(Refusal::communication("invalid refund_fee").note(note));
        }
        if let Some(url) = call.doc.get_filled("notify_url") {
            check_url("notify_url", url)?;
        }
        let order = self.find_order(call).cloned().filter(|order| order.transaction_id.is_some());
        let Some(mut order) = order else { return Err(refuse("ORDERNOTEXIST").note("no such order, or not paid")) };
        let key = RefundRecord::key(&call.mch_id, call.official, call.text("out_refund_no"));
        if let Some(known) = self.trades.refund(&key) {
            if known.transaction_id != order.transaction_id.clone().unwrap_or_default() {
                return Err(refuse("INVALID_REQUEST").note("the refund number belongs to another order"));
            }
            if (known.refund_fee, known.total_fee) != (fee, total) {
                let note =
                    format!("the number was used for {} of {} fen", known.refund_fee.get(), known.total_fee.get());
                return Err(refuse("REFUND_FEE_MISMATCH").note(note));
            }
            return Ok(known.clone());
        }
        if total != order.total_fee {
            let note = format!("total_fee: the order has {} fen", order.total_fee.get());
            return Err(refuse("REFUND_FEE_MISMATCH").note(note));
        }
        if order.trade_state == TradeState::Revoked {
            return Err(Refusal::with_text("INVALID_REQUEST", "订单状态错误").note("the payment was reversed"));
        }
        let now = self.now();
        if now.since(order.time_end.unwrap_or(now)) > LONGEST {
            return Err(refuse("TRADE_OVERDUE"));
        }
        let standing: Vec<RefundRecord> =
            self.trades.refunds_of(&order).filter(|refund| !refund.status.is_closed()).cloned().collect();
        let gone = Fen::checked_sum(standing.iter().map(|refund| refund.refund_fee)).unwrap_or_default();
        let left = order.total_fee.checked_sub(gone).unwrap_or_default();
        if fee > left {
            let note = format!("{} fen of the order are left", left.get());
            return Err(Refusal::with_text("INVALID_REQUEST", "申请退款金额超过订单可退金额").note(note));
        }
        if standing.len() >= REFUNDS_OF_AN_ORDER {
            let note = format!("the order has {} refunds", standing.len());
            return Err(Refusal::with_text("INVALID_REQUEST", "部分退款次数超过限制").note(note));
        }
        let mut record = new_refund(self, call, &order, fee, coupons_of(&order, &standing, fee, fee == left));
        if record.is_real() {
            record.fee_returned = if fee == left {
                order.fee.checked_sub(order.fee_returned).unwrap_or_default()
            } else {
                let rate = self.entity(&order.mch_id).map_or(0, |entity| entity.settings.fee_rate);
                share(record.settlement_fee(), rate).min(order.fee.checked_sub(order.fee_returned).unwrap_or_default())
            };
            self.send_back(&record).map_err(|()| {
                Refusal::with_text("NOTENOUGH", "基本账户余额不足，请充值后重新发起")
                    .note("the merchant's account is short")
            })?;
            order.fee_returned = order.fee_returned.checked_add(record.fee_returned).unwrap_or_default();
        }
        order.trade_state = TradeState::Refund;
        self.put_order(order);
        self.put_refund(record.clone());
        Ok(record)
    }

    /// Takes the money from the merchant. `Err`: it is not there, and nothing moved.
    fn send_back(&mut self, record: &RefundRecord) -> Result<(), ()> {
        let (at, number) = (self.now(), Some(record.out_refund_no.as_str()));
        let merchant = Account::Merchant(record.mch_id.clone());
        let under_way = Account::Refunds(record.mch_id.clone());
        let settlement = record.settlement_fee();
        let moved = settlement == Fen::ZERO
            || self.pay_at(at, merchant.clone(), under_way, settlement, Reason::RefundTaken, number);
        if !moved {
            return Err(());
        }
        if record.fee_returned > Fen::ZERO {
            self.pay_at(at, Account::Platform, merchant, record.fee_returned, Reason::FeeReturned, number);
        }
        Ok(())
    }

    /// Ends a refund as it was to end.
    pub(super) fn end_by_itself(&mut self, key: &str, at: Timestamp) {
        if let Some(record) = self.trades.refund(key).cloned() {
            let end = record.ends_as.clone();
            self.end_refund(record, end, at);
        }
    }

    /// Ends a refund: the money arrives, comes back, or waits for a decision.
    pub(super) fn end_refund(&mut self, mut record: RefundRecord, end: RefundStatus, at: Timestamp) {
        let Some(mut order) = self.trades.order(&record.order_key()).cloned() else { return };
        let settlement_total_fee = order.settlement_fee();
        let number = Some(record.out_refund_no.clone());
        let number = number.as_deref();
        let under_way = Account::Refunds(record.mch_id.clone());
        record.due = None;
        record.changed = at;
        match end {
            RefundStatus::Success => {
                record.success_time = Some(at);
                if record.is_real() {
                    let user = Account::User(order.openid.clone().unwrap_or_default());
                    self.pay_at(at, under_way.clone(), user, record.cash_fee(), Reason::RefundPaid, number);
                    for coupon in record.coupons.iter().filter(|coupon| coupon.kind != CouponType::NoCash) {
                        self.pay_at(at, under_way.clone(), Account::World, coupon.fee, Reason::Coupon, number);
                    }
                }
            }
            RefundStatus::Closed if record.is_real() => {
                let merchant = Account::Merchant(record.mch_id.clone());
                let settlement = record.settlement_fee();
                self.pay_at(at, under_way, merchant.clone(), settlement, Reason::RefundClosed, number);
                let fee = record.fee_returned;
                if fee > Fen::ZERO && self.pay_at(at, merchant, Account::Platform, fee, Reason::FeeTakenAgain, number) {
                    order.fee_returned = order.fee_returned.checked_sub(fee).unwrap_or_default();
                    self.put_order(order);
                }
            }
            _ => {}
        }
        record.status = end;
        self.put_refund(record.clone());
        self.announce_refund(&record, settlement_total_fee);
    }

    fn announce_refund(&mut self, record: &RefundRecord, settlement_total_fee: Fen) {
        let Some(entity) = self.entity(&record.mch_id) else { return };
        let own = entity.settings.refund_notify_url.clone();
        let url = record.notify_url.clone().unwrap_or(own);
        if url.is_empty() {
            return;
        }
        let key = sign_key::valid_for(entity, record.official.is_some());
        let fault = self.take_notice_fault();
        let wrong_amount = matches!(fault, Some(notices::NoticeFault::WrongAmount));
        let fee = record.refund_fee.get() + i64::from(wrong_amount);
        let mut inner: Vec<(&str, String)> = vec![
            ("out_refund_no", record.out_refund_no.clone()),
            ("out_trade_no", record.out_trade_no.clone()),
            ("refund_account", record.refund_account.clone()),
            ("refund_fee", fee.to_string()),
            ("refund_id", record.refund_id.clone()),
            ("refund_recv_accout", record.recv_account.clone()),
            ("refund_request_source", "API".to_owned()),
            ("refund_status", record.status.to_string()),
            ("settlement_refund_fee", record.settlement_fee().get().to_string()),
            ("settlement_total_fee", settlement_total_fee.get().to_string()),
            ("total_fee", record.total_fee.get().to_string()),
            ("transaction_id", record.transaction_id.clone()),
        ];
        if let Some(time) = record.success_time {
            inner.push(("success_time", time.to_string()));
        }
        inner.sort_unstable();
        // As live ones look: one per line, everything in CDATA, no line end behind.
        let mut text = String::from("<root>\n");
        for (name, value) in inner {
            text.push_str(&format!("<{name}><![CDATA[{value}]]></{name}>\n"));
        }
        text.push_str("</root>");
        let mut req_info = encrypt_req_info(text.as_bytes(), &key);
        if matches!(fault, Some(notices::NoticeFault::WrongSign)) {
            // What an unknown key would have made of it.
            req_info = encrypt_req_info(text.as_bytes(), &sign_key::of("0", &key));
        }
        let foreign = matches!(fault, Some(notices::NoticeFault::ForeignMerchant));
        let mch_id = if foreign { "1900009999" } else { record.mch_id.as_str() };
        let nonce = self.next_nonce();
        let mut body = format!(
            "<xml>\n<return_code>SUCCESS</return_code>\n<appid><![CDATA[{}]]></appid>\n<mch_id><![CDATA[{mch_id}]]></mch_id>\n",
            record.app_id
        );
        for (name, value) in [("sub_appid", &record.sub_app_id), ("sub_mch_id", &record.sub_mch_id)] {
            if let Some(value) = value {
                body.push_str(&format!("<{name}><![CDATA[{value}]]></{name}>\n"));
            }
        }
        body.push_str(&format!(
            "<nonce_str><![CDATA[{nonce}]]></nonce_str>\n<req_info><![CDATA[{req_info}]]></req_info>\n</xml>"
        ));
        let news = News {
            kind: NoticeKind::Refunded,
            mch_id: &record.mch_id,
            number: &record.out_refund_no,
            url: &url,
            at: record.changed,
        };
        self.announce(&news, body, fault);
    }

    /// The order that a call names, if it is the caller's.
    pub(super) fn find_order(&self, call: &Call) -> Option<&OrderRecord> {
        let found = match call.doc.get_filled("transaction_id") {
            Some(id) => self.trades.order_of_transaction(id),
            None => self.trades.order(&OrderRecord::key(&call.mch_id, call.official, call.text("out_trade_no"))),
        };
        found.filter(|order| {
            let own = order.mch_id == call.mch_id && order.official == generation_number(call.official);
            own && order.sub_mch_id.as_deref() == call.doc.get_filled("sub_mch_id")
        })
    }
}

/// The coupons' part of a refund: in proportion, rounded down, and more where
/// the user's cash is used up; the last refund of an order takes the rest. Nobody
/// documents the rounding.
fn coupons_of(order: &OrderRecord, standing: &[RefundRecord], fee: Fen, last: bool) -> Vec<CouponUse> {
    let gone = Fen::checked_sum(standing.iter().map(RefundRecord::cash_fee)).unwrap_or_default();
    let cash_left = order.cash_fee().checked_sub(gone).unwrap_or_default();
    let (mut parts, mut cash) = (Vec::new(), fee);
    for coupon in &order.coupons {
        let gone = standing.iter().flat_map(|refund| &refund.coupons).filter(|part| part.id == coupon.id);
        let gone = Fen::checked_sum(gone.map(|part| part.fee)).unwrap_or_default();
        let rest = coupon.fee.checked_sub(gone).unwrap_or_default();
        let part = if last { rest } else { Fen::new(fee.get() * coupon.fee.get() / order.total_fee.get().max(1)) };
        let part = part.min(rest).min(cash);
        cash = cash.checked_sub(part).unwrap_or_default();
        parts.push((coupon, part, rest));
    }
    // What would be more cash than the user paid comes from the coupons.
    let mut missing = cash.checked_sub(cash_left).unwrap_or_default().max(Fen::ZERO);
    for (_, part, rest) in &mut parts {
        let more = rest.checked_sub(*part).unwrap_or_default().min(missing);
        *part = part.checked_add(more).unwrap_or_default();
        missing = missing.checked_sub(more).unwrap_or_default();
    }
    let used = parts.into_iter().filter(|(_, part, _)| *part > Fen::ZERO);
    used.map(|(coupon, fee, _)| CouponUse { id: coupon.id.clone(), kind: coupon.kind.clone(), fee }).collect()
}

fn new_refund(desk: &Desk, call: &Call, order: &OrderRecord, fee: Fen, coupons: Vec<CouponUse>) -> RefundRecord {
    let now = desk.now();
    let bank = order.bank_type.as_deref().unwrap_or_default();
    let to_card = bank.ends_with("_DEBIT") || bank.ends_with("_CREDIT");
    RefundRecord {
        mch_id: call.mch_id.clone(),
        app_id: call.app_id.clone(),
        sub_mch_id: order.sub_mch_id.clone(),
        sub_app_id: order.sub_app_id.clone(),
        out_refund_no: call.text("out_refund_no").to_owned(),
        refund_id: desk.next_refund_id(),
        out_trade_no: order.out_trade_no.clone(),
        transaction_id: order.transaction_id.clone().unwrap_or_default(),
        total_fee: order.total_fee,
        refund_fee: fee,
        coupons,
        refund_desc: call.filled("refund_desc"),
        refund_account: call.filled("refund_account").unwrap_or_else(|| "REFUND_SOURCE_UNSETTLED_FUNDS".to_owned()),
        notify_url: call.filled("notify_url"),
        status: RefundStatus::Processing,
        created: now,
        due: Some(now.after(if to_card { TO_CARD } else { TO_CHANGE })),
        ends_as: RefundStatus::Success,
        success_time: None,
        changed: now,
        recv_account: if to_card { "招商银行信用卡0403" } else { "支付用户零钱" }.to_owned(),
        fee_returned: Fen::ZERO,
        official: generation_number(call.official),
    }
}
