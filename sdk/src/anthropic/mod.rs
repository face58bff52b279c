//! Anthropic's wire format, which Vertex AI and Bedrock wrap into their own.

mod decoder;
mod event;
mod request;
mod tools;

pub use decoder::MessagesDecoder;
pub use request::{ContentForm, DEFAULT_MAX_TOKENS, body, sampling};

#[cfg(test)]
mod tests;
