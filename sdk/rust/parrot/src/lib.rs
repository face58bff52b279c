//! Speaks "parrot", the made-up API that every SDK has as its example (`sdk/parrot-cases/README.md` describes it). What it says is
//! read by name from a [`Value`]: short, and a field of a strange type is as good as none. A struct for serde takes half the time.

use llmperf_sdk::*;
use serde_json::Value;

struct Parrot;

impl Plugin for Parrot {
    type Decoder = Answer;

    fn describe() -> Description {
        let accent = OptionSpec::string("accent", "", "how it is to sound").env("PARROT_ACCENT");
        Description {
            options: vec![accent],
            ..Description::new("parrot", env!("CARGO_PKG_VERSION"), "a made-up API, in Rust")
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        let mut body = JsonBody::new();
        body.set("say", spec.prompt_text()?).set("limit", spec.max_tokens).set("stream", spec.stream);
        body.set("accent", spec.option("accent"));
        body.merge(&spec.sampling);
        let framing = if spec.stream { Framing::Ndjson } else { Framing::Body };
        Ok(HttpRequest::post_json(["v1", "parrot"], body.build()?, framing))
    }

    fn explain(head: &ResponseHead, body: &[u8]) -> Failure {
        let mut failure = explain(head, body);
        let said: Value = serde_json::from_slice(body).unwrap_or_default();
        if let Some(why) = said["why"].as_str() {
            failure.message = why.to_owned();
        }
        if let Some(kind) = said["kind"].as_str() {
            failure.code = kind.to_owned();
        }
        failure
    }
}

/// Reads one answer.
#[derive(Default)]
struct Answer {
    /// A line was no JSON: what follows may be out of step with it.
    is_lost: bool,
}

impl Decode for Answer {
    fn new(_task: &str, _head: &ResponseHead) -> Answer {
        Answer::default()
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        if self.is_lost {
            return Ok(());
        }
        let line: Value = event.json().inspect_err(|_| self.is_lost = true)?;
        out.reasoning(text(&line["thinks"]));
        let tool = &line["tool"];
        let index = tool["index"].as_u64().and_then(|index| u32::try_from(index).ok()).unwrap_or(0);
        out.tool_call(index, text(&tool["name"]));
        out.tool_call(index, text(&tool["args"]));
        out.text(text(&line["squawk"]));
        let error = &line["error"];
        if error.is_object() {
            let wait_ms = error["wait_s"].as_f64().map(|s| (s * 1000.0).round() as u64);
            let failure = Failure::new(text(&error["kind"]), text(&error["why"]));
            out.failure(Failure { retry_after_ms: wait_ms, ..failure });
        }
        let done = &line["done"];
        if done.is_object() {
            out.usage(Usage {
                input_tokens: done["heard"].as_u64(),
                output_tokens: done["said"].as_u64(),
                ..Usage::default()
            });
            if let Some(ms) = done["took_ms"].as_f64() {
                out.server_timing("took_ms", ms);
            }
            out.finish(text(&done["reason"]));
            out.end();
        }
        Ok(())
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

export!(Parrot);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_built_and_read_as_it_says() {
        testing::check_fixtures::<Parrot>(concat!(env!("CARGO_MANIFEST_DIR"), "/../../parrot-cases"));
    }

    #[test]
    fn an_option_goes_into_the_body() {
        let spec = RequestSpec::chat("any", "Polly").with_option("accent", "pirate");
        let request = Parrot::build_request(&spec).unwrap();
        assert_eq!(request.body, br#"{"say":"Polly","stream":true,"accent":"pirate"}"#);
    }
}
