//! All packets and postings, packed: what is asked for is unpacked on the way out.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher as _;
use std::ops::Range;

use super::books::Posting;
use super::bundle::{self, Bundle};
use super::packed::{self, PacketView, PostingView};
use super::packets::PacketRecord;
use crate::money::Fen;

/// So many packets, and so many postings, lie in a bundle once there are so many. Of
/// usual length, they fill most of a page of 64 KiB.
const PACKETS: usize = 256;
const POSTINGS: usize = 640;

/// So many new bundles are made at a time. A directory from before there were any,
/// and a jump of the clock, have more to make: the rest comes with later changes,
/// so that nobody waits for all of it.
const AT_ONCE: usize = 16;

/// Counts packets from zero, in the order in which they came.
pub(super) type PacketId = u32;

/// All packets, in the order in which they came.
#[derive(Default)]
pub(super) struct Packets {
    /// Those that are not as their bundle has them, or have none yet.
    rows: Vec<Option<Box<[u8]>>>,
    bundles: Vec<Bundle>,
    /// For each bundle, how many changes its packets have seen since.
    changed: Vec<usize>,
    /// Bundles that have seen enough of them.
    ripe: Vec<usize>,
    keys: Keys,
    /// What lies unopened in all of them, in fen; kept at each change.
    owed: i128,
}

impl Packets {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// By its key, `mch_id/mch_billno`.
    pub(super) fn get(&self, key: &str) -> Option<PacketRecord> {
        self.at(self.id(key)?)
    }

    pub(super) fn id(&self, key: &str) -> Option<PacketId> {
        let (mch_id, mch_billno) = key.split_once('/')?;
        let id = *self.keys.by_hash.get(&self.keys.hash(mch_id, mch_billno))?;
        let found = self.view(id)?;
        let same = (found.mch_id, found.mch_billno) == (mch_id, mch_billno);
        if same { Some(id) } else { self.keys.others.get(key).copied() }
    }

    pub(super) fn at(&self, id: PacketId) -> Option<PacketRecord> {
        self.view(id).map(|view| view.to_record())
    }

