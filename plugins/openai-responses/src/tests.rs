use llmperf_sdk::{
    Decode, Event, Failure, Input, Message, Part, Piece, Plugin, RequestSpec, ResponseHead, Usage, decode,
    testing,
};

use super::OpenAiResponses;
use super::reader::ResponsesDecoder;

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<OpenAiResponses>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

fn call(turns: &[(&str, &str)], sampling: &str) -> RequestSpec {
    let messages = turns.iter().map(|(role, text)| Message::text(role, text)).collect();
    RequestSpec {
        input: Input::Messages(messages),
        max_tokens: Some(16),
        sampling: sampling.to_owned(),
        ..RequestSpec::chat("m", "")
    }
}

#[test]
fn a_prompt_goes_as_a_string_and_a_conversation_as_items() {
    let check = |spec: RequestSpec, expected: &str| {
        let request = OpenAiResponses::build_request(&spec).unwrap();
        assert_eq!(request.path, ["responses"]);
        assert_eq!(String::from_utf8(request.body).unwrap(), expected);
    };
    check(
        call(&[("system", ""), ("user", "Hi")], "{}"),
        r#"{"model":"m","input":"Hi","stream":true,"max_output_tokens":16}"#,
    );
    check(
        call(&[("system", "Be terse."), ("user", "Hi")], r#"{"temperature":0.5,"max_tokens":7}"#),
        r#"{"model":"m","input":[{"role":"system","content":"Be terse."},{"role":"user","content":"Hi"}],"stream":true,"max_output_tokens":7,"temperature":0.5}"#,
    );
    check(
        call(&[("system", ""), ("user", "Hi")], r#"{"stream":false,"max_output_tokens":null}"#)
            .with_option("system-message", "true"),
        r#"{"model":"m","input":[{"role":"system","content":""},{"role":"user","content":"Hi"}],"stream":false}"#,
    );
    let parts = vec![Part::Text("See".into()), Part::Url("https://example.org/a.png".into())];
    let input = Input::Messages(vec![Message { role: "user".into(), parts }]);
    check(
        RequestSpec { input, ..RequestSpec::chat("m", "") },
        r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"See"},{"type":"input_image","image_url":"https://example.org/a.png"}]}],"stream":true}"#,
    );
}

/// Decodes events whose SSE name is their type.
fn check(events: &[&str], expected: &[(u32, Piece)]) {
    let events: Vec<Event> = events.iter().map(|data| Event::new("", data)).collect();
    let mut decoder = ResponsesDecoder::new("chat", &ResponseHead { status: 200, headers: vec![] });
    let got: Vec<_> =
        decode(&mut decoder, &events).into_iter().map(|delta| (delta.event, delta.piece)).collect();
    assert_eq!(got, expected, "{events:?}");
}

fn text(text: &str) -> Piece {
    Piece::Text(text.into())
}

fn reasoning(text: &str) -> Piece {
    Piece::Reasoning(text.into())
}

fn tool(index: u32, fragment: &str) -> Piece {
    Piece::ToolCall((index, fragment.into()))
}

fn failure(code: &str, message: &str) -> Piece {
    Piece::Failure(Failure::new(code, message))
}

fn finish(word: &str) -> Piece {
    Piece::Finish(word.into())
}

#[test]
fn deltas_of_every_kind_are_read_and_what_repeats_them_is_not() {
    check(
        &[
            r#"{"type":"response.created","response":{"status":"in_progress","output":[],"usage":null}}"#,
            r#"{"type":"response.reasoning_summary_text.delta","delta":"r"}"#,
            r#"{"type":"response.reasoning_text.delta","delta":"s"}"#,
            r#"{"type":"response.output_text.delta","delta":"a","obfuscation":"xyz"}"#,
            r#"{"type":"response.refusal.delta","delta":"no"}"#,
            r#"{"type":"response.output_text.done","text":"a"}"#,
            r#"{"type":"response.output_item.done","item":{"type":"message","content":[{"type":"output_text","text":"a"}]}}"#,
            r#"{"type":"response.something_new","delta":{"x":1}}"#,
            r#"{"type":"response.completed","response":{"status":"completed","error":null,"incomplete_details":null,"output":[{"type":"message","content":[{"type":"output_text","text":"a"}]}],"usage":{"input_tokens":8,"input_tokens_details":{"cached_tokens":1},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":2}}}}"#,
        ],
        &[
            (1, reasoning("r")),
            (2, reasoning("s")),
            (3, text("a")),
            (4, Piece::Refusal("no".into())),
            (
                8,
                Piece::Usage(Usage {
                    input_tokens: Some(8),
                    output_tokens: Some(3),
                    cached_input_tokens: Some(1),
                    cache_write_tokens: None,
                    reasoning_tokens: Some(2),
                }),
            ),
            (8, finish("completed")),
            (8, Piece::End),
        ],
    );
}

