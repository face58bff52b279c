//! OpenAI's embeddings: texts go in, a vector for each comes out. Nothing is streamed, and there are no output tokens; what is
//! measured is the time of the whole answer.

mod reader;

use llmperf_sdk::{
    Description, Framing, HttpRequest, Input, JsonBody, OptionSpec, Plugin, RequestSpec, Sampling,
};

/// Option: how the vectors are written.
const ENCODING: &str = "encoding-format";

/// The plugin `openai-embeddings`.
#[derive(Debug)]
pub struct OpenAiEmbeddings;

impl Plugin for OpenAiEmbeddings {
    type Decoder = reader::EmbeddingsDecoder;

    fn describe() -> Description {
        Description {
            tasks: vec!["embedding".to_owned()],
            options: vec![OptionSpec::string(
                ENCODING,
                "base64",
                "how the vectors are written: base64, as OpenAI's clients ask for | float | none (the server's choice)",
            )],
            ..Description::new(
                "openai-embeddings",
                env!("CARGO_PKG_VERSION"),
                "OpenAI embeddings (POST embeddings) and the servers that speak them",
            )
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        if spec.task != "embedding" {
            return Err(format!("task {:?}: openai-embeddings embeds only", spec.task));
        }
        let mut body = JsonBody::new();
        match &spec.input {
            Input::Texts(texts) => _ = body.set("input", texts),
            Input::TokenIds(ids) => _ = body.set("input", ids),
            Input::Prompt(_) | Input::Messages(_) => _ = body.set("input", [spec.prompt_text()?]),
        }
        body.set("model", &spec.model);
        match spec.option(ENCODING).unwrap_or("base64") {
            "none" => {}
            format @ ("base64" | "float") => _ = body.set("encoding_format", format),
            other => {
                return Err(format!("option {ENCODING} is {other:?}; it must be base64, float or none"));
            }
        }
        let mut sampling = Sampling::parse(&spec.sampling)?;
        // There is no output to limit, and servers refuse the field.
        sampling.take("max_tokens");
        body.extend(sampling);
        Ok(HttpRequest::post_json(["embeddings"], body.build()?, Framing::Body))
    }
}

llmperf_sdk::export!(OpenAiEmbeddings);

#[cfg(test)]
mod tests;
