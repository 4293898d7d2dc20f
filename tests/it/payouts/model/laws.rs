//! What must hold: between a world and the next one, in each world, and at the
//! end once nothing goes wrong any more.

use std::time::Duration;

use hongbao::Fen;
use hongbao::clock::Timestamp;
use hongbao::payout::Rules;
use hongbao::payout::state::{Action, Cause, Event, Phase, Proof, Standing};

use super::gateway;
use super::moves::{Model, Move, asked, sent};
use super::world::{AMOUNT, Bill, Ghost, Row, Seen, World};

pub const ONE_NUMBER: &str = "two numbers of one business key were never paid";
pub const REMEMBERED: &str = "what was accepted is never forgotten";
pub const FOUND_OUT: &str = "what was paid is known or will be found out";
pub const TRUE: &str = "the ledger says of the number what the gateway says";
pub const SETTLED: &str = "what is settled stays, unless a person says otherwise";
pub const SPACED: &str = "two attempts are a second apart";
pub const WINDOW: &str = "nothing is repeated after the window";
pub const RELEASED: &str = "a person can send again what was refused each time";
pub const HEARD: &str = "each answer to a present holder is possible";
pub const MONEY: &str = "no money appears or vanishes";
pub const ENDS: &str = "without faults every payout is settled or held in the end";

/// A law that was broken, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub law: &'static str,
    pub how: String,
}

impl Broken {
    pub fn new(law: &'static str, how: impl Into<String>) -> Self {
        Self { law, how: how.into() }
    }
}

fn ensure(holds: bool, law: &'static str, how: impl Fn() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken::new(law, how())) }
}

/// Whether an attempt may begin.
pub fn allow_an_attempt(ghost: &Ghost, rules: &Rules, now: Timestamp) -> Result<(), Broken> {
    let second = Duration::from_secs(1);
    ensure(ghost.last.is_none_or(|last| now >= last.after(second)), SPACED, || format!("{ghost:?} at {now:?}"))?;
    ensure(ghost.first.is_none_or(|first| now < first.after(rules.reentry)), WINDOW, || format!("{ghost:?} at {now:?}"))
}

/// Whether a person's release leads on.
pub fn allow_a_release(standing: &Standing) -> Result<(), Broken> {
    let sends = standing.next.is_some_and(|next| next.action == Action::Send);
    ensure(sends, RELEASED, || format!("{standing:?}"))
}

/// A person was told, and no query can tell more.
fn is_with_a_person(standing: &Standing) -> bool {
    standing.phase == Phase::Held
        && matches!(standing.cause, Some(Cause::HorizonOver | Cause::AmountDiffers | Cause::Contradiction))
}

pub fn hold_between(before: &World, after: &World, made: Move) -> Vec<Broken> {
    let mut broken = vec![];
    for (was, is) in before.rows.iter().zip(&after.rows) {
        let by_a_person = matches!(made, Move::Release(_) | Move::Permit(_));
        let (old, new) = (&was.standing, &is.standing);
        let same = old == new;
        // That a refused number turns out to be dead adds to what is known, and
        // a person looks into what was accepted in its time and failed since.
        let learned = (old.proof == Some(Proof::Refusals) && new.proof == Some(Proof::Dead))
            || (old.phase == Phase::Refused && new.cause == Some(Cause::Contradiction));
        broken.extend(
            ensure(!old.phase.is_settled() || same || by_a_person || learned, SETTLED, || {
                format!("{old:?} became {new:?}")
            })
            .err(),
        );
        if was.ghost.told && is.ghost.told {
            let known = new.accepted.is_some();
            let keeps = match new.phase {
                Phase::Planned => false,
                Phase::Refused => new.proof == Some(Proof::Dead),
                Phase::Held => new.next.is_some(),
                _ => true,
            };
            broken.extend(
                ensure((known && keeps) || is_with_a_person(new), REMEMBERED, || format!("{old:?} became {new:?}"))
                    .err(),
            );
        }
    }
    broken
}

