//! From a request struct to its document.

use std::fmt;

use serde::ser::{self, Impossible, Serialize, SerializeMap, SerializeStruct, Serializer};

use super::doc::Doc;

/// Writes the fields of a struct at the end of `doc`. `None` is left out;
/// `bool` becomes `Y` or `N`.
pub(crate) fn append<T: Serialize + ?Sized>(value: &T, doc: &mut Doc) -> Result<(), NotFlat> {
    value.serialize(Fields { doc, key: String::new() })
}

/// A struct that is no flat list of texts and whole numbers.
#[derive(Debug)]
pub(crate) struct NotFlat(String);

impl fmt::Display for NotFlat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotFlat {}

impl ser::Error for NotFlat {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

struct Fields<'a> {
    doc: &'a mut Doc,
    key: String,
}

impl Fields<'_> {
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), NotFlat> {
        let name = |text: &mut String| {
            text.push_str(name);
            Ok(true)
        };
        self.doc.push_with(name, |text| value.serialize(Value(text)))
    }
}

macro_rules! refuse {
    ($what:literal: $($method:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        $(fn $method(self, $($arg: $type),*) -> Result<$out, NotFlat> {
            $(let _ = $arg;)*
            Err(NotFlat(concat!($what, stringify!($method)).to_owned()))
        })*
    };
}

macro_rules! refuse_generic {
    ($what:literal) => {
        fn serialize_newtype_variant<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: &T,
        ) -> Result<Self::Ok, NotFlat> {
            Err(NotFlat($what.to_owned()))
        }
    };
}

impl<'a> Serializer for Fields<'a> {
    type Ok = ();
    type Error = NotFlat;
    type SerializeSeq = Impossible<(), NotFlat>;
    type SerializeTuple = Impossible<(), NotFlat>;
    type SerializeTupleStruct = Impossible<(), NotFlat>;
    type SerializeTupleVariant = Impossible<(), NotFlat>;
    type SerializeMap = Fields<'a>;
    type SerializeStruct = Fields<'a>;
    type SerializeStructVariant = Impossible<(), NotFlat>;

    fn serialize_map(self, _: Option<usize>) -> Result<Fields<'a>, NotFlat> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'a>, NotFlat> {
        Ok(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), NotFlat> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotFlat> {
        value.serialize(self)
    }

    fn serialize_none(self) -> Result<(), NotFlat> {
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), NotFlat> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NotFlat> {
        Ok(())
    }

    refuse_generic!("a request is a struct of fields");
    refuse! { "a request is a struct of fields, not what asks for ":
        serialize_bool(v: bool) -> (); serialize_i8(v: i8) -> (); serialize_i16(v: i16) -> ();
        serialize_i32(v: i32) -> (); serialize_i64(v: i64) -> (); serialize_u8(v: u8) -> ();
        serialize_u16(v: u16) -> (); serialize_u32(v: u32) -> (); serialize_u64(v: u64) -> ();
        serialize_f32(v: f32) -> (); serialize_f64(v: f64) -> (); serialize_char(v: char) -> ();
        serialize_str(v: &str) -> (); serialize_bytes(v: &[u8]) -> ();
        serialize_unit_variant(n: &'static str, i: u32, v: &'static str) -> ();
        serialize_seq(n: Option<usize>) -> Impossible<(), NotFlat>;
        serialize_tuple(n: usize) -> Impossible<(), NotFlat>;
        serialize_tuple_struct(n: &'static str, l: usize) -> Impossible<(), NotFlat>;
        serialize_tuple_variant(n: &'static str, i: u32, v: &'static str, l: usize) -> Impossible<(), NotFlat>;
        serialize_struct_variant(n: &'static str, i: u32, v: &'static str, l: usize) -> Impossible<(), NotFlat>;
    }
}

impl SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = NotFlat;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), NotFlat> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), NotFlat> {
        Ok(())
    }
}

impl SerializeMap for Fields<'_> {
    type Ok = ();
    type Error = NotFlat;

    // What `#[serde(flatten)]` calls; the key goes straight into the document.
    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        key: &K,
        value: &V,
    ) -> Result<(), NotFlat> {
        self.doc.push_with(|text| key.serialize(Value(text)), |text| value.serialize(Value(text)))
    }

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotFlat> {
        self.key.clear();
        key.serialize(Value(&mut self.key)).map(|_| ())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotFlat> {
        let key = std::mem::take(&mut self.key);
        let written = self.field(&key, value);
        self.key = key;
        written
    }

    fn end(self) -> Result<(), NotFlat> {
        Ok(())
    }
}

/// Appends one value; answers whether there is one.
struct Value<'a>(&'a mut String);

