//! Red packets through the sandbox in the process: states, refusals, faults.

use hongbao::query::RedPacketStatus as Status;
use hongbao::redpack::Scene;
use hongbao::sandbox::{Fault, FaultRule, When};
use hongbao::{ErrorKind, Fen, Outcome};

use crate::support::{ALICE, BOB, DAY, HOUR, Stage, code, group, once, packet};

#[tokio::test]
pub async fn sent_and_received() {
    let stage = Stage::new();
    let sent = stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    assert_eq!(sent.total_amount, Fen::new(188));
    assert_eq!(sent.send_listid.len(), 31);
    assert_eq!(stage.balance(), Fen::new(999_812));

    let found = stage.query("A1").await.unwrap();
    assert_eq!((&found.status, found.hblist.len()), (&Status::Sent, 0));
    assert_eq!(found.detail_id.as_deref(), Some(sent.send_listid.as_str()));
    assert_eq!(found.send_time.unwrap().to_string(), "2025-03-18 12:00:00");

    assert!(stage.open("A1", BOB).is_err());
    stage.advance(HOUR);
    assert_eq!(stage.open("A1", ALICE).unwrap(), Fen::new(188));
    assert!(stage.open("A1", ALICE).is_err());

    let found = stage.query("A1").await.unwrap();
    assert_eq!(found.status, Status::Received);
    let [receiver] = &found.hblist[..] else { panic!("{found:?}") };
    assert_eq!((receiver.openid.as_deref(), receiver.amount), (Some(ALICE), Some(Fen::new(188))));
    assert_eq!(receiver.rcv_time.unwrap().to_string(), "2025-03-18 13:00:00");
    assert_eq!(stage.sandbox.received(ALICE), Fen::new(188));
    stage.advance(2 * DAY);
    assert_eq!(stage.query("A1").await.unwrap().status, Status::Received);
    stage.balanced();
}

#[tokio::test]
pub async fn unclaimed_money_comes_back() {
    let stage = Stage::new();
    stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    stage.advance(24 * HOUR - std::time::Duration::from_secs(1));
    assert_eq!(stage.query("A1").await.unwrap().status, Status::Sent);
    stage.advance(std::time::Duration::from_secs(1));
    assert_eq!(stage.query("A1").await.unwrap().status, Status::Refunding);
    assert!(stage.open("A1", ALICE).is_err());
    stage.balanced();
    stage.advance(HOUR);
    let found = stage.query("A1").await.unwrap();
    assert_eq!((found.status, found.refund_amount), (Status::Refund, Some(Fen::new(188))));
    assert_eq!(found.refund_time.unwrap().to_string(), "2025-03-19 12:02:17");
    assert_eq!(stage.balance(), Fen::new(1_000_000));
    stage.balanced();
}

#[tokio::test]
pub async fn the_same_number_pays_once() {
    let stage = Stage::new();
    let first = stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    let mut again = packet("A1", ALICE, 188);
    again.wishing = "另一句祝福".into();
    let second = stage.client.send(&again).await.unwrap();
    assert_eq!(first.send_listid, second.send_listid);

    for (other, text) in [(packet("A1", BOB, 188), "openid"), (packet("A1", ALICE, 189), "金额")] {
        let error = stage.client.send(&other).await.unwrap_err();
        assert_eq!((code(&error), error.outcome()), ("FATAL_ERROR", Outcome::Unknown));
        assert!(error.description().unwrap().contains(text));
    }
    stage.open("A1", ALICE).unwrap();
    let third = stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
    assert_eq!(first.send_listid, third.send_listid);
    assert_eq!(stage.balance(), Fen::new(999_812));
    stage.balanced();
}

