//! The answer: an SSE event a token, or one object for all of it.

use llmperf_sdk::lenient::{Flag, Number, Text, is_said};
use llmperf_sdk::{Decode, Event, Failure, Objects, Out, ResponseHead, Said, Usage, openai};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Reads one answer, streamed or whole.
#[derive(Debug, Default)]
pub struct Answer {
    objects: Objects,
    said: Said,
    finished: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    /// Which of several prompts.
    index: Number,
    #[serde(borrow)]
    content: Text<'a>,
    tokens: Option<&'a RawValue>,
    stop: Flag,
    /// Since 2024-12: eos | limit | word.
    stop_type: Text<'a>,
    // What `stop_type` replaced.
    stopped_eos: Flag,
    stopped_limit: Flag,
    stopped_word: Flag,
    tokens_evaluated: Number,
    tokens_predicted: Number,
    timings: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
}

impl Decode for Answer {
    fn new(_task: &str, _head: &ResponseHead) -> Answer {
        Answer::default()
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        // No version ends so; gateways before it do.
        if event.is_done() {
            out.end();
            return Ok(());
        }
        if event.name == "error" {
            return Err(event.failure());
        }
        let Some(chunk) = self.objects.read_first::<Chunk<'_>>(event)? else { return Ok(()) };
        if chunk.index.count().unwrap_or(0) != 0 {
            return Ok(());
        }
        let fails = is_said(chunk.error);
        self.chunk(chunk, fails, out);
        if fails { Err(event.failure()) } else { Ok(()) }
    }
}

impl Answer {
    fn chunk(&mut self, chunk: Chunk<'_>, fails: bool, out: &mut Out) {
        let word = chunk.stop_word();
        out.text(chunk.content.0);
        if let Some(ids) = chunk.tokens.and_then(|raw| serde_json::from_str(raw.get()).ok()) {
            out.token_ids(ids);
        }
        if !self.finished && !word.is_empty() {
            self.finished = true;
            out.finish(word);
        }
        let usage = Usage {
            input_tokens: chunk.tokens_evaluated.count(),
            output_tokens: chunk.tokens_predicted.count(),
            ..Usage::default()
        };
        self.said.usage(usage, out);
        for (name, value) in chunk.timings.map(openai::times).into_iter().flatten() {
            self.said.time(name, Some(value), out);
        }
        if chunk.stop.0 && !fails {
            out.end();
        }
    }
}

impl Chunk<'_> {
    /// Old versions said it with three flags; the words are those of the new ones.
    fn stop_word(&self) -> String {
        let flags = [(self.stopped_word, "word"), (self.stopped_limit, "limit"), (self.stopped_eos, "eos")];
        let flagged = || flags.into_iter().find(|(flag, _)| flag.0).map_or("", |(_, word)| word);
        match &*self.stop_type.0 {
            "none" => String::new(),
            "" => flagged().to_owned(),
            word => word.to_owned(),
        }
    }
}
