//! The answer: a JSON object a line, or one for all of it.

use llmperf_sdk::lenient::{Flag, Number, Object, Text, is_said};
use llmperf_sdk::openai::ToolCalls;
use llmperf_sdk::{Decode, Event, Failure, Objects, Out, ResponseHead, Said, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Reads one answer, streamed or whole.
#[derive(Debug, Default)]
pub struct Answer {
    objects: Objects,
    tools: ToolCalls,
    said: Said,
    finished: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Line<'a> {
    /// `/api/chat`
    #[serde(borrow)]
    message: Object<Message<'a>>,
    /// `/api/generate`
    response: Text<'a>,
    thinking: Text<'a>,
    done: Flag,
    done_reason: Text<'a>,
    prompt_eval_count: Number,
    eval_count: Number,
    total_duration: Number,
    load_duration: Number,
    prompt_eval_duration: Number,
    eval_duration: Number,
    error: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    content: Text<'a>,
    thinking: Text<'a>,
    tool_calls: Option<&'a RawValue>,
}

impl Decode for Answer {
    fn new(_task: &str, _head: &ResponseHead) -> Answer {
        Answer::default()
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        if event.name == "error" {
            return Err(event.failure());
        }
        let Some(line) = self.objects.read::<Line<'_>>(event)? else { return Ok(()) };
        // A chat's `message` beside it is no word of the error's.
        let failure = line.error.filter(|error| is_said(Some(error))).map(|error| match line.message.0 {
            Some(_) => Failure::said(error.get()),
            None => event.failure(),
        });
        self.line(line, failure.is_some(), out);
        failure.map_or(Ok(()), Err)
    }
}

impl Answer {
    fn line(&mut self, line: Line<'_>, fails: bool, out: &mut Out) {
        out.reasoning(line.thinking.0);
        out.text(line.response.0);
        if let Some(message) = line.message.0 {
            out.reasoning(message.thinking.0);
            out.text(message.content.0);
            if let Some(calls) = message.tool_calls {
                self.tools.push(calls, out);
            }
        }
        if !self.finished && !line.done_reason.0.is_empty() {
            self.finished = true;
            out.finish(line.done_reason.0);
        }
        // The prompt's count is left out where all of it came from the cache.
        let usage = Usage {
            input_tokens: line.prompt_eval_count.count(),
            output_tokens: line.eval_count.count(),
            ..Usage::default()
        };
        self.said.usage(usage, out);
        for (name, time) in [
            ("total_duration_ns", line.total_duration),
            ("load_duration_ns", line.load_duration),
            ("prompt_eval_duration_ns", line.prompt_eval_duration),
            ("eval_duration_ns", line.eval_duration),
        ] {
            self.said.time(name, time.0, out);
        }
        if line.done.0 && !fails {
            out.end();
        }
    }
}
