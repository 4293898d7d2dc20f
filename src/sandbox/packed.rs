//! Packets and postings in few bytes, the same on disk and in memory: a million
//! of them are read at a start and kept until the end.
//!
//! A row begins with the number of its form. Numbers are variable-length
//! integers, seven bits a byte, the lowest first, signed ones folded (zigzag);
//! texts are UTF-8 behind their length. A new field goes to the end and gets a
//! form of its own, so that older rows can still be read.

use super::accounts::AccountKind;
use super::behaviour::User;
use super::books::{Account, Posting, Reason};
use super::packets::{Claim, PacketRecord};
use crate::clock::Timestamp;
use crate::money::Fen;
use crate::query::RedPacketStatus as Status;

/// The form that rows are written in. No JSON begins with it.
const FORM: u8 = 1;

/// A packet that is still bytes, but for what is cheap to have.
pub(super) struct PacketView<'a> {
    pub(super) mch_id: &'a str,
    pub(super) mch_billno: &'a str,
    pub(super) app_id: &'a str,
    pub(super) re_openid: &'a str,
    pub(super) total_amount: Fen,
    pub(super) group: Option<u32>,
    pub(super) detail_id: &'a str,
    pub(super) status: Status,
    pub(super) reason: Option<&'a str>,
    pub(super) created: Timestamp,
    pub(super) send_time: Timestamp,
    pub(super) refund_time: Option<Timestamp>,
    pub(super) refund_amount: Option<Fen>,
    pub(super) send_name: &'a str,
    pub(super) wishing: &'a str,
    pub(super) act_name: &'a str,
    pub(super) remark: &'a str,
    pub(super) paid_from: AccountKind,
    /// What users have got of it.
    pub(super) claimed: Fen,
    shares_and_claims: &'a [u8],
}

impl<'a> PacketView<'a> {
    /// `None`: these bytes are no packet of this version.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut row = Row::begin(bytes)?;
        let status = row.status()?;
        let mut view = Self {
            status,
            total_amount: row.fen()?,
            created: row.time()?,
            send_time: row.time()?,
            group: row.option(|row| u32::try_from(row.number()?).ok())?,
            refund_time: row.option(Row::time)?,
            refund_amount: row.option(Row::fen)?,
            reason: row.option(Row::text)?,
            mch_id: row.text()?,
            mch_billno: row.text()?,
            app_id: row.text()?,
            re_openid: row.text()?,
            detail_id: row.text()?,
            send_name: row.text()?,
            wishing: row.text()?,
            act_name: row.text()?,
            remark: row.text()?,
            paid_from: match row.byte()? {
                0 => AccountKind::Basic,
                1 => AccountKind::Operating,
                _ => return None,
            },
            claimed: Fen::ZERO,
            shares_and_claims: row.0,
        };
        for _ in 0..row.number()? {
            row.fen()?;
        }
        for _ in 0..row.number()? {
            row.text()?;
            view.claimed = view.claimed.checked_add(row.fen()?)?;
            row.time()?;
        }
        row.0.is_empty().then_some(view)
    }

    pub(super) fn to_record(&self) -> PacketRecord {
        let (shares, claims) = lists(self.shares_and_claims).unwrap_or_default();
        PacketRecord {
            mch_id: self.mch_id.to_owned(),
            mch_billno: self.mch_billno.to_owned(),
            app_id: self.app_id.to_owned(),
            re_openid: self.re_openid.to_owned(),
            total_amount: self.total_amount,
            group: self.group,
            detail_id: self.detail_id.to_owned(),
            status: self.status.clone(),
            reason: self.reason.map(str::to_owned),
            created: self.created,
            send_time: self.send_time,
            refund_time: self.refund_time,
            refund_amount: self.refund_amount,
            shares,
            claims,
            send_name: self.send_name.to_owned(),
            wishing: self.wishing.to_owned(),
            act_name: self.act_name.to_owned(),
            remark: self.remark.to_owned(),
            paid_from: self.paid_from,
        }
    }
}

fn lists(bytes: &[u8]) -> Option<(Vec<Fen>, Vec<Claim>)> {
    let mut row = Row(bytes);
    let (mut shares, mut claims) = (Vec::new(), Vec::new());
    for _ in 0..row.number()? {
        shares.push(row.fen()?);
    }
    for _ in 0..row.number()? {
        claims.push(Claim { openid: row.text()?.to_owned(), amount: row.fen()?, at: row.time()? });
    }
    Some((shares, claims))
}

