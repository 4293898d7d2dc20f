//! The machine as tables.

use super::*;
use crate::payout::rules::Rules;
use crate::query::RedPacketStatus as Status;

const AMOUNT: Fen = Fen::new(188);

fn at(seconds: i64) -> Timestamp {
    // Noon in Beijing.
    Timestamp::from_unix(1_742_270_400 + seconds)
}

fn take(standing: &Standing, event: &Event, now: Timestamp) -> Step {
    step(standing, AMOUNT, event, &Rules::default(), now).unwrap_or_else(|error| panic!("{event:?}: {error}"))
}

fn after(events: &[(Event, i64)]) -> Standing {
    events
        .iter()
        .fold(Standing::planned(at(0)), |standing, (event, seconds)| take(&standing, event, at(*seconds)).standing)
}

fn unknown(code: Option<&str>) -> Event {
    Event::Sent(SendAnswer::Unknown { code: code.map(str::to_owned), text: "no answer".into() })
}

fn refused(code: &str) -> Event {
    Event::Sent(SendAnswer::Refused { code: code.into(), text: "said WeChat".into() })
}

fn found(status: Status) -> Event {
    Event::Asked(QueryAnswer::Found {
        status,
        amount: Some(AMOUNT),
        received: None,
        returned: None,
        sent: None,
        reason: None,
    })
}

fn not_found() -> Event {
    Event::Asked(QueryAnswer::Unknown { code: Some("NOT_FOUND".into()), text: "not found".into() })
}

#[test]
fn the_straight_path() {
    let sending = after(&[(Event::Begin, 0)]);
    assert_eq!((sending.phase, sending.attempts, sending.open), (Phase::Sending, 1, 1));
    let accepted = take(&sending, &Event::Sent(SendAnswer::Accepted), at(1));
    assert_eq!(accepted.gate, Some(GateEvent::Accepted));
    assert_eq!(accepted.standing.next, Some(Next::query(at(601))));
    let received = take(&accepted.standing, &found(Status::Received), at(700)).standing;
    assert_eq!((received.phase, received.received, received.next), (Phase::Received, AMOUNT, None));
    let returned = take(&accepted.standing, &found(Status::Refund), at(90_000)).standing;
    assert_eq!((returned.phase, returned.returned), (Phase::Returned, AMOUNT));
}

#[test]
fn doubt_repeats_with_growing_pauses_and_then_asks() {
    let mut standing = after(&[(Event::Begin, 0), (unknown(None), 0)]);
    let mut now = at(0);
    let mut pauses = vec![];
    while let Some(Next { action: Action::Send, at }) = standing.next {
        pauses.push(at.since(now).as_secs());
        now = at;
        standing = take(&standing, &Event::Begin, now).standing;
        if standing.next.is_some_and(|next| next.action == Action::Query) {
            break;
        }
        standing = take(&standing, &unknown(Some("SYSTEMERROR")), now).standing;
    }
    assert_eq!(pauses[..5], [1, 2, 4, 8, 16]);
    assert!(now <= at(3 * 86_400), "sent again after the window: {now}");
    assert_eq!((standing.phase, standing.attempts), (Phase::Sending, standing.open));
    for _ in 0..3 {
        now = standing.next.unwrap().at;
        standing = take(&standing, &not_found(), now).standing;
    }
    assert_eq!((standing.phase, standing.cause), (Phase::Held, Some(Cause::WindowOver)));
    assert_eq!(standing.next.unwrap().action, Action::Query, "it is still asked about");
    assert!(Permit::new(&standing, "please").is_err(), "not found is no proof");
}

#[test]
fn processing_is_asked_about_after_twenty_minutes() {
    let standing = after(&[(Event::Begin, 0), (unknown(Some("PROCESSING")), 1)]);
    assert_eq!(standing.next, Some(Next::query(at(1201))));
    let stuck = take(&standing, &found(Status::Sending), at(1201)).standing;
    assert_eq!((stuck.phase, stuck.stuck, stuck.next.unwrap().action), (Phase::Sending, true, Action::Send));
}

