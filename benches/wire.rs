//! What the wire costs beside the one digest that nobody can avoid.
//!
//! `raw_md5` digests exactly the bytes that are signed in the case above it.
//! Building begins at the request struct and ends at the bytes of the body;
//! opening begins at the bytes of an answer and ends at the typed reply. A
//! notification is opened to the point where only the merchant's own record is
//! missing; beside it stand the digest of its bytes and a scan of its XML by the
//! library's events, of which nothing is kept.

#![allow(clippy::unwrap_used)] // a measurement that fails should say so and stop

use divan::{Bencher, black_box};
use hongbao::clock::{Nonce as _, SystemNonce};
use hongbao::wire::{self, Answer, Digest, Doc, Request, Signer};
use hongbao::{AppId, BillNo, Fen, MchId, OpenId, Secret, query, redpack};
use md5::{Digest as _, Md5};

const KEY: &str = "Rw7TqZ2nLx9KcV4bJm8PsD3hGf6YaE5u";
const NONCE: &str = "k3v9q2m7x1c5b8n4z6l0p2w8e7r5t1y3";
const BILL_NO: &str = "1510000001202503180000000017";

fn main() {
    divan::main();
}

/// From the struct to the bytes of the body, nonce included.
#[divan::bench_group(sample_count = 1000, sample_size = 500)]
mod building {
    use super::*;

    #[divan::bench]
    fn packet(bencher: Bencher<'_, '_>) {
        let (entity, packet, nonce) = (Entity::new(), sample(), SystemNonce::default());
        bencher.bench_local(|| drop(black_box(build(&entity, black_box(&packet), &nonce.nonce()))));
    }

    #[divan::bench]
    fn raw_md5(bencher: Bencher<'_, '_>) {
        let sealed = wire::seal(&redpack::Packet::CONTRACT, &Entity::new().signer(), &fields(), NONCE);
        let signed = signed_bytes(&sealed.doc);
        bencher.bench_local(|| Md5::digest(black_box(&signed)));
    }

    fn build(entity: &Entity, packet: &redpack::Packet, nonce: &str) -> String {
        let fields = wire::fields_of(packet).unwrap();
        wire::seal(&redpack::Packet::CONTRACT, &entity.signer(), &fields, nonce).body
    }

    fn fields() -> Doc {
        wire::fields_of(&sample()).unwrap()
    }

    /// The example of the official page's kind: ten texts, half of them Chinese.
    fn sample() -> redpack::Packet {
        redpack::Packet {
            mch_billno: BillNo::new(BILL_NO).unwrap(),
            re_openid: OpenId::new("oQx4r0Z1a2b3c4d5e6f7g8h9i0jk").unwrap(),
            total_amount: Fen::new(150),
            send_name: "蓝鲸咖啡".into(),
            wishing: "早安，今天也要加油".into(),
            act_name: "签到有礼".into(),
            remark: "连续签到七天奖励".into(),
            client_ip: "203.0.113.24".parse().unwrap(),
            extra: redpack::Extra::default(),
        }
    }
}

/// From the bytes of a signed answer to the typed reply.
#[divan::bench_group(sample_count = 1000, sample_size = 500)]
mod opening {
    use super::*;

    #[divan::bench]
    fn answer(bencher: Bencher<'_, '_>) {
        let (entity, sent) = (Entity::new(), sent());
        let answer = Answer::new(200, wire::write_xml(&signed_answer()));
        open(&entity, &sent, &answer);
        bencher.bench_local(|| drop(black_box(open(&entity, &sent, black_box(&answer)))));
    }

    #[divan::bench]
    fn raw_md5(bencher: Bencher<'_, '_>) {
        let signed = signed_bytes(&signed_answer());
        bencher.bench_local(|| Md5::digest(black_box(&signed)));
    }

    fn open(entity: &Entity, sent: &Doc, answer: &Answer) -> query::RedPacketFound {
        let doc = wire::open(&query::RedPacket::CONTRACT, &entity.signer(), sent, answer).unwrap();
        wire::reply_of::<query::RedPacket>(&doc).unwrap()
    }

    fn sent() -> Doc {
        wire::fields_of(&query::RedPacket { mch_billno: BillNo::new(BILL_NO).unwrap() }).unwrap()
    }

    /// A packet that waits for its user, in the shape of a genuine answer; the
    /// gateway does not sign these, so that the worst case is ours to make.
    fn signed_answer() -> Doc {
        let mut doc: Doc = [
            ("return_code", "SUCCESS"),
            ("return_msg", "OK"),
            ("result_code", "SUCCESS"),
            ("err_code", "SUCCESS"),
            ("err_code_des", "OK"),
            ("mch_billno", BILL_NO),
            ("mch_id", "1510000001"),
            ("detail_id", "1000041701202503183000051947263"),
            ("status", "SENT"),
            ("send_type", "API"),
            ("hb_type", "NORMAL"),
            ("total_num", "1"),
            ("total_amount", "150"),
            ("send_time", "2025-03-18 08:30:11"),
        ]
        .into_iter()
        .collect();
        let sign = wire::sign(&doc, &Secret::new(KEY), Digest::Md5);
        doc.push("sign", &sign);
        doc
    }
}

/// From the bytes of a payment notification to the value that waits to be
/// confirmed: one with coupons, as live ones look.
#[divan::bench_group(sample_count = 1000, sample_size = 500)]
mod notice {
    use hongbao::notify::Paid;
    use hongbao::wire::{Notice as _, Receiver};

    use super::*;

    const BODY: &str = include_str!("../fixtures/notices/paid/coupons.xml");

    #[divan::bench]
    fn verified(bencher: Bencher<'_, '_>) {
        let entity = Entity::new();
        let receiver = Receiver { signer: entity.signer(), retired: &[] };
        bencher.bench_local(|| drop(black_box(Paid::open(&receiver, black_box(BODY.as_bytes())).unwrap())));
    }

    #[divan::bench]
    fn raw_md5(bencher: Bencher<'_, '_>) {
        let signed = signed_bytes(&wire::read_xml(BODY.as_bytes()).unwrap());
        bencher.bench_local(|| Md5::digest(black_box(&signed)));
    }

    #[divan::bench]
    fn raw_scan(bencher: Bencher<'_, '_>) {
        bencher.bench_local(|| {
            let mut reader = quick_xml::Reader::from_str(black_box(BODY));
            let mut events = 0_u32;
            while !matches!(reader.read_event().unwrap(), quick_xml::events::Event::Eof) {
                events += 1;
            }
            events
        });
    }
}

struct Entity {
    app_id: AppId,
    mch_id: MchId,
    key: Secret,
}

impl Entity {
    fn new() -> Self {
        Self {
            app_id: AppId::new("wx00f1e2d3c4b5a697").unwrap(),
            mch_id: MchId::new("1510000001").unwrap(),
            key: Secret::new(KEY),
        }
    }

    fn signer(&self) -> Signer<'_> {
        Signer { app_id: &self.app_id, mch_id: &self.mch_id, sub: None, key: &self.key, digest: Digest::Md5 }
    }
}

fn signed_bytes(doc: &Doc) -> Vec<u8> {
    format!("{}{KEY}", wire::string_to_sign(doc)).into_bytes()
}
