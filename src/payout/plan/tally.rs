//! What a first reading finds: totals, what comes twice, what looks unusual.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use serde::Serialize;

use super::problem::{Problem, Problems, Warning, excerpt};
use super::rows::Rows;
use crate::ids::OpenId;
use crate::money::Fen;
use crate::payout::NewPayout;

/// Counts and sums of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Totals {
    /// How many payouts.
    pub count: u64,
    /// The sum of their amounts, in fen.
    pub sum: Fen,
    /// The largest amount, in fen.
    pub largest: Fen,
    /// The smallest amount, in fen.
    pub smallest: Fen,
    /// How many payees: distinct openids, told apart by 64-bit hashes.
    pub payees: u64,
    /// The most packets that one payee gets.
    pub most_packets: u64,
    /// The most fen that one payee gets.
    pub most_fen: Fen,
}

/// Eight bytes of each row are kept, sixteen more where payees can come twice.
#[derive(Default)]
pub(super) struct Tally {
    totals: Totals,
    keys: Vec<u64>,
    payees: Vec<(u64, Fen)>,
    pub(super) shapes: Shapes,
}

impl Tally {
    pub(super) fn add(&mut self, line: u64, payout: &NewPayout, may_have_keys: bool) {
        let totals = &mut self.totals;
        let amount = payout.amount;
        totals.smallest = if totals.count == 0 { amount } else { totals.smallest.min(amount) };
        totals.largest = totals.largest.max(amount);
        totals.count += 1;
        // No row has more than some thousand yuan: it cannot overflow.
        totals.sum = totals.sum.checked_add(amount).unwrap_or(Fen::new(i64::MAX));
        self.keys.push(hash(&payout.key));
        if may_have_keys {
            self.payees.push((hash(payout.openid.as_str()), amount));
        }
        self.shapes.add(line, &payout.openid);
    }

    /// The totals, and the hashes that several keys have. Where no row has a key
    /// of its own, payees are told apart by the keys that are made of them.
    pub(super) fn finish(mut self) -> (Totals, Vec<(u64, u64)>, Shapes) {
        self.keys.sort_unstable();
        let again = |same: &[u64]| (same.len() > 1).then(|| (same[0], count(same.len() - 1)));
        let twice = self.keys.chunk_by(|a, b| a == b).filter_map(again).collect();
        self.payees.sort_unstable();
        if self.payees.is_empty() {
            self.totals.payees = self.totals.count;
            self.totals.most_packets = self.totals.count.min(1);
            self.totals.most_fen = self.totals.largest;
        }
        for payee in self.payees.chunk_by(|a, b| a.0 == b.0) {
            let fen = Fen::checked_sum(payee.iter().map(|(_, fen)| *fen)).unwrap_or(Fen::new(i64::MAX));
            self.totals.payees += 1;
            self.totals.most_packets = self.totals.most_packets.max(count(payee.len()));
            self.totals.most_fen = self.totals.most_fen.max(fen);
        }
        (self.totals, twice, self.shapes)
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// So many keys are held at once while they are compared.
const HELD: usize = 65_536;

/// Compares the keys whose hashes are equal; `open` begins a reading anew.
pub(super) fn find_twice<'a>(
    twice: &[(u64, u64)],
    campaign: &str,
    open: impl Fn() -> Result<Rows<'a>, Problem>,
    limit: usize,
) -> Problems {
    let mut problems = Problems::default();
    for part in twice.chunks(HELD) {
        if problems.shown.len() >= limit.max(1) {
            // More than anybody reads: hashes count the rest.
            problems.found += part.iter().map(|(_, more)| more).sum::<u64>();
            continue;
        }
        let mut first = HashMap::new();
        let rows = match open() {
            Ok(rows) => rows,
            Err(problem) => return Problems::one(problem),
        };
        for (line, row) in rows {
            let Ok(payout) = row else { continue };
            if part.binary_search_by_key(&hash(&payout.key), |(hash, _)| *hash).is_err() {
                continue;
            }
            match first.get(&payout.key) {
                Some(before) => problems.add(again(line, *before, &payout, campaign), limit),
                None => {
                    first.insert(payout.key, line);
                }
            }
        }
    }
    problems
}

fn again(line: u64, before: u64, payout: &NewPayout, campaign: &str) -> Problem {
    let made = payout.key.strip_prefix(campaign).and_then(|rest| rest.strip_prefix('/'));
    let problem = if made == Some(payout.openid.as_str()) {
        let next_step = "remove one of them, or add a column key if the payee is to get both";
        let reason = format!("{} stands in line {before} already", excerpt(payout.openid.as_str()));
        Problem::new(reason, next_step).in_field("openid")
    } else {
        let next_step = "remove one of them, or give each a key of its own";
        Problem::new(format!("{} stands in line {before} already", excerpt(&payout.key)), next_step).in_field("key")
    };
    problem.at(line)
}

/// How openids begin. Those of one appid nearly always begin with the same six
/// characters, which no official page promises: it warns and refuses nothing.
#[derive(Default)]
pub(super) struct Shapes {
    count: u64,
    unusual: Option<Warning>,
    beginnings: Vec<(String, u64, u64)>,
    /// There are too many beginnings for them to mean anything.
    many: bool,
}

const BEGINNING: usize = 6;
const BEGINNINGS: usize = 16;
/// Of fewer rows nothing can be said.
const FEW: u64 = 10;

impl Shapes {
    fn add(&mut self, line: u64, openid: &OpenId) {
        let text = openid.as_str();
        self.count += 1;
        if text.len() != 28 || !text.starts_with('o') {
            let warning = self.unusual.get_or_insert_with(|| {
                let text = "an openid has 28 characters and begins with o: see whether this is one";
                Warning { line, lines: 0, text: text.to_owned() }
            });
            warning.lines += 1;
            return;
        }
        let beginning = text.get(..BEGINNING).unwrap_or(text);
        if self.many {
            return;
        }
        if let Some((_, count, _)) = self.beginnings.iter_mut().find(|(known, ..)| known == beginning) {
            *count += 1;
        } else if self.beginnings.len() < BEGINNINGS {
            self.beginnings.push((beginning.to_owned(), 1, line));
        } else {
            self.many = true;
        }
    }

    pub(super) fn warnings(self) -> Vec<Warning> {
        let usual = self.beginnings.iter().max_by_key(|(_, count, _)| *count);
        let other = usual.and_then(|(usual, count, _)| {
            let others = self.beginnings.iter().filter(|(beginning, ..)| beginning != usual);
            let (lines, line) = others.fold((0, u64::MAX), |(sum, first), (_, n, line)| (sum + n, first.min(*line)));
            let known = !self.many && self.count >= FEW && count.saturating_mul(10) >= self.count.saturating_mul(9);
            let text = format!("the other openids begin with {usual}: this may be a user of another appid");
            (known && lines > 0).then_some(Warning { line, lines, text })
        });
        self.unusual.into_iter().chain(other).collect()
    }
}
