//! A chat as one text, for APIs that take a prompt. The forms are those of the models' authors; which model gets which
//! is LiteLLM's rule, so that both send the same.

use crate::{Input, Message, OptionSpec, Part, RequestSpec};

/// Option: how a chat becomes one text.
pub const FORMAT: &str = "prompt-format";

/// The option that chooses a form; [`render`] reads it.
///
/// ```
/// # use llmperf_sdk::prompt;
/// assert_eq!(prompt::option("auto").name, "prompt-format");
/// ```
pub fn option(default: &str) -> OptionSpec {
    OptionSpec::string(
        FORMAT,
        default,
        "how messages become one text: auto (by the model's name) | joined (by blanks) | lines | llama2 | llama3 | user-marks",
    )
}

/// The input as one text, in the form that the option [`FORMAT`] names (`auto` where it is not set). A prompt is taken as
/// it is.
///
/// ```
/// # use llmperf_sdk::*;
/// let spec = RequestSpec::chat("meta-llama/Llama-2-7b-chat-hf", "Say hi");
/// assert_eq!(prompt::render(&spec).unwrap(), "<s>[INST] Say hi [/INST]\n");
/// let spec = RequestSpec::chat("m", "Say hi").with_option("prompt-format", "user-marks");
/// assert_eq!(prompt::render(&spec).unwrap(), "### User:\nSay hi\n\n");
/// ```
///
/// # Errors
/// The input is not text, or the option names no form.
pub fn render(spec: &RequestSpec) -> Result<String, String> {
    let messages = match &spec.input {
        Input::Messages(messages) => messages,
        _ => return spec.prompt_text(),
    };
    let turns = messages.iter().map(turn).collect::<Result<Vec<_>, _>>()?;
    match spec.option(FORMAT).unwrap_or("auto") {
        "auto" => Ok(by_model(&spec.model)(&turns)),
        "joined" => Ok(joined(&turns)),
        "lines" => spec.prompt_text(),
        "llama2" => Ok(llama2(&turns)),
        "llama3" => Ok(llama3(&turns)),
        "user-marks" => Ok(user_marks(&turns)),
        other => Err(format!(
            "option {FORMAT} is {other:?}; it must be auto, joined, lines, llama2, llama3 or user-marks"
        )),
    }
}

struct Turn<'a> {
    role: &'a str,
    text: String,
}

fn turn(message: &Message) -> Result<Turn<'_>, String> {
    let mut text = String::new();
    for part in &message.parts {
        match part {
            Part::Text(part) => text.push_str(part),
            _ => return Err("the messages must be text".to_owned()),
        }
    }
    Ok(Turn { role: &message.role, text })
}

fn by_model(model: &str) -> fn(&[Turn<'_>]) -> String {
    let model = model.to_ascii_lowercase();
    if model.contains("meta-llama/llama-2") && model.contains("chat") {
        llama2
    } else if model.contains("meta-llama-3") && model.contains("instruct") {
        llama3
    } else {
        joined
    }
}

/// The bare texts, the empty ones too.
fn joined(turns: &[Turn<'_>]) -> String {
    turns.iter().map(|turn| turn.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// <https://huggingface.co/blog/llama2#how-to-prompt-llama-2>, each turn in marks of its own.
fn llama2(turns: &[Turn<'_>]) -> String {
    let mut prompt = String::new();
    // An answer ends a turn, and the next begins with the mark once more.
    let mut begins = true;
    for Turn { role, text } in turns {
        let (before, after) = match *role {
            "system" => ("[INST] <<SYS>>\n", "\n<</SYS>>\n [/INST]\n"),
            "assistant" => ("", "</s>"),
            _ => ("[INST] ", " [/INST]\n"),
        };
        for piece in [if begins { "<s>" } else { "" }, before, text, after] {
            prompt.push_str(piece);
        }
        begins = *role == "assistant";
    }
    prompt
}

/// <https://www.llama.com/docs/model-cards-and-prompt-formats/meta-llama-3/>
fn llama3(turns: &[Turn<'_>]) -> String {
    let mut prompt = String::from("<|begin_of_text|>");
    for Turn { role, text } in turns {
        for piece in ["<|start_header_id|>", role, "<|end_header_id|>\n\n", text, "<|eot_id|>"] {
            prompt.push_str(piece);
        }
    }
    prompt + "<|start_header_id|>assistant<|end_header_id|>\n\n"
}

/// What Ollama's models are asked with where the server is to add no template.
fn user_marks(turns: &[Turn<'_>]) -> String {
    let mut prompt = String::new();
    for Turn { role, text } in turns {
        let mark = match *role {
            "system" if text.is_empty() => continue,
            "system" => "### System:\n",
            "assistant" => "### Assistant:\n",
            _ => "### User:\n",
        };
        for piece in [mark, text, "\n\n"] {
            prompt.push_str(piece);
        }
    }
    prompt
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(model: &str, format: &str, turns: &[(&str, &str)], expected: &str) {
        let messages = turns.iter().map(|(role, text)| Message::text(role, text)).collect();
        let spec = RequestSpec { input: Input::Messages(messages), ..RequestSpec::chat(model, "") };
        assert_eq!(render(&spec.with_option(FORMAT, format)).unwrap(), expected);
    }

    const LLMPERF: &[(&str, &str)] = &[("system", ""), ("user", "Hi")];
    const TALK: &[(&str, &str)] =
        &[("system", "Be terse."), ("user", "Hi"), ("assistant", "Yes?"), ("user", "Why")];

    #[test]
    fn the_models_name_chooses_the_form() {
        let llama2 = "<s>[INST] <<SYS>>\n\n<</SYS>>\n [/INST]\n[INST] Hi [/INST]\n";
        let llama3 = "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n";
        check("meta-llama/Llama-2-7b-chat-hf", "auto", LLMPERF, llama2);
        check("meta/meta-llama-3-8b-instruct", "auto", LLMPERF, llama3);
        check("meta/llama-2-70b-chat", "auto", LLMPERF, " Hi");
        check("llama-3-8b-instruct", "auto", LLMPERF, " Hi");
        check("any", "llama2", LLMPERF, llama2);
        check("any", "llama3", LLMPERF, llama3);
    }

    #[test]
    fn a_talk_keeps_its_turns() {
        check(
            "m",
            "llama2",
            TALK,
            "<s>[INST] <<SYS>>\nBe terse.\n<</SYS>>\n [/INST]\n[INST] Hi [/INST]\nYes?</s><s>[INST] Why [/INST]\n",
        );
        check(
            "m",
            "user-marks",
            TALK,
            "### System:\nBe terse.\n\n### User:\nHi\n\n### Assistant:\nYes?\n\n### User:\nWhy\n\n",
        );
        check("m", "user-marks", LLMPERF, "### User:\nHi\n\n");
        check("m", "joined", TALK, "Be terse. Hi Yes? Why");
        check("m", "lines", LLMPERF, "Hi");
    }

    #[test]
    fn a_prompt_is_taken_as_it_is_and_an_unknown_form_is_refused() {
        let spec = RequestSpec { input: Input::Prompt("Hi".into()), ..RequestSpec::chat("m", "") };
        assert_eq!(render(&spec.with_option(FORMAT, "llama3")).unwrap(), "Hi");
        let error = render(&RequestSpec::chat("m", "Hi").with_option(FORMAT, "chatml")).unwrap_err();
        assert!(error.contains("chatml") && error.contains("user-marks"), "{error}");
    }
}
