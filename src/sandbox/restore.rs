//! What an earlier start left on disk, read into memory.
//!
//! Packets are half of it, and so they are read side by side with the rest. The
//! version before this one stored packets and postings as JSON, packets under
//! their numbers; what it left is stored anew.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;

use serde::de::DeserializeOwned;

use super::archive::{PacketId, Packets};
use super::behaviour::User;
use super::bundle;
use super::clock::SandboxClock;
use super::desk::{Desk, Table};
use super::failed;
use super::packed;
use super::packets::PacketRecord;
use super::phone::Phones;
use super::quota::{Quotas, day_of};
use super::store::{Rows, row_key};
use crate::clock::Timestamp;
use crate::error::{Error, Result};

/// The desk of a directory. What it wants to change on disk is among its changes.
///
/// # Errors
/// The database cannot be read, or another version wrote it.
pub(super) fn desk(rows: &Rows) -> Result<Desk> {
    let mut desk = Desk::new(SandboxClock::Ahead(0), 0, true);
    rows.read(Table::State, |key, value| state(&mut desk, key, value))?;
    let now = desk.now();
    let packets = thread::scope(|scope| {
        let packets = scope.spawn(|| packets(rows, now));
        all_but_packets(rows, &mut desk)?;
        packets.join().unwrap_or_else(|_| Err(failed("the sandbox's packets", "the thread that read them is gone")))
    })?;
    (desk.packets, desk.due, desk.quotas) = (packets.all, packets.due, packets.quotas);
    desk.phones = packets.phones;
    desk.take_over(packets.older);
    desk.trades.finish_loading();
    desk.index_phones();
    desk.expect_openings();
    desk.await_passwords_again();
    desk.notices.resume(now);
    Ok(desk)
}

const NOT_OF_THIS_FORM: &str = "not of this form";

struct Restored {
    all: Packets,
    due: BTreeSet<(Timestamp, PacketId)>,
    /// What was sent today counts.
    quotas: Quotas,
    phones: Phones,
    /// Packets as the version before stored them.
    older: Vec<PacketRecord>,
}

fn packets(rows: &Rows, now: Timestamp) -> Result<Restored> {
    let table = Table::Packets;
    let mut all = Packets::default();
    let mut older: Vec<PacketRecord> = Vec::new();
    rows.read(table, |key, value| {
        if value.starts_with(b"{") {
            older.push(parse(table, key, value)?);
            return Ok(());
        }
        let restored = match bundle::number_of(key) {
            Some(number) => all.restore_bundle(number, value),
            None => key.parse().ok().and_then(|id| all.restore(id, value)),
        };
        restored.ok_or_else(|| unreadable(table, key, NOT_OF_THIS_FORM))
    })?;
    let (mut quotas, today) = (Quotas::default(), day_of(now));
    let (mut due, mut phones) = (Vec::with_capacity(all.len()), Phones::with_room(all.len()));
    let indexed = all.index(|id, packet| {
        due.extend(packet.due().map(|due| (due, id)));
        phones.keep_packet(packet);
        if packet.is_sent() && today.contains(&packet.send_time) {
            quotas.restore(packet.mch_id, packet.total_amount, packet.send_time);
        }
    });
    indexed.map_err(|position| unreadable(table, &row_key(position as u64), NOT_OF_THIS_FORM))?;
    for record in &older {
        if record.is_sent() && today.contains(&record.send_time) {
            quotas.restore(&record.mch_id, record.total_amount, record.send_time);
        }
    }
    Ok(Restored { all, due: due.into_iter().collect(), quotas, phones, older })
}

