//! The answer: a stream of bare text, or the prediction as one JSON object.

use llmperf_sdk::lenient::{Number, Object, Text, is_said};
use llmperf_sdk::{Decode, Event, Failure, Objects, Out, ResponseHead, Said, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Reads one prediction, streamed or whole.
#[derive(Debug, Default)]
pub struct Answer {
    objects: Objects,
    said: Said,
    streamed: bool,
    failed: bool,
}

/// A prediction.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Prediction<'a> {
    /// starting | processing | succeeded | failed | canceled; a number in an error.
    #[serde(borrow)]
    status: Text<'a>,
    /// A text, or the pieces it came in.
    output: Text<'a>,
    metrics: Object<Metrics>,
    error: Option<&'a RawValue>,
    // The words of an error that is no prediction.
    detail: Option<&'a RawValue>,
    message: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metrics {
    input_token_count: Number,
    output_token_count: Number,
    predict_time: Number,
    total_time: Number,
    time_to_first_token: Number,
}

/// The data of `done`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Done<'a> {
    #[serde(borrow)]
    reason: Text<'a>,
}

impl Decode for Answer {
    fn new(_task: &str, head: &ResponseHead) -> Answer {
        let streamed = head.header("content-type").is_some_and(|mime| mime.contains("event-stream"));
        Answer { streamed, ..Answer::default() }
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        match event.name.as_str() {
            "output" => {
                out.text(event.text()?);
                Ok(())
            }
            "error" => {
                self.failed = true;
                Err(event.failure())
            }
            "done" => self.done(event, out),
            // What the model printed is no answer; gateways and proxies have events of their own.
            "" if !self.streamed || event.data.trim_ascii().starts_with(b"{") => self.prediction(event, out),
            _ => Ok(()),
        }
    }
}

impl Answer {
    fn done(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        let Object(done) = serde_json::from_slice::<Object<Done<'_>>>(&event.data).unwrap_or_default();
        let reason = done.unwrap_or_default().reason.0;
        let failed = reason == "error" && !self.failed;
        out.finish(if reason.is_empty() { "done".into() } else { reason });
        out.end();
        match failed {
            true => Err(Failure::new("error", "the prediction failed")),
            false => Ok(()),
        }
    }

    fn prediction(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        let Some(prediction) = self.objects.read::<Prediction<'_>>(event)? else { return Ok(()) };
        let Prediction { status, output, metrics, error, detail, message } = prediction;
        let status = status.0;
        out.text(output.0);
        if let Some(metrics) = metrics.0 {
            self.metrics(&metrics, out);
        }
        if let Some(error) = error.filter(|error| is_said(Some(error))) {
            let failure = Failure::said(error.get());
            let code = if failure.code.is_empty() { status.into_owned() } else { failure.code };
            return Err(Failure::new(code, failure.message));
        }
        if is_said(detail) || is_said(message) {
            return Err(event.failure());
        }
        match &*status {
            "succeeded" => {
                out.finish(status);
                out.end();
                Ok(())
            }
            "" => Ok(()),
            "failed" | "canceled" | "aborted" => Err(Failure::new(&*status, "the prediction has no result")),
            _ => Err(Failure::new(
                &*status,
                "the prediction was not finished when the server answered, and llmperf sends one request only",
            )),
        }
    }

    fn metrics(&mut self, metrics: &Metrics, out: &mut Out) {
        let usage = Usage {
            input_tokens: metrics.input_token_count.count(),
            output_tokens: metrics.output_token_count.count(),
            ..Usage::default()
        };
        self.said.usage(usage, out);
        for (name, time) in [
            ("predict_time_s", metrics.predict_time),
            ("total_time_s", metrics.total_time),
            ("time_to_first_token_s", metrics.time_to_first_token),
        ] {
            self.said.time(name, time.0, out);
        }
    }
}
