//! Whatever a server does wrong is a failure of one request, with a name of its own, and never the end of a run.

#[path = "faults/answers.rs"]
mod answers;
#[path = "faults/ends.rs"]
mod ends;
#[path = "faults/pressure.rs"]
mod pressure;
mod support;
#[path = "faults/table.rs"]
mod table;
#[path = "faults/unfinished.rs"]
mod unfinished;
#[path = "faults/wire.rs"]
mod wire;

use std::io::{Read, Write};
use std::net::TcpListener;

use llmperf::record::{FailureKind, Outcome, RequestRecord};
use llmperf::units::Span;
use serde_json::{Value, json};
use support::{Results, Server, counts, load_small, mock, say};

#[test]
fn the_table_of_answers_holds() {
    table::check(answers::CASES);
}

#[test]
fn the_table_of_the_wire_holds() {
    table::check(wire::CASES);
}

#[test]
fn the_table_of_pressure_holds() {
    table::check(pressure::CASES);
}

#[test]
fn the_table_of_ends_holds() {
    table::check(ends::CASES);
}

#[test]
fn the_table_of_unfinished_runs_holds() {
    table::check(unfinished::CASES);
}

/// What must come of a fault.
struct Case {
    fault: &'static str,
    /// `None`: the request succeeds all the same.
    kind: Option<FailureKind>,
    status: Option<u16>,
    /// Tokens counted.
    osl: u64,
    /// A part of the failure's message.
    message: &'static str,
}

const fn failed(
    fault: &'static str,
    kind: FailureKind,
    status: Option<u16>,
    osl: u64,
    message: &'static str,
) -> Case {
    Case { fault, kind: Some(kind), status, osl, message }
}

const fn harmless(fault: &'static str) -> Case {
    Case { fault, kind: None, status: Some(200), osl: 10, message: "" }
}

/// Every fault of the mock, in answers of ten tokens.
const CASES: &[Case] = &[
    failed("429,retry-after=1500ms", FailureKind::HttpStatus, Some(429), 0, "scripted fault of the mock"),
    failed("429,retry-after=none", FailureKind::HttpStatus, Some(429), 0, "scripted fault of the mock"),
    failed("500", FailureKind::HttpStatus, Some(500), 0, "scripted fault of the mock"),
    failed("404", FailureKind::HttpStatus, Some(404), 0, "scripted fault of the mock"),
    failed("307", FailureKind::Redirect, Some(307), 0, "/redirected"),
    failed("html", FailureKind::BadResponse, Some(200), 0, "text/html"),
    failed("json", FailureKind::EmptyResponse, Some(200), 0, "application/json"),
    failed("empty", FailureKind::EmptyResponse, Some(200), 0, "empty body"),
    failed("close", FailureKind::Reset, None, 0, ""),
    failed("stall,after=0", FailureKind::Stall, Some(200), 0, "nothing arrived for 0.4 s"),
    failed("stall,after=4", FailureKind::Stall, Some(200), 4, "nothing arrived for 0.4 s"),
    failed("reset,after=4", FailureKind::Reset, Some(200), 4, ""),
    failed("truncate,after=4", FailureKind::Truncated, Some(200), 4, ""),
    failed("malformed,after=4", FailureKind::BadResponse, Some(200), 4, ""),
    failed("error-event,after=4", FailureKind::ServerError, Some(200), 4, "The server had an error"),
    harmless("no-done"),
    harmless("after-done"),
    harmless("late-role"),
    harmless("no-role"),
    harmless("usage"),
    harmless("no-usage"),
    harmless("comments"),
    harmless("split=1"),
    harmless("split=7"),
    harmless("batch=5"),
];

