//! Notifications on their way: the schedule, answers, faults, restarts.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use hongbao::notify::{Paid, Refunded};
use hongbao::sandbox::{NoticeFault, NoticeKind, NoticeRecord, Payer, Sandbox, Verdict};
use hongbao::{Entity, ErrorKind};

use crate::orders::{native, refund};
use crate::shop::Shop;
use crate::support::{DAY, HOUR, Stage};

/// Places and pays an order that is told to the shop.
async fn paid(stage: &Stage, shop: &Shop, order: &str) {
    let mut sale = native(order, 888);
    sale.notify_url = shop.url("/wx/notify");
    stage.client.send(&sale).await.unwrap();
    stage.sandbox.pay_order(&stage.entity.mch_id, order, &Payer::default()).unwrap();
}

fn told_at(url: &str) -> hongbao::pay::Native {
    hongbao::pay::Native { notify_url: url.to_owned(), ..native("T00001", 888) }
}

fn why(notice: &NoticeRecord) -> String {
    match &notice.attempts.last().unwrap().verdict {
        Verdict::Again { why } => why.clone(),
        Verdict::Success => "received".to_owned(),
    }
}

#[tokio::test]
async fn the_whole_schedule_of_an_order_that_nobody_answers() {
    let (stage, shop) = (Stage::new(), Shop::open().await);
    paid(&stage, &shop, "T00001").await;
    shop.answers([(500, ""); 16]);
    assert_eq!(stage.sandbox.deliver_notices().await.unwrap(), 1);
    assert_eq!(stage.sandbox.deliver_notices().await.unwrap(), 0);
    stage.advance(Duration::from_secs(14));
    assert_eq!(stage.sandbox.deliver_notices().await.unwrap(), 0);
    stage.advance(Duration::from_secs(1));
    assert_eq!(stage.sandbox.deliver_notices().await.unwrap(), 1);
    // A jump runs through all that is left, in order.
    stage.advance(DAY + HOUR);
    assert_eq!(stage.sandbox.deliver_notices().await.unwrap(), 14);
    let notice = stage.sandbox.notice(1).unwrap();
    assert_eq!((notice.attempts.len(), notice.next, notice.delivered), (16, None, false));
    let times: Vec<_> = notice.attempts.iter().map(|attempt| attempt.at.since(notice.created).as_secs()).collect();
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses, [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10_800, 10_800, 10_800, 21_600, 21_600]);
    assert!(why(&notice).contains("status 500"));

    let posted = shop.posted();
    let ids: BTreeSet<_> = posted.iter().map(|one| one.request_id.clone()).collect();
    assert_eq!((posted.len(), ids.len()), (16, 16));
    assert!(posted.iter().all(|one| one.body == notice.body.as_bytes() && one.content_type == "text/xml"));
    // Somebody asks for it once more, and is answered.
    let resent = stage.sandbox.resend_notice(1).await.unwrap();
    assert_eq!((resent.attempts.len(), resent.delivered), (17, true));
    assert!(stage.sandbox.resend_notice(9).await.is_err());
}

#[tokio::test]
async fn it_stops_at_the_first_success() {
    let (stage, shop) = (Stage::new(), Shop::open().await);
    paid(&stage, &shop, "T00001").await;
    shop.answers([(200, "success"), (302, ""), (200, "<xml><return_code>FAIL</return_code></xml>")]);
    stage.advance(HOUR);
    assert_eq!(stage.sandbox.deliver_notices().await.unwrap(), 4);
    stage.advance(2 * DAY);
    assert_eq!(stage.sandbox.deliver_notices().await.unwrap(), 0);
    let notice = stage.sandbox.notice(1).unwrap();
    assert_eq!((notice.kind, notice.delivered, notice.attempts.len()), (NoticeKind::Paid, true, 4));
    let opened: Paid = stage.client.open(&shop.posted()[3].body).await.unwrap();
    assert_eq!(opened.out_trade_no(), "T00001");
}

