//! Money in fen, and fees in thousandths of a fen.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount of money in fen (分, 1/100 yuan).
///
/// It is made from a whole number of fen or from the decimal text of an amount
/// in yuan; a floating-point number has no way in. Arithmetic is checked.
///
/// ```
/// use hongbao::Fen;
/// let amount: Fen = "1.88".parse()?;
/// assert_eq!(amount, Fen::new(188));
/// assert_eq!(amount.to_string(), "1.88");
/// assert!("1.885".parse::<Fen>().is_err());
/// # Ok::<(), hongbao::money::InvalidAmount>(())
/// ```
/// ```compile_fail
/// let amount: hongbao::Fen = 1.88.into();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fen(i64);

impl Fen {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A whole number of fen.
    #[must_use]
    pub const fn new(fen: i64) -> Self {
        Self(fen)
    }

    /// A whole number of yuan, or `None` beyond what an `i64` of fen holds.
    #[must_use]
    pub const fn from_yuan(yuan: i64) -> Option<Self> {
        match yuan.checked_mul(100) {
            Some(fen) => Some(Self(fen)),
            None => None,
        }
    }

    /// The number of fen.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum, or `None` on overflow.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(fen) => Some(Self(fen)),
            None => None,
        }
    }

    /// The difference, or `None` on overflow.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(fen) => Some(Self(fen)),
            None => None,
        }
    }

    /// The sum of many amounts, or `None` on overflow.
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }
}

impl fmt::Display for Fen {
    /// Yuan with two decimals, as in `1.88`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let fen = self.0.unsigned_abs();
        f.pad(&format!("{sign}{}.{:02}", fen / 100, fen % 100))
    }
}

impl FromStr for Fen {
    type Err = InvalidAmount;

    /// Reads an amount in yuan: ASCII digits, then at most a point and one or
    /// two decimals; a leading `-` is allowed.
    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let too_fine = "more than two decimals: the smallest amount is 0.01 yuan";
        scaled(text, 2, too_fine).map(Self)
    }
}

/// An amount of money in thousandths of a fen, the fifth decimal of a yuan.
///
/// Bills state fees (手续费) with that many. Nothing is rounded on the way in
/// or out.
///
/// ```
/// use hongbao::money::MilliFen;
/// let fee: MilliFen = "0.05328".parse()?;
/// assert_eq!(fee, MilliFen::new(5328));
/// assert_eq!(fee.to_string(), "0.05328");
/// assert!("0.053280".parse::<MilliFen>().is_err());
/// # Ok::<(), hongbao::money::InvalidAmount>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MilliFen(i64);

impl MilliFen {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A whole number of thousandths of a fen.
    #[must_use]
    pub const fn new(milli_fen: i64) -> Self {
        Self(milli_fen)
    }

    /// The same amount, or `None` beyond what an `i64` of these units holds.
    #[must_use]
    pub const fn from_fen(amount: Fen) -> Option<Self> {
        match amount.0.checked_mul(1000) {
            Some(milli_fen) => Some(Self(milli_fen)),
            None => None,
        }
    }

    /// The number of thousandths of a fen.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum, or `None` on overflow.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(milli_fen) => Some(Self(milli_fen)),
            None => None,
        }
    }
}

impl fmt::Display for MilliFen {
    /// Yuan with five decimals, as in `0.05328`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = self.0.unsigned_abs();
        f.pad(&format!("{sign}{}.{:05}", amount / 100_000, amount % 100_000))
    }
}

impl FromStr for MilliFen {
    type Err = InvalidAmount;

    /// Reads an amount in yuan: ASCII digits, then at most a point and one to
    /// five decimals; a leading `-` is allowed.
    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        scaled(text, 5, "more than five decimals").map(Self)
    }
}

