//! What users do in shops and on their phones, and what is to be seen of it.

use super::paying::{PASSWORD, Payer};
use super::phone::open_until;
use super::query_comments::CommentRecord;
use super::trades::{OrderRecord, RefundRecord};
use super::{Sandbox, known, refused};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::pay::{TradeState, TradeType};
use crate::query::RefundStatus;

impl Sandbox {
    /// One order.
    #[must_use]
    pub fn order(&self, mch_id: &str, out_trade_no: &str) -> Option<OrderRecord> {
        let mut desk = self.desk();
        desk.settle();
        desk.trades.order(&OrderRecord::key(mch_id, None, out_trade_no)).cloned()
    }

    /// Orders in the order in which they came, from `offset`, `limit` at most;
    /// those of the official sandboxes' prefixes among them.
    #[must_use]
    pub fn orders(&self, offset: usize, limit: usize) -> Vec<OrderRecord> {
        let mut desk = self.desk();
        desk.settle();
        let keys = desk.trades.order_list.iter().skip(offset).take(limit);
        keys.filter_map(|key| desk.trades.order(key).cloned()).collect()
    }

    /// One refund.
    #[must_use]
    pub fn refund(&self, mch_id: &str, out_refund_no: &str) -> Option<RefundRecord> {
        let mut desk = self.desk();
        desk.settle();
        desk.trades.refund(&RefundRecord::key(mch_id, None, out_refund_no)).cloned()
    }

    /// Refunds in the order in which they came, from `offset`, `limit` at most.
    #[must_use]
    pub fn refunds(&self, offset: usize, limit: usize) -> Vec<RefundRecord> {
        let mut desk = self.desk();
        desk.settle();
        let keys = desk.trades.refund_list.iter().skip(offset).take(limit);
        keys.filter_map(|key| desk.trades.refund(key).cloned()).collect()
    }

    /// A user pays an order, or enters the password of a payment by code, from
    /// the user's bank. Gives WeChat's number of the payment.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`] says why it cannot be paid.
    pub fn pay_order(&self, mch_id: &str, out_trade_no: &str, payer: &Payer) -> Result<String> {
        self.update(|desk| {
            let key = OrderRecord::key(mch_id, None, out_trade_no);
            desk.pay_order(&key, payer).map_err(|problem| refused(problem, "look at the order's state, payer and end"))
        })
    }

    /// A user turns away: a payment by code that waits for the password fails,
    /// any other order stays as it is and can still be paid.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: there is no such order, or nothing to turn
    /// away from.
    pub fn cancel_order(&self, mch_id: &str, out_trade_no: &str) -> Result<TradeState> {
        self.update(|desk| {
            let key = OrderRecord::key(mch_id, None, out_trade_no);
            let Some(mut order) = desk.trades.order(&key).cloned() else {
                return Err(refused("there is no such order", "look at the list of orders"));
            };
            match order.trade_state {
                TradeState::UserPaying => order.trade_state = TradeState::PayError,
                TradeState::NotPay => {}
                state => {
                    let problem = format!("the order is {state}, there is nothing to turn away from");
                    return Err(refused(problem, "look at the order's state"));
                }
            }
            let state = order.trade_state.clone();
            desk.put_order(order);
            Ok(state)
        })
    }

    /// Ends the time in which an order can be paid, or in which the password of a
    /// payment by code can be entered. The merchant may place the order again.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: there is no such order, or it cannot be paid
    /// any more as it is.
    pub fn expire_order(&self, mch_id: &str, out_trade_no: &str) -> Result<OrderRecord> {
        self.update(|desk| {
            desk.settle();
            let (key, now) = (OrderRecord::key(mch_id, None, out_trade_no), desk.now());
            let Some(mut order) = desk.trades.order(&key).cloned() else {
                return Err(refused("there is no such order", "look at the list of orders"));
            };
            if open_until(&order).is_none_or(|until| until <= now) {
                let problem = format!("the order is {} and cannot be paid any more as it is", order.trade_state);
                return Err(refused(problem, "look at the order's state and end"));
            }
            match order.trade_state {
                TradeState::UserPaying => order.trade_state = TradeState::NotPay,
                _ => order.prepay_until = now,
            }
            desk.put_order(order.clone());
            Ok(order)
        })
    }

