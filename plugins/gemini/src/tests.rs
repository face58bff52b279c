//! The plugin as a whole: recorded answers, requests as other clients send them, and what the recordings do not show.

use llmperf_sdk::{
    Decode, Event, Failure, Framing, HttpRequest, Input, Media, Message, Out, Part, Piece, Plugin,
    RequestSpec, ResponseHead, Usage, decode, testing,
};
use serde_json::Value;

use super::Gemini;
use super::decoder::GeminiDecoder;

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<Gemini>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

fn call(system: &str, user: &str, max_tokens: Option<u32>, sampling: &str) -> RequestSpec {
    RequestSpec {
        input: Input::Messages(vec![Message::text("system", system), Message::text("user", user)]),
        max_tokens,
        sampling: sampling.to_owned(),
        ..RequestSpec::chat("gemini-2.5-flash", "")
    }
}

fn build(spec: RequestSpec) -> HttpRequest {
    Gemini::build_request(&spec.with_defaults(&Gemini::describe())).unwrap()
}

fn check_request(spec: RequestSpec, expected: &str) {
    let request = build(spec);
    let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
    assert_eq!(parse(&request.body), parse(expected.as_bytes()));
}

/// Bodies as clients put them on the wire for the same call; the order of fields is theirs.
#[test]
fn the_request_is_what_other_clients_send() {
    let full = |max_tokens: u32, more: &str| {
        let sampling = format!(r#"{{"temperature":0.5,"top_p":0.9,"stop":["END"]{more}}}"#);
        call("You are terse.", "Name a river — any.", Some(max_tokens), &sampling)
    };
    check_request(
        full(24, r#","stream_options":{"include_usage":true}"#),
        r#"{"contents":[{"role":"user","parts":[{"text":"Name a river — any."}]}],"system_instruction":{"parts":[{"text":"You are terse."}]},"generationConfig":{"temperature":0.5,"top_p":0.9,"stop_sequences":["END"],"max_output_tokens":24}}"#,
    );
    check_request(
        full(256, r#","reasoning_effort":"low""#),
        r#"{"contents":[{"role":"user","parts":[{"text":"Name a river — any."}]}],"system_instruction":{"parts":[{"text":"You are terse."}]},"generationConfig":{"temperature":0.5,"top_p":0.9,"stop_sequences":["END"],"max_output_tokens":256,"thinkingConfig":{"thinkingBudget":1024,"includeThoughts":true}}}"#,
    );
    check_request(
        call("", "Randomly stream lines: Shall I compare thee?", Some(16), "{}"),
        r#"{"contents":[{"role":"user","parts":[{"text":"Randomly stream lines: Shall I compare thee?"}]}],"system_instruction":{"parts":[{"text":""}]},"generationConfig":{"max_output_tokens":16}}"#,
    );
}

#[test]
fn the_path_says_model_and_method_and_the_framing_follows() {
    let check = |spec: RequestSpec, path: &[&str], query: &[(&str, &str)], framing: Framing| {
        let request = build(spec);
        assert_eq!(request.path, path);
        let got: Vec<_> = request.query.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!((got.as_slice(), request.framing.as_slice()), (query, &[framing][..]));
        assert!(request.headers.iter().any(|header| header.name == "accept" && header.value == "*/*"));
    };
    let hi = |sampling: &str| call("", "Hi", None, sampling);
    check(hi(""), &["models", "gemini-2.5-flash:streamGenerateContent"], &[("alt", "sse")], Framing::Sse);
    let array = hi("").with_option("stream-form", "array");
    check(array, &["models", "gemini-2.5-flash:streamGenerateContent"], &[], Framing::JsonArray);
    check(hi(r#"{"stream":false}"#), &["models", "gemini-2.5-flash:generateContent"], &[], Framing::Body);
    let named = |model: &str| RequestSpec { stream: false, model: model.into(), ..hi("") };
    check(named("models/m"), &["models", "m:generateContent"], &[], Framing::Body);
    check(named("tunedModels/x"), &["tunedModels", "x:generateContent"], &[], Framing::Body);
    check(hi(r#"{"model":"n"}"#), &["models", "n:streamGenerateContent"], &[("alt", "sse")], Framing::Sse);
}

#[test]
fn the_apis_own_names_win_and_keep_their_spelling() {
    let hi = |max_tokens: Option<u32>, sampling: &str| RequestSpec {
        input: Input::Prompt("Hi".into()),
        ..call("", "", max_tokens, sampling)
    };
    let with =
        |fields: &str| format!(r#"{{"contents":[{{"role":"user","parts":[{{"text":"Hi"}}]}}]{fields}}}"#);
    check_request(hi(None, ""), &with(""));
    check_request(
        hi(Some(5), r#"{"maxOutputTokens":7}"#),
        &with(r#","generationConfig":{"maxOutputTokens":7}"#),
    );
    check_request(
        hi(Some(5), r#"{"max_tokens":6,"stop":"A","stopSequences":"B","top_k":3}"#),
        &with(r#","generationConfig":{"max_output_tokens":6,"stopSequences":["B"],"top_k":3}"#),
    );
    check_request(
        hi(
            Some(5),
            r#"{"generationConfig":{"maxOutputTokens":9,"new":1},"safetySettings":[{"category":"c"}]}"#,
        ),
        &with(r#","generationConfig":{"maxOutputTokens":9,"new":1},"safetySettings":[{"category":"c"}]"#),
    );
    check_request(hi(Some(5), r#"{"max_tokens":null,"stop":null}"#), &with(""));
    check_request(
        hi(None, r#"{"n":1,"logprobs":true,"top_logprobs":2,"reasoning_effort":"none"}"#),
        &with(
            r#","generationConfig":{"candidate_count":1,"response_logprobs":true,"logprobs":2,"thinkingConfig":{"thinkingBudget":0,"includeThoughts":false}}"#,
        ),
    );
    check_request(
        RequestSpec {
            sampling: r#"{"systemInstruction":{"parts":[{"text":"S"}]}}"#.into(),
            ..call("", "Hi", None, "")
        },
        &with(r#","systemInstruction":{"parts":[{"text":"S"}]}"#),
    );
}

#[test]
fn turns_of_one_role_are_joined_and_media_go_in_the_form_of_their_kind() {
    let media = |mime: &str| Media { mime: mime.to_owned(), data: b"any".to_vec() };
    let parts = vec![
        Part::Image(media("image/png")),
        Part::Audio(media("audio/wav")),
        Part::Url("https://example.org/a.png?x".into()),
        Part::Url("gs://bucket/a".into()),
    ];
    let input = Input::Messages(vec![
        Message::text("system", "A"),
        Message::text("user", "See"),
        Message { role: "user".into(), parts },
        Message::text("assistant", "Yes?"),
        Message::text("system", "B"),
    ]);
    check_request(
        RequestSpec { input, ..RequestSpec::chat("m", "") },
        concat!(
            r#"{"contents":[{"role":"user","parts":[{"text":"See"},{"inline_data":{"mime_type":"image/png","data":"YW55"}},"#,
            r#"{"inline_data":{"mime_type":"audio/wav","data":"YW55"}},"#,
            r#"{"file_data":{"mime_type":"image/png","file_uri":"https://example.org/a.png?x"}},{"file_data":{"file_uri":"gs://bucket/a"}}]},"#,
            r#"{"role":"model","parts":[{"text":"Yes?"}]}],"system_instruction":{"parts":[{"text":"A"},{"text":"B"}]}}"#
        ),
    );
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_reason() {
    let check = |spec: RequestSpec, reason: &str| {
        let error = Gemini::build_request(&spec).unwrap_err();
        assert!(error.contains(reason), "{error}");
    };
    let hi = |sampling: &str| call("", "Hi", None, sampling);
    check(RequestSpec { task: "embedding".into(), ..hi("") }, "embedding");
    check(RequestSpec { input: Input::Texts(vec![]), ..hi("") }, "messages or a prompt");
    check(hi("[]"), "not a JSON object");
    check(hi(r#"{"generationConfig":7}"#), "generationConfig");
    check(hi(r#"{"reasoning_effort":"much"}"#), "thinkingConfig");
    check(hi("").with_option("stream-form", "lines"), "sse or array");
}

/// Decodes events, and compares the pieces with their index.
fn check(events: &[&str], expected: &[(u32, Piece)]) {
    let events: Vec<Event> = events.iter().map(|data| Event::new("", data)).collect();
    let mut decoder = GeminiDecoder::new("chat", &ResponseHead { status: 200, headers: vec![] });
    let got: Vec<_> =
        decode(&mut decoder, &events).into_iter().map(|delta| (delta.event, delta.piece)).collect();
    assert_eq!(got, expected, "{events:?}");
    // A finish reason is the only end marker there is, and counts when the body has ended.
    let mut out = Out::new();
    decoder.finish(true, &mut out);
    let ends = expected.iter().any(|(_, piece)| matches!(piece, Piece::Finish(_)));
    assert_eq!(!out.into_deltas().is_empty(), ends, "{events:?}");
}

fn text(text: &str) -> Piece {
    Piece::Text(text.into())
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

fn usage(input: Option<u64>, output: Option<u64>, cached: Option<u64>, thoughts: Option<u64>) -> Piece {
    Piece::Usage(Usage {
        input_tokens: input,
        output_tokens: output,
        cached_input_tokens: cached,
        cache_write_tokens: None,
        reasoning_tokens: thoughts,
    })
}

const TEXT: &str = r#"{"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"},"index":0}]}"#;

#[test]
fn thoughts_are_reasoning_and_their_tokens_stay_apart() {
    check(
        &[
            r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hm","thought":true}]}}],"usageMetadata":{"promptTokenCount":4,"totalTokenCount":9,"thoughtsTokenCount":5}}"#,
            r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hm","thought":true},{"text":"So","thought":false,"thoughtSignature":"x"},{"text":"!"}]}}],"usageMetadata":{"promptTokenCount":4,"cachedContentTokenCount":2,"candidatesTokenCount":1,"thoughtsTokenCount":5}}"#,
            r#"{"candidates":[{"content":{"role":"model","parts":[{"text":""}]},"finishReason":"MAX_TOKENS"}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":1,"thoughtsTokenCount":5}}"#,
        ],
        &[
            (0, Piece::Reasoning("Hm".into())),
            (0, usage(Some(4), None, None, Some(5))),
            (1, Piece::Reasoning("Hm".into())),
            (1, text("So")),
            (1, text("!")),
            (1, usage(Some(4), Some(1), Some(2), Some(5))),
            (2, finish("MAX_TOKENS")),
        ],
    );
}

#[test]
fn a_function_call_comes_whole_and_its_arguments_are_compact_text() {
    check(
        &[
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"b": 1, "a": "x \u003c y"}}},{"functionCall":{"name":"g"}}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"h","args":{}},"thoughtSignature":"x"},{"functionCall":null},{"functionCall":7}]},"finishReason":"STOP"}]}"#,
        ],
        &[
            (0, tool(0, "f")),
            (0, tool(0, r#"{"b":1,"a":"x < y"}"#)),
            (0, tool(1, "g")),
            (0, tool(1, "{}")),
            (1, tool(2, "h")),
            (1, tool(2, "{}")),
            (1, finish("STOP")),
        ],
    );
}

#[test]
fn a_refused_prompt_has_its_reason_without_a_candidate() {
    check(
        &[
            r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":4,"totalTokenCount":4}}"#,
        ],
        &[(0, usage(Some(4), None, None, None)), (0, finish("PROHIBITED_CONTENT"))],
    );
    check(
        &[
            TEXT,
            r#"{"candidates":[{"finishReason":"SAFETY","safetyRatings":[{"blocked":true}]}],"promptFeedback":{"safetyRatings":[]}}"#,
        ],
        &[(0, text("a")), (1, finish("SAFETY"))],
    );
}

#[test]
fn the_candidate_with_index_zero_counts() {
    check(
        &[
            r#"{"candidates":[{"index":1,"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"},{"index":0,"content":{"parts":[{"text":"a"}]}}]}"#,
            r#"{"candidates":[{"index":1,"content":{"parts":[{"text":"b"}]}}]}"#,
        ],
        &[(0, text("a"))],
    );
}

#[test]
fn a_whole_stream_may_come_as_one_array() {
    let body = format!("[{TEXT},\r\n{}]", TEXT.replace("\"index\":0", "\"finishReason\":\"STOP\""));
    check(&[&body], &[(0, text("a")), (0, text("a")), (0, finish("STOP"))]);
}

#[test]
fn errors_are_seen_in_every_shape_and_text_before_them_stays() {
    let check = |event: &str, code: &str, message: &str| {
        check(&[TEXT, event], &[(0, text("a")), (1, failure(code, message))]);
    };
    check(r#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#, "503", "m");
    check(r#"[{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}]"#, "503", "m");
    check(r#"{"error":{"message":"m","status":"UNAVAILABLE"}}"#, "UNAVAILABLE", "m");
    check(r#"{"error":"m"}"#, "", "m");
    check(r#"{"message":"m","code":7}"#, "7", "m");
}

#[test]
fn what_has_no_meaning_gives_no_piece() {
    check(
        &[
            "",
            "{}",
            "[]",
            "[DONE]",
            r#"{"candidates":[],"usageMetadata":{},"modelVersion":"m","responseId":"r"}"#,
            r#"{"candidates":[{"content":{"parts":[{}],"role":"model"},"finishReason":"FINISH_REASON_UNSPECIFIED"}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"executableCode":{"code":"x"}},{"codeExecutionResult":{"output":"y"}},{"inlineData":{"data":"eA=="}}]}}]}"#,
        ],
        &[],
    );
}

#[test]
fn fields_of_an_unexpected_type_cost_only_themselves() {
    check(
        &[
            r#"{"candidates":[7,{"index":"0","content":{"parts":[null,{"text":{}},{"text":"a","thought":null,"functionCall":null}]},"finishReason":null}],"promptFeedback":[],"usageMetadata":{"promptTokenCount":"4","candidatesTokenCount":[]},"error":null}"#,
            r#"{"candidates":null,"usageMetadata":7}"#,
            r#"{"candidates":[{"content":null},{"content":{"parts":{"text":"x"}}}]}"#,
        ],
        &[(0, text("a")), (0, usage(Some(4), None, None, None))],
    );
}

#[test]
fn counts_that_go_back_are_said_again() {
    let counted =
        |n: u32| TEXT.replacen('{', &format!(r#"{{"usageMetadata":{{"candidatesTokenCount":{n}}},"#), 1);
    let (one, two) = (counted(1), counted(2));
    check(
        &[&one, &one, &one, &two, &one],
        &[
            (0, text("a")),
            (0, usage(None, Some(1), None, None)),
            (1, text("a")),
            (2, text("a")),
            (3, text("a")),
            (3, usage(None, Some(2), None, None)),
            (4, text("a")),
            (4, usage(None, Some(1), None, None)),
        ],
    );
}

#[test]
fn nothing_is_taken_after_an_event_that_is_not_json() {
    let mut decoder = GeminiDecoder::new("chat", &ResponseHead { status: 200, headers: vec![] });
    let events = [TEXT, "{\"candidates\":[", TEXT].map(|data| Event::new("", data));
    let deltas = decode(&mut decoder, &events);
    assert_eq!(deltas.len(), 2);
    assert!(matches!(&deltas[1].piece, Piece::Failure(failure) if failure.code == "bad_response"));
}

#[test]
fn an_error_answer_says_how_long_to_wait() {
    let body = br#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"37.5s"}]}}]"#;
    let failure = Gemini::explain(&ResponseHead { status: 429, headers: vec![] }, body);
    assert_eq!((&*failure.code, &*failure.message, failure.retry_after_ms), ("429", "m", Some(37_500)));
}
