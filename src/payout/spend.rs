//! "Spend and get" (满额送): whoever pays an order of so much gets a packet.
//!
//! A [`Rule`] makes a payout of a confirmed payment. The payout's business key
//! is the order, so that a notification that comes again, or a query that finds
//! the same payment, gives nothing twice; the ledger sees to that, over all
//! processes and restarts.
//!
//! ```
//! use hongbao::{Fen, pay::Payment};
//! use hongbao::payout::spend::{Gift, NoGift, Rule};
//!
//! let rule = Rule {
//!     name: "spring".into(),
//!     threshold: Fen::new(10_000),
//!     gift: Gift::Steps(vec![(Fen::new(10_000), Fen::new(100)), (Fen::new(50_000), Fen::new(666))]),
//!     per_user: Some(3),
//!     first_day: "2025-03-01".parse()?,
//!     last_day: "2025-03-31".parse()?,
//! };
//! rule.check()?;
//! # let payment = |fee: i64| serde_json::from_value::<Payment>(serde_json::json!({
//! #     "transaction_id": "4200", "out_trade_no": "T00001", "total_fee": fee,
//! #     "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "time_end": "20250318083011" }));
//! let gift = rule.gift(&payment(60_000)?).map_err(|none| none.to_string())?;
//! assert_eq!((gift.key.as_str(), gift.amount), ("spring/T00001", Fen::new(666)));
//! assert_eq!(rule.gift(&payment(9_999)?), Err(NoGift::BelowThreshold));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;

use super::ledger::{Admission, Conflict, Ledger};
use super::record::{Campaign, NewPayout, Texts};
use crate::clock::{Day, Timestamp};
use crate::error::{Error, Result};
use crate::ids::{OpenId, OutTradeNo};
use crate::money::Fen;
use crate::pay::Payment;
use crate::redpack::limits;

/// Which payments get how much, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name: the beginning of the business keys of all its gifts. A rule that
    /// is changed keeps it, or orders that were served get a second gift.
    pub name: String,
    /// The least that an order comes to (`total_fee`, 订单金额: coupons are part of it).
    pub threshold: Fen,
    /// How much a payment gets.
    pub gift: Gift,
    /// How many gifts a user gets as long as the rule lasts; any number if
    /// `None`. For so many a day, make a rule and a campaign of each day.
    pub per_user: Option<u32>,
    /// The first Beijing day on which payments count.
    pub first_day: Day,
    /// The last Beijing day on which payments count.
    pub last_day: Day,
}

/// How much a payment gets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gift {
    /// The same for each.
    Fixed(Fen),
    /// From so much on, so much: the last step that the payment reaches counts.
    /// The steps ascend.
    Steps(Vec<(Fen, Fen)>),
}

/// Why a payment gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoGift {
    /// The order comes to less than the threshold or the first step.
    BelowThreshold,
    /// Paid before the first day.
    TooEarly,
    /// Paid after the last day.
    TooLate,
    /// Paid in another currency than CNY.
    Currency,
    /// The payment says no payee who could get a packet.
    NoPayee,
    /// The payment does not say when it was made.
    NoTime,
    /// The payment's order number is none.
    NoOrder,
}

impl fmt::Display for NoGift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BelowThreshold => "the order is below the threshold",
            Self::TooEarly => "paid before the rule's first day",
            Self::TooLate => "paid after the rule's last day",
            Self::Currency => "paid in another currency than CNY",
            Self::NoPayee => "the payment names no openid",
            Self::NoTime => "the payment does not say when it was made",
            Self::NoOrder => "the payment's order number is not valid",
        })
    }
}

/// What became of a payment under a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Given {
    /// A gift is planned.
    Planned(NewPayout),
    /// The order got its gift before; nothing was stored. If the rule says
    /// another amount by now, the first one stands.
    Before,
    /// The user has had all gifts of the rule; nothing was stored.
    LimitReached,
    /// The rule gives nothing for this payment.
    Nothing(NoGift),
}

