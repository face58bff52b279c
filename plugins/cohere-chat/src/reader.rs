//! What events mean. Both generations are read by one reader, since an event says itself which it is of.

use std::borrow::Cow;

use llmperf_sdk::{Decode, Event, Failure, Out, ResponseHead, Template, Usage, event_failure, read_failure};
use serde_json::value::RawValue;

use crate::event::{Call, ChatEvent, Message};

/// Reads one chat, streamed or whole.
#[derive(Debug, Default)]
pub struct ChatDecoder {
    /// An event could not be understood: the rest may be out of step with it.
    broken: bool,
    /// Text came in pieces; the event that ends a stream of v1 repeats it.
    has_text: bool,
    /// Tool calls came in pieces; v1 repeats them as a whole.
    has_calls: bool,
    /// As last reported.
    usage: Usage,
    /// The last event that was text and nothing else.
    template: Template,
}

impl Decode for ChatDecoder {
    fn new(_task: &str, _head: &ResponseHead) -> ChatDecoder {
        ChatDecoder::default()
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        let data = event.data.trim_ascii();
        if data == b"[DONE]" {
            out.end();
            return Ok(());
        }
        if self.broken || data.is_empty() {
            return Ok(());
        }
        if let Some(text) = self.template.read(event) {
            out.text(text);
            return Ok(());
        }
        if event.name == "error" {
            return Err(event_failure(event.text()?));
        }
        let parsed = self.parse(event, data)?;
        match parsed.kind() {
            "" => self.whole(&parsed, event, out)?,
            "error" => return Err(event_failure(event.text()?)),
            kind => {
                if let Cow::Borrowed(text) = self.typed(kind, &parsed, out)
                    && out.is_only_text()
                {
                    self.template.learn(event, text);
                }
            }
        }
        Ok(())
    }
}

impl ChatDecoder {
    fn parse<'a>(&mut self, event: &'a Event, data: &[u8]) -> Result<ChatEvent<'a>, Failure> {
        // Serde takes an array for a struct, field by field.
        if data.starts_with(b"[") {
            self.broken = true;
            return Err(read_failure(data).unwrap_or_else(|| Failure::bad_response("an event is an array")));
        }
        event.json().inspect_err(|_| self.broken = true)
    }

    /// Returns the text of the event.
    fn typed<'a>(&mut self, kind: &str, event: &ChatEvent<'a>, out: &mut Out) -> Cow<'a, str> {
        let delta = event.delta();
        let message = delta.as_ref().and_then(ChatEvent::message);
        match (kind, message) {
            ("content-start" | "content-delta", Some(message)) => return self.content(&message, out),
            ("tool-call-start" | "tool-call-delta", Some(message)) => {
                for call in message.calls() {
                    self.call(call, index(event.index.count()), out);
                }
            }
            ("message-end", _) => {
                let delta = delta.unwrap_or_default();
                self.usage(&delta, out);
                end(&delta.finish_reason.0, delta.error, out);
            }
            ("text-generation", _) => {
                self.has_text |= !event.text.0.is_empty();
                out.text(event.text.0.as_ref());
                return event.text.0.clone();
            }
            ("tool-calls-chunk", _) => {
                if let Some(call) = event.call_delta() {
                    let index = index(call.index.count());
                    self.call(call, index, out);
                }
            }
            ("tool-calls-generation", _) => self.whole_calls(event.calls(), out),
            ("stream-end", _) => self.stream_end(event, out),
            _ => {}
        }
        Cow::Borrowed("")
    }

    fn content<'a>(&mut self, message: &Message<'a>, out: &mut Out) -> Cow<'a, str> {
        let (text, thinking) = message.content();
        out.reasoning(thinking);
        self.has_text |= !text.is_empty();
        out.text(text.as_ref());
        text
    }

    fn call(&mut self, call: Call<'_>, index: u32, out: &mut Out) {
        self.has_calls = true;
        let function = call.function();
        out.tool_call(index, function.name.0.as_ref());
        out.tool_call(index, function.arguments());
    }

    /// All calls at once, unless they came in pieces before.
    fn whole_calls(&mut self, calls: Vec<Call<'_>>, out: &mut Out) {
        if !self.has_calls {
            (0..).zip(calls).for_each(|(index, call)| self.call(call, index, out));
        }
    }

    /// The end of a stream of v1, which has the whole answer in it.
    fn stream_end(&mut self, event: &ChatEvent<'_>, out: &mut Out) {
        let answer = event.response().unwrap_or_default();
        if !self.has_text {
            out.text(answer.text.0.as_ref());
        }
        self.whole_calls(answer.calls(), out);
        self.usage(&answer, out);
        let own = &event.finish_reason.0;
        end(if own.is_empty() { &answer.finish_reason.0 } else { own }, event.error, out);
    }

    /// An answer that was not streamed, of either generation; or what is no answer, as an error of a gateway.
    fn whole(&mut self, answer: &ChatEvent<'_>, event: &Event, out: &mut Out) -> Result<(), Failure> {
        let message = answer.message();
        if answer.finish_reason.0.is_empty() && message.is_none() && answer.text.0.is_empty() {
            return match read_failure(&event.data) {
                Some(failure) => Err(failure),
                None if answer.error.is_some() => Err(event_failure(event.text()?)),
                None => Ok(()),
            };
        }
        if let Some(message) = message {
            self.content(&message, out);
            self.whole_calls(message.calls(), out);
        }
        out.text(answer.text.0.as_ref());
        self.whole_calls(answer.calls(), out);
        self.usage(answer, out);
        end(&answer.finish_reason.0, answer.error, out);
        Ok(())
    }

    fn usage(&mut self, said: &ChatEvent<'_>, out: &mut Out) {
        let usage = said.tokens();
        if usage != self.usage {
            self.usage = usage;
            out.usage(usage);
        }
    }
}

/// The end of an answer. A reason that begins with ERROR is a failure, and itself the word for it.
fn end(finish: &str, error: Option<&RawValue>, out: &mut Out) {
    match error.map(|error| event_failure(error.get())) {
        Some(mut failure) => {
            // A text alone is quoted with its marks.
            if let Some(text) = error.and_then(|error| serde_json::from_str::<String>(error.get()).ok()) {
                failure.message = text;
            }
            if failure.code.is_empty() {
                failure.code = finish.to_owned();
            }
            out.failure(failure);
        }
        None if finish.starts_with("ERROR") => {
            out.failure(Failure::new(finish, "the server ended the answer with an error"));
        }
        None => {}
    }
    out.finish(finish);
    out.end();
}

fn index(count: Option<u64>) -> u32 {
    count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}
