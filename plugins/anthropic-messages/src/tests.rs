//! The plugin as a whole: recorded answers, and requests as other clients send them. The SDK's own tests have the events
//! that no recording shows.

use llmperf_sdk::{
    Framing, HttpRequest, Input, Media, Message, Part, Plugin, RequestSpec, ResponseHead, testing,
};
use serde_json::Value;

use super::AnthropicMessages;

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<AnthropicMessages>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

fn call(system: &str, user: &str, max_tokens: Option<u32>, sampling: &str) -> RequestSpec {
    RequestSpec {
        input: Input::Messages(vec![Message::text("system", system), Message::text("user", user)]),
        max_tokens,
        sampling: sampling.to_owned(),
        ..RequestSpec::chat("claude-sonnet-4-5", "")
    }
}

fn build(spec: RequestSpec) -> HttpRequest {
    AnthropicMessages::build_request(&spec.with_defaults(&AnthropicMessages::describe())).unwrap()
}

fn check(spec: RequestSpec, expected: &str) {
    let request = build(spec);
    let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
    assert_eq!(parse(&request.body), parse(expected.as_bytes()));
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|header| header.name == name).map(|header| &*header.value)
}

/// Bodies as clients put them on the wire for the same call; the order of fields is theirs.
#[test]
fn the_request_is_what_other_clients_send() {
    check(
        call(
            "You are terse.",
            "Name a river — any.",
            Some(2048),
            r#"{"temperature":1,"top_p":null,"stop":["END"],"reasoning_effort":"low"}"#,
        ),
        r#"{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":[{"type":"text","text":"Name a river — any."}]}],"temperature":1,"stop_sequences":["END"],"max_tokens":2048,"thinking":{"type":"enabled","budget_tokens":1024},"system":[{"type":"text","text":"You are terse."}],"stream":true}"#,
    );
    check(
        call("", "Randomly stream lines: Shall I compare thee?", Some(16), "{}"),
        r#"{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":[{"type":"text","text":"Randomly stream lines: Shall I compare thee?"}]}],"max_tokens":16,"stream":true}"#,
    );
    check(
        call("You are terse.", "Name a river — any.", Some(16), "{}").with_option("content", "text"),
        r#"{"max_tokens":16,"messages":[{"role":"user","content":"Name a river — any."}],"model":"claude-sonnet-4-5","stream":true,"system":"You are terse."}"#,
    );
}

