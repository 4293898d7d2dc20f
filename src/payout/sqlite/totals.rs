//! Counts and sums that are kept with each change.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::fault::{Result, strange};
use super::rows::named;
use crate::money::Fen;
use crate::payout::ledger::Total;
use crate::payout::record::CampaignId;
use crate::payout::state::{Cause, Phase, Standing};

/// Differences that one operation makes, written once at its end.
#[derive(Default)]
pub(super) struct Shifts(BTreeMap<(CampaignId, Phase, Option<Cause>), Shift>);

#[derive(Default)]
struct Shift {
    count: i64,
    amount: i64,
    received: i64,
    returned: i64,
    attempts: i64,
    alarmed: i64,
}

impl Shifts {
    /// A payout stands here from now on.
    pub(super) fn enter(&mut self, campaign: CampaignId, standing: &Standing, amount: Fen) {
        self.shift(campaign, standing, amount, 1);
    }

    /// A payout no longer stands here.
    pub(super) fn leave(&mut self, campaign: CampaignId, standing: &Standing, amount: Fen) {
        self.shift(campaign, standing, amount, -1);
    }

    fn shift(&mut self, campaign: CampaignId, standing: &Standing, amount: Fen, sign: i64) {
        let shift = self.0.entry((campaign, standing.phase, standing.cause)).or_default();
        shift.count += sign;
        shift.amount += sign * amount.get();
        shift.received += sign * standing.received.get();
        shift.returned += sign * standing.returned.get();
        shift.attempts += sign * i64::from(standing.attempts);
        shift.alarmed += sign * i64::from(standing.alarmed);
    }

    pub(super) fn write(self, connection: &Connection) -> Result<()> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO total (campaign, phase, cause, count, amount, received, returned, attempts, alarmed) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count, \
             amount = amount + excluded.amount, received = received + excluded.received, \
             returned = returned + excluded.returned, attempts = attempts + excluded.attempts, \
             alarmed = alarmed + excluded.alarmed",
        )?;
        for ((campaign, phase, cause), shift) in self.0 {
            statement.execute(params![
                campaign.0,
                phase.as_str(),
                cause.map_or("", Cause::as_str),
                shift.count,
                shift.amount,
                shift.received,
                shift.returned,
                shift.attempts,
                shift.alarmed,
            ])?;
        }
        Ok(())
    }
}

pub(super) fn totals(connection: &Connection, campaign: CampaignId) -> Result<Vec<Total>> {
    let mut statement = connection.prepare_cached(
        "SELECT phase, cause, count, amount, received, returned, attempts, alarmed FROM total \
         WHERE campaign = ? AND count <> 0",
    )?;
    let mut totals: Vec<Total> = statement
        .query_and_then([campaign.0], |row| {
            let phase: String = row.get(0)?;
            let cause: String = row.get(1)?;
            let number = |column| {
                let value: i64 = row.get(column)?;
                u64::try_from(value).map_err(|_| strange("count", value))
            };
            Ok(Total {
                phase: named("phase", &phase, Phase::from_name)?,
                cause: if cause.is_empty() { None } else { Some(named("cause", &cause, Cause::from_name)?) },
                count: number(2)?,
                amount: Fen::new(row.get(3)?),
                received: Fen::new(row.get(4)?),
                returned: Fen::new(row.get(5)?),
                attempts: number(6)?,
                alarmed: number(7)?,
            })
        })?
        .collect::<Result<_>>()?;
    totals.sort_by_key(|total| (total.phase, total.cause));
    Ok(totals)
}
