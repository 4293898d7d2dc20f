//! Placing orders: what the four unifiedorder endpoints share.

use std::time::Duration;

use super::cases;
use super::desk::Desk;
use super::gate::Call;
use super::refusal::Refusal;
use super::reply::{Reply, accepted};
use super::trades::{OrderRecord, generation_number};
use crate::clock::Timestamp;
use crate::money::Fen;
use crate::pay::{MAX_FEE, TradeState, TradeType};
use crate::wire::{Digest, Generation};

/// `prepay_id` and `code_url` last two hours, `mweb_url` five minutes
/// (unifiedorder, read 2026-11).
pub(super) const SESSION: Duration = Duration::from_secs(2 * 3600);
pub(super) const MWEB: Duration = Duration::from_secs(5 * 60);

/// Places an order, or takes up one that was placed before.
pub(super) fn place(desk: &mut Desk, call: &Call, trade_type: TradeType) -> Result<Reply, Refusal> {
    check_amount(call)?;
    check_fields(desk, call, &trade_type)?;
    let key = OrderRecord::key(&call.mch_id, call.official, call.text("out_trade_no"));
    let now = desk.now();
    let record = match desk.trades.order(&key).cloned() {
        Some(known) => again(desk, call, known, &trade_type)?,
        None => {
            check_expiry(call, now, Duration::from_secs(5 * 60))?;
            let mut record = new_record(desk, call, trade_type);
            record.notify_url = call.text("notify_url").to_owned();
            record
        }
    };
    let granted = desk.entity(&call.mch_id).is_none_or(|entity| entity.settings.h5_granted);
    let mut doc = accepted();
    doc.push("prepay_id", &record.prepay_id);
    doc.push("trade_type", record.trade_type.as_str());
    if let Some(device_info) = &record.device_info {
        doc.push("device_info", device_info);
    }
    if let Some(code_url) = &record.code_url {
        doc.push("code_url", code_url);
    }
    if let Some(mweb_url) = record.mweb_url.as_deref().filter(|_| granted) {
        doc.push("mweb_url", mweb_url);
    }
    let key = record.own_key();
    let is_open = record.trade_state == TradeState::NotPay;
    desk.put_order(record);
    if call.official == Some(Generation::One) && is_open {
        cases::pay_by_itself(desk, &key);
    }
    Ok(doc.into())
}

/// The same number again: the same order if nothing was changed.
fn again(desk: &mut Desk, call: &Call, known: OrderRecord, trade_type: &TradeType) -> Result<OrderRecord, Refusal> {
    let refuse = |code: &str| Refusal::of(call.contract, code);
    if known.trade_type == TradeType::Micropay {
        return Err(refuse("OUT_TRADE_NO_USED").note("the number belongs to a payment by code"));
    }
    match known.trade_state {
        TradeState::Closed | TradeState::Revoked => return Err(refuse("ORDERCLOSED")),
        TradeState::Success | TradeState::Refund => return Err(refuse("ORDERPAID")),
        _ => {}
    }
    let terms = terms(call);
    if known.terms != terms || known.trade_type != *trade_type {
        let note = format!("the number was used with {}; this time it says {terms}", known.terms);
        return Err(Refusal::with_text("INVALID_REQUEST", "201 商户订单号重复").note(note));
    }
    let mut record = known;
    if desk.now() >= record.prepay_until {
        open_session(desk, &mut record);
    }
    Ok(record)
}

/// All that an order must keep when it is placed again.
fn terms(call: &Call) -> String {
    let free = ["nonce_str", "sign", "sign_type", "spbill_create_ip", "time_start", "appid", "mch_id"];
    let mut kept: Vec<String> = call
        .doc
        .iter()
        .filter(|(name, _)| !free.contains(name))
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    kept.sort_unstable();
    kept.join(", ")
}

pub(super) fn check_amount(call: &Call) -> Result<(), Refusal> {
    let fee = call.integer("total_fee");
    if call.official.is_some() {
        return cases::check_amount(call, fee);
    }
    if fee < 1 || Fen::new(fee) > MAX_FEE {
        return Err(Refusal::communication("invalid total_fee").note(format!("total_fee: 1 to {}", MAX_FEE.get())));
    }
    Ok(())
}

