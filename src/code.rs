//! Error codes of the gateway: what each one means for the money.
//!
//! The tables are dated data: adding a code is adding a row. A code that no row
//! knows is kept as it came and counts as [`Outcome::Unknown`].

mod bill;
mod every_call;
mod pay;
mod red_packet;
mod refund;

use std::borrow::Cow;
use std::fmt;

use crate::error::Outcome;

pub use bill::{BATCH_QUERY_COMMENT, DOWNLOAD_BILL, DOWNLOAD_BILL_TEXTS, DOWNLOAD_FUND_FLOW};
pub use every_call::COMMON;
pub use pay::{AUTH_CODE_TO_OPENID, CLOSE_ORDER, MICROPAY, ORDER_QUERY, REVERSE, UNIFIED_ORDER};
pub use red_packet::{RED_PACKET_QUERY, RED_PACKET_SEND};
pub use refund::{REFUND, REFUND_QUERY};

/// An error code (`err_code`) as the gateway wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Code(Cow<'static, str>);

impl Code {
    /// Takes a code as it came.
    #[must_use]
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(text.into())
    }

    /// The official spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl PartialEq<str> for Code {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Code {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// What to do about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// The outcome is open, or an earlier order with this number stands: query,
    /// or repeat with the same number and fields.
    SameBill,
    /// This call did nothing and must not be repeated by a program.
    Final,
    /// This call did nothing; somebody must correct the set-up or the request.
    FixConfig,
    /// This call did nothing yet: quota, rate or balance. Repeat later, unchanged.
    Wait,
}

impl Class {
    /// What the class says about the call.
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::SameBill => Outcome::Unknown,
            Self::Final | Self::FixConfig | Self::Wait => Outcome::Refused,
        }
    }
}

/// A row of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The official spelling.
    pub code: &'static str,
    /// What to do about it.
    pub class: Class,
    /// The official text, as the sandbox answers it.
    pub text: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// The next step.
    pub advice: &'static str,
    /// Whether the code speaks of the bill number and not just of this call:
    /// then, and only then, it ends the doubt that an earlier lost answer left.
    pub settles: bool,
}

impl Entry {
    const fn new(
        code: &'static str,
        class: Class,
        text: &'static str,
        meaning: &'static str,
        advice: &'static str,
    ) -> Self {
        Self { code, class, text, meaning, advice, settles: false }
    }

    const fn settling(mut self) -> Self {
        self.settles = true;
        self
    }
}