#[tokio::test]
pub async fn a_group_is_shared_out_and_the_rest_returns() {
    let stage = Stage::new();
    stage.client.send(&group("G1", ALICE, 900, 3)).await.unwrap();
    let first = stage.open("G1", ALICE).unwrap();
    let second = stage.open("G1", BOB).unwrap();
    assert!(stage.open("G1", BOB).is_err());
    let found = stage.query("G1").await.unwrap();
    assert_eq!((found.status, found.hblist.len(), found.total_num), (Status::Sent, 2, Some(3)));
    stage.advance(25 * HOUR);
    let found = stage.query("G1").await.unwrap();
    let rest = 900 - first.get() - second.get();
    assert_eq!((found.status, found.refund_amount), (Status::Refund, Some(Fen::new(rest))));
    assert_eq!(stage.balance(), Fen::new(1_000_000 - 900 + rest));

    stage.client.send(&group("G2", ALICE, 900, 3)).await.unwrap();
    for openid in [ALICE, BOB, "oCarol"] {
        stage.open("G2", openid).unwrap();
    }
    assert_eq!(stage.query("G2").await.unwrap().status, Status::Received);
    let as_packet = stage.client.send(&packet("G2", ALICE, 900)).await.unwrap_err();
    assert_eq!(code(&as_packet), "FATAL_ERROR");
    stage.balanced();
}

/// What is wrong is answered with the code that the documentation gives it, and
/// the bill is kept in SENDING where the spec says so.
#[tokio::test]
pub async fn limits_refuse_and_keep_the_bill() {
    let stage = Stage::new();
    let mch_id = stage.entity.mch_id.clone();
    let set = |change: fn(&mut hongbao::sandbox::Settings)| {
        stage.sandbox.change_settings(&mch_id, change).unwrap();
    };
    let refused = async |number: &str, fen, expected: &str| {
        let error = stage.client.send(&packet(number, ALICE, fen)).await.unwrap_err();
        assert_eq!((code(&error), error.outcome(), error.kind()), (expected, Outcome::Refused, ErrorKind::Refusal));
    };
    set(|s| s.user_day_count = 1);
    stage.client.send(&packet("A1", ALICE, 100)).await.unwrap();
    refused("A2", 100, "SENDNUM_LIMIT").await;
    let found = stage.query("A2").await.unwrap();
    assert_eq!((found.status, found.reason.as_deref()), (Status::Sending, Some("该用户今日领取红包个数超过限制")));

    set(|s| s.user_day_count = 10);
    set(|s| s.user_day_amount = Fen::new(250));
    refused("A3", 151, "RCVDAMOUNT_LIMIT").await;
    set(|s| s.merchant_day_amount = Fen::new(150));
    refused("A4", 100, "SENDAMOUNT_LIMIT").await;
    set(|s| s.merchant_day_amount = Fen::new(1_000_000));
    set(|s| s.min_amount = Fen::new(120));
    refused("A5", 100, "MONEY_LIMIT").await;
    assert_eq!(code(&stage.query("A5").await.unwrap_err()), "NOT_FOUND");
    set(|s| s.min_amount = Fen::new(1));
    set(|s| s.api_open = false);
    refused("A5", 100, "API_METHOD_CLOSED").await;
    set(|s| s.api_open = true);
    set(|s| s.allowed_ips.clear());
    refused("A5", 100, "NO_AUTH").await;
    set(|s| s.allowed_ips.push([127, 0, 0, 1].into()));
    set(|s| s.calls_per_second = 0);
    refused("A5", 100, "FREQ_LIMIT").await;
    set(|s| s.calls_per_second = 30);

    stage.sandbox.set_user(ALICE, &stage.entity.app_id, true).unwrap();
    refused("A6", 100, "NO_AUTH").await;
    stage.sandbox.set_user(ALICE, &stage.entity.app_id, false).unwrap();
    stage.sandbox.set_user(BOB, "wxsomebodyelse", false).unwrap();
    let error = stage.client.send(&packet("A7", BOB, 100)).await.unwrap_err();
    assert_eq!(code(&error), "OPENID_ERROR");

    // The causes are gone: the same numbers go through.
    stage.client.send(&packet("A2", ALICE, 100)).await.unwrap();
    assert_eq!(stage.query("A2").await.unwrap().status, Status::Sent);
    // The other stuck bills fail after three days, and only then is a new
    // number right.
    stage.advance(3 * DAY);
    assert_eq!(stage.query("A3").await.unwrap().status, Status::Failed);
    let error = stage.client.send(&packet("A3", ALICE, 151)).await.unwrap_err();
    assert_eq!((code(&error), error.outcome()), ("SEND_FAILED", Outcome::Refused));
    stage.balanced();
}

