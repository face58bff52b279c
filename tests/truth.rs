//! What llmperf measured, laid beside what the mock really did. Both stamp on `CLOCK_MONOTONIC` of one machine.

mod support;

use std::collections::HashMap;

use llmperf::mock::TruthRow;
use support::{load_small, mock};

const STREAMS: usize = 64;
const TOKENS: usize = 100;

/// One test in this suite, because it measures time: nothing may run beside it.
///
/// On a quiet machine: TTFT error p50 <= 0.15 ms and p99 <= 2 ms, gap error p99 <= 0.2 ms. A machine that is shared, or
/// compiles beside the test, delays threads by whole time slices. So the bounds here are wide, and one run of three within
/// them is enough: noise makes a measurement worse, never better.
#[test]
fn what_is_measured_is_what_the_server_did() {
    let near = || {
        let Errors { ttft, gap, lag } = measure();
        ttft.p50.abs() <= 3.0 && ttft.p99 <= 15.0 && gap.p50 <= 0.5 && gap.p99 <= 10.0 && lag.p50 <= 1.0
    };
    assert!((0..3).any(|_| near()), "what was measured is not what the server did");
}

/// How far the measured times are off.
struct Errors {
    /// Holds the request's way into the server too, which grows where the server has to wait for a core.
    ttft: Quantiles,
    gap: Quantiles,
    /// From the server's write to the client's stamp.
    lag: Quantiles,
}

/// One run. What has to be exact is asserted.
fn measure() -> Errors {
    let mock = mock(&["--ttft", "200ms", "--itl", "20ms", "--output-tokens", "100"]);
    let (requests, concurrency) = ((2 * STREAMS).to_string(), STREAMS.to_string());
    let (done, results) = load_small(&mock.base, &["--requests", &requests, "--concurrency", &concurrency]);
    done.exits(0);
    let zero = results.of_run("manifest.json")["zero_monotonic_ns"].as_u64().expect("the run's zero");
    let truth: HashMap<String, TruthRow> =
        mock.truth().into_iter().map(|row| (row.id.clone(), row)).collect();
    let records = results.records();
    assert_eq!((records.len(), truth.len()), (2 * STREAMS, 2 * STREAMS));

    let (mut ttft_errors, mut gap_errors, mut lags) = (Vec::new(), Vec::new(), Vec::new());
    for record in &records {
        assert!(record.is_ok(), "{record:?}");
        let row = &truth[record.response_id.as_ref().expect("the mock names its answers")];
        // Counts are exact.
        assert_eq!(record.osl.0, row.tokens);
        assert_eq!((record.token_events.len(), row.token_ns.len()), (TOKENS, TOKENS));
        // Nothing arrives before it was written, and the server does not have the request before it was sent.
        let at = |stamp: llmperf::units::Stamp| zero + stamp.0;
        assert!(at(record.sent) <= row.request_ns, "{record:?}");
        for (arrival, written) in record.token_events.iter().zip(&row.token_ns) {
            assert!(at(*arrival) >= *written, "a token arrived {} ns early", written - at(*arrival));
            lags.push(ms(at(*arrival) - written));
        }
        let measured = record.token_events[0].since(record.sent).0;
        ttft_errors.push(ms_between(measured, row.token_ns[0] - row.request_ns));
        for (arrivals, writes) in record.token_events.windows(2).zip(row.token_ns.windows(2)) {
            gap_errors.push(ms_between(arrivals[1].since(arrivals[0]).0, writes[1] - writes[0]).abs());
        }
    }
    Errors {
        ttft: Quantiles::of("TTFT error", ttft_errors),
        gap: Quantiles::of("gap error", gap_errors),
        lag: Quantiles::of("arrival lag", lags),
    }
}

struct Quantiles {
    p50: f64,
    p99: f64,
}

impl Quantiles {
    /// Milliseconds, printed too.
    fn of(name: &str, mut values: Vec<f64>) -> Quantiles {
        values.sort_by(f64::total_cmp);
        let at = |q: f64| values[((values.len() - 1) as f64 * q) as usize];
        let (p50, p99) = (at(0.5), at(0.99));
        println!(
            "{name:12} n={} p50={p50:.3} p90={:.3} p99={p99:.3} max={:.3} ms",
            values.len(),
            at(0.9),
            at(1.0)
        );
        Quantiles { p50, p99 }
    }
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

fn ms_between(a: u64, b: u64) -> f64 {
    (a as f64 - b as f64) / 1e6
}
