//! The trade bill (交易账单, 对账单) of `POST /pay/downloadbill`.
//!
//! After the official pages of 2016 to 2025 (the bill, and the description of
//! its columns) and a real file that is published in an SDK's tests.

use serde::Serialize;

use super::columns::{Cells, Column, Header};
use super::other::Other;
use super::table::{Layout, Table};
use super::totals::{Difference, Totals};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::money::{Fen, MilliFen};
use crate::wire::{Progress, Sheet};

/// Reads a trade bill (交易账单) of any kind, `ALL`, `SUCCESS`, `REFUND` or
/// `RECHARGE_REFUND`, of the present form and of the one before 2018.
///
/// Columns are found by their names, wherever they stand; one that is missing
/// reads as `None`. A goods name that contains the separator ``,` `` is put
/// together again; where the data of the order (商户数据包) contain it, the first
/// parts of them end up in the goods name.
///
/// [`Progress::End`] comes only if the number of rows is the one that the bill
/// states. What the amounts add up to is compared in [`summary`](Self::summary).
#[derive(Default)]
pub struct Trades(Table<Trading>);

impl Trades {
    /// A bill of which nothing has come yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The totals, once [`Progress::End`] was reached.
    #[must_use]
    pub fn summary(&self) -> Option<&TradeSummary> {
        self.0.summary()
    }
}

impl Sheet for Trades {
    type Row<'a> = Trade<'a>;

    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.feed(bytes)
    }

    fn end(&mut self) -> Result<()> {
        self.0.end()
    }

    fn advance(&mut self) -> Result<Progress> {
        self.0.advance()
    }

    fn row(&self) -> Result<Trade<'_>> {
        let (row, header, Trading { at, amounts, .. }) = self.0.row()?;
        Ok(Trade {
            trade_time: row.parse(at.trade_time)?,
            appid: row.text(at.appid),
            mch_id: row.text(at.mch_id),
            sub_mch_id: row.some_id(at.sub_mch_id),
            device_info: row.some_text(at.device_info),
            transaction_id: row.text(at.transaction_id),
            out_trade_no: row.text(at.out_trade_no),
            openid: row.some_text(at.openid),
            trade_type: row.text(at.trade_type),
            trade_state: row.text(at.trade_state).into(),
            bank_type: row.some_text(at.bank_type),
            fee_type: row.text(at.fee_type),
            settlement_total_fee: amounts.settlement_total_fee,
            coupon_fee: amounts.coupon_fee,
            refund_apply_time: row.parse_some(at.refund_apply_time)?,
            refund_success_time: row.parse_some(at.refund_success_time)?,
            refund_id: row.some_id(at.refund_id),
            out_refund_no: row.some_id(at.out_refund_no),
            settlement_refund_fee: amounts.settlement_refund_fee,
            coupon_refund_fee: amounts.coupon_refund_fee,
            refund_type: row.some_text(at.refund_type),
            refund_state: row.some_text(at.refund_state).map(Into::into),
            body: row.some_text(at.body),
            attach: row.some_text(at.attach),
            fee: amounts.fee,
            returned_fee: amounts.returned_fee,
            rate: row.some_text(at.rate),
            total_fee: amounts.total_fee,
            refund_fee: amounts.refund_fee,
            rate_remark: row.some_text(at.rate_remark),
            other: Other { header, row },
        })
    }

    fn expect_digest(&mut self, header: &str) -> Result<()> {
        self.0.expect_digest(header)
    }
}

borrowed_enum! {
    /// What a row of a trade bill is about (交易状态).
    TradeState {
        /// A payment.
        Success = "SUCCESS",
        /// A refund.
        Refund = "REFUND",
        /// A payment that was reversed (撤销).
        Revoked = "REVOKED",
    }
}

borrowed_enum! {
    /// Where a refund stood when the bill was made (退款状态).
    RefundState {
        /// The payer has it.
        Success = "SUCCESS",
        /// It failed.
        Fail = "FAIL",
        /// On its way.
        Processing = "PROCESSING",
    }
}

