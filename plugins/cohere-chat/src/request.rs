//! The request, in the fields of each generation. Sampling parameters may have OpenAI's names; Cohere's own win.

use llmperf_sdk::{
    Framing, HttpRequest, Input, JsonBody, Message, Part, RequestSpec, Sampling, list_of_texts, openai,
};
use serde::Serialize;

/// Option: generation of the API.
pub(crate) const VERSION: &str = "version";
/// Option: keep an empty system message.
pub(crate) const SYSTEM_MESSAGE: &str = "system-message";

/// OpenAI's name of a sampling parameter, and Cohere's.
const NAMES: &[(&str, &str)] =
    &[("max_completion_tokens", "max_tokens"), ("top_p", "p"), ("top_k", "k"), ("stop", "stop_sequences")];

/// The request that asks `spec`.
///
/// # Errors
/// The task or input is not a chat, an option has no such value, or the sampling parameters are not a JSON
/// object.
pub(crate) fn build(spec: &RequestSpec) -> Result<HttpRequest, String> {
    if spec.task != "chat" {
        return Err(format!("task {:?}: cohere-chat speaks chat only", spec.task));
    }
    let mut body = JsonBody::new();
    body.set("model", &spec.model);
    let (path, streamed) = match spec.option(VERSION).unwrap_or("v2") {
        "v2" => {
            let keep_empty_system = spec.option_as(SYSTEM_MESSAGE)?.unwrap_or(true);
            body.set("messages", openai::messages(&spec.input, keep_empty_system)?);
            (["v2", "chat"], Framing::Sse)
        }
        "v1" => {
            set_conversation(&mut body, &spec.input)?;
            (["v1", "chat"], Framing::Ndjson)
        }
        other => return Err(format!("option {VERSION} is {other:?}; it must be v2 or v1")),
    };
    body.set("stream", spec.stream);
    body.set("max_tokens", spec.max_tokens);
    body.extend(sampling(&spec.sampling)?);
    let framing = if body.get("stream") == Some("true") { streamed } else { Framing::Body };
    Ok(HttpRequest::post_json(path, body.build()?, framing))
}

fn sampling(json: &str) -> Result<Sampling, String> {
    let mut sampling = Sampling::parse(json)?;
    for (from, to) in NAMES {
        sampling.rename(from, to);
    }
    // Token counts come without being asked for; the question is refused.
    sampling.take("stream_options");
    if let Some(stop) = sampling.take("stop_sequences") {
        sampling.put("stop_sequences", list_of_texts(&stop));
    }
    Ok(sampling)
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'static str,
    message: &'a str,
}

/// v1 has the last message apart from those before it.
fn set_conversation(body: &mut JsonBody, input: &Input) -> Result<(), String> {
    let messages = match input {
        Input::Prompt(prompt) => {
            body.set("chat_history", [(); 0]).set("message", prompt);
            return Ok(());
        }
        Input::Messages(messages) => messages,
        Input::TokenIds(_) | Input::Texts(_) => {
            return Err("the input must be messages or a prompt".to_owned());
        }
    };
    let turns = messages.iter().map(turn).collect::<Result<Vec<_>, _>>()?;
    let (last, history) = turns.split_last().ok_or("there is no message")?;
    let history: Vec<_> = history.iter().filter(|turn| !turn.message.is_empty()).collect();
    body.set("chat_history", history).set("message", last.message);
    Ok(())
}

fn turn(message: &Message) -> Result<Turn<'_>, String> {
    let role = match message.role.as_str() {
        "system" => "SYSTEM",
        "assistant" => "CHATBOT",
        _ => "USER",
    };
    match message.parts.as_slice() {
        [] => Ok(Turn { role, message: "" }),
        [Part::Text(text)] => Ok(Turn { role, message: text }),
        _ => Err("a message of v1 must be one text".to_owned()),
    }
}
