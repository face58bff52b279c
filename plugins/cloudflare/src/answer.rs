//! The answer: a stream of `response`, or one in an envelope of `result` and `success`. Newer models answer in OpenAI's chunks,
//! which go to the SDK's reader.

use std::borrow::Cow;

use llmperf_sdk::lenient::is_said;
use llmperf_sdk::openai::{self, ChatDecoder, ToolCalls};
use llmperf_sdk::{Decode, Event, Failure, Objects, Out, ResponseHead, Said, Template, raw};
use serde_json::value::RawValue;

/// Reads one answer, streamed or whole.
#[derive(Debug, Default)]
pub struct Answer {
    objects: Objects,
    tools: ToolCalls,
    said: Said,
    /// The last event that was text and nothing else.
    template: Template,
    chat: ChatDecoder,
    finished: bool,
}

/// The fields that mean something. They are read one by one, which keeps the reader small beside OpenAI's.
const FIELDS: [&str; 11] = [
    "choices",
    "result",
    "response",
    "reasoning_content",
    "reasoning",
    "tool_calls",
    "finish_reason",
    "usage",
    "success",
    "errors",
    "error",
];

struct Chunk<'a> {
    choices: Option<&'a RawValue>,
    result: Option<&'a RawValue>,
    response: Option<&'a RawValue>,
    reasoning: [Option<&'a RawValue>; 2],
    tool_calls: Option<&'a RawValue>,
    finish_reason: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
    success: Option<&'a RawValue>,
    errors: [Option<&'a RawValue>; 2],
}

impl<'a> From<[Option<&'a RawValue>; FIELDS.len()]> for Chunk<'a> {
    fn from(fields: [Option<&'a RawValue>; FIELDS.len()]) -> Chunk<'a> {
        let [
            choices,
            result,
            response,
            reasoning_content,
            reasoning,
            tool_calls,
            finish_reason,
            usage,
            success,
            errors,
            error,
        ] = fields;
        Chunk {
            choices,
            result,
            response,
            reasoning: [reasoning_content, reasoning],
            tool_calls,
            finish_reason,
            usage,
            success,
            errors: [errors, error],
        }
    }
}

impl Decode for Answer {
    fn new(_task: &str, _head: &ResponseHead) -> Answer {
        Answer::default()
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        if event.is_done() {
            out.end();
            return Ok(());
        }
        if let Some(text) = self.template.read(event) {
            out.text(text);
            return Ok(());
        }
        if event.name == "error" {
            return Err(event.failure());
        }
        let Some(fields) = self.objects.fields(event, FIELDS)? else { return Ok(()) };
        let chunk = Chunk::from(fields);
        if chunk.choices.is_some() {
            return self.chat.push(event, out);
        }
        let text = chunk.response.map(text);
        let fails = chunk.is_error();
        if let Some(result) = chunk.result {
            self.result(result, fails, out)?;
        }
        self.chunk(chunk, out);
        if fails {
            return Err(event.failure());
        }
        if let Some(Cow::Borrowed(text)) = text.filter(|_| out.is_only_text()) {
            self.template.learn(event, text);
        }
        Ok(())
    }
}

impl Chunk<'_> {
    fn is_error(&self) -> bool {
        self.success.is_some_and(|success| success.get() == "false") || self.errors.into_iter().any(is_said)
    }
}

impl Answer {
    /// An answer that is not streamed.
    fn result(&mut self, raw: &RawValue, fails: bool, out: &mut Out) -> Result<(), Failure> {
        let Ok(result) = raw::fields(raw.get(), FIELDS).map(Chunk::from) else { return Ok(()) };
        if result.choices.is_some() {
            return self.chat.push(&Event { name: String::new(), data: raw.get().into() }, out);
        }
        self.chunk(result, out);
        if !fails {
            out.end();
        }
        Ok(())
    }

    fn chunk(&mut self, chunk: Chunk<'_>, out: &mut Out) {
        let reasoning = chunk.reasoning.into_iter().map(raw::text).find(|text| !text.is_empty());
        out.reasoning(reasoning.unwrap_or_default());
        out.text(chunk.response.map(text).unwrap_or_default());
        if let Some(calls) = chunk.tool_calls {
            self.tools.push(calls, out);
        }
        let word = raw::text(chunk.finish_reason);
        if !self.finished && !word.is_empty() {
            self.finished = true;
            out.finish(word);
        }
        if let Some(raw) = chunk.usage {
            self.said.usage(openai::usage(raw), out);
        }
    }
}

/// A text; a number as it is written; an object, which JSON mode gives, as its JSON.
fn text(raw: &RawValue) -> Cow<'_, str> {
    match raw.get().as_bytes().first() {
        Some(b'{' | b'-' | b'0'..=b'9') => Cow::Borrowed(raw.get()),
        _ => raw::text(Some(raw)),
    }
}
