//! A table of a TOML file, read key by key: what nobody asked for is an error
//! that names its line and the key that was probably meant.

use std::cell::RefCell;
use std::fmt::Display;
use std::time::Duration;

use hongbao::Fen;
use hongbao::clock::Timestamp;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::failure::Failure;

/// The file that is being read.
#[derive(Clone, Copy)]
pub(super) struct Page<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl Page<'_> {
    pub(super) fn line(self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }

    pub(super) fn wrong(self, line: usize, problem: impl Display, next_step: impl Into<String>) -> Failure {
        Failure::usage(format!("{}:{line}: {problem}", self.file), next_step)
    }
}

/// One value and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    page: Page<'a>,
    pub(super) key: &'a str,
    pub(super) value: &'a DeValue<'a>,
    pub(super) line: usize,
}

/// One table and where it stands.
pub(super) struct Fields<'a> {
    pub(super) page: Page<'a>,
    pub(super) line: usize,
    /// What it describes, as in `step`.
    what: String,
    table: &'a DeTable<'a>,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(page: Page<'a>, what: impl Into<String>, table: &'a DeTable<'a>, line: usize) -> Self {
        Self { page, line, what: what.into(), table, known: RefCell::default() }
    }

    /// The same table, which begins at another line.
    pub(super) fn beginning_at(self, line: usize) -> Self {
        Self { line, ..self }
    }

    /// The entry of a key, which is known from now on.
    pub(super) fn entry(&self, key: &'static str) -> Option<Entry<'a>> {
        self.known.borrow_mut().push(key);
        let (key, value) = self.table.iter().find(|(own, _)| own.get_ref() == key)?;
        Some(self.entry_of(key, value))
    }

    fn entry_of(&self, key: &'a Spanned<std::borrow::Cow<'a, str>>, value: &'a Spanned<DeValue<'a>>) -> Entry<'a> {
        let line = self.page.line(key.span().start);
        Entry { page: self.page, key: key.get_ref(), value: value.get_ref(), line }
    }

    /// All entries in the order of the file, for tables whose keys are names.
    pub(super) fn all(&self) -> Vec<Entry<'a>> {
        let mut spans: Vec<_> = self.table.iter().collect();
        spans.sort_by_key(|(key, _)| key.span().start);
        spans.into_iter().map(|(key, value)| self.entry_of(key, value)).collect()
    }

    pub(super) fn text(&self, key: &'static str) -> Result<Option<String>, Failure> {
        self.entry(key).map(|entry| entry.text().map(str::to_owned)).transpose()
    }

    pub(super) fn amount(&self, key: &'static str) -> Result<Option<Fen>, Failure> {
        self.entry(key).map(|entry| entry.amount()).transpose()
    }

    pub(super) fn number(&self, key: &'static str) -> Result<Option<u64>, Failure> {
        self.entry(key).map(|entry| entry.number()).transpose()
    }

    pub(super) fn flag(&self, key: &'static str) -> Result<Option<bool>, Failure> {
        self.entry(key).map(|entry| entry.flag()).transpose()
    }

    pub(super) fn span(&self, key: &'static str) -> Result<Option<Duration>, Failure> {
        self.entry(key).map(|entry| entry.span()).transpose()
    }

    /// What has to be there.
    pub(super) fn required<T>(&self, key: &'static str, found: Option<T>, example: &str) -> Result<T, Failure> {
        found.ok_or_else(|| {
            let problem = format!("{} has no {key}", self.what);
            self.page.wrong(self.line, problem, format!("add a line such as {key} = {example}"))
        })
    }

    /// Refuses what nobody asked for.
    pub(super) fn done(&self) -> Result<(), Failure> {
        let known = self.known.borrow();
        for entry in self.all() {
            if !known.contains(&entry.key) {
                let problem = format!("{} has no key {:?}", self.what, entry.key);
                return Err(self.page.wrong(entry.line, problem, suggestion(entry.key, &known)));
            }
        }
        Ok(())
    }
}

impl<'a> Entry<'a> {
    pub(super) fn wrong(self, problem: impl Display, next_step: impl Into<String>) -> Failure {
        self.page.wrong(self.line, format!("{}: {problem}", self.key), next_step)
    }

    fn is_not(self, wanted: &str, example: &str) -> Failure {
        let found = match self.value {
            DeValue::String(text) => format!("the text {text:?}"),
            DeValue::Integer(number) => format!("the number {number}"),
            DeValue::Float(number) => format!("the number {number}"),
            DeValue::Boolean(flag) => format!("{flag}"),
            DeValue::Datetime(moment) => format!("the date {moment}"),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        self.wrong(format!("{wanted} is wanted, found {found}"), format!("write it as in {} = {example}", self.key))
    }

    pub(super) fn text(self) -> Result<&'a str, Failure> {
        match self.value {
            DeValue::String(text) => Ok(text),
            _ => Err(self.is_not("a text", "\"A1\"")),
        }
    }

