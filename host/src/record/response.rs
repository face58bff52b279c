//! What was understood of a response, and the record of a finished request.

use serde::{Deserialize, Serialize};

use crate::units::{RequestId, SessionId, Span, Stamp, Tokens};

/// One piece of meaning that a plugin found in an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Visible answer text.
    Text(String),
    /// Reasoning text, not part of the answer.
    Reasoning(String),
    /// A fragment of the tool call with this index: its name or argument text.
    ToolCall(u32, String),
    Refusal(String),
    Usage(Usage),
    /// The provider's own word for why it stopped.
    Finish(String),
    /// The response says that it failed.
    Failure(Failure),
    /// The protocol's own end marker.
    End,
    TokenIds(Vec<u32>),
    /// What the server says of its own time: name with unit suffix, value.
    ServerTiming(String, f64),
    /// An embedding arrived, with its number of dimensions.
    Embedding(u32),
}

/// A piece, and the event (its index within the batch) that it came with.
#[derive(Debug, Clone, PartialEq)]
pub struct Delta {
    pub event: usize,
    pub piece: Piece,
}

/// Token counts as the server reports them; `None` where it does not say. The last report of each field wins. What
/// `input_tokens` counts differs from API to API: [`Usage::prompt`] and [`Usage::cached`] are by one definition for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    pub input_tokens: Option<Tokens>,
    pub output_tokens: Option<Tokens>,
    pub cached_input_tokens: Option<Tokens>,
    pub cache_write_tokens: Option<Tokens>,
    pub reasoning_tokens: Option<Tokens>,
    /// The whole prompt, where that is not `input_tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<Tokens>,
    /// What of it came out of a cache, where the server says so among its times and not in its usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_cached_tokens: Option<Tokens>,
}

impl Usage {
    /// All tokens of the prompt, those of a cache included.
    pub fn prompt(&self) -> Option<Tokens> {
        self.prompt_tokens.or(self.input_tokens)
    }

    /// The tokens of the prompt that came out of a cache.
    pub fn cached(&self) -> Option<Tokens> {
        self.cached_input_tokens.or(self.prompt_cached_tokens)
    }

    /// Works out [`prompt`](Self::prompt) and [`cached`](Self::cached) once all is reported. With `cache_apart`, `input_tokens`
    /// leaves out what was read from a cache and what was written to it; without, it is the whole prompt, unless it is less
    /// than what was read. llama.cpp says among its times what was cached (`cache_n`) and what was computed (`prompt_n`).
    pub fn settle(&mut self, cache_apart: bool, timing: &[(String, f64)]) {
        let timed = |name: &str| {
            let (_, value) = timing.iter().find(|(known, _)| known == name)?;
            (value.is_finite() && *value >= 0.0).then_some(Tokens(*value as u64))
        };
        if self.cached_input_tokens.is_none() {
            self.prompt_cached_tokens = timed("cache_n");
        }
        let Some(input) = self.input_tokens else {
            let computed = timed("prompt_n");
            self.prompt_tokens = computed.and_then(|computed| Some(computed + self.cached()?));
            return;
        };
        let read = self.cached_input_tokens.unwrap_or_default();
        if cache_apart || read > input {
            self.prompt_tokens = Some(input + read + self.cache_write_tokens.unwrap_or_default());
        }
    }

    /// Takes over every field that `later` states.
    pub fn update(&mut self, later: Usage) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.cached_input_tokens = later.cached_input_tokens.or(self.cached_input_tokens);
        self.cache_write_tokens = later.cache_write_tokens.or(self.cache_write_tokens);
        self.reasoning_tokens = later.reasoning_tokens.or(self.reasoning_tokens);
    }
}

/// What kind of thing went wrong with one request. Each has a name of its own in the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The host name did not resolve.
    Dns,
    /// No connection: refused, unreachable, no local port.
    Connect,
    /// No connection within the connect deadline.
    ConnectTimeout,
    /// The TLS handshake failed.
    Tls,
    /// The connection was reset, or it was closed before the response head was complete.
    Reset,
    /// The request's total deadline passed.
    Timeout,
    /// The response head was not complete within the read deadline, or nothing arrived for longer than that.
    Stall,
    /// The server answered with a redirect, which is never followed.
    Redirect,
    /// The server answered with another status than success.
    HttpStatus,
    /// The answer was cut off: the connection was closed in mid-stream, or the stream ended inside an event, or with neither
    /// its end marker nor a finish reason.
    Truncated,
    /// The body breaks the rules of its framing (an eventstream checksum, a broken chunk).
    Protocol,
    /// An event or a body larger than the host accepts.
    TooLarge,
    /// The server reported an error inside a successful answer.
    ServerError,
    /// The answer could not be understood.
    BadResponse,
    /// A successful answer with no output and no reason given.
    EmptyResponse,
    /// The request has no content: its dataset is not what it was when it was checked.
    Workload,
    /// The plugin refused to build the request, or built one that the host refuses.
    PluginRequest,
    /// The plugin trapped.
    PluginTrap,
    /// The plugin passed its CPU or memory limit.
    PluginLimit,
    /// The plugin returned an error.
    PluginError,
}