fn all_but_packets(rows: &Rows, desk: &mut Desk) -> Result<()> {
    let mut users = Vec::with_capacity(rows.count(Table::Users)?);
    // Most users are alike, and to read a million times the same takes a second.
    let mut last: Option<(Vec<u8>, Arc<User>)> = None;
    rows.read(Table::Users, |key, value| {
        let user = match &last {
            Some((row, user)) if row == value => Arc::clone(user),
            _ => {
                let user = packed::read_user(value);
                let user = Arc::new(user.ok_or_else(|| unreadable(Table::Users, key, NOT_OF_THIS_FORM))?);
                last = Some((value.to_vec(), Arc::clone(&user)));
                user
            }
        };
        users.push((Box::from(key), user));
        Ok(())
    })?;
    // They come in their order, from which the map is made at once.
    desk.users = users.into_iter().collect();
    for table in [
        Table::Settings,
        Table::Postings,
        Table::Requests,
        Table::Orders,
        Table::Refunds,
        Table::Codes,
        Table::Links,
        Table::Notices,
    ] {
        rows.read(table, |key, value| load(desk, table, key, value))?;
    }
    Ok(())
}

fn load(desk: &mut Desk, table: Table, key: &str, value: &[u8]) -> Result<()> {
    let unknown = || unreadable(table, key, NOT_OF_THIS_FORM);
    match table {
        Table::Settings => drop(desk.loaded_settings.insert(key.to_owned(), parse(table, key, value)?)),
        Table::Postings if value.starts_with(b"{") => {
            let mut row = Vec::new();
            packed::posting(&parse(table, key, value)?, &mut row);
            desk.restore_posting(&row).ok_or_else(unknown)?;
            desk.change_row(table, key.to_owned(), key.to_owned(), row);
        }
        Table::Postings => match bundle::number_of(key) {
            Some(number) => {
                let bundle = desk.postings.restore_bundle(number, value).ok_or_else(unknown)?;
                bundle.rows().try_for_each(|row| desk.restore_posting(row)).ok_or_else(unknown)?;
            }
            None => desk.restore_posting(value).ok_or_else(unknown)?,
        },
        Table::Requests => {
            let record: super::RequestRecord = parse(table, key, value)?;
            desk.next_request = record.id + 1;
            desk.requests.push_back(record);
        }
        Table::Orders => desk.trades.restore_order(parse(table, key, value)?),
        Table::Refunds => desk.trades.restore_refund(parse(table, key, value)?),
        Table::Codes => drop(desk.trades.codes.insert(key.to_owned(), parse(table, key, value)?)),
        Table::Links => drop(desk.trades.links.insert(key.to_owned(), parse(table, key, value)?)),
        Table::Notices => desk.notices.restore(parse(table, key, value)?),
        // Read apart.
        Table::Packets | Table::State | Table::Users => {}
    }
    Ok(())
}

fn state(desk: &mut Desk, key: &str, value: &[u8]) -> Result<()> {
    let table = Table::State;
    match key {
        "clock" => desk.clock = parse(table, key, value)?,
        "answers" => desk.answers = parse(table, key, value)?,
        "faults" => desk.faults = parse(table, key, value)?,
        "numbers" => desk.numbers = parse(table, key, value)?,
        "notice_faults" => desk.notices.faults = parse(table, key, value)?,
        "comments" => desk.comments = parse(table, key, value)?,
        _ => desk.seed = parse(table, key, value)?,
    }
    Ok(())
}

fn parse<T: DeserializeOwned>(table: Table, key: &str, value: &[u8]) -> Result<T> {
    serde_json::from_slice(value).map_err(|error| unreadable(table, key, error))
}

