//! Opens the `.p12` file in which WeChat Pay ships a merchant's key and certificate: PKCS#12
//! (RFC 7292) with the encryption of old and of new programs.

pub(crate) mod cipher;
pub(crate) mod keys;

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use self::cipher::Scheme;
use self::keys::{Hash, MAX_ITERATIONS, Password};
use super::der::{DerError, Element, Reader, tag};

/// What a file holds.
pub(crate) struct Contents {
    /// The certificates as DER, the one that belongs to the key first.
    pub(crate) certificates: Vec<Vec<u8>>,
    /// The private key as PKCS#8 DER.
    pub(crate) key: Zeroizing<Vec<u8>>,
}

/// Why a file does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum P12Error {
    /// The file is something else; says what.
    NotPkcs12(&'static str),
    /// The password is not the file's. In a file without a MAC, damage looks the same.
    WrongPassword,
    /// An algorithm that is not read, as object identifier.
    Unsupported(String),
    /// The file asks for so many rounds of key derivation.
    TooManyIterations(u64),
    /// There is no private key in the file.
    NoKey,
    /// There is no certificate in the file.
    NoCertificate,
    /// The structure is broken; says where.
    Damaged(&'static str),
}

impl fmt::Display for P12Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            P12Error::NotPkcs12(found) => write!(f, "not a PKCS#12 file but {found}"),
            P12Error::WrongPassword => f.write_str("the password does not open the PKCS#12 file"),
            P12Error::Unsupported(oid) => {
                write!(f, "the PKCS#12 file uses an algorithm that is not supported (object identifier {oid})")
            }
            P12Error::TooManyIterations(n) => {
                write!(f, "the PKCS#12 file asks for {n} rounds of key derivation; the limit is {}", MAX_ITERATIONS)
            }
            P12Error::NoKey => f.write_str("the PKCS#12 file holds no private key"),
            P12Error::NoCertificate => f.write_str("the PKCS#12 file holds no certificate"),
            P12Error::Damaged(what) => write!(f, "the PKCS#12 file is damaged: {what}"),
        }
    }
}

impl std::error::Error for P12Error {}

impl From<DerError> for P12Error {
    fn from(error: DerError) -> Self {
        P12Error::Damaged(error.0)
    }
}

/// Opens a file. A MAC, if there is one, is verified before anything is decrypted.
pub(crate) fn open(file: &[u8], password: &str) -> Result<Contents, P12Error> {
    let sealed = Sealed::read(file)?;
    match sealed.open(&Password::new(password)) {
        Err(P12Error::WrongPassword) if password.is_empty() => sealed.open(&Password::nothing()),
        result => result,
    }
}

/// A megabyte; real files have three to six kilobytes.
const MAX_FILE: usize = 1 << 20;

/// What all key derivations of one file may cost together: MAC, certificates and key.
const ALL_ITERATIONS: u32 = 3 * MAX_ITERATIONS;

const DATA: &str = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA: &str = "1.2.840.113549.1.7.6";

/// The outer structure, before a password is needed.
struct Sealed {
    content: Zeroizing<Vec<u8>>,
    mac: Option<MacData>,
}

struct MacData {
    hash: Hash,
    value: Vec<u8>,
    salt: Vec<u8>,
    rounds: u32,
}

impl Sealed {
    fn read(file: &[u8]) -> Result<Self, P12Error> {
        if file.len() > MAX_FILE {
            return Err(P12Error::NotPkcs12("a file of more than a megabyte"));
        }
        if file.first() != Some(&tag::SEQUENCE) {
            return Err(P12Error::NotPkcs12(describe(file)));
        }
        let mut pfx = Reader::new(file).sequence("")?;
        if pfx.clone().count("") != Ok(3) {
            return Err(P12Error::NotPkcs12(describe_der(pfx)));
        }
        pfx.any()?;

        const BAD: &str = "the outer structure is malformed";
        let mut info = pfx.sequence(BAD)?;
        let kind = info.oid(BAD)?;
        if kind != DATA {
            return Err(P12Error::Unsupported(kind));
        }
        let content = info.expect(tag::CONTEXT_0, BAD)?.children()?.octets(BAD)?;
        let mac = match pfx.peek() {
            Some(_) => Some(MacData::read(pfx.sequence(BAD)?)?),
            None => None,
        };
        Ok(Sealed { content, mac })
    }

