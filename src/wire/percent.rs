//! Percent-encoding of texts that travel inside an address or a field.

use std::fmt::Write as _;

/// All but the unreserved characters of RFC 3986, in upper-case hex.
pub(crate) fn encode(text: &str) -> String {
    with(text, unreserved, |out, byte| write!(out, "%{byte:02X}"))
}

/// The same in lower-case hex.
pub(crate) fn encode_lower(text: &str) -> String {
    with(text, unreserved, |out, byte| write!(out, "%{byte:02x}"))
}

/// What cannot stand in an address or a header, in an address that is otherwise
/// as it should be.
#[cfg(feature = "sandbox")]
pub(crate) fn encode_beyond_ascii(text: &str) -> String {
    with(text, |byte| byte.is_ascii_graphic(), |out, byte| write!(out, "%{byte:02X}"))
}

const fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

fn with(text: &str, keep: impl Fn(u8) -> bool, escape: impl Fn(&mut String, u8) -> std::fmt::Result) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if keep(byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = escape(&mut out, byte);
        }
    }
    out
}

/// `None` if a percent sign is followed by no byte, or no UTF-8 comes out.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let high = char::from(bytes.next()?).to_digit(16)?;
        let low = char::from(bytes.next()?).to_digit(16)?;
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(out).ok()
}
