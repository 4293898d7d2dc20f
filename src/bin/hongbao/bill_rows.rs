//! Rows and totals of bills, as tables, CSV and JSON.

use std::fmt::{Display, Write as _};

use hongbao::money::MilliFen;
use hongbao::query::bill::{Difference, Direction, Fund, Funds, Trade, Trades};
use hongbao::wire::Sheet;
use serde::Serialize;
use serde_json::{Value, json};

use crate::terminal::{MONEY, NUMBER, TITLE, harmless};

/// A row of a bill.
pub(crate) trait Row: Serialize {
    /// The columns of CSV, by their English names.
    const COLUMNS: &'static [&'static str];
    /// The columns of the table.
    const HEAD: &'static str;

    fn csv(&self, line: &mut Csv);
    fn table(&self) -> String;
}

/// A bill whose totals are known in the end.
pub(crate) trait Bill: Sheet {
    fn totals(&self) -> Option<Totals>;
}

/// The totals of a bill.
pub(crate) struct Totals {
    pub(crate) rows: u64,
    /// For people.
    pub(crate) lines: Vec<(&'static str, String)>,
    /// For programs.
    pub(crate) json: Value,
    pub(crate) differences: Vec<Difference>,
}

/// A line of RFC 4180.
#[derive(Default)]
pub(crate) struct Csv {
    line: String,
    begun: bool,
}

impl Csv {
    pub(crate) fn cell(&mut self, value: impl Display) {
        if std::mem::replace(&mut self.begun, true) {
            self.line.push(',');
        }
        let start = self.line.len();
        // To write into a text does not fail.
        let _ = write!(self.line, "{value}");
        if self.line[start..].contains(['"', ',', '\r', '\n']) {
            let quoted = self.line[start..].replace('"', "\"\"");
            self.line.truncate(start);
            let _ = write!(self.line, "\"{quoted}\"");
        }
    }

    fn some(&mut self, value: Option<impl Display>) {
        match value {
            Some(value) => self.cell(value),
            None => self.cell(""),
        }
    }

    pub(crate) fn end(mut self) -> String {
        self.line.push_str("\r\n");
        self.line
    }
}

impl Row for Trade<'_> {
    const COLUMNS: &'static [&'static str] = &[
        "trade_time",
        "appid",
        "mch_id",
        "sub_mch_id",
        "device_info",
        "transaction_id",
        "out_trade_no",
        "openid",
        "trade_type",
        "trade_state",
        "bank_type",
        "fee_type",
        "settlement_total_fee",
        "coupon_fee",
        "refund_apply_time",
        "refund_success_time",
        "refund_id",
        "out_refund_no",
        "settlement_refund_fee",
        "coupon_refund_fee",
        "refund_type",
        "refund_state",
        "body",
        "attach",
        "fee",
        "returned_fee",
        "rate",
        "total_fee",
        "refund_fee",
        "rate_remark",
    ];
    const HEAD: &'static str =
        "time                 type      state          amount      refund  order                     goods";

    fn csv(&self, line: &mut Csv) {
        line.cell(self.trade_time);
        line.cell(self.appid);
        line.cell(self.mch_id);
        line.some(self.sub_mch_id);
        line.some(self.device_info);
        line.cell(self.transaction_id);
        line.cell(self.out_trade_no);
        line.some(self.openid);
        line.cell(self.trade_type);
        line.cell(self.trade_state);
        line.some(self.bank_type);
        line.cell(self.fee_type);
        line.cell(self.settlement_total_fee);
        line.cell(self.coupon_fee);
        line.some(self.refund_apply_time);
        line.some(self.refund_success_time);
        line.some(self.refund_id);
        line.some(self.out_refund_no);
        line.some(self.settlement_refund_fee);
        line.some(self.coupon_refund_fee);
        line.some(self.refund_type);
        line.some(self.refund_state);
        line.some(self.body);
        line.some(self.attach);
        line.some(self.fee);
        line.some(self.returned_fee);
        line.some(self.rate);
        line.some(self.total_fee);
        line.some(self.refund_fee);
        line.some(self.rate_remark);
    }

    fn table(&self) -> String {
        // Each row moves money one way: what the other column would say is nothing.
        let amount = self.settlement_total_fee;
        let refund = self.settlement_refund_fee.unwrap_or_default();
        let shown = |amount: hongbao::Fen| if amount.get() == 0 { String::new() } else { amount.to_string() };
        format!(
            "{}  {:<8}  {:<8}  {MONEY}{:>10}{MONEY:#}  {MONEY}{:>10}{MONEY:#}  {NUMBER}{:<24}{NUMBER:#}  {}",
            self.trade_time,
            harmless(self.trade_type),
            harmless(&self.trade_state.to_string()),
            shown(amount),
            shown(refund),
            harmless(self.out_trade_no),
            harmless(self.body.unwrap_or_default()),
        )
    }
}

