//! A table that arrives as bytes and is read as rows: bills and comments.

use crate::error::Result;

/// A table that arrives as bytes, piece by piece, and is read row by row in
/// constant memory.
///
/// Whoever has the bytes calls [`advance`](Self::advance) until it asks for
/// more, feeds one piece, and goes on; at the end of the bytes it says so by
/// [`end`](Self::end) and goes on until [`Progress::End`]. Only that proves
/// that the table is whole. An error of `advance` is final.
pub trait Sheet: Send {
    /// One row, which borrows from the bytes that were fed.
    type Row<'a>
    where
        Self: 'a;

    /// Takes the header `Digest` of the answer that brings the bytes, such as
    /// `SHA=` and the forty hex digits of a SHA-1. The last
    /// [`advance`](Self::advance) fails if it is not theirs. Which bytes it is
    /// made over is not documented: it may be what arrives or what that unpacks
    /// to. A header that names no SHA-1 is passed over.
    ///
    /// # Errors
    /// If bytes came before it.
    fn expect_digest(&mut self, header: &str) -> Result<()>;

    /// Takes the next bytes as they came, gzip or plain. They are kept until
    /// they are read, so feed when asked, and pieces rather than files.
    ///
    /// # Errors
    /// If the end was announced before.
    fn feed(&mut self, bytes: &[u8]) -> Result<()>;

    /// Says that no more bytes will come. What is unread still can be read.
    ///
    /// # Errors
    /// If that cannot be noted. Bills always can, and leave it to
    /// [`advance`](Self::advance) to say what is missing.
    fn end(&mut self) -> Result<()>;

    /// Goes on to the next row.
    ///
    /// # Errors
    /// If the table is not whole or cannot be read; the message names the line.
    /// All later calls fail too.
    fn advance(&mut self) -> Result<Progress>;

    /// The row that [`advance`](Self::advance) went to, until the next call
    /// that changes anything.
    ///
    /// # Errors
    /// If there is none, or a value in it does not fit its type; the message
    /// names line and column. The rows after it can still be read.
    fn row(&self) -> Result<Self::Row<'_>>;
}

/// How far a [`Sheet`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// At a row, which [`Sheet::row`] gives.
    Row,
    /// At the end of the bytes so far.
    NeedBytes,
    /// At the end, and the table was whole.
    End,
}

/// Whether an answer that begins so is none of the tables: a message in XML, a
/// refusal in most cases, or a page of a proxy.
pub(crate) fn starts_like_markup(head: &[u8]) -> bool {
    head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head).trim_ascii_start().starts_with(b"<")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_a_table() {
        for head in
            ["<xml>", "\u{feff}<xml>", "\r\n <xml>\n<return_code>", "\u{feff}\n<?xml version=\"1.0\"?>", "<html>"]
        {
            assert!(starts_like_markup(head.as_bytes()), "{head:?}");
        }
        for head in ["", "\u{feff}交易时间,公众账号ID", "100\n`2025", "\u{1f}\u{8b}"] {
            assert!(!starts_like_markup(head.as_bytes()), "{head:?}");
        }
    }
}
