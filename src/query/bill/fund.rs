//! The fund bill (资金账单) of `POST /pay/downloadfundflow`.
//!
//! After the official page and what other SDKs expect of it.

use serde::Serialize;

use super::columns::{Cells, Column, Header};
use super::other::Other;
use super::table::{Layout, Table};
use super::totals::{Difference, Totals};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::money::Fen;
use crate::wire::{Progress, Sheet};

/// Reads a fund bill (资金账单) of any account, with brackets of full or half
/// width in the names of its columns.
///
/// [`Progress::End`] comes only if the numbers of rows, of all and of both
/// directions, are those that the bill states. What the amounts add up to is
/// compared in [`summary`](Self::summary).
#[derive(Default)]
pub struct Funds(Table<Funding>);

impl Funds {
    /// A bill of which nothing has come yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The totals, once [`Progress::End`] was reached.
    #[must_use]
    pub fn summary(&self) -> Option<&FundSummary> {
        self.0.summary()
    }
}

impl Sheet for Funds {
    type Row<'a> = Fund<'a>;

    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.feed(bytes)
    }

    fn end(&mut self) -> Result<()> {
        self.0.end()
    }

    fn advance(&mut self) -> Result<Progress> {
        self.0.advance()
    }

    fn row(&self) -> Result<Fund<'_>> {
        let (row, header, Funding { at, amount, .. }) = self.0.row()?;
        Ok(Fund {
            booking_time: row.parse(at.booking_time)?,
            business_order: row.text(at.business_order),
            fund_flow_id: row.text(at.fund_flow_id),
            business_name: row.text(at.business_name),
            business_type: row.text(at.business_type),
            direction: row.text(at.direction).into(),
            amount: *amount,
            balance: row.parse(at.balance)?,
            applicant: row.some_text(at.applicant),
            remark: row.some_text(at.remark),
            voucher: row.some_text(at.voucher),
            other: Other { header, row },
        })
    }

    fn expect_digest(&mut self, header: &str) -> Result<()> {
        self.0.expect_digest(header)
    }
}

borrowed_enum! {
    /// Whether money came or went (收支类型).
    Direction {
        /// It came.
        Income = "收入",
        /// It went.
        Expense = "支出",
    }
}

/// A row of a fund bill. What the bill leaves empty is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fund<'a> {
    /// When it was booked (记账时间).
    pub booking_time: Timestamp,
    /// WeChat's number of what was booked, an order or a refund (微信支付业务单号).
    pub business_order: &'a str,
    /// The number of the booking (资金流水单号).
    pub fund_flow_id: &'a str,
    /// What was booked, such as 交易 or 退款 (业务名称).
    pub business_name: &'a str,
    /// Its kind (业务类型).
    pub business_type: &'a str,
    /// Whether money came or went (收支类型).
    pub direction: Direction<'a>,
    /// How much, in fen, without a sign (收支金额).
    pub amount: Fen,
    /// The balance of the account after it, in fen (账户结余).
    pub balance: Fen,
    /// Who asked for it (资金变更提交申请人).
    pub applicant: Option<&'a str>,
    /// A remark (备注).
    pub remark: Option<&'a str>,
    /// The merchant's number of what was booked (业务凭证号).
    pub voucher: Option<&'a str>,
    #[serde(skip)]
    other: Other<'a>,
}

impl<'a> Fund<'a> {
    /// Columns that this version does not know, with their values.
    pub fn other(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.other.iter()
    }
}

/// The totals of a fund bill, as it states them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FundSummary {
    /// The number of rows (资金流水总笔数), which was counted too.
    pub rows: u64,
    /// How many of them are incomes (收入笔数), as counted.
    pub incomes: u64,
    /// What came, in fen (收入金额).
    pub income: Option<Fen>,
    /// How many of them are expenses (支出笔数), as counted.
    pub expenses: u64,
    /// What went, in fen (支出金额).
    pub expense: Option<Fen>,
    differences: Vec<Difference>,
}

impl FundSummary {
    /// Totals that the rows do not add up to; none in a bill that is right.
    #[must_use]
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }
}

struct Columns {
    booking_time: Column,
    business_order: Column,
    fund_flow_id: Column,
    business_name: Column,
    business_type: Column,
    direction: Column,
    amount: Column,
    balance: Column,
    applicant: Option<Column>,
    remark: Option<Column>,
    voucher: Option<Column>,
}

struct Funding {
    at: Columns,
    /// Of the row.
    amount: Fen,
    incomes: u64,
    income: Fen,
    expenses: u64,
    expense: Fen,
}

impl Layout for Funding {
    const WHAT: &'static str = "fund bill";
    const ROWS: &'static str = "资金流水总笔数";
    type Summary = FundSummary;

    fn of(header: &mut Header) -> Result<Self> {
        let at = Columns {
            booking_time: header.need(&["记账时间"])?,
            business_order: header.need(&["微信支付业务单号"])?,
            fund_flow_id: header.need(&["资金流水单号"])?,
            business_name: header.need(&["业务名称"])?,
            business_type: header.need(&["业务类型"])?,
            direction: header.need(&["收支类型"])?,
            amount: header.need(&["收支金额（元）", "收支金额(元)"])?,
            balance: header.need(&["账户结余（元）", "账户结余(元)"])?,
            applicant: header.find(&["资金变更提交申请人"]),
            remark: header.find(&["备注"]),
            voucher: header.find(&["业务凭证号"]),
        };
        header.free(at.remark);
        Ok(Self { at, amount: Fen::ZERO, incomes: 0, income: Fen::ZERO, expenses: 0, expense: Fen::ZERO })
    }

    fn tally(&mut self, row: &Cells<'_>) -> Result<()> {
        self.amount = match row.text(self.at.direction).into() {
            Direction::Income => {
                self.incomes += 1;
                row.add(self.at.amount, &mut self.income)?
            }
            Direction::Expense => {
                self.expenses += 1;
                row.add(self.at.amount, &mut self.expense)?
            }
            Direction::Unknown(_) => row.parse(self.at.amount)?,
        };
        Ok(())
    }

    fn close(&self, rows: u64, mut totals: Totals<'_>) -> Result<FundSummary> {
        totals.count("收入笔数", self.incomes)?;
        totals.count("支出笔数", self.expenses)?;
        Ok(FundSummary {
            rows,
            incomes: self.incomes,
            income: totals.amount(&["收入金额"], Some(self.income))?,
            expenses: self.expenses,
            expense: totals.amount(&["支出金额"], Some(self.expense))?,
            differences: totals.differences(),
        })
    }
}