    fn open(&self, password: &Password) -> Result<Contents, P12Error> {
        let mut opening = Opening::new(password);
        if let Some(mac) = &self.mac {
            opening.spend(mac.rounds)?;
            let value = keys::mac(mac.hash, password, &mac.salt, mac.rounds, &self.content)?;
            if !bool::from(value.ct_eq(&mac.value)) {
                return Err(P12Error::WrongPassword);
            }
        }
        opening.parts(&self.content)?;
        opening.finish()
    }
}

impl MacData {
    fn read(mut data: Reader<'_>) -> Result<Self, P12Error> {
        const BAD: &str = "the MAC is malformed";
        let mut digest = data.sequence(BAD)?;
        let hash = Hash::from_digest(digest.sequence(BAD)?.oid(BAD)?)?;
        let value = digest.octets(BAD)?.to_vec();
        let salt = data.octets(BAD)?.to_vec();
        let rounds = match data.peek() {
            Some(_) => keys::bounded(data.count(BAD)?)?,
            None => 1,
        };
        Ok(MacData { hash, value, salt, rounds })
    }
}

/// Collects keys and certificates with the local key ids that pair them.
struct Opening<'p> {
    password: &'p Password,
    rounds_left: u32,
    keys: Vec<Bag<Zeroizing<Vec<u8>>>>,
    certificates: Vec<Bag<Vec<u8>>>,
}

struct Bag<T> {
    id: Option<Vec<u8>>,
    value: T,
}

impl<'p> Opening<'p> {
    fn new(password: &'p Password) -> Self {
        Opening { password, rounds_left: ALL_ITERATIONS, keys: Vec::new(), certificates: Vec::new() }
    }

    fn parts(&mut self, content: &[u8]) -> Result<(), P12Error> {
        const BAD: &str = "the list of parts is malformed";
        let mut parts = Reader::new(content).sequence(BAD)?;
        while parts.peek().is_some() {
            let mut part = parts.sequence(BAD)?;
            let kind = part.oid(BAD)?;
            let mut value = part.expect(tag::CONTEXT_0, BAD)?.children()?;
            let bags = match kind.as_str() {
                DATA => value.octets(BAD)?,
                ENCRYPTED_DATA => self.encrypted_part(value.sequence(BAD)?)?,
                _ => return Err(P12Error::Unsupported(kind)),
            };
            self.bags(Reader::new(&bags).sequence(BAD)?)?;
        }
        Ok(())
    }

    fn encrypted_part(&mut self, mut data: Reader<'_>) -> Result<Zeroizing<Vec<u8>>, P12Error> {
        const BAD: &str = "an encrypted part is malformed";
        data.count(BAD)?;
        let mut info = data.sequence(BAD)?;
        info.oid(BAD)?;
        let scheme = Scheme::read(&mut info)?;
        let secret = info.any()?;
        if !matches!(secret.tag, tag::CONTEXT_0 | tag::CONTEXT_0_PRIMITIVE) {
            return Err(P12Error::Damaged(BAD));
        }
        let plain = self.decrypt(&scheme, secret.octets()?)?;
        is_bags(&plain).map_err(|_| P12Error::WrongPassword)?;
        Ok(plain)
    }

    fn bags(&mut self, mut bags: Reader<'_>) -> Result<(), P12Error> {
        const BAD: &str = "a bag is malformed";
        while bags.peek().is_some() {
            let mut bag = bags.sequence(BAD)?;
            let kind = bag.oid(BAD)?;
            let mut value = bag.expect(tag::CONTEXT_0, BAD)?.children()?;
            let id = local_key_id(bag.optional(tag::SET)?)?;
            match kind.strip_prefix("1.2.840.113549.1.12.10.1.") {
                Some("1") => {
                    let key = Zeroizing::new(value.any()?.whole.to_vec());
                    is_pkcs8(&key)?;
                    self.keys.push(Bag { id, value: key });
                }
                Some("2") => {
                    let mut shrouded = value.sequence(BAD)?;
                    let scheme = Scheme::read(&mut shrouded)?;
                    let key = self.decrypt(&scheme, shrouded.octets(BAD)?)?;
                    is_pkcs8(&key).map_err(|_| P12Error::WrongPassword)?;
                    self.keys.push(Bag { id, value: key });
                }
                Some("3") => {
                    let mut certificate = value.sequence(BAD)?;
                    if certificate.oid(BAD)? == "1.2.840.113549.1.9.22.1" {
                        let mut der = certificate.expect(tag::CONTEXT_0, BAD)?.children()?;
                        let value = der.octets(BAD)?.to_vec();
                        self.certificates.push(Bag { id, value });
                    }
                }
                Some("6") => self.bags(value.sequence(BAD)?)?,
                // Revocation lists and free secrets: nothing a merchant needs.
                _ => {}
            }
        }
        Ok(())
    }

