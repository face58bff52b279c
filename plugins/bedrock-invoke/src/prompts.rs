//! A chat as one text, in the marks of models that take nothing else. The marks are LiteLLM's, so that both send the same.

use llmperf_sdk::{Input, RequestSpec, prompt};
use serde::Serialize;

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

/// A chat as Command R takes it: what is asked, and what was said before.
#[derive(Default)]
pub(crate) struct Conversation<'a> {
    pub(crate) message: &'a str,
    pub(crate) preamble: Option<&'a str>,
    pub(crate) history: Vec<Said<'a>>,
}

#[derive(Serialize)]
pub(crate) struct Said<'a> {
    role: &'static str,
    message: &'a str,
}

pub(crate) fn command_r(input: &Input) -> Result<Conversation<'_>, String> {
    let mut conversation = Conversation::default();
    for (role, text) in turns(input)? {
        match role {
            "system" if text.is_empty() => {}
            "system" => conversation.preamble = Some(text),
            "assistant" => conversation.history.push(Said { role: "CHATBOT", message: text }),
            _ => conversation.history.push(Said { role: "USER", message: text }),
        }
    }
    match conversation.history.pop() {
        Some(Said { role: "USER", message }) => conversation.message = message,
        _ => return Err("the last message must be the user's".to_owned()),
    }
    Ok(conversation)
}