    pub(super) fn view(&self, id: PacketId) -> Option<PacketView<'_>> {
        self.nth(usize::try_from(id).ok()?)
    }

    /// In the order in which they came, from zero.
    pub(super) fn nth(&self, position: usize) -> Option<PacketView<'_>> {
        PacketView::read(row(&self.rows, &self.bundles, position)?)
    }

    /// From `offset`, `limit` at most, oldest first.
    pub(super) fn page(&self, offset: usize, limit: usize) -> Vec<PacketRecord> {
        let end = offset.saturating_add(limit).min(self.len());
        (offset..end).filter_map(|position| self.nth(position)).map(|view| view.to_record()).collect()
    }

    /// The unopened rest of all packets, counted from the packets themselves.
    pub(super) fn owed(&self) -> Fen {
        Fen::new(i64::try_from(self.owed).unwrap_or_default())
    }

    /// Keeps a new or changed packet; its number and what is to be stored.
    pub(super) fn put(&mut self, record: &PacketRecord) -> (PacketId, &[u8]) {
        let key = PacketRecord::key(&record.mch_id, &record.mch_billno);
        let id = self.id(&key).unwrap_or_else(|| {
            // Four thousand million packets are beyond any memory.
            let id = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
            self.keys.note(&record.mch_id, &record.mch_billno, id);
            self.rows.push(None);
            id
        });
        self.owed -= self.view(id).map_or(0, |view| i128::from(view.unopened().get()));
        self.owed += i128::from(record.unopened().get());
        self.count_change(id as usize);
        (id, self.rows[id as usize].insert(packed::packet(record).into()))
    }

    /// Bundles that are to be stored in place of the rows of their packets: the new
    /// ones, and those in which there were as many changes as packets.
    pub(super) fn bundles(&mut self) -> Vec<Bundled> {
        let new = (self.bundles.len()..self.rows.len() / PACKETS).take(AT_ONCE);
        let numbers: Vec<usize> = std::mem::take(&mut self.ripe).into_iter().chain(new).collect();
        numbers.into_iter().map(|number| self.bundle(number)).collect()
    }

    fn bundle(&mut self, number: usize) -> Bundled {
        let packets = number * PACKETS..(number + 1) * PACKETS;
        let rows = packets.clone().filter_map(|position| row(&self.rows, &self.bundles, position));
        let bundle = Bundle::of(rows);
        let bundled = Bundled { key: bundle::key(number), rows: packets.clone(), bytes: bundle.bytes().to_vec() };
        self.rows[packets].fill(None);
        match self.bundles.get_mut(number) {
            Some(before) => (*before, self.changed[number]) = (bundle, 0),
            None => {
                self.bundles.push(bundle);
                self.changed.push(0);
            }
        }
        bundled
    }

    /// Counts a change, if the packet is in a bundle.
    fn count_change(&mut self, position: usize) {
        let number = position / PACKETS;
        if let Some(changed) = self.changed.get_mut(number) {
            *changed += 1;
            if *changed == PACKETS {
                self.ripe.push(number);
            }
        }
    }

    /// Takes over the next bundle of an earlier start; `None` if it is not the next
    /// one or cannot be read.
    pub(super) fn restore_bundle(&mut self, number: usize, bytes: &[u8]) -> Option<()> {
        let next = number == self.bundles.len() && self.rows.len() == number * PACKETS;
        self.bundles.push(Bundle::read(bytes, PACKETS).filter(|_| next)?);
        self.changed.push(0);
        self.rows.resize(self.bundles.len() * PACKETS, None);
        Some(())
    }

    /// Takes over the next packet of an earlier start, or one that was changed after
    /// it came into its bundle; `None` if it is neither.
    pub(super) fn restore(&mut self, id: usize, bytes: &[u8]) -> Option<()> {
        if id == self.rows.len() {
            self.rows.push(None);
        }
        *self.rows.get_mut(id)? = Some(bytes.into());
        self.count_change(id);
        Some(())
    }

    /// Makes what lies beside the rows, when all are restored, and shows them to
    /// `each` in their order.
    ///
    /// # Errors
    /// The first that cannot be read.
    pub(super) fn index(&mut self, mut each: impl FnMut(PacketId, &PacketView<'_>)) -> Result<(), usize> {
        self.keys.by_hash.reserve(self.rows.len());
        for position in 0..self.rows.len() {
            let bytes = row(&self.rows, &self.bundles, position).ok_or(position)?;
            let view = PacketView::read(bytes).ok_or(position)?;
            let id = u32::try_from(position).map_err(|_| position)?;
            self.owed += i128::from(view.unopened().get());
            self.keys.note(view.mch_id, view.mch_billno, id);
            each(id, &view);
        }
        Ok(())
    }
}

/// Which packet has which key.
#[derive(Default)]
struct Keys {
    /// By the hash of the key: the key itself is in the row.
    by_hash: HashMap<u64, PacketId>,
    /// Those whose hash another packet had first.
    others: HashMap<String, PacketId>,
    hasher: RandomState,
}

impl Keys {
    /// Notes the packet of a key that is not known yet.
    fn note(&mut self, mch_id: &str, mch_billno: &str, id: PacketId) {
        match self.by_hash.entry(self.hash(mch_id, mch_billno)) {
            Entry::Vacant(free) => drop(free.insert(id)),
            Entry::Occupied(_) => drop(self.others.insert(PacketRecord::key(mch_id, mch_billno), id)),
        }
    }

    /// Of a key, without making it.
    fn hash(&self, mch_id: &str, mch_billno: &str) -> u64 {
        self.hasher.hash_one((mch_id, mch_billno))
    }
}

/// A row of its own, or else the one in the bundle.
fn row<'a>(rows: &'a [Option<Box<[u8]>>], bundles: &'a [Bundle], position: usize) -> Option<&'a [u8]> {
    match rows.get(position)? {
        Some(row) => Some(row),
        None => bundles.get(position / PACKETS)?.row(position % PACKETS),
    }
}

