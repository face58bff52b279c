//! Ollama's own API: `/api/chat` and `/api/generate`, which answer in lines and say how long each phase took.

mod answer;
mod request;

use llmperf_sdk::{Description, HttpRequest, OptionSpec, Plugin, RequestSpec, prompt};

/// The plugin `ollama`.
#[derive(Debug)]
pub struct Ollama;

impl Plugin for Ollama {
    type Decoder = answer::Answer;

    fn describe() -> Description {
        Description {
            tasks: vec!["chat".to_owned(), "completion".to_owned()],
            options: vec![
                OptionSpec::string(
                    request::FORM,
                    "chat",
                    "chat (api/chat) | generate (api/generate, the messages as one prompt)",
                ),
                prompt::option("user-marks"),
            ],
            ..Description::new(
                "ollama",
                env!("CARGO_PKG_VERSION"),
                "Ollama's own API (POST api/chat, api/generate), with its timings",
            )
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        request::build(spec)
    }
}

llmperf_sdk::export!(Ollama);

#[cfg(test)]
mod tests;
