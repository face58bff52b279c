//! Cloudflare Workers AI's own `run` API. (Its OpenAI route, `…/ai/v1`, is `openai-chat`'s.)

mod answer;

use llmperf_sdk::{Description, Framing, HttpRequest, JsonBody, OptionSpec, Plugin, RequestSpec, openai};

/// Option: keep an empty system message.
const SYSTEM_MESSAGE: &str = "system-message";

/// The plugin `cloudflare`.
#[derive(Debug)]
pub struct Cloudflare;

impl Plugin for Cloudflare {
    type Decoder = answer::Answer;

    fn describe() -> Description {
        Description {
            tasks: vec!["chat".to_owned(), "completion".to_owned()],
            options: vec![OptionSpec::boolean(
                SYSTEM_MESSAGE,
                true,
                "send a system message also where it is empty, as LLMPerf does",
            )],
            ..Description::new(
                "cloudflare",
                env!("CARGO_PKG_VERSION"),
                "Cloudflare Workers AI's own API (POST run/MODEL)",
            )
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        spec.only("cloudflare", &["chat", "completion"])?;
        let mut parameters = spec.parameters("max_tokens");
        let stream = spec.take_stream(&mut parameters);
        let mut body = JsonBody::new();
        if spec.task == "completion" {
            body.set("prompt", spec.prompt_text()?);
        } else {
            let keep_empty_system = spec.option_as(SYSTEM_MESSAGE)?.unwrap_or(true);
            body.set("messages", openai::messages(&spec.input, keep_empty_system)?);
        }
        body.set("stream", stream).append(parameters);
        let framing = if stream { Framing::Sse } else { Framing::Body };
        let path = ["run"].into_iter().chain(spec.model.split('/'));
        Ok(HttpRequest::post_json(path, body.build()?, framing))
    }
}

llmperf_sdk::export!(Cloudflare);

#[cfg(test)]
mod tests;
