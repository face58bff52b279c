//! Runs that end before their time, and what a run has to do without.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::table::Case;
use crate::support::{Cli, Done, MOMENT, Results, Running, SMALL, entries, mock, until_ended};

pub(crate) const CASES: &[Case] = &[
    Case {
        exit: Some(130),
        ended: "interrupted",
        says: &["interrupted"],
        ..Case::new("Ctrl-C while requests run out after --duration", || {
            interrupted_while_draining(&["--duration", "0.5", "--drain", "600"])
        })
    },
    Case {
        exit: Some(130),
        ended: "interrupted",
        says: &["interrupted"],
        ..Case::new("Ctrl-C while requests run out after --timeout", || {
            interrupted_while_draining(&["--timeout", "0.5", "--drain", "600"])
        })
    },
    Case {
        exit: Some(130),
        ended: "interrupted",
        says: &["interrupted"],
        ..Case::new("the terminal hangs up", || {
            let (mut run, results, _mock) =
                start("env", &["--default-signal=HUP"], &["--requests", "1000000"]);
            until_ended(&mut run, &results, 2);
            run.signal(Signal::HUP);
            (run.wait(), results)
        })
    },
    Case::new("the terminal hangs up under nohup", || {
        let (mut run, results, _mock) = start("env", &["--ignore-signal=HUP"], &["--requests", "200"]);
        until_ended(&mut run, &results, 2);
        run.signal(Signal::HUP);
        (run.wait(), results)
    }),
    Case::new("stderr is full", || in_shell("exec \"$0\" \"$@\" 2>/dev/full", &["--requests", "3"])),
    Case::new("stderr and stdout have no reader", || {
        let results = Results::new();
        let mock = mock(&[]);
        let run = load(Cli::of(BIN), &mock.base, &results, &["--requests", "3"]);
        (run.start_unheard().wait(), results)
    }),
    Case {
        exit: Some(1),
        ended: "",
        says: &["stdout cannot be written", "results: "],
        ..Case::new("stdout is full at the end of a sweep", || {
            let flags = ["--sweep", "concurrency=1,2", "--requests", "2"];
            let (done, results) = in_shell("exec \"$0\" \"$@\" >/dev/full", &flags);
            let saved =
                entries(results.path()).into_iter().any(|path| path.to_string_lossy().contains("/sweep_"));
            assert!(saved, "{:?}", entries(results.path()));
            (done, results)
        })
    },
    Case {
        exit: Some(1),
        ended: "",
        says: &["the results are not complete", "File too large"],
        ..Case::new("a file may grow no further (ulimit -f)", || {
            in_shell("ulimit -f 16 && exec \"$0\" \"$@\"", &["--requests", "200"])
        })
    },
    Case::new("a model's name is too long for a file", || {
        let (long, other) = (format!("a/{}", "x".repeat(1000)), format!("a/{}y", "x".repeat(999)));
        let results = Results::new();
        let mock = mock(&[]);
        for model in [&long, &other] {
            ask(model, &mock.base, &results).exits(0);
        }
        let files = entries(results.path()).into_iter().filter(|path| path.is_file()).count();
        assert_eq!(files, 4, "{:?}", entries(results.path()));
        // The check of the table reads one run.
        let results = Results::new();
        (ask(&long, &mock.base, &results), results)
    }),
    Case {
        ended: "",
        ..Case::new("several runs end at the same time in one results directory", || {
            let results = Results::new();
            let mock = mock(&[]);
            let start = |n: usize| {
                let n = n.to_string();
                load(Cli::of(BIN), &mock.base, &results, &["--requests", &n, "--concurrency", "1"]).start()
            };
            let runs: Vec<Running> = (1..=8).map(start).collect();
            let done: Vec<Done> = runs.into_iter().map(|run| run.wait().exits(0)).collect();
            let rows = results.llmperf("individual_responses").as_array().map_or(0, Vec::len);
            assert_eq!(results.llmperf("summary")["results_num_requests_started"], rows);
            (done.into_iter().next().expect("the first"), results)
        })
    },
];

const BIN: &str = env!("CARGO_BIN_EXE_llmperf");

/// `llmperf load`, where `cli` is the program or ends in it.
fn load(cli: Cli, base: &str, results: &Results, flags: &[&str]) -> Cli {
    cli.args(["load", "--base-url", base]).args(SMALL).args(results.flag()).args(flags)
}

/// Sends one request to this model.
fn ask(model: &str, base: &str, results: &Results) -> Done {
    let cli = Cli::of(BIN).args(["load", "--base-url", base, "--requests", "1", "--model", model]);
    cli.args(&SMALL[..8]).args(results.flag()).done()
}

/// Runs a load test in a shell that has its own way of starting it.
fn in_shell(script: &str, flags: &[&str]) -> (Done, Results) {
    let (results, mock) = (Results::new(), mock(&[]));
    let cli = Cli::of("sh").args(["-c", script, BIN]);
    (load(cli, &mock.base, &results, flags).done(), results)
}

/// Starts a load test by another program.
fn start(program: &str, args: &[&str], flags: &[&str]) -> (Running, Results, crate::support::Mock) {
    let (results, mock) = (Results::new(), mock(&["--ttft", "10ms"]));
    let cli = Cli::of(program).args(args).args([BIN]);
    let run = load(cli, &mock.base, &results, &[&["--concurrency", "2", "--drain", "30"], flags].concat());
    (run.start(), results, mock)
}

/// One request never ends, and the interrupt comes when it is all that is left.
fn interrupted_while_draining(limits: &[&str]) -> (Done, Results) {
    let (results, mock) = (Results::new(), mock(&["--itl", "5ms", "--fault", "endless:#1"]));
    let flags = [&["--requests", "1000000", "--concurrency", "2"], limits].concat();
    let mut run = load(Cli::of(BIN), &mock.base, &results, &flags).start();
    until_ended(&mut run, &results, 1);
    // Twice as long as the limit. Should the signal come before it all the same, it is an interrupt, too.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(1) {
        assert!(!run.ends_within(MOMENT), "the run ended by itself");
    }
    run.signal(Signal::INT);
    (run.wait(), results)
}
