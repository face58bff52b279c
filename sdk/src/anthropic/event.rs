//! One event as it comes over the wire. Every event of a stream, a whole message and a completion of the API before it
//! fit into one struct: they share no field that means different things.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Usage;
use crate::lenient::{List, Number, Object, Text};

/// An event of a stream, or a whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MessageEvent<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Text<'a>,
    /// Of the block.
    pub(super) index: Number,
    pub(super) delta: Object<Block<'a>>,
    pub(super) content_block: Option<&'a RawValue>,
    /// `message_start`: a message. In a flat error: its text.
    pub(super) message: Option<&'a RawValue>,
    pub(super) usage: Option<&'a RawValue>,
    /// Of a whole message.
    content: Option<&'a RawValue>,
    stop_reason: Text<'a>,
    /// The API before messages: `/v1/complete`.
    pub(super) completion: Text<'a>,
    pub(super) error: Option<&'a RawValue>,
    detail: Option<&'a RawValue>,
    /// Bedrock, on the last event.
    #[serde(rename = "amazon-bedrock-invocationMetrics")]
    pub(super) invocation: Option<&'a RawValue>,
}

impl<'a> MessageEvent<'a> {
    /// Whether this is, or has beside its meaning, an error.
    pub(super) fn is_error(&self) -> bool {
        let nested = self.error.is_some_and(|error| !matches!(error.get(), "\"\"" | "{}" | "false"));
        let text = |field: Option<&RawValue>| field.is_some_and(|raw| raw.get().starts_with('"'));
        nested || *self.kind == *"error" || text(self.message) || text(self.detail)
    }

    /// What a message says where it is the event itself.
    pub(super) fn take_message(&mut self) -> Message<'a> {
        Message {
            content: self.content,
            stop_reason: std::mem::take(&mut self.stop_reason),
            usage: self.usage,
        }
    }
}

/// A message: whole, or empty where a stream begins with it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    pub(super) stop_reason: Text<'a>,
    pub(super) usage: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    /// Reads the message of `message_start`; what is not an object says nothing.
    pub(super) fn read(raw: &'a RawValue) -> Message<'a> {
        object(raw)
    }

    pub(super) fn blocks(&self) -> Vec<Block<'a>> {
        let content = self.content.map(|raw| serde_json::from_str::<List<Object<Block<'a>>>>(raw.get()));
        let blocks = content.and_then(Result::ok).unwrap_or_default().0;
        blocks.into_iter().map(|block| block.0.unwrap_or_default()).collect()
    }
}

/// A block of a message; or what `content_block_delta` adds to one, and `message_delta` to the message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Text<'a>,
    pub(super) text: Text<'a>,
    pub(super) thinking: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) input: Option<&'a RawValue>,
    pub(super) partial_json: Text<'a>,
    pub(super) stop_reason: Text<'a>,
}

impl<'a> Block<'a> {
    /// Reads the block of `content_block_start`; what is not an object says nothing.
    pub(super) fn read(raw: &'a RawValue) -> Block<'a> {
        object(raw)
    }

    /// `tool_use`, `server_tool_use`, `mcp_tool_use`: the model wrote all of them.
    pub(super) fn is_tool_use(&self) -> bool {
        self.kind.ends_with("tool_use")
    }
}

/// `usage`, what is within it, and `amazon-bedrock-invocationMetrics`, whose times are in milliseconds. No two of them mean
/// different things by one name.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Report<'a> {
    #[serde(alias = "inputTokenCount")]
    input_tokens: Number,
    #[serde(alias = "outputTokenCount")]
    output_tokens: Number,
    #[serde(alias = "cacheReadInputTokenCount")]
    cache_read_input_tokens: Number,
    #[serde(alias = "cacheWriteInputTokenCount")]
    cache_creation_input_tokens: Number,
    #[serde(borrow)]
    output_tokens_details: Option<&'a RawValue>,
    thinking_tokens: Number,
    #[serde(rename = "invocationLatency")]
    invocation_latency: Number,
    #[serde(rename = "firstByteLatency")]
    first_byte_latency: Number,
}

impl<'a> Report<'a> {
    /// What is not an object says nothing.
    pub(super) fn read(raw: &'a RawValue) -> Report<'a> {
        object(raw)
    }

    /// Token counts. `input_tokens` is without those read from the cache or written to it, and stays so.
    pub(super) fn usage(&self) -> Usage {
        let details = self.output_tokens_details.map(Report::read).unwrap_or_default();
        Usage {
            input_tokens: self.input_tokens.count(),
            output_tokens: self.output_tokens.count(),
            cached_input_tokens: self.cache_read_input_tokens.count(),
            cache_write_tokens: self.cache_creation_input_tokens.count(),
            reasoning_tokens: details.thinking_tokens.count(),
        }
    }

    pub(super) fn times(&self) -> impl Iterator<Item = (&'static str, f64)> {
        [
            ("invocation_latency_ms", self.invocation_latency),
            ("first_byte_latency_ms", self.first_byte_latency),
        ]
        .into_iter()
        .filter_map(|(name, number)| Some((name, number.0?)))
    }
}

fn object<'a, T: Deserialize<'a> + Default>(raw: &'a RawValue) -> T {
    serde_json::from_str::<Object<T>>(raw.get()).unwrap_or_default().0.unwrap_or_default()
}
