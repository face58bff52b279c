//! Whether 95 % intervals of rates are: runs of a made-up server, many times over, against what they come to on average.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, Normal};

use super::{Estimates, Quantity, Sample, Sampled, Terms};
use crate::metrics::request::tests::record;
use crate::metrics::{Aggregate, Context, Metric, TokenBasis, summarize};
use crate::record::RequestRecord;
use crate::units::{RequestId, Span, Stamp, Tokens};

const OUTPUT: Quantity = Quantity::Rate(Aggregate::OutputThroughput);
const REQUESTS: Quantity = Quantity::Rate(Aggregate::RequestThroughput);

/// A fifth of what `compare` draws, since this repeats for many runs.
const DRAWS: usize = 400;

/// How a run is made up.
#[derive(Debug, Clone, Copy)]
struct Load {
    requests: u64,
    slots: usize,
    /// Poisson arrivals at which `slots` are busy on average, and not slots.
    open: bool,
    /// Answers as long as they are by chance, with a mean of 150 tokens (exponential), and not around 150 (normal, deviation 50).
    natural: bool,
    /// Requests that are served at a time; the others wait for them.
    served: usize,
}

/// The same answers every 20 ms a token, the first after some 200 ms.
fn records(load: Load, rng: &mut ChaCha8Rng) -> Vec<RequestRecord> {
    let lengths = Normal::new(150.0, 50.0).expect("a law");
    let (mut free, mut served) = (vec![0.0f64; load.slots], vec![0.0f64; load.served]);
    let mut due = 0.0;
    let record = |id| {
        let length: f64 = if load.natural {
            let length: f64 = Exp1.sample(rng);
            150.0 * length
        } else {
            lengths.sample(rng)
        };
        let osl = length.max(1.0).round();
        let busy = 0.1 + 0.2 * rng.random::<f64>() + osl * 0.02 * (0.95 + 0.1 * rng.random::<f64>());
        let slot = free.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("a slot");
        let gap: f64 = Exp1.sample(rng);
        due += gap * 3.2 / load.slots as f64;
        let sent = if load.open { due } else { *slot };
        let server = served.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("a server");
        let end = server.max(sent) + busy;
        (*slot, *server) = (end, end);
        let stamp = |seconds: f64| Stamp(1_000_000 + (seconds * 1e9) as u64);
        RequestRecord {
            id: RequestId(id),
            due: stamp(sent),
            sent: stamp(sent),
            token_events: vec![stamp(end)],
            end: stamp(end),
            osl: Tokens(osl as u64),
            ..record(id, &[])
        }
    };
    (0..load.requests).map(record).collect()
}

fn rates(records: &[RequestRecord]) -> [(Quantity, f64); 2] {
    let summary = summarize(records, Context::default());
    [
        (OUTPUT, summary.output_throughput.expect("a rate")),
        (REQUESTS, summary.request_throughput.expect("a rate")),
    ]
}

fn estimates(load: Load, records: &[RequestRecord], stream: u64) -> Estimates {
    // Only what rates are made of: all metrics would take most of the time.
    let terms = Terms { paced: load.open, ..Terms::default() };
    let bare: Vec<RequestRecord> =
        records.iter().map(|record| RequestRecord { token_events: vec![], ..record.clone() }).collect();
    let sample = Sample::of_records(&bare, TokenBasis::Local, &terms);
    Estimates::of_draws(&sample, &rates(records), DRAWS, (7, stream))
}

/// Out of a number of runs, how many intervals hold the mean of such runs; out of half as many pairs, how many show a difference.
fn count(load: Load, runs: u64, quantity: Quantity) -> (usize, usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(load.requests + load.slots as u64);
    let of =
        |records: &[RequestRecord]| rates(records).iter().find(|rate| rate.0 == quantity).expect("a rate").1;
    let truth = (0..1000).map(|_| of(&records(load, &mut rng))).sum::<f64>() / 1000.0;
    let all: Vec<Estimates> = (0..runs).map(|run| estimates(load, &records(load, &mut rng), run)).collect();
    let holds = |estimates: &&Estimates| {
        let (low, high) = estimates.get(quantity).and_then(|found| found.ci95).expect("an interval");
        low <= truth && truth <= high
    };
    let differs = |pair: &&[Estimates]| {
        pair[0].difference(&pair[1], quantity).and_then(super::Difference::is_real) == Some(true)
    };
    (all.iter().filter(holds).count(), all.chunks(2).filter(differs).count())
}

