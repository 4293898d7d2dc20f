//! Campaigns and new payouts.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::Postgres;
use super::failure::Failure;
use super::rows::{self, payout_columns};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::ids::MchId;
use crate::payout::ledger::{Comparison, Conflict};
use crate::payout::state::Standing;
use crate::payout::{Campaign, CampaignId, NewCampaign, NewPayout, Payout, PayoutId, Version};

const KNOWN: &str = concat!("SELECT ", payout_columns!(), " FROM payout p WHERE p.mch_id = $1 AND p.key = ANY ($2)");

/// In the order of the file, so that numbers of payouts follow it too.
const ADD: &str = "WITH added AS (
    INSERT INTO payout (campaign, mch_id, key, openid, amount, texts, number, phase, action, due_at)
    SELECT $1, $2, new.key, new.openid, new.amount, new.texts, new.number, 'planned', 'send', $3
    FROM unnest($4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[])
        WITH ORDINALITY AS new (key, openid, amount, texts, number, place)
    ORDER BY new.place
    RETURNING id, number
)
INSERT INTO number (mch_id, number, payout) SELECT $2, number, id FROM added";

/// Gives no row where the limit is reached.
const ADMIT: &str = "INSERT INTO admitted AS a (campaign, openid, count) SELECT $1, $2, 1 WHERE $3::bigint > 0
ON CONFLICT (campaign, openid) DO UPDATE SET count = a.count + 1 WHERE a.count < $3
RETURNING count";

impl Postgres {
    pub(super) async fn make_campaign(&self, new: &NewCampaign, now: Timestamp) -> Result<Campaign, Failure> {
        without_nul("name", &new.name)?;
        let template = serde_json::to_string(&new.template).map_err(|error| Error::invalid("template", error))?;
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let (mch_id, app_id) = (new.mch_id.as_str(), new.app_id.as_str());
        let insert = "INSERT INTO campaign (mch_id, name, app_id, template, created) VALUES ($1, $2, $3, $4, $5) \
                      ON CONFLICT (mch_id, name) DO NOTHING";
        session.query(insert, &[&mch_id, &new.name, &app_id, &template, &now.unix_millis()]).await?;
        let select = concat!("SELECT ", rows::campaign_columns!(), " FROM campaign WHERE mch_id = $1 AND name = $2");
        let found = session.query(select, &[&mch_id, &new.name]).await?;
        let known = found.first().map(rows::campaign).transpose()?.ok_or_else(|| unknown("name"))?;
        known.matches(new)?;
        Ok(known)
    }

    pub(super) async fn all_campaigns(&self) -> Result<Vec<Campaign>, Failure> {
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let found =
            session.query(concat!("SELECT ", rows::campaign_columns!(), " FROM campaign ORDER BY id"), &[]).await?;
        found.iter().map(rows::campaign).collect()
    }

    pub(super) async fn make_ready(&self, campaign: CampaignId, digest: &str, now: Timestamp) -> Result<(), Failure> {
        without_nul("digest", digest)?;
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let update = "UPDATE campaign SET ready = coalesce(ready, $2), digest = $3 WHERE id = $1 RETURNING id";
        let found = session.query(update, &[&campaign.0, &now.unix_millis(), &digest]).await?;
        if found.is_empty() { Err(unknown("campaign").into()) } else { Ok(()) }
    }

    pub(super) async fn compare_payouts(
        &self,
        campaign: CampaignId,
        payouts: &[NewPayout],
    ) -> Result<Comparison, Failure> {
        let keys = keys(payouts)?;
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let mch_id = payer(&session.query(PAYER, &[&campaign.0]).await?)?;
        let known = session.query(KNOWN, &[&mch_id.as_str(), &keys]).await?;
        Ok(compared(campaign, &mch_id, &rows::payouts(&known)?, payouts)?.0)
    }

