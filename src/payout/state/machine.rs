//! The machine itself.

use std::fmt;
use std::time::Duration;

use super::verdict::query_verdict;
use super::{
    Action, Cause, Event, GateEvent, Next, Permit, Phase, Proof, QueryAnswer, SendAnswer, Standing, Verdict, verdict,
};
use crate::clock::Timestamp;
use crate::money::Fen;
use crate::payout::rules::{Rules, next_day};
use crate::query::RedPacketStatus as Status;

/// How many queries in a row may say nothing, once nothing can be sent again,
/// before a person is to know.
const QUERIES_BEFORE_A_PERSON: u32 = 3;

/// What an event leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Step {
    /// Where the payout stands then.
    pub standing: Standing,
    /// What the merchant's gate is to hear of it.
    pub gate: Option<GateEvent>,
    /// Whether a person is to be called now.
    pub alarm: bool,
}

/// Why an event cannot happen to a payout that stands where it does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NotPossible(&'static str);

impl NotPossible {
    /// In a few words, for people.
    #[must_use]
    pub const fn problem(&self) -> &'static str {
        self.0
    }
}

impl fmt::Display for NotPossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotPossible {}

/// Where a payout of `amount` stands after an event, at the moment `now`.
///
/// # Errors
/// [`NotPossible`] if the event cannot happen there; the payout stays as it is.
pub fn step(
    standing: &Standing,
    amount: Fen,
    event: &Event,
    rules: &Rules,
    now: Timestamp,
) -> Result<Step, NotPossible> {
    let mut machine = Machine { standing: standing.clone(), amount, rules, now, gate: None, alarm: false };
    match event {
        Event::Begin => machine.begin()?,
        Event::Sent(answer) => machine.sent(answer)?,
        Event::Late { generation, answer } => machine.late(*generation, answer)?,
        Event::Asked(answer) => machine.asked(answer)?,
        Event::Deferred(until) => machine.deferred(*until)?,
        Event::Hold(reason) => machine.hold_by_person(reason)?,
        Event::Release(reason) => machine.release(reason)?,
        Event::Permit(permit) => machine.permit(permit)?,
    }
    let Machine { standing, gate, alarm, .. } = machine;
    Ok(Step { standing, gate, alarm })
}

/// Whether no answer and no repeat can mend it.
fn for_a_person_alone(cause: Option<Cause>) -> bool {
    matches!(cause, Some(Cause::Contradiction | Cause::AmountDiffers | Cause::NumberTaken))
}

struct Machine<'a> {
    standing: Standing,
    amount: Fen,
    rules: &'a Rules,
    now: Timestamp,
    gate: Option<GateEvent>,
    alarm: bool,
}

