//! Campaigns and payouts are stored once, whole, and as they were given.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::world::{
    Checked, DAY, NOON, Problem, World, at, at_once, ensure, mch_id, new_campaign, new_payout, new_payouts,
    other_mch_id, persist, same, some,
};
use crate::error::{Error, ErrorKind};
use crate::ids::{AppId, BillNo};
use crate::money::Fen;
use crate::payout::ledger::{Comparison, Conflict, Filter, Ledger};
use crate::payout::record::{CampaignId, NewCampaign, Texts, Version};
use crate::payout::state::Standing;
use crate::redpack::Scene;

pub(super) async fn a_campaign_is_made_once(ledger: Arc<dyn Ledger>) -> Checked {
    same("campaigns of a new ledger", ledger.campaigns().await?.len(), 0)?;
    let new = new_campaign("春节 'one' \"two\"", mch_id()?)?;
    let made = ledger.campaign(&new, NOON).await?;
    let NewCampaign { name, mch_id, app_id, template } = new.clone();
    same("name", &made.name, &name)?;
    same("mch_id", &made.mch_id, &mch_id)?;
    same("app_id", &made.app_id, &app_id)?;
    same("template", &made.template, &template)?;
    same("created, ready and digest", (made.created, made.ready, &made.digest), (NOON, None, &None))?;
    same("the campaign of the same name", ledger.campaign(&new, at(60)).await?, made.clone())?;
    let second = ledger.campaign(&new_campaign("second", mch_id)?, at(60)).await?;
    let third = ledger.campaign(&new_campaign(&name, other_mch_id()?)?, at(60)).await?;
    ensure(third.id != made.id, "merchants may have campaigns of the same name")?;
    same("campaigns in their order", ledger.campaigns().await?, vec![made.clone(), second, third.clone()])?;
    ledger.ready(made.id, "d1", at(70)).await?;
    ledger.ready(made.id, "d2", at(80)).await?;
    let known = ledger.campaign(&new, at(90)).await?;
    same(
        "since when it is ready, and its last digest",
        (known.ready, known.digest),
        (Some(at(70)), Some("d2".into())),
    )?;
    let untouched = ledger.campaigns().await?.into_iter().find(|campaign| campaign.id == third.id);
    same("another campaign", untouched, Some(third))
}

pub(super) async fn a_campaign_that_differs_is_refused(ledger: Arc<dyn Ledger>) -> Checked {
    let new = new_campaign("spring", mch_id()?)?;
    let made = ledger.campaign(&new, NOON).await?;
    let mut other_app = new.clone();
    other_app.app_id = AppId::new("wx00f1e2d3c4b5a698")?;
    let mut other_wishing = new.clone();
    other_wishing.template.wishing.push('！');
    let mut other_scene = new.clone();
    other_scene.template.extra.scene_id = Some(Scene::GoodsPromotion);
    for (field, other) in [("app_id", other_app), ("wishing", other_wishing), ("scene_id", other_scene)] {
        let error = refusal("another campaign of this name", ledger.campaign(&other, NOON).await)?;
        let named = error.field().unwrap_or_default();
        ensure(named.ends_with(field), &format!("{field} differs, and the error names {named:?}"))?;
    }
    same("campaigns", ledger.campaigns().await?, vec![made])
}

fn refusal<T>(what: &str, result: Result<T, Error>) -> Checked<Error> {
    let error = some(what, result.err()).map_err(|_| Problem(format!("{what} was not refused")))?;
    same("the kind of the error", error.kind(), ErrorKind::Invalid)?;
    Ok(error)
}

pub(super) async fn a_payout_is_read_as_it_was_planned(ledger: Arc<dyn Ledger>) -> Checked {
    let mut new = new_payout("order-42", "oQx4r0Z1a2b3c4d5e6f7g8h9i0jk", 188)?;
    new.texts = Texts { wishing: Some("新年快乐".into()), remark: None, scene_id: Some(Scene::LuckyDraw) };
    let world = World::with(ledger, std::slice::from_ref(&new)).await?;
    let found = world.find("order-42").await?;
    same("campaign", found.campaign, world.id())?;
    same("mch_id", &found.mch_id, &mch_id()?)?;
    same("key", &found.key, &new.key)?;
    same("payee", &found.openid, &new.openid)?;
    same("amount", found.amount, new.amount)?;
    same("texts", &found.texts, &new.texts)?;
    same("number", &found.number, &new.number(&mch_id()?)?)?;
    same("standing", &found.standing, &Standing::planned(NOON))?;
    same("the day in which it is counted", found.counted, None)?;
    same("the payout by its id", &world.payout(found.id).await?, &found)?;
    let by_number = world.ledger.find_number(&mch_id()?, &found.number).await?;
    same("the payout by its number", by_number.as_ref(), Some(&found))?;
    same("the journal", world.ledger.journal(found.id).await?.len(), 0)?;

    let absent = [
        world.ledger.find(&mch_id()?, "order-43").await?,
        world.ledger.find(&other_mch_id()?, "order-42").await?,
        world.ledger.find_number(&mch_id()?, &BillNo::new("1510000001X")?).await?,
        world.ledger.find_number(&other_mch_id()?, &found.number).await?,
        world.ledger.payout(crate::payout::PayoutId(found.id.0 + 1000)).await?,
    ];
    ensure(absent.iter().all(Option::is_none), &format!("payouts that nobody planned: {absent:?}"))
}