#[tokio::test]
pub async fn the_day_of_limits_ends_at_beijing_midnight() {
    let stage = Stage::new();
    stage.sandbox.change_settings(&stage.entity.mch_id, |s| s.user_day_count = 1).unwrap();
    stage.client.send(&packet("A1", ALICE, 100)).await.unwrap();
    stage.advance(12 * HOUR - std::time::Duration::from_secs(1));
    assert_eq!(code(&stage.client.send(&packet("A2", ALICE, 100)).await.unwrap_err()), "SENDNUM_LIMIT");
    stage.advance(std::time::Duration::from_secs(1));
    stage.client.send(&packet("A2", ALICE, 100)).await.unwrap();
    stage.balanced();
}

#[tokio::test]
pub async fn an_empty_account_waits_for_the_top_up() {
    let stage = Stage::new();
    stage
        .sandbox
        .change_settings(&stage.entity.mch_id, |s| {
            s.max_amount = Fen::new(499_900);
            s.user_day_amount = Fen::new(10_000_000);
        })
        .unwrap();
    let mut large = packet("A1", ALICE, 499_900);
    large.extra.scene_id = Some(Scene::StaffWelfare);
    stage.client.send(&large).await.unwrap();
    large.mch_billno = "A2".parse().unwrap();
    stage.client.send(&large).await.unwrap();
    large.mch_billno = "A3".parse().unwrap();
    let error = stage.client.send(&large).await.unwrap_err();
    assert_eq!((code(&error), error.outcome()), ("NOTENOUGH", Outcome::Refused));
    assert_eq!(stage.query("A3").await.unwrap().status, Status::Sending);
    stage.sandbox.top_up(&stage.entity.mch_id, Fen::new(500_000)).unwrap();
    stage.client.send(&large).await.unwrap();
    assert_eq!(stage.balance(), Fen::new(1_500_000 - 3 * 499_900));
    stage.balanced();
}

#[tokio::test]
pub async fn the_rate_is_counted_in_each_second() {
    let stage = Stage::new();
    for n in 0..30 {
        let openid = format!("oUser{n}");
        stage.client.send(&packet(&format!("A{n}"), &openid, 100)).await.unwrap();
    }
    let error = stage.client.send(&packet("A30", "oUser30", 100)).await.unwrap_err();
    assert_eq!(code(&error), "FREQ_LIMIT");
    stage.advance(std::time::Duration::from_secs(1));
    stage.client.send(&packet("A30", "oUser30", 100)).await.unwrap();
    stage.balanced();
}

#[tokio::test]
pub async fn queries_look_thirty_days_back_and_at_their_own() {
    let stage = Stage::new();
    stage.client.send(&packet("A1", ALICE, 100)).await.unwrap();
    let other = stage.sandbox.merchants().remove(1);
    let theirs = once(&stage.sandbox, &other);
    let number = "A1".parse().unwrap();
    let error = theirs.send(&hongbao::query::RedPacket { mch_billno: number }).await.unwrap_err();
    assert_eq!((code(&error), error.outcome()), ("NOT_FOUND", Outcome::Unknown));
    stage.advance(30 * DAY);
    assert_eq!(stage.query("A1").await.unwrap().status, Status::Refund);
    stage.advance(HOUR);
    assert_eq!(code(&stage.query("A1").await.unwrap_err()), "NOT_FOUND");
    stage.sandbox.change_settings(&stage.entity.mch_id, |s| s.not_found_as_system_error = true).unwrap();
    assert_eq!(code(&stage.query("A1").await.unwrap_err()), "SYSTEMERROR");
}

