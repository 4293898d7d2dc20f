//! The error codes of bills and comments: all of them calls that read.

use super::{Class, Entry};

/// downloadbill (pay.weixin.qq.com, 下载交易账单, vintages of 2016 to 2025, read 2026-11).
///
/// The gateway answers with texts and numbers in place of codes; [`DOWNLOAD_BILL_TEXTS`]
/// leads from the texts to these rows. The number 20002 has no row: it says both that
/// there is no bill and that there is none yet.
pub static DOWNLOAD_BILL: &[Entry] = &[
    Entry::new(
        "NO_BILL_EXIST",
        Class::Final,
        "账单不存在",
        "nothing was paid or refunded on that day, or the bill belongs to a sub-merchant",
        "nothing, if the day was empty; else check mch_id and sub_mch_id",
    ),
    Entry::new(
        "BILL_CREATING",
        Class::Wait,
        "账单未生成",
        "the bill is still being made",
        "ask again after 10:00 Beijing time, then every 30 minutes",
    ),
    Entry::new("SYSTEMERROR", Class::SameBill, "下载失败", "internal error or timeout", "ask again"),
    Entry::new(
        "20001",
        Class::FixConfig,
        "参数错误",
        "a field or the signature is wrong",
        "check bill_date, bill_type and the fields the text names, then the key",
    ),
    Entry::new(
        "20003",
        Class::Wait,
        "账单压缩失败",
        "the gateway could not compress or expand the bill",
        "ask again later, or without tar_type",
    ),
];

/// What downloadbill answers as `return_msg`, in lower case, and the code of
/// [`DOWNLOAD_BILL`] that it stands for (the same page).
pub static DOWNLOAD_BILL_TEXTS: &[(&str, &str)] = &[
    ("no bill exist", "NO_BILL_EXIST"),
    ("bill creating", "BILL_CREATING"),
    ("systemerror", "SYSTEMERROR"),
    ("sign error", "20001"),
    ("invalid bill_type", "20001"),
    ("data format error", "20001"),
    ("missing parameter", "20001"),
    ("compressgzip error", "20003"),
    ("uncompressgzip error", "20003"),
];

/// downloadfundflow (pay.weixin.qq.com, 下载资金账单, vintages of 2017 to 2025, read 2026-11).
pub static DOWNLOAD_FUND_FLOW: &[Entry] = &[
    Entry::new("SYSTEMERROR", Class::SameBill, "微信支付内部错误", "internal error or timeout", "ask again later"),
    Entry::new(
        "NO_BILL_EXIST",
        Class::Final,
        "账单不存在",
        "nothing moved in that account on that day",
        "nothing, if the day was empty; else check account_type and mch_id",
    ),
    Entry::new(
        "BILL_CREATING",
        Class::Wait,
        "账单未生成",
        "the bill is still being made",
        "ask again after 10:00 Beijing time, then every 30 minutes",
    ),
];

/// batchquerycomment (pay.weixin.qq.com, 拉取订单评价数据, read 2026-11). We know of no
/// official list; merchants report this one code.
pub static BATCH_QUERY_COMMENT: &[Entry] = &[Entry::new(
    "SYSTEMERROR",
    Class::SameBill,
    "系统繁忙，请稍后再试",
    "busy; some merchants never get another answer",
    "ask again later, and give up if it stays: the product is hardly used any more",
)];
