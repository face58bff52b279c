//! A client that lacks CPU, time or both.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::table::Case;
use crate::support::{Cli, Done, Results, SMALL, Server, counts, llmperf, load_small, mock, say, sse};

pub(crate) const CASES: &[Case] = &[
    Case::new("a closed loop next to busy loops loses no request and keeps its slots at work", busy),
    Case {
        verdict: "invalid",
        reasons: &["cancelled"],
        says: &["of the requests sent were cancelled at the end", "raise --drain"],
        ..Case::new("requests that the end of --duration cancels count in the verdict", cancelled)
    },
    Case {
        verdict: "invalid",
        reasons: &["paused"],
        says: &["the whole client stood still"],
        ..Case::new("a pause of the whole process is seen", paused)
    },
    Case {
        reasons: &["not_streaming"],
        says: &["20 of 20 successful requests got all their tokens in one read: not streaming"],
        ..Case::new("an answer that comes in one read is not streaming", at_once)
    },
    Case { says: &[", reused"], ..Case::new("a short run of fast answers starts on time", short) },
    Case::new("the first requests of an open loop start on time", first_of_an_open_loop),
    Case {
        says: &["the server closes them after each answer"],
        ..Case::new("what a server does without a word is learned, and costs no request", closes)
    },
];

const MOCK_IS_AT_HAND: &[&str] = &["--ttft", "5ms"];

/// A busy loop for each of two cores, and one run in three that keeps its slots at work more than half of the time. In every run
/// what stands idle is judged.
fn busy() -> (Done, Results) {
    let script = "for i in 1 2; do timeout 60 sh -c 'while :; do :; done' & loops=\"$loops $!\"; done; \
        \"$@\"; code=$?; kill $loops; exit $code";
    let run = || {
        let (mock, results) = (mock(MOCK_IS_AT_HAND), Results::new());
        let program = env!("CARGO_BIN_EXE_llmperf");
        let cli = Cli::of("sh").args(["-c", script, "sh", program, "load", "--base-url", &mock.base]);
        let load = ["--concurrency", "8", "--duration", "3"];
        let done = cli.args(SMALL).args(results.flag()).args(load).done();
        let summary = results.summary();
        let [sent, ok, failed, cancelled] = counts(&summary);
        assert_eq!((mock.truth().len() as u64, ok, failed, cancelled), (sent, sent, 0, 0), "{summary}");
        // To wait for a core is no pause.
        assert_eq!(summary["health"]["pauses"]["count"], 0, "{summary}");
        let idle = &summary["health"]["idle_slots"];
        println!(
            "{} {idle} {}",
            summary["rates"]["request_throughput"]["value"], summary["verdict"]["level"]
        );
        let (share, mean) = (number(&idle["share"]), number(&idle["mean_ms"]));
        assert_eq!(share > 0.1 && mean > 1.0, has_reason(&summary, "slots_idle"), "{summary}");
        (share < 0.5).then_some((done, results))
    };
    (0..3).find_map(|_| run()).expect("slots stand idle most of the time in every run")
}

fn cancelled() -> (Done, Results) {
    let mock = mock(&["--ttft", "300ms"]);
    load_small(&mock.base, &["--concurrency", "8", "--duration", "1", "--drain", "0"])
}

fn paused() -> (Done, Results) {
    let server = Server::start(|_, socket| {
        // What an answer takes.
        std::thread::sleep(Duration::from_millis(20));
        say(socket, &sse(&["a", " b"]));
    });
    let results = Results::new();
    let flags = ["--base-url", &server.base, "--concurrency", "4", "--duration", "3"];
    let run = llmperf("load").args(flags).args(SMALL).args(results.flag()).start();
    let start = Instant::now();
    while server.asked() < 20 {
        assert!(start.elapsed() < Duration::from_secs(60), "nothing is sent");
        std::thread::yield_now();
    }
    run.signal(Signal::STOP);
    // The pause itself.
    std::thread::sleep(Duration::from_secs(1));
    run.signal(Signal::CONT);
    let done = run.wait();
    let pauses = results.summary()["health"]["pauses"].clone();
    assert!(number(&pauses["longest_s"]) > 0.5, "{pauses}");
    (done, results)
}

fn at_once() -> (Done, Results) {
    let server = Server::start(|_, socket| say(socket, &sse(&["a", " b", " c", " d"])));
    load_small(&server.base, &["--concurrency", "2", "--requests", "20"])
}

/// Noise of a machine that others use makes a run late, never early; so one run of five that is on time is enough.
fn on_time(args: &[&str]) -> (Done, Results) {
    let run = || {
        let mock = mock(MOCK_IS_AT_HAND);
        let (done, results) = load_small(&mock.base, args);
        let summary = results.summary();
        let lag = number(&summary["metrics"]["schedule_lag"]["p99"]);
        println!("lag p99 {lag} {}", summary["verdict"]);
        let late = ["slots_idle", "schedule_lag"].iter().any(|kind| has_reason(&summary, kind));
        (lag < 10.0 && !late).then_some((done, results))
    };
    (0..5).find_map(|_| run()).expect("requests start late in every run")
}

fn short() -> (Done, Results) {
    on_time(&["--concurrency", "8", "--requests", "400"])
}

fn first_of_an_open_loop() -> (Done, Results) {
    on_time(&["--request-rate", "100", "--arrival", "constant", "--requests", "40"])
}

fn closes() -> (Done, Results) {
    let server = Server::start(|_, socket| {
        // What an answer takes: the run goes on well beyond the time in which a connection is watched.
        std::thread::sleep(Duration::from_millis(20));
        let answer = sse(&["a", " b"]).replace("connection: close\r\n", "transfer-encoding: chunked\r\n");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        say(socket, &format!("{head}\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()));
    });
    let (done, results) = load_small(&server.base, &["--requests", "60", "--concurrency", "2"]);
    let summary = results.summary();
    assert_eq!((counts(&summary), server.asked()), ([60, 60, 0, 0], 60));
    assert_eq!(summary["connections"]["server"], "closes");
    (done, results)
}

#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

fn has_reason(summary: &Value, kind: &str) -> bool {
    let reasons = summary["verdict"]["reasons"].as_array().expect("reasons");
    reasons.iter().any(|reason| reason["kind"] == kind)
}
