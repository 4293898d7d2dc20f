//! From a plan to a ledger: the whole is compared, then stored, then ready.

use super::problem::{Failure, Problem, Problems, excerpt};
use super::rows::Rows;
use super::seal::{BATCH, Mark, Seal};
use super::{Plan, Stage};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::payout::ledger::{Comparison, Conflict};
use crate::payout::{Campaign, CampaignId, Ledger, NewPayout};

/// What a ledger knows of a plan, or knew before it was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// The campaign, if there is one.
    pub campaign: Option<CampaignId>,
    /// Payouts that were not known.
    pub new: u64,
    /// Payouts that were known, with the same fields.
    pub known: u64,
}

impl Plan {
    /// Compares with what the ledger knows, and stores nothing: the dry run of
    /// [`store`](Self::store). `progress` hears how many payouts are compared.
    ///
    /// The file is read piece by piece in between, on the thread that polls.
    ///
    /// # Errors
    /// [`Failure::Problems`] if the file has changed since it was checked, or
    /// if it contradicts the ledger: a known key with another payee, amount or
    /// text. [`Failure::Ledger`] if the campaign is known with another appid or
    /// template, or the ledger cannot be used.
    pub async fn compare(
        &self,
        ledger: &dyn Ledger,
        progress: &mut (dyn FnMut(Stage, u64) + Send),
    ) -> Result<Imported, Failure> {
        Ok(self.compared(ledger, Reading::All, progress).await?.0)
    }

    /// Stores the payouts that are not known yet, and says that the campaign is
    /// ready. The whole file is compared first, as [`compare`](Self::compare)
    /// does it. Storing the same file again changes nothing, and completes what a
    /// crash has interrupted: until then the campaign is not ready, and nothing
    /// of it is sent.
    ///
    /// # Errors
    /// As [`compare`](Self::compare), before anything is stored. If the file
    /// changes or the ledger fails later, the campaign is left unready with the
    /// payouts that were stored, which are those that were checked.
    pub async fn store(
        &self,
        ledger: &dyn Ledger,
        now: Timestamp,
        progress: &mut (dyn FnMut(Stage, u64) + Send),
    ) -> Result<Imported, Failure> {
        let (compared, known) = self.compared(ledger, Reading::WhereNeeded, progress).await?;
        let finished = known.filter(|known| known.ready.is_some() && known.digest.as_deref() == Some(self.digest()));
        if compared.new == 0 && finished.is_some() {
            return Ok(compared);
        }
        let campaign = ledger.campaign(self.campaign(), now).await?.id;
        let mut import = Import::new(self);
        let mut batches = Batches::open(self)?;
        let mut next = batches.next()?;
        while let Some(batch) = next {
            // The next batch is read while the ledger writes this one.
            let (added, following) =
                tokio::join!(biased; ledger.add(campaign, &batch.payouts, now), async { batches.next() });
            import.take(&added?, &batch);
            // Somebody else has planned one of these keys since the comparison.
            import.unless_refused()?;
            progress(Stage::Storing, import.new + import.known);
            next = following?;
        }
        ledger.ready(campaign, self.digest(), now).await?;
        Ok(Imported { campaign: Some(campaign), new: import.new, known: import.known })
    }

    /// What the ledger knows, and the campaign that it has under this name.
    async fn compared(
        &self,
        ledger: &dyn Ledger,
        reading: Reading,
        progress: &mut (dyn FnMut(Stage, u64) + Send),
    ) -> Result<(Imported, Option<Campaign>), Failure> {
        let campaigns = ledger.campaigns().await?;
        let of_merchant = || campaigns.iter().filter(|known| known.mch_id == self.campaign().mch_id);
        let own = of_merchant().find(|known| known.name == self.campaign().name);
        if let Some(known) = own {
            known.matches(self.campaign())?;
        }
        // Keys are the merchant's, so that any of its campaigns can be asked;
        // where there is none, no key is known.
        let asked = own.or_else(|| of_merchant().next()).map(|known| known.id);
        if asked.is_none() && reading == Reading::WhereNeeded {
            return Ok((Imported { campaign: None, new: self.totals.count, known: 0 }, None));
        }
        let mut import = Import::new(self);
        let mut batches = Batches::open(self)?;
        while let Some(batch) = batches.next()? {
            let comparison = match asked {
                Some(campaign) => ledger.compare(campaign, &batch.payouts).await?,
                None => Comparison { new: count(batch.payouts.len()), ..Comparison::default() },
            };
            import.take(&comparison, &batch);
            progress(Stage::Comparing, batches.done);
        }
        import.unless_refused()?;
        Ok((Imported { campaign: own.map(|own| own.id), new: import.new, known: import.known }, own.cloned()))
    }
}

/// Whether a comparison reads the file again where there is nothing to compare
/// it with, only to see that it has not changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    All,
    WhereNeeded,
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// What the comparisons of batches add up to.
struct Import {
    new: u64,
    known: u64,
    problems: Problems,
    limit: usize,
}

impl Import {
    fn new(plan: &Plan) -> Self {
        Self { new: 0, known: 0, problems: Problems::default(), limit: plan.options.errors_shown }
    }

    fn take(&mut self, comparison: &Comparison, batch: &Batch) {
        self.new += comparison.new;
        self.known += comparison.known;
        for conflict in &comparison.conflicts {
            let line = batch.lines.get(conflict.index).copied();
            self.problems.add(contradiction(conflict, line), self.limit);
        }
    }

    fn unless_refused(&mut self) -> Result<(), Problems> {
        if self.problems.is_empty() { Ok(()) } else { Err(std::mem::take(&mut self.problems)) }
    }
}

fn contradiction(conflict: &Conflict, line: Option<u64>) -> Problem {
    let Conflict { key, field, known, given, .. } = conflict;
    let reason = format!("the key {} is known with {known}, and this line has {given}", excerpt(key));
    let next_step = "keep what was planned under a key, or use another key if this is another gift";
    let problem = Problem::new(reason, next_step).in_field(*field);
    match line {
        Some(line) => problem.at(line),
        None => problem,
    }
}

struct Batch {
    payouts: Vec<NewPayout>,
    lines: Vec<u64>,
}

/// The rows of a plan, some thousand at a time, none of which has changed since
/// they were checked.
struct Batches<'a> {
    rows: Rows<'a>,
    seal: Seal,
    marks: std::slice::Iter<'a, Mark>,
    done: u64,
}

impl<'a> Batches<'a> {
    fn open(plan: &'a Plan) -> Result<Self, Problems> {
        let rows = plan.rows().map_err(Problems::one)?;
        Ok(Self { rows, seal: Seal::default(), marks: plan.marks.iter(), done: 0 })
    }

    fn next(&mut self) -> Result<Option<Batch>, Problems> {
        let changed = || {
            let next_step = "plan it again, and leave it alone until it is stored";
            Problems::one(Problem::new("the file has changed since it was checked", next_step))
        };
        let mut batch = Batch { payouts: Vec::with_capacity(BATCH), lines: Vec::with_capacity(BATCH) };
        for (line, row) in self.rows.by_ref().take(BATCH) {
            let payout = row.map_err(|_| changed())?;
            self.seal.add(&payout);
            batch.payouts.push(payout);
            batch.lines.push(line);
        }
        let mark = self.marks.next();
        if batch.payouts.is_empty() {
            return if mark.is_none() { Ok(None) } else { Err(changed()) };
        }
        if mark != Some(&self.seal.mark()) {
            return Err(changed());
        }
        self.done += count(batch.payouts.len());
        Ok(Some(batch))
    }
}
