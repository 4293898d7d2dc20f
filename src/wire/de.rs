//! From a document to a typed reply.

use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use super::doc::{Doc, Node};
use crate::clock::Timestamp;

/// Reads a typed value: numbers from their digits, `bool` from `Y` or `N`,
/// an empty field as absent, a list field as a sequence. Fields that the type
/// does not know are passed over.
pub(crate) fn read<'de, T: Deserialize<'de>>(doc: &'de Doc) -> Result<T, Misfit> {
    T::deserialize(Fields(doc))
}

/// For `#[serde(deserialize_with)]`: Beijing time. Live answers hold an odd one
/// now and then, which must not hide the state of the money: it reads as absent.
pub(crate) fn beijing_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

/// For `#[serde(with)]`: Beijing time as requests write it, `yyyyMMddHHmmss`.
pub(crate) mod compact_time {
    use serde::Serializer;

    use super::{Deserialize, Deserializer, Timestamp, de};

    pub(crate) fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.serialize_str(&time.compact()),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(de::Error::custom)).transpose()
    }
}

/// For `#[serde(with)]`: a time or a day that is required, in the digits of requests.
pub(crate) mod compact {
    use std::str::FromStr;

    use serde::Serializer;

    use super::{Deserialize, Deserializer, de};
    use crate::clock::{Day, InvalidTime, Timestamp};

    pub(crate) trait Compact: FromStr<Err = InvalidTime> {
        fn digits(&self) -> String;
    }

    impl Compact for Day {
        fn digits(&self) -> String {
            self.compact()
        }
    }

    impl Compact for Timestamp {
        fn digits(&self) -> String {
            self.compact()
        }
    }

    pub(crate) fn serialize<T: Compact, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.digits())
    }

    pub(crate) fn deserialize<'de, T: Compact, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// For `#[serde(with)]`: a structure that travels as JSON inside one field.
pub(crate) mod json {
    use serde::de::DeserializeOwned;
    use serde::{Serialize, Serializer, ser};

    use super::{Deserialize, Deserializer, de};

    pub(crate) fn serialize<T: Serialize, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.serialize_str(&serde_json::to_string(value).map_err(ser::Error::custom)?),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| serde_json::from_str(&text).map_err(de::Error::custom)).transpose()
    }
}

/// A field that does not fit its type; names the field.
#[derive(Debug)]
pub(crate) struct Misfit(String);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

struct Fields<'de>(&'de Doc);

impl<'de> Deserializer<'de> for Fields<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_map(Walk { nodes: self.0.nodes(), current: None })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Misfit> for Fields<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

struct Walk<'de, I> {
    nodes: I,
    current: Option<Node<'de>>,
}

impl<'de, I: Iterator<Item = Node<'de>>> MapAccess<'de> for Walk<'de, I> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        self.current = self.nodes.next();
        match &self.current {
            Some(node) => seed.deserialize(BorrowedStrDeserializer::new(node.name)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let Some(node) = self.current.take() else { return Err(de::Error::custom("a value without a name")) };
        let name = node.name;
        seed.deserialize(Value(node)).map_err(|Misfit(problem)| Misfit(format!("field {name}: {problem}")))
    }
}

struct Value<'de>(Node<'de>);

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            let text = self.0.text;
            let number: $type =
                text.parse().map_err(|_| de::Error::custom(format_args!("{text:?} is not a whole number that fits")))?;
            visitor.$visit(number)
        })*
    };
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0.list {
            Some((_, docs)) => visitor.visit_seq(SeqDeserializer::new(docs.iter().map(Fields))),
            None => visitor.visit_borrowed_str(self.0.text),
        }
    }

    numbers! {
        deserialize_i8 visit_i8 i8; deserialize_i16 visit_i16 i16; deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64; deserialize_u8 visit_u8 u8; deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32; deserialize_u64 visit_u64 u64;
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0.text {
            "Y" => visitor.visit_bool(true),
            "N" => visitor.visit_bool(false),
            other => Err(de::Error::custom(format_args!("{other:?} is neither Y nor N"))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.0.list.is_none() && self.0.text.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0.list {
            Some((_, docs)) => visitor.visit_seq(SeqDeserializer::new(docs.iter().map(Fields))),
            // `<hblist/>` is an empty list.
            None if self.0.text.trim().is_empty() => {
                visitor.visit_seq(SeqDeserializer::new(std::iter::empty::<Fields<'_>>()))
            }
            None => Err(de::Error::custom("text where a list belongs")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_enum(BorrowedStrDeserializer::<Misfit>::new(self.0.text))
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Fen;

    #[derive(Deserialize, Debug, PartialEq)]
    struct Sample {
        amount: Fen,
        yes: bool,
        empty: Option<String>,
        count: Option<u32>,
        #[serde(default)]
        items: Vec<Item>,
        #[serde(default, deserialize_with = "beijing_time")]
        at: Option<Timestamp>,
    }

    #[derive(Deserialize, Debug, PartialEq)]
    struct Item {
        name: String,
        amount: Option<Fen>,
    }

    #[test]
    fn reads_what_the_wire_writes() {
        let mut doc: Doc =
            [("amount", "150"), ("yes", "Y"), ("empty", ""), ("new_field", "x"), ("at", "2025-03-18 08:30:11")]
                .into_iter()
                .collect();
        doc.push_list("items", "item", vec![[("name", "a"), ("amount", "1")].into_iter().collect()]);
        let sample: Sample = read(&doc).unwrap();
        assert_eq!(sample.amount, Fen::new(150));
        assert_eq!((sample.yes, sample.empty, sample.count), (true, None, None));
        assert_eq!(sample.items, [Item { name: "a".into(), amount: Some(Fen::new(1)) }]);
        assert_eq!(sample.at.unwrap().to_string(), "2025-03-18 08:30:11");
    }

    #[test]
    fn names_the_field_that_does_not_fit() {
        let doc: Doc = [("amount", "1.00"), ("yes", "Y")].into_iter().collect();
        assert_eq!(
            read::<Sample>(&doc).unwrap_err().to_string(),
            "field amount: \"1.00\" is not a whole number that fits"
        );
        let doc: Doc = [("amount", "1"), ("yes", "J")].into_iter().collect();
        assert_eq!(read::<Sample>(&doc).unwrap_err().to_string(), "field yes: \"J\" is neither Y nor N");
        let doc: Doc = [("amount", "1")].into_iter().collect();
        assert_eq!(read::<Sample>(&doc).unwrap_err().to_string(), "missing field `yes`");
    }

    #[test]
    fn odd_times_are_absent() {
        let doc: Doc = [("amount", "1"), ("yes", "N"), ("at", "soon"), ("items", "")].into_iter().collect();
        let sample: Sample = read(&doc).unwrap();
        assert_eq!((sample.at, sample.items.len()), (None, 0));
    }
}
