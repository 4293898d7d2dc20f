//! `POST /pay/downloadbill`: what was paid and refunded on a day (下载交易账单).
//!
//! Official page: downloadbill, pay.weixin.qq.com, read 2026-11.

use serde::{Deserialize, Serialize};

use super::bill::Trades;
use crate::clock::Day;
use crate::code;
use crate::wire::{Contract, Field, Generation, Repeat, Request, Tabular, compact, wire_enum};

/// Asks for the bill of a Beijing day: one of the last three months, and not
/// today. It is there from 10:00 of the next day on.
///
/// ```no_run
/// # async fn run(client: hongbao::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use hongbao::query;
/// let mut bill = client.download(&query::TradeBill::new("2025-03-17".parse()?)).await?;
/// while let Some(trade) = bill.next().await? {
///     println!("{} {} {}", trade.trade_time, trade.out_trade_no, trade.settlement_total_fee);
/// }
/// for difference in bill.sheet().summary().into_iter().flat_map(|summary| summary.differences()) {
///     println!("{difference}");
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeBill {
    /// Which day (对账单日期).
    #[serde(with = "compact")]
    pub bill_date: Day,
    /// Which rows (账单类型).
    pub bill_type: BillType,
    /// Whether it comes compressed (压缩账单); the reader takes it either way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tar_type: Option<TarType>,
}

impl TradeBill {
    /// All rows of a day, compressed on the way.
    #[must_use]
    pub const fn new(bill_date: Day) -> Self {
        Self { bill_date, bill_type: BillType::All, tar_type: Some(TarType::Gzip) }
    }
}

wire_enum! {
    /// Which rows a trade bill has (账单类型).
    BillType {
        /// Payments of the day, and refunds that began on it.
        All = "ALL",
        /// Payments alone.
        Success = "SUCCESS",
        /// Refunds alone, with the time at which each arrived.
        Refund = "REFUND",
        /// Refunds of recharge orders (充值退款), which the others leave out.
        RechargeRefund = "RECHARGE_REFUND",
    }
}

wire_enum! {
    /// How a bill is compressed on its way (压缩账单).
    TarType {
        /// By gzip.
        Gzip = "GZIP",
    }
}

impl Request for TradeBill {
    const CONTRACT: Contract = Contract::v2("/pay/downloadbill")
        .with_sub_merchant()
        .text_reply()
        .repeat(Repeat::Freely)
        .fields(&[Field::text("bill_date", 8), Field::text("bill_type", 16), Field::text("tar_type", 8).optional()])
        .codes(code::DOWNLOAD_BILL)
        .codes_by_text(code::DOWNLOAD_BILL_TEXTS)
        .official_sandboxes(&[Generation::One]);

    type Reply = ();
}

impl Tabular for TradeBill {
    type Sheet = Trades;
}
