//! The error codes of orders.

use super::{Class, Entry};

/// unifiedorder (pay.weixin.qq.com, 统一下单, vintages of 2016 to 2025, read 2026-11).
///
/// This call takes no money: its refusals leave an earlier order with the number as
/// it was, payable if it was.
pub static UNIFIED_ORDER: &[Entry] = &[
    Entry::new(
        "INVALID_REQUEST",
        Class::Final,
        "201 商户订单号重复",
        "the fields differ from an earlier call with this number, or are invalid otherwise",
        "repeat with the fields of the first call, or query; a new number only once this one is closed or known to be unpaid",
    ),
    Entry::new(
        "NOTENOUGH",
        Class::Final,
        "余额不足",
        "the user's balance is too low",
        "let the user choose another means of payment",
    ),
    Entry::new(
        "ORDERPAID",
        Class::SameBill,
        "商户订单已支付",
        "an order with this number stands and is paid",
        "query it and take it as paid; do not ask the user to pay under a new number",
    ),
    Entry::new(
        "ORDERCLOSED",
        Class::Final,
        "订单已关闭",
        "the order with this number was closed",
        "query; once the answer is CLOSED, order under a new number",
    ),
    Entry::new(
        "OUT_TRADE_NO_USED",
        Class::Final,
        "商户订单号重复",
        "the number was used before, maybe in another product",
        "repeat with the fields of the first call, or query; a new number only once this one is closed or known to be unpaid",
    ),
];

/// micropay (pay.weixin.qq.com, 付款码支付, vintages of 2016 to 2025, read 2026-11).
/// The page says of each code whether the payment failed for certain or is unknown.
///
/// `ORDERPAID` stands there as failed; it is `SameBill` here, for an earlier call with
/// the number has been paid and nobody may charge the user again.
pub static MICROPAY: &[Entry] = &[
    Entry::new(
        "SYSTEMERROR",
        Class::SameBill,
        "接口返回错误",
        "internal timeout; the user may have paid",
        "query at once and then every 5 seconds; if it is still open 45 seconds after the payment call, reverse it",
    ),
    Entry::new(
        "BANKERROR",
        Class::SameBill,
        "银行系统异常",
        "the bank did not answer in time; the user may have paid",
        "query at once and then every 5 seconds; if it is still open 45 seconds after the payment call, reverse it",
    ),
    Entry::new(
        "USERPAYING",
        Class::SameBill,
        "用户支付中，需要输入密码",
        "the user has to enter the password",
        "wait 5 seconds, then query every 5 to 10 seconds; if it is still open 45 seconds after the payment call, reverse it",
    ),
    Entry::new(
        "ORDERPAID",
        Class::SameBill,
        "订单已支付",
        "an order with this number stands and is paid",
        "query it and take it as paid; do not charge the user under a new number",
    ),
    Entry::new(
        "NOAUTH",
        Class::FixConfig,
        "商户无权限",
        "the merchant may not use this call",
        "open the product in the merchant platform",
    ),
    Entry::new(
        "AUTHCODEEXPIRE",
        Class::Final,
        "二维码已过期，请用户在微信上刷新后再试",
        "the payment code is too old",
        "have the user refresh the code and scan it again; the number may stay",
    ),
    Entry::new(
        "NOTENOUGH",
        Class::Final,
        "余额不足",
        "the user's balance is too low",
        "let the user choose another card and scan again",
    ),
    Entry::new(
        "NOTSUPORTCARD",
        Class::Final,
        "不支持卡类型",
        "the user's card cannot be used here (their spelling)",
        "let the user choose another card and scan again",
    ),
    Entry::new(
        "ORDERCLOSED",
        Class::Final,
        "订单已关闭",
        "the order with this number was closed",
        "query; once the answer is CLOSED, charge under a new number with a fresh code",
    ),
    Entry::new(
        "ORDERREVERSED",
        Class::Final,
        "订单已撤销",
        "the order with this number was reversed",
        "query; once the answer is REVOKED, charge under a new number with a fresh code",
    ),
    Entry::new(
        "AUTH_CODE_ERROR",
        Class::Final,
        "授权码参数错误",
        "the payment code is malformed",
        "scan again; look at the scanner if it comes back",
    ),
    Entry::new(
        "AUTH_CODE_INVALID",
        Class::Final,
        "授权码检验错误",
        "not a payment code of WeChat",
        "have the user show the payment code (收付款) and scan again",
    ),
    Entry::new(
        "BUYER_MISMATCH",
        Class::Final,
        "支付帐号错误",
        "the number was tried before with another user's code",
        "query the number; if it is unpaid, reverse it and charge under a new one",
    ),
    Entry::new(
        "OUT_TRADE_NO_USED",
        Class::Final,
        "商户订单号重复",
        "the number was used before, maybe in another product",
        "query the number; a new one only once this one is reversed or known to be unpaid",
    ),
    Entry::new(
        "TRADE_ERROR",
        Class::Final,
        "交易错误",
        "something about the user's account, or a risk",
        "read the text; let the user pay in another way",
    ),
    Entry::new(
        "INVALID_REQUEST",
        Class::Final,
        "无效请求",
        "the fields do not fit an earlier call with this number",
        "query the number; a new one only once this one is reversed or known to be unpaid",
    ),
];

