//! What the events of a conversation mean, and a conversation that came whole. An event is told by its fields, of which no
//! two events share one that means different things: so it does not matter whether its name stands in a header, around
//! it, or nowhere.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::lenient::{List, Number, Object, Text};
use crate::{Decode, Event, Failure, Out, ResponseHead, Usage, aws, compact_json, event_failure};

/// Reads one answer of the Converse API, streamed or whole.
///
/// ```
/// # use llmperf_sdk::*;
/// let events = [
///     Event::new("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Hi"},"p":"abc"}"#),
///     Event::new("messageStop", r#"{"stopReason":"end_turn"}"#),
/// ];
/// let deltas = decode(&mut converse::ConverseDecoder::default(), &events);
/// let pieces: Vec<Piece> = deltas.into_iter().map(|delta| delta.piece).collect();
/// assert_eq!(pieces, [Piece::Text("Hi".into()), Piece::Finish("end_turn".into()), Piece::End]);
/// ```
#[derive(Debug, Default)]
pub struct ConverseDecoder {
    /// An event could not be understood: the rest may be out of step with it, so nothing is taken from there on.
    broken: bool,
    ended: bool,
    /// The block that is being written, for events that do not say theirs.
    block: u32,
    usage: Usage,
}

impl Decode for ConverseDecoder {
    fn new(_task: &str, _head: &ResponseHead) -> ConverseDecoder {
        ConverseDecoder::default()
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        if self.broken || event.data.trim_ascii().is_empty() && event.name.is_empty() {
            return Ok(());
        }
        let known = matches!(
            &*event.name,
            "" | "chunk"
                | "messageStart"
                | "contentBlockStart"
                | "contentBlockDelta"
                | "contentBlockStop"
                | "messageStop"
                | "metadata"
        );
        if !known {
            return aws::exception(event).map_or(Ok(()), Err);
        }
        if event.data.trim_ascii().starts_with(b"[") {
            self.broken = true;
            return Err(event_failure(event.text()?));
        }
        let said: Said<'_> = event.json().inspect_err(|_| self.broken = true)?;
        let failed = said.is_error();
        let stopped = event.name == "messageStop" || said.message_stop.is_some();
        if let Some(wrapped) = said.wrapped() {
            let inner: Object<Said<'_>> = serde_json::from_str(wrapped.get()).unwrap_or_default();
            self.said(inner.0.unwrap_or_default(), out);
        }
        self.said(said, out);
        if stopped {
            self.end(out);
        }
        if failed { Err(event_failure(event.text()?)) } else { Ok(()) }
    }
}

/// The fields of every event, and of an answer that came whole.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Said<'a> {
    content_block_index: Number,
    #[serde(borrow)]
    start: Object<Block<'a>>,
    delta: Object<Block<'a>>,
    stop_reason: Text<'a>,
    usage: Object<Report>,
    metrics: Object<Metrics>,
    output: Object<Output<'a>>,

    // Nova writes the name of an event around it.
    content_block_start: Option<&'a RawValue>,
    content_block_delta: Option<&'a RawValue>,
    message_stop: Option<&'a RawValue>,
    metadata: Option<&'a RawValue>,

    error: Option<&'a RawValue>,
    message: Option<&'a RawValue>,
}

impl<'a> Said<'a> {
    fn wrapped(&self) -> Option<&'a RawValue> {
        self.content_block_delta.or(self.content_block_start).or(self.message_stop).or(self.metadata)
    }

    fn is_error(&self) -> bool {
        let text =
            |raw: Option<&RawValue>| raw.is_some_and(|raw| raw.get().starts_with('"') && raw.get() != "\"\"");
        text(self.error) || text(self.message) || self.error.is_some_and(|raw| raw.get().starts_with("{\""))
    }
}

