//! Load that behaves as users do: what arrives, what waits, what is dropped, what is warm-up, and when it ends.

mod support;

use std::time::{Duration, Instant};

use llmperf::metrics::request::{schedule_lag, ttft, ttft_due};
use llmperf::record::RequestRecord;
use llmperf::units::Span;
use support::{Results, load_small, mock};

/// A server that answers at once, and one that takes its time.
const FAST: &[&str] = &["--ttft", "0ms", "--itl", "0ms"];
const SLOW: &[&str] = &["--ttft", "500ms", "--itl", "0ms"];

fn run(server: &[&str], args: &[&str]) -> (Vec<RequestRecord>, Results) {
    let mock = mock(server);
    let (done, results) = load_small(&mock.base, args);
    done.exits(0);
    (results.records(), results)
}

fn count(results: &Results, name: &str) -> u64 {
    results.of_run("summary.json")["counts"][name].as_u64().expect("a count")
}

/// The largest distance between the distribution of the gaps between these instants, in seconds, and another
/// (Kolmogorov and Smirnov's statistic).
fn distance(mut sent: Vec<f64>, distribution: impl Fn(f64) -> f64) -> f64 {
    sent.sort_by(f64::total_cmp);
    let mut gaps: Vec<f64> = sent.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_by(f64::total_cmp);
    let n = gaps.len() as f64;
    let apart = |(rank, gap): (usize, &f64)| {
        let expected = distribution(*gap);
        (expected - rank as f64 / n).abs().max((expected - (rank + 1) as f64 / n).abs())
    };
    gaps.iter().enumerate().map(apart).fold(0.0, f64::max)
}

#[test]
fn requests_are_sent_as_the_arrival_process_says() {
    let sent = |process: &str| {
        let args = ["--request-rate", "200", "--requests", "1600", "--arrival", process];
        let (records, _) = run(FAST, &args);
        assert_eq!(records.len(), 1600);
        let sent: Vec<f64> = records.iter().map(|record| record.sent.0 as f64 / 1e9).collect();
        let length = sent.iter().fold(0.0, |last: f64, &at| last.max(at)) - sent[0];
        assert!((length - 8.0).abs() < 0.8, "{process}: {length} s");
        sent
    };
    // The 0.1 % point of the statistic is 1.95 / sqrt(n) = 0.05; the rest is room for a busy machine's lag.
    let poisson = distance(sent("poisson"), |gap| 1.0 - (-200.0 * gap).exp());
    assert!(poisson < 0.12, "{poisson}");
    // Of constant arrivals most gaps are the same 5 ms, give or take a wake-up.
    let constant = sent("constant");
    let near = constant.windows(2).filter(|pair| (pair[1] - pair[0] - 0.005).abs() < 0.0025).count();
    assert!(near > constant.len() * 3 / 4, "{near} of {}", constant.len());
}

#[test]
fn a_wait_in_line_shows_from_the_due_time_and_not_from_sending() {
    // Ten at a time of half a second each are 20 a second; 60 are due within one.
    let args = [
        "--request-rate",
        "60",
        "--arrival",
        "constant",
        "--requests",
        "60",
        "--max-concurrency",
        "10",
        "--queue",
    ];
    let (records, results) = run(SLOW, &args);
    assert_eq!((records.len(), count(&results, "ok"), count(&results, "dropped")), (60, 60, 0));
    let last = &records[59];
    let (sent, due) = (ttft(last).expect("a token"), ttft_due(last).expect("a token"));
    assert!(sent >= Span::from_millis(490) && due >= Span::from_millis(1500), "{sent:?} {due:?}");
    assert!(due.0 - sent.0 == schedule_lag(last).0, "{sent:?} {due:?}");
    // From sending, a request that waited a second looks like the first.
    let first = ttft(&records[0]).expect("a token");
    assert!(sent.0 < first.0 + 400_000_000, "{sent:?} {first:?}");
}

#[test]
fn drops_add_up_and_the_line_ends_with_the_run() {
    let args =
        ["--request-rate", "60", "--arrival", "constant", "--requests", "60", "--max-concurrency", "10"];
    let (records, results) = run(SLOW, &args);
    let dropped = count(&results, "dropped");
    assert!(dropped >= 20, "{dropped}");
    assert_eq!((count(&results, "scheduled"), count(&results, "sent")), (60, 60 - dropped));
    assert_eq!(records.len() as u64, 60 - dropped);

    let queued = [&args[..], &["--queue", "--timeout", "0.9", "--drain", "10"]].concat();
    let (records, results) = run(SLOW, &queued);
    let dropped = count(&results, "dropped");
    assert!(dropped > 0, "what waits when launching ends is dropped");
    assert_eq!(count(&results, "scheduled"), records.len() as u64 + dropped);
}

