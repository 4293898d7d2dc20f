//! How the parts of a PKCS#12 file are encrypted: the description in the file, and the ciphers.

use cbc::Decryptor;
#[cfg(feature = "sandbox")]
use cbc::Encryptor;
#[cfg(feature = "sandbox")]
use cbc::cipher::BlockModeEncrypt;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, InnerIvInit, InvalidLength, KeyIvInit};
use sha1::Sha1;
use zeroize::Zeroizing;

use super::P12Error;
use super::keys::{Hash, Password, Purpose, bounded, derive};
use crate::config::der::{Reader, tag};
#[cfg(feature = "sandbox")]
use crate::config::der::{encode, encode_count, encode_oid};

/// How one part of the file is encrypted.
#[derive(Debug)]
pub(crate) struct Scheme {
    cipher: Cipher,
    derivation: Derivation,
    salt: Vec<u8>,
    pub(crate) rounds: u32,
}

/// A block cipher, always in CBC mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cipher {
    Rc2With40Bits,
    TripleDes,
    Aes128,
    Aes192,
    Aes256,
}

#[derive(Debug)]
enum Derivation {
    /// The format's own, always with SHA-1 here; it yields the IV too.
    Pkcs12,
    Pbkdf2 {
        hash: Hash,
        iv: Vec<u8>,
    },
}

impl Scheme {
    /// Reads an AlgorithmIdentifier.
    pub(crate) fn read(outer: &mut Reader<'_>) -> Result<Self, P12Error> {
        const BAD: &str = "the description of the encryption is malformed";
        let mut algorithm = outer.sequence(BAD)?;
        let oid = algorithm.oid(BAD)?;
        if oid == PBES2 {
            return Self::read_pbes2(algorithm.sequence(BAD)?);
        }
        let cipher = Cipher::among(&[Cipher::Rc2With40Bits, Cipher::TripleDes], oid)?;
        let mut parameters = algorithm.sequence(BAD)?;
        Ok(Scheme {
            cipher,
            derivation: Derivation::Pkcs12,
            salt: parameters.octets(BAD)?.to_vec(),
            rounds: bounded(parameters.count(BAD)?)?,
        })
    }

    fn read_pbes2(mut parameters: Reader<'_>) -> Result<Self, P12Error> {
        const BAD: &str = "the description of the PBES2 encryption is malformed";
        let mut kdf = parameters.sequence(BAD)?;
        let oid = kdf.oid(BAD)?;
        if oid != PBKDF2 {
            return Err(P12Error::Unsupported(oid));
        }
        let mut kdf = kdf.sequence(BAD)?;
        let salt = kdf.octets(BAD)?.to_vec();
        let rounds = bounded(kdf.count(BAD)?)?;
        let key_length = match kdf.peek() {
            Some(tag::INTEGER) => Some(kdf.count(BAD)?),
            _ => None,
        };
        let hash = match kdf.peek() {
            Some(_) => Hash::from_hmac(kdf.sequence(BAD)?.oid(BAD)?)?,
            None => Hash::Sha1,
        };

        let mut encryption = parameters.sequence(BAD)?;
        let known = [Cipher::Aes128, Cipher::Aes192, Cipher::Aes256];
        let cipher = Cipher::among(&known, encryption.oid(BAD)?)?;
        if key_length.is_some_and(|length| length != cipher.key_length() as u64) {
            return Err(P12Error::Damaged("the key length does not belong to the cipher"));
        }
        let iv = encryption.octets(BAD)?.to_vec();
        Ok(Scheme { cipher, derivation: Derivation::Pbkdf2 { hash, iv }, salt, rounds })
    }

    /// Decrypts in place. A padding that does not fit means a wrong password.
    pub(crate) fn decrypt(&self, password: &Password, data: &mut Zeroizing<Vec<u8>>) -> Result<(), P12Error> {
        let (key, iv) = self.key_and_iv(password);
        let length = match self.cipher {
            Cipher::Rc2With40Bits => {
                unpad(Decryptor::inner_iv_slice_init(rc2::Rc2::new_with_eff_key_len(&key, 40), &iv), data)
            }
            Cipher::TripleDes => unpad(Decryptor::<des::TdesEde3>::new_from_slices(&key, &iv), data),
            Cipher::Aes128 => unpad(Decryptor::<aes::Aes128>::new_from_slices(&key, &iv), data),
            Cipher::Aes192 => unpad(Decryptor::<aes::Aes192>::new_from_slices(&key, &iv), data),
            Cipher::Aes256 => unpad(Decryptor::<aes::Aes256>::new_from_slices(&key, &iv), data),
        }?;
        data.truncate(length);
        Ok(())
    }

    fn key_and_iv(&self, password: &Password) -> (Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>) {
        let mut key = Zeroizing::new(vec![0; self.cipher.key_length()]);
        let iv = match &self.derivation {
            Derivation::Pkcs12 => {
                // Both ciphers of this kind have blocks of eight bytes.
                let mut iv = Zeroizing::new(vec![0; 8]);
                derive::<Sha1>(Purpose::Key, password, &self.salt, self.rounds, &mut key);
                derive::<Sha1>(Purpose::Iv, password, &self.salt, self.rounds, &mut iv);
                iv
            }
            Derivation::Pbkdf2 { hash, iv } => {
                hash.pbkdf2(password, &self.salt, self.rounds, &mut key);
                Zeroizing::new(iv.clone())
            }
        };
        (key, iv)
    }
}

