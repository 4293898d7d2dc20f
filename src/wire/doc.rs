//! The flat ordered document: a message between a struct and its bytes.

use std::fmt;

/// Fields in order, each with a name of its own.
///
/// All text lies in one buffer, so reading or building a message costs a few
/// allocations and not two for each field. Values are kept as they came:
/// nothing is trimmed, and unknown fields stay, because signatures need them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Doc {
    text: String,
    entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, Eq)]
struct Entry {
    /// Name and value lie behind each other in the buffer.
    start: u32,
    name_end: u32,
    end: u32,
    list: Option<Box<List>>,
}

/// The only nesting that answers have: `hblist` with its `hbinfo`s.
#[derive(Clone, PartialEq, Eq)]
struct List {
    item: Box<str>,
    docs: Vec<Doc>,
}

impl Doc {
    /// An empty document.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Room for a message of this many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), entries: Vec::with_capacity(24) }
    }

    /// A copy with room for `bytes` more.
    pub(crate) fn with_room(&self, bytes: usize) -> Self {
        let mut copy = Self::with_capacity(self.text.len() + bytes);
        copy.text.push_str(&self.text);
        copy.entries.extend_from_slice(&self.entries);
        copy
    }

    /// Adds a field at the end. A name that is there already keeps its first
    /// value and `false` is returned.
    pub fn push(&mut self, name: &str, value: &str) -> bool {
        if self.has(name) {
            return false;
        }
        let start = self.text.len();
        self.text.push_str(name);
        let name_end = self.text.len();
        self.text.push_str(value);
        self.add(start, name_end);
        true
    }

    /// Adds a field whose value is a list of documents, each under `item`.
    /// `false` if the name is there already.
    pub fn push_list(&mut self, name: &str, item: &str, docs: Vec<Doc>) -> bool {
        if self.has(name) {
            return false;
        }
        self.start(name);
        self.last_becomes_list(item, docs);
        true
    }

    /// The value of a field; a list has none.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).filter(|entry| entry.list.is_none()).map(|entry| self.value(entry))
    }

    /// The value of a field unless it is empty, which counts as absent.
    #[must_use]
    pub fn get_filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The documents of a list field.
    #[must_use]
    pub fn list(&self, name: &str) -> &[Doc] {
        self.find(name).and_then(|entry| entry.list.as_deref()).map_or(&[], |list| &list.docs)
    }

    /// Whether there is a field of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Whether a field holds elements, which no signature covers.
    pub(crate) fn has_lists(&self) -> bool {
        self.entries.iter().any(|entry| entry.list.is_some())
    }

    /// Names and values of the text fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().filter(|entry| entry.list.is_none()).map(|entry| (self.name(entry), self.value(entry)))
    }

    /// The number of fields, lists included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every field in order: name, text, and for a list the name of its items
    /// and the items.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        self.entries.iter().map(|entry| Node {
            name: self.name(entry),
            text: self.value(entry),
            list: entry.list.as_deref().map(|list| (&*list.item, &*list.docs)),
        })
    }

    /// Names and values of the filled text fields, in byte order of the names.
    pub(crate) fn sorted(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut fields: Vec<(u64, &str, &str)> = Vec::with_capacity(self.entries.len());
        let filled = self.iter().filter(|(_, value)| !value.is_empty());
        fields.extend(filled.map(|(name, value)| (head(name), name, value)));
        // Most names differ within eight bytes, which compare as one number.
        fields.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(b.1)));
        fields.into_iter().map(|(_, name, value)| (name, value))
    }

    /// All names and values in a row.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Bytes of all names and values.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Appends a field whose name and value are added to the buffer they are
    /// given, or nothing if one of them answers `false`. The caller answers for
    /// the name being new.
    pub(crate) fn push_with<E>(
        &mut self,
        name: impl FnOnce(&mut String) -> Result<bool, E>,
        value: impl FnOnce(&mut String) -> Result<bool, E>,
    ) -> Result<(), E> {
        let start = self.text.len();
        let mut name_end = start;
        let written = name(&mut self.text).and_then(|named| {
            name_end = self.text.len();
            Ok(named && value(&mut self.text)?)
        });
        if matches!(written, Ok(true)) {
            self.add(start, name_end);
        } else {
            self.text.truncate(start);
        }
        written.map(|_| ())
    }

    /// Adds an empty field, to be filled by [`append`](Self::append). The caller
    /// answers for the name being new.
    pub(crate) fn start(&mut self, name: &str) {
        let start = self.text.len();
        self.text.push_str(name);
        self.add(start, self.text.len());
    }

    /// Adds text to the last field.
    pub(crate) fn append(&mut self, text: &str) {
        self.text.push_str(text);
        let end = offset(self.text.len());
        if let Some(last) = self.entries.last_mut() {
            last.end = end;
        }
    }

    /// The name of the last field and its text so far.
    pub(crate) fn last(&self) -> (&str, &str) {
        self.entries.last().map_or(("", ""), |entry| (self.name(entry), self.value(entry)))
    }

    /// Takes the text of the last field away again.
    pub(crate) fn clear_last(&mut self) {
        if let Some(last) = self.entries.last_mut() {
            self.text.truncate(last.name_end as usize);
            last.end = last.name_end;
        }
    }

    /// Gives the last field a list in place of text.
    pub(crate) fn last_becomes_list(&mut self, item: &str, docs: Vec<Doc>) {
        if let Some(last) = self.entries.last_mut() {
            last.list = Some(Box::new(List { item: item.into(), docs }));
        }
    }

    /// The end of the buffer is the end of the field.
    fn add(&mut self, start: usize, name_end: usize) {
        let (start, name_end, end) = (offset(start), offset(name_end), offset(self.text.len()));
        self.entries.push(Entry { start, name_end, end, list: None });
    }

    fn find(&self, name: &str) -> Option<&Entry> {
        // By lengths, then by bytes: cutting a `str` asks for character
        // boundaries each time.
        let (text, name) = (self.text.as_bytes(), name.as_bytes());
        self.entries.iter().find(|entry| {
            (entry.name_end - entry.start) as usize == name.len()
                && text.get(entry.start as usize..entry.name_end as usize) == Some(name)
        })
    }

    fn name(&self, entry: &Entry) -> &str {
        self.text.get(entry.start as usize..entry.name_end as usize).unwrap_or_default()
    }

    fn value(&self, entry: &Entry) -> &str {
        self.text.get(entry.name_end as usize..entry.end as usize).unwrap_or_default()
    }
}