/// A bundle in the making.
pub(super) struct Bundled {
    pub(super) key: String,
    /// The positions of what is in it.
    pub(super) rows: Range<usize>,
    pub(super) bytes: Vec<u8>,
}

/// All postings, in the order in which they were made. They never change, so they
/// lie one behind the other.
#[derive(Default)]
pub(super) struct Postings {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    /// How many bundles are on disk.
    bundles: usize,
}

impl Postings {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Keeps it and gives what is to be stored.
    pub(super) fn push(&mut self, posting: &Posting) -> &[u8] {
        let start = self.bytes.len();
        packed::posting(posting, &mut self.bytes);
        self.ends.push(self.bytes.len());
        &self.bytes[start..]
    }

    /// Bundles that are to be stored in place of the rows of their postings.
    pub(super) fn bundles(&mut self) -> Vec<Bundled> {
        let new = self.bundles..(self.len() / POSTINGS).min(self.bundles + AT_ONCE);
        self.bundles = new.end;
        let bundled = |number| {
            let postings = number * POSTINGS..(number + 1) * POSTINGS;
            let rows = postings.clone().filter_map(|position| self.row(position));
            Bundled { key: bundle::key(number), bytes: Bundle::of(rows).bytes().to_vec(), rows: postings }
        };
        new.map(bundled).collect()
    }

    /// Takes over a bundle of an earlier start, if it is the next one; its postings
    /// come one by one.
    pub(super) fn restore_bundle(&mut self, number: usize, bytes: &[u8]) -> Option<Bundle> {
        let next = number == self.bundles && self.len() == number * POSTINGS;
        self.bundles += 1;
        Bundle::read(bytes, POSTINGS).filter(|_| next)
    }

