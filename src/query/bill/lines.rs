//! Lines of text out of bytes that arrive piece by piece, gzip or plain.

use std::fmt;
use std::io;
use std::ops::Range;

use memchr::memchr;

use super::unpack::{More, Unpack};
use crate::error::{Error, ErrorKind, Outcome, Result};

/// No line of a bill is a hundredth of this; whatever has none is no bill.
const MAX_LINE: usize = 64 * 1024;

/// Where something is, for the message that says what is wrong with it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    what: &'static str,
    line: u64,
}

impl Place {
    pub(super) fn wrong(self, problem: impl fmt::Display) -> Error {
        Error::unreadable(self, problem).with_next_step(
            "fetch it once more, to be sure that all of it arrived; if it stays so, keep the bytes and report them",
        )
    }

    pub(super) fn wrong_in(self, column: &'static str, problem: impl fmt::Display) -> Error {
        self.wrong(format_args!("{column}: {problem}")).with_field(column)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.what, self.line)
    }
}

/// At most this much of a foreign text goes into a message.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[derive(Debug, PartialEq)]
pub(super) enum Found {
    Line,
    NeedBytes,
    End,
}

/// It holds one piece and one line. Blank lines are passed over.
pub(super) struct Lines {
    place: Place,
    input: Unpack,
    /// The line that was found last.
    line: Option<Range<usize>>,
    /// Where the next one begins, and how far its end was looked for.
    next: usize,
    searched: usize,
    /// Whether an end of line stands behind it.
    terminated: bool,
}