/// The decimal number, times ten to the power of `places`. One pass: a bill has
/// millions of these.
fn scaled(text: &str, places: usize, too_fine: &'static str) -> Result<i64, InvalidAmount> {
    const MALFORMED: InvalidAmount = InvalidAmount("not a decimal number of yuan such as 1.88");
    const TOO_LARGE: InvalidAmount = InvalidAmount("too large");
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let mut value = 0_i64;
    let mut point = None;
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' if point.is_some_and(|point| at - point > places) => return Err(InvalidAmount(too_fine)),
            b'0'..=b'9' => {
                let next = value.checked_mul(10).and_then(|value| value.checked_add(i64::from(byte - b'0')));
                value = next.ok_or(TOO_LARGE)?;
            }
            b'.' if point.is_none() && at > 0 => point = Some(at),
            _ => return Err(MALFORMED),
        }
    }
    let decimals = match point {
        None if digits.is_empty() => return Err(MALFORMED),
        None => 0,
        Some(point) if point + 1 == digits.len() => return Err(MALFORMED),
        Some(point) => digits.len() - point - 1,
    };
    for _ in decimals..places {
        value = value.checked_mul(10).ok_or(TOO_LARGE)?;
    }
    Ok(if negative { -value } else { value })
}

/// Why a text is not an amount in yuan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidAmount(&'static str);

impl fmt::Display for InvalidAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidAmount {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_decimal_text_exactly() {
        for (text, fen) in [
            ("0", 0),
            ("1", 100),
            ("1.1", 110),
            ("1.10", 110),
            ("0.01", 1),
            ("0.1", 10),
            ("-0.30", -30),
            ("007.05", 705),
            ("92233720368547758.07", i64::MAX),
        ] {
            assert_eq!(text.parse(), Ok(Fen::new(fen)), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            ".",
            "-",
            ".5",
            "5.",
            "1.005",
            "1.100",
            "1e3",
            "１",
            "1,00",
            "+1",
            " 1",
            "1 ",
            "--1",
            "1.-1",
            "0x1",
            "NaN",
            "inf",
            "92233720368547758.08",
            "99999999999999999999",
        ] {
            assert!(text.parse::<Fen>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn prints_what_it_reads() {
        for fen in [0, 1, 10, 99, 100, 188, 20_000, -1, -188, i64::MAX, i64::MIN + 1] {
            assert_eq!(Fen::new(fen).to_string().parse(), Ok(Fen::new(fen)));
        }
        assert_eq!(Fen::new(i64::MIN).to_string(), "-92233720368547758.08");
    }

    #[test]
    fn fees_have_five_decimals() {
        for (text, milli_fen) in [
            ("0", 0),
            ("2.0", 200_000),
            ("0.05", 5000),
            ("0.05000", 5000),
            ("-0.02000", -2000),
            ("0.00001", 1),
            ("92233720368547.75807", i64::MAX),
        ] {
            assert_eq!(text.parse(), Ok(MilliFen::new(milli_fen)), "{text}");
        }
        for text in ["", "-", ".1", "1.", "1.000000", "1.2.3", "+1", "1e3", "92233720368547.75808"] {
            assert!(text.parse::<MilliFen>().is_err(), "{text:?}");
        }
        for amount in [0, 1, 99_999, 100_000, -1, -5328, i64::MAX, i64::MIN + 1] {
            assert_eq!(MilliFen::new(amount).to_string().parse(), Ok(MilliFen::new(amount)));
        }
        assert_eq!(MilliFen::from_fen(Fen::new(-3)), Some(MilliFen::new(-3000)));
        assert_eq!(MilliFen::from_fen(Fen::new(i64::MAX)), None);
    }

    #[test]
    fn sums_are_checked() {
        assert_eq!(Fen::checked_sum([Fen::new(1), Fen::new(2)]), Some(Fen::new(3)));
        assert_eq!(Fen::checked_sum([Fen::new(i64::MAX), Fen::new(1)]), None);
        assert_eq!(MilliFen::new(1).checked_add(MilliFen::new(2)), Some(MilliFen::new(3)));
        assert_eq!(MilliFen::new(i64::MIN).checked_add(MilliFen::new(-1)), None);
    }
}
