//! A chat as a model takes it. Marks are LiteLLM's, so that both send the same.

use llmperf_sdk::{Input, RequestSpec, prompt};
use serde_json::{Map, Value};

use crate::request::turns;

/// In the marks of Llama 2, or of its successors.
pub(crate) fn llama(spec: &RequestSpec, third: bool) -> Result<String, String> {
    let form = if third { "llama3" } else { "llama2" };
    let options = vec![(prompt::FORMAT.to_owned(), form.to_owned())];
    prompt::render(&RequestSpec { options, ..spec.clone() })
}

pub(crate) fn titan(input: &Input) -> Result<String, String> {
    let mut prompt = marked(input, |role| match role {
        "assistant" => ("\n\nBot: ", ""),
        "system" => ("\n\nUser: <admin>", "</admin>"),
        _ => ("\n\nUser: ", ""),
    })?;
    prompt.push_str("\n\nBot: ");
    Ok(prompt)
}

pub(crate) fn mistral(input: &Input) -> Result<String, String> {
    let prompt = marked(input, |role| match role {
        "assistant" => (" ", "</s> "),
        "system" => ("[INST] \n", " [/INST]\n"),
        _ => ("[INST] ", " [/INST]\n"),
    })?;
    Ok(["<s>", &prompt].concat())
}

pub(crate) fn deepseek(input: &Input) -> Result<String, String> {
    let prompt = marked(input, |role| match role {
        "assistant" => ("<｜Assistant｜>", "<｜end▁of▁sentence｜>"),
        "system" => ("", ""),
        _ => ("<｜User｜>", ""),
    })?;
    Ok(["<｜begin▁of▁sentence｜>", &prompt, "<｜Assistant｜><think>\n"].concat())
}

fn marked(input: &Input, marks: impl Fn(&str) -> (&'static str, &'static str)) -> Result<String, String> {
    let mut prompt = String::new();
    for (role, text) in turns(input)? {
        let (before, after) = marks(role);
        for piece in [before, text, after] {
            prompt.push_str(piece);
        }
    }
    Ok(prompt)
}

/// The system prompt, and the messages, whose content is a list of blocks: those of one role that follow each other are one
/// message. A system prompt without text is null.
pub(crate) fn blocks(input: &Input, block: impl Fn(&str) -> Value) -> Result<(Value, Value), String> {
    let (mut system, mut messages) = (Vec::new(), Vec::new());
    for (role, text) in turns(input)? {
        let last: Option<&mut Value> = messages.last_mut();
        match (role, last) {
            ("system", _) if text.is_empty() => {}
            ("system", _) => system.push(block(text)),
            (role, Some(Value::Object(last))) if last["role"] == role => {
                if let Some(Value::Array(content)) = last.get_mut("content") {
                    content.push(block(text));
                }
            }
            _ => {
                let content = Value::Array(vec![block(text)]);
                messages.push(object([("role", role.into()), ("content", content)]));
            }
        }
    }
    let system = if system.is_empty() { Value::Null } else { Value::Array(system) };
    Ok((system, Value::Array(messages)))
}

pub(crate) fn anthropic_block(text: &str) -> Value {
    object([("type", "text".into()), ("text", text.into())])
}

pub(crate) fn nova_block(text: &str) -> Value {
    object([("text", text.into())])
}

/// The messages as OpenAI's kin take them, a system message without text left out.
pub(crate) fn openai(input: &Input) -> Result<Value, String> {
    let mut messages = Vec::new();
    for (role, text) in turns(input)? {
        if (role, text) != ("system", "") {
            messages.push(object([("role", role.into()), ("content", text.into())]));
        }
    }
    Ok(Value::Array(messages))
}

/// A chat as Command R takes it: what is asked, and what was said before. What is not there is null.
#[derive(Default)]
pub(crate) struct Conversation {
    pub(crate) message: Value,
    pub(crate) preamble: Value,
    pub(crate) history: Value,
}

pub(crate) fn command_r(input: &Input) -> Result<Conversation, String> {
    let mut turns = turns(input)?;
    let Some(("user", asked)) = turns.pop() else {
        return Err("the last message must be the user's".to_owned());
    };
    let mut conversation = Conversation { message: asked.into(), ..Conversation::default() };
    let mut history = Vec::new();
    for (role, text) in turns {
        let role = match role {
            "system" if text.is_empty() => continue,
            "system" => {
                conversation.preamble = text.into();
                continue;
            }
            "assistant" => "CHATBOT",
            _ => "USER",
        };
        history.push(object([("role", role.into()), ("message", text.into())]));
    }
    if !history.is_empty() {
        conversation.history = Value::Array(history);
    }
    Ok(conversation)
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let mut object = Map::new();
    for (name, value) in fields {
        object.insert(name.to_owned(), value);
    }
    Value::Object(object)
}
