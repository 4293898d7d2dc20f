//! The limits of a Beijing day hold, and nothing is counted twice.

use std::sync::Arc;

use super::world::{Checked, DAY, NOON, World, at_once, change, ensure, new_payout, other_mch_id, persist, same, wide};
use crate::clock::Timestamp;
use crate::money::Fen;
use crate::payout::ledger::{Change, Count, Ledger, Recorded};
use crate::payout::record::{NewPayout, Payout};
use crate::payout::state::Phase;

fn counted(payout: &Payout, count: Count) -> Change {
    let mut standing = payout.standing.clone();
    standing.phase = Phase::Sending;
    Change { count: Some(count), ..change(payout, standing) }
}

/// Payouts `k0`, `k1`, … of these payees and amounts.
fn payouts(of: &[(&str, i64)]) -> Checked<Vec<NewPayout>> {
    of.iter().enumerate().map(|(n, (openid, fen))| new_payout(&format!("k{n}"), openid, *fen)).collect()
}

/// Counts each in turn; what was answered.
async fn count_in_turn(world: &World, count: Count, keys: std::ops::Range<usize>) -> Checked<Vec<Recorded>> {
    let mut answers = vec![];
    for n in keys {
        let payout = world.find(&format!("k{n}")).await?;
        let answer = world.record(counted(&payout, count)).await?;
        let after = world.find(&format!("k{n}")).await?;
        if let Recorded::Done(version) = answer {
            same("the day in which it is counted", after.counted, Some(count.day))?;
            same("its version", after.version, version)?;
        } else {
            same("a payout that was not counted", &after, &payout)?;
        }
        let entries = usize::from(matches!(answer, Recorded::Done(_)));
        same("entries in its journal", world.ledger.journal(payout.id).await?.len(), entries)?;
        answers.push(answer);
    }
    Ok(answers)
}

fn done(answers: &[Recorded]) -> usize {
    answers.iter().filter(|answer| matches!(answer, Recorded::Done(_))).count()
}

pub(super) async fn a_payees_packets_of_a_day_are_limited(ledger: Arc<dyn Ledger>) -> Checked {
    let of = [("oA", 100), ("oA", 100), ("oA", 100), ("oB", 100)];
    let world = World::with(ledger, &payouts(&of)?).await?;
    let count = Count { user_count: 2, ..wide(NOON) };
    let answers = count_in_turn(&world, count, 0..4).await?;
    same("counted", done(&answers), 3)?;
    same("the third of one payee", answers[2], Recorded::PayeeFull)?;
    let other = World::of(world.ledger.clone(), "spring", other_mch_id()?).await?;
    other.ledger.add(other.id(), &payouts(&of[..1])?, NOON).await?;
    same("of another merchant", done(&count_in_turn(&other, count, 0..1).await?), 1)?;
    let tomorrow = Count { day: NOON.after(DAY).beijing_day(), ..count };
    same("tomorrow", done(&count_in_turn(&world, tomorrow, 2..3).await?), 1)
}

pub(super) async fn a_payees_money_of_a_day_is_limited(ledger: Arc<dyn Ledger>) -> Checked {
    let of = [("oA", 400), ("oA", 601), ("oA", 600), ("oA", 1), ("oB", 1000), ("oC", 1001)];
    let world = World::with(ledger, &payouts(&of)?).await?;
    let count = Count { user: Fen::new(1000), ..wide(NOON) };
    let answers = count_in_turn(&world, count, 0..6).await?;
    let full: Vec<_> = answers.iter().map(|answer| *answer == Recorded::PayeeFull).collect();
    same("for which the payee has no room", full, vec![false, true, false, true, false, true])
}

pub(super) async fn a_merchants_money_of_a_day_is_limited(ledger: Arc<dyn Ledger>) -> Checked {
    let of = [("oA", 400), ("oB", 601), ("oC", 600), ("oD", 1), ("oE", 1)];
    let world = World::with(ledger, &payouts(&of)?).await?;
    let count = Count { merchant: Fen::new(1000), ..wide(NOON) };
    let answers = count_in_turn(&world, count, 0..5).await?;
    let full: Vec<_> = answers.iter().map(|answer| *answer == Recorded::MerchantFull).collect();
    same("for which the merchant has no room", full, vec![false, true, false, true, true])?;
    // What found no room took none from its payee.
    let narrow = Count { user_count: 1, merchant: Fen::new(1001), ..count };
    same("with more room", done(&count_in_turn(&world, narrow, 3..4).await?), 1)?;
    let tomorrow = Count { day: NOON.after(DAY).beijing_day(), ..count };
    same("tomorrow", done(&count_in_turn(&world, tomorrow, 4..5).await?), 1)
}

