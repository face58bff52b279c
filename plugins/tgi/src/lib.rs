//! text-generation-inference (TGI) in its own words, and the hosted services that took its API over. The answer is read by
//! the SDK, since SageMaker's containers give the same.

mod request;

use llmperf_sdk::tgi::GenerationDecoder;
use llmperf_sdk::{Description, HttpRequest, OptionSpec, Plugin, RequestSpec, prompt};

/// The plugin `tgi`.
#[derive(Debug)]
pub struct Tgi;

impl Plugin for Tgi {
    type Decoder = GenerationDecoder;

    fn describe() -> Description {
        Description {
            tasks: vec!["chat".to_owned(), "completion".to_owned()],
            options: vec![
                OptionSpec::string(
                    request::FORM,
                    "generate",
                    "where the request goes: generate (generate_stream, generate) | base (the base URL itself) | path (generate_stream, and no word of streaming in the body)",
                ),
                OptionSpec::boolean(
                    request::DETAILS,
                    true,
                    "ask for the finish reason and token counts (parameters.details)",
                ),
                prompt::option("auto"),
            ],
            ..Description::new(
                "tgi",
                env!("CARGO_PKG_VERSION"),
                "text-generation-inference's own API (POST generate_stream), also at Hugging Face endpoints and Predibase",
            )
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        request::build(spec)
    }
}

llmperf_sdk::export!(Tgi);

#[cfg(test)]
mod tests;
