//! The built-in target: a server that speaks OpenAI chat completions and Anthropic messages, with scripted timing
//! and faults, so that a measurement can be compared with what was really done.
//!
//! It speaks HTTP/1.1 on bare sockets, because its purpose includes what an HTTP library forbids: a response cut at
//! any byte, a reset in mid-stream, a body that never ends. It owns no tokenizer (its words are chosen to be one Llama
//! token each) and never logs a credential. It may not be used to serve anything but tests: it trusts its client.

mod answer;
mod ask;
mod chat;
mod config;
mod connection;
mod delay;
mod fault;
mod http;
mod messages;
mod pace;
mod script;
mod serve;
mod socket;
mod stream;
mod truth;
mod voice;
mod words;

#[cfg(test)]
mod tests;

pub use answer::Answers;
pub use config::{MockConfig, RoleChunk, UsageMode};
pub use delay::Delay;
pub use fault::{Fault, FaultRule, When};
pub use serve::{MockHandle, MockReport, bind, serve, spawn};
pub use truth::{End, TruthRow, create_truth};
