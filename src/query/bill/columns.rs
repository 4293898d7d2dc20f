//! The columns of a bill by their names, and the values of a line in them.

use std::fmt::Display;
use std::str::FromStr;

use super::lines::{Place, excerpt};
use super::totals::Amount;
use crate::error::{Error, Result};
use crate::wire::starts_like_markup;

/// The widest bill has 29.
const MAX_COLUMNS: usize = 100;

/// A column of this bill.
#[derive(Clone, Copy)]
pub(super) struct Column {
    at: usize,
    pub(super) name: &'static str,
}

/// The names of the columns.
pub(super) struct Header {
    place: Place,
    names: Vec<String>,
    known: Vec<bool>,
    /// Where a value may contain what separates values.
    free: Option<usize>,
}

impl Header {
    pub(super) fn read(place: Place, line: &str) -> Result<Self> {
        let head = line.as_bytes();
        if starts_like_markup(head) {
            let problem = format!("XML or HTML, a refusal in most cases, and no bill: {}", excerpt(line));
            return Err(place.wrong(problem).with_next_step("read the message; it says why there is no bill"));
        }
        let names: Vec<String> = line.split(',').take(MAX_COLUMNS + 1).map(|name| name.trim().to_owned()).collect();
        if names.len() > MAX_COLUMNS {
            return Err(place.wrong(format_args!("more than {MAX_COLUMNS} columns")));
        }
        Ok(Self { place, known: vec![false; names.len()], names, free: None })
    }

    /// A column by the names that it has had.
    pub(super) fn find(&mut self, names: &[&'static str]) -> Option<Column> {
        let found = |name: &&'static str| Some((self.names.iter().position(|own| own == name)?, *name));
        let (at, name) = names.iter().find_map(found)?;
        if let Some(known) = self.known.get_mut(at) {
            *known = true;
        }
        Some(Column { at, name })
    }

    /// A column without which it is no such bill.
    pub(super) fn need(&mut self, names: &[&'static str]) -> Result<Column> {
        self.find(names).ok_or_else(|| {
            let name = names.first().copied().unwrap_or_default();
            let found = excerpt(&self.names.join(","));
            self.place.wrong_in(name, format_args!("no such column; the line is {found}"))
        })
    }

    /// Says that values of a column come from people and may contain anything.
    pub(super) fn free(&mut self, column: Option<Column>) {
        self.free = column.map(|column| column.at);
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }

    /// Whether it is the one whose value would be cut off first.
    pub(super) fn is_last(&self, column: Column) -> bool {
        column.at + 1 == self.names.len()
    }

    /// The columns that nobody asked for, with their values in a row.
    pub(super) fn unknown<'a>(&'a self, row: Cells<'a>) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let columns = self.names.iter().zip(&self.known).enumerate();
        columns.filter(|(_, (_, known))| !**known).map(move |(at, (name, _))| (name.as_str(), row.at(at)))
    }

    /// Makes as many values of a line as there are columns, or says why not.
    pub(super) fn fit(&self, place: Place, line: &str, bounds: &mut Vec<usize>) -> Result<()> {
        let (wanted, found) = (self.names.len(), bounds.len() - 1);
        if wanted == found && line.starts_with('`') {
            return Ok(());
        }
        match self.free {
            // A text contained what separates values. All columns before and
            // behind it keep their places; it gets the rest.
            Some(free) if found > wanted && line.starts_with('`') => {
                bounds.drain(free + 1..=free + found - wanted);
                Ok(())
            }
            _ => Err(place.wrong(format_args!("{found} values for {wanted} columns: {}", excerpt(line)))),
        }
    }
}

/// The values of a line.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    place: Place,
    line: &'a str,
    bounds: &'a [usize],
}

impl<'a> Cells<'a> {
    /// `bounds` says where values begin, and two behind the end of the line.
    pub(super) fn new(place: Place, line: &'a str, bounds: &'a [usize]) -> Self {
        Self { place, line, bounds }
    }

    fn at(&self, index: usize) -> &'a str {
        match self.bounds.get(index..index + 2) {
            Some([start, next]) => self.line.get(*start..next - 2).unwrap_or_default(),
            _ => "",
        }
    }

    pub(super) fn text(&self, column: Column) -> &'a str {
        self.at(column.at)
    }

    /// A text that may be absent.
    pub(super) fn some_text(&self, column: Option<Column>) -> Option<&'a str> {
        column.map(|column| self.text(column)).filter(|text| !text.is_empty())
    }

    /// A number given by somebody; `0` where there is none.
    pub(super) fn some_id(&self, column: Option<Column>) -> Option<&'a str> {
        self.some_text(column).filter(|id| *id != "0")
    }

    pub(super) fn parse<T: FromStr<Err: Display>>(&self, column: Column) -> Result<T> {
        let text = self.text(column);
        text.parse().map_err(|problem| self.wrong(column, format_args!("{problem}: {}", excerpt(text))))
    }

    /// A value that may be absent.
    pub(super) fn parse_some<T: FromStr<Err: Display>>(&self, column: Option<Column>) -> Result<Option<T>> {
        match column {
            Some(column) if !self.text(column).is_empty() => self.parse(column).map(Some),
            _ => Ok(None),
        }
    }

    /// Reads an amount and adds it to a sum.
    pub(super) fn add<T: Amount>(&self, column: Column, sum: &mut T) -> Result<T> {
        let amount: T = self.parse(column)?;
        *sum = sum.plus(amount).ok_or_else(|| self.wrong(column, "the sum is too large"))?;
        Ok(amount)
    }

    /// The same of an amount that may be absent.
    pub(super) fn add_some<T: Amount>(&self, column: Option<Column>, sum: &mut T) -> Result<Option<T>> {
        match column {
            Some(column) if !self.text(column).is_empty() => self.add(column, sum).map(Some),
            _ => Ok(None),
        }
    }

    pub(super) fn wrong(&self, column: Column, problem: impl Display) -> Error {
        self.place.wrong_in(column.name, problem)
    }
}
