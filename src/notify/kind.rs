//! Which notification it is, where several come to one address.

use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::wire::{read_xml, unreadable_notice};

/// Which notification a body claims to be. Nothing of it is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A payment: [`Paid`](super::Paid).
    Paid,
    /// A refund: [`Refunded`](super::Refunded).
    Refunded,
    /// Somebody scanned a static QR code: [`Scanned`](super::Scanned).
    Scanned,
    /// A contract was signed or ended (签约/解约结果通知).
    Contract,
    /// A deduction by contract (扣款结果通知).
    Deduction,
    /// A payment of several orders at once (合单).
    Combined,
    /// Something else.
    Other,
}

/// Tells which notification a body claims to be, in the order in which the
/// fields of the kinds exclude each other.
///
/// # Errors
/// [`ErrorKind::Unreadable`]: no message. JSON is a notification of API v3.
pub fn kind(body: &[u8]) -> Result<Kind> {
    if body.trim_ascii_start().starts_with(b"{") {
        return Err(Error::new(ErrorKind::Unreadable, Outcome::Unknown, "the notification is JSON, so of API v3")
            .with_next_step("route it to the code for API v3"));
    }
    let doc = read_xml(body).map_err(unreadable_notice)?;
    let has = |field: &str| doc.get_filled(field).is_some();
    Ok(if has("req_info") {
        Kind::Refunded
    } else if has("change_type") {
        Kind::Contract
    } else if has("contract_id") {
        Kind::Deduction
    } else if has("combine_out_trade_no") {
        Kind::Combined
    } else if has("product_id") && !has("transaction_id") && !has("result_code") {
        Kind::Scanned
    } else if has("transaction_id") && !has("event_type") {
        Kind::Paid
    } else {
        Kind::Other
    })
}
