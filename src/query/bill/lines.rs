//! Lines of text out of bytes that arrive piece by piece, gzip or plain.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::ops::Range;

use flate2::bufread::MultiGzDecoder;
use memchr::memchr;
use sha1::{Digest as _, Sha1};

use crate::error::{Error, ErrorKind, Outcome, Result};

/// No line of a bill is a hundredth of this; whatever has none is no bill.
const MAX_LINE: usize = 64 * 1024;
/// How much is unpacked at a time, whatever the ratio.
const PIECE: usize = 32 * 1024;
const GZIP: [u8; 2] = [0x1f, 0x8b];

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
    source: Source,
    ended: bool,
    text: Text,
    /// The line that was found last.
    line: Option<Range<usize>>,
    /// Where the next one begins, and how far its end was looked for.
    next: usize,
    searched: usize,
    /// Whether an end of line stands behind it.
    terminated: bool,
    received: Sha1,
}

impl Lines {
    /// `what` names the text in messages.
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            place: Place { what, line: 0 },
            source: Source::Unknown(vec![]),
            ended: false,
            text: Text::default(),
            line: None,
            next: 0,
            searched: 0,
            terminated: true,
            received: Sha1::new(),
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        if self.ended {
            return Err(self.misused("bytes after the end was announced"));
        }
        self.received.update(bytes);
        self.make_room();
        match &mut self.source {
            Source::Unknown(head) => {
                head.extend_from_slice(bytes);
                if head.len() >= GZIP.len() {
                    self.begin();
                }
            }
            Source::Plain => self.text.push(bytes),
            Source::Gzip(packed) => packed.decoder.get_mut().put(bytes),
        }
        Ok(())
    }

    pub(super) fn end(&mut self) {
        if matches!(self.source, Source::Unknown(_)) {
            self.begin();
        }
        if let Source::Gzip(packed) = &mut self.source {
            packed.decoder.get_mut().ended = true;
        }
        self.ended = true;
    }

    /// Goes on to the next line.
    pub(super) fn advance(&mut self) -> Result<Found> {
        self.line = None;
        loop {
            let unsearched = self.text.whole.as_bytes().get(self.searched..).unwrap_or_default();
            if let Some(at) = memchr(b'\n', unsearched) {
                let end = self.searched + at;
                if self.found(end, end + 1)? {
                    return Ok(Found::Line);
                }
                continue;
            }
            self.searched = self.text.whole.len();
            if self.searched - self.next > MAX_LINE {
                return Err(self.too_long());
            }
            if self.text.broken {
                return Err(self.ahead().wrong("not UTF-8"));
            }
            match self.refill()? {
                Found::Line => {}
                Found::NeedBytes => return Ok(Found::NeedBytes),
                Found::End if !self.text.partial.is_empty() => {
                    return Err(self.ahead().wrong("ends in the middle of a character"));
                }
                Found::End => {
                    let end = self.text.whole.len();
                    self.terminated = self.next == end;
                    let last = !self.terminated && self.found(end, end)?;
                    return Ok(if last { Found::Line } else { Found::End });
                }
            }
        }
    }

    /// The line that was found, without its end.
    pub(super) fn line(&self) -> Option<&str> {
        self.text.whole.get(self.line.clone()?)
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
            .with_next_step("advance, feed when asked, end at the end")
    }

    pub(super) fn check_digest(&self, header: &str) -> Result<()> {
        let sha = header.split(',').find_map(|one| {
            let (algorithm, digest) = one.trim().split_once('=')?;
            ["SHA", "SHA1", "SHA-1"].iter().any(|name| algorithm.eq_ignore_ascii_case(name)).then_some(digest)
        });
        let Some(stated) = sha else { return Ok(()) };
        let unpacked = match &self.source {
            Source::Gzip(packed) => Some(&packed.unpacked),
            _ => None,
        };
        let of = |sha: &Sha1| -> String { sha.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect() };
        let found: Vec<String> = [Some(&self.received), unpacked].into_iter().flatten().map(of).collect();
        if found.iter().any(|digest| digest.eq_ignore_ascii_case(stated.trim())) {
            return Ok(());
        }
        let found = found.join(" as it arrived and, unpacked, ");
        Err(self.place.wrong(format_args!("the header Digest states SHA-1 {}, and it is {found}", excerpt(stated))))
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
        let whole = self.text.whole.as_bytes();
        if self.place.line == 1 && whole.starts_with("\u{feff}".as_bytes()) {
            start += '\u{feff}'.len_utf8();
        }
        let end = if end > start && whole.get(end - 1) == Some(&b'\r') { end - 1 } else { end };
        self.line = (end > start).then_some(start..end);
        Ok(self.line.is_some())
    }

    fn too_long(&self) -> Error {
        self.ahead().wrong(format_args!("longer than {} KiB: this is no bill", MAX_LINE / 1024))
    }

    /// Drops the lines that were read.
    fn make_room(&mut self) {
        self.text.whole.drain(..self.next);
        self.searched -= self.next;
        self.next = 0;
        self.line = None;
    }

    /// Makes more text of the bytes that are there: `Line` if there is more.
    fn refill(&mut self) -> Result<Found> {
        self.make_room();
        match &mut self.source {
            Source::Gzip(packed) => match packed.decoder.read(&mut packed.piece) {
                Ok(0) => Ok(Found::End),
                Ok(length) => {
                    let bytes = packed.piece.get(..length).unwrap_or_default();
                    packed.unpacked.update(bytes);
                    self.text.push(bytes);
                    Ok(Found::Line)
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Found::NeedBytes),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Err(self.ahead().wrong("the gzip stream is cut off").because(error))
                }
                Err(error) => Err(self.ahead().wrong("the gzip stream is damaged").because(error)),
            },
            _ if self.ended => Ok(Found::End),
            _ => Ok(Found::NeedBytes),
        }
    }

    /// Decides by the first bytes what the rest is.
    fn begin(&mut self) {
        let Source::Unknown(head) = std::mem::replace(&mut self.source, Source::Plain) else { return };
        if head.starts_with(&GZIP) {
            self.source = Source::Gzip(Box::new(Packed {
                decoder: MultiGzDecoder::new(Inbox { bytes: head, read: 0, ended: false }),
                piece: vec![0; PIECE],
                unpacked: Sha1::new(),
            }));
        } else {
            self.text.push(&head);
        }
    }
}

