//! Changes happen to the version that was read, whole or not at all.

use std::sync::Arc;

use super::world::{
    Checked, NOON, Problem, World, at, at_once, change, ensure, entry, mch_id, new_payouts, persist, same, settled,
    some, wide,
};
use crate::money::Fen;
use crate::payout::ledger::{Change, Ledger, Recorded};
use crate::payout::number::bill_no;
use crate::payout::record::{Entry, EntryKind, PayoutId, Version};
use crate::payout::state::{Action, Cause, Next, Phase, Proof, Standing};

const CAUSES: [Cause; 9] = [
    Cause::Failed,
    Cause::Payee,
    Cause::Risk,
    Cause::NumberTaken,
    Cause::AmountDiffers,
    Cause::WindowOver,
    Cause::HorizonOver,
    Cause::Contradiction,
    Cause::Person,
];

pub(super) async fn every_field_of_a_standing_survives(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(1)?).await?;
    let full = Standing {
        phase: Phase::Held,
        next: Some(Next::query(at(1))),
        generation: 3,
        attempts: 4_000_000_000,
        open: 5,
        queries: 6,
        first_attempt: Some(at(2)),
        last_attempt: Some(at(3)),
        accepted: Some(at(4)),
        stuck: true,
        alarmed: true,
        cause: Some(Cause::Risk),
        proof: Some(Proof::Dead),
        note: Some("风控 'held' \"today\"\n".into()),
        received: Fen::new(7),
        returned: Fen::new(8),
    };
    let mut standings = vec![
        full.clone(),
        Standing { next: None, stuck: false, ..full.clone() },
        Standing { alarmed: false, next: Some(Next::send(at(9))), note: Some(String::new()), ..full.clone() },
        Standing { first_attempt: None, last_attempt: None, ..full.clone() },
        Standing { accepted: None, note: None, proof: Some(Proof::Refusals), ..full.clone() },
        Standing { cause: None, proof: None, received: Fen::ZERO, ..full.clone() },
    ];
    standings.extend(Phase::ALL.map(|phase| Standing { phase, ..Standing::planned(at(5)) }));
    standings.extend(CAUSES.map(|cause| Standing { phase: Phase::Refused, cause: Some(cause), ..full.clone() }));
    let mut expected = world.find("k0").await?;
    for standing in standings {
        expected.version = world.must_record(change(&expected, standing.clone())).await?;
        expected.standing = standing;
        same("the payout after a change", &world.find("k0").await?, &expected)?;
    }
    Ok(())
}

pub(super) async fn a_stale_change_changes_nothing(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(3)?).await?;
    let (old, other, third) = (world.find("k0").await?, world.find("k1").await?, world.find("k2").await?);
    let claimed = world.claim(1, NOON).await?;
    same("claimed", claimed.first().map(|payout| payout.id), Some(old.id))?;
    let number = bill_no(&mch_id()?, "k0", 1)?;
    let mut stale = change(&old, Standing { generation: 1, ..settled(&old, Phase::Received) });
    stale.number = Some(number.clone());
    stale.count = Some(wide(NOON));
    let ahead = Change { version: Version(third.version.0 + 1), ..change(&third, settled(&third, Phase::Received)) };
    let unknown = Change { id: PayoutId(third.id.0 + 1000), ..change(&third, settled(&third, Phase::Received)) };
    let before = (world.payout(old.id).await?, world.payout(third.id).await?);
    let good = change(&other, settled(&other, Phase::Received));
    let recorded = world.ledger.record(&[stale, good, ahead, unknown]).await?;
    let stale: Vec<_> = recorded.iter().map(|recorded| *recorded == Recorded::Stale).collect();
    same("which of the changes are stale", stale, vec![true, false, true, true])?;
    same("the payouts", (world.payout(old.id).await?, world.payout(third.id).await?), before)?;
    same("the good one", world.payout(other.id).await?.standing.phase, Phase::Received)?;
    for (id, entries) in [(old.id, 0), (other.id, 1), (third.id, 0)] {
        same("entries in a journal", world.ledger.journal(id).await?.len(), entries)?;
    }
    same("the number of a stale change", world.ledger.find_number(&mch_id()?, &number).await?, None)
}

