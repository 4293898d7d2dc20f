//! Reads the tag-length-value encoding of certificate files: DER, and the BER that some Java
//! programs write (indefinite lengths, octet strings in pieces).

use std::fmt;

use zeroize::Zeroizing;

/// Why bytes are not the structure they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DerError(pub(crate) &'static str);

impl fmt::Display for DerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for DerError {}

/// The tags this crate meets.
pub(crate) mod tag {
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    #[cfg(feature = "sandbox")]
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const UTF8_STRING: u8 = 0x0c;
    pub(crate) const PRINTABLE_STRING: u8 = 0x13;
    pub(crate) const T61_STRING: u8 = 0x14;
    pub(crate) const IA5_STRING: u8 = 0x16;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const BMP_STRING: u8 = 0x1e;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;
    /// `[0]` as one value in pieces or as a wrapper of another element.
    pub(crate) const CONTEXT_0: u8 = 0xa0;
    /// `[0]` as one value.
    pub(crate) const CONTEXT_0_PRIMITIVE: u8 = 0x80;
    /// The bit that says "holds elements".
    pub(crate) const CONSTRUCTED: u8 = 0x20;
}

/// Certificate files nest about fifteen deep; more is an attack on the stack.
const MAX_DEPTH: u8 = 32;

const ENDS_EARLY: DerError = DerError("the data ends in the middle of an element");

/// Walks over the elements of one level.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    depth: u8,
}

impl<'a> Reader<'a> {
    /// Starts at the outermost level.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes, depth: 0 }
    }

    /// The tag of the next element; `None` at the end.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, whatever it is.
    pub(crate) fn any(&mut self) -> Result<Element<'a>, DerError> {
        let (element, rest) = split(self.rest, self.depth)?;
        self.rest = rest;
        Ok(element)
    }

    /// The next element, which must have this tag; `otherwise` is the complaint if it has not.
    pub(crate) fn expect(&mut self, tag: u8, otherwise: &'static str) -> Result<Element<'a>, DerError> {
        match self.peek() {
            Some(found) if found == tag => self.any(),
            _ => Err(DerError(otherwise)),
        }
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, DerError> {
        if self.peek() == Some(tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// The elements of the next element, which must be a SEQUENCE.
    pub(crate) fn sequence(&mut self, otherwise: &'static str) -> Result<Reader<'a>, DerError> {
        self.expect(tag::SEQUENCE, otherwise)?.children()
    }

    /// The next element, an object identifier, in its dotted form.
    pub(crate) fn oid(&mut self, otherwise: &'static str) -> Result<String, DerError> {
        oid_text(self.expect(tag::OID, otherwise)?.body)
    }

    /// The next element, an octet string.
    pub(crate) fn octets(&mut self, otherwise: &'static str) -> Result<Zeroizing<Vec<u8>>, DerError> {
        match self.peek() {
            Some(found) if found & !tag::CONSTRUCTED == tag::OCTET_STRING => self.any()?.octets(),
            _ => Err(DerError(otherwise)),
        }
    }

    /// The next element, a count; beyond `u64` it is `u64::MAX`.
    pub(crate) fn count(&mut self, otherwise: &'static str) -> Result<u64, DerError> {
        let body = self.expect(tag::INTEGER, otherwise)?.body;
        match body.first() {
            Some(first) if first & 0x80 == 0 => {}
            _ => return Err(DerError(otherwise)),
        }
        Ok(body.iter().try_fold(0u64, |n, byte| Some(n.checked_mul(256)? | u64::from(*byte))).unwrap_or(u64::MAX))
    }

    /// Complains unless everything was read.
    pub(crate) fn end(&self) -> Result<(), DerError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DerError("there is data after the end of the structure")) }
    }
}

/// One tag with its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    /// The value, without the end mark of an indefinite length.
    pub(crate) body: &'a [u8],
    /// Tag, length and value as they stand in the file.
    pub(crate) whole: &'a [u8],
    depth: u8,
}

impl<'a> Element<'a> {
    /// The elements inside this one.
    pub(crate) fn children(&self) -> Result<Reader<'a>, DerError> {
        if self.tag & tag::CONSTRUCTED == 0 {
            return Err(DerError("a plain value stands where a structure belongs"));
        }
        Ok(Reader { rest: self.body, depth: self.depth.saturating_add(1) })
    }

    /// The bytes of an octet string, its pieces joined. A copy that is wiped, since it may hold a
    /// private key.
    pub(crate) fn octets(&self) -> Result<Zeroizing<Vec<u8>>, DerError> {
        // The pieces are shorter than what holds them, so the vector never grows and leaves no
        // copy behind.
        let mut joined = Zeroizing::new(Vec::with_capacity(self.body.len()));
        self.append_octets(&mut joined)?;
        Ok(joined)
    }

    fn append_octets(&self, joined: &mut Vec<u8>) -> Result<(), DerError> {
        if self.tag & tag::CONSTRUCTED == 0 {
            joined.extend_from_slice(self.body);
            return Ok(());
        }
        let mut pieces = self.children()?;
        while let Some(found) = pieces.peek() {
            if found & !tag::CONSTRUCTED != tag::OCTET_STRING {
                return Err(DerError("an octet string has a piece of another type"));
            }
            pieces.any()?.append_octets(joined)?;
        }
        Ok(())
    }
}

