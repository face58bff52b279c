//! What the reader makes of events that no recording shows.

use crate::{Decode, Event, Failure, Piece, ResponseHead, Usage, decode};

use super::MessagesDecoder;

fn check(events: &[&str], expected: &[(u32, Piece)]) {
    check_named(&events.iter().map(|data| ("", *data)).collect::<Vec<_>>(), expected);
}

fn check_named(events: &[(&str, &str)], expected: &[(u32, Piece)]) {
    let events: Vec<Event> = events.iter().map(|(name, data)| Event::new(name, data)).collect();
    let mut decoder = MessagesDecoder::new("chat", &ResponseHead { status: 200, headers: vec![] });
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

fn tool(index: u32, text: &str) -> Piece {
    Piece::ToolCall((index, text.into()))
}

fn finish(word: &str) -> Piece {
    Piece::Finish(word.into())
}

fn failure(code: &str, message: &str) -> Piece {
    Piece::Failure(Failure::new(code, message))
}

fn usage(input: Option<u64>, output: Option<u64>, cached: Option<u64>, written: Option<u64>) -> Piece {
    Piece::Usage(Usage {
        input_tokens: input,
        output_tokens: output,
        cached_input_tokens: cached,
        cache_write_tokens: written,
        reasoning_tokens: None,
    })
}

const TEXT: &str = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#;

#[test]
fn thinking_is_reasoning_and_its_signature_is_nothing() {
    check(
        &[
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"EmwK"}}"#,
            r#"{"type":"content_block_start","index":2,"content_block":{"type":"text","text":"So"}}"#,
            r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":": 4"}}"#,
            r#"{"type":"content_block_delta","index":2,"delta":{"type":"citations_delta","citation":{"cited_text":"4"}}}"#,
        ],
        &[(1, reasoning("Hm")), (5, text("So")), (6, text(": 4"))],
    );
}

#[test]
fn every_kind_of_tool_use_is_a_call_and_results_are_not() {
    check(
        &[
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"query\":"}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":" \"x\"}"}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
            r#"{"type":"content_block_start","index":2,"content_block":{"type":"web_search_tool_result","tool_use_id":"s","content":[{"type":"web_search_result","title":"t"}]}}"#,
            r#"{"type":"content_block_stop","index":2}"#,
            r#"{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"t","name":"f","input":{"a": 1}}}"#,
            r#"{"type":"content_block_stop","index":3}"#,
            r#"{"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"u","name":"g","input":{"a": 1}}}"#,
            r#"{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
            r#"{"type":"content_block_stop","index":4}"#,
        ],
        &[
            (0, tool(0, "web_search")),
            (2, tool(0, "{\"query\":")),
            (3, tool(0, " \"x\"}")),
            (7, tool(1, "f")),
            (8, tool(1, "{\"a\":1}")),
            (9, tool(2, "g")),
            (10, tool(2, "{}")),
        ],
    );
}

#[test]
fn later_counts_win_and_are_said_where_they_changed() {
    check(
        &[
            r#"{"type":"message_start","message":{"content":[],"usage":{"input_tokens":3,"cache_creation_input_tokens":5,"cache_read_input_tokens":7,"output_tokens":1}}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"input_tokens":3,"output_tokens":1}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},"usage":{"input_tokens":4,"output_tokens":9,"cache_read_input_tokens":null}}"#,
            r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":4,"outputTokenCount":10,"invocationLatency":800,"firstByteLatency":400}}"#,
        ],
        &[
            (0, usage(Some(3), Some(1), Some(7), Some(5))),
            (2, finish("max_tokens")),
            (2, usage(Some(4), Some(9), None, None)),
            (3, Piece::End),
            (3, usage(Some(4), Some(10), None, None)),
            (3, Piece::ServerTiming(("invocation_latency_ms".into(), 800.0))),
            (3, Piece::ServerTiming(("first_byte_latency_ms".into(), 400.0))),
        ],
    );
}

#[test]
fn a_whole_message_is_one_event() {
    check(
        &[r#"{"id":"msg","type":"message","role":"assistant","model":"m","content":[
                {"type":"thinking","thinking":"Hm","signature":"x"},{"type":"redacted_thinking","data":"x"},
                {"type":"text","text":"So","citations":null},{"type":"tool_use","id":"t","name":"f","input":{"a" : [1, "b c"]}},
                {"type":"tool_use","id":"u","name":"g","input":{}}],
                "stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":2}}"#],
        &[
            (0, reasoning("Hm")),
            (0, text("So")),
            (0, tool(0, "f")),
            (0, tool(0, r#"{"a":[1,"b c"]}"#)),
            (0, tool(1, "g")),
            (0, tool(1, "{}")),
            (0, finish("tool_use")),
            (0, usage(Some(1), Some(2), None, None)),
            (0, Piece::End),
        ],
    );
}

