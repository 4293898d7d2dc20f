//! From the text of a file to a scenario: the head, merchants and users.

use hongbao::Fen;
use hongbao::clock::Timestamp;
use hongbao::sandbox::{Opens, Settings};
use serde_json::{Map, Value};
use toml::de::DeTable;

use super::fields::{Entry, Fields, Page, suggestion};
use super::{Behaviour, MerchantPlan, Scenario, UserPlan, step};
use crate::failure::Failure;

/// Who is there, for what refers to them.
pub(super) struct Cast<'a> {
    pub(super) merchants: &'a [MerchantPlan],
    pub(super) users: &'a [UserPlan],
}

/// Reads a scenario.
///
/// # Errors
/// The line that is wrong, and what would be right.
pub(crate) fn read(file: &str, text: &str) -> Result<Scenario, Failure> {
    let page = Page { file, text };
    let document = DeTable::parse(text).map_err(|mut error| {
        let line = error.span().map_or(1, |span| page.line(span.start));
        error.set_input(None);
        let problem = error.to_string().trim_end().replace('\n', " ");
        page.wrong(line, problem, "correct the line; docs/SCENARIOS.md shows a whole file")
    })?;
    let fields = Fields::new(page, "a scenario", document.get_ref(), 1);
    let name = fields.required("name", fields.text("name")?, "\"A lost answer\"")?;
    fields.text("about")?;
    let at = fields.entry("at").map(Entry::moment).transpose()?.unwrap_or(START);
    let seed = fields.number("seed")?.unwrap_or(1);
    let merchants = merchants(fields.entry("merchants"))?;
    let users = users(fields.entry("users"), &merchants)?;
    let steps = fields.entry("step");
    fields.done()?;
    let steps = steps.and_then(Entry::list).filter(|steps| !steps.is_empty()).ok_or_else(|| {
        page.wrong(1, "a scenario has no step", "add one: [[step]] with a call, an act of a user or an expectation")
    })?;
    let cast = Cast { merchants: &merchants, users: &users };
    let steps = steps.into_iter().map(|entry| step::read(entry, &cast)).collect::<Result<_, _>>()?;
    Ok(Scenario { file: file.to_owned(), name, at, seed, merchants, users, steps })
}

/// 2025-03-18 10:00:00 in Beijing, an hour after the bills of the day before are there.
const START: Timestamp = Timestamp::from_unix(1_742_263_200);

/// What the sandbox gives to a fresh merchant.
const USUAL_BALANCE: Fen = Fen::new(1_000_000);

fn merchants(entry: Option<Entry<'_>>) -> Result<Vec<MerchantPlan>, Failure> {
    let Some(entry) = entry else {
        return Ok(vec![MerchantPlan {
            name: "shop".to_owned(),
            balance: USUAL_BALANCE,
            operating: None,
            settings: Map::new(),
        }]);
    };
    let mut plans = Vec::new();
    for merchant in entry.table("merchants")?.all() {
        let fields = merchant.table(format!("merchant {}", merchant.key))?;
        let balance = fields.amount("balance")?.unwrap_or(USUAL_BALANCE);
        if balance < Fen::ZERO {
            return Err(merchant.wrong("a balance is not below zero", "give the yuan that it has at the start"));
        }
        let operating = fields.amount("operating")?;
        let settings = fields.entry("settings").map(settings).transpose()?.unwrap_or_default();
        fields.done()?;
        plans.push(MerchantPlan { name: merchant.key.to_owned(), balance, operating, settings });
    }
    if plans.is_empty() || plans.len() > MOST_MERCHANTS {
        let next = format!("describe 1 to {MOST_MERCHANTS} of them: [merchants.NAME]");
        return Err(entry.wrong(format!("{} merchants", plans.len()), next));
    }
    Ok(plans)
}

/// So many entities a fresh sandbox has.
const MOST_MERCHANTS: usize = 2;

