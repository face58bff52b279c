//! Sorts the errors of the HTTP client: each has a kind of its own in the results.

use std::error::Error as StdError;
use std::io;

use crate::record::{Failure, FailureKind};

/// Sorts an error of the HTTP client; `otherwise` is what a connection that just ended means at this point.
pub(super) fn classify(error: &reqwest::Error, otherwise: FailureKind) -> Failure {
    let message = innermost_message(error);
    let io_kind = cause::<io::Error>(error).map(io::Error::kind);
    let kind = if error.is_connect() {
        if error.is_timeout() || io_kind == Some(io::ErrorKind::TimedOut) {
            FailureKind::ConnectTimeout
        } else if cause::<rustls::Error>(error).is_some() {
            FailureKind::Tls
        } else if format!("{error:?}").contains("dns error") {
            FailureKind::Dns
        } else {
            FailureKind::Connect
        }
    } else if cause::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
        FailureKind::Protocol
    } else {
        match io_kind {
            Some(
                io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe,
            ) => FailureKind::Reset,
            // hyper's words for a body that breaks the rules of its chunks, rustls's for a broken record.
            Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => FailureKind::Protocol,
            _ => otherwise,
        }
    };
    Failure::new(kind, message)
}

/// The first cause of the type `E` in an error's chain.
pub(super) fn cause<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // An I/O error that wraps another names that one's cause as its own, and so leaves it out of the chain.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

/// The chain of causes without the wrapping of reqwest and of its connection pool, which say nothing of the cause.
fn innermost_message(error: &reqwest::Error) -> String {
    let mut messages = Vec::new();
    let mut next = error.source();
    while let Some(error) = next {
        let message = error.to_string();
        if messages.last() != Some(&message) && !message.starts_with("client error (") {
            messages.push(message);
        }
        next = error.source();
    }
    if messages.is_empty() { error.to_string() } else { messages.join(": ") }
}
