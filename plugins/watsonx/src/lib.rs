//! IBM watsonx.ai: chat, whose events are OpenAI's, and text generation, which has its own.

mod reader;
mod request;

use llmperf_sdk::{Description, HttpRequest, OptionSpec, Plugin, RequestSpec};

/// The plugin `watsonx`.
#[derive(Debug)]
pub struct Watsonx;

impl Plugin for Watsonx {
    type Decoder = reader::WatsonxDecoder;

    fn describe() -> Description {
        Description {
            options: vec![
                OptionSpec::string(request::FORM, "chat", "which of its APIs: chat | generation"),
                OptionSpec::string(request::PROJECT, "", "the project that is asked")
                    .env("WATSONX_PROJECT_ID"),
                OptionSpec::string(request::SPACE, "", "the deployment space, where there is no project")
                    .env("WATSONX_SPACE_ID")
                    .env("WATSONX_DEPLOYMENT_SPACE_ID"),
                OptionSpec::string(request::VERSION, "2024-03-13", "version of the API, a date"),
                OptionSpec::boolean(
                    request::SYSTEM_MESSAGE,
                    true,
                    "send a system message also where it is empty, as LLMPerf does",
                ),
            ],
            ..Description::new(
                "watsonx",
                env!("CARGO_PKG_VERSION"),
                "IBM watsonx.ai (POST ml/v1/text/chat_stream, ml/v1/text/generation_stream)",
            )
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        request::build(spec)
    }
}

llmperf_sdk::export!(Watsonx);

#[cfg(test)]
mod tests;