impl Machine<'_> {
    fn begin(&mut self) -> Result<(), NotPossible> {
        let due = matches!(self.standing.next, Some(Next { action: Action::Send, at }) if at <= self.now);
        if !matches!(self.standing.phase, Phase::Planned | Phase::Sending) || !due {
            return Err(NotPossible("it is not to be sent now"));
        }
        let rules = self.rules;
        if self.standing.attempts == 0 && self.amount > rules.user_day.min(rules.merchant_day) {
            // No day has room for it, and it would be put off for ever.
            let most = rules.user_day.min(rules.merchant_day);
            self.hold(Cause::Payee, &format!("{} yuan is more than a day's limit of {most}", self.amount));
            return Ok(());
        }
        if !self.may_repeat() {
            // Too late to repeat: what is there to be found out, a query finds.
            self.enter(Phase::Sending);
            self.standing.next = Some(Next::query(self.now));
            return Ok(());
        }
        self.enter(Phase::Sending);
        let standing = &mut self.standing;
        standing.attempts = standing.attempts.saturating_add(1);
        standing.open = standing.open.saturating_add(1);
        standing.first_attempt.get_or_insert(self.now);
        standing.last_attempt = Some(self.now);
        // If no answer is ever recorded, this is when the next worker repeats it.
        standing.next = Some(Next::send(self.now.after(self.rules.lease.max(self.rules.pause(1)))));
        Ok(())
    }

    fn sent(&mut self, answer: &SendAnswer) -> Result<(), NotPossible> {
        if self.standing.phase != Phase::Sending || self.standing.open == 0 {
            return Err(NotPossible("no attempt is under way"));
        }
        match answer {
            SendAnswer::Accepted => self.accept(self.now),
            SendAnswer::NotSent { text, lasting } => {
                self.standing.open -= 1;
                self.send_again(self.pause());
                self.gate = Some(match lasting {
                    true => GateEvent::Stop(text.clone()),
                    false => GateEvent::Unreachable(text.clone()),
                });
            }
            SendAnswer::Invalid { text } => {
                self.standing.open -= 1;
                self.hold(Cause::Payee, text);
                self.gate = Some(GateEvent::Strike(text.clone()));
            }
            SendAnswer::Refused { code, text } => {
                self.standing.open -= 1;
                self.refused(code, text);
            }
            SendAnswer::Unknown { code, text } => match code.as_deref() {
                Some("FATAL_ERROR") => {
                    self.hold(Cause::NumberTaken, text);
                    // A query would find the other order, and take it for this one.
                    self.standing.next = None;
                    self.alarm = true;
                }
                Some("PROCESSING") => self.standing.next = Some(Next::query(self.now.after(self.rules.processing))),
                _ => self.send_again(self.pause()),
            },
        }
        self.free_of_doubt();
        Ok(())
    }

    /// What was refused each time, for a cause that passes, waits as what was
    /// never sent does: nobody has to wonder about it.
    fn free_of_doubt(&mut self) {
        let standing = &self.standing;
        let sends = standing.next.is_some_and(|next| next.action == Action::Send);
        if standing.phase == Phase::Sending && sends && !self.in_doubt() {
            self.enter(Phase::Planned);
        }
    }

    /// Whether something may have been paid under the number, or may be without
    /// another attempt.
    fn in_doubt(&self) -> bool {
        self.standing.open > 0 || self.standing.stuck || self.standing.accepted.is_some()
    }

    fn refused(&mut self, code: &str, text: &str) {
        let words = format!("{code}: {text}");
        match verdict(code) {
            Verdict::Dead => self.dead(&words),
            Verdict::End(cause) => {
                // With an open attempt before it, or a bill that the gateway keeps,
                // a refusal proves nothing.
                if self.standing.open == 0 && !self.standing.stuck {
                    self.enter(Phase::Refused);
                    self.standing.cause = Some(cause);
                    self.standing.proof = Some(Proof::Refusals);
                    self.standing.note = Some(words.clone());
                    self.standing.next = None;
                } else {
                    self.hold(cause, &words);
                }
                self.gate = Some(GateEvent::Strike(words));
            }
            Verdict::Hold(cause) => {
                self.hold(cause, &words);
                self.gate = Some(GateEvent::Strike(words));
            }
            Verdict::NextDay => self.standing.next = Some(self.repeat_at(self.tomorrow())),
            Verdict::Slower => {
                self.send_again(self.pause());
                self.gate = Some(GateEvent::Slower);
            }
            Verdict::NoMoney => {
                self.send_again(self.pause());
                self.gate = Some(GateEvent::NoMoney(words));
            }
            Verdict::MerchantNextDay => {
                self.standing.next = Some(self.repeat_at(self.tomorrow()));
                self.gate = Some(GateEvent::NextDay(words));
            }
            Verdict::Stop => {
                self.send_again(self.pause());
                self.gate = Some(GateEvent::Stop(words));
            }
        }
    }

    /// What still counts of an answer that the payout did not wait for: that a
    /// number was accepted, and that it is dead.
    fn late(&mut self, generation: u32, answer: &SendAnswer) -> Result<(), NotPossible> {
        let accepted = matches!(answer, SendAnswer::Accepted);
        let dead = matches!(answer, SendAnswer::Refused { code, .. } if verdict(code) == Verdict::Dead);
        let present = generation == self.standing.generation;
        match self.standing.phase {
            _ if !accepted && !dead => Err(NotPossible("it says nothing about the number")),
            // A number that was proven dead was paid after all.
            _ if accepted && !present => {
                self.contradiction("an earlier number was accepted after it was proven dead");
                Ok(())
            }
            Phase::Refused if accepted && self.standing.proof == Some(Proof::Dead) => {
                self.contradiction("the number was accepted after it was proven dead");
                Ok(())
            }
            Phase::Planned | Phase::Sending | Phase::Held | Phase::Refused if accepted => {
                self.accept(self.now);
                Ok(())
            }
            // What contradicts itself is no proof.
            Phase::Held if for_a_person_alone(self.standing.cause) => Err(NotPossible("a person must decide")),
            Phase::Planned | Phase::Sending | Phase::Held | Phase::Refused if present => {
                if self.standing.proof != Some(Proof::Dead) {
                    self.dead("SEND_FAILED: told by a late answer");
                }
                Ok(())
            }
            _ => Err(NotPossible("it is known already")),
        }
    }

    fn asked(&mut self, answer: &QueryAnswer) -> Result<(), NotPossible> {
        let was = self.standing.phase;
        if !matches!(was, Phase::Sending | Phase::Accepted | Phase::Held) || self.standing.attempts == 0 {
            return Err(NotPossible("it is not to be asked about"));
        }
        self.standing.queries = self.standing.queries.saturating_add(1);
        match answer {
            QueryAnswer::Found { amount: Some(found), .. } if *found != self.amount => {
                let text = format!("{found} yuan were found where {} were sent", self.amount);
                self.hold(Cause::AmountDiffers, &text);
                // There is nothing that a program could wait for.
                self.standing.next = None;
                self.alarm = true;
            }
            QueryAnswer::Found { status, received, returned, sent, reason, .. } => match status {
                Status::Received => {
                    self.enter(Phase::Received);
                    self.standing.received = received.unwrap_or(self.amount);
                    self.settle();
                }
                Status::Refund => {
                    self.enter(Phase::Returned);
                    self.standing.returned = returned.unwrap_or(self.amount);
                    self.settle();
                }
                Status::Failed => {
                    let words = reason.as_deref().unwrap_or("no reason was told");
                    self.dead(&format!("FAILED: {words}"));
                }
                Status::Sent | Status::Refunding => {
                    if was != Phase::Accepted {
                        self.accept(sent.unwrap_or(self.now).min(self.now));
                    }
                    self.ask_again();
                }
                Status::Sending => {
                    self.standing.stuck = true;
                    self.standing.note.clone_from(reason);
                    if was == Phase::Held {
                        self.ask_again();
                    } else {
                        // It does not go on by itself.
                        self.enter(Phase::Sending);
                        self.send_again(self.pause());
                    }
                }
                _ => self.ask_again(),
            },
            QueryAnswer::Unknown { code, text } => {
                match code.as_deref().and_then(query_verdict) {
                    Some(Verdict::Slower) => self.gate = Some(GateEvent::Slower),
                    Some(_) => self.gate = Some(GateEvent::Stop(format!("query: {text}"))),
                    None => {}
                }
                // That a number is not found proves nothing.
                match was {
                    Phase::Sending if self.may_repeat() => self.send_again(self.pause()),
                    Phase::Sending if self.standing.queries >= QUERIES_BEFORE_A_PERSON => {
                        self.hold(Cause::WindowOver, text);
                    }
                    _ => self.ask_again(),
                }
            }
        }
        self.watch_the_horizon();
        Ok(())
    }

    fn deferred(&mut self, until: Timestamp) -> Result<(), NotPossible> {
        match (self.standing.phase, self.standing.next) {
            (Phase::Planned | Phase::Sending, Some(Next { action: Action::Send, .. })) => {
                let next = self.repeat_at(until);
                if next.action == Action::Query {
                    self.enter(Phase::Sending);
                }
                self.standing.next = Some(next);
                Ok(())
            }
            _ => Err(NotPossible("it is not to be sent")),
        }
    }

    fn hold_by_person(&mut self, reason: &str) -> Result<(), NotPossible> {
        match self.standing.phase {
            Phase::Planned | Phase::Sending => {
                self.hold(Cause::Person, reason);
                Ok(())
            }
            Phase::Held => Err(NotPossible("it is held already")),
            Phase::Accepted => Err(NotPossible("WeChat Pay has taken it: a packet cannot be called back")),
            _ => Err(NotPossible("it is settled")),
        }
    }

    fn release(&mut self, reason: &str) -> Result<(), NotPossible> {
        let standing = &self.standing;
        match (standing.phase, standing.cause, standing.proof) {
            (Phase::Held, cause, _) if for_a_person_alone(cause) => {
                return Err(NotPossible("its number was used for something else: sending it again settles nothing"));
            }
            (Phase::Held, ..) | (Phase::Refused, _, Some(Proof::Refusals)) => {}
            (Phase::Refused, ..) => return Err(NotPossible("its number is dead: it needs a permit for another one")),
            _ => return Err(NotPossible("it is neither held nor refused")),
        }
        let doubtful = self.in_doubt();
        if !doubtful {
            // Each attempt was refused: what a person corrected later than the
            // window lasts can still be sent.
            self.standing.first_attempt = self.standing.first_attempt.map(|_| self.now);
        }
        self.enter(if doubtful { Phase::Sending } else { Phase::Planned });
        self.standing.note = Some(reason.to_owned());
        let earliest = match self.standing.last_attempt {
            Some(last) => last.after(self.rules.pause(1)).max(self.now),
            None => self.now,
        };
        self.standing.next = Some(self.repeat_at(earliest));
        Ok(())
    }

    fn permit(&mut self, permit: &Permit) -> Result<(), NotPossible> {
        let standing = &self.standing;
        let dead = standing.phase == Phase::Refused && standing.proof == Some(Proof::Dead);
        if !dead || standing.generation != permit.generation() {
            return Err(NotPossible("the permit is for a number that is not the present one, or not dead"));
        }
        let generation = standing.generation.saturating_add(1);
        let note = Some(permit.reason().to_owned());
        self.standing = Standing { generation, note, ..Standing::planned(self.now) };
        Ok(())
    }

    fn accept(&mut self, at: Timestamp) {
        self.enter(Phase::Accepted);
        let standing = &mut self.standing;
        standing.accepted.get_or_insert(at);
        (standing.open, standing.stuck, standing.note) = (0, false, None);
        standing.next = Some(Next::query(self.now.after(self.rules.query_pause(0))));
        self.gate = Some(GateEvent::Accepted);
    }

    fn dead(&mut self, words: &str) {
        self.enter(Phase::Refused);
        self.standing.cause = Some(Cause::Failed);
        self.standing.proof = Some(Proof::Dead);
        self.standing.note = Some(words.to_owned());
        self.settle();
    }

    fn settle(&mut self) {
        self.standing.open = 0;
        self.standing.stuck = false;
        self.standing.next = None;
    }

    /// Nothing is sent until a person decides; what may have happened is still
    /// asked about.
    fn hold(&mut self, cause: Cause, words: &str) {
        self.enter(Phase::Held);
        self.standing.cause = Some(cause);
        self.standing.note = Some(words.to_owned());
        self.standing.next = None;
        if self.standing.attempts > 0 {
            self.ask_again();
        }
    }

    fn contradiction(&mut self, words: &str) {
        // The last word stays; what is settled is told to a person and not changed.
        if !matches!(self.standing.phase, Phase::Received | Phase::Returned | Phase::Accepted) {
            self.enter(Phase::Held);
            self.standing.cause = Some(Cause::Contradiction);
            self.standing.note = Some(words.to_owned());
            self.standing.next = None;
        }
        self.alarm = true;
    }

    fn enter(&mut self, phase: Phase) {
        if self.standing.phase != phase {
            self.standing.phase = phase;
            self.standing.queries = 0;
            self.standing.cause = None;
            self.standing.proof = None;
        }
    }

    fn may_repeat(&self) -> bool {
        self.standing.first_attempt.is_none_or(|first| self.now < first.after(self.rules.reentry))
    }

    fn pause(&self) -> Duration {
        self.rules.pause(self.standing.attempts)
    }

    /// Sends again after a pause, while the time to repeat lasts; then asks.
    fn send_again(&mut self, pause: Duration) {
        let at = self.now.after(pause);
        self.standing.next = Some(self.repeat_at(at));
    }

    fn repeat_at(&self, at: Timestamp) -> Next {
        let last = self.standing.first_attempt.map(|first| first.after(self.rules.reentry));
        match last {
            Some(last) if at >= last => {
                Next::query(self.now.after(self.rules.query_pause(self.standing.queries)).max(self.now))
            }
            _ => Next::send(at),
        }
    }

    /// The next Beijing day, which may begin sooner than a number may be repeated.
    fn tomorrow(&self) -> Timestamp {
        next_day(self.now).max(self.now.after(self.rules.pause(1)))
    }

    fn ask_again(&mut self) {
        self.standing.next = Some(Next::query(self.now.after(self.rules.query_pause(self.standing.queries))));
    }

    /// Before the gateway forgets the number a person is called, and after that
    /// nothing is waited for any more.
    fn watch_the_horizon(&mut self) {
        let standing = &self.standing;
        let undecided = matches!(standing.phase, Phase::Sending | Phase::Accepted | Phase::Held);
        let Some(first) = standing.first_attempt.filter(|_| undecided && standing.next.is_some()) else { return };
        let age = self.now.since(first);
        if age >= self.rules.alarm && !self.standing.alarmed {
            self.standing.alarmed = true;
            self.alarm = true;
        }
        if age >= self.rules.horizon {
            self.enter(Phase::Held);
            self.standing.cause = Some(Cause::HorizonOver);
            self.standing.note = Some("it was never seen to be decided while it could be queried".to_owned());
            self.standing.next = None;
        }
    }
}
