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
    pub(super) delta: Object<Delta<'a>>,
    pub(super) content_block: Object<Block<'a>>,
    /// `message_start`: a message. In a flat error: its text.
    pub(super) message: Option<&'a RawValue>,
    pub(super) usage: Object<Report>,
    /// Of a whole message.
    content: List<Object<Block<'a>>>,
    stop_reason: Text<'a>,
    /// The API before messages: `/v1/complete`.
    pub(super) completion: Text<'a>,
    pub(super) error: Option<&'a RawValue>,
    detail: Option<&'a RawValue>,
    /// Bedrock, on the last event.
    #[serde(rename = "amazon-bedrock-invocationMetrics")]
    pub(super) invocation: Object<Invocation>,
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
            content: std::mem::take(&mut self.content),
            stop_reason: std::mem::take(&mut self.stop_reason),
            usage: std::mem::take(&mut self.usage),
        }
    }
}

/// A message: whole, or empty where a stream begins with it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) content: List<Object<Block<'a>>>,
    pub(super) stop_reason: Text<'a>,
    pub(super) usage: Object<Report>,
}

impl<'a> Message<'a> {
    /// Reads the message of `message_start`; what is not an object says nothing.
    pub(super) fn read(raw: &'a RawValue) -> Message<'a> {
        serde_json::from_str::<Object<Message<'a>>>(raw.get()).unwrap_or_default().0.unwrap_or_default()
    }
}

/// A block of a message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Text<'a>,
    pub(super) text: Text<'a>,
    pub(super) thinking: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) input: Option<&'a RawValue>,
}

impl Block<'_> {
    /// `tool_use`, `server_tool_use`, `mcp_tool_use`: the model wrote all of them.
    pub(super) fn is_tool_use(&self) -> bool {
        self.kind.ends_with("tool_use")
    }
}

/// What `content_block_delta` adds to a block, or `message_delta` to the message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Text<'a>,
    pub(super) text: Text<'a>,
    pub(super) thinking: Text<'a>,
    pub(super) partial_json: Text<'a>,
    pub(super) stop_reason: Text<'a>,
}

/// `usage`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Report {
    input_tokens: Number,
    output_tokens: Number,
    cache_read_input_tokens: Number,
    cache_creation_input_tokens: Number,
    output_tokens_details: Object<OutputDetails>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: Number,
}

impl Report {
    /// Token counts. `input_tokens` is without those read from the cache or written to it, and stays so.
    pub(super) fn usage(&self) -> Usage {
        Usage {
            input_tokens: self.input_tokens.count(),
            output_tokens: self.output_tokens.count(),
            cached_input_tokens: self.cache_read_input_tokens.count(),
            cache_write_tokens: self.cache_creation_input_tokens.count(),
            reasoning_tokens: self
                .output_tokens_details
                .0
                .as_ref()
                .and_then(|details| details.thinking_tokens.count()),
        }
    }
}

/// `amazon-bedrock-invocationMetrics`. Times are in milliseconds.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Invocation {
    input_token_count: Number,
    output_token_count: Number,
    cache_read_input_token_count: Number,
    cache_write_input_token_count: Number,
    invocation_latency: Number,
    first_byte_latency: Number,
}

impl Invocation {
    pub(super) fn usage(&self) -> Usage {
        Usage {
            input_tokens: self.input_token_count.count(),
            output_tokens: self.output_token_count.count(),
            cached_input_tokens: self.cache_read_input_token_count.count(),
            cache_write_tokens: self.cache_write_input_token_count.count(),
            reasoning_tokens: None,
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
