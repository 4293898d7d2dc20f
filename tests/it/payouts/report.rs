//! Reports of campaigns: what they add up to, and that nothing in them obeys
//! strangers.

use std::collections::BTreeSet;
use std::time::Duration;

use hongbao::payout::ledger::{Change, Filter, Ledger as _, Recorded};
use hongbao::payout::report::{AlarmKind, Language, Lines, NAMED, Report};
use hongbao::payout::state::{Cause, Event, GateEvent, Phase, SendAnswer, step};
use hongbao::payout::{Campaign, CampaignId, Entry, EntryKind, NewCampaign, NewPayout, Rules, Sqlite, Texts};
use hongbao::{ErrorKind, Fen, OpenId};
use quick_xml::Reader;
use quick_xml::events::Event as Markup;
use serde_json::{Value, json};

use crate::payouts::told::{CAMPAIGN, Told, at, total};

const NOW: &str = "2025-03-18 10:00:00";
const HOSTILE: &str = "=<script src='x'>alert(\"1\")</script>&amp;\u{1b}[2J";

async fn of(told: &Told) -> Report {
    Report::of(told, CAMPAIGN, &Rules::default(), at(NOW)).await.unwrap()
}

async fn csv(told: &Told, mut lines: Lines) -> String {
    let mut text = String::new();
    while let Some(more) = lines.next(told).await.unwrap() {
        text += &more;
    }
    text
}

/// One of each phase, a power of two in fen, so that a sum says what is in it.
fn one_of_each() -> Told {
    let mut told = Told::new("spring");
    told.put("p", 1, Phase::Planned, None);
    told.put("s", 2, Phase::Sending, None);
    told.put("a", 4, Phase::Accepted, None);
    told.put("r", 8, Phase::Received, None);
    told.put("b", 16, Phase::Returned, None);
    told.put("x", 32, Phase::Refused, Some((Cause::Payee, "OPENID_ERROR")));
    told.put("h", 64, Phase::Held, Some((Cause::Risk, "NO_AUTH"))).standing.attempts = 3;
    told
}

#[tokio::test]
async fn sums_add_up() {
    let told = one_of_each();
    let report = of(&told).await;
    let fen = |amount: Fen| amount.get();
    assert_eq!((report.payouts, report.attempts), (7, 8));
    let phases: Vec<_> = report.phases.iter().map(|total| (total.phase, total.count, fen(total.amount))).collect();
    let expected: Vec<_> = Phase::ALL.into_iter().zip([1, 2, 4, 8, 16, 32, 64]).collect();
    assert_eq!(phases, expected.into_iter().map(|(phase, fen)| (phase, 1, fen)).collect::<Vec<_>>());
    let money = report.money;
    assert_eq!((fen(money.planned), fen(money.unsent), fen(money.sending)), (127, 1, 2));
    assert_eq!((fen(money.accepted), fen(money.unopened)), (4 + 8 + 16, 4));
    assert_eq!((fen(money.received), fen(money.returned)), (8, 16));
    assert_eq!((fen(money.refused), fen(money.held)), (32, 64));
    let parts = [money.unsent, money.sending, money.accepted, money.refused, money.held];
    assert_eq!(Fen::checked_sum(parts), Some(money.planned));
    let cost = report.cost;
    assert_eq!((fen(cost.net), fen(cost.may_return), fen(cost.in_doubt), fen(cost.most)), (12, 4, 66, 79));
    assert_eq!((report.progress.answered, report.progress.settled), (57.1, 42.8));
    assert_eq!((report.forecast.payouts, fen(report.forecast.amount), report.forecast.seconds), (2, 3, 1));
    let causes: Vec<_> = report.causes.iter().map(|total| (total.phase, total.cause, total.count)).collect();
    assert_eq!(causes, [(Phase::Refused, Cause::Payee, 1), (Phase::Held, Cause::Risk, 1)]);
    assert_eq!((&*report.held.named[0].key, report.held.named[0].attempts), ("h", 3));
    assert_eq!(report.held.named[0].next_step, Cause::Risk.next_step());
    assert_eq!((&*report.refused.named[0].key, report.refused.count), ("x", 1));
}

