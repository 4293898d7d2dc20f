//! From rows to records.

use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::failure::{Failure, unreadable};
use crate::clock::{Day, Timestamp};
use crate::ids::{AppId, BillNo, MchId, OpenId};
use crate::money::Fen;
use crate::payout::state::{Action, Cause, Next, Phase, Proof, Standing};
use crate::payout::{Campaign, CampaignId, Entry, EntryKind, NewCampaign, Payout, PayoutId, Texts, Version};

/// The columns that [`payout`] reads, of a table called `p`.
macro_rules! payout_columns {
    () => {
        "p.id, p.campaign, p.mch_id, p.key, p.openid, p.amount, p.texts, p.number, p.version, \
         to_char(p.counted, 'YYYY-MM-DD'), p.phase, p.action, p.due_at, p.generation, p.attempts, p.open, p.queries, \
         p.first_attempt, p.last_attempt, p.accepted, p.stuck, p.alarmed, p.cause, p.proof, p.note, p.received, \
         p.returned"
    };
}
pub(super) use payout_columns;

pub(super) const PAYOUT_COLUMNS: usize = 27;

/// Reads columns one after the other.
pub(super) struct Columns<'a> {
    row: &'a Row,
    place: usize,
}

impl<'a> Columns<'a> {
    pub(super) fn of(row: &'a Row) -> Self {
        Self { row, place: 0 }
    }

    pub(super) fn next<T: FromSql<'a>>(&mut self) -> Result<T, Failure> {
        self.place += 1;
        Ok(self.row.try_get(self.place - 1)?)
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, Failure> {
        self.next().map(Timestamp::from_unix_millis)
    }

    pub(super) fn time_if_any(&mut self) -> Result<Option<Timestamp>, Failure> {
        Ok(self.next::<Option<i64>>()?.map(Timestamp::from_unix_millis))
    }

    pub(super) fn count<T: TryFrom<i64>>(&mut self) -> Result<T, Failure> {
        let count = self.next::<i64>()?;
        T::try_from(count).map_err(|_| unreadable(format!("{count} is no count")))
    }

    pub(super) fn fen(&mut self) -> Result<Fen, Failure> {
        self.next().map(Fen::new)
    }

    fn named<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> Result<T, Failure> {
        let name: &str = self.next()?;
        find(name).ok_or_else(|| unreadable(format!("{name:?} is no {what}")))
    }

    fn named_if_any<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Failure> {
        let name: Option<&str> = self.next()?;
        name.map(|name| find(name).ok_or_else(|| unreadable(format!("{name:?} is no {what}")))).transpose()
    }

    pub(super) fn phase(&mut self) -> Result<Phase, Failure> {
        self.named("phase", Phase::from_name)
    }

    pub(super) fn action(&mut self) -> Result<Action, Failure> {
        self.named("action", Action::from_name)
    }

    pub(super) fn cause(&mut self) -> Result<Option<Cause>, Failure> {
        self.named_if_any("cause", Cause::from_name)
    }
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(unreadable)
}

/// The name in the ledger.
pub(super) fn proof_name(proof: Proof) -> &'static str {
    match proof {
        Proof::Dead => "dead",
        Proof::Refusals => "refusals",
    }
}

fn proof(name: &str) -> Option<Proof> {
    [Proof::Dead, Proof::Refusals].into_iter().find(|proof| proof_name(*proof) == name)
}

pub(super) fn payout(row: &Row) -> Result<Payout, Failure> {
    let mut columns = Columns::of(row);
    let id = PayoutId(columns.next()?);
    let campaign = CampaignId(columns.next()?);
    let mch_id = MchId::new(columns.next::<String>()?)?;
    let key = columns.next()?;
    let openid = OpenId::new(columns.next::<String>()?)?;
    let amount = columns.fen()?;
    let texts = columns.next::<Option<&str>>()?.map_or(Ok(Texts::default()), from_json)?;
    let number = BillNo::new(columns.next::<String>()?)?;
    let version = Version(columns.next()?);
    let counted = columns.next::<Option<&str>>()?.map(|day| day.parse::<Day>().map_err(unreadable)).transpose()?;
    let phase = columns.phase()?;
    let action = columns.named_if_any("action", Action::from_name)?;
    let due_at = columns.time_if_any()?;
    let standing = Standing {
        phase,
        next: action.zip(due_at).map(|(action, at)| Next { action, at }),
        generation: columns.count()?,
        attempts: columns.count()?,
        open: columns.count()?,
        queries: columns.count()?,
        first_attempt: columns.time_if_any()?,
        last_attempt: columns.time_if_any()?,
        accepted: columns.time_if_any()?,
        stuck: columns.next()?,
        alarmed: columns.next()?,
        cause: columns.cause()?,
        proof: columns.named_if_any("proof", proof)?,
        note: columns.next()?,
        received: columns.fen()?,
        returned: columns.fen()?,
    };
    Ok(Payout { id, campaign, mch_id, key, openid, amount, texts, number, version, standing, counted })
}

pub(super) fn payouts(rows: &[Row]) -> Result<Vec<Payout>, Failure> {
    rows.iter().map(payout).collect()
}

macro_rules! campaign_columns {
    () => {
        "id, name, mch_id, app_id, template, created, ready, digest"
    };
}
pub(super) use campaign_columns;

pub(super) fn campaign(row: &Row) -> Result<Campaign, Failure> {
    let mut columns = Columns::of(row);
    let id = CampaignId(columns.next()?);
    let new = NewCampaign {
        name: columns.next()?,
        mch_id: MchId::new(columns.next::<String>()?)?,
        app_id: AppId::new(columns.next::<String>()?)?,
        template: from_json(columns.next()?)?,
    };
    let mut campaign = Campaign::new(id, new, columns.time()?);
    campaign.ready = columns.time_if_any()?;
    campaign.digest = columns.next()?;
    Ok(campaign)
}

/// Reads `at, by, kind, generation, attempt, phase, text, raw`.
pub(super) fn entry(row: &Row) -> Result<Entry, Failure> {
    let mut columns = Columns::of(row);
    Ok(Entry {
        at: columns.time()?,
        by: columns.next()?,
        kind: columns.named("kind of entry", EntryKind::from_name)?,
        generation: columns.count()?,
        attempt: columns.count()?,
        phase: columns.phase()?,
        text: columns.next()?,
        raw: columns.next::<Option<Vec<u8>>>()?.map(|raw| String::from_utf8(raw).map_err(unreadable)).transpose()?,
    })
}
