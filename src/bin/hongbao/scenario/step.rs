//! One `[[step]]` of a file.

use std::time::Duration;

use hongbao::pay::CouponType;
use hongbao::sandbox::{AccountKind, Answers, Cdata, Fault, FaultRule, NoticeFault, When};
use hongbao::{BillNo, Fen, OutRefundNo, OutTradeNo};
use serde_json::json;

use super::fields::{Entry, Fields, suggestion};
use super::read::{self, Cast};
use super::shop::Answer;
use super::{Act, Advance, Call, Doing, KINDS, Kind, Often, Step, UserAct, counted, expect};
use crate::failure::Failure;

/// The keys of which a step has one, or none if it only expects.
const ACTS: &[&str] = &[
    "call",
    "user",
    "advance",
    "handler",
    "fault",
    "faults",
    "answers",
    "spoil_notice",
    "resend_notice",
    "top_up",
    "settings",
    "behave",
    "renew_certificate",
];

pub(super) fn read(entry: Entry<'_>, cast: &Cast<'_>) -> Result<Step, Failure> {
    let fields = entry.table("step")?;
    // The line of the first key: where `[[step]]` stands is not known.
    let all = fields.all();
    let line = all.first().map_or(entry.line, |first| first.line);
    let fields = fields.beginning_at(line);
    let says = fields.text("says")?;
    let mut acts = all.iter().filter(|own| ACTS.contains(&own.key));
    let (first, second) = (acts.next(), acts.next());
    if let (Some(first), Some(second)) = (first, second) {
        let problem = format!("one step has both {} and {}", first.key, second.key);
        return Err(second.wrong(problem, "make two steps of it"));
    }
    let act = match first.map(|act| act.key) {
        None => Act::Nothing,
        Some("call") => call(&fields, cast)?,
        Some("user") => user_act(&fields, cast)?,
        Some("advance") => Act::Advance(advance(&fields, cast)?),
        Some("handler") => Act::Handler(handler(&fields)?),
        Some("fault") => Act::Fault(fault(&fields)?),
        Some("faults") => match fields.entry("faults") {
            Some(entry) => entry.word(&[("off", ())]).map(|()| Act::FaultsOff)?,
            None => Act::Nothing,
        },
        Some("answers") => Act::Answers(answers(&fields)?),
        Some("spoil_notice") => Act::Spoil(spoil(&fields)?),
        Some("resend_notice") => Act::Resend(needed(&fields, "resend_notice", "\"T00001\"")?),
        Some("top_up") => {
            let amount = fields.required("top_up", fields.amount("top_up")?, "\"100.00\"")?;
            let accounts = [("basic", AccountKind::Basic), ("operating", AccountKind::Operating)];
            let account = fields.entry("account").map(|entry| entry.word(&accounts)).transpose()?;
            Act::TopUp(merchant(&fields, "of", cast)?, account.unwrap_or(AccountKind::Basic), amount)
        }
        Some("settings") => {
            let changes = fields.entry("settings").map(read::settings).transpose()?.unwrap_or_default();
            Act::Settings(merchant(&fields, "of", cast)?, changes)
        }
        Some("behave") => {
            let user = person(&fields, "behave", cast, Often::ONCE)?;
            Act::Behave(user, read::behaviour(&fields)?)
        }
        Some(_) => Act::RenewCertificate(merchant(&fields, "renew_certificate", cast)?),
    };
    let expect = fields.entry("expect").map(|entry| expect::read(entry, cast, &act)).transpose()?.unwrap_or_default();
    if first.is_none() {
        // So that a misspelt act is told as such.
        for key in ACTS {
            fields.entry(key);
        }
    }
    fields.done()?;
    if first.is_none() && expect.is_empty() {
        return Err(fields.page.wrong(line, "a step does nothing and expects nothing", suggestion("", ACTS)));
    }
    Ok(Step { line, says, act, expect })
}

impl Often {
    pub(super) const ONCE: Self = Self { times: 1, every: Duration::from_secs(1), at_once: false };
}

