//! The decode threads: each takes the exchanges of its share of requests and turns them into records.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::thread::JoinHandle;

use anyhow::Result;
use tokio::sync::mpsc;

use super::machine;
use super::reader::Reader;
use super::record::{Recorder, Tap};
use super::understand::Response;
use crate::metrics::Room;
use crate::record::{Exchange, RequestRecord, Trace};
use crate::units::RequestId;

/// Exchanges that wait for one decode thread. Ended responses hold their bytes, so this bounds memory too.
const QUEUED_EXCHANGES: usize = 1024;

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

/// Starts `count` decode threads. They end when every copy of the handover is gone. Each exchange goes to the recorder too.
pub(super) fn start(
    reader: &Reader,
    count: usize,
    recorder: Option<&Recorder>,
    records: &SyncSender<RequestRecord>,
    record_waits: &Arc<AtomicU64>,
) -> Result<(Handover, Vec<JoinHandle<()>>)> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| mpsc::channel(QUEUED_EXCHANGES)).unzip();
    let threads = receivers.into_iter().map(|exchanges| {
        let (reader, records, tap) = (reader.clone(), records.clone(), recorder.map(|r| r.tap(reader)));
        let waits = Arc::clone(record_waits);
        machine::spawn_background("decode", move || work(&reader, tap, exchanges, &records, &waits))
    });
    Ok((Handover(senders), threads.collect::<Result<_>>()?))
}

fn work(
    reader: &Reader,
    mut tap: Option<Tap>,
    mut exchanges: mpsc::Receiver<Exchange>,
    records: &SyncSender<RequestRecord>,
    waits: &AtomicU64,
) {
    let mut running: HashMap<RequestId, Response> = HashMap::new();
    while let Some(exchange) = exchanges.blocking_recv() {
        if let Some(tap) = &mut tap {
            tap.take(&exchange);
        }
        let record = match exchange {
            Exchange::Part(part) => {
                let response = running
                    .entry(part.request.info.id)
                    .or_insert_with(|| Response::start(reader, &part.request, &part.head));
                response.read(reader, &part.reads);
                if response.is_lost() {
                    part.abandon.store(true, Ordering::Relaxed);
                }
                continue;
            }
            Exchange::End(trace) => end(reader, running.remove(&trace.request.info.id), &trace),
            Exchange::Unsent(unsent) => reader.unsent(unsent),
        };
        let sent = match records.try_send(record) {
            Err(TrySendError::Full(record)) => {
                waits.fetch_add(1, Ordering::Relaxed);
                records.send(record).is_ok()
            }
            sent => sent.is_ok(),
        };
        if !sent {
            return;
        }
    }
}

fn end(reader: &Reader, running: Option<Response>, trace: &Trace) -> RequestRecord {
    let Some((_, head)) = &trace.head else { return reader.without_head(trace) };
    let head = Arc::clone(head);
    let response = running.unwrap_or_else(|| Response::start(reader, &trace.request, &head));
    response.end(reader, trace, &head)
}
