//! The answer. Each event holds all of the text so far, unless the server was started to stream what is new only.

use std::borrow::Cow;

use llmperf_sdk::lenient::{Number, Object, Text, is_said};
use llmperf_sdk::{Decode, Event, Failure, Objects, Out, ResponseHead, Said, Usage, read_failure};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Reads one answer, streamed or whole.
#[derive(Debug, Default)]
pub struct Answer {
    objects: Objects,
    said: Said,
    text: Growing<u8>,
    /// Where the server was started without a tokenizer, there are only these.
    ids: Growing<u32>,
    streamed: bool,
    finished: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    /// Which of several answers (`n`).
    index: Number,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    output_ids: Option<&'a RawValue>,
    meta_info: Object<Meta<'a>>,
    error: Option<&'a RawValue>,
    // The words of a flat error.
    message: Option<&'a RawValue>,
    detail: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Meta<'a> {
    /// `{"type": "stop" | "length" | "abort", …}`; old versions had the word alone.
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
    prompt_tokens: Number,
    completion_tokens: Number,
    cached_tokens: Number,
    reasoning_tokens: Number,
    e2e_latency: Number,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reason<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
}

impl Decode for Answer {
    fn new(_task: &str, head: &ResponseHead) -> Answer {
        let streamed = head.header("content-type").is_some_and(|mime| mime.contains("event-stream"));
        Answer { streamed, ..Answer::default() }
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
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
        let flat = chunk.text.is_none() && (is_said(chunk.message) || is_said(chunk.detail));
        let fails = is_said(chunk.error) || flat;
        // An object with neither is no answer, as what a health check or a gateway says.
        let answers = chunk.text.is_some() || chunk.output_ids.is_some();
        self.chunk(chunk, out)?;
        match fails {
            true => Err(event.failure()),
            false if answers && !self.streamed => {
                out.end();
                Ok(())
            }
            false => Ok(()),
        }
    }
}

impl Answer {
    /// # Errors
    /// The server gave the request up.
    fn chunk(&mut self, chunk: Chunk<'_>, out: &mut Out) -> Result<(), Failure> {
        match chunk.text {
            Some(text) => out.text(self.text.new_text(&text.0)),
            None => {
                let ids = chunk.output_ids.and_then(|raw| serde_json::from_str::<Vec<u32>>(raw.get()).ok());
                out.token_ids(self.ids.new_part(&ids.unwrap_or_default()).to_vec());
            }
        }
        let Some(meta) = chunk.meta_info.0 else { return Ok(()) };
        let usage = Usage {
            input_tokens: meta.prompt_tokens.count(),
            output_tokens: meta.completion_tokens.count(),
            cached_input_tokens: meta.cached_tokens.count(),
            cache_write_tokens: None,
            reasoning_tokens: meta.reasoning_tokens.count(),
        };
        self.said.usage(usage, out);
        self.said.time("e2e_latency_s", meta.e2e_latency.0, out);
        meta.finish_reason.map_or(Ok(()), |reason| self.finish(reason, out))
    }

    fn finish(&mut self, reason: &RawValue, out: &mut Out) -> Result<(), Failure> {
        let word = word(reason.get());
        if self.finished || word.is_empty() {
            return Ok(());
        }
        self.finished = true;
        let aborted = word == "abort";
        out.finish(word);
        if !aborted {
            return Ok(());
        }
        let silent = || Failure::new("abort", "the server gave the request up");
        Err(read_failure(reason.get().as_bytes()).unwrap_or_else(silent))
    }
}

fn word(reason: &str) -> Cow<'_, str> {
    match reason.starts_with('{') {
        true => serde_json::from_str::<Reason<'_>>(reason).unwrap_or_default().kind.0,
        false => serde_json::from_str::<Text<'_>>(reason).unwrap_or_default().0,
    }
}

/// Something that comes again and again with more at its end, or in parts: the first that does not begin with what is known
/// tells that it comes in parts.
#[derive(Debug)]
struct Growing<T> {
    known: Vec<T>,
    in_parts: bool,
}

impl<T> Default for Growing<T> {
    fn default() -> Growing<T> {
        Growing { known: Vec::new(), in_parts: false }
    }
}

impl<T: Copy + PartialEq> Growing<T> {
    /// What is new in `now`.
    fn new_part<'a>(&mut self, now: &'a [T]) -> &'a [T] {
        if now.is_empty() || self.in_parts {
            return now;
        }
        match now.strip_prefix(self.known.as_slice()) {
            Some(new) => {
                self.known.extend_from_slice(new);
                new
            }
            None => {
                self.in_parts = true;
                self.known = Vec::new();
                now
            }
        }
    }
}

impl Growing<u8> {
    fn new_text<'a>(&mut self, now: &'a str) -> &'a str {
        let new = self.new_part(now.as_bytes()).len();
        // What was known is text, so its end is no place within a character.
        &now[now.len() - new..]
    }
}
