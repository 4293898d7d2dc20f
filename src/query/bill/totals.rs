//! The totals of a bill beside what its rows add up to.

use std::fmt;
use std::str::FromStr;

use super::columns::{Cells, Column, Header};
use super::lines::excerpt;
use crate::error::Result;
use crate::money::{Fen, InvalidAmount, MilliFen};

/// A total that the rows do not add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The total's name in the bill.
    pub column: &'static str,
    /// What the bill states, in thousandths of a fen.
    pub stated: MilliFen,
    /// What its rows add up to, in thousandths of a fen.
    pub counted: MilliFen,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} stated, {} counted", self.column, self.stated, self.counted)
    }
}

/// What can be added up.
pub(super) trait Amount: Copy + Default + FromStr<Err = InvalidAmount> {
    fn plus(self, other: Self) -> Option<Self>;
    fn milli_fen(self) -> Option<MilliFen>;
}

impl Amount for Fen {
    fn plus(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }

    fn milli_fen(self) -> Option<MilliFen> {
        MilliFen::from_fen(self)
    }
}

impl Amount for MilliFen {
    fn plus(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }

    fn milli_fen(self) -> Option<MilliFen> {
        Some(self)
    }
}

/// The line of totals.
pub(super) struct Totals<'a> {
    header: &'a mut Header,
    cells: Cells<'a>,
    /// Whether an end of line followed.
    terminated: bool,
    differences: Vec<Difference>,
}

impl<'a> Totals<'a> {
    pub(super) fn new(header: &'a mut Header, cells: Cells<'a>, terminated: bool) -> Self {
        Self { header, cells, terminated, differences: vec![] }
    }

    /// A number of rows. A bill that has another number is not whole.
    pub(super) fn count(&mut self, name: &'static str, counted: u64) -> Result<()> {
        let Some(column) = self.header.find(&[name]) else { return Ok(()) };
        let text = self.cells.text(column);
        match whole(text) {
            Some(stated) if stated == counted => Ok(()),
            Some(stated) => {
                let problem = format!("the bill states {stated} rows and has {counted}; some are missing, or too many");
                Err(self.cells.wrong(column, problem))
            }
            None => Err(self.cells.wrong(column, format_args!("not a whole number: {}", excerpt(text)))),
        }
    }

    /// An amount by the names that it has had, `None` if the bill does not
    /// state it. It is compared if the bill has the column that it adds up.
    pub(super) fn amount<T: Amount>(&mut self, names: &[&'static str], counted: Option<T>) -> Result<Option<T>> {
        let Some(column) = self.header.find(names) else { return Ok(None) };
        let stated: T = self.cells.parse(column)?;
        if let Some(counted) = counted {
            let (Some(stated), Some(counted)) = (stated.milli_fen(), counted.milli_fen()) else {
                return Err(self.cells.wrong(column, "too large"));
            };
            self.compare(column, stated, counted)?;
        }
        Ok(Some(stated))
    }

    pub(super) fn differences(self) -> Vec<Difference> {
        self.differences
    }

    fn compare(&mut self, column: Column, stated: MilliFen, counted: MilliFen) -> Result<()> {
        if stated == counted {
            return Ok(());
        }
        // Digits that were cut off would look like a difference.
        if !self.terminated && self.header.is_last(column) {
            return Err(self.cells.wrong(column, "the bill's last value is cut off"));
        }
        tracing::warn!(total = column.name, %stated, %counted, "a bill's rows do not add up to its total");
        self.differences.push(Difference { column: column.name, stated, counted });
        Ok(())
    }
}

/// Counts come as `2` and as `2.0`.
fn whole(text: &str) -> Option<u64> {
    let (number, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let plain = !decimals.is_empty() && decimals.bytes().all(|digit| digit == b'0') && !number.starts_with('+');
    if plain { number.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_may_have_a_decimal() {
        for (text, count) in [("0", 0), ("2", 2), ("2.0", 2), ("1000000.00", 1_000_000)] {
            assert_eq!(whole(text), Some(count), "{text}");
        }
        for text in ["", "2.", ".0", "2.5", "-1", "+1", "2.0.0", " 2", "two"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }
}
