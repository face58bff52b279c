//! Where requests come from: lanes filled ahead of time by builders, read in one fixed order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{Mutex, mpsc};

/// The sending end of one lane. With `n` lanes, lane `k` takes the items `k`, `k + n`, `k + 2n`, …, in order.
#[derive(Debug)]
pub struct Lane<T>(mpsc::Sender<T>);

impl<T> Lane<T> {
    /// Adds the lane's next item and waits while the lane is full. False where nobody reads any more. For plain threads only.
    pub fn put(&self, item: T) -> bool {
        self.0.blocking_send(item).is_ok()
    }
}

/// The reading end of all lanes: items in order, whoever asks.
#[derive(Debug)]
pub struct Source<T> {
    // Slots of several I/O threads ask in turn; an item is nearly always ready, so nobody waits long.
    inner: Mutex<Inner<T>>,
    gauge: SourceGauge,
}

/// Shows whether the items that were taken ahead of time run out.
#[derive(Debug, Clone, Default)]
pub struct SourceGauge(Arc<Gauge>);

#[derive(Debug, Default)]
struct Gauge {
    ahead: AtomicUsize,
    missing: AtomicUsize,
}

impl SourceGauge {
    /// Whether the builders have fallen behind by more than half of what was ready.
    pub fn runs_low(&self) -> bool {
        2 * self.0.missing.load(Ordering::Relaxed) > self.0.ahead.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct Inner<T> {
    ready: VecDeque<T>,
    lanes: Vec<mpsc::Receiver<T>>,
    next: usize,
}

/// `count` lanes that hold `each` items at most, and their source.
pub fn lanes<T>(count: usize, each: usize) -> (Vec<Lane<T>>, Source<T>) {
    let (senders, lanes) = (0..count).map(|_| mpsc::channel(each.max(1))).unzip::<_, _, Vec<_>, Vec<_>>();
    let inner = Inner { ready: VecDeque::new(), lanes, next: 0 };
    (
        senders.into_iter().map(Lane).collect(),
        Source { inner: Mutex::new(inner), gauge: SourceGauge::default() },
    )
}

impl<T> Source<T> {
    /// Takes `count` items out of the lanes ahead of time, or all where there are fewer, or up to and with the first that
    /// is not `good`.
    pub async fn prefill(&self, count: usize, good: impl Fn(&T) -> bool) {
        let mut inner = self.inner.lock().await;
        while inner.ready.len() < count && inner.ready.back().is_none_or(&good) {
            let Some(item) = inner.take_next().await else { return };
            inner.ready.push_back(item);
            self.gauge.0.ahead.store(inner.ready.len(), Ordering::Relaxed);
        }
    }

    /// Shows how many are ready.
    pub fn gauge(&self) -> SourceGauge {
        self.gauge.clone()
    }

    /// The next item, in order; `None` once there are no more. What was taken ahead of time stays as much ahead, as long
    /// as the builders keep up.
    pub async fn next(&self) -> Option<T> {
        let mut inner = self.inner.lock().await;
        let ahead = self.gauge.0.ahead.load(Ordering::Relaxed);
        let item = match inner.ready.pop_front() {
            Some(item) => item,
            None => inner.take_next().await?,
        };
        let more_to_come = inner.top_up(ahead);
        let missing = if more_to_come { ahead - inner.ready.len() } else { 0 };
        self.gauge.0.missing.store(missing, Ordering::Relaxed);
        Some(item)
    }
}

impl<T> Inner<T> {
    /// Whose turn it is.
    fn lane(&self) -> usize {
        self.next % self.lanes.len()
    }

    /// Takes what is there until `ahead` are ready; false where the builders have no more.
    fn top_up(&mut self, ahead: usize) -> bool {
        while self.ready.len() < ahead {
            let lane = self.lane();
            match self.lanes[lane].try_recv() {
                Ok(item) => self.ready.push_back(item),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
            self.next += 1;
        }
        true
    }

    async fn take_next(&mut self) -> Option<T> {
        let lane = self.lane();
        // Cancel safe: the turn passes on only once the item is here.
        let item = self.lanes[lane].recv().await?;
        self.next += 1;
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_in_order_however_the_builders_run() {
        let (lanes, source) = lanes::<u64>(3, 2);
        let builders: Vec<_> = lanes
            .into_iter()
            .zip(0u64..)
            .map(|(lane, first)| {
                std::thread::spawn(move || (first..20).step_by(3).all(|item| lane.put(item)))
            })
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let items = runtime.block_on(async {
            source.prefill(4, |_| true).await;
            let mut items = vec![];
            while let Some(item) = source.next().await {
                items.push(item);
            }
            items
        });
        assert_eq!(items, (0..20).collect::<Vec<_>>());
        assert!(builders.into_iter().all(|b| b.join().expect("a builder")));
    }

    #[test]
    fn nothing_is_awaited_behind_an_item_that_is_no_good() {
        // The lane has no more items than these, and stays open: to wait for another would be to wait forever.
        let (mut lanes, source) = lanes::<u64>(1, 8);
        let lane = lanes.pop().expect("one lane");
        assert!((0..4).all(|item| lane.put(item)));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let ready = runtime.block_on(async {
            source.prefill(100, |item| *item != 3).await;
            source.inner.lock().await.ready.clone()
        });
        assert_eq!(ready, [0, 1, 2, 3]);
    }

    #[test]
    fn the_gauge_shows_when_builders_fall_behind_and_not_that_they_are_done() {
        let (mut lanes, source) = lanes::<u64>(1, 16);
        let (lane, gauge) = (lanes.pop().expect("one lane"), source.gauge());
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let put = |items: u64| assert!((0..items).all(|item| lane.put(item)));
        let take = |items: u64| {
            for _ in 0..items {
                runtime.block_on(source.next()).expect("an item");
            }
            gauge.runs_low()
        };
        put(10);
        runtime.block_on(source.prefill(8, |_| true));
        assert!(!take(6));
        assert!(take(1));
        // It is filled again, not only kept as it is.
        put(12);
        assert!(!take(1));
        assert!(take(11));
        drop(lane);
        assert!(!take(1));
    }
}