    /// Takes over a posting of an earlier start, if it can be read.
    pub(super) fn restore(&mut self, row: &[u8]) -> Option<PostingView<'_>> {
        PostingView::read(row)?;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(row);
        self.ends.push(self.bytes.len());
        PostingView::read(&self.bytes[start..])
    }

    /// In the order in which they were made, from zero.
    pub(super) fn nth(&self, position: usize) -> Option<PostingView<'_>> {
        PostingView::read(self.row(position)?)
    }

    fn row(&self, position: usize) -> Option<&[u8]> {
        let start = position.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.bytes.get(start..*self.ends.get(position)?)
    }

    /// Without unpacking them, from `offset` on; oldest first.
    pub(super) fn views(&self, offset: usize) -> impl DoubleEndedIterator<Item = PostingView<'_>> {
        (offset.min(self.len())..self.len()).filter_map(|position| self.nth(position))
    }

    /// From `offset`, `limit` at most, oldest first.
    pub(super) fn page(&self, offset: usize, limit: usize) -> Vec<Posting> {
        self.views(offset).take(limit).filter_map(|view| view.to_posting()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sandbox::Sandbox;
    use crate::sandbox::fault::scatter;
    use crate::{BillNo, OpenId, redpack};

    fn record() -> PacketRecord {
        serde_json::from_value(serde_json::json!({
            "mch_id": "1900000101", "mch_billno": "A1", "app_id": "wx5a0d8c3f1e2b4a61",
            "re_openid": "oAlice1a2b3c4d5e6f7g8h9i0jkl", "total_amount": 188, "group": null,
            "detail_id": "1", "status": "SENT", "reason": null, "created": 1, "send_time": 1, "refund_time": null,
            "refund_amount": null, "shares": [188], "claims": [], "send_name": "", "wishing": "", "act_name": "",
            "remark": "",
        }))
        .unwrap()
    }

    #[tokio::test]
    async fn totals_that_are_kept_are_those_that_are_counted() {
        let noon = "2025-03-18 12:00:00".parse().unwrap();
        for seed in 0..8 {
            let sandbox = Sandbox::builder().frozen_at(noon).seed(seed).build().unwrap();
            let entity = sandbox.merchants().remove(0);
            sandbox.change_settings(&entity.mch_id, |settings| settings.calls_per_second = u32::MAX).unwrap();
            let client = sandbox.client(&entity).unwrap();
            for step in 0..60 {
                let chance = scatter(seed, step);
                let user = format!("oUser{:023}", chance / 64 % 5);
                let number = format!("A{}", chance / 512 % 20);
                match chance % 8 {
                    0..3 => {
                        let packet = redpack::Packet {
                            mch_billno: BillNo::new(&number).unwrap(),
                            re_openid: OpenId::new(&user).unwrap(),
                            total_amount: Fen::new(100 + i64::from(chance.to_le_bytes()[5])),
                            send_name: "蓝鲸咖啡".into(),
                            wishing: "早安".into(),
                            act_name: "签到有礼".into(),
                            remark: "七天".into(),
                            client_ip: [127, 0, 0, 1].into(),
                            extra: redpack::Extra::default(),
                        };
                        // A number that is known with another amount is refused.
                        let _ = client.send(&packet).await;
                    }
                    3..7 => {
                        if let Some(packet) = sandbox.packet(&entity.mch_id, &number) {
                            let _ = sandbox.open_packet(&entity.mch_id, &number, &packet.re_openid);
                        }
                    }
                    _ => drop(sandbox.advance(Duration::from_secs(chance % 50_000)).unwrap()),
                }
                let books = sandbox.books();
                let packets = sandbox.packets(0, usize::MAX);
                let owed = Fen::checked_sum(packets.iter().map(PacketRecord::unopened)).unwrap();
                assert_eq!(books.owed_to_packets, owed);
                let users = books.accounts.iter().filter(|one| one.account.parts().0 == 3).map(|one| one.balance);
                assert_eq!(books.with_users, Fen::checked_sum(users).unwrap());
                assert_eq!(sandbox.totals(), crate::sandbox::Statement { accounts: Vec::new(), ..books.clone() });
                assert!(books.balanced, "{books}");
            }
            assert!(!sandbox.packets(0, 1).is_empty());
        }
    }

    #[test]
    fn keys_of_one_hash_are_kept_apart() {
        let mut packets = Packets::default();
        let put = |packets: &mut Packets, number: &str| {
            let mut record = record();
            number.clone_into(&mut record.mch_billno);
            packets.put(&record).0
        };
        let first = put(&mut packets, "A1");
        // As if this key had the hash of the first.
        let hash = packets.keys.hash("1900000101", "B1");
        packets.keys.by_hash.insert(hash, first);
        assert_eq!(packets.id("1900000101/B1"), None);
        let second = put(&mut packets, "B1");
        assert_ne!(first, second);
        assert_eq!(packets.keys.others.len(), 1);
        for (id, number) in [(first, "A1"), (second, "B1")] {
            assert_eq!(put(&mut packets, number), id);
            assert_eq!(packets.get(&format!("1900000101/{number}")).unwrap().mch_billno, number);
        }
        assert_eq!(packets.len(), 2);
    }

    #[test]
    fn a_page_of_postings_is_that_part_of_them() {
        let sandbox = Sandbox::new().unwrap();
        let mch_id = sandbox.merchants().remove(0).mch_id;
        for fen in 1..=20 {
            sandbox.top_up(&mch_id, Fen::new(fen)).unwrap();
        }
        let all = sandbox.postings(0, usize::MAX);
        assert_eq!(all.len(), 22);
        assert!(all.iter().zip(1..).all(|(posting, id)| posting.id == id));
        for (offset, limit) in [(0, 5), (3, 4), (20, 9), (22, 1), (99, 1)] {
            let end = (offset + limit).min(22);
            assert_eq!(sandbox.postings(offset, limit), all[offset.min(22)..end.max(offset.min(22))]);
        }
        let desk = sandbox.desk();
        let newest: Vec<u64> = desk.postings.views(0).rev().take(2).map(|view| view.id).collect();
        assert_eq!(newest, [22, 21]);
    }
}
