//! Fields that may be of another type than the API says. Servers write numbers as text, text as numbers, and a thing
//! where a list was; a field that is not what it should be costs only itself, never its event.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

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

/// A number, also where it is written as text; `None` where it is anything else.
///
/// ```
/// # use llmperf_sdk::lenient::Number;
/// let read = |json| serde_json::from_str::<Number>(json).unwrap();
/// assert_eq!(read("\"0.5\"").0, Some(0.5));
/// assert_eq!(read("26").count(), Some(26));
/// assert_eq!(read("-1").count(), None);
/// assert_eq!(read("[1]").0, None);
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

/// An object; `None` where it is anything else. (Serde alone would take an array for a struct, field by field.)
///
/// ```
/// # use llmperf_sdk::lenient::{Number, Object};
/// #[derive(serde::Deserialize)]
/// struct Timings {
///     #[serde(default)]
///     total: Number,
/// }
/// let read = |json| serde_json::from_str::<Object<Timings>>(json).unwrap().0;
/// assert_eq!(read(r#"{"total": 2}"#).unwrap().total.0, Some(2.0));
/// assert!(read("[2]").is_none() && read("null").is_none() && read("\"soon\"").is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Object<T>(pub Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Object<T> {
        Object(None)
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

/// What a visitor below makes of each kind of value; every method not given yields the default.
macro_rules! lenient_visitor {
    ($visitor:ident, $value:ty, { $($method:item)* }) => {
        struct $visitor;

        impl<'de> Visitor<'de> for $visitor {
            type Value = $value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_unit<E>(self) -> Result<$value, E> {
                Ok(<$value>::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$value, A::Error> {
                skip_map(map)?;
                Ok(<$value>::default())
            }

            $($method)*
        }
    };
}

fn skip_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

fn skip_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

lenient_visitor!(TextVisitor, Text<'de>, {
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

    fn visit_bool<E>(self, _: bool) -> Result<Text<'de>, E> {
        Ok(Text::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<Text<'de>, A::Error> {
        let mut joined = Text::default();
        while let Some(text) = texts.next_element::<Text<'de>>()? {
            joined = if joined.0.is_empty() { text } else { Text(joined.0 + text.0) };
        }
        Ok(joined)
    }
});

lenient_visitor!(NumberVisitor, Number, {
    fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
        Ok(Number(Some(number as f64)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
        Ok(Number(Some(number as f64)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
        Ok(Number(Some(number)))
    }

    // By JSON's own parser, as above.
    fn visit_str<E>(self, text: &str) -> Result<Number, E> {
        Ok(Number(serde_json::from_str(text).ok()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Number, E> {
        Ok(Number(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Number, A::Error> {
        skip_seq(seq).map(|()| Number(None))
    }
});

lenient_visitor!(FlagVisitor, Flag, {
    fn visit_bool<E>(self, said: bool) -> Result<Flag, E> {
        Ok(Flag(said))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Flag, E> {
        Ok(Flag(false))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Flag, E> {
        Ok(Flag(false))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Flag, E> {
        Ok(Flag(false))
    }

    fn visit_str<E>(self, _: &str) -> Result<Flag, E> {
        Ok(Flag(false))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Flag, A::Error> {
        skip_seq(seq).map(|()| Flag(false))
    }
});

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Flag, D::Error> {
        deserializer.deserialize_any(FlagVisitor)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<T>, D::Error> {
        deserializer.deserialize_any(ObjectVisitor(PhantomData)).map(Object)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Option<T>, A::Error> {
        skip_seq(seq).map(|()| None)
    }

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Option<T>, E> {
        Ok(None)
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

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default)]
    struct Everything<'a> {
        #[serde(borrow)]
        text: Text<'a>,
        number: Number,
        flag: Flag,
        object: Object<Inner<'a>>,
        first: First<Inner<'a>>,
        after: Number,
    }

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default)]
    struct Inner<'a> {
        #[serde(borrow)]
        raw: Option<&'a RawValue>,
        text: Text<'a>,
    }

    #[test]
    fn a_field_of_any_type_costs_only_itself() {
        let odd =
            ["null", "true", "-1", "1.5", "1e300", "\"x\"", r#""\n""#, "[1,[2]]", r#"{"text":{"y":[]}}"#];
        for field in ["text", "number", "flag", "object", "first"] {
            for odd in odd {
                let json = format!(r#"{{"{field}":{odd},"after":7}}"#);
                let read: Everything<'_> =
                    serde_json::from_str(&json).unwrap_or_else(|e| panic!("{json}: {e}"));
                assert_eq!(read.after.count(), Some(7), "{json}");
            }
        }
    }

    #[test]
    fn what_is_as_it_should_be_is_borrowed() {
        let json = r#"{"text":"a","object":{"raw":[1, 2],"text":"b"},"first":[{"text":"c"},{"text":"d"}]}"#;
        let read: Everything<'_> = serde_json::from_str(json).unwrap();
        let (object, first) = (read.object.0.unwrap(), read.first.0.unwrap());
        assert_eq!(object.raw.unwrap().get(), "[1, 2]");
        for (text, expected) in [(read.text, "a"), (object.text, "b"), (first.text, "c")] {
            assert!(matches!(text.0, Cow::Borrowed(text) if text == expected), "{expected}");
        }
    }

    #[test]
    fn a_number_in_the_place_of_text_is_its_digits() {
        for json in ["7", "-7", "1.0", "2.5"] {
            assert_eq!(serde_json::from_str::<Text<'_>>(json).unwrap().0, json);
        }
    }
}
