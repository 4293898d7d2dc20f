//! Comments of buyers (订单评价) of `POST /billcommentsp/batchquerycomment`.
//!
//! After the official page and what other SDKs expect of it.

use serde::Serialize;

use super::lines::{Found, Lines, excerpt};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::wire::{Progress, Sheet, starts_like_markup};

const TIME: &str = "time";
const STARS: &str = "stars";

/// Reads comments (订单评价), their values with or without back-ticks.
///
/// Nothing in the text states how many there are, so that one which is cut off
/// behind a row, or within a comment, cannot be told from a whole one.
pub struct Comments {
    lines: Lines,
    next_offset: Option<u64>,
    failed: bool,
    at_row: bool,
}

impl Default for Comments {
    fn default() -> Self {
        Self { lines: Lines::new("comments"), next_offset: None, failed: false, at_row: false }
    }
}

impl Comments {
    /// Comments of which nothing has come yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The offset to ask from next time, once the first line was read.
    #[must_use]
    pub fn next_offset(&self) -> Option<u64> {
        self.next_offset
    }

    fn go_on(&mut self) -> Result<Progress> {
        if self.failed {
            return Err(self.lines.place().wrong("reading ended here with an error before"));
        }
        loop {
            match self.lines.advance()? {
                Found::NeedBytes => return Ok(Progress::NeedBytes),
                Found::End if self.next_offset.is_none() => return Err(self.lines.ahead().wrong("is empty")),
                Found::End => return Ok(Progress::End),
                Found::Line if self.next_offset.is_some() => return Ok(Progress::Row),
                Found::Line => self.next_offset = Some(self.offset()?),
            }
        }
    }

    fn offset(&self) -> Result<u64> {
        let (place, line) = (self.lines.place(), self.lines.line().unwrap_or_default());
        if starts_like_markup(line.as_bytes()) {
            let problem = format!("XML or HTML, a refusal in most cases, and no comments: {}", excerpt(line));
            return Err(place.wrong(problem).with_next_step("read the message; it says why there are none"));
        }
        let text = line.strip_prefix('`').unwrap_or(line).trim();
        text.parse().map_err(|_| place.wrong_in("offset", format_args!("not a whole number: {}", excerpt(text))))
    }
}

impl Sheet for Comments {
    type Row<'a> = Comment<'a>;

    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.at_row = false;
        self.lines.feed(bytes)
    }

    fn end(&mut self) -> Result<()> {
        self.at_row = false;
        self.lines.end();
        Ok(())
    }

    fn advance(&mut self) -> Result<Progress> {
        let result = self.go_on();
        self.failed = result.is_err();
        self.at_row = matches!(result, Ok(Progress::Row));
        result
    }

    fn row(&self) -> Result<Comment<'_>> {
        let Some(line) = self.lines.line().filter(|_| self.at_row) else {
            return Err(self.lines.misused("not at a row"));
        };
        let place = self.lines.place();
        let (values, separator) = match line.strip_prefix('`') {
            Some(rest) => (rest, ",`"),
            None => (line, ","),
        };
        // The comment is the last value and may contain anything.
        let mut values = values.splitn(4, separator);
        let (Some(time), Some(transaction_id), Some(stars), Some(text)) =
            (values.next(), values.next(), values.next(), values.next())
        else {
            return Err(place.wrong(format_args!("fewer than 4 values: {}", excerpt(line))));
        };
        let wrong = |column, problem: &str, text| -> Error {
            place.wrong_in(column, format_args!("{problem}: {}", excerpt(text)))
        };
        Ok(Comment {
            time: time.parse().map_err(|_| wrong(TIME, "not a time", time))?,
            transaction_id,
            stars: stars.parse().map_err(|_| wrong(STARS, "not a small number", stars))?,
            text,
        })
    }

    fn expect_digest(&mut self, header: &str) -> Result<()> {
        self.lines.expect_digest(header)
    }
}

/// A comment of a buyer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Comment<'a> {
    /// When it was written.
    pub time: Timestamp,
    /// WeChat's number of the order.
    pub transaction_id: &'a str,
    /// One to five stars.
    pub stars: u8,
    /// What was written.
    pub text: &'a str,
}
