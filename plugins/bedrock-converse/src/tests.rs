//! The plugin as a whole. How an answer is read is tested where the reader is, in the SDK.

use llmperf_sdk::{Framing, Header, Input, Message, Plugin, RequestSpec, testing};
use serde_json::Value;

use super::BedrockConverse;

const CLAUDE: &str = "anthropic.claude-3-5-sonnet-20240620-v1:0";

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<BedrockConverse>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

/// Bodies as boto3 and LiteLLM put them on the wire for the same call.
#[test]
fn the_request_is_what_other_clients_send() {
    let check = |model: &str, system: &str, user: &str, max_tokens: u32, sampling: &str, expected: &str| {
        let spec = RequestSpec {
            input: Input::Messages(vec![Message::text("system", system), Message::text("user", user)]),
            max_tokens: Some(max_tokens),
            sampling: sampling.to_owned(),
            ..RequestSpec::chat(model, "")
        };
        let request = BedrockConverse::build_request(&spec).unwrap();
        let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
        assert_eq!(parse(&request.body), parse(expected.as_bytes()));
        assert_eq!(request.path, ["model", model, "converse-stream"]);
        assert_eq!(request.headers, [Header::new("content-type", "application/json")]);
    };
    let llmperf = r#"{"messages": [{"role": "user", "content": [{"text": "Randomly stream lines: Shall I compare thee?"}]}], "inferenceConfig": {"maxTokens": 16}}"#;
    let arn = "arn:aws:bedrock:us-west-2:000000000000:application-inference-profile/abc123";
    for model in [CLAUDE, arn] {
        check(model, "", "Randomly stream lines: Shall I compare thee?", 16, "{}", llmperf);
        check(
            model,
            "You are terse.",
            "Hi — there",
            16,
            r#"{"temperature":0.5}"#,
            r#"{"messages": [{"role": "user", "content": [{"text": "Hi — there"}]}], "inferenceConfig": {"maxTokens": 16, "temperature": 0.5}, "system": [{"text": "You are terse."}]}"#,
        );
    }
    check(
        "us.amazon.nova-lite-v1:0",
        "You are terse.",
        "Name a river — any.",
        24,
        r#"{"temperature":0.5,"top_p":0.9,"stop":["END"],"stream_options":{"include_usage":true}}"#,
        r#"{"messages": [{"role": "user", "content": [{"text": "Name a river — any."}]}], "inferenceConfig": {"temperature": 0.5, "topP": 0.9, "stopSequences": ["END"], "maxTokens": 24}, "system": [{"text": "You are terse."}]}"#,
    );
}

#[test]
fn an_answer_that_is_not_streamed_has_a_path_of_its_own() {
    let check = |stream: bool, sampling: &str, path: &[&str], framing: Framing| {
        let spec = RequestSpec { stream, sampling: sampling.to_owned(), ..RequestSpec::chat(CLAUDE, "Hi") };
        let request = BedrockConverse::build_request(&spec).unwrap();
        assert_eq!(
            (request.path.iter().map(String::as_str).collect::<Vec<_>>(), request.framing),
            (path.to_vec(), vec![framing])
        );
    };
    check(false, "{}", &["model", CLAUDE, "converse"], Framing::Body);
    check(true, r#"{"stream":false}"#, &["model", CLAUDE, "converse"], Framing::Body);
    check(
        false,
        r#"{"stream":true,"model":"m"}"#,
        &["model", "m", "converse-stream"],
        Framing::AwsEventStream,
    );
}

#[test]
fn what_is_no_chat_is_refused_with_its_reason() {
    let check = |spec: RequestSpec, reason: &str| {
        let error = BedrockConverse::build_request(&spec).unwrap_err();
        assert!(error.contains(reason), "{error}");
    };
    check(RequestSpec { task: "embedding".into(), ..RequestSpec::chat("m", "Hi") }, "embedding");
    check(
        RequestSpec { input: Input::TokenIds(vec![1]), ..RequestSpec::chat("m", "") },
        "messages or a prompt",
    );
    check(RequestSpec { sampling: "[]".into(), ..RequestSpec::chat("m", "Hi") }, "not a JSON object");
}