#[cfg(feature = "sandbox")]
impl Scheme {
    /// A new scheme with a random salt; AES ciphers derive their key with HMAC-SHA-256.
    pub(crate) fn new(cipher: Cipher, rounds: u32, random: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut fresh = |length| {
            let mut bytes = vec![0; length];
            random(&mut bytes);
            bytes
        };
        let derivation = match cipher {
            Cipher::Rc2With40Bits | Cipher::TripleDes => Derivation::Pkcs12,
            Cipher::Aes128 | Cipher::Aes192 | Cipher::Aes256 => {
                Derivation::Pbkdf2 { hash: Hash::Sha256, iv: fresh(16) }
            }
        };
        Scheme { cipher, derivation, salt: fresh(8), rounds }
    }

    /// Writes the AlgorithmIdentifier.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let sequence = |parts: &[&[u8]]| encode(tag::SEQUENCE, parts);
        let octets = |bytes: &[u8]| encode(tag::OCTET_STRING, &[bytes]);
        let (salt, rounds) = (octets(&self.salt), encode_count(self.rounds));
        let cipher = encode_oid(self.cipher.oid());
        match &self.derivation {
            Derivation::Pkcs12 => sequence(&[&cipher, &sequence(&[&salt, &rounds])]),
            Derivation::Pbkdf2 { hash, iv } => {
                let hash = sequence(&[&encode_oid(hash.hmac_oid()), &encode(tag::NULL, &[])]);
                let kdf = sequence(&[&encode_oid(PBKDF2), &sequence(&[&salt, &rounds, &hash])]);
                let encryption = sequence(&[&cipher, &octets(iv)]);
                sequence(&[&encode_oid(PBES2), &sequence(&[&kdf, &encryption])])
            }
        }
    }

    /// Pads and encrypts.
    pub(crate) fn encrypt(&self, password: &Password, data: &[u8]) -> Result<Vec<u8>, P12Error> {
        let (key, iv) = self.key_and_iv(password);
        match self.cipher {
            Cipher::Rc2With40Bits => {
                pad(Encryptor::inner_iv_slice_init(rc2::Rc2::new_with_eff_key_len(&key, 40), &iv), data)
            }
            Cipher::TripleDes => pad(Encryptor::<des::TdesEde3>::new_from_slices(&key, &iv), data),
            Cipher::Aes128 => pad(Encryptor::<aes::Aes128>::new_from_slices(&key, &iv), data),
            Cipher::Aes192 => pad(Encryptor::<aes::Aes192>::new_from_slices(&key, &iv), data),
            Cipher::Aes256 => pad(Encryptor::<aes::Aes256>::new_from_slices(&key, &iv), data),
        }
    }
}

const PBES2: &str = "1.2.840.113549.1.5.13";
const PBKDF2: &str = "1.2.840.113549.1.5.12";

impl Cipher {
    fn among(known: &[Self], oid: String) -> Result<Self, P12Error> {
        let found = known.iter().find(|cipher| cipher.oid() == oid);
        found.copied().ok_or(P12Error::Unsupported(oid))
    }

    /// For the two old ciphers this names the key derivation too.
    fn oid(self) -> &'static str {
        match self {
            Cipher::TripleDes => "1.2.840.113549.1.12.1.3",
            Cipher::Rc2With40Bits => "1.2.840.113549.1.12.1.6",
            Cipher::Aes128 => "2.16.840.1.101.3.4.1.2",
            Cipher::Aes192 => "2.16.840.1.101.3.4.1.22",
            Cipher::Aes256 => "2.16.840.1.101.3.4.1.42",
        }
    }

    fn key_length(self) -> usize {
        match self {
            Cipher::Rc2With40Bits => 5,
            Cipher::Aes128 => 16,
            Cipher::TripleDes | Cipher::Aes192 => 24,
            Cipher::Aes256 => 32,
        }
    }
}

/// Decrypts and says how much of the data is left without the padding.
fn unpad<M: BlockModeDecrypt>(mode: Result<M, InvalidLength>, data: &mut [u8]) -> Result<usize, P12Error> {
    mode.map_err(|InvalidLength| BAD_IV)?
        .decrypt_padded::<Pkcs7>(data)
        .map(<[u8]>::len)
        .map_err(|_| P12Error::WrongPassword)
}

#[cfg(feature = "sandbox")]
fn pad<M: BlockModeEncrypt>(mode: Result<M, InvalidLength>, data: &[u8]) -> Result<Vec<u8>, P12Error> {
    let mode = mode.map_err(|InvalidLength| BAD_IV)?;
    Ok(mode.encrypt_padded_vec::<Pkcs7>(data))
}

const BAD_IV: P12Error = P12Error::Damaged("the IV does not fit the cipher");