#[test]
fn completions_are_read_with_or_without_a_type() {
    check_named(
        &[
            ("completion", r#"{"type":"completion","completion":" Hi","stop_reason":null}"#),
            ("ping", r#"{"type":"ping"}"#),
            ("completion", r#"{"type":"completion","completion":" you","stop_reason":null}"#),
            ("completion", r#"{"completion":"","stop_reason":"max_tokens","stop":null}"#),
        ],
        &[(0, text(" Hi")), (2, text(" you")), (3, finish("max_tokens")), (3, Piece::End)],
    );
    check(
        &[
            r#"{"completion":" Hi","stop_reason":null,"stop":null}"#,
            r#"{"completion":" Hi","stop_reason":"stop_sequence","stop":"\n\nHuman:","amazon-bedrock-invocationMetrics":{"inputTokenCount":8}}"#,
        ],
        &[
            (0, text(" Hi")),
            (1, text(" Hi")),
            (1, finish("stop_sequence")),
            (1, Piece::End),
            (1, usage(Some(8), None, None, None)),
        ],
    );
}

#[test]
fn a_refusal_ends_with_its_word() {
    check(
        &[
            TEXT,
            r#"{"type":"message_delta","delta":{"stop_reason":"refusal","stop_details":{"type":"refusal","explanation":"x"}},"usage":null}"#,
            r#"{"type":"message_stop"}"#,
        ],
        &[(0, text("a")), (1, finish("refusal")), (2, Piece::End)],
    );
}

#[test]
fn errors_are_seen_in_every_shape_and_text_before_them_stays() {
    let check = |name: &str, data: &str, code: &str, message: &str| {
        check_named(&[("", TEXT), (name, data)], &[(0, text("a")), (1, failure(code, message))]);
    };
    let nested = r#"{"type":"error","error":{"details":null,"type":"overloaded_error","message":"m"},"request_id":"r"}"#;
    check("error", nested, "overloaded_error", "m");
    check("", nested, "overloaded_error", "m");
    check("", r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#, "429", "m");
    check("", r#"{"error":"m"}"#, "", "m");
    check("", r#"[{"error":{"code":500,"message":"m"}}]"#, "500", "m");
    check("", r#"{"message":"m","__type":"x#ThrottlingException"}"#, "ThrottlingException", "m");
    check("", r#"{"type":"error"}"#, "", r#"{"type":"error"}"#);
    check("error", "upstream gone", "", "upstream gone");
}

#[test]
fn what_has_no_meaning_gives_no_piece() {
    check_named(
        &[
            ("vertex_event", r#"{"type":"ping"}"#),
            ("", ""),
            ("ping", r#"{"type": "ping"}"#),
            (
                "content_block_delta",
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"new_delta","text":"x"}}"#,
            ),
            ("new_event", r#"{"type":"new_event","text":"x","delta":{"type":"text_delta","text":"x"}}"#),
            (
                "content_block_start",
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"new","text":"x"}}"#,
            ),
            ("", "7"),
        ],
        &[(
            6,
            failure(
                "bad_response",
                "an event is not the JSON expected: invalid type: integer `7`, expected struct MessageEvent at line 1 column 1: 7",
            ),
        )],
    );
}

#[test]
fn fields_of_an_unexpected_type_cost_only_themselves() {
    check(
        &[
            r#"{"type":"message_start","message":{"content":null,"usage":[1]}}"#,
            r#"{"type":"content_block_start","index":"0","content_block":null}"#,
            r#"{"type":"content_block_delta","index":null,"delta":{"type":"text_delta","text":"b","thinking":7}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":"x"}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":{"a":1}}}"#,
            r#"{"type":"message_delta","delta":null,"usage":{"input_tokens":"4","output_tokens":{}}}"#,
            r#"{"type":"message_stop","usage":null}"#,
        ],
        &[(2, text("b")), (5, usage(Some(4), None, None, None)), (6, Piece::End)],
    );
}

#[test]
fn the_events_name_stands_in_for_a_missing_type() {
    check_named(
        &[
            ("content_block_delta", r#"{"index":0,"delta":{"type":"text_delta","text":"a"}}"#),
            ("message_stop", "{}"),
        ],
        &[(0, text("a")), (1, Piece::End)],
    );
}

#[test]
fn nothing_is_taken_after_an_event_that_is_not_json() {
    let mut decoder = MessagesDecoder::new("chat", &ResponseHead { status: 200, headers: vec![] });
    let deltas =
        decode(&mut decoder, &[Event::new("", TEXT), Event::new("", "{\"type\""), Event::new("", TEXT)]);
    let codes: Vec<_> = deltas
        .iter()
        .map(|delta| match &delta.piece {
            Piece::Failure(failure) => failure.code.as_str(),
            _ => "",
        })
        .collect();
    assert_eq!(codes, ["", "bad_response"]);
}

#[test]
fn text_after_text_is_read_alike_whatever_came_between() {
    let escaped = TEXT.replace("\"a\"", r#""\"\n""#);
    let other = TEXT.replace("text_delta", "new_delta");
    check(
        &[TEXT, TEXT, &escaped, &other, r#"{"type":"ping"}"#, TEXT, "[DONE]"],
        &[(0, text("a")), (1, text("a")), (2, text("\"\n")), (5, text("a"))],
    );
}