#[test]
fn the_interval_of_a_throughput_holds_what_such_runs_come_to_in_19_of_20() {
    let load = |requests, slots, open, natural| Load { requests, slots, open, natural, served: 1000 };
    for load in [
        load(30, 4, false, false),
        load(100, 4, false, false),
        load(100, 64, false, false),
        load(30, 64, false, true),
        load(100, 4, false, true),
        load(300, 64, false, true),
        load(30, 4, true, false),
        load(100, 4, true, true),
        load(100, 64, true, false),
    ] {
        let (holds, differ) = count(load, 200, OUTPUT);
        eprintln!("{load:?}: {holds} of 200 intervals hold the truth, {differ} of 100 pairs differ");
        // With 95 %, fewer than 181 come once in 200 times, and more than 11 pairs of 100 too.
        assert!(holds >= 181 && differ <= 11, "{load:?}: {holds} of 200, {differ} of 100");
    }
}

#[test]
fn the_interval_of_a_request_rate_holds_too() {
    let (holds, differ) =
        count(Load { requests: 60, slots: 8, open: false, natural: false, served: 8 }, 200, REQUESTS);
    assert!(holds >= 181 && differ <= 11, "{holds} of 200, {differ} of 100");
    // Requests that wait for each other are alike: as independent ones, 29 of 100 pairs differed.
    let (holds, differ) =
        count(Load { requests: 300, slots: 16, open: false, natural: false, served: 4 }, 200, REQUESTS);
    eprintln!("with a queue: {holds} of 200 intervals hold the truth, {differ} of 100 pairs differ");
    assert!(holds >= 181 && differ <= 11, "{holds} of 200, {differ} of 100");
}

#[test]
fn two_open_loops_with_the_same_arrivals_differ_by_less_than_those_without() {
    let load = Load { requests: 200, slots: 4, open: true, natural: false, served: 1000 };
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let first = records(load, &mut rng);
    // The same arrivals, each request 0.1 s longer.
    let second: Vec<_> = first
        .iter()
        .map(|record| RequestRecord { end: record.end + Span::from_millis(100), ..record.clone() })
        .collect();
    let width = |a: &Estimates, b: &Estimates| {
        let (low, high) =
            a.difference(b, REQUESTS).and_then(|found| found.relative_ci95).expect("an interval");
        high - low
    };
    let [a, b] = [estimates(load, &first, 0), estimates(load, &second, 1)];
    let other = estimates(load, &records(load, &mut rng), 2);
    assert!(width(&a, &b) < 0.1 * width(&a, &other), "{} {}", width(&a, &b), width(&a, &other));
}

#[test]
fn a_run_without_failures_may_have_had_some() {
    let load = Load { requests: 40, slots: 4, open: false, natural: false, served: 4 };
    let found = records(load, &mut ChaCha8Rng::seed_from_u64(1));
    let sample = Sample::of_records(&found, TokenBasis::Local, &Terms::default());
    let errors = Quantity::Rate(Aggregate::ErrorRate);
    let all = Estimates::of(&sample, &[(errors, 0.0)], 1, 0);
    let (low, high) = all.get(errors).and_then(|found| found.ci95).expect("an interval");
    assert!(low == 0.0 && (high - 0.0881).abs() < 1e-4, "{low} {high}");
}

#[test]
fn llmperfs_requests_are_run_again_in_its_slots() {
    let request = |n: u64| Sampled {
        ok: true,
        good: true,
        busy: Span::from_millis(500 + 37 * n % 400),
        values: vec![(Metric::Osl, vec![100.0])],
    };
    let estimate = |slots| {
        let sample = Sample::new((0..60).map(request), slots);
        Estimates::of(&sample, &[(OUTPUT, 500.0)], 1, 0).get(OUTPUT).and_then(|found| found.ci95)
    };
    let ((a, b), (c, d)) = (estimate(4).expect("an interval"), estimate(30).expect("an interval"));
    assert!(a < 500.0 && b > 500.0 && d - c > b - a, "how a run ends counts for more with more slots");
}