#[tokio::test]
async fn nobody_listens_or_answers_too_late() {
    let (stage, shop) = (Stage::new(), Shop::open().await);
    let mut sale = native("T00001", 888);
    let gone = Shop::open().await;
    sale.notify_url = gone.url("/gone");
    drop(gone);
    stage.client.send(&sale).await.unwrap();
    stage.sandbox.pay_order(&stage.entity.mch_id, "T00001", &Payer::default()).unwrap();
    // A listener that takes connections and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut sale = native("T00002", 888);
    sale.notify_url = format!("http://{}/silent", silent.local_addr().unwrap());
    stage.client.send(&sale).await.unwrap();
    stage.sandbox.pay_order(&stage.entity.mch_id, "T00002", &Payer::default()).unwrap();
    // A certificate that the world does not trust.
    let served = stage.sandbox.serve(any(), any(), None).await.unwrap();
    let mut sale = native("T00003", 888);
    sale.notify_url = format!("{}/wx/notify", served.gateway());
    stage.client.send(&sale).await.unwrap();
    stage.sandbox.pay_order(&stage.entity.mch_id, "T00003", &Payer::default()).unwrap();
    drop(shop);
    let attempted = |id| stage.sandbox.notice(id).is_some_and(|notice| !notice.attempts.is_empty());
    for _ in 0..600 {
        if (1..=3).all(attempted) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let why = |id| why(&stage.sandbox.notice(id).unwrap());
    assert!(why(1).contains("no connection"), "{}", why(1));
    assert!(why(2).contains("within 5 s"), "{}", why(2));
    assert!(why(3).contains("no connection: invalid peer certificate"), "{}", why(3));
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

#[tokio::test]
async fn faults_spoil_what_is_told() {
    let (stage, shop) = (Stage::new(), Shop::open().await);
    let told = async |order: &str, fault: NoticeFault| {
        stage.sandbox.spoil_next_notice(fault).unwrap();
        paid(&stage, &shop, order).await;
        stage.sandbox.deliver_notices().await.unwrap();
        shop.posted()
    };
    assert!(told("T00001", NoticeFault::Missing).await.is_empty());
    assert!(told("T00002", NoticeFault::Delayed { seconds: 60 }).await.is_empty());
    stage.advance(Duration::from_secs(60));
    assert_eq!(stage.sandbox.deliver_notices().await.unwrap(), 1);
    assert_eq!(shop.posted().len(), 1);
    assert_eq!(told("T00003", NoticeFault::Duplicate { times: 2 }).await.len(), 3);
    let many = stage.sandbox.spoil_next_notice(NoticeFault::Duplicate { times: u32::MAX }).unwrap_err();
    assert_eq!(many.kind(), ErrorKind::Sandbox, "{many}");
    for (order, fault, expected) in [
        ("T00004", NoticeFault::WrongSign, Err(ErrorKind::Unverified)),
        ("T00005", NoticeFault::ForeignMerchant, Err(ErrorKind::Mismatch)),
        ("T00006", NoticeFault::Xxe, Err(ErrorKind::Unreadable)),
        ("T00007", NoticeFault::LowerCaseSign, Ok(888)),
        ("T00008", NoticeFault::UnknownField, Ok(888)),
        ("T00009", NoticeFault::WrongAmount, Ok(889)),
    ] {
        let posted = told(order, fault).await;
        let opened = stage.client.open::<Paid>(&posted[0].body).await;
        match (opened, expected) {
            (Err(error), Err(kind)) => assert_eq!(error.kind(), kind, "{order}"),
            (Ok(paid), Ok(fen)) => {
                let expected = hongbao::notify::Expected::new(
                    stage.client.merchant(),
                    order.parse().unwrap(),
                    hongbao::Fen::new(888),
                );
                assert_eq!(paid.confirm(&expected).is_ok(), fen == 888, "{order}");
            }
            (opened, _) => panic!("{order}: {opened:?}"),
        }
    }
    stage.balanced();
}

#[tokio::test]
async fn a_refund_is_told_at_its_end() {
    let (stage, shop) = (Stage::new(), Shop::open().await);
    paid(&stage, &shop, "T00001").await;
    let mut request = refund("T00001", "R1", 888, 300);
    request.extra.notify_url = Some(shop.url("/wx/refund"));
    stage.client.send(&request).await.unwrap();
    stage.sandbox.deliver_notices().await.unwrap();
    assert_eq!(shop.posted().len(), 1, "a refund that is under way is not told");
    stage.advance(HOUR);
    stage.sandbox.deliver_notices().await.unwrap();
    let posted = shop.posted();
    assert_eq!((posted.len(), posted[0].path.as_str()), (1, "/wx/refund"));
    let refunded: Refunded = stage.client.open(&posted[0].body).await.unwrap();
    assert_eq!(refunded.out_refund_no(), "R1");
    // It ended within the hour, and was told then.
    let ended = stage.sandbox.refund(&stage.entity.mch_id, "R1").unwrap().success_time.unwrap();
    let notice = stage.sandbox.notices(1, 1).remove(0);
    assert!(ended < stage.sandbox.now());
    assert_eq!((notice.created, notice.attempts[0].at), (ended, ended));
    // The address of the merchant's settings serves refunds that name none.
    let url = shop.url("/usual");
    stage.sandbox.change_settings(&stage.entity.mch_id, |settings| settings.refund_notify_url = url).unwrap();
    stage.sandbox.spoil_next_notice(NoticeFault::WrongSign).unwrap();
    stage.client.send(&refund("T00001", "R2", 888, 300)).await.unwrap();
    stage.advance(HOUR);
    stage.sandbox.deliver_notices().await.unwrap();
    let posted = shop.posted();
    assert_eq!(posted[0].path, "/usual");
    let error = stage.client.open::<Refunded>(&posted[0].body).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Unverified, Some("req_info")));
}

