//! What the checks share: a merchant, a campaign, payouts, and plain questions.

use std::fmt::Debug;
use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::ids::{AppId, InvalidId, MchId, OpenId};
use crate::money::Fen;
use crate::payout::ledger::{Change, Claim, Count, Ledger, Recorded};
use crate::payout::record::{
    Campaign, CampaignId, Entry, EntryKind, NewCampaign, NewPayout, Payout, PayoutId, Template, Texts, Version,
};
use crate::payout::state::{Action, Phase, Standing};
use crate::redpack::Extra;

/// Why a check failed.
pub(super) struct Problem(pub(super) String);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(format!("an error where none belongs: {}", error.report()))
    }
}

impl From<InvalidId> for Problem {
    fn from(error: InvalidId) -> Self {
        Self(error.to_string())
    }
}

pub(super) type Checked<T = ()> = Result<T, Problem>;

/// Fails unless it is so.
pub(super) fn ensure(holds: bool, problem: &str) -> Checked {
    if holds { Ok(()) } else { Err(Problem(problem.to_owned())) }
}

/// Fails unless both are the same.
pub(super) fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Checked {
    if found == expected {
        return Ok(());
    }
    Err(Problem(format!("{what}: found {found:?}, expected {expected:?}")))
}

/// Fails unless there is one.
pub(super) fn some<T>(what: &str, value: Option<T>) -> Checked<T> {
    value.ok_or_else(|| Problem(format!("{what}: found nothing")))
}

/// Noon in Beijing, on the 18th of March 2025.
pub(super) const NOON: Timestamp = Timestamp::from_unix(1_742_270_400);
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// So many seconds after noon.
pub(super) fn at(seconds: u64) -> Timestamp {
    NOON.after(Duration::from_secs(seconds))
}

pub(super) fn mch_id() -> Checked<MchId> {
    Ok(MchId::new("1510000001")?)
}

pub(super) fn other_mch_id() -> Checked<MchId> {
    Ok(MchId::new("1510000002")?)
}

pub(super) fn new_campaign(name: &str, mch_id: MchId) -> Checked<NewCampaign> {
    Ok(NewCampaign {
        name: name.to_owned(),
        mch_id,
        app_id: AppId::new("wx00f1e2d3c4b5a697")?,
        template: Template {
            send_name: "蓝鲸咖啡".to_owned(),
            wishing: "早安，今天也要加油".to_owned(),
            act_name: "签到有礼".to_owned(),
            remark: "连续签到七天奖励".to_owned(),
            client_ip: Ipv4Addr::new(203, 0, 113, 24),
            extra: Extra::default(),
        },
    })
}

pub(super) fn new_payout(key: &str, openid: &str, fen: i64) -> Checked<NewPayout> {
    Ok(NewPayout { key: key.to_owned(), openid: OpenId::new(openid)?, amount: Fen::new(fen), texts: Texts::default() })
}

/// Payouts `k0`, `k1`, … to payees of their own, 1.00 yuan each.
pub(super) fn new_payouts(count: usize) -> Checked<Vec<NewPayout>> {
    (0..count).map(|n| new_payout(&format!("k{n}"), &format!("o{n}"), 100)).collect()
}

/// A ledger with one campaign that is ready.
#[derive(Clone)]
pub(super) struct World {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) campaign: Campaign,
}

impl World {
    /// With these payouts, due at noon.
    pub(super) async fn with(ledger: Arc<dyn Ledger>, payouts: &[NewPayout]) -> Checked<Self> {
        let world = Self::of(ledger, "spring", mch_id()?).await?;
        world.ledger.add(world.campaign.id, payouts, NOON).await?;
        Ok(world)
    }

    pub(super) async fn of(ledger: Arc<dyn Ledger>, name: &str, mch_id: MchId) -> Checked<Self> {
        let campaign = ledger.campaign(&new_campaign(name, mch_id)?, NOON).await?;
        ledger.ready(campaign.id, "digest", NOON).await?;
        Ok(Self { ledger, campaign })
    }

