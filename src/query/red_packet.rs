//! `POST /mmpaymkttransfers/gethbinfo`: what became of a red packet (查询红包记录).
//!
//! Official page: pay.weixin.qq.com, chapter 13_6, read 2026-11.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::code;
use crate::ids::BillNo;
use crate::money::Fen;
use crate::wire::{Contract, Field, Repeat, Request, beijing_time, wire_enum};

/// Asks about a packet of the last 30 days by the merchant's number, whatever
/// kind it is.
///
/// `NOT_FOUND` is an error of [`Outcome::Unknown`](crate::Outcome::Unknown): a
/// number that is not found may still be on its way. It never licenses a
/// second number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedPacket {
    /// The number that it was sent with (商户订单号).
    pub mch_billno: BillNo,
}

impl Request for RedPacket {
    const CONTRACT: Contract = Contract::v2("/mmpaymkttransfers/gethbinfo")
        .with_certificate()
        .md5_only()
        .reply_unsigned()
        .number("mch_billno")
        .repeat(Repeat::Freely)
        .fields(&[Field::text("mch_billno", 28)])
        .fixed(&[("bill_type", "MCHT")])
        .echo(&["mch_billno", "mch_id"])
        .codes(code::RED_PACKET_QUERY);

    type Reply = RedPacketFound;
}

/// A packet as WeChat keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RedPacketFound {
    /// The merchant's number.
    pub mch_billno: BillNo,
    /// WeChat's number (红包单号); there in every state.
    pub detail_id: Option<String>,
    /// Where it stands.
    pub status: RedPacketStatus,
    /// How it was issued.
    pub send_type: Option<SendType>,
    /// One receiver or many.
    pub hb_type: Option<HbType>,
    /// The number of shares.
    pub total_num: Option<u32>,
    /// The sum, in fen.
    pub total_amount: Option<Fen>,
    /// Why it failed, or why it is stuck in `SENDING` (失败原因); for people.
    pub reason: Option<String>,
    /// When it was sent.
    #[serde(default, deserialize_with = "beijing_time")]
    pub send_time: Option<Timestamp>,
    /// When unclaimed money came back.
    #[serde(default, deserialize_with = "beijing_time")]
    pub refund_time: Option<Timestamp>,
    /// How much came back, in fen.
    pub refund_amount: Option<Fen>,
    /// The greeting, where the gateway repeats it.
    pub wishing: Option<String>,
    /// The remark, where the gateway repeats it.
    pub remark: Option<String>,
    /// The activity's name, where the gateway repeats it.
    pub act_name: Option<String>,
    /// Who opened it so far. Live answers leave it out now and then, even of a
    /// packet that was received.
    #[serde(default)]
    pub hblist: Vec<Receiver>,
}

/// One who opened a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Receiver {
    /// The user, under the appid of the packet.
    pub openid: Option<String>,
    /// The share, in fen.
    pub amount: Option<Fen>,
    /// When it was opened.
    #[serde(default, deserialize_with = "beijing_time")]
    pub rcv_time: Option<Timestamp>,
}

wire_enum! {
    /// Where a packet stands (红包状态).
    RedPacketStatus {
        /// Accepted, not delivered (发放中). It does not go on by itself: the same
        /// packet must be sent again when the cause is gone; after about three
        /// days it fails.
        Sending = "SENDING",
        /// Waiting for the user (已发放待领取).
        Sent = "SENT",
        /// Failed for good (发放失败): nothing was paid, a new number is allowed.
        Failed = "FAILED",
        /// Opened (已领取).
        Received = "RECEIVED",
        /// Unclaimed money is on its way back (退款中). The spelling is WeChat's.
        Refunding = "RFUND_ING",
        /// Unclaimed money is back (已退款).
        Refund = "REFUND",
    }
}

impl RedPacketStatus {
    /// Whether this state never changes again.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Failed | Self::Received | Self::Refund)
    }
}

wire_enum! {
    /// How a packet was issued (发放类型).
    SendType {
        /// Through the API.
        Api = "API",
        /// Through an uploaded file of openids.
        Upload = "UPLOAD",
        /// Through a marketing rule of the platform.
        Activity = "ACTIVITY",
    }
}

wire_enum! {
    /// One receiver or many (红包类型).
    HbType {
        /// For one user.
        Normal = "NORMAL",
        /// Shared out by its receiver.
        Group = "GROUP",
    }
}
