//! What the machine gives to a run: open files, threads, priorities.

use std::thread::JoinHandle;

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use thread_priority::ThreadPriority;
use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

/// Files the program needs beside its connections: results, the runtime's own, plugins, the terminal.
const FILES_BESIDE_CONNECTIONS: u64 = 64;

/// Raises the limit of open files to what `connections` need, or says what to do.
pub(super) fn ensure_open_files(connections: usize, files_each: u64) -> Result<()> {
    let needed = connections as u64 * files_each + FILES_BESIDE_CONNECTIONS;
    let limit = getrlimit(Resource::Nofile);
    // A slot may have two connections for a while: one that is kept, and one that it uses until it is known that they are.
    if limit.current.is_none_or(|soft| soft >= 2 * needed) {
        return Ok(());
    }
    if let Some(hard) = limit.maximum.filter(|hard| *hard < needed) {
        bail!(
            "{connections} concurrent requests need {needed} open files, and {hard} is the limit here\n\
             hint: raise it (ulimit -n {needed}) or lower --num-concurrent-requests"
        );
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).context("the limit of open files cannot be raised")
}

/// How many cores this process may use.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// From now on this thread runs when a core has nothing else to do (SCHED_IDLE). A merely nicer thread, once it runs, keeps
/// its core for a time slice of some milliseconds.
pub(super) fn step_back() {
    // Where the system refuses, the thread works at normal priority; nothing depends on it.
    let _ = set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Min,
        ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle),
    );
}

/// Starts a thread.
pub(super) fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).context("no thread can be started")
}

/// Waits for a thread; its panic is this thread's, so that none goes unseen.
pub(super) fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
