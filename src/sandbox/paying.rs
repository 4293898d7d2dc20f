//! Users pay: money moves, the order is paid, and the merchant is told.

use std::time::Duration;

use super::books::{Account, Reason};
use super::desk::Desk;
use super::notices::{News, NoticeFault, NoticeKind};
use super::sign_key;
use super::trades::{CouponUse, OrderRecord};
use crate::clock::Timestamp;
use crate::money::Fen;
use crate::pay::{CouponType, TradeState, TradeType};
use crate::secret::Secret;
use crate::wire::{Digest, Doc, sign};

/// How a user pays.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Payer {
    /// Who; the one that the order names, or somebody of the order's appid, if `None`.
    pub openid: Option<String>,
    /// From which bank, as in `ICBC_DEBIT`; `OTHERS` if `None`.
    pub bank_type: Option<String>,
    /// With which coupons: who pays for each, and how much it is in fen.
    pub coupons: Vec<(CouponType, Fen)>,
}

/// Who pays where nobody is named: for each appid somebody else, as a user has
/// another openid under each.
pub(super) fn somebody(app_id: &str) -> String {
    let own: String = app_id.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("oSandboxPayer{:0>15}", &own[own.len().saturating_sub(15)..])
}

/// A password that is not entered by then is not entered any more.
pub(super) const PASSWORD: Duration = Duration::from_secs(60);

impl Desk {
    /// A user pays an order.
    ///
    /// # Errors
    /// Says why it cannot be paid.
    pub(crate) fn pay_order(&mut self, key: &str, payer: &Payer) -> Result<String, String> {
        self.settle();
        let Some(mut order) = self.trades.order(key).cloned() else { return Err("there is no such order".to_owned()) };
        let now = self.now();
        payable(&order, now)?;
        let openid = match (&order.openid, &payer.openid) {
            (Some(named), Some(given)) if named != given => return Err(format!("the order is for {named}")),
            (Some(named), _) => named.clone(),
            (None, Some(given)) => given.clone(),
            (None, None) => somebody(&order.app_id),
        };
        let user = self.user(&openid, &order.app_id);
        if user.app_id != order.app_id && order.is_real() {
            return Err(format!("{openid} belongs to {}, the order to {}", user.app_id, order.app_id));
        }
        order.coupons = payer
            .coupons
            .iter()
            .map(|(kind, fee)| {
                let id = format!("3{:010}", self.next_number() % 10_000_000_000);
                CouponUse { id, kind: kind.clone(), fee: *fee }
            })
            .collect();
        let together = Fen::checked_sum(payer.coupons.iter().map(|(_, fee)| *fee));
        let positive = payer.coupons.iter().all(|(_, fee)| *fee > Fen::ZERO);
        if !positive || together.is_none_or(|together| together > order.total_fee) {
            return Err("coupons have at least one fen each and together no more than the order".to_owned());
        }
        if let Some((other, _)) =
            payer.coupons.iter().find(|(kind, _)| !matches!(kind, CouponType::Cash | CouponType::NoCash))
        {
            return Err(format!("a coupon is CASH or NO_CASH, not {other}"));
        }
        order.openid = Some(openid);
        order.bank_type = Some(payer.bank_type.clone().unwrap_or_else(|| "OTHERS".to_owned()));
        order.trade_state = TradeState::Success;
        order.time_end = Some(now);
        let transaction_id = self.next_transaction_id();
        order.transaction_id = Some(transaction_id.clone());
        if order.is_real() {
            self.take(&mut order, now)?;
        }
        self.put_order(order.clone());
        if order.trade_type != TradeType::Micropay {
            self.announce_paid(&order, None);
        }
        Ok(transaction_id)
    }

    fn take(&mut self, order: &mut OrderRecord, at: Timestamp) -> Result<(), String> {
        let user = Account::User(order.openid.clone().unwrap_or_default());
        let merchant = Account::Merchant(order.mch_id.clone());
        let number = Some(order.out_trade_no.as_str());
        let wrong = || "the books do not take it".to_owned();
        // Before anything moves: what comes must fit, and then all that follows does.
        let room = |account: &Account, change: Fen| self.books.balance(account).checked_add(change).is_some();
        if !room(&merchant, order.total_fee) || !room(&Account::World, Fen::new(-order.total_fee.get())) {
            return Err("the merchant has all the money that there can be".to_owned());
        }
        let cash = order.cash_fee();
        if cash > Fen::ZERO {
            let charged = self.pay_at(at, Account::World, user.clone(), cash, Reason::Charged, number);
            let paid = self.pay_at(at, user, merchant.clone(), cash, Reason::Paid, number);
            (charged && paid).then_some(()).ok_or_else(wrong)?;
        }
        for coupon in order.coupons.iter().filter(|coupon| coupon.kind != CouponType::NoCash) {
            let paid = self.pay_at(at, Account::World, merchant.clone(), coupon.fee, Reason::Coupon, number);
            paid.then_some(()).ok_or_else(wrong)?;
        }
        let rate = self.entity(&order.mch_id).map_or(0, |entity| entity.settings.fee_rate);
        order.fee = share(order.settlement_fee(), rate);
        if order.fee > Fen::ZERO {
            let taken = self.pay_at(at, merchant, Account::Platform, order.fee, Reason::Fee, number);
            taken.then_some(()).ok_or_else(wrong)?;
        }
        Ok(())
    }

