//! Reading an object by the names of its fields, without a type of one's own. A type with a derived reader is faster where
//! every event is read by it; but that reader, and the parser it calls, are some 20 KB of each plugin that has one, while
//! this one is in the SDK once.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::compact_json;
use crate::lenient::{Number, Text};

/// The fields of a JSON object by their names, unread; `None` for each that is not there, or is null.
///
/// ```
/// # use llmperf_sdk::raw;
/// let [word, error] = raw::fields(r#"{"word":"Hi","error":null,"more":[1]}"#, ["word", "error"]).unwrap();
/// assert_eq!(raw::text(word), "Hi");
/// assert!(error.is_none());
/// assert!(raw::fields("[1]", ["word"]).is_err());
/// ```
///
/// # Errors
/// The text is no JSON object.
pub fn fields<'a, const N: usize>(
    json: &'a str,
    names: [&str; N],
) -> Result<[Option<&'a RawValue>; N], serde_json::Error> {
    let mut found = [None; N];
    read_fields(json, &names, &mut found)?;
    Ok(found)
}

/// One field of an object, if there is an object and it has one.
///
/// ```
/// # use llmperf_sdk::raw;
/// let usage = serde_json::from_str(r#"{"tokens":26}"#).ok();
/// assert_eq!(raw::count(raw::field(usage, "tokens")), Some(26));
/// assert!(raw::field(raw::field(usage, "tokens"), "other").is_none());
/// ```
pub fn field<'a>(object: Option<&'a RawValue>, name: &str) -> Option<&'a RawValue> {
    let [value] = fields(object?.get(), [name]).ok()?;
    value
}

/// The elements of a list; none where it is anything else.
///
/// ```
/// # use llmperf_sdk::raw;
/// let read = |json| serde_json::from_str(json).unwrap();
/// assert_eq!(raw::list(read("[1, {}]"))[1].get(), "{}");
/// assert!(raw::list(read("7")).is_empty());
/// ```
pub fn list(raw: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// A text, as [`Text`] reads it; empty where there is none.
///
/// ```
/// # use llmperf_sdk::raw;
/// assert_eq!(raw::text(serde_json::from_str(r#""a\n""#).ok()), "a\n");
/// assert_eq!(raw::text(None), "");
/// ```
pub fn text(raw: Option<&RawValue>) -> Cow<'_, str> {
    raw.and_then(|raw| serde_json::from_str::<Text<'_>>(raw.get()).ok()).unwrap_or_default().0
}

/// A count, as [`Number::count`] reads it.
///
/// ```
/// # use llmperf_sdk::raw;
/// assert_eq!(raw::count(serde_json::from_str("26").ok()), Some(26));
/// ```
pub fn count(raw: Option<&RawValue>) -> Option<u64> {
    Number(number(raw)).count()
}

/// A number, as [`Number`] reads it.
///
/// ```
/// # use llmperf_sdk::raw;
/// assert_eq!(raw::number(serde_json::from_str("\"0.5\"").ok()), Some(0.5));
/// ```
pub fn number(raw: Option<&RawValue>) -> Option<f64> {
    serde_json::from_str::<Number>(raw?.get()).ok()?.0
}

/// The text of an object that is the value of `name` somewhere in `json`, compact and in its own order of keys. For events
/// that were parsed into a [`Value`], which forgets that order.
///
/// ```
/// # use llmperf_sdk::raw;
/// let json = r#"{"call": {"name": "f", "input": {"b": 1, "a": 2}}}"#;
/// let said: serde_json::Value = serde_json::from_str(json).unwrap();
/// assert_eq!(raw::text_of_object(json, "input", &said["call"]["input"]), r#"{"b":1,"a":2}"#);
/// ```
pub fn text_of_object(json: &str, name: &str, object: &Value) -> String {
    let found = json.match_indices(name).find_map(|(at, name)| {
        let after = json[at + name.len()..].strip_prefix('"')?.trim_start().strip_prefix(':')?;
        let raw = <&RawValue>::deserialize(&mut serde_json::Deserializer::from_str(after)).ok()?;
        let is_it = serde_json::from_str::<Value>(raw.get()).is_ok_and(|value| value == *object);
        is_it.then(|| compact_json(raw.get()))
    });
    found.unwrap_or_else(|| serde_json::to_string(object).unwrap_or_default())
}

fn read_fields<'a>(
    json: &'a str,
    names: &[&str],
    found: &mut [Option<&'a RawValue>],
) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(json);
    json.deserialize_map(Wanted { names, found })?;
    json.end()
}

struct Wanted<'n, 'a> {
    names: &'n [&'n str],
    found: &'n mut [Option<&'a RawValue>],
}

impl<'de: 'a, 'a> Visitor<'de> for Wanted<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            match self.names.iter().position(|wanted| *wanted == name) {
                Some(at) => self.found[at] = map.next_value::<Option<&'de RawValue>>()?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_whatever_is_around_them() {
        let check = |json: &str, expected: [Option<&str>; 2]| {
            let found = fields(json, ["a", "b"]).unwrap();
            assert_eq!(found.map(|raw| raw.map(RawValue::get)), expected, "{json}");
        };
        check("{}", [None, None]);
        check(r#" {"x":{"a":[1]},"b": [1, "}"] ,"\u0061":2} "#, [Some("2"), Some(r#"[1, "}"]"#)]);
        check(r#"{"a":null,"b":"\n"}"#, [None, Some(r#""\n""#)]);
    }

    #[test]
    fn an_object_is_found_by_its_name_and_value() {
        let json =
            r#"{"input":{"a":1},"x":"input","calls":[{"input" : {"z": "}", "a": [1.0, {"c":1,"b":2}]}}]}"#;
        let said: Value = serde_json::from_str(json).unwrap();
        let check =
            |object: &Value, expected: &str| assert_eq!(text_of_object(json, "input", object), expected);
        check(&said["calls"][0]["input"], r#"{"z":"}","a":[1.0,{"c":1,"b":2}]}"#);
        check(&said["input"], r#"{"a":1}"#);
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        for json in ["", "null", "7", "[]", "\"a\"", "{", "{} x", r#"{"a":}"#, r#"{"z":[}"#] {
            assert!(fields(json, ["a"]).is_err(), "{json}");
        }
    }
}
