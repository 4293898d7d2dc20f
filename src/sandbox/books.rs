//! Double entry: every fen comes from somewhere and goes somewhere.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Sandbox;
use super::packed::PostingView;
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

    /// Which kind, as it is counted on disk, and the number or openid that names it, if any.
    pub(crate) fn parts(&self) -> (u8, &str) {
        match self {
            Self::World => (0, ""),
            Self::Merchant(mch_id) => (1, mch_id),
            Self::Transit(mch_id) => (2, mch_id),
            Self::User(openid) => (3, openid),
            Self::Refunds(mch_id) => (4, mch_id),
            Self::Platform => (5, ""),
            Self::Operating(mch_id) => (6, mch_id),
        }
    }

    /// The account of these [`parts`](Self::parts), which also lie on disk: a new
    /// kind gets the next number.
    pub(crate) fn of_parts((kind, name): (u8, &str)) -> Option<Self> {
        Some(match kind {
            0 => Self::World,
            1 => Self::Merchant(name.to_owned()),
            2 => Self::Transit(name.to_owned()),
            3 => Self::User(name.to_owned()),
            4 => Self::Refunds(name.to_owned()),
            5 => Self::Platform,
            6 => Self::Operating(name.to_owned()),
            _ => return None,
        })
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

impl Reason {
    /// Its number on disk: one that is added gets the next.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::TopUp => 1,
            Self::Sent => 2,
            Self::Received => 3,
            Self::Refunded => 4,
            Self::Charged => 5,
            Self::Paid => 6,
            Self::Coupon => 7,
            Self::Fee => 8,
            Self::FeeReturned => 9,
            Self::FeeTakenAgain => 10,
            Self::FeeReversed => 11,
            Self::RefundTaken => 12,
            Self::RefundPaid => 13,
            Self::RefundClosed => 14,
            Self::Reversed => 15,
            Self::Moved => 16,
        }
    }

    pub(crate) fn of_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::TopUp,
            2 => Self::Sent,
            3 => Self::Received,
            4 => Self::Refunded,
            5 => Self::Charged,
            6 => Self::Paid,
            7 => Self::Coupon,
            8 => Self::Fee,
            9 => Self::FeeReturned,
            10 => Self::FeeTakenAgain,
            11 => Self::FeeReversed,
            12 => Self::RefundTaken,
            13 => Self::RefundPaid,
            14 => Self::RefundClosed,
            15 => Self::Reversed,
            16 => Self::Moved,
            _ => return None,
        })
    }
}

/// All balances, by kind of account and by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    kinds: BTreeMap<u8, Kind>,
    /// Fen that ever moved, by the code of the reason.
    moved: BTreeMap<u8, i128>,
    next: u64,
}

/// The accounts of a kind.
#[derive(Clone, Debug, Default)]
struct Kind {
    balances: BTreeMap<Box<str>, Fen>,
    /// Of all of them, in fen; kept at each change.
    total: i128,
}

impl Books {
    pub(crate) fn balance(&self, account: &Account) -> Fen {
        self.find(account.parts()).unwrap_or_default()
    }

    /// Whether money ever came to this account or went from it.
    pub(crate) fn knows(&self, account: &Account) -> bool {
        self.find(account.parts()).is_some()
    }

    /// All accounts that ever had money, in the order of their kinds and names.
    pub(crate) fn balances(&self) -> impl Iterator<Item = (Account, Fen)> {
        self.kinds.iter().flat_map(|(kind, accounts)| {
            accounts.balances.iter().filter_map(|(name, fen)| Some((Account::of_parts((*kind, name))?, *fen)))
        })
    }

    /// The sum of all accounts of the kind of this one.
    fn total(&self, like: &Account) -> Fen {
        let total = self.kinds.get(&like.parts().0).map_or(0, |kind| kind.total);
        Fen::new(i64::try_from(total).unwrap_or_default())
    }

    fn find(&self, (kind, name): (u8, &str)) -> Option<Fen> {
        self.kinds.get(&kind)?.balances.get(name).copied()
    }

