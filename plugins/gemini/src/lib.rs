//! Google's generateContent, at the Gemini API and on Vertex AI, streamed in either form or whole.

mod decoder;
mod event;
mod request;

use llmperf_sdk::{Description, HttpRequest, OptionSpec, Plugin, RequestSpec};

/// The plugin `gemini`.
#[derive(Debug)]
pub struct Gemini;

impl Plugin for Gemini {
    type Decoder = decoder::GeminiDecoder;

    fn describe() -> Description {
        Description {
            options: vec![OptionSpec::string(
                request::STREAM_FORM,
                "sse",
                "how the answer is streamed: sse (alt=sse) | array (one JSON array)",
            )],
            ..Description::new(
                "gemini",
                env!("CARGO_PKG_VERSION"),
                "Google generateContent (POST models/MODEL:streamGenerateContent), Gemini API and Vertex AI",
            )
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        request::build(spec)
    }
}

llmperf_sdk::export!(Gemini);

#[cfg(test)]
mod tests;
