//! What a ledger of payouts can do.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use super::record::{Campaign, CampaignId, Entry, NewCampaign, NewPayout, Payout, PayoutId, Version};
use super::rules::Rules;
use super::state::{Action, Cause, Gate, Phase, Standing};
use crate::clock::{Day, Timestamp};
use crate::error::{Error, Result};
use crate::ids::{BillNo, MchId};
use crate::money::Fen;

/// Keeps payouts, durably, for one process or for many.
///
/// Each method is one transaction: when it returns `Ok`, what it changed
/// survives a power failure, and when it returns an error, it changed nothing
/// or all of it (a connection that is lost while it commits tells neither).
/// [`conformance`](super::conformance) is the suite that every ledger passes.
///
/// # Errors
/// All methods give [`ErrorKind::Ledger`](crate::ErrorKind::Ledger) when the
/// store cannot be used just now: the same call later is safe.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Makes a campaign, or finds the one of this name.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) names the field in which the known one differs.
    async fn campaign(&self, new: &NewCampaign, now: Timestamp) -> Result<Campaign>;

    /// All campaigns, in the order in which they were made.
    async fn campaigns(&self) -> Result<Vec<Campaign>>;

    /// Says that all of a campaign is there and that it may be sent.
    async fn ready(&self, campaign: CampaignId, digest: &str, now: Timestamp) -> Result<()>;

    /// Compares payouts with what is known under their keys, and stores nothing.
    async fn compare(&self, campaign: CampaignId, payouts: &[NewPayout]) -> Result<Comparison>;

    /// Stores payouts that are not known yet. If one of them contradicts a known
    /// one, nothing is stored.
    async fn add(&self, campaign: CampaignId, payouts: &[NewPayout], now: Timestamp) -> Result<Comparison>;

    /// Stores one payout, unless its payee was admitted to the campaign `most`
    /// times already; those that [`add`](Self::add) stored do not count. A known
    /// one stays known, whatever its payee has had. Calls at the same time, in
    /// whatever processes, never pass the limit together.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) from a ledger that does
    /// not count this; it stores nothing then.
    async fn admit(&self, campaign: CampaignId, payout: &NewPayout, most: u32, now: Timestamp) -> Result<Admission> {
        let _ = (campaign, payout, most, now);
        Err(Error::invalid("per_user", "this ledger does not count what a payee was admitted to"))
    }

    /// The campaigns that have something to do at `now`.
    async fn due(&self, now: Timestamp) -> Result<Vec<Due>>;

    /// What the ready campaigns have to do, claimed payouts included, and when the
    /// first of each is due.
    async fn next_due(&self) -> Result<Vec<(Due, Timestamp)>>;

    /// Hands out payouts whose next action is due, the longest waiting first, each
    /// to one caller alone until [`Claim::until`]. Their versions are new, so
    /// that an earlier holder can no longer change them, and their
    /// [`Next::at`](super::state::Next) is [`Claim::now`].
    async fn claim(&self, claim: &Claim) -> Result<Vec<Payout>>;

    /// Gives claimed payouts back, due at `now`. What changed meanwhile stays as
    /// it is.
    async fn give_back(&self, claimed: &[(PayoutId, Version)], now: Timestamp) -> Result<()>;

    /// Changes payouts and writes the journal, all in one transaction. Each
    /// change counts only if its payout still has the version that was read.
    async fn record(&self, changes: &[Change]) -> Result<Vec<Recorded>>;

    /// Writes the journal alone.
    async fn journalise(&self, entries: &[(PayoutId, Entry)]) -> Result<()>;

    /// Reserves moments for so many calls of a merchant, over all processes.
    async fn reserve(&self, mch_id: &MchId, calls: u32, per_second: u32, now: Timestamp) -> Result<Slots>;

    /// A merchant's gate, and its version.
    async fn gate(&self, mch_id: &MchId) -> Result<(Gate, Version)>;

    /// Changes a merchant's gate; `false` if it no longer has this version.
    async fn set_gate(&self, mch_id: &MchId, version: Version, gate: &Gate) -> Result<bool>;

    /// One payout.
    async fn payout(&self, id: PayoutId) -> Result<Option<Payout>>;

    /// The payout of a business key.
    async fn find(&self, mch_id: &MchId, key: &str) -> Result<Option<Payout>>;

    /// The payout that has, or had, this bill number.
    async fn find_number(&self, mch_id: &MchId, number: &BillNo) -> Result<Option<Payout>>;

    /// The journal of a payout, from the beginning.
    async fn journal(&self, id: PayoutId) -> Result<Vec<Entry>>;

    /// Payouts of a campaign by number, `limit` at most.
    async fn list(&self, filter: &Filter, limit: usize) -> Result<Vec<Payout>>;

    /// Counts and sums of a campaign.
    async fn totals(&self, campaign: CampaignId) -> Result<Vec<Total>>;

    /// When a campaign's payouts were accepted: how many in each stretch of
    /// time, in order; stretches without any are left out.
    async fn accepted(&self, campaign: CampaignId, stretch: Duration) -> Result<Vec<(Timestamp, u64)>>;
}

