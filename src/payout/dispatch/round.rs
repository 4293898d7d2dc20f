//! What to claim: fair between merchants and campaigns, within gates and rates.

use std::collections::{BTreeMap, BTreeSet};

use super::work::Work;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::MchId;
use crate::payout::ledger::{Claim, Due};
use crate::payout::state::Action;

impl Work {
    /// Claims and begins what there is room for; whether anything was.
    pub(super) async fn claim(&mut self) -> Result<bool> {
        let now = self.desk.now();
        let due = self.served(self.desk.ledger.due(now).await?).await?;
        if due.is_empty() {
            return Ok(false);
        }
        let mut gates = BTreeMap::new();
        for entry in &due {
            if !gates.contains_key(&entry.mch_id) {
                gates.insert(entry.mch_id.clone(), self.look_at_gate(&entry.mch_id).await?);
            }
        }
        let open: Vec<&Due> = due.iter().filter(|entry| gates[&entry.mch_id].allows(entry.action, now)).collect();
        if open.is_empty() {
            return Ok(false);
        }
        let share = (self.room() / open.len()).max(1);
        self.turn = self.turn.wrapping_add(1);
        let first = self.turn % open.len();
        let order = open[first..].iter().chain(&open[..first]);
        let mut any = false;
        let mut probing: BTreeSet<&MchId> = BTreeSet::new();
        for entry in order {
            let mut limit = share.min(self.room()).min(self.most_at_once());
            if self.waiting.of(&entry.mch_id) >= self.most_at_once() {
                continue;
            }
            if entry.action == Action::Send
                && let Some(width) = gates[&entry.mch_id].width()
            {
                // After a pause one packet tries; the others follow when it was taken.
                let alone = self.sending.of(&entry.mch_id) == 0 && probing.insert(&entry.mch_id);
                limit = if alone { limit.min(width) } else { 0 };
            }
            if limit == 0 {
                continue;
            }
            any |= self.claim_some(entry, limit, now).await?;
        }
        Ok(any)
    }

    /// At most a quarter of a second's calls, and none while as many wait for
    /// their moments: processes that share a rate take turns, a stop is not waited
    /// for, and no lease ends in a queue.
    fn most_at_once(&self) -> usize {
        match self.desk.rules.per_second {
            0 => usize::MAX,
            rate => usize::try_from(rate / 4).unwrap_or(usize::MAX).max(1),
        }
    }

    async fn claim_some(&mut self, entry: &Due, limit: usize, now: Timestamp) -> Result<bool> {
        let Some(campaign) = self.campaigns.get(&entry.campaign) else { return Ok(false) };
        let Some(client) = self.desk.client(campaign) else { return Ok(false) };
        let template = std::sync::Arc::new(campaign.template.clone());
        let until = now.after(self.desk.rules.lease);
        let claim = Claim { campaign: entry.campaign, action: entry.action, limit, now, until };
        let claimed = self.desk.ledger.claim(&claim).await?;
        if claimed.is_empty() {
            return Ok(false);
        }
        match entry.action {
            Action::Send => self.begin(&client, &entry.mch_id, &template, claimed, now).await?,
            Action::Query => self.ask(&client, &entry.mch_id, claimed, now).await?,
        }
        Ok(true)
    }

    /// Leaves out the campaigns of merchants that this process has no client for.
    async fn served(&mut self, due: Vec<Due>) -> Result<Vec<Due>> {
        if self.know_campaigns(due.iter()).await? {
            for entry in due.iter().filter(|entry| !self.serves(entry)) {
                let app_id = self.campaigns.get(&entry.campaign).map(|campaign| campaign.app_id.as_str());
                let app_id = app_id.unwrap_or_default();
                tracing::warn!(mch_id = %entry.mch_id, app_id, campaign = %entry.campaign, "left to other processes: this one has no client for the merchant and appid");
            }
        }
        Ok(due.into_iter().filter(|entry| self.serves(entry)).collect())
    }

    /// Whether one of them was new.
    async fn know_campaigns(&mut self, mut due: impl Iterator<Item = &Due>) -> Result<bool> {
        let new = due.any(|entry| !self.campaigns.contains_key(&entry.campaign));
        if new {
            let campaigns = self.desk.ledger.campaigns().await?;
            self.campaigns = campaigns.into_iter().map(|campaign| (campaign.id, campaign)).collect();
        }
        Ok(new)
    }

    fn serves(&self, entry: &Due) -> bool {
        self.campaigns.get(&entry.campaign).is_some_and(|campaign| self.desk.client(campaign).is_some())
    }

    /// When there will be something to do again: when a payout is due and no pause
    /// keeps it back.
    pub(super) async fn next_moment(&mut self) -> Result<Option<Timestamp>> {
        let now = self.desk.now();
        let next = self.desk.ledger.next_due().await?;
        self.know_campaigns(next.iter().map(|(entry, _)| entry)).await?;
        let served = next.into_iter().filter(|(entry, _)| self.serves(entry));
        Ok(served.filter_map(|(entry, at)| self.gates.get(&entry.mch_id).when(entry.action, at.max(now))).min())
    }
}