fn often(fields: &Fields<'_>) -> Result<Often, Failure> {
    let times = match fields.number("times")? {
        None => 1,
        Some(times @ 1..=10_000) => u32::try_from(times).unwrap_or(1),
        Some(times) => {
            let problem = format!("times = {times}");
            return Err(fields.page.wrong(fields.line, problem, "give 1 to 10000"));
        }
    };
    let at_once = fields.flag("at_once")?.unwrap_or(false);
    let every = fields.span("every")?;
    if at_once && every.is_some() {
        return Err(fields.page.wrong(fields.line, "at_once and every exclude each other", "keep one of them"));
    }
    Ok(Often { times, every: every.unwrap_or(Often::ONCE.every), at_once })
}

fn needed(fields: &Fields<'_>, key: &'static str, example: &str) -> Result<String, Failure> {
    fields.required(key, fields.text(key)?, example)
}

fn merchant(fields: &Fields<'_>, key: &'static str, cast: &Cast<'_>) -> Result<usize, Failure> {
    fields.entry(key).map_or(Ok(0), |entry| read::merchant(entry, cast.merchants))
}

/// A user by name, which may hold the count.
fn person(fields: &Fields<'_>, key: &'static str, cast: &Cast<'_>, often: Often) -> Result<String, Failure> {
    let name = needed(fields, key, "\"lin\"")?;
    let names: Vec<&str> = cast.users.iter().map(|plan| plan.name.as_str()).collect();
    for n in 1..=often.times {
        let one = counted(&name, n);
        if !names.contains(&one.as_str()) {
            let line = fields.entry(key).map_or(fields.line, |entry| entry.line);
            let next = match names.as_slice() {
                [] => format!("describe one: [users.{one}]"),
                _ => suggestion(&one, &names),
            };
            return Err(fields.page.wrong(line, format!("{key}: there is no user {one:?}"), next));
        }
        if one == name {
            break;
        }
    }
    Ok(name)
}