pub(super) async fn a_key_is_stored_once(ledger: Arc<dyn Ledger>) -> Checked {
    let payouts = new_payouts(5)?;
    let world = World::with(ledger, &payouts[..3]).await?;
    let before = world.find("k0").await?;
    let again = world.ledger.add(world.id(), &payouts, at(60)).await?;
    same("planned again", again, Comparison { new: 2, known: 3, conflicts: vec![] })?;
    let other = World::of(world.ledger.clone(), "summer", mch_id()?).await?;
    let elsewhere = other.ledger.add(other.id(), &payouts, at(60)).await?;
    same("planned in another campaign", elsewhere, Comparison { new: 0, known: 5, conflicts: vec![] })?;
    same("what was stored first", world.find("k0").await?, before)?;
    same("payouts", world.ledger.list(&Filter::all(world.id()), 10).await?.len(), 5)?;
    same("payouts of the other campaign", world.ledger.list(&Filter::all(other.id()), 10).await?.len(), 0)
}

pub(super) async fn a_key_that_is_given_twice_is_stored_once(ledger: Arc<dyn Ledger>) -> Checked {
    let one = new_payout("twice", "o1", 100)?;
    let world = World::with(ledger, &[]).await?;
    let added = world.ledger.add(world.id(), &[one.clone(), one.clone()], NOON).await?;
    same("one key twice", added, Comparison { new: 1, known: 1, conflicts: vec![] })?;
    let pair = [new_payout("pair", "o1", 100)?, new_payout("pair", "o1", 101)?];
    let added = world.ledger.add(world.id(), &pair, NOON).await?;
    same("one key with two amounts", added.conflicts.len(), 1)?;
    same("its payout", world.ledger.find(&mch_id()?, "pair").await?, None)?;
    same("payouts", world.ledger.list(&Filter::all(world.id()), 10).await?.len(), 1)
}

pub(super) async fn keys_of_merchants_are_apart(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(1)?).await?;
    let other = World::of(world.ledger.clone(), "spring", other_mch_id()?).await?;
    let added = other.ledger.add(other.id(), &[new_payout("k0", "o9", 900)?], NOON).await?;
    same("the key of another merchant", added, Comparison { new: 1, known: 0, conflicts: vec![] })?;
    same("this one's amount", world.find("k0").await?.amount, Fen::new(100))?;
    same("that one's amount", other.find("k0").await?.amount, Fen::new(900))
}

pub(super) async fn a_conflict_stores_nothing(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &new_payouts(4)?).await?;
    let mut texts = new_payout("k2", "o2", 100)?;
    texts.texts.remark = Some("other".into());
    let given = [
        new_payout("new", "o5", 100)?,
        new_payout("k0", "o0", 101)?,
        new_payout("k3", "o3", 100)?,
        new_payout("k1", "o7", 100)?,
        texts,
        new_payout("newer", "o6", 100)?,
    ];
    let before = world.ledger.totals(world.id()).await?;
    let compared = world.ledger.compare(world.id(), &given).await?;
    let added = world.ledger.add(world.id(), &given, at(60)).await?;
    same("what comparing and adding found", &compared, &added)?;
    same("new and known ones", (added.new, added.known), (2, 1))?;
    let amount = Conflict {
        index: 1,
        key: "k0".into(),
        field: "amount",
        known: Fen::new(100).to_string(),
        given: Fen::new(101).to_string(),
    };
    same("the first conflict", added.conflicts.first(), Some(&amount))?;
    let fields: Vec<_> = added.conflicts.iter().map(|conflict| (conflict.index, conflict.field)).collect();
    same("the conflicts", fields, vec![(1, "amount"), (3, "openid"), (4, "texts")])?;
    for key in ["new", "newer"] {
        same(key, world.ledger.find(&mch_id()?, key).await?, None)?;
    }
    same("totals", world.ledger.totals(world.id()).await?, before)?;
    let corrected = [new_payout("new", "o5", 100)?];
    same("a new one alone", world.ledger.add(world.id(), &corrected, at(60)).await?.new, 1)
}

