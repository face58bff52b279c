//! What an event means: of a stream of messages, of one message that came whole, and of a completion as the API before
//! had it. Who wraps the events has no say in it, so Vertex AI, Bedrock and gateways are read by the same code.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::{Decode, Event, Failure, Out, ResponseHead, Template, Usage, event_failure};

use super::event::{Block, Message, MessageEvent, Report};
use super::tools::ToolCalls;

/// Reads one answer of Anthropic's APIs, streamed or whole.
///
/// ```
/// # use llmperf_sdk::*;
/// let mut decoder = anthropic::MessagesDecoder::new("chat", &ResponseHead { status: 200, headers: vec![] });
/// let data = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#;
/// let deltas = decode(&mut decoder, &[Event::new("content_block_delta", data)]);
/// assert_eq!(deltas[0].piece, Piece::Text("Hi".into()));
/// ```
#[derive(Debug, Default)]
pub struct MessagesDecoder {
    /// An event could not be understood: the rest may be out of step with it, so nothing is taken from there on.
    broken: bool,
    ended: bool,
    finished: bool,
    /// The block that is being written, for events that do not say theirs.
    block: Option<u64>,
    tools: ToolCalls,
    /// The last event that was text and nothing else.
    template: Template,
    /// As last reported.
    usage: Usage,
}

impl Decode for MessagesDecoder {
    fn new(_task: &str, _head: &ResponseHead) -> MessagesDecoder {
        MessagesDecoder::default()
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        let data = event.data.trim_ascii();
        // `data:` alone is an event by the rules of SSE; it says nothing.
        if self.broken || data.is_empty() {
            return Ok(());
        }
        if let Some(text) = self.template.read(event) {
            out.text(text);
            return Ok(());
        }
        // Gateways that speak OpenAI elsewhere end every stream like this.
        if data == b"[DONE]" {
            return Ok(());
        }
        if event.name == "error" {
            return Err(event_failure(event.text()?));
        }
        // Serde takes an array for a struct, field by field. Google's servers put an error into one.
        if data.starts_with(b"[") {
            self.broken = true;
            return Err(event_failure(event.text()?));
        }
        let message_event: MessageEvent<'_> = event.json().inspect_err(|_| self.broken = true)?;
        let text = plain_text(&message_event);
        let error = if message_event.is_error() { Some(event_failure(event.text()?)) } else { None };
        self.event(message_event, &event.name, out);
        if let Some(text) = text.filter(|_| out.is_only_text()) {
            self.template.learn(event, text);
        }
        // Text that came with an error stays: it was received.
        error.map_or(Ok(()), Err)
    }
}

impl MessagesDecoder {
    fn event(&mut self, mut event: MessageEvent<'_>, name: &str, out: &mut Out) {
        let kind = std::mem::take(&mut event.kind);
        // Bedrock's completions have no type, and some gateways leave it to the event's name.
        let kind = if kind.is_empty() { name } else { &*kind };
        let index = event.index.count();
        match kind {
            "message_start" => {
                if let Some(raw) = event.message {
                    self.message(Message::read(raw), out);
                }
            }
            "content_block_start" => {
                let block = index.unwrap_or_else(|| self.block.map_or(0, |last| last + 1));
                self.block = Some(block);
                self.start(block, event.content_block.map(Block::read).unwrap_or_default(), out);
            }
            "content_block_delta" => {
                let block = index.or(self.block).unwrap_or_default();
                self.delta(block, event.delta.0.unwrap_or_default(), out);
            }
            "content_block_stop" => self.tools.stop(index.or(self.block).unwrap_or_default(), out),
            "message_delta" => {
                self.finish_word(event.delta.0.unwrap_or_default().stop_reason.into(), out);
                self.report(event.usage, out);
            }
            "message_stop" => self.end(out),
            "message" => {
                self.message(event.take_message(), out);
                self.end(out);
            }
            "completion" | "" => self.completion(&mut event, out),
            _ => {}
        }
        self.report(event.invocation, out);
    }

    /// A message that came whole, or the one that a stream begins with: that holds no block yet.
    fn message(&mut self, message: Message<'_>, out: &mut Out) {
        for (block, content) in (0..).zip(message.blocks()) {
            match &*content.kind {
                "text" => out.text(content.text),
                "thinking" => out.reasoning(content.thinking),
                _ if content.is_tool_use() => {
                    self.tools.whole(block, content.name.into(), content.input, out)
                }
                _ => {}
            }
        }
        self.finish_word(message.stop_reason.into(), out);
        self.report(message.usage, out);
    }

    fn start(&mut self, block: u64, content: Block<'_>, out: &mut Out) {
        match &*content.kind {
            "text" => out.text(content.text),
            "thinking" => out.reasoning(content.thinking),
            _ if content.is_tool_use() => self.tools.start(block, content.name.into(), content.input, out),
            // Results of the server's tools, redacted thinking and what is yet to come: no output of the model.
            _ => {}
        }
    }

    fn delta(&mut self, block: u64, delta: Block<'_>, out: &mut Out) {
        match &*delta.kind {
            "text_delta" => out.text(delta.text),
            "thinking_delta" => out.reasoning(delta.thinking),
            "input_json_delta" => self.tools.fragment(block, delta.partial_json.into(), out),
            // Signatures and citations.
            _ => {}
        }
    }

    /// An event of `/v1/complete`, whose last one says why it stopped; there is no other end marker.
    fn completion(&mut self, event: &mut MessageEvent<'_>, out: &mut Out) {
        out.text(std::mem::take(&mut event.completion));
        let message = event.take_message();
        if !message.stop_reason.is_empty() {
            self.finish_word(message.stop_reason.into(), out);
            self.end(out);
        }
    }

    fn finish_word(&mut self, word: String, out: &mut Out) {
        if !word.is_empty() && !self.finished {
            self.finished = true;
            out.finish(word);
        }
    }

    fn end(&mut self, out: &mut Out) {
        if !self.ended {
            self.ended = true;
            out.end();
        }
    }

    /// Says counts again only where one of them changed: `message_delta` may restate those of `message_start`.
    fn report(&mut self, raw: Option<&RawValue>, out: &mut Out) {
        let Some(report) = raw.map(Report::read) else {
            return;
        };
        let usage = report.usage();
        if self.usage.update(&usage) {
            out.usage(usage);
        }
        report.times().for_each(|(name, value)| out.server_timing(name, value));
    }
}

/// The text of an event that changes nothing here, so that the same event would mean the same again.
fn plain_text<'a>(event: &MessageEvent<'a>) -> Option<&'a str> {
    let is_completion = event.kind.is_empty() || *event.kind == *"completion";
    match (event.delta.0.as_ref(), &event.completion.0) {
        (Some(Block { text: crate::lenient::Text(Cow::Borrowed(text)), .. }), _) if !is_completion => {
            Some(text)
        }
        (None, Cow::Borrowed(text)) if is_completion => Some(text),
        _ => None,
    }
}
