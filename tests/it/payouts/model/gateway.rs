//! The gateway: `docs/PROTOCOL.md` on red packets, in small. Equal requests make
//! one packet; a refused bill may be stored and go on when it is sent again.

use super::world::{Answer, Bill};

/// What may come of a request that finds this bill and so much money: what the
/// bill is then, the answer, and whether it is anything but the plain thing.
pub fn replies(bill: Bill, balance: u8) -> Vec<(Bill, Answer, bool)> {
    use Answer::{Accepted, Refused, Unknown};
    // These are looked at before the number is, and say nothing about it.
    let mut replies: Vec<_> = ["FREQ_LIMIT", "OPENID_ERROR"].map(|code| (bill, Refused(code), true)).into();
    replies.push((bill, Unknown(Some("SYSTEMERROR")), true));
    match bill {
        Bill::Sent | Bill::Received | Bill::Returned => replies.push((bill, Accepted, false)),
        Bill::Failed => replies.push((bill, Refused("SEND_FAILED"), false)),
        Bill::None | Bill::Stuck | Bill::Pending => {
            let stored = if bill == Bill::None { Bill::Stuck } else { bill };
            if balance > 0 {
                replies.push((Bill::Sent, Accepted, false));
                replies.push((Bill::Sent, Unknown(None), true));
            } else {
                replies.push((stored, Refused("NOTENOUGH"), false));
                replies.push((bill, Refused("NOTENOUGH"), true));
            }
            for code in ["NO_AUTH", "SENDNUM_LIMIT"] {
                replies.push((stored, Refused(code), true));
                replies.push((bill, Refused(code), true));
            }
            replies.push((Bill::Pending, Unknown(Some("PROCESSING")), true));
            replies.push((Bill::Pending, Accepted, true));
            replies.push((Bill::Failed, Refused("SEND_FAILED"), true));
        }
    }
    replies.dedup();
    replies
}

/// What becomes of a bill without anybody's request.
pub fn by_itself(bill: Bill, balance: u8) -> Vec<Bill> {
    match bill {
        Bill::Pending if balance > 0 => vec![Bill::Sent, Bill::Failed],
        Bill::Pending | Bill::Stuck => vec![Bill::Failed],
        Bill::Sent => vec![Bill::Received, Bill::Returned],
        Bill::None | Bill::Received | Bill::Returned | Bill::Failed => vec![],
    }
}

/// What the change of a bill does to the merchant's money, in packets.
pub fn moved(from: Bill, to: Bill, balance: u8) -> u8 {
    match (from.is_paid(), to) {
        (false, Bill::Sent) => balance - 1,
        (true, Bill::Returned) if from != Bill::Returned => balance + 1,
        _ => balance,
    }
}
