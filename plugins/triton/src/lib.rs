//! Triton's generate extension: a model's inputs by name in one JSON object. Its backends differ in where they want the
//! parameters; TensorRT-LLM's and vLLM's are known here.

mod answer;
mod request;

use llmperf_sdk::{Description, HttpRequest, OptionSpec, Plugin, RequestSpec, prompt};

/// The plugin `triton`.
#[derive(Debug)]
pub struct Triton;

impl Plugin for Triton {
    type Decoder = answer::Answer;

    fn describe() -> Description {
        Description {
            tasks: vec!["chat".to_owned(), "completion".to_owned()],
            options: vec![
                OptionSpec::string(
                    request::PARAMETERS,
                    "nested",
                    "where parameters go: nested (an object of their own) | flat (beside text_input, as TensorRT-LLM's ensemble wants them)",
                ),
                prompt::option("auto"),
            ],
            ..Description::new(
                "triton",
                env!("CARGO_PKG_VERSION"),
                "Triton's generate extension (POST v2/models/MODEL/generate_stream): TensorRT-LLM, vLLM",
            )
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        request::build(spec)
    }
}

llmperf_sdk::export!(Triton);

#[cfg(test)]
mod tests;
