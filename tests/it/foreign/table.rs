//! What `docs/INTEROP.md` says, read back.

use std::collections::BTreeSet;

use crate::source::root;

/// The document, and the rows of each of its tables: cells without their padding.
pub struct Document {
    pub text: String,
    pub tables: Vec<Vec<Vec<String>>>,
}

impl Document {
    pub fn read() -> Self {
        Self::of(std::fs::read_to_string(root().join("docs/INTEROP.md")).unwrap())
    }

    pub fn of(text: String) -> Self {
        let (mut tables, mut inside) = (vec![], false);
        for line in text.lines() {
            let Some(row) = line.strip_prefix('|').and_then(|row| row.strip_suffix('|')) else {
                inside = false;
                continue;
            };
            let cells: Vec<String> = row.split('|').map(|cell| cell.trim().to_owned()).collect();
            if !inside {
                tables.push(vec![]);
            }
            inside = true;
            if !cells.iter().all(|cell| cell.chars().all(|char| matches!(char, '-' | ':'))) {
                tables.last_mut().unwrap().push(cells);
            }
        }
        Self { text, tables }
    }

    /// What is said of an SDK: its row in the table of versions.
    pub fn row_of(&self, sdk: &str) -> Option<&[String]> {
        self.tables.first()?.iter().find(|row| row[0] == sdk).map(Vec::as_slice)
    }

    /// Step and cell of an SDK's column, through all tables that have one.
    pub fn column_of(&self, sdk: &str) -> Vec<(String, String)> {
        let mut column = vec![];
        for table in &self.tables[1..] {
            let Some(at) = table[0].iter().position(|cell| cell == sdk) else { continue };
            column.extend(table[1..].iter().map(|row| (row[0].clone(), row[at].clone())));
        }
        column
    }

    /// The names of the footnotes: those that are referred to, and those that there are.
    pub fn footnotes(&self) -> (BTreeSet<&str>, BTreeSet<&str>) {
        let (mut used, mut defined) = (BTreeSet::new(), BTreeSet::new());
        for (at, _) in self.text.match_indices("[^") {
            let rest = &self.text[at + 2..];
            let (name, after) = rest.split_once(']').unwrap();
            let begins_a_line = at == 0 || self.text[..at].ends_with('\n');
            if begins_a_line && after.starts_with(": ") {
                defined.insert(name)
            } else {
                used.insert(name)
            };
        }
        (used, defined)
    }
}