#[test]
fn a_refusal_ends_only_what_is_free_of_doubt() {
    let clean = after(&[(Event::Begin, 0), (refused("OPENID_ERROR"), 0)]);
    assert_eq!((clean.phase, clean.proof), (Phase::Refused, Some(Proof::Refusals)));
    assert!(Permit::new(&clean, "please").is_err());
    let doubt = after(&[(Event::Begin, 0), (unknown(None), 0), (Event::Begin, 1), (refused("OPENID_ERROR"), 1)]);
    assert_eq!((doubt.phase, doubt.open), (Phase::Held, 1));
    assert_eq!(doubt.next.unwrap().action, Action::Query);
    // Accepted, kept undelivered, sent again: the bill is still there.
    let kept = after(&[
        (Event::Begin, 0),
        (Event::Sent(SendAnswer::Accepted), 0),
        (found(Status::Sending), 600),
        (Event::Begin, 601),
        (refused("OPENID_ERROR"), 601),
    ]);
    assert_eq!((kept.phase, kept.cause), (Phase::Held, Some(Cause::Payee)));
    assert_eq!(kept.next.unwrap().action, Action::Query);
    // The truth arrives anyhow.
    let known = take(&doubt, &found(Status::Received), at(700)).standing;
    assert_eq!(known.phase, Phase::Received);
}

#[test]
fn what_concerns_the_merchant_leaves_the_payout_waiting() {
    for (code, gate) in [
        ("NOTENOUGH", GateEvent::NoMoney("NOTENOUGH: said WeChat".into())),
        ("SENDAMOUNT_LIMIT", GateEvent::NextDay("SENDAMOUNT_LIMIT: said WeChat".into())),
        ("FREQ_LIMIT", GateEvent::Slower),
        ("SIGN_ERROR", GateEvent::Stop("SIGN_ERROR: said WeChat".into())),
        ("BRAND_NEW", GateEvent::Stop("BRAND_NEW: said WeChat".into())),
    ] {
        let sending = after(&[(Event::Begin, 0)]);
        let step = take(&sending, &refused(code), at(0));
        assert_eq!(step.gate, Some(gate), "{code}");
        assert_eq!((step.standing.phase, step.standing.open), (Phase::Planned, 0), "{code}");
        assert_eq!(step.standing.next.unwrap().action, Action::Send, "{code}");
    }
    let tomorrow = after(&[(Event::Begin, 0), (refused("SENDNUM_LIMIT"), 0)]);
    assert_eq!(tomorrow.next.unwrap().at.to_string(), "2025-03-19 00:00:00");
}

#[test]
fn tomorrow_is_a_second_away_even_at_midnight() {
    let last: Timestamp = "2025-03-18 23:59:59".parse().unwrap();
    for code in ["SENDNUM_LIMIT", "SENDAMOUNT_LIMIT"] {
        let sending = take(&Standing::planned(last), &Event::Begin, last).standing;
        let moment = last.after(std::time::Duration::from_millis(900));
        let next = take(&sending, &refused(code), moment).standing.next.unwrap();
        assert_eq!(next, Next::send(moment.after(std::time::Duration::from_secs(1))), "{code}");
    }
}

#[test]
fn a_second_number_needs_the_proof_and_is_used_once() {
    let dead = after(&[(Event::Begin, 0), (unknown(None), 0), (Event::Begin, 1), (refused("SEND_FAILED"), 1)]);
    assert_eq!((dead.phase, dead.proof, dead.next), (Phase::Refused, Some(Proof::Dead), None));
    assert!(Permit::new(&dead, " ").is_err());
    let permit = Event::Permit(Permit::new(&dead, "checked by Li").unwrap());
    let second = take(&dead, &permit, at(9)).standing;
    assert_eq!((second.phase, second.generation, second.attempts), (Phase::Planned, 1, 0));
    assert!(step(&second, AMOUNT, &permit, &Rules::default(), at(9)).is_err());
    let again = after(&[(Event::Begin, 0), (found(Status::Failed), 1)]);
    assert_eq!(again.proof, Some(Proof::Dead));
}

