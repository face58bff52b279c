//! The teaching plugin: a made-up API in one page. It POSTs `{"prompt", "max_tokens"}` to `/echo` and reads
//! one JSON object a line: `{"word": "…"}` for each word, `{"done": true, "words": n}` at the end.

use llmperf_sdk::*;
use serde::Deserialize;

struct Echo;

impl Plugin for Echo {
    type Decoder = Answer;

    fn describe() -> Description {
        Description::new(
            "echo",
            env!("CARGO_PKG_VERSION"),
            "a made-up API that says your words back, for learning",
        )
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        let mut body = JsonBody::new();
        body.set("prompt", spec.prompt_text()?);
        body.set("max_tokens", spec.max_tokens);
        body.merge(&spec.sampling);
        Ok(HttpRequest::post_json(["echo"], body.build()?, Framing::Ndjson))
    }
}

/// Reads one answer. It keeps nothing from line to line, so it has no fields.
struct Answer;

#[derive(Deserialize)]
struct Line {
    word: Option<String>,
    #[serde(default)]
    done: bool,
    words: Option<u64>,
}

impl Decode for Answer {
    fn new(_task: &str, _head: &ResponseHead) -> Answer {
        Answer
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        let line: Line = event.json()?;
        out.text(line.word.unwrap_or_default());
        out.usage(Usage { output_tokens: line.words, ..Usage::default() });
        if line.done {
            out.end();
        }
        Ok(())
    }
}

export!(Echo);

#[cfg(test)]
mod tests;
