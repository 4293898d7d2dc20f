//! What the platform tells merchants: when, how often, and what it makes of the
//! answers.
//!
//! Differs from the real platform: each repetition carries the same bytes under
//! another `Request-ID`, which is an assumption.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::desk::{Desk, Table};
use super::fault::scatter;
use super::flip::flipped;
use super::store::row_key;
use crate::clock::Timestamp;
use crate::wire::read_xml;

/// How long after an attempt the next one follows, in seconds: 15 repetitions in
/// 24 hours and 4 minutes (payment and refund notifications, read 2026-11).
pub(crate) const SCHEDULE: [u64; 15] =
    [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10_800, 10_800, 10_800, 21_600, 21_600];

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoticeKind {
    /// An order was paid (支付结果通知).
    Paid,
    /// A refund came to its end (退款结果通知).
    Refunded,
}

impl NoticeKind {
    /// As it is written in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Refunded => "refunded",
        }
    }
}

/// A notification and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NoticeRecord {
    /// Counts from one.
    pub id: u64,
    /// What is told.
    pub kind: NoticeKind,
    /// To which merchant.
    pub mch_id: String,
    /// Of which order or refund, by the merchant's number.
    pub number: String,
    /// Where it is posted.
    pub url: String,
    /// What is posted.
    pub body: String,
    /// When it was written.
    pub created: Timestamp,
    /// When it is posted next; `None` when it was received or given up.
    pub next: Option<Timestamp>,
    /// Whether the merchant has received it.
    pub delivered: bool,
    /// Each time it was posted.
    pub attempts: Vec<NoticeAttempt>,
    /// How many times of the schedule were used up.
    pub(crate) repeats: usize,
}

/// One time that a notification was posted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NoticeAttempt {
    /// When it was due, on the sandbox's clock.
    pub at: Timestamp,
    /// The header `Request-ID`.
    pub request_id: String,
    /// The HTTP status of the answer; `None` if none came.
    pub status: Option<u16>,
    /// The answer, its beginning if it was long.
    pub answer: String,
    /// What it means.
    pub verdict: Verdict,
    /// How long it took, in milliseconds of the machine's time.
    pub millis: u64,
    /// What was posted, where it was not the notification's body: a bit of it was
    /// flipped.
    #[serde(default)]
    pub sent: Option<String>,
    /// Where it went in place of its own address, if somebody forwarded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded_to: Option<String>,
}

/// What the platform makes of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Received: it is not sent again.
    Success,
    /// It will be sent again, as long as the schedule lasts.
    Again {
        /// What is wrong with the answer.
        why: String,
    },
}

/// What goes wrong with the next notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoticeFault {
    /// It is never sent.
    Missing,
    /// It is sent late.
    Delayed {
        /// How late, on the sandbox's clock.
        seconds: u64,
    },
    /// It is sent more than once, whatever the answers.
    Duplicate {
        /// How often besides.
        times: u32,
    },
    /// Its signature is wrong, or it is encrypted with another key.
    WrongSign,
    /// Its signature is in lower-case hex.
    LowerCaseSign,
    /// It tells another amount than was paid, and is signed so.
    WrongAmount,
    /// It has a field that nobody knows yet, which is signed.
    UnknownField,
    /// It names another merchant, and is signed so.
    ForeignMerchant,
    /// It begins with a DOCTYPE that asks for a local file.
    Xxe,
}

/// All notifications, and those that are due.
#[derive(Default)]
pub(crate) struct Notices {
    pub(super) all: BTreeMap<u64, NoticeRecord>,
    due: BTreeSet<(Timestamp, u64)>,
    in_flight: HashSet<u64>,
    pub(super) faults: VecDeque<NoticeFault>,
}

/// What a merchant is to be told.
pub(super) struct News<'a> {
    pub(super) kind: NoticeKind,
    pub(super) mch_id: &'a str,
    pub(super) number: &'a str,
    pub(super) url: &'a str,
    /// When it happened, which may lie before the end of a jump of the clock.
    pub(super) at: Timestamp,
}

