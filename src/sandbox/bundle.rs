//! Many rows under one key.
//!
//! A million rows of their own lie in a quarter of a million pages that are half
//! full, and a start reads all of them, three times if the process was killed. In
//! bundles they lie in a sixteenth of the pages. A row of its own that is there
//! besides is newer than the one in the bundle.

/// The form that bundles are written in. No JSON begins with it.
const FORM: u8 = 1;

/// The key of a bundle: before those of all rows.
pub(super) fn key(number: usize) -> String {
    format!("#{number:012}")
}

/// The number of a bundle from its key; `None` for the key of a row.
pub(super) fn number_of(key: &str) -> Option<usize> {
    key.strip_prefix('#')?.parse().ok()
}

/// Rows behind the places where they end, as they lie on disk.
pub(super) struct Bundle {
    bytes: Box<[u8]>,
    count: usize,
}

impl Bundle {
    pub(super) fn of<'a>(rows: impl Iterator<Item = &'a [u8]>) -> Self {
        let (mut ends, mut body) = (Vec::new(), Vec::new());
        for row in rows {
            body.extend_from_slice(row);
            ends.push(body.len());
        }
        let mut bytes = Vec::with_capacity(1 + 4 * ends.len() + body.len());
        bytes.push(FORM);
        for end in &ends {
            // A few hundred rows of a few hundred bytes are far from four gigabytes.
            bytes.extend_from_slice(&u32::try_from(*end).unwrap_or(u32::MAX).to_le_bytes());
        }
        bytes.extend_from_slice(&body);
        Self { bytes: bytes.into(), count: ends.len() }
    }

    /// `None`: these bytes are no bundle of so many rows.
    pub(super) fn read(bytes: &[u8], count: usize) -> Option<Self> {
        let (form, rest) = bytes.split_first()?;
        let (ends, body) = rest.split_at_checked(4 * count)?;
        let mut ends = ends.as_chunks().0.iter().map(|end| u32::from_le_bytes(*end) as usize);
        let whole = *form == FORM && ends.clone().is_sorted() && ends.next_back() == Some(body.len());
        whole.then(|| Self { bytes: bytes.into(), count })
    }

    /// One of them, counted from zero.
    pub(super) fn row(&self, position: usize) -> Option<&[u8]> {
        let (ends, body) = self.bytes.get(1..)?.split_at_checked(4 * self.count)?;
        let ends = ends.as_chunks().0;
        let end = |position: usize| ends.get(position).map(|end| u32::from_le_bytes(*end) as usize);
        let start = position.checked_sub(1).map_or(Some(0), end)?;
        body.get(start..end(position)?)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.count).filter_map(|position| self.row(position))
    }

    /// What is to be stored.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bundle_is_read_as_it_was_made(
            rows in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 1..20),
        ) {
            let made = Bundle::of(rows.iter().map(Vec::as_slice));
            let read = Bundle::read(made.bytes(), rows.len()).unwrap();
            prop_assert_eq!(read.rows().collect::<Vec<_>>(), rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
            prop_assert_eq!(read.row(rows.len()), None);
            // One that is cut off, or followed by more, is none.
            for end in 0..made.bytes().len() {
                prop_assert!(Bundle::read(&made.bytes()[..end], rows.len()).is_none());
            }
            prop_assert!(Bundle::read(&[made.bytes(), &[0]].concat(), rows.len()).is_none());
        }

        #[test]
        fn foreign_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..99), count in 0..9_usize) {
            if let Some(bundle) = Bundle::read(&bytes, count) {
                prop_assert_eq!(bundle.rows().count(), count);
            }
        }
    }

    #[test]
    fn bundles_lie_before_rows() {
        let last = key(999_999_999_999);
        assert!(last < crate::sandbox::store::row_key(0));
        assert_eq!(number_of(&last), Some(999_999_999_999));
        assert_eq!(number_of(&crate::sandbox::store::row_key(7)), None);
    }
}