/// Messages are bounded far below 4 GiB on every way in; a longer one would
/// read as an empty field, never as another's text.
fn offset(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// The first eight bytes of a name as a number that sorts like them.
fn head(name: &str) -> u64 {
    let bytes = name.as_bytes();
    match bytes.first_chunk() {
        Some(head) => u64::from_be_bytes(*head),
        None => bytes.iter().enumerate().fold(0, |sum, (at, byte)| sum | u64::from(*byte) << (56 - 8 * at)),
    }
}

pub(crate) struct Node<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
    pub(crate) list: Option<(&'a str, &'a [Doc])>,
}

impl fmt::Debug for Doc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for node in self.nodes() {
            match node.list {
                Some((_, docs)) => map.entry(&node.name, &docs),
                None => map.entry(&node.name, &node.text),
            };
        }
        map.finish()
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Doc {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(fields: T) -> Self {
        let mut doc = Self::new();
        for (name, value) in fields {
            doc.push(name, value);
        }
        doc
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_first_values() {
        let mut doc: Doc = [("b", "1"), ("a", ""), ("c", "3")].into_iter().collect();
        assert!(!doc.push("b", "2"));
        doc.push_list("l", "i", vec![[("x", "y")].into_iter().collect()]);
        assert_eq!(doc.iter().collect::<Vec<_>>(), [("b", "1"), ("a", ""), ("c", "3")]);
        assert_eq!(doc.get("b"), Some("1"));
        assert_eq!(doc.get_filled("a"), None);
        assert_eq!(doc.get("l"), None);
        assert_eq!(doc.list("l")[0].get("x"), Some("y"));
        assert_eq!(format!("{doc:?}"), r#"{"b": "1", "a": "", "c": "3", "l": [{"x": "y"}]}"#);
    }
}
