//! The request: one prompt in which the turns of a conversation are marked, as LiteLLM writes it.

use llmperf_sdk::{Framing, HttpRequest, Input, JsonBody, Message, Part, RequestSpec, anthropic};

/// Option: version of the API.
pub(crate) const VERSION: &str = "version";

const HUMAN: &str = "\n\nHuman: ";
const ASSISTANT: &str = "\n\nAssistant: ";

/// The request that asks `spec`.
///
/// # Errors
/// The task is neither chat nor completion, the input is not text, or the sampling parameters are not a JSON object.
pub(crate) fn build(spec: &RequestSpec) -> Result<HttpRequest, String> {
    if spec.task != "chat" && spec.task != "completion" {
        return Err(format!("task {:?}: anthropic-complete speaks chat and completion only", spec.task));
    }
    let mut body = JsonBody::new();
    body.set("model", &spec.model);
    body.set("prompt", prompt(&spec.input)?);
    body.set("stream", spec.stream);
    body.set("max_tokens_to_sample", spec.max_tokens);
    body.extend(anthropic::sampling(spec, "max_tokens_to_sample")?);
    if body.get("max_tokens_to_sample").is_none() {
        body.set("max_tokens_to_sample", anthropic::DEFAULT_MAX_TOKENS);
    }
    let framing = if body.get("stream") == Some("true") { Framing::Sse } else { Framing::Body };
    Ok(HttpRequest::post_json(["v1", "complete"], body.build()?, framing)
        .with_header("accept", "application/json")
        .with_header("anthropic-version", spec.option(VERSION).unwrap_or("2023-06-01")))
}

fn prompt(input: &Input) -> Result<String, String> {
    match input {
        // Written for this API by somebody who knows it.
        Input::Prompt(prompt) if prompt.starts_with("\n\nHuman:") => Ok(prompt.clone()),
        Input::Prompt(prompt) => Ok([HUMAN, prompt, ASSISTANT].concat()),
        Input::Messages(messages) => conversation(messages),
        Input::TokenIds(_) | Input::Texts(_) => Err("the input must be messages or a prompt".to_owned()),
    }
}

fn conversation(messages: &[Message]) -> Result<String, String> {
    let mut prompt = String::new();
    // The API wants a human to begin.
    if messages.first().is_some_and(|message| message.role == "assistant") {
        prompt.push_str(HUMAN);
    }
    for message in messages {
        let (before, behind) = match message.role.as_str() {
            "user" => (HUMAN, ""),
            "system" | "developer" => ("\n\nHuman: <admin>", "</admin>"),
            _ => (ASSISTANT, ""),
        };
        prompt.push_str(before);
        for part in &message.parts {
            let Part::Text(text) = part else {
                return Err("the messages must be text".to_owned());
            };
            prompt.push_str(text);
        }
        prompt.push_str(behind);
    }
    if messages.last().is_none_or(|message| message.role != "assistant") {
        prompt.push_str(ASSISTANT);
    }
    Ok(prompt)
}
