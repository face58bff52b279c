//! The answer: one JSON object whose `predictions` hold what the model's container gave, in whatever shape that has.

use llmperf_sdk::lenient::is_said;
use llmperf_sdk::openai::ChatDecoder;
use llmperf_sdk::raw::{count, field, fields, list, text};
use llmperf_sdk::{Decode, Event, Failure, Objects, Out, ResponseHead, Usage};
use serde_json::value::RawValue;

/// What stands between the prompt and the text in a prediction that repeats both.
const OUTPUT_MARK: &str = "\nOutput:\n";

/// Reads one answer.
#[derive(Debug, Default)]
pub struct Answer {
    objects: Objects,
}

impl Decode for Answer {
    fn new(_task: &str, _head: &ResponseHead) -> Answer {
        Answer::default()
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        if event.name == "error" {
            return Err(event.failure());
        }
        let names = ["predictions", "choices", "metadata", "error", "message", "detail"];
        let Some([predictions, choices, metadata, error, message, detail]) =
            self.objects.fields(event, names)?
        else {
            return Ok(());
        };
        let silent = predictions.or(choices).is_none();
        if is_said(error) || (silent && (is_said(message) || is_said(detail))) {
            return Err(event.failure());
        }
        // What a container answers that is asked with rawPredict.
        if choices.is_some() {
            return chat(event.text()?, out);
        }
        let Some(prediction) = predictions.and_then(first) else {
            return Err(Failure::bad_response("the answer holds no prediction"));
        };
        usage(metadata, out);
        read(prediction, out)
    }
}

/// The first prediction, of which there is one: in a list, in a list in a list, or alone.
fn first(predictions: &RawValue) -> Option<&RawValue> {
    let mut value = predictions;
    while value.get().starts_with('[') {
        value = list(value).first()?;
    }
    Some(value).filter(|value| value.get() != "null")
}

/// # Errors
/// The prediction is an error.
fn read(prediction: &RawValue, out: &mut Out) -> Result<(), Failure> {
    let names = ["choices", "error", "content", "generated_text", "text", "output", "candidates"];
    let text = match fields(prediction.get(), names) {
        Err(_) => {
            let text = text(Some(prediction));
            // LLMPerf fails there, too: without it nobody can tell the prompt from the answer.
            if !text.contains(OUTPUT_MARK) {
                return Err(Failure::bad_response("the prediction has no line `Output:` before its answer"));
            }
            text
        }
        Ok([Some(_), ..]) => return chat(prediction.get(), out),
        Ok([_, error, ..]) if is_said(error) => return Err(Failure::said(prediction.get())),
        Ok([_, _, texts @ .., candidates]) => {
            let named = texts.into_iter().map(text).find(|text| !text.is_empty());
            // Chat models of PaLM.
            named.unwrap_or_else(|| text(field(candidates.and_then(first), "content")))
        }
    };
    out.text(after_mark(&text));
    out.end();
    Ok(())
}

/// What follows the first mark up to the next, as LLMPerf takes it; all of it where an object's field has no mark.
fn after_mark(text: &str) -> &str {
    text.split(OUTPUT_MARK).nth(1).unwrap_or(text)
}

/// A whole answer of OpenAI's.
fn chat(json: &str, out: &mut Out) -> Result<(), Failure> {
    ChatDecoder::default().push(&Event { name: String::new(), data: json.into() }, out)
}

fn usage(metadata: Option<&RawValue>, out: &mut Out) {
    let tokens = field(metadata, "tokenMetadata");
    let total = |kind| count(field(field(tokens, kind), "totalTokens"));
    out.usage(Usage {
        input_tokens: total("inputTokenCount"),
        output_tokens: total("outputTokenCount"),
        ..Usage::default()
    });
}
