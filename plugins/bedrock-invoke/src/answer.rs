//! What a model answers, taken out of AWS' wrapping and recognised by what it says: an ARN does not tell whose model it is.
//! Chunks are read as values: typed readers of all families would not fit into a component.

use llmperf_sdk::openai::LooseChat;
use llmperf_sdk::{Decode, Event, Failure, Out, ResponseHead, Usage, aws, event_failure};
use serde_json::Value;

use crate::families::{self, count, text};

/// What Bedrock measured itself, on the last chunk.
const METRICS: &str = "amazon-bedrock-invocationMetrics";

/// Reads one answer, streamed or whole.
#[derive(Debug, Default)]
pub struct Answer {
    /// An event could not be understood: the rest may be out of step with it, so nothing is taken from there on.
    broken: bool,
    chat: LooseChat,
    ended: bool,
    finished: bool,
    usage: Usage,
}

impl Decode for Answer {
    fn new(_task: &str, _head: &ResponseHead) -> Answer {
        Answer::default()
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        if !matches!(&*event.name, "" | "chunk") {
            return aws::exception(event).map_or(Ok(()), Err);
        }
        if self.broken || event.data.trim_ascii().is_empty() {
            return Ok(());
        }
        let wrapped: Value = event.json().inspect_err(|_| self.broken = true)?;
        match &wrapped["bytes"] {
            Value::String(bytes) => {
                let Some(data) = aws::decode_base64(bytes) else {
                    self.broken = true;
                    return Err(Failure::bad_response("the bytes of a chunk are not base64"));
                };
                if data.is_empty() || data == b"[DONE]" {
                    return Ok(());
                }
                let chunk = Event { name: String::new(), data };
                let said: Value = chunk.json().inspect_err(|_| self.broken = true)?;
                self.chunk(&said, &chunk, false, out)
            }
            _ => self.chunk(&wrapped, event, true, out),
        }
    }
}

impl Answer {
    fn chunk(&mut self, said: &Value, event: &Event, whole: bool, out: &mut Out) -> Result<(), Failure> {
        if !said.is_object() {
            self.broken = true;
            return Err(event_failure(event.text()?));
        }
        let choice = &said["choices"][0];
        // OpenAI's stream has deltas; other families took over its choices and not those.
        let is_chat = choice["delta"].is_object() || (whole && choice["message"].is_object());
        if is_chat {
            // An answer that came whole ends there; of a stream Bedrock's own numbers are the end.
            self.ended |= whole;
            self.chat.say(said, event.text()?, out);
        } else {
            let heard = families::hear(said, event.text()?, out);
            self.finish(heard.finish, out);
            self.report(heard.usage, out);
            if heard.ended {
                self.end(out);
            }
        }
        if said[METRICS].is_object() {
            self.metrics(&said[METRICS], out);
        }
        if is_error(said) { Err(event_failure(event.text()?)) } else { Ok(()) }
    }

    fn metrics(&mut self, metrics: &Value, out: &mut Out) {
        self.report(
            Usage {
                input_tokens: count(&metrics["inputTokenCount"]),
                output_tokens: count(&metrics["outputTokenCount"]),
                cached_input_tokens: count(&metrics["cacheReadInputTokenCount"]),
                cache_write_tokens: count(&metrics["cacheWriteInputTokenCount"]),
                reasoning_tokens: None,
            },
            out,
        );
        for (name, field) in
            [("invocation_latency_ms", "invocationLatency"), ("first_byte_latency_ms", "firstByteLatency")]
        {
            if let Some(value) = metrics[field].as_f64() {
                out.server_timing(name, value);
            }
        }
        self.end(out);
    }

    fn finish(&mut self, word: &str, out: &mut Out) {
        if !self.finished && !word.is_empty() {
            self.finished = true;
            out.finish(word);
        }
    }

    /// Says counts again only where one of them changed.
    fn report(&mut self, usage: Usage, out: &mut Out) {
        let known = self.usage;
        let merged = Usage {
            input_tokens: usage.input_tokens.or(known.input_tokens),
            output_tokens: usage.output_tokens.or(known.output_tokens),
            cached_input_tokens: usage.cached_input_tokens.or(known.cached_input_tokens),
            cache_write_tokens: usage.cache_write_tokens.or(known.cache_write_tokens),
            reasoning_tokens: usage.reasoning_tokens.or(known.reasoning_tokens),
        };
        if merged != known {
            self.usage = merged;
            out.usage(usage);
        }
    }

    fn end(&mut self, out: &mut Out) {
        if !self.ended {
            self.ended = true;
            out.end();
        }
    }
}

fn is_error(said: &Value) -> bool {
    let nested = match &said["error"] {
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => false,
    };
    nested || said["type"] == "error" || !text(&said["message"]).is_empty()
}
