//! What a step expects, as the file writes it.

use hongbao::Fen;
use hongbao::clock::Timestamp;
use hongbao::sandbox::AccountKind;
use serde_json::Value;
use toml::de::DeValue;

use super::fields::{Entry, Fields, suggestion};
use super::read::Cast;
use super::{Act, KINDS};
use crate::failure::Failure;

/// One expectation and its line.
pub(crate) struct Expectation {
    pub(super) line: usize,
    /// What is looked at, as the file writes it.
    pub(super) what: String,
    pub(super) must: Must,
}

/// What must hold after the step.
pub(super) enum Must {
    Outcome(Word),
    Code(String),
    Field(String),
    /// A field of the answer to the call, by its path.
    Reply(Vec<String>, Value),
    /// What a user got or paid.
    Amount(Fen),
    Outcomes(Word, Count),
    State(Thing, Option<usize>, String, &'static str),
    States(Thing, &'static str, Count),
    Balance(usize, AccountKind, Fen),
    Received(String, Fen),
    Books(Share, Fen),
    Balanced(bool),
    Notices(Told, Count),
    Requests(Option<&'static str>, Count),
    Time(Timestamp),
}

/// What became of a call or of a user's act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Accepted,
    Refused,
    Unknown,
    NotSent,
}

impl Word {
    const ALL: &'static [(&'static str, Self)] = &[
        ("accepted", Self::Accepted),
        ("refused", Self::Refused),
        ("unknown", Self::Unknown),
        ("not_sent", Self::NotSent),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, word)| *word == self).map_or("", |(name, _)| name)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Thing {
    Packet,
    Order,
    Refund,
}

impl Thing {
    fn states(self) -> &'static [&'static str] {
        match self {
            Self::Packet => &["SENDING", "SENT", "FAILED", "RECEIVED", "RFUND_ING", "REFUND", "none"],
            Self::Order => &["NOTPAY", "USERPAYING", "SUCCESS", "REFUND", "CLOSED", "REVOKED", "PAYERROR", "none"],
            Self::Refund => &["PROCESSING", "SUCCESS", "REFUNDCLOSE", "CHANGE", "none"],
        }
    }
}

/// A line of the books.
#[derive(Clone, Copy)]
pub(super) enum Share {
    Merchants,
    Transit,
    Users,
    Refunds,
    Platform,
}

/// What is counted of notifications.
#[derive(Clone, Copy)]
pub(super) enum Told {
    Written,
    Attempts,
    Delivered,
    Genuine,
    /// Those that will be posted again.
    Open,
}

/// A whole number, or a bound.
#[derive(Clone, Copy)]
pub(super) enum Count {
    Exactly(u64),
    AtLeast(u64),
    AtMost(u64),
}

impl Count {
    pub(super) fn fits(self, found: u64) -> bool {
        match self {
            Self::Exactly(count) => found == count,
            Self::AtLeast(count) => found >= count,
            Self::AtMost(count) => found <= count,
        }
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exactly(count) => write!(f, "{count}"),
            Self::AtLeast(count) => write!(f, "at least {count}"),
            Self::AtMost(count) => write!(f, "at most {count}"),
        }
    }
}

