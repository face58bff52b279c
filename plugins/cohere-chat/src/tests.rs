use llmperf_sdk::{
    Decode, Event, Failure, Input, Message, Piece, Plugin, RequestSpec, ResponseHead, Usage, decode, testing,
};
use serde_json::Value;

use super::CohereChat;
use super::reader::ChatDecoder;
use super::request::VERSION;

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<CohereChat>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

fn call(model: &str, turns: &[(&str, &str)], max_tokens: u32, sampling: &str) -> RequestSpec {
    let messages = turns.iter().map(|(role, text)| Message::text(role, text)).collect();
    RequestSpec {
        input: Input::Messages(messages),
        max_tokens: Some(max_tokens),
        sampling: sampling.to_owned(),
        ..RequestSpec::chat(model, "")
    }
}

const LLMPERF: &[(&str, &str)] = &[("system", ""), ("user", "Randomly stream lines: Shall I compare thee?")];

fn check_request(spec: RequestSpec, path: &str, expected: &str) {
    let request = CohereChat::build_request(&spec.with_defaults(&CohereChat::describe())).unwrap();
    assert_eq!(request.path.join("/"), path);
    let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
    assert_eq!(parse(&request.body), parse(expected.as_bytes()));
}

#[test]
fn the_request_is_what_other_clients_send() {
    check_request(
        call(
            "command-r-plus-08-2024",
            &[("system", "You are terse."), ("user", "Name a river — any.")],
            24,
            r#"{"temperature":0.5,"top_p":0.9,"stop":["END"],"stream_options":{"include_usage":true}}"#,
        ),
        "v2/chat",
        r#"{"model":"command-r-plus-08-2024","messages":[{"role":"system","content":"You are terse."},{"role":"user","content":"Name a river — any."}],"temperature":0.5,"p":0.9,"stream":true,"stop_sequences":["END"],"max_tokens":24}"#,
    );
    check_request(
        call("command-r", LLMPERF, 16, "{}").with_option(VERSION, "v1"),
        "v1/chat",
        r#"{"model":"command-r","chat_history":[],"stream":true,"max_tokens":16,"message":"Randomly stream lines: Shall I compare thee?"}"#,
    );
    // As later clients have it, which leave the choice of the model to the server.
    check_request(
        call("command-r", LLMPERF, 16, r#"{"model":null,"chat_history":null}"#).with_option(VERSION, "v1"),
        "v1/chat",
        r#"{"stream":true,"max_tokens":16,"message":"Randomly stream lines: Shall I compare thee?"}"#,
    );
}

#[test]
fn a_conversation_and_cohere_s_own_names_are_kept() {
    let talk = &[("system", "Be terse."), ("user", "Hi"), ("assistant", "Yes?"), ("user", "Why")];
    check_request(
        call("m", talk, 5, r#"{"stop":"END","top_p":0.5,"p":0.9,"top_k":3}"#).with_option(VERSION, "v1"),
        "v1/chat",
        r#"{"model":"m","chat_history":[{"role":"SYSTEM","message":"Be terse."},{"role":"USER","message":"Hi"},{"role":"CHATBOT","message":"Yes?"}],"message":"Why","stream":true,"max_tokens":5,"stop_sequences":["END"],"p":0.9,"k":3}"#,
    );
    check_request(
        call("m", LLMPERF, 16, "").with_option("system-message", "false"),
        "v2/chat",
        r#"{"model":"m","messages":[{"role":"user","content":"Randomly stream lines: Shall I compare thee?"}],"stream":true,"max_tokens":16}"#,
    );
    let error = CohereChat::build_request(&call("m", talk, 5, "").with_option(VERSION, "v3")).unwrap_err();
    assert!(error.contains("v2 or v1"), "{error}");
}

fn check(events: &[&str], expected: &[(u32, Piece)]) {
    let events: Vec<Event> = events.iter().map(|data| Event::new("", data)).collect();
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

fn tool(index: u32, fragment: &str) -> Piece {
    Piece::ToolCall((index, fragment.into()))
}

fn failure(code: &str, message: &str) -> Piece {
    Piece::Failure(Failure::new(code, message))
}

fn finish(word: &str) -> Piece {
    Piece::Finish(word.into())
}

fn usage(input: u64, output: u64) -> Piece {
    Piece::Usage(Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() })
}

#[test]
fn v2_has_text_and_thinking_in_parts() {
    check(
        &[
            r#"{"type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_calls":[]}}}"#,
            r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"thinking","thinking":"t"}}}}"#,
            r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"u"}}}}"#,
            r#"{"type":"content-start","index":1,"delta":{"message":{"content":{"type":"text","text":""}}}}"#,
            r#"{"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"a"}}}}"#,
            r#"{"type":"content-delta","index":1,"delta":{"message":{"content":{"text":" b"}}}}"#,
            r#"{"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"\n"}}}}"#,
            r#"{"type":"citation-start","index":0,"delta":{"message":{"citations":{"text":"a"}}}}"#,
            r#"{"type":"content-end","index":1}"#,
            r#"{"type":"something-new","text":"x"}"#,
        ],
        &[(1, reasoning("t")), (2, reasoning("u")), (4, text("a")), (5, text(" b")), (6, text("\n"))],
    );
}

