//! How the client itself fared while it measured: plain numbers, to be judged by [`super::judge`]. Whatever the system
//! does not tell is `None`.

use serde::Serialize;

use super::lag::LagHistogram;
use crate::units::Span;

/// The client's health over the time in which requests ran.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Health {
    /// Wall time that all of this is about, in seconds.
    pub elapsed_s: f64,
    /// Cores this process may use.
    pub cores: usize,
    /// CPU time of the whole process, in seconds; a built-in target is part of it.
    pub process_cpu_s: Option<f64>,
    pub io_thread: ThreadTime,
    pub reactor_lag: Option<ReactorLag>,
    /// Of the process's control group or one above it, whichever had more.
    pub throttled: Option<Throttling>,
    /// Share of the machine's CPU time that the hypervisor gave to others, from 0 to 1.
    pub steal_share: Option<f64>,
    pub open_files: Option<Room>,
    /// Local ports in use, as if every open file held one, and those that still wait after their end (TIME_WAIT).
    pub local_ports: Option<Room>,
    /// Exchanges waiting for the fullest decode thread, looked at ten times a second.
    pub decode_queue: Option<Room>,
    /// How often reading a response had to wait until decoding had room for it.
    pub reading_waits: u64,
    /// How often decoding had to wait until a record could be written.
    pub record_waits: u64,
    /// `None` in an open loop, whose slots are meant to stand idle.
    pub idle_slots: Option<IdleSlots>,
    /// `None` where the system does not tell them from a lack of CPU.
    pub pauses: Option<Pauses>,
    /// Whether work in the background was needed sooner than it got a core, and went on at normal priority.
    pub background_needed: bool,
}

/// The time that slots of a closed loop were not used: from the end of a slot's request, or of the time to think after it, to
/// the start of its next one, whatever it waited for. Of measured requests, and of those that never came before the run ended.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct IdleSlots {
    /// Of all slots together, in seconds.
    pub idle_s: f64,
    /// `idle / (idle + busy)`, where busy is the time that the requests ran: the share of concurrency × time that made no load.
    pub share: f64,
    /// `idle / requests`.
    pub mean_ms: f64,
}

/// Times in which the whole process stood still without waiting for a core: it was stopped, or its machine was.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Pauses {
    pub count: u64,
    pub total_s: f64,
    pub longest_s: f64,
}

/// What the I/O thread got of its core.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct ThreadTime {
    /// CPU time, in seconds.
    pub cpu_s: Option<f64>,
    /// Time in which it could have run and something else had the core, in seconds.
    pub runqueue_wait_s: Option<f64>,
}

/// How long the I/O runtime took to see a message that another thread had just sent it: what any read waits for its stamp.
/// About a hundred messages a second; the numbers are at most a sixteenth too high.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReactorLag {
    pub n: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

/// How often and how long a control group's CPU quota stopped it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Throttling {
    pub periods: u64,
    pub time_s: f64,
}

/// The most of something that was in use, and how much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Room {
    pub most: u64,
    pub limit: u64,
}

impl Health {
    /// The share of `elapsed_s` that this time is.
    pub fn share(&self, seconds: f64) -> f64 {
        if self.elapsed_s > 0.0 { seconds / self.elapsed_s } else { 0.0 }
    }
}

impl IdleSlots {
    /// Over this number of requests; `None` where there was none.
    pub fn of(idle: Span, busy: Span, requests: u64) -> Option<IdleSlots> {
        let (idle_s, busy_s) = (idle.as_secs(), busy.as_secs());
        let share = if idle_s > 0.0 { idle_s / (idle_s + busy_s) } else { 0.0 };
        (requests > 0).then(|| IdleSlots { idle_s, share, mean_ms: idle.as_ms() / requests as f64 })
    }
}

impl Pauses {
    /// Takes one in.
    pub fn add(&mut self, pause: Span) {
        self.count += 1;
        self.total_s += pause.as_secs();
        self.longest_s = self.longest_s.max(pause.as_secs());
    }
}

impl ReactorLag {
    /// `None` where nothing was seen.
    pub fn of(lags: &LagHistogram) -> Option<ReactorLag> {
        let ms = |q| lags.quantile(q).map(|span| span.as_ms());
        Some(ReactorLag { n: lags.count(), p50_ms: ms(0.5)?, p99_ms: ms(0.99)?, max_ms: lags.max().as_ms() })
    }
}

impl Room {
    /// From 0 to 1; 0 where there is no limit.
    pub fn share(self) -> f64 {
        if self.limit == 0 { 0.0 } else { self.most as f64 / self.limit as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_what_there_was() {
        let health = Health { elapsed_s: 4.0, ..Health::default() };
        assert_eq!(health.share(1.0), 0.25);
        assert_eq!(Health::default().share(1.0), 0.0);
        assert_eq!(Room { most: 3, limit: 4 }.share(), 0.75);
        assert_eq!(Room { most: 3, limit: 0 }.share(), 0.0);
    }

    #[test]
    fn a_lag_is_undefined_where_nothing_was_seen() {
        let mut lags = LagHistogram::default();
        assert_eq!(ReactorLag::of(&lags), None);
        (0..99).for_each(|_| lags.add(Span(16_000)));
        lags.add(Span(5_000_000));
        let lag = ReactorLag::of(&lags).expect("it is defined");
        assert_eq!((lag.n, lag.max_ms), (100, 5.0));
        assert!(lag.p50_ms >= 0.016 && lag.p50_ms < 0.0171, "{lag:?}");
        assert!(lag.p99_ms < 0.0171, "{lag:?}");
    }

    #[test]
    fn what_is_idle_is_a_share_of_all_the_slots_had() {
        let ms = Span::from_millis;
        let idle = IdleSlots::of(ms(2000), ms(6000), 100);
        assert_eq!(idle, Some(IdleSlots { idle_s: 2.0, share: 0.25, mean_ms: 20.0 }));
        assert_eq!(IdleSlots::of(Span(0), Span(0), 1).map(|idle| idle.share), Some(0.0));
        assert_eq!(IdleSlots::of(ms(1), ms(1), 0), None);
    }
}
