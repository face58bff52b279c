//! What an answer holds: how many numbers each vector has. Their values are nobody's business here, so none is read.

use llmperf_sdk::lenient::{List, Object};
use llmperf_sdk::{Decode, Event, Failure, Out, ResponseHead, Usage, event_failure, openai, read_failure};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    data: List<Object<Item<'a>>>,
    usage: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow)]
    embedding: Option<&'a RawValue>,
}

/// Reads one answer.
#[derive(Debug)]
pub struct EmbeddingsDecoder;

impl Decode for EmbeddingsDecoder {
    fn new(_task: &str, _head: &ResponseHead) -> EmbeddingsDecoder {
        EmbeddingsDecoder
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        let data = event.data.trim_ascii();
        if data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        // Serde takes an array for a struct, field by field.
        if data.starts_with(b"[") {
            return Err(read_failure(data).unwrap_or_else(|| Failure::bad_response("the answer is an array")));
        }
        let answer: Answer<'_> = event.json()?;
        let vectors = answer.data.0.iter().filter_map(|item| dimensions(item.0.as_ref()?.embedding?));
        let found = vectors.map(|dimensions| out.embedding(dimensions)).count();
        if let Some(usage) = answer.usage {
            // Some servers state an output of no tokens.
            out.usage(Usage { output_tokens: None, ..openai::usage(usage) });
        }
        if found > 0 {
            out.end();
            return Ok(());
        }
        match read_failure(&event.data) {
            Some(failure) => Err(failure),
            None if answer.error.is_some() => Err(event_failure(event.text()?)),
            None => Ok(()),
        }
    }
}

/// How many numbers a vector has: elements of a list, or 32-bit floats in base64 (RFC 4648).
fn dimensions(embedding: &RawValue) -> Option<u32> {
    let json = embedding.get();
    let count = match json.as_bytes().first()? {
        b'[' => serde_json::from_str::<Vec<IgnoredAny>>(json).ok()?.len(),
        b'"' => {
            // A slash may be escaped.
            let text: std::borrow::Cow<'_, str> = serde_json::from_str(json).ok()?;
            text.trim_end_matches('=').len() * 3 / 4 / size_of::<f32>()
        }
        _ => return None,
    };
    u32::try_from(count).ok().filter(|count| *count > 0)
}