/// A real ledger gives the same report as one that was told what to say.
#[tokio::test]
async fn a_ledger_in_sqlite_is_reported() {
    let (ledger, told) = (Sqlite::in_memory().unwrap(), Told::new("real"));
    let Campaign { name, mch_id, app_id, template, .. } = told.campaign;
    let campaign = NewCampaign { name, mch_id, app_id, template };
    let campaign = ledger.campaign(&campaign, at("2025-03-18 09:00:00")).await.unwrap();
    let payout = |key: &str, fen| NewPayout {
        key: key.to_owned(),
        openid: OpenId::new(format!("oUpF8uMuAJO_M2pxb1Q9zNj{key:0>5}")).unwrap(),
        amount: Fen::new(fen),
        texts: Texts::default(),
    };
    let payouts = [payout("a", 100), payout("b", 200), payout("c", 400), payout("d", 800)];
    ledger.add(campaign.id, &payouts, at("2025-03-18 09:00:00")).await.unwrap();
    let sent = |answer| vec![Event::Begin, Event::Sent(answer)];
    for (key, events) in [
        ("a", sent(SendAnswer::Accepted)),
        ("b", sent(SendAnswer::Refused { code: "OPENID_ERROR".into(), text: "not his".into() })),
        ("c", vec![Event::Hold("ask Li".into())]),
    ] {
        for (place, event) in events.iter().enumerate() {
            let now = at("2025-03-18 09:30:00").after(Duration::from_secs(place as u64));
            let found = ledger.find(&campaign.mch_id, key).await.unwrap().unwrap();
            let step = step(&found.standing, found.amount, event, &Rules::default(), now).unwrap();
            let entry = Entry {
                at: now,
                by: "test".into(),
                kind: EntryKind::Answer,
                generation: 0,
                attempt: 1,
                phase: step.standing.phase,
                text: String::new(),
                raw: None,
            };
            let (id, version, standing) = (found.id, found.version, step.standing);
            let change = Change { id, version, standing, entry, count: None, number: None };
            assert!(matches!(ledger.record(&[change]).await.unwrap()[..], [Recorded::Done(_)]), "{key}");
        }
    }
    let report = Report::of(&ledger, campaign.id, &Rules::default(), at(NOW)).await.unwrap();
    let money = report.money;
    let [planned, unsent, accepted, refused, held] =
        [money.planned, money.unsent, money.accepted, money.refused, money.held].map(Fen::get);
    assert_eq!((planned, unsent, accepted, refused, held), (1500, 800, 100, 200, 400));
    assert_eq!((&*report.held.named[0].key, report.held.named[0].note.as_deref()), ("c", Some("ask Li")));
    assert_eq!((&*report.refused.named[0].key, report.refused.count), ("b", 1));
    assert_eq!((report.attempts, report.speed.accepted, report.speed.curve.len()), (2, 1, 1));
    let first = report.speed.curve[0].at;
    assert_eq!((first, report.speed.stretch), (at("2025-03-18 09:30:01"), 1));
    let kinds: Vec<_> = report.alarms.iter().map(|alarm| alarm.kind).collect();
    assert_eq!(kinds, [AlarmKind::Held, AlarmKind::NotReady]);
    let mut lines = Lines::of(campaign.id);
    assert_eq!(lines.next(&ledger).await.unwrap().unwrap().lines().count(), 5);
    assert_eq!(lines.next(&ledger).await.unwrap(), None);
}

