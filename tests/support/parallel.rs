//! Cases that wait more than they work, several at a time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// More than the cores of a small machine: each waits for a process or a server most of the time.
const WORKERS: usize = 3;

/// What `work` finds in each of the items, in no order.
pub(crate) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS.min(items.len()) {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = work(item);
                    found.lock().expect("no panic holds it").push(result);
                }
            });
        }
    });
    found.into_inner().expect("no panic held it")
}