pub(super) async fn comparing_stores_nothing(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &[]).await?;
    let payouts = new_payouts(3)?;
    for _ in 0..2 {
        let compared = world.ledger.compare(world.id(), &payouts).await?;
        same("compared with nothing", compared, Comparison { new: 3, known: 0, conflicts: vec![] })?;
    }
    same("a compared key", world.ledger.find(&mch_id()?, "k0").await?, None)?;
    world.ledger.add(world.id(), &payouts[..1], NOON).await?;
    let compared = world.ledger.compare(world.id(), &payouts).await?;
    same("compared with one", compared, Comparison { new: 2, known: 1, conflicts: vec![] })?;
    same("nothing at all", world.ledger.add(world.id(), &[], NOON).await?, Comparison::default())
}

pub(super) async fn an_unknown_campaign_takes_nothing(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &[]).await?;
    let unknown = CampaignId(world.id().0 + 1000);
    ensure(world.ledger.add(unknown, &new_payouts(1)?, NOON).await.is_err(), "an unknown campaign took a payout")?;
    ensure(world.ledger.ready(unknown, "d", NOON).await.is_err(), "an unknown campaign became ready")?;
    same("its payout", world.ledger.find(&mch_id()?, "k0").await?, None)
}

pub(super) async fn large_batches_are_stored_whole(ledger: Arc<dyn Ledger>) -> Checked {
    let payouts = new_payouts(6000)?;
    let world = World::with(ledger, &payouts[..1]).await?;
    let added = world.ledger.add(world.id(), &payouts, NOON).await?;
    same("six thousand at once", added, Comparison { new: 5999, known: 1, conflicts: vec![] })?;
    let again = world.ledger.compare(world.id(), &payouts).await?;
    same("compared", again, Comparison { new: 0, known: 6000, conflicts: vec![] })?;
    let claimed = world.claim(10_000, NOON).await?;
    let keys: BTreeSet<_> = claimed.iter().map(|payout| payout.key.as_str()).collect();
    same("claimed", (claimed.len(), keys.len()), (6000, 6000))?;
    let given: Vec<_> = claimed.iter().map(|payout| (payout.id, payout.version)).collect();
    world.ledger.give_back(&given, NOON).await?;
    same("claimed again", world.claim(10_000, NOON).await?.len(), 6000)
}

/// NUL may be refused, since some stores cannot keep it; then nothing is stored.
pub(super) async fn odd_texts_survive(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &[]).await?;
    let long = "长".repeat(20_000);
    for key in ["春节/🧧", "it's", "\"quoted\"", "100%_", "a\\b\\n", " spaces ", "line\nline\r\n", "{}[]$1?", &long, ""]
    {
        let mut new = new_payout(key, "o1", 100)?;
        new.texts.wishing = Some(key.to_owned());
        world.ledger.add(world.id(), std::slice::from_ref(&new), NOON).await?;
        let found = world.find(key).await?;
        same("key and greeting", (&found.key, &found.texts), (&new.key, &new.texts))?;
    }
    let mut new = new_payout("nul\0nul", "o1", 100)?;
    new.texts.remark = Some("nul\0nul".into());
    let stored = world.ledger.add(world.id(), std::slice::from_ref(&new), NOON).await.is_ok();
    // A store that refuses it may refuse to look for it, too.
    let found = world.ledger.find(&mch_id()?, "nul\0nul").await.unwrap_or_default();
    let found = found.map(|payout| (payout.key, payout.texts));
    same("a key with NUL", found, stored.then_some((new.key, new.texts)))?;
    same("the key before NUL", world.ledger.find(&mch_id()?, "nul").await?, None)
}

pub(super) async fn the_same_payouts_planned_at_once_are_stored_once(ledger: Arc<dyn Ledger>) -> Checked {
    let world = World::with(ledger, &[]).await?;
    let payouts = new_payouts(200)?;
    let planners = (0..4).map(|_| {
        let (world, payouts) = (world.clone(), payouts.clone());
        async move {
            let mut new = 0;
            for batch in payouts.chunks(50) {
                new += persist(|| world.ledger.add(world.id(), batch, NOON)).await?.new;
            }
            Ok(new)
        }
    });
    let new: u64 = at_once(planners).await?.into_iter().sum();
    same("new ones, over all planners", new, 200)?;
    let listed = world.ledger.list(&Filter::all(world.id()), 1000).await?;
    same("payouts", listed.len(), 200)?;
    same("payouts with a later day", world.claim(1000, NOON.after(DAY)).await?.len(), 200)?;
    ensure(
        listed.iter().all(|payout| payout.version == Version::default() || payout.version.0 > 0),
        "negative versions",
    )
}
