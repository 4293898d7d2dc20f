//! A merchant's accounts: the basic one (基本账户), which payments and refunds
//! use, and the operating one (运营账户), from which packets are paid where there
//! is one.
//!
//! Differs from the real gateway: money moves between the two at once, and the
//! bill of each calls it 账户间转账, for which no source has a name; once opened,
//! an operating account can be closed only when it is empty.

use serde::{Deserialize, Serialize};

use super::books::{Account, Reason};
use super::desk::Desk;
use super::{Sandbox, known, refused};
use crate::error::Result;
use crate::money::Fen;

/// One of a merchant's accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// The basic account (基本账户), which every merchant has.
    #[default]
    Basic,
    /// The operating account (运营账户), which some have.
    Operating,
}

impl AccountKind {
    /// This account of a merchant.
    pub(crate) fn of(self, mch_id: &str) -> Account {
        match self {
            Self::Basic => Account::Merchant(mch_id.to_owned()),
            Self::Operating => Account::Operating(mch_id.to_owned()),
        }
    }

    /// What a refusal calls its balance.
    pub(super) const fn balance_name(self) -> &'static str {
        match self {
            Self::Basic => "balance",
            Self::Operating => "operating_balance",
        }
    }
}

impl Sandbox {
    /// Puts money into a merchant's basic account. Gives what is in it then.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: no such merchant, or no amount above zero.
    pub fn top_up(&self, mch_id: &str, amount: Fen) -> Result<Fen> {
        self.top_up_account(mch_id, AccountKind::Basic, amount)
    }

    /// Puts money into one of a merchant's accounts. Gives what is in it then.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: no such merchant or account, or no amount
    /// above zero.
    pub fn top_up_account(&self, mch_id: &str, account: AccountKind, amount: Fen) -> Result<Fen> {
        self.update(|desk| {
            if account == AccountKind::Operating && !known(desk, mch_id)?.settings.operating_account {
                return Err(refused(format!("{mch_id} has no operating account"), "open one first"));
            }
            known(desk, mch_id)?;
            let account = account.of(mch_id);
            if !desk.pay(Account::World, account.clone(), amount, Reason::TopUp, None) {
                return Err(refused(format!("{amount} yuan cannot be topped up"), "give an amount above zero"));
            }
            Ok(desk.books.balance(&account))
        })
    }

    /// Opens a merchant's operating account, unless it has one, and moves money
    /// into it from the basic account. From then on packets are paid from it, and
    /// from nothing else. Gives what is in it then.
    ///
    /// ```
    /// use hongbao::{Fen, sandbox::Sandbox};
    ///
    /// # fn main() -> hongbao::Result<()> {
    /// # let sandbox = Sandbox::new()?;
    /// # let mch_id = sandbox.merchants().remove(0).mch_id;
    /// sandbox.open_operating_account(&mch_id, Fen::new(250_000))?;
    /// assert_eq!(sandbox.balance(&mch_id), Fen::new(750_000));
    /// assert_eq!(sandbox.operating_balance(&mch_id), Some(Fen::new(250_000)));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: no such merchant, or not so much money.
    pub fn open_operating_account(&self, mch_id: &str, amount: Fen) -> Result<Fen> {
        self.update(|desk| {
            let mut settings = known(desk, mch_id)?.settings.clone();
            let (basic, operating) = (AccountKind::Basic.of(mch_id), AccountKind::Operating.of(mch_id));
            if amount != Fen::ZERO && !desk.pay(basic, operating.clone(), amount, Reason::Moved, None) {
                let next = "give at most what is in the basic account";
                return Err(refused(format!("{amount} yuan cannot be moved"), next));
            }
            if !settings.operating_account {
                settings.operating_account = true;
                desk.put_settings(mch_id, settings);
            }
            Ok(desk.books.balance(&operating))
        })
    }

    /// What is in a merchant's basic account.
    #[must_use]
    pub fn balance(&self, mch_id: &str) -> Fen {
        self.desk().books.balance(&AccountKind::Basic.of(mch_id))
    }

    /// What is in a merchant's operating account; `None` without one.
    #[must_use]
    pub fn operating_balance(&self, mch_id: &str) -> Option<Fen> {
        let desk = self.desk();
        let has_one = desk.entity(mch_id)?.settings.operating_account;
        has_one.then(|| desk.books.balance(&AccountKind::Operating.of(mch_id)))
    }

    /// What a user has received.
    #[must_use]
    pub fn received(&self, openid: &str) -> Fen {
        self.desk().books.balance(&Account::User(openid.to_owned()))
    }
}

impl Desk {
    /// The account that a merchant's packets are paid from now.
    pub(super) fn pays_packets(&self, mch_id: &str) -> AccountKind {
        match self.entity(mch_id) {
            Some(entity) if entity.settings.operating_account => AccountKind::Operating,
            _ => AccountKind::Basic,
        }
    }
}