#[test]
fn every_fault_has_a_kind_of_its_own_and_what_came_before_it_is_kept() {
    // One request at a time, so that the n-th fault strikes the n-th request.
    let rules: Vec<String> = CASES.iter().zip(1..).map(|(case, n)| format!("{}:#{n}", case.fault)).collect();
    let mut flags = vec!["--itl", "2ms"];
    flags.extend(rules.iter().flat_map(|rule| ["--fault", rule]));
    let mock = mock(&flags);
    let requests = CASES.len().to_string();
    let load = ["--requests", &requests, "--concurrency", "1", "--read-timeout", "0.4"];
    let (done, results) = load_small(&mock.base, &load);
    done.exits(0);
    let (records, truth) = (results.records(), mock.truth());
    assert_eq!(
        (records.len(), truth.len()),
        (CASES.len(), CASES.len()),
        "a request was repeated or followed on"
    );
    for ((case, record), row) in CASES.iter().zip(&records).zip(&truth) {
        let word = case.fault.split(',').next();
        assert_eq!(row.fault.as_deref(), word, "the fault did not strike where it should");
        check(case, record);
        // One token an event.
        assert_eq!(record.token_events.len() as u64, case.osl, "{}", case.fault);
        assert!(row.events >= case.osl, "{}: more arrived than was sent", case.fault);
    }
}

#[track_caller]
fn check(case: &Case, record: &RequestRecord) {
    let fault = case.fault;
    let (kind, message) = match &record.outcome {
        Outcome::Failed(failure) => (Some(failure.kind), failure.message.as_str()),
        Outcome::Ok => (None, ""),
        Outcome::Cancelled => panic!("{fault}: cancelled"),
    };
    assert_eq!((kind, record.status), (case.kind, case.status), "{fault}: {message}");
    assert!(message.contains(case.message), "{fault}: {message}");
    assert!(kind.is_none() || !message.is_empty(), "{fault}: a failure without a word");
    assert_eq!(record.osl.0, case.osl, "{fault}");
    assert!(record.sent <= record.end && record.token_events.is_sorted(), "{fault}");
    if let Outcome::Failed(failure) = &record.outcome {
        let wait = if fault.contains("1500ms") { Some(Span::from_millis(1500)) } else { None };
        assert_eq!(failure.retry_after, wait, "{fault}");
        match case.status {
            // The server's own word for it; a redirect has none but its status.
            Some(429) => assert_eq!(failure.code, "rate_limit_exceeded", "{fault}"),
            Some(307) => assert_eq!(failure.code, "307", "{fault}"),
            Some(404 | 500) => assert!(!failure.code.is_empty(), "{fault}"),
            _ => {}
        }
    }
}

#[test]
fn an_endless_stream_ends_at_the_request_deadline() {
    let mock = mock(&["--itl", "5ms", "--fault", "endless"]);
    let (done, results) = load_small(&mock.base, &["--requests", "1", "--request-timeout", "0.5"]);
    done.exits(5);
    let record = &results.records()[0];
    assert!(kind(record) == Some(FailureKind::Timeout) && record.osl.0 > 10, "{record:?}");
}

fn kind(record: &RequestRecord) -> Option<FailureKind> {
    match &record.outcome {
        Outcome::Failed(failure) => Some(failure.kind),
        _ => None,
    }
}

#[test]
fn failed_requests_are_rows_and_counts_and_in_no_statistic() {
    let mock = mock(&["--fault", "503:every=3"]);
    let (done, results) = load_small(&mock.base, &["--requests", "12", "--concurrency", "4"]);
    let done = done.exits(0);
    assert!(done.stdout.contains("8 ok + 4 failed + 0 cancelled"), "{}", done.stdout);
    assert!(done.stdout.contains("4 × http_status 503"), "{}", done.stdout);
    let rows = results.llmperf("individual_responses");
    let rows = rows.as_array().expect("rows");
    let failed: Vec<&Value> = rows.iter().filter(|row| !row["error_code"].is_null()).collect();
    assert_eq!((rows.len(), failed.len()), (12, 4));
    for row in failed {
        assert_eq!(
            (&row["error_code"], &row["error_msg"]),
            (&json!(503), &json!("scripted fault of the mock"))
        );
        assert_eq!((&row["ttft_s"], &row["number_output_tokens"]), (&json!(0), &json!(0)));
    }
    let summary = results.llmperf("summary");
    for (key, value) in [
        ("results_num_requests_started", json!(12)),
        ("results_num_completed_requests", json!(8)),
        ("results_number_errors", json!(4)),
        ("results_error_rate", json!(4.0 / 12.0)),
        ("results_error_code_frequency", json!("{503: 4}")),
        ("results_number_output_tokens_min", json!(11)),
    ] {
        assert_eq!(summary[key], value, "{key}");
    }
    let summary = results.summary();
    assert_eq!(counts(&summary), [12, 8, 4, 0]);
    assert_eq!(summary["metrics"]["ttft"]["n"], 8);
    assert_eq!(summary["metrics"]["osl"]["mean"], 10.0);
    assert_eq!(summary["failures"][0]["count"], 4);
}