#[test]
fn v2_has_tool_calls_in_pieces_and_a_plan_that_is_neither_text_nor_call() {
    check(
        &[
            r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will"}}}"#,
            r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"f_1","type":"function","function":{"name":"f","arguments":""}}}}}"#,
            r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"x\":"}}}}}"#,
            r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"1}"}}}}}"#,
            r#"{"type":"tool-call-end","index":0}"#,
            r#"{"type":"tool-call-start","index":1,"delta":{"message":{"tool_calls":{"id":"g_1","function":{"name":"g","arguments":"{}"}}}}}"#,
            r#"{"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"tokens":{"input_tokens":9,"output_tokens":4},"billed_units":{"input_tokens":1}}}}"#,
        ],
        &[
            (1, tool(0, "f")),
            (2, tool(0, "{\"x\":")),
            (3, tool(0, "1}")),
            (5, tool(1, "g")),
            (5, tool(1, "{}")),
            (6, usage(9, 4)),
            (6, finish("TOOL_CALL")),
            (6, Piece::End),
        ],
    );
}

#[test]
fn v1_has_lines_that_say_their_kind_and_repeats_all_at_the_end() {
    check(
        &[
            r#"{"is_finished":false,"event_type":"stream-start","generation_id":"g"}"#,
            r#"{"is_finished":false,"event_type":"search-queries-generation","search_queries":[{"text":"q"}]}"#,
            r#"{"is_finished":false,"event_type":"text-generation","text":"a"}"#,
            r#"{"is_finished":false,"event_type":"text-generation","text":"b"}"#,
            r#"{"is_finished":true,"event_type":"stream-end","response":{"text":"ab","finish_reason":"MAX_TOKENS","meta":{"tokens":{"input_tokens":9,"output_tokens":2.0}}}}"#,
        ],
        &[(2, text("a")), (3, text("b")), (4, usage(9, 2)), (4, finish("MAX_TOKENS")), (4, Piece::End)],
    );
    check(
        &[
            r#"{"is_finished":false,"text":"a"}"#,
            r#"{"is_finished":true,"finish_reason":"COMPLETE","response":{"id":"x","prompt":"p"}}"#,
        ],
        &[(0, text("a")), (1, finish("COMPLETE")), (1, Piece::End)],
    );
}

