//! `POST /mmpaymkttransfers/sendgroupredpack`: a packet that its receiver
//! shares out (发放裂变红包).
//!
//! Official page: pay.weixin.qq.com, chapter 13_5, read 2026-11.

use serde::{Deserialize, Serialize};

use super::{Extra, Sent, limits};
use crate::code;
use crate::error::Result;
use crate::ids::{BillNo, OpenId};
use crate::money::Fen;
use crate::wire::{Contract, Field, Repeat, Request};

/// A fission packet: one user takes a share and passes the rest on, and WeChat
/// splits the sum at random.
///
/// **WeChat closed this product on 2024-06-05.** The call is complete here for
/// merchants that still have it and for the books of the past; the real
/// gateway is to be expected to refuse it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The merchant's number of this packet (商户订单号), fixed and stored
    /// before the first attempt.
    pub mch_billno: BillNo,
    /// The user who shares it out (种子用户).
    pub re_openid: OpenId,
    /// The sum of all shares, in fen: 1.00 to 1000.00 yuan, 1.00 to 200.00 on average.
    pub total_amount: Fen,
    /// The number of shares, the first user's included: 3 or more.
    pub total_num: u32,
    /// The sender's name as the user sees it (商户名称), at most 32 characters.
    pub send_name: String,
    /// The greeting (红包祝福语), at most 128 characters.
    pub wishing: String,
    /// The activity's name (活动名称), at most 32 characters.
    pub act_name: String,
    /// A remark (备注), at most 256 characters.
    pub remark: String,
    /// Everything optional.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Request for Group {
    const CONTRACT: Contract = Contract::v2("/mmpaymkttransfers/sendgroupredpack")
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
            Field::integer("total_num"),
            Field::text("send_name", 32),
            Field::text("wishing", 128),
            Field::text("act_name", 32),
            Field::text("remark", 256),
            Field::text("scene_id", 32).optional(),
            Field::text("risk_info", 128).optional(),
            Field::text("consume_mch_id", 32).optional(),
            Field::text("sub_mch_id", 32).optional(),
            Field::text("msgappid", 32).optional(),
        ])
        .fixed(&[("amt_type", "ALL_RAND")])
        .echo(&["mch_billno", "mch_id", "wxappid", "re_openid", "total_amount"])
        .codes(code::RED_PACKET_SEND);

    type Reply = Sent;

    fn check(&self) -> Result<()> {
        limits::check_group(self.total_amount, self.total_num)?;
        self.extra.check()
    }
}
