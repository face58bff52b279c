//! Watches the client while it measures. One thread of its own looks at the system and pings the I/O runtime; on the I/O
//! thread nothing runs but the answer to a ping.

mod system;

use std::sync::mpsc::{RecvTimeoutError, Sender as StopSender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::mpsc;

use super::background::Need;
use super::decode::QueueGauge;
use super::machine;
use crate::clock::{Clock, boot_time, process_cpu, thread_cpu};
use crate::load::SourceGauge;
use crate::metrics::{Health, LagHistogram, Pauses, ReactorLag, Room, ThreadTime, Throttling};
use crate::units::{Span, Stamp};

/// Between two pings: often enough for a p99 of a second's run, and a thousandth of a core.
const PING_EVERY: Duration = Duration::from_millis(10);
/// Pings between two looks at the system.
const PINGS_PER_LOOK: u32 = 10;
/// Pings that wait; a runtime that answers none of them has stood still for a second, and the first of them says so.
const WAITING_PINGS: usize = 100;
/// A pause is longer than this: time slices of other programs and the quota of a container are not.
const LEAST_PAUSE: Span = Span::from_millis(250);

/// A thread that waited for a core for this share of the time that it wanted one shares the cores with other programs.
const CROWDED: f64 = 0.2;

/// Whether other programs keep the cores busy, by how long the calling thread has waited for one since it started; false where
/// the system does not say.
pub(super) fn cores_are_busy() -> bool {
    system::schedstat().is_some_and(|(ran, waited)| waited as f64 > CROWDED * (ran + waited) as f64)
}

/// A watch that runs; to be begun and ended on the I/O thread.
pub(super) struct Watch {
    clock: Clock,
    before: Reading,
    stop: StopSender<()>,
    looking: JoinHandle<Seen>,
    need: Need,
    answering: tokio::task::JoinHandle<LagHistogram>,
}

/// What only grows; the difference of two of them is what happened in between.
struct Reading {
    at: Stamp,
    process_cpu: Span,
    thread_cpu: Span,
    runqueue_wait_ns: Option<u64>,
    steal_ticks: Option<(u64, u64)>,
    throttling: Option<Throttling>,
}

/// How full what feeds and what frees the slots is.
#[derive(Debug, Clone, Default)]
pub(super) struct Gauges {
    pub(super) ready: SourceGauge,
    pub(super) decoding: QueueGauge,
}

impl Gauges {
    /// Whether the requests built ahead run out, or decoding falls behind by as much as all slots have under way.
    fn show_need(&self) -> bool {
        let backlog = self.decoding.fullest().filter(|queue| queue.most > queue.limit / 4);
        self.ready.runs_low() || backlog.is_some()
    }
}

/// What the watching thread saw.
struct Seen {
    most: Most,
    pauses: Option<Pauses>,
}

/// The most that was seen in use.
#[derive(Default)]
struct Most {
    open_files: Option<Room>,
    local_ports: Option<Room>,
    decode_queue: Option<Room>,
}

impl Watch {
    /// Begins, inside the I/O runtime.
    pub(super) fn begin(clock: Clock, gauges: Gauges, need: Need) -> Result<Watch> {
        let (pings, mut answered) = mpsc::channel::<Stamp>(WAITING_PINGS);
        let answering = tokio::spawn(async move {
            let mut lags = LagHistogram::default();
            while let Some(sent) = answered.recv().await {
                lags.add(clock.now().since(sent));
            }
            lags
        });
        let (stop, stopped) = channel();
        let needed = need.clone();
        let looking = machine::spawn("health", move || {
            let (mut most, mut standstill) = (Most::default(), Standstill::begin());
            for round in 0u32.. {
                let is_look = round % PINGS_PER_LOOK == 0;
                if is_look {
                    most.look(&gauges.decoding);
                }
                standstill.tick(is_look);
                if gauges.show_need() {
                    needed.arise();
                }
                // Where there is no room, those that wait say it all.
                let _ = pings.try_send(clock.now());
                if !matches!(stopped.recv_timeout(PING_EVERY), Err(RecvTimeoutError::Timeout)) {
                    break;
                }
            }
            most.look(&gauges.decoding);
            Seen { most, pauses: standstill.pauses() }
        })?;
        Ok(Watch { clock, before: Reading::now(clock), stop, looking, need, answering })
    }

    /// Ends, and tells what was seen.
    pub(super) async fn end(self) -> Result<Health> {
        let after = Reading::now(self.clock);
        drop(self.stop);
        let Seen { most, pauses } = machine::join(self.looking);
        let lags = self.answering.await?;
        let before = self.before;
        let throttled = after.throttling.zip(before.throttling).map(|(after, before)| Throttling {
            periods: after.periods.saturating_sub(before.periods),
            time_s: (after.time_s - before.time_s).max(0.0),
        });
        let waited = after.runqueue_wait_ns.zip(before.runqueue_wait_ns);
        let steal = after.steal_ticks.zip(before.steal_ticks).and_then(|(after, before)| {
            let all = after.0.checked_sub(before.0).filter(|ticks| *ticks > 0)?;
            Some(after.1.checked_sub(before.1)? as f64 / all as f64)
        });
        Ok(Health {
            elapsed_s: after.at.since(before.at).as_secs(),
            cores: machine::cores(),
            process_cpu_s: Some(Span(after.process_cpu.0.saturating_sub(before.process_cpu.0)).as_secs()),
            io_thread: ThreadTime {
                cpu_s: Some(Span(after.thread_cpu.0.saturating_sub(before.thread_cpu.0)).as_secs()),
                runqueue_wait_s: waited.map(|(after, before)| Span(after.saturating_sub(before)).as_secs()),
            },
            reactor_lag: ReactorLag::of(&lags),
            throttled,
            steal_share: steal,
            open_files: most.open_files,
            local_ports: most.local_ports,
            decode_queue: most.decode_queue,
            // Known only once every thread has ended.
            reading_waits: 0,
            record_waits: 0,
            idle_slots: None,
            pauses,
            background_needed: self.need.has_arisen(),
        })
    }
}

impl Reading {
    fn now(clock: Clock) -> Reading {
        Reading {
            at: clock.now(),
            process_cpu: process_cpu(),
            thread_cpu: thread_cpu(),
            runqueue_wait_ns: system::runqueue_wait_ns(),
            steal_ticks: system::steal_ticks(),
            throttling: system::throttling(),
        }
    }
}

/// Sees that the whole process stood still: between two ticks passed far more time than its thread slept or waited for a core.
struct Standstill {
    ticked: Span,
    /// Time that this thread has waited for a core, when that was last read.
    waited_ns: Option<u64>,
    pauses: Pauses,
}

impl Standstill {
    fn begin() -> Standstill {
        Standstill { ticked: boot_time(), waited_ns: system::runqueue_wait_ns(), pauses: Pauses::default() }
    }

    /// To be called every [`PING_EVERY`].
    fn tick(&mut self, read_wait: bool) {
        let now = boot_time();
        let gap = Span(now.0.saturating_sub(self.ticked.0).saturating_sub(PING_EVERY.as_nanos() as u64));
        self.ticked = now;
        if read_wait || gap > LEAST_PAUSE {
            let waited_ns = system::runqueue_wait_ns();
            let waited = waited_ns.zip(self.waited_ns).map(|(now, before)| now.saturating_sub(before));
            self.waited_ns = waited_ns;
            let still = Span(gap.0.saturating_sub(waited.unwrap_or(gap.0)));
            if still > LEAST_PAUSE {
                self.pauses.add(still);
            }
        }
    }

    fn pauses(self) -> Option<Pauses> {
        self.waited_ns.map(|_| self.pauses)
    }
}

impl Most {
    fn look(&mut self, queue: &QueueGauge) {
        let files = system::open_files();
        let ports = files.and_then(|files| system::local_ports(files.most));
        for (most, seen) in [
            (&mut self.open_files, files),
            (&mut self.local_ports, ports),
            (&mut self.decode_queue, queue.fullest()),
        ] {
            if seen.is_some_and(|seen| most.is_none_or(|most| seen.most > most.most)) {
                *most = seen;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_that_stands_still_is_seen() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let health = runtime.block_on(async {
            let watch = Watch::begin(Clock::start(), Gauges::default(), Need::default()).expect("threads");
            tokio::time::sleep(Duration::from_millis(100)).await;
            // The point is to block.
            std::thread::sleep(Duration::from_millis(200));
            watch.end().await.expect("it ends")
        });
        let lag = health.reactor_lag.expect("pings");
        assert!(lag.n >= 10 && lag.max_ms > 100.0, "{lag:?}");
        assert!(health.elapsed_s >= 0.3, "{health:?}");
    }
}
