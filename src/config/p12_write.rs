//! Writes the `.p12` files that the sandbox hands to its merchants, in the encryption of today and
//! in that of older WeChat Pay downloads.

use sha1::{Digest, Sha1};

use super::der::{encode, encode_count, encode_oid, tag};
use super::p12::cipher::{Cipher, Scheme};
use super::p12::keys::{self, Hash, Password};
use super::p12::{Contents, P12Error};

/// Which programs must be able to read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// RC2-40 for certificates, 3DES for the key, SHA-1 for the MAC: what WeChat Pay ships. OpenSSL 3
    /// needs `-legacy` for it.
    Legacy,
    /// AES-256 and SHA-256 throughout: what OpenSSL 3 writes.
    Modern,
}

/// Makes a file of a key and its certificates, the key's own first. `random` fills salts and
/// initialization vectors.
pub(crate) fn write(
    contents: &Contents,
    password: &str,
    friendly_name: &str,
    encryption: Encryption,
    random: &mut dyn FnMut(&mut [u8]),
) -> Result<Vec<u8>, P12Error> {
    let password = Password::new(password);
    let (certificates_cipher, key_cipher, hash) = match encryption {
        Encryption::Legacy => (Cipher::Rc2With40Bits, Cipher::TripleDes, Hash::Sha1),
        Encryption::Modern => (Cipher::Aes256, Cipher::Aes256, Hash::Sha256),
    };
    let own = contents.certificates.first().ok_or(P12Error::NoCertificate)?;
    let attributes = attributes(&Sha1::digest(own), friendly_name);

    let mut bags = Vec::new();
    for (index, der) in contents.certificates.iter().enumerate() {
        let attributes: &[u8] = if index == 0 { &attributes } else { &[] };
        bags.extend(certificate_bag(der, attributes));
    }
    let bags = sequence(&[&bags]);
    let scheme = Scheme::new(certificates_cipher, ROUNDS, random);
    let secret = scheme.encrypt(&password, &bags)?;
    let certificates = encrypted_part(&scheme, &secret);

    let scheme = Scheme::new(key_cipher, ROUNDS, random);
    let secret = scheme.encrypt(&password, &contents.key)?;
    let key = data(&sequence(&[&key_bag(&scheme, &secret, &attributes)]));

    let content = sequence(&[&certificates, &key]);
    let mut salt = [0; 8];
    random(&mut salt);
    let mac = keys::mac(hash, &password, &salt, ROUNDS, &content)?;
    let mac = sequence(&[
        &sequence(&[
            &sequence(&[&encode_oid(hash.digest_oid()), &encode(tag::NULL, &[])]),
            &encode(tag::OCTET_STRING, &[&mac]),
        ]),
        &encode(tag::OCTET_STRING, &[&salt]),
        &encode_count(ROUNDS),
    ]);
    Ok(sequence(&[&encode_count(3), &data(&content), &mac]))
}

/// What OpenSSL writes. The password is the merchant number, which everybody knows; more rounds
/// would protect nothing.
const ROUNDS: u32 = 2048;

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    encode(tag::SEQUENCE, parts)
}

/// A ContentInfo that is not encrypted.
fn data(content: &[u8]) -> Vec<u8> {
    let octets = encode(tag::OCTET_STRING, &[content]);
    sequence(&[&encode_oid("1.2.840.113549.1.7.1"), &encode(tag::CONTEXT_0, &[&octets])])
}

/// A ContentInfo that is encrypted.
fn encrypted_part(scheme: &Scheme, secret: &[u8]) -> Vec<u8> {
    let info = sequence(&[
        &encode_oid("1.2.840.113549.1.7.1"),
        &scheme.encode(),
        &encode(tag::CONTEXT_0_PRIMITIVE, &[secret]),
    ]);
    let data = sequence(&[&encode_count(0), &info]);
    sequence(&[&encode_oid("1.2.840.113549.1.7.6"), &encode(tag::CONTEXT_0, &[&data])])
}

fn certificate_bag(der: &[u8], attributes: &[u8]) -> Vec<u8> {
    let octets = encode(tag::OCTET_STRING, &[der]);
    let certificate = sequence(&[&encode_oid("1.2.840.113549.1.9.22.1"), &encode(tag::CONTEXT_0, &[&octets])]);
    sequence(&[&encode_oid("1.2.840.113549.1.12.10.1.3"), &encode(tag::CONTEXT_0, &[&certificate]), attributes])
}

fn key_bag(scheme: &Scheme, secret: &[u8], attributes: &[u8]) -> Vec<u8> {
    let shrouded = sequence(&[&scheme.encode(), &encode(tag::OCTET_STRING, &[secret])]);
    sequence(&[&encode_oid("1.2.840.113549.1.12.10.1.2"), &encode(tag::CONTEXT_0, &[&shrouded]), attributes])
}

/// The local key id that pairs key and certificate, and the name that programs show.
fn attributes(local_key_id: &[u8], friendly_name: &str) -> Vec<u8> {
    let name: Vec<u8> = friendly_name.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let attribute = |oid, value: Vec<u8>| sequence(&[&encode_oid(oid), &encode(tag::SET, &[&value])]);
    let name = attribute("1.2.840.113549.1.9.20", encode(tag::BMP_STRING, &[&name]));
    let id = attribute("1.2.840.113549.1.9.21", encode(tag::OCTET_STRING, &[local_key_id]));
    // DER sorts the members of a set; the shorter one comes first by its length byte.
    let mut members = [name, id];
    members.sort();
    encode(tag::SET, &[&members.concat()])
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::super::p12;
    use super::*;

    const KEY: &[u8] = include_bytes!("../../fixtures/certificates/merchant.key.der");
    const CERTIFICATE: &[u8] = include_bytes!("../../fixtures/certificates/merchant.cert.der");
    const ISSUER: &[u8] = include_bytes!("../../fixtures/certificates/issuer.cert.der");

    fn written(password: &str, encryption: Encryption) -> Vec<u8> {
        let contents =
            Contents { certificates: vec![CERTIFICATE.to_vec(), ISSUER.to_vec()], key: Zeroizing::new(KEY.to_vec()) };
        let mut next = 0u8;
        let mut random = |bytes: &mut [u8]| {
            for byte in bytes {
                next = next.wrapping_add(59);
                *byte = next;
            }
        };
        write(&contents, password, "微信支付", encryption, &mut random).unwrap()
    }

    #[test]
    fn writes_what_the_reader_opens() {
        for encryption in [Encryption::Legacy, Encryption::Modern] {
            for password in ["1230004567", "", "红包密码"] {
                let file = written(password, encryption);
                let contents = p12::open(&file, password).unwrap_or_else(|e| panic!("{e}"));
                assert_eq!(*contents.key, KEY);
                assert_eq!(contents.certificates, [CERTIFICATE, ISSUER]);
                let wrong = p12::open(&file, "1230004568").err();
                assert_eq!(wrong, Some(P12Error::WrongPassword));
            }
        }
    }

    #[test]
    fn needs_a_certificate() {
        let contents = Contents { certificates: Vec::new(), key: Zeroizing::new(KEY.to_vec()) };
        let result = write(&contents, "", "", Encryption::Modern, &mut |_| {});
        assert_eq!(result, Err(P12Error::NoCertificate));
    }
}