#[test]
fn v1_has_tool_calls_in_pieces_or_whole_and_each_counts_once() {
    let whole = r#"{"event_type":"tool-calls-generation","tool_calls":[{"name":"f","parameters":{"x": 1}},{"name":"g","parameters":{}}]}"#;
    let expected = [(0, tool(0, "f")), (0, tool(0, r#"{"x":1}"#)), (0, tool(1, "g")), (0, tool(1, "{}"))];
    check(&[whole, whole], &expected);
    check(
        &[
            r#"{"event_type":"tool-calls-chunk","tool_call_delta":{"index":0,"name":"f"}}"#,
            r#"{"event_type":"tool-calls-chunk","tool_call_delta":{"index":0,"parameters":"{\"x\":"}}"#,
            r#"{"event_type":"tool-calls-chunk","text":"I will"}"#,
            r#"{"event_type":"tool-calls-chunk","tool_call_delta":{"index":0,"parameters":"1}"}}"#,
            whole,
        ],
        &[(0, tool(0, "f")), (1, tool(0, "{\"x\":")), (3, tool(0, "1}"))],
    );
}

#[test]
fn an_answer_that_ends_with_an_error_is_a_failure() {
    check(
        &[
            r#"{"type":"content-delta","delta":{"message":{"content":{"text":"a"}}}}"#,
            r#"{"type":"message-end","delta":{"error":"internal server error","finish_reason":"ERROR"}}"#,
        ],
        &[
            (0, text("a")),
            (1, failure("ERROR", "internal server error")),
            (1, finish("ERROR")),
            (1, Piece::End),
        ],
    );
    check(
        &[r#"{"is_finished":true,"event_type":"stream-end","finish_reason":"ERROR_LIMIT"}"#],
        &[
            (0, failure("ERROR_LIMIT", "the server ended the answer with an error")),
            (0, finish("ERROR_LIMIT")),
            (0, Piece::End),
        ],
    );
    check(&[r#"{"id":"x","message":"too many"}"#], &[(0, failure("", "too many"))]);
    check(&[r#"{"error":{"odd":1}}"#], &[(0, failure("", r#"{"error":{"odd":1}}"#))]);
}

#[test]
fn answers_that_were_not_streamed_are_read_as_a_whole() {
    check(
        &[
            r#"{"id":"x","finish_reason":"COMPLETE","message":{"role":"assistant","content":[{"type":"thinking","thinking":"t"},{"type":"text","text":"Hi"}],"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]},"usage":{"tokens":{"input_tokens":9,"output_tokens":2}}}"#,
        ],
        &[
            (0, reasoning("t")),
            (0, text("Hi")),
            (0, tool(0, "f")),
            (0, tool(0, "{}")),
            (0, usage(9, 2)),
            (0, finish("COMPLETE")),
            (0, Piece::End),
        ],
    );
    check(
        &[
            r#"{"response_id":"x","text":"Hi","chat_history":[],"finish_reason":"COMPLETE","meta":{"tokens":{"input_tokens":9,"output_tokens":2}}}"#,
        ],
        &[(0, text("Hi")), (0, usage(9, 2)), (0, finish("COMPLETE")), (0, Piece::End)],
    );
}

#[test]
fn odd_fields_cost_only_themselves_and_nothing_is_taken_after_what_is_not_json() {
    check(
        &[
            r#"{"type":"content-delta","index":"0","delta":{"message":{"content":"x"}}}"#,
            r#"{"type":"message-end","delta":{"finish_reason":null,"usage":"soon"}}"#,
            r#"{"type":"message-end","delta":7}"#,
        ],
        &[(1, Piece::End), (2, Piece::End)],
    );
    for bad in ["{not json", "null", "[]"] {
        let good = r#"{"type":"content-delta","delta":{"message":{"content":{"text":"a"}}}}"#;
        let events = [good, bad, good].map(|data| Event::new("", data));
        let deltas = decode(&mut ChatDecoder::default(), &events);
        assert_eq!(deltas.iter().map(|delta| delta.event).collect::<Vec<_>>(), [0, 1], "{bad}");
        assert!(matches!(&deltas[1].piece, Piece::Failure(f) if f.code == "bad_response"), "{bad}");
    }
}
