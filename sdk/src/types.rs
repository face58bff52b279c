//! What the generated types lack to be pleasant: constructors, and readings of their fields.

use serde::Deserialize;

use crate::{
    Description, Event, Failure, Framing, Header, HttpRequest, Media, OptionSpec, ResponseHead, Usage,
};

impl Description {
    /// A plugin for the task `chat`, without options. Name: `[a-z0-9-]+`; version: semantic; summary: one
    /// line for people.
    ///
    /// ```
    /// # use llmperf_sdk::*;
    /// let description = Description {
    ///     options: vec![OptionSpec::boolean("verbose", false, "ask for more")],
    ///     ..Description::new("shout", "0.1.0", "a made-up API")
    /// };
    /// assert_eq!(description.tasks, ["chat"]);
    /// ```
    pub fn new(name: &str, version: &str, summary: &str) -> Description {
        Description {
            name: name.to_owned(),
            version: version.to_owned(),
            summary: summary.to_owned(),
            tasks: vec!["chat".to_owned()],
            options: Vec::new(),
            providers: None,
        }
    }
}

impl OptionSpec {
    /// A free text.
    ///
    /// ```
    /// # use llmperf_sdk::OptionSpec;
    /// let region = OptionSpec::string("region", "", "where it runs").env("SHOUT_REGION").required();
    /// assert_eq!((region.default, region.required), (None, true));
    /// ```
    pub fn string(name: &str, default: &str, help: &str) -> OptionSpec {
        OptionSpec::new(name, "string", default, help)
    }

    /// `true` or `false`.
    ///
    /// ```
    /// # use llmperf_sdk::OptionSpec;
    /// assert_eq!(OptionSpec::boolean("verbose", false, "ask for more").default.as_deref(), Some("false"));
    /// ```
    pub fn boolean(name: &str, default: bool, help: &str) -> OptionSpec {
        OptionSpec::new(name, "boolean", if default { "true" } else { "false" }, help)
    }

    /// An option of any kind (`string`, `integer`, `number`, `boolean`, `json`); an empty default is none.
    ///
    /// ```
    /// # use llmperf_sdk::OptionSpec;
    /// assert_eq!(OptionSpec::new("seed", "integer", "", "repeatable answers").default, None);
    /// ```
    pub fn new(name: &str, kind: &str, default: &str, help: &str) -> OptionSpec {
        OptionSpec {
            name: name.to_owned(),
            kind: kind.to_owned(),
            env: Vec::new(),
            default: (!default.is_empty()).then(|| default.to_owned()),
            required: false,
            help: help.to_owned(),
        }
    }

    /// Takes its value from this environment variable where the command line gives none.
    /// [`string`](Self::string) has an example.
    pub fn env(mut self, variable: &str) -> OptionSpec {
        self.env.push(variable.to_owned());
        self
    }

    /// Must be given. [`string`](Self::string) has an example.
    pub fn required(mut self) -> OptionSpec {
        self.required = true;
        self
    }
}

impl Header {
    /// A header.
    ///
    /// ```
    /// # use llmperf_sdk::Header;
    /// assert_eq!(Header::new("accept", "text/event-stream").name, "accept");
    /// ```
    pub fn new(name: &str, value: &str) -> Header {
        Header { name: name.to_owned(), value: value.to_owned() }
    }
}

impl HttpRequest {
    /// A POST of a JSON body to a path below the provider's base URL, one segment an item; accepts what
    /// `framing` cuts.
    ///
    /// ```
    /// # use llmperf_sdk::*;
    /// let request = HttpRequest::post_json(["v1", "shout"], b"{}".to_vec(), Framing::Sse);
    /// assert_eq!(request.headers[0], Header::new("content-type", "application/json"));
    /// assert_eq!(request.headers[1], Header::new("accept", "text/event-stream"));
    /// ```
    pub fn post_json<'a>(
        path: impl IntoIterator<Item = &'a str>,
        body: Vec<u8>,
        framing: Framing,
    ) -> HttpRequest {
        let accept = match framing {
            Framing::Sse => "text/event-stream",
            Framing::Ndjson => "application/x-ndjson",
            Framing::AwsEventStream => "application/vnd.amazon.eventstream",
            Framing::JsonArray | Framing::Body => "application/json",
        };
        HttpRequest {
            method: "POST".to_owned(),
            path: path.into_iter().map(str::to_owned).collect(),
            query: Vec::new(),
            headers: vec![Header::new("content-type", "application/json"), Header::new("accept", accept)],
            body,
            framing: vec![framing],
        }
    }
}

