//! A plugin that only fails ends the run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::control::{Ended, Stop};
use crate::load::Phase;
use crate::record::{Outcome, RequestRecord};

/// Counts faults of the plugin in a row where they are seen first, on the decode threads. However late these are, few requests are
/// sent in vain: those whose faults are not seen yet wait in short queues ([`super::decode::queue_of`]), and slots wait for room.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults(Option<Arc<Counter>>);

#[derive(Debug)]
struct Counter {
    in_a_row: AtomicU32,
    most: u32,
    stop: Stop,
}

impl Faults {
    /// The run ends when `most` come in a row. The default never ends one.
    pub(super) fn new(most: u32, stop: &Stop) -> Faults {
        Faults(Some(Arc::new(Counter { in_a_row: AtomicU32::new(0), most, stop: stop.clone() })))
    }

    /// Takes a record in.
    pub(super) fn see(&self, record: &RequestRecord) {
        let Some(counter) = &self.0 else { return };
        if !is_plugin_fault(record) {
            counter.in_a_row.store(0, Ordering::Relaxed);
        } else if counter.in_a_row.fetch_add(1, Ordering::Relaxed) + 1 == counter.most {
            counter.stop.because(Ended::PluginFaults, Phase::Cancelling);
        }
    }
}

fn is_plugin_fault(record: &RequestRecord) -> bool {
    matches!(&record.outcome, Outcome::Failed(failure) if failure.kind.is_plugin_fault())
}
