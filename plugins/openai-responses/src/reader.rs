//! What events mean. An event's own `type` says what it is; its SSE name only repeats it.

use llmperf_sdk::lenient::{List, Object};
use llmperf_sdk::{Decode, Event, Failure, Out, ResponseHead, Usage, event_failure, read_failure};

use crate::event::{ContentPart, Item, Response, StreamEvent};

/// Reads one response, streamed or whole.
#[derive(Debug, Default)]
pub struct ResponsesDecoder {
    /// An event could not be understood: the rest may be out of step with it.
    broken: bool,
    /// Output came in deltas; the items and the response at the end only repeat it.
    streamed: bool,
    calls: Vec<Call>,
    /// As last reported.
    usage: Usage,
}

/// A tool call; its place in the list is its index.
#[derive(Debug)]
struct Call {
    id: String,
    output_index: Option<u64>,
    /// Its arguments were seen; the events that end it only repeat them.
    has_arguments: bool,
}

impl Decode for ResponsesDecoder {
    fn new(_task: &str, _head: &ResponseHead) -> ResponsesDecoder {
        ResponsesDecoder::default()
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        let data = event.data.trim_ascii();
        // No marker of this API, but of servers that speak it beside chat.
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
        let parsed = self.parse(event, data)?;
        let kind = if parsed.kind.0.is_empty() { &*event.name } else { &*parsed.kind.0 };
        match kind {
            "error" => Err(event_failure(event.text()?)),
            "" | "message" => self.untyped(&parsed, event, out),
            _ => {
                self.typed(kind, &parsed, out);
                Ok(())
            }
        }
    }
}

impl ResponsesDecoder {
    fn parse<'a>(&mut self, event: &'a Event, data: &[u8]) -> Result<StreamEvent<'a>, Failure> {
        // Serde takes an array for a struct, field by field.
        if data.starts_with(b"[") {
            self.broken = true;
            return Err(read_failure(data).unwrap_or_else(|| Failure::bad_response("an event is an array")));
        }
        event.json().inspect_err(|_| self.broken = true)
    }

    /// A response that was not streamed, or an error in the form of another API.
    fn untyped(&mut self, parsed: &StreamEvent<'_>, event: &Event, out: &mut Out) -> Result<(), Failure> {
        if parsed.object.0 == "response" {
            self.end(&event.json()?, out);
            return Ok(());
        }
        match read_failure(&event.data) {
            Some(failure) => Err(failure),
            None if parsed.error.is_some() => Err(event_failure(event.text()?)),
            None => Ok(()),
        }
    }

    fn typed(&mut self, kind: &str, event: &StreamEvent<'_>, out: &mut Out) {
        let delta = &*event.delta.0;
        self.streamed |= !delta.is_empty();
        match kind {
            "response.output_text.delta" => out.text(delta),
            "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => out.reasoning(delta),
            "response.refusal.delta" => out.refusal(delta),
            "response.function_call_arguments.delta"
            | "response.custom_tool_call_input.delta"
            | "response.mcp_call_arguments.delta" => {
                let call = self.call_of(event, &event.item_id.0);
                self.arguments(call, delta, out);
            }
            "response.output_item.added" | "response.output_item.done" => {
                if let Some(item) = &event.item.0 {
                    self.item(kind.ends_with("done"), item, event, out);
                }
            }
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" => {
                self.end(event.response.0.as_ref().unwrap_or(&Response::default()), out);
            }
            _ => {}
        }
    }

    /// An item begins or is done. Of messages and reasoning the deltas said everything.
    fn item(&mut self, is_done: bool, item: &Item<'_>, event: &StreamEvent<'_>, out: &mut Out) {
        let Some((name, arguments)) = item.call() else { return };
        self.streamed = true;
        let known = self.calls.len();
        let call = self.call_of(event, &item.id.0);
        if call == known {
            out.tool_call(index(call), name);
        }
        if is_done && !self.calls[call].has_arguments {
            self.arguments(call, arguments, out);
        }
    }

    /// The place of the call that an event is about; a call that is not known yet gets the next one.
    fn call_of(&mut self, event: &StreamEvent<'_>, id: &str) -> usize {
        let output_index = event.output_index.count();
        let is_it = |call: &Call| {
            (!id.is_empty() && call.id == id) || (output_index.is_some() && call.output_index == output_index)
        };
        self.calls.iter().position(is_it).unwrap_or_else(|| {
            self.calls.push(Call { id: id.to_owned(), output_index, has_arguments: false });
            self.calls.len() - 1
        })
    }

    fn arguments(&mut self, call: usize, text: &str, out: &mut Out) {
        self.calls[call].has_arguments |= !text.is_empty();
        out.tool_call(index(call), text);
    }

    /// The response as it is in the end: all there is where it was not streamed.
    fn end(&mut self, response: &Response<'_>, out: &mut Out) {
        if !self.streamed {
            response
                .output
                .0
                .iter()
                .filter_map(|item| item.0.as_ref())
                .for_each(|item| self.whole(item, out));
        }
        let usage = response.usage.0.as_ref().map(Usage::from).unwrap_or_default();
        if usage != self.usage {
            self.usage = usage;
            out.usage(usage);
        }
        match response.error {
            Some(error) => out.failure(event_failure(error.get())),
            None if response.status.0 == "failed" => {
                out.failure(Failure::new("failed", "the response failed"))
            }
            None => {}
        }
        out.finish(response.finish());
        out.end();
    }

    /// An item that no delta came before.
    fn whole(&mut self, item: &Item<'_>, out: &mut Out) {
        if let Some((name, arguments)) = item.call() {
            let call = self.calls.len();
            self.calls.push(Call { id: String::new(), output_index: None, has_arguments: true });
            out.tool_call(index(call), name);
            out.tool_call(index(call), arguments);
        }
        let reasons = item.kind.0 == "reasoning";
        for part in parts(&item.summary).chain(parts(&item.content)) {
            match reasons {
                true => out.reasoning(&*part.text.0),
                false => out.text(&*part.text.0),
            }
            out.refusal(&*part.refusal.0);
        }
    }
}

fn parts<'a, 'b>(list: &'a List<Object<ContentPart<'b>>>) -> impl Iterator<Item = &'a ContentPart<'b>> {
    list.0.iter().filter_map(|part| part.0.as_ref())
}

fn index(call: usize) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}