/// A row of a trade bill. What the bill leaves empty, or prints as `0` where a
/// number belongs, is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Trade<'a> {
    /// When it was paid, or a refund was applied for (交易时间).
    pub trade_time: Timestamp,
    /// The appid it was ordered with (公众账号ID).
    pub appid: &'a str,
    /// The merchant (商户号).
    pub mch_id: &'a str,
    /// The sub-merchant of a service provider (特约商户号).
    pub sub_mch_id: Option<&'a str>,
    /// The terminal, as the order named it (设备号).
    pub device_info: Option<&'a str>,
    /// WeChat's number of the order (微信订单号).
    pub transaction_id: &'a str,
    /// The merchant's number of the order (商户订单号).
    pub out_trade_no: &'a str,
    /// The payer under `appid` (用户标识).
    pub openid: Option<&'a str>,
    /// How it was paid (交易类型): `JSAPI`, `NATIVE`, `APP`, `MWEB`, `MICROPAY` and more.
    pub trade_type: &'a str,
    /// What the row is about (交易状态).
    pub trade_state: TradeState<'a>,
    /// The bank or the kind of balance that paid (付款银行).
    pub bank_type: Option<&'a str>,
    /// The currency, `CNY` (货币种类).
    pub fee_type: &'a str,
    /// What the merchant is to get for the order, in fen; nothing in a row of a refund
    /// (应结订单金额, once 总金额).
    pub settlement_total_fee: Fen,
    /// What coupons paid of it, in fen (代金券金额).
    pub coupon_fee: Fen,
    /// When the refund was applied for (退款申请时间). Only in bills of refunds.
    pub refund_apply_time: Option<Timestamp>,
    /// When the refund arrived (退款成功时间). Only in bills of refunds, and not while
    /// it is on its way.
    pub refund_success_time: Option<Timestamp>,
    /// WeChat's number of the refund (微信退款单号).
    pub refund_id: Option<&'a str>,
    /// The merchant's number of the refund (商户退款单号).
    pub out_refund_no: Option<&'a str>,
    /// What the merchant gave back, in fen (退款金额).
    pub settlement_refund_fee: Option<Fen>,
    /// What went back to coupons of it, in fen (充值券退款金额).
    pub coupon_refund_fee: Option<Fen>,
    /// Where it went back to (退款类型): `ORIGINAL`, `BALANCE`, `OTHER_BALANCE` and more.
    pub refund_type: Option<&'a str>,
    /// Where the refund stood when the bill was made; never updated (退款状态).
    pub refund_state: Option<RefundState<'a>>,
    /// What was sold (商品名称).
    pub body: Option<&'a str>,
    /// The data that the order carried along (商户数据包).
    pub attach: Option<&'a str>,
    /// WeChat's fee, in thousandths of a fen; below zero where it is given back (手续费).
    pub fee: Option<MilliFen>,
    /// The fee that is given back, in thousandths of a fen, with the sign of the bill
    /// (返还手续费). Only in bills of recharge refunds.
    pub returned_fee: Option<MilliFen>,
    /// The rate of the fee as it is printed, `0.60%` (费率).
    pub rate: Option<&'a str>,
    /// The amount of the order, in fen; nothing in a row of a refund (订单金额). Bills
    /// of the old form lack it.
    pub total_fee: Option<Fen>,
    /// The amount that was asked to be refunded, in fen (申请退款金额). Bills of the
    /// old form lack it.
    pub refund_fee: Option<Fen>,
    /// A remark on the rate (费率备注).
    pub rate_remark: Option<&'a str>,
    #[serde(skip)]
    other: Other<'a>,
}

impl<'a> Trade<'a> {
    /// Columns that this version does not know, with their values.
    pub fn other(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.other.iter()
    }
}

/// The totals of a trade bill, as it states them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TradeSummary {
    /// The number of rows (总交易单数), which was counted too.
    pub rows: u64,
    /// What the merchant is to get for orders, in fen (应结订单总金额, once 总交易额).
    pub settlement_total_fee: Option<Fen>,
    /// What the merchant gave back, in fen (退款总金额, once 总退款金额).
    pub settlement_refund_fee: Option<Fen>,
    /// What went back to coupons, in fen (充值券退款总金额, once
    /// 总代金券或立减优惠退款金额).
    pub coupon_refund_fee: Option<Fen>,
    /// Fees, in thousandths of a fen (手续费总金额).
    pub fee: Option<MilliFen>,
    /// Amounts of orders, in fen (订单总金额).
    pub total_fee: Option<Fen>,
    /// Amounts that were asked to be refunded, in fen (申请退款总金额).
    pub refund_fee: Option<Fen>,
    differences: Vec<Difference>,
}

impl TradeSummary {
    /// Totals that the rows do not add up to; none in a bill that is right.
    #[must_use]
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }
}

struct Columns {
    trade_time: Column,
    appid: Column,
    mch_id: Column,
    sub_mch_id: Option<Column>,
    device_info: Option<Column>,
    transaction_id: Column,
    out_trade_no: Column,
    openid: Option<Column>,
    trade_type: Column,
    trade_state: Column,
    bank_type: Option<Column>,
    fee_type: Column,
    settlement_total_fee: Column,
    coupon_fee: Column,
    refund_apply_time: Option<Column>,
    refund_success_time: Option<Column>,
    refund_id: Option<Column>,
    out_refund_no: Option<Column>,
    settlement_refund_fee: Option<Column>,
    coupon_refund_fee: Option<Column>,
    refund_type: Option<Column>,
    refund_state: Option<Column>,
    body: Option<Column>,
    attach: Option<Column>,
    fee: Option<Column>,
    returned_fee: Option<Column>,
    rate: Option<Column>,
    total_fee: Option<Column>,
    refund_fee: Option<Column>,
    rate_remark: Option<Column>,
}

