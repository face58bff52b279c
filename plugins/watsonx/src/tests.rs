use llmperf_sdk::{
    Decode, Event, Failure, Header, Input, Message, Piece, Plugin, RequestSpec, ResponseHead, Usage, decode,
    testing,
};
use serde_json::Value;

use super::Watsonx;
use super::reader::WatsonxDecoder;

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<Watsonx>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

fn call(system: &str, user: &str, max_tokens: u32, sampling: &str) -> RequestSpec {
    let spec = RequestSpec {
        input: Input::Messages(vec![Message::text("system", system), Message::text("user", user)]),
        max_tokens: Some(max_tokens),
        sampling: sampling.to_owned(),
        ..RequestSpec::chat("ibm/granite-3-8b-instruct", "")
    };
    spec.with_option("project-id", "test-project")
}

fn check_request(spec: RequestSpec, path: &str, expected: &str) {
    let request = Watsonx::build_request(&spec.with_defaults(&Watsonx::describe())).unwrap();
    assert_eq!(request.path.join("/"), path);
    assert_eq!(request.query, [("version".to_owned(), "2024-03-13".to_owned())]);
    let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
    assert_eq!(parse(&request.body), parse(expected.as_bytes()));
}

#[test]
fn the_request_is_what_other_clients_send() {
    check_request(
        call(
            "",
            "Randomly stream lines: Shall I compare thee?",
            16,
            r#"{"stream_options":{"include_usage":true}}"#,
        ),
        "ml/v1/text/chat_stream",
        r#"{"model":"ibm/granite-3-8b-instruct","messages":[{"role":"system","content":""},{"role":"user","content":"Randomly stream lines: Shall I compare thee?"}],"max_tokens":16,"model_id":"ibm/granite-3-8b-instruct","project_id":"test-project","stream":true}"#,
    );
    // Others fill a chat template into `input`, which differs from model to model.
    check_request(
        call(
            "You are terse.",
            "Name a river — any.",
            24,
            r#"{"temperature":0.5,"top_p":0.9,"stop":["END"],"stream_options":{"include_usage":true}}"#,
        )
        .with_option("form", "generation"),
        "ml/v1/text/generation_stream",
        r#"{"input":"You are terse.\nName a river — any.","moderations":{},"parameters":{"temperature":0.5,"top_p":0.9,"stream":true,"stop_sequences":["END"],"max_new_tokens":24},"model_id":"ibm/granite-3-8b-instruct","project_id":"test-project","stream":true}"#,
    );
}

