//! The few facts of an X.509 certificate that a merchant needs to see: whose it is, its serial
//! number, how long it is valid. Whether to trust it is for the TLS library to say.

use super::der::{DerError, Element, Reader, tag};

/// What a certificate says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The `mch_id` in certificates of WeChat Pay.
    pub(crate) subject_common_name: Option<String>,
    pub(crate) issuer_common_name: Option<String>,
    pub(crate) issuer_organization: Option<String>,
    /// In upper-case hex, without a leading zero byte: what WeChat Pay calls `serial_no`.
    pub(crate) serial: String,
    /// In Unix seconds.
    pub(crate) not_before: i64,
    /// In Unix seconds; the certificate is still valid in this second.
    pub(crate) not_after: i64,
}

/// Reads the facts of a certificate in DER.
pub(crate) fn facts(certificate_der: &[u8]) -> Result<Facts, DerError> {
    const BAD: &str = "this is not an X.509 certificate";
    let mut outer = Reader::new(certificate_der);
    let mut certificate = outer.sequence(BAD)?;
    outer.end()?;
    let mut tbs = certificate.sequence(BAD)?;
    tbs.optional(tag::CONTEXT_0)?;
    let serial = tbs.expect(tag::INTEGER, BAD)?;
    tbs.sequence(BAD)?;
    let issuer = tbs.sequence(BAD)?;
    let mut validity = tbs.sequence(BAD)?;
    let subject = tbs.sequence(BAD)?;
    Ok(Facts {
        subject_common_name: name_part(subject, COMMON_NAME)?,
        issuer_common_name: name_part(issuer.clone(), COMMON_NAME)?,
        issuer_organization: name_part(issuer, ORGANIZATION)?,
        serial: upper_hex(serial.body),
        not_before: unix_seconds(validity.any()?)?,
        not_after: unix_seconds(validity.any()?)?,
    })
}

const COMMON_NAME: &str = "2.5.4.3";
const ORGANIZATION: &str = "2.5.4.10";

/// The first attribute of this type in a distinguished name.
fn name_part(mut name: Reader<'_>, oid: &str) -> Result<Option<String>, DerError> {
    const BAD: &str = "a name in the certificate is malformed";
    while name.peek().is_some() {
        let mut set = name.expect(tag::SET, BAD)?.children()?;
        while set.peek().is_some() {
            let mut attribute = set.sequence(BAD)?;
            if attribute.oid(BAD)? == oid {
                return Ok(text(attribute.any()?));
            }
        }
    }
    Ok(None)
}

/// Old certificates hold names that break the rules of their type; a strange letter in a name is no
/// reason to refuse the certificate.
fn text(value: Element<'_>) -> Option<String> {
    match value.tag {
        tag::UTF8_STRING | tag::PRINTABLE_STRING | tag::IA5_STRING => {
            Some(String::from_utf8_lossy(value.body).into_owned())
        }
        // By the letter T.61 has an alphabet of its own; in practice everybody writes Latin-1.
        tag::T61_STRING => Some(value.body.iter().copied().map(char::from).collect()),
        tag::BMP_STRING => {
            let units = value.body.as_chunks::<2>().0.iter();
            let units: Vec<u16> = units.map(|unit| u16::from_be_bytes(*unit)).collect();
            Some(String::from_utf16_lossy(&units))
        }
        _ => None,
    }
}

