//! Sandboxes inside a test: claims about them, and the same again from a seed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hongbao::clock::Nonce;
use hongbao::query::RedPacketStatus as Status;
use hongbao::sandbox::{NewMerchant, Opens, Payer, Sandbox};
use hongbao::wire::{self, Digest, Doc};
use hongbao::{Client, Entity, Fen, RetryPolicy};

use crate::orders::{jsapi, native, refund};
use crate::shop::Shop;
use crate::support::{ALICE, BOB, DAY, HOUR, Stage, group, once, packet};

/// What a claim panics with that does not hold.
fn complaint(claim: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(claim)).expect_err("the claim holds");
    panic.downcast_ref::<String>().expect("a message with facts in it").clone()
}

#[tokio::test]
async fn claims_that_hold_are_silent() {
    let stage = Stage::new();
    let (sandbox, mch_id) = (&stage.sandbox, stage.entity.mch_id.as_str());
    stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    sandbox.assert_packet(mch_id, "A1", &Status::Sent);
    sandbox.assert_paid_once(mch_id, "A1");
    stage.open("A1", ALICE).unwrap();
    sandbox.assert_received(ALICE, Fen::new(188));
    sandbox.assert_received(BOB, Fen::ZERO);
    sandbox.assert_balance(mch_id, Fen::new(999_812));
    // The money that came back was paid once all the same.
    stage.client.send(&group("G1", ALICE, 900, 3)).await.unwrap();
    stage.open("G1", BOB).unwrap();
    stage.advance(2 * DAY);
    sandbox.assert_packet(mch_id, "G1", &Status::Refund);
    sandbox.assert_paid_once(mch_id, "G1");
    sandbox.assert_balanced();
}

#[tokio::test]
async fn claims_that_do_not_hold_show_the_books() {
    let stage = Stage::new();
    let (sandbox, mch_id) = (&stage.sandbox, stage.entity.mch_id.as_str());
    stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    // The other merchant's packet of that number, and an order of it, are no payments of this one.
    let other = sandbox.merchants().remove(1);
    once(sandbox, &other).send(&packet("A00002", BOB, 200)).await.unwrap();
    stage.client.send(&native("A00002", 888)).await.unwrap();
    sandbox.pay_order(mch_id, "A00002", &Payer::default()).unwrap();
    for (told, expected) in [
        (
            complaint(|| sandbox.assert_received(ALICE, Fen::new(188))),
            format!("{ALICE} has received 0.00 yuan, not 1.88"),
        ),
        (
            complaint(|| sandbox.assert_balance(mch_id, Fen::new(1))),
            format!("merchant {mch_id} has 10006.95 yuan, not 0.01"),
        ),
        (
            complaint(|| sandbox.assert_packet(mch_id, "A1", &Status::Received)),
            "packet A1 is SENT at 2025-03-18 12:00:00, not RECEIVED".to_owned(),
        ),
        (
            complaint(|| sandbox.assert_packet(mch_id, "A9", &Status::Sent)),
            format!("merchant {mch_id} has no packet A9"),
        ),
        (
            complaint(|| sandbox.assert_paid_once(mch_id, "A00002")),
            "packet A00002 was paid 0 times, not once".to_owned(),
        ),
    ] {
        assert!(told.starts_with(&expected), "{told}");
        assert!(told.contains(&format!("unopened packets of {mch_id}")), "{told}");
        assert!(told.ends_with("balanced to the fen"), "{told}");
    }
    let told = complaint(|| sandbox.assert_balance(mch_id, Fen::ZERO));
    assert!(told.contains("Sent A1") && told.contains("world -> merchant"), "{told}");
    sandbox.change_user(ALICE, &stage.entity.app_id, |user| user.risk_blocked = true).unwrap();
    stage.client.send(&packet("A3", ALICE, 188)).await.unwrap_err();
    let told = complaint(|| sandbox.assert_packet(mch_id, "A3", &Status::Sent));
    assert!(told.contains("SENDING (发放失败，此请求可能存在风险"), "{told}");
}

/// Nonces of a client that are the same each time.
struct Counted(AtomicU64);