impl FailureKind {
    /// Whether the plugin is to blame, rather than the target.
    pub fn is_plugin_fault(self) -> bool {
        matches!(
            self,
            FailureKind::PluginRequest
                | FailureKind::PluginTrap
                | FailureKind::PluginLimit
                | FailureKind::PluginError
        )
    }
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    /// The provider's own word, else the HTTP status; empty where there is neither.
    pub code: String,
    /// The server's or the host's message, trimmed to a bounded length.
    pub message: String,
    /// How long the server asked to wait.
    pub retry_after: Option<Span>,
}

impl Failure {
    /// A failure the host itself saw: no code, no advice.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure { kind, code: String::new(), message: message.into(), retry_after: None }
    }
}

/// A tool call, put together from its fragments: first the name, then the arguments as text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    pub index: u32,
    pub name: String,
    pub arguments: String,
    /// All that followed the first fragment could still be the rest of the name.
    #[serde(skip)]
    is_open: bool,
}

impl ToolCall {
    /// A call of which nothing has come.
    pub fn new(index: u32) -> ToolCall {
        ToolCall { index, is_open: true, ..ToolCall::default() }
    }

    /// Takes the next fragment. No mark parts the name from the arguments, and either may come in several. So the first
    /// one is the name, unless it begins as JSON does; those after it are the arguments, unless they look like a name and
    /// what follows them begins as JSON does: then they are the rest of the name.
    pub fn push(&mut self, fragment: &str) {
        let begins_json = fragment.trim_start().starts_with(['{', '[', '"']);
        if self.is_open && begins_json {
            self.name.push_str(&self.arguments);
            self.arguments.clear();
            self.is_open = false;
        } else if self.is_open && self.name.is_empty() {
            self.name.push_str(fragment);
            return;
        }
        self.is_open &= fragment.chars().all(is_of_names);
        self.arguments.push_str(fragment);
    }

    /// Name and arguments, joined: what the model wrote.
    pub fn text(&self) -> String {
        format!("{}{}", self.name, self.arguments)
    }
}

fn is_of_names(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.:/-".contains(c)
}

/// A response, once all of its events were decoded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Completion {
    /// Framed events, decoded or not.
    pub events: u64,
    /// Arrival of each event that carried text, reasoning or a tool call, in order; none where the answer was not streamed.
    pub token_events: Vec<Stamp>,
    /// The first event that carried visible text.
    pub first_output: Option<Stamp>,
    pub output: Output,
    pub usage: Usage,
    pub finish: Option<String>,
    /// An embedding arrived: an answer that has no output tokens.
    pub has_embedding: bool,
    /// The protocol's own end marker was seen.
    pub terminated: bool,
    /// It came as one JSON document, which its framing shows to be whole.
    pub whole: bool,
    pub failure: Option<Failure>,
}

/// The output itself. It is counted and then dropped unless the plan says to save it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Output {
    pub text: String,
    pub reasoning: String,
    pub refusal: String,
    pub tool_calls: Vec<ToolCall>,
    /// Name with unit suffix, last value; in order of first arrival.
    pub server_timing: Vec<(String, f64)>,
    /// Events that added visible text.
    pub content_events: u64,
    /// Where in `text` each of them ended. Kept only where the output is saved; a single one where a secret was crossed out.
    pub piece_ends: Vec<usize>,
}

impl Output {
    /// Whether there is text, reasoning or a tool call.
    pub fn has_token(&self) -> bool {
        let called = self.tool_calls.iter().any(|call| !call.name.is_empty() || !call.arguments.is_empty());
        called || !self.text.is_empty() || !self.reasoning.is_empty()
    }

    /// Whether the model said anything: that, or a refusal.
    pub fn is_said(&self) -> bool {
        self.has_token() || !self.refusal.is_empty()
    }

    /// Bytes of all its texts.
    pub fn bytes(&self) -> usize {
        let calls: usize = self.tool_calls.iter().map(|call| call.name.len() + call.arguments.len()).sum();
        let timings: usize = self.server_timing.iter().map(|(name, _)| name.len()).sum();
        self.text.len() + self.reasoning.len() + self.refusal.len() + calls + timings
    }

    /// How many tool calls and server timings there are.
    pub fn parts(&self) -> usize {
        self.tool_calls.len() + self.server_timing.len()
    }

    /// What each event added to the visible text.
    pub fn pieces(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.piece_ends.iter().copied());
        starts.zip(&self.piece_ends).map(|(start, &end)| self.text.get(start..end).unwrap_or_default())
    }
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    Failed(Failure),
    /// The run ended before the request did; it is neither a success nor an error.
    Cancelled,
}

