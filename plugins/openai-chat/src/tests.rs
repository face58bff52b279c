//! The plugin as a whole: recorded answers of many servers, and what the recordings do not show.

use llmperf_sdk::openai::ChatDecoder;
use llmperf_sdk::{Decode, Event, Piece, Plugin, ResponseHead, Usage, decode, testing};

use super::OpenAiChat;

mod goldens;

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<OpenAiChat>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

/// Decodes events without a name, and compares the pieces with their index.
fn check(events: &[&str], expected: &[(u32, Piece)]) {
    check_named(&events.iter().map(|data| ("", *data)).collect::<Vec<_>>(), expected);
}

fn check_named(events: &[(&str, &str)], expected: &[(u32, Piece)]) {
    let events: Vec<Event> = events.iter().map(|(name, data)| Event::new(name, data)).collect();
    let mut decoder = ChatDecoder::new("chat", &ResponseHead { status: 200, headers: vec![] });
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

fn failure(code: &str, message: &str) -> Piece {
    Piece::Failure(llmperf_sdk::Failure::new(code, message))
}

fn finish(word: &str) -> Piece {
    Piece::Finish(word.into())
}

#[test]
fn chunks_without_output_give_no_piece() {
    check(
        &[
            "",
            "  ",
            "{}",
            r#"{"choices":[]}"#,
            r#"{"choices":null,"usage":null,"error":null}"#,
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"finish_reason":null,"content_filter_results":{"hate":{}}}]}"#,
            r#"{"choices":[{"index":0,"delta":null,"finish_reason":""}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":null,"tool_calls":null,"function_call":null,"refusal":null}}]}"#,
            r#"{"type":"ping"}"#,
            r#"{"choices":[],"usage":{}}"#,
        ],
        &[],
    );
}

#[test]
fn the_end_marker_may_have_blanks_around_it() {
    check(&["[DONE]", " [DONE]  "], &[(0, Piece::End), (1, Piece::End)]);
}

#[test]
fn reasoning_counts_once_under_whatever_names_it_comes() {
    let check = |delta: &str, expected: &[Piece]| {
        let event = format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#);
        let expected: Vec<_> = expected.iter().map(|piece| (0, piece.clone())).collect();
        self::check(&[&event], &expected);
    };
    check(r#"{"reasoning_content":"r","content":null}"#, &[reasoning("r")]);
    check(r#"{"reasoning":"r","reasoning_content":"r"}"#, &[reasoning("r")]);
    check(
        r#"{"reasoning":"r","reasoning_details":[{"type":"reasoning.text","text":"r"}]}"#,
        &[reasoning("r")],
    );
    check(
        r#"{"reasoning":null,"reasoning_details":[{"type":"reasoning.summary","summary":"s"}]}"#,
        &[reasoning("s")],
    );
    check(r#"{"reasoning":"","reasoning_content":"r","content":"c"}"#, &[reasoning("r"), text("c")]);
    check(
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"r"}]},{"type":"text","text":"c"}]}"#,
        &[reasoning("r"), text("c")],
    );
    check(
        r#"{"content":[{"type":"reasoning","summary":[{"type":"summary_text","text":"r"}]}]}"#,
        &[reasoning("r")],
    );
    check(r#"{"refusal":"no"}"#, &[Piece::Refusal("no".into())]);
}

#[test]
fn the_first_finish_reason_is_kept() {
    let chunk = |word: &str| format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":{word}}}]}}"#);
    let chunks = [chunk("null"), chunk("\"stop\""), chunk("null"), chunk("\"length\"")];
    check(&chunks.each_ref().map(String::as_str), &[(1, finish("stop"))]);
}

