//! The wire form of an event of both generations, and of an answer that was not streamed.

use std::borrow::Cow;

use llmperf_sdk::Usage;
use llmperf_sdk::lenient::{Number, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

/// An event of v2 (`type`), of v1 (`event_type`), or a whole answer of either (neither). What is inside an event has fields
/// of the same names, so it is read as one again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ChatEvent<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    event_type: Text<'a>,
    pub(crate) index: Number,
    delta: Option<&'a RawValue>,
    pub(crate) text: Text<'a>,
    is_finished: Option<&'a RawValue>,
    tool_call_delta: Option<&'a RawValue>,
    response: Option<&'a RawValue>,
    /// In an error it is text.
    message: Option<&'a RawValue>,
    tool_calls: Option<&'a RawValue>,
    pub(crate) finish_reason: Text<'a>,
    usage: Option<&'a RawValue>,
    meta: Option<&'a RawValue>,
    pub(crate) error: Option<&'a RawValue>,
}

impl<'a> ChatEvent<'a> {
    /// What an event of v2 adds.
    pub(crate) fn delta(&self) -> Option<ChatEvent<'a>> {
        object(self.delta?)
    }

    /// The answer once more, in the event that ends a stream of v1.
    pub(crate) fn response(&self) -> Option<ChatEvent<'a>> {
        object(self.response?)
    }

    /// What the model says, in v2.
    pub(crate) fn message(&self) -> Option<Message<'a>> {
        object(self.message?)
    }

    /// A piece of a tool call, in v1.
    pub(crate) fn call_delta(&self) -> Option<Call<'a>> {
        object(self.tool_call_delta?)
    }

    /// Whole tool calls, in v1.
    pub(crate) fn calls(&self) -> Vec<Call<'a>> {
        self.tool_calls.map(one_or_more).unwrap_or_default()
    }

    /// Token counts: `usage` of v2, `meta` of v1. What is billed beside them counts something else.
    pub(crate) fn tokens(&self) -> Usage {
        let tokens: Tokens<'_> = self.usage.or(self.meta).and_then(object).unwrap_or_default();
        let counts: Tokens<'_> = tokens.tokens.and_then(object).unwrap_or_default();
        Usage {
            input_tokens: counts.input_tokens.count(),
            output_tokens: counts.output_tokens.count(),
            cached_input_tokens: tokens.cached_tokens.count(),
            ..Usage::default()
        }
    }

    /// What kind of event it is; empty for a whole answer.
    pub(crate) fn kind(&self) -> &str {
        match (&*self.kind.0, &*self.event_type.0) {
            // The first servers of v1 did not say.
            ("", "") => match self.is_finished.map(RawValue::get) {
                Some("false") => "text-generation",
                Some("true") => "stream-end",
                _ => "",
            },
            ("", kind) | (kind, _) => kind,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Message<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    tool_calls: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    pub(crate) fn calls(&self) -> Vec<Call<'a>> {
        self.tool_calls.map(one_or_more).unwrap_or_default()
    }

    /// Text and thinking: of one part in an event, of a list of them in a whole answer.
    pub(crate) fn content(&self) -> (Cow<'a, str>, Cow<'a, str>) {
        let (mut text, mut thinking) = (Cow::default(), Cow::default());
        for part in self.content.map(one_or_more::<ContentPart<'_>>).unwrap_or_default() {
            text = join(text, part.text.0);
            thinking = join(thinking, part.thinking.0);
        }
        (text, thinking)
    }
}

fn join<'a>(first: Cow<'a, str>, second: Cow<'a, str>) -> Cow<'a, str> {
    if first.is_empty() { second } else { first + second }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ContentPart<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    thinking: Text<'a>,
}

/// A tool call: v2 has OpenAI's form, with a function inside that is read as one again; v1 has its own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Call<'a> {
    #[serde(borrow)]
    function: Option<&'a RawValue>,
    pub(crate) index: Number,
    pub(crate) name: Text<'a>,
    arguments: Option<&'a RawValue>,
    parameters: Option<&'a RawValue>,
}

impl<'a> Call<'a> {
    /// What has the name and the arguments.
    pub(crate) fn function(self) -> Call<'a> {
        self.function.and_then(object).unwrap_or(self)
    }

    /// The arguments as text: a string is a piece of it, an object all of it.
    pub(crate) fn arguments(&self) -> String {
        match self.arguments.or(self.parameters).map(RawValue::get).unwrap_or_default() {
            json if json.starts_with('"') => serde_json::from_str(json).unwrap_or_default(),
            json => llmperf_sdk::compact_json(json),
        }
    }
}

/// Counts, and around them those of the cache.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tokens<'a> {
    #[serde(borrow)]
    tokens: Option<&'a RawValue>,
    cached_tokens: Number,
    input_tokens: Number,
    output_tokens: Number,
}

/// An object; serde would take an array for one, field by field.
fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    let json = raw.get();
    json.starts_with('{').then(|| serde_json::from_str(json).ok())?
}

/// One object or a list of them; what is neither is passed over.
fn one_or_more<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Vec<T> {
    let list: Vec<&RawValue> = match raw.get() {
        json if json.starts_with('[') => serde_json::from_str(json).unwrap_or_default(),
        _ => vec![raw],
    };
    list.into_iter().filter_map(object).collect()
}
