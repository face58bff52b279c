//! What the end-to-end suites share: the real binary in a clean environment, a mock as a process of its own, servers
//! that do what the mock may not, and the result files read back. Every wait has an end.

// Each suite is a crate of its own, and none uses all of this.
#![allow(dead_code, unused_imports)]

mod browser;
mod parallel;
mod process;
mod results;
mod server;

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

/// Runs `llmperf load` against `base` with the small workload and saves the results.
pub(crate) fn load_small(base: &str, args: &[&str]) -> (Done, Results) {
    let results = Results::new();
    let done = llmperf("load").args(["--base-url", base]).args(SMALL).args(results.flag()).args(args).done();
    (done, results)
}
