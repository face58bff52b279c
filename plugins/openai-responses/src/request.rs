//! The request: a prompt as a plain string, a conversation as items.

use llmperf_sdk::{HttpRequest, Input, JsonBody, Message, Part, RequestSpec, Sampling, openai};
use serde::Serialize;

/// Option: keep an empty system message.
pub(crate) const SYSTEM_MESSAGE: &str = "system-message";

#[derive(Serialize)]
#[serde(untagged)]
enum ResponseInput<'a> {
    Prompt(&'a str),
    Items(Vec<Item<'a>>),
}

#[derive(Serialize)]
struct Item<'a> {
    role: &'a str,
    content: Content<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Parts(Vec<ContentPart<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ContentPart<'a> {
    InputText { text: &'a str },
    InputImage { image_url: String },
}

/// The request that asks `spec`.
///
/// # Errors
/// The task or input is not a chat, an option has no such value, or the sampling parameters are not a JSON
/// object.
pub(crate) fn build(spec: &RequestSpec) -> Result<HttpRequest, String> {
    if spec.task != "chat" {
        return Err(format!("task {:?}: openai-responses speaks chat only", spec.task));
    }
    let mut sampling = Sampling::parse(&spec.sampling)?;
    for chat_name in ["max_tokens", "max_completion_tokens"] {
        sampling.rename(chat_name, "max_output_tokens");
    }
    let mut body = JsonBody::new();
    body.set("model", &spec.model);
    body.set("input", input(&spec.input, spec.option_as(SYSTEM_MESSAGE)?.unwrap_or(false))?);
    body.set("stream", spec.stream);
    body.set("max_output_tokens", spec.max_tokens);
    body.extend(sampling);
    openai::post(["responses"], body)
}

fn input(input: &Input, keep_empty_system: bool) -> Result<ResponseInput<'_>, String> {
    let messages = match input {
        Input::Prompt(prompt) => return Ok(ResponseInput::Prompt(prompt)),
        Input::Messages(messages) => messages,
        Input::TokenIds(_) | Input::Texts(_) => {
            return Err("the input must be messages or a prompt".to_owned());
        }
    };
    let items: Vec<Item<'_>> = messages.iter().map(item).collect::<Result<_, _>>()?;
    let is_kept = |item: &Item<'_>| keep_empty_system || !is_empty_system(item);
    let items: Vec<Item<'_>> = items.into_iter().filter(is_kept).collect();
    Ok(match items.as_slice() {
        [Item { role: "user", content: Content::Text(text) }] => ResponseInput::Prompt(text),
        _ => ResponseInput::Items(items),
    })
}

fn is_empty_system(item: &Item<'_>) -> bool {
    item.role == "system" && matches!(item.content, Content::Text(""))
}

fn item(message: &Message) -> Result<Item<'_>, String> {
    let content = match message.parts.as_slice() {
        [] => Content::Text(""),
        [Part::Text(text)] => Content::Text(text),
        parts => Content::Parts(parts.iter().map(content_part).collect::<Result<_, _>>()?),
    };
    Ok(Item { role: &message.role, content })
}

fn content_part(part: &Part) -> Result<ContentPart<'_>, String> {
    match part {
        Part::Text(text) => Ok(ContentPart::InputText { text }),
        Part::Image(media) => Ok(ContentPart::InputImage { image_url: media.data_url() }),
        Part::Url(url) => Ok(ContentPart::InputImage { image_url: url.clone() }),
        Part::Audio(_) | Part::Video(_) => Err("audio and video: the responses API takes neither".to_owned()),
    }
}
