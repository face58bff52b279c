//! One chunk as it comes over the wire. Typed and borrowed, because this is what a load test decodes by the
//! million: what is in every chunk is parsed in one pass, what is rare is kept as raw JSON until somebody
//! looks at it.
//!
//! Unknown fields are skipped, and a known field of an unexpected type costs only itself wherever that is
//! cheap.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::lenient::{List, Number, Object};

/// `chat.completion.chunk`, a whole `chat.completion`, or a `text_completion`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Chunk<'a> {
    #[serde(borrow)]
    choices: Option<List<Object<Choice<'a>>>>,
    pub(crate) usage: Option<&'a RawValue>,
    /// Groq: `{usage}` on the finish chunk.
    pub(crate) x_groq: Option<&'a RawValue>,
    /// llama.cpp.
    pub(crate) timings: Option<&'a RawValue>,
    /// Cerebras.
    pub(crate) time_info: Option<&'a RawValue>,
    /// Fireworks.
    pub(crate) perf_metrics: Option<&'a RawValue>,
    pub(crate) error: Option<&'a RawValue>,
    // The words of a flat error, which has no `choices`.
    message: Option<&'a RawValue>,
    detail: Option<&'a RawValue>,
    errors: Option<&'a RawValue>,
}

impl<'a> Chunk<'a> {
    /// The choice with index 0; the others of `n > 1` are not measured.
    pub(crate) fn take_choice(&mut self) -> Option<Choice<'a>> {
        let choices = std::mem::take(&mut self.choices.as_mut()?.0);
        choices
            .into_iter()
            .filter_map(|choice| choice.0)
            .find(|choice| choice.index.count().unwrap_or(0) == 0)
    }

    /// Whether this is, or has beside its choices, an error.
    pub(crate) fn is_error(&self) -> bool {
        // Some servers send `"error": ""` or `{}` or false in every chunk.
        let nested = self.error.is_some_and(|error| !matches!(error.get(), "\"\"" | "{}" | "false"));
        nested || (self.choices.is_none() && (self.message.or(self.detail).or(self.errors)).is_some())
    }
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Choice<'a> {
    index: Number,
    #[serde(borrow)]
    pub(crate) delta: Object<Delta<'a>>,
    /// The whole answer where it is not streamed. Perplexity has it in every chunk, cumulative, beside the
    /// delta.
    message: Option<&'a RawValue>,
    /// What completions have in the place of a delta. Together has it beside the delta too.
    text: Content<'a>,
    pub(crate) finish_reason: Content<'a>,
    /// vLLM with `return_token_ids`.
    pub(crate) token_ids: Option<&'a RawValue>,
    /// OpenRouter.
    pub(crate) error: Option<&'a RawValue>,
}

impl<'a> Choice<'a> {
    /// The text of a completion, which has no other form.
    pub(crate) fn bare_text(&self) -> Option<&Cow<'a, str>> {
        (self.delta.0.is_none() && self.message.is_none()).then_some(&self.text.text)
    }

    /// The whole answer, in the fields of a delta.
    pub(crate) fn message(&self) -> Option<Delta<'a>> {
        serde_json::from_str(self.message?.get()).ok()
    }
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Delta<'a> {
    #[serde(borrow)]
    pub(crate) content: Content<'a>,
    reasoning_content: Content<'a>,
    reasoning: Content<'a>,
    reasoning_details: Option<&'a RawValue>,
    refusal: Option<&'a RawValue>,
    pub(crate) tool_calls: Option<&'a RawValue>,
    /// What `tool_calls` replaced.
    pub(crate) function_call: Option<&'a RawValue>,
    /// Together: the token that the text is of.
    pub(crate) token_id: Number,
}

impl<'a> Delta<'a> {
    /// The reasoning text. Servers send the same text under two or three names: the first that is not empty
    /// counts.
    pub(crate) fn take_reasoning(&mut self) -> Cow<'a, str> {
        for twin in [&mut self.reasoning_content, &mut self.reasoning] {
            let text = std::mem::take(twin).whole();
            if !text.is_empty() {
                return text;
            }
        }
        match self.reasoning_details.map(text_of) {
            Some(details) if !details.is_empty() => details,
            _ => std::mem::take(&mut self.content.reasoning),
        }
    }

    /// The text of a refusal.
    pub(crate) fn refusal(&self) -> Cow<'a, str> {
        self.refusal.map(text_of).unwrap_or_default()
    }
}

fn text_of(raw: &RawValue) -> Cow<'_, str> {
    serde_json::from_str::<Content<'_>>(raw.get()).unwrap_or_default().whole()
}

/// Text in any of its forms: a string, null, a part object, or an array of strings and parts. Parts that
/// reason are kept apart: Mistral's `{type: "thinking", thinking: [{text}]}`, Databricks' `{type:
/// "reasoning", summary: [{text}]}`.
#[derive(Debug, Default)]
pub(crate) struct Content<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) reasoning: Cow<'a, str>,
}

impl<'a> Content<'a> {
    fn plain(text: impl Into<Cow<'a, str>>) -> Content<'a> {
        Content { text: text.into(), reasoning: Cow::default() }
    }

    /// All of it, whatever it is called.
    fn whole(self) -> Cow<'a, str> {
        join(self.reasoning, self.text)
    }
}

