//! Whether an expectation holds.

use hongbao::Fen;
use hongbao::sandbox::AccountKind;
use serde_json::Value;

use super::expect::{Expectation, Must, Share, Thing, Told};
use super::world::{Happened, World, outcome};

/// `None` if it holds; else what was expected and what was found.
pub(super) fn check(world: &World<'_>, expectation: &Expectation, happened: &[Happened]) -> Option<(String, String)> {
    let last = happened.last();
    let text = |found: Option<&String>| found.map_or_else(|| "none".to_owned(), Clone::clone);
    let (holds, expected, found) = match &expectation.must {
        Must::Outcome(word) => {
            // Of several calls all must end so.
            let other = happened.iter().find(|one| one.word != *word);
            (other.is_none(), word.name().to_owned(), other.map(outcome).unwrap_or_default())
        }
        Must::Outcomes(word, count) => {
            let found = number(happened.iter().filter(|one| one.word == *word).count());
            (count.fits(found), count.to_string(), found.to_string())
        }
        Must::Code(code) => {
            let found = last.and_then(|one| one.code.as_ref());
            (found == Some(code), code.clone(), last.map(outcome).unwrap_or_default())
        }
        Must::Field(field) => {
            let found = last.and_then(|one| one.field.as_ref());
            (found == Some(field), field.clone(), text(found))
        }
        Must::Amount(amount) => {
            let found = last.and_then(|one| one.amount);
            (found == Some(*amount), yuan(*amount), found.map_or_else(|| "none".to_owned(), yuan))
        }
        Must::Reply(path, value) => {
            let found = last.and_then(|one| within(&one.reply, path)).unwrap_or(&Value::Null);
            (same(found, value), value.to_string(), found.to_string())
        }
        Must::State(thing, of, number, state) => {
            let found = state_of(world, *thing, *of, number);
            (found == *state, (*state).to_owned(), found)
        }
        Must::States(thing, state, count) => {
            let found = number(states(world, *thing).iter().filter(|found| found == state).count());
            (count.fits(found), count.to_string(), found.to_string())
        }
        Must::Balance(of, account, amount) => {
            let mch_id = &world.merchants[*of].entity.mch_id;
            let found = match account {
                AccountKind::Operating => world.sandbox.operating_balance(mch_id),
                _ => Some(world.sandbox.balance(mch_id)),
            };
            let found_text = found.map_or_else(|| "there is no such account".to_owned(), yuan);
            (found == Some(*amount), yuan(*amount), found_text)
        }
        Must::Received(openid, amount) => amounts(*amount, world.sandbox.received(openid)),
        Must::Books(share, amount) => {
            let books = world.sandbox.books();
            let found = match share {
                Share::Merchants => books.with_merchants,
                Share::Transit => books.in_transit,
                Share::Users => books.with_users,
                Share::Refunds => books.refunds_in_transit,
                Share::Platform => books.with_platform,
            };
            amounts(*amount, found)
        }
        Must::Balanced(balanced) => {
            let found = world.sandbox.books().balanced;
            (found == *balanced, balanced.to_string(), found.to_string())
        }
        Must::Notices(told, count) => {
            let found = notices(world, *told);
            (count.fits(found), count.to_string(), found.to_string())
        }
        Must::Requests(path, count) => {
            let requests = world.sandbox.requests(usize::MAX);
            let found = number(requests.iter().filter(|one| path.is_none_or(|path| one.path == path)).count());
            (count.fits(found), count.to_string(), found.to_string())
        }
        Must::Time(moment) => {
            let found = world.sandbox.now();
            (found == *moment, moment.to_string(), found.to_string())
        }
    };
    (!holds).then_some((expected, found))
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn yuan(amount: Fen) -> String {
    format!("{amount} yuan")
}

fn amounts(expected: Fen, found: Fen) -> (bool, String, String) {
    (expected == found, yuan(expected), yuan(found))
}

/// The place of a list is a number.
fn within<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => value.get(key),
    })
}

/// Amounts are fen in an answer and yuan in a file.
fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Number(fen), Value::String(text)) => {
            text.parse::<Fen>().is_ok_and(|amount| fen.as_i64() == Some(amount.get()))
        }
        _ => found == expected,
    }
}

fn state_of(world: &World<'_>, thing: Thing, of: Option<usize>, number: &str) -> String {
    let merchants = world.merchants.iter().enumerate().filter(|(place, _)| of.is_none_or(|of| of == *place));
    let mut mch_ids = merchants.map(|(_, member)| member.entity.mch_id.as_str());
    let sandbox = &world.sandbox;
    let state = match thing {
        Thing::Packet => mch_ids.find_map(|mch_id| sandbox.packet(mch_id, number)).map(|one| one.status.to_string()),
        Thing::Order => mch_ids.find_map(|mch_id| sandbox.order(mch_id, number)).map(|one| one.trade_state.to_string()),
        Thing::Refund => mch_ids.find_map(|mch_id| sandbox.refund(mch_id, number)).map(|one| one.status.to_string()),
    };
    state.unwrap_or_else(|| "none".to_owned())
}

fn states(world: &World<'_>, thing: Thing) -> Vec<String> {
    let sandbox = &world.sandbox;
    match thing {
        Thing::Packet => sandbox.packets(0, usize::MAX).iter().map(|one| one.status.to_string()).collect(),
        Thing::Order => sandbox.orders(0, usize::MAX).iter().map(|one| one.trade_state.to_string()).collect(),
        Thing::Refund => sandbox.refunds(0, usize::MAX).iter().map(|one| one.status.to_string()).collect(),
    }
}

fn notices(world: &World<'_>, told: Told) -> u64 {
    let notices = world.sandbox.notices(0, usize::MAX);
    match told {
        Told::Written => number(notices.len()),
        Told::Attempts => number(notices.iter().map(|notice| notice.attempts.len()).sum()),
        Told::Delivered => number(notices.iter().filter(|notice| notice.delivered).count()),
        Told::Open => number(notices.iter().filter(|notice| notice.next.is_some()).count()),
        Told::Genuine => world.shop.genuine(),
    }
}
