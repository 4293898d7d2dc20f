//! Identifiers: parsed once, never invented.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use crate::clock::Day;

/// Why a text is not the identifier it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidId {
    what: &'static str,
    problem: String,
}

impl InvalidId {
    fn new(what: &'static str, problem: impl Into<String>) -> Self {
        Self { what, problem: problem.into() }
    }

    /// The wire field or value that is wrong, as in `mch_billno`.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.what
    }
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.problem)
    }
}

impl std::error::Error for InvalidId {}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks and takes the text.
            ///
            /// # Errors
            /// [`InvalidId`] says what is wrong with it.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                match $check(&text) {
                    Ok(()) => Ok(Self(text.into_boxed_str())),
                    Err(problem) => Err(InvalidId::new($what, problem)),
                }
            }

            /// The text as it goes over the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        /// As its text, so that a map keyed by it is asked with a `&str`.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

id! {
    /// The merchant's own number of a payout (商户订单号, `mch_billno`): 1 to 28
    /// ASCII letters and digits, unique within the merchant for ever.
    ///
    /// It is what keeps a packet from being paid twice: it must be stored before
    /// the first attempt, and each repeat must carry it again. A fresh number
    /// for the same gift is a second gift.
    ///
    /// Source: sendredpack, field `mch_billno` (doc/v2/merchant/4011974053, read 2026-11).
    BillNo, "mch_billno", check_bill_no
}

id! {
    /// The merchant's own number of an order (商户订单号, `out_trade_no`): 6 to 32
    /// ASCII letters, digits and `_-|*`, unique within the merchant over all
    /// products, for ever.
    ///
    /// It must be stored before the first attempt: payment that is started again
    /// uses the same number and the same fields.
    ///
    /// Source: unifiedorder, field `out_trade_no` (pay.weixin.qq.com, read 2026-11);
    /// some pages also list `@`, which is not sent.
    OutTradeNo, "out_trade_no", check_out_trade_no
}

id! {
    /// The merchant's own number of a refund (商户退款单号, `out_refund_no`): 1 to 64
    /// ASCII letters, digits and `_-|*@`, unique within the merchant.
    ///
    /// The same number with the same amounts is the same refund, however often it
    /// is sent; a fresh number is a second refund.
    ///
    /// Source: refund, field `out_refund_no` (pay.weixin.qq.com, read 2026-11).
    OutRefundNo, "out_refund_no", check_out_refund_no
}

id! {
    /// A user of one appid (用户openid): up to 32 ASCII letters, digits, `-` and `_`;
    /// the same person has another openid under each appid.
    OpenId, "re_openid", check_open_id
}

id! {
    /// An official account, mini program or corp (公众账号appid): `wx` or `ww` and
    /// up to 30 more ASCII letters and digits.
    AppId, "app_id", check_app_id
}

id! {
    /// A merchant number (商户号, `mch_id`): 8 to 10 digits.
    MchId, "mch_id", check_mch_id
}

impl BillNo {
    /// Derives the number of a payout from what the merchant already knows:
    /// merchant number, Beijing day (`yyyyMMdd`) and a business key, joined.
    ///
    /// The same three values always give the same number, so it can be computed
    /// again after a crash. Two different triples never give the same number:
    /// nothing is hashed or cut, and days lie between 2014 and 2099, which
    /// tells the parts apart even between merchants whose numbers differ in
    /// length. The price is the limit: the key has 1 to
    /// `20 − length of mch_id` ASCII letters and digits, ten for a ten-digit
    /// merchant number. For longer keys store a number of your own with
    /// [`BillNo::new`].
    ///
    /// Take the day from the business event, not from the clock at the time of
    /// the attempt: a repeat after midnight must not become another number.
    ///
    /// ```
    /// use hongbao::{BillNo, MchId, clock::Day};
    /// let number = BillNo::derive(&MchId::new("1510000001")?, "2025-03-18".parse()?, "order42")?;
    /// assert_eq!(number.as_str(), "151000000120250318order42");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidId`] if the key is empty, too long or has other characters.
    pub fn derive(mch_id: &MchId, day: Day, key: &str) -> Result<Self, InvalidId> {
        let room = BILL_NO_MAX - mch_id.0.len() - 8;
        if key.is_empty() || key.len() > room || !alphanumeric(key) {
            return Err(InvalidId::new(
                "business key",
                format!("must have 1 to {room} ASCII letters and digits for merchant {mch_id}, found {key:?}"),
            ));
        }
        Self::new(format!("{mch_id}{}{key}", day.compact()))
    }
}

const BILL_NO_MAX: usize = 28;

fn alphanumeric(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn check_bill_no(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > BILL_NO_MAX || !alphanumeric(text) {
        return Err(format!("must have 1 to {BILL_NO_MAX} ASCII letters and digits, found {text:?}"));
    }
    Ok(())
}

fn check_out_trade_no(text: &str) -> Result<(), String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'|' | b'*');
    if !(6..=32).contains(&text.len()) || !text.bytes().all(plain) {
        return Err(format!("must have 6 to 32 ASCII letters, digits and _-|*, found {text:?}"));
    }
    Ok(())
}