#[test]
fn errors_are_seen_in_every_shape() {
    let check =
        |event: &str, code: &str, message: &str| self::check(&[event], &[(0, failure(code, message))]);
    check(r#"{"error":{"message":"m","type":"t","param":null,"code":null}}"#, "t", "m");
    check(r#"{"error":{"code":500,"message":"m","type":"server_error"}}"#, "500", "m");
    check(r#"{"error":"m","error_type":"overloaded"}"#, "overloaded", "m");
    check(
        r#"{"object":"error","message":"m","type":"BadRequestError","param":null,"code":null}"#,
        "BadRequestError",
        "m",
    );
    check(r#"{"error_code":"BAD","message":"m"}"#, "BAD", "m");
    check(r#"{"errors":[{"code":"c","message":"m"}],"trace":"x"}"#, "c", "m");
    check(r#"{"detail":"m"}"#, "", "m");
    check(r#"{"error":{"odd":1}}"#, "", r#"{"error":{"odd":1}}"#);
    check(r#"{"error":true}"#, "", r#"{"error":true}"#);
    check(r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#, "429", "m");
    check_named(&[("error", r#"{"message":"m","code":"c"}"#)], &[(0, failure("c", "m"))]);
    check_named(&[("error", "plain words")], &[(0, failure("", "plain words"))]);
    self::check(&[r#"{"error":"","choices":[]}"#, r#"{"error":{},"choices":[]}"#], &[]);
}

#[test]
fn text_beside_an_error_stays_and_the_end_is_still_seen() {
    check(
        &[
            r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"error"}],"error":{"code":502,"message":"m"}}"#,
            "[DONE]",
        ],
        &[(0, text("a")), (0, finish("error")), (0, failure("502", "m")), (1, Piece::End)],
    );
    check(
        &[r#"{"choices":[{"index":0,"delta":{"content":"a"},"error":{"code":502,"message":"m"}}]}"#],
        &[(0, text("a")), (0, failure("502", "m"))],
    );
}

#[test]
fn nothing_is_taken_after_an_event_that_is_not_json() {
    for bad in ["{not json", "null", "7", "[x", "[]", r#"{"choices":[{"delta":"#] {
        let good = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
        let events =
            [Event::new("", good), Event::new("", bad), Event::new("", good), Event::new("", "[DONE]")];
        let deltas = decode(&mut ChatDecoder::default(), &events);
        assert_eq!(deltas.iter().map(|delta| delta.event).collect::<Vec<_>>(), [0, 1, 3], "{bad}");
        assert!(matches!(&deltas[1].piece, Piece::Failure(f) if f.code == "bad_response"), "{bad}");
    }
    let deltas = decode(&mut ChatDecoder::default(), &[Event::new("", b"{\"x\":\"\xff\"}")]);
    assert!(matches!(&deltas[0].piece, Piece::Failure(f) if f.code == "bad_response"));
}

#[test]
fn usage_is_reported_where_it_changed() {
    let usage = |input, output| {
        Piece::Usage(Usage { input_tokens: input, output_tokens: output, ..Usage::default() })
    };
    check(
        &[
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":0}}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#,
            r#"{"choices":[],"usage":"soon"}"#,
            r#"{"choices":[],"x_groq":{"id":"r","usage":{"prompt_tokens":4,"completion_tokens":1,"queue_time":0.5}}}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":1,"queue_time":0.5}}"#,
        ],
        &[
            (0, usage(Some(3), Some(0))),
            (1, usage(Some(3), Some(1))),
            (4, usage(Some(4), Some(1))),
            (4, Piece::ServerTiming(("queue_time_s".into(), 0.5))),
        ],
    );
}

#[test]
fn servers_times_are_reported_by_name() {
    let time = |name: &str, value| Piece::ServerTiming((name.into(), value));
    check(
        &[
            r#"{"choices":[],"timings":{"prompt_ms":1.5,"predicted_n":2},"time_info":{"total_time":0.25,"created":9.0}}"#,
        ],
        &[(0, time("prompt_ms", 1.5)), (0, time("predicted_n", 2.0)), (0, time("total_time_s", 0.25))],
    );
    check(
        &[r#"{"choices":[],"perf_metrics":{"server-time-to-first-token":"0.05"}}"#],
        &[(0, time("server_time_to_first_token_s", 0.05))],
    );
}

#[test]
fn a_whole_answer_is_one_event_with_everything() {
    check(
        &[concat!(
            "\n\n",
            r#"{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","reasoning_content":"r","#,
            r#""content":"Hi","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},"#,
            r#""finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#
        )],
        &[
            (0, reasoning("r")),
            (0, text("Hi")),
            (0, Piece::ToolCall((0, "f".into()))),
            (0, Piece::ToolCall((0, "{}".into()))),
            (0, Piece::End),
            (0, finish("stop")),
            (0, Piece::Usage(Usage { input_tokens: Some(1), ..Usage::default() })),
        ],
    );
}

#[test]
fn a_message_beside_deltas_is_not_read_again() {
    check(
        &[
            r#"{"choices":[{"index":0,"delta":{"content":"a"},"message":{"content":"a"}}]}"#,
            r#"{"choices":[{"index":0,"message":{"content":"ab"},"finish_reason":"stop"}]}"#,
        ],
        &[(0, text("a")), (1, finish("stop"))],
    );
}

#[test]
fn token_ids_are_passed_on_where_they_were_asked_for() {
    check(
        &[r#"{"choices":[{"index":0,"delta":{"content":"a"},"token_ids":[5,6]}]}"#],
        &[(0, text("a")), (0, Piece::TokenIds(vec![5, 6]))],
    );
}

#[test]
fn together_s_token_id_comes_with_its_text_and_the_text_beside_the_delta_is_not_read() {
    check(
        &[
            r#"{"choices":[{"index":0,"text":"a","delta":{"role":"assistant","content":"a","token_id":5}}]}"#,
            r#"{"choices":[{"index":0,"text":"","delta":{"content":"","token_id":null},"finish_reason":"eos"}],"usage":{"prompt_tokens":1}}"#,
        ],
        &[
            (0, text("a")),
            (0, Piece::TokenIds(vec![5])),
            (1, finish("eos")),
            (1, Piece::Usage(Usage { input_tokens: Some(1), ..Usage::default() })),
        ],
    );
}

#[test]
fn an_answer_of_many_choices_is_the_one_with_index_zero() {
    check(
        &[
            r#"{"choices":[{"index":1,"delta":{"content":"x"}}]}"#,
            r#"{"choices":[{"index":1,"delta":{"content":"y"}},{"index":0,"delta":{"content":"a"}}]}"#,
            r#"{"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        ],
        &[(1, text("a")), (3, finish("stop"))],
    );
    check(
        &[
            r#"{"choices":[{"index":1,"message":{"content":"x"}},{"index":0,"message":{"content":"a"},"finish_reason":"stop"}]}"#,
        ],
        &[(0, text("a")), (0, Piece::End), (0, finish("stop"))],
    );
}

#[test]
fn a_server_s_own_fields_around_the_text_change_nothing() {
    check(
        &[
            // Azure: the prompt's filter first, the output's filter in between.
            r#"{"id":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#,
            r#"{"id":"","choices":[{"index":0,"finish_reason":null,"content_filter_offsets":{"start_offset":1}}]}"#,
            // Mistral's padding, OpenAI's obfuscation, OpenRouter's provider, Perplexity's sources.
            r#"{"p":"abcd","obfuscation":"xy","provider":"P","citations":["u"],"choices":[{"index":0,"delta":{"content":"a"},"native_finish_reason":null,"stop_reason":null}]}"#,
            // Perplexity: a growing message beside the delta; Databricks: usage with every chunk.
            r#"{"choices":[{"index":0,"delta":{"content":"b"},"message":{"content":"ab"}}],"usage":{"completion_tokens":2,"citation_tokens":0}}"#,
            // Databricks and Mistral: content in parts. DeepSeek: null while it reasons. NIM: nulls everywhere.
            r#"{"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"c"}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":null,"reasoning_content":"r"}}],"usage":null}"#,
            r#"{"choices":[{"index":0,"delta":{"role":null,"content":null,"tool_calls":null},"logprobs":null,"finish_reason":"stop","stop_reason":"x"}]}"#,
        ],
        &[
            (2, text("a")),
            (3, text("b")),
            (3, Piece::Usage(Usage { output_tokens: Some(2), ..Usage::default() })),
            (4, text("c")),
            (5, reasoning("r")),
            (6, finish("stop")),
        ],
    );
}

#[test]
fn errors_of_answers_are_explained_in_every_dialect() {
    let check = |status: u16, body: &str, code: &str, message: &str| {
        let head = ResponseHead { status, headers: vec![] };
        assert_eq!(
            OpenAiChat::explain(&head, body.as_bytes()),
            llmperf_sdk::Failure::new(code, message),
            "{body}"
        );
    };
    check(
        400,
        r#"{"code":"Client specified an invalid argument","error":"m"}"#,
        "Client specified an invalid argument",
        "m",
    );
    check(
        422,
        r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","x"],"msg":"m"}]},"type":"invalid_request_error","code":null}"#,
        "invalid_request_error",
        "m",
    );
    check(404, r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"m"}"#, "404", "m");
    check(
        400,
        r#"{"object":"error","message":"m","type":"BadRequestError","param":null,"code":400}"#,
        "400",
        "m",
    );
    check(429, r#"{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"m"}"#, "REQUEST_LIMIT_EXCEEDED", "m");
    check(429, r#"{"error":"m","error_type":"overloaded"}"#, "overloaded", "m");
    check(503, "<html>busy</html>", "503", "<html>busy</html>");
}

#[test]
fn errors_in_mid_stream_keep_the_text_before_in_every_dialect() {
    let check = |name: &str, event: &str, code: &str, message: &str| {
        let first = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
        check_named(&[("", first), (name, event)], &[(0, text("a")), (1, failure(code, message))]);
    };
    // Groq.
    check(
        "error",
        r#"{"error":{"message":"m","type":"internal_server_error","code":"over_capacity"}}"#,
        "over_capacity",
        "m",
    );
    // llama.cpp, old (a field of SSE's own) and new.
    check("error", r#"{"code":500,"message":"m","type":"server_error"}"#, "500", "m");
    check("", r#"{"error":{"code":500,"message":"m","type":"server_error"}}"#, "500", "m");
    // vLLM, old.
    check(
        "",
        r#"{"object":"error","message":"m","type":"InternalServerError","param":null,"code":500}"#,
        "500",
        "m",
    );
    // Cerebras.
    check("", r#"{"error":{"message":"m","type":"server_error"},"status_code":500}"#, "server_error", "m");
}
