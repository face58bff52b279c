//! Vertex AI's `:predict`, as LLMPerf asks its endpoints, and as endpoints with Gemma take chats. Nothing is streamed.

mod answer;
mod request;

use llmperf_sdk::{Description, HttpRequest, OptionSpec, Plugin, RequestSpec};

/// The plugin `vertex-predict`.
#[derive(Debug)]
pub struct VertexPredict;

impl Plugin for VertexPredict {
    type Decoder = answer::Answer;

    fn describe() -> Description {
        Description {
            tasks: vec!["chat".to_owned(), "completion".to_owned()],
            options: vec![
                OptionSpec::string(
                    request::ENDPOINT_ID,
                    "",
                    "the endpoint that is asked, by its number; the model's name where it is not given",
                )
                .env("VERTEXAI_ENDPOINT_ID"),
                OptionSpec::string(
                    request::PAYLOAD,
                    "llmperf",
                    "llmperf (one prompt, parameters beside it) | chat (a chat as an instance, which Gemma's endpoints take)",
                ),
            ],
            ..Description::new(
                "vertex-predict",
                env!("CARGO_PKG_VERSION"),
                "Vertex AI endpoints (POST ENDPOINT:predict) as LLMPerf asks them; not streamed",
            )
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        request::build(spec)
    }
}

llmperf_sdk::export!(VertexPredict);

#[cfg(test)]
mod tests;
