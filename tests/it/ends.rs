//! How a run ends before its time: interrupts, a kill, its timeout. The counts add up and the files are whole.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::{Results, counts, load_small, mock, start_small, until_ended};
use llmperf::report::read_records;
use rustix::process::Signal;
use serde_json::Value;

#[track_caller]
fn whole_files(results: &Results, ended: &str) -> Value {
    let summary = results.summary();
    assert_eq!(summary["ended"], ended);
    let [sent, ok, failed, _] = counts(&summary);
    assert_eq!(results.records().len() as u64, sent);
    let rows = results.llmperf("individual_responses");
    assert_eq!(rows.as_array().map(|rows| rows.len() as u64), Some(ok + failed));
    assert_eq!(results.llmperf("summary")["results_num_requests_started"], sent);
    summary
}

#[test]
fn one_signal_stops_launching_and_lets_what_runs_end() {
    for signal in [Signal::INT, Signal::TERM] {
        let mock = mock(&["--ttft", "30ms", "--itl", "2ms"]);
        let results = Results::new();
        let flags = ["--requests", "100000", "--concurrency", "4", "--drain", "30"];
        let mut run = start_small(&mock.base, &results, &flags);
        until_ended(&mut run, &results, 4);
        run.signal(signal);
        let done = run.wait().exits(130);
        assert!(done.stderr.contains("interrupted") && done.stdout.contains("Throughput"), "{done:?}");
        let [sent, ok, ..] = counts(&whole_files(&results, "interrupted"));
        assert!(sent == ok && (4..100_000).contains(&sent), "{sent} sent, {ok} ok");
        assert_eq!(mock.truth().len() as u64, sent);
    }
}

#[test]
fn a_second_signal_ends_the_run_at_once() {
    for signal in [Signal::INT, Signal::TERM] {
        let mock = mock(&["--itl", "5ms", "--fault", "endless:#3,4"]);
        let results = Results::new();
        let flags = ["--requests", "4", "--concurrency", "2", "--drain", "600"];
        let mut run = start_small(&mock.base, &results, &flags);
        until_ended(&mut run, &results, 2);
        // Signals of one kind that are not taken yet are one, so the second is sent until it is seen.
        let mut sent = 0;
        while !run.ends_within(Duration::from_millis(100)) {
            run.signal(signal);
            sent += 1;
            assert!(sent < 100, "the run does not end");
        }
        assert!(sent >= 2, "one signal is to wait for --drain");
        run.wait().exits(130);
        // Two ended well; of the other two, those that had started by the first signal are cancelled.
        let [_, ok, failed, cancelled] = counts(&whole_files(&results, "interrupted"));
        assert_eq!((ok, failed), (2, 0));
        assert!(cancelled >= 1, "{cancelled} cancelled");
    }
}

#[test]
fn after_a_signal_what_runs_is_cancelled_when_the_drain_time_is_over() {
    let mock = mock(&["--itl", "5ms", "--fault", "endless:#2"]);
    let results = Results::new();
    let mut run =
        start_small(&mock.base, &results, &["--requests", "2", "--concurrency", "1", "--drain", "0"]);
    until_ended(&mut run, &results, 1);
    run.signal(Signal::INT);
    run.wait().exits(130);
    let [_, ok, failed, cancelled] = counts(&whole_files(&results, "interrupted"));
    // The signal may have come before the second request.
    assert!((ok, failed) == (1, 0) && cancelled <= 1);
}

#[test]
fn a_signal_is_heard_while_connections_are_still_being_opened() {
    // A server that accepts and then says nothing, where TLS has the first word.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("https://{}/v1", listener.local_addr().expect("an address"));
    let results = Results::new();
    let run = start_small(&base, &results, &["--requests", "4", "--concurrency", "2"]);
    let (mut socket, _) = listener.accept().expect("a connection");
    // The run is under way once its handshake is.
    socket.read_exact(&mut [0]).expect("a hello");
    let at = Instant::now();
    run.signal(Signal::INT);
    run.wait().exits(130);
    assert!(at.elapsed() < Duration::from_secs(10), "it waited for its connections");
    assert_eq!(counts(&whole_files(&results, "interrupted")), [0; 4]);
}

#[test]
fn a_killed_run_leaves_records_that_can_be_read() {
    let mock = mock(&[]);
    let results = Results::new();
    let mut run = start_small(&mock.base, &results, &["--requests", "1000000", "--concurrency", "8"]);
    until_ended(&mut run, &results, 50);
    run.signal(Signal::KILL);
    assert_eq!(run.wait().code, None);
    let read = results.read_records();
    assert!(read.records.len() >= 50 && read.records.iter().all(|record| record.is_ok()));
    assert_eq!(results.of_run("manifest.json")["plan"]["model"], "m");

    // However much of the last line is missing.
    let path = results.run_dir().join("records.jsonl");
    let bytes = fs::read(&path).expect("the records");
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    fs::write(&path, &bytes[..bytes.len() - 20]).expect("a shorter file");
    let torn = read_records(&path).expect("records");
    assert!(torn.torn && torn.records.len() + 1 >= lines, "{} of {lines}", torn.records.len());
}

#[test]
fn at_the_timeout_what_runs_is_cancelled_and_counted() {
    let mock = mock(&["--itl", "10ms", "--output-tokens", "100000"]);
    let start = Instant::now();
    let flags = ["--requests", "10", "--concurrency", "4", "--timeout", "1"];
    let (done, results) = load_small(&mock.base, &flags);
    // Nothing has succeeded.
    let done = done.exits(5);
    assert!(start.elapsed() < Duration::from_secs(20), "it ends long after its timeout");
    assert!(done.stderr.contains("--timeout passed"), "{}", done.stderr);
    assert_eq!(counts(&whole_files(&results, "timed_out")), [4, 0, 0, 4]);
    // What had come by then is kept.
    assert!(results.records().iter().all(|record| !record.token_events.is_empty()));
    assert_eq!(mock.truth().len(), 4);
}

#[test]
fn a_run_that_timed_out_with_some_success_is_one() {
    let mock = mock(&["--fault", "endless:#3", "--ttft", "5ms", "--itl", "1ms"]);
    let flags = ["--requests", "1000000", "--concurrency", "2", "--timeout", "1"];
    let (done, results) = load_small(&mock.base, &flags);
    let done = done.exits(0);
    assert!(done.stderr.contains("--timeout passed"), "{}", done.stderr);
    let [_, ok, failed, cancelled] = counts(&whole_files(&results, "timed_out"));
    assert!(ok >= 2 && failed == 0 && (1..=2).contains(&cancelled), "{ok} ok, {cancelled} cancelled");
}

#[test]
fn with_a_drain_time_what_runs_at_the_timeout_may_end() {
    let mock = mock(&["--ttft", "30ms", "--itl", "5ms"]);
    let flags = ["--requests", "1000000", "--concurrency", "3", "--timeout", "0.5", "--drain", "30"];
    let (done, results) = load_small(&mock.base, &flags);
    done.exits(0);
    let [sent, ok, ..] = counts(&whole_files(&results, "timed_out"));
    assert!(sent == ok && ok >= 3, "{sent} sent, {ok} ok");
}