#[test]
fn path_and_headers_are_those_of_who_serves_it() {
    let request = build(call("", "Hi", Some(32), "{}"));
    assert_eq!(request.path, ["v1", "messages"]);
    assert_eq!(header(&request, "anthropic-version"), Some("2023-06-01"));
    assert_eq!(header(&request, "accept"), Some("application/json"));
    assert_eq!(request.framing, [Framing::Sse]);
    let request = build(call("", "Hi", Some(32), "{}").with_option("version", "2026-10-21"));
    assert_eq!(header(&request, "anthropic-version"), Some("2026-10-21"));

    let vertex = |sampling: &str| {
        let spec =
            RequestSpec { model: "claude-sonnet-4-5@20250929".into(), ..call("", "Hi", Some(32), sampling) };
        spec.with_option("form", "vertex").with_option("content", "text")
    };
    check(
        vertex("{}"),
        r#"{"anthropic_version":"vertex-2023-10-16","messages":[{"role":"user","content":"Hi"}],"max_tokens":32,"stream":true}"#,
    );
    let request = build(vertex("{}"));
    assert_eq!(request.path, ["models", "claude-sonnet-4-5@20250929:streamRawPredict"]);
    assert_eq!(
        (header(&request, "accept"), header(&request, "anthropic-version")),
        (Some("*/*"), Some("2023-06-01"))
    );
    let request = build(vertex(r#"{"stream":false}"#));
    assert_eq!(request.path, ["models", "claude-sonnet-4-5@20250929:rawPredict"]);
    assert_eq!(request.framing, [Framing::Body]);
}

#[test]
fn the_limit_is_never_missing_and_leaves_room_for_thinking() {
    let base = |limit: &str| {
        format!(
            r#"{{"model":"claude-sonnet-4-5","messages":[{{"role":"user","content":[{{"type":"text","text":"Hi"}}]}}],"stream":true{limit}}}"#
        )
    };
    check(call("", "Hi", None, ""), &base(r#","max_tokens":4096"#));
    check(call("", "Hi", Some(5), r#"{"max_completion_tokens":7}"#), &base(r#","max_tokens":7"#));
    check(
        call("", "Hi", None, r#"{"thinking":{"type":"enabled","budget_tokens":2000}}"#),
        &base(r#","max_tokens":6096,"thinking":{"type":"enabled","budget_tokens":2000}"#),
    );
    check(
        call("", "Hi", Some(5), r#"{"max_tokens":null,"reasoning_effort":"none"}"#),
        &base(r#","max_tokens":4096"#),
    );
}

#[test]
fn the_apis_own_names_win_over_openais() {
    check(
        call(
            "",
            "Hi",
            Some(5),
            r#"{"stop":"A","stop_sequences":["B"],"top_k":3,"stream_options":{"include_usage":true},"system":"S"}"#,
        ),
        r#"{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}],"stream":true,"max_tokens":5,"stop_sequences":["B"],"top_k":3,"system":"S"}"#,
    );
    check(
        call(
            "",
            "Hi",
            Some(5),
            r#"{"stop":"A","model":"n","reasoning_effort":"high","thinking":{"type":"disabled"}}"#,
        ),
        r#"{"model":"n","messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}],"stream":true,"max_tokens":5,"stop_sequences":["A"],"thinking":{"type":"disabled"}}"#,
    );
}

#[test]
fn turns_of_one_role_are_joined_and_media_go_in_the_form_of_their_kind() {
    let media = |mime: &str| Media { mime: mime.to_owned(), data: b"any".to_vec() };
    let parts = vec![
        Part::Text("See".into()),
        Part::Image(media("image/png")),
        Part::Url("https://example.org/a.png".into()),
        Part::Image(media("application/pdf")),
    ];
    let input = Input::Messages(vec![
        Message::text("user", "Look."),
        Message { role: "user".into(), parts },
        Message::text("assistant", "Yes?"),
    ]);
    check(
        RequestSpec { input, max_tokens: Some(5), ..RequestSpec::chat("m", "") },
        concat!(
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"Look."},{"type":"text","text":"See"},"#,
            r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"YW55"}},"#,
            r#"{"type":"image","source":{"type":"url","url":"https://example.org/a.png"}},"#,
            r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"YW55"}}]},"#,
            r#"{"role":"assistant","content":[{"type":"text","text":"Yes?"}]}],"max_tokens":5,"stream":true}"#
        ),
    );
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_reason() {
    let check = |spec: RequestSpec, reason: &str| {
        let error = AnthropicMessages::build_request(&spec).unwrap_err();
        assert!(error.contains(reason), "{error}");
    };
    let call = |sampling: &str| call("", "Hi", None, sampling);
    check(RequestSpec { task: "embedding".into(), ..call("") }, "embedding");
    check(RequestSpec { input: Input::TokenIds(vec![1]), ..call("") }, "messages or a prompt");
    check(call("[]"), "not a JSON object");
    check(call(r#"{"reasoning_effort":"much"}"#), "budget_tokens");
    check(call("").with_option("form", "azure"), "anthropic or vertex");
    check(call("").with_option("content", "none"), "blocks or text");
    let audio = Part::Audio(Media { mime: "audio/wav".into(), data: vec![] });
    let input = Input::Messages(vec![Message { role: "user".into(), parts: vec![audio] }]);
    check(RequestSpec { input, ..call("") }, "texts and images");
}

#[test]
fn an_error_answer_says_its_word_and_how_long_to_wait() {
    let headers = vec![llmperf_sdk::Header::new("retry-after", "3")];
    let body = br#"{"type":"error","error":{"type":"rate_limit_error","message":"m"},"request_id":"r"}"#;
    let failure = AnthropicMessages::explain(&ResponseHead { status: 429, headers }, body);
    assert_eq!(
        (&*failure.code, &*failure.message, failure.retry_after_ms),
        ("rate_limit_error", "m", Some(3000))
    );
}