pub(super) async fn a_version_is_used_once(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(1)?).await?;
    let payout = world.find("k0").await?;
    let twice = [change(&payout, settled(&payout, Phase::Held)), change(&payout, settled(&payout, Phase::Received))];
    let recorded = world.ledger.record(&twice).await?;
    let [Recorded::Done(version), Recorded::Stale] = recorded.as_slice() else {
        return Err(Problem(format!("two changes of one version in one batch: {recorded:?}")));
    };
    let after = world.find("k0").await?;
    same("the payout", (after.standing.phase, after.version), (Phase::Held, *version))?;
    let again = world.record(change(&payout, settled(&payout, Phase::Received))).await?;
    same("the old version again", again, Recorded::Stale)?;
    same("no changes at all", world.ledger.record(&[]).await?, vec![])?;
    same("the journal", world.ledger.journal(payout.id).await?.len(), 1)
}

pub(super) async fn changes_at_once_happen_once(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(20)?).await?;
    let payouts = world.claim(20, NOON).await?;
    let writers = (0..6).map(|writer| {
        let (world, payouts) = (world.clone(), payouts.clone());
        async move {
            let mut done = 0;
            for payout in &payouts {
                let mut change = change(payout, settled(payout, Phase::Received));
                change.entry.by = format!("writer {writer}");
                let recorded = persist(|| world.ledger.record(std::slice::from_ref(&change))).await?;
                done += usize::from(matches!(recorded.as_slice(), [Recorded::Done(_)]));
            }
            Ok(done)
        }
    });
    let done: usize = at_once(writers).await?.into_iter().sum();
    same("changes that happened, over all writers", done, 20)?;
    for payout in &payouts {
        same("entries in a journal", world.ledger.journal(payout.id).await?.len(), 1)?;
    }
    Ok(())
}

pub(super) async fn what_is_settled_is_not_due(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(1)?).await?;
    let payout = some("a claim", world.claim(1, NOON).await?.pop())?;
    let version = world.must_record(change(&payout, settled(&payout, Phase::Received))).await?;
    let far = at(1_000_000_000);
    world.ledger.give_back(&[(payout.id, version)], at(1)).await?;
    for action in [Action::Send, Action::Query] {
        same("claimed", world.claim_for(action, 10, far).await?.len(), 0)?;
    }
    same("what is due", world.ledger.due(far).await?, vec![])?;
    same("when the next is due", world.first_due().await?, None)?;
    let settled = world.payout(payout.id).await?;
    same("what comes next", settled.standing.next, None)?;
    // A person may begin it anew.
    let again = Standing { phase: Phase::Planned, next: Some(Next::send(at(5))), ..settled.standing.clone() };
    world.must_record(change(&settled, again)).await?;
    same("claimed then", world.claim(10, at(5)).await?.len(), 1)
}