#[test]
fn tool_calls_are_told_apart_by_item_and_place() {
    check(
        &[
            r#"{"type":"response.output_item.added","output_index":1,"item":{"id":"fc_1","type":"function_call","call_id":"c1","name":"f","arguments":""}}"#,
            r#"{"type":"response.output_item.added","output_index":2,"item":{"id":"ct_2","type":"custom_tool_call","name":"g","input":""}}"#,
            r#"{"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":1,"delta":"{\"x\":"}"#,
            r#"{"type":"response.custom_tool_call_input.delta","item_id":"ct_2","delta":"go"}"#,
            r#"{"type":"response.function_call_arguments.delta","item_id":"other","output_index":1,"delta":"1}"}"#,
            r#"{"type":"response.function_call_arguments.done","item_id":"fc_1","arguments":"{\"x\":1}"}"#,
            r#"{"type":"response.output_item.done","output_index":1,"item":{"id":"fc_1","type":"function_call","name":"f","arguments":"{\"x\":1}"}}"#,
            r#"{"type":"response.output_item.done","output_index":3,"item":{"id":"fc_3","type":"function_call","name":"h","arguments":"{}"}}"#,
        ],
        &[
            (0, tool(0, "f")),
            (1, tool(1, "g")),
            (2, tool(0, "{\"x\":")),
            (3, tool(1, "go")),
            (4, tool(0, "1}")),
            (7, tool(2, "h")),
            (7, tool(2, "{}")),
        ],
    );
}

#[test]
fn an_incomplete_response_ends_with_its_reason_and_a_failed_one_with_its_error() {
    check(
        &[
            r#"{"type":"response.output_text.delta","delta":"a"}"#,
            r#"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}}"#,
        ],
        &[(0, text("a")), (1, finish("max_output_tokens")), (1, Piece::End)],
    );
    check(
        &[
            r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"m"}}}"#,
        ],
        &[(0, failure("server_error", "m")), (0, finish("failed")), (0, Piece::End)],
    );
}

#[test]
fn errors_are_seen_in_every_shape() {
    check(&[r#"{"type":"error","code":"c","message":"m","param":null}"#], &[(0, failure("c", "m"))]);
    check(&[r#"{"type":"error","error":{"type":"t","code":null,"message":"m"}}"#], &[(0, failure("t", "m"))]);
    check(&[r#"{"error":{"message":"m","type":"t"}}"#], &[(0, failure("t", "m"))]);
    check(&[r#"{"error":{"odd":1}}"#], &[(0, failure("", r#"{"error":{"odd":1}}"#))]);
}

#[test]
fn a_response_that_was_not_streamed_is_read_as_a_whole() {
    check(
        &[concat!(
            r#"{"id":"resp_1","object":"response","status":"completed","error":null,"output":["#,
            r#"{"type":"reasoning","summary":[{"type":"summary_text","text":"r"}],"content":null},"#,
            r#"{"type":"function_call","name":"f","arguments":"{}"},"#,
            r#"{"type":"message","content":[{"type":"output_text","text":"Hi"},{"type":"refusal","refusal":"no"},7]}],"#,
            r#""usage":{"input_tokens":3,"output_tokens":"2"}}"#
        )],
        &[
            (0, reasoning("r")),
            (0, tool(0, "f")),
            (0, tool(0, "{}")),
            (0, text("Hi")),
            (0, Piece::Refusal("no".into())),
            (0, Piece::Usage(Usage { input_tokens: Some(3), output_tokens: Some(2), ..Usage::default() })),
            (0, finish("completed")),
            (0, Piece::End),
        ],
    );
}

#[test]
fn a_stream_without_deltas_is_read_from_its_end() {
    check(
        &[
            r#"{"type":"response.completed","response":{"status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}]}}"#,
        ],
        &[(0, text("Hi")), (0, finish("completed")), (0, Piece::End)],
    );
}

#[test]
fn nothing_is_taken_after_an_event_that_is_not_json() {
    for bad in ["{not json", "null", "[]"] {
        let good = r#"{"type":"response.output_text.delta","delta":"a"}"#;
        let events = [good, bad, good].map(|data| Event::new("", data));
        let deltas = decode(&mut ResponsesDecoder::default(), &events);
        assert_eq!(deltas.iter().map(|delta| delta.event).collect::<Vec<_>>(), [0, 1], "{bad}");
        assert!(matches!(&deltas[1].piece, Piece::Failure(f) if f.code == "bad_response"), "{bad}");
    }
}
