//! Fields that no server can spoil an event with: each reads its own type from JSON, and takes any other for nothing said.
//! For events of typed structs, read in one pass.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Text, borrowed where nothing in it is escaped. A number is the text of its digits, a list the texts in it, joined;
/// anything else is empty.
///
/// ```
/// # use llmperf_sdk::lenient::Text;
/// let read = |json| serde_json::from_str::<Text<'_>>(json).unwrap().0;
/// assert_eq!(read(r#""a\n""#), "a\n");
/// assert_eq!(read("42"), "42");
/// assert_eq!(read(r#"["a", null, "b"]"#), "ab");
/// assert_eq!(read(r#"{"x": 1}"#), "");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text<'a>(pub Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> String {
        text.0.into_owned()
    }
}

/// A number, also where it is written as text; `None` where the field is anything else.
///
/// ```
/// # use llmperf_sdk::lenient::Number;
/// let number = |json| serde_json::from_str::<Number>(json).unwrap();
/// assert_eq!(number("2.5").0, Some(2.5));
/// assert_eq!(number("3.0").count(), Some(3));
/// assert_eq!((number("\"7\"").count(), number("-1").count(), number("{}").count()), (Some(7), None, None));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Number(pub Option<f64>);

impl Number {
    /// As a count. Some servers write theirs as floats; every count below 2^53 is exact in one.
    pub fn count(self) -> Option<u64> {
        self.0.filter(|n| *n >= 0.0 && n.fract() == 0.0 && *n < 9e15).map(|n| n as u64)
    }
}

/// Whether a field says `true`; anything else is `false`.
///
/// ```
/// # use llmperf_sdk::lenient::Flag;
/// let read = |json| serde_json::from_str::<Flag>(json).unwrap().0;
/// assert!(read("true") && !read("false") && !read("null") && !read("\"yes\""));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flag(pub bool);

/// An object; `None` where the field is anything else. (Serde by itself would take an array for a struct.)
///
/// ```
/// # use llmperf_sdk::lenient::{Number, Object};
/// # use serde::Deserialize;
/// #[derive(Default, Deserialize)]
/// #[serde(default)]
/// struct Usage {
///     tokens: Number,
/// }
/// let tokens = |json| serde_json::from_str::<Object<Usage>>(json).unwrap().0.and_then(|usage| usage.tokens.count());
/// assert_eq!((tokens(r#"{"tokens":3}"#), tokens("[3]"), tokens("null")), (Some(3), None, None));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object<T>(pub Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Object<T> {
        Object(None)
    }
}

/// A list; empty where the field is anything else. Elements are as lenient as their own type.
///
/// ```
/// # use llmperf_sdk::lenient::{List, Text};
/// let words = |json| serde_json::from_str::<List<Text<'_>>>(json).unwrap().0.len();
/// assert_eq!((words(r#"["a","b"]"#), words("7")), (2, 0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List(Vec::new())
    }
}

/// The first element of a list, or the thing itself where there is no list around it; `None` where there is none. The
/// other elements are skipped.
///
/// ```
/// # use llmperf_sdk::lenient::{First, Text};
/// let read = |json| serde_json::from_str::<First<Text<'_>>>(json).unwrap().0;
/// assert_eq!(read(r#"["a", {"b": 1}]"#), Some(Text("a".into())));
/// assert_eq!(read(r#"[]"#), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct First<T>(pub Option<T>);

impl<T> Default for First<T> {
    fn default() -> First<T> {
        First(None)
    }
}

/// Whether a field of an event says that something is wrong: some servers send `"error": ""`, `{}` or `false` with every
/// event.
///
/// ```
/// # use llmperf_sdk::lenient::is_said;
/// let raw = |json| serde_json::from_str(json).ok();
/// assert!(is_said(raw(r#""out of memory""#)));
/// assert!(!is_said(raw("{}")) && !is_said(None));
/// ```
pub fn is_said(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| !matches!(raw.get(), "\"\"" | "{}" | "[]" | "false" | "null"))
}

