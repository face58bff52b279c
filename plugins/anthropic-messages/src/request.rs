//! The request: a body that all share, and around it what Anthropic and Vertex AI each want.

use llmperf_sdk::anthropic::{self, ContentForm};
use llmperf_sdk::{Framing, HttpRequest, RequestSpec};

/// Option: who serves it.
pub(crate) const FORM: &str = "form";
/// Option: version of the API.
pub(crate) const VERSION: &str = "version";
/// Option: how a message of one text is written.
pub(crate) const CONTENT: &str = "content";

const VERSION_HEADER: &str = "2023-06-01";

/// The request that asks `spec`.
///
/// # Errors
/// The task or input is not a chat, an option has no such value, or the sampling parameters are not a JSON object.
pub(crate) fn build(spec: &RequestSpec) -> Result<HttpRequest, String> {
    if spec.task != "chat" {
        return Err(format!("task {:?}: anthropic-messages speaks chat only", spec.task));
    }
    let content = match spec.option(CONTENT) {
        None | Some("blocks") => ContentForm::Blocks,
        Some("text") => ContentForm::Text,
        Some(other) => return Err(format!("option {CONTENT} is {other:?}; it must be blocks or text")),
    };
    let mut body = anthropic::body(spec, content)?;
    let stream = body.get("stream").map_or(spec.stream, |given| given == "true");
    let framing = if stream { Framing::Sse } else { Framing::Body };
    body.set("stream", stream);
    match spec.option(FORM) {
        None | Some("anthropic") => {
            if body.get("model").is_none() {
                body.set("model", &spec.model);
            }
            let version = spec.option(VERSION).unwrap_or(VERSION_HEADER);
            // What Anthropic's clients accept, also of a stream.
            Ok(HttpRequest::post_json(["v1", "messages"], body.build()?, framing)
                .with_header("accept", "application/json")
                .with_header("anthropic-version", version))
        }
        Some("vertex") => {
            let method = if stream { "streamRawPredict" } else { "rawPredict" };
            let model = format!("{}:{method}", spec.model);
            // The URL has the model; the body must not.
            body.set("model", None::<&str>);
            if body.get("anthropic_version").is_none() {
                body.set("anthropic_version", spec.option(VERSION).unwrap_or("vertex-2023-10-16"));
            }
            // The header is of no account here; Anthropic's own client for Vertex AI sends it all the same.
            Ok(HttpRequest::post_json(["models", &model], body.build()?, framing)
                .with_header("accept", "*/*")
                .with_header("anthropic-version", VERSION_HEADER))
        }
        Some(other) => Err(format!("option {FORM} is {other:?}; it must be anthropic or vertex")),
    }
}
