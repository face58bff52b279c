//! What the process asks of the system before anything else.

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

/// Prepares the process. What the system refuses is done without.
pub(super) fn prepare() {
    leave_no_core();
    take_a_size_limit_as_an_error();
}

/// A core dump would hold every key.
fn leave_no_core() {
    let limit = getrlimit(Resource::Core);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), ..limit });
}

/// Past `ulimit -f` a write raises SIGXFSZ, which ends a process that has no handler; with one, the write fails, as on a full
/// disk. The handler outlives the runtime it is made in.
fn take_a_size_limit_as_an_error() {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
    let _inside = runtime.enter();
    let _ = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()));
}