#[test]
fn an_answer_in_one_piece_is_asked_for_elsewhere() {
    check_request(
        call("", "Hi", 5, r#"{"stream":false}"#),
        "ml/v1/text/chat",
        r#"{"model":"ibm/granite-3-8b-instruct","messages":[{"role":"system","content":""},{"role":"user","content":"Hi"}],"max_tokens":5,"model_id":"ibm/granite-3-8b-instruct","project_id":"test-project","stream":false}"#,
    );
    check_request(
        call("", "Hi", 5, r#"{"stream":false,"max_tokens":7,"stop":["END"],"moderations":null,"seed":1}"#)
            .with_option("form", "generation"),
        "ml/v1/text/generation",
        r#"{"input":"Hi","parameters":{"max_new_tokens":7,"stop_sequences":["END"],"random_seed":1},"model_id":"ibm/granite-3-8b-instruct","project_id":"test-project","stream":false}"#,
    );
}

#[test]
fn a_space_is_asked_where_there_is_no_project() {
    let spec = RequestSpec::chat("m", "Hi").with_option("project-id", "").with_option("space-id", "s");
    check_request(
        spec,
        "ml/v1/text/chat_stream",
        r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"model_id":"m","space_id":"s","stream":true}"#,
    );
    let error = Watsonx::build_request(&call("", "Hi", 5, "").with_option("form", "words")).unwrap_err();
    assert!(error.contains("chat or generation"), "{error}");
}

fn check(events: &[(&str, &str)], expected: &[(u32, Piece)]) {
    let events: Vec<Event> = events.iter().map(|(name, data)| Event::new(name, data)).collect();
    let head = ResponseHead { status: 200, headers: vec![Header::new("content-type", "text/event-stream")] };
    let deltas = decode(&mut WatsonxDecoder::new("chat", &head), &events);
    let got: Vec<_> = deltas.into_iter().map(|delta| (delta.event, delta.piece)).collect();
    assert_eq!(got, expected, "{events:?}");
}

fn usage(input: Option<u64>, output: Option<u64>) -> Piece {
    Piece::Usage(Usage { input_tokens: input, output_tokens: output, ..Usage::default() })
}

#[test]
fn a_generation_counts_its_input_first_and_its_output_as_it_goes() {
    check(
        &[
            (
                "message",
                r#"{"results":[{"generated_text":"","generated_token_count":0,"input_token_count":3,"stop_reason":"not_finished"}],"system":{"warnings":[]}}"#,
            ),
            (
                "message",
                r#"{"results":[{"generated_text":"a","generated_token_count":2,"input_token_count":0,"stop_reason":"NOT_FINISHED"}]}"#,
            ),
            ("message", r#"{"results":[{"generated_text":"b","stop_reason":null},{"generated_text":"c"}]}"#),
            ("message", r#"{"results":[]}"#),
            (
                "message",
                r#"{"results":[{"generated_text":null,"generated_token_count":3,"stop_reason":"eos_token"}]}"#,
            ),
        ],
        &[
            (0, usage(Some(3), Some(0))),
            (1, Piece::Text("a".into())),
            (1, usage(None, Some(2))),
            (2, Piece::Text("b".into())),
            (4, Piece::Finish("eos_token".into())),
            (4, usage(None, Some(3))),
            (4, Piece::End),
        ],
    );
}

#[test]
fn a_chat_is_read_as_openai_s() {
    check(
        &[
            ("message", r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#),
            ("message", r#"{"choices":[{"index":0,"delta":{"content":"b"},"finish_reason":"stop"}]}"#),
            ("message", r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#),
        ],
        &[
            (0, Piece::Text("a".into())),
            (1, Piece::Text("b".into())),
            (1, Piece::Finish("stop".into())),
            (2, usage(Some(3), Some(2))),
        ],
    );
    check(
        &[("", r#"{"choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}"#)],
        &[(0, Piece::Text("Hi".into())), (0, Piece::End), (0, Piece::Finish("stop".into()))],
    );
}

#[test]
fn errors_are_seen_in_every_shape() {
    let errors =
        r#"{"errors":[{"code":"rate_limit","message":"m","more_info":"x"}],"trace":"t","status_code":429}"#;
    let failure = |code: &str, message: &str| Piece::Failure(Failure::new(code, message));
    check(&[("error", errors)], &[(0, failure("rate_limit", "m"))]);
    check(&[("message", errors)], &[(0, failure("rate_limit", "m"))]);
    let result = r#"{"results":[{"generated_text":"a","stop_reason":"error"}]}"#;
    check(
        &[("message", result), ("error", errors)],
        &[
            (0, Piece::Text("a".into())),
            (0, Piece::Finish("error".into())),
            (0, Piece::End),
            (1, failure("rate_limit", "m")),
        ],
    );
}

#[test]
fn nothing_is_taken_after_an_event_that_is_not_json() {
    for bad in ["{not json", "null", "[]"] {
        let good = r#"{"results":[{"generated_text":"a"}]}"#;
        let head = ResponseHead { status: 200, headers: vec![] };
        let events = [good, bad, good].map(|data| Event::new("message", data));
        let deltas = decode(&mut WatsonxDecoder::new("chat", &head), &events);
        assert_eq!(deltas.iter().map(|delta| delta.event).collect::<Vec<_>>(), [0, 1], "{bad}");
        assert!(matches!(&deltas[1].piece, Piece::Failure(f) if f.code == "bad_response"), "{bad}");
    }
}
