//! llama.cpp's own `/completion`: a prompt as it is, without a chat template, and the server's timings with the last event.
//! (Its OpenAI routes are `openai-chat`'s.)

mod answer;

use llmperf_sdk::{Description, Framing, HttpRequest, JsonBody, Plugin, RequestSpec, prompt};

/// The plugin `llamacpp`.
#[derive(Debug)]
pub struct LlamaCpp;

impl Plugin for LlamaCpp {
    type Decoder = answer::Answer;

    fn describe() -> Description {
        Description {
            tasks: vec!["chat".to_owned(), "completion".to_owned()],
            options: vec![prompt::option("lines")],
            ..Description::new(
                "llamacpp",
                env!("CARGO_PKG_VERSION"),
                "llama.cpp's own API (POST completion), with its timings",
            )
        }
    }

    /// The server has one model: the name is a label only.
    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        spec.only("llamacpp", &["chat", "completion"])?;
        let mut parameters = spec.parameters("n_predict");
        let stream = spec.take_stream(&mut parameters);
        parameters.list("stop");
        let mut body = JsonBody::new();
        body.set("prompt", prompt::render(spec)?).adopt(&mut parameters, &["prompt"]);
        body.set("stream", stream).append(parameters);
        let framing = if stream { Framing::Sse } else { Framing::Body };
        Ok(HttpRequest::post_json(["completion"], body.build()?, framing))
    }
}

llmperf_sdk::export!(LlamaCpp);

#[cfg(test)]
mod tests;
