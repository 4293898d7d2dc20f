//! Double entry: every fen comes from somewhere and goes somewhere.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::money::Fen;

/// Whose money.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Account {
    /// Where money comes from, by top-ups and from users' banks; its balance is
    /// below zero by all that exists.
    World,
    /// A merchant's basic account (基本账户).
    Merchant(String),
    /// A merchant's operating account (运营账户).
    Operating(String),
    /// A merchant's packets that nobody has opened yet.
    Transit(String),
    /// A user's change (零钱), by openid.
    User(String),
    /// A merchant's refunds that are on their way to users.
    Refunds(String),
    /// The platform, which takes fees (手续费).
    Platform,
}

impl Account {
    /// Whose it is: a merchant number, an openid, `world` or `platform`.
    #[must_use]
    pub fn owner(&self) -> &str {
        match self {
            Self::World => "world",
            Self::Platform => "platform",
            Self::Merchant(id) | Self::Operating(id) | Self::Transit(id) | Self::User(id) | Self::Refunds(id) => id,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::World => f.write_str("world"),
            Self::Merchant(mch_id) => write!(f, "merchant {mch_id}"),
            Self::Operating(mch_id) => write!(f, "operating account of {mch_id}"),
            Self::Transit(mch_id) => write!(f, "unopened packets of {mch_id}"),
            Self::User(openid) => write!(f, "user {openid}"),
            Self::Refunds(mch_id) => write!(f, "refunds under way of {mch_id}"),
            Self::Platform => f.write_str("platform"),
        }
    }
}

/// One movement of money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Posting {
    /// Counts from one.
    pub id: u64,
    /// When, on the sandbox's clock.
    pub at: Timestamp,
    /// From whom.
    pub from: Account,
    /// To whom.
    pub to: Account,
    /// How much, in fen; always above zero.
    pub amount: Fen,
    /// Why.
    pub reason: Reason,
    /// The merchant's number that it belongs to, if any.
    #[serde(rename = "mch_billno")]
    pub number: Option<String>,
}

/// Why money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// A merchant topped up (充值).
    TopUp,
    /// A merchant moved money between its accounts.
    Moved,
    /// A packet was sent.
    Sent,
    /// A user opened a packet.
    Received,
    /// Nobody opened it in time.
    Refunded,
    /// A user's bank paid for an order.
    Charged,
    /// A user paid an order (交易).
    Paid,
    /// A coupon paid a part of an order, or got it back.
    Coupon,
    /// The platform's fee (手续费).
    Fee,
    /// The platform's fee came back with a refund.
    FeeReturned,
    /// The fee taken again, because a refund was closed.
    FeeTakenAgain,
    /// The fee given back with a reversal.
    FeeReversed,
    /// A refund was taken from the merchant (退款).
    RefundTaken,
    /// A refund reached the user.
    RefundPaid,
    /// A refund was closed, and the merchant has its money again.
    RefundClosed,
    /// A payment by code was undone (撤销).
    Reversed,
}

/// All balances.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    balances: BTreeMap<Account, Fen>,
    next: u64,
}

impl Books {
    pub(crate) fn balance(&self, account: &Account) -> Fen {
        self.balances.get(account).copied().unwrap_or_default()
    }

    /// Whether money was ever in it.
    pub(crate) fn knows(&self, account: &Account) -> bool {
        self.balances.contains_key(account)
    }

    pub(crate) fn balances(&self) -> impl Iterator<Item = (&Account, Fen)> {
        self.balances.iter().map(|(account, fen)| (account, *fen))
    }

    /// Moves money. `None` if an account other than the world's would fall
    /// below zero; then nothing has moved.
    pub(crate) fn post(
        &mut self,
        at: Timestamp,
        from: Account,
        to: Account,
        amount: Fen,
        reason: Reason,
        number: Option<&str>,
    ) -> Option<Posting> {
        let left = self.balance(&from).checked_sub(amount)?;
        let there = self.balance(&to).checked_add(amount)?;
        if amount <= Fen::ZERO || from == to || (left < Fen::ZERO && from != Account::World) {
            return None;
        }
        self.balances.insert(from.clone(), left);
        self.balances.insert(to.clone(), there);
        self.next += 1;
        Some(Posting { id: self.next, at, from, to, amount, reason, number: number.map(str::to_owned) })
    }