/// What a comparison of new payouts with a ledger found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Not known before.
    pub new: u64,
    /// Known, with the same fields.
    pub known: u64,
    /// Known, with other fields; in the order in which they were given.
    pub conflicts: Vec<Conflict>,
}

/// A business key that is known with other fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// Its place among the payouts that were given.
    pub index: usize,
    /// The business key.
    pub key: String,
    /// The field that differs.
    pub field: &'static str,
    /// What the ledger has.
    pub known: String,
    /// What was given.
    pub given: String,
}

impl Conflict {
    /// Compares a payout with the known one of its key.
    #[must_use]
    pub fn between(index: usize, known: &Payout, given: &NewPayout) -> Option<Self> {
        let conflict = |field, known: &dyn ToString, other: &dyn ToString| {
            Some(Self { index, key: given.key.clone(), field, known: known.to_string(), given: other.to_string() })
        };
        let texts = |texts| serde_json::to_string(texts).unwrap_or_default();
        if known.openid != given.openid {
            conflict("openid", &known.openid, &given.openid)
        } else if known.amount != given.amount {
            conflict("amount", &known.amount, &given.amount)
        } else if known.texts != given.texts {
            conflict("texts", &texts(&known.texts), &texts(&given.texts))
        } else {
            None
        }
    }
}

/// What became of a payout that came with a limit for its payee
/// ([`Ledger::admit`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is stored now.
    New,
    /// Its key is known, with the same fields.
    Known,
    /// Its key is known, with other fields; nothing was stored.
    Conflict(Conflict),
    /// Its payee has had all that the limit grants; nothing was stored.
    Full,
}

/// A campaign with something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Who pays.
    pub mch_id: MchId,
    /// The campaign.
    pub campaign: CampaignId,
    /// What.
    pub action: Action,
}

/// What a worker asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Of this campaign.
    pub campaign: CampaignId,
    /// Payouts whose next action is this one.
    pub action: Action,
    /// So many at most.
    pub limit: usize,
    /// The present moment.
    pub now: Timestamp,
    /// Until when they are the caller's.
    pub until: Timestamp,
}

/// A change of one payout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub id: PayoutId,
    /// The version that was read.
    pub version: Version,
    /// Where it stands from now on.
    pub standing: Standing,
    /// The line of the journal.
    pub entry: Entry,
    /// The limits in which it is counted from now on, if it is not yet.
    pub count: Option<Count>,
    /// Its new bill number, where a person permitted one.
    pub number: Option<BillNo>,
}

/// A place in the limits of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The Beijing day.
    pub day: Day,
    /// Packets that a user gets from the merchant.
    pub user_count: u32,
    /// Fen that a user gets from the merchant.
    pub user: Fen,
    /// Fen that the merchant pays out.
    pub merchant: Fen,
}

impl Count {
    /// A place in the limits of the day of `now`.
    #[must_use]
    pub fn of(rules: &Rules, now: Timestamp) -> Self {
        Self {
            day: now.beijing_day(),
            user_count: rules.user_day_count,
            user: rules.user_day,
            merchant: rules.merchant_day,
        }
    }
}

/// What became of a [`Change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is durable, and the payout has this version now.
    Done(Version),
    /// Somebody else changed or claimed the payout; this change did not happen.
    Stale,
    /// The payee's limits of the day leave no room; this change did not happen.
    PayeeFull,
    /// The merchant's limits of the day leave no room; this change did not happen.
    MerchantFull,
}

