//! What became of a campaign, for people and programs: a text for terminals,
//! JSON, CSV of each payout, and one HTML file with charts.
//!
//! ```
//! # async fn f(ledger: &dyn hongbao::payout::Ledger, campaign: hongbao::payout::CampaignId) -> hongbao::Result<()> {
//! use hongbao::clock::{Clock as _, SystemClock};
//! use hongbao::payout::Rules;
//! use hongbao::payout::report::{Language, Lines, Report};
//!
//! let report = Report::of(ledger, campaign, &Rules::default(), SystemClock.now()).await?;
//! println!("{}", report.table());
//! let page: String = report.html(Language::Chinese);
//!
//! let mut lines = Lines::of(campaign);
//! while let Some(text) = lines.next(ledger).await? {
//!     print!("{text}"); // a thousand payouts at a time, as CSV
//! }
//! # Ok(())
//! # }
//! ```

mod chart;
mod curve;
mod html;
mod lines;
mod table;
mod words;

use serde::Serialize;

pub use curve::{Point, Speed};
pub use lines::Lines;
pub use words::Language;

use super::ledger::{Filter, Ledger, Total};
use super::record::{Campaign, CampaignId, Payout};
use super::rules::Rules;
use super::state::{Cause, Gate, Phase};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::ids::{BillNo, OpenId};
use crate::money::Fen;

/// How many held payees, and how many refused ones, a report names; the others
/// are counted. [`Lines`] has them all.
pub const NAMED: usize = 50;

/// What became of a campaign.
///
/// As JSON it has the names of its fields, which stay; more may be added.
/// Amounts are in fen, moments in milliseconds since 1970, phases and causes
/// have the names of [`Phase::as_str`] and [`Cause::as_str`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The moment of which it speaks.
    pub at: Timestamp,
    /// The campaign.
    pub campaign: Campaign,
    /// How many payouts it has.
    pub payouts: u64,
    /// All phases in the order of a payout's life, those without payouts too.
    pub phases: Vec<PhaseTotal>,
    /// Why payouts are refused or held.
    pub causes: Vec<CauseTotal>,
    /// Where the money is.
    pub money: Money,
    /// What the campaign costs.
    pub cost: Cost,
    /// How far it has come.
    pub progress: Progress,
    /// How fast it went.
    pub speed: Speed,
    /// How long the rest takes.
    pub forecast: Forecast,
    /// How many calls were made to send, under the present numbers.
    pub attempts: u64,
    /// Those for whom a person must decide.
    pub held: Payees,
    /// Those who were refused.
    pub refused: Payees,
    /// What a person should know of first.
    pub alarms: Vec<Alarm>,
}

/// The payouts of one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PhaseTotal {
    /// Where they stand.
    pub phase: Phase,
    /// How many.
    pub count: u64,
    /// The sum of their amounts, in fen.
    pub amount: Fen,
}

/// The payouts of one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CauseTotal {
    /// Refused or held.
    pub phase: Phase,
    /// Why.
    pub cause: Cause,
    /// How many.
    pub count: u64,
    /// The sum of their amounts, in fen.
    pub amount: Fen,
    /// What a person does about it.
    pub next_step: &'static str,
}

/// Where the money is, in fen. `planned` is the sum of `unsent`, `sending`,
/// `accepted`, `refused` and `held`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Money {
    /// All payouts together.
    pub planned: Fen,
    /// Nothing was sent yet.
    pub unsent: Fen,
    /// Sent, or about to be; what became of it is not known yet.
    pub sending: Fen,
    /// All that WeChat Pay took: unopened, opened, and come back.
    pub accepted: Fen,
    /// Taken, and still waiting for its users.
    pub unopened: Fen,
    /// What users got.
    pub received: Fen,
    /// What came back.
    pub returned: Fen,
    /// Refused: it never left.
    pub refused: Fen,
    /// A person must decide.
    pub held: Fen,
}

/// What a campaign costs, in fen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Cost {
    /// What left the account and did not come back.
    pub net: Fen,
    /// The part of `net` that may still come back: its packets wait for their users.
    pub may_return: Fen,
    /// What may have left the account without our knowing, held payouts included.
    pub in_doubt: Fen,
    /// The most that it can come to if all the rest is paid.
    pub most: Fen,
}

/// How far a campaign has come, in per cent with one decimal, rounded down: 100
/// is all. Of no payouts it is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Progress {
    /// Payouts of which it is known whether WeChat Pay took them.
    pub answered: f64,
    /// Payouts with which nothing more happens by itself: received, returned, refused.
    pub settled: f64,
}

