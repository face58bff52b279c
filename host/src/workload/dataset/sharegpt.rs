//! ShareGPT: `{"conversations": [{"from", "value"}, …]}`. Read as vLLM and AIPerf read it, a conversation is its first
//! question, and the answer's length is the output asked for; or it is a session of all its questions.

use super::row::{Asked, OutputLength, Row, RowError, Turn, element, list, message, object, text};
use crate::record::Message;
use crate::units::Span;

/// Who speaks.
enum Speaker {
    System,
    User,
    Model,
}

/// The first question, with the length of its answer. `None` where no question was answered.
pub(super) fn first_question(bytes: &[u8]) -> Result<Option<Row>, RowError> {
    let mut turns = turns(bytes)?;
    turns.truncate(1);
    turns.retain(|turn| turn.output != OutputLength::Unsaid);
    Ok((!turns.is_empty()).then_some(Row { turns, due: None }))
}

/// All questions, as a session. `None` where there is none.
pub(super) fn session(bytes: &[u8]) -> Result<Option<Row>, RowError> {
    let turns = turns(bytes)?;
    Ok((!turns.is_empty()).then_some(Row { turns, due: None }))
}

fn turns(bytes: &[u8]) -> Result<Vec<Turn>, RowError> {
    let row = object(bytes)?;
    let conversation = match row.get("conversations").and_then(|value| value.as_array()) {
        // The published file has some.
        Some(empty) if empty.is_empty() => &[],
        _ => list(&row, "conversations", "conversations")?,
    };
    let mut turns: Vec<Turn> = Vec::new();
    let mut said: Vec<Message> = Vec::new();
    for (n, item) in conversation.iter().enumerate() {
        let path = format!("conversations[{n}]");
        let item = element(item, &path)?;
        let value = text(item, "value", &format!("{path}.value"))?;
        match speaker(text(item, "from", &format!("{path}.from"))?, &path)? {
            Speaker::System => said.push(message("system", value)),
            Speaker::User => {
                said.push(message("user", value));
                let asked = Asked::Messages(std::mem::take(&mut said));
                turns.push(Turn { asked, output: OutputLength::Unsaid, think: Span(0) });
            }
            // An answer to no question has no place in a conversation that gets real answers.
            Speaker::Model => {
                if let Some(turn) = turns.last_mut().filter(|turn| turn.output == OutputLength::Unsaid) {
                    turn.output = OutputLength::Of(value.to_owned());
                }
            }
        }
    }
    Ok(turns)
}

fn speaker(word: &str, path: &str) -> Result<Speaker, RowError> {
    match word {
        "human" | "user" => Ok(Speaker::User),
        "gpt" | "assistant" | "chatgpt" | "bing" | "bard" | "model" => Ok(Speaker::Model),
        "system" => Ok(Speaker::System),
        _ => Err(RowError::new(format!("{path}.from"), format!("is {word:?}, not human, gpt or system"))),
    }
}
