//! A JSON body whose fields keep their order, and the rule that sampling parameters win over everything else.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::Sampling;

/// A JSON object being written, field by field. Fields keep the order in which they were first set; numbers
/// and nested objects keep the text they were given as.
///
/// ```
/// # use llmperf_sdk::JsonBody;
/// let mut body = JsonBody::new();
/// body.set("model", "m").set("max_tokens", 16).set("stop", ["END"]).set("seed", None::<u32>);
/// body.merge(r#"{"temperature": 1.0, "max_tokens": 99, "stop": null}"#);
/// assert_eq!(body.build().unwrap(), br#"{"model":"m","max_tokens":99,"temperature":1.0}"#);
/// ```
#[derive(Debug, Default)]
pub struct JsonBody {
    fields: Fields,
    error: Option<String>,
}

impl JsonBody {
    /// No field yet.
    pub fn new() -> JsonBody {
        JsonBody::default()
    }

    /// Writes a field; one that is there already keeps its place. `None` (`null`) removes it, as in
    /// [`merge`](Self::merge). A value that JSON cannot hold is reported by [`build`](Self::build).
    pub fn set(&mut self, name: &str, value: impl Serialize) -> &mut JsonBody {
        self.set_raw(name, serde_json::value::to_raw_value(&value))
    }

    /// Apart from [`set`](Self::set), which is compiled for each type of value.
    fn set_raw(&mut self, name: &str, value: serde_json::Result<Box<RawValue>>) -> &mut JsonBody {
        match value {
            Ok(value) => self.fields.put(name.to_owned(), value),
            Err(e) => self.fail(format!("field {name}: {e}")),
        }
        self
    }

    /// Lets the fields of a JSON object win over those that are there, as
    /// [`RequestSpec::sampling`](crate::RequestSpec) must. New fields follow in the object's own order;
    /// `null` removes a field. Text that is not an object is reported by [`build`](Self::build); blank
    /// text is an empty object.
    pub fn merge(&mut self, sampling: &str) -> &mut JsonBody {
        match Sampling::parse(sampling) {
            Ok(sampling) => _ = self.extend(sampling),
            Err(e) => self.fail(e),
        }
        self
    }

    /// [`merge`](Self::merge), after the fields were given this API's names. [`Sampling`] has an example.
    pub fn extend(&mut self, sampling: Sampling) -> &mut JsonBody {
        sampling.into_fields().into_iter().for_each(|(name, value)| self.fields.put(name, value));
        self
    }

    /// A field's value as JSON text.
    ///
    /// ```
    /// # use llmperf_sdk::JsonBody;
    /// let mut body = JsonBody::new();
    /// assert_eq!(body.set("stream", true).get("stream"), Some("true"));
    /// ```
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.get())
    }

    /// The body.
    ///
    /// # Errors
    /// The first thing that [`set`](Self::set) or [`merge`](Self::merge) could not take.
    pub fn build(self) -> Result<Vec<u8>, String> {
        match self.error {
            Some(error) => Err(error),
            None => serde_json::to_vec(&self.fields).map_err(|e| e.to_string()),
        }
    }

    fn fail(&mut self, error: String) {
        self.error.get_or_insert(error);
    }
}

/// A body within a body. [`build`](JsonBody::build) reports what a value could not be written for.
impl Serialize for JsonBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.error {
            Some(error) => Err(serde::ser::Error::custom(error)),
            None => self.fields.serialize(serializer),
        }
    }
}

/// A JSON object in the order written. `serde_json::Map` would sort it, unless a feature is on that changes
/// every crate of a build.
#[derive(Debug, Default)]
pub(crate) struct Fields(pub(crate) Vec<(String, Box<RawValue>)>);

impl Fields {
    pub(crate) fn parse(sampling: &str) -> Result<Fields, String> {
        if sampling.trim().is_empty() {
            return Ok(Fields::default());
        }
        serde_json::from_str(sampling).map_err(|e| format!("sampling parameters are not a JSON object: {e}"))
    }

    fn put(&mut self, name: String, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            _ if value.get() == "null" => self.0.retain(|(known, _)| *known != name),
            Some(field) => field.1 = value,
            None => self.0.push((name, value)),
        }
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some(name) = map.next_key()? {
                    // Nulls are kept here: they remove a field of the body this is merged into.
                    fields.0.push((name, map.next_value()?));
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sampling: &str, expected: Result<&str, &str>) {
        let mut body = JsonBody::new();
        body.set("model", "m").set("stream", true).set("max_tokens", 5);
        body.merge(sampling);
        let got = body.build().map(|bytes| String::from_utf8(bytes).unwrap());
        match (got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{sampling}"),
            (Err(got), Err(expected)) => assert!(got.contains(expected), "{sampling}: {got}"),
            (got, _) => panic!("{sampling}: {got:?}"),
        }
    }

    #[test]
    fn sampling_wins_over_every_other_field_and_keeps_the_order() {
        check("", Ok(r#"{"model":"m","stream":true,"max_tokens":5}"#));
        check("{}", Ok(r#"{"model":"m","stream":true,"max_tokens":5}"#));
        check(r#"{"z":1,"a":2}"#, Ok(r#"{"model":"m","stream":true,"max_tokens":5,"z":1,"a":2}"#));
        check(r#"{"model":"n","a":2}"#, Ok(r#"{"model":"n","stream":true,"max_tokens":5,"a":2}"#));
        check(r#"{"a":1,"a":2}"#, Ok(r#"{"model":"m","stream":true,"max_tokens":5,"a":2}"#));
    }

    #[test]
    fn null_removes_a_field() {
        check(r#"{"max_tokens":null}"#, Ok(r#"{"model":"m","stream":true}"#));
        check(r#"{"new":null}"#, Ok(r#"{"model":"m","stream":true,"max_tokens":5}"#));
    }

    #[test]
    fn numbers_and_nested_values_keep_their_text() {
        check(
            r#"{"t":1.0,"big":12345678901234567890123,"x":{"b":1,"a":[1e2]}}"#,
            Ok(
                r#"{"model":"m","stream":true,"max_tokens":5,"t":1.0,"big":12345678901234567890123,"x":{"b":1,"a":[1e2]}}"#,
            ),
        );
    }

    #[test]
    fn what_is_not_an_object_is_an_error() {
        for bad in ["[1]", "7", "{", r#"{"a":}"#, "{} x"] {
            check(bad, Err("sampling parameters are not a JSON object"));
        }
    }
}
