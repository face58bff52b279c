//! Just enough of OpenAI chat completions.

use llmperf_sdk::{Delta, Event, Framing, HttpRequest, JsonBody, Piece, RequestSpec, Usage};
use serde::Deserialize;

#[derive(Deserialize)]
struct Chunk {
    id: String,
    model: String,
    choices: Vec<Choice>,
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Text,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Text {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Counts {
    prompt_tokens: u64,
    completion_tokens: u64,
}

pub(crate) fn build(spec: &RequestSpec) -> Result<HttpRequest, String> {
    let mut body = JsonBody::new();
    body.set("model", &spec.model);
    body.set(
        "messages",
        [std::collections::BTreeMap::from([("role", "user"), ("content", &spec.prompt_text()?)])],
    );
    body.set("stream", true).set("max_tokens", spec.max_tokens).merge(&spec.sampling);
    Ok(HttpRequest::post_json(["chat", "completions"], body.build()?, Framing::Sse))
}

/// The number at the end of the response's id, which counts from 1.
pub(crate) fn number(events: &[Event]) -> Option<u32> {
    events.iter().find_map(|event| chunk(event)?.id.rsplit('-').next()?.parse().ok())
}

pub(crate) fn model(event: &Event) -> Option<String> {
    chunk(event).map(|chunk| chunk.model)
}

pub(crate) fn decode(events: &[Event]) -> Vec<Delta> {
    events
        .iter()
        .zip(0..)
        .flat_map(|(event, n)| pieces(event).into_iter().map(move |piece| Delta { event: n, piece }))
        .collect()
}

fn chunk(event: &Event) -> Option<Chunk> {
    event.json().ok()
}

fn pieces(event: &Event) -> Vec<Piece> {
    if event.data == b"[DONE]" {
        return vec![Piece::End];
    }
    let Some(chunk) = chunk(event) else { return vec![] };
    let mut pieces = vec![];
    for choice in chunk.choices {
        pieces.extend(choice.delta.content.filter(|text| !text.is_empty()).map(Piece::Text));
        pieces.extend(choice.finish_reason.map(Piece::Finish));
    }
    pieces.extend(chunk.usage.map(|counts| {
        Piece::Usage(Usage {
            input_tokens: Some(counts.prompt_tokens),
            output_tokens: Some(counts.completion_tokens),
            ..Usage::default()
        })
    }));
    pieces
}
