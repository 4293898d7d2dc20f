//! What a person does to payouts; each step is in the journal with its reason.

use std::sync::Arc;

use super::ledger::{Change, Ledger, Recorded};
use super::number;
use super::record::{Entry, EntryKind, Payout};
use super::rules::Rules;
use super::state::{Event, GateEvent, Permit, step};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Result};
use crate::ids::MchId;

/// A person at the ledger.
pub struct Operator {
    ledger: Arc<dyn Ledger>,
    rules: Rules,
    clock: Arc<dyn Clock>,
    name: String,
}

impl Operator {
    /// A person, by the name that the journal keeps.
    pub fn new(ledger: Arc<dyn Ledger>, name: impl Into<String>) -> Self {
        Self { ledger, rules: Rules::default(), clock: Arc::new(SystemClock), name: name.into() }
    }

    /// The rules that the dispatchers of this ledger have.
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Another clock than the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Holds a payout that WeChat Pay has not taken yet: nothing is sent for it
    /// until it is released. What was sent is still asked about.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) says why it cannot be held.
    pub async fn hold(&self, payout: &Payout, reason: &str) -> Result<Payout> {
        let reason = given(reason)?;
        self.change(payout, EntryKind::Hold, reason, |_| Ok(Event::Hold(reason.to_owned()))).await
    }

    /// Lets a held payout go on, or one whose attempts were all refused, under
    /// the number that it has.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) says why it cannot be released.
    pub async fn release(&self, payout: &Payout, reason: &str) -> Result<Payout> {
        let reason = given(reason)?;
        self.change(payout, EntryKind::Release, reason, |_| Ok(Event::Release(reason.to_owned()))).await
    }

    /// Permits another number for a payout whose present one is proven dead.
    ///
    /// # Errors
    /// As [`Permit::new`].
    pub async fn permit(&self, payout: &Payout, reason: &str) -> Result<Payout> {
        let reason = given(reason)?;
        self.change(payout, EntryKind::Permit, reason, |payout| {
            Permit::new(&payout.standing, reason).map(Event::Permit)
        })
        .await
    }

    /// Ends a merchant's stop or pause.
    ///
    /// # Errors
    /// [`ErrorKind::Ledger`](crate::ErrorKind::Ledger).
    pub async fn release_merchant(&self, mch_id: &MchId, reason: &str) -> Result<()> {
        let reason = given(reason)?;
        loop {
            let (gate, version) = self.ledger.gate(mch_id).await?;
            let open = gate.after(&GateEvent::Release, &self.rules, self.clock.now());
            if self.ledger.set_gate(mch_id, version, &open).await? {
                tracing::info!(%mch_id, by = %self.name, reason, "the merchant is released");
                return Ok(());
            }
        }
    }

    async fn change(
        &self,
        payout: &Payout,
        kind: EntryKind,
        reason: &str,
        event: impl Fn(&Payout) -> Result<Event>,
    ) -> Result<Payout> {
        loop {
            let gone = || Error::invalid("payout", "it is not in this ledger");
            let mut payout = self.ledger.payout(payout.id).await?.ok_or_else(gone)?;
            let now = self.clock.now();
            let step = step(&payout.standing, payout.amount, &event(&payout)?, &self.rules, now)
                .map_err(|problem| Error::invalid("payout", problem))?;
            let number = match kind {
                EntryKind::Permit => Some(number::bill_no(&payout.mch_id, &payout.key, step.standing.generation)?),
                _ => None,
            };
            let entry = Entry {
                at: now,
                by: self.name.clone(),
                kind,
                generation: step.standing.generation,
                attempt: step.standing.attempts,
                phase: step.standing.phase,
                text: reason.to_owned(),
                raw: None,
            };
            let standing = step.standing.clone();
            let change =
                Change { id: payout.id, version: payout.version, standing, entry, count: None, number: number.clone() };
            // A worker may have been quicker: then the person's decision is about what is there now.
            if let Some(Recorded::Done(version)) = self.ledger.record(&[change]).await?.first() {
                payout.version = *version;
                payout.standing = step.standing;
                payout.number = number.unwrap_or(payout.number);
                return Ok(payout);
            }
        }
    }
}

fn given(reason: &str) -> Result<&str> {
    match reason.trim() {
        "" => Err(Error::invalid("reason", "the journal wants to know why")),
        reason => Ok(reason),
    }
}
