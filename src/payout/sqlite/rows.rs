//! Rows of the file as the values that they stand for, and back.

use rusqlite::{Row, ToSql};

use super::fault::{Fault, Result, strange};
use crate::clock::{Day, Timestamp};
use crate::ids::{AppId, BillNo, MchId, OpenId};
use crate::money::Fen;
use crate::payout::record::{
    Campaign, CampaignId, Entry, EntryKind, NewCampaign, Payout, PayoutId, Template, Texts, Version,
};
use crate::payout::state::{Action, Cause, Next, Phase, Proof, Standing};

/// What [`payout`] reads; a condition follows.
pub(super) const PAYOUT: &str = "SELECT p.id, p.campaign, m.mch_id, p.key, p.openid, p.amount, p.texts, p.number, \
     p.version, p.counted, p.phase, p.action, p.due_at, p.generation, p.attempts, p.open, p.queries, \
     p.first_attempt, p.last_attempt, p.accepted, p.stuck, p.alarmed, p.cause, p.proof, p.note, p.received, \
     p.returned FROM payout p JOIN campaign c ON c.id = p.campaign JOIN merchant m ON m.id = c.merchant";

/// What [`campaign`] reads; a condition follows.
pub(super) const CAMPAIGN: &str = "SELECT c.id, c.name, m.mch_id, c.app_id, c.template, c.created, c.ready, \
     c.digest FROM campaign c JOIN merchant m ON m.id = c.merchant";

/// A row of [`PAYOUT`].
pub(super) fn payout(row: &Row<'_>) -> Result<Payout> {
    let action: Option<String> = row.get(11)?;
    let next = match (action, moment(row, 12)?) {
        (Some(action), Some(at)) => Some(Next { action: named("action", &action, Action::from_name)?, at }),
        _ => None,
    };
    let text = |column| row.get::<_, String>(column);
    let texts: Option<String> = row.get(6)?;
    Ok(Payout {
        id: PayoutId(row.get(0)?),
        campaign: CampaignId(row.get(1)?),
        mch_id: MchId::new(text(2)?).map_err(|problem| strange("merchant", problem))?,
        key: text(3)?,
        openid: OpenId::new(text(4)?).map_err(|problem| strange("payee", problem))?,
        amount: Fen::new(row.get(5)?),
        texts: texts.map_or_else(|| Ok(Texts::default()), |texts| json("text of a packet", &texts))?,
        number: BillNo::new(text(7)?).map_err(|problem| strange("bill number", problem))?,
        version: Version(row.get(8)?),
        counted: row.get::<_, Option<String>>(9)?.map(|day| read_day(&day)).transpose()?,
        standing: Standing {
            phase: named("phase", &text(10)?, Phase::from_name)?,
            next,
            generation: row.get(13)?,
            attempts: row.get(14)?,
            open: row.get(15)?,
            queries: row.get(16)?,
            first_attempt: moment(row, 17)?,
            last_attempt: moment(row, 18)?,
            accepted: moment(row, 19)?,
            stuck: row.get(20)?,
            alarmed: row.get(21)?,
            cause: optional(row, 22, "cause", Cause::from_name)?,
            proof: optional(row, 23, "proof", proof_of)?,
            note: row.get(24)?,
            received: Fen::new(row.get(25)?),
            returned: Fen::new(row.get(26)?),
        },
    })
}

/// A row of [`CAMPAIGN`].
pub(super) fn campaign(row: &Row<'_>) -> Result<Campaign> {
    let text = |column| row.get::<_, String>(column);
    let new = NewCampaign {
        name: text(1)?,
        mch_id: MchId::new(text(2)?).map_err(|problem| strange("merchant", problem))?,
        app_id: AppId::new(text(3)?).map_err(|problem| strange("appid", problem))?,
        template: json::<Template>("template", &text(4)?)?,
    };
    let mut campaign = Campaign::new(CampaignId(row.get(0)?), new, Timestamp::from_unix_millis(row.get(5)?));
    campaign.ready = moment(row, 6)?;
    campaign.digest = row.get(7)?;
    Ok(campaign)
}