    /// Yuan, as a text: a number with a point would not be exact.
    pub(super) fn amount(self) -> Result<Fen, Failure> {
        match self.value {
            DeValue::String(text) => text
                .parse()
                .map_err(|error: hongbao::money::InvalidAmount| self.wrong(error, "give yuan, as in \"8.88\"")),
            _ => Err(self.is_not("an amount in yuan, as a text,", "\"8.88\"")),
        }
    }

    pub(super) fn number(self) -> Result<u64, Failure> {
        match self.value {
            DeValue::Integer(number) if number.radix() == 10 => {
                number.as_str().parse().map_err(|_| self.is_not("a whole number", "3"))
            }
            _ => Err(self.is_not("a whole number", "3")),
        }
    }

    pub(super) fn flag(self) -> Result<bool, Failure> {
        match self.value {
            DeValue::Boolean(flag) => Ok(*flag),
            _ => Err(self.is_not("true or false", "true")),
        }
    }

    pub(super) fn moment(self) -> Result<Timestamp, Failure> {
        match self.value {
            DeValue::String(text) => text.parse().ok(),
            _ => None,
        }
        .ok_or_else(|| self.is_not("a moment in Beijing time", "\"2025-03-18 10:00:00\""))
    }

    /// `90s`, `15m`, `24h`, `3d`, and several of them together, as in `1h30m`.
    pub(super) fn span(self) -> Result<Duration, Failure> {
        let text = self.text()?;
        span_of(text).ok_or_else(|| self.is_not("a length of time", "\"1h30m\""))
    }

    pub(super) fn table(self, what: impl Into<String>) -> Result<Fields<'a>, Failure> {
        match self.value {
            DeValue::Table(table) => Ok(Fields::new(self.page, what, table, self.line)),
            _ => Err(self.is_not("a table", "{ … }")),
        }
    }

    pub(super) fn list(self) -> Option<Vec<Entry<'a>>> {
        match self.value {
            DeValue::Array(items) => Some(
                items
                    .iter()
                    .map(|item| Entry { value: item.get_ref(), line: self.page.line(item.span().start), ..self })
                    .collect(),
            ),
            _ => None,
        }
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(self, words: &[(&'static str, T)]) -> Result<T, Failure> {
        let text = self.text()?;
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let found = words.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        found.ok_or_else(|| self.wrong(format!("{text:?} is not known"), suggestion(text, &names)))
    }
}

fn span_of(text: &str) -> Option<Duration> {
    let mut seconds = 0_u64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = rest.get(..unit)?.parse().ok()?;
        let each = match rest.get(unit..=unit)? {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        seconds = seconds.checked_add(count.checked_mul(each)?)?;
        rest = rest.get(unit + 1..)?.trim_start();
    }
    Some(Duration::from_secs(seconds))
}

/// What was probably meant, or all that there is.
pub(crate) fn suggestion(found: &str, known: &[&str]) -> String {
    let near = known.iter().map(|word| (distance(found, word), *word)).min();
    match near {
        Some((steps, word)) if steps <= 1 + word.len() / 4 => format!("did you mean {word:?}?"),
        _ => {
            let mut all: Vec<&str> = known.to_vec();
            all.sort_unstable();
            all.dedup();
            format!("there are: {}", all.join(", "))
        }
    }
}

/// How many letters have to be changed, added or removed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, c) in one.to_lowercase().chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, d) in row.iter_mut().skip(1).zip(&other) {
            let best = (diagonal + usize::from(c != *d)).min(*cell + 1).min(left + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("24h", 86_400), ("3d", 259_200), ("1h30m", 5400)] {
            assert_eq!(span_of(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "h", "24", "1.5h", "24 hours", "-1h", "99999999999999999999d"] {
            assert_eq!(span_of(text), None, "{text}");
        }
    }

    #[test]
    fn what_was_meant() {
        let known = ["amount", "number", "outcome"];
        assert_eq!(suggestion("amout", &known), "did you mean \"amount\"?");
        assert_eq!(suggestion("Outcome", &known), "did you mean \"outcome\"?");
        assert_eq!(suggestion("wishing", &known), "there are: amount, number, outcome");
        assert_eq!((distance("", "abc"), distance("abc", "abc"), distance("kitten", "sitting")), (3, 0, 3));
    }
}
