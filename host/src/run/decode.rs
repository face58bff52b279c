//! The decode threads: each takes the exchanges of its share of requests and turns them into records.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::thread::JoinHandle;

use anyhow::Result;
use tokio::sync::mpsc;

use super::background::{self, Need};
use super::faults::Faults;
use super::reader::Reader;
use super::record::Recorder;
use super::understand::Response;
use crate::metrics::Room;
use crate::record::{Exchange, RequestRecord, Trace};
use crate::units::RequestId;

/// Exchanges that wait for one decode thread at most. Ended responses hold their bytes, so this bounds memory too.
pub(super) const MOST_QUEUED: usize = 1024;
/// For all decode threads together, where slots are few: a plugin that only fails is seen to before many more are sent.
const LEAST_QUEUED: usize = 64;

/// How many exchanges may wait for each of `threads` decode threads: four of each slot in all, and no fewer than
/// [`LEAST_QUEUED`].
pub(super) fn queue_of(slots: usize, threads: usize) -> usize {
    slots.saturating_mul(4).max(LEAST_QUEUED).div_ceil(threads).min(MOST_QUEUED)
}

/// Where I/O threads hand exchanges over: all of a request's go to the same thread.
#[derive(Debug, Clone)]
pub(super) struct Handover(Vec<mpsc::Sender<Exchange>>);

impl Handover {
    /// The channel of this request's decode thread.
    pub(super) fn of(&self, id: RequestId) -> &mpsc::Sender<Exchange> {
        &self.0[usize::try_from(id.0 % self.0.len() as u64).expect("smaller than a usize")]
    }

    /// To look at how full it is.
    pub(super) fn gauge(&self) -> QueueGauge {
        QueueGauge(self.0.iter().map(mpsc::Sender::downgrade).collect())
    }
}

/// How full the channels of a handover are; it does not keep them open.
#[derive(Debug, Clone, Default)]
pub(super) struct QueueGauge(Vec<mpsc::WeakSender<Exchange>>);

impl QueueGauge {
    /// The fullest of them; `None` where all are closed.
    pub(super) fn fullest(&self) -> Option<Room> {
        let room = |sender: mpsc::Sender<Exchange>| Room {
            most: (sender.max_capacity() - sender.capacity()) as u64,
            limit: sender.max_capacity() as u64,
        };
        self.0.iter().filter_map(mpsc::WeakSender::upgrade).map(room).max_by_key(|room| room.most)
    }
}

/// What becomes of exchanges.
#[derive(Clone)]
pub(super) struct Decoding {
    pub(super) reader: Reader,
    /// Where records go.
    pub(super) records: SyncSender<RequestRecord>,
    /// How often that had to wait.
    pub(super) record_waits: Arc<AtomicU64>,
    /// Counts what the plugin did wrong.
    pub(super) faults: Faults,
}

/// Starts `count` decoders with room for `queue` exchanges each. They end when every copy of the handover is gone. Each
/// exchange goes to the recorder too.
pub(super) fn start(
    decoding: &Decoding,
    (count, queue): (usize, usize),
    recorder: Option<&Recorder>,
    need: &Need,
) -> Result<(Handover, Vec<JoinHandle<()>>)> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| mpsc::channel(queue)).unzip();
    let mut threads = vec![];
    for mut exchanges in receivers {
        let (decoding, mut tap) = (decoding.clone(), recorder.map(|recorder| recorder.tap(&decoding.reader)));
        let mut running = HashMap::new();
        threads.extend(background::spawn("decode", need, 0, move || {
            let Some(exchange) = exchanges.blocking_recv() else { return false };
            if let Some(tap) = &mut tap {
                tap.take(&exchange);
            }
            decoding.take(exchange, &mut running)
        })?);
    }
    Ok((Handover(senders), threads))
}

impl Decoding {
    /// Takes one exchange in; false where nobody wants its record.
    fn take(&self, exchange: Exchange, running: &mut HashMap<RequestId, Response>) -> bool {
        let reader = &self.reader;
        let record = match exchange {
            Exchange::Part(part) => {
                let response = running
                    .entry(part.request.info.id)
                    .or_insert_with(|| Response::start(reader, &part.request, &part.head));
                response.read(reader, &part.reads);
                if response.is_lost() {
                    part.abandon.store(true, Ordering::Relaxed);
                }
                return true;
            }
            Exchange::End(trace) => end(reader, running.remove(&trace.request.info.id), &trace),
            Exchange::Unsent(unsent) => reader.unsent(unsent),
        };
        self.faults.see(&record);
        match self.records.try_send(record) {
            Err(TrySendError::Full(record)) => {
                self.record_waits.fetch_add(1, Ordering::Relaxed);
                self.records.send(record).is_ok()
            }
            sent => sent.is_ok(),
        }
    }
}

fn end(reader: &Reader, running: Option<Response>, trace: &Trace) -> RequestRecord {
    let Some((_, head)) = &trace.head else { return reader.without_head(trace) };
    let head = Arc::clone(head);
    let response = running.unwrap_or_else(|| Response::start(reader, &trace.request, &head));
    response.end(reader, trace, &head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_follow_the_slots_within_bounds() {
        assert_eq!(
            [queue_of(4, 1), queue_of(4, 3), queue_of(100, 3), queue_of(10_000, 1)],
            [64, 22, 134, 1024]
        );
    }
}
