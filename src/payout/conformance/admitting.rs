//! Payouts that come with a limit for their payee. A ledger may say that it does
//! not count this; then it stores nothing.

use std::sync::Arc;

use super::world::{Checked, NOON, World, at_once, mch_id, new_payout, other_mch_id, persist, same, some};
use crate::error::{Error, ErrorKind};
use crate::payout::ledger::{Admission, Filter, Ledger};
use crate::payout::record::NewPayout;

/// `None` from a ledger that does not count.
fn counted(answer: Result<Admission, Error>) -> Checked<Option<Admission>> {
    match answer {
        Err(error) if error.kind() == ErrorKind::Invalid => Ok(None),
        answer => Ok(Some(answer?)),
    }
}

async fn counts(world: &World) -> Checked<bool> {
    let probe = new_payout("probe", "oProbe", 100)?;
    let answer = counted(world.ledger.admit(world.id(), &probe, 1, NOON).await)?;
    let stored = world.ledger.find(&world.campaign.mch_id, "probe").await?;
    same("whether the first of a payee is stored", stored.is_some(), answer.is_some())?;
    same("the first of a payee", answer.clone().unwrap_or(Admission::New), Admission::New)?;
    Ok(answer.is_some())
}

async fn admit(world: &World, payout: &NewPayout, most: u32) -> Checked<Admission> {
    Ok(world.ledger.admit(world.id(), payout, most, NOON).await?)
}

pub(super) async fn a_payees_admissions_are_limited(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &[new_payout("added", "oA", 100)?]).await?;
    if !counts(&world).await? {
        return Ok(());
    }
    let of = |key: &str| new_payout(key, "oA", 100);
    same("where none is granted", admit(&world, &of("a0")?, 0).await?, Admission::Full)?;
    same("the first beside one that was added", admit(&world, &of("a1")?, 2).await?, Admission::New)?;
    same("a known one", admit(&world, &of("a1")?, 2).await?, Admission::Known)?;
    same("the second", admit(&world, &of("a2")?, 2).await?, Admission::New)?;
    same("the third", admit(&world, &of("a3")?, 2).await?, Admission::Full)?;
    same("a known one of a payee who has all", admit(&world, &of("a2")?, 2).await?, Admission::Known)?;
    same("one that was added before", admit(&world, &of("added")?, 2).await?, Admission::Known)?;
    let other = admit(&world, &new_payout("a2", "oA", 101)?, 9).await?;
    let Admission::Conflict(conflict) = other else {
        return same("a known key with another amount", Some(other), None);
    };
    same("the conflict", (conflict.key.as_str(), conflict.field), ("a2", "amount"))?;
    same("with more room", admit(&world, &of("a3")?, 3).await?, Admission::New)?;
    same("another payee's", admit(&world, &new_payout("b1", "oB", 100)?, 1).await?, Admission::New)?;

    let summer = World::of(world.ledger.clone(), "summer", mch_id()?).await?;
    same("of another campaign", admit(&summer, &of("s1")?, 1).await?, Admission::New)?;
    let other = World::of(world.ledger.clone(), "spring", other_mch_id()?).await?;
    same("of another merchant", admit(&other, &of("a1")?, 1).await?, Admission::New)?;

    same("one that found no room", world.ledger.find(&mch_id()?, "a0").await?, None)?;
    let added = world.ledger.add(world.id(), &[of("a4")?], NOON).await?;
    same("one that is added without a limit", added.new, 1)?;
    let admitted = world.find("a1").await?;
    same(
        "an admitted one by its number",
        world.ledger.find_number(&mch_id()?, &admitted.number).await?,
        Some(admitted),
    )?;
    let totals = world.ledger.totals(world.id()).await?;
    // added, probe, a1, a2, a3, b1, a4
    same("payouts", some("totals", totals.first())?.count, 7)?;
    same("claimed", world.claim(100, NOON).await?.len(), 7)
}

pub(super) async fn admissions_at_once_never_pass_the_limit(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &[]).await?;
    if !counts(&world).await? {
        return Ok(());
    }
    let callers = (0..8).map(|caller| {
        let world = world.clone();
        async move {
            let mut new = 0;
            for n in 0..4 {
                let payout = new_payout(&format!("k{caller}-{n}"), "oA", 100)?;
                let answer = persist(|| world.ledger.admit(world.id(), &payout, 5, NOON)).await?;
                new += usize::from(answer == Admission::New);
            }
            Ok(new)
        }
    });
    let new: usize = at_once(callers).await?.into_iter().sum();
    same("admitted, over all callers", new, 5)?;
    let listed = world.ledger.list(&Filter::all(world.id()), 100).await?;
    same("payouts of the payee", listed.iter().filter(|payout| payout.openid.as_str() == "oA").count(), 5)
}
