//! Lines of a text of any length, one at a time.

use std::io::{BufRead as _, BufReader, Read};

use memchr::memchr;

use super::problem::Problem;
use super::source::{not_utf8, unreadable};

/// The most bytes that a line, or a record of several lines, may have.
pub(super) const LONGEST: usize = 64 * 1024;

/// Holds one line and one piece of the text.
pub(super) struct Lines {
    input: BufReader<Box<dyn Read + Send>>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    pub(super) fn new(input: BufReader<Box<dyn Read + Send>>) -> Self {
        Self { input, line: vec![], number: 0 }
    }

    /// The number of the line that was read last.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Goes on to the next line; false at the end.
    ///
    /// # Errors
    /// A line that is too long or not UTF-8, and a text that cannot be read:
    /// nothing can be read behind it.
    pub(super) fn advance(&mut self) -> Result<bool, Problem> {
        self.line.clear();
        let mut begun = false;
        loop {
            let bytes = self.input.fill_buf().map_err(|error| unreadable(&error).at(self.number + 1))?;
            if bytes.is_empty() {
                break;
            }
            begun = true;
            let end = memchr(b'\n', bytes);
            let taken = end.unwrap_or(bytes.len());
            if self.line.len() + taken > LONGEST + 1 {
                return Err(too_long().at(self.number + 1));
            }
            self.line.extend_from_slice(&bytes[..taken]);
            self.input.consume(end.map_or(taken, |end| end + 1));
            if end.is_some() {
                break;
            }
        }
        if !begun {
            return Ok(false);
        }
        self.number += 1;
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        if self.line.len() > LONGEST {
            return Err(too_long().at(self.number));
        }
        if std::str::from_utf8(&self.line).is_err() {
            return Err(not_utf8(&self.line).at(self.number));
        }
        Ok(true)
    }

    /// The line that was read last, without its end.
    pub(super) fn line(&self) -> &str {
        // `advance` has checked it.
        std::str::from_utf8(&self.line).unwrap_or_default()
    }
}

fn too_long() -> Problem {
    let reason = format!("longer than {} KiB", LONGEST / 1024);
    Problem::new(reason, "end each line with a line feed; the rest was not read")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], buffer: usize) -> Result<Vec<String>, Problem> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, Box::new(std::io::Cursor::new(text.to_vec()))));
        let mut found = vec![];
        while lines.advance()? {
            found.push(lines.line().to_owned());
            assert!(lines.line.capacity() <= 4 * LONGEST);
        }
        Ok(found)
    }

    #[test]
    fn lines_come_without_their_ends() {
        for (text, expected) in
            [("", &[][..]), ("\n", &[""]), ("a\r\n\nb", &["a", "", "b"]), ("a\r\r\n红包\n", &["a\r", "红包"])]
        {
            for buffer in 1..10 {
                assert_eq!(read(text.as_bytes(), buffer).unwrap(), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn a_line_has_a_longest_length() {
        for buffer in [1000, 200_000] {
            for end in ["", "\n", "\r\n"] {
                let text = |length| format!("a\n{}{end}", "x".repeat(length)).into_bytes();
                assert_eq!(read(&text(LONGEST), buffer).unwrap().len(), 2);
                let refused = read(&text(LONGEST + 1), buffer).unwrap_err();
                assert_eq!((refused.line, &*refused.reason), (Some(2), "longer than 64 KiB"));
            }
        }
    }
}