impl HttpRequest {
    /// Sets a header, in the place of one of that name.
    ///
    /// ```
    /// # use llmperf_sdk::*;
    /// let request = HttpRequest::post_json(["v1"], b"{}".to_vec(), Framing::Sse).with_header("accept", "*/*");
    /// assert_eq!(request.headers[1], Header::new("accept", "*/*"));
    /// ```
    pub fn with_header(mut self, name: &str, value: &str) -> HttpRequest {
        self.headers.retain(|header| !header.name.eq_ignore_ascii_case(name));
        self.headers.push(Header::new(name, value));
        self
    }
}

impl ResponseHead {
    /// The first value of a header, whatever the case of its name.
    ///
    /// ```
    /// # use llmperf_sdk::*;
    /// let head = ResponseHead { status: 200, headers: vec![Header::new("Retry-After", "1")] };
    /// assert_eq!(head.header("retry-after"), Some("1"));
    /// ```
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| &*header.value)
    }
}

impl Event {
    /// An event, for tests.
    ///
    /// ```
    /// # use llmperf_sdk::Event;
    /// assert_eq!(Event::new("ping", "{}").data, b"{}");
    /// ```
    pub fn new(name: &str, data: impl AsRef<[u8]>) -> Event {
        Event { name: name.to_owned(), data: data.as_ref().to_vec() }
    }

    /// The payload as text.
    ///
    /// ```
    /// # use llmperf_sdk::Event;
    /// assert_eq!(Event::new("", "Hi").text().unwrap(), "Hi");
    /// assert_eq!(Event::new("", b"\xff").text().unwrap_err().code, "bad_response");
    /// ```
    ///
    /// # Errors
    /// `bad_response` where it is not UTF-8.
    pub fn text(&self) -> Result<&str, Failure> {
        std::str::from_utf8(&self.data)
            .map_err(|e| Failure::bad_response(format!("an event is not UTF-8: {e}")))
    }

    /// The payload, read as JSON. `T` may borrow from the event.
    ///
    /// ```
    /// # use llmperf_sdk::Event;
    /// # use serde::Deserialize;
    /// #[derive(Deserialize)]
    /// struct Line<'a> {
    ///     word: &'a str,
    /// }
    /// let event = Event::new("", r#"{"word":"Hi"}"#);
    /// let line: Line = event.json().unwrap();
    /// assert_eq!(line.word, "Hi");
    /// ```
    ///
    /// # Errors
    /// `bad_response` where it is not UTF-8, not JSON, or not a `T`.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Failure> {
        read_json(self.text()?)
    }
}

/// Reads JSON as [`Event::json`] does, for what an event holds.
///
/// ```
/// # use llmperf_sdk::read_json;
/// assert_eq!(read_json::<Vec<u32>>("[1, 2]").unwrap(), [1, 2]);
/// assert_eq!(read_json::<Vec<u32>>("[1, 2").unwrap_err().code, "bad_response");
/// ```
///
/// # Errors
/// `bad_response` where it is not JSON, or not a `T`.
pub fn read_json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|e| not_expected(text, &e))
}

/// Quotes JSON that is not what it should be.
pub(crate) fn not_expected(text: &str, error: &serde_json::Error) -> Failure {
    let shown: String = text.chars().take(SHOWN_CHARS).collect();
    Failure::bad_response(format!("an event is not the JSON expected: {error}: {shown}"))
}

