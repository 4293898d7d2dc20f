//! Characters in other bytes than UTF-8, as programs write them that leave the
//! charset to the platform.
//!
//! Of GBK the characters of GB 2312 are known, which nearly all Chinese text
//! consists of; the table was written by Python's codec.

use std::collections::HashMap;

/// Rows 1 to 9 and 16 to 87 of GB 2312, 94 characters each.
const GB2312: &str = include_str!("gb2312.txt");

/// The text in GBK; `None` if it has a character that the table lacks.
pub(super) fn gbk(text: &str) -> Option<Vec<u8>> {
    let places: HashMap<char, [u8; 2]> = table().collect();
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match u8::try_from(character) {
            Ok(plain) if plain.is_ascii() => bytes.push(plain),
            _ => bytes.extend_from_slice(places.get(&character)?),
        }
    }
    Some(bytes)
}

/// The text of bytes in GBK; `None` if they are none, or plain ASCII.
pub(super) fn from_gbk(bytes: &[u8]) -> Option<String> {
    let characters: HashMap<[u8; 2], char> = table().map(|(character, code)| (code, character)).collect();
    let (mut text, mut rest) = (String::with_capacity(bytes.len()), bytes);
    while let [first, behind @ ..] = rest {
        if first.is_ascii() {
            text.push(char::from(*first));
            rest = behind;
        } else {
            let [second, behind @ ..] = behind else { return None };
            text.push(*characters.get(&[*first, *second])?);
            rest = behind;
        }
    }
    (!text.is_ascii()).then_some(text)
}

fn table() -> impl Iterator<Item = (char, [u8; 2])> {
    let rows = (1..=9_u8).chain(16..=87).zip(GB2312.lines());
    let codes = rows.flat_map(|(row, line)| {
        (1..=94_u8).zip(line.chars()).map(move |(column, character)| (character, [0xA0 + row, 0xA0 + column]))
    });
    codes.filter(|(character, _)| *character != char::REPLACEMENT_CHARACTER)
}

/// The text in ISO 8859-1, with `?` for what it lacks, as Java and Python do.
pub(super) fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(character).unwrap_or(b'?')).collect()
}

/// UTF-8 that was read as ISO 8859-1.
pub(super) fn read_as_latin1(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

/// What was meant, of a text that is UTF-8 read as ISO 8859-1 and written again.
pub(super) fn undo_latin1(text: &str) -> Option<String> {
    let bytes = text.chars().map(u8::try_from).collect::<Result<Vec<u8>, _>>().ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let lines: Vec<&str> = GB2312.lines().collect();
        assert_eq!(lines.len(), 81);
        assert!(lines.iter().all(|line| line.chars().count() == 94));
        assert_eq!(gbk("中文a"), Some(vec![0xd6, 0xd0, 0xce, 0xc4, b'a']));
        assert_eq!(gbk("啊　齄"), Some(vec![0xb0, 0xa1, 0xa1, 0xa1, 0xf7, 0xfe]));
        assert_eq!(gbk("中🎂"), None);
        assert_eq!(gbk("\u{fffd}"), None);
        assert_eq!(from_gbk(&[b'a', 0xd6, 0xd0, 0xce, 0xc4]).as_deref(), Some("a中文"));
        assert_eq!(from_gbk("中文".as_bytes()), None);
        assert_eq!((from_gbk(b"plain"), from_gbk(&[0xd6])), (None, None));
    }

    #[test]
    fn latin1_and_back() {
        assert_eq!(latin1("é中"), [0xe9, b'?']);
        assert_eq!(undo_latin1(&read_as_latin1("早安é")).as_deref(), Some("早安é"));
        assert_eq!(undo_latin1("早安"), None);
    }
}
