//! `--record`: what the decode threads see goes to a file as well, cleared of secrets, on a thread of its own.
//! The I/O thread has no part in it. A disk that fails costs the recording and not the run; one that is slow holds up
//! decoding, as slow results do.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::machine;
use super::reader::Reader;
use crate::clock::Clock;
use crate::provider::Secret;
use crate::record::archive::{Item, RECORDING_FILE, RecordingWriter};
use crate::record::{Exchange, Head, Part, Reads, Trace, Transfer};
use crate::units::RequestId;

/// Items that wait for the file. Each is a part of a response, of some 64 KiB mostly, so this bounds memory.
const QUEUED_ITEMS: usize = 256;
/// What was recorded goes to the file after this long, however little it is, in case the run is killed: half of the second that
/// may be lost, for this thread runs only when a core has nothing else to do.
const FLUSH_EVERY: Duration = Duration::from_millis(500);

/// The recording of a run.
pub(super) struct Recorder {
    items: SyncSender<Vec<u8>>,
    thread: JoinHandle<Result<RecordingWriter>>,
}

impl Recorder {
    /// Creates the recording in `dir`. What fails later is told by [`Recorder::finish`].
    pub(super) fn start(dir: &Path, header: Value) -> Result<Recorder> {
        let writer = RecordingWriter::create(&dir.join(RECORDING_FILE), header).context("--record")?;
        Recorder::of(writer)
    }

    fn of(writer: RecordingWriter) -> Result<Recorder> {
        let (items, queue) = sync_channel(QUEUED_ITEMS);
        // At normal priority, since decoding waits for it: a part takes a fraction of a millisecond.
        let thread = machine::spawn("record", move || write(writer, &queue))?;
        Ok(Recorder { items, thread })
    }

    /// Where one decode thread lays down what it sees.
    pub(super) fn tap(&self, reader: &Reader) -> Tap {
        Tap { reader: reader.clone(), held: HashMap::new(), items: self.items.clone() }
    }

    /// Writes the footer once every tap is gone. Returns the file, or what went wrong with it.
    pub(super) fn finish(self, footer: Value) -> Result<PathBuf> {
        drop(self.items);
        let written = machine::join(self.thread).and_then(|writer| writer.finish(footer));
        written.context("the recording is not complete")
    }
}

fn write(mut writer: RecordingWriter, queue: &Receiver<Vec<u8>>) -> Result<RecordingWriter> {
    let clock = Clock::start();
    let mut flushed = clock.now();
    let mut failed = None;
    loop {
        let since = Duration::from(clock.now().since(flushed));
        let written = match queue.recv_timeout(FLUSH_EVERY.saturating_sub(since)) {
            // The queue is emptied to the end: nobody may wait for a disk that is full.
            Ok(_) if failed.is_some() => Ok(()),
            Ok(item) => writer.append(&item),
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => return failed.map_or(Ok(writer), Err),
        };
        failed = failed.or(written.err());
        // By the clock and not by the queue: where items keep coming, waiting for one never ends.
        if Duration::from(clock.now().since(flushed)) >= FLUSH_EVERY {
            flushed = clock.now();
            failed = failed.or_else(|| writer.flush().err());
        }
    }
}

/// One decode thread's way into the recording.
pub(super) struct Tap {
    reader: Reader,
    /// The last reads of each response that runs: what could not be cleared of secrets before more is seen.
    held: HashMap<RequestId, Reads>,
    items: SyncSender<Vec<u8>>,
}

impl Tap {
    /// Lays down an exchange.
    pub(super) fn take(&mut self, exchange: &Exchange) {
        let cleared = match exchange {
            Exchange::Part(part) => Exchange::Part(self.part(part)),
            Exchange::End(trace) => Exchange::End(Box::new(self.end(trace))),
            Exchange::Unsent(unsent) => {
                let mut unsent = unsent.clone();
                unsent.failure = self.reader.clean(unsent.failure);
                Exchange::Unsent(unsent)
            }
        };
        let mut item = Vec::new();
        Item::Exchange(cleared).write(&mut item);
        // Fails only where the writing thread is gone, and its panic is told at the end.
        let _ = self.items.send(item);
    }

    fn part(&mut self, part: &Part) -> Part {
        let mut reads = self.clear(part.request.info.id, &part.reads);
        let held = split_off_last(&mut reads, self.keep());
        if !held.ends.is_empty() {
            self.held.insert(part.request.info.id, held);
        }
        Part { head: self.head(&part.head).into(), reads, ..part.clone() }
    }

