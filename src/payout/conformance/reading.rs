//! Lists, counts and sums tell what is there.

use std::sync::Arc;
use std::time::Duration;

use super::world::{Checked, NOON, World, at, change, ensure, mch_id, new_payout, new_payouts, same, some, wide};
use crate::money::Fen;
use crate::payout::ledger::{Change, Filter, Ledger, Total};
use crate::payout::record::CampaignId;
use crate::payout::state::{Cause, Phase, Standing};

pub(super) async fn lists_come_in_pages(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(25)?).await?;
    let other = World::of(world.ledger.clone(), "summer", mch_id()?).await?;
    other.ledger.add(other.id(), &[new_payout("other", "o1", 100)?], NOON).await?;
    world.ledger.add(world.id(), &[new_payout("last", "o1", 100)?], NOON).await?;
    let mut filter = Filter::all(world.id());
    let (mut sizes, mut listed) = (vec![], vec![]);
    loop {
        let page = world.ledger.list(&filter, 10).await?;
        sizes.push(page.len());
        let Some(last) = page.last() else { break };
        filter.after = Some(last.id);
        listed.extend(page);
    }
    same("pages of ten", sizes, vec![10, 10, 6, 0])?;
    ensure(listed.windows(2).all(|pair| pair[0].id < pair[1].id), "a list must be in the order of ids")?;
    let whole = world.ledger.list(&Filter::all(world.id()), usize::MAX).await?;
    same("all at once", &whole, &listed)?;
    same("none", world.ledger.list(&Filter::all(world.id()), 0).await?.len(), 0)?;
    for payout in whole.iter().take(3) {
        same("a listed payout", payout, &world.payout(payout.id).await?)?;
    }
    let keys: Vec<_> = other.ledger.list(&Filter::all(other.id()), 10).await?;
    same("the other campaign", keys.iter().map(|payout| payout.key.as_str()).collect(), vec!["other"])?;
    let unknown = Filter::all(CampaignId(other.id().0 + 1000));
    same("an unknown campaign", world.ledger.list(&unknown, 10).await?.len(), 0)
}

pub(super) async fn lists_are_filtered(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(21)?).await?;
    for (n, payout) in world.ledger.list(&Filter::all(world.id()), 100).await?.iter().enumerate() {
        let phase = some("a phase", Phase::ALL.get(n % 7).copied())?;
        let standing = Standing { phase, alarmed: n % 2 == 0, ..payout.standing.clone() };
        world.must_record(change(payout, standing)).await?;
    }
    for phase in Phase::ALL {
        let filter = Filter::all(world.id()).phase(phase);
        let listed = world.ledger.list(&filter, 100).await?;
        same("payouts of a phase", listed.len(), 3)?;
        ensure(listed.iter().all(|payout| payout.standing.phase == phase), "a list has another phase")?;
        let alarmed = world.ledger.list(&Filter { alarmed: true, ..filter }, 100).await?;
        let expected: Vec<_> = listed.iter().filter(|payout| payout.standing.alarmed).cloned().collect();
        same("alarmed ones of the phase", &alarmed, &expected)?;
        let rest = world.ledger.list(&Filter { after: Some(listed[0].id), ..filter }, 100).await?;
        same("those behind the first", rest.as_slice(), &listed[1..])?;
    }
    let alarmed = world.ledger.list(&Filter { alarmed: true, ..Filter::all(world.id()) }, 100).await?;
    same("alarmed ones", alarmed.len(), 11)
}

