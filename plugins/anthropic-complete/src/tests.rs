//! The plugin as a whole: a recorded answer, and requests as other clients send them. The reader's own tests are the SDK's.

use llmperf_sdk::{Framing, Input, Message, Plugin, RequestSpec, testing};
use serde_json::Value;

use super::AnthropicComplete;

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<AnthropicComplete>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

fn call(messages: &[(&str, &str)], max_tokens: Option<u32>, sampling: &str) -> RequestSpec {
    RequestSpec {
        input: Input::Messages(messages.iter().map(|(role, text)| Message::text(role, text)).collect()),
        max_tokens,
        sampling: sampling.to_owned(),
        ..RequestSpec::chat("claude-2", "")
    }
}

fn check(spec: RequestSpec, expected: &str) {
    let request =
        AnthropicComplete::build_request(&spec.with_defaults(&AnthropicComplete::describe())).unwrap();
    let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
    assert_eq!(parse(&request.body), parse(expected.as_bytes()));
}

#[test]
fn the_request_is_what_other_clients_send() {
    let spec =
        call(&[("system", ""), ("user", "Randomly stream lines: Shall I compare thee?")], Some(16), "{}");
    check(
        spec.clone(),
        r#"{"model":"claude-2","prompt":"\n\nHuman: <admin></admin>\n\nHuman: Randomly stream lines: Shall I compare thee?\n\nAssistant: ","stream":true,"max_tokens_to_sample":16}"#,
    );
    let request =
        AnthropicComplete::build_request(&spec.with_defaults(&AnthropicComplete::describe())).unwrap();
    assert_eq!(request.path, ["v1", "complete"]);
    assert_eq!(request.framing, [Framing::Sse]);
    let headers: Vec<_> = request.headers.iter().map(|header| (&*header.name, &*header.value)).collect();
    let expected = [
        ("content-type", "application/json"),
        ("accept", "application/json"),
        ("anthropic-version", "2023-06-01"),
    ];
    assert_eq!(headers, expected);
}

#[test]
fn turns_are_marked_and_the_assistants_may_be_open() {
    check(
        call(&[("assistant", "Yes?"), ("user", "Hi"), ("assistant", "Well")], None, ""),
        r#"{"model":"claude-2","prompt":"\n\nHuman: \n\nAssistant: Yes?\n\nHuman: Hi\n\nAssistant: Well","stream":true,"max_tokens_to_sample":4096}"#,
    );
    let prompt = |text: &str| RequestSpec {
        task: "completion".into(),
        input: Input::Prompt(text.into()),
        stream: false,
        ..call(&[], Some(5), "")
    };
    for text in ["Hi", "\n\nHuman: Hi\n\nAssistant: "] {
        check(
            prompt(text),
            r#"{"model":"claude-2","prompt":"\n\nHuman: Hi\n\nAssistant: ","stream":false,"max_tokens_to_sample":5}"#,
        );
    }
}

#[test]
fn sampling_has_this_apis_names_and_wins() {
    check(
        call(
            &[("user", "Hi")],
            Some(5),
            r#"{"max_tokens":7,"stop":"END","temperature":0.5,"top_p":0.9,"stream_options":{"include_usage":true}}"#,
        ),
        r#"{"model":"claude-2","prompt":"\n\nHuman: Hi\n\nAssistant: ","stream":true,"max_tokens_to_sample":7,"stop_sequences":["END"],"temperature":0.5,"top_p":0.9}"#,
    );
    check(
        call(&[("user", "Hi")], Some(5), r#"{"max_tokens":7,"max_tokens_to_sample":8}"#),
        r#"{"model":"claude-2","prompt":"\n\nHuman: Hi\n\nAssistant: ","stream":true,"max_tokens_to_sample":8}"#,
    );
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_reason() {
    let check = |spec: RequestSpec, reason: &str| {
        let error = AnthropicComplete::build_request(&spec).unwrap_err();
        assert!(error.contains(reason), "{error}");
    };
    check(RequestSpec { task: "embedding".into(), ..RequestSpec::chat("m", "") }, "embedding");
    check(
        RequestSpec { input: Input::TokenIds(vec![1]), ..RequestSpec::chat("m", "") },
        "messages or a prompt",
    );
    check(RequestSpec { sampling: "7".into(), ..RequestSpec::chat("m", "") }, "not a JSON object");
}
