//! What can happen in the world, and what the world is then.

use std::time::Duration;

use hongbao::clock::Timestamp;
use hongbao::payout::Rules;
use hongbao::payout::state::{Action, Event, NotPossible, Permit, QueryAnswer, SendAnswer, Standing, Step, step};
use hongbao::query::RedPacketStatus as Status;

use super::gateway;
use super::laws::{self, Broken};
use super::world::{AMOUNT, Answer, Bill, Request, Row, Seen, Who, Worker, World};

/// How the engine decides; the real one, unless a test breaks it.
pub trait Engine {
    fn step(&self, standing: &Standing, event: &Event, rules: &Rules, now: Timestamp) -> Result<Step, NotPossible> {
        step(standing, AMOUNT, event, rules, now)
    }

    /// The standing under another number, if a person may have one.
    fn permit(&self, standing: &Standing, rules: &Rules, now: Timestamp) -> Option<Standing> {
        let permit = Permit::new(standing, "checked").ok()?;
        self.step(standing, &Event::Permit(permit), rules, now).ok().map(|step| step.standing)
    }

    /// Whether a change counts only if its payout still has the version that was read.
    fn fences(&self) -> bool {
        true
    }
}

/// The engine as it is.
pub struct Real;

impl Engine for Real {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// A worker takes a payout that is to be sent.
    Claim(Who, Who),
    /// A worker takes a payout and asks the gateway about it; the answer may be lost.
    Ask {
        worker: Who,
        payout: Who,
        lost: bool,
    },
    /// It records an attempt and sends it.
    Begin(Who),
    /// The request at this place arrives, and the gateway takes the reply of this place.
    Arrive {
        request: usize,
        reply: usize,
    },
    Copy(usize),
    /// The worker stops waiting; its request may still arrive.
    GiveUp(Who),
    /// Nothing was sent at all.
    NotSent(Who),
    /// It records what it knows; `lost`: and is not told that it did.
    Record {
        worker: Who,
        lost: bool,
    },
    Crash(Who),
    Hold(Who),
    Release(Who),
    Permit(Who),
    /// The gateway, or the user, changes a bill.
    Change {
        payout: Who,
        generation: usize,
        to: Bill,
    },
    TopUp,
    /// Time goes on to the next moment that anybody waits for.
    Tick,
    Forward(u64),
    Back,
}

pub struct Model<'a> {
    pub rules: Rules,
    pub engine: &'a dyn Engine,
    /// The one law to look at; all of them if `None`.
    pub law: Option<&'static str>,
}

const BACK: i64 = 2;

