//! A running dispatcher, turn by turn.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::Desk;
use super::answers::Answers;
use super::call::{Counts, Done};
use super::gates::Gates;
use crate::error::Result;
use crate::payout::record::{Campaign, CampaignId, PayoutId, Version};

/// How long the first answers of a transaction wait for others.
const MOMENT: Duration = Duration::from_millis(1);

/// So many answers are worth a transaction of their own.
const SHARED: usize = 64;

/// The least pause before a dispatcher that found nothing to do looks again.
pub(super) const BREATH: Duration = Duration::from_millis(50);

/// Whether a turn found something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Busy,
    Idle,
}

/// The state of a running dispatcher.
pub(super) struct Work {
    pub(super) desk: Arc<Desk>,
    pub(super) campaigns: BTreeMap<CampaignId, Campaign>,
    pub(super) gates: Gates,
    pub(super) calls: JoinSet<Done>,
    pub(super) sending: Counts,
    /// Calls whose moments have not come yet.
    pub(super) waiting: Counts,
    pub(super) answers: Answers,
    /// Claimed, and not to be begun: the ledger could not be used in between.
    pub(super) unused: Vec<(PayoutId, Version)>,
    pub(super) failures: u32,
    /// Which campaign is asked first; turns, so that none is always last.
    pub(super) turn: usize,
}

impl Work {
    pub(super) fn new(desk: &Arc<Desk>) -> Self {
        Self {
            desk: Arc::clone(desk),
            campaigns: BTreeMap::new(),
            gates: Gates::default(),
            calls: JoinSet::new(),
            sending: Counts::default(),
            waiting: Counts::default(),
            answers: Answers::default(),
            unused: Vec::new(),
            failures: 0,
            turn: 0,
        }
    }

    /// Records what came back, then claims and sends what there is room for.
    pub(super) async fn turn(&mut self, claim: bool) -> Result<Turn> {
        let mut busy = self.take_answers();
        let mut used = !self.answers.is_empty();
        if !self.answers.is_empty() {
            self.gather().await;
        }
        self.record_answers().await?;
        self.give_back(self.desk.now()).await?;
        if claim && self.has_room() {
            busy |= self.claim().await?;
            used = true;
        }
        // A turn without a use of the ledger says nothing about it.
        if used && std::mem::take(&mut self.failures) > 0 {
            tracing::warn!(worker = %self.desk.worker, "the ledger can be used again");
        }
        Ok(if busy { Turn::Busy } else { Turn::Idle })
    }

    /// Whether claims are worth a transaction: they come in batches.
    pub(super) fn has_room(&self) -> bool {
        self.calls.is_empty() || self.room() > self.desk.in_flight / 4
    }

    pub(super) fn room(&self) -> usize {
        self.desk.in_flight.saturating_sub(self.calls.len())
    }

    pub(super) fn is_done(&self) -> bool {
        self.calls.is_empty() && self.answers.is_empty() && self.unused.is_empty()
    }

    /// Takes what is there without waiting.
    pub(super) fn take_answers(&mut self) -> bool {
        let mut any = false;
        while let Some(done) = self.calls.try_join_next() {
            any = true;
            self.answers.take(done);
        }
        any
    }

    /// Answers that are a moment behind the first ones share their transaction.
    /// Half of all is enough, so that calls are under way while the ledger
    /// writes, unless that is so few that the wait for the disk costs more.
    pub(super) async fn gather(&mut self) {
        let enough = (self.desk.in_flight / 2).max(SHARED);
        let late = async {
            while self.answers.count() < enough
                && let Some(done) = self.calls.join_next().await
            {
                self.answers.take(done);
            }
        };
        // What did not come is taken in the next turn.
        let _ = tokio::time::timeout(MOMENT, late).await;
    }

    /// Until an answer is there, or for so long.
    pub(super) async fn wait(&mut self, at_most: Duration) {
        if at_most.is_zero() {
            tokio::task::yield_now().await;
        } else if self.calls.is_empty() || self.failures > 0 {
            // While the ledger is away, an answer is no reason to try it sooner.
            tokio::time::sleep(at_most).await;
        } else if let Ok(Some(done)) = tokio::time::timeout(at_most, self.calls.join_next()).await {
            self.answers.take(done);
        }
    }

    pub(super) async fn drain(&mut self) {
        while let Some(done) = self.calls.join_next().await {
            self.answers.take(done);
        }
        if let Err(error) = self.record_answers().await {
            tracing::error!(worker = %self.desk.worker, %error, "answers are not recorded; their packets will be repeated under their numbers");
        }
        if let Err(error) = self.give_back(self.desk.now()).await {
            tracing::warn!(worker = %self.desk.worker, %error, "what was claimed is free again when its lease is over");
        }
    }

    pub(super) fn back_off(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        Duration::from_millis(100).saturating_mul(1 << self.failures.min(6)).min(Duration::from_secs(5))
    }

    pub(super) async fn until_next(&mut self) -> Duration {
        match self.next_moment().await {
            // What is due already could not be claimed just now.
            Ok(Some(next)) => next.since(self.desk.now()).max(BREATH),
            _ => self.desk.poll,
        }
    }
}
