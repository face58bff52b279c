//! A hostile plugin in one process beside a good one in another, against one server: the good one measures as if it were
//! alone. `cargo test --release -p llmperf --test sandbox -- --ignored beside --nocapture` prints the figures.

use std::collections::HashMap;
use std::thread;

use serde_json::Value;

use crate::bound::alone;
use crate::harness::{Mock, Outcome, load};

const STREAMS: &str = "64";
const REQUESTS: &str = "192";

/// How far what was measured is from what the server did, in ms.
struct Errors {
    ttft: Vec<f64>,
    gaps: Vec<f64>,
}

impl Errors {
    /// Of the requests that succeeded.
    fn of(outcome: &Outcome, truth: &HashMap<String, Value>) -> Errors {
        let mut errors = Errors { ttft: vec![], gaps: vec![] };
        let list = |value: &Value| -> Vec<f64> {
            value.as_array().into_iter().flatten().filter_map(Value::as_f64).map(|ns| ns / 1e6).collect()
        };
        for record in outcome.records.iter().filter(|record| record["failure"].is_null()) {
            let row = &truth[record["response_id"].as_str().expect("an id")];
            let (came, went) = (list(&record["token_event_ns"]), list(&row["token_ns"]));
            let ms = |value: &Value| value.as_f64().expect("an instant") / 1e6;
            errors.ttft.push((came[0] - ms(&record["sent_ns"])) - (went[0] - ms(&row["request_ns"])));
            let gap = |at: &[f64]| at[1] - at[0];
            errors.gaps.extend(came.windows(2).zip(went.windows(2)).map(|(c, w)| (gap(c) - gap(w)).abs()));
        }
        errors.ttft.sort_by(f64::total_cmp);
        errors.gaps.sort_by(f64::total_cmp);
        errors
    }

    fn show(&self, what: &str) {
        let [ttft, gaps] = [&self.ttft, &self.gaps].map(|v| [0.5, 0.9, 0.99].map(|q| at(v, q)));
        println!(
            "{what:<22} n={:<4} TTFT error p50 {:.3} p90 {:.3} p99 {:.3} ms   gap error p50 {:.3} p90 {:.3} p99 {:.3} ms",
            self.ttft.len(),
            ttft[0],
            ttft[1],
            ttft[2],
            gaps[0],
            gaps[1],
            gaps[2]
        );
    }
}

fn at(sorted: &[f64], q: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * q) as usize]
}

fn run(base_url: &str, model: &str) -> Outcome {
    let args = ["-n", REQUESTS, "-c", STREAMS, "--osl", "100", "--plugin-limit", "faults=1000"];
    load(base_url, model, &args)
}

fn mock() -> Mock {
    Mock::start(&["--ttft", "200ms", "--itl", "20ms", "--output-tokens", "100"])
}

/// Takes a minute and measures time: by hand, on a machine that does nothing else.
#[test]
#[ignore = "measures time; by hand"]
fn beside_a_hostile_plugin_the_good_ones_times_stay_what_they_were() {
    let _alone = alone();
    let pair = |other: &'static str| {
        let mock = mock();
        let base = mock.base_url.clone();
        let beside = thread::spawn(move || run(&base, other));
        let good = run(&mock.base_url, "good");
        let other = beside.join().expect("it ran");
        let truth = mock.truth();
        (Errors::of(&good, &truth), Errors::of(&other, &truth), other)
    };
    for round in 1..=3 {
        let (good, twin, _) = pair("good-too");
        good.show(&format!("{round} good beside good"));
        twin.show(&format!("{round} its twin"));
        let (beside, hostile, outcome) = pair("trap-decode-every-10");
        beside.show(&format!("{round} good beside hostile"));
        hostile.show(&format!("{round} the hostile's others"));
        let traps = outcome.kinds().iter().filter(|&&kind| kind == "plugin_trap").count();
        println!("{round} traps: {traps} of {}", outcome.records.len());
        assert!(traps > 0 && beside.ttft.len() == 192, "{traps}");
    }
}