/// orderquery, seen from the order that is asked about
/// (pay.weixin.qq.com, 查询订单, vintages of 2016 to 2025, read 2026-11).
pub static ORDER_QUERY: &[Entry] = &[Entry::new(
    "ORDERNOTEXIST",
    Class::SameBill,
    "此交易订单号不存在",
    "no such order: never stored, or still being stored",
    "after an unanswered creation wait, then query again; it proves nothing about the payment yet",
)];

/// closeorder (pay.weixin.qq.com, 关闭订单, vintages of 2016 to 2025, read 2026-11).
pub static CLOSE_ORDER: &[Entry] = &[
    Entry::new(
        "ORDERPAID",
        Class::SameBill,
        "订单已支付，不能发起关单",
        "the order is paid",
        "query it and take it as paid; refund it if it is not wanted",
    ),
    Entry::new(
        "ORDERCLOSED",
        Class::Final,
        "订单已关闭，无法重复关闭",
        "the order was closed before",
        "nothing; take it as closed",
    ),
    Entry::new(
        "ORDERNOTEXIST",
        Class::Final,
        "订单系统不存在此订单",
        "no such order (older name)",
        "check the number; after an unanswered creation wait, query and close it again",
    ),
    Entry::new(
        "TRADE_STATE_ERROR",
        Class::Final,
        "订单状态错误",
        "the order's state does not allow closing",
        "query; a payment by code is undone with reverse, a paid order with a refund",
    ),
];

/// reverse (pay.weixin.qq.com, 撤销订单, vintages of 2016 to 2025, read 2026-11).
pub static REVERSE: &[Entry] = &[
    Entry::new(
        "SYSTEMERROR",
        Class::SameBill,
        "接口返回错误",
        "internal timeout; it may have been reversed",
        "call reverse again, 5 seconds apart, until it is done",
    ),
    Entry::new(
        "USERPAYING",
        Class::SameBill,
        "用户支付中，不能撤销",
        "the user is entering the password and may yet pay",
        "wait 5 seconds, then call reverse again",
    ),
    Entry::new(
        "INVALID_TRANSACTIONID",
        Class::FixConfig,
        "无效transaction_id",
        "no order of this merchant has this transaction_id",
        "correct transaction_id, or reverse by out_trade_no",
    ),
    Entry::new("REVERSE_EXPIRE", Class::Final, "订单无法撤销", "older than 7 days", "refund the order"),
    Entry::new(
        "TRADE_ERROR",
        Class::Final,
        "订单错误",
        "the order cannot be reversed",
        "read the text and query; a paid order can be refunded",
    ),
];

/// authcodetoopenid (pay.weixin.qq.com, 付款码查询openid, vintages of 2016 to 2025, read 2026-11).
pub static AUTH_CODE_TO_OPENID: &[Entry] = &[
    Entry::new("SYSTEMERROR", Class::SameBill, "接口后台错误", "internal error or timeout", "ask again"),
    Entry::new(
        "AUTHCODEEXPIRE",
        Class::Final,
        "授权码过期",
        "the payment code is too old",
        "have the user refresh the code and scan it again",
    ),
    Entry::new(
        "AUTH_CODE_ERROR",
        Class::Final,
        "授权码错误",
        "the payment code is malformed",
        "scan again; look at the scanner if it comes back",
    ),
    Entry::new(
        "AUTH_CODE_INVALID",
        Class::Final,
        "授权码检验错误",
        "not a payment code of WeChat",
        "have the user show the payment code (收付款) and scan again",
    ),
];
