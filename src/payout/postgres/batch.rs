//! Many changes as the arrays of one statement.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::types::ToSql;

use super::record::kept;
use super::rows::proof_name;
use crate::clock::Timestamp;
use crate::payout::ledger::Change;
use crate::payout::{Entry, PayoutId, Version};

/// The last standing of each payout of a batch.
#[derive(Default)]
pub(super) struct Changed<'a> {
    /// Where each payout has its place: a second change of it replaces the first.
    places: BTreeMap<i64, usize>,
    id: Vec<i64>,
    version: Vec<i64>,
    counted: Vec<Option<String>>,
    number: Vec<Option<&'a str>>,
    phase: Vec<&'static str>,
    action: Vec<Option<&'static str>>,
    due_at: Vec<Option<i64>>,
    generation: Vec<i64>,
    attempts: Vec<i64>,
    open: Vec<i64>,
    queries: Vec<i64>,
    first_attempt: Vec<Option<i64>>,
    last_attempt: Vec<Option<i64>>,
    accepted: Vec<Option<i64>>,
    stuck: Vec<bool>,
    alarmed: Vec<bool>,
    cause: Vec<Option<&'static str>>,
    proof: Vec<Option<&'static str>>,
    note: Vec<Option<Cow<'a, str>>>,
    received: Vec<i64>,
    returned: Vec<i64>,
    numbers: BTreeSet<(i64, &'a str)>,
}

impl<'a> Changed<'a> {
    pub(super) const SQL: &'static str = "UPDATE payout p SET
    version = c.version, counted = c.counted::date, number = coalesce(c.number, p.number),
    phase = c.phase, action = c.action, due_at = c.due_at, generation = c.generation, attempts = c.attempts,
    open = c.open, queries = c.queries, first_attempt = c.first_attempt, last_attempt = c.last_attempt,
    accepted = c.accepted, stuck = c.stuck, alarmed = c.alarmed, cause = c.cause, proof = c.proof, note = c.note,
    received = c.received, returned = c.returned
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::boolean[],
    $16::boolean[], $17::text[], $18::text[], $19::text[], $20::bigint[], $21::bigint[])
AS c (id, version, counted, number, phase, action, due_at, generation, attempts, open, queries, first_attempt,
    last_attempt, accepted, stuck, alarmed, cause, proof, note, received, returned)
WHERE p.id = c.id";

    pub(super) fn push(&mut self, change: &'a Change, version: Version, counted: Option<String>) {
        let place = *self.places.entry(change.id.0).or_insert(self.id.len());
        let standing = &change.standing;
        let millis = |time: Option<Timestamp>| time.map(Timestamp::unix_millis);
        set(&mut self.id, place, change.id.0);
        set(&mut self.version, place, version.0);
        set(&mut self.counted, place, counted);
        let number = change.number.as_ref().map(|number| number.as_str());
        // What an earlier change of the batch brought stays.
        let earlier = self.number.get(place).copied().flatten();
        set(&mut self.number, place, number.or(earlier));
        set(&mut self.phase, place, standing.phase.as_str());
        set(&mut self.action, place, standing.next.map(|next| next.action.as_str()));
        set(&mut self.due_at, place, millis(standing.next.map(|next| next.at)));
        set(&mut self.generation, place, standing.generation.into());
        set(&mut self.attempts, place, standing.attempts.into());
        set(&mut self.open, place, standing.open.into());
        set(&mut self.queries, place, standing.queries.into());
        set(&mut self.first_attempt, place, millis(standing.first_attempt));
        set(&mut self.last_attempt, place, millis(standing.last_attempt));
        set(&mut self.accepted, place, millis(standing.accepted));
        set(&mut self.stuck, place, standing.stuck);
        set(&mut self.alarmed, place, standing.alarmed);
        set(&mut self.cause, place, standing.cause.map(|cause| cause.as_str()));
        set(&mut self.proof, place, standing.proof.map(proof_name));
        set(&mut self.note, place, standing.note.as_deref().map(kept));
        set(&mut self.received, place, standing.received.get());
        set(&mut self.returned, place, standing.returned.get());
        if let Some(number) = number {
            self.numbers.insert((change.id.0, number));
        }
    }

    /// The payouts that get another number, and these numbers.
    pub(super) fn numbers(&self) -> (Vec<i64>, Vec<&'a str>) {
        self.numbers.iter().copied().unzip()
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 21] {
        [
            &self.id,
            &self.version,
            &self.counted,
            &self.number,
            &self.phase,
            &self.action,
            &self.due_at,
            &self.generation,
            &self.attempts,
            &self.open,
            &self.queries,
            &self.first_attempt,
            &self.last_attempt,
            &self.accepted,
            &self.stuck,
            &self.alarmed,
            &self.cause,
            &self.proof,
            &self.note,
            &self.received,
            &self.returned,
        ]
    }
}

fn set<T>(column: &mut Vec<T>, place: usize, value: T) {
    match column.get_mut(place) {
        Some(known) => *known = value,
        None => column.push(value),
    }
}

/// Lines of the journal, in their order.
#[derive(Default)]
pub(super) struct Journal<'a> {
    payout: Vec<i64>,
    at: Vec<i64>,
    by: Vec<Cow<'a, str>>,
    kind: Vec<&'static str>,
    generation: Vec<i64>,
    attempt: Vec<i64>,
    phase: Vec<&'static str>,
    text: Vec<Cow<'a, str>>,
    raw: Vec<Option<&'a [u8]>>,
}

impl<'a> Journal<'a> {
    pub(super) const SQL: &'static str =
        "INSERT INTO journal (payout, at, by, kind, generation, attempt, phase, text, raw)
SELECT payout, at, by, kind, generation, attempt, phase, text, raw
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::text[],
    $9::bytea[]) WITH ORDINALITY AS j (payout, at, by, kind, generation, attempt, phase, text, raw, place)
ORDER BY place";

    pub(super) fn push(&mut self, id: PayoutId, entry: &'a Entry) {
        self.payout.push(id.0);
        self.at.push(entry.at.unix_millis());
        self.by.push(kept(&entry.by));
        self.kind.push(entry.kind.as_str());
        self.generation.push(entry.generation.into());
        self.attempt.push(entry.attempt.into());
        self.phase.push(entry.phase.as_str());
        self.text.push(kept(&entry.text));
        self.raw.push(entry.raw.as_deref().map(str::as_bytes));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.payout.is_empty()
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 9] {
        [
            &self.payout,
            &self.at,
            &self.by,
            &self.kind,
            &self.generation,
            &self.attempt,
            &self.phase,
            &self.text,
            &self.raw,
        ]
    }
}