pub(super) async fn the_journal_keeps_its_order(ledger: Arc<dyn Ledger>) -> Checked {
    const KINDS: [EntryKind; 8] = [
        EntryKind::Begin,
        EntryKind::Answer,
        EntryKind::Late,
        EntryKind::Query,
        EntryKind::Deferred,
        EntryKind::Hold,
        EntryKind::Release,
        EntryKind::Permit,
    ];
    let world = World::with(ledger, &new_payouts(2)?).await?;
    let mut payout = world.find("k0").await?;
    let other = world.find("k1").await?;
    let mut expected = vec![];
    for (place, kind) in KINDS.into_iter().enumerate() {
        let number = u32::try_from(place).unwrap_or(0);
        let entry = Entry {
            // A clock may be set back; the order is that of the calls.
            at: at(100 - u64::from(number)),
            by: format!("李 #{place}"),
            kind,
            generation: number,
            attempt: number + 1,
            phase: Phase::ALL.get(place).copied().unwrap_or(Phase::Held),
            text: format!("'{place}' \"x\"\n余额"),
            raw: (place % 2 == 0).then(|| "<xml><![CDATA[失败]]></xml>".repeat(100)),
        };
        if place % 3 == 0 {
            let next = payout.standing.clone();
            payout.version = world.must_record(Change { entry: entry.clone(), ..change(&payout, next) }).await?;
        } else {
            let entries = [(payout.id, entry.clone()), (other.id, super::world::entry(Phase::Planned, "other"))];
            world.ledger.journalise(&entries).await?;
        }
        expected.push(entry);
        same("the journal", &world.ledger.journal(payout.id).await?, &expected)?;
    }
    let two = [(payout.id, entry(Phase::Held, "first")), (payout.id, entry(Phase::Held, "second"))];
    world.ledger.journalise(&two).await?;
    expected.extend(two.into_iter().map(|(_, entry)| entry));
    same("the journal", &world.ledger.journal(payout.id).await?, &expected)?;
    same("entries of the other payout", world.ledger.journal(other.id).await?.len(), 5)?;
    same("the version after entries alone", world.payout(payout.id).await?.version, payout.version)?;
    same("entries of an unknown payout", world.ledger.journal(PayoutId(other.id.0 + 1000)).await?.len(), 0)
}

pub(super) async fn a_new_number_leads_to_its_payout(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(2)?).await?;
    let mut payout = world.find("k0").await?;
    let mut numbers = vec![payout.number.clone()];
    for generation in 1..=3 {
        let number = bill_no(&mch_id()?, "k0", generation)?;
        let standing = Standing { generation, ..Standing::planned(at(1)) };
        let change = Change { number: Some(number.clone()), ..change(&payout, standing) };
        world.must_record(change).await?;
        numbers.push(number.clone());
        payout = world.find("k0").await?;
        same("its number", &payout.number, &number)?;
        for known in &numbers {
            let found = world.ledger.find_number(&mch_id()?, known).await?;
            same("the payout of a number", found.as_ref(), Some(&payout))?;
        }
    }
    let known = world.ledger.compare(world.id(), &new_payouts(1)?).await?;
    same("its key, compared", known.known, 1)?;
    let claimed = world.claim(10, at(1)).await?;
    let claimed = claimed.iter().find(|claimed| claimed.id == payout.id).map(|claimed| &claimed.number);
    same("its number when it is claimed", claimed, Some(&payout.number))
}

pub(super) async fn a_number_belongs_to_one_payout(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(3)?).await?;
    let payouts = [world.find("k0").await?, world.find("k1").await?, world.find("k2").await?];
    let [first, second, third] = &payouts;
    let given = bill_no(&mch_id()?, "k0", 1)?;
    let permit = |payout, number| Change {
        number: Some(number),
        ..change(payout, Standing { generation: 1, ..Standing::planned(at(1)) })
    };
    world.must_record(permit(first, given.clone())).await?;
    let before = (world.payout(second.id).await?, world.payout(third.id).await?);
    for taken in [given.clone(), first.number.clone(), third.number.clone()] {
        let good = change(third, settled(third, Phase::Held));
        let result = world.ledger.record(&[good, permit(second, taken.clone())]).await;
        ensure(result.is_err(), "a number of another payout was given to a second one")?;
        let after = (world.payout(second.id).await?, world.payout(third.id).await?);
        same("the payouts after a refused batch", &after, &before)?;
        same("entries after a refused batch", world.ledger.journal(third.id).await?.len(), 0)?;
    }
    let owner = world.ledger.find_number(&mch_id()?, &given).await?.map(|payout| payout.id);
    same("whose the number is", owner, Some(first.id))
}
