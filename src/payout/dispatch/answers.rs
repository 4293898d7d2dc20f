//! What came back, until the ledger has it.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::task::JoinError;

use super::begin::entry;
use super::call::Done;
use super::work::Work;
use super::{Desk, count};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::MchId;
use crate::payout::ledger::{Change, Recorded};
use crate::payout::record::{EntryKind, Payout};
use crate::payout::state::{Event, GateEvent, Phase, QueryAnswer, SendAnswer, Step, step};

/// The most answers that one transaction takes.
const BATCH: usize = 512;

/// Answers on their way into the ledger, oldest first.
#[derive(Default)]
pub(super) struct Answers {
    /// Not recorded yet.
    new: Vec<Done>,
    /// Recorded, with something left to do.
    told: VecDeque<(Done, Told)>,
}

impl Answers {
    pub(super) fn is_empty(&self) -> bool {
        self.new.is_empty() && self.told.is_empty()
    }

    /// How many are not recorded yet.
    pub(super) fn count(&self) -> usize {
        self.new.len()
    }

    pub(super) fn take(&mut self, done: Result<Done, JoinError>) {
        match done {
            Ok(done) => self.new.push(done),
            // The attempt stays open in the ledger and is repeated when its lease is over.
            Err(error) => tracing::error!(%error, "a call ended without an answer"),
        }
    }
}

impl Work {
    /// Writes all answers that are there; those that cannot be written stay.
    pub(super) async fn record_answers(&mut self) -> Result<()> {
        while !self.answers.is_empty() {
            let now = self.desk.now();
            // Each leaves the queue when it is done, and none before.
            while let Some((done, told)) = self.answers.told.front() {
                match told {
                    Told::Gate(event) => {
                        let (mch_id, event) = (done.payout.mch_id.clone(), event.clone());
                        self.tell_gate(&mch_id, &event, now).await?;
                    }
                    Told::Late => self.late(done, now).await?,
                }
                self.answers.told.pop_front();
            }
            let batch = self.answers.new.len().min(BATCH);
            let told = self.record_batch(batch, now).await?;
            let done = self.answers.new.drain(..batch);
            self.answers.told.extend(done.zip(told).filter_map(|(done, told)| Some((done, told?))));
        }
        Ok(())
    }

    async fn record_batch(&self, batch: usize, now: Timestamp) -> Result<Vec<Option<Told>>> {
        if batch == 0 {
            return Ok(Vec::new());
        }
        let desk = &self.desk;
        let steps: Vec<_> = self.answers.new[..batch]
            .iter()
            .map(|done| step(&done.payout.standing, done.payout.amount, &done.event, &desk.rules, now))
            .collect();
        let mut changes = Vec::with_capacity(batch);
        for (done, step) in self.answers.new[..batch].iter().zip(&steps) {
            match step {
                Ok(step) => changes.push(change(desk, done, step, now)),
                Err(problem) => tracing::error!(payout = %done.payout.id, %problem, "an answer that nobody waits for"),
            }
        }
        let mut recorded = desk.ledger.record(&changes).await?.into_iter();
        let mut told = Vec::with_capacity(batch);
        for (done, step) in self.answers.new[..batch].iter().zip(steps) {
            let Ok(step) = step else {
                told.push(None);
                continue;
            };
            told.push(match recorded.next() {
                Some(Recorded::Done(_)) => {
                    tell(desk, &done.payout, &step);
                    step.gate.map(Told::Gate)
                }
                _ => {
                    count(&desk.counters.stale);
                    matches!(done.event, Event::Sent(_)).then_some(Told::Late)
                }
            });
        }
        Ok(told)
    }

    /// The payout went on without this answer: another worker took it over, or a
    /// person decided. What it says about the number still counts.
    async fn late(&self, done: &Done, now: Timestamp) -> Result<()> {
        let desk = Arc::clone(&self.desk);
        let Event::Sent(answer) = &done.event else { return Ok(()) };
        loop {
            let Some(payout) = desk.ledger.payout(done.payout.id).await? else { return Ok(()) };
            let generation = done.payout.standing.generation;
            let event = Event::Late { generation, answer: answer.clone() };
            let text = format!("late: {}", words(&done.event));
            let mut entry = entry(&desk, &payout.standing, EntryKind::Late, text, done.raw.clone(), now);
            (entry.generation, entry.attempt) = (generation, done.payout.standing.attempts);
            match step(&payout.standing, payout.amount, &event, &desk.rules, now) {
                Err(_) => {
                    desk.ledger.journalise(&[(payout.id, entry)]).await?;
                    return Ok(());
                }
                Ok(step) => {
                    entry.phase = step.standing.phase;
                    let change = Change {
                        id: payout.id,
                        version: payout.version,
                        standing: step.standing.clone(),
                        entry,
                        count: None,
                        number: None,
                    };
                    if let Some(Recorded::Done(_)) = desk.ledger.record(&[change]).await?.first() {
                        tell(&desk, &payout, &step);
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// What is left to do once an answer is recorded.
enum Told {
    Gate(GateEvent),
    Late,
}

fn change(desk: &Desk, done: &Done, step: &Step, now: Timestamp) -> Change {
    let kind = match done.event {
        Event::Asked(_) => EntryKind::Query,
        _ => EntryKind::Answer,
    };
    let entry = entry(desk, &step.standing, kind, words(&done.event), done.raw.clone(), now);
    Change {
        id: done.payout.id,
        version: done.payout.version,
        standing: step.standing.clone(),
        entry,
        count: None,
        number: None,
    }
}

/// What people want to hear of at once.
fn tell(desk: &Desk, payout: &Payout, step: &Step) {
    let standing = &step.standing;
    let (mch_id, number): (&MchId, _) = (&payout.mch_id, &payout.number);
    let note = standing.note.as_deref().unwrap_or_default();
    if step.alarm {
        let phase = standing.phase;
        tracing::error!(worker = %desk.worker, %mch_id, %number, %phase, note, "a payout needs a person");
    } else if standing.phase != payout.standing.phase && matches!(standing.phase, Phase::Held | Phase::Refused) {
        let cause = standing.cause.map(|cause| cause.as_str()).unwrap_or_default();
        tracing::warn!(worker = %desk.worker, %mch_id, %number, phase = %standing.phase, cause, note, "a payout is not paid");
    }
}

/// An answer in a few words, for the journal.
fn words(event: &Event) -> String {
    let with = |what: &str, code: Option<&str>, text: &str| match code {
        Some(code) => format!("{what}: {code}: {text}"),
        None => format!("{what}: {text}"),
    };
    match event {
        Event::Sent(SendAnswer::Accepted) => "accepted".to_owned(),
        Event::Sent(SendAnswer::NotSent { text, .. } | SendAnswer::Invalid { text }) => with("not sent", None, text),
        Event::Sent(SendAnswer::Refused { code, text }) => with("refused", Some(code), text),
        Event::Sent(SendAnswer::Unknown { code, text }) => with("unknown", code.as_deref(), text),
        Event::Asked(QueryAnswer::Found { status, .. }) => format!("found: {status}"),
        Event::Asked(QueryAnswer::Unknown { code, text }) => with("unknown", code.as_deref(), text),
        _ => String::new(),
    }
}
