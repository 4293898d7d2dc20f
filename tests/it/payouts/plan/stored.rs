//! Plans and a ledger: the whole is compared, then stored, then ready.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hongbao::clock::Timestamp;
use hongbao::payout::ledger::{Change, Claim, Comparison, Conflict, Due, Filter, Recorded, Slots, Total, unusable};
use hongbao::payout::plan::{Failure, Plan, Source, Stage};
use hongbao::payout::state::{Gate, Standing};
use hongbao::payout::{Campaign, CampaignId, Entry, Ledger, NewCampaign, NewPayout, Payout, PayoutId, Sqlite, Version};
use hongbao::{BillNo, Error, Fen, MchId, Result};

use super::{A, B, made, options, read, source};

/// As much of a ledger as planning needs, in memory; the rest answers that it
/// cannot be used.
#[derive(Default)]
pub(crate) struct Shelf {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    campaigns: Vec<Campaign>,
    payouts: Vec<(CampaignId, NewPayout)>,
    places: HashMap<String, usize>,
    /// How many writes succeed until the store is lost.
    until_lost: Option<usize>,
}

impl Kept {
    fn write(&mut self) -> Result<()> {
        match &mut self.until_lost {
            Some(0) => Err(unusable("the store is lost", "find it")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn comparison(&self, payouts: &[NewPayout]) -> Comparison {
        let mut comparison = Comparison::default();
        for (index, payout) in payouts.iter().enumerate() {
            let Some(place) = self.places.get(&payout.key) else {
                comparison.new += 1;
                continue;
            };
            let (campaign, known) = &self.payouts[*place];
            match Conflict::between(index, &whole(*campaign, known), payout) {
                Some(conflict) => comparison.conflicts.push(conflict),
                None => comparison.known += 1,
            }
        }
        comparison
    }
}

fn whole(campaign: CampaignId, new: &NewPayout) -> Payout {
    let mch_id: MchId = "1510000001".parse().unwrap();
    Payout {
        id: PayoutId(0),
        campaign,
        number: new.number(&mch_id).unwrap(),
        mch_id,
        key: new.key.clone(),
        openid: new.openid.clone(),
        amount: new.amount,
        texts: new.texts.clone(),
        version: Version(0),
        standing: Standing::planned(Timestamp::from_unix(0)),
        counted: None,
    }
}

impl Shelf {
    pub(crate) fn payouts(&self) -> Vec<NewPayout> {
        self.kept.lock().unwrap().payouts.iter().map(|(_, payout)| payout.clone()).collect()
    }

    fn campaign_of(&self, name: &str) -> Option<Campaign> {
        self.kept.lock().unwrap().campaigns.iter().find(|known| known.name == name).cloned()
    }

    fn lose_after(&self, writes: Option<usize>) {
        self.kept.lock().unwrap().until_lost = writes;
    }
}

fn not_here() -> Error {
    unusable("not on this shelf", "")
}

#[async_trait]
impl Ledger for Shelf {
    async fn campaign(&self, new: &NewCampaign, now: Timestamp) -> Result<Campaign> {
        let mut kept = self.kept.lock().unwrap();
        kept.write()?;
        if let Some(known) = kept.campaigns.iter().find(|known| known.name == new.name) {
            return Ok(known.clone());
        }
        let id = CampaignId(i64::try_from(kept.campaigns.len()).unwrap());
        kept.campaigns.push(Campaign::new(id, new.clone(), now));
        Ok(kept.campaigns.last().unwrap().clone())
    }

    async fn campaigns(&self) -> Result<Vec<Campaign>> {
        Ok(self.kept.lock().unwrap().campaigns.clone())
    }

    async fn ready(&self, campaign: CampaignId, digest: &str, now: Timestamp) -> Result<()> {
        let mut kept = self.kept.lock().unwrap();
        kept.write()?;
        let known = kept.campaigns.iter_mut().find(|known| known.id == campaign).unwrap();
        known.ready = Some(now);
        known.digest = Some(digest.to_owned());
        Ok(())
    }

    async fn compare(&self, _: CampaignId, payouts: &[NewPayout]) -> Result<Comparison> {
        Ok(self.kept.lock().unwrap().comparison(payouts))
    }

    async fn add(&self, campaign: CampaignId, payouts: &[NewPayout], _: Timestamp) -> Result<Comparison> {
        let mut kept = self.kept.lock().unwrap();
        kept.write()?;
        let comparison = kept.comparison(payouts);
        if comparison.conflicts.is_empty() {
            for payout in payouts {
                let place = kept.payouts.len();
                if !kept.places.contains_key(&payout.key) {
                    kept.places.insert(payout.key.clone(), place);
                    kept.payouts.push((campaign, payout.clone()));
                }
            }
        }
        Ok(comparison)
    }

    async fn due(&self, _: Timestamp) -> Result<Vec<Due>> {
        Err(not_here())
    }

    async fn next_due(&self) -> Result<Vec<(Due, Timestamp)>> {
        Err(not_here())
    }

    async fn claim(&self, _: &Claim) -> Result<Vec<Payout>> {
        Err(not_here())
    }

    async fn give_back(&self, _: &[(PayoutId, Version)], _: Timestamp) -> Result<()> {
        Err(not_here())
    }

    async fn record(&self, _: &[Change]) -> Result<Vec<Recorded>> {
        Err(not_here())
    }

    async fn journalise(&self, _: &[(PayoutId, Entry)]) -> Result<()> {
        Err(not_here())
    }

    async fn reserve(&self, _: &MchId, _: u32, _: u32, _: Timestamp) -> Result<Slots> {
        Err(not_here())
    }

    async fn gate(&self, _: &MchId) -> Result<(Gate, Version)> {
        Err(not_here())
    }

    async fn set_gate(&self, _: &MchId, _: Version, _: &Gate) -> Result<bool> {
        Err(not_here())
    }

    async fn payout(&self, _: PayoutId) -> Result<Option<Payout>> {
        Err(not_here())
    }

    async fn find(&self, _: &MchId, _: &str) -> Result<Option<Payout>> {
        Err(not_here())
    }

    async fn find_number(&self, _: &MchId, _: &BillNo) -> Result<Option<Payout>> {
        Err(not_here())
    }

    async fn journal(&self, _: PayoutId) -> Result<Vec<Entry>> {
        Err(not_here())
    }

    async fn list(&self, _: &Filter, _: usize) -> Result<Vec<Payout>> {
        Err(not_here())
    }

    async fn totals(&self, _: CampaignId) -> Result<Vec<Total>> {
        Err(not_here())
    }

    async fn accepted(&self, _: CampaignId, _: Duration) -> Result<Vec<(Timestamp, u64)>> {
        Err(not_here())
    }
}

fn now() -> Timestamp {
    "2025-03-18 08:00:00".parse().unwrap()
}

fn csv(lines: &[(&str, &str)]) -> String {
    let lines = lines.iter().map(|(openid, amount)| format!("{openid},{amount}\n"));
    format!("openid,amount\n{}", lines.collect::<String>())
}

fn problems(failure: Failure) -> String {
    let Failure::Problems(problems) = failure else { panic!("{failure}") };
    problems.to_string()
}

#[tokio::test]
async fn a_dry_run_stores_nothing_and_tells_the_same() {
    let shelf = Shelf::default();
    let plan = read("a.csv", csv(&[(A, "1.88"), (B, "2.00")])).unwrap();
    let dry = plan.compare(&shelf, &mut |_, _| {}).await.unwrap();
    assert_eq!((dry.campaign, dry.new, dry.known), (None, 2, 0));
    assert!(shelf.payouts().is_empty() && shelf.campaigns().await.unwrap().is_empty());

    let mut heard = vec![];
    let wet = plan.store(&shelf, now(), &mut |stage, done| heard.push((stage, done))).await.unwrap();
    assert_eq!((wet.campaign.is_some(), wet.new, wet.known), (true, 2, 0));
    // There was nothing to compare it with.
    assert_eq!(heard, [(Stage::Storing, 2)]);
    let campaign = shelf.campaign_of("spring").unwrap();
    assert_eq!((campaign.ready, campaign.digest.as_deref()), (Some(now()), Some(plan.digest())));
}

#[tokio::test]
async fn the_same_file_again_changes_nothing() {
    let shelf = Shelf::default();
    let text = csv(&[(A, "1.88"), (B, "2.00")]);
    read("a.csv", &text).unwrap().store(&shelf, now(), &mut |_, _| {}).await.unwrap();
    let (payouts, campaign) = (shelf.payouts(), shelf.campaign_of("spring"));
    // Not even a write is tried.
    shelf.lose_after(Some(0));
    let later = now().after(Duration::from_secs(60));
    let again = read("other name.csv", &text).unwrap().store(&shelf, later, &mut |_, _| {}).await.unwrap();
    assert_eq!((again.new, again.known), (0, 2));
    assert_eq!((shelf.payouts(), shelf.campaign_of("spring")), (payouts, campaign));
}

#[tokio::test]
async fn a_longer_file_adds_what_is_new() {
    let shelf = Shelf::default();
    read("a.csv", csv(&[(A, "1.88")])).unwrap().store(&shelf, now(), &mut |_, _| {}).await.unwrap();
    let longer = read("a.csv", csv(&[(B, "2.00"), (A, "1.88")])).unwrap();
    let stored = longer.store(&shelf, now(), &mut |_, _| {}).await.unwrap();
    assert_eq!((stored.new, stored.known, shelf.payouts().len()), (1, 1, 2));
    assert_eq!(shelf.campaign_of("spring").unwrap().digest.as_deref(), Some(longer.digest()));
}

#[tokio::test]
async fn a_changed_amount_or_payee_is_refused_before_anything_is_stored() {
    let shelf = Shelf::default();
    let keyed = |rows: &[(&str, &str, &str)]| {
        let lines = rows.iter().map(|(key, openid, amount)| format!("{key},{openid},{amount}\n"));
        format!("key,openid,amount\n{}", lines.collect::<String>())
    };
    let first = keyed(&[("k1", A, "1.88"), ("k2", B, "2.00")]);
    read("a.csv", first).unwrap().store(&shelf, now(), &mut |_, _| {}).await.unwrap();
    let changed = read("a.csv", keyed(&[("k0", A, "1.00"), ("k1", A, "1.89"), ("k2", A, "2.00")])).unwrap();
    let expected = "line 3: amount: the key \"k1\" is known with 1.88, and this line has 1.89; keep what was planned \
                    under a key, or use another key if this is another gift\n\
                    line 4: openid: the key \"k2\" is known with oQx4r0Y9b8c7d6e5f4g3h2i1j0kl, and this line has \
                    oQx4r0Z1a2b3c4d5e6f7g8h9i0jk; keep what was planned under a key, or use another key if this is \
                    another gift";
    assert_eq!(problems(changed.compare(&shelf, &mut |_, _| {}).await.unwrap_err()), expected);
    assert_eq!(problems(changed.store(&shelf, now(), &mut |_, _| {}).await.unwrap_err()), expected);
    assert_eq!(shelf.payouts().len(), 2);

    // Keys are the merchant's, whatever the campaign is called.
    let mut options = options();
    options.campaign.name = "summer".into();
    let text = keyed(&[("k1", A, "1.89")]);
    let elsewhere = Plan::read(&source("a.csv", text), &options).unwrap();
    assert!(problems(elsewhere.compare(&shelf, &mut |_, _| {}).await.unwrap_err()).starts_with("line 2: amount"));
    assert!(shelf.campaign_of("summer").is_none());
}

#[tokio::test]
async fn another_template_under_a_known_name_is_refused() {
    let shelf = Shelf::default();
    let text = csv(&[(A, "1.88")]);
    read("a.csv", &text).unwrap().store(&shelf, now(), &mut |_, _| {}).await.unwrap();
    let mut options = options();
    options.campaign.template.wishing = "晚安".into();
    let other = Plan::read(&source("a.csv", &text), &options).unwrap();
    let refused = other.compare(&shelf, &mut |_, _| {}).await.unwrap_err();
    assert_eq!(refused.to_string(), "wishing: the campaign \"spring\" is known with another one");
    assert!(matches!(refused, Failure::Ledger(error) if error.field() == Some("wishing")));
}

/// Two batches; the store is lost at each write.
#[tokio::test]
async fn what_a_crash_interrupts_the_same_file_completes() {
    let line = |n: usize| match n {
        0 => "openid,amount\n".to_owned(),
        n => format!("oQx4r0Z1a2b3c4d5e6f7{n:08},1.00\n"),
    };
    let plan = Plan::read(&made("many.csv", 20_000, line), &options()).unwrap();
    let shelf = Shelf::default();
    for (writes, stored) in [(0, 0), (1, 0), (2, 16_384), (3, 19_999)] {
        shelf.lose_after(Some(writes));
        let lost = plan.store(&shelf, now(), &mut |_, _| {}).await.unwrap_err();
        assert!(matches!(lost, Failure::Ledger(_)), "{lost}");
        assert_eq!(shelf.payouts().len(), stored);
        assert!(shelf.campaign_of("spring").is_none_or(|campaign| campaign.ready.is_none()));
    }
    shelf.lose_after(None);
    let completed = plan.store(&shelf, now(), &mut |_, _| {}).await.unwrap();
    assert_eq!((completed.new, completed.known), (0, 19_999));
    assert_eq!(shelf.campaign_of("spring").unwrap().ready, Some(now()));
}

/// The text is another one at the n-th reading: 1 is the check, then come the
/// comparison, where the merchant has campaigns already, and the storing.
#[tokio::test]
async fn a_file_that_changes_meanwhile_is_refused() {
    let first = csv(&[(A, "1.88"), (B, "2.00")]);
    for (at, other) in [
        (2, csv(&[(A, "1.88"), (B, "2.01")])),
        (2, csv(&[(A, "1.88")])),
        (2, csv(&[])),
        (2, format!("{first}{A},1.00\n")),
        (2, first.replace("amount", "key")),
        (3, csv(&[(A, "1.88"), (B, "200.00")])),
        (3, csv(&[(B, "2.00"), (A, "1.88")])),
    ] {
        let (text, changed, readings) = (first.clone(), other.clone(), AtomicUsize::new(0));
        let source = Source::with("a.csv", move || {
            let present = readings.fetch_add(1, Ordering::Relaxed) + 1;
            let text = if present >= at { &changed } else { &text };
            Ok(Box::new(std::io::Cursor::new(text.clone())))
        });
        let shelf = Shelf::default();
        if at == 3 {
            let mut winter = options();
            winter.campaign.name = "winter".into();
            let other = Plan::read(
                &Source::bytes("w.csv", csv(&[("oQx4r0X0c1b2a3z4y5x6w7v8u9tm", "1.00")]).into_bytes()),
                &winter,
            )
            .unwrap();
            other.store(&shelf, now(), &mut |_, _| {}).await.unwrap();
        }
        let known = shelf.payouts().len();
        let plan = Plan::read(&source, &options()).unwrap();
        let refused = problems(plan.store(&shelf, now(), &mut |_, _| {}).await.unwrap_err());
        if !other.contains("key") {
            let expected =
                "the file has changed since it was checked; plan it again, and leave it alone until it is stored";
            assert_eq!(refused, expected, "{other}");
        }
        assert_eq!(shelf.payouts().len(), known, "what was not checked is not stored");
        assert!(shelf.campaign_of("spring").is_none_or(|campaign| campaign.ready.is_none()));
    }
}

/// A text of its own can differ where payee and amount do not.
#[tokio::test]
async fn a_changed_greeting_is_noticed_too() {
    let readings = AtomicUsize::new(0);
    let source = Source::with("a.csv", move || {
        let wishing = if readings.fetch_add(1, Ordering::Relaxed) == 0 { "早" } else { "晚" };
        Ok(Box::new(std::io::Cursor::new(format!("openid,amount,wishing\n{A},1.88,{wishing}\n"))))
    });
    let plan = Plan::read(&source, &options()).unwrap();
    let failure = plan.compare(&Shelf::default(), &mut |_, _| {}).await.unwrap_err();
    assert!(problems(failure).starts_with("the file has changed"));
}

#[tokio::test]
async fn sums_are_those_of_what_is_stored() {
    let shelf = Shelf::default();
    let plan = read("a.csv", csv(&[(A, "1.88"), (B, "2.00")])).unwrap();
    // A program may spawn it.
    let stored = tokio::spawn(async move {
        plan.store(&shelf, now(), &mut |_, _| {}).await.unwrap();
        (Fen::checked_sum(shelf.payouts().iter().map(|payout| payout.amount)).unwrap(), plan.totals().sum)
    });
    let (sum, total) = stored.await.unwrap();
    assert_eq!((sum, total), (Fen::new(388), Fen::new(388)));
}

/// The same on a ledger of ours: its file tells what is known.
#[tokio::test]
async fn sqlite_takes_a_plan_and_knows_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("payouts.db");
    let line = |n: usize| match n {
        0 => "openid,amount\n".to_owned(),
        n => format!("oQx4r0Z1a2b3c4d5e6f7{n:08},1.00\n"),
    };
    let plan = Plan::read(&made("many.csv", 10_001, line), &options()).unwrap();
    let ledger = Sqlite::open(&path).unwrap();
    let dry = plan.compare(&ledger, &mut |_, _| {}).await.unwrap();
    assert_eq!((dry.new, ledger.campaigns().await.unwrap().len()), (10_000, 0));
    let stored = plan.store(&ledger, now(), &mut |_, _| {}).await.unwrap();
    assert_eq!((stored.new, stored.known), (10_000, 0));
    drop(ledger);

    let ledger = Sqlite::open(&path).unwrap();
    let again = plan.store(&ledger, now().after(Duration::from_secs(60)), &mut |_, _| {}).await.unwrap();
    assert_eq!((again.campaign, again.new, again.known), (stored.campaign, 0, 10_000));
    let campaign = ledger.campaigns().await.unwrap().remove(0);
    assert_eq!((campaign.ready, campaign.digest.as_deref()), (Some(now()), Some(plan.digest())));
    let totals = ledger.totals(campaign.id).await.unwrap();
    assert_eq!((totals[0].count, totals[0].amount), (10_000, plan.totals().sum));

    let mut summer = options();
    summer.campaign.name = "summer".into();
    let text = format!("key,openid,amount\nk,{A},1.00\nspring/oQx4r0Z1a2b3c4d5e6f700000007,{B},1.00\n");
    let other = Plan::read(&source("a.csv", text), &summer).unwrap();
    let refused = problems(other.store(&ledger, now(), &mut |_, _| {}).await.unwrap_err());
    assert!(
        refused.starts_with("line 3: openid: the key \"spring/oQx4r0Z1a2b3c4d5e6f700000007\" is known"),
        "{refused}"
    );
    assert_eq!(ledger.campaigns().await.unwrap().len(), 1, "nothing is stored of what is refused");

    let mut changed = options();
    changed.campaign.template.act_name = "周年".into();
    let plan = Plan::read(&made("many.csv", 11, line), &changed).unwrap();
    // The dry run says it as the ledger does.
    let dry = plan.compare(&ledger, &mut |_, _| {}).await.unwrap_err();
    assert_eq!(dry.to_string(), ledger.campaign(&changed.campaign, now()).await.unwrap_err().to_string());
}