impl Nonce for Counted {
    fn nonce(&self) -> String {
        format!("nonce{}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// What tells two keys apart without showing them.
fn mark(entity: &Entity) -> String {
    wire::sign(&Doc::new(), &entity.key, Digest::Md5)
}

/// All that a sandbox said in an eventful day, without what was measured in time.
async fn an_eventful_day(seed: u64, shop: &Shop) -> Vec<String> {
    let noon = "2025-03-18 12:00:00".parse().unwrap();
    let sandbox = Sandbox::builder().frozen_at(noon).seed(seed).build().unwrap();
    sandbox.add_merchant(&NewMerchant::default()).unwrap();
    let mut said = vec![];
    for entity in sandbox.merchants() {
        said.push(format!("{} {} {}", entity.mch_id, entity.app_id, mark(&entity)));
    }
    let entity = sandbox.merchants().remove(0);
    let builder = Client::builder(&entity).transport(sandbox.transport()).retry(RetryPolicy::never());
    let client = builder.nonce(Arc::new(Counted(AtomicU64::new(0)))).build().unwrap();
    let app_id = &entity.app_id;
    sandbox.change_user(ALICE, app_id, |user| user.opens = Opens::After { seconds: 3600 }).unwrap();
    client.send(&packet("A1", ALICE, 188)).await.unwrap();
    client.send(&group("G1", BOB, 900, 5)).await.unwrap();
    sandbox.open_packet(&entity.mch_id, "G1", BOB).unwrap();
    client.send(&packet("A1", BOB, 188)).await.unwrap_err();
    let mut sale = native("T00001", 888);
    sale.notify_url = shop.url("/paid");
    client.send(&sale).await.unwrap();
    client.send(&jsapi("T00002", 888)).await.unwrap();
    sandbox.pay_order(&entity.mch_id, "T00001", &Payer::default()).unwrap();
    said.push(sandbox.show_code(BOB).unwrap());
    client.send(&refund("T00001", "R00001", 888, 300)).await.unwrap();
    sandbox.advance(2 * DAY + HOUR).unwrap();
    sandbox.deliver_notices().await.unwrap();
    let mut requests = sandbox.requests(100);
    requests.iter_mut().for_each(|request| request.micros = 0);
    said.extend(
        requests.iter().map(|one| format!("{} {} {}", one.request, one.answer, one.code.clone().unwrap_or_default())),
    );
    for notice in sandbox.notices(0, 100) {
        let ids: Vec<_> = notice.attempts.iter().map(|attempt| attempt.request_id.clone()).collect();
        said.push(format!("{} {ids:?}", notice.body));
    }
    said.extend(sandbox.packets(0, 100).iter().map(|one| format!("{one:?}")));
    said.extend(sandbox.orders(0, 100).iter().map(|one| format!("{one:?}")));
    said.extend(sandbox.postings(0, 1000).iter().map(|one| format!("{one:?}")));
    sandbox.assert_balanced();
    said
}

#[tokio::test]
async fn the_same_seed_says_the_same_again() {
    let shop = Shop::open().await;
    let (first, again, other) =
        (an_eventful_day(7, &shop).await, an_eventful_day(7, &shop).await, an_eventful_day(8, &shop).await);
    assert!(first.len() > 20);
    for (one, two) in first.iter().zip(&again) {
        assert_eq!(one, two);
    }
    assert_eq!(first.len(), again.len());
    // Keys, shares and numbers come from the seed.
    assert_ne!(first[0], other[0]);
    assert_ne!(first, other);
}

#[test]
fn without_a_seed_keys_are_nobodys_to_guess() {
    let (one, two) = (Sandbox::new().unwrap().merchants(), Sandbox::new().unwrap().merchants());
    assert!(mark(&one[0]) != mark(&two[0]) && one[0].key.len() == 32);
    let seeded = Sandbox::builder().seed(7).build().unwrap().merchants();
    assert_ne!(mark(&seeded[0]), mark(&seeded[1]));
}

/// Many at once, and none knows of another.
#[test]
fn sandboxes_share_nothing() {
    let threads: Vec<_> = (0..8)
        .map(|n| {
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let stages: Vec<_> = (0..25).map(|_| Stage::new()).collect();
                    for (index, stage) in stages.iter().enumerate() {
                        let fen = 100 + n * 100 + i64::try_from(index).unwrap();
                        stage.client.send(&packet("A1", ALICE, fen)).await.unwrap();
                        stage.open("A1", ALICE).unwrap();
                    }
                    for (index, stage) in stages.iter().enumerate() {
                        let fen = 100 + n * 100 + i64::try_from(index).unwrap();
                        stage.sandbox.assert_received(ALICE, Fen::new(fen));
                        stage.sandbox.assert_paid_once(&stage.entity.mch_id, "A1");
                        stage.sandbox.assert_balanced();
                    }
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}