    /// Tells the merchant of a payment. `other_key`: for the case in which the
    /// signature is wrong.
    pub(super) fn announce_paid(&mut self, order: &OrderRecord, other_key: Option<&Secret>) {
        if order.notify_url.is_empty() {
            return;
        }
        let Some(entity) = self.entity(&order.mch_id) else { return };
        let own = sign_key::valid_for(entity, order.official.is_some());
        let fault = self.take_notice_fault();
        let mut fields: Vec<(String, String)> = vec![
            ("appid".to_owned(), order.app_id.clone()),
            ("mch_id".to_owned(), order.mch_id.clone()),
            ("nonce_str".to_owned(), order.nonce.clone()),
            ("result_code".to_owned(), "SUCCESS".to_owned()),
            ("return_code".to_owned(), "SUCCESS".to_owned()),
        ];
        fields.extend(facts(order));
        if order.by_hmac {
            fields.push(("sign_type".to_owned(), Digest::HmacSha256.name().to_owned()));
        }
        let mut set = |name: &str, value: String| {
            fields.retain(|(own, _)| own != name);
            fields.push((name.to_owned(), value));
        };
        match &fault {
            Some(NoticeFault::WrongAmount) => set("total_fee", (order.total_fee.get() + 1).to_string()),
            Some(NoticeFault::ForeignMerchant) => set("mch_id", "1900009999".to_owned()),
            Some(NoticeFault::UnknownField) => set("new_field_of_2027", "值".to_owned()),
            _ => {}
        }
        fields.sort_unstable();
        let mut doc: Doc = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut signature = sign(&doc, other_key.unwrap_or(&own), order.digest());
        match &fault {
            Some(NoticeFault::WrongSign) => signature = signature.chars().rev().collect(),
            Some(NoticeFault::LowerCaseSign) => signature.make_ascii_lowercase(),
            _ => {}
        }
        doc.push("sign", &signature);
        let body = live_xml(&doc);
        let news = News {
            kind: NoticeKind::Paid,
            mch_id: &order.mch_id,
            number: &order.out_trade_no,
            url: &order.notify_url,
            at: self.now(),
        };
        self.announce(&news, body, fault);
    }
}

/// # Errors
/// Says why it cannot be paid now.
fn payable(order: &OrderRecord, now: Timestamp) -> Result<(), String> {
    let state = &order.trade_state;
    match state {
        TradeState::UserPaying => return Ok(()),
        TradeState::NotPay if order.trade_type != TradeType::Micropay => {}
        _ => return Err(format!("the order is {state}, there is nothing to pay")),
    }
    if let Some(end) = order.time_expire.filter(|end| now >= *end) {
        return Err(format!("the order could be paid until {end}"));
    }
    if now >= order.prepay_until {
        let end = order.prepay_until;
        return Err(format!("the session ended at {end}; the merchant must place the order again"));
    }
    Ok(())
}

/// What is told of a payment, everywhere in the same words.
pub(super) fn facts(order: &OrderRecord) -> Vec<(String, String)> {
    let mut facts: Vec<(String, String)> = Vec::with_capacity(24);
    let mut push = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            facts.push((name.to_owned(), value));
        }
    };
    let fen = |fee: Fen| Some(fee.get().to_string());
    push("openid", order.openid.clone());
    push("is_subscribe", Some("N".to_owned()));
    if order.sub_openid.is_some() {
        push("sub_openid", order.sub_openid.clone());
        push("sub_is_subscribe", Some("N".to_owned()));
    }
    push("sub_appid", order.sub_app_id.clone());
    push("sub_mch_id", order.sub_mch_id.clone());
    push("trade_type", Some(order.trade_type.to_string()));
    push("bank_type", order.bank_type.clone());
    push("total_fee", fen(order.reported_fee.unwrap_or(order.total_fee)));
    push("fee_type", Some("CNY".to_owned()));
    push("cash_fee", fen(order.reported_fee.unwrap_or_else(|| order.cash_fee())));
    push("cash_fee_type", Some("CNY".to_owned()));
    if !order.coupons.is_empty() {
        if order.settlement_fee() != order.total_fee {
            push("settlement_total_fee", fen(order.settlement_fee()));
        }
        push("coupon_fee", fen(order.coupon_fee()));
        push("coupon_count", Some(order.coupons.len().to_string()));
        for (index, coupon) in order.coupons.iter().enumerate() {
            push(&format!("coupon_id_{index}"), Some(coupon.id.clone()));
            push(&format!("coupon_type_{index}"), Some(coupon.kind.to_string()));
            push(&format!("coupon_fee_{index}"), fen(coupon.fee));
        }
    }
    push("transaction_id", order.transaction_id.clone());
    push("out_trade_no", Some(order.out_trade_no.clone()));
    push("attach", order.attach.clone());
    push("device_info", order.device_info.clone());
    push("time_end", order.time_end.map(Timestamp::compact));
    facts
}

/// A part of an amount in ten-thousandths, half a fen rounded up.
pub(super) fn share(amount: Fen, ten_thousandths: u32) -> Fen {
    Fen::new((amount.get() * i64::from(ten_thousandths) + 5_000) / 10_000)
}

/// As live notifications look: one element per line, `total_fee` and
/// `coupon_fee` bare, everything else in CDATA.
pub(super) fn live_xml(doc: &Doc) -> String {
    let mut out = String::from("<xml>");
    for (name, value) in doc.iter() {
        if matches!(name, "total_fee" | "coupon_fee") {
            out.push_str(&format!("<{name}>{value}</{name}>\n"));
        } else {
            let section = value.replace("]]>", "]]]]><![CDATA[>");
            out.push_str(&format!("<{name}><![CDATA[{section}]]></{name}>\n"));
        }
    }
    out.push_str("</xml>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fees of the bill in the official description: 0.60 % of 8.88 and of 3.00.
    #[test]
    fn fees_are_rounded_to_the_fen() {
        for (fen, fee) in [(888, 5), (300, 2), (1, 0), (83, 0), (84, 1), (10_000, 60)] {
            assert_eq!(share(Fen::new(fen), 60), Fen::new(fee), "{fen}");
        }
    }
}
