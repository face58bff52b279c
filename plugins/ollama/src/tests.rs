//! The plugin as a whole: recorded answers, and what the recordings do not show.

use llmperf_sdk::{
    Event, Failure, Framing, Input, Media, Message, Part, Piece, Plugin, RequestSpec, Usage, decode, testing,
};
use serde_json::Value;

use super::Ollama;
use super::answer::Answer;

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<Ollama>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

fn call(system: &str, user: &str, max_tokens: u32, sampling: &str) -> RequestSpec {
    RequestSpec {
        input: Input::Messages(vec![Message::text("system", system), Message::text("user", user)]),
        max_tokens: Some(max_tokens),
        sampling: sampling.to_owned(),
        ..RequestSpec::chat("llama3.2", "")
    }
}

fn check_request(spec: RequestSpec, path: &str, body: &str) {
    let request = Ollama::build_request(&spec.with_defaults(&Ollama::describe())).unwrap();
    assert_eq!(request.path.join("/"), path);
    let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
    assert_eq!(parse(&request.body), parse(body.as_bytes()));
}

/// Bodies as LiteLLM puts them on the wire for the same call.
#[test]
fn the_request_is_what_litellm_sends() {
    let prompt = "Randomly stream lines: Shall I compare thee?";
    check_request(
        call("", prompt, 16, "{}"),
        "api/chat",
        r#"{"model":"llama3.2","messages":[{"role":"system","content":"","images":[]},{"role":"user","content":"Randomly stream lines: Shall I compare thee?","images":[]}],"options":{"num_predict":16},"stream":true}"#,
    );
    check_request(
        call(
            "You are terse.",
            "Name a river — any.",
            24,
            r#"{"temperature":0.5,"top_p":0.9,"stop":["END"],"stream_options":{"include_usage":true}}"#,
        ),
        "api/chat",
        r#"{"model":"llama3.2","messages":[{"role":"system","content":"You are terse.","images":[]},{"role":"user","content":"Name a river — any.","images":[]}],"options":{"temperature":0.5,"top_p":0.9,"stop":["END"],"num_predict":24},"stream":true}"#,
    );
    check_request(
        call("", prompt, 16, "{}").with_option("form", "generate"),
        "api/generate",
        r####"{"model":"llama3.2","prompt":"### User:\nRandomly stream lines: Shall I compare thee?\n\n","options":{"num_predict":16},"stream":true,"images":[]}"####,
    );
}

#[test]
fn parameters_in_ollamas_own_words_win_and_go_where_they_belong() {
    check_request(
        call(
            "",
            "Hi",
            16,
            r#"{"num_predict":9,"think":true,"stop":"END","options":{"num_ctx":4096},"stream":false}"#,
        ),
        "api/chat",
        r#"{"model":"llama3.2","messages":[{"role":"system","content":"","images":[]},{"role":"user","content":"Hi","images":[]}],"think":true,"options":{"num_predict":9,"stop":["END"],"num_ctx":4096},"stream":false}"#,
    );
    check_request(
        RequestSpec {
            sampling: r#"{"response_format":{"type":"json_object"}}"#.into(),
            ..RequestSpec::chat("m", "Hi")
        },
        "api/chat",
        r#"{"model":"m","messages":[{"role":"user","content":"Hi","images":[]}],"format":"json","options":{},"stream":true}"#,
    );
}

#[test]
fn a_completion_is_a_prompt_as_it_is_and_images_go_beside_the_text() {
    let prompt = RequestSpec {
        task: "completion".into(),
        input: Input::Prompt("Once".into()),
        ..RequestSpec::chat("m", "")
    };
    check_request(
        prompt,
        "api/generate",
        r#"{"model":"m","prompt":"Once","images":[],"options":{},"stream":true}"#,
    );
    let image = Part::Image(Media { mime: "image/png".into(), data: b"any".to_vec() });
    let message = Message { role: "user".into(), parts: vec![Part::Text("See".into()), image] };
    check_request(
        RequestSpec { input: Input::Messages(vec![message]), ..RequestSpec::chat("m", "") },
        "api/chat",
        r#"{"model":"m","messages":[{"role":"user","content":"See","images":["YW55"]}],"options":{},"stream":true}"#,
    );
}

#[test]
fn what_ollama_cannot_be_asked_is_refused_with_its_reason() {
    let check = |spec: RequestSpec, reason: &str| {
        let error = Ollama::build_request(&spec).unwrap_err();
        assert!(error.contains(reason), "{error}");
    };
    check(RequestSpec { task: "rerank".into(), ..RequestSpec::chat("m", "Hi") }, "chat and completion only");
    check(RequestSpec { input: Input::Texts(vec![]), ..RequestSpec::chat("m", "") }, "messages or a prompt");
    check(RequestSpec::chat("m", "Hi").with_option("form", "embed"), "chat or generate");
    check(RequestSpec { sampling: "7".into(), ..RequestSpec::chat("m", "Hi") }, "not a JSON object");
}

