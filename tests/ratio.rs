//! The bench that compares llmperf with a bare client (`host/benches/ratio.rs`): its floor is a correct client, and its
//! figures are what they say. What it measures is no test's business.

// The bench's own sources; a bench without harness runs no tests.
#![allow(dead_code, unreachable_pub)]

#[path = "../host/benches/ratio/compare.rs"]
mod compare;
#[path = "../host/benches/ratio/floor.rs"]
mod floor;
#[path = "../host/benches/ratio/process.rs"]
mod process;
#[path = "../host/benches/ratio/run.rs"]
mod run;
#[path = "../host/benches/ratio/scenario.rs"]
mod scenario;
#[path = "../host/benches/ratio/table.rs"]
mod table;

use compare::{Errors, compare};
use floor::{Answer, Order};
use llmperf::mock::{Delay, End, MockConfig, TruthRow, spawn};
use llmperf::units::Span;
use run::Measured;
use table::Spread;

#[test]
fn the_floor_sends_every_request_once_and_sees_every_token() {
    let dir = tempfile::tempdir().expect("a directory");
    let truth = dir.path().join("truth.jsonl");
    let config = MockConfig {
        ttft: Delay::Fixed(Span::from_millis(5)),
        itl: Delay::Fixed(Span::from_millis(1)),
        output_tokens: Some(7),
        // Lines reach the floor in pieces.
        split: Some(50),
        truth: Some(truth.clone()),
        ..MockConfig::default()
    };
    let mock = spawn(config).expect("a mock");
    let out = dir.path().join("floor.jsonl");
    let address = mock.addr().to_string();
    let order = Order { address, requests: 10, streams: 4, tokens: 7, prompt_bytes: 2100, out: out.clone() };
    floor::run(&Order::parse(&order.args()).expect("its own arguments")).expect("every answer whole");
    let report = mock.stop().expect("a report");
    assert_eq!((report.requests, report.connections, report.client_gone), (10, 4, 0));

    let answers: Vec<Answer> = compare::lines(&out).expect("answers");
    let truth: Vec<TruthRow> = compare::lines(&truth).expect("a truth log");
    let findings = compare(&answers, &truth).expect("each answer has its truth");
    assert_eq!((findings.events, findings.prompt_bytes), (70, Some(2100)));
    for row in &truth {
        let answer = answers.iter().find(|answer| answer.id == row.id).expect("its answer");
        assert!(answer.sent_ns <= row.request_ns);
        assert!(answer.token_ns.iter().zip(&row.token_ns).all(|(read, written)| read >= written));
    }
}

#[test]
fn a_floor_that_gets_less_than_was_asked_for_fails() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = MockConfig { output_tokens: Some(3), ..MockConfig::default() };
    let mock = spawn(config).expect("a mock");
    let (address, out) = (mock.addr().to_string(), dir.path().join("floor.jsonl"));
    let order = Order { address, requests: 1, streams: 1, tokens: 4, prompt_bytes: 10, out };
    let error = floor::run(&order).expect_err("three tokens are not four");
    assert!(error.to_string().contains("3 tokens came"), "{error:#}");
}

#[test]
fn errors_are_the_clients_times_less_the_mocks() {
    let ms = |ms: f64| (ms * 1e6) as u64;
    // Sent at 10, read by the mock at 10.5; written at 30 and 50, read at 31 and 50.25.
    let answers = [answer("a", ms(10.0), &[ms(31.0), ms(50.25)])];
    let truth = [truth("a", ms(10.5), &[ms(30.0), ms(50.0)])];
    let findings = compare(&answers, &truth).expect("they fit");
    // TTFT 21 against 19.5; a gap of 19.25 against one of 20.
    let errors = Errors { ttft_p50: 1.5, ttft_p99: 1.5, gap_p99: 0.75 };
    assert_eq!(findings.errors, Some(errors));
    assert_eq!((findings.events, findings.first_sent_ns, findings.last_token_ns), (2, ms(10.0), ms(50.25)));
}

#[test]
fn an_answer_that_the_mock_did_not_give_or_gave_longer_is_an_error() {
    let check = |answers: &[Answer], truths: &[TruthRow], reason: &str| {
        let error = compare(answers, truths).expect_err(reason);
        assert!(error.to_string().contains(reason), "{error:#}");
    };
    check(&[], &[], "no answers");
    check(&[answer("a", 1, &[])], &[], "no tokens");
    check(&[answer("a", 1, &[5])], &[truth("b", 2, &[4])], "knows no a");
    check(&[answer("a", 1, &[5])], &[truth("a", 2, &[4, 6])], "1 tokens of 2");
    check(&[answer("a", 1, &[5])], &[truth("a", 2, &[4]), truth("b", 2, &[4])], "1 answers of 2");
}

#[test]
fn figures_are_computed_as_they_are_defined() {
    // 100 streams' first tokens cost 5 ms, 1,100 tokens 25 ms.
    let measured = Measured {
        cpu_ns: 25_000_000,
        start_cpu_ns: 5_000_000,
        events: 1_100,
        start_events: 100,
        life_ns: 500_000_000,
        cores_busy_ns: Some(50_000_000),
        first_sent_ns: 0,
        receiving_ns: 200_000_000,
        finishing_ns: 400_000_000,
        peak_bytes: 0,
        prompt_bytes: None,
        errors: None,
        mock_cpu_ns: 20_000_000,
    };
    assert!((table::cpu_per_event_us(&measured) - 25_000.0 / 1_100.0).abs() < 1e-9);
    assert_eq!(table::cpu_per_further_event_us(&measured), 20.0);
    assert_eq!(table::per_second(measured.events, measured.receiving_ns), 5_500.0);
    assert_eq!(table::mock_busy(&measured), 10.0);
    // 50 ms of which 45 were theirs, in half a second.
    assert_eq!(measured.others(), Some(0.01));
}

#[test]
fn a_spread_is_median_lowest_and_highest() {
    let check = |values: &[f64], median, lowest, highest| {
        assert_eq!(Spread::of(values.to_vec()), Some(Spread { median, lowest, highest }));
    };
    check(&[3.0], 3.0, 3.0, 3.0);
    check(&[9.0, 1.0, 2.0], 2.0, 1.0, 9.0);
    check(&[4.0, 1.0, 2.0, 9.0], 3.0, 1.0, 9.0);
    assert_eq!(Spread::of(vec![]), None);
}

fn answer(id: &str, sent_ns: u64, token_ns: &[u64]) -> Answer {
    Answer { id: id.to_owned(), sent_ns, token_ns: token_ns.to_vec() }
}

fn truth(id: &str, request_ns: u64, token_ns: &[u64]) -> TruthRow {
    TruthRow {
        id: id.to_owned(),
        n: 1,
        conn: 1,
        request_ns,
        turn_ns: request_ns,
        head_ns: None,
        first_token_ns: token_ns.first().copied(),
        last_token_ns: token_ns.last().copied(),
        end_ns: None,
        token_ns: token_ns.to_vec(),
        tokens: token_ns.len() as u64,
        events: token_ns.len() as u64,
        late_ns: 0,
        status: Some(200),
        fault: None,
        path: String::new(),
        prompt_bytes: 0,
        max_tokens: None,
        auth: false,
        end: End::Complete,
    }
}
