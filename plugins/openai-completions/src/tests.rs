use llmperf_sdk::{
    Decode, Event, Header, Input, Message, Piece, Plugin, RequestSpec, ResponseHead, Usage, decode, testing,
};
use serde_json::Value;

use super::{ChatDecoder, OpenAiCompletions, PROMPT};

#[test]
fn recorded_answers_are_read_as_their_fixtures_say() {
    testing::check_fixtures::<OpenAiCompletions>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}

/// LLMPerf's call: an empty system message, and the prompt.
fn llmperf_call() -> RequestSpec {
    let prompt = "Randomly stream lines: Shall I compare thee?";
    RequestSpec {
        task: "completion".to_owned(),
        input: Input::Messages(vec![Message::text("system", ""), Message::text("user", prompt)]),
        max_tokens: Some(16),
        ..RequestSpec::chat("gpt-3.5-turbo-instruct", "")
    }
}

#[test]
fn the_request_is_what_other_clients_send() {
    let check = |spec: RequestSpec, expected: &str| {
        let request =
            OpenAiCompletions::build_request(&spec.with_defaults(&OpenAiCompletions::describe())).unwrap();
        assert_eq!(request.path, ["completions"]);
        let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap();
        assert_eq!(parse(&request.body), parse(expected.as_bytes()));
    };
    check(
        llmperf_call().with_option("stream-usage", "false").with_option(PROMPT, "list"),
        r#"{"model":"gpt-3.5-turbo-instruct","prompt":["","Randomly stream lines: Shall I compare thee?"],"max_tokens":16,"stream":true}"#,
    );
    check(
        RequestSpec { sampling: r#"{"stop":["END"],"max_tokens":7}"#.to_owned(), ..llmperf_call() },
        r#"{"model":"gpt-3.5-turbo-instruct","prompt":"Randomly stream lines: Shall I compare thee?","max_tokens":7,"stream":true,"stream_options":{"include_usage":true},"stop":["END"]}"#,
    );
    check(
        RequestSpec { input: Input::TokenIds(vec![1, 2]), stream: false, ..llmperf_call() },
        r#"{"model":"gpt-3.5-turbo-instruct","prompt":[1,2],"max_tokens":16,"stream":false}"#,
    );
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_reason() {
    let check = |spec: RequestSpec, reason: &str| {
        let error = OpenAiCompletions::build_request(&spec).unwrap_err();
        assert!(error.contains(reason), "{error}");
    };
    check(llmperf_call().with_option(PROMPT, "words"), "text or list");
    check(RequestSpec { task: "embedding".to_owned(), ..llmperf_call() }, "embedding");
}

fn check(content_type: &str, events: &[&str], expected: &[(u32, Piece)]) {
    let head = ResponseHead { status: 200, headers: vec![Header::new("content-type", content_type)] };
    let events: Vec<Event> = events.iter().map(|data| Event::new("", data)).collect();
    let deltas = decode(&mut ChatDecoder::new("completion", &head), &events);
    let got: Vec<_> = deltas.into_iter().map(|delta| (delta.event, delta.piece)).collect();
    assert_eq!(got, expected, "{events:?}");
}

fn text(text: &str) -> Piece {
    Piece::Text(text.into())
}

fn finish(word: &str) -> Piece {
    Piece::Finish(word.into())
}

#[test]
fn the_text_of_the_first_choice_is_taken_as_it_comes() {
    check(
        "text/event-stream",
        &[
            r#"{"choices":[{"text":"a","index":0,"logprobs":null,"finish_reason":null}]}"#,
            r#"{"choices":[{"text":" b","index":0,"logprobs":null,"finish_reason":null}]}"#,
            r#"{"choices":[{"text":"","index":0,"finish_reason":null}]}"#,
            r#"{"choices":[{"text":"other","index":1,"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"text":null,"index":0,"finish_reason":"length"}]}"#,
            r#"{"choices":[{"text":"c","delta":{"content":"c"},"index":0,"finish_reason":"length"}]}"#,
            "[DONE]",
        ],
        &[(0, text("a")), (1, text(" b")), (4, finish("length")), (5, text("c")), (6, Piece::End)],
    );
}

#[test]
fn an_error_between_texts_is_the_answers_failure() {
    let failure = llmperf_sdk::Failure::new("server_error", "overloaded");
    check(
        "text/event-stream",
        &[
            r#"{"choices":[{"text":"a","index":0}]}"#,
            r#"{"error":{"message":"overloaded","type":"server_error","code":null}}"#,
        ],
        &[(0, text("a")), (1, Piece::Failure(failure))],
    );
}

#[test]
fn a_whole_answer_is_one_event_with_everything() {
    let usage = Usage { input_tokens: Some(5), output_tokens: Some(2), ..Usage::default() };
    check(
        "application/json; charset=utf-8",
        &[
            r#"{"id":"cmpl-1","object":"text_completion","choices":[{"text":"Yes.","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#,
        ],
        &[(0, text("Yes.")), (0, Piece::End), (0, finish("stop")), (0, Piece::Usage(usage))],
    );
}