    fn set(&mut self, account: (u8, &str), balance: Fen) {
        self.change(account, |_| balance);
    }

    fn change(&mut self, (kind, name): (u8, &str), change: impl FnOnce(Fen) -> Fen) {
        let kind = self.kinds.entry(kind).or_default();
        let (before, after) = match kind.balances.get_mut(name) {
            Some(balance) => {
                let before = *balance;
                *balance = change(before);
                (before, *balance)
            }
            None => {
                let after = change(Fen::ZERO);
                kind.balances.insert(name.into(), after);
                (Fen::ZERO, after)
            }
        };
        kind.total += i128::from(after.get()) - i128::from(before.get());
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
        self.set(from.parts(), left);
        self.set(to.parts(), there);
        self.count(reason, amount);
        self.next += 1;
        Some(Posting { id: self.next, at, from, to, amount, reason, number: number.map(str::to_owned) })
    }

    /// Takes over a posting of an earlier start.
    pub(super) fn replay(&mut self, posting: &PostingView<'_>) {
        self.change(posting.from, |balance| balance.checked_sub(posting.amount).unwrap_or_default());
        self.change(posting.to, |balance| balance.checked_add(posting.amount).unwrap_or_default());
        self.count(posting.reason, posting.amount);
        self.next = self.next.max(posting.id);
    }

    fn count(&mut self, reason: Reason, amount: Fen) {
        *self.moved.entry(reason.code()).or_default() += i128::from(amount.get());
    }

    /// How much ever moved for each reason.
    fn flows(&self) -> Vec<Flow> {
        let flow = |(code, fen): (&u8, &i128)| {
            Some(Flow { reason: Reason::of_code(*code)?, amount: Fen::new(i64::try_from(*fen).unwrap_or(i64::MAX)) })
        };
        self.moved.iter().filter_map(flow).collect()
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
    /// How much ever moved, for each reason that money had.
    #[serde(default)]
    pub flows: Vec<Flow>,
}

/// All that ever moved for one reason, in a [`Statement`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Flow {
    /// Why it moved.
    pub reason: Reason,
    /// The sum, in fen.
    pub amount: Fen,
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
        let accounts = books.balances().map(|(account, balance)| AccountBalance { account, balance }).collect();
        Self { accounts, ..Self::without_accounts(books, owed_to_packets, owed_to_refunds) }
    }

    /// In a time that does not grow with the number of accounts.
    pub(crate) fn without_accounts(books: &Books, owed_to_packets: Fen, owed_to_refunds: Fen) -> Self {
        let any = String::new;
        let world = books.total(&Account::World);
        let of_merchants = [books.total(&Account::Merchant(any())), books.total(&Account::Operating(any()))];
        let with_merchants = Fen::checked_sum(of_merchants).unwrap_or_default();
        let in_transit = books.total(&Account::Transit(any()));
        let with_users = books.total(&Account::User(any()));
        let refunds_in_transit = books.total(&Account::Refunds(any()));
        let with_platform = books.total(&Account::Platform);
        let all = Fen::checked_sum([world, with_merchants, in_transit, with_users, refunds_in_transit, with_platform]);
        Self {
            accounts: Vec::new(),
            topped_up: Fen::ZERO.checked_sub(world).unwrap_or_default(),
            with_merchants,
            in_transit,
            with_users,
            owed_to_packets,
            refunds_in_transit,
            owed_to_refunds,
            with_platform,
            balanced: all == Some(Fen::ZERO) && in_transit == owed_to_packets && refunds_in_transit == owed_to_refunds,
            flows: books.flows(),
        }
    }
}

impl Sandbox {
    /// As [`books`](Self::books) without the accounts, in a time that does not grow
    /// with their number.
    #[must_use]
    pub fn totals(&self) -> Statement {
        self.desk().totals()
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
        let flows = Statement::without_accounts(&books, Fen::ZERO, Fen::ZERO).flows;
        assert_eq!(flows, [Flow { reason: Reason::TopUp, amount: Fen::new(200) }]);
    }
}