#[tokio::test]
async fn what_was_not_received_survives_a_restart() {
    let (directory, shop) = (tempfile::tempdir().unwrap(), Shop::open().await);
    let stage = Stage::on(Sandbox::open(directory.path()).unwrap());
    paid(&stage, &shop, "T00001").await;
    shop.answers([(500, "")]);
    stage.sandbox.deliver_notices().await.unwrap();
    drop(stage);
    let stage = Stage::on(Sandbox::open(directory.path()).unwrap());
    assert_eq!(stage.sandbox.notices(0, 10)[0].attempts.len(), 1);
    assert_eq!(stage.sandbox.orders(0, 10)[0].out_trade_no, "T00001");
    stage.advance(Duration::from_secs(15));
    assert_eq!(stage.sandbox.deliver_notices().await.unwrap(), 1);
    assert!(stage.sandbox.notice(1).unwrap().delivered);
    // Numbers go on where they stood.
    paid(&stage, &shop, "T00002").await;
    let orders = stage.sandbox.orders(0, 10);
    assert_ne!(orders[0].prepay_id, orders[1].prepay_id);
    assert_ne!(orders[0].transaction_id, orders[1].transaction_id);
    stage.balanced();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_couriers_carry_each_letter_once() {
    let (stage, shop) = (Stage::new(), Shop::open().await);
    for index in 0..30 {
        paid(&stage, &shop, &format!("T0000{index}")).await;
    }
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let sandbox = stage.sandbox.clone();
            tokio::spawn(async move { sandbox.deliver_notices().await.unwrap() })
        })
        .collect();
    let mut attempts = 0;
    for task in tasks {
        attempts += task.await.unwrap();
    }
    assert_eq!((attempts, shop.posted().len()), (30, 30));
}