pub(super) async fn totals_add_up(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &[]).await?;
    same("totals of an empty campaign", world.ledger.totals(world.id()).await?, vec![])?;
    let mut payouts = vec![];
    for n in 0..40_i64 {
        payouts.push(new_payout(&format!("k{n}"), &format!("o{n}"), 100 + n)?);
    }
    world.ledger.add(world.id(), &payouts, NOON).await?;
    let other = World::of(world.ledger.clone(), "summer", mch_id()?).await?;
    other.ledger.add(other.id(), &[new_payout("other", "o1", 5)?], NOON).await?;
    compare_totals(&world).await?;
    let causes = [None, Some(Cause::Risk), Some(Cause::Payee)];
    for round in 0..3_usize {
        for (n, payout) in world.ledger.list(&Filter::all(world.id()), 100).await?.iter().enumerate() {
            let mut standing = payout.standing.clone();
            standing.phase = some("a phase", Phase::ALL.get((n + round) % 7).copied())?;
            standing.cause = causes[(n * (round + 1)) % 3];
            standing.attempts = u32::try_from(n + round).unwrap_or(0);
            standing.alarmed = (n + round) % 4 == 0;
            standing.received = Fen::new(i64::try_from(n).unwrap_or(0));
            standing.returned = if round == 1 { Fen::ZERO } else { payout.amount };
            world.must_record(Change { count: Some(wide(NOON)), ..change(payout, standing) }).await?;
        }
        compare_totals(&world).await?;
    }
    // Neither stale changes nor claims nor known payouts count.
    world.ledger.add(world.id(), &payouts, at(60)).await?;
    let first = some("a payout", world.ledger.list(&Filter::all(world.id()), 1).await?.pop())?;
    let stale = Standing { phase: Phase::Received, ..first.standing.clone() };
    world.must_record(change(&first, stale.clone())).await?;
    world.record(change(&first, Standing { phase: Phase::Held, ..stale })).await?;
    world.claim(5, at(60)).await?;
    compare_totals(&world).await?;
    same("payouts of the other campaign", other.ledger.totals(other.id()).await?.iter().map(|t| t.count).sum(), 1)
}

/// Totals are what adding up the list gives.
async fn compare_totals(world: &World) -> Checked {
    let mut expected: Vec<Total> = vec![];
    for payout in world.ledger.list(&Filter::all(world.id()), 1000).await? {
        let standing = &payout.standing;
        let known = expected.iter().position(|total| (total.phase, total.cause) == (standing.phase, standing.cause));
        let place = known.unwrap_or(expected.len());
        if known.is_none() {
            expected.push(Total {
                phase: standing.phase,
                cause: standing.cause,
                count: 0,
                amount: Fen::ZERO,
                received: Fen::ZERO,
                returned: Fen::ZERO,
                attempts: 0,
                alarmed: 0,
            });
        }
        let total = &mut expected[place];
        let sum = |sum: Fen, fen| some("a sum", sum.checked_add(fen));
        total.count += 1;
        total.amount = sum(total.amount, payout.amount)?;
        total.received = sum(total.received, standing.received)?;
        total.returned = sum(total.returned, standing.returned)?;
        total.attempts += u64::from(standing.attempts);
        total.alarmed += u64::from(standing.alarmed);
    }
    let mut totals = world.ledger.totals(world.id()).await?;
    for list in [&mut totals, &mut expected] {
        list.sort_by_key(|total| (total.phase, total.cause));
    }
    same("totals", totals, expected)
}

pub(super) async fn acceptances_are_counted_by_time(ledger: Arc<dyn Ledger>) -> Checked {
    let seconds = [3, 5, 61, 62, 62, 200, 3605];
    let world = World::with(ledger, &new_payouts(seconds.len() + 1)?).await?;
    let stretch = Duration::from_secs(60);
    same("before any", world.ledger.accepted(world.id(), stretch).await?, vec![])?;
    for (n, seconds) in seconds.into_iter().enumerate() {
        let payout = world.find(&format!("k{n}")).await?;
        let accepted = Some(at(seconds));
        let standing = Standing { phase: Phase::Accepted, accepted, ..payout.standing.clone() };
        world.must_record(change(&payout, standing)).await?;
    }
    // Opened is accepted still.
    let payout = world.find("k0").await?;
    world.must_record(change(&payout, Standing { phase: Phase::Received, ..payout.standing.clone() })).await?;
    let counted = world.ledger.accepted(world.id(), stretch).await?;
    let total: u64 = counted.iter().map(|(_, count)| count).sum();
    same("accepted in all", total, u64::try_from(seconds.len()).unwrap_or(0))?;
    ensure(counted.windows(2).all(|pair| pair[0].0.after(stretch) <= pair[1].0), "stretches are not in order")?;
    for (start, count) in counted {
        let within = |seconds: &&u64| (start..start.after(stretch)).contains(&at(**seconds));
        let expected = seconds.iter().filter(within).count();
        same("accepted in a stretch", count, u64::try_from(expected).unwrap_or(0))?;
        ensure(count > 0, "stretches without any are left out")?;
    }
    let other = World::of(world.ledger.clone(), "summer", mch_id()?).await?;
    same("of another campaign", other.ledger.accepted(other.id(), stretch).await?, vec![])
}
