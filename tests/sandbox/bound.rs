//! What holds for every run, whatever its plugin does.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use crate::bombs::{NO_CPU, NO_MEMORY, NO_ROOM};
use crate::harness::{KEY, Mock, Outcome, load, load_component};

/// Cases burn CPU and memory on purpose: one at a time, so that none is late for another's sake.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One instance may have 256 MiB, and the host some for itself and for what it copies.
pub(crate) const MOST_MIB: u64 = 500;
/// A call may take about a second of CPU; this is for slow and busy machines.
pub(crate) const MOST_SECONDS: f64 = 30.0;

/// What holds for every run, whatever the plugin does.
pub(crate) fn check_bounds(what: &str, outcome: &Outcome) {
    let Outcome { seconds, peak_mib, stdout, stderr, .. } = outcome;
    assert!(*peak_mib <= MOST_MIB, "{what}: {peak_mib} MiB");
    assert!(*seconds <= MOST_SECONDS, "{what}: {seconds} s");
    for text in [stdout, stderr] {
        assert!(!text.contains(['\u{1b}', '\u{7}', '\r']), "{what}: a control character in {text:?}");
        assert!(!text.contains(KEY), "{what}: the key is on the terminal");
        assert!(!text.contains("panicked at host"), "{what}: {text}");
        assert!(text.len() < 20_000, "{what}: {} bytes on the terminal", text.len());
    }
    for (name, content) in outcome.files() {
        assert!(!content.contains('\u{1b}'), "{what}: an escape in {name}");
        assert!(!content.contains(KEY), "{what}: the key is in {name}");
    }
}

/// Runs one request as `model` says, and checks its failure.
pub(crate) fn check_fault(mock: &Mock, model: &str, kind: &str, message: &str) {
    let outcome = load(&mock.base_url, model, &["-n", "1", "-c", "1"]);
    check_bounds(model, &outcome);
    assert_eq!(outcome.kinds(), [kind], "{model}: {}", outcome.stderr);
    assert!(outcome.message().contains(message), "{model}: {:?}", outcome.message());
    assert!(outcome.message().chars().count() <= 1001, "{model}: {:?}", outcome.message());
    assert_eq!(outcome.code, 6, "{model}: {}", outcome.stderr);
    assert!(outcome.file("summary.json").contains("\"ended\": \"complete\""), "{model}");
}

/// Loads a component that must be refused.
pub(crate) fn check_refused(what: &str, bytes: &[u8], code: i32, words: &[&str]) {
    let outcome = load_component(bytes);
    check_bounds(what, &outcome);
    assert_eq!(outcome.code, code, "{what}: {}", outcome.stderr);
    assert!(outcome.stderr.starts_with("error: "), "{what}: {}", outcome.stderr);
    for word in words {
        assert!(outcome.stderr.contains(word), "{what}: {word:?} is not in {:?}", outcome.stderr);
    }
    assert!(outcome.files().is_empty(), "{what}: a run began");
}

/// A listener that nobody has any reason to talk to.
pub(crate) struct Elsewhere(TcpListener);

impl Elsewhere {
    pub(crate) fn start() -> Elsewhere {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        Elsewhere(listener)
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().expect("an address").port()
    }

    /// A connection would have been queued by the kernel, whoever accepts it.
    pub(crate) fn check_silent(&self, what: &str) {
        let came = self.0.accept();
        assert!(came.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{what}: a connection came");
    }
}
