//! Cohere's chat, in both of its generations: v2 has OpenAI's messages and events of its own, v1 one message and lines of
//! JSON.

mod event;
mod reader;
mod request;

use llmperf_sdk::{Description, HttpRequest, OptionSpec, Plugin, RequestSpec};

/// The plugin `cohere-chat`.
#[derive(Debug)]
pub struct CohereChat;

impl Plugin for CohereChat {
    type Decoder = reader::ChatDecoder;

    fn describe() -> Description {
        Description {
            options: vec![
                OptionSpec::string(request::VERSION, "v2", "generation of the API: v2 | v1"),
                OptionSpec::boolean(
                    request::SYSTEM_MESSAGE,
                    true,
                    "send a system message also where it is empty, as LLMPerf does (v2; v1 never does)",
                ),
            ],
            ..Description::new(
                "cohere-chat",
                env!("CARGO_PKG_VERSION"),
                "Cohere's chat (POST v2/chat, v1/chat)",
            )
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        request::build(spec)
    }
}

llmperf_sdk::export!(CohereChat);

#[cfg(test)]
mod tests;