    fn end(&mut self, trace: &Trace) -> Trace {
        let transfer = match trace.transfer.clone() {
            Transfer::Failed(failure) => Transfer::Failed(self.reader.clean(failure)),
            other => other,
        };
        Trace {
            request: trace.request.clone(),
            head: trace.head.as_ref().map(|(at, head)| (*at, self.head(head).into())),
            reads: self.clear(trace.request.info.id, &trace.reads),
            transfer,
            ..*trace
        }
    }

    /// What was held back of this response and what has come now, with the secrets crossed out.
    fn clear(&mut self, id: RequestId, new: &Reads) -> Reads {
        let mut reads = self.held.remove(&id).unwrap_or_default();
        for (at, bytes) in new.iter() {
            reads.push(at, bytes);
        }
        for secret in self.reader.secrets.all().iter() {
            // As decoding does first, so that both see the same bytes.
            secret.cross_out(&mut reads.bytes);
            secret.cross_out_escaped(&mut reads.bytes);
        }
        reads
    }

    /// A secret may begin in this number of last bytes of a part, and end in the next.
    fn keep(&self) -> usize {
        let secrets = self.reader.secrets.all();
        secrets.iter().map(Secret::longest_form).max().unwrap_or(0).saturating_sub(1)
    }

    fn head(&self, head: &Head) -> Head {
        self.reader.redact_head(head).into_owned()
    }
}

/// Takes the last reads off, as many whole ones as it needs to hold `bytes` bytes.
fn split_off_last(reads: &mut Reads, bytes: usize) -> Reads {
    let cut = reads.bytes.len().saturating_sub(bytes);
    let whole = reads.ends.partition_point(|&(_, end)| end <= cut);
    let start = whole.checked_sub(1).map_or(0, |last| reads.ends[last].1);
    let ends = reads.ends.split_off(whole).into_iter().map(|(at, end)| (at, end - start));
    Reads { ends: ends.collect(), bytes: reads.bytes.split_off(start) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Stamp;

    #[test]
    fn a_full_disk_is_told_at_the_end_and_holds_nobody_up() {
        let recorder = Recorder::of(RecordingWriter::to_a_full_disk()).expect("a thread");
        for _ in 0..4 * QUEUED_ITEMS {
            recorder.items.send(vec![0; 64 << 10]).expect("it is taken");
        }
        let error = format!("{:#}", recorder.finish(Value::Null).expect_err("a full disk"));
        assert!(error.starts_with("the recording is not complete: cannot write /dev/full: "), "{error}");
    }

    #[test]
    fn what_trickles_in_is_in_the_file_soon_though_it_never_stops() {
        let dir = tempfile::tempdir().expect("a directory");
        let recorder = Recorder::start(dir.path(), Value::Null).expect("a recording");
        let length = || std::fs::metadata(dir.path().join(RECORDING_FILE)).expect("a file").len();
        let empty = length();
        // Far too little for a block, and never a pause as long as the time between two flushes.
        let has_grown = (0..6000).any(|_| {
            recorder.items.send(vec![0; 10]).expect("it is taken");
            std::thread::sleep(Duration::from_millis(10));
            length() > empty
        });
        assert!(has_grown, "a run that is killed would have lost a minute of it");
        recorder.finish(Value::Null).expect("it is written");
    }

    #[test]
    fn whole_reads_are_held_back_that_a_secret_may_begin_in() {
        let check = |lengths: &[usize], keep: usize, written: usize| {
            let mut reads = Reads::default();
            for (&length, at) in lengths.iter().zip(0..) {
                reads.push(Stamp(at), &vec![b'x'; length]);
            }
            let whole = reads.clone();
            let held = split_off_last(&mut reads, keep);
            assert_eq!(reads.ends.len(), written, "{lengths:?} less {keep}");
            for (at, bytes) in held.iter() {
                reads.push(at, bytes);
            }
            assert_eq!(reads, whole);
        };
        check(&[10, 10, 10], 0, 3);
        check(&[10, 10, 10], 1, 2);
        check(&[10, 10, 10], 10, 2);
        check(&[10, 10, 10], 11, 1);
        check(&[10, 10, 10], 40, 0);
        check(&[10, 0, 0], 1, 0);
        check(&[], 5, 0);
    }
}
