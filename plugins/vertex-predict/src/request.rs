//! The request: one instance, LLMPerf's or a chat.

use llmperf_sdk::{Framing, HttpRequest, JsonBody, RequestSpec, openai};
use serde::Serialize;

/// Option: which endpoint.
pub(crate) const ENDPOINT_ID: &str = "endpoint-id";
/// Option: what an instance holds.
pub(crate) const PAYLOAD: &str = "payload";

#[derive(Serialize)]
struct Instance {
    prompt: String,
}

/// The request that asks `spec`.
///
/// # Errors
/// The task or the input has no form here, an option has no such value, or the sampling parameters are not an object.
pub(crate) fn build(spec: &RequestSpec) -> Result<HttpRequest, String> {
    spec.only("vertex-predict", &["chat", "completion"])?;
    let body = match spec.option(PAYLOAD).unwrap_or("llmperf") {
        "llmperf" => llmperf(spec)?,
        "chat" => chat(spec)?,
        other => return Err(format!("option {PAYLOAD} is {other:?}; it must be llmperf or chat")),
    };
    let endpoint = spec.option(ENDPOINT_ID).filter(|id| !id.is_empty()).unwrap_or(&spec.model);
    let path = format!("{endpoint}:predict");
    Ok(HttpRequest::post_json([path.as_str()], body.build()?, Framing::Body))
}

/// LLMPerf's body. It renames `max_new_tokens` and leaves `max_tokens` as it is.
fn llmperf(spec: &RequestSpec) -> Result<JsonBody, String> {
    let mut parameters = JsonBody::new();
    parameters.set("max_tokens", spec.max_tokens).merge(&spec.sampling);
    spec.take_stream(&mut parameters);
    parameters.rename("max_new_tokens", "maxOutputTokens");
    let mut body = JsonBody::new();
    body.set("instances", [Instance { prompt: spec.prompt_text()? }]);
    body.adopt(&mut parameters, &["instances"]);
    let given = parameters.take("parameters");
    body.nest("parameters", parameters, given);
    Ok(body)
}

/// A chat of OpenAI's in an instance, as LiteLLM sends it for `vertex_ai/gemma/ENDPOINT`.
fn chat(spec: &RequestSpec) -> Result<JsonBody, String> {
    let mut parameters = spec.parameters("max_tokens");
    spec.take_stream(&mut parameters);
    let mut instance = JsonBody::new();
    instance.set("@requestFormat", "chatCompletions").set("messages", openai::messages(&spec.input, true)?);
    let mut given = JsonBody::new();
    given.adopt(&mut parameters, &["instances"]);
    instance.append(parameters);
    let mut body = JsonBody::new();
    body.set("instances", [instance]).append(given);
    Ok(body)
}
