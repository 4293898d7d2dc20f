//! `POST /mmpaymkttransfers/sendredpack`: a packet to one user (发放普通红包).
//!
//! Official page: doc/v2/merchant/4011974053, read 2026-11.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{Extra, Sent, limits};
use crate::code;
use crate::error::Result;
use crate::ids::{BillNo, OpenId};
use crate::money::Fen;
use crate::wire::{Contract, Field, Repeat, Request};

/// A cash red packet for one user.
///
/// ```
/// use hongbao::{BillNo, Fen, OpenId, redpack};
///
/// let packet = redpack::Packet {
///     mch_billno: BillNo::new("1510000001202503180000000017")?,
///     re_openid: OpenId::new("oQx4r0Z1a2b3c4d5e6f7g8h9i0jk")?,
///     total_amount: Fen::new(150),
///     send_name: "蓝鲸咖啡".into(),
///     wishing: "早安，今天也要加油".into(),
///     act_name: "签到有礼".into(),
///     remark: "连续签到七天奖励".into(),
///     client_ip: "203.0.113.24".parse()?,
///     extra: redpack::Extra::default(),
/// };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Repeating it with the same `mch_billno` and the same fields pays once,
/// however often it is done. Another number is another payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// The merchant's number of this packet (商户订单号), fixed and stored
    /// before the first attempt.
    pub mch_billno: BillNo,
    /// The receiver (用户openid), under the appid of the entity.
    pub re_openid: OpenId,
    /// How much, in fen (付款金额).
    pub total_amount: Fen,
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

impl Request for Packet {
    const CONTRACT: Contract = Contract::v2("/mmpaymkttransfers/sendredpack")
        .app_as("wxappid")
        .with_certificate()
        .md5_only()
        .reply_unsigned()
        .number("mch_billno")
        .repeat(Repeat::SameNumber)
        .fields(&[
            Field::text("mch_billno", 28),
            Field::text("re_openid", 32),
            Field::integer("total_amount"),
            Field::text("send_name", 32),
            Field::text("wishing", 128),
            Field::text("act_name", 32),
            Field::text("remark", 256),
            Field::text("client_ip", 15),
            Field::text("scene_id", 32).optional(),
            Field::text("risk_info", 128).optional(),
            Field::text("consume_mch_id", 32).optional(),
            Field::text("sub_mch_id", 32).optional(),
            Field::text("msgappid", 32).optional(),
        ])
        .fixed(&[("total_num", "1")])
        .echo(&["mch_billno", "mch_id", "wxappid", "re_openid", "total_amount"])
        .codes(code::RED_PACKET_SEND);

    type Reply = Sent;

    fn check(&self) -> Result<()> {
        // An empty one is left out of the signature and read as absent.
        let has_scene = self.extra.scene_id.as_ref().is_some_and(|scene| !scene.as_str().is_empty());
        limits::check_packet(self.total_amount, has_scene)?;
        self.extra.check()
    }
}
