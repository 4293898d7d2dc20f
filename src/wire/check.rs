//! The rules of a field list, before anything is sent.

use super::contract::Contract;
use super::doc::Doc;
use super::facts::Kind;
use crate::error::{Error, Result};

/// Checks the business fields of a request against its contract.
///
/// # Errors
/// Names the first field that breaks a rule.
pub(super) fn check(contract: &Contract, doc: &Doc) -> Result<()> {
    let mut present = 0_u64;
    let mut next = 0;
    let harmless = harmless(doc.text());
    for (name, value) in doc.iter() {
        // Structs and contracts list their fields in the same order, so the
        // one after the last is nearly always right.
        let expected = contract.fields.get(next).is_some_and(|field| field.name == name).then_some(next);
        let Some(index) = expected.or_else(|| contract.fields.iter().position(|field| field.name == name)) else {
            return Err(Error::invalid(
                name.to_owned(),
                format!("{} has no such field; an unknown one would break the signature", contract.path),
            ));
        };
        next = index + 1;
        // `Contract::fields` holds 64 fields at most.
        let bit = 1_u64 << index;
        if present & bit != 0 {
            return Err(Error::invalid(name.to_owned(), "given twice"));
        }
        let field = contract.fields[index];
        if value.is_empty() {
            if field.required {
                return Err(Error::invalid(field.name, "must not be empty"));
            }
            continue;
        }
        present |= bit;
        match field.kind {
            Kind::Integer => integer(field.name, value)?,
            Kind::Text(max) => text(field.name, value, usize::from(max))?,
            Kind::Bytes(max) => bytes(field.name, value, usize::from(max))?,
            Kind::OrderNumber(max) => order_number(field.name, value, usize::from(max))?,
        }
        if !harmless {
            characters(field.name, value)?;
        }
    }
    for (index, field) in contract.fields.iter().enumerate() {
        if field.required && present & (1_u64 << index) == 0 {
            return Err(Error::invalid(field.name, "missing"));
        }
    }
    Ok(())
}

fn integer(name: &'static str, value: &str) -> Result<()> {
    if value.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    Err(Error::invalid(name, format!("must be a whole number without sign, found {value:?}")))
}

fn text(name: &'static str, value: &str, max: usize) -> Result<()> {
    // A character has a byte at least, so most values need no counting.
    if value.len() >= max {
        length(name, value, max)?;
    }
    trimmed(name, value)
}

fn bytes(name: &'static str, value: &str, max: usize) -> Result<()> {
    if value.len() > max {
        let problem = format!("at most {max} bytes (a Chinese character has three), found {}", value.len());
        return Err(Error::invalid(name, problem));
    }
    trimmed(name, value)
}

fn order_number(name: &'static str, value: &str, max: usize) -> Result<()> {
    if value.len() <= max && is_order_number(value) {
        return Ok(());
    }
    Err(Error::invalid(name, format!("at most {max} ASCII letters, digits and _-|*@, found {value:?}")))
}

/// Whether a text has nothing but the characters of a merchant's own order and
/// refund numbers.
pub(crate) fn is_order_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'|' | b'*' | b'@'))
}

fn trimmed(name: &'static str, value: &str) -> Result<()> {
    if value.starts_with(char::is_whitespace) || value.ends_with(char::is_whitespace) {
        return Err(Error::invalid(name, "begins or ends with white space, which some gateways cut off after signing"));
    }
    Ok(())
}

fn length(name: &'static str, value: &str, max: usize) -> Result<()> {
    let length = value.chars().count();
    if length > max {
        return Err(Error::invalid(name, format!("at most {max} characters, found {length}")));
    }
    if value.len() > max || !value.bytes().all(|b| b.is_ascii_alphanumeric()) {
        // Error texts of the gateway speak of "fewer than" the documented
        // length, and nobody says whether bytes or characters are meant.
        tracing::warn!(field = name, length, bytes = value.len(), max, "field is at its documented length");
    }
    Ok(())
}

/// Whether no character can be one that [`characters`] refuses, as far as
/// bytes tell. Nearly always so, and without an early end a few vector
/// instructions settle it for the whole message.
fn harmless(text: &str) -> bool {
    let bytes = text.as_bytes();
    // 0xc2 begins the upper control characters, 0xf0 and above all beyond
    // U+FFFF, and 0xef 0xbf the two that are none.
    let fine = |b: u8| matches!(b, b' '..=b'~' | 0x80..=0xc1 | 0xc3..=0xef);
    let pairs = bytes.iter().zip(bytes.iter().skip(1));
    bytes.iter().fold(true, |all, &b| all & fine(b))
        && !pairs.fold(false, |any, (&a, &b)| any | (a == 0xef) & (b == 0xbf))
}

fn characters(name: &'static str, value: &str) -> Result<()> {
    for character in value.chars() {
        let control = character.is_control() && character != '\n' && character != '\t';
        if control || matches!(character, '\u{fffe}' | '\u{ffff}') {
            return Err(Error::invalid(name, format!("contains the control character {character:?}")));
        }
        if character.len_utf8() > 3 {
            return Err(Error::invalid(
                name,
                format!("contains {character:?}; WeChat Pay refuses emoji and other characters beyond U+FFFF"),
            ));
        }
    }
    Ok(())
}
