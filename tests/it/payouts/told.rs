//! A ledger that says what it was told to: for reports of campaigns that nobody
//! would pay out in a test.

use std::time::Duration;

use async_trait::async_trait;
use hongbao::clock::Timestamp;
use hongbao::payout::ledger::{Change, Claim, Comparison, Due, Filter, Ledger, Recorded, Slots, Total};
use hongbao::payout::state::{Cause, Gate, Phase, Standing};
use hongbao::payout::{
    Campaign, CampaignId, Entry, NewCampaign, NewPayout, Payout, PayoutId, Template, Texts, Version, bill_no,
};
use hongbao::{AppId, BillNo, Fen, MchId, OpenId, Result};

pub const CAMPAIGN: CampaignId = CampaignId(7);

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub struct Told {
    pub campaign: Campaign,
    pub payouts: Vec<Payout>,
    /// In place of what the payouts add up to.
    pub totals: Option<Vec<Total>>,
    pub accepted: Vec<(Timestamp, u64)>,
    pub gate: Gate,
}

impl Told {
    pub fn new(name: &str) -> Self {
        let new = NewCampaign {
            name: name.to_owned(),
            mch_id: MchId::new("1510000001").unwrap(),
            app_id: AppId::new("wx8888888888888888").unwrap(),
            template: Template {
                send_name: "蓝鲸咖啡".into(),
                wishing: "新春快乐".into(),
                act_name: "新春满额送".into(),
                remark: "谢谢".into(),
                client_ip: [127, 0, 0, 1].into(),
                extra: hongbao::redpack::Extra::default(),
            },
        };
        let mut campaign = Campaign::new(CAMPAIGN, new, at("2025-03-18 08:30:00"));
        campaign.ready = Some(at("2025-03-18 09:00:00"));
        Self { campaign, payouts: vec![], totals: None, accepted: vec![], gate: Gate::default() }
    }

    pub fn put(&mut self, key: &str, fen: i64, phase: Phase, cause: Option<(Cause, &str)>) -> &mut Payout {
        let place = i64::try_from(self.payouts.len()).unwrap() + 1;
        let amount = Fen::new(fen);
        let mut standing = Standing::planned(self.campaign.created);
        standing.phase = phase;
        standing.attempts = u32::from(phase != Phase::Planned);
        standing.cause = cause.map(|(cause, _)| cause);
        standing.note = cause.map(|(_, note)| note.to_owned());
        match phase {
            Phase::Received => standing.received = amount,
            Phase::Returned => standing.returned = amount,
            _ => {}
        }
        self.payouts.push(Payout {
            id: PayoutId(place),
            campaign: CAMPAIGN,
            mch_id: self.campaign.mch_id.clone(),
            key: key.to_owned(),
            openid: OpenId::new(format!("oUpF8uMuAJO_M2pxb1Q9zNj{place:05}")).unwrap(),
            amount,
            texts: Texts::default(),
            number: bill_no(&self.campaign.mch_id, key, 0).unwrap(),
            version: Version(1),
            standing,
            counted: None,
        });
        self.payouts.last_mut().unwrap()
    }
}

pub fn total(phase: Phase, cause: Option<Cause>, count: u64, fen: i64) -> Total {
    let amount = Fen::new(fen);
    let (received, returned) = match phase {
        Phase::Received => (amount, Fen::ZERO),
        Phase::Returned => (Fen::ZERO, amount),
        _ => (Fen::ZERO, Fen::ZERO),
    };
    Total { phase, cause, count, amount, received, returned, attempts: count, alarmed: 0 }
}

#[async_trait]
impl Ledger for Told {
    async fn campaigns(&self) -> Result<Vec<Campaign>> {
        Ok(vec![self.campaign.clone()])
    }

    async fn gate(&self, mch_id: &MchId) -> Result<(Gate, Version)> {
        assert_eq!(*mch_id, self.campaign.mch_id);
        Ok((self.gate.clone(), Version(0)))
    }

