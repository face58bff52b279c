//! The answer: a model's outputs by name. The protocol has no end marker; a stream ends with its body.

use std::borrow::Cow;

use llmperf_sdk::lenient::{First, Flag, Number, Text, is_said};
use llmperf_sdk::{Decode, Event, Failure, Objects, Out, ResponseHead, Said, Template, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Reads one answer, streamed or whole.
#[derive(Debug, Default)]
pub struct Answer {
    objects: Objects,
    said: Said,
    /// The last event that was text and nothing else.
    template: Template,
    streamed: bool,
    finished: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    #[serde(borrow)]
    text_output: Option<Text<'a>>,
    /// The inference protocol itself names its outputs in a list.
    outputs: Option<&'a RawValue>,
    /// vLLM, and what gateways call the same.
    finish_reason: First<Text<'a>>,
    stop_reason: First<Text<'a>>,
    /// vLLM, where it is asked for.
    num_input_tokens: First<Number>,
    num_output_tokens: First<Number>,
    /// TensorRT-LLM's decoupled mode with an empty final response.
    triton_final_response: Flag,
    error: Option<&'a RawValue>,
    // The words of a flat error.
    message: Option<&'a RawValue>,
    detail: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Output<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    data: Text<'a>,
}

impl Decode for Answer {
    fn new(_task: &str, head: &ResponseHead) -> Answer {
        let streamed = head.header("content-type").is_some_and(|mime| mime.contains("event-stream"));
        Answer { streamed, ..Answer::default() }
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
        let Some(chunk) = self.objects.read_first::<Chunk<'_>>(event)? else { return Ok(()) };
        let text = match &chunk.text_output {
            Some(Text(Cow::Borrowed(text))) if self.streamed => Some(*text),
            _ => None,
        };
        let fails = chunk.is_error();
        self.chunk(chunk, fails, out);
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
    /// An object without either is no answer, as what a health check or a gateway says.
    fn answers(&self) -> bool {
        self.text_output.is_some() || self.outputs.is_some()
    }

    fn is_error(&self) -> bool {
        is_said(self.error) || (!self.answers() && (is_said(self.message) || is_said(self.detail)))
    }
}

impl Answer {
    fn chunk(&mut self, chunk: Chunk<'_>, fails: bool, out: &mut Out) {
        let is_whole = !self.streamed && chunk.answers();
        match chunk.text_output {
            Some(text) => out.text(text.0),
            None => out.text(chunk.outputs.map(output_text).unwrap_or_default()),
        }
        let word = [chunk.finish_reason, chunk.stop_reason]
            .into_iter()
            .filter_map(|word| word.0)
            // vLLM's backend prints Python's `None` while it goes on.
            .find(|word| !matches!(&*word.0, "" | "None" | "null"));
        if let Some(word) = word.filter(|_| !self.finished) {
            self.finished = true;
            out.finish(word.0);
        }
        let usage = Usage {
            input_tokens: chunk.num_input_tokens.0.and_then(Number::count),
            // In a stream it counts the tokens of the one event.
            output_tokens: chunk.num_output_tokens.0.filter(|_| !self.streamed).and_then(Number::count),
            ..Usage::default()
        };
        self.said.usage(usage, out);
        if (is_whole || chunk.triton_final_response.0) && !fails {
            out.end();
        }
    }
}

fn output_text(outputs: &RawValue) -> String {
    let outputs: Vec<Output<'_>> = serde_json::from_str(outputs.get()).unwrap_or_default();
    let named = outputs.iter().find(|output| output.name.0 == "text_output");
    named.or(outputs.first()).map(|output| output.data.0.to_string()).unwrap_or_default()
}
