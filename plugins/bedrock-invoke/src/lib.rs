//! Amazon Bedrock's InvokeModel: each model in the words of its maker, wrapped into AWS' own.

mod answer;
mod families;
mod prompts;
mod request;

use llmperf_sdk::{Description, HttpRequest, OptionSpec, Plugin, RequestSpec};

/// The plugin `bedrock-invoke`.
#[derive(Debug)]
pub struct BedrockInvoke;

impl Plugin for BedrockInvoke {
    type Decoder = answer::Answer;

    fn describe() -> Description {
        Description {
            options: vec![OptionSpec::string(
                request::FAMILY,
                "auto",
                "whose words the model takes: auto (by its id) | anthropic | llama2 | llama3 | titan | nova | mistral | cohere | command-r | j2 | deepseek-r1 | openai",
            )],
            ..Description::new(
                "bedrock-invoke",
                env!("CARGO_PKG_VERSION"),
                "Amazon Bedrock's models in their makers' words (POST model/MODEL/invoke-with-response-stream)",
            )
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        request::build(spec)
    }
}

llmperf_sdk::export!(BedrockInvoke);

#[cfg(test)]
mod tests;
