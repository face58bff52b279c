//! Sampling parameters on their way into an API's own fields. People write them in OpenAI's names, or in the API's.

use serde_json::value::RawValue;

use crate::body::Fields;

/// The fields of [`RequestSpec::sampling`](crate::RequestSpec), to be renamed and sorted before they go into a body.
///
/// ```
/// # use llmperf_sdk::*;
/// let mut sampling = Sampling::parse(r#"{"max_tokens": 9, "stop": "END", "seed": null}"#).unwrap();
/// sampling.rename("max_tokens", "num_predict");
/// let stop = sampling.take("stop").unwrap();
/// let mut body = JsonBody::new();
/// body.set("num_predict", 5).set("seed", 1).set("stop", list_of_texts(&stop)).extend(sampling);
/// assert_eq!(body.build().unwrap(), br#"{"num_predict":9,"stop":["END"]}"#);
/// ```
#[derive(Debug, Default)]
pub struct Sampling(Fields);

impl Sampling {
    /// Reads the text of a JSON object; blank text is an empty one.
    ///
    /// # Errors
    /// The text is not a JSON object.
    pub fn parse(sampling: &str) -> Result<Sampling, String> {
        Fields::parse(sampling).map(Sampling)
    }

    /// Gives a field another name. A field that has that name already wins, since it was given in the API's own words.
    ///
    /// ```
    /// # use llmperf_sdk::*;
    /// let mut sampling = Sampling::parse(r#"{"stop": ["A"], "stop_sequences": ["B"]}"#).unwrap();
    /// sampling.rename("stop", "stop_sequences");
    /// assert!(sampling.take("stop").is_none());
    /// assert_eq!(sampling.take("stop_sequences").unwrap().get(), r#"["B"]"#);
    /// ```
    pub fn rename(&mut self, from: &str, to: &str) {
        if let Some(value) = self.take(from)
            && self.get(to).is_none()
        {
            self.put(to, value);
        }
    }

    /// Adds a field, of a name that is not there.
    ///
    /// ```
    /// # use llmperf_sdk::*;
    /// let mut sampling = Sampling::parse(r#"{"stop": "END"}"#).unwrap();
    /// let stop = sampling.take("stop").unwrap();
    /// sampling.put("stop", list_of_texts(&stop));
    /// assert_eq!(sampling.get("stop"), Some(r#"["END"]"#));
    /// ```
    pub fn put(&mut self, name: &str, value: Box<RawValue>) {
        self.0.0.push((name.to_owned(), value));
    }

    /// A field's value as JSON text, `null` included.
    ///
    /// ```
    /// # use llmperf_sdk::Sampling;
    /// assert_eq!(Sampling::parse(r#"{"seed": null}"#).unwrap().get("seed"), Some("null"));
    /// ```
    pub fn get(&self, name: &str) -> Option<&str> {
        // As in a body: of several fields of one name the last one counts.
        self.0.0.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.get())
    }

    /// Removes a field, and returns its value. The type's own documentation has an example.
    pub fn take(&mut self, name: &str) -> Option<Box<RawValue>> {
        let at = self.0.0.iter().rposition(|(known, _)| known == name)?;
        let (_, value) = self.0.0.remove(at);
        self.0.0.retain(|(known, _)| known != name);
        Some(value)
    }

    /// Takes out those of these fields that are there, to be put elsewhere.
    ///
    /// ```
    /// # use llmperf_sdk::*;
    /// let mut sampling = Sampling::parse(r#"{"tools": [], "seed": 1, "system": null}"#).unwrap();
    /// let mut body = JsonBody::new();
    /// body.set("system", "S").extend(sampling.take_all(&["system", "tools"]));
    /// assert_eq!(body.build().unwrap(), br#"{"tools":[]}"#);
    /// assert_eq!(sampling.get("seed"), Some("1"));
    /// ```
    pub fn take_all(&mut self, names: &[&str]) -> Sampling {
        let mut taken = Sampling::default();
        for name in names {
            if let Some(value) = self.take(name) {
                taken.put(name, value);
            }
        }
        taken
    }

    pub(crate) fn into_fields(self) -> Vec<(String, Box<RawValue>)> {
        self.0.0
    }
}

/// A list of texts, also where one text is written without its list, as OpenAI allows for `stop`. `null` stays what it is.
/// [`Sampling`] has an example.
pub fn list_of_texts(json: &RawValue) -> Box<RawValue> {
    let text = json.get();
    match text.starts_with('"') {
        true => serde_json::value::to_raw_value(&[json]).unwrap_or_else(|_| json.to_owned()),
        false => json.to_owned(),
    }
}
