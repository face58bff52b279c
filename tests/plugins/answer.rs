//! Recorded answers in OpenAI's form, as the hostile component reads them: the model's name says what it does.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// An answer, what it says when all is well, and what asked for it.
pub(crate) struct Answer {
    model: String,
    text: String,
    spec: Value,
}

impl Answer {
    /// That of a model of this name.
    pub(crate) fn saying(model: &str, text: &str) -> Answer {
        Answer { model: model.to_owned(), text: text.to_owned(), spec: json!({}) }
    }

    /// A plain one, asked for by this `spec.json`.
    pub(crate) fn asked_for(spec: Value) -> Answer {
        Answer { spec, ..Answer::saying("plain", "Hi") }
    }

    /// What asks for it.
    pub(crate) fn ask(&mut self, spec: Value) {
        self.spec = spec;
    }

    fn body(&self) -> String {
        let chunk = |delta: Value, finish: Value| {
            let choice = json!({ "delta": delta, "finish_reason": finish });
            format!("data: {}\n\n", json!({ "id": "answer-3", "model": self.model, "choices": [choice] }))
        };
        chunk(json!({ "content": "Hi" }), Value::Null) + &chunk(json!({}), "stop".into()) + "data: [DONE]\n\n"
    }
}

/// Writes the answer as a fixture.
pub(crate) fn write_fixture(dir: &Path, answer: &Answer) {
    fs::create_dir(dir).expect("a directory");
    let write = |file: &str, content: String| fs::write(dir.join(file), content).expect("a file");
    write("response.bin", answer.body());
    write("spec.json", answer.spec.to_string());
    write(
        "response.meta.json",
        json!({ "status": 200, "headers": [["content-type", "text/event-stream"]] }).to_string(),
    );
    let expected = json!({
        "events": 3, "text": answer.text, "reasoning_text": "", "tool_calls": [], "usage": {}, "finish_reason": "stop",
        "terminated": true, "error": null, "server_timing": {},
    });
    write("expected.json", expected.to_string());
}
