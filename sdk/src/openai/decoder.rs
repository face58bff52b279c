//! What a chunk means. One reader for all dialects: they differ in what they add, not in what a field says,
//! so nothing here asks who the server is.

use std::borrow::Cow;

use crate::{Decode, Event, Failure, Out, ResponseHead, Template, Usage, event_failure, read_failure};

use super::chunk::{Choice, Chunk, Delta};
use super::server::Report;
use super::tools::ToolCalls;

/// Reads one chat completion or text completion, streamed or whole.
#[derive(Debug, Default)]
pub struct ChatDecoder {
    /// The answer is one JSON object. Of a text completion nothing else tells that it is all there.
    whole: bool,
    /// An event could not be understood: the rest may be out of step with it, so no output is taken from
    /// there on.
    broken: bool,
    /// Deltas were seen; a `message` beside them repeats their text.
    streamed: bool,
    /// A finish reason was seen. Later chunks may repeat it, or say null again.
    finished: bool,
    tools: ToolCalls,
    /// The last chunk that was text and nothing else.
    template: Template,
    /// As last reported: servers repeat it in every chunk, and under two names in one.
    usage: Usage,
    timings: Vec<(&'static str, f64)>,
}

impl Decode for ChatDecoder {
    fn new(_task: &str, head: &ResponseHead) -> ChatDecoder {
        let kind = head.header("content-type").unwrap_or_default();
        ChatDecoder { whole: kind.starts_with("application/json"), ..ChatDecoder::default() }
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        let data = event.data.trim_ascii();
        if data == b"[DONE]" {
            out.end();
            return Ok(());
        }
        if self.broken {
            return Ok(());
        }
        if let Some(text) = self.template.read(event) {
            out.text(text);
            return Ok(());
        }
        if event.name == "error" {
            return Err(event_failure(event.text()?));
        }
        // `data:` alone is an event by the rules of SSE; it says nothing.
        if data.is_empty() {
            return Ok(());
        }
        let mut chunk = self.parse(event, data)?;
        let error = if chunk.is_error() { Some(event_failure(event.text()?)) } else { None };
        let choice = chunk.take_choice();
        let text = choice.as_ref().and_then(plain_text);
        self.chunk(&chunk, choice, error, out);
        if let Some(text) = text.filter(|_| out.is_only_text()) {
            self.template.learn(event, text);
        }
        Ok(())
    }
}

impl ChatDecoder {
    fn parse<'a>(&mut self, event: &'a Event, data: &[u8]) -> Result<Chunk<'a>, Failure> {
        // Serde takes an array for a struct, field by field. Google's servers put an error into one.
        if data.starts_with(b"[") {
            self.broken = true;
            return Err(read_failure(data)
                .unwrap_or_else(|| Failure::bad_response("an event is an array, not a chunk")));
        }
        event.json().inspect_err(|_| self.broken = true)
    }

    fn chunk(
        &mut self,
        chunk: &Chunk<'_>,
        choice: Option<Choice<'_>>,
        error: Option<Failure>,
        out: &mut Out,
    ) {
        let inner_error = choice.as_ref().and_then(|choice| choice.error);
        if let Some(choice) = choice {
            self.choice(choice, out);
        }
        // Text that came with an error stays: it was received.
        if let Some(failure) = error.or_else(|| inner_error.map(|raw| event_failure(raw.get()))) {
            out.failure(failure);
        }
        if let Some(raw) = chunk.x_groq {
            let (report, error) = Report::read_groq(raw);
            self.report(&report, out);
            if let Some(error) = error {
                out.failure(Failure::said(error.get()));
            }
        }
        for raw in [chunk.usage, chunk.timings, chunk.time_info, chunk.perf_metrics].into_iter().flatten() {
            self.report(&Report::read(raw), out);
        }
    }

    fn choice(&mut self, choice: Choice<'_>, out: &mut Out) {
        if let Some(text) = choice.bare_text() {
            out.text(text.as_ref());
            if self.whole {
                out.end();
            }
        }
        if let Some(delta) = choice.delta.0 {
            self.streamed = true;
            self.delta(delta, out);
        } else if !self.streamed
            && let Some(message) = choice.message()
        {
            self.streamed = true;
            self.delta(message, out);
            out.end();
        }
        if let Some(ids) = choice.token_ids.and_then(|raw| serde_json::from_str(raw.get()).ok()) {
            out.token_ids(ids);
        }
        if !self.finished && !choice.finish_reason.text.is_empty() {
            self.finished = true;
            out.finish(choice.finish_reason.text);
        }
    }

    fn delta(&mut self, mut delta: Delta<'_>, out: &mut Out) {
        let token = delta.token_id.count().and_then(|id| u32::try_from(id).ok());
        out.reasoning(delta.take_reasoning());
        let refusal = delta.refusal();
        out.text(delta.content.text);
        out.refusal(refusal);
        if let Some(calls) = delta.tool_calls {
            self.tools.push(calls, out);
        }
        if let Some(call) = delta.function_call {
            self.tools.push_function(call, out);
        }
        out.token_ids(token.into_iter().collect());
    }

    /// Says each count and time once, and again where it changed.
    fn report(&mut self, report: &Report<'_>, out: &mut Out) {
        let usage = report.usage();
        if usage != Usage::default() && usage != self.usage {
            self.usage = usage;
            out.usage(usage);
        }
        for (name, value) in report.times() {
            match self.timings.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) if *known == value => continue,
                Some((_, known)) => *known = value,
                None => self.timings.push((name, value)),
            }
            out.server_timing(name, value);
        }
    }
}

/// The text of a choice that changes nothing here but `streamed`, so that the same chunk would mean the same again.
fn plain_text<'a>(choice: &Choice<'a>) -> Option<&'a str> {
    let text = match &choice.delta.0 {
        Some(delta) if delta.tool_calls.is_some() || delta.function_call.is_some() => return None,
        Some(delta) => &delta.content.text,
        None => choice.bare_text()?,
    };
    match text {
        Cow::Borrowed(text) => Some(text),
        Cow::Owned(_) => None,
    }
}
