//! The suite that every ledger passes, and ledgers that must not pass it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hongbao::clock::Timestamp;
use hongbao::payout::ledger::{Admission, Change, Claim, Comparison, Due, Filter, Recorded, Slots, Total};
use hongbao::payout::state::Gate;
use hongbao::payout::{
    Campaign, CampaignId, Entry, Ledger, NewCampaign, NewPayout, Payout, PayoutId, Sqlite, Version, conformance,
};
use hongbao::{BillNo, MchId, Result};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_ledger_in_memory_passes() {
    let fresh = async || Ok(Arc::new(Sqlite::in_memory()?) as Arc<dyn Ledger>);
    conformance::run(fresh).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_ledger_in_a_file_passes() {
    let folder = tempfile::tempdir().unwrap();
    for check in conformance::CHECKS {
        let ledger = Sqlite::open(folder.path().join(check.name())).unwrap();
        check.run(Arc::new(ledger)).await.unwrap_or_else(|failure| panic!("{failure}"));
    }
}

/// Two connections that take turns: what one confirmed the other one sees.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_connections_to_one_file_pass() {
    let folder = tempfile::tempdir().unwrap();
    for check in conformance::CHECKS {
        let path = folder.path().join(check.name());
        let ledger = Spoilt::new(open(&path), Flaw::None(open(&path)));
        check.run(Arc::new(ledger)).await.unwrap_or_else(|failure| panic!("{failure}"));
    }
}

fn open(path: &Path) -> Arc<dyn Ledger> {
    Arc::new(Sqlite::open(path).unwrap())
}

/// Each flaw is found, and by the check that speaks of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ledgers_with_flaws_do_not_pass() {
    for (flaw, check) in [
        (Flaw::IgnoresVersions, "a_stale_change_changes_nothing"),
        (Flaw::IgnoresVersions, "an_earlier_holder_is_fenced"),
        (Flaw::IgnoresVersions, "changes_at_once_happen_once"),
        (Flaw::ClaimsWithoutEnd, "a_claim_lasts_until_its_end"),
        (Flaw::ClaimsWithoutALease, "claims_at_once_hand_out_each_payout_once"),
        (Flaw::ClaimsInAnyOrder, "the_longest_waiting_come_first"),
        (Flaw::ForgetsLimits, "limits_hold_for_changes_at_once"),
        (Flaw::ForgetsLimits, "a_payees_packets_of_a_day_are_limited"),
        (Flaw::StoresBesideConflicts, "a_conflict_stores_nothing"),
        (Flaw::ReservesFromTheStart, "moments_that_are_reserved_at_once_do_not_overlap"),
        (Flaw::ForcesGates, "a_gate_is_changed_only_as_it_was_read"),
        (Flaw::ForcesGates, "gates_that_are_changed_at_once_change_once"),
        (Flaw::ForgetsNumbers, "a_new_number_leads_to_its_payout"),
        (Flaw::LosesNotes, "every_field_of_a_standing_survives"),
        (Flaw::IgnoresReady, "nothing_is_handed_out_before_its_campaign_is_ready"),
        (Flaw::HidesLaterMoments, "claims_keep_campaigns_and_actions_apart"),
        (Flaw::JournalBackwards, "the_journal_keeps_its_order"),
        (Flaw::AdmitsAll, "a_payees_admissions_are_limited"),
        (Flaw::AdmitsAll, "admissions_at_once_never_pass_the_limit"),
    ] {
        let what = format!("{flaw:?}");
        let fresh = async || {
            let ledger = Spoilt::new(Arc::new(Sqlite::in_memory()?), flaw.clone());
            Ok(Arc::new(ledger) as Arc<dyn Ledger>)
        };
        let failures = conformance::run(fresh).await.expect_err(&what).0;
        assert!(
            failures.iter().any(|failure| failure.check() == check),
            "{what} is not found by {check}: {failures:?}"
        );
    }
}

