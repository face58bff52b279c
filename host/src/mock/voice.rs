//! The words of an API around the mock's tokens: made once for a request, so that an event is three copies.

use super::chat;
use super::messages;

/// The two APIs the mock speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    /// OpenAI chat completions.
    Chat,
    /// Anthropic messages.
    Messages,
}

/// What an answer says besides its words.
#[derive(Debug, Clone)]
pub(super) struct Facts<'a> {
    pub(super) id: &'a str,
    pub(super) model: &'a str,
    /// Seconds since 1970.
    pub(super) created: u64,
    pub(super) prompt_tokens: u64,
    pub(super) tokens: u64,
    /// How many of `tokens` are reasoning.
    pub(super) reasoning: u64,
    /// Whether the answer ends because its tokens ran out.
    pub(super) cut_by_limit: bool,
    pub(super) usage: bool,
}

/// The bytes of a streamed answer, but for its words. All SSE, each event with the blank line that ends it.
#[derive(Debug)]
pub(super) struct Voice {
    /// The events before the first token: they name the role and carry no text.
    pub(super) opening: Vec<u8>,
    /// Whether nothing at all may come before `opening`.
    pub(super) opening_comes_first: bool,
    pub(super) reasoning: Around,
    /// Events between reasoning and text.
    pub(super) between: Vec<u8>,
    pub(super) text: Around,
    /// The events after the last token: finish reason and usage.
    pub(super) closing: Vec<u8>,
    /// The end marker.
    pub(super) done: &'static [u8],
}

/// What stands before and after the words of one event.
#[derive(Debug)]
pub(super) struct Around {
    pub(super) before: Vec<u8>,
    pub(super) after: Vec<u8>,
}

/// An event whose data is not JSON, though it begins like it.
pub(super) const MALFORMED: &[u8] = b"data: {\"choices\":[{\"delta\":{\"content\":not json\n\n";

/// A body that is JSON, but no answer of either API.
pub(super) const STRAY_JSON: &str = "{\"status\":\"ok\",\"queue\":[]}";

/// A page as a captive portal or a gateway sends it.
pub(super) const HTML: &str =
    "<html>\n<head><title>Please log in</title></head>\n<body><h1>Please log in</h1></body>\n</html>\n";

impl Api {
    /// The id of request `n`, in this API's form.
    pub(super) fn id(self, n: u64) -> String {
        match self {
            Api::Chat => format!("chatcmpl-mock-{n}"),
            Api::Messages => format!("msg_mock_{n}"),
        }
    }

    pub(super) fn voice(self, facts: &Facts<'_>) -> Voice {
        match self {
            Api::Chat => chat::voice(facts),
            Api::Messages => messages::voice(facts),
        }
    }

    /// The body of an answer that is not streamed.
    pub(super) fn whole(self, facts: &Facts<'_>, reasoning: &str, text: &str) -> String {
        match self {
            Api::Chat => chat::whole(facts, reasoning, text),
            Api::Messages => messages::whole(facts, reasoning, text),
        }
    }

    /// The body of an error answer.
    pub(super) fn error(self, status: u16, message: &str) -> String {
        match self {
            Api::Chat => chat::error(status, message),
            Api::Messages => messages::error(status, message),
        }
    }

    /// An error inside a stream.
    pub(super) fn error_event(self) -> String {
        const MESSAGE: &str = "The server had an error while processing your request";
        match self {
            Api::Chat => format!("data: {}\n\n", chat::error(500, MESSAGE)),
            Api::Messages => format!("event: error\ndata: {}\n\n", messages::error(529, "Overloaded")),
        }
    }
}

/// `text` as a JSON string, quotes included.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