#[test]
fn a_line_ends_with_its_schedule() {
    // Two at a time of half a second each, for one second: four or so of the thirty that are due.
    let args = ["--rate-schedule", "30:1s", "--arrival", "constant", "--max-concurrency", "2", "--queue"];
    let (records, results) = run(SLOW, &args);
    assert!((2..10).contains(&records.len()), "{}", records.len());
    assert_eq!(count(&results, "scheduled"), records.len() as u64 + count(&results, "dropped"));
    assert_eq!(results.of_run("summary.json")["ended"], "complete");
}

#[test]
fn a_ramp_does_not_outlast_the_work() {
    let start = Instant::now();
    run(FAST, &["--concurrency", "4", "--requests", "2", "--ramp-up", "600"]);
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_schedule_steps_pauses_and_ends_the_run() {
    let args = ["--rate-schedule", "20:1s,0:1s,0..40:1s", "--arrival", "constant"];
    let (records, results) = run(FAST, &args);
    assert_eq!((records.len(), count(&results, "ok")), (40, 40));
    let start = records[0].due.0 - 50_000_000;
    let within = |from: u64, to: u64| {
        let due = records.iter().map(|record| (record.due.0 - start) / 1_000_000);
        due.filter(|due| (from..to).contains(due)).count()
    };
    assert_eq!((within(0, 1001), within(1001, 2000), within(2001, 3001)), (20, 0, 20));
    // The ramp's second half has three quarters of it.
    assert_eq!(within(2501, 3001), 15);
}

#[test]
fn a_run_of_a_duration_ends_launching_then_and_lets_the_last_finish() {
    let start = Instant::now();
    let (records, results) = run(SLOW, &["--concurrency", "4", "--duration", "1.2"]);
    assert!(start.elapsed() < Duration::from_secs(20));
    // Three each: at 0, 0.5 and 1 s. The last run beyond the end and are not cut off.
    assert!((8..=12).contains(&records.len()), "{}", records.len());
    assert!(records.iter().all(RequestRecord::is_ok));
    let summary = results.of_run("summary.json");
    assert_eq!(summary["ended"], "complete");
    let window = summary["window_s"].as_f64().expect("a window");
    assert!(window <= 1.2, "{window}");
    // What ended after the window is not served within it.
    let served = summary["rates"]["request_throughput"]["value"].as_f64().expect("a rate") * window;
    assert!(served < records.len() as f64 - 0.5, "{served} of {}", records.len());
}

#[test]
fn a_warm_up_is_counted_apart_and_not_measured() {
    let args = ["--concurrency", "2", "--requests", "6", "--warmup-requests", "4"];
    let (records, results) = run(FAST, &args);
    let warmup: Vec<u64> = records.iter().filter(|r| r.warmup).map(|r| r.id.0).collect();
    assert_eq!((warmup.as_slice(), records.len()), (&[0, 1, 2, 3][..], 10));
    let counts = ["warmup", "scheduled", "sent", "ok"].map(|name| count(&results, name));
    assert_eq!(counts, [4, 6, 6, 6]);
    assert_eq!(results.of_run("summary.json")["metrics"]["ttft"]["n"], 6);

    let args = ["--concurrency", "2", "--requests", "4", "--warmup-duration", "0.7"];
    let (records, results) = run(SLOW, &args);
    let warmup = records.iter().filter(|record| record.warmup).count() as u64;
    assert!(warmup >= 2, "{warmup}");
    assert_eq!((count(&results, "warmup"), count(&results, "ok")), (warmup, 4));
    let begin = records.iter().map(|record| record.due).min().expect("records");
    let measured = records.iter().filter(|record| !record.warmup);
    assert!(measured.clone().all(|record| record.due.since(begin) >= Span::from_millis(690)));
}

#[test]
fn slots_start_one_by_one_over_the_ramp() {
    let (records, _) = run(FAST, &["--concurrency", "4", "--requests", "4", "--ramp-up", "2"]);
    let start = records.iter().map(|record| record.sent).min().expect("records");
    // The fast server leaves the first slot free at once: it takes what the others have not started for.
    assert!(records.iter().all(|record| record.sent.since(start) < Span::from_millis(500)));
    let (records, _) = run(SLOW, &["--concurrency", "4", "--requests", "4", "--ramp-up", "1"]);
    let mut sent: Vec<u64> =
        records.iter().map(|record| record.sent.since(records[0].sent).0 / 1_000_000).collect();
    sent.sort_unstable();
    assert!(sent[1] >= 240 && sent[2] >= 490, "{sent:?}");
}