/// All requests fail: exit 5, every file there, and what is undefined is null.
#[track_caller]
fn all_fail(base: &str, flags: &[&str], expected: FailureKind) -> Results {
    let (done, results) = load_small(base, &[&["--requests", "3", "--concurrency", "2"], flags].concat());
    let done = done.exits(5);
    for record in results.records() {
        assert_eq!(kind(&record), Some(expected), "{record:?}");
        assert!(matches!(&record.outcome, Outcome::Failed(failure) if !failure.message.is_empty()));
    }
    let summary = results.summary();
    assert_eq!(counts(&summary), [3, 0, 3, 0], "{}", done.stdout);
    assert_eq!(summary["metrics"]["ttft"]["mean"], Value::Null);
    let llmperf = results.llmperf("summary");
    assert_eq!(llmperf["results_ttft_s_mean"], Value::Null);
    assert_eq!(llmperf["results_number_output_tokens_min"], Value::Null);
    assert_eq!((&llmperf["results_number_errors"], &llmperf["results_error_rate"]), (&json!(3), &json!(1.0)));
    assert_eq!(results.llmperf("individual_responses").as_array().map(Vec::len), Some(3));
    results
}

#[test]
fn where_nothing_succeeds_everything_is_written_and_the_exit_code_says_so() {
    all_fail(&mock(&["--fault", "500"]).base, &[], FailureKind::HttpStatus);
    all_fail(&mock(&["--fault", "empty"]).base, &[], FailureKind::EmptyResponse);
}

#[test]
fn a_server_that_speaks_no_tls_is_its_own_failure() {
    let mock = mock(&[]);
    all_fail(&mock.base.replace("http:", "https:"), &[], FailureKind::Tls);
}

#[test]
fn a_name_that_does_not_resolve_is_its_own_failure() {
    all_fail("http://nonexistent.invalid/v1", &[], FailureKind::Dns);
}

#[test]
fn a_refused_connection_is_its_own_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}/v1", listener.local_addr().expect("an address"));
    drop(listener);
    all_fail(&base, &[], FailureKind::Connect);
}

#[test]
fn a_server_that_never_answers_is_left_at_the_read_deadline() {
    let server = Server::start(|_, socket| {
        // Until the client has gone.
        let _ = socket.read(&mut [0]);
    });
    let results = all_fail(&server.base, &["--read-timeout", "0.3"], FailureKind::Stall);
    assert_eq!(server.asked(), 3);
    assert!(results.records().iter().all(|record| record.headers.is_none()));
}

#[test]
fn a_line_and_an_answer_without_end_are_left_at_their_bounds() {
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello, hello\"}}]}\n\n";
    for (begin, flood) in [("data: ", "x".repeat(100_000)), ("", event.repeat(1000))] {
        let server = Server::start(move |_, socket| {
            say(socket, &format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{begin}"));
            // Until the client has gone.
            while socket.write_all(flood.as_bytes()).is_ok() {}
        });
        all_fail(&server.base, &[], FailureKind::TooLarge);
    }
}

#[test]
fn bytes_that_are_no_http_are_a_protocol_failure() {
    let server = Server::start(|_, socket| say(socket, "220 smtp.example.com ESMTP\r\n\r\n"));
    all_fail(&server.base, &[], FailureKind::Protocol);
}

#[test]
fn a_server_that_closes_after_every_answer_without_a_word_costs_no_request() {
    let server = Server::start(|_, socket| {
        let answer =
            support::sse(&["a", " b"]).replace("connection: close\r\n", "transfer-encoding: chunked\r\n");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        say(socket, &format!("{head}\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()));
    });
    let (done, results) = load_small(&server.base, &["--requests", "20", "--concurrency", "2"]);
    done.exits(0);
    assert_eq!((counts(&results.summary()), server.asked()), ([20, 20, 0, 0], 20));
}
