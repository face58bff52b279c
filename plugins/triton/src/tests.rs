//! The plugin as a whole: a recorded answer, and what the recording does not show.

use llmperf_sdk::{
    Decode, Event, Failure, Framing, Header, Input, Message, Piece, Plugin, RequestSpec, ResponseHead, Usage,
    decode, testing,
};
use serde_json::Value;

use super::Triton;
use super::answer::Answer;

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<Triton>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

fn call(sampling: &str) -> RequestSpec {
    let input = Input::Messages(vec![Message::text("system", ""), Message::text("user", "Hi")]);
    RequestSpec {
        input,
        max_tokens: Some(8),
        sampling: sampling.to_owned(),
        ..RequestSpec::chat("ensemble", "")
    }
}

#[test]
fn the_body_has_the_vllm_backends_shape_or_tensorrt_llms() {
    let check = |spec: RequestSpec, path: &str, framing: Framing, expected: &str| {
        let request = Triton::build_request(&spec.with_defaults(&Triton::describe())).unwrap();
        assert_eq!((request.path.join("/").as_str(), request.framing), (path, vec![framing]));
        let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
        assert_eq!(parse(&request.body), parse(expected.as_bytes()));
    };
    check(
        call("{}"),
        "v2/models/ensemble/generate_stream",
        Framing::Sse,
        r#"{"text_input":" Hi","parameters":{"max_tokens":8},"stream":true}"#,
    );
    check(
        call(r#"{"stop":"END","top_k":1,"parameters":{"max_tokens":9},"stream":false}"#),
        "v2/models/ensemble/generate",
        Framing::Body,
        r#"{"text_input":" Hi","parameters":{"max_tokens":9,"top_k":1,"stop":"END"},"stream":false}"#,
    );
    check(
        call(r#"{"temperature":0.5,"id":"r1"}"#)
            .with_option("parameters", "flat")
            .with_option("prompt-format", "lines"),
        "v2/models/ensemble/generate_stream",
        Framing::Sse,
        r#"{"text_input":"Hi","max_tokens":8,"stream":true,"bad_words":"","stop_words":"","temperature":0.5,"id":"r1"}"#,
    );
}

#[test]
fn what_triton_cannot_be_asked_is_refused_with_its_reason() {
    let check = |spec: RequestSpec, reason: &str| {
        let error = Triton::build_request(&spec).unwrap_err();
        assert!(error.contains(reason), "{error}");
    };
    check(RequestSpec { task: "rerank".into(), ..call("{}") }, "chat and completion only");
    check(call("{}").with_option("parameters", "deep"), "nested or flat");
    check(call("[]"), "not a JSON object");
}

fn check(mime: &str, events: &[&str], expected: &[(u32, Piece)]) {
    let head = ResponseHead { status: 200, headers: vec![Header::new("content-type", mime)] };
    let events: Vec<Event> = events.iter().map(|data| Event::new("", data)).collect();
    let deltas = decode(&mut Answer::new("chat", &head), &events);
    let got: Vec<_> = deltas.into_iter().map(|delta| (delta.event, delta.piece)).collect();
    assert_eq!(got, expected, "{events:?}");
}

const STREAM: &str = "text/event-stream; charset=utf-8";

fn text(text: &str) -> Piece {
    Piece::Text(text.into())
}

#[test]
fn each_event_is_text_and_the_stream_has_no_end_marker() {
    check(
        STREAM,
        &[
            r#"{"model_name":"m","text_output":"a"}"#,
            r#"{"model_name":"m","text_output":"\n"}"#,
            r#"{"model_name":"m","text_output":"b"}"#,
            r#"{"model_name":"m","text_output":""}"#,
            r#"{"text_output":["c"],"finish_reason":"None"}"#,
            r#"{"text_output":"","finish_reason":"length","num_input_tokens":3,"num_output_tokens":1}"#,
        ],
        &[
            (0, text("a")),
            (1, text("\n")),
            (2, text("b")),
            (4, text("c")),
            (5, Piece::Finish("length".into())),
            (5, Piece::Usage(Usage { input_tokens: Some(3), ..Usage::default() })),
        ],
    );
}

#[test]
fn a_whole_answer_ends_with_itself() {
    let json = "application/json";
    check(json, &[r#"{"model_name":"m","text_output":"Hi"}"#], &[(0, text("Hi")), (0, Piece::End)]);
    check(
        json,
        &[
            r#"{"outputs":[{"name":"score","data":[0.5]},{"name":"text_output","datatype":"BYTES","shape":[1],"data":["Hi"]}]}"#,
        ],
        &[(0, text("Hi")), (0, Piece::End)],
    );
    let usage = Usage { input_tokens: Some(3), output_tokens: Some(2), ..Usage::default() };
    check(
        json,
        &[r#"{"text_output":"Hi","num_input_tokens":[3],"num_output_tokens":2}"#],
        &[(0, text("Hi")), (0, Piece::Usage(usage)), (0, Piece::End)],
    );
}

#[test]
fn an_object_that_holds_no_answer_ends_none() {
    for other in ["{}", r#"{"status":"healthy"}"#, r#"{"model_name":"m"}"#] {
        check("application/json", &[other], &[]);
    }
    check("application/json", &[r#"{"text_output":""}"#], &[(0, Piece::End)]);
}

#[test]
fn errors_are_seen_and_text_before_them_stays() {
    let failure = |message: &str| Piece::Failure(Failure::new("", message));
    check(STREAM, &[r#"{"text_output":"a"}"#, r#"{"error":"m"}"#], &[(0, text("a")), (1, failure("m"))]);
    check(STREAM, &[r#"{"text_output":"a","error":"m"}"#], &[(0, text("a")), (0, failure("m"))]);
    check(STREAM, &[r#"{"error":{"message":"m"}}"#], &[(0, failure("m"))]);
    check("application/json", &[r#"{"error":"m"}"#], &[(0, failure("m"))]);
}

#[test]
fn odd_events_cost_only_themselves_until_one_is_not_json() {
    check(
        STREAM,
        &[
            "",
            "{}",
            r#"{"text_output":null,"error":null}"#,
            r#"{"text_output":{},"outputs":7}"#,
            r#"{"text_output":7,"finish_reason":[]}"#,
        ],
        &[(4, text("7"))],
    );
    for bad in ["{oops", "null", "[]", "7"] {
        let good = r#"{"text_output":"a"}"#;
        let deltas = decode(&mut Answer::default(), &[bad, good].map(|data| Event::new("", data)));
        assert_eq!(deltas.len(), 1, "{bad}");
        assert!(matches!(&deltas[0].piece, Piece::Failure(f) if f.code == "bad_response"), "{bad}");
    }
}
