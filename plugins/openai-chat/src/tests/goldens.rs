//! Bodies as clients of each provider put them on the wire; the order of fields is theirs.

use llmperf_sdk::{Input, Message, Plugin, RequestSpec};
use serde_json::Value;

use crate::OpenAiChat;

const SYSTEM: &str = r#"{"role":"system","content":""}"#;
const PROMPT: &str = "Randomly stream lines: Shall I compare thee?";

fn call(model: &str, system: &str, user: &str, max_tokens: u32) -> RequestSpec {
    RequestSpec {
        input: Input::Messages(vec![Message::text("system", system), Message::text("user", user)]),
        max_tokens: Some(max_tokens),
        ..RequestSpec::chat(model, "")
    }
}

/// LLMPerf's call: an empty system message, the prompt, and a limit.
fn llmperf(options: &[(&str, &str)]) -> RequestSpec {
    options.iter().fold(call("m", "", PROMPT, 16), |spec, (name, value)| spec.with_option(name, value))
}

/// A call with everything in it.
fn full(sampling: &str, options: &[(&str, &str)]) -> RequestSpec {
    let spec = RequestSpec {
        sampling: sampling.to_owned(),
        ..call("m", "You are terse.", "Name a river — any.", 24)
    };
    options.iter().fold(spec, |spec, (name, value)| spec.with_option(name, value))
}

fn check(spec: RequestSpec, expected: &str) {
    let request = OpenAiChat::build_request(&spec.with_defaults(&OpenAiChat::describe())).unwrap();
    let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
    assert_eq!(parse(&request.body), parse(expected.as_bytes()));
}

const NO_USAGE: (&str, &str) = ("stream-usage", "false");

/// Azure AI, Cloudflare, Groq, Hugging Face, NIM, Together, Vertex AI, xAI, the OpenAI SDK at a base URL of one's own, and all
/// the providers that only have another address.
#[test]
fn most_providers_get_llmperf_s_call_as_it_is() {
    check(
        llmperf(&[NO_USAGE]),
        &format!(
            r#"{{"model":"m","messages":[{SYSTEM},{{"role":"user","content":"{PROMPT}"}}],"stream":true,"max_tokens":16}}"#
        ),
    );
}

/// Fireworks, and OpenAI at its own address.
#[test]
fn some_are_asked_for_token_counts() {
    check(
        llmperf(&[]),
        &format!(
            r#"{{"model":"m","messages":[{SYSTEM},{{"role":"user","content":"{PROMPT}"}}],"stream":true,"max_tokens":16,"stream_options":{{"include_usage":true}}}}"#
        ),
    );
}

/// Mistral and Codestral.
#[test]
fn some_get_no_empty_system_message() {
    check(
        llmperf(&[NO_USAGE, ("system-message", "false")]),
        &format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"{PROMPT}"}}],"stream":true,"max_tokens":16}}"#
        ),
    );
}

/// Databricks.
#[test]
fn one_gets_an_empty_system_message_without_content() {
    check(
        llmperf(&[NO_USAGE, ("system-message", "bare")]),
        &format!(
            r#"{{"model":"m","messages":[{{"role":"system"}},{{"role":"user","content":"{PROMPT}"}}],"stream":true,"max_tokens":16}}"#
        ),
    );
}

/// Snowflake, and OpenAI's reasoning models.
#[test]
fn some_have_another_name_for_the_limit() {
    check(
        llmperf(&[NO_USAGE, ("max-tokens-field", "max_completion_tokens")]),
        &format!(
            r#"{{"model":"m","messages":[{SYSTEM},{{"role":"user","content":"{PROMPT}"}}],"stream":true,"max_completion_tokens":16}}"#
        ),
    );
}

/// OpenRouter, where the provider's table adds a field below the sampling parameters; Vertex AI's Model Garden, where it
/// empties the model.
#[test]
fn what_a_provider_adds_is_merged_in() {
    check(
        RequestSpec { sampling: r#"{"usage":{"include":true}}"#.to_owned(), ..llmperf(&[NO_USAGE]) },
        &format!(
            r#"{{"model":"m","messages":[{SYSTEM},{{"role":"user","content":"{PROMPT}"}}],"stream":true,"max_tokens":16,"usage":{{"include":true}}}}"#
        ),
    );
    check(
        RequestSpec { sampling: r#"{"model":""}"#.to_owned(), ..llmperf(&[NO_USAGE]) },
        &format!(
            r#"{{"model":"","messages":[{SYSTEM},{{"role":"user","content":"{PROMPT}"}}],"stream":true,"max_tokens":16}}"#
        ),
    );
}

/// OpenAI, Azure, DeepSeek, Fireworks, Hugging Face, Together and Vertex AI ask for usage too; Cerebras and Databricks do not.
#[test]
fn sampling_parameters_are_passed_on() {
    let sampling = r#"{"temperature":0.5,"top_p":0.9,"stop":["END"]}"#;
    let messages =
        r#"[{"role":"system","content":"You are terse."},{"role":"user","content":"Name a river — any."}]"#;
    check(
        full(sampling, &[]),
        &format!(
            r#"{{"messages":{messages},"model":"m","max_tokens":24,"stop":["END"],"stream":true,"stream_options":{{"include_usage":true}},"temperature":0.5,"top_p":0.9}}"#
        ),
    );
    check(
        full(sampling, &[NO_USAGE]),
        &format!(
            r#"{{"messages":{messages},"model":"m","max_tokens":24,"stop":["END"],"stream":true,"temperature":0.5,"top_p":0.9}}"#
        ),
    );
    check(
        full(r#"{"temperature":0}"#, &[("max-tokens-field", "max_completion_tokens")]),
        &format!(
            r#"{{"messages":{messages},"model":"m","max_completion_tokens":24,"stream":true,"stream_options":{{"include_usage":true}},"temperature":0}}"#
        ),
    );
}
