//! What a ledger keeps: campaigns, payouts, and the journal of what happened.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::number;
use super::state::{Phase, Standing};
use crate::clock::{Day, Timestamp};
use crate::error::{Error, Result};
use crate::ids::{AppId, BillNo, MchId, OpenId};
use crate::money::Fen;
use crate::redpack::{Extra, Packet, Scene};

/// A campaign in a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CampaignId(pub i64);

impl fmt::Display for CampaignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A payout in a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PayoutId(pub i64);

impl fmt::Display for PayoutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How often a payout was claimed or changed: the fencing token of whoever read
/// it. What was read at one version is never written over another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub i64);

/// What all packets of a campaign say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The sender's name as the user sees it (商户名称), at most 32 characters.
    pub send_name: String,
    /// The greeting (红包祝福语), at most 128 characters.
    pub wishing: String,
    /// The activity's name (活动名称), at most 32 characters.
    pub act_name: String,
    /// A remark (备注), at most 256 characters.
    pub remark: String,
    /// The address of the calling machine (调用接口的机器IP).
    pub client_ip: Ipv4Addr,
    /// Everything optional.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What one packet says differently from its campaign's [`Template`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// Another greeting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wishing: Option<String>,
    /// Another remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// Another scene.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene_id: Option<Scene>,
}

impl Texts {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A campaign that is to be planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCampaign {
    /// Its name, unique within the merchant.
    pub name: String,
    /// Who pays.
    pub mch_id: MchId,
    /// Under which appid the payees are known.
    pub app_id: AppId,
    /// What its packets say.
    pub template: Template,
}

/// A campaign as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Campaign {
    /// The ledger's number.
    pub id: CampaignId,
    /// Its name.
    pub name: String,
    /// Who pays.
    pub mch_id: MchId,
    /// Under which appid the payees are known.
    pub app_id: AppId,
    /// What its packets say.
    pub template: Template,
    /// When it was first planned.
    pub created: Timestamp,
    /// Since when it may be sent; until then its file is still being taken in.
    pub ready: Option<Timestamp>,
    /// The digest over payees and amounts of its last file.
    pub digest: Option<String>,
}

impl Campaign {
    /// A campaign as a ledger reads it back.
    #[must_use]
    pub fn new(id: CampaignId, new: NewCampaign, created: Timestamp) -> Self {
        let NewCampaign { name, mch_id, app_id, template } = new;
        Self { id, name, mch_id, app_id, template, created, ready: None, digest: None }
    }

    /// Whether it is the campaign that is to be planned: a campaign is one thing
    /// for life, and its packets say the same at each attempt.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) names the first field that differs.
    pub fn matches(&self, new: &NewCampaign) -> Result<()> {
        let field = if self.app_id != new.app_id {
            "app_id".to_owned()
        } else if self.template != new.template {
            let fields = |template| serde_json::to_value(template).unwrap_or_default();
            let (old, new) = (fields(&self.template), fields(&new.template));
            let names =
                [&old, &new].into_iter().filter_map(|fields| fields.as_object()).flat_map(|fields| fields.keys());
            names.into_iter().find(|name| old.get(*name) != new.get(*name)).map_or("template", |name| name).to_owned()
        } else {
            return Ok(());
        };
        Err(Error::invalid(field, format!("the campaign {:?} is known with another one", self.name)))
    }
}

/// A payout that is to be planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPayout {
    /// The business key, unique within the merchant for ever: what the money is
    /// for. The same key is never paid twice.
    pub key: String,
    /// The payee.
    pub openid: OpenId,
    /// How much.
    pub amount: Fen,
    /// What its packet says differently.
    pub texts: Texts,
}

impl NewPayout {
    /// The bill number that it will have.
    ///
    /// # Errors
    /// As [`bill_no`](super::bill_no).
    pub fn number(&self, mch_id: &MchId) -> Result<BillNo> {
        number::bill_no(mch_id, &self.key, 0)
    }
}

/// A payout as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Payout {
    /// The ledger's number.
    pub id: PayoutId,
    /// Its campaign.
    pub campaign: CampaignId,
    /// Who pays.
    pub mch_id: MchId,
    /// The business key.
    pub key: String,
    /// The payee.
    pub openid: OpenId,
    /// How much.
    pub amount: Fen,
    /// What its packet says differently.
    pub texts: Texts,
    /// The bill number (商户订单号) that it is sent under.
    pub number: BillNo,
    /// The version that was read.
    pub version: Version,
    /// Where it stands.
    pub standing: Standing,
    /// The day in whose limits it is counted.
    pub counted: Option<Day>,
}

impl Payout {
    /// The packet that is sent for it; the same at each attempt.
    #[must_use]
    pub fn packet(&self, template: &Template) -> Packet {
        let mut extra = template.extra.clone();
        if let Some(scene) = &self.texts.scene_id {
            extra.scene_id = Some(scene.clone());
        }
        Packet {
            mch_billno: self.number.clone(),
            re_openid: self.openid.clone(),
            total_amount: self.amount,
            send_name: template.send_name.clone(),
            wishing: self.texts.wishing.as_ref().unwrap_or(&template.wishing).clone(),
            act_name: template.act_name.clone(),
            remark: self.texts.remark.as_ref().unwrap_or(&template.remark).clone(),
            client_ip: template.client_ip,
            extra,
        }
    }
}

/// What kind of thing the journal tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryKind {
    /// An attempt was begun: written before the first byte left.
    Begin,
    /// The answer to an attempt.
    Answer,
    /// An answer that came after the payout had gone on without it.
    Late,
    /// The answer to a query.
    Query,
    /// The day's limits left no room.
    Deferred,
    /// A person held it.
    Hold,
    /// A person released it.
    Release,
    /// A person permitted another number.
    Permit,
}

impl EntryKind {
    const ALL: [Self; 8] =
        [Self::Begin, Self::Answer, Self::Late, Self::Query, Self::Deferred, Self::Hold, Self::Release, Self::Permit];

    /// The name in ledgers and files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Answer => "answer",
            Self::Late => "late",
            Self::Query => "query",
            Self::Deferred => "deferred",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Permit => "permit",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A line of the journal, which only grows. It holds no key: answers carry none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Which worker, or which person.
    pub by: String,
    /// What.
    pub kind: EntryKind,
    /// Under which number: 0 is the first.
    pub generation: u32,
    /// Which attempt under that number, from 1 on; 0 before the first.
    pub attempt: u32,
    /// Where the payout stood after it.
    pub phase: Phase,
    /// In a few words.
    pub text: String,
    /// The answer as it came, its first kilobytes.
    pub raw: Option<String>,
}