pub(super) fn packet(record: &PacketRecord) -> Vec<u8> {
    // By pattern, so that a field that is added is not forgotten here.
    #[rustfmt::skip]
    let PacketRecord {
        mch_id, mch_billno, app_id, re_openid, total_amount, group, detail_id, status, reason, created, send_time,
        refund_time, refund_amount, shares, claims, paid_from, send_name, wishing, act_name, remark,
    } = record;
    let mut out = Out(Vec::with_capacity(384));
    out.0.push(FORM);
    out.status(status);
    out.fen(*total_amount);
    out.time(*created);
    out.time(*send_time);
    out.option(group.as_ref(), |out, shares| out.number(u64::from(*shares)));
    out.option(refund_time.as_ref(), |out, time| out.time(*time));
    out.option(refund_amount.as_ref(), |out, fen| out.fen(*fen));
    out.option(reason.as_deref(), Out::text);
    for text in [mch_id, mch_billno, app_id, re_openid, detail_id, send_name, wishing, act_name, remark] {
        out.text(text);
    }
    out.0.push(match paid_from {
        AccountKind::Basic => 0,
        AccountKind::Operating => 1,
    });
    out.number(shares.len() as u64);
    for share in shares {
        out.fen(*share);
    }
    out.number(claims.len() as u64);
    for Claim { openid, amount, at } in claims {
        out.text(openid);
        out.fen(*amount);
        out.time(*at);
    }
    out.0
}

/// Of a user who does nothing out of the ordinary only the appid is kept; the others
/// are few, and are JSON.
pub(super) fn user(user: &User) -> Vec<u8> {
    if *user == User::new(&user.app_id) {
        return [&[FORM], user.app_id.as_bytes()].concat();
    }
    // A plain struct of texts and numbers always has a JSON form.
    serde_json::to_vec(user).unwrap_or_default()
}

/// `None`: these bytes are no user of this version.
pub(super) fn read_user(bytes: &[u8]) -> Option<User> {
    match bytes.split_first()? {
        (&FORM, app_id) => std::str::from_utf8(app_id).ok().map(User::new),
        _ => serde_json::from_slice(bytes).ok(),
    }
}

/// Appends a posting to `bytes`.
pub(super) fn posting(posting: &Posting, bytes: &mut Vec<u8>) {
    let Posting { id, at, from, to, amount, reason, number } = posting;
    let mut out = Out(std::mem::take(bytes));
    out.0.push(FORM);
    out.number(*id);
    out.time(*at);
    for account in [from, to] {
        let (kind, name) = account.parts();
        out.0.push(kind);
        out.text(name);
    }
    out.fen(*amount);
    out.0.push(reason.code());
    out.option(number.as_deref(), Out::text);
    *bytes = out.0;
}

/// A posting that is still bytes.
pub(super) struct PostingView<'a> {
    pub(super) id: u64,
    pub(super) at: Timestamp,
    /// As [`Account::parts`] gives them.
    pub(super) from: (u8, &'a str),
    pub(super) to: (u8, &'a str),
    pub(super) amount: Fen,
    pub(super) reason: Reason,
    pub(super) number: Option<&'a str>,
}

impl<'a> PostingView<'a> {
    /// `None`: these bytes are no posting of this version.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut row = Row::begin(bytes)?;
        let view = Self {
            id: row.number()?,
            at: row.time()?,
            from: (row.byte()?, row.text()?),
            to: (row.byte()?, row.text()?),
            amount: row.fen()?,
            reason: Reason::of_code(row.byte()?)?,
            number: row.option(Row::text)?,
        };
        row.0.is_empty().then_some(view)
    }

    pub(super) fn to_posting(&self) -> Option<Posting> {
        Some(Posting {
            id: self.id,
            at: self.at,
            from: Account::of_parts(self.from)?,
            to: Account::of_parts(self.to)?,
            amount: self.amount,
            reason: self.reason,
            number: self.number.map(str::to_owned),
        })
    }
}

/// The states that have a byte of their own; any other is written out behind a zero.
const STATES: [Status; 6] =
    [Status::Sending, Status::Sent, Status::Failed, Status::Received, Status::Refunding, Status::Refund];

/// What is left of a row.
struct Row<'a>(&'a [u8]);

impl<'a> Row<'a> {
    fn begin(bytes: &'a [u8]) -> Option<Self> {
        let mut row = Self(bytes);
        (row.byte()? == FORM).then_some(row)
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let folded = self.number()?;
        Some((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }

    fn fen(&mut self) -> Option<Fen> {
        self.signed().map(Fen::new)
    }

    fn time(&mut self) -> Option<Timestamp> {
        self.signed().map(Timestamp::from_unix_millis)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            _ => read(self).map(Some),
        }
    }

    fn status(&mut self) -> Option<Status> {
        match self.byte()? {
            0 => Some(Status::from(self.text()?.to_owned())),
            code => STATES.get(usize::from(code) - 1).cloned(),
        }
    }
}

/// A row in the making.
struct Out(Vec<u8>);

impl Out {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    fn fen(&mut self, amount: Fen) {
        self.signed(amount.get());
    }