/// Reads `expect = { … }`, in the order of the file.
pub(super) fn read(entry: Entry<'_>, cast: &Cast<'_>, act: &Act) -> Result<Vec<Expectation>, Failure> {
    let fields = entry.table("expect")?;
    let mut list = List(Vec::new());
    of_the_act(&fields, act, &mut list)?;
    for (key, thing, all) in
        [("packet", Thing::Packet, "packets"), ("order", Thing::Order, "orders"), ("refund", Thing::Refund, "refunds")]
    {
        for own in inner(&fields, key)? {
            let states: Vec<(&'static str, &'static str)> =
                thing.states().iter().map(|state| (*state, *state)).collect();
            let (of, number) = match own.key.split_once('/') {
                None => (None, own.key),
                Some((name, number)) => {
                    let place = cast.merchants.iter().position(|plan| plan.name == name);
                    let unknown = || own.wrong(format!("there is no merchant {name:?}"), "write MERCHANT/NUMBER");
                    (Some(place.ok_or_else(unknown)?), number)
                }
            };
            list.push(own, format!("{key}.{}", own.key), Must::State(thing, of, number.to_owned(), own.word(&states)?));
        }
        for own in inner(&fields, all)? {
            let state = thing.states().iter().find(|state| **state == own.key);
            let unknown = || own.wrong("there is no such state", suggestion(own.key, thing.states()));
            list.push(own, format!("{all}.{}", own.key), Must::States(thing, state.ok_or_else(unknown)?, count(own)?));
        }
    }
    let accounts = [("balance", AccountKind::Basic), ("operating", AccountKind::Operating)];
    for (key, account, own) in accounts_of(&fields, accounts)? {
        let Some(place) = cast.merchants.iter().position(|plan| plan.name == own.key) else {
            let names: Vec<&str> = cast.merchants.iter().map(|plan| plan.name.as_str()).collect();
            return Err(own.wrong("there is no such merchant", suggestion(own.key, &names)));
        };
        list.push(own, format!("{key}.{}", own.key), Must::Balance(place, account, own.amount()?));
    }
    for own in inner(&fields, "received")? {
        let Some(user) = cast.users.iter().find(|plan| plan.name == own.key) else {
            let names: Vec<&str> = cast.users.iter().map(|plan| plan.name.as_str()).collect();
            return Err(own.wrong("there is no such user", suggestion(own.key, &names)));
        };
        list.push(own, format!("received.{}", own.key), Must::Received(user.openid.clone(), own.amount()?));
    }
    books(&fields, &mut list)?;
    told(&fields, &mut list)?;
    if let Some(own) = fields.entry("time") {
        list.push(own, "time".to_owned(), Must::Time(own.moment()?));
    }
    fields.done()?;
    let List(mut expectations) = list;
    expectations.sort_by_key(|expectation| expectation.line);
    Ok(expectations)
}

struct List(Vec<Expectation>);

impl List {
    fn push(&mut self, entry: Entry<'_>, what: String, must: Must) {
        self.0.push(Expectation { line: entry.line, what, must });
    }
}

/// The entries of a table within; none if it is not there.
fn inner<'a>(fields: &Fields<'a>, key: &'static str) -> Result<Vec<Entry<'a>>, Failure> {
    Ok(match fields.entry(key) {
        Some(entry) => entry.table(key)?.all(),
        None => Vec::new(),
    })
}

