//! Anthropic's completions, the API before messages: LLMPerf's example `claude-2` still goes there.

mod request;

use llmperf_sdk::anthropic::MessagesDecoder;
use llmperf_sdk::{Description, HttpRequest, OptionSpec, Plugin, RequestSpec};

/// The plugin `anthropic-complete`.
#[derive(Debug)]
pub struct AnthropicComplete;

impl Plugin for AnthropicComplete {
    type Decoder = MessagesDecoder;

    fn describe() -> Description {
        Description {
            tasks: vec!["chat".to_owned(), "completion".to_owned()],
            options: vec![OptionSpec::string(request::VERSION, "2023-06-01", "version of the API")],
            ..Description::new(
                "anthropic-complete",
                env!("CARGO_PKG_VERSION"),
                "Anthropic text completions (POST v1/complete), the API of claude-2",
            )
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        request::build(spec)
    }
}

llmperf_sdk::export!(AnthropicComplete);

#[cfg(test)]
mod tests;
