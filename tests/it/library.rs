//! llmperf as a library: requests launched one by one, answers as they become ready, the metrics of a load test.

// The example that README shows, so that it runs.
#[path = "../../host/examples/advanced.rs"]
#[allow(dead_code, unreachable_pub)]
mod advanced;

use std::collections::BTreeSet;
use std::net::TcpListener;

use crate::support::mock;
use llmperf::error::ErrorKind;
use llmperf::metrics::Metric;
use llmperf::record::FailureKind;
use llmperf::units::{RequestId, Span};
use llmperf::{Client, LoadInput, Request};

fn input(base: &str) -> LoadInput {
    LoadInput { model: Some("m".to_owned()), base_url: Some(base.to_owned()), ..LoadInput::default() }
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work)
}

#[test]
fn the_example_runs_and_the_readme_shows_it() {
    let mock = mock(&[]);
    assert_eq!(wait(advanced::ask(input(&mock.base))).expect("answers"), 3);
    let rows = mock.truth();
    assert_eq!(rows.len(), 3);
    let example = include_str!("../../host/examples/advanced.rs");
    let body = example.split("pub async fn ask").nth(1).expect("the function");
    assert!(include_str!("../../README.md").contains(body.trim_end()), "README shows another example");
}

#[test]
fn answers_come_as_they_become_ready_each_with_its_request_and_its_metrics() {
    let mock = mock(&["--ttft", "100ms", "--itl", "20ms", "--output-tokens", "5"]);
    let mut client =
        Client::new(LoadInput { num_concurrent_requests: Some(2), ..input(&mock.base) }).expect("a client");
    let prompts = ["one", "two", "three", "four"];
    let ids: Vec<RequestId> =
        prompts.iter().map(|&prompt| client.launch(Request::new(prompt)).expect("launched")).collect();
    assert_eq!(client.outstanding(), 4);
    let answers: Vec<_> = client.by_ref().collect();
    assert_eq!(answers.iter().map(|a| a.record.id).collect::<BTreeSet<_>>(), ids.into_iter().collect());
    for answer in &answers {
        assert_eq!(
            answer.request.messages[0].text,
            prompts[usize::try_from(answer.record.id.0).expect("few")]
        );
        let metrics = answer.metrics();
        assert!(answer.failure().is_none() && !answer.text().is_empty(), "{answer:?}");
        assert!(metrics.ttft.expect("a token") >= Span::from_millis(99), "{metrics:?}");
        assert_eq!((metrics.itl.len(), metrics.isl.0 > 0), (4, true));
    }
    // Two at a time: the last two waited for the first, from when they were launched.
    let waited = answers.iter().filter(|a| a.metrics().ttft_due.expect("a token") >= Span::from_millis(280));
    assert_eq!(waited.count(), 2);
    let summary = client.summary();
    assert_eq!((summary.counts.ok, client.outstanding()), (4, 0));
    assert!(summary.distributions[&Metric::E2el].min >= 170.0);
    // It goes on; what is launched after a pause is due then, not when the slot became free.
    client.launch(Request::new("five")).expect("launched");
    let late = client.next().expect("an answer");
    assert!(late.record.sent.since(late.record.due) < Span::from_millis(90), "{late:?}");
    assert_eq!((client.summary().counts.ok, client.next()), (5, None));
}

#[test]
fn a_request_says_its_own_sampling_over_that_of_the_client() {
    let mock = mock(&[]);
    let sampling = Some(r#"{"max_tokens": 3, "seed": 1}"#.to_owned());
    let mut client = Client::new(LoadInput { additional_sampling_params: sampling, ..input(&mock.base) })
        .expect("a client");
    client.launch(Request::new("short")).expect("launched");
    let short = client.next().expect("an answer").record.token_events.len();
    client.launch(Request::new("long").sampling("max_tokens", 7)).expect("launched");
    let long = client.next().expect("an answer").record.token_events.len();
    assert_eq!((short, long), (3, 7));
}

#[test]
fn a_failed_request_is_an_answer_too() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let mut client = Client::new(input(&format!("http://{gone}/v1"))).expect("a client");
    client.launch(Request::new("hello")).expect("launched");
    let answer = wait(client.next_ready()).expect("an answer");
    assert_eq!(answer.failure().expect("a failure").kind, FailureKind::Connect);
    assert_eq!((client.summary().counts.failed, answer.metrics().ttft), (1, None));
}

#[test]
fn a_client_that_is_dropped_cancels_what_runs() {
    let mock = mock(&["--ttft", "50s"]);
    let mut client = Client::new(input(&mock.base)).expect("a client");
    for _ in 0..20 {
        client.launch(Request::new("never")).expect("launched");
    }
    assert!(client.try_next_ready().is_none());
    // It would hang for 50 s otherwise, and the test with it.
    drop(client);
}

#[test]
fn what_is_launched_without_end_is_refused_until_answers_are_taken() {
    let mut client =
        Client::new(LoadInput { target: Some("mock".to_owned()), ..LoadInput::default() }).expect("a client");
    let mut launched = 0;
    let error = loop {
        match client.launch(Request::new("x").max_tokens(1)) {
            Ok(_) => launched += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((launched, error.kind), (4096, ErrorKind::Usage));
    assert!(error.to_string().contains("next_ready"), "{error}");
    assert!(client.next().is_some());
    client.launch(Request::new("x")).expect("there is room again");
}

#[test]
fn a_setting_that_is_wrong_is_the_same_error_as_on_the_command_line() {
    let error = Client::new(LoadInput::default()).expect_err("no model");
    assert_eq!(error.kind, ErrorKind::Usage);
    assert!(error.to_string().contains("--model is missing\nhint:"), "{error}");
}

#[test]
fn a_client_lives_and_is_dropped_within_a_runtime_of_either_kind() {
    let mock = mock(&["--ttft", "30ms"]);
    let within = async |base: String| {
        let mut client = Client::new(input(&base)).expect("a client");
        for _ in 0..3 {
            client.launch(Request::new("hello").max_tokens(2)).expect("launched");
        }
        // Waiting as a plain thread would is no panic here either, however often.
        assert!(client.next().expect("an answer").failure().is_none());
        assert!(client.next_ready().await.expect("an answer").failure().is_none());
        client.launch(Request::new("is cut off").max_tokens(2)).expect("launched");
    };
    wait(within(mock.base.clone()));
    let many = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    many.block_on(async {
        tokio::spawn(within(mock.base.clone())).await.expect("no panic");
    });
}

#[test]
fn what_a_plugin_or_a_target_refuses_is_an_answer_and_the_client_goes_on() {
    let mock = mock(&[]);
    let mut client = Client::new(LoadInput { llm_api: Some("openai-chat".to_owned()), ..input(&mock.base) })
        .expect("a client");
    // No message at all.
    client
        .launch(Request { messages: vec![], max_tokens: None, sampling: serde_json::Map::new() })
        .expect("launched");
    let nothing_asked = client.next().expect("an answer");
    client.launch(Request::new("hello").max_tokens(2)).expect("launched");
    assert!(client.next().expect("an answer").failure().is_none(), "after {nothing_asked:?}");
}
