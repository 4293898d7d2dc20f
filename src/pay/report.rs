//! `POST /payitil/report`: how calls of the interface went (交易保障).
//!
//! Official page: report, pay.weixin.qq.com, read 2026-11.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::code;
use crate::wire::{Contract, Field, Generation, Repeat, Request, compact_time};

/// Tells the platform how a call of its interface went. Nothing depends on it:
/// send it aside and do not wait for it, so that it never delays a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The whole address that was called (接口URL), at most 127 characters.
    pub interface_url: String,
    /// How long it took, in milliseconds (接口耗时).
    pub execute_time: u32,
    /// What came back as `return_code`.
    pub return_code: String,
    /// What came back as `result_code`.
    pub result_code: String,
    /// The address of the calling machine.
    pub user_ip: IpAddr,
    /// Everything optional.
    #[serde(flatten)]
    pub extra: ReportExtra,
}

/// The optional fields of [`Report`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportExtra {
    /// What came back as `return_msg`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_msg: Option<String>,
    /// The terminal (设备号).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_info: Option<String>,
    /// What came back as `err_code`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub err_code: Option<String>,
    /// What came back as `err_code_des`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub err_code_des: Option<String>,
    /// The order that was called about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_trade_no: Option<String>,
    /// When.
    #[serde(default, with = "compact_time", skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
}

/// The platform has taken note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reported {}

impl Request for Report {
    const CONTRACT: Contract = Contract::v2("/payitil/report")
        .with_sub_merchant()
        .reply_unsigned()
        .repeat(Repeat::Freely)
        .fields(&[
            Field::text("interface_url", 127),
            Field::integer("execute_time"),
            Field::text("return_code", 16),
            Field::text("result_code", 16),
            Field::text("user_ip", 64),
            Field::text("return_msg", 128).optional(),
            Field::text("device_info", 32).optional(),
            Field::text("err_code", 32).optional(),
            Field::text("err_code_des", 128).optional(),
            Field::text("out_trade_no", 32).optional(),
            Field::text("time", 14).optional(),
        ])
        .codes(code::COMMON)
        .official_sandboxes(&[Generation::One]);

    type Reply = Reported;
}