/// Of one row.
#[derive(Default)]
struct Amounts {
    settlement_total_fee: Fen,
    coupon_fee: Fen,
    settlement_refund_fee: Option<Fen>,
    coupon_refund_fee: Option<Fen>,
    fee: Option<MilliFen>,
    returned_fee: Option<MilliFen>,
    total_fee: Option<Fen>,
    refund_fee: Option<Fen>,
}

/// Of all rows so far.
#[derive(Default)]
struct Sums {
    settlement_total_fee: Fen,
    coupon_fee: Fen,
    settlement_refund_fee: Fen,
    coupon_refund_fee: Fen,
    fee: MilliFen,
    returned_fee: MilliFen,
    total_fee: Fen,
    refund_fee: Fen,
}

struct Trading {
    at: Columns,
    amounts: Amounts,
    sums: Sums,
}

impl Layout for Trading {
    const WHAT: &'static str = "trade bill";
    const ROWS: &'static str = "总交易单数";
    type Summary = TradeSummary;

    fn of(header: &mut Header) -> Result<Self> {
        let at = Columns {
            trade_time: header.need(&["交易时间"])?,
            appid: header.need(&["公众账号ID"])?,
            mch_id: header.need(&["商户号"])?,
            sub_mch_id: header.find(&["特约商户号", "子商户号"]),
            device_info: header.find(&["设备号"]),
            transaction_id: header.need(&["微信订单号"])?,
            out_trade_no: header.need(&["商户订单号"])?,
            openid: header.find(&["用户标识"]),
            trade_type: header.need(&["交易类型"])?,
            trade_state: header.need(&["交易状态"])?,
            bank_type: header.find(&["付款银行"]),
            fee_type: header.need(&["货币种类"])?,
            settlement_total_fee: header.need(&["应结订单金额", "总金额"])?,
            coupon_fee: header.need(&["代金券金额", "代金券或立减优惠金额"])?,
            refund_apply_time: header.find(&["退款申请时间"]),
            refund_success_time: header.find(&["退款成功时间"]),
            refund_id: header.find(&["微信退款单号"]),
            out_refund_no: header.find(&["商户退款单号"]),
            settlement_refund_fee: header.find(&["退款金额"]),
            coupon_refund_fee: header.find(&["充值券退款金额", "代金券或立减优惠退款金额"]),
            refund_type: header.find(&["退款类型"]),
            refund_state: header.find(&["退款状态"]),
            body: header.find(&["商品名称"]),
            attach: header.find(&["商户数据包"]),
            fee: header.find(&["手续费"]),
            returned_fee: header.find(&["返还手续费"]),
            rate: header.find(&["费率"]),
            total_fee: header.find(&["订单金额"]),
            refund_fee: header.find(&["申请退款金额"]),
            rate_remark: header.find(&["费率备注"]),
        };
        header.free(at.body.or(at.attach));
        Ok(Self { at, amounts: Amounts::default(), sums: Sums::default() })
    }

    fn tally(&mut self, row: &Cells<'_>) -> Result<()> {
        let Self { at, amounts, sums } = self;
        *amounts = Amounts {
            settlement_total_fee: row.add(at.settlement_total_fee, &mut sums.settlement_total_fee)?,
            coupon_fee: row.add(at.coupon_fee, &mut sums.coupon_fee)?,
            settlement_refund_fee: row.add_some(at.settlement_refund_fee, &mut sums.settlement_refund_fee)?,
            coupon_refund_fee: row.add_some(at.coupon_refund_fee, &mut sums.coupon_refund_fee)?,
            fee: row.add_some(at.fee, &mut sums.fee)?,
            returned_fee: row.add_some(at.returned_fee, &mut sums.returned_fee)?,
            total_fee: row.add_some(at.total_fee, &mut sums.total_fee)?,
            refund_fee: row.add_some(at.refund_fee, &mut sums.refund_fee)?,
        };
        Ok(())
    }

    fn close(&self, rows: u64, mut totals: Totals<'_>) -> Result<TradeSummary> {
        let Self { at, sums, .. } = self;
        let fees = match (at.fee, at.returned_fee) {
            (Some(_), None) => Some(sums.fee),
            (None, Some(_)) => Some(sums.returned_fee),
            // Which of both it adds up is not known.
            _ => None,
        };
        Ok(TradeSummary {
            rows,
            settlement_total_fee: totals.amount(&["应结订单总金额", "总交易额"], Some(sums.settlement_total_fee))?,
            settlement_refund_fee: totals
                .amount(&["退款总金额", "总退款金额"], at.settlement_refund_fee.map(|_| sums.settlement_refund_fee))?,
            coupon_refund_fee: totals.amount(
                &["充值券退款总金额", "总代金券或立减优惠退款金额"],
                at.coupon_refund_fee.map(|_| sums.coupon_refund_fee),
            )?,
            fee: totals.amount(&["手续费总金额"], fees)?,
            total_fee: totals.amount(&["订单总金额"], at.total_fee.map(|_| sums.total_fee))?,
            refund_fee: totals.amount(&["申请退款总金额"], at.refund_fee.map(|_| sums.refund_fee))?,
            differences: totals.differences(),
        })
    }
}
