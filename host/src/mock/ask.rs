//! What a request asks for: the few fields of its body the mock obeys.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A request's wishes, read from its body; the same fields serve both APIs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) model: String,
    pub(super) stream: bool,
    /// `None`: the request names no limit.
    pub(super) max_tokens: Option<u64>,
    /// Whether the request asks for a usage chunk (OpenAI).
    pub(super) include_usage: bool,
    /// Bytes of text in the messages and the system prompt.
    pub(super) prompt_bytes: u64,
}

impl Ask {
    /// Reads a body. Fields the mock does not know are ignored.
    ///
    /// # Errors
    /// The body is not JSON, has a field of the wrong type, or lacks `model` or `messages`.
    pub(super) fn parse(body: &[u8]) -> Result<Ask, serde_json::Error> {
        let wire: Wire = serde_json::from_slice(body)?;
        Ok(Ask {
            model: wire.model,
            stream: wire.stream.unwrap_or(false),
            max_tokens: wire.max_completion_tokens.or(wire.max_tokens),
            include_usage: wire.stream_options.and_then(|options| options.include_usage).unwrap_or(false),
            prompt_bytes: wire.messages.0 + wire.system.0,
        })
    }
}

#[derive(Deserialize)]
struct Wire {
    model: String,
    messages: TextBytes,
    #[serde(default)]
    system: TextBytes,
    stream: Option<bool>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

/// Counts the bytes of text in messages of any nesting, and keeps none of it: prompts are large and many.
#[derive(Default)]
struct TextBytes(u64);

impl<'de> Deserialize<'de> for TextBytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextVisitor).map(TextBytes)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a list of messages")
    }

    fn visit_str<E>(self, text: &str) -> Result<u64, E> {
        Ok(text.len() as u64)
    }

    fn visit_unit<E>(self) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<u64, A::Error> {
        let mut sum = 0;
        while let Some(item) = items.next_element::<TextBytes>()? {
            sum += item.0;
        }
        Ok(sum)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<u64, A::Error> {
        let mut sum = 0;
        while let Some(key) = fields.next_key::<std::borrow::Cow<'de, str>>()? {
            match &*key {
                "content" | "text" => sum += fields.next_value::<TextBytes>()?.0,
                _ => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read() {
        fn check(body: &str, stream: bool, max_tokens: Option<u64>, include_usage: bool, prompt_bytes: u64) {
            let expected = Ask { model: "m".into(), stream, max_tokens, include_usage, prompt_bytes };
            assert_eq!(Ask::parse(body.as_bytes()).unwrap(), expected, "{body}");
        }
        check(r#"{"model":"m","messages":[]}"#, false, None, false, 0);
        check(
            r#"{"model":"m","messages":[],"stream":null,"max_tokens":null,"tools":[{"a":1}]}"#,
            false,
            None,
            false,
            0,
        );
        check(
            r#"{"model":"m","messages":[{"role":"system","content":""},{"role":"user","content":"four"}],
                "stream":true,"max_tokens":7,"stream_options":{"include_usage":true}}"#,
            true,
            Some(7),
            true,
            4,
        );
        check(
            r#"{"model":"m","system":[{"type":"text","text":"abc"}],"max_completion_tokens":9,"max_tokens":7,
                "messages":[{"role":"user","content":[{"type":"text","text":"é\n"}]}],"stream_options":{}}"#,
            false,
            Some(9),
            false,
            6,
        );
    }

    #[test]
    fn a_body_that_is_no_request_is_refused() {
        fn check(body: &str, expected: &str) {
            let error = Ask::parse(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{body}: {error}");
        }
        check("", "EOF");
        check("<html>", "expected value");
        check(r#"{"messages":[]}"#, "model");
        check(r#"{"model":"m"}"#, "messages");
        check(r#"{"model":"m","messages":7}"#, "text or a list of messages");
        check(r#"{"model":"m","messages":[],"max_tokens":-1}"#, "-1");
    }
}
