//! What the bills have in common: a line of column names, rows whose values
//! begin with a back-tick, a line of names of totals, and the totals.

use std::fmt::Display;
use std::str::FromStr;

use memchr::memchr_iter;

use super::lines::{Found, Lines, Place, excerpt};
use super::totals::{Amount, Totals};
use crate::error::{Error, Result};
use crate::wire::{Progress, looks_like_xml};

/// The widest bill has 29.
const MAX_COLUMNS: usize = 100;

/// A kind of bill: which columns it has, and what its totals add up.
pub(super) trait Layout: Sized + Send {
    /// Its name in messages.
    const WHAT: &'static str;
    /// The total that states the number of rows.
    const ROWS: &'static str;
    /// Its totals.
    type Summary: Send;

    /// Finds its columns in the header, or says which it lacks.
    fn of(header: &mut Header) -> Result<Self>;

    /// Adds a row to the totals. It is called for each, asked for or not.
    fn tally(&mut self, row: &Cells<'_>) -> Result<()>;

    /// Reads the totals and compares them. The number of rows is right already.
    fn close(&self, rows: u64, totals: Totals<'_>) -> Result<Self::Summary>;
}

enum Stage {
    Header,
    Rows,
    Totals(Header),
    /// The totals were read, and nothing may follow.
    Closed,
    Failed,
}

/// A bill as it is read.
pub(super) struct Table<L: Layout> {
    lines: Lines,
    stage: Stage,
    body: Option<(Header, L)>,
    at_row: bool,
    /// Where the values of the line begin, and two behind its end.
    bounds: Vec<usize>,
    rows: u64,
    summary: Option<L::Summary>,
}

impl<L: Layout> Default for Table<L> {
    fn default() -> Self {
        Self {
            lines: Lines::new(L::WHAT),
            stage: Stage::Header,
            body: None,
            at_row: false,
            bounds: vec![],
            rows: 0,
            summary: None,
        }
    }
}

impl<L: Layout> Table<L> {
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.at_row = false;
        self.lines.feed(bytes)
    }

    pub(super) fn end(&mut self) -> Result<()> {
        self.at_row = false;
        self.lines.end();
        Ok(())
    }

    pub(super) fn expect_digest(&mut self, header: &str) -> Result<()> {
        self.lines.expect_digest(header)
    }

    pub(super) fn summary(&self) -> Option<&L::Summary> {
        self.summary.as_ref()
    }

    pub(super) fn advance(&mut self) -> Result<Progress> {
        self.at_row = false;
        let result = self.go_on();
        if result.is_err() {
            self.stage = Stage::Failed;
            self.summary = None;
        }
        self.at_row = matches!(result, Ok(Progress::Row));
        result
    }

    /// The row, with the columns it has and those of them that are known.
    pub(super) fn row(&self) -> Result<(Cells<'_>, &Header, &L)> {
        match (&self.body, self.lines.line()) {
            (Some((header, layout)), Some(line)) if self.at_row => {
                Ok((Cells { place: self.lines.place(), line, bounds: &self.bounds }, header, layout))
            }
            _ => Err(self.lines.misused("not at a row")),
        }
    }

    fn go_on(&mut self) -> Result<Progress> {
        if matches!(self.stage, Stage::Failed) {
            return Err(self.lines.place().wrong("reading ended here with an error before"));
        }
        loop {
            match self.lines.advance()? {
                Found::NeedBytes => return Ok(Progress::NeedBytes),
                Found::End => return self.finish(),
                Found::Line => {}
            }
            let place = self.lines.place();
            let line = self.lines.line().unwrap_or_default();
            match (&mut self.stage, &mut self.body) {
                (Stage::Header, _) => {
                    let mut header = Header::read(place, line)?;
                    let layout = L::of(&mut header)?;
                    self.body = Some((header, layout));
                    self.stage = Stage::Rows;
                }
                (Stage::Rows, Some((header, layout))) if line.starts_with('`') => {
                    split(line, &mut self.bounds);
                    header.fit(place, line, &mut self.bounds)?;
                    layout.tally(&Cells { place, line, bounds: &self.bounds })?;
                    self.rows += 1;
                    return Ok(Progress::Row);
                }
                (Stage::Rows, _) => {
                    let header = Header::read(place, line)?;
                    if !header.names.iter().any(|name| name == L::ROWS) {
                        let problem = format!("neither a row nor the names of the totals: {}", excerpt(line));
                        return Err(place.wrong(problem));
                    }
                    self.stage = Stage::Totals(header);
                }
                (Stage::Totals(header), Some((_, layout))) => {
                    split(line, &mut self.bounds);
                    header.fit(place, line, &mut self.bounds)?;
                    let cells = Cells { place, line, bounds: &self.bounds };
                    let mut totals = Totals::new(header, cells, self.lines.terminated());
                    totals.count(L::ROWS, self.rows)?;
                    self.summary = Some(layout.close(self.rows, totals)?);
                    self.stage = Stage::Closed;
                }
                _ => return Err(place.wrong(format_args!("something behind the totals: {}", excerpt(line)))),
            }
        }
    }

    fn finish(&self) -> Result<Progress> {
        let missing = match &self.stage {
            Stage::Header => "is empty",
            Stage::Rows => "cut off: rows or totals are missing",
            Stage::Totals(_) => "cut off: the totals are missing",
            _ => return Ok(Progress::End),
        };
        Err(self.lines.ahead().wrong(missing))
    }
}

/// Finds where values begin: behind the first back-tick, and behind each that
/// follows a comma.
fn split(line: &str, bounds: &mut Vec<usize>) {
    let bytes = line.as_bytes();
    bounds.clear();
    bounds.extend(memchr_iter(b'`', bytes).filter(|at| *at == 0 || bytes.get(at - 1) == Some(&b',')).map(|at| at + 1));
    bounds.push(line.len() + 2);
}

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
    fn read(place: Place, line: &str) -> Result<Self> {
        let head = line.as_bytes();
        if looks_like_xml(head) {
            let problem = format!("a message in XML, a refusal in most cases, and no bill: {}", excerpt(line));
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
    fn fit(&self, place: Place, line: &str, bounds: &mut Vec<usize>) -> Result<()> {
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
