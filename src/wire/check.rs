//! The rules of a field list, before anything is sent.

use super::contract::{Contract, Kind};
use super::doc::Doc;
use crate::error::{Error, Result};

/// Checks the business fields of a request against its contract.
///
/// # Errors
/// Names the first field that breaks a rule.
pub(super) fn check(contract: &Contract, doc: &Doc) -> Result<()> {
    let mut present = 0_u64;
    for (name, value) in doc.iter() {
        let Some(index) = contract.fields.iter().position(|field| field.name == name) else {
            return Err(Error::invalid(
                name.to_owned(),
                format!("{} has no such field; an unknown one would break the signature", contract.path),
            ));
        };
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
    // Most values are short ASCII: then bytes are characters.
    let ascii = value.is_ascii();
    let length = if ascii { value.len() } else { value.chars().count() };
    if length > max {
        return Err(Error::invalid(name, format!("at most {max} characters, found {length}")));
    }
    let word = value.bytes().all(|b| b.is_ascii_alphanumeric());
    if length == max && !word || value.len() > max {
        // Error texts of the gateway speak of "fewer than" the documented
        // length, and nobody says whether bytes or characters are meant.
        tracing::warn!(field = name, length, bytes = value.len(), max, "field is at its documented length");
    }
    let bad = |c: char| c.is_control() && c != '\n' && c != '\t' || matches!(c, '\u{fffe}' | '\u{ffff}');
    if let Some(character) = value.chars().find(|&c| bad(c)) {
        return Err(Error::invalid(name, format!("contains the control character {character:?}")));
    }
    if !ascii && let Some(character) = value.chars().find(|c| c.len_utf8() > 3) {
        return Err(Error::invalid(
            name,
            format!("contains {character:?}; WeChat Pay refuses emoji and other characters beyond U+FFFF"),
        ));
    }
    if value.starts_with(char::is_whitespace) || value.ends_with(char::is_whitespace) {
        return Err(Error::invalid(name, "begins or ends with white space, which some gateways cut off after signing"));
    }
    Ok(())
}
