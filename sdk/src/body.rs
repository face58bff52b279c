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
        self.put(name, serde_json::value::to_raw_value(&value))
    }

    /// Lets the fields of a JSON object win over those that are there, as
    /// [`RequestSpec::sampling`](crate::RequestSpec) must. New fields follow in the object's own order;
    /// `null` removes a field. Text that is not an object is reported by [`build`](Self::build); blank
    /// text is an empty object. A `null` is kept as a mark that the field is not sent, so that it still removes its field from
    /// a body that this one is [adopted](Self::adopt) by or [appended](Self::append) to.
    pub fn merge(&mut self, sampling: &str) -> &mut JsonBody {
        match Sampling::parse(sampling) {
            Ok(sampling) => _ = self.extend(sampling),
            Err(e) => self.fail(e),
        }
        self
    }

    /// [`merge`](Self::merge), after the fields were given this API's names. [`Sampling`] has an example.
    pub fn extend(&mut self, sampling: Sampling) -> &mut JsonBody {
        sampling.into_fields().into_iter().for_each(|(name, value)| self.fields.carry(name, value));
        self
    }

    /// Sets a field to an object of parameters. `given` is what the sampling parameters hold under that name: an object wins
    /// field by field, and `null` leaves the whole field out.
    ///
    /// ```
    /// # use llmperf_sdk::JsonBody;
    /// let check = |sampling: &str, expected: &str| {
    ///     let (mut parameters, mut body) = (JsonBody::new(), JsonBody::new());
    ///     parameters.set("limit", 5).merge(sampling);
    ///     let given = parameters.take("options");
    ///     body.set("model", "m").nest("options", parameters, given);
    ///     assert_eq!(String::from_utf8(body.build().unwrap()).unwrap(), expected);
    /// };
    /// check(r#"{"seed": 1}"#, r#"{"model":"m","options":{"limit":5,"seed":1}}"#);
    /// check(r#"{"options": {"limit": 6}}"#, r#"{"model":"m","options":{"limit":6}}"#);
    /// check(r#"{"options": null}"#, r#"{"model":"m"}"#);
    /// ```
    pub fn nest(
        &mut self,
        name: &str,
        mut parameters: JsonBody,
        given: Option<Box<RawValue>>,
    ) -> &mut JsonBody {
        match given {
            Some(given) if given.get() == "null" => self.set(name, ()),
            Some(given) => self.set(name, parameters.merge(given.get())),
            None => self.set(name, parameters),
        }
    }

    /// A field's value as JSON text; none for a field that is not sent.
    ///
    /// ```
    /// # use llmperf_sdk::JsonBody;
    /// let mut body = JsonBody::new();
    /// assert_eq!(body.set("stream", true).get("stream"), Some("true"));
    /// ```
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.fields.0.iter().find(|(known, _)| known == name)?.1.get();
        (value != "null").then_some(value)
    }

    /// Takes a field out, to be put elsewhere; `null` where the sampling parameters remove it.
    ///
    /// ```
    /// # use llmperf_sdk::JsonBody;
    /// let (mut parameters, mut body) = (JsonBody::new(), JsonBody::new());
    /// parameters.merge(r#"{"stream": true, "top_p": 0.9}"#);
    /// body.set("stream", parameters.take("stream")).set("parameters", parameters);
    /// assert_eq!(body.build().unwrap(), br#"{"stream":true,"parameters":{"top_p":0.9}}"#);
    /// ```
    pub fn take(&mut self, name: &str) -> Option<Box<RawValue>> {
        let at = self.fields.0.iter().position(|(known, _)| known == name)?;
        Some(self.fields.0.remove(at).1)
    }

    /// Takes these fields over from another object, where it has them; they win over those that are here.
    ///
    /// ```
    /// # use llmperf_sdk::JsonBody;
    /// let (mut parameters, mut body) = (JsonBody::new(), JsonBody::new());
    /// body.set("model", "m");
    /// body.adopt(parameters.merge(r#"{"model": "n", "seed": 1}"#), &["model", "tools"]);
    /// assert_eq!(body.build().unwrap(), br#"{"model":"n"}"#);
    /// assert_eq!(parameters.build().unwrap(), br#"{"seed":1}"#);
    /// ```
    pub fn adopt(&mut self, from: &mut JsonBody, names: &[&str]) -> &mut JsonBody {
        for name in names {
            if let Some(value) = from.take(name) {
                self.fields.carry((*name).to_owned(), value);
            }
        }
        self
    }

    /// Lets all fields of another object win over those that are here.
    ///
    /// ```
    /// # use llmperf_sdk::JsonBody;
    /// let (mut body, mut parameters) = (JsonBody::new(), JsonBody::new());
    /// body.set("stream", true);
    /// parameters.set("seed", 1);
    /// body.append(parameters);
    /// assert_eq!(body.build().unwrap(), br#"{"stream":true,"seed":1}"#);
    /// ```
    pub fn append(&mut self, other: JsonBody) -> &mut JsonBody {
        other.fields.0.into_iter().for_each(|(name, value)| self.fields.carry(name, value));
        if let Some(error) = other.error {
            self.fail(error);
        }
        self
    }

    /// Puts a text into a list, where it is not in one: OpenAI's `stop` may be either, others' is a list.
    ///
    /// ```
    /// # use llmperf_sdk::JsonBody;
    /// let mut body = JsonBody::new();
    /// body.set("stop", "END").list("stop");
    /// assert_eq!(body.get("stop"), Some(r#"["END"]"#));
    /// ```
    pub fn list(&mut self, name: &str) -> &mut JsonBody {
        match self.fields.0.iter().position(|(known, _)| known == name) {
            Some(at) if self.fields.0[at].1.get().starts_with('"') => {
                let text = self.fields.0[at].1.clone();
                self.set(name, [text])
            }
            _ => self,
        }
    }

    /// Gives a field the name that the API has for it. Where it has a field of that name already, this one is dropped:
    /// what is said in the API's own words wins.
    ///
    /// ```
    /// # use llmperf_sdk::JsonBody;
    /// let mut body = JsonBody::new();
    /// body.merge(r#"{"max_tokens": 5, "stop": ["END"], "stop_sequences": [";"]}"#);
    /// body.rename("max_tokens", "num_predict").rename("stop", "stop_sequences");
    /// assert_eq!(body.build().unwrap(), br#"{"num_predict":5,"stop_sequences":[";"]}"#);
    /// ```
    pub fn rename(&mut self, from: &str, to: &str) -> &mut JsonBody {
        if from == to {
            return self;
        }
        if self.fields.0.iter().any(|(known, _)| known == to) {
            self.take(from);
        } else if let Some(field) = self.fields.0.iter_mut().find(|(known, _)| known == from) {
            field.0 = to.to_owned();
        }
        self
    }

    /// Whether it has no field.
    ///
    /// ```
    /// # use llmperf_sdk::JsonBody;
    /// assert!(JsonBody::new().set("seed", None::<u32>).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.fields.0.iter().all(|(_, value)| value.get() == "null") && self.error.is_none()
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

    /// Once in a plugin, and not for every type that is [`set`](Self::set).
    #[inline(never)]
    fn put(&mut self, name: &str, value: serde_json::Result<Box<RawValue>>) -> &mut JsonBody {
        match value {
            Ok(value) if value.get() == "null" => self.fields.0.retain(|(known, _)| known != name),
            Ok(value) => self.fields.carry(name.to_owned(), value),
            Err(e) => self.fail(format!("field {name}: {e}")),
        }
        self
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
    #[inline(never)]
    pub(crate) fn parse(sampling: &str) -> Result<Fields, String> {
        if sampling.trim().is_empty() {
            return Ok(Fields::default());
        }
        serde_json::from_str(sampling).map_err(|e| format!("sampling parameters are not a JSON object: {e}"))
    }

    /// Sets a field in its place, or behind all others where it is not sent yet. `null` stays as a mark.
    fn carry(&mut self, name: String, value: Box<RawValue>) {
        match self.0.iter().position(|(known, _)| *known == name) {
            Some(at) if self.0[at].1.get() == "null" => _ = self.0.remove(at),
            Some(at) => return self.0[at].1 = value,
            None => {}
        }
        self.0.push((name, value));
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0.iter().filter(|(_, value)| value.get() != "null") {
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
