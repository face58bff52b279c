//! The request: a model's inputs, which each model names as it likes. These are the names of the language models.

use llmperf_sdk::{Framing, Header, HttpRequest, JsonBody, RequestSpec, prompt};

/// Option: how long the server is to hold the answer back for the prediction to end.
pub(crate) const WAIT: &str = "wait";

/// Fields of a request that are no inputs of the model.
const FIELDS: &[&str] = &["version", "webhook", "webhook_events_filter"];

/// The request that asks `spec`.
///
/// # Errors
/// The task or the input has no form here, or the sampling parameters are not an object.
pub(crate) fn build(spec: &RequestSpec) -> Result<HttpRequest, String> {
    spec.only("replicate", &["chat", "completion"])?;
    let mut input = spec.parameters(limit(&spec.model));
    let stream = spec.take_stream(&mut input);
    input.rename("stop", "stop_sequences");
    let mut body = JsonBody::new();
    let path = path(&spec.model, &mut body);
    body.adopt(&mut input, FIELDS);
    let mut inputs = JsonBody::new();
    inputs.set("prompt", prompt::render(spec)?);
    if stream {
        inputs.set("stream", true);
    }
    let given = input.take("input");
    inputs.append(input);
    body.nest("input", inputs, given);
    let framing = if stream { Framing::Sse } else { Framing::Body };
    let mut request = HttpRequest::post_json(path, body.build()?, framing);
    match spec.option(WAIT).unwrap_or("wait") {
        "none" => {}
        wait => request.headers.push(Header::new("prefer", wait)),
    }
    Ok(request)
}

/// `OWNER/NAME`, `OWNER/NAME:VERSION`, a version alone, or `deployments/OWNER/NAME`.
fn path<'a>(model: &'a str, body: &mut JsonBody) -> Vec<&'a str> {
    let version = match model.split_once(':') {
        Some((_, version)) => Some(version),
        None => Some(model).filter(|model| is_version(model)),
    };
    if let Some(version) = version {
        body.set("version", version);
        return vec!["v1", "predictions"];
    }
    let kind = if model.starts_with("deployments/") { vec!["v1"] } else { vec!["v1", "models"] };
    kind.into_iter().chain(model.split('/')).chain(["predictions"]).collect()
}

/// A SHA-256 in hexadecimal.
fn is_version(word: &str) -> bool {
    word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What the models call their limit, as LiteLLM knows it.
fn limit(model: &str) -> &'static str {
    if model.contains("vicuna") || model.contains("flan") {
        "max_length"
    } else if model.contains("meta/codellama-13b") {
        "max_tokens"
    } else {
        "max_new_tokens"
    }
}
