//! WIT values to the program's own types and back. Nothing here trusts what a guest returned.

use super::bindings::exports::llmperf::plugin::api;
use crate::record::{BuiltRequest, Delta, Failure, FailureKind, Framing, Head, Piece, RequestSpec, Usage};
use crate::units::{Span, Tokens};

/// The task of a conversation.
const CHAT: &str = "chat";
/// The task of a text that goes on.
const COMPLETION: &str = "completion";
/// The task whose input is texts, and whose answer has no output.
const EMBEDDING: &str = "embedding";

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// The API's name.
    pub name: String,
    /// The plugin's own version.
    pub version: String,
    /// One line for people.
    pub summary: String,
    pub tasks: Vec<String>,
    pub options: Vec<OptionSpec>,
    /// Providers it brings along, as TOML in the form of `providers.toml`; usable once it is installed.
    pub providers: Option<String>,
}

impl Description {
    /// What the plugin is asked to do: a conversation where it can hold one, else the first thing it names.
    pub fn task(&self) -> &str {
        let chat = self.tasks.iter().find(|task| *task == CHAT);
        chat.or(self.tasks.first()).map_or(CHAT, String::as_str)
    }

    /// Whether what it is asked for is text: an answer without any is empty then.
    pub fn answers_in_text(&self) -> bool {
        matches!(self.task(), CHAT | COMPLETION)
    }
}

/// One knob of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionSpec {
    pub name: String,
    pub kind: OptionKind,
    /// Environment variables that may fill it, in order.
    pub env: Vec<String>,
    pub default: Option<String>,
    pub required: bool,
    pub help: String,
}

/// What an option's value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKind {
    String,
    Integer,
    Number,
    Boolean,
    Json,
}

impl OptionKind {
    /// The contract's word.
    pub fn word(self) -> &'static str {
        match self {
            OptionKind::String => "string",
            OptionKind::Integer => "integer",
            OptionKind::Number => "number",
            OptionKind::Boolean => "boolean",
            OptionKind::Json => "json",
        }
    }

    /// Whether a value is of this kind.
    pub fn fits(self, value: &str) -> bool {
        match self {
            OptionKind::String => true,
            OptionKind::Integer => value.parse::<i64>().is_ok(),
            OptionKind::Number => value.parse::<f64>().is_ok_and(f64::is_finite),
            OptionKind::Boolean => matches!(value, "true" | "false"),
            OptionKind::Json => serde_json::from_str::<serde_json::Value>(value).is_ok(),
        }
    }
}

/// What of the plan goes into every request.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub task: &'a str,
    pub model: &'a str,
    pub stream: bool,
    /// JSON object text.
    pub sampling: &'a str,
    pub options: &'a [(String, String)],
}

pub(super) fn description(guest: api::Description) -> Result<Description, String> {
    let name_is_plain = !guest.name.is_empty()
        && guest.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !name_is_plain {
        return Err(format!("its name {:?} is not of lower-case letters, digits and dashes", guest.name));
    }
    let options = guest.options.into_iter().map(option_spec).collect::<Result<_, _>>()?;
    Ok(Description {
        name: guest.name,
        version: guest.version,
        summary: guest.summary,
        tasks: guest.tasks,
        options,
        providers: guest.providers,
    })
}

fn option_spec(guest: api::OptionSpec) -> Result<OptionSpec, String> {
    let kind = match guest.kind.as_str() {
        "string" => OptionKind::String,
        "integer" => OptionKind::Integer,
        "number" => OptionKind::Number,
        "boolean" => OptionKind::Boolean,
        "json" => OptionKind::Json,
        other => return Err(format!("its option {:?} is of the unknown kind {other:?}", guest.name)),
    };
    Ok(OptionSpec {
        name: guest.name,
        kind,
        env: guest.env,
        default: guest.default,
        required: guest.required,
        help: guest.help,
    })
}

