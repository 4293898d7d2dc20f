//! sendredpack: a packet to one user.
//!
//! Differs from the real gateway: openids are believed and enrolled under the
//! first appid that pays them, because the sandbox has no users of its own; the
//! limits per user count what was sent today, not what was opened; limits are
//! counted per merchant; the wording of some refusals is that of 2016. Stuck
//! bills (quota, risk, balance) are kept in `SENDING` as support staff describe
//! it, fields other than openid, amount and appid are not compared on re-entry.
//! What users do with packets, and who gets none: see `behaviour.rs`.

use super::desk::Desk;
use super::gate::Call;
use super::packets::PacketRecord;
use super::refusal::Refusal;
use super::reply::Reply;
use crate::money::Fen;
use crate::query::RedPacketStatus as Status;
use crate::redpack::limits;
use crate::wire::Doc;

/// Official texts for missing or malformed fields (older lists of 2.4 in the
/// documentation of 2015 to 2018).
pub(super) const TEXTS: &[(&str, &str)] = &[
    ("act_name", "act_name字段必填，并且少于32个字符"),
    ("send_name", "send_name字段必填，并且少于32字符"),
    ("wishing", "wishing字段必填，并且少于128个字符"),
    ("remark", "remark字段为必填，并且少于256字符"),
    ("nonce_str", "nonce_str字段必填，并且少于32字符"),
    ("re_openid", "re_openid字段为必填，并且少于32个字符"),
    ("wxappid", "appid字段必填，最长为32个字符"),
    ("appid", "appid字段必填，最长为32个字符"),
    ("mch_billno", "订单号字段必填，最长为28个字符"),
    ("client_ip", "client_ip必须是合法的IP字符串"),
    ("total_num", "total_num必须为1"),
    ("total_amount", "红包金额参数错误"),
    ("mch_id", "输入的商户号有误"),
];

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    let fen = call.integer("total_amount");
    let free = limits::SCENE_FREE_MIN.value..=limits::SCENE_FREE_MAX.value;
    if fen < 1 {
        let refusal = Refusal::with_text("PARAM_ERROR", "参数错误:红包金额参数错误");
        return Err(refusal.note("total_amount: at least 1 fen").of_field("total_amount"));
    }
    if !free.contains(&fen) && call.text("scene_id").is_empty() {
        let text = "参数错误:scene_id字段必填";
        let note = "scene_id: needed below 1.00 and above 200.00 yuan";
        return Err(Refusal::with_text("PARAM_ERROR", text).note(note).of_field("scene_id"));
    }
    issue(desk, call, None).map(Reply::from)
}

/// Sends a packet, or re-enters one that was sent before, up to the answer.
pub(super) fn issue(desk: &mut Desk, call: &Call, group: Option<u32>) -> Result<Doc, Refusal> {
    let refuse = |code: &str| Refusal::of(call.contract, code).echoing(call.contract, &call.doc);
    let amount = Fen::new(call.integer("total_amount"));
    let mut record = match desk.packet(&call.mch_id, call.text("mch_billno")) {
        Some(known) => {
            same_order(call, &known, amount, group).map_err(|text| {
                let mut refusal = refuse("FATAL_ERROR");
                refusal.text = text.to_owned();
                refusal
            })?;
            match known.status {
                Status::Failed => return Err(refuse("SEND_FAILED")),
                Status::Sending => known,
                _ => return Ok(accepted(call, &known)),
            }
        }
        None => new_record(desk, call, amount, group),
    };
    let now = desk.now();
    let Some(entity) = desk.entities.get(&call.mch_id) else { return Err(refuse("PARAM_ERROR")) };
    let settings = &entity.settings;
    if !desk.quotas.call(&call.mch_id, call.contract.path, now, settings.calls_per_second) {
        let note = format!("more than {} calls in this second", settings.calls_per_second);
        let most = i64::from(settings.calls_per_second);
        return Err(refuse("FREQ_LIMIT").note(note).limited("calls_per_second", most, most, 1));
    }
    if !settings.api_open {
        return Err(refuse("API_METHOD_CLOSED"));
    }
    let each = amount.get() / i64::from(group.unwrap_or(1));
    if each < settings.min_amount.get() || each > settings.max_amount.get() {
        let note = format!("{} to {} yuan is the range of {}", settings.min_amount, settings.max_amount, call.mch_id);
        let (setting, most) = match each < settings.min_amount.get() {
            true => ("min_amount", settings.min_amount),
            false => ("max_amount", settings.max_amount),
        };
        return Err(refuse("MONEY_LIMIT").note(note).limited(setting, most.get(), 0, each));
    }
    sub_merchant(call, &entity.app_id, &settings.sub_merchants).map_err(refuse)?;
    let settings = settings.clone();
    let user = desk.user(&record.re_openid, &call.app_id);
    if user.app_id != call.app_id {
        let note = format!("{} belongs to {}, not to {}", record.re_openid, user.app_id, call.app_id);
        return Err(refuse("OPENID_ERROR").note(note));
    }
    if call.hold {
        record.send_time = now;
        desk.put_packet(&record);
        return Err(refuse("PROCESSING"));
    }
    let (count, received) = desk.received_today(&call.mch_id, &record.re_openid);
    let paid = desk.quotas.merchant(&call.mch_id, now);
    let beyond = |used: Fen, most: Fen| used.checked_add(amount).is_none_or(|sum| sum > most);
    let account = desk.pays_packets(&call.mch_id);
    let balance = desk.books.balance(&account.of(&call.mch_id));
    let stuck = if count >= settings.user_day_count {
        Some("SENDNUM_LIMIT")
    } else if beyond(received, settings.user_day_amount) {
        Some("RCVDAMOUNT_LIMIT")
    } else if beyond(paid, settings.merchant_day_amount) {
        Some("SENDAMOUNT_LIMIT")
    } else if user.risk_blocked || !user.real_name {
        Some("NO_AUTH")
    } else if !desk.deliver(&mut record) {
        Some("NOTENOUGH")
    } else {
        None
    };
    if let Some(code) = stuck {
        let refusal = refuse(code);
        record.reason = Some(refusal.text.clone());
        record.send_time = now;
        desk.put_packet(&record);
        let kept = "the bill is kept in SENDING; send it again when the cause is gone";
        let refusal = match code {
            "NO_AUTH" if user.risk_blocked => {
                refusal.note(format!("risk control stops this user (risk_blocked); {kept}"))
            }
            "NO_AUTH" => refusal.note(format!("the user is not verified by name (real_name); {kept}")),
            _ => refusal.note(kept),
        };
        let fen = amount.get();
        return Err(match code {
            "SENDNUM_LIMIT" => refusal.limited("user_day_count", settings.user_day_count.into(), count.into(), 1),
            "RCVDAMOUNT_LIMIT" => {
                refusal.limited("user_day_amount", settings.user_day_amount.get(), received.get(), fen)
            }
            "SENDAMOUNT_LIMIT" => {
                refusal.limited("merchant_day_amount", settings.merchant_day_amount.get(), paid.get(), fen)
            }
            "NOTENOUGH" => refusal.limited(account.balance_name(), balance.get(), 0, fen),
            _ => refusal,
        });
    }
    let answer = accepted(call, &record);
    desk.put_packet(&record);
    Ok(answer)
}