    async fn list(&self, filter: &Filter, limit: usize) -> Result<Vec<Payout>> {
        let fits = |payout: &&Payout| {
            filter.phase.is_none_or(|phase| phase == payout.standing.phase)
                && (payout.standing.alarmed || !filter.alarmed)
                && filter.after.is_none_or(|after| payout.id > after)
        };
        Ok(self.payouts.iter().filter(fits).take(limit).cloned().collect())
    }

    async fn totals(&self, _: CampaignId) -> Result<Vec<Total>> {
        if let Some(totals) = &self.totals {
            return Ok(totals.clone());
        }
        let mut totals: Vec<Total> = vec![];
        for Payout { standing, amount, .. } in &self.payouts {
            let found = totals.iter_mut().find(|one| (one.phase, one.cause) == (standing.phase, standing.cause));
            let sum = match found {
                Some(sum) => sum,
                None => {
                    totals.push(total(standing.phase, standing.cause, 0, 0));
                    totals.last_mut().unwrap()
                }
            };
            sum.count += 1;
            sum.attempts += u64::from(standing.attempts);
            sum.alarmed += u64::from(standing.alarmed);
            for (sum, one) in [
                (&mut sum.amount, amount),
                (&mut sum.received, &standing.received),
                (&mut sum.returned, &standing.returned),
            ] {
                *sum = sum.checked_add(*one).unwrap();
            }
        }
        Ok(totals)
    }

    async fn accepted(&self, _: CampaignId, stretch: Duration) -> Result<Vec<(Timestamp, u64)>> {
        let millis = i64::try_from(stretch.as_millis()).unwrap();
        let mut stretches = std::collections::BTreeMap::new();
        for (at, count) in &self.accepted {
            let begin = at.unix_millis().div_euclid(millis) * millis;
            *stretches.entry(Timestamp::from_unix_millis(begin)).or_insert(0) += count;
        }
        Ok(stretches.into_iter().collect())
    }

    async fn campaign(&self, _: &NewCampaign, _: Timestamp) -> Result<Campaign> {
        panic!("a report makes no campaign")
    }

    async fn ready(&self, _: CampaignId, _: &str, _: Timestamp) -> Result<()> {
        panic!("a report changes nothing")
    }

    async fn compare(&self, _: CampaignId, _: &[NewPayout]) -> Result<Comparison> {
        panic!("a report compares nothing")
    }

    async fn add(&self, _: CampaignId, _: &[NewPayout], _: Timestamp) -> Result<Comparison> {
        panic!("a report adds nothing")
    }

    async fn due(&self, _: Timestamp) -> Result<Vec<Due>> {
        panic!("a report does nothing")
    }

    async fn next_due(&self) -> Result<Vec<(Due, Timestamp)>> {
        panic!("a report does nothing")
    }

    async fn claim(&self, _: &Claim) -> Result<Vec<Payout>> {
        panic!("a report claims nothing")
    }

    async fn give_back(&self, _: &[(PayoutId, Version)], _: Timestamp) -> Result<()> {
        panic!("a report claims nothing")
    }

    async fn record(&self, _: &[Change]) -> Result<Vec<Recorded>> {
        panic!("a report changes nothing")
    }

    async fn journalise(&self, _: &[(PayoutId, Entry)]) -> Result<()> {
        panic!("a report writes nothing")
    }

    async fn reserve(&self, _: &MchId, _: u32, _: u32, _: Timestamp) -> Result<Slots> {
        panic!("a report sends nothing")
    }

    async fn set_gate(&self, _: &MchId, _: Version, _: &Gate) -> Result<bool> {
        panic!("a report changes nothing")
    }

    async fn payout(&self, _: PayoutId) -> Result<Option<Payout>> {
        panic!("a report lists payouts")
    }

    async fn find(&self, _: &MchId, _: &str) -> Result<Option<Payout>> {
        panic!("a report lists payouts")
    }

    async fn find_number(&self, _: &MchId, _: &BillNo) -> Result<Option<Payout>> {
        panic!("a report lists payouts")
    }

    async fn journal(&self, _: PayoutId) -> Result<Vec<Entry>> {
        panic!("a report reads no journal")
    }
}