/// Cuts the first element off.
fn split(input: &[u8], depth: u8) -> Result<(Element<'_>, &[u8]), DerError> {
    if depth > MAX_DEPTH {
        return Err(DerError("the data is nested too deep"));
    }
    let (&tag, rest) = input.split_first().ok_or(ENDS_EARLY)?;
    if tag == 0 {
        return Err(DerError("an end mark without a beginning"));
    }
    if tag & 0x1f == 0x1f {
        return Err(DerError("a tag of more than one byte"));
    }
    let (&first, rest) = rest.split_first().ok_or(ENDS_EARLY)?;
    let (body, rest) = match first {
        0..0x80 => rest.split_at_checked(usize::from(first)).ok_or(ENDS_EARLY)?,
        0x80 if tag & tag::CONSTRUCTED != 0 => split_at_end_mark(rest, depth)?,
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or(ENDS_EARLY)?;
            let length = length.iter().fold(0u32, |n, byte| n << 8 | u32::from(*byte));
            usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length)).ok_or(ENDS_EARLY)?
        }
        _ => return Err(DerError("a length that no file can have")),
    };
    let whole = input.get(..input.len() - rest.len()).ok_or(ENDS_EARLY)?;
    let element = Element { tag, body, whole, depth };
    Ok((element, rest))
}

/// Finds where a value of indefinite length ends: at the first end mark that belongs to no element
/// inside it.
fn split_at_end_mark(value: &[u8], depth: u8) -> Result<(&[u8], &[u8]), DerError> {
    let mut rest = value;
    loop {
        if let Some(after) = rest.strip_prefix(&[0, 0]) {
            let body = value.get(..value.len() - rest.len()).ok_or(ENDS_EARLY)?;
            return Ok((body, after));
        }
        (_, rest) = split(rest, depth + 1)?;
    }
}

fn oid_text(body: &[u8]) -> Result<String, DerError> {
    const BAD: DerError = DerError("an object identifier is malformed");
    let mut text = String::new();
    let mut arc = 0u32;
    let mut complete = false;
    for byte in body {
        arc = arc.checked_mul(128).ok_or(BAD)? | u32::from(byte & 0x7f);
        complete = byte & 0x80 == 0;
        if !complete {
            continue;
        }
        if text.is_empty() {
            // The first number carries two arcs: 40 * first + second, with first at most 2.
            let first = (arc / 40).min(2);
            text = format!("{first}.{}", arc - 40 * first);
        } else {
            text.push_str(&format!(".{arc}"));
        }
        arc = 0;
    }
    if complete { Ok(text) } else { Err(BAD) }
}