impl Value<'_> {
    fn text(self, text: &str) -> Result<bool, NotFlat> {
        self.0.push_str(text);
        Ok(true)
    }

    fn integer(self, number: i128) -> Result<bool, NotFlat> {
        // Small numbers are all there is on this wire, and formatting one
        // through `fmt` costs more than the rest of its field.
        if let Ok(mut rest) = u64::try_from(number) {
            let mut digits = [0_u8; 20];
            let mut at = digits.len();
            loop {
                at -= 1;
                digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
                rest /= 10;
                if rest == 0 {
                    break;
                }
            }
            self.0.extend(digits[at..].iter().map(|digit| char::from(*digit)));
            return Ok(true);
        }
        self.text(&number.to_string())
    }
}

macro_rules! integers {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, v: $type) -> Result<bool, NotFlat> { self.integer(v.into()) })*
    };
}

impl Serializer for Value<'_> {
    type Ok = bool;
    type Error = NotFlat;
    type SerializeSeq = Impossible<bool, NotFlat>;
    type SerializeTuple = Impossible<bool, NotFlat>;
    type SerializeTupleStruct = Impossible<bool, NotFlat>;
    type SerializeTupleVariant = Impossible<bool, NotFlat>;
    type SerializeMap = Impossible<bool, NotFlat>;
    type SerializeStruct = Impossible<bool, NotFlat>;
    type SerializeStructVariant = Impossible<bool, NotFlat>;

    integers!(
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64
    );

    fn serialize_bool(self, v: bool) -> Result<bool, NotFlat> {
        self.text(if v { "Y" } else { "N" })
    }

    fn serialize_char(self, v: char) -> Result<bool, NotFlat> {
        self.0.push(v);
        Ok(true)
    }

    fn serialize_str(self, v: &str) -> Result<bool, NotFlat> {
        self.text(v)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<bool, NotFlat> {
        fmt::Write::write_fmt(self.0, format_args!("{value}")).map_err(ser::Error::custom)?;
        Ok(true)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<bool, NotFlat> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<bool, NotFlat> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<bool, NotFlat> {
        value.serialize(self)
    }

    fn serialize_none(self) -> Result<bool, NotFlat> {
        Ok(false)
    }

    fn serialize_unit(self) -> Result<bool, NotFlat> {
        Ok(false)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<bool, NotFlat> {
        Ok(false)
    }

    refuse_generic!("a field is a text or a whole number");
    refuse! { "a field is a text or a whole number, not what asks for ":
        serialize_f32(v: f32) -> bool; serialize_f64(v: f64) -> bool; serialize_bytes(v: &[u8]) -> bool;
        serialize_seq(n: Option<usize>) -> Impossible<bool, NotFlat>;
        serialize_tuple(n: usize) -> Impossible<bool, NotFlat>;
        serialize_tuple_struct(n: &'static str, l: usize) -> Impossible<bool, NotFlat>;
        serialize_tuple_variant(n: &'static str, i: u32, v: &'static str, l: usize) -> Impossible<bool, NotFlat>;
        serialize_map(n: Option<usize>) -> Impossible<bool, NotFlat>;
        serialize_struct(n: &'static str, l: usize) -> Impossible<bool, NotFlat>;
        serialize_struct_variant(n: &'static str, i: u32, v: &'static str, l: usize) -> Impossible<bool, NotFlat>;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize)]
    struct Sample {
        text: &'static str,
        amount: i64,
        none: Option<u8>,
        yes: bool,
        #[serde(flatten)]
        extra: Extra,
    }

    #[derive(serde::Serialize)]
    struct Extra {
        big: u64,
        some: Option<&'static str>,
        absent: Option<&'static str>,
    }

    #[test]
    fn flattens_in_order_and_leaves_out_none() {
        let extra = Extra { big: u64::MAX, some: Some("是"), absent: None };
        let mut doc = Doc::new();
        append(&Sample { text: "a", amount: -1, none: None, yes: true, extra }, &mut doc).unwrap();
        let fields: Vec<_> = doc.iter().collect();
        assert_eq!(
            fields,
            [("text", "a"), ("amount", "-1"), ("yes", "Y"), ("big", "18446744073709551615"), ("some", "是")]
        );
    }

    #[test]
    fn floats_and_nesting_have_no_way_in() {
        #[derive(serde::Serialize)]
        struct Float {
            a: f64,
        }
        #[derive(serde::Serialize)]
        struct Nested {
            a: Vec<u8>,
        }
        let mut doc = Doc::new();
        assert!(append(&Float { a: 1.0 }, &mut doc).is_err());
        assert!(append(&Nested { a: vec![1] }, &mut doc).is_err());
        assert!(append(&1_u8, &mut doc).is_err());
        assert!(doc.is_empty());
    }
}