fn check_fields(desk: &mut Desk, call: &Call, trade_type: &TradeType) -> Result<(), Refusal> {
    let lacks =
        |field: &str| Err(Refusal::communication("缺少参数").note(format!("{field} is required for {trade_type}")));
    check_url("notify_url", call.text("notify_url"))?;
    for field in ["detail", "scene_info"] {
        let text = call.text(field);
        if !text.is_empty() && serde_json::from_str::<serde_json::Value>(text).is_err() {
            return Err(Refusal::communication(format!("{field}参数格式错误")).note(format!("{field}: not JSON")));
        }
    }
    let has = |field: &str| !call.text(field).is_empty();
    match trade_type {
        TradeType::Jsapi if has("sub_openid") && !has("sub_appid") => lacks("sub_appid"),
        TradeType::Jsapi if has("sub_openid") => Ok(()),
        TradeType::Jsapi if !has("openid") => lacks("openid"),
        TradeType::Jsapi => {
            let user = desk.user(call.text("openid"), &call.app_id);
            if user.app_id == call.app_id || call.official.is_some() {
                return Ok(());
            }
            let note = format!("{} belongs to {}", call.text("openid"), user.app_id);
            Err(Refusal::communication("appid and openid not match").note(note))
        }
        TradeType::Native if !has("product_id") => {
            let strict = desk.entity(&call.mch_id).is_none_or(|entity| entity.settings.native_needs_product_id);
            if strict { lacks("product_id") } else { Ok(()) }
        }
        TradeType::H5 if !has("scene_info") => lacks("scene_info"),
        _ => Ok(()),
    }
}

pub(super) fn check_url(field: &str, url: &str) -> Result<(), Refusal> {
    let known = url.starts_with("https://") || url.starts_with("http://");
    if known && url.is_ascii() && !url.contains(['?', '#', ' ']) {
        return Ok(());
    }
    let note = format!("{field}: http(s), no query, no fragment, nothing beyond ASCII");
    Err(Refusal::communication(format!("{field}参数格式错误")).note(note))
}

pub(super) fn check_expiry(call: &Call, now: Timestamp, shortest: Duration) -> Result<(), Refusal> {
    let Some(text) = call.filled("time_expire") else { return Ok(()) };
    let Ok(end) = text.parse::<Timestamp>() else {
        return Err(Refusal::communication("time_expire参数格式错误").note("time_expire: yyyyMMddHHmmss, Beijing time"));
    };
    if end < now.after(shortest) {
        let note = format!("time_expire: {end} is less than {} s ahead of {now}", shortest.as_secs());
        return Err(Refusal::communication("time_expire时间过短，刷卡至少1分钟，其他5分钟").note(note));
    }
    Ok(())
}

/// A new order, not stored yet.
pub(super) fn new_record(desk: &mut Desk, call: &Call, trade_type: TradeType) -> OrderRecord {
    let now = desk.now();
    let mut record = OrderRecord {
        mch_id: call.mch_id.clone(),
        out_trade_no: call.text("out_trade_no").to_owned(),
        app_id: call.app_id.clone(),
        sub_mch_id: call.filled("sub_mch_id"),
        sub_app_id: call.filled("sub_appid"),
        trade_type,
        trade_state: TradeState::NotPay,
        openid: call.filled("openid"),
        sub_openid: call.filled("sub_openid"),
        total_fee: Fen::new(call.integer("total_fee")),
        body: call.text("body").to_owned(),
        attach: call.filled("attach"),
        device_info: call.filled("device_info"),
        product_id: call.filled("product_id"),
        notify_url: String::new(),
        created: now,
        time_expire: call.filled("time_expire").and_then(|text| text.parse().ok()),
        prepay_id: String::new(),
        prepay_until: now,
        code_url: None,
        mweb_url: None,
        transaction_id: None,
        time_end: None,
        bank_type: None,
        coupons: Vec::new(),
        reversed: None,
        fee: Fen::ZERO,
        fee_returned: Fen::ZERO,
        reported_fee: None,
        official: generation_number(call.official),
        terms: terms(call),
        nonce: call.text("nonce_str").to_owned(),
        by_hmac: call.digest == Digest::HmacSha256,
    };
    open_session(desk, &mut record);
    record
}

fn open_session(desk: &mut Desk, record: &mut OrderRecord) {
    const LETTERS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    record.prepay_id = desk.next_prepay_id();
    record.prepay_until = desk.now().after(SESSION);
    match record.trade_type {
        TradeType::Native => {
            let mut number = desk.next_number();
            let mut code = String::new();
            for _ in 0..9 {
                code.push(char::from(LETTERS[usize::try_from(number % 62).unwrap_or(0)]));
                number /= 62;
            }
            record.code_url = Some(match record.official {
                None => format!("weixin://wxpay/bizpayurl?pr={code}"),
                Some(_) => "weixin://wxpay/s/An4baqw".to_owned(),
            });
        }
        TradeType::H5 => {
            let package = desk.next_number() % 10_000_000_000;
            let (base, prepay_id) = (&desk.h5_base, &record.prepay_id);
            let path = "/cgi-bin/mmpayweb-bin/checkmweb";
            record.mweb_url = Some(format!("{base}{path}?prepay_id={prepay_id}&package={package}"));
        }
        _ => {}
    }
}
