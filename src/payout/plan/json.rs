//! One JSON object of a line.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::problem::{Problem, excerpt};
use super::rows::{Money, NAMES, Raw};

/// Reads a line.
///
/// # Errors
/// Names the field, where the trouble is in one.
pub(super) fn read(line: &str) -> Result<Raw<'_>, Problem> {
    let start = line.trim_start();
    if start.starts_with('[') {
        return Err(Problem::new("a JSON array", "write one object on each line, without brackets and commas around"));
    }
    if !start.starts_with('{') {
        let next_step = "write an object such as {\"openid\": \"oQx4…\", \"amount\": \"1.88\"}";
        return Err(Problem::new(format!("no JSON object: {}", excerpt(line)), next_step));
    }
    let mut field = None;
    let mut reader = serde_json::Deserializer::from_str(line);
    let read = reader.deserialize_map(Object { field: &mut field });
    let error = match read.and_then(|raw| reader.end().map(|()| raw)) {
        Ok(raw) => return Ok(raw),
        Err(error) => error,
    };
    let whole = error.to_string();
    let text = whole.rsplit_once(" at line ").map_or(&*whole, |(text, _)| text);
    let (reason, next_step) = match text.split_once(PART) {
        Some((reason, next_step)) if error.is_data() => (reason.to_owned(), next_step.to_owned()),
        _ if error.is_eof() => (format!("the object does not end: {text}"), "write it on one line".to_owned()),
        _ if error.is_data() => {
            (text.to_owned(), "write texts in quotes and total_amount as a whole number".to_owned())
        }
        _ => (format!("{text} at column {}", error.column()), "correct the JSON".to_owned()),
    };
    let problem = Problem::new(reason, next_step);
    Err(match field {
        Some(field) if error.is_data() => problem.in_field(field),
        _ => problem,
    })
}

/// Between reason and next step of our own complaints. A foreign text is escaped
/// before it gets there, so that it holds none.
const PART: char = '\u{1}';

struct Object<'a> {
    field: &'a mut Option<&'static str>,
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Raw<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<'de>, A::Error> {
        let mut raw = Raw::default();
        let mut seen = 0_u32;
        while let Some(Text(Some(name))) = map.next_key()? {
            *self.field = None;
            let known = NAMES.iter().chain(["total_amount"].iter()).enumerate().find(|(_, known)| **known == name);
            let Some((place, known)) = known else {
                let names = NAMES.join(", ");
                let message = format!("the name {} is unknown{PART}use {names} or total_amount", excerpt(&name));
                return Err(de::Error::custom(message));
            };
            *self.field = Some(known);
            if seen & (1 << place) != 0 {
                return Err(de::Error::custom(format!("given twice{PART}write it once")));
            }
            seen |= 1 << place;
            if *known == "total_amount" {
                if raw.amount.is_some() {
                    return Err(de::Error::custom(format!("given besides amount{PART}write one of them")));
                }
                raw.amount = Some(Money::Fen(map.next_value()?));
                continue;
            }
            if *known == "amount" {
                let Yuan(text) = map.next_value()?;
                if raw.amount.is_some() && text.is_some() {
                    return Err(de::Error::custom(format!("given besides total_amount{PART}write one of them")));
                }
                raw.amount = text.map(Money::Yuan).or(raw.amount);
                continue;
            }
            let Text(text) = map.next_value()?;
            match *known {
                "openid" => raw.openid = text,
                "key" => raw.key = text,
                "wishing" => raw.wishing = text,
                "remark" => raw.remark = text,
                _ => raw.scene_id = text,
            }
        }
        *self.field = None;
        Ok(raw)
    }
}

/// A text, or `null`.
struct Text<'a>(Option<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Texts("a text in quotes")).map(Self)
    }
}

/// An amount in yuan: a text, never a number.
struct Yuan<'a>(Option<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Yuan<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Texts(YUAN)).map(Self)
    }
}

const YUAN: &str = "an amount in yuan, as a text";

struct Texts(&'static str);

impl Texts {
    fn number<E: de::Error>(&self, number: &dyn fmt::Display, fraction: bool) -> E {
        if self.0 != YUAN {
            return E::custom(format!("the number {number}{PART}write a text in quotes"));
        }
        let reason = match fraction {
            true => "most decimals have no exact binary form",
            false => "it does not say whether yuan or fen",
        };
        E::custom(format!(
            "the number {number}: {reason}{PART}write a text in yuan such as \"1.88\", or total_amount in fen such as 188"
        ))
    }
}

impl<'de> Visitor<'de> for Texts {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        Err(self.number(&number, true))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Err(self.number(&number, false))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Err(self.number(&number, false))
    }
}
