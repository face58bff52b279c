//! The plugin as a whole: a recorded answer, and what the recording does not show.

use llmperf_sdk::{
    Decode, Event, Failure, Framing, Input, Message, Piece, Plugin, RequestSpec, ResponseHead, Usage, decode,
    testing,
};
use serde_json::Value;

use super::Sglang;
use super::answer::Answer;

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<Sglang>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

#[test]
fn parameters_go_among_the_sampling_parameters_and_fields_beside_them() {
    let check = |sampling: &str, framing: Framing, expected: &str| {
        let input = Input::Messages(vec![Message::text("system", ""), Message::text("user", "Hi")]);
        let spec = RequestSpec {
            input,
            max_tokens: Some(8),
            sampling: sampling.to_owned(),
            ..RequestSpec::chat("any", "")
        };
        let request = Sglang::build_request(&spec.with_defaults(&Sglang::describe())).unwrap();
        assert_eq!((request.path.join("/").as_str(), request.framing), ("generate", vec![framing]));
        let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
        assert_eq!(parse(&request.body), parse(expected.as_bytes()));
    };
    check("{}", Framing::Sse, r#"{"text":"Hi","sampling_params":{"max_new_tokens":8},"stream":true}"#);
    check(
        r#"{"stop":["END"],"ignore_eos":true,"return_logprob":true,"sampling_params":{"max_new_tokens":4},"stream":false}"#,
        Framing::Body,
        r#"{"text":"Hi","return_logprob":true,"sampling_params":{"max_new_tokens":4,"stop":["END"],"ignore_eos":true},"stream":false}"#,
    );
    check(
        r#"{"input_ids":[1,2]}"#,
        Framing::Sse,
        r#"{"input_ids":[1,2],"sampling_params":{"max_new_tokens":8},"stream":true}"#,
    );
    let other = RequestSpec { task: "rerank".into(), ..RequestSpec::chat("m", "Hi") };
    assert!(Sglang::build_request(&other).unwrap_err().contains("chat and completion only"));
}

fn check(mime: &str, events: &[&str], expected: &[(u32, Piece)]) {
    let head = ResponseHead { status: 200, headers: vec![llmperf_sdk::Header::new("content-type", mime)] };
    let events: Vec<Event> = events.iter().map(|data| Event::new("", data)).collect();
    let deltas = decode(&mut Answer::new("chat", &head), &events);
    let got: Vec<_> = deltas.into_iter().map(|delta| (delta.event, delta.piece)).collect();
    assert_eq!(got, expected, "{events:?}");
}

fn check_stream(events: &[&str], expected: &[(u32, Piece)]) {
    check("text/event-stream; charset=utf-8", events, expected);
}

fn text(text: &str) -> Piece {
    Piece::Text(text.into())
}

#[test]
fn the_text_so_far_is_counted_once_and_new_text_alone_is_recognised() {
    check_stream(
        &[
            r#"{"text":""}"#,
            r#"{"text":"é"}"#,
            r#"{"text":"é"}"#,
            r#"{"text":"éè a\n"}"#,
            r#"{"text":""}"#,
            r#"{"text":"éè a\nb"}"#,
        ],
        &[(1, text("é")), (3, text("è a\n")), (5, text("b"))],
    );
    check_stream(
        &[r#"{"text":"It"}"#, r#"{"text":" is"}"#, r#"{"text":" is"}"#, r#"{"text":" is fine"}"#],
        &[(0, text("It")), (1, text(" is")), (2, text(" is")), (3, text(" is fine"))],
    );
}

#[test]
fn an_object_that_holds_no_answer_ends_none() {
    for other in ["{}", r#"{"status":"healthy"}"#, r#"{"meta_info":{}}"#] {
        check("application/json", &[other], &[]);
    }
    check("application/json", &[r#"{"text":""}"#], &[(0, Piece::End)]);
    check("application/json", &[r#"{"output_ids":[5]}"#], &[(0, Piece::TokenIds(vec![5])), (0, Piece::End)]);
}

#[test]
fn without_a_tokenizer_there_are_ids_only() {
    check_stream(
        &[r#"{"output_ids":[5]}"#, r#"{"output_ids":[5,6]}"#, r#"{"output_ids":"none"}"#],
        &[(0, Piece::TokenIds(vec![5])), (1, Piece::TokenIds(vec![6]))],
    );
    check_stream(
        &[r#"{"output_ids":[5]}"#, r#"{"output_ids":[6]}"#],
        &[(0, Piece::TokenIds(vec![5])), (1, Piece::TokenIds(vec![6]))],
    );
}

#[test]
fn only_the_first_of_several_answers_is_read() {
    check_stream(
        &[r#"{"index":0,"text":"a"}"#, r#"{"index":1,"text":"b"}"#, r#"{"index":0,"text":"ac"}"#, "[DONE]"],
        &[(0, text("a")), (2, text("c")), (3, Piece::End)],
    );
}

#[test]
fn an_aborted_request_has_failed_and_its_text_stays() {
    let check = |reason: &str, code: &str, message: &str| {
        let event = format!(r#"{{"text":"a","meta_info":{{"finish_reason":{reason}}}}}"#);
        let failure = Piece::Failure(Failure::new(code, message));
        check_stream(
            &[&event, "[DONE]"],
            &[(0, text("a")), (0, Piece::Finish("abort".into())), (0, failure), (1, Piece::End)],
        );
    };
    check(r#"{"type":"abort","message":"too long"}"#, "abort", "too long");
    check(
        r#"{"type":"abort","message":"too long","status_code":400,"err_type":"BadRequestError"}"#,
        "400",
        "too long",
    );
    check(r#"{"type":"abort"}"#, "abort", "the server gave the request up");
    check(r#""abort""#, "abort", "the server gave the request up");
}

#[test]
fn errors_and_old_finish_words_are_read() {
    let failure = |message: &str| Piece::Failure(Failure::new("", message));
    check_stream(&[r#"{"error":{"message":"m"}}"#], &[(0, failure("m"))]);
    check_stream(&[r#"{"error":"m"}"#], &[(0, failure("m"))]);
    check_stream(&[r#"{"message":"m","text":null}"#], &[(0, failure("m"))]);
    check_stream(
        &[r#"{"text":"a","meta_info":{"finish_reason":"length"}}"#],
        &[(0, text("a")), (0, Piece::Finish("length".into()))],
    );
}

#[test]
fn a_whole_answer_comes_alone_or_in_a_list() {
    let whole = r#"{"text":"Hi","output_ids":[5],"meta_info":{"finish_reason":{"type":"stop","matched":2},"prompt_tokens":2,"completion_tokens":1,"cached_tokens":0,"e2e_latency":0.5}}"#;
    let usage = Usage {
        input_tokens: Some(2),
        output_tokens: Some(1),
        cached_input_tokens: Some(0),
        ..Usage::default()
    };
    let expected = [
        (0, text("Hi")),
        (0, Piece::Usage(usage)),
        (0, Piece::ServerTiming(("e2e_latency_s".into(), 0.5))),
        (0, Piece::Finish("stop".into())),
        (0, Piece::End),
    ];
    check("application/json", &[whole], &expected);
    check("application/json", &[&format!("[{whole},{whole}]")], &expected);
}

#[test]
fn odd_events_cost_only_themselves_until_one_is_not_json() {
    let odd = [
        "",
        "{}",
        r#"{"text":null,"output_ids":null,"meta_info":null,"error":null}"#,
        r#"{"text":{},"meta_info":[1],"error":""}"#,
        r#"{"text":"a","meta_info":{"finish_reason":7.5,"prompt_tokens":"x","e2e_latency":null}}"#,
    ];
    check_stream(&odd, &[(4, text("a")), (4, Piece::Finish("7.5".into()))]);
    for bad in ["{oops", "null", "[]", "7"] {
        let good = r#"{"text":"a"}"#;
        let deltas = decode(&mut Answer::default(), &[bad, good].map(|data| Event::new("", data)));
        assert_eq!(deltas.len(), 1, "{bad}");
        assert!(matches!(&deltas[0].piece, Piece::Failure(f) if f.code == "bad_response"), "{bad}");
    }
}
