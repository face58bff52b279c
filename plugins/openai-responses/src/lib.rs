//! OpenAI's Responses API: typed events in the place of chat chunks.

mod event;
mod reader;
mod request;

use llmperf_sdk::{Description, HttpRequest, OptionSpec, Plugin, RequestSpec};

/// The plugin `openai-responses`.
#[derive(Debug)]
pub struct OpenAiResponses;

impl Plugin for OpenAiResponses {
    type Decoder = reader::ResponsesDecoder;

    fn describe() -> Description {
        Description {
            options: vec![OptionSpec::boolean(
                request::SYSTEM_MESSAGE,
                false,
                "send a system message also where it is empty",
            )],
            ..Description::new(
                "openai-responses",
                env!("CARGO_PKG_VERSION"),
                "OpenAI responses (POST responses) and the servers that speak them",
            )
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        request::build(spec)
    }
}

llmperf_sdk::export!(OpenAiResponses);

#[cfg(test)]
mod tests;