impl Rule {
    /// Looks for mistakes in the rule itself; call it once, when it is read.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) names the field.
    pub fn check(&self) -> Result<()> {
        // An order number has no slash: no two pairs of rule and order look alike.
        if self.name.is_empty() || self.name.contains('/') || self.name.chars().any(char::is_control) {
            return Err(Error::invalid("name", "a rule has a name, without slashes and control characters"));
        }
        if self.threshold < Fen::ZERO {
            return Err(Error::invalid("threshold", "below zero"));
        }
        if self.per_user == Some(0) {
            return Err(Error::invalid("per_user", "a rule that gives nobody anything"));
        }
        if self.last_day < self.first_day {
            return Err(Error::invalid("last_day", "it lies before the first day"));
        }
        let steps: &[(Fen, Fen)] = match &self.gift {
            Gift::Fixed(amount) => &[(self.threshold, *amount)],
            Gift::Steps(steps) => steps,
        };
        if steps.is_empty() {
            return Err(Error::invalid("gift", "no step"));
        }
        if steps.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(Error::invalid("gift", "the steps do not ascend"));
        }
        let most = limits::PACKET_MAX.fen();
        match steps.iter().find(|(_, amount)| *amount <= Fen::ZERO || *amount > most) {
            Some((_, amount)) => Err(Error::invalid("gift", format!("{amount} yuan: no packet has that amount"))),
            None => Ok(()),
        }
    }

    /// The gift for a payment that was confirmed
    /// ([`Paid::confirm`](crate::notify::Paid::confirm)). Pure: the same payment
    /// always gets the same gift.
    ///
    /// # Errors
    /// [`NoGift`] says why there is none.
    pub fn gift(&self, payment: &Payment) -> Result<NewPayout, NoGift> {
        if payment.fee_type.as_deref().is_some_and(|currency| currency != "CNY") {
            return Err(NoGift::Currency);
        }
        let day = payment.time_end.ok_or(NoGift::NoTime)?.beijing_day();
        if day < self.first_day {
            return Err(NoGift::TooEarly);
        }
        if day > self.last_day {
            return Err(NoGift::TooLate);
        }
        if payment.total_fee < self.threshold {
            return Err(NoGift::BelowThreshold);
        }
        let amount = match &self.gift {
            Gift::Fixed(amount) => *amount,
            Gift::Steps(steps) => {
                let reached = steps.iter().rfind(|(from, _)| *from <= payment.total_fee);
                reached.map(|(_, amount)| *amount).ok_or(NoGift::BelowThreshold)?
            }
        };
        let openid = payment.openid.as_deref().and_then(|openid| OpenId::new(openid).ok()).ok_or(NoGift::NoPayee)?;
        let order = OutTradeNo::new(&*payment.out_trade_no).map_err(|_| NoGift::NoOrder)?;
        Ok(NewPayout { key: format!("{}/{order}", self.name), openid, amount, texts: Texts::default() })
    }

    /// Plans the gift for a payment in the rule's campaign. It is durable when
    /// this returns; answer the notification then. Safe to repeat, at any time
    /// and from any process.
    ///
    /// One campaign belongs to one rule: [`per_user`](Self::per_user) counts what
    /// the user got in the campaign while there was such a limit. The payment's openid belongs to the appid
    /// of the order, so the campaign needs the same one.
    ///
    /// # Errors
    /// As [`Ledger::add`] and [`Ledger::admit`]: let the notification come again
    /// then. [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the order got
    /// its gift for another payee.
    pub async fn give(
        &self,
        ledger: &dyn Ledger,
        campaign: &Campaign,
        payment: &Payment,
        now: Timestamp,
    ) -> Result<Given> {
        let payout = match self.gift(payment) {
            Ok(payout) => payout,
            Err(none) => return Ok(Given::Nothing(none)),
        };
        let admission = match self.per_user {
            Some(most) => ledger.admit(campaign.id, &payout, most, now).await?,
            None => {
                let found = ledger.add(campaign.id, std::slice::from_ref(&payout), now).await?;
                match found.conflicts.into_iter().next() {
                    Some(conflict) => Admission::Conflict(conflict),
                    None if found.new > 0 => Admission::New,
                    None => Admission::Known,
                }
            }
        };
        match admission {
            Admission::New => Ok(Given::Planned(payout)),
            Admission::Full => Ok(Given::LimitReached),
            Admission::Conflict(Conflict { field: "openid", key, known, given, .. }) => {
                Err(Error::invalid("openid", format!("{key} was given to {known}, and {given} is named now")))
            }
            Admission::Known | Admission::Conflict(_) => Ok(Given::Before),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rule(gift: Gift) -> Rule {
        Rule {
            name: "spring".into(),
            threshold: Fen::new(10_000),
            gift,
            per_user: None,
            first_day: "2025-03-18".parse().unwrap(),
            last_day: "2025-03-19".parse().unwrap(),
        }
    }

    fn payment(changes: Value) -> Payment {
        let mut fields = json!({
            "transaction_id": "4200001", "out_trade_no": "T00001", "total_fee": 10_000,
            "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "time_end": "20250318120000",
        });
        for (name, value) in changes.as_object().unwrap() {
            fields[name] = value.clone();
        }
        serde_json::from_value(fields).unwrap()
    }

    fn steps() -> Gift {
        Gift::Steps(
            [(10_000, 100), (20_000, 300), (50_000, 666)].map(|(from, gift)| (Fen::new(from), Fen::new(gift))).into(),
        )
    }

    #[test]
    fn amounts_follow_threshold_and_steps() {
        let none = Err(NoGift::BelowThreshold);
        for (paid, fixed, stepped) in [
            (-1, none, none),
            (0, none, none),
            (9_999, none, none),
            (10_000, Ok(188), Ok(100)),
            (10_001, Ok(188), Ok(100)),
            (19_999, Ok(188), Ok(100)),
            (20_000, Ok(188), Ok(300)),
            (49_999, Ok(188), Ok(300)),
            (50_000, Ok(188), Ok(666)),
            (i64::MAX, Ok(188), Ok(666)),
        ] {
            let payment = payment(json!({ "total_fee": paid }));
            let amount = |gift| rule(gift).gift(&payment).map(|payout| payout.amount.get());
            assert_eq!(amount(Gift::Fixed(Fen::new(188))), fixed, "{paid}");
            assert_eq!(amount(steps()), stepped, "{paid}");
        }
        // The threshold may lie above the first step, and below it.
        let high = Rule { threshold: Fen::new(20_000), ..rule(steps()) };
        assert_eq!(high.gift(&payment(json!({ "total_fee": 19_999 }))), Err(NoGift::BelowThreshold));
        let low = Rule { threshold: Fen::ZERO, ..rule(steps()) };
        assert_eq!(low.gift(&payment(json!({ "total_fee": 9_999 }))), Err(NoGift::BelowThreshold));
    }

    #[test]
    fn the_period_is_counted_in_beijing_days() {
        for (time, found) in [
            ("20250317235959", Err(NoGift::TooEarly)),
            ("20250318000000", Ok(())),
            // 2025-03-18 still in Greenwich, and the next day in Beijing.
            ("20250319000000", Ok(())),
            ("20250319235959", Ok(())),
            ("20250320000000", Err(NoGift::TooLate)),
        ] {
            let payment = payment(json!({ "time_end": time }));
            assert_eq!(rule(steps()).gift(&payment).map(|_| ()), found, "{time}");
        }
    }

    #[test]
    fn a_payment_that_lacks_something_gets_nothing() {
        for (changes, none) in [
            (json!({ "openid": null }), NoGift::NoPayee),
            (json!({ "openid": "" }), NoGift::NoPayee),
            (json!({ "openid": "not an openid" }), NoGift::NoPayee),
            (json!({ "time_end": null }), NoGift::NoTime),
            (json!({ "fee_type": "USD" }), NoGift::Currency),
            (json!({ "out_trade_no": "a/b" }), NoGift::NoOrder),
        ] {
            assert_eq!(rule(steps()).gift(&payment(changes.clone())), Err(none), "{changes}");
        }
        assert!(rule(steps()).gift(&payment(json!({ "fee_type": "CNY" }))).is_ok());
    }

    #[test]
    fn the_key_is_the_order_and_nothing_else() {
        let first = rule(steps()).gift(&payment(json!({}))).unwrap();
        assert_eq!(first.key, "spring/T00001");
        let later = rule(Gift::Fixed(Fen::new(500))).gift(&payment(json!({
            "transaction_id": "4200002", "total_fee": 20_000, "time_end": "20250319080000",
        })));
        assert_eq!(later.unwrap().key, first.key);
        let other = rule(steps()).gift(&payment(json!({ "out_trade_no": "T00002" }))).unwrap();
        assert_ne!(other.key, first.key);
    }

    #[test]
    fn mistakes_in_rules_are_named() {
        assert!(rule(steps()).check().is_ok());
        assert!(Rule { first_day: rule(steps()).last_day, ..rule(steps()) }.check().is_ok(), "a single day");
        let fen = Fen::new;
        for (wrong, field) in [
            (Rule { name: String::new(), ..rule(steps()) }, "name"),
            (Rule { name: "a/b".into(), ..rule(steps()) }, "name"),
            (Rule { name: "a\nb".into(), ..rule(steps()) }, "name"),
            (Rule { threshold: fen(-1), ..rule(steps()) }, "threshold"),
            (Rule { per_user: Some(0), ..rule(steps()) }, "per_user"),
            (Rule { last_day: "2025-03-17".parse().unwrap(), ..rule(steps()) }, "last_day"),
            (rule(Gift::Steps(vec![])), "gift"),
            (rule(Gift::Steps(vec![(fen(1), fen(100)), (fen(1), fen(200))])), "gift"),
            (rule(Gift::Steps(vec![(fen(2), fen(100)), (fen(1), fen(200))])), "gift"),
            (rule(Gift::Fixed(fen(0))), "gift"),
            (rule(Gift::Fixed(fen(499_901))), "gift"),
        ] {
            assert_eq!(wrong.check().unwrap_err().field(), Some(field), "{wrong:?}");
        }
    }
}
