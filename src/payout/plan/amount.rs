//! Amounts as people write them, and what is wrong with most ways to do it.

use super::problem::{Problem, excerpt};
use crate::money::Fen;

/// An amount in yuan, as [`Fen`] parses it.
///
/// # Errors
/// Names what the text has that no amount has.
pub(super) fn yuan(text: &str) -> Result<Fen, Problem> {
    text.parse().map_err(|invalid: crate::money::InvalidAmount| {
        let (reason, next_step) = match reason(text) {
            Some(known) => known,
            None => (invalid.to_string(), "write yuan with at most two decimals, as in 1.88"),
        };
        let shown = if text.is_empty() { reason } else { format!("{}: {reason}", excerpt(text)) };
        Problem::new(shown, next_step).in_field("amount")
    })
}

fn reason(text: &str) -> Option<(String, &'static str)> {
    let known: (&str, &str) = if text.is_empty() {
        ("empty", "write yuan, as in 1.88")
    } else if text.contains(['¥', '￥', '元', '$', '€']) || text.contains("RMB") || text.contains("CNY") {
        ("a currency sign", "write the number alone, in yuan, as in 1.88")
    } else if text.contains(|c: char| matches!(c, '０'..='９' | '．' | '，' | '。')) {
        ("full-width characters", "write it in ASCII, as in 1.88")
    } else if text.contains([',', '\'', '_']) {
        ("thousands separators or a decimal comma", "write 1234.50 for 1,234.50")
    } else if text.trim() != text {
        ("white space around it", "remove the white space")
    } else if text.starts_with('+') {
        ("a sign", "write the number alone")
    } else if text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
        && text.contains(['e', 'E'])
    {
        ("scientific notation, which spreadsheets make of numbers", "write all digits, as in 1000.00")
    } else {
        return None;
    };
    Some((known.0.to_owned(), known.1))
}
