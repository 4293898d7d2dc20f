//! Claims hand each payout to one caller, in order, and end.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::world::{
    Checked, NOON, World, at, at_once, change, ensure, entry, mch_id, new_campaign, new_payout, new_payouts,
    other_mch_id, persist, same, settled, some,
};
use crate::clock::Timestamp;
use crate::payout::ledger::{Change, Claim, Due, Ledger, Recorded};
use crate::payout::record::{Payout, PayoutId, Version};
use crate::payout::state::{Action, Next, Phase, Standing};

pub(super) async fn nothing_is_handed_out_before_its_campaign_is_ready(ledger: Arc<dyn Ledger>) -> Checked {
    let campaign = ledger.campaign(&new_campaign("spring", mch_id()?)?, NOON).await?;
    ledger.add(campaign.id, &new_payouts(2)?, NOON).await?;
    let world = World { ledger, campaign };
    same("what is due", world.ledger.due(at(60)).await?, vec![])?;
    same("when the next is due", world.first_due().await?, None)?;
    same("claimed", world.claim(10, at(60)).await?.len(), 0)?;
    world.ledger.ready(world.id(), "digest", at(60)).await?;
    let due = Due { mch_id: mch_id()?, campaign: world.id(), action: Action::Send };
    same("what is due when it is ready", world.ledger.due(at(60)).await?, vec![due])?;
    same("when the next is due then", world.first_due().await?, Some(NOON))?;
    // What is planned into a ready campaign is due at once.
    world.ledger.add(world.id(), &[new_payout("late", "o9", 100)?], at(61)).await?;
    same("claimed", world.claim(10, at(61)).await?.len(), 3)
}

pub(super) async fn nothing_is_handed_out_before_it_is_due(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(1)?).await?;
    let early = Timestamp::from_unix_millis(NOON.unix_millis() - 1);
    same("what is due too early", world.ledger.due(early).await?, vec![])?;
    same("claimed too early", world.claim(10, early).await?.len(), 0)?;
    same("claimed for another action", world.claim_for(Action::Query, 10, NOON).await?.len(), 0)?;
    same("what is due", world.ledger.due(NOON).await?.len(), 1)?;
    same("claimed", world.claim(10, NOON).await?.len(), 1)
}

pub(super) async fn a_claim_lasts_until_its_end(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(3)?).await?;
    let planned = world.find("k0").await?;
    let until = at(130);
    let mut claim = Claim { campaign: world.id(), action: Action::Send, limit: 10, now: at(10), until };
    let first = world.ledger.claim(&claim).await?;
    same("claimed", first.len(), 3)?;
    for payout in &first {
        same("the next action of what was claimed", payout.standing.next, Some(Next::send(at(10))))?;
        let stored = world.payout(payout.id).await?;
        same("the stored version", stored.version, payout.version)?;
        // Until when it is claimed may show there, and nothing else.
        let stored = Payout { standing: Standing { next: payout.standing.next, ..stored.standing }, ..stored };
        same("what was claimed", payout, &stored)?;
    }
    let held = some("the first payout", first.iter().find(|payout| payout.id == planned.id))?;
    ensure(held.version > planned.version, "a claim must give a higher version")?;
    let untouched = Standing { next: held.standing.next, ..planned.standing };
    same("where a claimed payout stands", &held.standing, &untouched)?;

    let last = Timestamp::from_unix_millis(until.unix_millis() - 1);
    same("what is due meanwhile", world.ledger.due(last).await?, vec![])?;
    same("when the next is due", world.first_due().await?, Some(until))?;
    claim = Claim { now: last, until: at(300), ..claim };
    same("claimed meanwhile", world.ledger.claim(&claim).await?.len(), 0)?;
    claim = Claim { now: until, ..claim };
    let second = world.ledger.claim(&claim).await?;
    same("claimed when it is over", second.len(), 3)?;
    let newer = |payout: &Payout| first.iter().any(|old| old.id == payout.id && old.version < payout.version);
    ensure(second.iter().all(newer), "each claim must give a higher version")
}