    fn time(&mut self, time: Timestamp) {
        self.signed(time.unix_millis());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn option<T: ?Sized>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.0.push(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn status(&mut self, status: &Status) {
        match (1..).zip(STATES).find(|(_, state)| state == status) {
            Some((code, _)) => self.0.push(code),
            None => {
                self.0.push(0);
                self.text(status.as_str());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records() -> impl Strategy<Value = PacketRecord> {
        let texts = proptest::collection::vec(".{0,40}", 9);
        let status =
            proptest::sample::select(vec!["SENDING", "SENT", "FAILED", "RECEIVED", "RFUND_ING", "REFUND", "X"]);
        let times = (any::<i64>(), any::<i64>(), any::<Option<i64>>());
        let amounts = (any::<i64>(), any::<Option<i64>>(), any::<Option<u32>>());
        let shares = proptest::collection::vec(any::<i64>(), 0..4);
        let claims = proptest::collection::vec((".{0,9}", 0..1_000_000_i64, any::<i64>()), 0..4);
        (texts, status, times, amounts, shares, claims, any::<Option<String>>()).prop_map(
            |(texts, status, times, amounts, shares, claims, reason)| {
                let [mch_id, mch_billno, app_id, re_openid, detail_id, send_name, wishing, act_name, remark] =
                    texts.try_into().unwrap();
                let claim =
                    |(openid, fen, at)| Claim { openid, amount: Fen::new(fen), at: Timestamp::from_unix_millis(at) };
                PacketRecord {
                    mch_id,
                    mch_billno,
                    app_id,
                    re_openid,
                    total_amount: Fen::new(amounts.0),
                    group: amounts.2,
                    detail_id,
                    status: Status::from(status.to_owned()),
                    reason,
                    created: Timestamp::from_unix_millis(times.0),
                    send_time: Timestamp::from_unix_millis(times.1),
                    refund_time: times.2.map(Timestamp::from_unix_millis),
                    refund_amount: amounts.1.map(Fen::new),
                    shares: shares.into_iter().map(Fen::new).collect(),
                    claims: claims.into_iter().map(claim).collect(),
                    send_name,
                    wishing,
                    act_name,
                    remark,
                    paid_from: if amounts.2.is_some() { AccountKind::Operating } else { AccountKind::Basic },
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_packet_is_read_as_it_was_written(record in records()) {
            let bytes = packet(&record);
            let view = PacketView::read(&bytes).unwrap();
            prop_assert_eq!(view.claimed, record.claimed());
            prop_assert_eq!(view.to_record(), record);
            // A row that is cut off, or followed by more, is no packet.
            for end in 0..bytes.len() {
                prop_assert!(PacketView::read(&bytes[..end]).is_none());
            }
            prop_assert!(PacketView::read(&[&bytes[..], &[0]].concat()).is_none());
        }

        #[test]
        fn foreign_bytes_are_no_row(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            // They must not panic; most of them are refused.
            let _ = PacketView::read(&bytes).map(|view| view.to_record());
            let _ = PostingView::read(&bytes).and_then(|view| view.to_posting());
            let json = [b"{", &bytes[..]].concat();
            prop_assert!(PacketView::read(&json).is_none() && PostingView::read(&json).is_none());
        }

        #[test]
        fn a_posting_is_read_as_it_was_written(
            id in any::<u64>(), at in any::<i64>(), kinds in (0..7_u8, 0..7_u8), name in ".{1,30}",
            fen in any::<i64>(), reason in 1..17_u8, number in any::<Option<String>>(),
        ) {
            let account = |kind| Account::of_parts((kind, &name)).unwrap();
            let (from, to) = (account(kinds.0), account(kinds.1));
            let (at, amount) = (Timestamp::from_unix_millis(at), Fen::new(fen));
            let reason = Reason::of_code(reason).unwrap();
            let written = Posting { id, at, from, to, amount, reason, number };
            let mut bytes = Vec::new();
            posting(&written, &mut bytes);
            prop_assert_eq!(PostingView::read(&bytes).unwrap().to_posting(), Some(written));
        }
    }

    #[test]
    fn a_user_is_read_as_it_was_written() {
        let usual = User::new("wx5a0d8c3f1e2b4a61");
        let blocked = User { risk_blocked: true, ..usual.clone() };
        assert_eq!(user(&usual).len(), 19);
        for written in [usual, blocked] {
            assert_eq!(read_user(&user(&written)), Some(written));
        }
        for foreign in [&b""[..], b"\x01\xff", b"\x02wx", b"{}"] {
            assert_eq!(read_user(foreign), None);
        }
    }
}
