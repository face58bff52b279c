//! The one place that reads a clock. Every instant of a run comes from [`Clock::now`].

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::units::{Span, Stamp};

/// The run's own clock: monotonic, zero at the start of the run. A step of the wall clock does not touch it.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    zero: Instant,
    zero_monotonic_ns: u64,
}

impl Clock {
    /// Starts a clock: this moment is its zero.
    pub fn start() -> Clock {
        // Read back to back; the two differ by well under a microsecond.
        let zero = Instant::now();
        Clock { zero, zero_monotonic_ns: monotonic_ns() }
    }

    /// Time since the start of the run.
    #[inline]
    pub fn now(&self) -> Stamp {
        Stamp(u64::try_from(self.zero.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The run's zero on the machine's `CLOCK_MONOTONIC`, so that instants of two processes can be laid side by side.
    pub fn zero_monotonic_ns(&self) -> u64 {
        self.zero_monotonic_ns
    }

    /// The `std` instant of a stamp, for timers.
    pub fn instant(&self, at: Stamp) -> Instant {
        self.zero + Duration::from_nanos(at.0)
    }
}

/// The machine's `CLOCK_MONOTONIC` in nanoseconds.
pub fn monotonic_ns() -> u64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(t.tv_nsec).unwrap_or(0)
}

/// Time since the machine started, with the time that it was suspended where the system counts that.
pub fn boot_time() -> Span {
    #[cfg(target_os = "linux")]
    return time_of(rustix::time::ClockId::Boottime);
    #[cfg(not(target_os = "linux"))]
    time_of(rustix::time::ClockId::Monotonic)
}

/// Wall-clock time, whole seconds since 1970 (LLMPerf's `timestamp`).
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// CPU time of the whole process so far, user and system.
pub fn process_cpu() -> Span {
    time_of(rustix::time::ClockId::ProcessCPUTime)
}

/// CPU time of the calling thread so far, user and system.
pub fn thread_cpu() -> Span {
    time_of(rustix::time::ClockId::ThreadCPUTime)
}

fn time_of(of: rustix::time::ClockId) -> Span {
    let t = rustix::time::clock_gettime(of);
    let seconds = Span::from_secs(u64::try_from(t.tv_sec).unwrap_or(0));
    Span(seconds.0 + u64::try_from(t.tv_nsec).unwrap_or(0))
}