/// An attempt that somebody has taken over.
pub(crate) struct Errand {
    pub(crate) id: u64,
    pub(crate) url: String,
    pub(crate) body: String,
    pub(crate) at: Timestamp,
    pub(crate) request_id: String,
    /// Whether it belongs to the schedule.
    scheduled: bool,
    flipped: bool,
}

/// What came of an attempt.
pub(crate) struct Carried {
    pub(crate) answer: Result<(u16, String), String>,
    pub(crate) took: Duration,
    /// Where it was posted, if not to its own address.
    pub(crate) forwarded_to: Option<String>,
}

impl Notices {
    pub(super) fn restore(&mut self, record: NoticeRecord) {
        if let Some(next) = record.next {
            self.due.insert((next, record.id));
        }
        self.all.insert(record.id, record);
    }

    /// What fell due while nobody could deliver it is due now, and its schedule
    /// goes on from here.
    pub(super) fn resume(&mut self, now: Timestamp) {
        let overdue: Vec<_> = self.due.iter().take_while(|(due, _)| *due < now).copied().collect();
        for (due, id) in overdue {
            self.due.remove(&(due, id));
            if let Some(record) = self.all.get_mut(&id) {
                record.next = Some(now);
                self.due.insert((now, id));
            }
        }
    }

    /// How many are still on their way.
    pub(crate) fn waiting(&self) -> usize {
        self.due.len()
    }

    /// All that will be posted and when, the first first.
    pub(crate) fn planned(&self) -> impl Iterator<Item = &(Timestamp, u64)> {
        self.due.iter()
    }

    /// When one falls due next. Those that are due already are on their way, or wait
    /// for room.
    pub(crate) fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        self.due.range((now, u64::MAX)..).next().map(|(due, _)| *due)
    }
}

impl Desk {
    /// What is to go wrong with the next notification that has no fault yet.
    pub(super) fn spoil_next_notice(&mut self, fault: NoticeFault) {
        self.notices.faults.push_back(fault);
        self.put_notice_faults();
    }

    /// What goes wrong with the notification that is being written.
    pub(super) fn take_notice_fault(&mut self) -> Option<NoticeFault> {
        let fault = self.notices.faults.pop_front()?;
        self.put_notice_faults();
        Some(fault)
    }

    fn put_notice_faults(&mut self) {
        let faults = self.notices.faults.clone();
        self.change(Table::State, "notice_faults".to_owned(), Some(&faults));
    }

    /// Gives up an attempt of which nothing is known.
    pub(crate) fn put_back(&mut self, id: u64) {
        self.notices.in_flight.remove(&id);
    }

    /// Puts a notification on its way.
    pub(super) fn announce(&mut self, news: &News<'_>, body: String, fault: Option<NoticeFault>) {
        if news.url.is_empty() {
            return;
        }
        let (mut next, mut copies, mut body) = (Some(news.at), 1, body);
        match fault {
            Some(NoticeFault::Missing) => next = None,
            Some(NoticeFault::Delayed { seconds }) => next = Some(news.at.after(Duration::from_secs(seconds))),
            Some(NoticeFault::Duplicate { times }) => copies += times,
            Some(NoticeFault::Xxe) => {
                body = format!("<!DOCTYPE xml [<!ENTITY file SYSTEM \"file:///etc/passwd\">]>\n{body}");
            }
            _ => {}
        }
        for _ in 0..copies {
            let id = self.notices.all.last_key_value().map_or(1, |(id, _)| id + 1);
            self.put_notice(NoticeRecord {
                id,
                kind: news.kind,
                mch_id: news.mch_id.to_owned(),
                number: news.number.to_owned(),
                url: news.url.to_owned(),
                body: body.clone(),
                created: news.at,
                next,
                delivered: false,
                attempts: Vec::new(),
                repeats: 0,
            });
        }
    }

    fn put_notice(&mut self, record: NoticeRecord) {
        if let Some(before) = self.notices.all.get(&record.id).and_then(|before| before.next) {
            self.notices.due.remove(&(before, record.id));
        }
        self.change(Table::Notices, row_key(record.id), Some(&record));
        self.notices.restore(record);
    }

