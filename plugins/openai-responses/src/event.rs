//! The wire form of an event, of the response it may hold, and of a response that was not streamed.

use llmperf_sdk::Usage;
use llmperf_sdk::lenient::{List, Number, Object, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StreamEvent<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Text<'a>,
    pub(crate) delta: Text<'a>,
    pub(crate) output_index: Number,
    pub(crate) item_id: Text<'a>,
    pub(crate) item: Object<Item<'a>>,
    pub(crate) response: Object<Response<'a>>,
    pub(crate) error: Option<&'a RawValue>,
    /// `response` where the event is a response that was not streamed.
    pub(crate) object: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Response<'a> {
    #[serde(borrow)]
    pub(crate) status: Text<'a>,
    incomplete_details: Object<Incomplete<'a>>,
    pub(crate) error: Option<&'a RawValue>,
    pub(crate) output: List<Object<Item<'a>>>,
    pub(crate) usage: Object<ResponseUsage>,
}

impl Response<'_> {
    /// Why it ended: the reason where it is not complete, else its status.
    pub(crate) fn finish(&self) -> &str {
        let reason = self.incomplete_details.0.as_ref().map_or("", |details| &*details.reason.0);
        if reason.is_empty() { &self.status.0 } else { reason }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Incomplete<'a> {
    #[serde(borrow)]
    reason: Text<'a>,
}

/// A piece of the output: a message, reasoning, a call of a tool.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Item<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    #[serde(rename = "type")]
    pub(crate) kind: Text<'a>,
    pub(crate) content: List<Object<ContentPart<'a>>>,
    pub(crate) summary: List<Object<ContentPart<'a>>>,
    name: Text<'a>,
    arguments: Text<'a>,
    input: Text<'a>,
}

impl Item<'_> {
    /// The name and the argument text of a tool call; `None` where the item is none.
    pub(crate) fn call(&self) -> Option<(&str, &str)> {
        match &*self.kind.0 {
            "function_call" | "mcp_call" => Some((&self.name.0, &self.arguments.0)),
            "custom_tool_call" => Some((&self.name.0, &self.input.0)),
            _ => None,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ContentPart<'a> {
    #[serde(borrow)]
    pub(crate) text: Text<'a>,
    pub(crate) refusal: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ResponseUsage {
    input_tokens: Number,
    output_tokens: Number,
    input_tokens_details: Object<Details>,
    output_tokens_details: Object<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Number,
    cache_write_tokens: Number,
    reasoning_tokens: Number,
}

impl From<&ResponseUsage> for Usage {
    fn from(usage: &ResponseUsage) -> Usage {
        let input = usage.input_tokens_details.0.as_ref();
        let output = usage.output_tokens_details.0.as_ref();
        Usage {
            input_tokens: usage.input_tokens.count(),
            output_tokens: usage.output_tokens.count(),
            cached_input_tokens: input.and_then(|details| details.cached_tokens.count()),
            cache_write_tokens: input.and_then(|details| details.cache_write_tokens.count()),
            reasoning_tokens: output.and_then(|details| details.reasoning_tokens.count()),
        }
    }
}
