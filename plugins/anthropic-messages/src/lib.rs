//! Anthropic's messages, at Anthropic and on Vertex AI. The answer is read by the SDK, since Bedrock wraps it too.

mod request;

use llmperf_sdk::anthropic::MessagesDecoder;
use llmperf_sdk::{Description, HttpRequest, OptionSpec, Plugin, RequestSpec};

/// The plugin `anthropic-messages`.
#[derive(Debug)]
pub struct AnthropicMessages;

impl Plugin for AnthropicMessages {
    type Decoder = MessagesDecoder;

    fn describe() -> Description {
        Description {
            options: vec![
                OptionSpec::string(
                    request::FORM,
                    "anthropic",
                    "who serves it: anthropic | vertex (models/MODEL:streamRawPredict)",
                ),
                OptionSpec::string(
                    request::VERSION,
                    "",
                    "version of the API (default 2023-06-01, on Vertex AI vertex-2023-10-16)",
                ),
                OptionSpec::string(
                    request::CONTENT,
                    "blocks",
                    "how one text is written: blocks (as LiteLLM does) | text (a plain string)",
                ),
            ],
            ..Description::new(
                "anthropic-messages",
                env!("CARGO_PKG_VERSION"),
                "Anthropic messages (POST v1/messages), also Claude on Vertex AI",
            )
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        request::build(spec)
    }
}

llmperf_sdk::export!(AnthropicMessages);

#[cfg(test)]
mod tests;
