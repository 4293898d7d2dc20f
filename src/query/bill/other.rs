//! Columns that this version does not know.

use std::fmt;

use super::columns::{Cells, Header};

#[derive(Clone, Copy)]
pub(super) struct Other<'a> {
    pub(super) header: &'a Header,
    pub(super) row: Cells<'a>,
}

impl<'a> Other<'a> {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.header.unknown(self.row)
    }
}

impl fmt::Debug for Other<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl PartialEq for Other<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Other<'_> {}
