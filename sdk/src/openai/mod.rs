//! OpenAI's wire format, which most servers speak and many wrap into their own.

mod chunk;
mod decoder;
mod loose;
mod messages;
mod request;
mod server;
mod tools;

pub use decoder::ChatDecoder;
pub use loose::LooseChat;
pub use messages::{EmptySystem, messages, messages_with};
pub use request::{STREAM_USAGE, post, set_stream, stream_usage_option};
pub use server::{times, usage};
pub use tools::ToolCalls;