/// Makes one element of a tag and the parts of its value.
#[cfg(feature = "sandbox")]
pub(crate) fn encode(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            let count = bytes.len() - zeros;
            out.push(0x80 | count as u8);
            out.extend(bytes.iter().skip(zeros));
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// An object identifier from its dotted form, which is one of this crate's constants.
#[cfg(feature = "sandbox")]
pub(crate) fn encode_oid(dotted: &str) -> Vec<u8> {
    let mut arcs = dotted.split('.').filter_map(|arc| arc.parse::<u32>().ok());
    let (first, second) = (arcs.next().unwrap_or(0), arcs.next().unwrap_or(0));
    let mut body = Vec::new();
    for arc in std::iter::once(40 * first + second).chain(arcs) {
        for shift in [28, 21, 14, 7] {
            if arc >> shift != 0 {
                body.push(0x80 | (arc >> shift & 0x7f) as u8);
            }
        }
        body.push((arc & 0x7f) as u8);
    }
    encode(tag::OID, &[&body])
}

/// A number that is not negative.
#[cfg(feature = "sandbox")]
pub(crate) fn encode_count(n: u32) -> Vec<u8> {
    let bytes = n.to_be_bytes();
    let zeros = bytes.iter().take(3).take_while(|byte| **byte == 0).count();
    let digits = bytes.get(zeros..).unwrap_or_default();
    // A leading zero byte keeps the number from reading as negative.
    let sign: &[u8] = match digits.first() {
        Some(first) if first & 0x80 != 0 => &[0],
        _ => &[],
    };
    encode(tag::INTEGER, &[sign, digits])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(bytes: &[u8]) -> Result<Element<'_>, DerError> {
        Reader::new(bytes).any()
    }

    #[test]
    fn reads_every_form_of_length() {
        assert_eq!(first(&[4, 2, 7, 8]).unwrap().body, [7, 8]);
        assert_eq!(first(&[4, 0x81, 2, 7, 8]).unwrap().body, [7, 8]);
        assert_eq!(first(&[4, 0x84, 0, 0, 0, 2, 7, 8]).unwrap().body, [7, 8]);
        let indefinite = first(&[0x24, 0x80, 4, 1, 7, 4, 1, 8, 0, 0, 9]).unwrap();
        assert_eq!(indefinite.body, [4, 1, 7, 4, 1, 8]);
        assert_eq!(indefinite.whole.len(), 10);
        assert_eq!(*indefinite.octets().unwrap(), [7, 8]);
    }

    #[test]
    fn finds_the_end_mark_that_belongs_to_the_element() {
        // Two zero bytes inside a value are no end mark.
        let bytes = [0x30, 0x80, 4, 2, 0, 0, 0x30, 0x80, 5, 0, 0, 0, 0, 0];
        let mut inner = first(&bytes).unwrap().children().unwrap();
        assert_eq!(inner.any().unwrap().body, [0, 0]);
        assert_eq!(inner.any().unwrap().body, [5, 0]);
        inner.end().unwrap();
    }

    #[test]
    fn joins_pieces_of_pieces() {
        let bytes = [0x24, 9, 4, 1, 1, 0x24, 4, 4, 2, 2, 3];
        assert_eq!(*first(&bytes).unwrap().octets().unwrap(), [1, 2, 3]);
        assert!(first(&[0x24, 3, 2, 1, 1]).unwrap().octets().is_err());
    }

    #[test]
    fn refuses_what_is_cut_or_impossible() {
        for bytes in [
            &[][..],
            &[4],
            &[4, 1],
            &[4, 0x81],
            &[4, 0x82, 1],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[4, 0x85, 0, 0, 0, 0, 0],
            &[4, 0x80, 0, 0],
            &[0x30, 0x80, 5, 0],
            &[0x30, 0x80, 0],
            &[0, 0],
            &[0x1f, 1, 1],
        ] {
            assert!(first(bytes).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn stops_at_a_depth() {
        let open: Vec<u8> = [0x30, 0x80].repeat(100_000);
        assert_eq!(first(&open).unwrap_err().0, "the data is nested too deep");
        let mut nested = vec![5, 0];
        for _ in 0..40 {
            let length = nested.len() as u8;
            nested.splice(0..0, [0x30, length]);
        }
        let mut reader = Reader::new(&nested);
        let error = loop {
            match reader.any().and_then(|element| element.children()) {
                Ok(inner) => reader = inner,
                Err(error) => break error,
            }
        };
        assert_eq!(error.0, "the data is nested too deep");
    }

    #[test]
    fn reads_counts() {
        let count = |body: &[u8]| Reader::new(body).count("no count");
        assert_eq!(count(&[2, 2, 8, 0]), Ok(2048));
        assert_eq!(count(&[2, 3, 0, 0xc8, 0]), Ok(51_200));
        assert_eq!(count(&[2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0]), Ok(u64::MAX));
        assert_eq!(count(&[2, 1, 0x80]), Err(DerError("no count")));
        assert_eq!(count(&[2, 0]), Err(DerError("no count")));
    }

    #[test]
    fn writes_object_identifiers_in_dots() {
        let text = oid_text(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1]);
        assert_eq!(text.unwrap(), "1.2.840.113549.1.7.1");
        assert_eq!(oid_text(&[0x55, 4, 3]).unwrap(), "2.5.4.3");
        assert_eq!(oid_text(&[0x88, 0x37]).unwrap(), "2.999");
        assert!(oid_text(&[]).is_err());
        assert!(oid_text(&[0x2a, 0x86]).is_err());
        assert!(oid_text(&[0x2a, 0xff, 0xff, 0xff, 0xff, 0x7f]).is_err());
    }

    #[cfg(feature = "sandbox")]
    #[test]
    fn reads_what_it_writes() {
        for dotted in ["1.2.840.113549.1.12.10.1.2", "2.5.4.3", "2.999"] {
            let bytes = encode_oid(dotted);
            assert_eq!(Reader::new(&bytes).oid("").unwrap(), dotted);
        }
        for n in [0, 1, 127, 128, 2048, 51_200, u32::MAX] {
            let bytes = encode_count(n);
            assert_eq!(Reader::new(&bytes).count(""), Ok(u64::from(n)));
        }
        for length in [0, 127, 128, 255, 256, 70_000] {
            let value = vec![1; length];
            let bytes = encode(tag::OCTET_STRING, &[&value]);
            assert_eq!(first(&bytes).unwrap().body, value);
        }
    }
}
