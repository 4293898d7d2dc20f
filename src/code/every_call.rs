//! The error codes that no call has to itself.

use super::{Class, Entry};

/// Codes that every XML call can give (rules of the protocol, read 2026-11).
pub static COMMON: &[Entry] = &[
    Entry::new(
        "SYSTEMERROR",
        Class::SameBill,
        "系统错误",
        "internal error or timeout",
        "query, or repeat with the same number",
    ),
    Entry::new(
        "SIGNERROR",
        Class::FixConfig,
        "签名错误",
        "the signature is wrong",
        "check that the key is this merchant's APIv2 key",
    ),
    Entry::new(
        "XML_FORMAT_ERROR",
        Class::FixConfig,
        "XML格式错误",
        "the gateway could not read the request",
        "report it to the maintainers of this crate with the request's field names",
    ),
    Entry::new(
        "REQUIRE_POST_METHOD",
        Class::FixConfig,
        "请使用post方法",
        "not a POST request",
        "look for a proxy that changes requests",
    ),
    Entry::new(
        "POST_DATA_EMPTY",
        Class::FixConfig,
        "post数据为空",
        "the request arrived empty",
        "look for a proxy that changes requests",
    ),
    Entry::new(
        "NOT_UTF8",
        Class::FixConfig,
        "编码格式错误",
        "the request was not UTF-8",
        "look for a proxy that changes requests",
    ),
    Entry::new(
        "LACK_PARAMS",
        Class::FixConfig,
        "缺少参数",
        "a required field is missing",
        "fill in the field that the text names",
    ),
    Entry::new(
        "PARAM_ERROR",
        Class::FixConfig,
        "参数错误",
        "a field is missing or malformed",
        "correct the field that the text names",
    ),
    Entry::new("APPID_NOT_EXIST", Class::FixConfig, "APPID不存在", "the appid is unknown", "check app_id"),
    Entry::new("MCHID_NOT_EXIST", Class::FixConfig, "MCHID不存在", "the merchant is unknown", "check mch_id"),
    Entry::new(
        "APPID_MCHID_NOT_MATCH",
        Class::FixConfig,
        "appid和mch_id不匹配",
        "appid and merchant are not bound to each other",
        "bind them in the merchant platform",
    ),
    Entry::new(
        "NOAUTH",
        Class::FixConfig,
        "商户无此接口权限",
        "the merchant may not use this call",
        "open the product in the merchant platform",
    ),
    Entry::new(
        "INVALID_REQUEST",
        Class::Final,
        "无效请求",
        "the request does not fit what happened before",
        "read the text",
    ),
    Entry::new(
        "CERT_ERROR",
        Class::FixConfig,
        "证书校验错误",
        "the client certificate is not accepted",
        "check the certificate of this merchant entity",
    ),
    Entry::new(
        "FREQUENCY_LIMITED",
        Class::Wait,
        "频率限制",
        "too many calls",
        "slow down, then repeat with the same number",
    ),
];