/// How long the rest takes if nothing stands in its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Forecast {
    /// Payouts that are still to be sent, or in doubt.
    pub payouts: u64,
    /// Their amounts, in fen.
    pub amount: Fen,
    /// At so many a second.
    pub per_second: u32,
    /// Seconds of sending.
    pub seconds: u64,
    /// Beijing days, because of what a merchant may pay out in one.
    pub days: u64,
}

/// Payees by name, as far as a report names them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Payees {
    /// How many there are.
    pub count: u64,
    /// The sum of their amounts, in fen.
    pub amount: Fen,
    /// The first of them, [`NAMED`] at most.
    pub named: Vec<Payee>,
}

/// A payee who got nothing so far, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Payee {
    /// The business key.
    pub key: String,
    /// The payee.
    pub openid: OpenId,
    /// How much, in fen.
    pub amount: Fen,
    /// The bill number.
    pub mch_billno: BillNo,
    /// Attempts under that number.
    pub attempts: u32,
    /// Why.
    pub cause: Option<Cause>,
    /// WeChat's or a person's words about it.
    pub note: Option<String>,
    /// What a person does about it.
    pub next_step: &'static str,
}

impl From<Payout> for Payee {
    fn from(payout: Payout) -> Self {
        let Payout { key, openid, amount, number, standing, .. } = payout;
        Self {
            key,
            openid,
            amount,
            mch_billno: number,
            attempts: standing.attempts,
            cause: standing.cause,
            note: standing.note,
            next_step: standing.cause.map_or("", Cause::next_step),
        }
    }
}

/// Something that a person should know of first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Alarm {
    /// What kind of thing.
    pub kind: AlarmKind,
    /// Of how many payouts.
    pub payouts: u64,
    /// Why, where somebody said so.
    pub reason: Option<String>,
    /// Until when, where it ends by itself.
    pub until: Option<Timestamp>,
}

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AlarmKind {
    /// The merchant is stopped until a person releases it.
    MerchantStopped,
    /// The merchant is paused and goes on by itself.
    MerchantPaused,
    /// Payouts that can soon be queried no longer, or showed another amount.
    QueryHorizon,
    /// Payouts wait for a person.
    Held,
    /// The campaign's file is still being taken in; nothing of it is sent.
    NotReady,
}

impl Report {
    /// Gathers the report of a campaign. `rules` are those that it is sent under.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if there is no such
    /// campaign, and what the ledger says.
    pub async fn of(ledger: &dyn Ledger, campaign: CampaignId, rules: &Rules, now: Timestamp) -> Result<Self> {
        let found = ledger.campaigns().await?.into_iter().find(|known| known.id == campaign);
        let found = found.ok_or_else(|| Error::invalid("campaign", format!("there is none with number {campaign}")))?;
        let totals = ledger.totals(campaign).await?;
        let (gate, _) = ledger.gate(&found.mch_id).await?;
        let speed = Speed::of(ledger, &found, now).await?;
        let held = named(ledger, campaign, Phase::Held, &totals).await?;
        let refused = named(ledger, campaign, Phase::Refused, &totals).await?;
        let money = money(&totals)?;
        let payouts = totals.iter().map(|total| total.count).sum();
        let of_phases = |phases: &[Phase]| count(&totals, phases);
        let answered = of_phases(&[Phase::Accepted, Phase::Received, Phase::Returned, Phase::Refused]);
        let settled = of_phases(&[Phase::Received, Phase::Returned, Phase::Refused]);
        Ok(Self {
            at: now,
            payouts,
            phases: Phase::ALL.into_iter().map(|phase| phase_total(&totals, phase)).collect::<Result<_>>()?,
            causes: causes(&totals),
            money,
            cost: cost(&money)?,
            progress: Progress { answered: percent(answered, payouts), settled: percent(settled, payouts) },
            speed,
            forecast: forecast(of_phases(&[Phase::Planned, Phase::Sending]), &money, rules)?,
            attempts: totals.iter().map(|total| total.attempts).sum(),
            alarms: alarms(&found, &gate, &totals, now),
            campaign: found,
            held,
            refused,
        })
    }

