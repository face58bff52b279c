//! The plugin as a whole: a recorded answer, and what the recording does not show.

use llmperf_sdk::{
    Event, Failure, Framing, Input, Message, Piece, Plugin, RequestSpec, Usage, decode, testing,
};
use serde_json::Value;

use super::Cloudflare;
use super::answer::Answer;

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<Cloudflare>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

#[test]
fn the_path_names_the_model_and_the_body_is_a_chat_without_it() {
    let check = |spec: RequestSpec, framing: Framing, expected: &str| {
        let request = Cloudflare::build_request(&spec.with_defaults(&Cloudflare::describe())).unwrap();
        assert_eq!(request.path, ["run", "@cf", "meta", "llama-3.1-8b-instruct"]);
        assert_eq!(request.framing, [framing]);
        let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
        assert_eq!(parse(&request.body), parse(expected.as_bytes()));
    };
    let call = |sampling: &str| RequestSpec {
        input: Input::Messages(vec![Message::text("system", ""), Message::text("user", "Hi")]),
        max_tokens: Some(64),
        sampling: sampling.to_owned(),
        ..RequestSpec::chat("@cf/meta/llama-3.1-8b-instruct", "")
    };
    check(
        call("{}").with_option("system-message", "false"),
        Framing::Sse,
        r#"{"messages":[{"role":"user","content":"Hi"}],"stream":true,"max_tokens":64}"#,
    );
    check(
        call(r#"{"top_p":0.9,"stream":false}"#),
        Framing::Body,
        r#"{"messages":[{"role":"system","content":""},{"role":"user","content":"Hi"}],"stream":false,"max_tokens":64,"top_p":0.9}"#,
    );
    check(
        RequestSpec { task: "completion".into(), ..call("{}") },
        Framing::Sse,
        r#"{"prompt":"Hi","stream":true,"max_tokens":64}"#,
    );
    let other = RequestSpec { task: "rerank".into(), ..call("{}") };
    assert!(Cloudflare::build_request(&other).unwrap_err().contains("chat and completion only"));
}

fn check(events: &[&str], expected: &[(u32, Piece)]) {
    let events: Vec<Event> = events.iter().map(|data| Event::new("", data)).collect();
    let deltas = decode(&mut Answer::default(), &events);
    let got: Vec<_> = deltas.into_iter().map(|delta| (delta.event, delta.piece)).collect();
    assert_eq!(got, expected, "{events:?}");
}

fn text(text: &str) -> Piece {
    Piece::Text(text.into())
}

fn usage(input: u64, output: u64) -> Piece {
    Piece::Usage(Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() })
}

fn tool(text: &str) -> Piece {
    Piece::ToolCall((0, text.into()))
}

#[test]
fn digits_may_come_as_a_number_and_usage_comes_last() {
    check(
        &[
            r#"{"response":"In ","p":"abcd"}"#,
            r#"{"response":19,"p":"abcd"}"#,
            r#"{"response":1.0,"p":"ab"}"#,
            r#"{"response":"\n","p":"abcd"}"#,
            r#"{"response":"69","p":"abcd"}"#,
            r#"{"response":null,"p":"abcd"}"#,
            r#"{"response":"","usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#,
            "[DONE]",
        ],
        &[
            (0, text("In ")),
            (1, text("19")),
            (2, text("1.0")),
            (3, text("\n")),
            (4, text("69")),
            (6, usage(3, 4)),
            (7, Piece::End),
        ],
    );
}

#[test]
fn tool_calls_have_their_name_and_arguments_side_by_side() {
    check(
        &[r#"{"response":null,"tool_calls":[{"name":"f","arguments":{"city": "Rome"}}]}"#, "[DONE]"],
        &[(0, tool("f")), (0, tool(r#"{"city":"Rome"}"#)), (1, Piece::End)],
    );
}

#[test]
fn a_whole_answer_comes_in_an_envelope() {
    check(
        &[
            r#"{"result":{"response":"Hi","tool_calls":[],"usage":{"prompt_tokens":3,"completion_tokens":1}},"success":true,"errors":[],"messages":[]}"#,
        ],
        &[(0, text("Hi")), (0, usage(3, 1)), (0, Piece::End)],
    );
    check(
        &[r#"{"result":{"response":{"a": 1}},"success":true,"errors":null}"#],
        &[(0, text(r#"{"a": 1}"#)), (0, Piece::End)],
    );
    check(
        &[
            r#"{"result":{"choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}},"success":true,"errors":[]}"#,
        ],
        &[(0, text("Hi")), (0, Piece::End), (0, Piece::Finish("stop".into())), (0, usage(3, 1))],
    );
}

#[test]
fn openais_chunks_are_read_too() {
    check(
        &[
            r#"{"choices":[{"index":0,"delta":{"content":"Hi"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#,
            "[DONE]",
        ],
        &[(0, text("Hi")), (1, Piece::Finish("stop".into())), (1, usage(3, 1)), (2, Piece::End)],
    );
}

#[test]
fn errors_are_seen_in_every_shape_and_text_before_them_stays() {
    let failure = |code: &str, message: &str| Piece::Failure(Failure::new(code, message));
    check(
        &[
            r#"{"response":"a"}"#,
            r#"{"result":null,"success":false,"errors":[{"code":3040,"message":"m"}],"messages":[]}"#,
        ],
        &[(0, text("a")), (1, failure("3040", "m"))],
    );
    check(&[r#"{"errors":[{"code":3040,"message":"m"}]}"#], &[(0, failure("3040", "m"))]);
    check(&[r#"{"error":"m"}"#], &[(0, failure("", "m"))]);
    let silent = r#"{"success":false,"errors":[]}"#;
    check(&[silent], &[(0, failure("", silent))]);
}

#[test]
fn odd_events_cost_only_themselves_until_one_is_not_json() {
    check(
        &[
            "",
            "{}",
            r#"{"response":null,"usage":null,"errors":null,"success":null}"#,
            r#"{"response":[],"usage":7,"tool_calls":7,"result":7}"#,
            r#"{"response":"a","error":""}"#,
        ],
        &[(4, text("a"))],
    );
    for bad in ["{oops", "null", "[]", "7"] {
        let good = r#"{"response":"a"}"#;
        let deltas = decode(&mut Answer::default(), &[good, bad, good].map(|data| Event::new("", data)));
        let failures =
            deltas.iter().filter(|d| matches!(&d.piece, Piece::Failure(f) if f.code == "bad_response"));
        assert_eq!(failures.map(|delta| delta.event).collect::<Vec<_>>(), [1], "{bad}");
    }
}
