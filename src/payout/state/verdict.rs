//! What each refusal means for the payout, its payee and its merchant.

use super::Cause;

/// Who is concerned by a refusal, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The number is dead: nothing was paid under it and nothing will be.
    Dead,
    /// The payout ends: the payee or the amount cannot be served.
    End(Cause),
    /// The payee waits for a person.
    Hold(Cause),
    /// The payee waits for the next Beijing day.
    NextDay,
    /// The merchant is too quick.
    Slower,
    /// The merchant has no money left.
    NoMoney,
    /// The merchant has paid out the day's amount.
    MerchantNextDay,
    /// Nothing works for the merchant until somebody corrects its set-up.
    Stop,
}

/// The codes of sendredpack (doc/v2/merchant/4011974053 and older vintages,
/// read 2026-11) that are documented refusals. A code that is not here stops the
/// merchant: what refuses one packet for an unknown cause may refuse them all.
const TABLE: &[(&str, Verdict)] = &[
    ("SEND_FAILED", Verdict::Dead),
    ("OPENID_ERROR", Verdict::End(Cause::Payee)),
    ("MONEY_LIMIT", Verdict::Hold(Cause::Payee)),
    ("PARAM_ERROR", Verdict::Hold(Cause::Payee)),
    ("NO_AUTH", Verdict::Hold(Cause::Risk)),
    ("SENDNUM_LIMIT", Verdict::NextDay),
    ("RCVDAMOUNT_LIMIT", Verdict::NextDay),
    ("FREQ_LIMIT", Verdict::Slower),
    ("SECOND_OVER_LIMITED", Verdict::Slower),
    ("NOTENOUGH", Verdict::NoMoney),
    ("SENDAMOUNT_LIMIT", Verdict::MerchantNextDay),
    ("DAY_OVER_LIMITED", Verdict::MerchantNextDay),
    ("ILLEGAL_APPID", Verdict::Stop),
    ("CA_ERROR", Verdict::Stop),
    ("SIGN_ERROR", Verdict::Stop),
    ("XML_ERROR", Verdict::Stop),
    ("API_METHOD_CLOSED", Verdict::Stop),
    ("MSGAPPID_ERROR", Verdict::Stop),
    ("ACCEPTMODE_ERROR", Verdict::Stop),
];

/// What a refusal with this code means.
#[must_use]
pub fn verdict(code: &str) -> Verdict {
    TABLE.iter().find(|(known, _)| *known == code).map_or(Verdict::Stop, |(_, verdict)| *verdict)
}

/// What a query's code means for the merchant, where it means anything.
pub(super) fn query_verdict(code: &str) -> Option<Verdict> {
    match code {
        "FREQ_LIMIT" => Some(Verdict::Slower),
        "CA_ERROR" | "SIGN_ERROR" | "NO_AUTH" | "XML_ERROR" | "PARAM_ERROR" => Some(Verdict::Stop),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::{Class, RED_PACKET_QUERY, RED_PACKET_SEND};
    use crate::error::Outcome;

    /// The catalogue of codes and this table speak of the same codes, and of
    /// nothing that leaves the outcome open.
    #[test]
    fn every_documented_refusal_has_its_verdict() {
        let refusals: Vec<&str> = RED_PACKET_SEND
            .iter()
            .filter(|entry| entry.class.outcome() == Outcome::Refused)
            .map(|entry| entry.code)
            .collect();
        for code in &refusals {
            assert!(TABLE.iter().any(|(known, _)| known == code), "{code} has no verdict");
        }
        for (code, verdict) in TABLE {
            assert!(refusals.contains(code), "{code} is no refusal");
            let entry = RED_PACKET_SEND.iter().find(|entry| entry.code == *code).unwrap();
            let fits = match verdict {
                Verdict::Dead => entry.settles,
                Verdict::End(_) | Verdict::Hold(_) => matches!(entry.class, Class::Final | Class::FixConfig),
                Verdict::NextDay | Verdict::Slower | Verdict::NoMoney | Verdict::MerchantNextDay => {
                    entry.class == Class::Wait
                }
                Verdict::Stop => entry.class == Class::FixConfig,
            };
            assert!(fits, "{code}: {verdict:?} for {:?}", entry.class);
            assert_eq!(entry.settles, *verdict == Verdict::Dead, "{code}");
        }
        assert_eq!(verdict("BRAND_NEW"), Verdict::Stop);
    }

    #[test]
    fn queries_never_decide_about_money() {
        for entry in RED_PACKET_QUERY {
            let found = query_verdict(entry.code);
            assert_eq!(found.is_some(), entry.class.outcome() == Outcome::Refused, "{}", entry.code);
            assert!(matches!(found, None | Some(Verdict::Slower | Verdict::Stop)), "{}", entry.code);
        }
    }
}