fn call(fields: &Fields<'_>, cast: &Cast<'_>) -> Result<Act, Failure> {
    let words: Vec<(&'static str, Kind)> = KINDS.iter().map(|(name, kind, _)| (*name, *kind)).collect();
    let kind = match fields.entry("call") {
        Some(entry) => entry.word(&words)?,
        None => Kind::Packet,
    };
    let often = often(fields)?;
    let attempts = fields.number("attempts")?.unwrap_or(1).clamp(1, 100);
    let by = merchant(fields, "by", cast)?;
    let mut call = Call {
        kind,
        by,
        number: String::new(),
        amount: Fen::ZERO,
        user: String::new(),
        people: 3,
        order: String::new(),
        order_amount: None,
        scene: None,
        day: String::new(),
        attempts: u32::try_from(attempts).unwrap_or(1),
    };
    match kind {
        Kind::Packet | Kind::Group => {
            call.number = needed(fields, "number", "\"A1\"")?;
            call.user = person(fields, "to", cast, often)?;
            call.amount = fields.required("amount", fields.amount("amount")?, "\"8.88\"")?;
            call.scene = fields.text("scene")?;
            if kind == Kind::Group {
                let people = fields.number("people")?;
                call.people = u32::try_from(fields.required("people", people, "3")?).unwrap_or(u32::MAX);
            }
        }
        Kind::Jsapi | Kind::Micropay => {
            call.number = needed(fields, "number", "\"T00001\"")?;
            call.user = person(fields, "payer", cast, often)?;
            call.amount = fields.required("amount", fields.amount("amount")?, "\"8.88\"")?;
        }
        Kind::Native | Kind::App | Kind::H5 => {
            call.number = needed(fields, "number", "\"T00001\"")?;
            call.amount = fields.required("amount", fields.amount("amount")?, "\"8.88\"")?;
        }
        Kind::Refund => {
            call.number = needed(fields, "number", "\"R00001\"")?;
            call.order = needed(fields, "order", "\"T00001\"")?;
            call.order_amount = fields.amount("order_amount")?;
            call.amount = fields.required("amount", fields.amount("amount")?, "\"8.88\"")?;
        }
        Kind::QueryPacket | Kind::QueryOrder | Kind::QueryRefund | Kind::Close | Kind::Reverse => {
            call.number = needed(fields, "number", "\"A1\"")?;
        }
        Kind::TradeBill | Kind::FundFlow => {
            call.day = needed(fields, "day", "\"2025-03-18\"")?;
            let day = call.day.parse::<hongbao::clock::Day>();
            day.map_err(|error| fields.page.wrong(fields.line, error, "give a day as in \"2025-03-18\""))?;
        }
    }
    check_numbers(fields, &call)?;
    Ok(Act::Call(call, often))
}

/// So that a number that no call can carry is told with its line.
fn check_numbers(fields: &Fields<'_>, call: &Call) -> Result<(), Failure> {
    let number = counted(&call.number, 1);
    let checked = match call.kind {
        Kind::Packet | Kind::Group | Kind::QueryPacket => BillNo::new(number).map(drop),
        Kind::Refund => OutRefundNo::new(number).and(OutTradeNo::new(counted(&call.order, 1)).map(drop)),
        Kind::QueryRefund => OutRefundNo::new(number).map(drop),
        Kind::TradeBill | Kind::FundFlow => Ok(()),
        _ => OutTradeNo::new(number).map(drop),
    };
    checked.map_err(|error| fields.page.wrong(fields.line, error, "give another number"))
}

fn user_act(fields: &Fields<'_>, cast: &Cast<'_>) -> Result<Act, Failure> {
    let often = often(fields)?;
    let user = person(fields, "user", cast, often)?;
    let mut found = Vec::new();
    for (key, does) in
        [("opens", Doing::Open), ("pays", Doing::Pay), ("cancels", Doing::Cancel), ("scans", Doing::Scan)]
    {
        found.extend(fields.text(key)?.map(|number| (does, number)));
    }
    let coupons = match fields.entry("coupons") {
        Some(entry) => coupons(entry)?,
        None => Vec::new(),
    };
    match found.pop() {
        Some((does, number)) if found.is_empty() => Ok(Act::User(UserAct { user, does, number, coupons }, often)),
        _ => {
            let problem = "a user does one thing in a step";
            Err(fields.page.wrong(fields.line, problem, "add one of opens, pays, cancels, scans with a number"))
        }
    }
}

/// `{ CASH = "1.00" }`: who pays for it, and how much it is.
fn coupons(entry: Entry<'_>) -> Result<Vec<(CouponType, Fen)>, Failure> {
    let coupons = entry.table("coupons")?;
    let kinds = [("CASH", CouponType::Cash), ("NO_CASH", CouponType::NoCash)];
    let coupon = |own: Entry<'_>| match kinds.iter().find(|(name, _)| *name == own.key) {
        Some((_, kind)) => Ok((kind.clone(), own.amount()?)),
        None => Err(own.wrong("there is no such coupon", "there are: CASH, NO_CASH")),
    };
    coupons.all().into_iter().map(coupon).collect()
}

fn advance(fields: &Fields<'_>, cast: &Cast<'_>) -> Result<Advance, Failure> {
    let Some(entry) = fields.entry("advance") else { return Ok(Advance::By(Duration::ZERO)) };
    Ok(match entry.text()? {
        "midnight" => Advance::Midnight,
        "certificate expiry" => Advance::CertificateExpiry(merchant(fields, "of", cast)?),
        _ if entry.moment().is_ok() => Advance::To(entry.moment()?),
        text => Advance::By(entry.span().map_err(|_| {
            let next = "give a length such as \"24h\" or \"1h30m\", a moment such as \"2025-03-19 09:00:00\", \
                        \"midnight\" or \"certificate expiry\"";
            entry.wrong(format!("{text:?} is no time"), next)
        })?),
    })
}

fn handler(fields: &Fields<'_>) -> Result<Vec<Answer>, Failure> {
    let Some(entry) = fields.entry("handler") else { return Ok(Vec::new()) };
    match entry.list() {
        None => Ok(vec![entry.word(Answer::WORDS)?]),
        Some(answers) if answers.is_empty() => {
            Err(entry.wrong("an empty list", "give at least one answer; the last one stays"))
        }
        Some(answers) => answers.into_iter().map(|answer| answer.word(Answer::WORDS)).collect(),
    }
}

const FAULTS: &[&str] = &[
    "system_error_before",
    "system_error_after",
    "processing",
    "hang_up_before",
    "hang_up_after",
    "delay",
    "garbage",
    "bad_gateway",
    "truncated_body",
    "refuse",
];

