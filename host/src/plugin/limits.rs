//! How much CPU and memory guests may use.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::{ResourceLimiter, StoreLimits, StoreLimitsBuilder, bail};

use super::usage::Meter;
use crate::units::Span;

/// What a plugin may use; `--plugin-limit` sets each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// CPU of one call, in units of fuel (about one WebAssembly instruction each). Fuel and not wall time, so that a busy
    /// machine cannot change a result; it costs about 7 % of a decode, 0.05 µs an event.
    pub fuel_per_call: u64,
    /// CPU time of one call, what the host does for it included. It ends a guest that has the host work for it and uses little
    /// fuel itself; looked at some ten times a second.
    pub cpu_per_call: Span,
    /// Bytes of linear memory, all memories of the instance together.
    pub memory_bytes: usize,
    /// Bytes that all instances together may grow by, beyond the memory they start with: long streams keep an instance each,
    /// and a plugin that hoards in every one of a thousand must not take the machine.
    pub growth_bytes_together: usize,
    /// Bytes that one call may hand to the host.
    pub answer_bytes: usize,
    /// Bytes of output that one response may amount to, in all calls together.
    pub output_bytes: usize,
    /// Bytes of stdout and stderr kept for one instance; the rest is dropped.
    pub log_bytes: usize,
    /// Lines of that shown in a run, where they are to be shown.
    pub log_lines: u32,
    /// A plugin that fails this often in a row will not recover, and the run ends.
    pub faults_in_a_row: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // About a second. A decode of 256 events takes a thousandth of it in Rust and a hundredth in Python.
            fuel_per_call: 2_000_000_000,
            // Fuel ends a guest that computes well before; this is for what fuel does not see.
            cpu_per_call: Span::from_secs(5),
            // SpiderMonkey and CPython guests start with some 20 MiB; a 16 MiB event must fit beside its parse.
            memory_bytes: 256 << 20,
            growth_bytes_together: 1 << 30,
            // A built request with a prompt of a million tokens is some 4 MiB; lists of small records count several times their text.
            answer_bytes: 64 << 20,
            // An answer of a million tokens is some 5 MiB; an endless one must end.
            output_bytes: 16 << 20,
            // A panic message with its location, and some lines before it.
            log_bytes: 4 << 10,
            // The first ones tell what is wrong; a plugin that writes for every event must not flood a terminal.
            log_lines: 100,
            faults_in_a_row: 10,
        }
    }
}

/// Tables and core instances of one component: a Rust or C guest has 2 to 5, with a WASI adapter some 10.
const MAX_CORE_OBJECTS: usize = 64;
/// Elements of one table; CPython has some 10,000 functions.
const MAX_TABLE_ELEMENTS: usize = 100_000;

/// What an instance may have grown by and still serve again: a heap that holds one answer's events, and not what it hoards.
const MAX_KEPT_GROWTH: usize = 1 << 20;

/// How far the instances of an engine have grown.
#[derive(Debug, Clone, Default)]
pub(super) struct Growth(Arc<AtomicUsize>);

/// The limits of one store, and its share of what all may grow by.
pub(super) struct Limiter {
    own: StoreLimits,
    together: Growth,
    most_together: usize,
    /// Bytes of all memories of this store, and by how much of that they have grown.
    held: usize,
    grown: usize,
    meter: Meter,
}

impl Limiter {
    pub(super) fn new(limits: Limits, together: Growth, meter: Meter) -> Limiter {
        let own = StoreLimitsBuilder::new()
            .memory_size(limits.memory_bytes)
            .table_elements(MAX_TABLE_ELEMENTS)
            .memories(MAX_CORE_OBJECTS)
            .tables(MAX_CORE_OBJECTS)
            .instances(MAX_CORE_OBJECTS)
            .trap_on_grow_failure(true)
            .build();
        Limiter { own, together, most_together: limits.growth_bytes_together, grown: 0, held: 0, meter }
    }
}

impl Limiter {
    /// Bytes of memory that the guest holds beyond what it started with.
    pub(super) fn grown(&self) -> usize {
        self.grown
    }

    /// Whether the guest holds more memory than it started with.
    pub(super) fn has_grown(&self) -> bool {
        self.grown > MAX_KEPT_GROWTH
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let held = self.held.saturating_add(more);
        let may_grow = self.own.memory_growing(current, desired, maximum)?
            && self.own.memory_growing(current, held, None)?;
        if may_grow {
            self.held = held;
            self.meter.holds(held);
        }
        // From nothing is how a memory starts.
        if may_grow && current > 0 {
            let before = self.together.0.fetch_add(more, Ordering::Relaxed);
            self.grown += more;
            if before + more > self.most_together {
                let most = self.most_together >> 20;
                bail!("resource limit exceeded: a plugin's instances may grow by {most} MiB together");
            }
        }
        Ok(may_grow)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.own.memory_grow_failed(error)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.own.table_growing(current, desired, maximum)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.own.table_grow_failed(error)
    }

    fn instances(&self) -> usize {
        self.own.instances()
    }

    fn tables(&self) -> usize {
        self.own.tables()
    }

    fn memories(&self) -> usize {
        self.own.memories()
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.together.0.fetch_sub(self.grown, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memories_of_an_instance_share_its_limit() {
        let limits = Limits { memory_bytes: 100, ..Limits::default() };
        let mut limiter = Limiter::new(limits, Growth::default(), Meter::default());
        assert!(limiter.memory_growing(0, 60, None).is_ok_and(|may| may));
        assert!(limiter.memory_growing(0, 30, None).is_ok_and(|may| may));
        assert!(limiter.memory_growing(30, 40, Some(35)).is_err(), "more than the memory's own maximum");
        assert!(limiter.memory_growing(30, 40, None).is_ok_and(|may| may));
        let error = limiter.memory_growing(0, 1, None).expect_err("nothing is left");
        assert!(error.to_string().contains("growing memory"), "{error}");
    }
}
