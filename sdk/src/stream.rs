//! What the readers of most APIs do alike: take JSON objects until one is none, and say each number once.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::types::not_expected;
use crate::{Event, Failure, Out, Usage, raw, read_failure, read_json};

/// Takes the objects of a stream of JSON events.
///
/// ```
/// # use llmperf_sdk::*;
/// #[derive(serde::Deserialize)]
/// struct Line {
///     word: String,
/// }
/// let mut objects = Objects::default();
/// let event = Event::new("", r#"{"word":"Hi"}"#);
/// assert_eq!(objects.read::<Line>(&event).unwrap().unwrap().word, "Hi");
/// assert!(objects.read::<Line>(&Event::new("", " ")).unwrap().is_none());
/// assert_eq!(objects.read::<Line>(&Event::new("", "{oops")).err().unwrap().code, "bad_response");
/// // The rest may be out of step with it.
/// assert!(objects.read::<Line>(&event).unwrap().is_none());
/// ```
#[derive(Debug, Default)]
pub struct Objects {
    broken: bool,
}

impl Objects {
    /// The object in this event; `None` where the event is empty, or came after one that could not be read.
    ///
    /// # Errors
    /// The event is no object (`bad_response`), or is a list with an error in it.
    pub fn read<'a, T: Deserialize<'a>>(&mut self, event: &'a Event) -> Result<Option<T>, Failure> {
        let data = event.data.trim_ascii();
        if self.broken || data.is_empty() {
            return Ok(None);
        }
        self.broken = true;
        // Serde would take a list for a struct, field by field.
        if data.starts_with(b"[") {
            return Err(read_failure(data).unwrap_or_else(|| Failure::bad_response("an event is a list")));
        }
        let object = event.json()?;
        self.broken = false;
        Ok(Some(object))
    }

    /// As [`read`](Self::read), by the names of the fields: [`raw`] says when. Of a list
    /// the first object is read, as by [`read_first`](Self::read_first).
    ///
    /// ```
    /// # use llmperf_sdk::{Event, Objects, raw};
    /// let event = Event::new("", r#"{"word":"Hi"}"#);
    /// let [word] = Objects::default().fields(&event, ["word"]).unwrap().unwrap();
    /// assert_eq!(raw::text(word), "Hi");
    /// ```
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn fields<'a, const N: usize>(
        &mut self,
        event: &'a Event,
        names: [&str; N],
    ) -> Result<Option<[Option<&'a RawValue>; N]>, Failure> {
        let Some(json) = self.json(event)? else { return Ok(None) };
        let fields = raw::fields(json, names).map_err(|e| not_expected(json, &e));
        self.broken = fields.is_err();
        fields.map(Some)
    }

    /// The text of the object in an event, or of the first one in the list that it is.
    fn json<'a>(&mut self, event: &'a Event) -> Result<Option<&'a str>, Failure> {
        if self.broken || event.data.trim_ascii().is_empty() {
            return Ok(None);
        }
        self.broken = true;
        let json = event.text()?;
        if !json.trim_start().starts_with('[') {
            return Ok(Some(json));
        }
        let list: Vec<&RawValue> = event.json()?;
        match list.first().filter(|first| first.get().starts_with('{')) {
            Some(first) => Ok(Some(first.get())),
            None => Err(Failure::bad_response("an event is a list without an object")),
        }
    }

    /// As [`read`](Self::read), for servers that put a whole answer into a list, one for each prompt: the first of it.
    ///
    /// ```
    /// # use llmperf_sdk::{Event, Objects, lenient::Text};
    /// #[derive(serde::Deserialize)]
    /// struct Answer<'a> {
    ///     #[serde(borrow)]
    ///     text: Text<'a>,
    /// }
    /// let event = Event::new("", r#"[{"text":"Hi"},{"text":"Ho"}]"#);
    /// assert_eq!(Objects::default().read_first::<Answer<'_>>(&event).unwrap().unwrap().text.0, "Hi");
    /// ```
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn read_first<'a, T: Deserialize<'a>>(&mut self, event: &'a Event) -> Result<Option<T>, Failure> {
        let Some(json) = self.json(event)? else { return Ok(None) };
        let object = read_json(json);
        self.broken = object.is_err();
        object.map(Some)
    }
}

impl Event {
    /// Whether this is the end marker that OpenAI's streams have, and many after them.
    ///
    /// ```
    /// # use llmperf_sdk::Event;
    /// assert!(Event::new("", "[DONE]").is_done());
    /// ```
    pub fn is_done(&self) -> bool {
        self.data.trim_ascii() == b"[DONE]"
    }

    /// What an event that is known to be an error says. One without a message is quoted.
    ///
    /// ```
    /// # use llmperf_sdk::*;
    /// assert_eq!(Event::new("error", r#"{"error":"no memory"}"#).failure(), Failure::new("", "no memory"));
    /// assert_eq!(Event::new("error", "no memory").failure(), Failure::new("", "no memory"));
    /// ```
    pub fn failure(&self) -> Failure {
        Failure::said(&String::from_utf8_lossy(&self.data))
    }
}

impl Failure {
    /// An error in any shape, as [`read_failure`] reads them, or a JSON string; one without a message is quoted.
    ///
    /// ```
    /// # use llmperf_sdk::Failure;
    /// assert_eq!(Failure::said(r#"{"odd":1}"#), Failure::new("", r#"{"odd":1}"#));
    /// ```
    pub fn said(json: &str) -> Failure {
        read_failure(json.as_bytes()).unwrap_or_else(|| match serde_json::from_str::<String>(json) {
            Ok(message) => Failure::new("", message),
            Err(_) => Failure::new("", json.trim()),
        })
    }
}

/// Counts and times as last reported. Servers repeat them with every event; each is passed on where it changed.
///
/// ```
/// # use llmperf_sdk::*;
/// let (mut said, mut out) = (Said::default(), Out::new());
/// said.usage(Usage { output_tokens: Some(1), ..Usage::default() }, &mut out);
/// said.usage(Usage { output_tokens: Some(1), ..Usage::default() }, &mut out);
/// said.time("total_ms", Some(2.0), &mut out);
/// said.time("total_ms", None, &mut out);
/// assert_eq!(out.into_deltas().len(), 2);
/// ```
#[derive(Debug, Default)]
pub struct Said {
    usage: Usage,
    times: Vec<(&'static str, f64)>,
}

impl Said {
    /// Passes on a report of token counts, unless it says nothing new.
    pub fn usage(&mut self, usage: Usage, out: &mut Out) {
        if usage != Usage::default() && usage != self.usage {
            self.usage = usage;
            out.usage(usage);
        }
    }

    /// Passes on a time, where there is one and it is new. The name ends in its unit.
    pub fn time(&mut self, name: &'static str, value: Option<f64>, out: &mut Out) {
        let Some(value) = value else { return };
        match self.times.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) if *known == value => return,
            Some((_, known)) => *known = value,
            None => self.times.push((name, value)),
        }
        out.server_timing(name, value);
    }
}
