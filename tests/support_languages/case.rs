//! The cases of `sdk/parrot-cases`, read as the host's own types.

use std::fs;
use std::path::{Path, PathBuf};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use llmperf::record::{Head, Message, RequestSpec, Usage};
use llmperf::units::{RequestId, Tokens};
use serde_json::Value;

/// One recorded answer, what a reader must make of it, and maybe the request that asked for it.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) expected: Value,
    pub(crate) request: Option<(Value, Value)>,
}

/// All of them, by name.
pub(crate) fn cases() -> Vec<Case> {
    let entries = fs::read_dir(Case::dir()).expect("the cases").map(|entry| entry.expect("an entry").path());
    let mut cases: Vec<Case> = entries.filter(|path| path.is_dir()).map(|path| case(&path)).collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(cases.len() >= 10, "{} cases", cases.len());
    cases
}

fn case(dir: &Path) -> Case {
    let json = |file: &str| -> Value {
        let text = fs::read(dir.join(file)).expect("a file of the case");
        serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}/{file}: {e}", dir.display()))
    };
    let meta = json("response.meta.json");
    let mut headers = HeaderMap::new();
    for pair in meta["headers"].as_array().expect("headers") {
        let (name, value) = (text(&pair[0]), text(&pair[1]));
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    let status = u16::try_from(meta["status"].as_u64().expect("a status")).expect("a status");
    Case {
        name: dir.file_name().expect("a name").to_string_lossy().into_owned(),
        head: Head { status: StatusCode::from_u16(status).expect("a status"), headers },
        body: fs::read(dir.join("response.bin")).expect("a body"),
        expected: json("expected.json"),
        request: dir.join("spec.json").exists().then(|| (json("spec.json"), json("request.json"))),
    }
}

impl Case {
    /// Where they are.
    pub(crate) fn dir() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/parrot-cases")
    }

    /// What goes over the wire.
    pub(crate) fn response(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\n", self.head.status);
        for (name, value) in &self.head.headers {
            head += &format!("{name}: {}\r\n", value.to_str().expect("text"));
        }
        head += &format!("content-length: {}\r\nconnection: close\r\n\r\n", self.body.len());
        [head.into_bytes(), self.body.clone()].concat()
    }

    /// The counts that the answer states.
    pub(crate) fn usage(&self) -> Usage {
        let count = |name: &str| self.expected["usage"][name].as_u64().map(Tokens);
        Usage {
            input_tokens: count("input_tokens"),
            output_tokens: count("output_tokens"),
            ..Usage::default()
        }
    }

    /// The fragments of each tool call, joined.
    pub(crate) fn tool_calls(&self) -> Vec<String> {
        let calls = self.expected["tool_calls"].as_array().into_iter().flatten();
        calls.map(|call| format!("{}{}", text(&call["name"]), text(&call["arguments"]))).collect()
    }
}

/// What `spec.json` says, as the host hands it to a plugin.
pub(crate) fn request_spec(spec: &Value) -> RequestSpec {
    let message = |role: &str, text: &str| Message { role: role.to_owned(), text: text.to_owned() };
    let messages = match spec["messages"].as_array() {
        Some(messages) => messages.iter().map(|m| message(text(&m["role"]), text(&m["content"]))).collect(),
        None => vec![message("user", text(&spec["prompt"]))],
    };
    RequestSpec {
        id: RequestId(0),
        session: None,
        messages,
        isl_target: Tokens(0),
        isl: Tokens(0),
        max_tokens: spec["max_tokens"].as_u64().map(Tokens),
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
