//! What a container answers, recognised by what it says: an endpoint does not tell which container it runs.

use llmperf_sdk::openai::LooseChat;
use llmperf_sdk::tgi::GenerationDecoder;
use llmperf_sdk::{Decode, Event, Failure, Out, ResponseHead, aws, event_failure};
use serde_json::Value;

/// Reads one answer, streamed or whole.
#[derive(Debug, Default)]
pub struct Answer {
    /// An event could not be understood: the rest may be out of step with it, so nothing is taken from there on.
    broken: bool,
    /// It is OpenAI's, and so are all of its events.
    is_chat: bool,
    chat: LooseChat,
    generation: GenerationDecoder,
}

impl Decode for Answer {
    fn new(_task: &str, _head: &ResponseHead) -> Answer {
        Answer::default()
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        if is_exception(&event.name) {
            return aws::exception(event).map_or(Ok(()), Err);
        }
        let data = event.data.trim_ascii();
        if data == b"[DONE]" {
            out.end();
            return Ok(());
        }
        if self.broken || data.is_empty() {
            return Ok(());
        }
        if event.name == "error" {
            return Err(event_failure(event.text()?));
        }
        let said: Value = event.json().inspect_err(|_| self.broken = true)?;
        self.is_chat |= said["choices"].is_array();
        // Of several conversations, or prompts, there was one.
        let conversation = &said.get(0).unwrap_or(&said)["generation"];
        if self.is_chat {
            self.chat.say(&said, event.text()?, out);
            return if is_error(&said) { Err(event_failure(event.text()?)) } else { Ok(()) };
        }
        if !conversation.is_null() {
            converse(conversation, &said, out);
            return Ok(());
        }
        self.generation.say(&said, event, out)
    }

    fn finish(&mut self, complete: bool, out: &mut Out) {
        self.generation.finish(complete, out);
    }
}

/// SageMaker's own messages among the parts of the answer. `error` is what a container calls an event of its stream.
fn is_exception(name: &str) -> bool {
    ["Exception", "Error", "Failure", "Fault"].iter().any(|kind| name.ends_with(kind))
}

/// What JumpStart's Llama answers to LLMPerf: a list of conversations with a message for each, or that message alone. To a
/// prompt it gives a text.
fn converse(generation: &Value, said: &Value, out: &mut Out) {
    let text = generation.as_str().or_else(|| generation["content"].as_str());
    out.text(text.unwrap_or_default());
    out.finish(said["stop_reason"].as_str().unwrap_or_default());
    out.end();
}

fn is_error(chunk: &Value) -> bool {
    match &chunk["error"] {
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Null => chunk["choices"].is_null() && chunk["message"].is_string(),
        _ => false,
    }
}
