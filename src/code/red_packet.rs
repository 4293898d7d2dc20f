//! The error codes of the red packets.

use super::{Class, Entry};

/// sendredpack, sendgroupredpack and sendminiprogramhb
/// (doc/v2/merchant/4011974053 and older vintages, read 2026-11).
pub static RED_PACKET_SEND: &[Entry] = &[
    Entry::new(
        "NO_AUTH",
        Class::Final,
        "发放失败，此请求可能存在风险，已被微信拦截",
        "blocked by risk control, or the caller's IP address is not on the allow-list",
        "read the text: for a risk block let a person decide about this user; for an IP address add it in the merchant platform (产品中心 → 现金红包 → 产品设置); then repeat with the same number",
    ),
    Entry::new(
        "SENDNUM_LIMIT",
        Class::Wait,
        "该用户今日领取红包个数超过限制",
        "the user has received the day's number of packets",
        "repeat with the same number after Beijing midnight, or raise the per-user limit in the product settings",
    ),
    Entry::new(
        "SENDAMOUNT_LIMIT",
        Class::Wait,
        "您的商户号今日发放金额超过限制",
        "the merchant has paid out the day's amount",
        "repeat with the same number after Beijing midnight",
    ),
    Entry::new(
        "RCVDAMOUNT_LIMIT",
        Class::Wait,
        "该用户今日领取金额超过限制",
        "the user has received the day's amount",
        "repeat with the same number after Beijing midnight",
    ),
    Entry::new(
        "ILLEGAL_APPID",
        Class::FixConfig,
        "非法appid，请确认是否为公众号的appid，不能为APP的appid",
        "the appid is that of a mobile app",
        "use the appid of an official account",
    ),
    Entry::new(
        "MONEY_LIMIT",
        Class::FixConfig,
        "红包金额发放限制",
        "the amount is outside the range that the merchant has set",
        "change the amount range in the product settings, then repeat with the same number and amount",
    ),
    Entry::new(
        "SEND_FAILED",
        Class::Final,
        "红包发放失败，请更换单号再重试",
        "this bill number has failed for good",
        "nothing was paid under this number and nothing will be; a new number is allowed",
    )
    .settling(),
    Entry::new(
        "FATAL_ERROR",
        Class::SameBill,
        "重复请求时参数与原单不一致",
        "the number was used before with another openid, amount or appid; the first order stands",
        "repeat with the original fields, or query; this number is not free",
    ),
    Entry::new(
        "CA_ERROR",
        Class::FixConfig,
        "CA证书出错，请登录微信支付商户平台下载证书",
        "the client certificate is missing or not this merchant's",
        "check the certificate of this merchant entity, then repeat with the same number",
    ),
    Entry::new(
        "SIGN_ERROR",
        Class::FixConfig,
        "签名错误",
        "the signature is wrong",
        "check that the key is this merchant's APIv2 key",
    ),
    Entry::new(
        "SYSTEMERROR",
        Class::SameBill,
        "请求已受理，请稍后使用原单号查询发放结果",
        "accepted, result not known yet",
        "query, or repeat with the same number; never a new one",
    ),
    Entry::new(
        "PROCESSING",
        Class::SameBill,
        "请求已受理，请稍后使用原单号查询发放结果",
        "in progress",
        "query after 20 minutes; if it still says so, repeat with the same number",
    ),
    Entry::new(
        "XML_ERROR",
        Class::FixConfig,
        "输入xml参数格式错误",
        "the gateway could not read the request",
        "report it to the maintainers of this crate with the request's field names",
    ),
    Entry::new(
        "PARAM_ERROR",
        Class::FixConfig,
        "参数错误",
        "a field is missing or malformed",
        "correct the field that the text names; keep number and amount",
    ),
    Entry::new(
        "FREQ_LIMIT",
        Class::Wait,
        "超过频率限制，请稍后再试",
        "too many calls",
        "slow down, then repeat with the same number",
    ),
    Entry::new(
        "API_METHOD_CLOSED",
        Class::FixConfig,
        "你的商户号API发放方式已关闭",
        "issuing through the API is switched off",
        "switch it on in the merchant platform (产品中心 → 现金红包 → 产品设置)",
    ),
    Entry::new(
        "NOTENOUGH",
        Class::Wait,
        "帐号余额不足，请到商户平台充值后再重试",
        "the merchant's balance is too low",
        "top up (交易中心 → 资金管理 → 充值), then repeat with the same number",
    ),
    Entry::new(
        "OPENID_ERROR",
        Class::FixConfig,
        "openid和appid不匹配",
        "the openid does not belong to the appid",
        "use the openid that this user has under this appid",
    ),
    Entry::new(
        "MSGAPPID_ERROR",
        Class::FixConfig,
        "触达消息给用户appid有误",
        "msgappid is not bound to the provider or sub-merchant",
        "bind it, or correct the field",
    ),
    Entry::new(
        "ACCEPTMODE_ERROR",
        Class::FixConfig,
        "主、子商户号关系校验失败",
        "provider and sub-merchant do not belong together",
        "check sub_mch_id and the provider relation",
    ),
    Entry::new(
        "SECOND_OVER_LIMITED",
        Class::Wait,
        "企业红包的按分钟发放受限",
        "too many packets this minute (older name)",
        "slow down, then repeat with the same number",
    ),
    Entry::new(
        "DAY_OVER_LIMITED",
        Class::Wait,
        "企业红包的按天日发放受限",
        "too many packets today (older name)",
        "repeat with the same number after Beijing midnight",
    ),
];

/// gethbinfo, seen from the payout that is asked about
/// (pay.weixin.qq.com, chapter 13_6, read 2026-11).
pub static RED_PACKET_QUERY: &[Entry] = &[
    Entry::new(
        "NOT_FOUND",
        Class::SameBill,
        "指定单号数据不存在",
        "no such number: never stored, still being stored, or older than 30 days",
        "query again in some minutes, or repeat the packet with the same number; it proves nothing about the payment",
    ),
    Entry::new(
        "SYSTEMERROR",
        Class::SameBill,
        "系统繁忙，请再试",
        "busy; also an older way to say not found",
        "query again in some minutes",
    ),
    Entry::new(
        "CA_ERROR",
        Class::FixConfig,
        "请求未携带证书，或请求携带的证书出错",
        "the client certificate is missing or not this merchant's",
        "check the certificate of this merchant entity",
    ),
    Entry::new(
        "SIGN_ERROR",
        Class::FixConfig,
        "商户签名错误",
        "the signature is wrong",
        "check that the key is this merchant's APIv2 key",
    ),
    Entry::new(
        "NO_AUTH",
        Class::FixConfig,
        "没有权限",
        "the merchant may not use this call",
        "check the product's settings in the merchant platform",
    ),
    Entry::new("FREQ_LIMIT", Class::Wait, "受频率限制", "too many calls", "slow down, then ask again"),
    Entry::new(
        "XML_ERROR",
        Class::FixConfig,
        "请求的xml格式错误，或者post的数据为空",
        "the gateway could not read the request",
        "report it to the maintainers of this crate with the request's field names",
    ),
    Entry::new(
        "PARAM_ERROR",
        Class::FixConfig,
        "参数错误",
        "a field is missing or malformed",
        "correct the field that the text names",
    ),
];
