//! A request before it is sent.

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::units::{RequestId, SessionId, Tokens};

/// What the workload wants asked: content, not yet any API's payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSpec {
    pub id: RequestId,
    /// The session it is a turn of; `None` where it is all of its session.
    pub session: Option<SessionId>,
    /// The conversation, in order.
    pub messages: Vec<Message>,
    /// Input tokens the workload aimed at.
    pub isl_target: Tokens,
    /// Input tokens of the prompt as the local tokenizer counts them, without BOS and EOS.
    pub isl: Tokens,
    /// The most output tokens to ask for; `None` leaves it to the target.
    pub max_tokens: Option<Tokens>,
}

impl RequestSpec {
    /// What of it goes into the record.
    pub fn info(&self) -> RequestInfo {
        RequestInfo {
            id: self.id,
            session: self.session,
            isl_target: self.isl_target,
            isl: self.isl,
            max_tokens: self.max_tokens,
        }
    }
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The API's word: `system`, `user`, `assistant`.
    pub role: String,
    pub text: String,
}

/// A request as a plugin built it: relative, without credential, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltRequest {
    pub method: String,
    /// Path segments under the provider's base URL, not encoded.
    pub path: Vec<String>,
    /// Query pairs, not encoded.
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// How to cut the response; nested from the outside in.
    pub framing: Vec<Framing>,
}

/// A request ready to go on the wire: what the plugin built, under the provider's base URL, with its credential.
#[derive(Debug, Clone)]
pub struct PreparedRequest {
    pub info: RequestInfo,
    pub method: Method,
    pub url: Url,
    /// Credentials among them are marked sensitive.
    pub headers: HeaderMap,
    pub body: Bytes,
    /// How to cut the response; nested from the outside in, never empty.
    pub framing: Vec<Framing>,
}

/// What goes on the wire in place of a prepared request's URL and headers: the same with the credentials that are put on
/// when it is sent. It is neither kept nor shown.
pub struct Outgoing {
    pub url: Url,
    pub headers: HeaderMap,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").finish_non_exhaustive()
    }
}

/// What of a request goes into its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestInfo {
    pub id: RequestId,
    pub session: Option<SessionId>,
    pub isl_target: Tokens,
    pub isl: Tokens,
    pub max_tokens: Option<Tokens>,
}

/// How a response body is cut into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// `text/event-stream`, by the WHATWG rules.
    Sse,
    /// One event per non-blank line.
    Ndjson,
    /// `application/vnd.amazon.eventstream`, CRC checked.
    AwsEventStream,
    /// The elements of one top-level JSON array, as they complete.
    JsonArray,
    /// One event: the whole body.
    Body,
}