impl Row for Fund<'_> {
    const COLUMNS: &'static [&'static str] = &[
        "booking_time",
        "business_order",
        "fund_flow_id",
        "business_name",
        "business_type",
        "direction",
        "amount",
        "balance",
        "applicant",
        "remark",
        "voucher",
    ];
    const HEAD: &'static str =
        "time                      income     expense       balance  voucher                   what";

    fn csv(&self, line: &mut Csv) {
        line.cell(self.booking_time);
        line.cell(self.business_order);
        line.cell(self.fund_flow_id);
        line.cell(self.business_name);
        line.cell(self.business_type);
        line.cell(self.direction);
        line.cell(self.amount);
        line.cell(self.balance);
        line.some(self.applicant);
        line.some(self.remark);
        line.some(self.voucher);
    }

    fn table(&self) -> String {
        let (income, expense) = match self.direction {
            Direction::Income => (self.amount.to_string(), String::new()),
            Direction::Expense => (String::new(), self.amount.to_string()),
            other => (format!("{} {}", harmless(&other.to_string()), self.amount), String::new()),
        };
        format!(
            "{}  {MONEY}{income:>10}{MONEY:#}  {MONEY}{expense:>10}{MONEY:#}  {:>12}  {NUMBER}{:<24}{NUMBER:#}  {} {}",
            self.booking_time,
            self.balance,
            harmless(self.voucher.unwrap_or_default()),
            harmless(self.business_name),
            harmless(self.remark.unwrap_or_default()),
        )
    }
}

impl Bill for Trades {
    fn totals(&self) -> Option<Totals> {
        let summary = self.summary()?;
        let fen = |label, amount: Option<hongbao::Fen>| amount.map(|amount| (label, format!("{amount} yuan")));
        let fee = |label, amount: Option<MilliFen>| amount.map(|amount| (label, format!("{amount} yuan")));
        let lines = [
            fen("ordered", summary.total_fee),
            fen("settled", summary.settlement_total_fee),
            fen("refunds", summary.refund_fee),
            fen("given back", summary.settlement_refund_fee),
            fen("to coupons", summary.coupon_refund_fee),
            fee("fees", summary.fee),
        ];
        Some(Totals {
            rows: summary.rows,
            lines: lines.into_iter().flatten().collect(),
            json: json!({
                "settlement_total_fee": summary.settlement_total_fee,
                "settlement_refund_fee": summary.settlement_refund_fee,
                "coupon_refund_fee": summary.coupon_refund_fee,
                "fee": summary.fee,
                "total_fee": summary.total_fee,
                "refund_fee": summary.refund_fee,
            }),
            differences: summary.differences().to_vec(),
        })
    }
}

impl Bill for Funds {
    fn totals(&self) -> Option<Totals> {
        let summary = self.summary()?;
        let line = |label, count: u64, amount: Option<hongbao::Fen>| {
            amount.map(|amount| (label, format!("{amount} yuan in {count} rows")))
        };
        let lines =
            [line("income", summary.incomes, summary.income), line("expense", summary.expenses, summary.expense)];
        Some(Totals {
            rows: summary.rows,
            lines: lines.into_iter().flatten().collect(),
            json: json!({
                "incomes": summary.incomes,
                "income": summary.income,
                "expenses": summary.expenses,
                "expense": summary.expense,
            }),
            differences: summary.differences().to_vec(),
        })
    }
}

/// The head of a table.
pub(crate) fn head<R: Row>() -> String {
    format!("{TITLE}{}{TITLE:#}", R::HEAD)
}
