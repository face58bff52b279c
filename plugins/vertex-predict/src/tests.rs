//! The plugin as a whole: a recorded answer, and what the recording does not show.

use llmperf_sdk::{
    Event, Failure, Framing, Input, Message, Piece, Plugin, RequestSpec, Usage, decode, testing,
};
use serde_json::Value;

use super::VertexPredict;
use super::answer::Answer;

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<VertexPredict>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

fn call(max_tokens: Option<u32>, sampling: &str) -> RequestSpec {
    RequestSpec {
        input: Input::Messages(vec![Message::text("system", ""), Message::text("user", "Say hi")]),
        max_tokens,
        sampling: sampling.to_owned(),
        ..RequestSpec::chat("llama2", "")
    }
}

fn check_request(spec: RequestSpec, path: &str, expected: &str) {
    let request = VertexPredict::build_request(&spec.with_defaults(&VertexPredict::describe())).unwrap();
    assert_eq!((request.path.join("/").as_str(), request.framing), (path, vec![Framing::Body]));
    let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
    assert_eq!(parse(&request.body), parse(expected.as_bytes()));
}

/// Google's own client sends the limit as a float, by the type of its wire format; as a number it is the same.
#[test]
fn the_request_is_what_llmperf_and_googles_client_send() {
    let endpoint = |spec: RequestSpec| spec.with_option("endpoint-id", "1234567890");
    check_request(
        endpoint(call(Some(16), "{}")),
        "1234567890:predict",
        r#"{"instances":[{"prompt":"Say hi"}],"parameters":{"max_tokens":16}}"#,
    );
    check_request(
        endpoint(call(None, r#"{"temperature":0.2,"max_new_tokens":16}"#)),
        "1234567890:predict",
        r#"{"instances":[{"prompt":"Say hi"}],"parameters":{"temperature":0.2,"maxOutputTokens":16}}"#,
    );
    check_request(
        endpoint(call(None, r#"{"stream":true,"parameters":{"topK":1}}"#)),
        "1234567890:predict",
        r#"{"instances":[{"prompt":"Say hi"}],"parameters":{"topK":1}}"#,
    );
}

#[test]
fn a_chat_goes_as_an_instance_and_the_model_may_name_the_endpoint() {
    check_request(
        call(Some(16), r#"{"temperature":0.5}"#).with_option("payload", "chat"),
        "llama2:predict",
        r#"{"instances":[{"@requestFormat":"chatCompletions","messages":[{"role":"system","content":""},{"role":"user","content":"Say hi"}],"max_tokens":16,"temperature":0.5}]}"#,
    );
}

#[test]
fn what_vertex_cannot_be_asked_is_refused_with_its_reason() {
    let check = |spec: RequestSpec, reason: &str| {
        let error = VertexPredict::build_request(&spec).unwrap_err();
        assert!(error.contains(reason), "{error}");
    };
    check(RequestSpec { task: "rerank".into(), ..call(None, "{}") }, "chat and completion only");
    check(call(None, "{}").with_option("payload", "raw"), "llmperf or chat");
    check(call(None, "7"), "not a JSON object");
}

fn check(body: &str, expected: &[Piece]) {
    let deltas = decode(&mut Answer::default(), &[Event::new("", body)]);
    let got: Vec<_> = deltas.into_iter().map(|delta| delta.piece).collect();
    assert_eq!(got, expected, "{body}");
}

fn text(text: &str) -> Piece {
    Piece::Text(text.into())
}

fn usage(input: u64, output: u64) -> Piece {
    Piece::Usage(Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() })
}

#[test]
fn text_stands_between_the_marks() {
    let check = |prediction: &str, expected: &str| {
        check(&format!(r#"{{"predictions":{prediction}}}"#), &[text(expected), Piece::End]);
    };
    check(r#"["Prompt:\nq\nOutput:\na\nOutput:\nb"]"#, "a");
    check(r#"["Prompt:\nq\nOutput:\na", "other"]"#, "a");
    check(r#""Prompt:\nno list\nOutput:\na""#, "a");
    check(r#"[["\nOutput:\ndeeper"]]"#, "deeper");
    check(r#"[{"content":"a","safetyAttributes":{"blocked":false}}]"#, "a");
    check(r#"[{"candidates":[{"author":"1","content":"a"}]}]"#, "a");
    check(r#"[{"generated_text":"Prompt:\nq\nOutput:\na"}]"#, "a");
}

#[test]
fn a_text_without_the_mark_has_failed_as_with_llmperf() {
    for prediction in [r#"["no mark"]"#, r#""Output: a""#, r#"[""]"#] {
        let failure = Failure::bad_response("the prediction has no line `Output:` before its answer");
        check(&format!(r#"{{"predictions":{prediction}}}"#), &[Piece::Failure(failure)]);
    }
}

#[test]
fn a_chat_in_a_prediction_is_read_as_one() {
    let chat = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
    let expected = [text("Hi"), Piece::End, Piece::Finish("stop".into()), usage(3, 1)];
    check(&format!(r#"{{"predictions":[{chat}]}}"#), &expected);
    check(&format!(r#"{{"deployedModelId":"5","predictions":{chat}}}"#), &expected);
    check(chat, &expected);
}

#[test]
fn usage_of_googles_models_is_in_the_metadata() {
    check(
        r#"{"predictions":[{"content":"a"}],"metadata":{"tokenMetadata":{"inputTokenCount":{"totalTokens":3,"totalBillableCharacters":9},"outputTokenCount":{"totalTokens":1}}}}"#,
        &[usage(3, 1), text("a"), Piece::End],
    );
}

#[test]
fn an_answer_without_prediction_has_failed() {
    let failure = |code: &str, message: &str| [Piece::Failure(Failure::new(code, message))];
    check(r#"{"error":{"code":400,"message":"m","status":"FAILED_PRECONDITION"}}"#, &failure("400", "m"));
    check(r#"[{"error":{"code":400,"message":"m"}}]"#, &failure("400", "m"));
    check(r#"{"predictions":[{"error":"m"}]}"#, &failure("", "m"));
    check(r#"{"message":"m"}"#, &failure("", "m"));
    for empty in [r#"{"predictions":[]}"#, r#"{"predictions":null}"#, "{}", r#"{"predictions":[[]]}"#] {
        check(empty, &failure("bad_response", "the answer holds no prediction"));
    }
    for bad in ["<html>", "7", "null"] {
        let deltas = decode(&mut Answer::default(), &[Event::new("", bad)]);
        assert!(matches!(&deltas[0].piece, Piece::Failure(f) if f.code == "bad_response"), "{bad}");
    }
}

#[test]
fn odd_fields_cost_only_themselves() {
    check(
        r#"{"predictions":["\nOutput:\na"],"metadata":7,"error":null,"model":{}}"#,
        &[text("a"), Piece::End],
    );
    check(r#"{"predictions":[{"content":{},"text":"a","candidates":7}]}"#, &[text("a"), Piece::End]);
    check(r#"{"predictions":["\nOutput:\n"],"metadata":{"tokenMetadata":[1]}}"#, &[Piece::End]);
}
