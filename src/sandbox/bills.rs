//! Bills of a past day, written from what happened on it, in the official bytes:
//! UTF-8 with a byte order mark, CRLF, a back-tick before each value.
//!
//! Source: bill description, downloadbill and downloadfundflow
//! (pay.weixin.qq.com, read 2026-11).

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha1::{Digest as _, Sha1};

use super::accounts::AccountKind;
use super::books::Reason;
use super::desk::Desk;
use super::packed::PostingView;
use super::trades::{OrderRecord, RefundRecord};
use crate::clock::{Day, Timestamp};
use crate::money::Fen;
use crate::pay::TradeState;
use crate::query::{BillType, RefundStatus};

const HEAD: [&str; 14] = [
    "交易时间",
    "公众账号ID",
    "商户号",
    "特约商户号",
    "设备号",
    "微信订单号",
    "商户订单号",
    "用户标识",
    "交易类型",
    "交易状态",
    "付款银行",
    "货币种类",
    "应结订单金额",
    "代金券金额",
];
const REFUND_TIMES: [&str; 2] = ["退款申请时间", "退款成功时间"];
const REFUND_FACTS: [&str; 6] = ["微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态"];
const TRADE_SUMMARY: [&str; 7] =
    ["总交易单数", "应结订单总金额", "退款总金额", "充值券退款总金额", "手续费总金额", "订单总金额", "申请退款总金额"];
const FUND_HEAD: [&str; 11] = [
    "记账时间",
    "微信支付业务单号",
    "资金流水单号",
    "业务名称",
    "业务类型",
    "收支类型",
    "收支金额（元）",
    "账户结余（元）",
    "资金变更提交申请人",
    "备注",
    "业务凭证号",
];
const FUND_SUMMARY: [&str; 5] = ["资金流水总笔数", "收入笔数", "收入金额", "支出笔数", "支出金额"];

/// When the bill of a day is made: at 09:00 of the next one. What becomes of a
/// refund after that is never added.
pub(super) fn made_at(day: Day) -> Timestamp {
    day.start().after(Duration::from_secs(33 * 3600))
}

/// A payment, a reversal or the beginning of a refund.
struct Trade {
    at: Timestamp,
    order: OrderRecord,
    refund: Option<RefundRecord>,
    reversal: bool,
}

impl Desk {
    /// The trade bill of a day, or `None` where there is nothing to tell.
    pub(super) fn trade_bill(&self, mch_id: &str, sub: Option<&str>, day: Day, kind: &BillType) -> Option<String> {
        let own = |order: &&OrderRecord| {
            order.mch_id == mch_id && order.is_real() && (sub.is_none() || order.sub_mch_id.as_deref() == sub)
        };
        let mut trades = Vec::new();
        for order in self.trades.orders.values().filter(own).filter(|order| order.transaction_id.is_some()) {
            let mut add = |at: Timestamp, refund: Option<RefundRecord>, reversal| {
                let is_refund = refund.is_some() || reversal;
                let wanted = match kind {
                    BillType::Success => !is_refund,
                    BillType::Refund => is_refund,
                    // Nothing here is a recharge.
                    BillType::RechargeRefund => false,
                    _ => true,
                };
                if wanted && at.beijing_day() == day {
                    trades.push(Trade { at, order: order.clone(), refund, reversal });
                }
            };
            add(order.time_end.unwrap_or(order.created), None, false);
            if let Some(at) = order.reversed.filter(|_| order.trade_state == TradeState::Revoked) {
                add(at, None, true);
            }
            for refund in self.trades.refunds_of(order) {
                add(refund.created, Some(refund.clone()), false);
            }
        }
        if trades.is_empty() {
            return None;
        }
        trades.sort_by_cached_key(|trade| {
            let refund = trade.refund.as_ref().map(|refund| refund.refund_id.clone());
            (trade.at, trade.order.transaction_id.clone(), refund, trade.reversal)
        });
        let rate = self.entity(mch_id).map_or(0, |entity| entity.settings.fee_rate);
        Some(trade_text(&trades, kind, rate, made_at(day)))
    }

