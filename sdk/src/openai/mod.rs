//! OpenAI's wire format, which most servers speak and many wrap into their own.

mod chunk;
mod decoder;
mod messages;
mod server;
mod tools;

pub use decoder::ChatDecoder;
pub use messages::messages;
pub use server::{times, usage};
pub use tools::ToolCalls;