enum Source {
    /// Too few bytes to tell.
    Unknown(Vec<u8>),
    Plain,
    Gzip(Box<Packed>),
}

struct Packed {
    decoder: MultiGzDecoder<Inbox>,
    piece: Vec<u8>,
    unpacked: Sha1,
}

/// The packed bytes that were fed. Empty, it asks the decoder, which can go on
/// from anywhere, to come again.
struct Inbox {
    bytes: Vec<u8>,
    read: usize,
    ended: bool,
}

impl Inbox {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(bytes);
    }
}

impl BufRead for Inbox {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.bytes.get(self.read..) {
            Some(rest) if self.ended || !rest.is_empty() => Ok(rest),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn consume(&mut self, amount: usize) {
        self.read += amount;
    }
}

impl Read for Inbox {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(into)?;
        self.consume(length);
        Ok(length)
    }
}

/// Bytes as text. They are checked a piece at a time, which is much quicker
/// than a value at a time.
#[derive(Default)]
struct Text {
    whole: String,
    /// The beginning of a character whose rest has not come.
    partial: Vec<u8>,
    /// Whether something came that is not UTF-8; nothing is taken after it.
    broken: bool,
}

impl Text {
    fn push(&mut self, mut bytes: &[u8]) {
        while let ([_, ..], [first, rest @ ..]) = (&*self.partial, bytes) {
            self.partial.push(*first);
            bytes = rest;
            match std::str::from_utf8(&self.partial) {
                Ok(character) => {
                    self.whole.push_str(character);
                    self.partial.clear();
                }
                Err(error) if error.error_len().is_none() => {}
                Err(_) => {
                    self.broken = true;
                    self.partial.clear();
                }
            }
        }
        if self.broken {
            return;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => self.whole.push_str(text),
            Err(error) => {
                let (good, rest) = bytes.split_at(error.valid_up_to());
                self.whole.push_str(std::str::from_utf8(good).unwrap_or_default());
                match error.error_len() {
                    None => self.partial.extend_from_slice(rest),
                    Some(_) => self.broken = true,
                }
            }
        }
    }
}