fn join<'a>(first: Cow<'a, str>, second: Cow<'a, str>) -> Cow<'a, str> {
    if first.is_empty() { second } else { first + second }
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct ContentPart<'a> {
    #[serde(rename = "type", borrow)]
    kind: Content<'a>,
    text: Content<'a>,
    thinking: Content<'a>,
    summary: Content<'a>,
}

impl<'a> From<ContentPart<'a>> for Content<'a> {
    fn from(part: ContentPart<'a>) -> Content<'a> {
        let reasons = part.kind.text.starts_with("reasoning") || part.kind.text.starts_with("thinking");
        let reasoning = join(part.thinking.whole(), part.summary.whole());
        match reasons {
            true => Content { text: Cow::default(), reasoning: join(reasoning, part.text.whole()) },
            false => Content { text: part.text.text, reasoning: join(reasoning, part.text.reasoning) },
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Content<'a>, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Content<'de>, E> {
        Ok(Content::plain(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Content<'de>, E> {
        Ok(Content::plain(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Content<'de>, E> {
        Ok(Content::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Content<'de>, E> {
        Ok(Content::default())
    }

    // A server that writes a token of digits as a number means its text.
    fn visit_u64<E>(self, number: u64) -> Result<Content<'de>, E> {
        Ok(Content::plain(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Content<'de>, E> {
        Ok(Content::plain(number.to_string()))
    }

    // By JSON's own writer: the standard library's would add 15 KB.
    fn visit_f64<E>(self, number: f64) -> Result<Content<'de>, E> {
        Ok(Content::plain(serde_json::Number::from_f64(number).map(|n| n.to_string()).unwrap_or_default()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Content<'de>, A::Error> {
        let mut content = Content::default();
        while let Some(part) = parts.next_element::<Content<'de>>()? {
            content.text = join(content.text, part.text);
            content.reasoning = join(content.reasoning, part.reasoning);
        }
        Ok(content)
    }

    fn visit_map<A: MapAccess<'de>>(self, part: A) -> Result<Content<'de>, A::Error> {
        ContentPart::deserialize(MapAccessDeserializer::new(part)).map(Content::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_content(json: &str, text: &str, reasoning: &str) {
        let content: Content<'_> = serde_json::from_str(json).unwrap();
        assert_eq!((&*content.text, &*content.reasoning), (text, reasoning), "{json}");
    }

    #[test]
    fn content_is_read_in_every_form() {
        check_content("null", "", "");
        check_content("\"a\"", "a", "");
        check_content(r#""a\n\u00e9""#, "a\né", "");
        check_content(r#"["a",{"type":"text","text":"b"}]"#, "ab", "");
        check_content(
            r#"[{"type":"thinking","thinking":[{"type":"text","text":"t"}]},{"type":"text","text":"b"}]"#,
            "b",
            "t",
        );
        check_content(r#"[{"type":"thinking","thinking":"t","closed":true}]"#, "", "t");
        check_content(r#"[{"type":"reasoning","summary":[{"type":"summary_text","text":"s"}]}]"#, "", "s");
        check_content(r#"[{"type":"reasoning.text","text":"r","format":"unknown","index":0}]"#, "", "r");
        check_content(
            r#"[{"type":"reasoning.encrypted","data":"x"},{"type":"reference","reference_ids":[1]}]"#,
            "",
            "",
        );
        check_content("7", "7", "");
        check_content("false", "", "");
    }

    #[test]
    fn plain_text_is_borrowed() {
        let content: Content<'_> = serde_json::from_str("\"a\"").unwrap();
        assert!(matches!(content.text, Cow::Borrowed("a")));
    }

    #[test]
    fn the_choice_with_index_zero_counts() {
        let check = |choices: &str, expected: Option<&str>| {
            let json = format!(r#"{{"choices":{choices}}}"#);
            let mut chunk: Chunk<'_> = serde_json::from_str(&json).unwrap();
            let delta = chunk.take_choice().and_then(|choice| choice.delta.0);
            assert_eq!(delta.map(|delta| delta.content.text.into_owned()).as_deref(), expected, "{choices}");
        };
        check("[]", None);
        check(r#"[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]"#, Some("a"));
        check(r#"[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"}}]"#, Some("a"));
        check(r#"[{"index":1,"delta":{"content":"b"}}]"#, None);
        check(r#"[{"index":0,"delta":null}]"#, None);
    }

    #[test]
    fn a_field_of_an_unexpected_type_costs_only_itself() {
        let check = |choices: &str, finish: &str| {
            let json = format!(r#"{{"choices":{choices}}}"#);
            let mut chunk: Chunk<'_> = serde_json::from_str(&json).unwrap();
            let word = chunk.take_choice().map(|choice| choice.finish_reason.text.into_owned());
            assert_eq!(word.unwrap_or_default(), finish, "{choices}");
        };
        for odd in ["null", "7", "\"x\"", "true", "[1]"] {
            check(odd, "");
            check(&format!(r#"[{odd},{{"delta":{odd},"text":{{}},"finish_reason":"stop"}}]"#), "stop");
            check(
                &format!(r#"[{{"index":0,"message":{odd},"token_ids":{odd},"finish_reason":"stop"}}]"#),
                "stop",
            );
        }
    }
}
