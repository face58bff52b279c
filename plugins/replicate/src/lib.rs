//! Replicate's predictions. One request is sent and its answer read: see the README for what that can measure.

mod answer;
mod request;

use llmperf_sdk::{Description, HttpRequest, OptionSpec, Plugin, RequestSpec, prompt};

/// The plugin `replicate`.
#[derive(Debug)]
pub struct Replicate;

impl Plugin for Replicate {
    type Decoder = answer::Answer;

    fn describe() -> Description {
        Description {
            tasks: vec!["chat".to_owned(), "completion".to_owned()],
            options: vec![
                OptionSpec::string(
                    request::WAIT,
                    "wait",
                    "the header `prefer`: wait, wait=SECONDS (60 at most), or none",
                ),
                prompt::option("auto"),
            ],
            ..Description::new(
                "replicate",
                env!("CARGO_PKG_VERSION"),
                "Replicate's predictions (POST v1/models/OWNER/NAME/predictions): a stream of text, or one prediction",
            )
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        request::build(spec)
    }
}

llmperf_sdk::export!(Replicate);

#[cfg(test)]
mod tests;