/// Changes of a merchant's product settings, checked against those that there are.
pub(super) fn settings(entry: Entry<'_>) -> Result<Map<String, Value>, Failure> {
    let usual = serde_json::to_value(Settings::default()).unwrap_or_default();
    let usual = usual.as_object().cloned().unwrap_or_default();
    let names: Vec<&str> = usual.keys().map(String::as_str).collect();
    let mut changes = Map::new();
    for setting in entry.table("settings")?.all() {
        let Some(before) = usual.get(setting.key) else {
            let problem = format!("there is no setting {:?}", setting.key);
            return Err(setting.wrong(problem, suggestion(setting.key, &names)));
        };
        let value = match before {
            Value::Bool(_) => Value::Bool(setting.flag()?),
            // Amounts are yuan here as everywhere in the file, counts are numbers.
            Value::Number(_) if setting.text().is_ok() => Value::from(setting.amount()?.get()),
            Value::Number(_) if setting.key.ends_with("amount") || setting.key == "password_above" => {
                return Err(setting.wrong("an amount is a text", "give yuan, as in \"8.88\""));
            }
            Value::Number(_) => Value::from(setting.number()?),
            Value::Array(_) => {
                let items = setting.list().unwrap_or_default();
                Value::Array(items.into_iter().map(|item| item.text().map(Value::from)).collect::<Result<_, _>>()?)
            }
            _ => Value::from(setting.text()?),
        };
        changes.insert(setting.key.to_owned(), value);
    }
    changed(&Settings::default(), &changes).map_err(|error| entry.wrong(error, "see docs/SANDBOX.md, Limits"))?;
    Ok(changes)
}

/// Settings with some of them changed.
pub(super) fn changed(before: &Settings, changes: &Map<String, Value>) -> Result<Settings, serde_json::Error> {
    let mut all = serde_json::to_value(before)?;
    for (name, value) in changes {
        if let Some(slot) = all.get_mut(name) {
            slot.clone_from(value);
        }
    }
    serde_json::from_value(all)
}

fn users(entry: Option<Entry<'_>>, merchants: &[MerchantPlan]) -> Result<Vec<UserPlan>, Failure> {
    let mut plans = Vec::new();
    let Some(entry) = entry else { return Ok(plans) };
    for user in entry.table("users")?.all() {
        let fields = user.table(format!("user {}", user.key))?;
        let of = fields.entry("of").map(|entry| merchant(entry, merchants)).transpose()?.unwrap_or(0);
        let count = fields.number("count")?;
        let behaviour = behaviour(&fields)?;
        fields.done()?;
        let names = match count {
            None => vec![user.key.to_owned()],
            Some(1..=10_000) => (1..=count.unwrap_or(1)).map(|n| format!("{}-{n}", user.key)).collect(),
            Some(count) => return Err(user.wrong(format!("{count} users"), "give a count of 1 to 10000")),
        };
        for name in names {
            let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
            if !letters || name.len() > 27 {
                return Err(user.wrong("a name is part of the openid", "use up to 21 letters, digits, - and _"));
            }
            let openid = format!("o{name:0>27}");
            plans.push(UserPlan { name, of, openid, behaviour });
        }
    }
    Ok(plans)
}

/// How a user is; what is left out stays as it is.
pub(super) fn behaviour(fields: &Fields<'_>) -> Result<Behaviour, Failure> {
    let opens = fields.entry("opens").map(opens).transpose()?;
    let (risk_blocked, asks_password) = (fields.flag("risk_blocked")?, fields.flag("asks_password")?);
    Ok(Behaviour { risk_blocked, asks_password, opens, real_name: fields.flag("real_name")? })
}

fn opens(entry: Entry<'_>) -> Result<Opens, Failure> {
    Ok(match entry.text()? {
        "by_hand" => Opens::ByHand,
        "never" => Opens::Never,
        "refuses" => Opens::Refuses,
        text => {
            let after = entry.span().map_err(|_| {
                let next = "give \"by_hand\", \"never\", \"refuses\", or how long after it was sent, as in \"2h\"";
                entry.wrong(format!("{text:?} is not known"), next)
            })?;
            Opens::After { seconds: after.as_secs() }
        }
    })
}

/// The place of a merchant that is named.
pub(super) fn merchant(entry: Entry<'_>, merchants: &[MerchantPlan]) -> Result<usize, Failure> {
    let name = entry.text()?;
    merchants.iter().position(|plan| plan.name == name).ok_or_else(|| {
        let names: Vec<&str> = merchants.iter().map(|plan| plan.name.as_str()).collect();
        entry.wrong(format!("there is no merchant {name:?}"), suggestion(name, &names))
    })
}
