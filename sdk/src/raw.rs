//! An object read one level at a time. Slower than a typed struct where many fields are wanted of every event, but it adds next
//! to nothing to a component: each struct that is read brings code of its own, and the parser's once more.

use serde_json::value::RawValue;

use crate::body::Fields;

/// The fields of a JSON object, each still text. A field that is not there, or of another type, says nothing.
///
/// ```
/// # use llmperf_sdk::RawObject;
/// let line = RawObject::parse(r#"{"results": [{"text": "Hi", "tokens": 2}], "done": true}"#).unwrap();
/// let result = line.first("results").unwrap();
/// assert_eq!((&*result.text("text"), result.count("tokens"), result.count("text")), ("Hi", Some(2), None));
/// assert!(line.has("done") && !line.has("error") && line.first("done").is_none());
/// assert!(RawObject::parse("[1]").is_none() && RawObject::parse("{oops").is_none());
/// ```
#[derive(Debug)]
pub struct RawObject(Fields);

impl RawObject {
    /// Reads the text of an object; `None` where it is none.
    pub fn parse(json: &str) -> Option<RawObject> {
        serde_json::from_str(json).ok().map(RawObject)
    }

    /// Whether the object has a field that is not `null`.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A text; empty where there is none.
    pub fn text(&self, name: &str) -> String {
        let json = self.get(name).filter(|json| json.starts_with('"'));
        json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
    }

    /// A whole number that is not negative, also where it is written as text or with a fraction of zero.
    pub fn count(&self, name: &str) -> Option<u64> {
        self.get(name)?.trim_matches('"').trim_end_matches(".0").parse().ok()
    }

    /// The first element of a list, where that is an object.
    pub fn first(&self, name: &str) -> Option<RawObject> {
        let list: Vec<&RawValue> = serde_json::from_str(self.get(name)?).ok()?;
        RawObject::parse(list.first()?.get())
    }

    /// A field's value as JSON text. Of several fields of one name the last one counts.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.0.iter().rfind(|(known, _)| known == name)?;
        Some(value.get()).filter(|json| *json != "null")
    }
}
