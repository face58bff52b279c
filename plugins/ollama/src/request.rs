//! The request. Sampling parameters go into `options` under Ollama's names; what Ollama has beside them stays there.

use llmperf_sdk::{Framing, HttpRequest, Input, JsonBody, Message, Part, RequestSpec, prompt};
use serde::Serialize;

/// Option: which of the two endpoints.
pub(crate) const FORM: &str = "form";

/// Fields of a request that are no sampling options.
const FIELDS: &[&str] = &[
    "model",
    "messages",
    "prompt",
    "images",
    "suffix",
    "system",
    "template",
    "context",
    "raw",
    "tools",
    "format",
    "think",
    "keep_alive",
    "logprobs",
    "top_logprobs",
    "truncate",
    "shift",
];

#[derive(Serialize)]
struct Turn<'a> {
    role: &'a str,
    content: String,
    images: Vec<String>,
}

/// The request that asks `spec`.
///
/// # Errors
/// The task or the input has no form here, an option has no such value, or the sampling parameters are not an object.
pub(crate) fn build(spec: &RequestSpec) -> Result<HttpRequest, String> {
    spec.only("ollama", &["chat", "completion"])?;
    let form = match (spec.task.as_str(), spec.option(FORM).unwrap_or("chat")) {
        ("chat", "chat") => "chat",
        (_, "chat" | "generate") => "generate",
        (_, other) => return Err(format!("option {FORM} is {other:?}; it must be chat or generate")),
    };
    let mut options = spec.parameters("num_predict");
    let stream = spec.take_stream(&mut options);
    let mut body = JsonBody::new();
    body.set("model", &spec.model);
    if form == "chat" {
        body.set("messages", turns(&spec.input)?);
    } else {
        body.set("prompt", prompt::render(spec)?).set("images", [(); 0]);
    }
    if options.get("response_format").is_some_and(|format| format.contains("\"json_object\"")) {
        options.set("response_format", "json");
    }
    options.rename("response_format", "format").list("stop");
    body.adopt(&mut options, FIELDS);
    let given = options.take("options");
    body.nest("options", options, given).set("stream", stream);
    let framing = if stream { Framing::Ndjson } else { Framing::Body };
    Ok(HttpRequest::post_json(["api", form], body.build()?, framing))
}

fn turns(input: &Input) -> Result<Vec<Turn<'_>>, String> {
    match input {
        Input::Prompt(prompt) => Ok(vec![Turn { role: "user", content: prompt.clone(), images: vec![] }]),
        Input::Messages(messages) => messages.iter().map(turn).collect(),
        Input::TokenIds(_) | Input::Texts(_) => Err("the input must be messages or a prompt".to_owned()),
    }
}

fn turn(message: &Message) -> Result<Turn<'_>, String> {
    let mut turn = Turn { role: &message.role, content: String::new(), images: vec![] };
    for part in &message.parts {
        match part {
            Part::Text(text) => turn.content.push_str(text),
            Part::Image(media) => turn.images.push(media.base64()),
            _ => return Err("ollama takes text and images only".to_owned()),
        }
    }
    Ok(turn)
}