    /// Takes over a posting of an earlier start.
    pub(crate) fn replay(&mut self, posting: &Posting) {
        let left = self.balance(&posting.from).checked_sub(posting.amount);
        let there = self.balance(&posting.to).checked_add(posting.amount);
        self.balances.insert(posting.from.clone(), left.unwrap_or_default());
        self.balances.insert(posting.to.clone(), there.unwrap_or_default());
        self.next = self.next.max(posting.id);
    }
}

/// The books at one moment, and whether they are balanced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Statement {
    /// Every account that ever had money.
    pub accounts: Vec<AccountBalance>,
    /// All that ever came in, by top-ups and from users' banks.
    pub topped_up: Fen,
    /// Money of merchants, in basic and operating accounts.
    pub with_merchants: Fen,
    /// Money of unopened packets.
    pub in_transit: Fen,
    /// Money of users.
    pub with_users: Fen,
    /// The unopened rest of all packets that are out, counted from the packets
    /// themselves.
    pub owed_to_packets: Fen,
    /// Money of refunds that are on their way.
    pub refunds_in_transit: Fen,
    /// The same, counted from the refunds themselves.
    pub owed_to_refunds: Fen,
    /// Fees of the platform.
    pub with_platform: Fen,
    /// Whether what came in is all there, and packets, refunds and accounts agree.
    pub balanced: bool,
}

/// An account in a [`Statement`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AccountBalance {
    /// Whose.
    pub account: Account,
    /// How much.
    pub balance: Fen,
}

impl Statement {
    pub(crate) fn of(books: &Books, owed_to_packets: Fen, owed_to_refunds: Fen) -> Self {
        let sum = |wanted: fn(&Account) -> bool| {
            let amounts = books.balances().filter(|(account, _)| wanted(account)).map(|(_, fen)| fen);
            Fen::checked_sum(amounts).unwrap_or_default()
        };
        let world = sum(|account| matches!(account, Account::World));
        let with_merchants = sum(|account| matches!(account, Account::Merchant(_) | Account::Operating(_)));
        let in_transit = sum(|account| matches!(account, Account::Transit(_)));
        let with_users = sum(|account| matches!(account, Account::User(_)));
        let refunds_in_transit = sum(|account| matches!(account, Account::Refunds(_)));
        let with_platform = sum(|account| matches!(account, Account::Platform));
        let all = Fen::checked_sum([world, with_merchants, in_transit, with_users, refunds_in_transit, with_platform]);
        Self {
            accounts: books
                .balances()
                .map(|(account, balance)| AccountBalance { account: account.clone(), balance })
                .collect(),
            topped_up: Fen::ZERO.checked_sub(world).unwrap_or_default(),
            with_merchants,
            in_transit,
            with_users,
            owed_to_packets,
            refunds_in_transit,
            owed_to_refunds,
            with_platform,
            balanced: all == Some(Fen::ZERO) && in_transit == owed_to_packets && refunds_in_transit == owed_to_refunds,
        }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.accounts {
            writeln!(f, "{:>16}  {}", row.balance, row.account)?;
        }
        let verdict = if self.balanced { "balanced to the fen" } else { "NOT BALANCED" };
        write!(
            f,
            "came in {} = merchants {} + unopened {} + refunds {} + users {} + platform {}: {verdict}",
            self.topped_up,
            self.with_merchants,
            self.in_transit,
            self.refunds_in_transit,
            self.with_users,
            self.with_platform
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_pays_what_he_has_not() {
        let mut books = Books::default();
        let (north, alice) = (Account::Merchant("1".into()), Account::User("o".into()));
        let now = Timestamp::default();
        let mut post = |from: &Account, to: &Account, fen| {
            books.post(now, from.clone(), to.clone(), Fen::new(fen), Reason::TopUp, None).is_some()
        };
        assert!(post(&Account::World, &north, 100));
        assert!(!post(&north, &alice, 101));
        assert!(!post(&north, &alice, 0));
        assert!(!post(&north, &alice, -1));
        assert!(!post(&north, &north, 1));
        assert!(post(&north, &alice, 100));
        assert_eq!(books.balance(&alice), Fen::new(100));
        assert!(Statement::of(&books, Fen::ZERO, Fen::ZERO).balanced);
        assert!(!Statement::of(&books, Fen::new(1), Fen::ZERO).balanced);
        assert!(!Statement::of(&books, Fen::ZERO, Fen::new(1)).balanced);
    }
}
