//! What a response means. The form it is streamed in has no say in it.

use std::borrow::Cow;

use llmperf_sdk::lenient::Text;
use llmperf_sdk::{
    Decode, Event, Failure, Out, ResponseHead, Template, Usage, compact_json, event_failure, read_json,
};
use serde_json::value::RawValue;

use super::event::{FunctionCall, Response};

/// Reads one answer, streamed or whole.
#[derive(Debug, Default)]
pub struct GeminiDecoder {
    /// An event could not be understood: the rest may be out of step with it, so nothing is taken from there on.
    broken: bool,
    /// A finish reason was seen. It is the only end marker there is.
    finished: bool,
    calls: u32,
    /// The last event that was text and nothing else.
    template: Template,
    /// As last reported: it comes with every event.
    usage: Usage,
}

impl Decode for GeminiDecoder {
    fn new(_task: &str, _head: &ResponseHead) -> GeminiDecoder {
        GeminiDecoder::default()
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        let data = event.data.trim_ascii();
        // `data:` alone is an event by the rules of SSE; `[DONE]` is how some gateways end every stream.
        if self.broken || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        if let Some(text) = self.template.read(event) {
            out.text(text);
            return Ok(());
        }
        if event.name == "error" {
            return Err(event_failure(event.text()?));
        }
        // All of a stream at once, or an error, which Google wraps like one.
        if data.starts_with(b"[") {
            let responses: Vec<&RawValue> = event.json().inspect_err(|_| self.broken = true)?;
            return responses.into_iter().try_for_each(|response| self.read(response.get(), out).map(|_| ()));
        }
        let text = self.read(event.text()?, out)?;
        if let Some(text) = text.filter(|_| out.is_only_text()) {
            self.template.learn(event, text);
        }
        Ok(())
    }

    fn finish(&mut self, _complete: bool, out: &mut Out) {
        // Not with its event: what may still follow is part of the answer.
        if self.finished {
            out.end();
        }
    }
}

impl GeminiDecoder {
    /// Returns the text, where the response has nothing else that would change anything here.
    fn read<'a>(&mut self, json: &'a str, out: &mut Out) -> Result<Option<&'a str>, Failure> {
        // Serde takes an array for a struct, field by field.
        let response = match json.trim_start().starts_with('[') {
            false => read_json::<Response<'a>>(json),
            true => Err(Failure::bad_response("a response is an array within an array")),
        };
        let mut response = response.inspect_err(|_| self.broken = true)?;
        let error = response.is_error().then(|| event_failure(json));
        let text = self.response(&mut response, out);
        // Text that came with an error stays: it was received.
        error.map_or(Ok(text), Err)
    }

    fn response<'a>(&mut self, response: &mut Response<'a>, out: &mut Out) -> Option<&'a str> {
        let mut text = None;
        let mut word = String::new();
        if let Some(mut candidate) = response.take_candidate() {
            for part in candidate.take_parts() {
                if let Some(call) = part.function_call() {
                    self.call(call, out);
                } else if part.is_thought() {
                    out.reasoning(part.text);
                } else {
                    if let Text(Cow::Borrowed(part)) = part.text {
                        text = Some(part);
                    }
                    out.text(part.text);
                }
            }
            word = candidate.finish_reason.into();
        }
        if word.is_empty() {
            // The prompt was refused: there is no candidate then.
            let feedback = std::mem::take(&mut response.prompt_feedback);
            word = feedback.0.unwrap_or_default().block_reason.into();
        }
        if let Some(usage) = response.usage_metadata.0.as_ref().map(|metadata| metadata.usage()) {
            self.report(usage, out);
        }
        // The zero of its enum, which says nothing.
        if !word.is_empty() && !word.ends_with("_UNSPECIFIED") && !self.finished {
            self.finished = true;
            out.finish(word);
        }
        text
    }

    fn call(&mut self, call: FunctionCall<'_>, out: &mut Out) {
        if call.name.is_empty() && call.args.is_none() {
            return;
        }
        let args = call.args.map(|args| compact_json(args.get()));
        out.tool_call(self.calls, call.name);
        out.tool_call(self.calls, args.unwrap_or_else(|| "{}".to_owned()));
        self.calls += 1;
    }

    /// Says counts again only where one of them changed.
    fn report(&mut self, usage: Usage, out: &mut Out) {
        if self.usage.update(&usage) {
            // An event that repeats older counts would now mean more than its text.
            self.template = Template::default();
            out.usage(usage);
        }
    }
}