#[test]
fn what_is_no_packet_is_the_payees_trouble_alone() {
    let invalid = Event::Sent(SendAnswer::Invalid { text: "no scene".into() });
    let found = take(&after(&[(Event::Begin, 0)]), &invalid, at(1));
    let standing = found.standing;
    assert_eq!((standing.phase, standing.cause, standing.open), (Phase::Held, Some(Cause::Payee), 0));
    assert_eq!(found.gate, Some(GateEvent::Strike("no scene".into())));
}

#[test]
fn late_answers_bring_facts_and_nothing_else() {
    let planned = Standing::planned(at(0));
    let late = |answer| Event::Late { generation: 0, answer };
    let accepted = take(&planned, &late(SendAnswer::Accepted), at(1)).standing;
    assert_eq!(accepted.phase, Phase::Accepted);
    let rules = Rules::default();
    let not_sent = SendAnswer::NotSent { text: "x".into(), lasting: false };
    assert!(step(&planned, AMOUNT, &late(not_sent), &rules, at(1)).is_err());
    assert!(step(&accepted, AMOUNT, &late(SendAnswer::Accepted), &rules, at(1)).is_err());
    let dead = SendAnswer::Refused { code: "SEND_FAILED".into(), text: "x".into() };
    assert!(step(&accepted, AMOUNT, &late(dead.clone()), &rules, at(1)).is_err());
    let held = take(&planned, &Event::Hold("wait".into()), at(1)).standing;
    assert_eq!(take(&held, &late(dead), at(2)).standing.proof, Some(Proof::Dead));
}

#[test]
fn a_taken_number_is_neither_asked_about_nor_released() {
    let begun = after(&[(Event::Begin, 0)]);
    let taken = take(&begun, &unknown(Some("FATAL_ERROR")), at(0));
    assert!(taken.alarm);
    assert_eq!((taken.standing.cause, taken.standing.next), (Some(Cause::NumberTaken), None));
    assert!(step(&taken.standing, AMOUNT, &Event::Release("go".into()), &Rules::default(), at(1)).is_err());
}

#[test]
fn a_contradiction_never_becomes_a_proof() {
    let dead = SendAnswer::Refused { code: "SEND_FAILED".into(), text: "x".into() };
    let first = after(&[(Event::Begin, 0), (Event::Sent(dead.clone()), 0)]);
    let permit = Event::Permit(Permit::new(&first, "checked by Li").unwrap());
    let second = take(&take(&first, &permit, at(1)).standing, &Event::Begin, at(1)).standing;
    let held = take(&second, &Event::Late { generation: 0, answer: SendAnswer::Accepted }, at(2));
    assert!(held.alarm);
    assert_eq!((held.standing.phase, held.standing.cause), (Phase::Held, Some(Cause::Contradiction)));
    let late = Event::Late { generation: 1, answer: dead };
    assert!(step(&held.standing, AMOUNT, &late, &Rules::default(), at(3)).is_err());
}

#[test]
fn a_person_holds_and_releases() {
    let held = take(&Standing::planned(at(0)), &Event::Hold("ask Li".into()), at(1)).standing;
    assert_eq!((held.phase, held.cause, held.next), (Phase::Held, Some(Cause::Person), None));
    let free = take(&held, &Event::Release("Li says yes".into()), at(2)).standing;
    assert_eq!((free.phase, free.next), (Phase::Planned, Some(Next::send(at(2)))));
    let accepted = after(&[(Event::Begin, 0), (Event::Sent(SendAnswer::Accepted), 0)]);
    assert!(step(&accepted, AMOUNT, &Event::Hold("no".into()), &Rules::default(), at(1)).is_err());
    // Released after the window: it is asked about, never sent again.
    let old = after(&[(Event::Begin, 0), (unknown(None), 0), (Event::Hold("?".into()), 1)]);
    let released = take(&old, &Event::Release("go".into()), at(4 * 86_400)).standing;
    assert_eq!(released.next.unwrap().action, Action::Query);
}

