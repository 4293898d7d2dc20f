//! A bill whose bytes are kept as they come.

use std::cell::RefCell;

use hongbao::Error;
use hongbao::wire::{Contract, Progress as Step, Request, Sheet, Tabular};
use serde::{Serialize, Serializer};

/// A request whose answer is kept as it comes, and read all the same.
pub(crate) struct Kept<R>(pub(crate) R);

impl<R: Request> Serialize for Kept<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<R: Request> Request for Kept<R> {
    const CONTRACT: Contract = R::CONTRACT;
    type Reply = R::Reply;

    fn check(&self) -> hongbao::Result<()> {
        self.0.check()
    }
}

impl<R: Tabular> Tabular for Kept<R>
where
    R::Sheet: 'static,
{
    type Sheet = KeptSheet<R::Sheet>;
}

/// A sheet that goes on to the end of the bytes although it cannot read them.
#[derive(Default)]
pub(crate) struct KeptSheet<S> {
    pub(crate) sheet: S,
    bytes: RefCell<Vec<u8>>,
    failed: Option<Error>,
    ended: bool,
}

impl<S> KeptSheet<S> {
    /// What came since the last time.
    pub(crate) fn taken(&self) -> Vec<u8> {
        self.bytes.take()
    }

    fn note<T>(&mut self, result: hongbao::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.failed.get_or_insert(error);
                None
            }
        }
    }
}

impl<S: Sheet> Sheet for KeptSheet<S> {
    type Row<'a>
        = ()
    where
        Self: 'a;

    fn expect_digest(&mut self, header: &str) -> hongbao::Result<()> {
        self.sheet.expect_digest(header)
    }

    fn feed(&mut self, bytes: &[u8]) -> hongbao::Result<()> {
        self.bytes.get_mut().extend_from_slice(bytes);
        if self.failed.is_none() {
            let fed = self.sheet.feed(bytes);
            self.note(fed);
        }
        Ok(())
    }

    fn end(&mut self) -> hongbao::Result<()> {
        self.ended = true;
        let ended = self.sheet.end();
        self.note(ended);
        Ok(())
    }

    fn advance(&mut self) -> hongbao::Result<Step> {
        if self.failed.is_none() {
            let step = self.sheet.advance();
            if let Some(step) = self.note(step) {
                return Ok(step);
            }
        }
        match self.failed.take() {
            Some(error) if self.ended => Err(error),
            failed => {
                self.failed = failed;
                Ok(Step::NeedBytes)
            }
        }
    }

    fn row(&self) -> hongbao::Result<()> {
        Ok(())
    }
}
