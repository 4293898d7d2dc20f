//! Moments for calls and gates are one merchant's, over all callers.

use std::sync::Arc;

use super::world::{Checked, NOON, at, at_once, ensure, mch_id, other_mch_id, persist, same};
use crate::payout::ledger::{Ledger, Slots};
use crate::payout::record::Version;
use crate::payout::rules::Rules;
use crate::payout::state::{Gate, GateEvent};

fn micros(at: crate::clock::Timestamp) -> i64 {
    at.unix_millis() * 1000
}

pub(super) async fn moments_for_calls_follow_each_other(ledger: Arc<dyn Ledger>) -> Checked {
    let mch_id = mch_id()?;
    let first = ledger.reserve(&mch_id, 3, 10, NOON).await?;
    same("the first moments", first, Slots { first: micros(NOON), spacing: 104_000 })?;
    let second = ledger.reserve(&mch_id, 1, 10, NOON).await?;
    same("the moment after them", second.first, micros(NOON) + 312_000)?;
    let third = ledger.reserve(&mch_id, 2, 30, NOON).await?;
    same("another rate", third, Slots { first: micros(NOON) + 416_000, spacing: 34_667 })?;
    let later = ledger.reserve(&mch_id, 1, 10, at(30)).await?;
    same("after a pause, which saves nothing up", later.first, micros(at(30)))?;
    let back = ledger.reserve(&mch_id, 1, 10, NOON).await?;
    same("when a clock is set back a little", back.first, micros(at(30)) + 104_000)?;
    ledger.reserve(&mch_id, 1, 10, at(3600)).await?;
    let far_back = ledger.reserve(&mch_id, 1, 10, NOON).await?;
    same("when a clock is set back by an hour, for which nobody waits", far_back.first, micros(NOON))?;
    let other = ledger.reserve(&other_mch_id()?, 1, 10, NOON).await?;
    same("another merchant's", other.first, micros(NOON))
}

pub(super) async fn moments_that_are_reserved_at_once_do_not_overlap(ledger: Arc<dyn Ledger>) -> Checked {
    let mch_id = mch_id()?;
    let callers = (0..8).map(|caller: u32| {
        let (ledger, mch_id) = (ledger.clone(), mch_id.clone());
        async move {
            let mut mine = vec![];
            for turn in 0..10 {
                let calls = 1 + (caller + turn) % 4;
                let slots = persist(|| ledger.reserve(&mch_id, calls, 30, NOON)).await?;
                mine.push((slots.first, slots.first + slots.spacing * i64::from(calls)));
            }
            Ok(mine)
        }
    });
    let mut spans: Vec<(i64, i64)> = at_once(callers).await?.into_iter().flatten().collect();
    spans.sort_unstable();
    same("reservations", spans.len(), 80)?;
    ensure(spans.iter().all(|(first, _)| *first >= micros(NOON)), "a moment lies before the present one")?;
    let overlaps = spans.windows(2).filter(|pair| pair[0].1 > pair[1].0).count();
    same("reservations that overlap", overlaps, 0)
}

pub(super) async fn a_gate_is_changed_only_as_it_was_read(ledger: Arc<dyn Ledger>) -> Checked {
    let (mch_id, other) = (mch_id()?, other_mch_id()?);
    let (gate, version) = ledger.gate(&mch_id).await?;
    same("the gate of an unknown merchant", gate, Gate::default())?;
    let rules = Rules::default();
    let paused = Gate::default().after(&GateEvent::NoMoney("余额不足 'x'".into()), &rules, NOON);
    let stopped = paused.after(&GateEvent::Stop("SIGN_ERROR".into()), &rules, NOON);
    ensure(ledger.set_gate(&mch_id, version, &paused).await?, "a gate was not changed as it was read")?;
    let (known, newer) = ledger.gate(&mch_id).await?;
    same("the gate", known, paused.clone())?;
    ensure(newer > version, "a changed gate must have a higher version")?;
    ensure(!ledger.set_gate(&mch_id, version, &stopped).await?, "a gate was changed from an old version")?;
    let ahead = Version(newer.0 + 1);
    ensure(!ledger.set_gate(&mch_id, ahead, &stopped).await?, "a gate was changed from a version it never had")?;
    same("the gate", ledger.gate(&mch_id).await?, (paused, newer))?;
    same("another merchant's gate", ledger.gate(&other).await?.0, Gate::default())?;
    ledger.reserve(&mch_id, 5, 30, NOON).await?;
    ensure(ledger.set_gate(&mch_id, newer, &stopped).await?, "a gate was not changed as it was read")?;
    same("the gate", ledger.gate(&mch_id).await?.0, stopped)?;
    let next = ledger.reserve(&mch_id, 1, 10, NOON).await?;
    ensure(next.first > micros(NOON), "a change of the gate gave reserved moments away")
}

pub(super) async fn gates_that_are_changed_at_once_change_once(ledger: Arc<dyn Ledger>) -> Checked {
    let mch_id = mch_id()?;
    for _ in 0..3 {
        let (_, version) = ledger.gate(&mch_id).await?;
        let writers = (0..8).map(|writer: u32| {
            let (ledger, mch_id) = (ledger.clone(), mch_id.clone());
            async move {
                let gate = Gate { strikes: writer, ..Gate::default() };
                Ok(persist(|| ledger.set_gate(&mch_id, version, &gate)).await?.then_some(writer))
            }
        });
        let winners: Vec<_> = at_once(writers).await?.into_iter().flatten().collect();
        same("changes that happened", winners.len(), 1)?;
        same("the gate", ledger.gate(&mch_id).await?.0.strikes, winners[0])?;
    }
    Ok(())
}