    /// The fund bill of an account for a day.
    pub(super) fn fund_bill(&self, mch_id: &str, account: AccountKind, day: Day) -> Option<String> {
        let own = account.of(mch_id);
        let of_account = |one: &PostingView<'_>| one.from == own.parts() || one.to == own.parts();
        let mut moves: Vec<_> = self.postings.views(0).filter(of_account).collect();
        moves.sort_by_key(|one| (one.at, one.id));
        let (mut balance, mut rows) = (Fen::ZERO, Vec::new());
        let mut sums = [(0_u64, Fen::ZERO); 2];
        for one in moves {
            let income = one.to == own.parts();
            let new = if income { balance.checked_add(one.amount) } else { balance.checked_sub(one.amount) };
            balance = new.unwrap_or(balance);
            if one.at.beijing_day() != day {
                continue;
            }
            let (count, sum) = &mut sums[usize::from(!income)];
            *count += 1;
            *sum = sum.checked_add(one.amount).unwrap_or(*sum);
            let name = business(one.reason);
            let number = one.number.unwrap_or_default();
            rows.push(vec![
                one.at.to_string(),
                self.business_order(mch_id, number, one.reason),
                format!("{mch_id}{}{:010}", day.compact(), one.id),
                name.to_owned(),
                name.to_owned(),
                if income { "收入" } else { "支出" }.to_owned(),
                one.amount.to_string(),
                balance.to_string(),
                "system".to_owned(),
                String::new(),
                number.to_owned(),
            ]);
        }
        let [(incomes, income), (expenses, expense)] = sums;
        let count = |count: u64| format!("{count}.0");
        let summary =
            vec![count(incomes + expenses), count(incomes), income.to_string(), count(expenses), expense.to_string()];
        (!rows.is_empty()).then(|| text(&FUND_HEAD, rows, &FUND_SUMMARY, summary))
    }

    /// WeChat's number of what money moved for.
    fn business_order(&self, mch_id: &str, number: &str, reason: Reason) -> String {
        let (order, refund) = (OrderRecord::key(mch_id, None, number), RefundRecord::key(mch_id, None, number));
        let of_order = || self.trades.order(&order).and_then(|order| order.transaction_id.clone());
        let of_refund = || self.trades.refund(&refund).map(|refund| refund.refund_id.clone());
        let found = match reason {
            Reason::RefundTaken | Reason::RefundClosed | Reason::FeeReturned | Reason::FeeTakenAgain => of_refund(),
            Reason::Sent | Reason::Refunded => self.packet(mch_id, number).map(|packet| packet.detail_id),
            _ => of_order(),
        };
        found.unwrap_or_default()
    }
}

fn business(reason: Reason) -> &'static str {
    match reason {
        Reason::TopUp => "充值",
        Reason::Moved => "账户间转账",
        Reason::Sent => "现金红包",
        Reason::Refunded => "现金红包退款",
        Reason::Fee | Reason::FeeTakenAgain => "扣除交易手续费",
        Reason::FeeReturned | Reason::FeeReversed => "返还交易手续费",
        Reason::RefundTaken => "退款",
        Reason::RefundClosed => "退款关闭",
        Reason::Reversed => "撤销",
        _ => "交易",
    }
}

fn trade_text(trades: &[Trade], kind: &BillType, rate: u32, made: Timestamp) -> String {
    let rate = format!("{}.{:02}%", rate / 100, rate % 100);
    let (with_times, with_refunds) = (*kind == BillType::Refund, *kind != BillType::Success);
    let mut header: Vec<&str> = HEAD.to_vec();
    if with_times {
        header.extend(REFUND_TIMES);
    }
    if with_refunds {
        header.extend(REFUND_FACTS);
    }
    header.extend(["商品名称", "商户数据包", "手续费", "费率", "订单金额"]);
    if with_refunds {
        header.push("申请退款金额");
    }
    header.push("费率备注");

    let mut sums = [Fen::ZERO; 6];
    let mut rows = Vec::new();
    for trade in trades {
        let order = &trade.order;
        let facts = Facts::of(trade, made);
        let amounts = [facts.settlement, facts.back, facts.coupon_back, facts.fee, facts.total, facts.asked_back];
        for (sum, amount) in sums.iter_mut().zip(amounts) {
            *sum = sum.checked_add(amount).unwrap_or(*sum);
        }
        let some = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut row = vec![
            trade.at.to_string(),
            order.app_id.clone(),
            order.mch_id.clone(),
            order.sub_mch_id.clone().unwrap_or_else(|| "0".to_owned()),
            some(&order.device_info),
            some(&order.transaction_id),
            order.out_trade_no.clone(),
            some(&order.openid),
            order.trade_type.to_string(),
            facts.state.to_owned(),
            some(&order.bank_type),
            "CNY".to_owned(),
            facts.settlement.to_string(),
            facts.coupon.to_string(),
        ];
        if with_times {
            row.extend([trade.at.to_string(), facts.back_at.clone()]);
        }
        if with_refunds {
            let numbers = trade.refund.as_ref().map(|refund| (refund.refund_id.clone(), refund.out_refund_no.clone()));
            let (id, number) = numbers.unwrap_or_else(|| ("0".to_owned(), "0".to_owned()));
            row.extend([id, number, facts.back.to_string(), facts.coupon_back.to_string()]);
            row.extend([facts.way.to_owned(), facts.status.clone()]);
        }
        row.extend([order.body.clone(), some(&order.attach), five_decimals(facts.fee), rate.clone()]);
        row.push(facts.total.to_string());
        if with_refunds {
            row.push(facts.asked_back.to_string());
        }
        row.push(String::new());
        rows.push(row);
    }
    let mut summary = vec![format!("{}.0", rows.len())];
    summary.extend(sums.iter().map(Fen::to_string));
    text(&header, rows, &TRADE_SUMMARY, summary)
}