pub(super) async fn a_claim_takes_no_more_than_it_asks_for(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(5)?).await?;
    same("a claim of none", world.claim(0, NOON).await?.len(), 0)?;
    let counts = [world.claim(2, NOON).await?, world.claim(2, NOON).await?, world.claim(2, NOON).await?];
    same("claims of two", counts.map(|claimed| claimed.len()), [2, 2, 1])
}

pub(super) async fn the_longest_waiting_come_first(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(6)?).await?;
    let delays = [50, 10, 40, 20, 60, 30];
    for (payout, delay) in world.claim(10, NOON).await?.iter().zip(delays) {
        let standing = Standing { next: Some(Next::send(at(delay))), ..payout.standing.clone() };
        let mut change = change(payout, standing);
        change.entry.attempt = u32::try_from(delay).unwrap_or(0);
        world.must_record(change).await?;
    }
    same("when the first is due", world.first_due().await?, Some(at(10)))?;
    let mut order = vec![];
    for limit in [2, 3, 10] {
        for payout in world.claim(limit, at(55)).await? {
            let journal = world.ledger.journal(payout.id).await?;
            order.push(some("an entry", journal.first())?.attempt);
        }
    }
    same("the order of claims, by when they were due", order, vec![10, 20, 30, 40, 50])
}

pub(super) async fn claims_keep_campaigns_and_actions_apart(ledger: Arc<dyn Ledger>) -> Checked {
    let spring = World::with(ledger.clone(), &new_payouts(4)?).await?;
    let summer = World::of(ledger, "summer", other_mch_id()?).await?;
    summer.ledger.add(summer.id(), &new_payouts(3)?, NOON).await?;
    for payout in spring.claim(2, NOON).await? {
        let standing = Standing { phase: Phase::Accepted, next: Some(Next::query(at(5))), ..payout.standing.clone() };
        spring.must_record(change(&payout, standing)).await?;
    }
    let mut firsts = spring.ledger.next_due().await?;
    firsts.sort_by_key(|(due, _)| (due.campaign, due.action));
    let mut due = spring.ledger.due(at(5)).await?;
    due.sort_by_key(|due| (due.campaign, due.action));
    let expected = [
        Due { mch_id: mch_id()?, campaign: spring.id(), action: Action::Send },
        Due { mch_id: mch_id()?, campaign: spring.id(), action: Action::Query },
        Due { mch_id: other_mch_id()?, campaign: summer.id(), action: Action::Send },
    ];
    same("what is due", &due, &expected.to_vec())?;
    let expected: Vec<_> = due.into_iter().zip([NOON, at(5), NOON]).collect();
    same("when the first of each is due", firsts, expected)?;
    let queries = spring.claim_for(Action::Query, 10, at(5)).await?;
    ensure(queries.iter().all(|payout| payout.standing.phase == Phase::Accepted), "a send came as a query")?;
    let sends = spring.claim(10, at(5)).await?;
    let others = summer.claim(10, at(5)).await?;
    same("claimed", (queries.len(), sends.len(), others.len()), (2, 2, 3))?;
    ensure(others.iter().all(|payout| payout.campaign == summer.id()), "a payout of another campaign was claimed")?;
    same("what is due then", spring.ledger.due(at(5)).await?, vec![])
}

pub(super) async fn an_earlier_holder_is_fenced(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(1)?).await?;
    let first = some("a claim", world.claim(1, NOON).await?.pop())?;
    let second = some("a claim when the first is over", world.claim(1, at(120)).await?.pop())?;
    let before = world.payout(first.id).await?;
    let late = Change { entry: entry(Phase::Refused, "late"), ..change(&first, settled(&first, Phase::Refused)) };
    same("a change of the earlier holder", world.record(late).await?, Recorded::Stale)?;
    world.ledger.give_back(&[(first.id, first.version)], at(121)).await?;
    same("the payout", world.payout(first.id).await?, before)?;
    same("the journal", world.ledger.journal(first.id).await?.len(), 0)?;
    same("claimed from the second holder", world.claim(1, at(121)).await?.len(), 0)?;
    world.must_record(change(&second, settled(&second, Phase::Received))).await?;
    same("where it stands", world.payout(first.id).await?.standing.phase, Phase::Received)
}

