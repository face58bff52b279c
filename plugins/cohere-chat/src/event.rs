//! The wire form of an event of both generations, and of an answer that was not streamed.

use std::borrow::Cow;

use llmperf_sdk::Usage;
use llmperf_sdk::lenient::{List, Number, Object, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

/// An event of v2 (`type`), of v1 (`event_type`), or a whole answer of either (neither).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ChatEvent<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    event_type: Text<'a>,
    pub(crate) index: Number,
    pub(crate) delta: Object<Delta<'a>>,
    pub(crate) text: Text<'a>,
    is_finished: Option<&'a RawValue>,
    pub(crate) tool_call_delta: Object<Call<'a>>,
    /// The answer once more, in the event that ends a stream of v1.
    pub(crate) response: Object<Answer<'a>>,
    /// What a whole answer of v2 says. In an error it is text.
    pub(crate) message: Object<Message<'a>>,
    pub(crate) tool_calls: Option<&'a RawValue>,
    pub(crate) finish_reason: Text<'a>,
    pub(crate) usage: Object<Tokens>,
    pub(crate) meta: Object<Tokens>,
    pub(crate) error: Option<&'a RawValue>,
}

impl ChatEvent<'_> {
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
pub(crate) struct Delta<'a> {
    #[serde(borrow)]
    pub(crate) message: Object<Message<'a>>,
    pub(crate) finish_reason: Text<'a>,
    pub(crate) usage: Object<Tokens>,
    pub(crate) error: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Message<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    pub(crate) tool_calls: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
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

/// A tool call: v2 has OpenAI's form, v1 its own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Call<'a> {
    #[serde(borrow)]
    function: Object<Function<'a>>,
    pub(crate) index: Number,
    name: Text<'a>,
    parameters: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Function<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    arguments: Option<&'a RawValue>,
}

impl Call<'_> {
    pub(crate) fn name(&self) -> &str {
        self.function.0.as_ref().map_or(&*self.name.0, |function| &*function.name.0)
    }

    /// The arguments as text: a string is a piece of it, an object all of it.
    pub(crate) fn arguments(&self) -> String {
        let raw = match &self.function.0 {
            Some(function) => function.arguments,
            None => self.parameters,
        };
        match raw.map(RawValue::get).unwrap_or_default() {
            json if json.starts_with('"') => serde_json::from_str(json).unwrap_or_default(),
            json => llmperf_sdk::compact_json(json),
        }
    }
}

/// The answer of v1.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Answer<'a> {
    #[serde(borrow)]
    pub(crate) text: Text<'a>,
    pub(crate) finish_reason: Text<'a>,
    pub(crate) tool_calls: Option<&'a RawValue>,
    pub(crate) meta: Object<Tokens>,
}

/// `usage` of v2 and `meta` of v1. What is billed beside it counts something else.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tokens {
    tokens: Object<Counts>,
    cached_tokens: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Counts {
    input_tokens: Number,
    output_tokens: Number,
}

impl From<&Tokens> for Usage {
    fn from(tokens: &Tokens) -> Usage {
        let counts = tokens.tokens.0.as_ref();
        Usage {
            input_tokens: counts.and_then(|counts| counts.input_tokens.count()),
            output_tokens: counts.and_then(|counts| counts.output_tokens.count()),
            cached_input_tokens: tokens.cached_tokens.count(),
            ..Usage::default()
        }
    }
}

/// One thing or a list of them; what is neither, or not a `T`, is passed over.
pub(crate) fn one_or_more<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Vec<T> {
    match raw.get() {
        json if json.starts_with('[') => {
            let list: List<Object<T>> = serde_json::from_str(json).unwrap_or_default();
            list.0.into_iter().filter_map(|item| item.0).collect()
        }
        json => serde_json::from_str::<Object<T>>(json).ok().and_then(|item| item.0).into_iter().collect(),
    }
}
