//! The plugin as a whole. What an answer means is tested with its reader, in the SDK.

use llmperf_sdk::{Framing, Input, Message, Plugin, RequestSpec, testing};
use serde_json::Value;

use super::Tgi;

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<Tgi>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

fn call(model: &str, sampling: &str) -> RequestSpec {
    let prompt = "Randomly stream lines: Shall I compare thee?";
    RequestSpec {
        input: Input::Messages(vec![Message::text("system", ""), Message::text("user", prompt)]),
        max_tokens: Some(16),
        sampling: sampling.to_owned(),
        ..RequestSpec::chat(model, "")
    }
}

fn check(spec: RequestSpec, path: &str, framing: Framing, expected: &str) {
    let request = Tgi::build_request(&spec.with_defaults(&Tgi::describe())).unwrap();
    assert_eq!((request.path.join("/").as_str(), request.framing), (path, vec![framing]));
    let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
    assert_eq!(parse(&request.body), parse(expected.as_bytes()));
}

/// Bodies as LiteLLM puts them on the wire for the same call.
#[test]
fn the_request_is_what_litellm_sends() {
    check(
        call("meta-llama/Llama-2-7b-chat-hf", "{}").with_option("form", "base"),
        "",
        Framing::Sse,
        r#"{"inputs":"<s>[INST] <<SYS>>\n\n<</SYS>>\n [/INST]\n[INST] Randomly stream lines: Shall I compare thee? [/INST]\n","parameters":{"stream":true,"max_new_tokens":16,"details":true,"return_full_text":false},"stream":true}"#,
    );
    check(
        call("llama-3-8b-instruct", "{}").with_option("form", "path"),
        "generate_stream",
        Framing::Sse,
        r#"{"inputs":" Randomly stream lines: Shall I compare thee?","parameters":{"max_new_tokens":16,"details":true,"return_full_text":false}}"#,
    );
}

#[test]
fn the_default_is_the_servers_own_path_and_its_own_words_win() {
    check(
        call(
            "any",
            r#"{"max_new_tokens":5,"stop":"END","temperature":0,"parameters":{"top_k":9},"details":false}"#,
        ),
        "generate_stream",
        Framing::Sse,
        r#"{"inputs":" Randomly stream lines: Shall I compare thee?","parameters":{"max_new_tokens":5,"stop":["END"],"temperature":0.01,"top_k":9,"details":false,"return_full_text":false},"stream":true}"#,
    );
    check(
        call("any", r#"{"stream":false,"n":2}"#).with_option("prompt-format", "lines"),
        "generate",
        Framing::Body,
        r#"{"inputs":"Randomly stream lines: Shall I compare thee?","parameters":{"max_new_tokens":16,"best_of":2,"do_sample":true,"details":true,"return_full_text":false},"stream":false}"#,
    );
}

#[test]
fn what_tgi_cannot_be_asked_is_refused_with_its_reason() {
    let check = |spec: RequestSpec, reason: &str| {
        let error = Tgi::build_request(&spec).unwrap_err();
        assert!(error.contains(reason), "{error}");
    };
    check(RequestSpec { task: "rerank".into(), ..call("m", "{}") }, "chat and completion only");
    check(RequestSpec { input: Input::TokenIds(vec![1]), ..call("m", "{}") }, "a prompt or messages");
    check(call("m", "{}").with_option("form", "root"), "generate, base or path");
    check(call("m", "{}").with_option("details", "some"), "details");
    check(call("m", "[]"), "not a JSON object");
}