type Accounts = [(&'static str, AccountKind); 2];

fn accounts_of<'a>(
    fields: &Fields<'a>,
    accounts: Accounts,
) -> Result<Vec<(&'static str, AccountKind, Entry<'a>)>, Failure> {
    let mut found = Vec::new();
    for (key, account) in accounts {
        found.extend(inner(fields, key)?.into_iter().map(|own| (key, account, own)));
    }
    Ok(found)
}

/// What only a call or a user's act has.
fn of_the_act(fields: &Fields<'_>, act: &Act, list: &mut List) -> Result<(), Failure> {
    if !matches!(act, Act::Call(..) | Act::User(..)) {
        for key in ["outcome", "code", "field", "reply", "amount", "outcomes"] {
            if let Some(entry) = fields.entry(key) {
                return Err(entry.wrong("this step makes no call", "put it into the step with the call or the user"));
            }
        }
        return Ok(());
    }
    if let Some(own) = fields.entry("outcome") {
        list.push(own, "outcome".to_owned(), Must::Outcome(own.word(Word::ALL)?));
    }
    if let Some(own) = fields.entry("code") {
        list.push(own, "code".to_owned(), Must::Code(own.text()?.to_owned()));
    }
    if let Some(own) = fields.entry("field") {
        list.push(own, "field".to_owned(), Must::Field(own.text()?.to_owned()));
    }
    if let Some(own) = fields.entry("amount") {
        list.push(own, "amount".to_owned(), Must::Amount(own.amount()?));
    }
    if let Some(own) = fields.entry("reply") {
        reply(own, &mut Vec::new(), list)?;
    }
    for own in inner(fields, "outcomes")? {
        let Some((_, word)) = Word::ALL.iter().find(|(name, _)| *name == own.key) else {
            let names: Vec<&str> = Word::ALL.iter().map(|(name, _)| *name).collect();
            return Err(own.wrong("there is no such outcome", suggestion(own.key, &names)));
        };
        list.push(own, format!("outcomes.{}", own.key), Must::Outcomes(*word, count(own)?));
    }
    Ok(())
}

/// The leaves of `reply`, which has the fields of the answer as it likes.
fn reply(entry: Entry<'_>, path: &mut Vec<String>, list: &mut List) -> Result<(), Failure> {
    for own in entry.table("reply")?.all() {
        path.push(own.key.to_owned());
        if matches!(own.value, DeValue::Table(_)) {
            reply(own, path, list)?;
        } else {
            let value = match own.value {
                DeValue::Boolean(flag) => Value::from(*flag),
                DeValue::Integer(_) => Value::from(own.number()?),
                _ => Value::from(own.text()?),
            };
            list.push(own, format!("reply.{}", path.join(".")), Must::Reply(path.clone(), value));
        }
        path.pop();
    }
    Ok(())
}

fn books(fields: &Fields<'_>, list: &mut List) -> Result<(), Failure> {
    let Some(entry) = fields.entry("books") else { return Ok(()) };
    let books = entry.table("books")?;
    for (key, share) in [
        ("with_merchants", Share::Merchants),
        ("in_transit", Share::Transit),
        ("with_users", Share::Users),
        ("refunds_in_transit", Share::Refunds),
        ("with_platform", Share::Platform),
    ] {
        if let Some(own) = books.entry(key) {
            list.push(own, format!("books.{key}"), Must::Books(share, own.amount()?));
        }
    }
    if let Some(own) = books.entry("balanced") {
        list.push(own, "books.balanced".to_owned(), Must::Balanced(own.flag()?));
    }
    books.done()
}

fn told(fields: &Fields<'_>, list: &mut List) -> Result<(), Failure> {
    if let Some(entry) = fields.entry("notices") {
        let notices = entry.table("notices")?;
        for (key, told) in [
            ("written", Told::Written),
            ("attempts", Told::Attempts),
            ("delivered", Told::Delivered),
            ("genuine", Told::Genuine),
            ("open", Told::Open),
        ] {
            if let Some(own) = notices.entry(key) {
                list.push(own, format!("notices.{key}"), Must::Notices(told, count(own)?));
            }
        }
        notices.done()?;
    }
    let Some(entry) = fields.entry("requests") else { return Ok(()) };
    if entry.number().is_ok() || is_bound(entry) {
        list.push(entry, "requests".to_owned(), Must::Requests(None, count(entry)?));
        return Ok(());
    }
    for own in entry.table("requests")?.all() {
        let Some((name, _, path)) = KINDS.iter().find(|(name, _, _)| *name == own.key) else {
            let names: Vec<&str> = KINDS.iter().map(|(name, _, _)| *name).collect();
            return Err(own.wrong("there is no such call", suggestion(own.key, &names)));
        };
        list.push(own, format!("requests.{name}"), Must::Requests(Some(path), count(own)?));
    }
    Ok(())
}

fn is_bound(entry: Entry<'_>) -> bool {
    matches!(entry.value, DeValue::Table(table) if table.keys().all(|key| matches!(&**key.get_ref(), "at_least" | "at_most")))
}

/// `3`, `{ at_least = 3 }` or `{ at_most = 3 }`.
fn count(entry: Entry<'_>) -> Result<Count, Failure> {
    if !matches!(entry.value, DeValue::Table(_)) {
        return Ok(Count::Exactly(entry.number()?));
    }
    let bounds = entry.table(entry.key)?;
    let found = (bounds.number("at_least")?, bounds.number("at_most")?);
    bounds.done()?;
    match found {
        (Some(count), None) => Ok(Count::AtLeast(count)),
        (None, Some(count)) => Ok(Count::AtMost(count)),
        _ => Err(entry.wrong("a number or one bound is wanted", "write 3, { at_least = 3 } or { at_most = 3 }")),
    }
}