#[tokio::test]
async fn a_campaign_of_nothing_has_a_report() {
    let told = Told::new("nothing");
    let report = of(&told).await;
    assert_eq!((report.payouts, report.progress.answered, report.speed.per_second), (0, 0.0, 0.0));
    assert_eq!((report.forecast.seconds, report.forecast.days), (0, 0));
    assert!(report.alarms.is_empty() && report.held.named.is_empty());
    assert!(report.table().contains("all             0  0.00"), "{}", report.table());
    assert!(report.html(Language::English).contains("Nothing was accepted yet."));
    let head = "key,openid,amount,mch_billno,phase,cause,received,returned,attempts,note\r\n";
    assert_eq!(csv(&told, Lines::of(CAMPAIGN)).await, head);
}

#[tokio::test]
async fn there_is_no_report_of_another_campaign() {
    let error = Report::of(&Told::new("x"), CampaignId(8), &Rules::default(), at(NOW)).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Invalid, Some("campaign")));
}

#[tokio::test]
async fn a_million_is_counted() {
    let mut told = Told::new("million");
    told.totals = Some(vec![
        total(Phase::Planned, None, 400_000, 120_000_000),
        total(Phase::Received, None, 599_999, 180_000_000),
        total(Phase::Held, Some(Cause::WindowOver), 1, 300),
    ]);
    let report = of(&told).await;
    assert_eq!(report.payouts, 1_000_000);
    // Not 60.0: what is nearly there is not there.
    assert_eq!(report.progress.settled, 59.9);
    // 1,200,000 yuan, of which a merchant pays out 1,000,000 in a day.
    assert_eq!((report.forecast.seconds, report.forecast.days), (13_334, 2));
    assert!(report.table().contains("1,000,000  3,000,003.00"), "{}", report.table());
    assert!(report.html(Language::Chinese).contains(">1,000,000<"));

    told.totals = Some(vec![total(Phase::Planned, None, 1, i64::MAX), total(Phase::Held, None, 1, 1)]);
    let error = Report::of(&told, CAMPAIGN, &Rules::default(), at(NOW)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ledger);
}

#[tokio::test]
async fn payees_are_named_up_to_a_number_and_counted_beyond() {
    let mut told = Told::new("many");
    for place in 0..NAMED + 7 {
        told.put(&format!("key-{place}"), 100, Phase::Held, Some((Cause::Person, "wait")));
    }
    let report = of(&told).await;
    assert_eq!((report.held.named.len(), report.held.count), (NAMED, NAMED as u64 + 7));
    assert!(report.html(Language::English).contains("7 more; the CSV report has them all"));
    assert!(report.table().contains("and 47 more"), "{}", report.table());
}

#[tokio::test]
async fn alarms_come_first() {
    let mut told = one_of_each();
    told.campaign.ready = None;
    told.payouts[2].standing.alarmed = true;
    // What is decided by now alarms nobody.
    told.payouts[3].standing.alarmed = true;
    let rules = Rules::default();
    told.gate = told.gate.after(&GateEvent::NoMoney("NOTENOUGH".into()), &rules, at(NOW));
    let kinds = |report: &Report| report.alarms.iter().map(|alarm| (alarm.kind, alarm.payouts)).collect::<Vec<_>>();
    let (horizon, held, not_ready) = (AlarmKind::QueryHorizon, AlarmKind::Held, AlarmKind::NotReady);
    let paused = of(&told).await;
    assert_eq!(kinds(&paused), [(AlarmKind::MerchantPaused, 2), (horizon, 1), (held, 1), (not_ready, 2)]);
    assert_eq!(paused.alarms[0].until, Some(at("2025-03-18 10:01:00")));
    assert!(paused.table().contains("! The merchant is paused. NOTENOUGH. Until 2025-03-18 10:01:00."));

    told.gate = told.gate.after(&GateEvent::Stop("SIGN_ERROR".into()), &rules, at(NOW));
    let stopped = of(&told).await;
    assert_eq!(kinds(&stopped)[0], (AlarmKind::MerchantStopped, 2));
    assert_eq!(stopped.alarms[0].reason.as_deref(), Some("SIGN_ERROR"));
    let later = Report::of(&one_of_each(), CAMPAIGN, &rules, at(NOW)).await.unwrap();
    assert_eq!(kinds(&later), [(held, 1)]);
}

