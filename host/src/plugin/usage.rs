//! What a plugin used in a run: the CPU time and fuel of its calls, its instances and their memory, its faults. Counted where
//! the calls are made; nothing here reads a clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::units::Span;

/// What all instances of a plugin used since it was loaded; to load it and to ask what it is are not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Having requests built.
    pub building: Work,
    /// Having answers read, those that are no success included.
    pub decoding: Work,
    /// Events that it was given to decode.
    pub events: u64,
    /// Instances that were started; a bundled plugin's serve several requests each.
    pub instances: u64,
    /// CPU time of starting them. Ending them is not in it.
    pub starting: Span,
    /// The most linear memory that one instance held.
    pub peak_memory_bytes: u64,
    /// The most fuel that one call used.
    pub most_fuel: u64,
    /// Calls that trapped, passed a limit, or returned an error or something that breaks the contract. Starts of instances
    /// count as calls.
    pub faults: u64,
}

/// What calls of one kind used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    pub calls: u64,
    /// CPU time of the calling threads from before each call to after it, so that conversion of what goes in and out is in it.
    pub cpu: Span,
    /// Units of fuel, about one WebAssembly instruction each.
    pub fuel: u64,
}

impl Usage {
    /// CPU time of an event that was decoded, the calls at the start and end of its answer included. `None` where there
    /// was no event.
    pub fn cpu_us_per_event(&self) -> Option<f64> {
        per(self.decoding.cpu, self.events)
    }

    /// CPU time of a request that was built. `None` where none was.
    pub fn cpu_us_per_request(&self) -> Option<f64> {
        per(self.building.cpu, self.building.calls)
    }

    /// All CPU time together.
    pub fn cpu(&self) -> Span {
        Span(self.building.cpu.0 + self.decoding.cpu.0 + self.starting.0)
    }
}

fn per(cpu: Span, count: u64) -> Option<f64> {
    (count > 0).then(|| cpu.0 as f64 / 1e3 / count as f64)
}

/// What a call was for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Build,
    Decode,
    Start,
}

/// Where the instances of a plugin say what they use. Their threads add to it a few times in each request.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    building: Counter,
    decoding: Counter,
    starting: Counter,
    events: AtomicU64,
    peak_memory: AtomicU64,
    most_fuel: AtomicU64,
    faults: AtomicU64,
}

#[derive(Debug, Default)]
struct Counter {
    calls: AtomicU64,
    cpu_ns: AtomicU64,
    fuel: AtomicU64,
}

impl Counter {
    fn work(&self) -> Work {
        Work {
            calls: self.calls.load(Relaxed),
            cpu: Span(self.cpu_ns.load(Relaxed)),
            fuel: self.fuel.load(Relaxed),
        }
    }
}

impl Meter {
    /// A call has returned.
    pub(super) fn called(&self, purpose: Purpose, cpu: Span, fuel: u64) {
        let counter = match purpose {
            Purpose::Build => &self.0.building,
            Purpose::Decode => &self.0.decoding,
            Purpose::Start => &self.0.starting,
        };
        counter.calls.fetch_add(1, Relaxed);
        counter.cpu_ns.fetch_add(cpu.0, Relaxed);
        counter.fuel.fetch_add(fuel, Relaxed);
        self.0.most_fuel.fetch_max(fuel, Relaxed);
    }

    /// Number of events given to it.
    pub(super) fn decodes(&self, events: usize) {
        self.0.events.fetch_add(events as u64, Relaxed);
    }

    /// An instance holds so much linear memory now.
    pub(super) fn holds(&self, bytes: usize) {
        self.0.peak_memory.fetch_max(bytes as u64, Relaxed);
    }

    /// A call failed.
    pub(super) fn failed(&self) {
        self.0.faults.fetch_add(1, Relaxed);
    }

    /// The counts so far.
    pub(super) fn usage(&self) -> Usage {
        let counters = &*self.0;
        let starts = counters.starting.work();
        Usage {
            building: counters.building.work(),
            decoding: counters.decoding.work(),
            events: counters.events.load(Relaxed),
            instances: starts.calls,
            starting: starts.cpu,
            peak_memory_bytes: counters.peak_memory.load(Relaxed),
            most_fuel: counters.most_fuel.load(Relaxed),
            faults: counters.faults.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_calls_use_adds_up_and_peaks_are_of_one() {
        let meter = Meter::default();
        meter.called(Purpose::Start, Span(20_000), 500);
        meter.called(Purpose::Build, Span(3_000), 100);
        meter.called(Purpose::Build, Span(5_000), 900);
        meter.decodes(4);
        meter.called(Purpose::Decode, Span(6_000), 300);
        meter.holds(1 << 20);
        meter.holds(1 << 16);
        meter.failed();
        let usage = meter.usage();
        assert_eq!(usage.building, Work { calls: 2, cpu: Span(8_000), fuel: 1_000 });
        assert_eq!((usage.cpu_us_per_request(), usage.cpu_us_per_event()), (Some(4.0), Some(1.5)));
        assert_eq!((usage.instances, usage.starting, usage.cpu()), (1, Span(20_000), Span(34_000)));
        assert_eq!((usage.peak_memory_bytes, usage.most_fuel, usage.faults), (1 << 20, 900, 1));
        assert_eq!(
            (Usage::default().cpu_us_per_event(), Usage::default().cpu_us_per_request()),
            (None, None)
        );
    }
}