/// What a visitor does with values that are not of its type: it passes over them.
macro_rules! pass_over {
    ($($kind:ident)*) => { $(pass_over! { @$kind })* };
    (@unit) => {
        pass_over! { @null }
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@null) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@number) => {
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@text) => {
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@list) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (@object) => {
        fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
            while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }

    // By the JSON writer that is there anyway, and that keeps "1.0": the standard library's brings 15 KB of its own.
    fn visit_f64<E>(self, number: f64) -> Result<Text<'de>, E> {
        Ok(Text(serde_json::Number::from_f64(number).map(|n| n.to_string()).unwrap_or_default().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<Text<'de>, A::Error> {
        let mut joined = Text::default();
        while let Some(text) = texts.next_element::<Text<'de>>()? {
            joined = if joined.0.is_empty() { text } else { Text(joined.0 + text.0) };
        }
        Ok(joined)
    }

    pass_over! { unit object }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct NumberVisitor;

impl<'de> Visitor<'de> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
        Ok(Number(Some(number as f64)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
        Ok(Number(Some(number as f64)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
        Ok(Number(Some(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Number, E> {
        // By JSON's own parser: the standard library's would add 15 KB.
        Ok(Number(serde_json::from_str(text).ok()))
    }

    pass_over! { unit list object }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct FlagVisitor;

impl<'de> Visitor<'de> for FlagVisitor {
    type Value = Flag;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E>(self, said: bool) -> Result<Flag, E> {
        Ok(Flag(said))
    }

    pass_over! { null number text list object }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Flag, D::Error> {
        deserializer.deserialize_any(FlagVisitor)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(object)).map(|object| Object(Some(object)))
    }

    pass_over! { unit number text list }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<T>, D::Error> {
        deserializer.deserialize_any(ObjectVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(List(elements))
    }

    pass_over! { unit number text object }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<List<T>, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

impl<'de: 'a, 'a, T: Deserialize<'a>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<First<T>, D::Error> {
        // Raw, because what is first in a list is read like what stands alone.
        let raw = <&'a RawValue>::deserialize(deserializer)?.get();
        let first = if raw.starts_with('[') {
            let list: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
            list.first().map(|first| first.get())
        } else {
            Some(raw).filter(|raw| *raw != "null")
        };
        Ok(First(first.and_then(|json| serde_json::from_str(json).ok())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Fields<'a> {
        #[serde(borrow)]
        text: Text<'a>,
        number: Number,
        list: List<Object<Fields<'a>>>,
    }

    #[test]
    fn a_field_of_an_unexpected_type_costs_only_itself() {
        let odd =
            ["null", "true", "7", "-7", "7.5", "\"x\"", "\"\\n\"", "[]", "[[1],{}]", "{}", "{\"a\":[{}]}"];
        for value in odd {
            let json = format!(r#"{{"text":{value},"number":{value},"list":{value},"other":{value}}}"#);
            let fields: Fields<'_> = serde_json::from_str(&json).unwrap();
            let has_text = value.contains(['7', '"', '1']) && !value.starts_with('{');
            assert_eq!(fields.text.is_empty(), !has_text, "{value}");
            assert_eq!(fields.number.0.is_some(), value.contains('7'), "{value}");
            assert_eq!(fields.list.0.len(), usize::from(value == "[[1],{}]") * 2, "{value}");
        }
    }

    #[test]
    fn text_is_borrowed_where_it_can_be() {
        let text = |json| serde_json::from_str::<Text<'_>>(json).unwrap().0;
        assert!(matches!(text("\"a\""), Cow::Borrowed("a")));
        assert_eq!(text(r#""a\n\u00e9""#), "a\né");
    }

    #[test]
    fn broken_json_stays_broken() {
        for json in ["{\"list\":[{]}", "{\"text\":\"a}", "{\"number\":1"] {
            assert!(serde_json::from_str::<Fields<'_>>(json).is_err(), "{json}");
        }
    }
}