    /// Takes over the attempt that has been due for longest. Nobody else gets it
    /// until [`carried`](Self::carried).
    pub(crate) fn next_errand(&mut self) -> Option<Errand> {
        self.settle();
        let now = self.now();
        let free = |(_, id): &&(Timestamp, u64)| !self.notices.in_flight.contains(id);
        let (due, id) = self.notices.due.iter().take_while(|(due, _)| *due <= now).find(free).copied()?;
        self.errand(id, due, true)
    }

    /// An attempt besides the schedule. `None`: there is no such notification, or
    /// it is on its way just now.
    pub(crate) fn extra_errand(&mut self, id: u64, flip: bool) -> Option<Errand> {
        let now = self.now();
        if self.notices.in_flight.contains(&id) {
            return None;
        }
        let attempts = self.notices.all.get(&id)?.attempts.len();
        let mut errand = self.errand(id, now, false)?;
        if flip {
            errand.body = flipped(&errand.body, attempts);
            errand.flipped = true;
        }
        Some(errand)
    }

    fn errand(&mut self, id: u64, at: Timestamp, scheduled: bool) -> Option<Errand> {
        let record = self.notices.all.get(&id)?;
        // Of its own for each attempt, after a restart too.
        let attempt = u64::try_from(record.attempts.len()).unwrap_or(u64::MAX);
        let [first, second] = [0, 1].map(|half| scatter(self.seed ^ 0x6e6f_7469_6365 ^ (attempt << 1 | half), id));
        let request_id = format!("{first:016X}{second:016X}");
        let (url, body) = (record.url.clone(), record.body.clone());
        self.notices.in_flight.insert(id);
        Some(Errand { id, url, body, at, request_id, scheduled, flipped: false })
    }

    /// Writes down what came of an attempt.
    pub(crate) fn carried(&mut self, errand: &Errand, carried: Carried) {
        self.notices.in_flight.remove(&errand.id);
        let Some(mut record) = self.notices.all.get(&errand.id).cloned() else { return };
        let (status, answer, verdict) = match carried.answer {
            Ok((status, answer)) => (Some(status), answer.clone(), judge(status, &answer)),
            Err(why) => (None, String::new(), Verdict::Again { why }),
        };
        let received = verdict == Verdict::Success;
        record.attempts.push(NoticeAttempt {
            at: errand.at,
            request_id: errand.request_id.clone(),
            status,
            answer: answer.chars().take(LOGGED).collect(),
            verdict,
            millis: u64::try_from(carried.took.as_millis()).unwrap_or(u64::MAX),
            sent: errand.flipped.then(|| errand.body.clone()),
            forwarded_to: carried.forwarded_to,
        });
        // Who believes a spoiled copy has not received the notification.
        let received = received && !errand.flipped;
        record.delivered |= received;
        if received {
            record.next = None;
        } else if errand.scheduled {
            let pause = SCHEDULE.get(record.repeats).map(|seconds| Duration::from_secs(*seconds));
            // From when it was due, so that a jump of the clock runs through the
            // whole schedule.
            record.next = pause.map(|pause| errand.at.after(pause));
            record.repeats += 1;
        }
        self.put_notice(record);
    }
}

/// So many characters of an answer are kept.
const LOGGED: usize = 4 * 1024;

