//! gethbinfo: what became of a packet.
//!
//! Differs from the real gateway: the receiver list of a group grows while the
//! packet is `SENT`, which is an assumption; `reason` of a bill that was closed
//! after three days stays, where a live one lost it.

use std::time::Duration;

use super::desk::Desk;
use super::gate::Call;
use super::packets::PacketRecord;
use super::refusal::Refusal;
use super::reply::Reply;
use crate::redpack::limits;
use crate::wire::Doc;

pub(super) fn handle(desk: &mut Desk, call: &Call) -> Result<Reply, Refusal> {
    let now = desk.now();
    let settings = desk.entity(&call.mch_id).map(|entity| entity.settings.clone()).unwrap_or_default();
    if !desk.quotas.call(&call.mch_id, call.contract.path, now, settings.calls_per_second) {
        return Err(Refusal::of(call.contract, "FREQ_LIMIT").echoing(call.contract, &call.doc));
    }
    let horizon = Duration::from_secs(u64::from(limits::QUERY_DAYS.count()) * 86_400);
    let found = desk
        .packet(&call.mch_id, call.text("mch_billno"))
        .filter(|record| record.app_id == call.app_id && now.since(record.created) <= horizon);
    match found {
        Some(record) => Ok(found_doc(&record).into()),
        None => {
            let mut refusal = Refusal::of(call.contract, "NOT_FOUND").echoing(call.contract, &call.doc);
            if settings.not_found_as_system_error {
                refusal.code = Some("SYSTEMERROR".to_owned());
                refusal.failed = true;
            }
            Err(refusal)
        }
    }
}

fn found_doc(record: &PacketRecord) -> Doc {
    let amount = record.total_amount.get().to_string();
    let shares = record.group.unwrap_or(1).to_string();
    let mut doc: Doc = [
        ("return_code", "SUCCESS"),
        ("return_msg", "OK"),
        ("result_code", "SUCCESS"),
        ("err_code", "SUCCESS"),
        ("err_code_des", "OK"),
        ("mch_billno", record.mch_billno.as_str()),
        ("mch_id", &record.mch_id),
        ("detail_id", &record.detail_id),
        ("status", record.status.as_str()),
        ("send_type", "API"),
        ("hb_type", if record.group.is_some() { "GROUP" } else { "NORMAL" }),
        ("total_num", &shares),
        ("total_amount", &amount),
    ]
    .into_iter()
    .collect();
    if let Some(reason) = &record.reason {
        doc.push("reason", reason);
    }
    doc.push("send_time", &record.send_time.to_string());
    if let (Some(at), Some(refunded)) = (record.refund_time, record.refund_amount) {
        doc.push("refund_time", &at.to_string());
        doc.push("refund_amount", &refunded.get().to_string());
    }
    if !record.claims.is_empty() {
        let claims = record.claims.iter().map(|claim| {
            let (amount, at) = (claim.amount.get().to_string(), claim.at.to_string());
            [("openid", claim.openid.as_str()), ("amount", &amount), ("rcv_time", &at)].into_iter().collect()
        });
        doc.push_list("hblist", "hbinfo", claims.collect());
    }
    doc
}