#[tokio::test]
async fn the_curve_fits_what_happened() {
    for (packets, pause, longest) in [(3000_u64, 1, 30), (1000, 3600, 86_400), (1, 1, 1)] {
        let mut told = Told::new("curve");
        let start = at("2025-03-18 09:00:00");
        told.accepted = (0..packets).map(|place| (start.after(Duration::from_secs(place * pause)), 2)).collect();
        let now = start.after(Duration::from_secs(90 * 86_400));
        let speed = Report::of(&told, CAMPAIGN, &Rules::default(), now).await.unwrap().speed;
        assert!(speed.curve.len() <= 121 && speed.stretch <= longest, "{packets}: {}", speed.stretch);
        assert!(packets == 1 || speed.curve.len() >= 40, "{packets}: {}", speed.curve.len());
        assert_eq!((speed.accepted, speed.curve.last().unwrap().total), (packets * 2, packets * 2));
    }
}

#[tokio::test]
async fn csv_reads_back() {
    let mut told = Told::new("csv");
    for place in 0..2500 {
        told.put(&format!("order {place}, \"second\" try"), 188, Phase::Received, None);
    }
    told.put("=HYPERLINK(\"http://x\")", 288, Phase::Held, Some((Cause::Risk, "@SUM(1)\r\nrisk, 风控")))
        .standing
        .attempts = 2;
    let text = csv(&told, Lines::of(CAMPAIGN)).await;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), told.payouts.len());
    for (row, payout) in rows.iter().zip(&told.payouts).take(2500) {
        let number = payout.number.as_str();
        let expected = [&payout.key, payout.openid.as_str(), "1.88", number, "received", "", "1.88", "0.00", "1", ""];
        assert_eq!(row.iter().collect::<Vec<_>>(), expected);
    }
    let last = &rows[2500];
    assert_eq!((&last[0], &last[9]), ("'=HYPERLINK(\"http://x\")", "'@SUM(1)\r\nrisk, 风控"));
    assert_eq!((&last[4], &last[5], &last[8]), ("held", "risk", "2"));

    let held = csv(&told, Lines::matching(Filter::all(CAMPAIGN).phase(Phase::Held))).await;
    assert_eq!(csv::Reader::from_reader(held.as_bytes()).records().count(), 1);
}

