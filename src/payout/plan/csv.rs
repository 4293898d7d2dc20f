//! Records of comma-separated values (RFC 4180), one at a time. Our own reader,
//! since a line that is malformed has to be named, with what is wrong in it,
//! where readers at large take it as it comes.

use memchr::memchr;

use super::lines::{LONGEST, Lines};
use super::problem::Problem;

/// One record, its fields in one text.
#[derive(Default)]
pub(super) struct Record {
    text: String,
    ends: Vec<usize>,
}

const QUOTES: &str = "put the whole field in quotes and double each quote within it";

impl Record {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The field of this place; empty if there is none.
    pub(super) fn field(&self, index: usize) -> &str {
        let start = match index {
            0 => 0,
            _ => self.ends.get(index - 1).copied().unwrap_or(self.text.len()),
        };
        let end = self.ends.get(index).copied().unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or_default()
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.field(index))
    }

    /// Takes the record that begins with the present line of `lines`, and goes
    /// on to the following ones where a quoted field has several.
    ///
    /// # Errors
    /// The outer one ends the reading; the inner one is of this line.
    pub(super) fn take(&mut self, lines: &mut Lines) -> Result<Result<(), Problem>, Problem> {
        self.text.clear();
        self.ends.clear();
        if memchr(b'"', lines.line().as_bytes()).is_none() {
            for field in lines.line().split(',') {
                self.text.push_str(field);
                self.ends.push(self.text.len());
            }
            return Ok(Ok(()));
        }
        self.quoted(lines)
    }

    fn quoted(&mut self, lines: &mut Lines) -> Result<Result<(), Problem>, Problem> {
        let first = lines.number();
        let mut line = lines.line();
        loop {
            let Some(mut rest) = line.strip_prefix('"') else {
                let (field, behind) = match line.split_once(',') {
                    Some((field, behind)) => (field, Some(behind)),
                    None => (line, None),
                };
                if field.contains('"') {
                    return Ok(Err(Problem::new("a quote in a field that does not begin with one", QUOTES).at(first)));
                }
                self.end(field);
                match behind {
                    Some(behind) => line = behind,
                    None => return Ok(Ok(())),
                }
                continue;
            };
            loop {
                let Some((text, behind)) = rest.split_once('"') else {
                    // The field goes on in the next line.
                    self.text.push_str(rest);
                    self.text.push('\n');
                    if self.text.len() > LONGEST || !lines.advance()? {
                        let next_step = "close it; the rest was not read";
                        return Err(Problem::new("a quote is opened and never closed", next_step).at(first));
                    }
                    rest = lines.line();
                    continue;
                };
                self.text.push_str(text);
                match behind.strip_prefix('"') {
                    Some(behind) => {
                        self.text.push('"');
                        rest = behind;
                    }
                    None => {
                        rest = behind;
                        break;
                    }
                }
            }
            self.end("");
            match rest.strip_prefix(',') {
                Some(behind) => line = behind,
                None if rest.is_empty() => return Ok(Ok(())),
                None => return Ok(Err(Problem::new("text behind a closing quote", QUOTES).at(first))),
            }
        }
    }

    fn end(&mut self, field: &str) {
        self.text.push_str(field);
        self.ends.push(self.text.len());
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor};

    use super::*;

    fn records(text: &str) -> Result<Vec<Vec<String>>, Problem> {
        let mut lines = Lines::new(BufReader::new(Box::new(Cursor::new(text.to_owned()))));
        let (mut record, mut found) = (Record::default(), vec![]);
        while lines.advance()? {
            record.take(&mut lines)??;
            found.push(record.fields().map(str::to_owned).collect());
        }
        Ok(found)
    }

    #[test]
    fn fields_as_the_rfc_has_them() {
        for (text, expected) in [
            ("a,b,c\n", &[&["a", "b", "c"][..]][..]),
            ("a,,\r\n,", &[&["a", "", ""], &["", ""]]),
            ("\"a\",\"b,\"\"c\"\"\",\"\"\n", &[&["a", "b,\"c\"", ""]]),
            ("x,\"a\nb\r\n\n,c\",y\nz", &[&["x", "a\nb\n\n,c", "y"], &["z"]]),
            ("红,\"包\"", &[&["红", "包"]]),
            ("\"\"\"\"", &[&["\""]]),
            ("\"a\",", &[&["a", ""]]),
        ] {
            assert_eq!(records(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn misplaced_quotes_are_named() {
        for (text, line, reason) in [
            ("a\nb,c\"d\n", 2, "a quote in a field that does not begin with one"),
            ("a\nb,c\"\n", 2, "a quote in a field that does not begin with one"),
            ("\"a\"b,c\n", 1, "text behind a closing quote"),
            ("\"a\n\n\"b\n", 1, "text behind a closing quote"),
            ("x\ny,\"a\nb\n", 2, "a quote is opened and never closed"),
            ("\"", 1, "a quote is opened and never closed"),
        ] {
            let problem = records(text).unwrap_err();
            assert_eq!((problem.line, &*problem.reason), (Some(line), reason), "{text:?}");
        }
        let endless = format!("\"{}", "x\n".repeat(LONGEST));
        assert_eq!(records(&endless).unwrap_err().reason, "a quote is opened and never closed");
    }
}
