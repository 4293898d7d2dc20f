//! Money in fen.

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
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (yuan, decimals) = match digits.split_once('.') {
            None => (digits, "00"),
            Some((yuan, decimals)) => (yuan, decimals),
        };
        let only_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !only_digits(yuan) || !only_digits(decimals) {
            return Err(InvalidAmount("not a decimal number of yuan such as 1.88"));
        }
        let scale = match decimals.len() {
            1 => 10,
            2 => 1,
            _ => return Err(InvalidAmount("more than two decimals: the smallest amount is 0.01 yuan")),
        };
        let too_large = InvalidAmount("too large");
        let yuan: i64 = yuan.parse().map_err(|_| too_large.clone())?;
        let decimals: i64 = decimals.parse().map_err(|_| too_large.clone())?;
        let fen = yuan.checked_mul(100).and_then(|fen| fen.checked_add(decimals * scale)).ok_or(too_large)?;
        Ok(Self(if negative { -fen } else { fen }))
    }
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
    fn sums_are_checked() {
        assert_eq!(Fen::checked_sum([Fen::new(1), Fen::new(2)]), Some(Fen::new(3)));
        assert_eq!(Fen::checked_sum([Fen::new(i64::MAX), Fen::new(1)]), None);
    }
}
