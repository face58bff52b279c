//! The runner must find what is wrong, so it is tried on a plugin that can be made wrong.

use std::path::PathBuf;

use super::*;
use crate::{Description, Framing, HttpRequest, JsonBody};

struct Words;

impl Plugin for Words {
    type Decoder = WordsDecoder;

    fn describe() -> Description {
        Description::new("words", "0.1.0", "a made-up API")
    }

    fn build_request(spec: &RequestSpec) -> Result<HttpRequest, String> {
        let mut body = JsonBody::new();
        body.set("prompt", spec.prompt_text()?).merge(&spec.sampling);
        Ok(HttpRequest::post_json(["words"], body.build()?, Framing::Sse))
    }
}

struct WordsDecoder;

impl Decode for WordsDecoder {
    fn new(_task: &str, _head: &ResponseHead) -> WordsDecoder {
        WordsDecoder
    }

    fn push(&mut self, event: &Event, out: &mut Out) -> Result<(), Failure> {
        match event.text()? {
            "END" => out.end(),
            word => out.text(word),
        }
        Ok(())
    }
}

/// A fixture directory of its own, removed when dropped.
struct Case(PathBuf);

impl Case {
    fn new(name: &str, body: &str, expected: &str) -> Case {
        let dir = std::env::temp_dir().join(format!("llmperf-sdk-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let case = Case(dir);
        case.write("response.bin", body);
        case.write("response.meta.json", r#"{"status":200,"headers":[]}"#);
        case.write("expected.json", expected);
        case
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.0.join(file), text).unwrap();
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const BODY: &str = "\u{feff}: hi\r\ndata: a\r\n\r\ndata:b\n\ndata: END\r\r";

fn expected(changes: &[(&str, Value)]) -> String {
    let mut expected = serde_json::json!({
        "events": 3, "content_pieces": ["a", "b"], "content_event_end_offsets": [20, 28], "text": "ab",
        "reasoning_text": "", "tool_calls": [], "usage": null, "finish_reason": null, "terminated": true,
        "error": null, "server_timing": {}, "extra": {},
    });
    for (name, value) in changes {
        expected[*name] = value.clone();
    }
    expected.to_string()
}

#[test]
fn a_right_reading_passes() {
    let case = Case::new("right", BODY, &expected(&[]));
    assert_eq!(check_case::<Words>(&case.0), Ok(()));
}

#[test]
fn each_difference_is_named() {
    let changes = [
        ("events", Value::from(4)),
        ("content_pieces", serde_json::json!(["ab"])),
        ("content_event_end_offsets", serde_json::json!([20, 40])),
        ("text", Value::from("abc")),
        ("reasoning_text", Value::from("x")),
        ("finish_reason", Value::from("stop")),
        ("terminated", Value::from(false)),
        ("error", serde_json::json!({"message": "m", "code": "c"})),
        ("server_timing", serde_json::json!({"a_ms": 1})),
        ("usage", serde_json::json!({"output_tokens": 2})),
        ("tool_calls", serde_json::json!([{"name": "f", "arguments": "{}"}])),
    ];
    for (i, (name, value)) in changes.into_iter().enumerate() {
        let case = Case::new(&format!("wrong-{i}"), BODY, &expected(&[(name, value)]));
        let problems = check_case::<Words>(&case.0).unwrap_err();
        let word = if name == "usage" { "output_tokens" } else { name };
        assert!(problems.contains(word) && problems.lines().count() == 1, "{name}: {problems}");
    }
}

#[test]
fn a_request_is_compared_where_the_fixture_has_a_spec() {
    let case = Case::new("request", BODY, &expected(&[]));
    case.write("spec.json", r#"{"prompt":"p","sampling":{"t":1}}"#);
    case.write("request.json", r#"{"method":"POST","path":"/v1/words","body":{"prompt":"p","t":1}}"#);
    assert_eq!(check_case::<Words>(&case.0), Ok(()));
    case.write("request.json", r#"{"method":"POST","path":"/v1/word","body":{"prompt":"q","t":1}}"#);
    let problems = check_case::<Words>(&case.0).unwrap_err();
    assert!(problems.contains("path:") && problems.contains("body:"), "{problems}");
}

#[test]
fn the_framer_follows_the_rules_of_sse() {
    let cut = |body: &str| -> Vec<(String, String)> {
        let events = framer::cut(&[Framing::Sse], body.as_bytes()).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        events.into_iter().map(|framed| (framed.event.name, text(framed.event.data))).collect()
    };
    let event = |name: &str, data: &str| (name.to_owned(), data.to_owned());
    assert_eq!(cut("event: x\ndata: 1\n: c\ndata:  2\n\n"), [event("x", "1\n 2")]);
    assert_eq!(cut("data\n\nevent: y\n\ndata: z\n\n"), [event("", ""), event("", "z")]);
    assert_eq!(cut("data: whole\n\ndata: cut"), [event("", "whole")]);
}

#[test]
fn the_framer_cuts_arrays_between_their_elements() {
    let body = r#"[{"a":"]},{ \" "},"x" ,
        [{"b":1}]]"#;
    let cut: Vec<_> = framer::cut(&[Framing::JsonArray], body.as_bytes()).unwrap();
    let texts: Vec<_> = cut.iter().map(|framed| framed.event.text().unwrap()).collect();
    assert_eq!(texts, [r#"{"a":"]},{ \" "}"#, r#"[{"b":1}]"#]);
    assert_eq!(cut[1].end, body.len() - 1);
}