/// Hands the guest's view of `spec` to `call`: WIT parameters borrow, so the lists they borrow from live here.
pub(super) fn with_spec<T>(
    spec: &RequestSpec,
    context: &Context<'_>,
    call: impl FnOnce(api::RequestSpec<'_>) -> T,
) -> T {
    let parts: Vec<_> = spec.messages.iter().map(|message| [api::Part::Text(&message.text)]).collect();
    let messages: Vec<_> = spec
        .messages
        .iter()
        .zip(&parts)
        .map(|(message, parts)| api::Message { role: &message.role, parts })
        .collect();
    let texts: Vec<_> =
        spec.messages.iter().map(|message| message.text.as_str()).filter(|text| !text.is_empty()).collect();
    let options: Vec<_> =
        context.options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    call(api::RequestSpec {
        task: context.task,
        model: context.model,
        stream: context.stream,
        input: match context.task {
            EMBEDDING => api::Input::Texts(&texts),
            _ => api::Input::Messages(&messages),
        },
        max_tokens: spec.max_tokens.map(|n| u32::try_from(n.0).unwrap_or(u32::MAX)),
        sampling: context.sampling,
        options: &options,
    })
}

pub(super) fn built(guest: api::HttpRequest) -> BuiltRequest {
    BuiltRequest {
        method: guest.method,
        path: guest.path,
        query: guest.query,
        headers: guest.headers.into_iter().map(|h| (h.name, h.value)).collect(),
        body: guest.body,
        framing: guest.framing.into_iter().map(framing).collect(),
    }
}

fn framing(guest: api::Framing) -> Framing {
    match guest {
        api::Framing::Sse => Framing::Sse,
        api::Framing::Ndjson => Framing::Ndjson,
        api::Framing::AwsEventStream => Framing::AwsEventStream,
        api::Framing::JsonArray => Framing::JsonArray,
        api::Framing::Body => Framing::Body,
    }
}

/// Hands the guest's view of a response head to `call`. A header value that is no text shows as empty.
pub(super) fn with_head<T>(head: &Head, call: impl FnOnce(api::ResponseHead<'_>) -> T) -> T {
    let headers: Vec<_> = head
        .headers
        .iter()
        .map(|(name, value)| api::HeaderParam {
            name: name.as_str(),
            value: std::str::from_utf8(value.as_bytes()).unwrap_or_default(),
        })
        .collect();
    call(api::ResponseHead { status: head.status.as_u16(), headers: &headers })
}

/// `events`: how many events the call was given; a delta that names another one breaks the contract.
pub(super) fn deltas(guest: Vec<api::Delta>, events: usize) -> Result<Vec<Delta>, String> {
    guest
        .into_iter()
        .map(|delta| {
            let event = delta.event as usize;
            if event >= events {
                return Err(format!("it answered for event {event} of {events}"));
            }
            Ok(Delta { event, piece: piece(delta.piece) })
        })
        .collect()
}

fn piece(guest: api::Piece) -> Piece {
    match guest {
        api::Piece::Text(text) => Piece::Text(text),
        api::Piece::Reasoning(text) => Piece::Reasoning(text),
        api::Piece::ToolCall((index, text)) => Piece::ToolCall(index, text),
        api::Piece::Refusal(text) => Piece::Refusal(text),
        api::Piece::Usage(usage) => Piece::Usage(Usage {
            input_tokens: usage.input_tokens.map(Tokens),
            output_tokens: usage.output_tokens.map(Tokens),
            cached_input_tokens: usage.cached_input_tokens.map(Tokens),
            cache_write_tokens: usage.cache_write_tokens.map(Tokens),
            reasoning_tokens: usage.reasoning_tokens.map(Tokens),
            ..Usage::default()
        }),
        api::Piece::Finish(word) => Piece::Finish(word),
        api::Piece::Failure(guest) => {
            let kind = match &*guest.code {
                // The SDK's words for what the plugin could not read, and for an answer that lacks its end.
                "bad_response" => FailureKind::BadResponse,
                "truncated" => FailureKind::Truncated,
                _ => FailureKind::ServerError,
            };
            Piece::Failure(failure(kind, guest))
        }
        api::Piece::End => Piece::End,
        api::Piece::TokenIds(ids) => Piece::TokenIds(ids),
        api::Piece::ServerTiming((name, value)) => Piece::ServerTiming(name, value),
        api::Piece::Embedding(dimensions) => Piece::Embedding(dimensions),
    }
}

pub(super) fn failure(kind: FailureKind, guest: api::Failure) -> Failure {
    Failure {
        kind,
        code: guest.code,
        message: guest.message,
        retry_after: guest.retry_after_ms.map(|ms| Span(ms.saturating_mul(1_000_000))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_asked_to_chat_where_it_can_else_what_it_names_first() {
        let check = |tasks: &[&str], expected: &str| {
            let tasks = tasks.iter().map(|&task| task.to_owned()).collect();
            assert_eq!(Description { tasks, ..Description::default() }.task(), expected);
        };
        check(&["embedding", "chat"], "chat");
        check(&["completion", "embedding"], "completion");
        check(&[], "chat");
    }
}