/// Elements, attributes and texts of a page; fails where it is not well-formed.
fn read(page: &str) -> (BTreeSet<String>, BTreeSet<String>, String) {
    let (mut elements, mut attributes, mut texts) = (BTreeSet::new(), BTreeSet::new(), String::new());
    let mut reader = Reader::from_str(page);
    reader.config_mut().check_end_names = true;
    let mut depth = 0;
    loop {
        let event = reader.read_event().unwrap_or_else(|error| panic!("{error} at {}", reader.error_position()));
        match &event {
            Markup::Start(tag) | Markup::Empty(tag) => {
                elements.insert(tag.name().0.to_owned());
                for attribute in tag.attributes() {
                    attributes.insert(attribute.unwrap().key.0.to_owned());
                }
                depth += i32::from(matches!(event, Markup::Start(_)));
            }
            Markup::End(_) => depth -= 1,
            Markup::Text(text) => texts += text,
            Markup::GeneralRef(name) => match &**name {
                "amp" => texts.push('&'),
                "lt" => texts.push('<'),
                "gt" => texts.push('>'),
                "quot" => texts.push('"'),
                "#39" => texts.push('\''),
                other => panic!("&{other};"),
            },
            Markup::DocType(_) => {}
            Markup::Eof => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(depth, 0);
    (elements, attributes, texts)
}

#[tokio::test]
async fn the_page_is_well_formed_and_strangers_texts_are_inert() {
    let mut told = Told::new(HOSTILE);
    told.campaign.template.send_name = HOSTILE.into();
    told.campaign.template.act_name = HOSTILE.into();
    for (key, phase) in [(HOSTILE, Phase::Held), ("</td></table><img/>", Phase::Refused)] {
        told.put(key, 188, phase, Some((Cause::Risk, HOSTILE)));
    }
    told.accepted = vec![(at("2025-03-18 09:30:00"), 100), (at("2025-03-18 09:40:00"), 5)];
    told.gate = told.gate.after(&GateEvent::Stop(HOSTILE.into()), &Rules::default(), at(NOW));
    let report = of(&told).await;
    for language in [Language::English, Language::Chinese] {
        let page = report.html(language);
        let (elements, attributes, texts) = read(&page);
        for wrong in ["script", "img", "a", "link", "iframe", "image", "use", "form"] {
            assert!(!elements.contains(wrong), "{wrong}");
        }
        for wrong in ["src", "href", "style", "onclick", "onload", "xlink:href"] {
            assert!(!attributes.contains(wrong), "{wrong}");
        }
        // Title, heading, sender, activity, alarm, key, two notes; the escape
        // sequence has lost its escape.
        let shown = HOSTILE.replace('\u{1b}', "\u{fffd}");
        assert_eq!(texts.matches(&shown).count(), 8);
        assert!(texts.contains("</td></table><img/>"));
        let policy = page.find("Content-Security-Policy").unwrap();
        assert!(policy < page.find("<title>").unwrap() && page.contains("default-src &#39;none&#39;"));
        // It brings all it needs.
        assert_eq!(page.matches("http").count(), 2, "xmlns and http-equiv alone");
        assert!(!page.contains("url(") && !page.contains("@import"));
    }
    assert!(!report.table().contains('\u{1b}'));
}

#[tokio::test]
async fn every_outcome_is_drawn() {
    let mut told = one_of_each();
    told.accepted = vec![(at("2025-03-18 09:30:00"), 3)];
    let page = of(&told).await.html(Language::English);
    for phase in Phase::ALL {
        let ring =
            format!(r#"<circle cx="21" cy="21" r="16" class="{phase}" pathLength="100" stroke-dasharray="14.285 100""#);
        assert!(page.contains(&ring), "{phase}");
    }
    for class in ["area", "line", "stretch"] {
        assert!(page.contains(&format!(r#"class="{class}"/>"#)), "{class}");
    }
}

#[tokio::test]
async fn the_names_in_json_stay() {
    let mut told = one_of_each();
    told.accepted = vec![(at("2025-03-18 09:30:00"), 3)];
    let report: Value = serde_json::from_str(&of(&told).await.json()).unwrap();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let expected = |text: &str| text.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
    for (place, fields) in [
        ("", "at campaign payouts phases causes money cost progress speed forecast attempts held refused alarms"),
        ("/campaign", "id name mch_id app_id template created ready digest"),
        ("/phases/0", "phase count amount"),
        ("/causes/0", "phase cause count amount next_step"),
        ("/money", "planned unsent sending accepted unopened received returned refused held"),
        ("/cost", "net may_return in_doubt most"),
        ("/progress", "answered settled"),
        ("/speed", "stretch accepted per_second peak curve"),
        ("/speed/curve/0", "at accepted total"),
        ("/forecast", "payouts amount per_second seconds days"),
        ("/held", "count amount named"),
        ("/held/named/0", "key openid amount mch_billno attempts cause note next_step"),
        ("/alarms/0", "kind payouts reason until"),
    ] {
        assert_eq!(names(report.pointer(place).unwrap()), expected(fields), "{place}");
    }
    assert_eq!(report["phases"][6], json!({ "phase": "held", "count": 1, "amount": 64 }));
    assert_eq!(report["alarms"][0], json!({ "kind": "held", "payouts": 1, "reason": null, "until": null }));
    assert_eq!(report["at"], at(NOW).unix_millis());
}