/// A block of a message that came whole, what one begins with, or what is added to one.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Block<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    reasoning_content: Object<Reasoning<'a>>,
    tool_use: Object<ToolUse<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reasoning<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    /// In a message that came whole.
    reasoning_text: Object<ReasoningText<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReasoningText<'a> {
    #[serde(borrow)]
    text: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ToolUse<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    /// A fragment of text in a stream, an object in a message that came whole.
    input: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Output<'a> {
    #[serde(borrow)]
    message: Object<Message<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    content: List<Object<Block<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Report {
    input_tokens: Number,
    output_tokens: Number,
    cache_read_input_tokens: Number,
    cache_write_input_tokens: Number,
    // Nova's own names.
    cache_read_input_token_count: Number,
    cache_write_input_token_count: Number,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metrics {
    latency_ms: Number,
}

impl ConverseDecoder {
    fn said(&mut self, said: Said<'_>, out: &mut Out) {
        for block in [said.start.0, said.delta.0].into_iter().flatten() {
            if let Some(index) = said.content_block_index.count() {
                self.block = u32::try_from(index).unwrap_or(u32::MAX);
            }
            self.block(block, out);
        }
        if let Some(message) = said.output.0.and_then(|output| output.message.0) {
            for (index, block) in (0..).zip(message.content.0) {
                self.block = index;
                self.block(block.0.unwrap_or_default(), out);
            }
        }
        if !said.stop_reason.is_empty() && !self.ended {
            out.finish(said.stop_reason);
            self.end(out);
        }
        if let Some(report) = said.usage.0 {
            self.report(&report, out);
        }
        if let Some(latency) = said.metrics.0.and_then(|metrics| metrics.latency_ms.0) {
            out.server_timing("latency_ms", latency);
        }
    }

    fn block(&mut self, block: Block<'_>, out: &mut Out) {
        if let Some(reasoning) = block.reasoning_content.0 {
            out.reasoning(reasoning.text);
            out.reasoning(reasoning.reasoning_text.0.unwrap_or_default().text);
        }
        out.text(block.text);
        if let Some(tool) = block.tool_use.0 {
            out.tool_call(self.block, tool.name);
            out.tool_call(self.block, tool.input.map(arguments).unwrap_or_default());
        }
    }

    fn report(&mut self, report: &Report, out: &mut Out) {
        let either = |one: Number, other: Number| one.count().or_else(|| other.count());
        let usage = Usage {
            input_tokens: report.input_tokens.count(),
            output_tokens: report.output_tokens.count(),
            cached_input_tokens: either(report.cache_read_input_tokens, report.cache_read_input_token_count),
            cache_write_tokens: either(report.cache_write_input_tokens, report.cache_write_input_token_count),
            reasoning_tokens: None,
        };
        if usage != self.usage {
            self.usage = usage;
            out.usage(usage);
        }
    }

    /// Counts follow the end of the message.
    fn end(&mut self, out: &mut Out) {
        if !self.ended {
            self.ended = true;
            out.end();
        }
    }
}

fn arguments(input: &RawValue) -> String {
    match input.get() {
        json if json.starts_with('"') => serde_json::from_str(json).unwrap_or_default(),
        "null" => String::new(),
        json => compact_json(json),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Piece, decode};

    fn check(events: &[(&str, &str)], expected: &[Piece]) {
        let events: Vec<Event> = events.iter().map(|(name, data)| Event::new(name, data)).collect();
        let deltas = decode(&mut ConverseDecoder::default(), &events);
        let pieces: Vec<Piece> = deltas.into_iter().map(|delta| delta.piece).collect();
        assert_eq!(pieces, expected, "{events:?}");
    }

    fn text(text: &str) -> Piece {
        Piece::Text(text.into())
    }

    fn call(index: u32, text: &str) -> Piece {
        Piece::ToolCall((index, text.into()))
    }

    fn usage(input: u64, output: u64, cached: Option<u64>) -> Piece {
        let (input_tokens, output_tokens) = (Some(input), Some(output));
        Piece::Usage(Usage { input_tokens, output_tokens, cached_input_tokens: cached, ..Usage::default() })
    }

    fn fails(code: &str, message: &str) -> Piece {
        Piece::Failure(Failure::new(code, message))
    }

    #[test]
    fn a_stream_has_reasoning_text_and_tool_calls_by_block() {
        check(
            &[
                ("messageStart", r#"{"role":"assistant","p":"abc"}"#),
                ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"r"}}}"#),
                (
                    "contentBlockDelta",
                    r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"s"}}}"#,
                ),
                ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"text":"a\n"}}"#),
                (
                    "contentBlockStart",
                    r#"{"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}"#,
                ),
                ("contentBlockDelta", r#"{"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"x\":"}}}"#),
                ("contentBlockDelta", r#"{"delta":{"toolUse":{"input":"1}"}}}"#),
                ("sparkle", r#"{"delta":{"text":"not this"}}"#),
                ("messageStop", r#"{"stopReason":"tool_use","additionalModelResponseFields":null}"#),
                (
                    "metadata",
                    r#"{"usage":{"inputTokens":3,"outputTokens":4,"totalTokens":7,"cacheReadInputTokens":0},"metrics":{"latencyMs":5}}"#,
                ),
            ],
            &[
                Piece::Reasoning("r".into()),
                text("a\n"),
                call(2, "f"),
                call(2, "{\"x\":"),
                call(2, "1}"),
                Piece::Finish("tool_use".into()),
                Piece::End,
                usage(3, 4, Some(0)),
                Piece::ServerTiming(("latency_ms".into(), 5.0)),
            ],
        );
    }

    #[test]
    fn a_message_may_come_whole() {
        check(
            &[(
                "",
                concat!(
                    r#"{"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"r","signature":"s"}}},"#,
                    r#"{"text":"a"},{"toolUse":{"toolUseId":"t","name":"f","input":{"x": 1}}}]}},"stopReason":"tool_use","#,
                    r#""usage":{"inputTokens":3,"outputTokens":4},"metrics":{"latencyMs":5}}"#
                ),
            )],
            &[
                Piece::Reasoning("r".into()),
                text("a"),
                call(2, "f"),
                call(2, "{\"x\":1}"),
                Piece::Finish("tool_use".into()),
                Piece::End,
                usage(3, 4, None),
                Piece::ServerTiming(("latency_ms".into(), 5.0)),
            ],
        );
    }

    #[test]
    fn events_may_have_their_name_around_them() {
        check(
            &[
                ("chunk", r#"{"messageStart":{"role":"assistant"}}"#),
                ("chunk", r#"{"contentBlockDelta":{"delta":{"text":"a"},"contentBlockIndex":0}}"#),
                ("", r#"{"messageStop":{"stopReason":"end_turn"}}"#),
                (
                    "chunk",
                    r#"{"metadata":{"usage":{"inputTokens":3,"outputTokens":4,"cacheReadInputTokenCount":1},"metrics":{},"trace":{}}}"#,
                ),
            ],
            &[text("a"), Piece::Finish("end_turn".into()), Piece::End, usage(3, 4, Some(1))],
        );
    }

    #[test]
    fn exceptions_fail_the_answer_and_text_before_them_stays() {
        check(
            &[
                ("contentBlockDelta", r#"{"delta":{"text":"a"}}"#),
                ("throttlingException", r#"{"message":"m"}"#),
            ],
            &[text("a"), fails("throttlingException", "m")],
        );
        check(
            &[(
                "modelStreamErrorException",
                r#"{"message":"m","originalStatusCode":424,"originalMessage":"o"}"#,
            )],
            &[fails("424", "m")],
        );
        check(&[("", r#"{"message":"m"}"#)], &[fails("", "m")]);
        check(&[("", r#"{"error":{"message":"m","code":"c"}}"#)], &[fails("c", "m")]);
    }

    #[test]
    fn fields_of_an_unexpected_type_cost_only_themselves() {
        check(
            &[
                (
                    "contentBlockDelta",
                    r#"{"contentBlockIndex":"x","delta":{"text":"a","toolUse":null,"reasoningContent":7}}"#,
                ),
                ("contentBlockDelta", r#"{"delta":null}"#),
                ("messageStop", r#"{"stopReason":null}"#),
                ("metadata", r#"{"usage":{"inputTokens":"?","outputTokens":2},"metrics":[]}"#),
            ],
            &[text("a"), Piece::End, Piece::Usage(Usage { output_tokens: Some(2), ..Usage::default() })],
        );
    }

    #[test]
    fn nothing_is_taken_after_an_event_that_is_not_json() {
        for bad in ["{not json", "null", "7", "[x"] {
            let good = ("contentBlockDelta", r#"{"delta":{"text":"a"}}"#);
            let events = [good, ("contentBlockDelta", bad), good].map(|(name, data)| Event::new(name, data));
            let deltas = decode(&mut ConverseDecoder::default(), &events);
            assert_eq!(deltas.len(), 2, "{bad}");
            assert!(matches!(&deltas[1].piece, Piece::Failure(_)), "{bad}");
        }
    }
}
