//! Text out of bytes that arrive piece by piece, gzip or plain, and their
//! digest if one was promised.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use sha1::{Digest as _, Sha1};

/// How much is unpacked at a time, whatever the ratio.
const PIECE: usize = 32 * 1024;
const GZIP: [u8; 2] = [0x1f, 0x8b];

pub(super) enum More {
    Text,
    NeedBytes,
    End,
}

pub(super) struct Unpack {
    source: Source,
    begun: bool,
    ended: bool,
    text: Text,
    promised: Option<Promised>,
}

impl Unpack {
    pub(super) fn new() -> Self {
        Self { source: Source::Unknown(vec![]), begun: false, ended: false, text: Text::default(), promised: None }
    }

    /// Whether bytes came, or none will.
    pub(super) fn begun(&self) -> bool {
        self.begun || self.ended
    }

    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Digests all bytes from here on, packed and unpacked: nobody says which
    /// of both are meant. Not without a promise: it takes a third as long as all
    /// the rest, and longer where the processor has no instructions for it.
    pub(super) fn promise(&mut self, sha: &str) {
        self.promised = Some(Promised { sha: sha.to_owned(), received: Sha1::new(), unpacked: Sha1::new() });
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.begun = true;
        if let Some(promised) = &mut self.promised {
            promised.received.update(bytes);
        }
        match &mut self.source {
            Source::Unknown(head) => {
                head.extend_from_slice(bytes);
                if head.len() >= GZIP.len() {
                    self.decide();
                }
            }
            Source::Plain => self.text.push(bytes),
            Source::Gzip(packed) => packed.decoder.get_mut().put(bytes),
        }
    }

    pub(super) fn end(&mut self) {
        self.decide();
        if let Source::Gzip(packed) = &mut self.source {
            packed.decoder.get_mut().ended = true;
        }
        self.ended = true;
    }

    /// All text that is there and was not dropped.
    pub(super) fn text(&self) -> &str {
        &self.text.whole
    }

    pub(super) fn drop_first(&mut self, length: usize) {
        self.text.whole.drain(..length);
    }

    /// Whether the text stops where it does because what follows is not UTF-8.
    pub(super) fn broken(&self) -> bool {
        self.text.broken
    }

    /// Makes more text of the bytes that are there.
    pub(super) fn more(&mut self) -> io::Result<More> {
        let Source::Gzip(packed) = &mut self.source else {
            return Ok(if self.ended { self.text.end() } else { More::NeedBytes });
        };
        match packed.decoder.read(&mut packed.piece) {
            Ok(0) => Ok(self.text.end()),
            Ok(length) => {
                let bytes = packed.piece.get(..length).unwrap_or_default();
                if let Some(promised) = &mut self.promised {
                    promised.unpacked.update(bytes);
                }
                self.text.push(bytes);
                Ok(More::Text)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(More::NeedBytes),
            Err(error) => Err(error),
        }
    }

    /// What was promised and what came, if they differ.
    pub(super) fn broken_promise(&self) -> Option<(&str, String)> {
        let Promised { sha, received, unpacked } = self.promised.as_ref()?;
        let hex = |sha: &Sha1| -> String { sha.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect() };
        let received = hex(received);
        let (fits, found) = match self.source {
            Source::Gzip(_) => {
                let unpacked = hex(unpacked);
                (unpacked.eq_ignore_ascii_case(sha), format!("{received} as it came, {unpacked} unpacked"))
            }
            _ => (false, received.clone()),
        };
        if fits || received.eq_ignore_ascii_case(sha) { None } else { Some((sha, found)) }
    }

    /// Decides by the first bytes what the rest is.
    fn decide(&mut self) {
        let Source::Unknown(head) = &mut self.source else { return };
        let head = std::mem::take(head);
        if head.starts_with(&GZIP) {
            let decoder = MultiGzDecoder::new(Inbox { bytes: head, read: 0, ended: false });
            self.source = Source::Gzip(Box::new(Packed { decoder, piece: vec![0; PIECE] }));
        } else {
            self.source = Source::Plain;
            self.text.push(&head);
        }
    }
}

struct Promised {
    sha: String,
    received: Sha1,
    unpacked: Sha1,
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
    /// Nothing follows, so half a character stays half.
    fn end(&mut self) -> More {
        self.broken |= !self.partial.is_empty();
        More::End
    }

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