fn upper_hex(serial: &[u8]) -> String {
    // DER puts a zero byte before a number whose top bit is set; it is not part of the number.
    let digits = match serial {
        [0, digits @ ..] if !digits.is_empty() => digits,
        digits => digits,
    };
    digits.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn unix_seconds(time: Element<'_>) -> Result<i64, DerError> {
    const BAD: DerError = DerError("a date in the certificate is malformed");
    let digits = time.body.strip_suffix(b"Z").ok_or(BAD)?;
    if !digits.iter().all(u8::is_ascii_digit) || digits.len() % 2 != 0 {
        return Err(BAD);
    }
    let pairs: Vec<i64> = digits
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[tens, ones]| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
        .collect();
    let (year, rest) = match (time.tag, pairs.as_slice()) {
        (tag::UTC_TIME, [year, rest @ ..]) if *year >= 50 => (1900 + year, rest),
        (tag::UTC_TIME, [year, rest @ ..]) => (2000 + year, rest),
        (tag::GENERALIZED_TIME, [century, year, rest @ ..]) => (century * 100 + year, rest),
        _ => return Err(BAD),
    };
    let &[month, day, hour, minute, second] = rest else {
        return Err(BAD);
    };
    if hour > 23 || minute > 59 || second > 59 {
        return Err(BAD);
    }
    let days = days_since_1970(year, month, day).ok_or(BAD)?;
    Ok(((days * 24 + hour) * 60 + minute) * 60 + second)
}

fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month).ok()?.checked_sub(1)?;
    if !(1..=*months.get(before)?).contains(&day) {
        return None;
    }
    // Whole years since the year 1, with their leap days; 719 162 is the same for 1970.
    let past = year - 1;
    let years = past * 365 + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400);
    Some(years - 719_162 + months.iter().take(before).sum::<i64>() + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MERCHANT: &[u8] = include_bytes!("../../fixtures/certificates/merchant.cert.der");
    const BMP_NAMES: &[u8] = include_bytes!("../../fixtures/certificates/bmp_names.cert.der");
    const T61_NAMES: &[u8] = include_bytes!("../../fixtures/certificates/t61_names.cert.der");

    // The expected values are what `openssl x509 -noout -subject -issuer -serial -dates` prints;
    // the seconds are from `date`.
    #[test]
    fn reads_a_merchant_certificate() {
        let expected = Facts {
            subject_common_name: Some("1230004567".to_owned()),
            issuer_common_name: Some("Hongbao Test CA".to_owned()),
            issuer_organization: Some("Hongbao Test".to_owned()),
            serial: "8F1B5A0C27D94E63B8A1F04C5D7E92613A40BC17".to_owned(),
            not_before: 1_704_067_200,
            not_after: 2_713_910_400,
        };
        assert_eq!(facts(MERCHANT), Ok(expected));
    }

    #[test]
    fn reads_names_in_utf16_and_the_last_date_there_is() {
        let facts = facts(BMP_NAMES).unwrap();
        assert_eq!(facts.subject_common_name.as_deref(), Some("红包1230004567"));
        assert_eq!(facts.serial, "07");
        assert_eq!(facts.not_before, 1_709_210_096);
        assert_eq!(facts.not_after, 253_402_300_799);
    }

    #[test]
    fn reads_names_in_latin_1_and_short_years() {
        let facts = facts(T61_NAMES).unwrap();
        assert_eq!(facts.subject_common_name.as_deref(), Some("mch@1230004567"));
        assert_eq!(facts.issuer_organization.as_deref(), Some("Müller"));
        assert_eq!(facts.serial, "0102");
        assert_eq!(facts.not_before, 915_148_800);
        assert_eq!(facts.not_after, 2_524_607_999);
    }

    #[test]
    fn knows_the_calendar() {
        assert_eq!(days_since_1970(1970, 1, 1), Some(0));
        assert_eq!(days_since_1970(1969, 12, 31), Some(-1));
        assert_eq!(days_since_1970(2000, 3, 1), Some(11_017));
        assert_eq!(days_since_1970(2024, 2, 29), Some(19_782));
        assert_eq!(days_since_1970(2100, 3, 1), Some(47_541));
        for (month, day) in [(0, 1), (13, 1), (1, 0), (2, 29), (4, 31)] {
            assert_eq!(days_since_1970(2023, month, day), None);
        }
        assert_eq!(days_since_1970(1900, 2, 29), None);
    }

    #[test]
    fn refuses_strange_dates() {
        for (tag, body) in [
            (tag::UTC_TIME, "240101000000"),
            (tag::UTC_TIME, "2401010000Z"),
            (tag::UTC_TIME, "240101240000Z"),
            (tag::UTC_TIME, "20240101000000Z"),
            (tag::GENERALIZED_TIME, "240101000000Z"),
            (tag::GENERALIZED_TIME, "20240101000000.5Z"),
            (tag::GENERALIZED_TIME, "2024010100000 Z"),
            (tag::UTF8_STRING, "240101000000Z"),
        ] {
            let bytes = [&[tag, body.len() as u8], body.as_bytes()].concat();
            let element = Reader::new(&bytes).any().unwrap();
            assert!(unix_seconds(element).is_err(), "{body}");
        }
    }

    #[test]
    fn survives_damage() {
        for certificate in [MERCHANT, BMP_NAMES, T61_NAMES] {
            for length in 0..certificate.len() {
                assert!(facts(&certificate[..length]).is_err());
            }
            let mut damaged = certificate.to_vec();
            for at in 0..certificate.len() {
                for bit in 0..8 {
                    damaged[at] ^= 1 << bit;
                    let _ = facts(&damaged);
                    damaged[at] ^= 1 << bit;
                }
            }
        }
    }
}
