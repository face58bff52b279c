//! Waiting for the instant a write is due, more exactly than the runtime's timer can: that one counts whole
//! milliseconds and rounds up twice, which put every token 1.3 to 1.6 ms late (median, measured).
//!
//! A thread sleeps until the first instant and collects whose time has come; a task of the runtime wakes them all,
//! because a wake from outside the runtime costs a system call each.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::monotonic_ns;

/// Wakes tasks at their instants, as long as [`drive`](Self::drive) runs. Its thread ends with it.
#[derive(Debug)]
pub(super) struct Pacer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Pacer {
    /// Starts the thread that keeps time.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(super) fn start() -> io::Result<Pacer> {
        let shared = Arc::new(Shared::default());
        let keeper = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("mock-pacer".to_owned()).spawn(move || keeper.keep_time())?;
        Ok(Pacer { shared, thread: Some(thread) })
    }

    /// Resolves at `due_ns` on `CLOCK_MONOTONIC`, at once where that has passed.
    pub(super) fn until(&self, due_ns: u64) -> Until<'_> {
        Until { pacer: self, due_ns, queued: None }
    }

    /// Wakes whoever is due, for ever.
    pub(super) async fn drive(&self) {
        let mut due = Vec::new();
        loop {
            self.shared.rung.notified().await;
            std::mem::swap(&mut due, &mut self.shared.lock().due);
            due.drain(..).for_each(Waker::wake);
        }
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell, not even a panic: nobody waits any more.
            let _ = thread.join();
        }
    }
}

/// Between two rings at least this long, so that thousands of streams cost thousands of rings a second and no more.
const REST: Duration = Duration::from_micros(50);

#[derive(Debug, Default)]
struct Shared {
    // A lock, because tasks on any thread wait and the pacer's thread collects; it is held for one push or one collection.
    queue: Mutex<Queue>,
    /// Tells the thread of an instant before all others, or of the end.
    changed: Condvar,
    /// Tells the driver that somebody is due.
    rung: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: BinaryHeap<Reverse<Waiting>>,
    due: Vec<Waker>,
    stopped: bool,
}

impl Shared {
    /// The thread: sleeps until somebody is due, tells the driver, and again.
    fn keep_time(&self) {
        let mut queue = self.lock();
        while !queue.stopped {
            let now = monotonic_ns();
            while queue.waiting.peek().is_some_and(|Reverse(first)| first.due_ns <= now) {
                let first = queue.waiting.pop();
                queue.due.extend(first.map(|Reverse(first)| first.waker));
            }
            if !queue.due.is_empty() {
                drop(queue);
                self.rung.notify_one();
                std::thread::sleep(REST);
                queue = self.lock();
                continue;
            }
            queue = match queue.waiting.peek() {
                Some(Reverse(first)) => {
                    let wait = Duration::from_nanos(first.due_ns - now);
                    self.changed.wait_timeout(queue, wait).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait under way. Dropped early, it leaves its place in the queue: the task is woken once for nothing.
#[derive(Debug)]
pub(super) struct Until<'a> {
    pacer: &'a Pacer,
    due_ns: u64,
    queued: Option<Waker>,
}

impl Future for Until<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if monotonic_ns() >= self.due_ns {
            return Poll::Ready(());
        }
        if !self.queued.as_ref().is_some_and(|queued| queued.will_wake(context.waker())) {
            let waker = context.waker().clone();
            self.queued = Some(waker.clone());
            let shared = &self.pacer.shared;
            let mut queue = shared.lock();
            let first = queue.waiting.peek().is_none_or(|Reverse(first)| self.due_ns < first.due_ns);
            queue.waiting.push(Reverse(Waiting { due_ns: self.due_ns, waker }));
            drop(queue);
            if first {
                shared.changed.notify_one();
            }
        }
        Poll::Pending
    }
}

/// A task and the instant it waits for; ordered by the instant alone.
#[derive(Debug)]
struct Waiting {
    due_ns: u64,
    waker: Waker,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.due_ns == other.due_ns
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.due_ns.cmp(&other.due_ns)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn nobody_is_woken_early_and_the_earlier_come_first() {
        let pacer = Arc::new(Pacer::start().unwrap());
        let driver = Arc::clone(&pacer);
        let driving = tokio::spawn(async move { driver.drive().await });
        let start = monotonic_ns();
        let (done, mut order) = tokio::sync::mpsc::channel(8);
        for ms in [30u64, 10, 20, 0] {
            let (pacer, done) = (Arc::clone(&pacer), done.clone());
            tokio::spawn(async move {
                let due = start + ms * 1_000_000;
                pacer.until(due).await;
                assert!(monotonic_ns() >= due);
                done.send(ms).await.unwrap();
            });
        }
        drop(done);
        let mut woken = Vec::new();
        while let Some(ms) = order.recv().await {
            woken.push(ms);
        }
        assert_eq!(woken, [0, 10, 20, 30]);
        driving.abort();
    }
}
