//! OpenAI's completions: text that goes on, without roles. The answer is read by the SDK's reader of chats, whose events it
//! shares but for the place of the text.

use llmperf_sdk::openai::{self, ChatDecoder};
use llmperf_sdk::{Description, HttpRequest, Input, JsonBody, OptionSpec, Part, Plugin, RequestSpec};

/// Option: what becomes of several messages.
const PROMPT: &str = "prompt";

/// The plugin `openai-completions`.
#[derive(Debug)]
pub struct OpenAiCompletions;

impl Plugin for OpenAiCompletions {
    type Decoder = ChatDecoder;

    fn describe() -> Description {
        Description {
            tasks: vec!["completion".to_owned()],
            options: vec![
                openai::stream_usage_option(),
                OptionSpec::string(
                    PROMPT,
                    "text",
                    "what messages become: text (one prompt, joined by line breaks) | list (a prompt each, as LLMPerf sends them)",
                ),
            ],
            ..Description::new(
                "openai-completions",
                env!("CARGO_PKG_VERSION"),
                "OpenAI completions (POST completions) and the servers that speak them",
            )
        }
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        if !matches!(&*spec.task, "completion" | "chat") {
            return Err(format!("task {:?}: openai-completions speaks completion only", spec.task));
        }
        let mut body = JsonBody::new();
        body.set("model", &spec.model);
        match (&spec.input, spec.option(PROMPT).unwrap_or("text")) {
            (Input::TokenIds(ids), _) => _ = body.set("prompt", ids),
            (Input::Texts(texts), _) => _ = body.set("prompt", texts),
            (_, "text") => _ = body.set("prompt", spec.prompt_text()?),
            (_, "list") => _ = body.set("prompt", texts(spec)?),
            (_, other) => return Err(format!("option {PROMPT} is {other:?}; it must be text or list")),
        }
        openai::set_stream(&mut body, spec)?;
        body.set("max_tokens", spec.max_tokens);
        body.merge(&spec.sampling);
        openai::post(["completions"], body)
    }
}

/// The text of each message, the empty ones too.
fn texts(spec: &RequestSpec) -> Result<Vec<String>, String> {
    let Input::Messages(messages) = &spec.input else { return Ok(vec![spec.prompt_text()?]) };
    let text = |part: &Part| match part {
        Part::Text(text) => Ok(text.clone()),
        _ => Err("the messages must be text".to_owned()),
    };
    messages.iter().map(|message| message.parts.iter().map(text).collect()).collect()
}

llmperf_sdk::export!(OpenAiCompletions);

#[cfg(test)]
mod tests;
