//! What the transport saw of one request: bytes and instants, not yet understood.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::header::CONTENT_ENCODING;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::{Failure, PreparedRequest, RequestInfo};
use crate::units::{RequestId, Stamp};

/// Bytes of a response body and the arrival of each read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// The bytes of all reads, joined.
    pub bytes: Vec<u8>,
    /// Arrival of each read, and where it ends in `bytes`.
    pub ends: Vec<(Stamp, usize)>,
}

impl Reads {
    /// Keeps one read. Called in the read loop: it copies and returns.
    #[inline]
    pub fn push(&mut self, at: Stamp, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push((at, self.bytes.len()));
    }

    /// Each read with its arrival, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Stamp, &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |&(at, end)| {
            let bytes = &self.bytes[start..end];
            start = end;
            (at, bytes)
        })
    }
}

/// The head of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub status: StatusCode,
    pub headers: HeaderMap,
}

/// Content codings that make a body unreadable. Others are slips for `identity`, such as `utf-8`.
const COMPRESSIONS: [&str; 9] =
    ["gzip", "x-gzip", "br", "zstd", "deflate", "compress", "x-compress", "dcb", "dcz"];

impl Head {
    /// The compression that the head claims for the body. None is ever asked for, and none is undone.
    pub fn compression(&self) -> Option<&'static str> {
        let codings =
            self.headers.get_all(CONTENT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
        let mut codings = codings.flat_map(|value| value.split(',')).map(str::trim);
        codings.find_map(|coding| COMPRESSIONS.into_iter().find(|known| known.eq_ignore_ascii_case(coding)))
    }
}

/// How the exchange ended, as far as HTTP goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transfer {
    /// The body came whole, as its framing on the connection says.
    Complete,
    /// The connection, the protocol or a deadline failed.
    Failed(Failure),
    /// The run ended before the request did.
    Cancelled,
    /// The decoder saw no use in reading on; what it says of the response holds.
    Abandoned,
}

/// When a request was to start, and as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// When the arrival process wanted the request to start.
    pub due: Stamp,
    /// It comes before the measured phase.
    pub warmup: bool,
}

/// Everything the transport saw of one request that has ended.
#[derive(Debug, Clone)]
pub struct Trace {
    pub request: Arc<PreparedRequest>,
    pub start: Start,
    /// Just before the request was handed to the HTTP client.
    pub sent: Stamp,
    /// The request's own connection stood; `None` where it used one that was open already.
    pub connected: Option<Stamp>,
    /// The response head, with its arrival.
    pub head: Option<(Stamp, Arc<Head>)>,
    /// What was read and not handed over in a [`Part`] before.
    pub reads: Reads,
    /// End of the body, or of the attempt.
    pub end: Stamp,
    pub transfer: Transfer,
}

/// A piece of a response that still runs, handed over early so that a long stream needs bounded memory.
#[derive(Debug, Clone)]
pub struct Part {
    pub request: Arc<PreparedRequest>,
    pub head: Arc<Head>,
    pub reads: Reads,
    /// Set by the decoder once nothing that follows can change the completion.
    pub abandon: Arc<AtomicBool>,
}

/// What the transport hands to a decoder: any number of parts of a response, then its end.
#[derive(Debug, Clone)]
pub enum Exchange {
    Part(Part),
    End(Box<Trace>),
    /// In place of a response: the request could not be built.
    Unsent(Unsent),
}

/// A request that was due and could not be built. It counts as sent and failed at once.
#[derive(Debug, Clone)]
pub struct Unsent {
    pub info: RequestInfo,
    pub start: Start,
    /// When it would have been sent.
    pub sent: Stamp,
    pub failure: Failure,
}

impl Exchange {
    /// The request it belongs to.
    pub fn id(&self) -> RequestId {
        match self {
            Exchange::Part(part) => part.request.info.id,
            Exchange::End(trace) => trace.request.info.id,
            Exchange::Unsent(unsent) => unsent.info.id,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_compression_is_known_by_its_header_and_a_slip_is_none() {
        let check = |values: &[&'static str], expected: Option<&str>| {
            let mut head = Head { status: StatusCode::OK, headers: HeaderMap::new() };
            for value in values {
                head.headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            assert_eq!(head.compression(), expected, "{values:?}");
        };
        check(&[], None);
        check(&["identity"], None);
        check(&["utf-8"], None);
        check(&["GZip"], Some("gzip"));
        check(&["identity, br"], Some("br"));
        check(&["identity", "zstd"], Some("zstd"));
    }
}