/// How much of an event that could not be read is quoted: enough to recognise it in a list of errors.
const SHOWN_CHARS: usize = 200;

impl Failure {
    /// A failure with the provider's own word for it, or an HTTP status, as its code.
    ///
    /// ```
    /// # use llmperf_sdk::Failure;
    /// assert_eq!(Failure::new("overloaded", "try later").retry_after_ms, None);
    /// ```
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Failure {
        Failure { code: code.into(), message: message.into(), retry_after_ms: None }
    }

    /// The answer could not be understood: code `bad_response`, which the host counts apart from the server's
    /// own errors.
    ///
    /// ```
    /// # use llmperf_sdk::Failure;
    /// assert_eq!(Failure::bad_response("no JSON").code, "bad_response");
    /// ```
    pub fn bad_response(message: impl Into<String>) -> Failure {
        Failure::new("bad_response", message)
    }

    /// The answer ended before it was whole: code `truncated`. For [`Decode::finish`](crate::Decode::finish), where the API ends
    /// every answer with a mark and none came.
    ///
    /// ```
    /// # use llmperf_sdk::Failure;
    /// assert_eq!(Failure::truncated("no END").code, "truncated");
    /// ```
    pub fn truncated(message: impl Into<String>) -> Failure {
        Failure::new("truncated", message)
    }
}

impl Usage {
    /// Takes over what a later report says, and tells whether anything changed by it.
    ///
    /// ```
    /// # use llmperf_sdk::Usage;
    /// let mut usage = Usage { input_tokens: Some(3), output_tokens: Some(1), ..Usage::default() };
    /// assert!(usage.update(&Usage { output_tokens: Some(9), ..Usage::default() }));
    /// assert!(!usage.update(&Usage { input_tokens: Some(3), ..Usage::default() }));
    /// assert_eq!((usage.input_tokens, usage.output_tokens), (Some(3), Some(9)));
    /// ```
    pub fn update(&mut self, later: &Usage) -> bool {
        let fields = [
            (&mut self.input_tokens, later.input_tokens),
            (&mut self.output_tokens, later.output_tokens),
            (&mut self.cached_input_tokens, later.cached_input_tokens),
            (&mut self.cache_write_tokens, later.cache_write_tokens),
            (&mut self.reasoning_tokens, later.reasoning_tokens),
        ];
        let mut changed = false;
        for (known, later) in fields {
            if later.is_some() && *known != later {
                *known = later;
                changed = true;
            }
        }
        changed
    }
}

impl Media {
    /// The data in base64 (RFC 4648 section 4), as JSON APIs take it.
    ///
    /// ```
    /// # use llmperf_sdk::Media;
    /// let media = Media { mime: "image/png".into(), data: b"any c".to_vec() };
    /// assert_eq!(media.base64(), "YW55IGM=");
    /// ```
    pub fn base64(&self) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::with_capacity(self.data.len().div_ceil(3) * 4);
        for chunk in self.data.chunks(3) {
            let group =
                chunk.iter().enumerate().fold(0, |group, (i, &byte)| group | u32::from(byte) << (16 - 8 * i));
            for i in 0..4 {
                let sextet = (group >> (18 - 6 * i)) & 63;
                text.push(if i <= chunk.len() { ALPHABET[sextet as usize] as char } else { '=' });
            }
        }
        text
    }

    /// A `data:` URL (RFC 2397).
    ///
    /// ```
    /// # use llmperf_sdk::Media;
    /// let media = Media { mime: "image/png".into(), data: b"any".to_vec() };
    /// assert_eq!(media.data_url(), "data:image/png;base64,YW55");
    /// ```
    pub fn data_url(&self) -> String {
        format!("data:{};base64,{}", self.mime, self.base64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_follows_the_vectors_of_rfc_4648() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (data, expected) in vectors {
            assert_eq!(Media { mime: String::new(), data: data.into() }.base64(), expected);
        }
    }
}
