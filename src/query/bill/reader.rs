//! Bills out of files.

use std::io::{ErrorKind, Read};

use crate::error::{Error, Result};
use crate::wire::{Progress, Sheet};

const PIECE: usize = 64 * 1024;

/// Reads a [`Sheet`] out of a file or anything else that can be read and that
/// may block.
///
/// ```
/// use hongbao::query::bill::{Reader, Trades};
/// # fn run(file: std::fs::File) -> hongbao::Result<()> {
/// let mut reader = Reader::new(file, Trades::new());
/// while let Some(trade) = reader.next_row()? {
///     println!("{} {}", trade.out_trade_no, trade.settlement_total_fee);
/// }
/// for difference in reader.sheet().summary().into_iter().flat_map(|summary| summary.differences()) {
///     println!("{difference}");
/// }
/// # Ok(()) }
/// ```
pub struct Reader<R, S> {
    from: R,
    sheet: S,
    piece: Vec<u8>,
}

impl<R: Read, S: Sheet> Reader<R, S> {
    /// Reads `from` from where it stands to its end. It needs no buffer of its own.
    pub fn new(from: R, sheet: S) -> Self {
        Self { from, sheet, piece: vec![0; PIECE] }
    }

    /// The next row, `None` behind the last of a table that was whole.
    ///
    /// # Errors
    /// Those of [`Sheet::advance`], [`Sheet::row`] and of reading.
    pub fn next_row(&mut self) -> Result<Option<S::Row<'_>>> {
        loop {
            match self.sheet.advance()? {
                Progress::Row => return self.sheet.row().map(Some),
                Progress::End => return Ok(None),
                Progress::NeedBytes => match self.from.read(&mut self.piece) {
                    Ok(0) => self.sheet.end()?,
                    Ok(length) => self.sheet.feed(self.piece.get(..length).unwrap_or_default())?,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => {
                        return Err(Error::unreadable("the bytes of a table", "cannot be read").because(error));
                    }
                },
            }
        }
    }

    /// The table, for what it knows beside its rows.
    #[must_use]
    pub fn sheet(&self) -> &S {
        &self.sheet
    }
}
