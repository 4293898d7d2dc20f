//! Time and randomness, the only sources of both.
//!
//! WeChat Pay writes and counts in Beijing time (UTC+8, no summer time) and
//! begins a new day of limits at Beijing midnight.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

const BEIJING: Offset = jiff::tz::offset(8);

/// Tells the time. The SDK asks nothing else for it.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
            Err(_) => Timestamp(0),
        }
    }
}

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
///
/// It prints as Beijing time, `2025-03-18 08:30:11`, the way WeChat Pay does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From seconds since the epoch.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// The moment `by` later; the end of time stays the end of time.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The Beijing day that contains this moment.
    #[must_use]
    pub fn beijing_day(self) -> Day {
        Day(self.beijing().date())
    }

    /// Beijing time as requests write it, `yyyyMMddHHmmss`.
    #[must_use]
    pub fn compact(self) -> String {
        self.beijing().strftime("%Y%m%d%H%M%S").to_string()
    }

    fn beijing(self) -> DateTime {
        // Clamped, so that every value of the type can be printed.
        let millis = self.0.clamp(-62_000_000_000_000, 253_000_000_000_000);
        jiff::Timestamp::from_millisecond(millis).map_or(DateTime::ZERO, |moment| BEIJING.to_datetime(moment))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.beijing().strftime("%Y-%m-%d %H:%M:%S"))
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTime;

    /// Reads Beijing time as `yyyy-MM-dd HH:mm:ss` or `yyyyMMddHHmmss`.
    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let format = if text.len() == 14 { "%Y%m%d%H%M%S" } else { "%Y-%m-%d %H:%M:%S" };
        civil(text.as_bytes())
            .or_else(|| DateTime::strptime(format, text).ok())
            .and_then(|civil| BEIJING.to_timestamp(civil).ok())
            .map(|moment| Self(moment.as_millisecond()))
            .ok_or(InvalidTime)
    }
}

/// The two formats in the spelling that nearly all texts have. `strptime`, which
/// takes ten times as long, gets the rest: a leap second, say.
fn civil(text: &[u8]) -> Option<DateTime> {
    let parts: [&[u8]; 6] = match text.len() {
        14 => [&text[..4], &text[4..6], &text[6..8], &text[8..10], &text[10..12], &text[12..]],
        19 if [text[4], text[7], text[10], text[13], text[16]] == *b"-- ::" => {
            [&text[..4], &text[5..7], &text[8..10], &text[11..13], &text[14..16], &text[17..]]
        }
        _ => return None,
    };
    let number = |part: usize| {
        parts[part].iter().try_fold(0_i16, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i16::from(byte - b'0')))
    };
    let small = |part: usize| number(part).and_then(|number| i8::try_from(number).ok());
    DateTime::new(number(0)?, small(1)?, small(2)?, small(3)?, small(4)?, small(5)?, 0).ok()
}

/// A text that is no Beijing time or day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidTime;

impl fmt::Display for InvalidTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a Beijing time such as 2025-03-18 08:30:11, nor a day such as 2025-03-18")
    }
}

impl std::error::Error for InvalidTime {}

/// A calendar day in Beijing, between 2014 and 2099.
///
/// Red packets began in 2014; the range keeps [`crate::BillNo::derive`] free of
/// collisions between merchants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

impl Day {
    /// A day of the calendar, or an error if there is none or it is out of range.
    ///
    /// # Errors
    /// [`InvalidTime`] for the 30th of February, for the year 2013 or 2100.
    pub fn new(year: i16, month: i8, day: i8) -> Result<Self, InvalidTime> {
        if !(2014..=2099).contains(&year) {
            return Err(InvalidTime);
        }
        Date::new(year, month, day).map(Self).map_err(|_| InvalidTime)
    }

    /// The first moment of the day.
    #[must_use]
    pub fn start(self) -> Timestamp {
        let midnight = BEIJING.to_timestamp(self.0.to_datetime(jiff::civil::Time::midnight()));
        Timestamp(midnight.map_or(0, |moment| moment.as_millisecond()))
    }

    /// `yyyyMMdd`.
    #[must_use]
    pub fn compact(self) -> String {
        self.0.strftime("%Y%m%d").to_string()
    }