/// Whether an answer says that the notification need not come again.
///
/// Source: payment result notification (pay.weixin.qq.com, read 2026-11).
pub(crate) fn judge(status: u16, answer: &str) -> Verdict {
    let again = |why: String| Verdict::Again { why };
    if (300..400).contains(&status) {
        return again(format!("status {status}: redirects are not followed"));
    }
    if !(200..300).contains(&status) {
        return again(format!("status {status} instead of 200"));
    }
    let start = answer.trim_start_matches('\u{feff}').trim_start();
    if start.is_empty() {
        return again("the answer is empty".to_owned());
    }
    if start.starts_with(['{', '[', '"']) {
        return again("the answer is JSON instead of XML".to_owned());
    }
    if start.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("<html") || head.eq_ignore_ascii_case("<!doc")) {
        return again("the answer is a page of HTML instead of XML".to_owned());
    }
    if !start.starts_with('<') {
        let word: String = start.chars().take(32).collect();
        return again(format!("the answer is the text {word:?} instead of XML"));
    }
    if answer.starts_with('\u{feff}') {
        return again("the answer begins with a byte order mark".to_owned());
    }
    let doc = match read_xml(answer.as_bytes()) {
        Ok(doc) => doc,
        Err(_) if answer.contains("\\n") => {
            return again("the answer has line breaks as backslash and n".to_owned());
        }
        Err(error) => return again(format!("the answer cannot be read: {error}")),
    };
    match (doc.get_filled("return_code"), doc.get_filled("return_msg")) {
        (Some("SUCCESS"), _) => Verdict::Success,
        (Some(code), text) => again(format!("return_code is {code}: {}", text.unwrap_or("without a text"))),
        (None, _) => again("the answer has no return_code".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_on_its_way_does_not_hide_the_next() {
        use crate::sandbox::clock::SandboxClock;

        let now: Timestamp = "2025-03-18 12:00:00".parse().unwrap();
        let later = now.after(Duration::from_secs(1));
        let mut desk = Desk::new(SandboxClock::At(now), 0, false);
        for at in [now, later] {
            let news = News { kind: NoticeKind::Paid, mch_id: "1", number: "T1", url: "http://127.0.0.1:1/", at };
            desk.announce(&news, String::new(), None);
        }
        let errand = desk.next_errand().unwrap();
        assert_eq!((errand.id, desk.notices.next_due(now)), (1, Some(later)));
        assert_eq!(desk.notices.next_due(later), None);
    }

    #[test]
    fn the_schedule_is_the_official_one() {
        assert_eq!(SCHEDULE.iter().sum::<u64>(), 24 * 3600 + 4 * 60);
    }

    #[test]
    fn answers_and_why_they_are_not_enough() {
        let good =
            "<xml>\n<return_code><![CDATA[SUCCESS]]></return_code>\n<return_msg><![CDATA[OK]]></return_msg>\n</xml>";
        for (status, answer) in [
            (200, good),
            (204, good),
            (200, "<xml><return_code>SUCCESS</return_code><return_msg><![CDATA[a\\n<b]]></return_msg></xml>"),
            (200, "<xml><return_code>SUCCESS</return_code></xml>"),
            (200, "<?xml version=\"1.0\"?>\n<xml><return_code>SUCCESS</return_code></xml>\n"),
        ] {
            assert_eq!(judge(status, answer), Verdict::Success, "{answer}");
        }
        let fail = "<xml><return_code>FAIL</return_code><return_msg>签名失败</return_msg></xml>";
        for (status, answer, expected) in [
            (500, good, "status 500"),
            (404, "", "status 404"),
            (302, good, "redirects"),
            (200, "", "empty"),
            (200, "  \n", "empty"),
            (200, "success", "the text \"success\""),
            (200, "OK", "the text \"OK\""),
            (200, "{\"code\":\"SUCCESS\"}", "JSON"),
            (200, "[1]", "JSON"),
            (200, "\"<xml></xml>\"", "JSON"),
            (200, "<html><body>ok</body></html>", "HTML"),
            (200, "<!DOCTYPE html><p>ok", "HTML"),
            (200, &format!("\u{feff}{good}"), "byte order mark"),
            (200, &format!("hello{good}"), "the text"),
            (200, &good.replace('\n', "\\n"), "backslash"),
            (200, &good.replace('\n', "\\n  "), "backslash"),
            (200, fail, "return_code is FAIL: 签名失败"),
            (200, "<xml><return_code>success</return_code></xml>", "return_code is success"),
            (200, "<xml><return_msg>OK</return_msg></xml>", "no return_code"),
            (200, "<root><return_code>SUCCESS</return_code></root>", "root element"),
            (200, "<xml><return_code>SUCCESS</return_code>", "too early"),
        ] {
            match judge(status, answer) {
                Verdict::Again { why } => assert!(why.contains(expected), "{answer}: {why}"),
                Verdict::Success => panic!("{answer} counts as received"),
            }
        }
    }
}
