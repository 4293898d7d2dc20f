//! `POST /pay/downloadfundflow`: what moved in an account on a day (下载资金账单).
//!
//! Official page: downloadfundflow, pay.weixin.qq.com, read 2026-11.

use serde::{Deserialize, Serialize};

use super::bill::Funds;
use super::trade_bill::TarType;
use crate::clock::Day;
use crate::code;
use crate::wire::{Contract, Field, Repeat, Request, Tabular, compact, wire_enum};

/// Asks for what moved in one of the merchant's accounts on a Beijing day, not
/// today. It is there from 10:00 of the next day on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FundFlow {
    /// Which day (资金账单日期), from 2017-06-01 on.
    #[serde(with = "compact")]
    pub bill_date: Day,
    /// Which account (资金账户类型).
    pub account_type: AccountType,
    /// Whether it comes compressed (压缩账单); the reader takes it either way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tar_type: Option<TarType>,
}

impl FundFlow {
    /// All movements of an account on a day, compressed on the way.
    #[must_use]
    pub const fn new(bill_date: Day, account_type: AccountType) -> Self {
        Self { bill_date, account_type, tar_type: Some(TarType::Gzip) }
    }
}

wire_enum! {
    /// An account of the merchant (资金账户类型).
    AccountType {
        /// Where payments arrive (基本账户).
        Basic = "Basic",
        /// What payouts are made from (运营账户).
        Operation = "Operation",
        /// Fees (手续费账户).
        Fees = "Fees",
    }
}

impl Request for FundFlow {
    const CONTRACT: Contract = Contract::v2("/pay/downloadfundflow")
        .with_certificate()
        .hmac_only()
        .with_sub_merchant()
        .text_reply()
        .repeat(Repeat::Freely)
        .fields(&[Field::text("bill_date", 8), Field::text("account_type", 16), Field::text("tar_type", 8).optional()])
        .codes(code::DOWNLOAD_FUND_FLOW);

    type Reply = ();
}

impl Tabular for FundFlow {
    type Sheet = Funds;
}