#[derive(Clone)]
enum Flaw {
    /// None: every second call goes to this ledger instead.
    None(Arc<dyn Ledger>),
    IgnoresVersions,
    ClaimsWithoutEnd,
    ClaimsWithoutALease,
    ClaimsInAnyOrder,
    ForgetsLimits,
    StoresBesideConflicts,
    ReservesFromTheStart,
    ForcesGates,
    ForgetsNumbers,
    LosesNotes,
    IgnoresReady,
    HidesLaterMoments,
    JournalBackwards,
    AdmitsAll,
}

impl std::fmt::Debug for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None(_) => "None",
            Self::IgnoresVersions => "IgnoresVersions",
            Self::ClaimsWithoutEnd => "ClaimsWithoutEnd",
            Self::ClaimsWithoutALease => "ClaimsWithoutALease",
            Self::ClaimsInAnyOrder => "ClaimsInAnyOrder",
            Self::ForgetsLimits => "ForgetsLimits",
            Self::StoresBesideConflicts => "StoresBesideConflicts",
            Self::ReservesFromTheStart => "ReservesFromTheStart",
            Self::ForcesGates => "ForcesGates",
            Self::ForgetsNumbers => "ForgetsNumbers",
            Self::LosesNotes => "LosesNotes",
            Self::IgnoresReady => "IgnoresReady",
            Self::HidesLaterMoments => "HidesLaterMoments",
            Self::JournalBackwards => "JournalBackwards",
            Self::AdmitsAll => "AdmitsAll",
        })
    }
}

/// A good ledger behind somebody who gets one thing wrong.
struct Spoilt {
    ledger: Arc<dyn Ledger>,
    flaw: Flaw,
    calls: std::sync::atomic::AtomicUsize,
}

impl Spoilt {
    fn new(ledger: Arc<dyn Ledger>, flaw: Flaw) -> Self {
        Self { ledger, flaw, calls: 0.into() }
    }

    fn ledger(&self) -> &dyn Ledger {
        let call = self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match &self.flaw {
            Flaw::None(other) if call % 2 == 1 => &**other,
            _ => &*self.ledger,
        }
    }
}

#[async_trait]
impl Ledger for Spoilt {
    async fn campaign(&self, new: &NewCampaign, now: Timestamp) -> Result<Campaign> {
        let campaign = self.ledger().campaign(new, now).await?;
        if matches!(self.flaw, Flaw::IgnoresReady) {
            self.ledger.ready(campaign.id, "", now).await?;
        }
        Ok(campaign)
    }

    async fn campaigns(&self) -> Result<Vec<Campaign>> {
        self.ledger().campaigns().await
    }

    async fn ready(&self, campaign: CampaignId, digest: &str, now: Timestamp) -> Result<()> {
        self.ledger().ready(campaign, digest, now).await
    }

    async fn compare(&self, campaign: CampaignId, payouts: &[NewPayout]) -> Result<Comparison> {
        self.ledger().compare(campaign, payouts).await
    }

    async fn add(&self, campaign: CampaignId, payouts: &[NewPayout], now: Timestamp) -> Result<Comparison> {
        let added = self.ledger().add(campaign, payouts, now).await?;
        if matches!(self.flaw, Flaw::StoresBesideConflicts) && !added.conflicts.is_empty() {
            for payout in payouts {
                self.ledger.add(campaign, std::slice::from_ref(payout), now).await?;
            }
        }
        Ok(added)
    }

    async fn admit(&self, campaign: CampaignId, payout: &NewPayout, most: u32, now: Timestamp) -> Result<Admission> {
        let most = if matches!(self.flaw, Flaw::AdmitsAll) { u32::MAX } else { most };
        self.ledger().admit(campaign, payout, most, now).await
    }

    async fn due(&self, now: Timestamp) -> Result<Vec<Due>> {
        self.ledger().due(now).await
    }

