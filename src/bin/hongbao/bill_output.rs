//! Where the rows of a bill go, and what is told of it besides.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::bill_rows::{Csv, Row, Totals, head};
use crate::failure::Failure;
use crate::terminal::GOOD;

/// What a row becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Table,
    Csv,
    Json,
    /// Nothing: WeChat's own text goes out in its place.
    Raw,
}

impl Form {
    /// A table for people, CSV for programs that want no JSON.
    pub(crate) fn of(json: bool, file: Option<&Path>) -> Self {
        match (json, file) {
            (true, _) => Self::Json,
            (false, None) if io::stdout().is_terminal() => Self::Table,
            (false, _) => Self::Csv,
        }
    }
}

/// A file that gets its name when it is whole, or standard output.
pub(crate) struct Output {
    form: Form,
    to: Option<Box<dyn Write>>,
    file: Option<PathBuf>,
    limit: Option<u64>,
    rows: u64,
}

impl Output {
    pub(crate) fn new(form: Form, file: Option<PathBuf>, limit: Option<u64>) -> Result<Self, Failure> {
        let to: Box<dyn Write> = match &file {
            Some(file) => {
                let part = part(file);
                let opened = File::create(&part).map_err(|error| {
                    Failure::usage(format!("{}: {error}", part.display()), "name a file that can be written with --out")
                })?;
                Box::new(BufWriter::new(opened))
            }
            None => Box::new(BufWriter::new(anstream::stdout())),
        };
        Ok(Self { form, to: Some(to), file, limit, rows: 0 })
    }

    pub(crate) fn row<R: Row>(&mut self, row: &R) -> Result<(), Failure> {
        if self.rows == 0 {
            self.begin::<R>()?;
        }
        self.rows += 1;
        if self.limit.is_some_and(|limit| self.rows > limit) {
            return Ok(());
        }
        let line = match self.form {
            Form::Table => format!("{}\n", row.table().trim_end()),
            Form::Csv => {
                let mut line = Csv::default();
                row.csv(&mut line);
                line.end()
            }
            Form::Json => format!("{}\n", json_line(row)),
            Form::Raw => return Ok(()),
        };
        self.write(line.as_bytes())
    }

    fn begin<R: Row>(&mut self) -> Result<(), Failure> {
        let line = match self.form {
            Form::Table => format!("{}\n", head::<R>()),
            Form::Csv => {
                let mut line = Csv::default();
                for column in R::COLUMNS {
                    line.cell(column);
                }
                line.end()
            }
            Form::Json | Form::Raw => return Ok(()),
        };
        self.write(line.as_bytes())
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.write(bytes)
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Some(to) = &mut self.to else { return Ok(()) };
        match to.write_all(bytes) {
            Ok(()) => Ok(()),
            Err(error) => self.broken(&error),
        }
    }

    /// A reader that went away changes nothing of what the totals say.
    fn broken(&mut self, error: &io::Error) -> Result<(), Failure> {
        self.to = None;
        match &self.file {
            None if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            None => Err(Failure::unexpected(format!("standard output: {error}"))),
            Some(file) => Err(Failure::unexpected(format!("{}: {error}", part(file).display()))),
        }
    }

    /// Everything is written, and the file gets its name.
    pub(crate) fn end(mut self) -> Result<(), Failure> {
        if let Some(limit) = self.limit
            && self.form == Form::Table
            && self.rows > limit
        {
            let left = self.rows - limit;
            self.write(format!("… and {left} more\n").as_bytes())?;
        }
        if let Some(mut to) = self.to.take()
            && let Err(error) = to.flush()
        {
            self.broken(&error)?;
        }
        if let Some(file) = self.file.take() {
            fs::rename(part(&file), &file)
                .map_err(|error| Failure::unexpected(format!("{}: {error}", file.display())))?;
        }
        Ok(())
    }
}

impl Drop for Output {
    /// What has not come to its end leaves no file that looks as if it had.
    fn drop(&mut self) {
        drop(self.to.take());
        if let Some(file) = &self.file {
            let _ = fs::remove_file(part(file));
        }
    }
}

fn part(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Rows are plain structs, which always have a JSON form.
fn json_line(row: &impl serde::Serialize) -> String {
    serde_json::to_string(row).unwrap_or_default()
}

/// A line that counts while a bill comes, where somebody sees it.
pub(crate) struct Progress {
    seen: bool,
    last: Instant,
    shown: bool,
}

const EVERY: Duration = Duration::from_millis(100);

impl Progress {
    /// Rows that scroll by on the same screen are progress enough.
    pub(crate) fn new(to_file: bool) -> Self {
        let seen = io::stderr().is_terminal() && (to_file || !io::stdout().is_terminal());
        Self { seen, last: Instant::now(), shown: false }
    }

    pub(crate) fn at(&mut self, rows: u64, bytes: u64) {
        if self.seen && self.last.elapsed() >= EVERY {
            self.last = Instant::now();
            self.shown = true;
            let _ = write!(io::stderr(), "\r{rows} rows, {}", size(bytes));
        }
    }

    /// Clears the line for what is said in the end.
    pub(crate) fn end(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}

pub(crate) fn size(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB"];
    let (mut whole, mut tenths, mut unit) = (bytes, 0, 0);
    while whole >= 1024 && unit + 1 < units.len() {
        tenths = whole % 1024 * 10 / 1024;
        whole /= 1024;
        unit += 1;
    }
    if unit == 0 { format!("{whole} {}", units[unit]) } else { format!("{whole}.{tenths} {}", units[unit]) }
}

/// Says what the bill amounts to. Rows that do not add up are a failure, after
/// all of them were handed on.
pub(crate) fn sum_up(json: bool, totals: Option<Totals>) -> Result<(), Failure> {
    let Some(Totals { rows, lines, json: sums, differences }) = totals else {
        return Err(Failure::unexpected("the bill ended without its totals"));
    };
    let say = |line: std::fmt::Arguments<'_>| {
        let _ = writeln!(anstream::stderr(), "{line}");
    };
    say(format_args!("{rows} rows"));
    for (label, amount) in lines {
        say(format_args!("  {label:<10} {amount:>12}"));
    }
    let told: Vec<_> = differences
        .iter()
        .map(|difference| {
            json!({ "total": difference.column, "stated": difference.stated, "counted": difference.counted })
        })
        .collect();
    let facts = json!({ "rows": rows, "totals": sums, "differences": told });
    if differences.is_empty() {
        if json {
            let mut facts = facts;
            facts["outcome"] = json!("complete");
            let _ = writeln!(anstream::stdout(), "{facts}");
        }
        say(format_args!("{GOOD}complete{GOOD:#}; the rows add up to the totals that WeChat states"));
        return Ok(());
    }
    let differences: Vec<String> = differences.iter().map(ToString::to_string).collect();
    let problem = format!("the rows do not add up to the totals: {}", differences.join("; "));
    Err(Failure::unexpected(problem).with(facts))
}