    /// A user shows a payment code (付款码), good for one payment and a minute.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: the state could not be stored.
    pub fn show_code(&self, openid: &str) -> Result<String> {
        self.update(|desk| Ok(desk.show_code(openid)))
    }

    /// Decides how a refund ends: at once for `Success`, `Closed` and `Change`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: there is no such refund, or it has ended.
    pub fn end_refund(&self, mch_id: &str, out_refund_no: &str, end: RefundStatus) -> Result<()> {
        self.update(|desk| {
            known(desk, mch_id)?;
            desk.settle();
            let found = desk.trades.refund(&RefundRecord::key(mch_id, None, out_refund_no)).cloned();
            let Some(refund) = found else {
                return Err(refused("there is no such refund", "look at the list of refunds"));
            };
            if refund.status.is_final() {
                return Err(refused(format!("the refund has ended as {}", refund.status), "start another refund"));
            }
            if !matches!(end, RefundStatus::Success | RefundStatus::Closed | RefundStatus::Change) {
                let next = "give SUCCESS, REFUNDCLOSE or CHANGE";
                return Err(refused(format!("a refund does not end as {end}"), next));
            }
            let now = desk.now();
            desk.end_refund(refund, end, now);
            Ok(())
        })
    }

    /// A user says something of a payment, with 1 to 5 stars.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: there is no such payment, or no such number of stars.
    pub fn comment(&self, transaction_id: &str, stars: u8, text: &str) -> Result<()> {
        self.update(|desk| {
            let Some(order) = desk.trades.order_of_transaction(transaction_id) else {
                return Err(refused("there is no such payment", "give the transaction_id of a payment"));
            };
            if !(1..=5).contains(&stars) {
                return Err(refused(format!("{stars} stars"), "give 1 to 5 stars"));
            }
            let (mch_id, at) = (order.mch_id.clone(), desk.now());
            let (transaction_id, text) = (transaction_id.to_owned(), text.to_owned());
            desk.put_comment(CommentRecord { mch_id, transaction_id, at, stars, text });
            Ok(())
        })
    }

    /// The order that a code stands for which a user scans: the `code_url` of a
    /// NATIVE order, or its `prepay_id`.
    #[must_use]
    pub fn order_of_code(&self, code: &str) -> Option<OrderRecord> {
        let desk = self.desk();
        desk.trades.order_of_code_url(code).or_else(|| desk.trades.order_of_prepay(code)).cloned()
    }

    /// A browser comes to the page of an H5 order.
    ///
    /// # Errors
    /// What the page says instead.
    pub(super) fn visit_h5(&self, prepay_id: &str, referer: &str) -> std::result::Result<OrderRecord, &'static str> {
        let desk = self.desk();
        let Some(order) = desk.trades.order_of_prepay(prepay_id).filter(|order| order.trade_type == TradeType::H5)
        else {
            return Err("商家参数格式有误，请联系商家解决");
        };
        let wanted = desk.entity(&order.mch_id).map(|entity| entity.settings.h5_referer.clone()).unwrap_or_default();
        if !referer.starts_with(&wanted) {
            return Err("商家存在未配置的参数，请联系商家解决");
        }
        let opened = order.prepay_until.since(desk.now());
        if opened + super::orders::MWEB < super::orders::SESSION {
            return Err("支付请求已失效，请重新发起支付");
        }
        Ok(order.clone())
    }
}

impl super::desk::Desk {
    /// A password that was not entered in time.
    pub(super) fn give_up_password(&mut self, key: &str, at: Timestamp) {
        let Some(mut order) = self.trades.order(key).cloned() else { return };
        // A later try of the number has a minute of its own.
        if order.trade_state == TradeState::UserPaying && order.created.after(PASSWORD) <= at {
            order.trade_state = TradeState::NotPay;
            self.put_order(order);
        }
    }

    /// After a restart.
    pub(super) fn await_passwords_again(&mut self) {
        let open = self.trades.orders.values().filter(|order| order.trade_state == TradeState::UserPaying);
        self.waiting = open.map(|order| (order.created.after(PASSWORD), order.own_key())).collect();
    }

    /// A payment by code waits for its password.
    pub(super) fn await_password(&mut self, order: &OrderRecord) {
        self.waiting.insert((order.created.after(PASSWORD), order.own_key()));
    }
}
