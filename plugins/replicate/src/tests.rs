//! The plugin as a whole: a recorded answer, and what the recording does not show.

use llmperf_sdk::{
    Decode, Event, Failure, Framing, Header, Input, Message, Piece, Plugin, RequestSpec, ResponseHead, Usage,
    decode, testing,
};
use serde_json::Value;

use super::Replicate;
use super::answer::Answer;

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<Replicate>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
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

fn check_request(spec: RequestSpec, path: &str, expected: &str) {
    let request = Replicate::build_request(&spec.with_defaults(&Replicate::describe())).unwrap();
    assert_eq!(request.path.join("/"), path);
    let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
    assert_eq!(parse(&request.body), parse(expected.as_bytes()));
}

/// Bodies as LiteLLM puts them on the wire for the same call.
#[test]
fn the_request_is_what_litellm_sends() {
    check_request(
        call("meta/meta-llama-3-8b-instruct", "{}"),
        "v1/models/meta/meta-llama-3-8b-instruct/predictions",
        r#"{"input":{"prompt":"<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nRandomly stream lines: Shall I compare thee?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n","stream":true,"max_new_tokens":16}}"#,
    );
    check_request(
        call("meta/llama-2-70b-chat", "{}"),
        "v1/models/meta/llama-2-70b-chat/predictions",
        r#"{"input":{"prompt":" Randomly stream lines: Shall I compare thee?","stream":true,"max_new_tokens":16}}"#,
    );
}