    /// The report as JSON, on many lines; [`Report`] says what is in it.
    #[must_use]
    pub fn json(&self) -> String {
        // Only maps with keys that are no texts cannot be written, and it has none.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

fn count(totals: &[Total], phases: &[Phase]) -> u64 {
    totals.iter().filter(|total| phases.contains(&total.phase)).map(|total| total.count).sum()
}

fn sum(amounts: impl IntoIterator<Item = Fen>) -> Result<Fen> {
    Fen::checked_sum(amounts).ok_or_else(|| Error::ledger("its amounts are too large to add", "look into the ledger"))
}

fn difference(from: Fen, what: Fen) -> Result<Fen> {
    sum([from, Fen::new(what.get().saturating_neg())])
}

fn phase_total(totals: &[Total], phase: Phase) -> Result<PhaseTotal> {
    let amount = sum(totals.iter().filter(|total| total.phase == phase).map(|total| total.amount))?;
    Ok(PhaseTotal { phase, count: count(totals, &[phase]), amount })
}

fn causes(totals: &[Total]) -> Vec<CauseTotal> {
    let of = |total: &Total| {
        let Total { phase, count, amount, .. } = *total;
        total.cause.map(|cause| CauseTotal { phase, cause, count, amount, next_step: cause.next_step() })
    };
    let mut causes: Vec<CauseTotal> = totals.iter().filter_map(of).collect();
    causes.sort_by_key(|total| (total.phase, std::cmp::Reverse(total.count), total.cause));
    causes
}

fn money(totals: &[Total]) -> Result<Money> {
    let amount = |phase| phase_total(totals, phase).map(|total| total.amount);
    let [received, returned] = [|total: &Total| total.received, |total: &Total| total.returned];
    let unopened = amount(Phase::Accepted)?;
    Ok(Money {
        planned: sum(totals.iter().map(|total| total.amount))?,
        unsent: amount(Phase::Planned)?,
        sending: amount(Phase::Sending)?,
        accepted: sum([unopened, amount(Phase::Received)?, amount(Phase::Returned)?])?,
        unopened,
        received: sum(totals.iter().map(received))?,
        returned: sum(totals.iter().map(returned))?,
        refused: amount(Phase::Refused)?,
        held: amount(Phase::Held)?,
    })
}

fn cost(money: &Money) -> Result<Cost> {
    let net = difference(money.accepted, money.returned)?;
    let in_doubt = sum([money.sending, money.held])?;
    Ok(Cost { net, may_return: money.unopened, in_doubt, most: sum([net, in_doubt, money.unsent])? })
}

fn forecast(payouts: u64, money: &Money, rules: &Rules) -> Result<Forecast> {
    let amount = sum([money.unsent, money.sending])?;
    let per_second = rules.per_second.max(1);
    let fen = |amount: Fen| u64::try_from(amount.get()).unwrap_or(0);
    let days = fen(amount).div_ceil(fen(rules.merchant_day).max(1));
    Ok(Forecast { payouts, amount, per_second, seconds: payouts.div_ceil(per_second.into()), days })
}

async fn named(ledger: &dyn Ledger, campaign: CampaignId, phase: Phase, totals: &[Total]) -> Result<Payees> {
    let PhaseTotal { count, amount, .. } = phase_total(totals, phase)?;
    if count == 0 {
        return Ok(Payees::default());
    }
    let named = ledger.list(&Filter::all(campaign).phase(phase), NAMED).await?;
    Ok(Payees { count, amount, named: named.into_iter().map(Payee::from).collect() })
}

fn alarms(campaign: &Campaign, gate: &Gate, totals: &[Total], now: Timestamp) -> Vec<Alarm> {
    let alarm = |kind, payouts| Alarm { kind, payouts, reason: None, until: None };
    let open = count(totals, &[Phase::Planned, Phase::Sending]);
    let mut alarms = vec![];
    if gate.stopped {
        alarms.push(Alarm { reason: gate.reason.clone(), ..alarm(AlarmKind::MerchantStopped, open) });
    } else if gate.paused_until.is_some_and(|until| now < until) {
        let (reason, until) = (gate.reason.clone(), gate.paused_until);
        alarms.push(Alarm { reason, until, ..alarm(AlarmKind::MerchantPaused, open) });
    }
    let undecided = totals.iter().filter(|total| !total.phase.is_settled());
    let counted = [
        (AlarmKind::QueryHorizon, undecided.map(|total| total.alarmed).sum()),
        (AlarmKind::Held, count(totals, &[Phase::Held])),
        (AlarmKind::NotReady, if campaign.ready.is_none() { open } else { 0 }),
    ];
    alarms.extend(counted.into_iter().filter(|(_, payouts)| *payouts > 0).map(|(kind, payouts)| alarm(kind, payouts)));
    alarms
}

/// `part` of `whole` in per cent, with one decimal, rounded down.
fn percent(part: u64, whole: u64) -> f64 {
    tenths(u128::from(part) * 100, whole.into())
}

/// `part / whole` with one decimal, rounded down; 0 of nothing.
fn tenths(part: u128, whole: u128) -> f64 {
    let tenths = (part * 10).checked_div(whole).unwrap_or(0);
    f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0
}
