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

/// The system prompt, and the messages, as Nova takes them.
pub(crate) fn nova(input: &Input) -> Result<(Value, Value), String> {
    let (mut system, mut messages) = (Value::Null, Vec::new());
    for (role, text) in turns(input)? {
        let content = Value::Array(vec![object([("text", text.into())])]);
        match role {
            "system" if text.is_empty() => {}
            "system" => system = content,
            role => messages.push(object([("role", role.into()), ("content", content)])),
        }
    }
    Ok((system, messages.into()))
}

/// The messages as OpenAI's kin take them, a system message without text left out.
pub(crate) fn openai(input: &Input) -> Result<Value, String> {
    let said = turns(input)?.into_iter().filter(|turn| *turn != ("system", ""));
    Ok(said.map(|(role, text)| object([("role", role.into()), ("content", text.into())])).collect())
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
        conversation.history = history.into();
    }
    Ok(conversation)
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}