fn unreadable(table: Table, key: &str, problem: impl std::fmt::Display) -> Error {
    failed("the state of another version", format!("row {key:?} of {table:?} cannot be read ({problem})"))
        .with_next_step("start this version on a new directory, or the old version on this one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::sandbox::{Account, Posting, Reason, Sandbox};

    fn store(directory: &std::path::Path) -> crate::sandbox::store::Store {
        Rows::open(&directory.join("sandbox.redb")).unwrap().into_store().unwrap()
    }

    /// Rows as the version before this one wrote them.
    fn older_rows() -> Vec<crate::sandbox::desk::Change> {
        let packet = |number: &str, created: i64, detail: &str| {
            let json = serde_json::json!({
                "mch_id": "1900000101", "mch_billno": number, "app_id": "wx5a0d8c3f1e2b4a61",
                "re_openid": "oAlice1a2b3c4d5e6f7g8h9i0jkl", "total_amount": 188, "group": null,
                "detail_id": detail, "status": "SENT", "reason": null, "created": created, "send_time": created,
                "refund_time": null, "refund_amount": null, "shares": [188], "claims": [],
                "send_name": "蓝鲸咖啡", "wishing": "早安", "act_name": "签到有礼", "remark": "七天",
            });
            (Table::Packets, format!("1900000101/{number}"), json)
        };
        let posting = |id: u64, from: serde_json::Value, to: serde_json::Value, amount: i64, reason: &str| {
            let json = serde_json::json!({
                "id": id, "at": 1_742_257_811_000_i64, "from": from, "to": to, "amount": amount, "reason": reason,
                "mch_billno": null,
            });
            (Table::Postings, format!("{id:016}"), json)
        };
        let (merchant, transit) =
            (serde_json::json!({"merchant": "1900000101"}), serde_json::json!({"transit": "1900000101"}));
        let clock = serde_json::json!({"At": 1_742_257_900_000_i64});
        let rows = [
            // Not in the order in which they came.
            packet("A2", 1_742_257_811_000, "1000041701202503183000000000002"),
            packet("B1", 1_742_257_811_000, "1000041701202503183000000000001"),
            posting(1, serde_json::json!("world"), merchant.clone(), 1000, "top_up"),
            posting(2, merchant.clone(), transit.clone(), 188, "sent"),
            posting(3, merchant, transit, 188, "sent"),
            (Table::State, "clock".to_owned(), clock),
        ];
        let change = |(table, key, json): (_, _, serde_json::Value)| crate::sandbox::desk::Change {
            table,
            key,
            value: Some(json.to_string().into_bytes()),
        };
        rows.map(change).into()
    }

    #[test]
    fn a_directory_of_the_version_before_is_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        store.submit(older_rows()).wait().unwrap();
        drop(store);
        for _ in 0..2 {
            let sandbox = Sandbox::open(directory.path()).unwrap();
            let numbers: Vec<_> = sandbox.packets(0, 9).into_iter().map(|packet| packet.mch_billno).collect();
            assert_eq!(numbers, ["B1", "A2"]);
            let first = sandbox.packet("1900000101", "B1").unwrap();
            assert_eq!((first.wishing.as_str(), first.created.unix()), ("早安", 1_742_257_811));
            assert_eq!(sandbox.balance("1900000101"), crate::Fen::new(624));
            let posting = sandbox.postings(1, 1).remove(0);
            let (from, to) = (Account::Merchant("1900000101".into()), Account::Transit("1900000101".into()));
            let (id, at, amount) = (2, Timestamp::from_unix(1_742_257_811), crate::Fen::new(188));
            assert_eq!(posting, Posting { id, at, from, to, amount, reason: Reason::Sent, number: None });
            let books = sandbox.books();
            assert!(books.balanced && books.owed_to_packets == crate::Fen::new(376), "{books}");
        }
        let rows = Rows::open(&directory.path().join("sandbox.redb")).unwrap();
        for table in [Table::Packets, Table::Postings] {
            let packed = |key: &str, row: &[u8]| {
                assert!(!row.starts_with(b"{"), "{table:?} {key} was not stored anew");
                Ok(())
            };
            rows.read(table, packed).unwrap();
        }
    }

    #[test]
    fn a_row_that_nobody_can_read_is_named() {
        for (table, key, row) in [
            (Table::Packets, "0000000000000000", &b"\x02later"[..]),
            (Table::Packets, "0000000000000007", &[1, 2, 0, 0, 0]),
            (Table::Packets, "#000000000000", b"\x01\0"),
            (Table::Postings, "#000000000001", b"\x01"),
            (Table::Users, "oNobody", b"\x02"),
            (Table::Postings, "0000000000000001", b""),
            (Table::Postings, "0000000000000001", b"{}"),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let store = store(directory.path());
            let change = crate::sandbox::desk::Change { table, key: key.to_owned(), value: Some(row.to_vec()) };
            store.submit(vec![change]).wait().unwrap();
            drop(store);
            let Err(error) = Sandbox::open(directory.path()) else { panic!("{key} was taken") };
            assert!(error.to_string().contains(key), "{error}");
            assert!(error.next_step().contains("new directory"), "{}", error.next_step());
        }
    }

    /// Sends so many packets more, the nth to the nth user.
    fn send(sandbox: &Sandbox, count: usize) {
        let mch_id = sandbox.merchants().remove(0).mch_id;
        let sent = sandbox.update(|desk| {
            for _ in 0..count {
                let number = desk.packets.len();
                let json = serde_json::json!({
                    "mch_id": mch_id, "mch_billno": format!("A{number}"), "app_id": "wx5a0d8c3f1e2b4a61",
                    "re_openid": openid(number), "total_amount": 100, "group": null,
                    "detail_id": number.to_string(), "status": "SENDING", "reason": null, "created": desk.now(),
                    "send_time": desk.now(), "refund_time": null, "refund_amount": null, "shares": [100],
                    "claims": [], "send_name": "蓝鲸咖啡", "wishing": "早安", "act_name": "", "remark": "",
                });
                let mut record = serde_json::from_value(json).unwrap();
                desk.user(&openid(number), "wx5a0d8c3f1e2b4a61");
                assert!(desk.deliver(&mut record));
                desk.put_packet(&record);
            }
            Ok(())
        });
        sent.unwrap();
    }

    fn openid(number: usize) -> String {
        format!("oUser{number:023}")
    }

    /// Bundles and rows of their own of a table.
    fn stored(directory: &std::path::Path, table: Table) -> (usize, usize) {
        let (mut bundles, mut own) = (0, 0);
        let rows = Rows::open(&directory.join("sandbox.redb")).unwrap();
        let count = |key: &str, _: &[u8]| {
            *(if bundle::number_of(key).is_some() { &mut bundles } else { &mut own }) += 1;
            Ok(())
        };
        rows.read(table, count).unwrap();
        (bundles, own)
    }

    #[test]
    fn packets_in_bundles_are_there_after_a_restart_as_they_were() {
        let directory = tempfile::tempdir().unwrap();
        let mut before: Option<(Vec<PacketRecord>, Vec<Posting>, crate::sandbox::Statement)> = None;
        for round in 0..5_usize {
            let sandbox = Sandbox::open(directory.path()).unwrap();
            if let Some((packets, postings, books)) = before.take() {
                assert_eq!(sandbox.packets(0, usize::MAX), packets);
                assert_eq!(sandbox.postings(0, usize::MAX), postings);
                assert_eq!(sandbox.books(), books);
                assert!(books.balanced, "{books}");
                assert_eq!(sandbox.phone(&openid(7), 9).map(|phone| serde_json::to_value(phone).is_ok()), Some(true));
            }
            let mch_id = sandbox.merchants().remove(0).mch_id;
            send(&sandbox, 200 + round);
            // Of those in bundles, of those in none yet, and one twice.
            for number in (round..sandbox.packets(0, usize::MAX).len()).step_by(50) {
                let _ = sandbox.open_packet(&mch_id, &format!("A{number}"), &openid(number));
            }
            before = Some((sandbox.packets(0, usize::MAX), sandbox.postings(0, usize::MAX), sandbox.books()));
        }
        let sent: usize = (0..5).map(|round| 200 + round).sum();
        let (bundles, own) = stored(directory.path(), Table::Packets);
        assert_eq!(bundles, sent / 256);
        assert!((sent % 256..sent % 256 + 100).contains(&own), "{own}");
        let postings = before.as_ref().unwrap().1.len();
        assert_eq!(stored(directory.path(), Table::Postings), (postings / 640, postings % 640));

        // Bundles in which everything has changed are made anew.
        let sandbox = Sandbox::open(directory.path()).unwrap();
        sandbox.advance(std::time::Duration::from_secs(2 * 86_400)).unwrap();
        let packets = sandbox.packets(0, usize::MAX);
        assert!(packets.iter().all(|packet| packet.status != crate::query::RedPacketStatus::Sent));
        drop(sandbox);
        assert_eq!(stored(directory.path(), Table::Packets), (sent / 256, sent % 256));
        assert_eq!(Sandbox::open(directory.path()).unwrap().packets(0, usize::MAX), packets);
    }

    #[test]
    fn rows_of_a_directory_without_bundles_come_into_bundles() {
        let directory = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::open(directory.path()).unwrap();
        send(&sandbox, 1400);
        let (packets, postings) = (sandbox.packets(0, usize::MAX), sandbox.postings(0, usize::MAX));
        drop(sandbox);
        // As the version before left it.
        let rows = Rows::open(&directory.path().join("sandbox.redb")).unwrap();
        let (mut changes, mut old_keys) = (Vec::new(), Vec::new());
        for table in [Table::Packets, Table::Postings] {
            let note = |key: &str, _: &[u8]| {
                old_keys.push((table, key.to_owned()));
                Ok(())
            };
            rows.read(table, note).unwrap();
        }
        let change = |table, key, value| crate::sandbox::desk::Change { table, key, value };
        changes.extend(old_keys.into_iter().map(|(table, key)| change(table, key, None)));
        for (number, packet) in (0..).zip(&packets) {
            changes.push(change(Table::Packets, row_key(number), Some(packed::packet(packet))));
        }
        for posting in &postings {
            let mut row = Vec::new();
            packed::posting(posting, &mut row);
            changes.push(change(Table::Postings, row_key(posting.id), Some(row)));
        }
        let user = serde_json::json!({"app_id": "wx5a0d8c3f1e2b4a61", "risk_blocked": false});
        changes.push(change(Table::Users, openid(7), Some(user.to_string().into_bytes())));
        let store = rows.into_store().unwrap();
        store.submit(changes).wait().unwrap();
        drop(store);
        assert_eq!(stored(directory.path(), Table::Packets), (0, 1400));

        for more in [0, 1, 1] {
            let sandbox = Sandbox::open(directory.path()).unwrap();
            assert_eq!(sandbox.packets(0, 1400), packets);
            assert_eq!(sandbox.postings(0, postings.len()), postings);
            assert_eq!(sandbox.user(&openid(7)), sandbox.user(&openid(8)));
            send(&sandbox, more);
            drop(sandbox);
        }
        assert_eq!(stored(directory.path(), Table::Packets), (5, 1402 - 5 * 256));
        assert_eq!(stored(directory.path(), Table::Postings), (2, postings.len() + 2 - 2 * 640));
    }

    #[test]
    fn limits_of_the_day_count_what_came_before_the_start() {
        let directory = tempfile::tempdir().unwrap();
        let usage = |sandbox: &Sandbox| {
            let mch_id = sandbox.merchants().remove(0).mch_id;
            serde_json::to_value(sandbox.merchant_detail(&mch_id)).unwrap()["usage"].clone()
        };
        let sandbox = Sandbox::open(directory.path()).unwrap();
        let mch_id = sandbox.merchants().remove(0).mch_id;
        send(&sandbox, 3);
        let before = usage(&sandbox);
        drop(sandbox);
        for asked_first in [false, true] {
            let sandbox = Sandbox::open(directory.path()).unwrap();
            if asked_first {
                assert_eq!(usage(&sandbox), before);
            }
            let mut desk = sandbox.desk();
            assert_eq!(desk.received_today(&mch_id, &openid(1)), (1, crate::Fen::new(100)));
            assert_eq!(desk.received_today(&mch_id, &openid(9)), (0, crate::Fen::ZERO));
            assert_eq!(desk.received_today("1900000102", &openid(1)), (0, crate::Fen::ZERO));
            let now = desk.now();
            assert_eq!(desk.quotas.merchant(&mch_id, now), crate::Fen::new(300));
            drop(desk);
            // Who was asked for and got nothing is no user of this day.
            assert_eq!(usage(&sandbox), before);
        }
        let sandbox = Sandbox::open(directory.path()).unwrap();
        let mut desk = sandbox.desk();
        let now = desk.now();
        desk.count_sent(&mch_id, &openid(1), crate::Fen::new(5), now);
        assert_eq!(desk.received_today(&mch_id, &openid(1)), (2, crate::Fen::new(105)));
    }
}
