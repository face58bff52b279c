//! The request, as LiteLLM writes it for either API: the model twice in a chat, `stream` twice in a generation.

use llmperf_sdk::{Framing, HttpRequest, JsonBody, RequestSpec, Sampling, openai};

/// Option: which of the APIs.
pub(crate) const FORM: &str = "form";
/// Option: the project that is asked.
pub(crate) const PROJECT: &str = "project-id";
/// Option: the deployment space that is asked.
pub(crate) const SPACE: &str = "space-id";
/// Option: version of the API.
pub(crate) const VERSION: &str = "version";
/// Option: keep an empty system message.
pub(crate) const SYSTEM_MESSAGE: &str = "system-message";

/// OpenAI's name of a sampling parameter, and that of text generation.
const NAMES: &[(&str, &str)] = &[
    ("max_completion_tokens", "max_new_tokens"),
    ("max_tokens", "max_new_tokens"),
    ("stop", "stop_sequences"),
    ("seed", "random_seed"),
    ("frequency_penalty", "repetition_penalty"),
];

/// Fields of a generation that are no parameters of it.
const BODY_FIELDS: &[&str] = &["input", "model_id", "project_id", "space_id", "moderations", "stream"];

/// The request that asks `spec`.
///
/// # Errors
/// The task or input is not a chat, an option has no such value, or the sampling parameters are not a JSON
/// object.
pub(crate) fn build(spec: &RequestSpec) -> Result<HttpRequest, String> {
    if spec.task != "chat" {
        return Err(format!("task {:?}: watsonx speaks chat only", spec.task));
    }
    let (body, api) = match spec.option(FORM).unwrap_or("chat") {
        "chat" => (chat(spec)?, ["chat_stream", "chat"]),
        "generation" => (generation(spec)?, ["generation_stream", "generation"]),
        other => return Err(format!("option {FORM} is {other:?}; it must be chat or generation")),
    };
    let [streamed, whole] = api;
    let (api, framing) = match body.get("stream") {
        Some("true") => (streamed, Framing::Sse),
        _ => (whole, Framing::Body),
    };
    let mut request = HttpRequest::post_json(["ml", "v1", "text", api], body.build()?, framing);
    let version = spec.option(VERSION).unwrap_or("2024-03-13");
    request.query.push(("version".to_owned(), version.to_owned()));
    Ok(request)
}

fn chat(spec: &RequestSpec) -> Result<JsonBody, String> {
    let keep_empty_system = spec.option_as(SYSTEM_MESSAGE)?.unwrap_or(true);
    let mut body = JsonBody::new();
    body.set("model", spec.model.as_str());
    body.set("messages", openai::messages(&spec.input, keep_empty_system)?);
    body.set("max_tokens", spec.max_tokens);
    set_place(&mut body, spec);
    body.set("stream", spec.stream);
    body.extend(sampling(spec)?);
    Ok(body)
}

/// Without what is no question here: token counts come unasked.
fn sampling(spec: &RequestSpec) -> Result<Sampling, String> {
    let mut sampling = Sampling::parse(&spec.sampling)?;
    sampling.take("stream_options");
    Ok(sampling)
}

fn generation(spec: &RequestSpec) -> Result<JsonBody, String> {
    let mut sampling = sampling(spec)?;
    let own = sampling.take_all(BODY_FIELDS);
    let given = sampling.take("parameters");
    for (from, to) in NAMES {
        sampling.rename(from, to);
    }

    let mut body = JsonBody::new();
    body.set("input", spec.prompt_text()?.as_str());
    body.set("moderations", JsonBody::new());
    set_place(&mut body, spec);
    body.set("stream", spec.stream);
    body.extend(own);
    let mut parameters = JsonBody::new();
    if body.get("stream") == Some("true") {
        parameters.set("stream", true);
    }
    parameters.set("max_new_tokens", spec.max_tokens);
    parameters.extend(sampling);
    body.nest("parameters", parameters, given);
    Ok(body)
}

/// What is asked, and on whose account.
fn set_place(body: &mut JsonBody, spec: &RequestSpec) {
    body.set("model_id", spec.model.as_str());
    // The API refuses both at a time.
    for (option, field) in [(PROJECT, "project_id"), (SPACE, "space_id")] {
        if let Some(id) = spec.option(option).filter(|id| !id.is_empty()) {
            body.set(field, id);
            return;
        }
    }
}
