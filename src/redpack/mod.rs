//! Cash red packets (现金红包).
//!
//! A packet that was accepted is on its way, not received: the user has 24
//! hours to open it, then the money returns. [`query::RedPacket`](crate::query::RedPacket)
//! tells which. There is no callback.

mod group;
pub(crate) mod limits;
mod packet;
mod risk;
mod scene;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use group::Group;
pub use limits::{LIMITS, Limit};
pub use packet::Packet;
pub use risk::RiskInfo;
pub use scene::Scene;

use crate::error::{Error, Result};
use crate::ids::{AppId, BillNo, MchId, OpenId};
use crate::money::Fen;

/// The optional fields of [`Packet`] and [`Group`].
///
/// Sub-merchant mode (服务商模式) needs `sub_mch_id` and `msgappid` together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extra {
    /// What the packet is for (场景id); required above 200.00 and below 1.00 yuan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene_id: Option<Scene>,
    /// What risk control may know of the user's action (活动信息).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_info: Option<RiskInfo>,
    /// Whose account is debited (资金授权商户号).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consume_mch_id: Option<MchId>,
    /// The sub-merchant (子商户号) of a service provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_mch_id: Option<MchId>,
    /// The appid that brings the message to the user (触达用户appid).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msgappid: Option<AppId>,
}

impl Extra {
    fn check(&self) -> Result<()> {
        if let Some(risk) = &self.risk_info {
            risk.check()?;
        }
        match (&self.sub_mch_id, &self.msgappid) {
            (Some(_), None) => Err(Error::invalid("msgappid", "required together with sub_mch_id")),
            (None, Some(_)) => Err(Error::invalid("sub_mch_id", "required together with msgappid")),
            _ => Ok(()),
        }
    }
}

/// The gateway took the order. Whether the user opened it, a query tells.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sent {
    /// The merchant's number, as it was sent.
    pub mch_billno: BillNo,
    /// The receiver, as it was sent.
    pub re_openid: OpenId,
    /// The amount, as it was sent.
    pub total_amount: Fen,
    /// WeChat's own number (微信单号); `detail_id` of a query.
    pub send_listid: String,
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent")
            .field("mch_billno", &self.mch_billno.as_str())
            .field("total_amount", &self.total_amount)
            .field("send_listid", &self.send_listid)
            .finish_non_exhaustive()
    }
}