#[test]
fn what_was_refused_each_time_can_be_released_after_the_window() {
    let week = 7 * 86_400;
    for code in ["OPENID_ERROR", "NO_AUTH"] {
        let refused = after(&[(Event::Begin, 0), (refused(code), 0), (Event::Release("corrected".into()), week)]);
        assert_eq!(refused.next, Some(Next::send(at(week))), "{code}");
        let begun = take(&refused, &Event::Begin, at(week)).standing;
        assert_eq!((begun.attempts, begun.first_attempt), (2, Some(at(week))), "{code}");
    }
    // A merchant without money for longer than the window.
    let poor = after(&[
        (Event::Begin, 0),
        (refused("NOTENOUGH"), 0),
        (Event::Begin, week),
        (not_found(), week),
        (not_found(), week + 600),
        (not_found(), week + 4200),
    ]);
    assert_eq!((poor.phase, poor.cause), (Phase::Held, Some(Cause::WindowOver)));
    let released = take(&poor, &Event::Release("topped up".into()), at(week + 5000)).standing;
    assert_eq!(released.next, Some(Next::send(at(week + 5000))));
    // What the gateway keeps, or has taken, is in doubt.
    for doubt in [found(Status::Sending), found(Status::Sent)] {
        let events = [
            (Event::Begin, 0),
            (refused("NO_AUTH"), 0),
            (doubt, 600),
            (found(Status::Sending), 700),
            (Event::Hold("?".into()), 800),
            (Event::Release("go".into()), week),
        ];
        let held = events.iter().fold(Standing::planned(at(0)), |standing, (event, seconds)| {
            step(&standing, AMOUNT, event, &Rules::default(), at(*seconds)).map_or(standing, |step| step.standing)
        });
        assert_eq!(held.next.unwrap().action, Action::Query);
    }
}

#[test]
fn the_horizon_calls_a_person_and_gives_up_waiting() {
    let mut standing = after(&[(Event::Begin, 0), (Event::Sent(SendAnswer::Accepted), 0)]);
    let mut alarms = vec![];
    while let Some(next) = standing.next {
        let step = take(&standing, &not_found(), next.at);
        if step.alarm {
            alarms.push(next.at.since(at(0)).as_secs() / 86_400);
        }
        standing = step.standing;
    }
    assert_eq!(alarms, [25]);
    assert_eq!((standing.phase, standing.cause), (Phase::Held, Some(Cause::HorizonOver)));
}

#[test]
fn another_amount_is_nothing_for_a_program() {
    let accepted = after(&[(Event::Begin, 0), (Event::Sent(SendAnswer::Accepted), 0)]);
    let other = Event::Asked(QueryAnswer::Found {
        status: Status::Received,
        amount: Some(Fen::new(1)),
        received: None,
        returned: None,
        sent: None,
        reason: None,
    });
    let step = take(&accepted, &other, at(700));
    assert!(step.alarm);
    assert_eq!((step.standing.phase, step.standing.cause), (Phase::Held, Some(Cause::AmountDiffers)));
}

#[test]
fn what_no_day_has_room_for_is_held_and_not_put_off_for_ever() {
    let rules = Rules { user_day: Fen::new(187), ..Rules::default() };
    let held = step(&Standing::planned(at(0)), AMOUNT, &Event::Begin, &rules, at(0)).unwrap().standing;
    assert_eq!((held.phase, held.cause, held.next), (Phase::Held, Some(Cause::Payee), None));
    assert_eq!(held.note.as_deref(), Some("1.88 yuan is more than a day's limit of 1.87"));
    // Once the merchant was granted more, a person releases it.
    let free = take(&held, &Event::Release("5000 a day are granted".into()), at(9)).standing;
    assert_eq!(take(&free, &Event::Begin, at(9)).standing.attempts, 1);
}