/// Moments for calls, evenly spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// The first one, in microseconds of Unix time.
    pub first: i64,
    /// From one to the next, in microseconds.
    pub spacing: i64,
}

impl Slots {
    /// The furthest that a merchant's next free moment may lie ahead, in
    /// microseconds. Honest queues are shorter; what lies further ahead was
    /// reserved by a clock that was wrong, and nobody waits for it: a call that
    /// waited longer would outlive its lease.
    pub const FURTHEST: i64 = 90_000_000;

    /// Takes `calls` moments from a merchant whose next free one is `free`
    /// (microseconds of Unix time): the moments, and the next free one then.
    #[must_use]
    pub fn take(free: i64, calls: u32, per_second: u32, now: Timestamp) -> (Self, i64) {
        let per_second = i64::from(per_second.max(1));
        // Calls do not arrive as evenly as they leave, and a second in which one
        // too many arrives refuses it: a twenty-fifth of the rate is left unused.
        let spacing = (1_040_000 + per_second - 1) / per_second;
        let now = now.unix_millis().saturating_mul(1000);
        let first = if free > now.saturating_add(Self::FURTHEST) { now } else { free.max(now) };
        (Self { first, spacing }, first.saturating_add(spacing.saturating_mul(i64::from(calls))))
    }

    /// How long it is from `now` to the call of this place.
    #[must_use]
    pub fn wait(&self, place: u32, now: Timestamp) -> Duration {
        let at = self.first.saturating_add(self.spacing.saturating_mul(i64::from(place)));
        let micros = at.saturating_sub(now.unix_millis().saturating_mul(1000));
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

/// Which payouts to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Of this campaign.
    pub campaign: CampaignId,
    /// In this phase; all if `None`.
    pub phase: Option<Phase>,
    /// Only those whose alarm was raised.
    pub alarmed: bool,
    /// Behind this one.
    pub after: Option<PayoutId>,
}

impl Filter {
    /// All payouts of a campaign.
    #[must_use]
    pub const fn all(campaign: CampaignId) -> Self {
        Self { campaign, phase: None, alarmed: false, after: None }
    }

    /// Only those of a phase.
    #[must_use]
    pub const fn phase(mut self, phase: Phase) -> Self {
        self.phase = Some(phase);
        self
    }
}

/// Count and sums of the payouts of one phase and cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Where they stand.
    pub phase: Phase,
    /// Why, where they are refused or held.
    pub cause: Option<Cause>,
    /// How many.
    pub count: u64,
    /// The sum of their amounts.
    pub amount: Fen,
    /// What users got.
    pub received: Fen,
    /// What came back.
    pub returned: Fen,
    /// How many attempts were begun under their present numbers.
    pub attempts: u64,
    /// How many raised the alarm of the query horizon.
    pub alarmed: u64,
}

/// A ledger that cannot be used just now; implementations report with it what
/// their store says.
#[must_use]
pub fn unusable(problem: impl std::fmt::Display, next_step: &'static str) -> Error {
    Error::ledger(problem, next_step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_each_other() {
        let now = Timestamp::from_unix_millis(1_000);
        let (first, free) = Slots::take(0, 3, 30, now);
        assert_eq!((first.first, first.spacing), (1_000_000, 34_667));
        assert_eq!(free, 1_104_001);
        let (second, _) = Slots::take(free, 1, 30, now);
        assert_eq!(second.wait(0, now), Duration::from_micros(104_001));
        assert_eq!(second.wait(0, Timestamp::from_unix_millis(5_000)), Duration::ZERO);
        // A merchant that was idle saves nothing up.
        let (late, _) = Slots::take(free, 1, 30, Timestamp::from_unix_millis(9_000));
        assert_eq!(late.first, 9_000_000);
        // Nor does anybody wait for what a wrong clock has reserved.
        let ahead = 1_000_000 + Slots::FURTHEST;
        assert_eq!(Slots::take(ahead, 1, 30, now).0.first, ahead);
        let (wrong, free) = Slots::take(ahead + 1, 1, 30, now);
        assert_eq!((wrong.first, free), (1_000_000, 1_034_667));
    }
}
