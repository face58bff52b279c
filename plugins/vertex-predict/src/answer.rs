//! The answer: one JSON object whose `predictions` hold what the model's container gave, in whatever shape that has.

use llmperf_sdk::lenient::{First, Number, Object, Text, is_said};
use llmperf_sdk::openai::ChatDecoder;
use llmperf_sdk::{Decode, Event, Failure, Objects, Out, ResponseHead, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What stands between the prompt and the text in a prediction that repeats both.
const OUTPUT_MARK: &str = "\nOutput:\n";

/// Reads one answer.
#[derive(Debug, Default)]
pub struct Answer {
    objects: Objects,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answered<'a> {
    #[serde(borrow)]
    predictions: Option<&'a RawValue>,
    /// What a container answers that is asked with rawPredict.
    choices: Option<&'a RawValue>,
    metadata: Object<Metadata>,
    error: Option<&'a RawValue>,
    // The words of a flat error.
    message: Option<&'a RawValue>,
    detail: Option<&'a RawValue>,
}

/// A prediction that is an object.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Prediction<'a> {
    #[serde(borrow)]
    choices: Option<&'a RawValue>,
    content: Text<'a>,
    generated_text: Text<'a>,
    text: Text<'a>,
    output: Text<'a>,
    /// Chat models of PaLM.
    candidates: First<Object<Candidate<'a>>>,
    error: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Candidate<'a> {
    #[serde(borrow)]
    content: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    token_metadata: Object<TokenMetadata>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TokenMetadata {
    input_token_count: Object<Tokens>,
    output_token_count: Object<Tokens>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Tokens {
    total_tokens: Number,
}

impl Decode for Answer {
    fn new(_task: &str, _head: &ResponseHead) -> Answer {
        Answer::default()
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        if event.name == "error" {
            return Err(event.failure());
        }
        let Some(answered) = self.objects.read_first::<Answered<'_>>(event)? else { return Ok(()) };
        let silent = answered.predictions.or(answered.choices).is_none();
        if is_said(answered.error) || (silent && (is_said(answered.message) || is_said(answered.detail))) {
            return Err(event.failure());
        }
        if answered.choices.is_some() {
            return chat(event.text()?, out);
        }
        let Some(prediction) = answered.predictions.and_then(first) else {
            return Err(Failure::bad_response("the answer holds no prediction"));
        };
        usage(answered.metadata, out);
        read(prediction, out)
    }
}

/// The first prediction, of which there is one: in a list, in a list in a list, or alone.
fn first(predictions: &RawValue) -> Option<&RawValue> {
    let mut value = predictions;
    while value.get().starts_with('[') {
        value = serde_json::from_str::<First<&RawValue>>(value.get()).ok()?.0?;
    }
    Some(value).filter(|value| value.get() != "null")
}

/// # Errors
/// The prediction is an error.
fn read(prediction: &RawValue, out: &mut Out) -> Result<(), Failure> {
    let json = prediction.get();
    if !json.starts_with('{') {
        let text = serde_json::from_str::<Text<'_>>(json).unwrap_or_default().0;
        out.text(after_mark(&text));
        out.end();
        return Ok(());
    }
    let Object(prediction) = serde_json::from_str::<Object<Prediction<'_>>>(json).unwrap_or_default();
    let prediction = prediction.unwrap_or_default();
    if prediction.choices.is_some() {
        return chat(json, out);
    }
    if is_said(prediction.error) {
        return Err(Failure::said(json));
    }
    let candidate = prediction.candidates.0.and_then(|candidate| candidate.0).unwrap_or_default();
    let texts = [
        prediction.content,
        prediction.generated_text,
        prediction.text,
        prediction.output,
        candidate.content,
    ];
    let text = texts.into_iter().find(|text| !text.0.is_empty()).unwrap_or_default();
    out.text(after_mark(&text.0));
    out.end();
    Ok(())
}

/// What follows the first mark up to the next, as LLMPerf takes it; all of it where there is no mark.
fn after_mark(text: &str) -> &str {
    text.split(OUTPUT_MARK).nth(1).unwrap_or(text)
}

/// A whole answer of OpenAI's.
fn chat(json: &str, out: &mut Out) -> Result<(), Failure> {
    ChatDecoder::default().push(&Event { name: String::new(), data: json.into() }, out)
}

fn usage(metadata: Object<Metadata>, out: &mut Out) {
    let tokens = metadata.0.unwrap_or_default().token_metadata.0.unwrap_or_default();
    let count = |tokens: Object<Tokens>| tokens.0.and_then(|tokens| tokens.total_tokens.count());
    out.usage(Usage {
        input_tokens: count(tokens.input_token_count),
        output_tokens: count(tokens.output_token_count),
        ..Usage::default()
    });
}
