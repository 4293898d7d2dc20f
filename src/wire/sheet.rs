//! The shape of answers that are tables.

use crate::error::Result;

/// A table that arrives as bytes, piece by piece, and is read row by row in
/// constant memory.
pub trait Sheet: Send {
    /// One row, borrowed from the reader.
    type Row<'a>
    where
        Self: 'a;

    /// Takes the next bytes, as they came.
    ///
    /// # Errors
    /// The bytes are no such table.
    fn feed(&mut self, bytes: &[u8]) -> Result<()>;

    /// Says that no more bytes will come.
    ///
    /// # Errors
    /// The table ended too early.
    fn end(&mut self) -> Result<()>;

    /// Goes on to the next row.
    ///
    /// # Errors
    /// The line is no row.
    fn advance(&mut self) -> Result<Progress>;

    /// The row that [`advance`](Self::advance) went to.
    ///
    /// # Errors
    /// A value does not fit its column.
    fn row(&self) -> Result<Self::Row<'_>>;

    /// Compares all bytes with the header `Digest` of the answer.
    ///
    /// # Errors
    /// They are not the ones that were sent.
    fn check_digest(&self, header: &str) -> Result<()>;
}

/// How far a [`Sheet`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is a row.
    Row,
    /// There is none before more bytes come.
    NeedBytes,
    /// There is none any more.
    End,
}