/// For each fault: what the client is told, and whether the money moved.
#[tokio::test]
pub async fn faults_say_unknown_and_the_repeat_pays_once() {
    let kinds = [
        (Fault::SystemErrorBefore, ErrorKind::Refusal, 0),
        (Fault::SystemErrorAfter, ErrorKind::Refusal, 188),
        (Fault::Processing, ErrorKind::Refusal, 0),
        (Fault::HangUpBefore, ErrorKind::Lost, 0),
        (Fault::HangUpAfter, ErrorKind::Lost, 188),
        (Fault::Garbage, ErrorKind::Unreadable, 188),
        (Fault::BadGateway, ErrorKind::Gateway, 0),
        (Fault::TruncatedBody, ErrorKind::Lost, 188),
    ];
    for (fault, kind, moved) in kinds {
        let stage = Stage::new();
        stage.fault(fault.clone());
        let error = stage.client.send(&packet("A1", ALICE, 188)).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (kind, Outcome::Unknown), "{fault:?}");
        assert_eq!(stage.balance(), Fen::new(1_000_000 - moved), "{fault:?}");
        let sent = stage.client.send(&packet("A1", ALICE, 188)).await.unwrap();
        assert_eq!(stage.balance(), Fen::new(999_812), "{fault:?}");
        assert_eq!(stage.query("A1").await.unwrap().detail_id, Some(sent.send_listid));
        stage.balanced();
    }
}

#[tokio::test]
pub async fn every_documented_code_can_be_provoked() {
    let stage = Stage::new();
    for entry in hongbao::code::RED_PACKET_SEND {
        stage.fault(Fault::Refuse { code: entry.code.to_owned() });
        let error = stage.client.send(&packet("A1", ALICE, 188)).await.unwrap_err();
        assert_eq!((code(&error), error.outcome()), (entry.code, entry.class.outcome()));
        assert_eq!(error.description(), Some(entry.text));
        assert_eq!(error.next_step(), entry.advice);
    }
    for entry in hongbao::code::RED_PACKET_QUERY {
        stage.fault(Fault::Refuse { code: entry.code.to_owned() });
        let error = stage.query("A1").await.unwrap_err();
        assert_eq!((code(&error), error.outcome()), (entry.code, entry.class.outcome()));
    }
    stage.fault(Fault::Refuse { code: "BRAND_NEW".to_owned() });
    let error = stage.client.send(&packet("A1", ALICE, 188)).await.unwrap_err();
    assert_eq!((code(&error), error.outcome()), ("BRAND_NEW", Outcome::Unknown));
    assert_eq!(stage.balance(), Fen::new(1_000_000));
}

#[tokio::test]
pub async fn a_rate_of_faults_costs_nobody_anything() {
    let stage = Stage::new();
    stage.sandbox.change_settings(&stage.entity.mch_id, |s| s.calls_per_second = 10_000).unwrap();
    for (n, fault) in [Fault::HangUpAfter, Fault::SystemErrorBefore, Fault::Garbage].into_iter().enumerate() {
        let when = When::PerMille { rate: 200, seed: n as u64 };
        stage.sandbox.fault(FaultRule::new(fault, when)).unwrap();
    }
    let mut repeats = 0;
    for n in 0..300 {
        let packet = packet(&format!("A{n}"), &format!("oUser{n}"), 100);
        while let Err(error) = stage.client.send(&packet).await {
            assert_eq!(error.outcome(), Outcome::Unknown);
            repeats += 1;
        }
    }
    assert!(repeats > 100, "{repeats}");
    assert_eq!(stage.balance(), Fen::new(1_000_000 - 300 * 100));
    assert_eq!(stage.sandbox.packets(0, 1000).len(), 300);
    stage.balanced();
}