pub(super) async fn what_is_given_back_is_due_at_once(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(3)?).await?;
    let claimed = world.claim(3, NOON).await?;
    let given: Vec<_> = claimed.iter().take(2).map(|payout| (payout.id, payout.version)).collect();
    world.ledger.give_back(&given, at(7)).await?;
    same("when the next is due", world.first_due().await?, Some(at(7)))?;
    same("claimed before", world.claim(10, at(6)).await?.len(), 0)?;
    let again = world.claim(10, at(7)).await?;
    let mut ids: Vec<_> = again.iter().map(|payout| payout.id).collect();
    ids.sort();
    let mut expected: Vec<_> = given.iter().map(|(id, _)| *id).collect();
    expected.sort();
    same("claimed again", ids, expected)?;
    for payout in claimed.iter().take(2) {
        let stale = world.record(change(payout, settled(payout, Phase::Refused))).await?;
        same("a change by whoever gave it back", stale, Recorded::Stale)?;
    }
    world.ledger.give_back(&[], at(8)).await?;
    Ok(())
}

pub(super) async fn what_was_claimed_since_is_not_given_back(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(2)?).await?;
    let claimed = world.claim(2, NOON).await?;
    let [changed, kept] = claimed.as_slice() else { return same("claimed", claimed.len(), 2) };
    world.must_record(change(changed, settled(changed, Phase::Received))).await?;
    let both = [(changed.id, changed.version), (kept.id, kept.version)];
    world.ledger.give_back(&both, at(1)).await?;
    let after = world.payout(changed.id).await?;
    same("what changed meanwhile", (after.standing.phase, after.standing.next), (Phase::Received, None))?;
    let again = world.claim(10, at(1)).await?;
    same("claimed", again.iter().map(|payout| payout.id).collect(), vec![kept.id])?;
    // Twice is as good as once, and unknown ones do no harm.
    world.ledger.give_back(&both, at(2)).await?;
    world.ledger.give_back(&[(PayoutId(kept.id.0 + 1000), Version(0))], at(2)).await?;
    same("claimed from a holder", world.claim(10, at(2)).await?.len(), 0)
}

pub(super) async fn claims_at_once_hand_out_each_payout_once(ledger: Arc<dyn Ledger>) -> Checked {
    const COUNT: usize = 300;
    let world = World::with(ledger, &new_payouts(COUNT)?).await?;
    let workers = (0..8).map(|_| {
        let world = world.clone();
        async move {
            let claim = Claim { campaign: world.id(), action: Action::Send, limit: 7, now: NOON, until: at(120) };
            let mut mine = vec![];
            loop {
                let claimed = persist(|| world.ledger.claim(&claim)).await?;
                if claimed.is_empty() {
                    return Ok(mine);
                }
                ensure(claimed.len() <= 7, "a claim gave more than it was asked for")?;
                mine.extend(claimed);
                tokio::task::yield_now().await;
            }
        }
    });
    let mut claimed: Vec<Payout> = at_once(workers).await?.into_iter().flatten().collect();
    // A store may pass over what another one is just taking.
    claimed.extend(world.claim(COUNT, NOON).await?);
    let mut holders: BTreeMap<PayoutId, usize> = BTreeMap::new();
    for payout in &claimed {
        *holders.entry(payout.id).or_default() += 1;
    }
    same("payouts that were handed out", holders.len(), COUNT)?;
    let twice = holders.values().filter(|count| **count > 1).count();
    same("payouts that were handed out twice", twice, 0)?;
    let changes: Vec<_> = claimed.iter().map(|payout| change(payout, settled(payout, Phase::Received))).collect();
    let recorded = world.ledger.record(&changes).await?;
    ensure(recorded.iter().all(|done| matches!(done, Recorded::Done(_))), "a holder's change was refused")
}