pub fn hold_in(world: &World) -> Vec<Broken> {
    let mut broken = vec![];
    let mut out = 0;
    for row in &world.rows {
        let paid = row.bills.iter().filter(|bill| bill.is_paid()).count();
        broken.extend(ensure(paid <= 1, ONE_NUMBER, || format!("{row:?}")).err());
        let present = row.standing.generation as usize;
        let earlier = row.bills[..present].iter().any(|bill| bill.is_paid());
        broken.extend(ensure(!earlier, FOUND_OUT, || format!("an earlier number was paid: {row:?}")).err());
        broken.extend(ensure(!row.bills[present].is_paid() || finds_out(row), FOUND_OUT, || format!("{row:?}")).err());
        let bill = row.bills[present];
        let agrees = match (row.standing.phase, row.standing.proof) {
            (Phase::Planned, _) => !bill.is_paid() || row.by_copy,
            (Phase::Received, _) => bill == Bill::Received && row.standing.received == AMOUNT,
            (Phase::Returned, _) => bill == Bill::Returned && row.standing.returned == AMOUNT,
            (Phase::Refused, Some(Proof::Dead)) => bill == Bill::Failed,
            _ => true,
        };
        broken.extend(ensure(agrees, TRUE, || format!("{row:?}")).err());
        out += row.bills.iter().filter(|bill| matches!(bill, Bill::Sent | Bill::Received)).count();
    }
    broken.extend(
        ensure(usize::from(world.balance) + out == usize::from(world.funded), MONEY, || {
            format!("{out} out of {world:?}")
        })
        .err(),
    );
    broken
}

fn finds_out(row: &Row) -> bool {
    let standing = &row.standing;
    match standing.phase {
        Phase::Accepted | Phase::Sending => standing.next.is_some(),
        Phase::Received | Phase::Returned => true,
        Phase::Held => standing.next.is_some_and(|next| next.action == Action::Query) || is_with_a_person(standing),
        // A copy of an attempt whose refusal is known: the next attempt finds it,
        Phase::Planned => row.by_copy && standing.next.is_some_and(|next| next.action == Action::Send),
        // and where there is none by itself, the next release does.
        Phase::Refused => row.by_copy && standing.proof == Some(Proof::Refusals),
        _ => false,
    }
}

/// Whether the payout comes to its end if from now on nothing goes wrong: all
/// workers have lost their memory, nothing is on its way, and nobody gives orders.
pub fn ends_well(model: &Model<'_>, row: &Row, now: Timestamp, balance: u8) -> Result<(), Broken> {
    const ENOUGH: usize = 40;
    let (mut row, mut now, mut balance) = (row.clone(), now, balance);
    for _ in 0..ENOUGH {
        let Some(next) = row.standing.next else { return at_the_end(&row) };
        now = now.max(next.at).max(row.due.unwrap_or(now));
        let present = row.standing.generation as usize;
        let step = |standing: &Standing, event: &Event| {
            model
                .engine
                .step(standing, event, &model.rules, now)
                .map(|step| step.standing)
                .map_err(|error| Broken::new(ENDS, format!("{event:?} of {standing:?}: {error}")))
        };
        let becomes = |bill: &mut Bill, balance: &mut u8, to: Bill| {
            *balance = gateway::moved(*bill, to, *balance);
            *bill = to;
        };
        match next.action {
            Action::Send => {
                let begun = step(&row.standing, &Event::Begin)?;
                let sends = begun.attempts > row.standing.attempts;
                row.standing = begun;
                if sends {
                    allow_an_attempt(&row.ghost, &model.rules, now)?;
                    row.ghost.first.get_or_insert(now);
                    row.ghost.last = Some(now);
                    let plain = gateway::replies(row.bills[present], balance).into_iter().find(|reply| !reply.2);
                    let Some((bill, answer, _)) = plain else { return Err(Broken::new(ENDS, "no plain reply")) };
                    becomes(&mut row.bills[present], &mut balance, bill);
                    row.standing = step(&row.standing, &Event::Sent(sent(answer)))?;
                }
            }
            Action::Query => {
                // The gateway and the user get round to it before each query.
                if let Some(to) = gateway::by_itself(row.bills[present], balance).first() {
                    becomes(&mut row.bills[present], &mut balance, *to);
                }
                row.standing = step(&row.standing, &Event::Asked(asked(Seen::Bill(row.bills[present]))))?;
            }
        }
        row.due = row.standing.next.map(|next| next.at);
    }
    Err(Broken::new(ENDS, format!("not within {ENOUGH} steps: {row:?}")))
}

fn at_the_end(row: &Row) -> Result<(), Broken> {
    let standing = &row.standing;
    ensure(standing.phase.is_settled() || standing.phase == Phase::Held, ENDS, || format!("{row:?}"))?;
    let paid: i64 = row.bills.iter().filter(|bill| **bill == Bill::Received).map(|_| AMOUNT.get()).sum();
    let with_a_person = is_with_a_person(standing) || standing.proof == Some(Proof::Refusals);
    ensure(standing.received == Fen::new(paid) || with_a_person, TRUE, || format!("{paid} fen were received: {row:?}"))
}
