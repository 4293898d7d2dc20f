use super::*;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../fixtures/certificates/", $name)).as_slice()
    };
}

macro_rules! files {
    ($($name:literal $password:expr)*) => { [$(($name, fixture!($name), $password)),*] };
}

const KEY: &[u8] = fixture!("merchant.key.der");
const CERTIFICATE: &[u8] = fixture!("merchant.cert.der");
const ISSUER: &[u8] = fixture!("issuer.cert.der");
const PASSWORD: &str = "1230004567";

/// Every file that opens, with its password.
const FILES: [(&str, &[u8], &str); 21] = files![
    "wechat.p12" PASSWORD
    "3des.p12" PASSWORD
    "mac_once.p12" PASSWORD
    "no_mac.p12" PASSWORD
    "no_mac_modern.p12" PASSWORD
    "open_certificates.p12" PASSWORD
    "open.p12" PASSWORD
    "modern.p12" PASSWORD
    "aes128_mac_sha512.p12" PASSWORD
    "aes192_mac_sha384.p12" PASSWORD
    "empty_password.p12" ""
    "empty_password_modern.p12" ""
    "null_password.p12" ""
    "chinese_password.p12" "红包密码"
    "chinese_password_modern.p12" "红包密码"
    "java.p12" PASSWORD
    "java_sha1.p12" PASSWORD
    "java_sha512.p12" PASSWORD
    "java_issuer_first.p12" PASSWORD
    "ber.p12" PASSWORD
    "python.p12" PASSWORD
];

#[test]
fn opens_every_variant() {
    for (name, file, password) in FILES {
        let contents = open(file, password).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(*contents.key, KEY, "{name}");
        let chain: &[&[u8]] = match name {
            "open.p12" | "java_issuer_first.p12" | "python.p12" => &[CERTIFICATE, ISSUER],
            _ => &[CERTIFICATE],
        };
        assert_eq!(contents.certificates, chain, "{name}");
    }
}

#[test]
fn refuses_a_wrong_password_for_every_variant() {
    for (name, file, password) in FILES {
        for wrong in ["1230004568", "红包", ""] {
            if wrong == password || name == "open.p12" {
                continue;
            }
            let error = open(file, wrong).err();
            assert_eq!(error, Some(P12Error::WrongPassword), "{name} {wrong}");
        }
    }
}

#[test]
fn refuses_wrong_passwords_whose_padding_fits_by_chance() {
    for file in [fixture!("no_mac.p12"), fixture!("no_mac_modern.p12")] {
        for wrong in 0..120 {
            let error = open(file, &wrong.to_string()).err();
            assert_eq!(error, Some(P12Error::WrongPassword), "{wrong}");
        }
    }
}

#[test]
fn a_file_without_encryption_needs_no_password() {
    assert!(open(fixture!("open.p12"), "whatever").is_ok());
}

#[test]
fn keeps_the_order_of_certificates_without_local_key_ids() {
    const LOCAL_KEY_ID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 0x15];
    let mut file = fixture!("open.p12").to_vec();
    while let Some(at) = file.windows(9).position(|window| window == LOCAL_KEY_ID) {
        file[at + 8] = 0x7f;
    }
    assert_eq!(open(&file, "").unwrap().certificates, [CERTIFICATE, ISSUER]);
}

#[test]
fn says_what_is_missing_or_unknown() {
    for (file, expected) in [
        (fixture!("only_certificate.p12"), P12Error::NoKey),
        (fixture!("only_key.p12"), P12Error::NoCertificate),
        (fixture!("camellia.p12"), P12Error::Unsupported("1.2.392.200011.61.1.1.1.4".to_owned())),
        (fixture!("too_many_iterations.p12"), P12Error::TooManyIterations(1_000_001)),
        (fixture!("merchant.cert.der"), P12Error::NotPkcs12("a certificate or an encrypted key by itself")),
        (fixture!("merchant.key.der"), P12Error::NotPkcs12("a private key by itself")),
        (fixture!("merchant.cert.pem"), P12Error::NotPkcs12("PEM text")),
        (b"", P12Error::NotPkcs12("an empty file")),
        (b"\r\n<html>", P12Error::NotPkcs12("a web page")),
        (b"MIIKYgIBAzCCCh", P12Error::NotPkcs12("base64 text; decode it first")),
        (b"PK\x03\x04", P12Error::NotPkcs12("a zip archive; unpack it first")),
        (b"\x30\x03\x0c\x01a", P12Error::NotPkcs12("another kind of DER file")),
        (&[0x30; 1_100_000], P12Error::NotPkcs12("a file of more than a megabyte")),
    ] {
        let error = open(file, PASSWORD).err();
        assert_eq!(error, Some(expected));
    }
}

#[test]
fn bounds_the_work_of_a_whole_file() {
    let password = Password::new(PASSWORD);
    let mut opening = Opening::new(&password);
    for _ in 0..3 {
        opening.spend(MAX_ITERATIONS).unwrap();
    }
    assert!(opening.spend(1).is_err());
}

#[test]
fn survives_truncation_at_every_length() {
    for (name, file, password) in FILES {
        for length in 0..file.len() {
            let error = open(&file[..length], password).err();
            assert!(matches!(error, Some(P12Error::Damaged(_) | P12Error::NotPkcs12(_))), "{name} {length} {error:?}");
        }
    }
}

#[test]
fn survives_any_flipped_bit_of_the_outer_structure() {
    for (_, file, _) in FILES {
        each_flip(file, 1, |damaged| {
            let _ = Sealed::read(damaged);
        });
    }
}

/// Where a MAC guards the file, damage never yields other contents.
#[test]
fn survives_flipped_bits_inside() {
    let guarded = |file: &[u8]| Sealed::read(file).is_ok_and(|sealed| sealed.mac.is_some());
    for (name, file, password) in FILES {
        // A file with few rounds is cheap to open.
        let step = match name {
            "mac_once.p12" | "open.p12" => 1,
            "no_mac.p12" | "no_mac_modern.p12" => 37,
            "ber.p12" => 991,
            _ => 211,
        };
        each_flip(file, step, |damaged| {
            if let Ok(contents) = open(damaged, password)
                && guarded(file)
            {
                assert_eq!(*contents.key, KEY, "{name}");
                assert_eq!(contents.certificates.first().unwrap(), CERTIFICATE, "{name}");
            }
        });
    }
}

/// Flips one bit of every `step`-th byte, a different one each time.
fn each_flip(file: &[u8], step: usize, mut check: impl FnMut(&[u8])) {
    let mut damaged = file.to_vec();
    for (turn, at) in (0..file.len()).step_by(step).enumerate() {
        let bit = 1 << (turn % 8);
        damaged[at] ^= bit;
        check(&damaged);
        damaged[at] ^= bit;
    }
}
