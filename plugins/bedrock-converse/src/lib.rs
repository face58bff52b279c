//! Amazon Bedrock's Converse API: one form of conversation for every model it serves.

use llmperf_sdk::converse::ConverseDecoder;
use llmperf_sdk::{Description, Framing, HttpRequest, JsonBody, Plugin, RequestSpec, Sampling, converse};

/// The plugin `bedrock-converse`.
#[derive(Debug)]
pub struct BedrockConverse;

impl Plugin for BedrockConverse {
    type Decoder = ConverseDecoder;

    fn describe() -> Description {
        Description::new(
            "bedrock-converse",
            env!("CARGO_PKG_VERSION"),
            "Amazon Bedrock's conversations (POST model/MODEL/converse-stream)",
        )
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        if spec.task != "chat" {
            return Err(format!("task {:?}: bedrock-converse speaks chat only", spec.task));
        }
        let sampling = Sampling::parse(&spec.sampling)?;
        let (operation, framing) = match sampling.get("stream").map_or(spec.stream, |stream| stream == "true")
        {
            true => ("converse-stream", Framing::AwsEventStream),
            false => ("converse", Framing::Body),
        };
        let model = sampling.get("model").and_then(|model| serde_json::from_str::<String>(model).ok());
        let model = model.as_deref().unwrap_or(&spec.model);
        let body = converse::body(spec).and_then(JsonBody::build)?;
        let mut request = HttpRequest::post_json(["model", model, operation], body, framing);
        // What is accepted is said by the path; a header would be one more to sign.
        request.headers.retain(|header| header.name != "accept");
        Ok(request)
    }
}

llmperf_sdk::export!(BedrockConverse);

#[cfg(test)]
mod tests;
