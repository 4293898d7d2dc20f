//! Text answers, row by row.

use super::transport::{Body, Failed, Streamed};
use super::{lost, wire};
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::wire::{Answer, Contract, Doc, Progress, Sheet, Signer};

/// A table on its way from the gateway, read row by row in constant memory.
/// Made by [`Client::download`](super::Client::download).
///
/// It moves no money: whatever breaks it, download again.
#[must_use]
pub struct Download<S> {
    sheet: S,
    text: Text,
    received: u64,
    ended: bool,
}

impl<S: Sheet> Download<S> {
    pub(super) fn new(mut sheet: S, text: Text) -> Result<Self> {
        if let Some(digest) = &text.digest {
            sheet.expect_digest(digest)?;
        }
        Ok(Self { sheet, text, received: 0, ended: false })
    }

    /// The next row, or `None` after the last one, when the table has ended as
    /// it should.
    ///
    /// # Errors
    /// [`ErrorKind::Lost`]: the connection broke. [`ErrorKind::Unreadable`]: a
    /// line that is no row, named by number and column, or an end too early.
    pub async fn next(&mut self) -> Result<Option<S::Row<'_>>> {
        loop {
            match self.sheet.advance()? {
                Progress::Row => return self.sheet.row().map(Some),
                Progress::End => return Ok(None),
                Progress::NeedBytes if self.ended => return Ok(None),
                Progress::NeedBytes => self.fill().await?,
            }
        }
    }

    /// Bytes that have come so far, compressed ones as they came.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The table itself, which knows its summary when the rows are read.
    #[must_use]
    pub fn sheet(&self) -> &S {
        &self.sheet
    }

    /// The table itself, when nothing else is wanted.
    #[must_use]
    pub fn into_sheet(self) -> S {
        self.sheet
    }

    async fn fill(&mut self) -> Result<()> {
        match self.text.chunk().await.map_err(broken)? {
            Some(bytes) => {
                self.received += bytes.len() as u64;
                self.sheet.feed(&bytes)
            }
            None => {
                self.ended = true;
                self.sheet.end()
            }
        }
    }
}

fn broken(failed: Failed) -> Error {
    lost(failed).with_next_step("nothing is half done: download it again")
}

/// The body of an answer that is a text, its beginning included.
pub(super) struct Text {
    head: Option<Vec<u8>>,
    body: Box<dyn Body>,
    digest: Option<String>,
}

impl Text {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failed> {
        match self.head.take() {
            Some(head) => Ok(Some(head)),
            None => self.body.chunk().await,
        }
    }
}

/// Longer than anything that comes before a table or a message.
const HEAD: usize = 64;
/// A message has at most this; a page of a proxy is cut.
const MESSAGE: usize = 64 * 1024;

/// Tells a table from a failure, which comes as a message.
pub(super) async fn tell_apart(
    contract: &Contract,
    signer: &Signer<'_>,
    sent: &Doc,
    streamed: Streamed,
) -> Result<Text> {
    let Streamed { status, digest, mut body, .. } = streamed;
    let mut head = Vec::new();
    while head.len() < HEAD
        && let Some(bytes) = body.chunk().await.map_err(lost)?
    {
        head.extend_from_slice(&bytes);
    }
    if status == 200 && !wire::starts_like_markup(&head) {
        return Ok(Text { head: Some(head), body, digest });
    }
    while head.len() < MESSAGE
        && let Some(bytes) = body.chunk().await.map_err(lost)?
    {
        head.extend_from_slice(&bytes);
    }
    wire::open(contract, signer, sent, &Answer::new(status, head))?;
    let problem = "the answer is a message that says SUCCESS where a table was expected";
    Err(Error::new(ErrorKind::Unreadable, Outcome::Unknown, problem).with_next_step("nothing is done: download again"))
}