impl Lines {
    /// `what` names the text in messages.
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            place: Place { what, line: 0 },
            input: Unpack::new(),
            line: None,
            next: 0,
            searched: 0,
            terminated: true,
        }
    }

    /// Takes the header `Digest`, before any byte.
    pub(super) fn expect_digest(&mut self, header: &str) -> Result<()> {
        if self.input.begun() {
            return Err(self.misused("a digest after the first bytes"));
        }
        let sha = header.split(',').find_map(|one| {
            let (algorithm, digest) = one.trim().split_once('=')?;
            ["SHA", "SHA1", "SHA-1"].iter().any(|name| algorithm.eq_ignore_ascii_case(name)).then_some(digest)
        });
        if let Some(sha) = sha {
            self.input.promise(sha.trim());
        }
        Ok(())
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        if self.input.ended() {
            return Err(self.misused("bytes after the end was announced"));
        }
        self.make_room();
        self.input.feed(bytes);
        Ok(())
    }

    pub(super) fn end(&mut self) {
        self.input.end();
    }

    /// Goes on to the next line.
    pub(super) fn advance(&mut self) -> Result<Found> {
        self.line = None;
        loop {
            let unsearched = self.input.text().as_bytes().get(self.searched..).unwrap_or_default();
            if let Some(at) = memchr(b'\n', unsearched) {
                let end = self.searched + at;
                if self.found(end, end + 1)? {
                    return Ok(Found::Line);
                }
                continue;
            }
            self.searched = self.input.text().len();
            if self.searched - self.next > MAX_LINE {
                return Err(self.too_long());
            }
            if self.input.broken() {
                return Err(self.ahead().wrong("not UTF-8"));
            }
            self.make_room();
            match self.input.more() {
                Ok(More::Text) => {}
                Ok(More::NeedBytes) => return Ok(Found::NeedBytes),
                Ok(More::End) if self.input.broken() => {}
                Ok(More::End) => return self.last(),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(self.ahead().wrong("the gzip stream is cut off").because(error));
                }
                Err(error) => return Err(self.ahead().wrong("the gzip stream is damaged").because(error)),
            }
        }
    }

    /// The line that was found, without its end.
    pub(super) fn line(&self) -> Option<&str> {
        self.input.text().get(self.line.clone()?)
    }

    /// Whether the line had an end, and so was not cut off.
    pub(super) fn terminated(&self) -> bool {
        self.terminated
    }

    /// Of the line that was found last.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Of the line that did not come.
    pub(super) fn ahead(&self) -> Place {
        Place { line: self.place.line + 1, ..self.place }
    }

    pub(super) fn misused(&self, how: &str) -> Error {
        Error::new(ErrorKind::Invalid, Outcome::NotSent, format!("{}: {how}", self.place.what))
            .with_next_step("advance, feed when asked, end at the end; ask for a row where there is one")
    }

    /// The last line, if it has no end of its own; then the end.
    fn last(&mut self) -> Result<Found> {
        if let Some((stated, found)) = self.input.broken_promise() {
            let stated = excerpt(stated);
            return Err(self.place.wrong(format_args!("the header Digest states SHA-1 {stated}, and it is {found}")));
        }
        let end = self.input.text().len();
        self.terminated = self.next == end;
        let last = !self.terminated && self.found(end, end)?;
        Ok(if last { Found::Line } else { Found::End })
    }

    /// Takes what was found; false if the line is blank.
    fn found(&mut self, end: usize, next: usize) -> Result<bool> {
        let mut start = self.next;
        if end - start > MAX_LINE {
            return Err(self.too_long());
        }
        self.next = next;
        self.searched = next;
        self.place.line += 1;
        let text = self.input.text().as_bytes();
        if self.place.line == 1 && text.starts_with("\u{feff}".as_bytes()) {
            start += '\u{feff}'.len_utf8();
        }
        let end = if end > start && text.get(end - 1) == Some(&b'\r') { end - 1 } else { end };
        self.line = (end > start).then_some(start..end);
        Ok(self.line.is_some())
    }

    fn too_long(&self) -> Error {
        self.ahead().wrong(format_args!("longer than {} KiB: this is no bill", MAX_LINE / 1024))
    }

    /// Drops the lines that were read.
    fn make_room(&mut self) {
        self.input.drop_first(self.next);
        self.searched -= self.next;
        self.next = 0;
        self.line = None;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(vec![], Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Lines with their numbers, in pieces of the given size.
    fn read(mut lines: Lines, bytes: &[u8], size: usize) -> Result<Vec<(u64, String)>> {
        let mut pieces = bytes.chunks(size);
        let mut found = vec![];
        loop {
            match lines.advance()? {
                Found::Line => found.push((lines.place.line, lines.line().unwrap().to_owned())),
                Found::End => return Ok(found),
                Found::NeedBytes => match pieces.next() {
                    Some(piece) => lines.feed(piece)?,
                    None => lines.end(),
                },
            }
            assert!(lines.input.text().len() <= MAX_LINE + 2 * 32 * 1024 + size);
        }
    }

    fn both_ways(text: &[u8], check: impl Fn(Result<Vec<(u64, String)>>)) {
        let packed = gzip(text);
        let (first, second) = text.split_at(text.len() / 2);
        let in_two = [gzip(first), gzip(second)].concat();
        for size in (1..12).chain([100, usize::MAX / 2]) {
            let size = size.min(text.len() + 1000);
            check(read(Lines::new("test"), text, size));
            check(read(Lines::new("test"), &packed, size));
            check(read(Lines::new("test"), &in_two, size));
        }
    }

    #[test]
    fn lines_come_without_mark_and_ends() {
        let numbered = |lines: &[(u64, &str)]| -> Vec<_> { lines.iter().map(|(n, l)| (*n, (*l).to_owned())).collect() };
        for (text, lines) in [
            ("", numbered(&[])),
            ("\u{feff}", numbered(&[])),
            ("\r\n", numbered(&[])),
            ("\u{feff}列名,b\r\n`一\r\n", numbered(&[(1, "列名,b"), (2, "`一")])),
            ("列名\n\n\r\n`一", numbered(&[(1, "列名"), (4, "`一")])),
            ("a\r\r\n\u{feff}b\n\r", numbered(&[(1, "a\r"), (2, "\u{feff}b")])),
            ("a", numbered(&[(1, "a")])),
        ] {
            both_ways(text.as_bytes(), |found| assert_eq!(found.unwrap(), lines, "{text:?}"));
        }
    }

    #[test]
    fn what_is_no_text_is_refused_at_its_line() {
        for (bytes, message) in [
            (&b"a\nb\xffc\n"[..], "test, line 2: not UTF-8"),
            (b"a\n\xe4\xbd", "test, line 2: not UTF-8"),
            (b"a\n\xe4\xbdb", "test, line 2: not UTF-8"),
        ] {
            both_ways(bytes, |found| assert_eq!(found.unwrap_err().to_string(), message));
        }
    }

    #[test]
    fn a_line_has_a_longest_length() {
        let longest = format!("a\n{}\nb", "x".repeat(MAX_LINE));
        let longer = format!("a\n{}\nb", "x".repeat(MAX_LINE + 1));
        for size in [1000, 200_000] {
            assert_eq!(read(Lines::new("test"), longest.as_bytes(), size).unwrap().len(), 3);
            let refused = read(Lines::new("test"), longer.as_bytes(), size).unwrap_err();
            assert_eq!(refused.to_string(), "test, line 2: longer than 64 KiB: this is no bill");
        }
    }

    /// Many mebibytes; `read` asserts that little of them is held.
    #[test]
    fn bombs_are_read_in_slices() {
        for (byte, times, refused) in [(0, 100, true), (b'\n', 5, false)] {
            let bomb = gzip(&vec![byte; 1 << 20]).repeat(times);
            assert_eq!(read(Lines::new("bomb"), &bomb, 64 * 1024).is_err(), refused);
        }
    }

    #[test]
    fn damage_is_noticed() {
        let packed = gzip("a\nb\n".repeat(100).as_bytes());
        for length in 2..packed.len() {
            let cut = read(Lines::new("test"), &packed[..length], 7).unwrap_err();
            assert!(cut.to_string().contains("cut off"), "{cut}");
        }
        let mut damaged = packed.clone();
        let at = damaged.len() - 6;
        damaged[at] ^= 1;
        assert!(read(Lines::new("test"), &damaged, 7).unwrap_err().to_string().contains("damaged"));
        let followed = [&*packed, b"<xml>"].concat();
        assert!(read(Lines::new("test"), &followed, 7).is_err());
    }

    #[test]
    fn a_promised_digest_is_checked() {
        let text = b"abc"; // FIPS 180-4 has its digest
        let sha = "a9993e364706816aba3e25717850c26c9cd0d89d";
        let promised = |header: &str| {
            let mut lines = Lines::new("test");
            lines.expect_digest(header).unwrap();
            lines
        };
        let packed = gzip(text);
        for (header, fits) in [
            (format!("SHA={sha}"), true),
            (format!("sha={}", sha.to_uppercase()), true),
            (format!("MD5=00, SHA-1={sha}"), true),
            ("MD5=00".to_owned(), true),
            (String::new(), true),
            (format!("SHA={sha}0"), false),
            ("SHA=".to_owned(), false),
        ] {
            assert_eq!(read(promised(&header), text, 2).is_ok(), fits, "{header}");
            assert_eq!(read(promised(&header), &packed, 2).is_ok(), fits, "{header}");
        }
        let of_packed = read(promised("SHA=0"), &packed, 100).unwrap_err().to_string();
        let sha_of_packed = of_packed.split_once("it is ").unwrap().1.split_once(" as it came").unwrap().0;
        assert!(read(promised(&format!("SHA={sha_of_packed}")), &packed, 2).is_ok());
        let mut late = Lines::new("test");
        late.feed(b"a").unwrap();
        assert!(late.expect_digest("SHA=0").is_err());
    }

    #[test]
    fn nothing_comes_after_the_end() {
        let mut lines = Lines::new("test");
        lines.feed(b"a").unwrap();
        lines.end();
        assert_eq!(lines.feed(b"b").unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!((lines.advance().unwrap(), lines.line()), (Found::Line, Some("a")));
        assert_eq!((lines.advance().unwrap(), lines.line()), (Found::End, None));
        assert_eq!(lines.advance().unwrap(), Found::End);
    }
}