/// Everything kept of one finished request. Latencies are derived from it, never stored.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestRecord {
    pub id: RequestId,
    /// The session it was a turn of; `None` where it was all of its session.
    pub session: Option<SessionId>,
    /// It came before the measured phase: it is in no count, rate or latency, and its tokens fill the window all the same.
    pub warmup: bool,
    /// The server's own name for the response (`x-request-id` and its kin).
    pub response_id: Option<String>,
    pub status: Option<u16>,

    pub due: Stamp,
    pub sent: Stamp,
    /// The request's own connection stood; `None` where it used one that was open already.
    pub connected: Option<Stamp>,
    pub headers: Option<Stamp>,
    /// Arrival of each event that carried text, reasoning or a tool call; none where the answer was not streamed.
    pub token_events: Vec<Stamp>,
    /// The first event that carried visible text.
    pub first_output: Option<Stamp>,
    pub end: Stamp,

    /// Framed events of the response.
    pub events: u64,
    /// Bytes of the response body.
    pub body_bytes: u64,
    pub isl_target: Tokens,
    /// Input tokens, local count.
    pub isl: Tokens,
    /// Output tokens, local count, reasoning included.
    pub osl: Tokens,
    /// Reasoning tokens, local count.
    pub reasoning: Tokens,
    pub max_tokens: Option<Tokens>,
    /// Both counts as the server says them.
    pub usage: Usage,
    pub finish: Option<String>,
    /// The protocol's own end marker was seen.
    pub terminated: bool,
    pub outcome: Outcome,
    /// Kept only where the plan says to save it.
    pub output: Option<Output>,
}

impl RequestRecord {
    /// The first event with non-empty text, reasoning or tool call.
    pub fn first_token(&self) -> Option<Stamp> {
        self.token_events.first().copied()
    }

    /// The last event with non-empty text, reasoning or tool call; the end, where the answer was not streamed.
    pub fn last_token(&self) -> Option<Stamp> {
        self.token_events.last().copied().or_else(|| (self.osl > Tokens(0)).then_some(self.end))
    }

    /// Whether the request succeeded.
    pub fn is_ok(&self) -> bool {
        self.outcome == Outcome::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_counted_with_what_a_cache_held_whatever_the_api_counts() {
        let usage = |input: Option<u64>, read: Option<u64>, written: Option<u64>| Usage {
            input_tokens: input.map(Tokens),
            cached_input_tokens: read.map(Tokens),
            cache_write_tokens: written.map(Tokens),
            ..Usage::default()
        };
        let check = |mut usage: Usage, apart, timing: &[(&str, f64)], expected: [Option<u64>; 2]| {
            let before = usage;
            usage.settle(apart, &timing.iter().map(|&(name, n)| (name.to_owned(), n)).collect::<Vec<_>>());
            assert_eq!([usage.prompt(), usage.cached()], expected.map(|n| n.map(Tokens)), "{before:?}");
            assert_eq!(usage.input_tokens, before.input_tokens);
        };
        // OpenAI's and Anthropic's word for the same.
        check(usage(Some(121), Some(116), None), false, &[], [Some(121), Some(116)]);
        check(usage(Some(5), Some(116), Some(0)), true, &[], [Some(121), Some(116)]);
        check(usage(Some(5), Some(100), Some(16)), true, &[], [Some(121), Some(100)]);
        check(usage(Some(121), None, None), true, &[], [Some(121), None]);
        // Less than what a cache held cannot be all.
        check(usage(Some(5), Some(116), None), false, &[], [Some(121), Some(116)]);
        let timing = [("prompt_n", 5.0), ("cache_n", 116.0)];
        check(usage(Some(121), None, None), false, &timing, [Some(121), Some(116)]);
        check(usage(None, None, None), false, &timing, [Some(121), Some(116)]);
        check(usage(None, None, None), false, &[("prompt_n", 5.0)], [None, None]);
        check(usage(Some(5), None, None), false, &[("cache_n", f64::NAN)], [Some(5), None]);
    }

    #[test]
    fn a_tool_call_is_parted_into_name_and_arguments() {
        let check = |fragments: &[&str], name: &str, arguments: &str| {
            let mut call = ToolCall::new(0);
            fragments.iter().for_each(|fragment| call.push(fragment));
            assert_eq!((call.name.as_str(), call.arguments.as_str()), (name, arguments), "{fragments:?}");
            assert_eq!(call.text(), fragments.concat());
        };
        check(&[], "", "");
        check(&["f"], "f", "");
        check(&["f", "", "{\"a\":", "1}"], "f", "{\"a\":1}");
        check(&["", "f", " {", "}"], "f", " {}");
        check(&["get_", "time", "{}", "{}"], "get_time", "{}{}");
        check(&["look up", "{}"], "look up", "{}");
        // No name came.
        check(&["{\"a\":1}", "b"], "", "{\"a\":1}b");
        // Arguments that are no JSON.
        check(&["shell", "ls", " -l", "[ab]*"], "shell", "ls -l[ab]*");
        check(&["f", "4", "2"], "f", "42");
    }
}
