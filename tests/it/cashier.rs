//! From a payment code to one answer, call by call and second by second.

use std::sync::Arc;
use std::time::Duration;

use hongbao::cashier::{Rhythm, collect};
use hongbao::pay::Payment;
use hongbao::{Cert, Client, Entity, ErrorKind, Fen, Outcome, Result, RetryPolicy};

use crate::fake::{Scripted, Standing, Step, answered, client, coffee, fixture, refused};
use crate::payments::{MICRO, MICRO_PAID, micropay};

const PAY: &str = "/pay/micropay";
const QUERY: &str = "/pay/orderquery";
const REVERSE: &str = "/secapi/pay/reverse";

/// What a query finds under the number of the sale.
fn found(state: &str) -> Step {
    answered(&[("trade_state", state), ("out_trade_no", MICRO), ("total_fee", "1250"), ("trade_state_desc", "说明")])
}

fn found_paid(state: &str, fee: &str) -> Step {
    let paid = [("transaction_id", MICRO_PAID), ("total_fee", fee), ("time_end", "20250318083203")];
    let order = [("trade_state", state), ("out_trade_no", MICRO), ("trade_type", "MICROPAY")];
    answered(&[&paid[..], &order[..]].concat())
}

fn paid() -> Step {
    found_paid("SUCCESS", "1250")
}

fn reversed(recall: &str) -> Step {
    answered(&[("recall", recall)])
}

fn paying() -> Step {
    refused("USERPAYING")
}

