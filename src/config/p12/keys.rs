//! From a password to keys: the derivation of the PKCS#12 format itself, PBKDF2, and the MAC.

use hmac::{Hmac, KeyInit, Mac};
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::digest::block_api::{BlockSizeUser, EagerHash};
use sha2::digest::{Digest, InvalidLength};
use sha2::{Sha256, Sha384, Sha512};
use zeroize::{Zeroize, Zeroizing};

use super::P12Error;

/// The most rounds one key derivation may ask for.
///
/// The file names the number, so a hostile file could stop the program for hours. OpenSSL writes
/// 2 048 rounds, Java 10 000, Bouncy Castle 51 200, and careful people follow the advice of 600 000
/// for SHA-256; a million still takes less than a second.
pub(crate) const MAX_ITERATIONS: u32 = 1_000_000;

/// A password in the two forms the format uses.
pub(crate) struct Password {
    /// UTF-16, big-endian, with a zero at the end: for the MAC and the old ciphers.
    wide: Zeroizing<Vec<u8>>,
    /// UTF-8: for PBES2.
    plain: Zeroizing<Vec<u8>>,
}

impl Password {
    /// The password as nearly everybody encodes it.
    pub(crate) fn new(text: &str) -> Self {
        // At most two bytes of UTF-16 for each byte of UTF-8: the vector never grows and leaves no
        // copy behind.
        let mut wide = Zeroizing::new(Vec::with_capacity(2 * text.len() + 2));
        for unit in text.encode_utf16().chain([0]) {
            wide.extend_from_slice(&unit.to_be_bytes());
        }
        let plain = Zeroizing::new(text.as_bytes().to_vec());
        Password { wide, plain }
    }

    /// The other encoding of an empty password: no bytes at all.
    pub(crate) fn nothing() -> Self {
        Password { wide: Zeroizing::default(), plain: Zeroizing::default() }
    }
}

/// A hash function of the MAC or of PBKDF2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    const ALL: [Self; 4] = [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512];

    /// The hash function of a digest's object identifier.
    pub(crate) fn from_digest(oid: String) -> Result<Self, P12Error> {
        let known = Self::ALL.into_iter().find(|hash| hash.digest_oid() == oid);
        known.ok_or(P12Error::Unsupported(oid))
    }

    /// The hash function of an HMAC's object identifier.
    pub(crate) fn from_hmac(oid: String) -> Result<Self, P12Error> {
        let known = Self::ALL.into_iter().find(|hash| hash.hmac_oid() == oid);
        known.ok_or(P12Error::Unsupported(oid))
    }

    /// The object identifier as a digest.
    pub(crate) fn digest_oid(self) -> &'static str {
        match self {
            Hash::Sha1 => "1.3.14.3.2.26",
            Hash::Sha256 => "2.16.840.1.101.3.4.2.1",
            Hash::Sha384 => "2.16.840.1.101.3.4.2.2",
            Hash::Sha512 => "2.16.840.1.101.3.4.2.3",
        }
    }

    /// The object identifier as the hash of PBKDF2.
    pub(crate) fn hmac_oid(self) -> &'static str {
        match self {
            Hash::Sha1 => "1.2.840.113549.2.7",
            Hash::Sha256 => "1.2.840.113549.2.9",
            Hash::Sha384 => "1.2.840.113549.2.10",
            Hash::Sha512 => "1.2.840.113549.2.11",
        }
    }

    /// Fills `out` with a key.
    pub(crate) fn pbkdf2(self, password: &Password, salt: &[u8], rounds: u32, out: &mut [u8]) {
        let password = &password.plain;
        match self {
            Hash::Sha1 => pbkdf2_hmac::<Sha1>(password, salt, rounds, out),
            Hash::Sha256 => pbkdf2_hmac::<Sha256>(password, salt, rounds, out),
            Hash::Sha384 => pbkdf2_hmac::<Sha384>(password, salt, rounds, out),
            Hash::Sha512 => pbkdf2_hmac::<Sha512>(password, salt, rounds, out),
        }
    }
}

/// The MAC of the content of a PKCS#12 file.
pub(crate) fn mac(
    hash: Hash,
    password: &Password,
    salt: &[u8],
    rounds: u32,
    content: &[u8],
) -> Result<Vec<u8>, P12Error> {
    match hash {
        Hash::Sha1 => mac_with::<Sha1>(password, salt, rounds, content),
        Hash::Sha256 => mac_with::<Sha256>(password, salt, rounds, content),
        Hash::Sha384 => mac_with::<Sha384>(password, salt, rounds, content),
        Hash::Sha512 => mac_with::<Sha512>(password, salt, rounds, content),
    }
    .map_err(|InvalidLength| P12Error::Damaged("the MAC key has an impossible length"))
}

/// A number of rounds that is neither zero nor an attack.
pub(crate) fn bounded(rounds: u64) -> Result<u32, P12Error> {
    match u32::try_from(rounds) {
        Ok(0) => Err(P12Error::Damaged("a key derivation has no rounds")),
        Ok(few) if few <= MAX_ITERATIONS => Ok(few),
        _ => Err(P12Error::TooManyIterations(rounds)),
    }
}

/// What a derived key is for; the numbers are the format's.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

/// The key derivation of RFC 7292, appendix B.2.
pub(crate) fn derive<D: EagerHash>(purpose: Purpose, password: &Password, salt: &[u8], rounds: u32, out: &mut [u8]) {
    let block = <D as BlockSizeUser>::block_size();
    let diversifier = vec![purpose as u8; block];
    // Salt and password, each repeated until it fills whole blocks.
    let filled = |bytes: &[u8]| bytes.len().next_multiple_of(block);
    let size = filled(salt) + filled(&password.wide);
    let mut input = Zeroizing::new(Vec::with_capacity(size));
    input.extend(salt.iter().cycle().take(filled(salt)));
    input.extend(password.wide.iter().cycle().take(filled(&password.wide)));

    for chunk in out.chunks_mut(<D as Digest>::output_size()) {
        let mut hash = D::new().chain_update(&diversifier).chain_update(&*input).finalize();
        for _ in 1..rounds {
            hash = D::digest(&hash);
        }
        for (to, from) in chunk.iter_mut().zip(&hash) {
            *to = *from;
        }
        // Each block of the input, as a number, grows by the hash (repeated to a block) plus one.
        let addend: Zeroizing<Vec<u8>> = Zeroizing::new(hash.iter().copied().cycle().take(block).collect());
        for number in input.chunks_mut(block) {
            let mut carry = 1;
            for (digit, add) in number.iter_mut().zip(addend.iter()).rev() {
                let sum = u16::from(*digit) + u16::from(*add) + carry;
                carry = sum >> 8;
                *digit = (sum & 0xff) as u8;
            }
        }
        hash.as_mut_slice().zeroize();
    }
}

fn mac_with<D: EagerHash>(
    password: &Password,
    salt: &[u8],
    rounds: u32,
    content: &[u8],
) -> Result<Vec<u8>, InvalidLength> {
    let mut key = Zeroizing::new(vec![0; <D as Digest>::output_size()]);
    derive::<D>(Purpose::Mac, password, salt, rounds, &mut key);
    let mut mac = <Hmac<D> as KeyInit>::new_from_slice(&key)?;
    mac.update(content);
    Ok(mac.finalize().into_bytes().to_vec())
}
