//! Users who open their packets by themselves, late, or not at all.

use std::time::Duration;

use hongbao::query::RedPacketStatus as Status;
use hongbao::sandbox::{Opens, Sandbox, User};
use hongbao::{Fen, Outcome};

use crate::support::{ALICE, BOB, DAY, HOUR, Stage, code, group, packet};

fn let_user(stage: &Stage, openid: &str, change: impl FnOnce(&mut User)) {
    stage.sandbox.change_user(openid, &stage.entity.app_id, change).unwrap();
}

fn opens_after(stage: &Stage, openid: &str, hours: u64) {
    let_user(stage, openid, |user| user.opens = Opens::After { seconds: hours * 3600 });
}

fn opened_at(stage: &Stage, number: &str) -> Option<String> {
    let record = stage.sandbox.packet(&stage.entity.mch_id, number).unwrap();
    record.claims.first().map(|claim| claim.at.to_string())
}

#[tokio::test]
async fn a_packet_is_opened_at_its_very_moment_also_in_a_jump() {
    let stage = Stage::new();
    opens_after(&stage, ALICE, 2);
    stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    stage.client.send(&packet("B1", BOB, 200)).await.unwrap();
    stage.advance(2 * HOUR - Duration::from_secs(1));
    assert_eq!(opened_at(&stage, "A1"), None);
    stage.advance(2 * DAY);
    assert_eq!(opened_at(&stage, "A1").as_deref(), Some("2025-03-18 14:00:00"));
    assert_eq!(stage.query("A1").await.unwrap().status, Status::Received);
    assert_eq!(stage.query("B1").await.unwrap().status, Status::Refund);
    // The books know the moments, too, and their order is that of time.
    let postings = stage.sandbox.postings(0, 100);
    let moments: Vec<String> = postings.iter().skip(4).map(|posting| posting.at.to_string()).collect();
    assert_eq!(moments, ["2025-03-18 14:00:00", "2025-03-19 12:02:17"]);
    assert_eq!(stage.sandbox.received(ALICE), Fen::new(188));
    stage.balanced();
}

#[tokio::test]
async fn who_opens_when_the_time_is_over_is_too_late() {
    let stage = Stage::new();
    opens_after(&stage, ALICE, 24);
    let_user(&stage, BOB, |user| user.opens = Opens::After { seconds: 24 * 3600 - 1 });
    stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    stage.client.send(&packet("B1", BOB, 188)).await.unwrap();
    stage.advance(3 * DAY);
    assert_eq!(stage.query("A1").await.unwrap().status, Status::Refund);
    assert_eq!(stage.query("B1").await.unwrap().status, Status::Received);
    stage.balanced();
}

#[tokio::test]
async fn a_change_counts_for_packets_that_lie_there() {
    let stage = Stage::new();
    stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    stage.advance(HOUR);
    opens_after(&stage, ALICE, 5);
    stage.client.send(&packet("A2", ALICE, 188)).await.unwrap();
    stage.advance(HOUR);
    // Sooner: what should have been opened an hour ago is opened now.
    opens_after(&stage, ALICE, 1);
    assert_eq!(opened_at(&stage, "A1").as_deref(), Some("2025-03-18 14:00:00"));
    assert_eq!(opened_at(&stage, "A2").as_deref(), Some("2025-03-18 14:00:00"));
    // Later, and then never: the earlier plan is forgotten.
    stage.client.send(&packet("A3", ALICE, 188)).await.unwrap();
    stage.client.send(&packet("A4", ALICE, 188)).await.unwrap();
    opens_after(&stage, ALICE, 3);
    stage.advance(2 * HOUR);
    assert_eq!(opened_at(&stage, "A3"), None);
    assert_eq!(stage.open("A4", ALICE).unwrap(), Fen::new(188));
    stage.advance(HOUR);
    assert_eq!(opened_at(&stage, "A3").as_deref(), Some("2025-03-18 17:00:00"));
    assert_eq!(opened_at(&stage, "A4").as_deref(), Some("2025-03-18 16:00:00"));
    stage.client.send(&packet("A5", ALICE, 188)).await.unwrap();
    let_user(&stage, ALICE, |user| user.opens = Opens::Never);
    stage.advance(2 * DAY);
    assert_eq!(stage.query("A5").await.unwrap().status, Status::Refund);
    stage.balanced();
}

