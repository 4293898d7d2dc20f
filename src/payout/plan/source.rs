//! Where recipients come from, and in which form.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::PathBuf;
use std::sync::Arc;

use super::problem::Problem;

type Open = dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync;

/// A text that can be read several times, from the beginning: once to check
/// it, and again to compare and to store it. It is never held whole.
#[derive(Clone)]
pub struct Source {
    name: String,
    open: Arc<Open>,
}

impl Source {
    /// A file. What can be read only once, a pipe for example, is refused when
    /// it is opened: copy it to a file before.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.display().to_string();
        Self::with(name, move || {
            if !path.metadata()?.is_file() {
                return Err(io::Error::other("it is no regular file, and it is read several times"));
            }
            Ok(Box::new(File::open(&path)?))
        })
    }

    /// Bytes in memory, under a name for messages and for the form.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self::with(name, move || Ok(Box::new(io::Cursor::new(bytes.clone()))))
    }

    /// Whatever `open` gives, each time the same.
    pub fn with(
        name: impl Into<String>,
        open: impl Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), open: Arc::new(open) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        (self.open)()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.name).finish()
    }
}

/// The form of a file of recipients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// A header with the columns `openid`, `amount` (yuan) and, as needed,
    /// `key`, `wishing`, `remark`, `scene_id`, in any order; fields parted by
    /// commas and quoted as RFC 4180 says.
    Csv,
    /// One JSON object on each line, with the same names. `amount` is a text in
    /// yuan, `"1.88"`; or there is `total_amount`, a whole number of fen.
    JsonLines,
    /// One openid on each line, the amount being the same for all: the file of
    /// the merchant platform (上传openid文件).
    OpenIds,
}

impl Format {
    /// The form that a name tells, `.csv`, `.jsonl` or `.ndjson`.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        let is = |other: &str| extension.eq_ignore_ascii_case(other);
        match () {
            () if is("csv") => Some(Self::Csv),
            () if is("jsonl") || is("ndjson") => Some(Self::JsonLines),
            () => None,
        }
    }

    /// The form that the first line tells.
    fn of_beginning(beginning: &[u8]) -> Self {
        let text = beginning.trim_ascii_start();
        let line = text.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
        if matches!(line.first(), Some(b'{' | b'[')) {
            Self::JsonLines
        } else if line.iter().any(|byte| matches!(byte, b',' | b';' | b'\t')) || line.starts_with(b"openid") {
            Self::Csv
        } else {
            Self::OpenIds
        }
    }
}

pub(super) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Looks at the first bytes without taking them, but for a byte order mark.
///
/// # Errors
/// What is no text in UTF-8 is named, with the way to make one of it.
pub(super) fn recognise(input: &mut impl BufRead, name: &str, format: Option<Format>) -> Result<Format, Problem> {
    let mut beginning = input.fill_buf().map_err(|error| unreadable(&error))?;
    if let Some(rest) = beginning.strip_prefix(BYTE_ORDER_MARK) {
        beginning = rest;
    }
    let sixteen = beginning.starts_with(b"\xff\xfe") || beginning.starts_with(b"\xfe\xff") || alternates(beginning);
    let problem = if sixteen {
        Some(("encoded in UTF-16", "save it as UTF-8, or run `iconv -f UTF-16 -t UTF-8`"))
    } else if beginning.starts_with(b"PK\x03\x04") || beginning.starts_with(b"\xd0\xcf\x11\xe0") {
        Some(("an Excel workbook or a ZIP archive", "save the sheet as \"CSV UTF-8\""))
    } else if beginning.starts_with(b"\x1f\x8b") {
        Some(("packed with gzip", "unpack it with `gunzip`"))
    } else {
        None
    };
    if let Some((what, next_step)) = problem {
        return Err(Problem::new(format!("the file is {what}, not text in UTF-8"), next_step));
    }
    let found = format.or_else(|| Format::of_name(name)).unwrap_or_else(|| Format::of_beginning(beginning));
    let mark = if input.fill_buf().is_ok_and(|bytes| bytes.starts_with(BYTE_ORDER_MARK)) { 3 } else { 0 };
    input.consume(mark);
    Ok(found)
}

/// Whether every other byte is zero, as ASCII has it in UTF-16.
fn alternates(beginning: &[u8]) -> bool {
    let zeros = |from: usize| beginning.iter().take(64).skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    even.min(odd) == 0 && even.max(odd) >= 4
}

/// Why a line is no UTF-8, as far as its bytes tell.
pub(super) fn not_utf8(line: &[u8]) -> Problem {
    if looks_like_gbk(line) {
        let next_step = "save it as UTF-8, or run `iconv -f GB18030 -t UTF-8`; the rest was not read";
        return Problem::new("the text is encoded in GBK, not in UTF-8", next_step);
    }
    Problem::new("the line is not UTF-8", "save the file as UTF-8; the rest was not read")
}

/// Whether all bytes beyond ASCII come in the pairs of GBK, and the line does not
/// begin as UTF-8 that was spoilt later.
fn looks_like_gbk(line: &[u8]) -> bool {
    let good = std::str::from_utf8(line).map_or_else(|error| error.valid_up_to(), str::len);
    // Characters of two bytes come about by chance, and those of three hardly.
    if std::str::from_utf8(&line[..good]).is_ok_and(|text| text.contains(|c: char| c.len_utf8() > 2)) {
        return false;
    }
    let mut bytes = line.iter();
    while let Some(byte) = bytes.next() {
        let pair = match byte {
            0x00..=0x7f => continue,
            0x81..=0xfe => bytes.next(),
            _ => return false,
        };
        if !pair.is_some_and(|second| matches!(second, 0x40..=0x7e | 0x80..=0xfe)) {
            return false;
        }
    }
    true
}

pub(super) fn unreadable(error: &io::Error) -> Problem {
    let next_step = match error.kind() {
        io::ErrorKind::NotFound => "check its name",
        io::ErrorKind::PermissionDenied => "let this user read it",
        _ => "make it readable and plan it again",
    };
    Problem::new(format!("it cannot be read: {error}"), next_step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_first_lines_tell_the_form() {
        for (name, beginning, format) in [
            ("a.csv", "{", Format::Csv),
            ("A.CSV", "", Format::Csv),
            ("a.jsonl", "openid", Format::JsonLines),
            ("a.ndjson", "", Format::JsonLines),
            ("a.txt", "openid,amount\n", Format::Csv),
            ("a.txt", "openid\n", Format::Csv),
            ("a.txt", "\n {\"openid\": ", Format::JsonLines),
            ("a.json", "[", Format::JsonLines),
            ("a", "oQx4r0\noQx4r1,\n", Format::OpenIds),
            ("a", "\u{feff}{}", Format::JsonLines),
            ("a", "", Format::OpenIds),
        ] {
            let mut input = beginning.as_bytes();
            assert_eq!(recognise(&mut input, name, None), Ok(format), "{name} {beginning}");
            assert_eq!(input, beginning.trim_start_matches('\u{feff}').as_bytes());
            assert_eq!(recognise(&mut "x".as_bytes(), name, Some(Format::OpenIds)), Ok(Format::OpenIds));
        }
    }

    #[test]
    fn gbk_is_told_from_other_bytes() {
        // 祝福语 and "é," in Latin-1, and a UTF-8 text that was cut.
        for (bytes, gbk) in [(&b"\xd7\xa3\xb8\xa3\xd3\xef"[..], true), (b"\xe9,", false), (b"\xe7\xa5\x9d\xe7", false)]
        {
            assert_eq!(looks_like_gbk(bytes), gbk, "{bytes:x?}");
        }
    }
}