fn check_out_refund_no(text: &str) -> Result<(), String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'|' | b'*' | b'@');
    if !(1..=64).contains(&text.len()) || !text.bytes().all(plain) {
        return Err(format!("must have 1 to 64 ASCII letters, digits and _-|*@, found {text:?}"));
    }
    Ok(())
}

fn check_open_id(text: &str) -> Result<(), String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if text.is_empty() || text.len() > 32 || !text.bytes().all(plain) {
        return Err(format!("must have 1 to 32 ASCII letters, digits, '-' and '_', found {text:?}"));
    }
    Ok(())
}

fn check_app_id(text: &str) -> Result<(), String> {
    let known = text.starts_with("wx") || text.starts_with("ww");
    if !known || text.len() < 3 || text.len() > 32 || !alphanumeric(text) {
        return Err(format!(
            "must begin with wx (ww for WeCom) and have at most 32 letters and digits, found {text:?}"
        ));
    }
    Ok(())
}

fn check_mch_id(text: &str) -> Result<(), String> {
    if !(8..=10).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("must have 8 to 10 digits, found {text:?}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn bill_numbers_have_a_charset_and_a_length() {
        assert!(BillNo::new("1510000001202503180000000017").is_ok());
        for text in ["", "a b", "a-b", "订单", "15100000012025031800000000171", "a\n"] {
            let error = BillNo::new(text).unwrap_err();
            assert_eq!(error.field(), "mch_billno");
        }
    }

    #[test]
    fn a_derived_number_is_the_same_each_time() {
        let mch_id = MchId::new("1510000001").unwrap();
        let day: Day = "2025-03-18".parse().unwrap();
        let number = BillNo::derive(&mch_id, day, "0000000017").unwrap();
        assert_eq!(number.as_str(), "1510000001202503180000000017");
        assert_eq!(BillNo::derive(&mch_id, day, "0000000017"), Ok(number));
        for key in ["", "00000000017", "a.b", "键"] {
            assert_eq!(BillNo::derive(&mch_id, day, key).unwrap_err().field(), "business key");
        }
    }

    /// The shapes in which concatenation could betray us: merchant numbers that
    /// are prefixes of each other, days that begin like a merchant number ends,
    /// keys that begin like a day.
    #[test]
    fn different_triples_never_meet() {
        let merchants = ["12345678", "123456782", "1234567820", "1234567814", "123456780", "2020202020", "20202020"];
        let mut days = vec![];
        for year in 2014..=2099 {
            for (month, day) in [(1, 1), (3, 10), (12, 20), (10, 15), (2, 20), (11, 20), (12, 31)] {
                days.push(Day::new(year, month, day).unwrap());
            }
        }
        let mut keys: Vec<String> =
            ["0", "1", "01", "10", "100", "20", "2020", "1520", "15", "5", "a", "A"].map(String::from).to_vec();
        keys.extend((11..32).map(|n| format!("{n}0")));
        let mut seen = BTreeSet::new();
        for merchant in merchants {
            let mch_id = MchId::new(merchant).unwrap();
            for &day in &days {
                for key in &keys {
                    let number = BillNo::derive(&mch_id, day, key).unwrap();
                    assert!(seen.insert(number), "{merchant} {day} {key}");
                }
            }
        }
    }

    #[test]
    fn order_and_refund_numbers() {
        for text in ["T20250318000001", "a_b-c|d*", &"9".repeat(32)] {
            assert!(OutTradeNo::new(text).is_ok(), "{text}");
        }
        for text in ["", "12345", "a b c d", "订单号码一二", "abcde@", "abcdef\n", &"9".repeat(33)] {
            assert_eq!(OutTradeNo::new(text).unwrap_err().field(), "out_trade_no", "{text:?}");
        }
        assert!(OutRefundNo::new("R@1").is_ok() && OutRefundNo::new("r".repeat(64)).is_ok());
        for text in ["", "R 1", "退", &"r".repeat(65)] {
            assert_eq!(OutRefundNo::new(text).unwrap_err().field(), "out_refund_no", "{text:?}");
        }
    }

    #[test]
    fn serde_checks_too() {
        assert!(serde_json::from_str::<BillNo>("\"a b\"").is_err());
        let id: OpenId = serde_json::from_str("\"oQx4r0Z1a2b3c4d5e6f7g8h9i0jk\"").unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"oQx4r0Z1a2b3c4d5e6f7g8h9i0jk\"");
    }

    #[test]
    fn merchants_and_appids() {
        assert!(MchId::new("10000100").is_ok());
        assert!(AppId::new("wx00f1e2d3c4b5a697").is_ok());
        assert!(AppId::new("ww6f5e4d3c2b1a0987").is_ok());
        for text in ["", "151000000", "15100000011", "151000000x"] {
            assert_eq!(MchId::new(text).is_ok(), text.len() == 9, "{text}");
        }
        for text in ["", "wx", "gh_12345", "wx 1"] {
            assert!(AppId::new(text).is_err(), "{text}");
        }
    }
}