/// Each call by its path and the second it was made in.
type Calls = Vec<(&'static str, u64)>;

fn calls(path: &'static str, seconds: impl IntoIterator<Item = u64>) -> Calls {
    seconds.into_iter().map(|second| (path, second)).collect()
}

fn client_once(wire: &Arc<Scripted>, entity: &Entity) -> Client {
    Client::builder(entity)
        .transport(Arc::<Scripted>::clone(wire))
        .clock(Standing::at("2025-03-18 08:30:00"))
        .retry(RetryPolicy::never())
        .build()
        .unwrap()
}

/// Plays a script to its end, with one attempt for each call.
async fn play(steps: Vec<Step>, rhythm: &Rhythm, what: &str, expected: &[Calls]) -> Result<Payment> {
    let wire = Scripted::new(steps);
    let client = client_once(&wire, &coffee());
    let result = collect(&client, &micropay(), rhythm).await;
    let seen = wire.seen();
    let made: Vec<(String, u64)> = seen
        .iter()
        .map(|call| {
            let after = call.at - seen[0].at;
            assert_eq!(after.subsec_nanos() / 10_000_000, 0, "{what}: {after:?}");
            (call.path.clone(), after.as_secs())
        })
        .collect();
    let expected: Vec<(String, u64)> = expected.iter().flatten().map(|(path, at)| ((*path).to_owned(), *at)).collect();
    assert_eq!(made, expected, "{what}");
    assert_eq!(wire.left(), 0, "{what}");
    for call in &seen {
        assert_eq!(call.doc.get("out_trade_no"), Some(MICRO), "{what}: one number from first to last");
        assert_eq!(call.certificate, call.path == REVERSE, "{what}");
    }
    result
}

async fn is_paid(steps: Vec<Step>, what: &str, expected: &[Calls]) {
    let payment = play(steps, &Rhythm::default(), what, expected).await;
    let payment = payment.unwrap_or_else(|error| panic!("{what}: {}", error.report()));
    let named = (&*payment.transaction_id, &*payment.out_trade_no, payment.total_fee);
    assert_eq!(named, (MICRO_PAID, MICRO, Fen::new(1250)), "{what}");
}

/// Kind, outcome and code of what is not paid.
async fn ends(steps: Vec<Step>, what: &str, expected: &[Calls], end: (ErrorKind, Outcome, Option<&str>)) {
    let error = play(steps, &Rhythm::default(), what, expected).await.expect_err(what);
    let found = (error.kind(), error.outcome(), error.code().map(|code| code.as_str()));
    assert_eq!(found, end, "{what}: {}", error.report());
    assert!(!error.next_step().is_empty(), "{what}");
}

const REVERSED: (ErrorKind, Outcome, Option<&str>) = (ErrorKind::Reversed, Outcome::Refused, None);

#[tokio::test(start_paused = true)]
async fn paid_at_once() {
    is_paid(vec![Step::Answer(fixture("pay.micropay/reply.xml"))], "at once", &[calls(PAY, [0])]).await;
}

/// Whatever leaves the payment open, a query five seconds later may find it paid.
#[tokio::test(start_paused = true)]
async fn an_open_payment_is_queried() {
    let gateway_is_away = || Step::Status(502, "<html>502 Bad Gateway</html>".into());
    for (first, what) in [
        (paying(), "the user enters a password"),
        (Step::Lost, "the answer was lost"),
        (refused("SYSTEMERROR"), "the gateway was busy"),
        (refused("BANKERROR"), "the bank was busy"),
        (refused("ORDERPAID"), "an earlier call has paid"),
        (refused("PRODUCT_SUSPENDED"), "a code that nobody knows"),
        (gateway_is_away(), "a page of a proxy"),
        (Step::Answer("<xml><return_code>SUC".into()), "half an answer"),
        (Step::Answer(fixture("pay.micropay/refusal.other_number.xml")), "the answer to another sale"),
        (answered(&[("out_trade_no", MICRO), ("total_fee", "1251")]), "the answer to another amount"),
        (answered(&[("out_trade_no", MICRO)]), "an answer without the payment"),
    ] {
        is_paid(vec![first, paid()], what, &[calls(PAY, [0]), calls(QUERY, [5])]).await;
    }
}

/// Five seconds between queries, whatever comes of them, up to the deadline.
#[tokio::test(start_paused = true)]
async fn queries_go_on_until_they_find_something() {
    let other_order = || Step::Answer(fixture("query.order/refusal.other_number.xml"));
    let unsigned = || Step::Answer("<xml><return_code>SUCCESS</return_code></xml>".into());
    let without_payment = || answered(&[("trade_state", "SUCCESS"), ("out_trade_no", MICRO), ("total_fee", "1250")]);
    let steps = vec![
        paying(),
        found("USERPAYING"),
        Step::Lost,
        refused("SYSTEMERROR"),
        other_order(),
        unsigned(),
        without_payment(),
        found("FROZEN"),
        Step::NoConnection,
        paid(),
    ];
    is_paid(steps, "at the last moment", &[calls(PAY, [0]), calls(QUERY, (1..=9).map(|n| n * 5))]).await;
}

#[tokio::test(start_paused = true)]
async fn another_amount_is_somebody_elses_sale() {
    for fee in ["1251", "1249", "1"] {
        let what = format!("{fee} fen under this number");
        let steps = vec![refused("ORDERPAID"), found_paid("SUCCESS", fee)];
        let end = (ErrorKind::Mismatch, Outcome::Unknown, None);
        ends(steps, &what, &[calls(PAY, [0]), calls(QUERY, [5])], end).await;
    }
}

/// Paid once, and given back since, if only in part: no goods for that.
#[tokio::test(start_paused = true)]
async fn a_refunded_payment_is_none() {
    let steps = vec![refused("ORDERPAID"), found_paid("REFUND", "1250")];
    let end = (ErrorKind::Mismatch, Outcome::Unknown, None);
    ends(steps, "refunded", &[calls(PAY, [0]), calls(QUERY, [5])], end).await;
}

/// What is not paid so far is reversed, and not before 15 seconds have passed.
#[tokio::test(start_paused = true)]
async fn what_is_not_paid_is_reversed() {
    for state in ["NOTPAY", "PAYERROR", "PAY_FAIL"] {
        let expected = [calls(PAY, [0]), calls(QUERY, [5]), calls(REVERSE, [15])];
        ends(vec![paying(), found(state), reversed("N")], state, &expected, REVERSED).await;
    }
    let expected = [calls(PAY, [0]), calls(QUERY, [5]), calls(REVERSE, [15])];
    ends(vec![Step::Lost, refused("ORDERNOTEXIST"), reversed("N")], "unknown", &expected, REVERSED).await;
    let expected = [calls(PAY, [0]), calls(QUERY, [5, 10, 15, 20]), calls(REVERSE, [20])];
    let late = vec![paying(), found("USERPAYING"), Step::Lost, found("USERPAYING"), found("NOTPAY"), reversed("N")];
    ends(late, "later than 15 seconds", &expected, REVERSED).await;
}

#[tokio::test(start_paused = true)]
pub(crate) async fn what_stays_open_is_reversed_at_the_deadline() {
    let waiting = || -> Vec<Step> { std::iter::once(paying()).chain((0..9).map(|_| found("USERPAYING"))).collect() };
    let before = || [calls(PAY, [0]), calls(QUERY, (1..=9).map(|n| n * 5))];

    let mut steps = waiting();
    steps.extend([reversed("Y"), reversed("N")]);
    ends(steps, "once more", &[before().concat(), calls(REVERSE, [45, 50])], REVERSED).await;

    let mut steps = waiting();
    steps.extend([paying(), Step::Lost, refused("SYSTEMERROR"), Step::NoConnection, reversed("Y"), reversed("N")]);
    let expected = [before().concat(), calls(REVERSE, [45, 50, 55, 60, 65, 70])];
    ends(steps, "whatever keeps it from being reversed", &expected, REVERSED).await;

    // Only queries that find the payment undecided: a lost one is no answer.
    let mut steps: Vec<Step> = std::iter::once(Step::Lost).chain((0..9).map(|_| Step::Lost)).collect();
    steps.push(reversed("N"));
    ends(steps, "nobody answers", &[before().concat(), calls(REVERSE, [45])], REVERSED).await;
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_is_not_reversed() {
    for state in ["CLOSED", "REVOKED"] {
        let end = (ErrorKind::Refusal, Outcome::Refused, Some(state));
        ends(vec![paying(), found(state)], state, &[calls(PAY, [0]), calls(QUERY, [5])], end).await;
    }
}

#[tokio::test(start_paused = true)]
async fn where_no_reversal_comes_through_nobody_knows() {
    let expected = [calls(PAY, [0]), calls(QUERY, [5]), calls(REVERSE, (0..12).map(|n| 15 + 5 * n))];
    for (what, reversal) in [
        ("lost", (|| Step::Lost) as fn() -> Step),
        ("again and again", || reversed("Y")),
        ("refused", || refused("REVERSE_EXPIRE")),
    ] {
        let mut steps = vec![paying(), found("NOTPAY")];
        steps.extend((0..12).map(|_| reversal()));
        ends(steps, what, &expected, (ErrorKind::Lost, Outcome::Unknown, None)).await;
    }
}

/// A refusal of the set-up is an answer: nothing to query, nothing to reverse.
#[tokio::test(start_paused = true)]
async fn a_refused_set_up_is_refused() {
    for code in ["PARAM_ERROR", "SIGNERROR", "NOAUTH"] {
        let end = (ErrorKind::Refusal, Outcome::Refused, Some(code));
        ends(vec![refused(code)], code, &[calls(PAY, [0])], end).await;
    }
    let end = (ErrorKind::Connect, Outcome::NotSent, None);
    ends(vec![Step::NoConnection], "no connection", &[calls(PAY, [0])], end).await;
}

/// A refusal of a try says nothing of an earlier try with the number: one query
/// does, and the refusal stands if nothing is held.
#[tokio::test(start_paused = true)]
async fn a_refused_try_is_followed_by_one_query() {
    for code in ["AUTHCODEEXPIRE", "NOTENOUGH", "AUTH_CODE_INVALID", "ORDERCLOSED", "BUYER_MISMATCH", "INVALID_REQUEST"]
    {
        let end = (ErrorKind::Refusal, Outcome::Refused, Some(code));
        for state in ["NOTPAY", "PAYERROR", "CLOSED", "REVOKED"] {
            ends(vec![refused(code), found(state)], state, &[calls(PAY, [0]), calls(QUERY, [0])], end).await;
        }
        let script = vec![refused(code), refused("ORDERNOTEXIST")];
        ends(script, code, &[calls(PAY, [0]), calls(QUERY, [0])], end).await;
        // Paid before, or just now.
        is_paid(vec![refused(code), paid()], code, &[calls(PAY, [0]), calls(QUERY, [0])]).await;
        let script = vec![refused(code), found("USERPAYING"), paid()];
        is_paid(script, code, &[calls(PAY, [0]), calls(QUERY, [0, 5])]).await;
        let script = vec![refused(code), Step::Lost, paid()];
        is_paid(script, code, &[calls(PAY, [0]), calls(QUERY, [0, 5])]).await;
        // Paid with another amount: not by this sale.
        let end = (ErrorKind::Mismatch, Outcome::Unknown, None);
        let script = vec![refused(code), found_paid("SUCCESS", "1000")];
        ends(script, code, &[calls(PAY, [0]), calls(QUERY, [0])], end).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_reversed_is_not_begun() {
    let wire = Scripted::new([]);
    let client = client_once(&wire, &Entity { cert: Cert::none(), ..coffee() });
    let error = collect(&client, &micropay(), &Rhythm::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.field()), (ErrorKind::Config, Outcome::NotSent, Some("cert")));
    let sale = hongbao::pay::Micropay { auth_code: "1".into(), ..micropay() };
    let client = client_once(&wire, &coffee());
    let error = collect(&client, &sale, &Rhythm::default()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome(), error.field()),
        (ErrorKind::Invalid, Outcome::NotSent, Some("auth_code"))
    );
    assert!(wire.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_rhythm_may_be_another() {
    let mut rhythm = Rhythm::default();
    rhythm.interval = Duration::from_secs(10);
    rhythm.deadline = Duration::from_secs(35);
    rhythm.reverse_spacing = Duration::from_secs(7);
    rhythm.reversals = 2;
    let waiting = || vec![paying(), found("USERPAYING"), found("USERPAYING"), found("USERPAYING")];
    let mut steps = waiting();
    steps.extend([Step::Lost, Step::Lost]);
    let expected = [calls(PAY, [0]), calls(QUERY, [10, 20, 30]), calls(REVERSE, [30, 37])];
    let error = play(steps, &rhythm, "two reversals", &expected).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);

    rhythm.reversals = 0;
    let mut steps = waiting();
    steps.push(reversed("N"));
    let expected = [calls(PAY, [0]), calls(QUERY, [10, 20, 30]), calls(REVERSE, [30])];
    let error = play(steps, &rhythm, "none is one", &expected).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Reversed);

    rhythm.deadline = Duration::ZERO;
    let expected = [calls(PAY, [0]), calls(REVERSE, [15])];
    let error = play(vec![paying(), reversed("N")], &rhythm, "no queries", &expected).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Reversed);
}

/// The story stands in the report: what left the payment open comes first.
#[tokio::test(start_paused = true)]
async fn the_report_has_the_causes() {
    let steps = vec![paying(), found("NOTPAY"), reversed("N")];
    let expected = [calls(PAY, [0]), calls(QUERY, [5]), calls(REVERSE, [15])];
    let error = play(steps, &Rhythm::default(), "reversed", &expected).await.unwrap_err();
    let report = error.report();
    assert!(report.contains("reversed") && report.contains("because: USERPAYING"), "{report}");
    assert!(report.contains("new number"), "{report}");
}

/// With the client's own repeats: a payment is made once, a query as often as need be.
#[tokio::test(start_paused = true)]
async fn a_payment_is_never_sent_twice() {
    let wire = Scripted::new([Step::Lost, Step::Lost, paid()]);
    let payment = collect(&client(&wire), &micropay(), &Rhythm::default()).await.unwrap();
    assert_eq!(payment.transaction_id, MICRO_PAID);
    let paths: Vec<String> = wire.seen().into_iter().map(|call| call.path).collect();
    assert_eq!(paths, [PAY, QUERY, QUERY]);
    // Nothing left, so there is nothing to be made twice.
    let wire = Scripted::new([Step::NoConnection, Step::Answer(fixture("pay.micropay/reply.xml"))]);
    assert!(collect(&client(&wire), &micropay(), &Rhythm::default()).await.is_ok());
}
