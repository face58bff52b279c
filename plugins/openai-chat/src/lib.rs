//! OpenAI chat completions, and every server that speaks them. The answer is read by the SDK, since other APIs wrap it.

mod request;

use llmperf_sdk::openai::{self, ChatDecoder};
use llmperf_sdk::{Description, HttpRequest, OptionSpec, Plugin, RequestSpec};

/// The plugin `openai-chat`.
#[derive(Debug)]
pub struct OpenAiChat;

impl Plugin for OpenAiChat {
    type Decoder = ChatDecoder;

    fn describe() -> Description {
        Description {
            options: vec![
                openai::stream_usage_option(),
                OptionSpec::string(
                    request::MAX_TOKENS_FIELD,
                    "max_tokens",
                    "name of the field that limits the output: max_tokens | max_completion_tokens",
                ),
                OptionSpec::string(
                    request::SYSTEM_MESSAGE,
                    "true",
                    "send a system message also where it is empty, as LLMPerf does: true | false | bare (without content)",
                ),
                OptionSpec::string(
                    request::PATH,
                    request::CHAT_COMPLETIONS,
                    "what follows the base URL; empty where that is the whole address",
                ),
            ],
            ..Description::new(
                "openai-chat",
                env!("CARGO_PKG_VERSION"),
                "OpenAI chat completions (POST chat/completions) and the servers that speak them",
            )
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        request::build(spec)
    }
}

llmperf_sdk::export!(OpenAiChat);

#[cfg(test)]
mod tests;