fn same_order(call: &Call, known: &PacketRecord, amount: Fen, group: Option<u32>) -> Result<(), &'static str> {
    if known.re_openid != call.text("re_openid") {
        Err("openid和原始单参数不一致")
    } else if known.total_amount != amount {
        Err("金额和原始单参数不一致")
    } else if known.app_id != call.app_id || known.group != group {
        Err("重复请求时参数与原单不一致")
    } else {
        Ok(())
    }
}

fn sub_merchant(call: &Call, app_id: &str, known: &[String]) -> Result<(), &'static str> {
    let (sub, msgappid) = (call.text("sub_mch_id"), call.text("msgappid"));
    if !sub.is_empty() && !known.iter().any(|own| own == sub) {
        return Err("ACCEPTMODE_ERROR");
    }
    if !msgappid.is_empty() && msgappid != app_id {
        return Err("MSGAPPID_ERROR");
    }
    Ok(())
}

fn new_record(desk: &Desk, call: &Call, amount: Fen, group: Option<u32>) -> PacketRecord {
    let now = desk.now();
    PacketRecord {
        mch_id: call.mch_id.clone(),
        mch_billno: call.text("mch_billno").to_owned(),
        app_id: call.app_id.clone(),
        re_openid: call.text("re_openid").to_owned(),
        total_amount: amount,
        group,
        detail_id: desk.next_detail_id(),
        status: Status::Sending,
        reason: None,
        created: now,
        send_time: now,
        refund_time: None,
        refund_amount: None,
        shares: match group {
            None => vec![amount],
            Some(shares) => desk.split(amount, shares),
        },
        claims: Vec::new(),
        paid_from: desk.pays_packets(&call.mch_id),
        send_name: call.text("send_name").to_owned(),
        wishing: call.text("wishing").to_owned(),
        act_name: call.text("act_name").to_owned(),
        remark: call.text("remark").to_owned(),
    }
}

fn accepted(call: &Call, record: &PacketRecord) -> Doc {
    let amount = record.total_amount.get().to_string();
    let mut doc: Doc = [
        ("return_code", "SUCCESS"),
        ("return_msg", "发放成功"),
        ("result_code", "SUCCESS"),
        ("err_code", "SUCCESS"),
        ("err_code_des", "发放成功"),
        ("mch_billno", &record.mch_billno),
        ("mch_id", &call.mch_id),
        ("wxappid", &call.app_id),
        ("re_openid", &record.re_openid),
        ("total_amount", &amount),
    ]
    .into_iter()
    .collect();
    if let Some(shares) = record.group {
        doc.push("total_num", &shares.to_string());
    }
    doc.push("send_listid", &record.detail_id);
    doc
}
