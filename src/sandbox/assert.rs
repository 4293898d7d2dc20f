//! What a test claims of a sandbox. A claim that does not hold panics at the
//! test's own line, with what there is instead, and with the books.
//!
//! The only panics of this crate that are meant: a test wants nothing else.

use std::fmt::Write as _;

use super::Sandbox;
use super::books::{Account, Posting, Reason};
use super::packets::PacketRecord;
use crate::money::Fen;
use crate::query::RedPacketStatus;

impl Sandbox {
    /// The books are balanced to the fen.
    ///
    /// ```
    /// # fn main() -> hongbao::Result<()> {
    /// let sandbox = hongbao::sandbox::Sandbox::new()?;
    /// sandbox.assert_balanced();
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// If they are not.
    #[track_caller]
    pub fn assert_balanced(&self) {
        assert!(self.books().balanced, "the books are not balanced{}", self.evidence(&[]));
    }

    /// A user has received so much in all.
    ///
    /// # Panics
    /// If it is another amount.
    #[track_caller]
    pub fn assert_received(&self, openid: &str, amount: Fen) {
        self.settle_now();
        let found = self.received(openid);
        let own = Account::User(openid.to_owned());
        assert!(
            found == amount,
            "{openid} has received {found} yuan, not {amount}{}",
            self.evidence(&self.postings_where(|one| one.from == own || one.to == own))
        );
    }

    /// A merchant has so much in the basic account.
    ///
    /// # Panics
    /// If it is another amount.
    #[track_caller]
    pub fn assert_balance(&self, mch_id: &str, amount: Fen) {
        self.settle_now();
        let found = self.balance(mch_id);
        let own = Account::Merchant(mch_id.to_owned());
        assert!(
            found == amount,
            "merchant {mch_id} has {found} yuan, not {amount}{}",
            self.evidence(&self.postings_where(|one| one.from == own || one.to == own))
        );
    }

    /// A packet is there and in this state.
    ///
    /// # Panics
    /// If there is none, or if it is in another state.
    #[track_caller]
    pub fn assert_packet(&self, mch_id: &str, mch_billno: &str, status: &RedPacketStatus) {
        let found = self.packet(mch_id, mch_billno);
        assert!(found.is_some(), "merchant {mch_id} has no packet {mch_billno}{}", self.evidence(&[]));
        let Some(PacketRecord { status: found, reason, .. }) = found else { return };
        assert!(
            found == *status,
            "packet {mch_billno} is {found}{} at {}, not {status}{}",
            reason.map(|reason| format!(" ({reason})")).unwrap_or_default(),
            self.now(),
            self.evidence(&self.movements_of(mch_id, mch_billno))
        );
    }

    /// The money of a packet has left the merchant exactly once, and users got no
    /// more of it than it had. Whether it came back later is not asked.
    ///
    /// ```should_panic
    /// # fn main() -> hongbao::Result<()> {
    /// let sandbox = hongbao::sandbox::Sandbox::new()?;
    /// sandbox.assert_paid_once("1900000101", "A20250318001"); // nothing was sent yet
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// If it has left more than once, or never.
    #[track_caller]
    pub fn assert_paid_once(&self, mch_id: &str, mch_billno: &str) {
        self.settle_now();
        let moves = self.movements_of(mch_id, mch_billno);
        let paid: Vec<&Posting> = moves.iter().filter(|one| one.reason == Reason::Sent).collect();
        let times = paid.len();
        assert!(times == 1, "packet {mch_billno} was paid {times} times, not once{}", self.evidence(&moves));
        let sum = |reason: Reason| {
            let amounts = moves.iter().filter(|one| one.reason == reason).map(|one| one.amount);
            Fen::checked_sum(amounts).unwrap_or_default()
        };
        let (sent, received, back) = (sum(Reason::Sent), sum(Reason::Received), sum(Reason::Refunded));
        let whole = received.checked_add(back).is_some_and(|gone| gone <= sent);
        assert!(
            whole,
            "of packet {mch_billno} with {sent} yuan users got {received} and {back} went back{}",
            self.evidence(&moves)
        );
    }

    fn settle_now(&self) {
        self.desk().settle();
    }

    fn postings_where(&self, wanted: impl Fn(&Posting) -> bool) -> Vec<Posting> {
        self.postings(0, usize::MAX).into_iter().filter(wanted).collect()
    }

    /// What moved for a packet.
    fn movements_of(&self, mch_id: &str, mch_billno: &str) -> Vec<Posting> {
        // Another merchant may have a packet of the same number, and this one an
        // order: the packet's money goes through what is unopened.
        let transit = Account::Transit(mch_id.to_owned());
        self.postings_where(|one| {
            one.number.as_deref() == Some(mch_billno) && (one.from == transit || one.to == transit)
        })
    }

    /// The postings that matter, and the books.
    fn evidence(&self, postings: &[Posting]) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let skipped = postings.len().saturating_sub(SHOWN);
        if skipped > 0 {
            let _ = write!(text, "\n  … {skipped} earlier movements");
        }
        for one in postings.iter().skip(skipped) {
            let number = one.number.as_deref().unwrap_or_default();
            let (id, at, from, to) = (one.id, one.at, &one.from, &one.to);
            let _ = write!(text, "\n  {id:>6}  {at}  {:>12}  {from} -> {to}  {:?} {number}", one.amount, one.reason);
        }
        let _ = write!(text, "\nthe books at {}:", self.now());
        let mut books = self.books();
        let more = books.accounts.len().saturating_sub(SHOWN);
        books.accounts.truncate(SHOWN);
        let _ = write!(text, "\n{books}");
        if more > 0 {
            let _ = write!(text, "\n({more} more accounts)");
        }
        text
    }
}

/// So many movements and accounts are printed.
const SHOWN: usize = 40;
