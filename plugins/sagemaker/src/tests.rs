//! The plugin as a whole: recorded answers of several containers, and what the recordings do not show.

use llmperf_sdk::{Event, Failure, Piece, Plugin, ResponseHead, Usage, decode, testing};

use super::SageMaker;
use super::answer::Answer;

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<SageMaker>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

fn check(events: &[(&str, &str)], expected: &[Piece]) {
    let events: Vec<Event> = events.iter().map(|(name, data)| Event::new(name, data)).collect();
    let deltas = decode(&mut Answer::default(), &events);
    let pieces: Vec<Piece> = deltas.into_iter().map(|delta| delta.piece).collect();
    assert_eq!(pieces, expected, "{events:?}");
}

fn text(text: &str) -> Piece {
    Piece::Text(text.into())
}

fn finish(word: &str) -> Piece {
    Piece::Finish(word.into())
}

fn fails(code: &str, message: &str) -> Piece {
    Piece::Failure(Failure::new(code, message))
}

#[test]
fn a_conversation_is_read_from_its_list_or_alone() {
    let message = r#"{"generation": {"role": "assistant", "content": " Hi\n"}}"#;
    for answer in [format!("[{message}\n]"), format!("[{message}, {message}]"), message.to_owned()] {
        check(&[("", &answer)], &[text(" Hi\n"), Piece::End]);
    }
    check(
        &[(
            "",
            r#"{"generation":"Hi","prompt_token_count":4,"generation_token_count":1,"stop_reason":"stop"}"#,
        )],
        &[text("Hi"), finish("stop"), Piece::End],
    );
    check(&[("", r#"[{"generation":null}]"#), ("", "[]"), ("", "")], &[]);
}

#[test]
fn lines_of_djl_are_generations() {
    check(
        &[
            ("", r#"{"token": {"id": [5], "text": " a", "log_prob": -0.1}}"#),
            (
                "",
                r#"{"token": {"id": [6], "text": " b"}, "generated_text": " a b", "details": {"finish_reason": "length", "generated_tokens": 2}}"#,
            ),
        ],
        &[
            text(" a"),
            Piece::TokenIds(vec![5]),
            text(" b"),
            Piece::TokenIds(vec![6]),
            finish("length"),
            Piece::Usage(Usage { output_tokens: Some(2), ..Usage::default() }),
            Piece::End,
        ],
    );
    check(&[("", r#"{"outputs": ["a"]}"#), ("", r#"{"outputs": ["b"]}"#)], &[text("a"), text("b")]);
}

#[test]
fn chats_are_read_streamed_and_whole() {
    check(
        &[
            ("", r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#),
            ("", r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#),
            ("", "[DONE]"),
        ],
        &[text("a"), finish("stop"), Piece::End],
    );
    check(
        &[(
            "",
            r#"{"object":"chat.completion","choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}]}"#,
        )],
        &[text("a"), Piece::End, finish("stop")],
    );
}

#[test]
fn failures_are_sagemakers_or_the_containers() {
    check(
        &[
            ("", r#"{"token":{"text":"a"}}"#),
            ("ModelStreamError", r#"{"Message":"m","ErrorCode":"ModelInvocationTimeExceeded"}"#),
        ],
        &[text("a"), fails("ModelInvocationTimeExceeded", "m")],
    );
    check(&[("InternalStreamFailure", r#"{"Message":"m"}"#)], &[fails("InternalStreamFailure", "m")]);
    check(&[("", r#"{"error":"m","error_type":"generation"}"#)], &[fails("generation", "m")]);
    check(&[("", r#"{"error":{"message":"m","type":"t","code":424}}"#)], &[fails("424", "m")]);
    check(&[("error", r#"{"message":"m","code":"c"}"#)], &[fails("c", "m")]);
    let deltas = decode(
        &mut Answer::default(),
        &[Event::new("", "{not json"), Event::new("", r#"{"outputs":["a"]}"#)],
    );
    assert!(
        matches!(&deltas[..], [delta] if matches!(&delta.piece, Piece::Failure(f) if f.code == "bad_response"))
    );
}

#[test]
fn an_error_of_the_model_has_sagemakers_own_word_before_that_of_its_header() {
    let head = ResponseHead {
        status: 424,
        headers: vec![llmperf_sdk::Header::new("x-amzn-errortype", "ModelError")],
    };
    let body = br#"{"ErrorCode":"CLIENT_ERROR_FROM_MODEL","LogStreamArn":"arn","Message":"Received client error (400)","OriginalMessage":"o","OriginalStatusCode":400}"#;
    let explained = SageMaker::explain(&head, body);
    assert_eq!(explained, Failure::new("CLIENT_ERROR_FROM_MODEL", "Received client error (400)"));
    let explained = SageMaker::explain(&head, br#"{"Message":"m"}"#);
    assert_eq!(explained, Failure::new("ModelError", "m"));
}