fn fault(fields: &Fields<'_>) -> Result<FaultRule, Failure> {
    let kind = needed(fields, "fault", "\"hang_up_after\"")?;
    let wrong = |problem: String, next: String| fields.page.wrong(fields.line, problem, next);
    if !FAULTS.contains(&kind.as_str()) {
        return Err(wrong(format!("there is no fault {kind:?}"), suggestion(&kind, FAULTS)));
    }
    let mut form = json!({ "kind": kind });
    match kind.as_str() {
        "delay" => form["millis"] = json!(fields.required("millis", fields.number("millis")?, "50")?),
        "refuse" => form["code"] = json!(needed(fields, "code", "\"NOTENOUGH\"")?),
        _ => {}
    }
    let fault: Fault =
        serde_json::from_value(form).map_err(|error| wrong(error.to_string(), "see docs/SANDBOX.md".to_owned()))?;
    let when = match (fields.number("next")?, fields.number("per_mille")?, fields.number("seed")?) {
        (next, None, None) => When::Next(u32::try_from(next.unwrap_or(1)).unwrap_or(u32::MAX)),
        (None, Some(rate @ 0..=1000), seed) => {
            When::PerMille { rate: u16::try_from(rate).unwrap_or(1000), seed: seed.unwrap_or(1) }
        }
        _ => {
            let next = "give next = 3, or per_mille = 50 with a seed; a rate is 1000 at most".to_owned();
            return Err(wrong("when the fault strikes is not clear".to_owned(), next));
        }
    };
    let rule = FaultRule::new(fault, when);
    let Some(on) = fields.entry("on") else { return Ok(rule) };
    let name = on.text()?;
    let path = KINDS.iter().find(|(own, _, _)| *own == name).map(|(_, _, path)| *path);
    match path {
        Some(path) => Ok(rule.at(path)),
        None if name.starts_with('/') => Ok(rule.at(name)),
        None => {
            let names: Vec<&str> = KINDS.iter().map(|(own, _, _)| *own).collect();
            Err(on.wrong(format!("there is no call {name:?}"), suggestion(name, &names)))
        }
    }
}

fn answers(fields: &Fields<'_>) -> Result<Answers, Failure> {
    let mut answers = Answers::default();
    let Some(entry) = fields.entry("answers") else { return Ok(answers) };
    let own = entry.table("answers")?;
    answers.element_order = own.flag("element_order")?.unwrap_or(false);
    answers.extra_fields = own.flag("extra_fields")?.unwrap_or(false);
    answers.err_code_on_success = own.flag("err_code_on_success")?.unwrap_or(false);
    answers.wrong_sign = own.flag("wrong_sign")?.unwrap_or(false);
    let words = [("official", Cdata::Official), ("all", Cdata::All), ("none", Cdata::None), ("mixed", Cdata::Mixed)];
    answers.cdata = own.entry("cdata").map(|cdata| cdata.word(&words)).transpose()?.unwrap_or_default();
    own.done()?;
    Ok(answers)
}

const NOTICE_FAULTS: &[&str] = &[
    "missing",
    "delayed",
    "duplicate",
    "wrong_sign",
    "lower_case_sign",
    "wrong_amount",
    "unknown_field",
    "foreign_merchant",
    "xxe",
];

fn spoil(fields: &Fields<'_>) -> Result<NoticeFault, Failure> {
    let kind = needed(fields, "spoil_notice", "\"wrong_sign\"")?;
    let wrong = |problem: String, next: String| fields.page.wrong(fields.line, problem, next);
    if !NOTICE_FAULTS.contains(&kind.as_str()) {
        return Err(wrong(format!("there is no such fault {kind:?}"), suggestion(&kind, NOTICE_FAULTS)));
    }
    let mut form = json!({ "kind": kind });
    match kind.as_str() {
        "delayed" => form["seconds"] = json!(fields.required("late", fields.span("late")?, "\"10m\"")?.as_secs()),
        "duplicate" => form["times"] = json!(fields.required("times", fields.number("times")?, "2")?),
        _ => {}
    }
    serde_json::from_value(form).map_err(|error| wrong(error.to_string(), "see docs/SANDBOX.md".to_owned()))
}