#[tokio::test]
async fn a_served_sandbox_delivers_by_itself() {
    let shop = Shop::open().await;
    let sandbox = Sandbox::new().unwrap();
    let served = sandbox.serve(any(), any(), None).await.unwrap();
    let entity: Entity = sandbox.merchants().remove(0);
    let client = hongbao::Client::new(&entity).unwrap();
    let stage = Stage { sandbox, entity, client };
    shop.answers([(500, "")]);
    paid(&stage, &shop, "T00001").await;
    let received = async |count: usize| {
        for _ in 0..500 {
            if stage.sandbox.notice(1).is_some_and(|notice| notice.attempts.len() == count) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", stage.sandbox.notice(1));
    };
    received(1).await;
    stage.advance(Duration::from_secs(15));
    received(2).await;
    assert!(stage.sandbox.notice(1).unwrap().delivered);
    served.stop().await;
}

#[tokio::test]
async fn what_fell_due_meanwhile_is_tried_once_after_a_restart() {
    let (directory, shop) = (tempfile::tempdir().unwrap(), Shop::open().await);
    let stage = Stage::on(Sandbox::open(directory.path()).unwrap());
    paid(&stage, &shop, "T00001").await;
    shop.answers(std::iter::repeat_n((500, ""), 20));
    assert_eq!(stage.sandbox.deliver_notices().await.unwrap(), 1);
    stage.sandbox.spoil_next_notice(NoticeFault::Missing).unwrap();
    stage.advance(Duration::from_secs(25 * 3600));
    drop(stage);
    let stage = Stage::on(Sandbox::open(directory.path()).unwrap());
    assert_eq!(stage.sandbox.deliver_notices().await.unwrap(), 1);
    let notice = stage.sandbox.notice(1).unwrap();
    assert_eq!((notice.attempts.len(), notice.delivered), (2, false));
    assert!(notice.next.is_some_and(|next| next > stage.sandbox.now()), "{notice:?}");
    // The fault that was ordered before is there after.
    paid(&stage, &shop, "T00002").await;
    assert_eq!(stage.sandbox.notice(2).unwrap().next, None);
}

#[tokio::test]
async fn each_attempt_has_a_request_id_of_its_own() {
    let (directory, shop) = (tempfile::tempdir().unwrap(), Shop::open().await);
    shop.answers(std::iter::repeat_n((500, ""), 100));
    let mut stage = Stage::on(Sandbox::open(directory.path()).unwrap());
    for number in ["T00001", "T00002"] {
        paid(&stage, &shop, number).await;
    }
    for _ in 0..5 {
        stage.sandbox.deliver_notices().await.unwrap();
        stage.sandbox.resend_notice(1).await.unwrap();
        stage.advance(Duration::from_secs(60));
        drop(stage);
        stage = Stage::on(Sandbox::open(directory.path()).unwrap());
    }
    let notices = stage.sandbox.notices(0, 10);
    let ids: Vec<&str> =
        notices.iter().flat_map(|notice| &notice.attempts).map(|attempt| attempt.request_id.as_str()).collect();
    let different: BTreeSet<&str> = ids.iter().copied().collect();
    assert!(ids.len() > 12 && different.len() == ids.len(), "{ids:?}");
}

#[tokio::test]
async fn a_delivery_that_is_given_up_is_free_again() {
    let stage = Stage::new();
    // It takes connections and never answers.
    let silent = tokio::net::TcpListener::bind(any()).await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    stage.client.send(&told_at(&url)).await.unwrap();
    stage.sandbox.pay_order(&stage.entity.mch_id, "T00001", &Payer::default()).unwrap();
    let given_up = tokio::time::timeout(Duration::from_millis(100), stage.sandbox.deliver_notices()).await;
    assert!(given_up.is_err());
    drop(silent);
    assert_eq!(stage.sandbox.deliver_notices().await.unwrap(), 1);
    assert_eq!(stage.sandbox.notice(1).unwrap().attempts.len(), 1);
}

#[tokio::test]
async fn a_stopping_server_writes_down_what_is_under_way() {
    let sandbox = Sandbox::new().unwrap();
    let served = sandbox.serve(any(), any(), None).await.unwrap();
    let entity: Entity = sandbox.merchants().remove(0);
    let client = hongbao::Client::new(&entity).unwrap();
    let slow = tokio::net::TcpListener::bind(any()).await.unwrap();
    let url = format!("http://{}/", slow.local_addr().unwrap());
    client.send(&told_at(&url)).await.unwrap();
    sandbox.pay_order(&entity.mch_id, "T00001", &Payer::default()).unwrap();
    let (mut socket, _) = slow.accept().await.unwrap();
    let stopping = tokio::spawn(served.stop());
    tokio::time::sleep(Duration::from_millis(50)).await;
    let body = "<xml><return_code>SUCCESS</return_code></xml>";
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    tokio::io::AsyncWriteExt::write_all(&mut socket, format!("{head}{body}").as_bytes()).await.unwrap();
    stopping.await.unwrap();
    assert!(sandbox.notice(1).unwrap().delivered);
}
