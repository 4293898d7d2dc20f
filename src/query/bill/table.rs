//! What the bills have in common: a line of column names, rows whose values
//! begin with a back-tick, a line of names of totals, and the totals.

use memchr::memchr_iter;

use super::columns::{Cells, Header};
use super::lines::{Found, Lines, excerpt};
use super::totals::Totals;
use crate::error::Result;
use crate::wire::Progress;

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
    Done,
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
        self.summary.as_ref().filter(|_| matches!(self.stage, Stage::Done))
    }

    pub(super) fn advance(&mut self) -> Result<Progress> {
        self.at_row = false;
        let result = self.go_on();
        if result.is_err() {
            self.stage = Stage::Failed;
        }
        self.at_row = matches!(result, Ok(Progress::Row));
        result
    }

    /// The row, with the columns it has and those of them that are known.
    pub(super) fn row(&self) -> Result<(Cells<'_>, &Header, &L)> {
        match (&self.body, self.lines.line()) {
            (Some((header, layout)), Some(line)) if self.at_row => {
                Ok((Cells::new(self.lines.place(), line, &self.bounds), header, layout))
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
                    layout.tally(&Cells::new(place, line, &self.bounds))?;
                    self.rows += 1;
                    return Ok(Progress::Row);
                }
                (Stage::Rows, _) => {
                    let header = Header::read(place, line)?;
                    if !header.has(L::ROWS) {
                        let problem = format!("neither a row nor the names of the totals: {}", excerpt(line));
                        return Err(place.wrong(problem));
                    }
                    self.stage = Stage::Totals(header);
                }
                (Stage::Totals(header), Some((_, layout))) => {
                    split(line, &mut self.bounds);
                    header.fit(place, line, &mut self.bounds)?;
                    let cells = Cells::new(place, line, &self.bounds);
                    let mut totals = Totals::new(header, cells, self.lines.terminated());
                    totals.count(L::ROWS, self.rows)?;
                    self.summary = Some(layout.close(self.rows, totals)?);
                    self.stage = Stage::Closed;
                }
                _ => return Err(place.wrong(format_args!("something behind the totals: {}", excerpt(line)))),
            }
        }
    }

    fn finish(&mut self) -> Result<Progress> {
        let missing = match &self.stage {
            Stage::Header => "is empty",
            Stage::Rows => "cut off: rows or totals are missing",
            Stage::Totals(_) => "cut off: the totals are missing",
            Stage::Failed => "reading ended before",
            Stage::Closed | Stage::Done => {
                self.stage = Stage::Done;
                return Ok(Progress::End);
            }
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