/// A row of the journal: at, by, kind, generation, attempt, phase, text, raw.
pub(super) fn entry(row: &Row<'_>) -> Result<Entry> {
    Ok(Entry {
        at: Timestamp::from_unix_millis(row.get(0)?),
        by: row.get(1)?,
        kind: named("kind of entry", &row.get::<_, String>(2)?, EntryKind::from_name)?,
        generation: row.get(3)?,
        attempt: row.get(4)?,
        phase: named("phase", &row.get::<_, String>(5)?, Phase::from_name)?,
        text: row.get(6)?,
        raw: row.get(7)?,
    })
}

/// Sets all that a standing says, where id (?1) and version (?2) are these.
pub(super) const SET_STANDING: &str = "UPDATE payout SET version = version + 1, counted = ?3, number = ?4, \
     phase = ?5, action = ?6, due_at = ?7, generation = ?8, attempts = ?9, open = ?10, queries = ?11, \
     first_attempt = ?12, last_attempt = ?13, accepted = ?14, stuck = ?15, alarmed = ?16, cause = ?17, \
     proof = ?18, note = ?19, received = ?20, returned = ?21 WHERE id = ?1 AND version = ?2";

/// Binds the parameters of [`SET_STANDING`] from the fifth on.
pub(super) fn bind_standing(statement: &mut rusqlite::Statement<'_>, standing: &Standing) -> rusqlite::Result<()> {
    // Each field by name: a new one must be stored too.
    let Standing {
        phase,
        next,
        generation,
        attempts,
        open,
        queries,
        first_attempt,
        last_attempt,
        accepted,
        stuck,
        alarmed,
        cause,
        proof,
        note,
        received,
        returned,
    } = standing;
    let millis = |at: &Option<Timestamp>| at.map(Timestamp::unix_millis);
    let values: [&dyn ToSql; 17] = [
        &phase.as_str(),
        &next.map(|next| next.action.as_str()),
        &next.map(|next| next.at.unix_millis()),
        generation,
        attempts,
        open,
        queries,
        &millis(first_attempt),
        &millis(last_attempt),
        &millis(accepted),
        stuck,
        alarmed,
        &cause.map(Cause::as_str),
        &proof.map(proof_name),
        note,
        &received.get(),
        &returned.get(),
    ];
    for (place, value) in values.into_iter().enumerate() {
        statement.raw_bind_parameter(place + 5, value)?;
    }
    Ok(())
}

/// What a packet says differently, or nothing.
pub(super) fn texts_column(texts: &Texts) -> Result<Option<String>> {
    if texts.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(texts).map(Some).map_err(|problem| strange("text of a packet", problem))
}

pub(super) fn json<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|problem| strange(what, problem))
}

pub(super) fn named<T>(what: &'static str, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
    parse(name).ok_or_else(|| strange(what, name))
}

pub(super) fn optional<T>(
    row: &Row<'_>,
    column: usize,
    what: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>> {
    let name: Option<String> = row.get(column)?;
    name.map(|name| named(what, &name, parse)).transpose()
}

fn moment(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_unix_millis))
}

fn read_day(text: &str) -> Result<Day> {
    text.parse().map_err(|problem| strange("day", problem))
}

const fn proof_name(proof: Proof) -> &'static str {
    match proof {
        Proof::Dead => "dead",
        Proof::Refusals => "refusals",
    }
}

fn proof_of(name: &str) -> Option<Proof> {
    [Proof::Dead, Proof::Refusals].into_iter().find(|proof| proof_name(*proof) == name)
}

/// A campaign that a call names and the file does not have.
pub(super) fn no_campaign(id: CampaignId) -> Fault {
    Fault::Refused(crate::error::Error::invalid("campaign", format_args!("the ledger has no campaign {id}")))
}
