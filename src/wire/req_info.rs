//! The encrypted part of refund notifications (加密信息, `req_info`): base64 of
//! AES-256-ECB with PKCS#7 padding, under the lower-case hex digits of the API
//! key's MD5.
//!
//! Source: refund result notification (退款结果通知), read 2026-11. ECB protects
//! nothing against change, so a text that comes out is checked by its reader.

use aes::Aes256;
use aes::cipher::{Block, BlockCipherDecrypt as _, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::digest;
use crate::secret::Secret;

const BLOCK: usize = 16;

/// The text, or `None` if this is nothing that the key has encrypted.
pub(crate) fn decrypt(req_info: &str, key: &Secret) -> Option<Vec<u8>> {
    let packed: Vec<u8> = req_info.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let mut bytes = STANDARD.decode(packed).ok()?;
    if bytes.is_empty() || bytes.len() % BLOCK != 0 {
        return None;
    }
    let cipher = cipher(key);
    for block in bytes.chunks_exact_mut(BLOCK) {
        if let Ok(block) = <&mut Block<Aes256>>::try_from(block) {
            cipher.decrypt_block(block);
        }
    }
    let padding = usize::from(*bytes.last()?);
    let end = bytes.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding))?;
    let whole = bytes.get(end..)?.iter().all(|byte| usize::from(*byte) == padding);
    bytes.truncate(end);
    whole.then_some(bytes)
}

/// The bytes of a text in base64, without an encryption; for the sandbox.
#[cfg(feature = "sandbox")]
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// As WeChat writes it; for the sandbox.
#[cfg(feature = "sandbox")]
pub(crate) fn encrypt(text: &[u8], key: &Secret) -> String {
    use aes::cipher::BlockCipherEncrypt as _;
    let padding = BLOCK - text.len() % BLOCK;
    let mut bytes = text.to_vec();
    bytes.resize(text.len() + padding, u8::try_from(padding).unwrap_or(0));
    let cipher = cipher(key);
    for block in bytes.chunks_exact_mut(BLOCK) {
        if let Ok(block) = <&mut Block<Aes256>>::try_from(block) {
            cipher.encrypt_block(block);
        }
    }
    STANDARD.encode(bytes)
}

fn cipher(key: &Secret) -> Aes256 {
    let hex: Zeroizing<[u8; 32]> = digest::lower_hex_md5(key);
    Aes256::new(&(*hex).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Secret {
        Secret::new("TestKey0TestKey1TestKey2TestKey3")
    }

    /// Computed with OpenSSL.
    const VECTORS: [(&str, &str); 2] = [
        ("<root><a>1</a></root>", "LopBhcqtvXXWCKAgVDb1rBseb4vHWtBC7s4x0brB9lY="),
        ("<root><a>12345678</a></root>....", "PhAItNVCccQFurvSiCR0eJhMxcxZ4xcGajOk7MWCDJvc74Y9sNMf7Pkns8RxOpW4"),
    ];

    #[test]
    fn opens_what_openssl_sealed() {
        for (text, sealed) in VECTORS {
            assert_eq!(decrypt(sealed, &key()).as_deref(), Some(text.as_bytes()));
            #[cfg(feature = "sandbox")]
            assert_eq!(encrypt(text.as_bytes(), &key()), sealed);
        }
    }

    #[derive(serde::Deserialize)]
    struct Vector {
        key: String,
        plain: String,
        cipher: String,
    }

    /// Texts of many lengths around the blocks.
    #[test]
    fn opens_each_text_of_the_fixtures() {
        let vectors = include_str!("../../fixtures/notices/req_info.json");
        let vectors: Vec<Vector> = serde_json::from_str(vectors).unwrap();
        assert!(vectors.len() >= 30, "{}", vectors.len());
        for Vector { key, plain, cipher } in vectors {
            let key = Secret::new(key);
            assert_eq!(decrypt(&cipher, &key).as_deref(), Some(plain.as_bytes()), "{plain}");
            #[cfg(feature = "sandbox")]
            assert_eq!(encrypt(plain.as_bytes(), &key), cipher, "{plain}");
        }
    }

    #[test]
    fn nothing_else_opens() {
        let sealed = VECTORS[1].1;
        let other = Secret::new("TestKey0TestKey1TestKey2TestKey4");
        assert_eq!(decrypt(sealed, &other), None);
        for wrong in ["", "=", "AAAA", "中文", &sealed[..sealed.len() - 4], &sealed[4..], &format!("{sealed}AAAA")] {
            assert_eq!(decrypt(wrong, &key()), None, "{wrong}");
        }
    }
}
