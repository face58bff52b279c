//! Texts that the mock answers with instead of drawn words, so that a client's judgement of replies can be checked.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// What is answered to which prompt: `None` where nothing is given, and words are drawn.
#[derive(Clone)]
pub struct Answers(Arc<Answer>);

type Answer = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Answers {
    /// Answers by this function of the prompt, which is every text of the messages, a line each.
    pub fn by(answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Answers {
        Answers(Arc::new(answer))
    }

    /// Answers by a file: a JSON object from what is found in a prompt to the answer. The first that is found is meant.
    ///
    /// # Errors
    /// Names the file where it cannot be read or is no such object.
    pub fn from_file(path: &Path) -> Result<Answers> {
        let read =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let map: Map<String, Value> = serde_json::from_str(&read)
            .with_context(|| format!("{} is no JSON object of texts", path.display()))?;
        let text = |(key, value): (String, Value)| match value {
            Value::String(text) => Ok((key, text)),
            other => anyhow::bail!("{}: {key:?} is {other}, which is no text", path.display()),
        };
        let pairs: Vec<(String, String)> = map.into_iter().map(text).collect::<Result<_>>()?;
        Ok(Answers::by(move |prompt| {
            pairs.iter().find(|(key, _)| prompt.contains(key)).map(|(_, answer)| answer.clone())
        }))
    }

    /// The answer to a request with this body, a word with the space before it to a piece.
    pub(super) fn pieces(&self, body: &[u8]) -> Option<Vec<String>> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let mut prompt = String::new();
        gather(body.get("messages")?, &mut prompt);
        let answer = (self.0)(prompt.trim_end())?;
        let mut pieces: Vec<String> = Vec::new();
        for word in answer.split_inclusive(' ') {
            // The space belongs to the word behind it, as tokens have it.
            let after_space =
                pieces.last_mut().is_some_and(|last| last.ends_with(' ') && last.pop().is_some());
            pieces.push(if after_space { format!(" {word}") } else { word.to_owned() });
        }
        pieces.retain(|piece| !piece.is_empty());
        Some(pieces)
    }
}

/// All texts of messages of any nesting.
fn gather(value: &Value, prompt: &mut String) {
    match value {
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => {
            prompt.push_str(text);
            prompt.push('\n');
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, prompt)),
        Value::Object(fields) => {
            ["content", "text"].iter().filter_map(|key| fields.get(*key)).for_each(|of| gather(of, prompt));
        }
        _ => {}
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

impl PartialEq for Answers {
    fn eq(&self, other: &Answers) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_found_in_the_prompt_is_meant() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("answers.json");
        std::fs::write(&path, r#"{"one.": "1 it is", "one": "", "two": " 2  \n\"x\""}"#).unwrap();
        let answers = Answers::from_file(&path).unwrap();
        let check = |prompt: &str, expected: Option<&[&str]>| {
            let body = serde_json::json!({"messages": [
                {"role": "system", "content": ""},
                {"role": "user", "content": [{"type": "text", "text": prompt}]},
            ]});
            let found = answers.pieces(body.to_string().as_bytes());
            assert_eq!(
                found.as_deref(),
                expected.map(|e| e.iter().map(|p| p.to_string()).collect::<Vec<_>>()).as_deref()
            );
        };
        check("say one.", Some(&["1", " it", " is"]));
        check("say one", Some(&[]));
        check("say two", Some(&[" 2", " ", " \n\"x\""]));
        check("say three", None);
    }

    #[test]
    fn a_file_that_is_no_object_of_texts_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("answers.json");
        for content in ["[]", "{\"a\": 1}", "no"] {
            std::fs::write(&path, content).unwrap();
            let error = Answers::from_file(&path).unwrap_err().to_string();
            assert!(error.contains("answers.json"), "{error}");
        }
    }
}