impl Model<'_> {
    pub fn moves(&self, world: &World) -> Vec<Move> {
        let (left, mut moves) = (&world.left, vec![]);
        for (at, worker) in world.workers.iter().enumerate() {
            // Idle workers are alike: the first one acts.
            let first = world.workers.iter().position(|other| other == worker) == Some(at);
            if !first {
                continue;
            }
            match worker {
                Worker::Idle => self.claims(world, at, &mut moves),
                Worker::Claimed { .. } => moves.push(Move::Begin(at)),
                Worker::Waiting { .. } if left.losses > 0 => {
                    moves.push(Move::GiveUp(at));
                    if world.flight.iter().any(|request| request.by == Some(at)) {
                        moves.push(Move::NotSent(at));
                    }
                }
                Worker::Waiting { .. } => {}
                Worker::Answered { .. } | Worker::Asked { .. } => {
                    moves.push(Move::Record { worker: at, lost: false });
                    if left.commits > 0 && matches!(worker, Worker::Answered { .. }) {
                        moves.push(Move::Record { worker: at, lost: true });
                    }
                }
            }
            if left.crashes > 0 && *worker != Worker::Idle {
                moves.push(Move::Crash(at));
            }
        }
        for (at, request) in world.flight.iter().enumerate() {
            let bill = world.rows[request.payout].bills[request.generation as usize];
            let replies = gateway::replies(bill, world.balance);
            moves.extend(
                replies
                    .iter()
                    .enumerate()
                    .filter(|(_, reply)| !reply.2 || left.oddities > 0)
                    .map(|(reply, _)| Move::Arrive { request: at, reply }),
            );
            if left.copies > 0 && !request.copy {
                moves.push(Move::Copy(at));
            }
        }
        for (payout, row) in world.rows.iter().enumerate() {
            if left.orders > 0 {
                moves.extend([Move::Hold(payout), Move::Release(payout), Move::Permit(payout)]);
            }
            for (generation, bill) in row.bills.iter().enumerate() {
                let next = gateway::by_itself(*bill, world.balance).into_iter();
                moves.extend(next.map(|to| Move::Change { payout, generation, to }));
            }
        }
        if left.top_ups > 0 {
            moves.push(Move::TopUp);
        }
        if left.delays > 0 || !world.is_busy() {
            moves.push(Move::Tick);
        }
        if left.forward > 0 {
            moves.extend([&self.rules.reentry, &self.rules.horizon].map(|by| Move::Forward(by.as_secs())));
        }
        if left.back > 0 {
            moves.push(Move::Back);
        }
        moves
    }

    fn claims(&self, world: &World, worker: Who, moves: &mut Vec<Move>) {
        for (payout, row) in world.rows.iter().enumerate() {
            match row.standing.next.map(|next| next.action) {
                _ if row.due.is_none_or(|due| due > world.now) => {}
                Some(Action::Send) => moves.push(Move::Claim(worker, payout)),
                Some(Action::Query) => {
                    moves.push(Move::Ask { worker, payout, lost: false });
                    if world.left.losses > 0 {
                        moves.push(Move::Ask { worker, payout, lost: true });
                    }
                }
                None => {}
            }
        }
    }

    /// Whether it matters here that this law is broken.
    pub fn heeds(&self, broken: &Broken) -> bool {
        self.law.is_none_or(|law| law == broken.law)
    }

    /// The world after a move, or `None` where it cannot be made; an error where
    /// it breaks a law.
    pub fn after(&self, before: &World, made: Move) -> Result<Option<World>, Broken> {
        let mut world = before.clone();
        match self.make(&mut world, made) {
            Ok(true) if world != *before => {}
            Err(broken) if self.heeds(&broken) => return Err(broken),
            _ => return Ok(None),
        }
        world.flight.sort_unstable();
        let broken = laws::hold_between(before, &world, made).into_iter().chain(laws::hold_in(&world));
        match broken.into_iter().find(|broken| self.heeds(broken)) {
            Some(broken) => Err(broken),
            None => Ok(Some(world)),
        }
    }

    fn make(&self, world: &mut World, made: Move) -> Result<bool, Broken> {
        match made {
            Move::Claim(worker, payout) => {
                self.claim(world, payout);
                world.workers[worker] = Worker::Claimed { payout, current: true };
            }
            Move::Ask { worker, payout, lost } => {
                self.claim(world, payout);
                let row = &world.rows[payout];
                let seen = match row.bills[row.standing.generation as usize] {
                    _ if lost => Seen::Nothing,
                    Bill::None => Seen::Nothing,
                    bill => Seen::Bill(bill),
                };
                world.left.losses -= u8::from(lost);
                world.workers[worker] = Worker::Asked { payout, current: true, seen };
            }
            Move::Begin(worker) => return self.begin(world, worker),
            Move::Arrive { request, reply } => {
                let request = world.flight.remove(request);
                let generation = request.generation as usize;
                let bill = world.rows[request.payout].bills[generation];
                let (then, answer, odd) = gateway::replies(bill, world.balance)[reply];
                world.left.oddities -= u8::from(odd);
                change(world, request.payout, generation, then);
                world.rows[request.payout].by_copy |= request.copy && then != bill;
                if let Some(worker) = request.by {
                    hears(world, worker, answer);
                }
            }
            Move::Copy(request) => {
                world.left.copies -= 1;
                let copy = Request { by: None, copy: true, ..world.flight[request] };
                world.flight.push(copy);
            }
            Move::GiveUp(worker) => {
                world.left.losses -= 1;
                forget(world, worker);
                hears(world, worker, Answer::Unknown(None));
            }
            Move::NotSent(worker) => {
                world.left.losses -= 1;
                world.flight.retain(|request| request.by != Some(worker));
                hears(world, worker, Answer::NotSent);
            }
            Move::Record { worker, lost } => return self.record(world, worker, lost),
            Move::Crash(worker) => {
                world.left.crashes -= 1;
                forget(world, worker);
                world.workers[worker] = Worker::Idle;
            }
            Move::Hold(payout) => return self.order(world, payout, &Event::Hold("asked".into())),
            Move::Release(payout) => return self.order(world, payout, &Event::Release("asked".into())),
            Move::Permit(payout) => {
                let standing = self.engine.permit(&world.rows[payout].standing, &self.rules, world.now);
                // Two numbers are enough to see what a third one would do.
                let Some(standing) = standing.filter(|standing| standing.generation < 3) else { return Ok(false) };
                world.left.orders -= 1;
                commit(world, payout, standing);
                world.rows[payout].ghost = Default::default();
            }
            Move::Change { payout, generation, to } => change(world, payout, generation, to),
            Move::TopUp => {
                world.left.top_ups -= 1;
                world.balance += 1;
                world.funded += 1;
            }
            Move::Tick => {
                let later = world.rows.iter().filter_map(|row| row.due).filter(|due| *due > world.now).min();
                let Some(later) = later else { return Ok(false) };
                world.left.delays -= u8::from(world.is_busy());
                world.now = later;
            }
            Move::Forward(seconds) => {
                world.left.forward -= 1;
                world.now = world.now.after(Duration::from_secs(seconds));
            }
            Move::Back => {
                world.left.back -= 1;
                world.now = set_back(world.now);
                for row in &mut world.rows {
                    row.ghost.last = row.ghost.last.map(set_back);
                }
            }
        }
        Ok(true)
    }

    fn claim(&self, world: &mut World, payout: Who) {
        let (now, row) = (world.now, &mut world.rows[payout]);
        if let Some(next) = &mut row.standing.next {
            next.at = now;
        }
        row.due = Some(now.after(self.rules.lease));
        outdate(world, payout);
    }

    fn begin(&self, world: &mut World, worker: Who) -> Result<bool, Broken> {
        let Worker::Claimed { payout, current } = world.workers[worker] else { return Ok(false) };
        world.workers[worker] = Worker::Idle;
        if !current {
            return Ok(true);
        }
        let (now, row) = (world.now, &world.rows[payout]);
        // The clock may have been set back since the claim.
        let Ok(step) = self.engine.step(&row.standing, &Event::Begin, &self.rules, now) else { return Ok(true) };
        let sends = step.standing.attempts > row.standing.attempts;
        let generation = step.standing.generation;
        let snapshot = (!self.engine.fences()).then(|| Box::new(plain(step.standing.clone())));
        commit(world, payout, step.standing);
        if sends {
            laws::allow_an_attempt(&world.rows[payout].ghost, &self.rules, now)?;
            let ghost = &mut world.rows[payout].ghost;
            ghost.first.get_or_insert(now);
            ghost.last = Some(now);
            ghost.doubts += 1;
            world.flight.push(Request { payout, generation, by: Some(worker), copy: false });
            world.workers[worker] = Worker::Waiting { payout, generation, current: true, snapshot };
        }
        Ok(true)
    }

    fn record(&self, world: &mut World, worker: Who, lost: bool) -> Result<bool, Broken> {
        match world.workers[worker].clone() {
            Worker::Asked { payout, current, seen } => {
                world.workers[worker] = Worker::Idle;
                if current {
                    let event = Event::Asked(asked(seen));
                    let step = self.engine.step(&world.rows[payout].standing, &event, &self.rules, world.now);
                    let step = step.map_err(|error| Broken::new(laws::HEARD, format!("{event:?}: {error}")))?;
                    commit(world, payout, step.standing);
                }
            }
            Worker::Answered { payout, generation, current, answer, snapshot } => {
                world.workers[worker] = Worker::Idle;
                let row = &world.rows[payout];
                let (event, basis) = match snapshot {
                    Some(snapshot) => (Event::Sent(sent(answer)), *snapshot),
                    None if current => (Event::Sent(sent(answer)), row.standing.clone()),
                    None => (Event::Late { generation, answer: sent(answer) }, row.standing.clone()),
                };
                let present = generation == row.standing.generation;
                match self.engine.step(&basis, &event, &self.rules, world.now) {
                    Ok(step) => {
                        commit(world, payout, step.standing);
                        let ghost = &mut world.rows[payout].ghost;
                        ghost.told |= present && answer == Answer::Accepted;
                        if current && matches!(answer, Answer::Refused(_) | Answer::NotSent) {
                            ghost.doubts -= 1;
                        }
                    }
                    Err(error) if current => return Err(Broken::new(laws::HEARD, format!("{event:?}: {error}"))),
                    // It changes nothing; the journal has it.
                    Err(_) => {}
                }
                if lost {
                    world.left.commits -= 1;
                    world.workers[worker] =
                        Worker::Answered { payout, generation, current: false, answer, snapshot: None };
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn order(&self, world: &mut World, payout: Who, event: &Event) -> Result<bool, Broken> {
        let standing = &world.rows[payout].standing;
        let Ok(step) = self.engine.step(standing, event, &self.rules, world.now) else { return Ok(false) };
        world.left.orders -= 1;
        commit(world, payout, step.standing);
        let Row { standing, ghost, .. } = &mut world.rows[payout];
        // What was refused each time is in nobody's doubt: a person begins anew.
        if matches!(event, Event::Release(_)) && ghost.doubts == 0 && standing.accepted.is_none() && !standing.stuck {
            ghost.first = None;
            laws::allow_a_release(standing)?;
        }
        Ok(true)
    }
}

fn set_back(at: Timestamp) -> Timestamp {
    Timestamp::from_unix_millis(at.unix_millis() - BACK * 1000)
}

/// Without what the machine writes for people only, so that worlds that differ
/// in nothing else are one.
fn plain(mut standing: Standing) -> Standing {
    standing.note = None;
    standing.accepted = standing.accepted.map(|_| Timestamp::default());
    standing.queries = standing.queries.min(3);
    standing
}

fn commit(world: &mut World, payout: Who, standing: Standing) {
    let row = &mut world.rows[payout];
    row.due = standing.next.map(|next| next.at);
    row.standing = plain(standing);
    outdate(world, payout);
}

fn outdate(world: &mut World, payout: Who) {
    world.workers.iter_mut().for_each(|worker| worker.outdate(payout));
}

fn change(world: &mut World, payout: Who, generation: usize, to: Bill) {
    let bill = &mut world.rows[payout].bills[generation];
    world.balance = gateway::moved(*bill, to, world.balance);
    *bill = to;
}

/// Nobody waits for this worker's request any more.
fn forget(world: &mut World, worker: Who) {
    for request in &mut world.flight {
        if request.by == Some(worker) {
            request.by = None;
        }
    }
}

fn hears(world: &mut World, worker: Who, answer: Answer) {
    let memory = std::mem::replace(&mut world.workers[worker], Worker::Idle);
    if let Worker::Waiting { payout, generation, current, snapshot } = memory {
        world.workers[worker] = Worker::Answered { payout, generation, current, answer, snapshot };
    }
}

pub fn sent(answer: Answer) -> SendAnswer {
    let text = String::new();
    match answer {
        Answer::Accepted => SendAnswer::Accepted,
        Answer::NotSent => SendAnswer::NotSent { text, lasting: false },
        Answer::Refused(code) => SendAnswer::Refused { code: code.into(), text },
        Answer::Unknown(code) => SendAnswer::Unknown { code: code.map(str::to_owned), text },
    }
}

pub fn asked(seen: Seen) -> QueryAnswer {
    let status = match seen {
        Seen::Nothing | Seen::Bill(Bill::None) => {
            return QueryAnswer::Unknown { code: Some("NOT_FOUND".into()), text: String::new() };
        }
        Seen::Bill(Bill::Stuck | Bill::Pending) => Status::Sending,
        Seen::Bill(Bill::Sent) => Status::Sent,
        Seen::Bill(Bill::Received) => Status::Received,
        Seen::Bill(Bill::Returned) => Status::Refund,
        Seen::Bill(Bill::Failed) => Status::Failed,
    };
    QueryAnswer::Found { status, amount: Some(AMOUNT), received: None, returned: None, sent: None, reason: None }
}