#[test]
fn an_answer_is_cut_into_lines_where_it_is_streamed() {
    let framing = |stream| {
        let spec = RequestSpec { stream, ..RequestSpec::chat("m", "Hi") };
        Ollama::build_request(&spec).unwrap().framing
    };
    assert_eq!((framing(true), framing(false)), (vec![Framing::Ndjson], vec![Framing::Body]));
}

fn check(lines: &[&str], expected: &[(u32, Piece)]) {
    let events: Vec<Event> = lines.iter().map(|line| Event::new("", line)).collect();
    let deltas = decode(&mut Answer::default(), &events);
    let got: Vec<_> = deltas.into_iter().map(|delta| (delta.event, delta.piece)).collect();
    assert_eq!(got, expected, "{lines:?}");
}

fn time(name: &str, value: f64) -> Piece {
    Piece::ServerTiming((name.into(), value))
}

fn usage(input: Option<u64>, output: Option<u64>) -> Piece {
    Piece::Usage(Usage { input_tokens: input, output_tokens: output, ..Usage::default() })
}

#[test]
fn generate_answers_in_fields_of_its_own_and_a_cached_prompt_has_no_count() {
    check(
        &[
            r#"{"model":"m","thinking":"h","response":"","done":false}"#,
            r#"{"model":"m","response":"Hi","done":false}"#,
            r#"{"model":"m","response":"","done":true,"done_reason":"length","context":[1,2],"eval_count":1,"eval_duration":5}"#,
        ],
        &[
            (0, Piece::Reasoning("h".into())),
            (1, Piece::Text("Hi".into())),
            (2, Piece::Finish("length".into())),
            (2, usage(None, Some(1))),
            (2, time("eval_duration_ns", 5.0)),
            (2, Piece::End),
        ],
    );
}

#[test]
fn thinking_and_tool_calls_are_told_from_text() {
    let tool = |index: u32, text: &str| Piece::ToolCall((index, text.into()));
    check(
        &[
            r#"{"message":{"role":"assistant","content":"","thinking":"hm"},"done":false}"#,
            r#"{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"city": "Rome", "n": [1, 2]}}},{"id":"c","function":{"index":1,"name":"f","arguments":{}}}]},"done":false}"#,
            r#"{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"g","arguments":{}}}]},"done":true,"done_reason":"stop"}"#,
        ],
        &[
            (0, Piece::Reasoning("hm".into())),
            (1, tool(0, "f")),
            (1, tool(0, r#"{"city":"Rome","n":[1,2]}"#)),
            (1, tool(1, "f")),
            (1, tool(1, "{}")),
            (2, tool(2, "g")),
            (2, tool(2, "{}")),
            (2, Piece::Finish("stop".into())),
            (2, Piece::End),
        ],
    );
}

#[test]
fn a_whole_answer_is_one_line_with_everything() {
    check(
        &[concat!(
            r#"{"message":{"role":"assistant","thinking":"h","content":"Hi"},"done":true,"done_reason":"stop","#,
            "\n",
            r#""total_duration":9,"load_duration":2,"prompt_eval_count":3,"prompt_eval_duration":4,"eval_count":1,"eval_duration":3}"#
        )],
        &[
            (0, Piece::Reasoning("h".into())),
            (0, Piece::Text("Hi".into())),
            (0, Piece::Finish("stop".into())),
            (0, usage(Some(3), Some(1))),
            (0, time("total_duration_ns", 9.0)),
            (0, time("load_duration_ns", 2.0)),
            (0, time("prompt_eval_duration_ns", 4.0)),
            (0, time("eval_duration_ns", 3.0)),
            (0, Piece::End),
        ],
    );
}

#[test]
fn odd_fields_cost_only_themselves() {
    check(
        &[
            "",
            "{}",
            r#"{"message":null,"response":null,"done":null,"done_reason":null,"error":null,"eval_count":null}"#,
            r#"{"message":"soon","done":"no","eval_count":"x","total_duration":{}}"#,
            r#"{"message":{"content":7,"tool_calls":"none","thinking":false},"error":"","new":[{}]}"#,
        ],
        &[(4, Piece::Text("7".into()))],
    );
}

#[test]
fn an_error_ends_what_came_before_and_keeps_it() {
    check(
        &[r#"{"message":{"content":"a"},"error":"no memory","done":true}"#],
        &[(0, Piece::Text("a".into())), (0, Piece::Failure(Failure::new("", "no memory")))],
    );
    check(&[r#"{"error":{"message":"m","code":500}}"#], &[(0, Piece::Failure(Failure::new("500", "m")))]);
    for bad in ["{oops", "null", "7", "[]", "\"x\""] {
        let good = r#"{"response":"a"}"#;
        let deltas = decode(&mut Answer::default(), &[good, bad, good].map(|line| Event::new("", line)));
        assert_eq!(deltas.len(), 2, "{bad}");
        assert!(matches!(&deltas[1].piece, Piece::Failure(f) if f.code == "bad_response"), "{bad}");
    }
}