    pub(super) fn id(&self) -> CampaignId {
        self.campaign.id
    }

    /// Sends that are due at `now`, for two minutes.
    pub(super) async fn claim(&self, limit: usize, now: Timestamp) -> Checked<Vec<Payout>> {
        self.claim_for(Action::Send, limit, now).await
    }

    pub(super) async fn claim_for(&self, action: Action, limit: usize, now: Timestamp) -> Checked<Vec<Payout>> {
        let until = now.after(Duration::from_secs(120));
        Ok(self.ledger.claim(&Claim { campaign: self.id(), action, limit, now, until }).await?)
    }

    /// When the next action of any ready campaign is due.
    pub(super) async fn first_due(&self) -> Checked<Option<Timestamp>> {
        Ok(self.ledger.next_due().await?.into_iter().map(|(_, at)| at).min())
    }

    pub(super) async fn payout(&self, id: PayoutId) -> Checked<Payout> {
        some("a payout by its id", self.ledger.payout(id).await?)
    }

    pub(super) async fn find(&self, key: &str) -> Checked<Payout> {
        some(key, self.ledger.find(&self.campaign.mch_id, key).await?)
    }

    /// Records one change.
    pub(super) async fn record(&self, change: Change) -> Checked<Recorded> {
        let recorded = self.ledger.record(&[change]).await?;
        same("answers to one change", recorded.len(), 1)?;
        some("an answer", recorded.first().copied())
    }

    /// Records a change that must happen; its version.
    pub(super) async fn must_record(&self, change: Change) -> Checked<Version> {
        let old = change.version;
        match self.record(change).await? {
            Recorded::Done(version) => {
                ensure(version > old, "a change must give a higher version")?;
                Ok(version)
            }
            other => Err(Problem(format!("a change of the present version was answered with {other:?}"))),
        }
    }
}

/// A change of a payout as it was read, to this standing.
pub(super) fn change(payout: &Payout, standing: Standing) -> Change {
    let entry = entry(standing.phase, "changed");
    Change { id: payout.id, version: payout.version, standing, entry, count: None, number: None }
}

pub(super) fn entry(phase: Phase, text: &str) -> Entry {
    Entry {
        at: NOON,
        by: "conformance".to_owned(),
        kind: EntryKind::Answer,
        generation: 0,
        attempt: 1,
        phase,
        text: text.to_owned(),
        raw: None,
    }
}

/// The payout as it stands, with nothing to do.
pub(super) fn settled(payout: &Payout, phase: Phase) -> Standing {
    Standing { phase, next: None, ..payout.standing.clone() }
}

/// Limits of the day of `now` that nothing reaches.
pub(super) fn wide(now: Timestamp) -> Count {
    Count {
        day: now.beijing_day(),
        user_count: 1000,
        user: Fen::new(1_000_000_000),
        merchant: Fen::new(1_000_000_000_000),
    }
}

/// Calls at once, each in a task of its own, and what they give.
pub(super) async fn at_once<F, T>(calls: impl IntoIterator<Item = F>) -> Checked<Vec<T>>
where
    F: Future<Output = Checked<T>> + Send + 'static,
    T: Send + 'static,
{
    let mut tasks: JoinSet<Checked<T>> = calls.into_iter().collect();
    let mut results = vec![];
    while let Some(result) = tasks.join_next().await {
        results.push(result.map_err(|error| Problem(format!("a call that was made at once: {error}")))??);
    }
    Ok(results)
}

/// Calls again while the ledger says that it cannot be used just now: many
/// calls at once may be answered so.
pub(super) async fn persist<F, T>(mut call: impl FnMut() -> F) -> Checked<T>
where
    F: Future<Output = crate::error::Result<T>>,
{
    let mut left = 100;
    loop {
        match call().await {
            Err(error) if error.kind() == ErrorKind::Ledger && left > 0 => left -= 1,
            result => return Ok(result?),
        }
        tokio::task::yield_now().await;
    }
}
