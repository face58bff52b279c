//! Waiting for two things of which one hardly ever comes: polled by turns, the rare one would cost every read of every
//! stream as much as the frequent one. Here it is polled only once it has asked for it.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// What came first.
pub(super) enum First<A, B> {
    Often(A),
    Rare(B),
}

/// Waits for `often` or `rare`, the former first where both are there. `rare` must be cancel safe, as both are dropped.
pub(super) async fn either<A, B>(
    often: impl Future<Output = A>,
    rare: Pin<&mut impl Future<Output = B>>,
) -> First<A, B> {
    let mut often = pin!(often);
    let mut rare = Rare { future: rare, called: None };
    std::future::poll_fn(|cx| {
        if let Poll::Ready(done) = often.as_mut().poll(cx) {
            return Poll::Ready(First::Often(done));
        }
        rare.poll(cx).map(First::Rare)
    })
    .await
}

struct Rare<'a, F> {
    future: Pin<&'a mut F>,
    /// Its own waker, and the task's waker that it was made for.
    called: Option<(Arc<Called>, Waker)>,
}

/// Notes that the rare future wants to be polled, and wakes the task.
struct Called {
    wanted: AtomicBool,
    task: Waker,
}

impl Wake for Called {
    fn wake(self: Arc<Self>) {
        self.wanted.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl<F: Future> Rare<'_, F> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        let called = match &self.called {
            Some((called, _)) if called.task.will_wake(cx.waker()) => called,
            // The first poll, or another task: it has to hear of this waker.
            _ => {
                let called = Arc::new(Called { wanted: AtomicBool::new(true), task: cx.waker().clone() });
                let waker = Waker::from(Arc::clone(&called));
                &self.called.insert((called, waker)).0
            }
        };
        if !called.wanted.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let waker = self.called.as_ref().map(|(_, waker)| waker.clone()).expect("it was just put there");
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}