    fn decrypt(&mut self, scheme: &Scheme, mut data: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, P12Error> {
        self.spend(scheme.rounds)?;
        scheme.decrypt(self.password, &mut data)?;
        Ok(data)
    }

    fn spend(&mut self, rounds: u32) -> Result<(), P12Error> {
        self.rounds_left = self.rounds_left.checked_sub(rounds).ok_or(P12Error::Damaged("too many encrypted parts"))?;
        Ok(())
    }

    /// Takes the first key that has a certificate, or the first key, and puts its certificate
    /// first. Files without local key ids keep their order.
    fn finish(mut self) -> Result<Contents, P12Error> {
        let paired = self
            .keys
            .iter()
            .position(|key| key.id.is_some() && self.certificates.iter().any(|other| other.id == key.id));
        let Some(key) = self.keys.into_iter().nth(paired.unwrap_or(0)) else {
            return Err(P12Error::NoKey);
        };
        if self.certificates.is_empty() {
            return Err(P12Error::NoCertificate);
        }
        if key.id.is_some() {
            self.certificates.sort_by_key(|other| other.id != key.id);
        }
        Ok(Contents { certificates: self.certificates.into_iter().map(|bag| bag.value).collect(), key: key.value })
    }
}

fn local_key_id(attributes: Option<Element<'_>>) -> Result<Option<Vec<u8>>, P12Error> {
    const BAD: &str = "the attributes of a bag are malformed";
    let Some(attributes) = attributes else {
        return Ok(None);
    };
    let mut attributes = attributes.children()?;
    while attributes.peek().is_some() {
        let mut attribute = attributes.sequence(BAD)?;
        if attribute.oid(BAD)? == "1.2.840.113549.1.9.21" {
            let mut values = attribute.expect(tag::SET, BAD)?.children()?;
            return Ok(Some(values.octets(BAD)?.to_vec()));
        }
    }
    Ok(None)
}

/// Whether decrypted bytes are a list of bags. By chance, one wrong password in 256 leaves a
/// padding that fits; it does not leave this.
fn is_bags(bytes: &[u8]) -> Result<(), DerError> {
    let mut outer = Reader::new(bytes);
    let mut bags = outer.sequence("")?;
    outer.end()?;
    while bags.peek().is_some() {
        bags.sequence("")?.oid("")?;
    }
    Ok(())
}

fn is_pkcs8(bytes: &[u8]) -> Result<(), DerError> {
    const BAD: &str = "the private key is malformed";
    let mut outer = Reader::new(bytes);
    let mut key = outer.sequence(BAD)?;
    outer.end()?;
    key.count(BAD)?;
    key.sequence(BAD)?.oid(BAD)?;
    key.octets(BAD)?;
    Ok(())
}

/// What people hand over in place of the file.
fn describe(file: &[u8]) -> &'static str {
    let text = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file).trim_ascii_start();
    match text {
        [] => "an empty file",
        [b'-', b'-', b'-', b'-', b'-', ..] => "PEM text",
        [b'M', b'I', b'I', ..] => "base64 text; decode it first",
        [b'<', ..] => "a web page",
        [b'P', b'K', 3, 4, ..] => "a zip archive; unpack it first",
        [0xfe, 0xed, 0xfe, 0xed, ..] => "a Java keystore of the old kind",
        _ => "something else",
    }
}

fn describe_der(mut inner: Reader<'_>) -> &'static str {
    match inner.peek() {
        Some(tag::SEQUENCE) => "a certificate or an encrypted key by itself",
        Some(tag::INTEGER) if inner.count("") == Ok(0) => "a private key by itself",
        _ => "another kind of DER file",
    }
}

#[cfg(test)]
mod tests;