    /// Year, month and day.
    #[cfg(feature = "sandbox")]
    pub(crate) fn parts(self) -> (i32, u8, u8) {
        let part = |n: i8| u8::try_from(n).unwrap_or(1);
        (self.0.year().into(), part(self.0.month()), part(self.0.day()))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Day {
    type Err = InvalidTime;

    /// Reads `yyyy-MM-dd` or `yyyyMMdd`.
    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let format = if text.len() == 8 { "%Y%m%d" } else { "%Y-%m-%d" };
        let date = Date::strptime(format, text).map_err(|_| InvalidTime)?;
        Self::new(date.year(), date.month(), date.day())
    }
}

/// Makes the `nonce_str` (随机字符串) of a message.
pub trait Nonce: Send + Sync {
    /// At most 32 ASCII letters and digits.
    fn nonce(&self) -> String;
}

/// 32 hex digits: an encrypted counter under a key from the operating system.
/// They cannot be foretold, no two of one source are equal, and a message does
/// not wait for a system call that costs as much as its digest.
pub struct SystemNonce {
    cipher: Aes128,
    count: AtomicU64,
}

impl Default for SystemNonce {
    fn default() -> Self {
        let mut key = [0; 16];
        // A machine without a generator cannot make TLS connections either;
        // the nonce needs to differ, not to be secret, so any key still serves.
        let _ = getrandom::fill(&mut key);
        Self { cipher: Aes128::new(&key.into()), count: AtomicU64::new(0) }
    }
}

impl Nonce for SystemNonce {
    fn nonce(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let count = u128::from(self.count.fetch_add(1, Ordering::Relaxed));
        let mut block = count.to_be_bytes().into();
        self.cipher.encrypt_block(&mut block);
        let digit = |half: u8| DIGITS[usize::from(half)];
        let text = block.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        String::from_utf8(text).unwrap_or_default()
    }
}

impl fmt::Debug for SystemNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemNonce")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beijing_time_in_and_out() {
        let moment: Timestamp = "2025-03-18 08:30:11".parse().unwrap();
        assert_eq!(moment.unix(), 1_742_257_811);
        assert_eq!(moment.to_string(), "2025-03-18 08:30:11");
        assert_eq!("20250318083011".parse(), Ok(moment));
        assert_eq!(moment.beijing_day().compact(), "20250318");
        assert_eq!("2025-02-30 00:00:00".parse::<Timestamp>(), Err(InvalidTime));
        assert_eq!("yesterday".parse::<Timestamp>(), Err(InvalidTime));
    }

    #[test]
    fn the_quick_way_reads_as_the_other() {
        for text in [
            "2025-03-18 08:30:11",
            "20250318083011",
            "2024-02-29 23:59:59",
            "2025-02-29 00:00:00",
            "2025-03-18 23:59:60",
            "2025-03-18 24:00:00",
            "2025-03-18 08:30:1",
            "2025-3-18 08:30:11",
            "2025-03-18T08:30:11",
            "2025-03-18  08:30:11",
            "2025-03-18 08:30:1a",
            "2025031808301a",
            "2025-03-18 08.30.11",
            "-025-03-18 08:30:11",
            "0000-01-01 00:00:00",
            "9999-12-31 23:59:59",
            "２０２５０",
            "",
        ] {
            let format = if text.len() == 14 { "%Y%m%d%H%M%S" } else { "%Y-%m-%d %H:%M:%S" };
            let other = DateTime::strptime(format, text).ok();
            if let Some(quick) = civil(text.as_bytes()) {
                assert_eq!(Some(quick), other, "{text}");
            }
            let moment = other.and_then(|civil| BEIJING.to_timestamp(civil).ok()).map(|moment| moment.as_millisecond());
            assert_eq!(text.parse::<Timestamp>().ok().map(Timestamp::unix_millis), moment, "{text}");
        }
        assert!(civil(b"2025-03-18 08:30:11").is_some() && civil(b"20250318083011").is_some());
    }

    #[test]
    fn the_day_turns_at_beijing_midnight() {
        let last: Timestamp = "2025-03-18 23:59:59".parse().unwrap();
        let first = last.after(Duration::from_secs(1));
        assert_eq!(last.beijing_day().to_string(), "2025-03-18");
        assert_eq!(first.beijing_day().to_string(), "2025-03-19");
        assert_eq!(first.beijing_day().start(), first);
    }

    #[test]
    fn days_have_a_range() {
        assert!(Day::new(2014, 1, 1).is_ok());
        assert!("20991231".parse::<Day>().is_ok());
        for text in ["2013-12-31", "2100-01-01", "2025-02-29", "20250230", "", "2025-3"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_timestamp_prints() {
        for millis in [i64::MIN, -1, 0, i64::MAX] {
            assert!(!Timestamp::from_unix_millis(millis).to_string().is_empty());
        }
    }

    #[test]
    fn nonces_differ_and_have_the_form() {
        let source = SystemNonce::default();
        let many: std::collections::BTreeSet<String> = (0..1000).map(|_| source.nonce()).collect();
        assert_eq!(many.len(), 1000);
        assert!(many.iter().all(|n| n.len() == 32 && n.bytes().all(|b| b.is_ascii_alphanumeric())));
    }
}
