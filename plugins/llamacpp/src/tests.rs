//! The plugin as a whole: answers written after the server's source, old and new.

use llmperf_sdk::{
    Event, Failure, Framing, Input, Message, Piece, Plugin, RequestSpec, Usage, decode, testing,
};
use serde_json::Value;

use super::LlamaCpp;
use super::answer::Answer;

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<LlamaCpp>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

#[test]
fn the_body_is_a_prompt_and_flat_parameters() {
    let check = |sampling: &str, framing: Framing, expected: &str| {
        let input = Input::Messages(vec![Message::text("system", ""), Message::text("user", "Say hi")]);
        let spec = RequestSpec {
            input,
            max_tokens: Some(16),
            sampling: sampling.to_owned(),
            ..RequestSpec::chat("any", "")
        };
        let request = LlamaCpp::build_request(&spec.with_defaults(&LlamaCpp::describe())).unwrap();
        assert_eq!((request.path.join("/").as_str(), request.framing), ("completion", vec![framing]));
        let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
        assert_eq!(parse(&request.body), parse(expected.as_bytes()));
    };
    check("{}", Framing::Sse, r#"{"prompt":"Say hi","stream":true,"n_predict":16}"#);
    check(
        r#"{"stop":"END","top_k":40,"n_predict":5,"stream":false,"cache_prompt":false}"#,
        Framing::Body,
        r#"{"prompt":"Say hi","stream":false,"n_predict":5,"stop":["END"],"top_k":40,"cache_prompt":false}"#,
    );
    let error =
        LlamaCpp::build_request(&RequestSpec { task: "rerank".into(), ..RequestSpec::chat("m", "Hi") });
    assert!(error.unwrap_err().contains("chat and completion only"));
}

fn check(events: &[(&str, &str)], expected: &[(u32, Piece)]) {
    let events: Vec<Event> = events.iter().map(|(name, data)| Event::new(name, data)).collect();
    let deltas = decode(&mut Answer::default(), &events);
    let got: Vec<_> = deltas.into_iter().map(|delta| (delta.event, delta.piece)).collect();
    assert_eq!(got, expected, "{events:?}");
}

fn usage(input: u64, output: u64) -> Piece {
    Piece::Usage(Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() })
}

#[test]
fn old_servers_say_with_flags_why_they_stopped() {
    check(
        &[
            ("", r#"{"content":"a","multimodal":false,"slot_id":0,"stop":false}"#),
            (
                "",
                r#"{"content":"","stop":true,"stopped_eos":false,"stopped_limit":true,"stopped_word":false,"tokens_evaluated":3,"tokens_predicted":1,"timings":{"predicted_ms":2.5,"predicted_per_second":null}}"#,
            ),
        ],
        &[
            (0, Piece::Text("a".into())),
            (1, Piece::Finish("limit".into())),
            (1, usage(3, 1)),
            (1, Piece::ServerTiming(("predicted_ms".into(), 2.5))),
            (1, Piece::End),
        ],
    );
}

#[test]
fn a_whole_answer_comes_alone_or_in_a_list_and_other_prompts_are_not_read() {
    let whole = r#"{"index":0,"content":"Hi","tokens":[5,6],"stop":true,"stop_type":"eos"}"#;
    let expected = [
        (0, Piece::Text("Hi".into())),
        (0, Piece::TokenIds(vec![5, 6])),
        (0, Piece::Finish("eos".into())),
        (0, Piece::End),
    ];
    check(&[("", whole)], &expected);
    check(&[("", &format!("[{whole}, {whole}]"))], &expected);
    check(&[("", r#"{"index":1,"content":"other","stop":true}"#)], &[]);
}

#[test]
fn errors_are_read_in_both_generations() {
    let failure = |code: &str, message: &str| [(0, Piece::Failure(Failure::new(code, message)))];
    check(&[("error", r#"{"code":500,"message":"m","type":"server_error"}"#)], &failure("500", "m"));
    check(&[("", r#"{"error":{"code":500,"message":"m","type":"server_error"}}"#)], &failure("500", "m"));
    check(&[("error", "slot unavailable")], &failure("", "slot unavailable"));
    check(
        &[("", r#"{"content":"a","error":"m","stop":true}"#)],
        &[(0, Piece::Text("a".into())), (0, Piece::Failure(Failure::new("", "m")))],
    );
}

#[test]
fn odd_events_cost_only_themselves_until_one_is_not_json() {
    let events = [
        "",
        "{}",
        r#"{"content":null,"stop":null,"tokens":[],"timings":null,"tokens_predicted":"x","stop_type":"none"}"#,
        r#"{"content":7,"stop":"no","tokens":{},"timings":7,"new":[]}"#,
        "{oops",
        r#"{"content":"late","stop":true}"#,
        "[DONE]",
    ];
    let deltas = decode(&mut Answer::default(), &events.map(|data| Event::new("", data)));
    assert_eq!(deltas.iter().map(|delta| delta.event).collect::<Vec<_>>(), [3, 4, 6]);
    assert!(matches!(&deltas[1].piece, Piece::Failure(f) if f.code == "bad_response"));
}
