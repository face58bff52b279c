//! A chunk that was parsed already. For plugins that read several APIs and tell them by what they say: beside readers of
//! other APIs there is no room in a component for the one that is made for speed.

use serde_json::Value;

use crate::{Out, Usage, raw};

/// What was said so far of one chat completion, streamed or whole. It takes values, not events: the end marker and what is
/// no JSON are the caller's.
///
/// ```
/// # use llmperf_sdk::*;
/// let (mut chat, mut out) = (openai::LooseChat::default(), Out::new());
/// let json = r#"{"choices":[{"index":0,"delta":{"content":"Hi"}}]}"#;
/// chat.say(&serde_json::from_str(json).unwrap(), json, &mut out);
/// assert_eq!(out.into_deltas()[0].piece, Piece::Text("Hi".into()));
/// ```
#[derive(Debug, Default)]
pub struct LooseChat {
    /// Deltas were seen; a `message` beside them repeats their text.
    streamed: bool,
    finished: bool,
    usage: Usage,
    /// Index and name of each tool call.
    calls: Vec<(u32, String)>,
}

impl LooseChat {
    /// Writes what a chunk means to `out`, `json` being its text. An answer that came whole ends there.
    pub fn say(&mut self, chunk: &Value, json: &str, out: &mut Out) {
        let choices = chunk["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
        // The choices of `n > 1` are not measured.
        if let Some(choice) = choices.iter().find(|choice| choice["index"].as_u64().unwrap_or(0) == 0) {
            if choice["delta"].is_object() {
                self.streamed = true;
                self.delta(&choice["delta"], json, out);
            } else if choice["message"].is_object() && !self.streamed {
                self.streamed = true;
                self.delta(&choice["message"], json, out);
                out.end();
            }
            let reason = text(&choice["finish_reason"]);
            if !self.finished && !reason.is_empty() {
                self.finished = true;
                out.finish(reason);
            }
        }
        self.report(&chunk["usage"], out);
    }

    fn delta(&mut self, delta: &Value, json: &str, out: &mut Out) {
        // Servers send the same text under two names.
        let reasoning = ["reasoning_content", "reasoning"].map(|name| text(&delta[name]));
        out.reasoning(reasoning.into_iter().find(|text| !text.is_empty()).unwrap_or_default());
        match &delta["content"] {
            Value::Array(parts) => parts.iter().for_each(|part| part_of(part, out)),
            content => out.text(text(content)),
        }
        out.refusal(text(&delta["refusal"]));
        let calls = delta["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
        for call in calls {
            self.call(call, json, out);
        }
    }

    fn call(&mut self, call: &Value, json: &str, out: &mut Out) {
        let name = text(&call["function"]["name"]);
        let last = self.calls.last().map(|(index, _)| *index);
        let index = match (call["index"].as_u64().and_then(|index| u32::try_from(index).ok()), last) {
            (Some(index), _) => index,
            // Without an index a name begins the next call.
            (None, Some(last)) => last + u32::from(!name.is_empty()),
            (None, None) => 0,
        };
        match self.calls.iter().find(|(known, _)| *known == index) {
            // Some servers repeat the name with every fragment.
            Some((_, known)) if known == name => {}
            _ => {
                self.calls.push((index, name.to_owned()));
                out.tool_call(index, name);
            }
        }
        match &call["function"]["arguments"] {
            Value::Null => {}
            Value::String(arguments) => out.tool_call(index, arguments.as_str()),
            arguments => out.tool_call(index, raw::text_of_object(json, "arguments", arguments)),
        }
    }

    fn report(&mut self, report: &Value, out: &mut Out) {
        let usage = Usage {
            input_tokens: report["prompt_tokens"].as_u64(),
            output_tokens: report["completion_tokens"].as_u64(),
            cached_input_tokens: report["prompt_tokens_details"]["cached_tokens"].as_u64(),
            cache_write_tokens: None,
            reasoning_tokens: report["completion_tokens_details"]["reasoning_tokens"].as_u64(),
        };
        if usage != Usage::default() && usage != self.usage {
            self.usage = usage;
            out.usage(usage);
        }
    }
}

/// A part of the content. Mistral's `{type: "thinking", thinking: [{text}]}` is reasoning.
fn part_of(part: &Value, out: &mut Out) {
    match &part["thinking"] {
        Value::Array(thoughts) => thoughts.iter().for_each(|thought| out.reasoning(text(&thought["text"]))),
        thinking => out.reasoning(text(thinking)),
    }
    out.text(text(&part["text"]));
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Piece;

    fn check(chunks: &[&str], expected: &[Piece]) {
        let (mut chat, mut out) = (LooseChat::default(), Out::new());
        for chunk in chunks {
            chat.say(&serde_json::from_str(chunk).unwrap(), chunk, &mut out);
        }
        let pieces: Vec<Piece> = out.into_deltas().into_iter().map(|delta| delta.piece).collect();
        assert_eq!(pieces, expected, "{chunks:?}");
    }

    fn text(text: &str) -> Piece {
        Piece::Text(text.into())
    }

    #[test]
    fn a_stream_and_a_whole_answer_are_read() {
        let usage = Usage { input_tokens: Some(1), output_tokens: Some(2), ..Usage::default() };
        check(
            &[
                r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":"r","reasoning_content":"r"}}]}"#,
                r#"{"choices":[{"index":1,"delta":{"content":"other"}},{"index":0,"delta":{"content":[{"type":"text","text":"a"}]}}]}"#,
                r#"{"choices":[{"delta":{"content":null,"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{"}}]}}]}"#,
                r#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"}"}}]},"finish_reason":"stop"}]}"#,
                r#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
                r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
            ],
            &[
                Piece::Reasoning("r".into()),
                text("a"),
                Piece::ToolCall((0, "f".into())),
                Piece::ToolCall((0, "{".into())),
                Piece::ToolCall((0, "}".into())),
                Piece::Finish("stop".into()),
                Piece::Usage(usage),
            ],
        );
        check(
            &[r#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}"#],
            &[text("a"), Piece::End, Piece::Finish("stop".into())],
        );
    }

    #[test]
    fn objects_of_arguments_keep_their_order_and_parts_that_reason_are_reasoning() {
        check(
            &[
                r#"{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"r"}]},{"type":"text","text":"a"}]}}]}"#,
                r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":{"b": 1, "a": 2}}}]}}]}"#,
            ],
            &[
                Piece::Reasoning("r".into()),
                text("a"),
                Piece::ToolCall((0, "f".into())),
                Piece::ToolCall((0, r#"{"b":1,"a":2}"#.into())),
            ],
        );
    }

    #[test]
    fn fields_of_an_unexpected_type_say_nothing() {
        check(
            &[
                "{}",
                "[]",
                "7",
                r#"{"choices":7}"#,
                r#"{"choices":[7,{"delta":[],"message":7}],"usage":"soon"}"#,
            ],
            &[],
        );
    }
}