/// The row of `code` in `table`, if it has one.
#[must_use]
pub fn find(table: &'static [Entry], code: &str) -> Option<&'static Entry> {
    table.iter().find(|entry| entry.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every table below its heading in `docs/PROTOCOL.md`, in the page's order.
    const ALL_TABLES: &[(&str, &[Entry])] = &[
        ("sendredpack, sendgroupredpack", RED_PACKET_SEND),
        ("gethbinfo", RED_PACKET_QUERY),
        ("unifiedorder", UNIFIED_ORDER),
        ("micropay", MICROPAY),
        ("orderquery", ORDER_QUERY),
        ("closeorder", CLOSE_ORDER),
        ("reverse", REVERSE),
        ("refund", REFUND),
        ("refundquery", REFUND_QUERY),
        ("authcodetoopenid", AUTH_CODE_TO_OPENID),
        ("downloadbill", DOWNLOAD_BILL),
        ("downloadfundflow", DOWNLOAD_FUND_FLOW),
        ("batchquerycomment", BATCH_QUERY_COMMENT),
        ("Every call", COMMON),
    ];

    /// As a contract looks codes up: in its own table, then in the common one.
    fn outcome(table: &'static [Entry], code: &str) -> Outcome {
        find(table, code).or_else(|| find(COMMON, code)).unwrap_or_else(|| panic!("{code}")).class.outcome()
    }

    #[test]
    fn each_table_names_a_code_once() {
        for (name, table) in ALL_TABLES {
            for entry in *table {
                let rows = table.iter().filter(|other| other.code == entry.code).count();
                assert_eq!(rows, 1, "{name}: {}", entry.code);
                assert!(!entry.text.is_empty() && !entry.meaning.is_empty() && !entry.advice.is_empty());
            }
        }
    }

    /// The page for people and the tables for programs are the same tables.
    #[test]
    fn the_protocol_page_lists_these_codes_and_no_others() {
        let page = include_str!("../docs/PROTOCOL.md");
        let (_, page) = page.split_once("## Error codes").unwrap();
        let (page, _) = page.split_once("\n## ").unwrap_or((page, ""));
        let listed = page.lines().filter(|line| line.starts_with("### ") || line.starts_with("| `"));
        let row = |entry: &Entry| {
            let settles = if entry.settles { "; settles the bill" } else { "" };
            let Entry { code, class, text, meaning, .. } = entry;
            format!("| `{code}` | {class:?}, {}{settles} | {text} | {meaning} |", class.outcome())
        };
        let mut known = vec![];
        for (name, table) in ALL_TABLES {
            known.push(format!("### {name}"));
            known.extend(table.iter().map(row));
        }
        assert_eq!(listed.collect::<Vec<_>>(), known, "the page should list\n{}", known.join("\n"));
    }

    /// Law 1: one code alone licenses a second number. `ORDERCLOSED` and
    /// `ORDERREVERSED` do not: how the order came to its end, and whether it was
    /// paid before, is for a query to say.
    #[test]
    fn only_send_failed_settles_a_bill() {
        let mut settling = vec![];
        for (name, table) in ALL_TABLES {
            settling.extend(table.iter().filter(|entry| entry.settles).map(|entry| (*name, entry.code)));
        }
        assert_eq!(settling, [("sendredpack, sendgroupredpack", "SEND_FAILED")]);
    }

    #[test]
    fn doubt_is_never_a_refusal() {
        for (table, codes) in [
            (RED_PACKET_SEND, &["SYSTEMERROR", "PROCESSING", "FATAL_ERROR"][..]),
            (RED_PACKET_QUERY, &["SYSTEMERROR", "NOT_FOUND"]),
            (UNIFIED_ORDER, &["SYSTEMERROR", "ORDERPAID"]),
            (MICROPAY, &["SYSTEMERROR", "BANKERROR", "USERPAYING", "ORDERPAID"]),
            (ORDER_QUERY, &["SYSTEMERROR", "ORDERNOTEXIST"]),
            (CLOSE_ORDER, &["SYSTEMERROR", "ORDERPAID"]),
            (REVERSE, &["SYSTEMERROR", "USERPAYING"]),
            (REFUND, &["SYSTEMERROR", "BIZERR_NEED_RETRY", "REFUND_FEE_MISMATCH"]),
            (REFUND_QUERY, &["SYSTEMERROR", "REFUNDNOTEXIST"]),
        ] {
            for code in codes {
                assert_eq!(outcome(table, code), Outcome::Unknown, "{code}");
            }
        }
        // Whatever the call, these never say that nothing happened.
        for (name, table) in ALL_TABLES {
            for code in ["SYSTEMERROR", "BANKERROR", "USERPAYING", "BIZERR_NEED_RETRY", "ORDERPAID"] {
                let found = find(table, code).map(|entry| entry.class);
                assert!(matches!(found, None | Some(Class::SameBill)), "{name}: {code}");
            }
        }
        for (_, table) in ALL_TABLES {
            assert!(find(table, "BRAND_NEW").is_none());
        }
    }

    /// The page of micropay says of each code whether the payment is unknown
    /// (支付结果未知) or failed for certain (支付确认失败).
    #[test]
    fn micropay_fails_where_its_page_says_so() {
        for (expected, codes) in [
            (Outcome::Unknown, &["SYSTEMERROR", "BANKERROR", "USERPAYING"][..]),
            // Failed on the page, which means this call alone: an earlier one with
            // the number is paid, so who took it for a failure would charge twice.
            (Outcome::Unknown, &["ORDERPAID"]),
            (
                Outcome::Refused,
                &[
                    "PARAM_ERROR",
                    "NOAUTH",
                    "AUTHCODEEXPIRE",
                    "NOTENOUGH",
                    "NOTSUPORTCARD",
                    "ORDERCLOSED",
                    "ORDERREVERSED",
                    "AUTH_CODE_ERROR",
                    "AUTH_CODE_INVALID",
                    "BUYER_MISMATCH",
                    "OUT_TRADE_NO_USED",
                    "TRADE_ERROR",
                    "INVALID_REQUEST",
                    "XML_FORMAT_ERROR",
                    "REQUIRE_POST_METHOD",
                    "SIGNERROR",
                    "LACK_PARAMS",
                    "NOT_UTF8",
                    "APPID_NOT_EXIST",
                    "MCHID_NOT_EXIST",
                    "APPID_MCHID_NOT_MATCH",
                ],
            ),
        ] {
            for code in codes {
                assert_eq!(outcome(MICROPAY, code), expected, "{code}");
            }
        }
    }

    #[test]
    fn each_text_of_a_missing_bill_has_its_row() {
        for (text, code) in DOWNLOAD_BILL_TEXTS {
            assert_eq!(*text, text.trim().to_lowercase());
            assert!(find(DOWNLOAD_BILL, code).is_some(), "{text}: {code}");
        }
        for entry in DOWNLOAD_BILL {
            assert!(DOWNLOAD_BILL_TEXTS.iter().any(|(_, code)| *code == entry.code), "{}", entry.code);
        }
    }
}