pub(super) async fn a_payout_is_counted_once_a_day(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &payouts(&[("oA", 100), ("oA", 100), ("oB", 100)])?).await?;
    let count = Count { user_count: 2, user: Fen::new(200), merchant: Fen::new(300), ..wide(NOON) };
    for _ in 0..5 {
        let payout = world.find("k0").await?;
        world.must_record(counted(&payout, count)).await?;
    }
    same("others of the day", done(&count_in_turn(&world, count, 1..3).await?), 2)?;
    // The next day begins at midnight in Beijing, and counts it anew.
    let evening: Timestamp = NOON.after(DAY / 2);
    let tomorrow = Count { day: evening.beijing_day(), user_count: 1, ..count };
    ensure(tomorrow.day != count.day, "the day turns at midnight")?;
    let payout = world.find("k0").await?;
    same("the day in which it is counted", payout.counted, Some(count.day))?;
    let version = world.must_record(counted(&payout, tomorrow)).await?;
    let after = world.find("k0").await?;
    same("the day in which it is counted then", (after.counted, after.version), (Some(tomorrow.day), version))?;
    let second = world.find("k1").await?;
    same("a second one of the payee", world.record(counted(&second, tomorrow)).await?, Recorded::PayeeFull)?;
    // A change without a count leaves it counted where it is.
    world.must_record(change(&after, after.standing.clone())).await?;
    same("the day after another change", world.find("k0").await?.counted, Some(tomorrow.day))
}

pub(super) async fn limits_hold_within_a_batch(ledger: Arc<dyn Ledger>) -> Checked {
    let of: Vec<_> = (0..12).map(|_| ("oA", 100)).chain((0..12).map(|_| ("oB", 100))).collect();
    let world = World::with(ledger, &payouts(&of)?).await?;
    let count = Count { user_count: 10, merchant: Fen::new(1500), ..wide(NOON) };
    let changes: Vec<_> = world.claim(24, NOON).await?.iter().map(|payout| counted(payout, count)).collect();
    same("claimed", changes.len(), 24)?;
    let answers = world.ledger.record(&changes).await?;
    let payee_full = answers.iter().filter(|answer| **answer == Recorded::PayeeFull).count();
    let merchant_full = answers.iter().filter(|answer| **answer == Recorded::MerchantFull).count();
    same("done", done(&answers), 15)?;
    same("for which payee or merchant has no room", payee_full + merchant_full, 9)?;
    ensure(payee_full >= 2, "the eleventh packet of a payee")?;
    let sending = world.ledger.list(&crate::payout::ledger::Filter::all(world.id()).phase(Phase::Sending), 100).await?;
    same("payouts that changed", sending.len(), 15)
}

pub(super) async fn limits_hold_for_changes_at_once(ledger: Arc<dyn Ledger>) -> Checked {
    let of: Vec<_> = (0..30).map(|_| ("oA", 100)).collect();
    let world = World::with(ledger, &payouts(&of)?).await?;
    let count = Count { user_count: 10, ..wide(NOON) };
    let changes: Vec<_> = world.claim(30, NOON).await?.iter().map(|payout| counted(payout, count)).collect();
    let writers = changes.chunks(3).map(|mine| {
        let (world, mine) = (world.clone(), mine.to_vec());
        async move {
            let mut answers = vec![];
            for change in mine {
                answers.extend(persist(|| world.ledger.record(std::slice::from_ref(&change))).await?);
            }
            Ok(answers)
        }
    });
    let answers: Vec<_> = at_once(writers).await?.into_iter().flatten().collect();
    let full = answers.iter().filter(|answer| **answer == Recorded::PayeeFull).count();
    same("done, and without room", (done(&answers), full), (10, 20))
}
