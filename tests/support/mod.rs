//! What the end-to-end suites share: the real binary in a clean environment, a mock as a process of its own, servers
//! that do what the mock may not, and the result files read back. Every wait has an end.

// Each suite is a crate of its own, and none uses all of this.
#![allow(dead_code, unused_imports)]

mod browser;
mod parallel;
mod process;
mod results;
mod server;

use std::fs;
use std::time::{Duration, Instant};

pub(crate) use browser::{Proxy, browse};
pub(crate) use parallel::in_parallel;
pub(crate) use process::{Cli, Done, Mock, Running, llmperf, mock};
pub(crate) use results::{Results, counts, entries};
pub(crate) use server::{Asked, Server, say, sse};

/// A small and fixed workload: what a test adds to it is what it is about.
pub(crate) const SMALL: &[&str] =
    &["--isl", "60", "--isl-stddev", "0", "--osl", "10", "--osl-stddev", "0", "--model", "m"];

/// Runs `llmperf load` with these arguments to its end.
pub(crate) fn load(args: &[&str]) -> Done {
    llmperf("load").args(args).done()
}

/// Starts `llmperf load` against `base` with the small workload, to save its results there.
pub(crate) fn start_small(base: &str, results: &Results, flags: &[&str]) -> Running {
    llmperf("load").args(["--base-url", base]).args(SMALL).args(results.flag()).args(flags).start()
}

/// How long to wait before looking at a run again.
pub(crate) const MOMENT: Duration = Duration::from_millis(10);

/// Waits until `count` requests of the run have ended; the run goes on.
#[track_caller]
pub(crate) fn until_ended(run: &mut Running, results: &Results, count: usize) {
    let start = Instant::now();
    let ended = || {
        let file = results.run_dirs().first().map(|dir| dir.join("records.jsonl"));
        file.and_then(|file| fs::read(file).ok()).map_or(0, |bytes| bytes.split(|b| *b == b'\n').count() - 1)
    };
    while ended() < count {
        assert!(!run.ends_within(MOMENT), "the run ended by itself");
        assert!(start.elapsed() < Duration::from_secs(30), "no requests end");
    }
}

/// Runs `llmperf load` against `base` with the small workload and saves the results.
pub(crate) fn load_small(base: &str, args: &[&str]) -> (Done, Results) {
    let results = Results::new();
    let done = llmperf("load").args(["--base-url", base]).args(SMALL).args(results.flag()).args(args).done();
    (done, results)
}