/// What a row says of money.
#[derive(Default)]
struct Facts {
    state: &'static str,
    settlement: Fen,
    coupon: Fen,
    back: Fen,
    coupon_back: Fen,
    asked_back: Fen,
    back_at: String,
    fee: Fen,
    total: Fen,
    way: &'static str,
    status: String,
}

impl Facts {
    fn of(trade: &Trade, made: Timestamp) -> Self {
        let order = &trade.order;
        let negative = |fee: Fen| Fen::ZERO.checked_sub(fee).unwrap_or_default();
        if let Some(refund) = &trade.refund {
            // As it stood when the bill was made.
            let arrived = refund.success_time.filter(|at| *at <= made);
            let status = if arrived.is_some() { RefundStatus::Success } else { refund.status_at(made) };
            return Self {
                state: "REFUND",
                back: refund.settlement_fee(),
                coupon_back: refund.coupon_fee(),
                asked_back: refund.refund_fee,
                back_at: arrived.map(|at| at.to_string()).unwrap_or_default(),
                fee: negative(refund.fee_returned),
                way: "ORIGINAL",
                status: status.to_string(),
                ..Self::default()
            };
        }
        if trade.reversal {
            return Self {
                state: "REVOKED",
                back: order.settlement_fee(),
                coupon_back: order.coupon_fee(),
                asked_back: order.total_fee,
                back_at: trade.at.to_string(),
                fee: negative(order.fee),
                way: "ORIGINAL",
                status: RefundStatus::Success.to_string(),
                ..Self::default()
            };
        }
        Self {
            state: "SUCCESS",
            settlement: order.settlement_fee(),
            coupon: order.coupon_fee(),
            fee: order.fee,
            total: order.total_fee,
            ..Self::default()
        }
    }
}

/// Fees have five decimals.
fn five_decimals(fee: Fen) -> String {
    format!("{fee}000")
}

fn text(header: &[&str], rows: Vec<Vec<String>>, summary_header: &[&str], summary: Vec<String>) -> String {
    let mut out = String::from("\u{feff}");
    out.push_str(&header.join(","));
    out.push_str("\r\n");
    let mut write = |row: &[String]| {
        for (index, value) in row.iter().enumerate() {
            // A line is a row, whatever a merchant writes into a name.
            let value = value.replace(['\r', '\n'], " ");
            let comma = if index == 0 { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(out, "{comma}`{value}");
        }
        out.push_str("\r\n");
    };
    for row in &rows {
        write(row);
    }
    out.push_str(&summary_header.join(","));
    out.push_str("\r\n");
    let mut write = |row: &[String]| {
        let values: Vec<String> = row.iter().map(|value| format!("`{value}")).collect();
        out.push_str(&values.join(","));
        out.push_str("\r\n");
    };
    write(&summary);
    out
}

/// The text as it is sent.
pub(super) fn packed(text: String, gzip: bool) -> Vec<u8> {
    if !gzip {
        return text.into_bytes();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(text.as_bytes());
    encoder.finish().unwrap_or_default()
}

/// The header `Digest` over the text.
pub(super) fn digest(text: &str) -> String {
    let hash = Sha1::digest(text.as_bytes());
    hash.iter().fold(String::from("SHA="), |mut header, byte| {
        let _ = write!(header, "{byte:02x}");
        header
    })
}