#[tokio::test]
async fn who_never_opens_or_refuses_opens_nothing() {
    let stage = Stage::new();
    let_user(&stage, ALICE, |user| user.opens = Opens::Never);
    let_user(&stage, BOB, |user| user.opens = Opens::Refuses);
    for (number, openid) in [("A1", ALICE), ("B1", BOB)] {
        stage.client.send(&packet(number, openid, 188)).await.unwrap();
        let problem = stage.open(number, openid).unwrap_err().to_string();
        assert!(problem.contains(openid) && problem.contains("opens"), "{problem}");
        assert_eq!(stage.query(number).await.unwrap().status, Status::Sent);
    }
    // A group that its receiver refuses goes no further; one that lies there does.
    stage.client.send(&group("G1", ALICE, 900, 3)).await.unwrap();
    stage.client.send(&group("G2", BOB, 900, 3)).await.unwrap();
    assert!(stage.open("G1", "oCarol").is_ok());
    assert!(stage.open("G2", "oCarol").unwrap_err().to_string().contains(BOB));
    let_user(&stage, BOB, |user| user.opens = Opens::ByHand);
    assert!(stage.open("B1", BOB).is_ok() && stage.open("G2", "oCarol").is_ok());
    stage.advance(2 * DAY);
    assert_eq!(stage.query("A1").await.unwrap().status, Status::Refund);
    stage.balanced();
}

#[tokio::test]
async fn who_is_not_verified_by_name_gets_no_packet() {
    let stage = Stage::new();
    stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    opens_after(&stage, ALICE, 1);
    let_user(&stage, ALICE, |user| user.real_name = false);
    let error = stage.client.send(&packet("A2", ALICE, 188)).await.unwrap_err();
    assert_eq!((code(&error), error.outcome()), ("NO_AUTH", Outcome::Refused));
    assert_eq!(stage.query("A2").await.unwrap().status, Status::Sending);
    stage.advance(2 * HOUR);
    assert!(stage.open("A1", ALICE).unwrap_err().to_string().contains("real_name"));
    // Verified at last: what lay there is opened, and the stuck bill can be sent.
    let_user(&stage, ALICE, |user| user.real_name = true);
    assert_eq!(opened_at(&stage, "A1").as_deref(), Some("2025-03-18 14:00:00"));
    stage.client.send(&packet("A2", ALICE, 188)).await.unwrap();
    stage.advance(HOUR);
    assert_eq!(opened_at(&stage, "A2").as_deref(), Some("2025-03-18 15:00:00"));
    stage.balanced();
}

#[tokio::test]
async fn of_a_group_the_receiver_opens_one_share() {
    let stage = Stage::new();
    opens_after(&stage, ALICE, 1);
    stage.client.send(&group("G1", ALICE, 900, 3)).await.unwrap();
    let first = stage.open("G1", BOB).unwrap();
    stage.advance(2 * HOUR);
    let record = stage.sandbox.packet(&stage.entity.mch_id, "G1").unwrap();
    assert_eq!((record.status, record.claims.len()), (Status::Sent, 2));
    assert_eq!(record.claims[1].at.to_string(), "2025-03-18 13:00:00");
    stage.advance(DAY);
    let gone = first.get() + record.claims[1].amount.get();
    assert_eq!(stage.query("G1").await.unwrap().refund_amount, Some(Fen::new(900 - gone)));
    stage.balanced();
}

#[tokio::test]
async fn behaviour_and_plans_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    {
        let stage = Stage::on(Sandbox::open(directory.path()).unwrap());
        opens_after(&stage, ALICE, 2);
        stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    }
    let stage = Stage::on(Sandbox::open(directory.path()).unwrap());
    assert_eq!(stage.sandbox.user(ALICE).unwrap().opens, Opens::After { seconds: 7200 });
    let sent = stage.sandbox.packet(&stage.entity.mch_id, "A1").unwrap().send_time;
    stage.advance(DAY);
    let record = stage.sandbox.packet(&stage.entity.mch_id, "A1").unwrap();
    assert_eq!((record.status, record.claims[0].at), (Status::Received, sent.after(2 * HOUR)));
    stage.balanced();
}

#[tokio::test]
async fn a_packet_expires_by_hand() {
    let stage = Stage::new();
    let mch_id = &stage.entity.mch_id;
    stage.client.send(&group("G1", ALICE, 900, 3)).await.unwrap();
    let gone = stage.open("G1", ALICE).unwrap();
    let record = stage.sandbox.expire_packet(mch_id, "G1").unwrap();
    let rest = Fen::new(900 - gone.get());
    assert_eq!((record.status, record.refund_amount), (Status::Refund, Some(rest)));
    assert_eq!(record.refund_time, Some(stage.sandbox.now()));
    assert!(stage.open("G1", BOB).is_err() && stage.sandbox.expire_packet(mch_id, "G1").is_err());
    assert!(stage.sandbox.expire_packet(mch_id, "A9").is_err());
    // The way back that has begun ends, too, and nothing comes back twice.
    stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    stage.advance(DAY);
    assert_eq!(stage.query("A1").await.unwrap().status, Status::Refunding);
    assert_eq!(stage.sandbox.expire_packet(mch_id, "A1").unwrap().status, Status::Refund);
    stage.advance(DAY);
    assert_eq!(stage.balance(), Fen::new(1_000_000 - gone.get()));
    stage.balanced();
}
