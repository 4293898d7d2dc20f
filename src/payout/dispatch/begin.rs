//! From a claim to calls: the intent is durable before the first byte.

use std::sync::Arc;

use super::work::Work;
use super::{Desk, call};
use crate::client::Client;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::MchId;
use crate::payout::ledger::{Change, Count, Recorded, Slots};
use crate::payout::record::{Entry, EntryKind, Payout, Template};
use crate::payout::rules::next_day;
use crate::payout::state::{Action, Event, GateEvent, Phase, Standing, step};

impl Work {
    /// Records the attempts of claimed payouts and starts their calls.
    pub(super) async fn begin(
        &mut self,
        client: &Client,
        mch_id: &MchId,
        template: &Arc<Template>,
        claimed: Vec<Payout>,
        now: Timestamp,
    ) -> Result<()> {
        let desk = Arc::clone(&self.desk);
        let mut begun = Vec::with_capacity(claimed.len());
        let mut changes = Vec::with_capacity(claimed.len());
        for payout in claimed {
            match step(&payout.standing, payout.amount, &Event::Begin, &desk.rules, now) {
                Ok(step) => {
                    let sends = step.standing.next.is_some_and(|next| next.action == Action::Send);
                    changes.push(intent(&desk, &payout, step.standing.clone(), sends, now));
                    begun.push((payout, step.standing, sends));
                }
                Err(problem) => {
                    tracing::error!(payout = %payout.id, %problem, "a payout was due that is not to be sent")
                }
            }
        }
        let recorded = match desk.ledger.record(&changes).await {
            Ok(recorded) => recorded,
            Err(error) => {
                // If it was recorded all the same, they have other versions by now.
                self.unused.extend(begun.iter().map(|(payout, ..)| (payout.id, payout.version)));
                return Err(error);
            }
        };
        let mut ready = Vec::with_capacity(begun.len());
        let (mut payees_full, mut merchant_full) = (Vec::new(), false);
        for ((mut payout, standing, sends), recorded) in begun.into_iter().zip(recorded) {
            match recorded {
                Recorded::Done(version) => {
                    payout.version = version;
                    payout.standing = standing;
                    payout.counted = sends.then(|| now.beijing_day()).or(payout.counted);
                    if sends {
                        ready.push(payout);
                    }
                }
                Recorded::Stale => super::count(&desk.counters.stale),
                Recorded::PayeeFull => payees_full.push(payout),
                Recorded::MerchantFull => {
                    merchant_full = true;
                    self.unused.push((payout.id, payout.version));
                }
            }
        }
        if !ready.is_empty() {
            let slots = self.slots(mch_id, ready.len(), now).await;
            for (place, payout) in (0..).zip(ready) {
                let wait = slots.map(|slots| slots.wait(place, now)).unwrap_or_default();
                let turn = call::Turn::after(wait, || self.waiting.one_of(mch_id));
                let under_way = self.sending.one_of(mch_id);
                let (desk, client, template) = (Arc::clone(&desk), client.clone(), Arc::clone(template));
                self.calls.spawn(call::send(desk, client, payout, template, turn, under_way));
            }
        }
        self.defer(payees_full, now).await?;
        self.give_back(now).await?;
        if merchant_full {
            let reason = format!("{} yuan are paid out today", desk.rules.merchant_day);
            self.tell_gate(mch_id, &GateEvent::NextDay(reason), now).await?;
        }
        Ok(())
    }

    /// Starts the queries of claimed payouts.
    pub(super) async fn ask(
        &mut self,
        client: &Client,
        mch_id: &MchId,
        claimed: Vec<Payout>,
        now: Timestamp,
    ) -> Result<()> {
        let slots = self.slots(mch_id, claimed.len(), now).await;
        for (place, payout) in (0..).zip(claimed) {
            let wait = slots.map(|slots| slots.wait(place, now)).unwrap_or_default();
            let turn = call::Turn::after(wait, || self.waiting.one_of(mch_id));
            self.calls.spawn(call::ask(Arc::clone(&self.desk), client.clone(), payout, turn));
        }
        Ok(())
    }

    /// Moments for the calls. What was begun is sent even if there are none to
    /// be had: too many calls in a second are refused and repeated.
    async fn slots(&self, mch_id: &MchId, calls: usize, now: Timestamp) -> Option<Slots> {
        let per_second = self.desk.rules.per_second;
        if per_second == 0 {
            return None;
        }
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        match self.desk.ledger.reserve(mch_id, calls, per_second, now).await {
            Ok(slots) => Some(slots),
            Err(error) => {
                tracing::warn!(%mch_id, %error, "no moments for calls could be reserved");
                Some(Slots::take(0, calls, per_second, now).0)
            }
        }
    }

    /// The payee has had enough today.
    async fn defer(&mut self, payouts: Vec<Payout>, now: Timestamp) -> Result<()> {
        let desk = &self.desk;
        let mut changes = Vec::with_capacity(payouts.len());
        for payout in &payouts {
            let event = Event::Deferred(next_day(now));
            if let Ok(step) = step(&payout.standing, payout.amount, &event, &desk.rules, now) {
                let text = "the payee's limits of the day leave no room".to_owned();
                let entry = entry(desk, &step.standing, EntryKind::Deferred, text, None, now);
                changes.push(Change {
                    id: payout.id,
                    version: payout.version,
                    standing: step.standing,
                    entry,
                    count: None,
                    number: None,
                });
            }
        }
        if !changes.is_empty()
            && let Err(error) = desk.ledger.record(&changes).await
        {
            self.unused.extend(payouts.iter().map(|payout| (payout.id, payout.version)));
            return Err(error);
        }
        Ok(())
    }

    /// Gives back what was claimed and could not be begun, so that nobody waits
    /// for the end of its lease.
    pub(super) async fn give_back(&mut self, now: Timestamp) -> Result<()> {
        if !self.unused.is_empty() {
            self.desk.ledger.give_back(&self.unused, now).await?;
            self.unused.clear();
        }
        Ok(())
    }
}

fn intent(desk: &Desk, payout: &Payout, standing: Standing, sends: bool, now: Timestamp) -> Change {
    let (kind, text) = match sends {
        true => (EntryKind::Begin, format!("sends {}", payout.number)),
        false => {
            let why = standing.note.clone().filter(|_| standing.phase == Phase::Held);
            let why = why.unwrap_or_else(|| "the time to repeat is over, it is asked about".to_owned());
            (EntryKind::Deferred, format!("not sent: {why}"))
        }
    };
    let entry = entry(desk, &standing, kind, text, None, now);
    let counts = sends && payout.counted != Some(now.beijing_day());
    let count = counts.then(|| Count::of(&desk.rules, now));
    Change { id: payout.id, version: payout.version, standing, entry, count, number: None }
}

pub(super) fn entry(
    desk: &Desk,
    standing: &Standing,
    kind: EntryKind,
    text: String,
    raw: Option<String>,
    now: Timestamp,
) -> Entry {
    Entry {
        at: now,
        by: desk.worker.clone(),
        kind,
        generation: standing.generation,
        attempt: standing.attempts,
        phase: standing.phase,
        text,
        raw,
    }
}
