//! The request, in the two shapes that backends take.

use llmperf_sdk::{Framing, HttpRequest, JsonBody, RequestSpec, prompt};

/// Option: where the parameters go.
pub(crate) const PARAMETERS: &str = "parameters";

/// The request that asks `spec`.
///
/// # Errors
/// The task or the input has no form here, an option has no such value, or the sampling parameters are not an object.
pub(crate) fn build(spec: &RequestSpec) -> Result<HttpRequest, String> {
    spec.only("triton", &["chat", "completion"])?;
    let mut parameters = spec.parameters("max_tokens");
    let stream = spec.take_stream(&mut parameters);
    let given = parameters.take("parameters");
    let mut body = JsonBody::new();
    body.set("text_input", prompt::render(spec)?).adopt(&mut parameters, &["text_input", "id"]);
    match spec.option(PARAMETERS).unwrap_or("nested") {
        "nested" => {
            body.nest("parameters", parameters, given).set("stream", stream);
        }
        "flat" => {
            parameters.rename("stop", "stop_words");
            // Each is an input of TensorRT-LLM's ensemble that it wants given.
            for name in ["bad_words", "stop_words"] {
                body.set(name, "");
            }
            body.set("stream", stream).append(parameters);
            body.set("parameters", given);
        }
        other => return Err(format!("option {PARAMETERS} is {other:?}; it must be nested or flat")),
    }
    let generate = if stream { "generate_stream" } else { "generate" };
    let framing = if stream { Framing::Sse } else { Framing::Body };
    Ok(HttpRequest::post_json(["v2", "models", &spec.model, generate], body.build()?, framing))
}