#[test]
fn a_model_is_named_in_every_form_and_its_own_words_win() {
    let input =
        r#"{"prompt":" Randomly stream lines: Shall I compare thee?","stream":true,"max_new_tokens":16}"#;
    let hash = "a".repeat(64);
    let versioned = format!(r#"{{"version":"{hash}","input":{input}}}"#);
    check_request(call(&hash, "{}"), "v1/predictions", &versioned);
    check_request(call(&format!("o/n:{hash}"), "{}"), "v1/predictions", &versioned);
    check_request(
        call("deployments/o/n", "{}"),
        "v1/deployments/o/n/predictions",
        &format!(r#"{{"input":{input}}}"#),
    );
    check_request(
        call(
            "lucataco/vicuna-7b",
            r#"{"stop":["END"],"input":{"max_length":9},"stream":false,"webhook":"https://h/"}"#,
        ),
        "v1/models/lucataco/vicuna-7b/predictions",
        r#"{"webhook":"https://h/","input":{"prompt":" Randomly stream lines: Shall I compare thee?","max_length":9,"stop_sequences":["END"]}}"#,
    );
    let other = RequestSpec { task: "rerank".into(), ..call("o/n", "{}") };
    assert!(Replicate::build_request(&other).unwrap_err().contains("chat and completion only"));
}

#[test]
fn the_server_is_asked_to_wait_unless_told_not_to() {
    let check = |spec: RequestSpec, prefer: Option<&str>, framing: Framing| {
        let request = Replicate::build_request(&spec).unwrap();
        let header = request.headers.iter().find(|header| header.name == "prefer");
        assert_eq!((header.map(|header| &*header.value), request.framing), (prefer, vec![framing]));
    };
    check(call("o/n", "{}"), Some("wait"), Framing::Sse);
    check(call("o/n", "{}").with_option("wait", "wait=5"), Some("wait=5"), Framing::Sse);
    check(call("o/n", r#"{"stream":false}"#).with_option("wait", "none"), None, Framing::Body);
}

fn check(mime: &str, events: &[(&str, &str)], expected: &[(u32, Piece)]) {
    let head = ResponseHead { status: 200, headers: vec![Header::new("content-type", mime)] };
    let events: Vec<Event> = events.iter().map(|(name, data)| Event::new(name, data)).collect();
    let deltas = decode(&mut Answer::new("chat", &head), &events);
    let got: Vec<_> = deltas.into_iter().map(|delta| (delta.event, delta.piece)).collect();
    assert_eq!(got, expected, "{events:?}");
}

const STREAM: &str = "text/event-stream; charset=utf-8";

fn text(text: &str) -> Piece {
    Piece::Text(text.into())
}

fn failure(code: &str, message: &str) -> Piece {
    Piece::Failure(Failure::new(code, message))
}

fn finish(word: &str) -> Piece {
    Piece::Finish(word.into())
}

#[test]
fn text_is_taken_as_it_is_and_logs_are_none() {
    check(
        STREAM,
        &[
            ("output", r#"{"not": "JSON"#),
            ("logs", "Loading weights"),
            ("", "ping"),
            ("output", ""),
            ("output", "\n"),
            ("output", "[DONE]"),
            ("done", "{}"),
        ],
        &[
            (0, text(r#"{"not": "JSON"#)),
            (4, text("\n")),
            (5, text("[DONE]")),
            (6, finish("done")),
            (6, Piece::End),
        ],
    );
}

#[test]
fn a_stream_says_why_it_ended() {
    check(STREAM, &[("done", r#"{"reason":"canceled"}"#)], &[(0, finish("canceled")), (0, Piece::End)]);
    check(STREAM, &[("done", "soon")], &[(0, finish("done")), (0, Piece::End)]);
    check(
        STREAM,
        &[
            ("output", "a"),
            ("error", r#"{"detail":"CUDA out of memory"}"#),
            ("done", r#"{"reason":"error"}"#),
        ],
        &[(0, text("a")), (1, failure("", "CUDA out of memory")), (2, finish("error")), (2, Piece::End)],
    );
    check(STREAM, &[("error", "no memory")], &[(0, failure("", "no memory"))]);
    check(
        STREAM,
        &[("done", r#"{"reason":"error"}"#)],
        &[(0, finish("error")), (0, Piece::End), (0, failure("error", "the prediction failed"))],
    );
}

#[test]
fn a_prediction_that_was_waited_for_is_one_event() {
    let usage = Usage { input_tokens: Some(9), output_tokens: Some(2), ..Usage::default() };
    let time = |name: &str, value| (0, Piece::ServerTiming((name.into(), value)));
    let rest = [
        (0, Piece::Usage(usage)),
        time("predict_time_s", 0.5),
        time("total_time_s", 0.75),
        (0, finish("succeeded")),
        (0, Piece::End),
    ];
    for output in [r#"["Hi"," there"]"#, r#""Hi there""#] {
        let body = format!(
            r#"{{"id":"p1","status":"succeeded","output":{output},"error":null,"logs":"x","metrics":{{"input_token_count":9,"output_token_count":2,"predict_time":0.5,"total_time":0.75}},"urls":{{}}}}"#
        );
        let expected: Vec<_> = [(0, text("Hi there"))].into_iter().chain(rest.clone()).collect();
        check("application/json", &[("", &body)], &expected);
    }
}

#[test]
fn a_prediction_without_result_has_failed() {
    let check = |body: &str, expected: &[Piece]| {
        let expected: Vec<_> = expected.iter().map(|piece| (0, piece.clone())).collect();
        self::check("application/json", &[("", body)], &expected);
    };
    check(
        r#"{"status":"failed","output":["a"],"error":"no memory"}"#,
        &[text("a"), failure("failed", "no memory")],
    );
    check(
        r#"{"status":"canceled","output":null,"error":null}"#,
        &[failure("canceled", "the prediction has no result")],
    );
    check(r#"{"title":"Unauthenticated","detail":"no token","status":401}"#, &[failure("401", "no token")]);
    check(
        r#"{"id":"p1","status":"starting","output":null}"#,
        &[failure(
            "starting",
            "the prediction was not finished when the server answered, and llmperf sends one request only",
        )],
    );
    check("{}", &[]);
    let deltas = decode(&mut Answer::default(), &[Event::new("", "<html>"), Event::new("", "{}")]);
    assert!(
        matches!(&deltas[..], [only] if matches!(&only.piece, Piece::Failure(f) if f.code == "bad_response"))
    );
}
