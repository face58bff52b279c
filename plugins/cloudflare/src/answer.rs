//! The answer: a stream of `response`, or one in an envelope of `result` and `success`. Newer models answer in OpenAI's chunks,
//! which go to the SDK's reader.

use std::borrow::Cow;

use llmperf_sdk::lenient::{Flag, Object, Text, is_said};
use llmperf_sdk::openai::{self, ChatDecoder, ToolCalls};
use llmperf_sdk::{Decode, Event, Failure, Objects, Out, ResponseHead, Said, Template};
use serde::Deserialize;
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

#[derive(Default, Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    /// A token of digits comes as a number.
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    reasoning: Text<'a>,
    reasoning_content: Text<'a>,
    tool_calls: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
    finish_reason: Text<'a>,
    choices: Option<&'a RawValue>,
    result: Option<&'a RawValue>,
    success: Option<Flag>,
    errors: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
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
        let Some(chunk) = self.objects.read::<Chunk<'_>>(event)? else { return Ok(()) };
        if chunk.choices.is_some() {
            return self.chat.push(event, out);
        }
        let text = chunk.response.and_then(|raw| serde_json::from_str::<&str>(raw.get()).ok());
        let fails = chunk.is_error();
        if let Some(result) = chunk.result {
            self.result(result, fails, out)?;
        }
        self.chunk(chunk, out);
        if fails {
            return Err(event.failure());
        }
        if let Some(text) = text.filter(|_| out.is_only_text()) {
            self.template.learn(event, text);
        }
        Ok(())
    }
}

impl Chunk<'_> {
    fn is_error(&self) -> bool {
        self.success.is_some_and(|success| !success.0) || is_said(self.errors) || is_said(self.error)
    }
}

impl Answer {
    /// An answer that is not streamed.
    fn result(&mut self, raw: &RawValue, fails: bool, out: &mut Out) -> Result<(), Failure> {
        let Object(Some(result)) = serde_json::from_str::<Object<Chunk<'_>>>(raw.get()).unwrap_or_default()
        else {
            return Ok(());
        };
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
        let reasoning =
            [chunk.reasoning_content, chunk.reasoning].into_iter().find(|text| !text.0.is_empty());
        out.reasoning(reasoning.unwrap_or_default().0);
        out.text(chunk.response.map(|raw| text(raw.get())).unwrap_or_default());
        if let Some(calls) = chunk.tool_calls {
            self.tools.push(calls, out);
        }
        if !self.finished && !chunk.finish_reason.0.is_empty() {
            self.finished = true;
            out.finish(chunk.finish_reason.0);
        }
        if let Some(raw) = chunk.usage {
            self.said.usage(openai::usage(raw), out);
        }
    }
}

/// A text; a number as it is written; an object, which JSON mode gives, as its JSON.
fn text(json: &str) -> Cow<'_, str> {
    match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<Text<'_>>(json).unwrap_or_default().0,
        Some(b'{' | b'-' | b'0'..=b'9') => Cow::Borrowed(json),
        _ => Cow::default(),
    }
}
