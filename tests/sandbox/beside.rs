//! A hostile plugin in one process beside a good one in another, against one server: the good one measures as it does beside
//! another good one. `cargo test --release -p llmperf --test sandbox -- --ignored beside --nocapture` prints the figures.

use std::collections::HashMap;
use std::thread;

use crate::bound::alone;
use crate::harness::{Mock, Outcome, load};
use crate::timing::{Errors, at};

const STREAMS: &str = "64";
const REQUESTS: &str = "192";
/// Each arrangement is measured this often, in turns, so that what drifts (clock rate, other work) falls on all alike.
const ROUNDS: usize = 5;
/// The errors of one kind, those of each round from the least on.
type Rounds = Vec<Vec<f64>>;

const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99")];

/// What runs beside the good plugin. A neighbour takes CPU whatever it is, and on two cores that shows: what a hostile one adds is
/// its difference from a good one, not from nobody.
const ARRANGEMENTS: [(&str, Option<&str>); 3] = [
    ("alone", None),
    ("beside a good one", Some("good-too")),
    ("beside the hostile one", Some("trap-decode-every-10")),
];

fn run(base_url: &str, model: &str) -> Outcome {
    let args = ["-n", REQUESTS, "-c", STREAMS, "--osl", "100", "--plugin-limit", "faults=1000"];
    load(base_url, model, &args)
}

/// The good one's errors, and how its neighbour's requests ended.
fn measure(neighbour: Option<&'static str>) -> (Errors, Option<Outcome>) {
    let mock = Mock::start(&["--ttft", "200ms", "--itl", "20ms", "--output-tokens", "100"]);
    let base = mock.base_url.clone();
    let beside = neighbour.map(|model| thread::spawn(move || run(&base, model)));
    let good = run(&mock.base_url, "good");
    let beside = beside.map(|running| running.join().expect("it ran"));
    assert_eq!(good.kinds(), ["ok"; 192], "the good one's requests are whole");
    (Errors::of(&good, &mock.truth()), beside)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    at(&values, 0.5)
}

/// `p50 0.123 (0.119–0.140)`: the median of the rounds, and their least and largest.
fn cells(rounds: &[Vec<f64>]) -> String {
    let cell = |(q, name): (f64, &str)| {
        let mut of_rounds: Vec<f64> = rounds.iter().map(|errors| at(errors, q)).collect();
        of_rounds.sort_by(f64::total_cmp);
        let (least, most) = (of_rounds[0], of_rounds[of_rounds.len() - 1]);
        format!("{name} {:6.3} ({least:.3}–{most:.3})", median(of_rounds))
    };
    QUANTILES.map(cell).join("  ")
}

/// The same of what one has more than the other in the same round.
fn differences(ones: &[Vec<f64>], others: &[Vec<f64>]) -> String {
    let cell = |(q, name): (f64, &str)| {
        let mut more: Vec<f64> =
            ones.iter().zip(others).map(|(one, other)| at(one, q) - at(other, q)).collect();
        more.sort_by(f64::total_cmp);
        format!("{name} {:+6.3} ({:+.3}–{:+.3})", at(&more, 0.5), more[0], more[more.len() - 1])
    };
    QUANTILES.map(cell).join("  ")
}

/// The server's own log says when each token was written, so what the server was late by is in no error. Where the least and the
/// largest of the rounds are far apart, the machine did other things: then no figure here says anything.
///
/// Takes minutes and measures time: by hand, on a machine that does nothing else.
#[test]
#[ignore = "measures time; by hand"]
fn beside_a_hostile_plugin_the_good_ones_times_stay_what_they_were() {
    let _alone = alone();
    // Compiled once before, so that no round pays for it.
    run(&Mock::start(&[]).base_url, "good");
    let mut measured: HashMap<&str, [Rounds; 2]> = HashMap::new();
    let mut traps = vec![];
    for round in 0..ROUNDS {
        // Each begins a round as often as it can: who follows whom is not always the same.
        for n in 0..ARRANGEMENTS.len() {
            let (name, neighbour) = ARRANGEMENTS[(round + n) % ARRANGEMENTS.len()];
            let (errors, beside) = measure(neighbour);
            let [ttft, gaps] = measured.entry(name).or_default();
            ttft.push(errors.ttft);
            gaps.push(errors.gaps);
            let kinds = beside.as_ref().map(Outcome::kinds).unwrap_or_default();
            if neighbour == ARRANGEMENTS[2].1 {
                traps.push(kinds.iter().filter(|&&kind| kind == "plugin_trap").count());
            } else {
                assert!(kinds.iter().all(|&kind| kind == "ok"), "{kinds:?}");
            }
        }
    }
    let cores = thread::available_parallelism().map_or(0, usize::from);
    println!("{cores} cores for the mock, the good plugin's run and its neighbour's; nothing is pinned");
    println!(
        "{STREAMS} streams, {REQUESTS} requests a round, {ROUNDS} rounds; ms; median of the rounds (least–largest)"
    );
    for (what, of) in [("TTFT error", 0), ("gap error", 1)] {
        for (name, _) in ARRANGEMENTS {
            println!("{what:<11} {name:<23} {}", cells(&measured[name][of]));
        }
    }
    for (what, of) in [("TTFT error", 0), ("gap error", 1)] {
        let rounds = |name: &str| &measured[name][of];
        let (good, hostile) = (rounds(ARRANGEMENTS[1].0), rounds(ARRANGEMENTS[2].0));
        println!("{what:<11} {:<23} {}", "hostile less good", differences(hostile, good));
    }
    println!("the hostile one's traps in each round, of {REQUESTS}: {traps:?}");
    // Both runs number their responses together: a tenth of all falls on the hostile one's share as it comes.
    assert!(traps.iter().all(|traps| (5..=40).contains(traps)), "{traps:?}");
}
