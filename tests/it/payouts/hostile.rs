//! What somebody, or some machine, does to payouts to make them go wrong.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hongbao::payout::Sqlite;
use hongbao::payout::state::{Cause, Phase};
use hongbao::sandbox::Sandbox;
use hongbao::{Delivered, Failed, Post, Transport};
use tokio::sync::{Notify, Semaphore};

use super::flaky::{Flaky, Moment};
use super::stage::{Stage, gift, gifts, payee};

/// Lets calls through one by one, as it is told.
struct Barrier {
    inner: Arc<dyn Transport>,
    arrived: Semaphore,
    go: Semaphore,
}

impl Barrier {
    fn before(stage: &Stage) -> Arc<Self> {
        let (arrived, go) = (Semaphore::new(0), Semaphore::new(0));
        Arc::new(Self { inner: stage.sandbox.transport(), arrived, go })
    }
}

#[async_trait]
impl Transport for Barrier {
    async fn post(&self, post: Post<'_>) -> Result<Delivered, Failed> {
        self.arrived.add_permits(1);
        self.go.acquire().await.unwrap().forget();
        self.inner.post(post).await
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_ledger_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("payouts.db");
    let ledger = Sqlite::open(&file).unwrap();
    let mode = |file: &std::path::Path| std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
    for file in ["payouts.db", "payouts.db-wal", "payouts.db-shm"] {
        assert_eq!(mode(&folder.path().join(file)), 0o600, "{file}");
    }
    // What somebody opened to others stays as it is.
    drop(ledger);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    drop(Sqlite::open(&file).unwrap());
    assert_eq!(mode(&file), 0o640);
}

/// What was claimed when the ledger broke does not wait for the end of its lease.
#[tokio::test]
async fn work_goes_on_at_once_when_the_ledger_does() {
    for (call, moment) in [
        ("due", Moment::Before),
        ("gate", Moment::Before),
        ("claim", Moment::Before),
        ("record", Moment::Before),
        ("reserve", Moment::Before),
        ("reserve", Moment::After),
        ("give_back", Moment::Before),
        ("give_back", Moment::After),
        ("set_gate", Moment::Before),
    ] {
        let mut stage = Stage::new();
        stage.rules.merchant_day = hongbao::Fen::new(1_000);
        let flaky = Flaky::calm(Arc::clone(&stage.ledger));
        let all: Vec<_> = (0..12).map(|number| gift(&format!("w{number}"), payee(number), 100)).collect();
        let campaign = stage.plan("outage", &all).await;
        let dispatcher = stage.dispatcher_on(flaky.clone(), stage.sandbox.transport(), &stage.entity);
        flaky.break_once(call, moment);
        let _ = dispatcher.pass().await;
        dispatcher.pass().await.unwrap();
        let totals = stage.ledger.totals(campaign).await.unwrap();
        let count = |phase| totals.iter().find(|total| total.phase == phase).map_or(0, |total| total.count);
        assert_eq!((count(Phase::Accepted), count(Phase::Planned)), (10, 2), "{call} {moment:?}");
        let (gate, _) = stage.ledger.gate(&stage.mch_id()).await.unwrap();
        assert!(gate.paused_until.is_some(), "{call} {moment:?}");
        // The merchant's day is over for these two, and for nobody longer.
        let tomorrow = gate.paused_until.unwrap();
        stage.advance(tomorrow.since(stage.sandbox.now()));
        dispatcher.pass().await.unwrap();
        dispatcher.pass().await.unwrap();
        assert_eq!(dispatcher.stats().accepted, 12, "{call} {moment:?}");
        stage.balanced();
    }
}

#[tokio::test]
async fn who_waits_for_answers_leaves_the_ledger_alone() {
    let stage = Stage::new();
    stage.plan("quiet", &gifts(100)).await;
    let flaky = Flaky::calm(Arc::clone(&stage.ledger));
    let barrier = Barrier::before(&stage);
    let dispatcher = Arc::new(stage.dispatcher_on(flaky.clone(), barrier.clone(), &stage.entity));
    let stop = Arc::new(Notify::new());
    let running = {
        let (dispatcher, stop) = (Arc::clone(&dispatcher), Arc::clone(&stop));
        tokio::spawn(async move { dispatcher.run(stop.notified()).await.unwrap() })
    };
    // All that may be under way at once.
    barrier.arrived.acquire_many(64).await.unwrap().forget();
    let before = flaky.calls();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let busy = flaky.calls() - before;
    stop.notify_one();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let stopping = flaky.calls() - before - busy;
    barrier.go.add_permits(64);
    assert_eq!(running.await.unwrap().accepted, 64);
    assert!(busy < 10 && stopping < 10, "{busy} and {stopping} calls while nothing could be done");
}

#[tokio::test]
async fn no_more_is_begun_than_its_moments_allow_soon() {
    // A running clock, since the moments are waited for.
    let mut stage = Stage::on(Sandbox::new().unwrap(), Arc::new(Sqlite::in_memory().unwrap()));
    stage.rules.per_second = 8;
    for name in ["one", "two", "three"] {
        let gifts: Vec<_> = (0..40).map(|number| gift(&format!("{name}{number}"), payee(number), 100)).collect();
        stage.plan(name, &gifts).await;
    }
    let dispatcher = Arc::new(stage.dispatcher());
    let stop = Arc::new(Notify::new());
    let running = {
        let (dispatcher, stop) = (Arc::clone(&dispatcher), Arc::clone(&stop));
        tokio::spawn(async move { dispatcher.run(stop.notified()).await.unwrap() })
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sent = dispatcher.stats().sends;
    assert!((4..=9).contains(&sent), "{sent} in a second at 8 a second");
    let asked = std::time::Instant::now();
    stop.notify_one();
    let stats = running.await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(3), "the stop took {:?}", asked.elapsed());
    assert!(stats.sends - sent <= 6, "{} more were sent after the stop", stats.sends - sent);
}

/// A machine that slept between intent and call does not send what others may
/// have finished days ago.
#[tokio::test]
async fn who_slept_beyond_its_lease_sends_nothing() {
    let mut stage = Stage::new();
    stage.rules.per_second = 4;
    let campaign = stage.plan("sleep", &gifts(2)).await;
    let barrier = Barrier::before(&stage);
    let sleeper = stage.dispatcher_over(barrier.clone(), &stage.entity);
    let sleeping = tokio::spawn(async move {
        sleeper.pass().await.unwrap();
        sleeper.stats()
    });
    // One is on its way, the other one waits for its moment.
    barrier.arrived.acquire().await.unwrap().forget();
    while stage.payout("k00001").await.standing.phase == Phase::Planned {
        tokio::task::yield_now().await;
    }
    stage.advance(stage.rules.lease);
    stage.rules.per_second = 0;
    let awake = stage.dispatcher();
    stage.until(&awake, campaign, &[Phase::Accepted]).await;
    barrier.go.add_permits(10);
    let stats = sleeping.await.unwrap();
    assert_eq!((stats.sends, stats.stale), (1, 2), "{stats:?}");
    assert_eq!(awake.stats().sends, 2);
    let journal = stage.ledger.journal(stage.payout("k00001").await.id).await.unwrap();
    assert!(journal.last().unwrap().text.contains("its lease was over"), "{journal:?}");
    assert!(stage.ledger.gate(&stage.mch_id()).await.unwrap().0.paused_until.is_none());
    stage.balanced();
}

/// Whoever adds payouts without a plan may add one that is no packet.
#[tokio::test]
async fn a_payout_that_is_no_packet_stops_nobody_else() {
    let stage = Stage::new();
    // Below one yuan a packet needs a scene.
    let mut all = vec![gift("wrong", payee(0), 50)];
    all.extend(gifts(200).into_iter().skip(1));
    stage.plan("mixed", &all).await;
    let dispatcher = stage.dispatcher();
    dispatcher.pass().await.unwrap();
    assert_eq!(dispatcher.stats().accepted, 199);
    let (gate, _) = stage.ledger.gate(&stage.mch_id()).await.unwrap();
    assert!(!gate.stopped, "{gate:?}");
    let wrong = stage.payout("wrong").await;
    assert_eq!((wrong.standing.phase, wrong.standing.cause, wrong.standing.open), (Phase::Held, Some(Cause::Payee), 0));
    assert!(wrong.standing.note.unwrap().contains("scene"));
}

/// Neither what this process does not serve nor what pauses hides the rest.
#[tokio::test]
async fn a_pass_tells_of_the_next_thing_that_it_can_do() {
    let mut stage = Stage::new();
    let other = stage.sandbox.merchants().remove(1);
    let entity = std::mem::replace(&mut stage.entity, other);
    stage.plan("others", &gifts(3)).await;
    stage.entity = entity;
    stage.plan("ours", &gifts(3)).await;
    let pass = stage.dispatcher().pass().await.unwrap();
    let asked_at = stage.sandbox.now().after(Duration::from_secs(600));
    assert_eq!((pass.calls, pass.next), (3, Some(asked_at)));

    // The merchant's money is used up until tomorrow; its packets are asked about all the same.
    stage.rules.merchant_day = hongbao::Fen::new(1);
    stage.plan("more", &[gift("more", payee(9), 100)]).await;
    let dispatcher = stage.dispatcher();
    let pass = dispatcher.pass().await.unwrap();
    assert_eq!((pass.calls, pass.next), (0, Some(asked_at)));
    stage.advance(Duration::from_secs(600));
    assert_eq!(dispatcher.pass().await.unwrap().calls, 3);
}