    /// `most`: how often the payees may have been admitted with these. Then
    /// nothing is stored if one of them was that often already, and it says so.
    pub(super) async fn add_payouts(
        &self,
        campaign: CampaignId,
        payouts: &[NewPayout],
        most: Option<u32>,
        now: Timestamp,
    ) -> Result<(Comparison, bool), Failure> {
        let keys = keys(payouts)?;
        let mut slot = self.pool.slot().await;
        let session = self.pool.session(&mut slot).await?;
        let (known, add, lock) =
            (session.statement(KNOWN).await?, session.statement(ADD).await?, session.statement(LOCK).await?);
        let mch_id = payer(&session.query(PAYER, &[&campaign.0]).await?)?;
        let transaction = session.client.transaction().await?;
        transaction.execute(&lock, &[&mch_id.as_str()]).await?;
        let found = transaction.query(&known, &[&mch_id.as_str(), &keys]).await?;
        let (comparison, new) = compared(campaign, &mch_id, &rows::payouts(&found)?, payouts)?;
        if !comparison.conflicts.is_empty() || new.is_empty() {
            return Ok((comparison, false));
        }
        if let Some(most) = most {
            for payout in &new {
                let parameters: [&(dyn ToSql + Sync); 3] = [&campaign.0, &payout.openid.as_str(), &i64::from(most)];
                if transaction.query(ADMIT, &parameters).await?.is_empty() {
                    return Ok((comparison, true));
                }
            }
        }
        let texts = |payout: &Payout| match payout.texts.is_empty() {
            true => Ok(None),
            false => serde_json::to_string(&payout.texts).map(Some),
        };
        let keys: Vec<&str> = new.iter().map(|payout| &*payout.key).collect();
        let openids: Vec<&str> = new.iter().map(|payout| payout.openid.as_str()).collect();
        let amounts: Vec<i64> = new.iter().map(|payout| payout.amount.get()).collect();
        let texts: Vec<Option<String>> =
            new.iter().map(texts).collect::<Result<_, _>>().map_err(|error| Error::invalid("texts", error))?;
        let numbers: Vec<&str> = new.iter().map(|payout| payout.number.as_str()).collect();
        let added = transaction
            .execute(
                &add,
                &[&campaign.0, &mch_id.as_str(), &now.unix_millis(), &keys, &openids, &amounts, &texts, &numbers],
            )
            .await;
        match added {
            Ok(_) => {}
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                return Err(Error::invalid(
                    "key",
                    "its bill number is taken: by another key, or by a payout that was archived",
                )
                .into());
            }
            // Of what a batch brings, only keys have an index and any length.
            Err(error) if error.code() == Some(&SqlState::PROGRAM_LIMIT_EXCEEDED) => {
                return Err(Error::invalid("key", "it is too long for an index of the server").into());
            }
            Err(error) => return Err(error.into()),
        }
        transaction.commit().await?;
        Ok((comparison, false))
    }
}

const PAYER: &str = "SELECT mch_id FROM campaign WHERE id = $1";

/// Two imports for one merchant follow each other. The schema belongs to it:
/// such locks are the whole database's.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtext(current_schema()), hashtext($1))";

fn payer(found: &[tokio_postgres::Row]) -> Result<MchId, Failure> {
    let row = found.first().ok_or_else(|| unknown("campaign"))?;
    Ok(MchId::new(row.try_get::<_, String>(0)?)?)
}

/// What is known, what contradicts it, and the new payouts as they are stored.
fn compared(
    campaign: CampaignId,
    mch_id: &MchId,
    known: &[Payout],
    given: &[NewPayout],
) -> Result<(Comparison, Vec<Payout>), Error> {
    let mut comparison = Comparison::default();
    let mut known: HashMap<&str, (Option<&Payout>, usize)> =
        known.iter().map(|payout| (&*payout.key, (Some(payout), 0))).collect();
    let mut new: Vec<Payout> = vec![];
    for (index, payout) in given.iter().enumerate() {
        match known.entry(&payout.key) {
            Place::Occupied(place) => {
                let (stored, place) = *place.get();
                // A key may come twice in one batch.
                match Conflict::between(index, stored.unwrap_or_else(|| &new[place]), payout) {
                    Some(conflict) => comparison.conflicts.push(conflict),
                    None => comparison.known += 1,
                }
            }
            Place::Vacant(place) => {
                place.insert((None, new.len()));
                comparison.new += 1;
                new.push(Payout {
                    id: PayoutId(0),
                    campaign,
                    mch_id: mch_id.clone(),
                    key: payout.key.clone(),
                    openid: payout.openid.clone(),
                    amount: payout.amount,
                    texts: payout.texts.clone(),
                    number: payout.number(mch_id)?,
                    version: Version(1),
                    standing: Standing::planned(Timestamp::default()),
                    counted: None,
                });
            }
        }
    }
    Ok((comparison, new))
}

fn keys(payouts: &[NewPayout]) -> Result<Vec<&str>, Error> {
    payouts.iter().map(|payout| without_nul("key", &payout.key)).collect()
}

/// A text that identifies something is kept as it is or not at all, and the
/// server keeps no NUL.
fn without_nul<'a>(field: &'static str, text: &'a str) -> Result<&'a str, Error> {
    if text.contains('\0') { Err(Error::invalid(field, "it holds a NUL character")) } else { Ok(text) }
}

fn unknown(field: &'static str) -> Error {
    Error::invalid(field, "the ledger has no such campaign")
}
