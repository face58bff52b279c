//! The request: LLMPerf's own, TGI's as LiteLLM writes it, or OpenAI's.

use llmperf_sdk::{Framing, HttpRequest, JsonBody, RequestSpec, Sampling, list_of_texts, openai, prompt};
use serde::Serialize;

/// Option: what the container takes.
pub(crate) const PAYLOAD: &str = "payload";
/// Option: whether the answer is to be a stream.
pub(crate) const STREAM: &str = "stream";
/// Option: accept the model's licence.
pub(crate) const ACCEPT_EULA: &str = "accept-eula";
/// Option: a part of the endpoint.
pub(crate) const INFERENCE_COMPONENT: &str = "inference-component";
/// Option: another part of it.
pub(crate) const TARGET_VARIANT: &str = "target-variant";
/// Option: a model among those of the endpoint.
pub(crate) const TARGET_MODEL: &str = "target-model";

/// Options that go into a header of their own.
const TARGETS: [(&str, &str); 3] = [
    (INFERENCE_COMPONENT, "X-Amzn-SageMaker-Inference-Component"),
    (TARGET_VARIANT, "X-Amzn-SageMaker-Target-Variant"),
    (TARGET_MODEL, "X-Amzn-SageMaker-Target-Model"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Payload {
    LlmPerf,
    Tgi,
    OpenAi,
}

/// The request that asks `spec`. The model is the endpoint.
///
/// # Errors
/// The task or input is not a chat that the payload can carry, an option has no such value, or the sampling parameters are
/// not a JSON object.
pub(crate) fn build(spec: &RequestSpec) -> Result<HttpRequest, String> {
    if spec.task != "chat" {
        return Err(format!("task {:?}: sagemaker speaks chat only", spec.task));
    }
    let payload = payload(spec)?;
    let mut sampling = Sampling::parse(&spec.sampling)?;
    let stream = match sampling.take("stream") {
        Some(stream) => stream.get() == "true",
        None => spec.stream && spec.option_as(STREAM)?.unwrap_or(true),
    };
    let body = match payload {
        Payload::LlmPerf => llmperf(spec, sampling)?,
        Payload::Tgi => tgi(spec, sampling, stream)?,
        Payload::OpenAi => openai(spec, sampling, stream)?,
    };
    let (operation, framing) = match stream {
        true => ("invocations-response-stream", vec![Framing::AwsEventStream, Framing::Sse]),
        false => ("invocations", vec![Framing::Body]),
    };
    let mut request =
        HttpRequest::post_json(["endpoints", &spec.model, operation], body.build()?, Framing::Body);
    if stream {
        // It is the container that would see what is accepted here, and none of them streams JSON.
        request.headers.retain(|header| header.name != "accept");
    }
    request.framing = framing;
    for (option, header) in TARGETS {
        if let Some(target) = spec.option(option).filter(|target| !target.is_empty()) {
            request = request.with_header(header, target);
        }
    }
    if spec.option_as(ACCEPT_EULA)?.unwrap_or(payload == Payload::LlmPerf) {
        request = request.with_header("X-Amzn-SageMaker-Custom-Attributes", "accept_eula=true");
    }
    Ok(request)
}

fn payload(spec: &RequestSpec) -> Result<Payload, String> {
    match spec.option(PAYLOAD).unwrap_or("llmperf") {
        "llmperf" => Ok(Payload::LlmPerf),
        "tgi" => Ok(Payload::Tgi),
        "openai" => Ok(Payload::OpenAi),
        other => Err(format!("option {PAYLOAD} is {other:?}; it must be llmperf, tgi or openai")),
    }
}

/// The conversations, of which there is one, and what LLMPerf renames in its parameters: the limit.
fn llmperf(spec: &RequestSpec, sampling: Sampling) -> Result<JsonBody, String> {
    with_inputs(spec, [openai::messages(&spec.input, true)?], sampling)
}

fn tgi(spec: &RequestSpec, mut sampling: Sampling, stream: bool) -> Result<JsonBody, String> {
    if let Some(stop) = sampling.take("stop") {
        sampling.put("stop", list_of_texts(&stop));
    }
    let mut body = with_inputs(spec, prompt::render(spec)?, sampling)?;
    if stream {
        body.set("stream", true);
    }
    Ok(body)
}

fn openai(spec: &RequestSpec, sampling: Sampling, stream: bool) -> Result<JsonBody, String> {
    let mut body = JsonBody::new();
    body.set("model", &spec.model);
    body.set("messages", openai::messages(&spec.input, true)?);
    body.set("stream", stream);
    body.set("max_tokens", spec.max_tokens);
    body.extend(sampling);
    Ok(body)
}

/// Inputs, and parameters in the names that LLMPerf and LiteLLM give them.
fn with_inputs(
    spec: &RequestSpec,
    inputs: impl Serialize,
    mut sampling: Sampling,
) -> Result<JsonBody, String> {
    for of_the_request in ["model", "stream_options"] {
        sampling.take(of_the_request);
    }
    sampling.rename("max_tokens", "max_new_tokens");
    sampling.rename("max_completion_tokens", "max_new_tokens");
    let given = sampling.take("parameters");
    let mut parameters = JsonBody::new();
    parameters.set("max_new_tokens", spec.max_tokens).extend(sampling);
    let mut body = JsonBody::new();
    body.set("inputs", inputs).adopt(&mut parameters, &["inputs"]);
    body.nest("parameters", parameters, given);
    Ok(body)
}

#[cfg(test)]
mod tests {
    use llmperf_sdk::{Header, Input, Message, Plugin};
    use serde_json::Value;

    use super::*;
    use crate::SageMaker;

    fn call(model: &str, system: &str, user: &str, max_tokens: u32, sampling: &str) -> RequestSpec {
        RequestSpec {
            input: Input::Messages(vec![Message::text("system", system), Message::text("user", user)]),
            max_tokens: Some(max_tokens),
            sampling: sampling.to_owned(),
            ..RequestSpec::chat(model, "")
        }
    }

    const EULA: (&str, &str) = ("X-Amzn-SageMaker-Custom-Attributes", "accept_eula=true");
    const JSON: (&str, &str) = ("content-type", "application/json");

    fn check(spec: RequestSpec, path: &str, headers: &[(&str, &str)], expected: &str) {
        let request = build(&spec.with_defaults(&SageMaker::describe())).unwrap();
        let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
        assert_eq!(parse(&request.body), parse(expected.as_bytes()));
        assert_eq!(request.path.join("/"), path);
        let headers: Vec<Header> = headers.iter().map(|(name, value)| Header::new(name, value)).collect();
        assert_eq!(request.headers, headers);
    }

    /// Bodies as LLMPerf (by boto3) and LiteLLM put them on the wire for the same call.
    #[test]
    fn the_request_is_what_other_clients_send() {
        let stream = "endpoints/llama-2-7b/invocations-response-stream";
        check(
            call("llama-2-7b", "", "Say hi", 150, "{}"),
            stream,
            &[JSON, EULA],
            r#"{"inputs": [[{"role": "system", "content": ""}, {"role": "user", "content": "Say hi"}]], "parameters": {"max_new_tokens": 150}}"#,
        );
        check(
            call(
                "llama-2-7b",
                "You are terse.",
                "Name a river — any.",
                24,
                r#"{"temperature":0.5,"top_p":0.9,"stop":["END"],"stream_options":{"include_usage":true}}"#,
            )
            .with_option(PAYLOAD, "tgi"),
            stream,
            &[JSON],
            r#"{"parameters": {"temperature": 0.5, "top_p": 0.9, "stop": ["END"], "max_new_tokens": 24}, "stream": true, "inputs": "You are terse. Name a river — any."}"#,
        );
        let user = "Randomly stream lines: Shall I compare thee?";
        check(
            call("llama-2-7b", "", user, 16, "{}").with_option(PAYLOAD, "tgi"),
            stream,
            &[JSON],
            r#"{"parameters": {"max_new_tokens": 16}, "stream": true, "inputs": " Randomly stream lines: Shall I compare thee?"}"#,
        );
        check(
            call("my-endpoint", "", user, 16, "{}").with_option(PAYLOAD, "openai"),
            "endpoints/my-endpoint/invocations-response-stream",
            &[JSON],
            r#"{"model": "my-endpoint", "messages": [{"role": "system", "content": ""}, {"role": "user", "content": "Randomly stream lines: Shall I compare thee?"}], "stream": true, "max_tokens": 16}"#,
        );
        check(
            RequestSpec { max_tokens: Some(32), ..RequestSpec::chat("my.endpoint-1", "Hi") }
                .with_option(PAYLOAD, "tgi")
                .with_option(STREAM, "false")
                .with_option(INFERENCE_COMPONENT, "ic-1")
                .with_option(TARGET_VARIANT, "v1"),
            "endpoints/my.endpoint-1/invocations",
            &[
                JSON,
                ("accept", "application/json"),
                ("X-Amzn-SageMaker-Inference-Component", "ic-1"),
                ("X-Amzn-SageMaker-Target-Variant", "v1"),
            ],
            r#"{"inputs": "Hi", "parameters": {"max_new_tokens": 32}}"#,
        );
    }

    #[test]
    fn sampling_wins_and_the_licence_is_accepted_where_one_says_so() {
        let spec = call("e", "", "Hi", 5, r#"{"max_tokens":7,"stop":"END","stream":false}"#);
        let body = r#"{"inputs":" Hi","parameters":{"max_new_tokens":7,"stop":["END"]}}"#;
        let accept = ("accept", "application/json");
        check(spec.clone().with_option(PAYLOAD, "tgi"), "endpoints/e/invocations", &[JSON, accept], body);
        check(
            spec.with_option(PAYLOAD, "tgi").with_option(ACCEPT_EULA, "true"),
            "endpoints/e/invocations",
            &[JSON, accept, EULA],
            body,
        );
        check(
            call("e", "", "Hi", 5, r#"{"max_tokens":7,"max_new_tokens":8}"#)
                .with_option(ACCEPT_EULA, "false"),
            "endpoints/e/invocations-response-stream",
            &[JSON],
            r#"{"inputs":[[{"role":"system","content":""},{"role":"user","content":"Hi"}]],"parameters":{"max_new_tokens":8}}"#,
        );
    }

    #[test]
    fn what_cannot_be_asked_is_refused_with_its_reason() {
        let check = |spec: RequestSpec, reason: &str| {
            let error = build(&spec).unwrap_err();
            assert!(error.contains(reason), "{error}");
        };
        check(RequestSpec { task: "embedding".into(), ..RequestSpec::chat("e", "Hi") }, "embedding");
        check(
            RequestSpec { input: Input::TokenIds(vec![1]), ..RequestSpec::chat("e", "") },
            "messages or a prompt",
        );
        check(RequestSpec { sampling: "[]".into(), ..RequestSpec::chat("e", "Hi") }, "not a JSON object");
        check(RequestSpec::chat("e", "Hi").with_option(PAYLOAD, "xml"), "llmperf, tgi or openai");
        check(RequestSpec::chat("e", "Hi").with_option(STREAM, "maybe"), "stream");
    }
}
