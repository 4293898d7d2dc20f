//! The error codes of refunds.

use super::{Class, Entry};

/// refund (pay.weixin.qq.com, 申请退款, vintages of 2016 to 2025, read 2026-11).
pub static REFUND: &[Entry] = &[
    Entry::new(
        "SYSTEMERROR",
        Class::SameBill,
        "接口返回错误",
        "internal timeout; the refund may have been accepted",
        "query by out_refund_no, or repeat with the same number and fields; never a new number",
    ),
    Entry::new(
        "BIZERR_NEED_RETRY",
        Class::SameBill,
        "退款业务流程错误，需要商户触发重试来解决",
        "refunds got in each other's way; this one may have been accepted",
        "wait a minute, then repeat with the same number and fields; never a new number",
    ),
    Entry::new(
        "TRADE_OVERDUE",
        Class::Final,
        "订单已经超过退款期限",
        "the payment is older than a year",
        "return the money in another way",
    ),
    Entry::new(
        "ERROR",
        Class::Final,
        "业务错误",
        "the text says what: often more than is left, or all refunded before",
        "read the text and query the order's refunds; no new number before that",
    ),
    Entry::new(
        "USER_ACCOUNT_ABNORMAL",
        Class::Final,
        "退款请求失败",
        "the user's account is closed or blocked",
        "return the money in another way",
    ),
    Entry::new(
        "INVALID_REQ_TOO_MUCH",
        Class::Wait,
        "无效请求过多",
        "too many invalid requests; blocked for a while",
        "find out what is invalid, wait a minute, then repeat with the same number",
    ),
    Entry::new(
        "NOTENOUGH",
        Class::Wait,
        "余额不足",
        "the money that refunds come from is too little",
        "top up or choose the other refund_account, then repeat with the same out_refund_no",
    ),
    Entry::new(
        "INVALID_TRANSACTIONID",
        Class::FixConfig,
        "无效transaction_id",
        "no order of this merchant has this transaction_id",
        "correct transaction_id, or refund by out_trade_no; keep out_refund_no",
    ),
    Entry::new(
        "ORDERNOTEXIST",
        Class::Final,
        "订单号不存在",
        "no such order, or it is not paid",
        "check the order number; if its payment is in doubt, query the order first",
    ),
    Entry::new(
        "REFUND_FEE_MISMATCH",
        Class::SameBill,
        "订单金额或退款金额与之前请求不一致，请核实后再试",
        "the number was used before with other amounts and that refund stands, or total_fee is not the order's",
        "query by out_refund_no, or repeat with the original amounts; if the number is fresh, correct total_fee",
    ),
    Entry::new(
        "INVALID_REQUEST",
        Class::Final,
        "请求参数与订单信息不一致",
        "the fields do not fit the order, or more is asked for than is left",
        "read the text and query the order's refunds; no new number before that",
    ),
];

/// refundquery, seen from the refund that is asked about
/// (pay.weixin.qq.com, 查询退款, vintages of 2016 to 2025, read 2026-11).
pub static REFUND_QUERY: &[Entry] = &[
    Entry::new("SYSTEMERROR", Class::SameBill, "接口返回错误", "internal error or timeout", "query again"),
    Entry::new(
        "REFUNDNOTEXIST",
        Class::SameBill,
        "退款订单查询失败",
        "no such refund: never accepted, or still being stored",
        "wait a minute and query again, or repeat the refund with the same number and fields; it proves nothing about the money",
    ),
    Entry::new(
        "INVALID_TRANSACTIONID",
        Class::FixConfig,
        "无效transaction_id",
        "no order of this merchant has this transaction_id",
        "correct transaction_id, or query by another number",
    ),
];
