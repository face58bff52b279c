//! Amazon SageMaker's endpoints. What stands behind one is its owner's choice: the request is written for one of the usual
//! containers, and the answer is read as what it is.

mod answer;
mod request;

use llmperf_sdk::{Description, HttpRequest, OptionSpec, Plugin, RequestSpec, prompt};

/// The plugin `sagemaker`.
#[derive(Debug)]
pub struct SageMaker;

impl Plugin for SageMaker {
    type Decoder = answer::Answer;

    fn describe() -> Description {
        Description {
            options: vec![
                OptionSpec::string(
                    request::PAYLOAD,
                    "llmperf",
                    "what the endpoint's container takes: llmperf (JumpStart's Llama, as LLMPerf asks it) | tgi | openai",
                ),
                OptionSpec::boolean(request::STREAM, true, "ask for a stream (invocations-response-stream)"),
                OptionSpec::new(
                    request::ACCEPT_EULA,
                    "boolean",
                    "",
                    "accept the model's licence with each request; true for payload llmperf, else false",
                ),
                OptionSpec::string(
                    request::INFERENCE_COMPONENT,
                    "",
                    "inference component of the endpoint to ask",
                ),
                OptionSpec::string(request::TARGET_VARIANT, "", "production variant of the endpoint to ask"),
                OptionSpec::string(request::TARGET_MODEL, "", "model of a multi-model endpoint to ask"),
                prompt::option("auto"),
            ],
            ..Description::new(
                "sagemaker",
                env!("CARGO_PKG_VERSION"),
                "Amazon SageMaker's endpoints (POST endpoints/ENDPOINT/invocations-response-stream)",
            )
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        request::build(spec)
    }
}

llmperf_sdk::export!(SageMaker);

#[cfg(test)]
mod tests;
