//! What every ledger must do: a suite for implementers.
//!
//! Each check gets a new, empty ledger and calls nothing but
//! [`Ledger`]'s methods. Run them in a tokio runtime with several threads, so
//! that the calls that are made at once meet each other:
//!
//! ```
//! # #[cfg(feature = "payout-sqlite")] {
//! use std::sync::Arc;
//! use hongbao::payout::{Ledger, Sqlite, conformance};
//!
//! # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(async {
//! let fresh = async || Ok(Arc::new(Sqlite::in_memory()?) as Arc<dyn Ledger>);
//! conformance::run(fresh).await?;
//! # Ok::<(), conformance::Failures>(()) }).unwrap();
//! # }
//! ```

mod admitting;
mod changes;
mod claims;
mod limits;
mod merchants;
mod planning;
mod reading;
mod world;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::ledger::Ledger;
use crate::error::Result;

/// A sentence about ledgers, and the calls that find out whether it holds.
#[derive(Clone, Copy)]
pub struct Check {
    name: &'static str,
    run: fn(Arc<dyn Ledger>) -> Running,
}

type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;
type Outcome = std::result::Result<(), world::Problem>;

impl Check {
    /// The sentence, with underscores.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Runs it on a ledger that nothing was stored in.
    ///
    /// # Errors
    /// [`Failure`] says what the ledger did instead.
    pub async fn run(&self, fresh: Arc<dyn Ledger>) -> Result<(), Failure> {
        (self.run)(fresh).await.map_err(|problem| Failure { check: self.name, problem: problem.0 })
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A check that a ledger does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    check: &'static str,
    problem: String,
}

impl Failure {
    /// The name of the check.
    #[must_use]
    pub const fn check(&self) -> &'static str {
        self.check
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.problem)
    }
}

impl std::error::Error for Failure {}

/// All checks that a ledger does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures(pub Vec<Failure>);

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} checks failed", self.0.len(), CHECKS.len())?;
        self.0.iter().try_for_each(|failure| write!(f, "\n  {failure}"))
    }
}

impl std::error::Error for Failures {}

/// Runs all checks, each on a ledger that `fresh` makes for it.
///
/// # Errors
/// [`Failures`] lists all that a ledger does differently, or why `fresh` could
/// not make one.
pub async fn run(fresh: impl AsyncFn() -> Result<Arc<dyn Ledger>>) -> Result<(), Failures> {
    let mut failures = vec![];
    for check in CHECKS {
        let result = match fresh().await {
            Ok(ledger) => check.run(ledger).await,
            Err(error) => Err(Failure { check: check.name, problem: format!("no fresh ledger: {}", error.report()) }),
        };
        failures.extend(result.err());
    }
    if failures.is_empty() { Ok(()) } else { Err(Failures(failures)) }
}

macro_rules! checks {
    ($($module:ident: $($name:ident),+;)+) => {
        /// All checks, by subject.
        pub const CHECKS: &[Check] = &[
            $($(Check { name: stringify!($name), run: |ledger| Box::pin($module::$name(ledger)) },)+)+
        ];
    };
}

checks! {
    planning:
        a_campaign_is_made_once,
        a_campaign_that_differs_is_refused,
        a_payout_is_read_as_it_was_planned,
        a_key_is_stored_once,
        a_key_that_is_given_twice_is_stored_once,
        keys_of_merchants_are_apart,
        a_conflict_stores_nothing,
        comparing_stores_nothing,
        an_unknown_campaign_takes_nothing,
        large_batches_are_stored_whole,
        odd_texts_survive,
        the_same_payouts_planned_at_once_are_stored_once;
    admitting:
        a_payees_admissions_are_limited,
        admissions_at_once_never_pass_the_limit;
    claims:
        nothing_is_handed_out_before_its_campaign_is_ready,
        nothing_is_handed_out_before_it_is_due,
        a_claim_lasts_until_its_end,
        a_claim_takes_no_more_than_it_asks_for,
        the_longest_waiting_come_first,
        claims_keep_campaigns_and_actions_apart,
        an_earlier_holder_is_fenced,
        what_is_given_back_is_due_at_once,
        what_was_claimed_since_is_not_given_back,
        claims_at_once_hand_out_each_payout_once;
    changes:
        every_field_of_a_standing_survives,
        a_stale_change_changes_nothing,
        a_version_is_used_once,
        changes_at_once_happen_once,
        what_is_settled_is_not_due,
        the_journal_keeps_its_order,
        a_new_number_leads_to_its_payout,
        a_number_belongs_to_one_payout;
    limits:
        a_payees_packets_of_a_day_are_limited,
        a_payees_money_of_a_day_is_limited,
        a_merchants_money_of_a_day_is_limited,
        a_payout_is_counted_once_a_day,
        limits_hold_within_a_batch,
        limits_hold_for_changes_at_once;
    merchants:
        moments_for_calls_follow_each_other,
        moments_that_are_reserved_at_once_do_not_overlap,
        a_gate_is_changed_only_as_it_was_read,
        gates_that_are_changed_at_once_change_once;
    reading:
        lists_come_in_pages,
        lists_are_filtered,
        totals_add_up,
        acceptances_are_counted_by_time;
}
