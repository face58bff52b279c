use llmperf_sdk::{Delta, Event, Piece, Plugin, RequestSpec, Usage, decode, testing};

use super::{Answer, Echo};

#[test]
fn the_prompt_becomes_the_body() {
    let spec = RequestSpec { max_tokens: Some(5), ..RequestSpec::chat("any", "Say hi") };
    let request = Echo::build_request(&spec).unwrap();
    assert_eq!(request.path, ["echo"]);
    assert_eq!(request.body, br#"{"prompt":"Say hi","max_tokens":5}"#);
}

#[test]
fn each_word_is_text_and_the_last_line_ends_the_answer() {
    let lines =
        [r#"{"word":"Hi"}"#, r#"{"word":""}"#, r#"{"done":true,"words":1}"#].map(|line| Event::new("", line));
    let usage = Usage { output_tokens: Some(1), ..Usage::default() };
    assert_eq!(
        decode(&mut Answer, &lines),
        [
            Delta { event: 0, piece: Piece::Text("Hi".into()) },
            Delta { event: 2, piece: Piece::Usage(usage) },
            Delta { event: 2, piece: Piece::End },
        ]
    );
}

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<Echo>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}