    async fn next_due(&self) -> Result<Vec<(Due, Timestamp)>> {
        let mut next = self.ledger().next_due().await?;
        if matches!(self.flaw, Flaw::HidesLaterMoments) {
            let first = next.iter().map(|(_, at)| *at).min();
            next.retain(|(_, at)| Some(*at) == first);
        }
        Ok(next)
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Payout>> {
        let mut claim = *claim;
        match self.flaw {
            Flaw::ClaimsWithoutEnd => claim.until = claim.until.after(Duration::from_secs(1_000_000)),
            Flaw::ClaimsWithoutALease => claim.until = claim.now,
            _ => {}
        }
        let mut claimed = self.ledger().claim(&claim).await?;
        match self.flaw {
            Flaw::ClaimsInAnyOrder => claimed.reverse(),
            // Or it would hand them out for ever.
            Flaw::ClaimsWithoutALease if self.calls.load(std::sync::atomic::Ordering::Relaxed) > 2000 => {
                claimed.clear()
            }
            _ => {}
        }
        Ok(claimed)
    }

    async fn give_back(&self, claimed: &[(PayoutId, Version)], now: Timestamp) -> Result<()> {
        self.ledger().give_back(claimed, now).await
    }

    async fn record(&self, changes: &[Change]) -> Result<Vec<Recorded>> {
        let mut changes = changes.to_vec();
        for change in &mut changes {
            match self.flaw {
                Flaw::IgnoresVersions => {
                    let known = self.ledger.payout(change.id).await?;
                    change.version = known.map_or(change.version, |payout| payout.version);
                }
                Flaw::ForgetsLimits => {
                    if let Some(count) = &mut change.count {
                        count.user_count = u32::MAX;
                    }
                }
                Flaw::ForgetsNumbers => change.number = None,
                Flaw::LosesNotes => change.standing.note = None,
                _ => {}
            }
        }
        self.ledger().record(&changes).await
    }

    async fn journalise(&self, entries: &[(PayoutId, Entry)]) -> Result<()> {
        self.ledger().journalise(entries).await
    }

    async fn reserve(&self, mch_id: &MchId, calls: u32, per_second: u32, now: Timestamp) -> Result<Slots> {
        if matches!(self.flaw, Flaw::ReservesFromTheStart) {
            return Ok(Slots::take(0, calls, per_second, now).0);
        }
        self.ledger().reserve(mch_id, calls, per_second, now).await
    }

    async fn gate(&self, mch_id: &MchId) -> Result<(Gate, Version)> {
        self.ledger().gate(mch_id).await
    }

    async fn set_gate(&self, mch_id: &MchId, mut version: Version, gate: &Gate) -> Result<bool> {
        if matches!(self.flaw, Flaw::ForcesGates) {
            version = self.ledger.gate(mch_id).await?.1;
        }
        self.ledger().set_gate(mch_id, version, gate).await
    }

    async fn payout(&self, id: PayoutId) -> Result<Option<Payout>> {
        self.ledger().payout(id).await
    }

    async fn find(&self, mch_id: &MchId, key: &str) -> Result<Option<Payout>> {
        self.ledger().find(mch_id, key).await
    }

    async fn find_number(&self, mch_id: &MchId, number: &BillNo) -> Result<Option<Payout>> {
        self.ledger().find_number(mch_id, number).await
    }

    async fn journal(&self, id: PayoutId) -> Result<Vec<Entry>> {
        let mut journal = self.ledger().journal(id).await?;
        if matches!(self.flaw, Flaw::JournalBackwards) {
            journal.reverse();
        }
        Ok(journal)
    }

    async fn list(&self, filter: &Filter, limit: usize) -> Result<Vec<Payout>> {
        self.ledger().list(filter, limit).await
    }

    async fn totals(&self, campaign: CampaignId) -> Result<Vec<Total>> {
        self.ledger().totals(campaign).await
    }

    async fn accepted(&self, campaign: CampaignId, stretch: Duration) -> Result<Vec<(Timestamp, u64)>> {
        self.ledger().accepted(campaign, stretch).await
    }
}
