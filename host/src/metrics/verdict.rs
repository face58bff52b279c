//! Whether a run measured what it says it did: a verdict with reasons, each with its cause and its remedy.

use std::fmt;

use super::{ErrorBar, Health, Level, Metric, Note, Summary, Trend};
use crate::units::Span;

/// What a run's numbers are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Validity {
    Valid,
    /// Something may have moved the numbers; read the reasons first.
    Doubtful,
    /// The numbers are not what they claim to be.
    Invalid,
}

/// The verdict on a run: as bad as its worst reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub validity: Validity,
    /// The worst first. One that is [`Validity::Valid`] is a remark.
    pub reasons: Vec<(Validity, Reason)>,
}

/// What a verdict takes into account beside what was measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoadFacts {
    /// Open loop, requests per second.
    pub offered_rate: Option<f64>,
    /// Open loop: what finds no slot waits in line, so that to be late is how it was meant.
    pub queued: bool,
    /// From the first due time to the last, and from the first request sent to the last.
    pub schedule: Option<(Span, Span)>,
    pub trend: Option<Trend>,
    /// It ended before all requests were sent and had ended: timeout or interrupt.
    pub cut_short: bool,
    /// The plugin failed so often that the run was given up.
    pub plugin_gave_up: bool,
    /// Requests were meant to begin alike: a prefix, turns of a session, rows of a dataset.
    pub shares_prompts: bool,
    pub error_bar: Option<ErrorBar>,
}

/// What a verdict rests on. Shares are from 0 to 1, times in milliseconds; `meant` is what the plan asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason {
    NothingMeasured,
    PluginGaveUp,
    PluginFaults { requests: u64 },
    Errors { share: f64 },
    CutShort { cancelled: u64 },
    Cancelled { share: f64 },
    NotStreaming { share: f64 },
    RateNotMet { offered: f64, share: f64 },
    Dropped { share: f64 },
    ScheduleLag { p99: f64, ttft: f64 },
    SlotsIdle { share: f64, mean: f64 },
    Paused { total_s: f64, longest_s: f64 },
    ReactorLag { p99: f64, shortest: f64 },
    IoStarved { share: f64 },
    IoBusy { share: f64 },
    Throttled { share: f64 },
    Steal { share: f64 },
    OpenFiles { share: f64 },
    LocalPorts { share: f64 },
    DecodeBacklog { waits: u64 },
    RecordsStalled { waits: u64 },
    TokensDisagree { share: f64 },
    CachedInput { share: f64, meant: bool },
    NotSteady { first: f64, last: f64 },
    FewSamples { n: u64 },
    BeyondCalibration,
    NotCalibrated,
}

/// From where on something is doubtful, and from where on it is invalid.
#[derive(Debug, Clone, Copy)]
struct Bounds(f64, f64);

impl Bounds {
    fn judge(self, value: f64) -> Option<Validity> {
        if value > self.1 { Some(Validity::Invalid) } else { (value > self.0).then_some(Validity::Doubtful) }
    }
}

/// Failed requests are the slow ones elsewhere: one in a hundred moves p99, one in ten the mean.
const ERRORS: Bounds = Bounds(0.01, 0.10);
/// And so are those that were cancelled: what is shown is of the others.
const CANCELLED: Bounds = ERRORS;
/// Of an answer that came all at once, TTFT is E2EL and ITL is nothing. The odd one is small, or met a client that was late.
const NOT_STREAMING: Bounds = Bounds(0.10, f64::INFINITY);
/// A dropped request is load that was not made.
const DROPS: Bounds = Bounds(0.01, 0.10);
/// How far sending may take longer than the schedule did: the last request may well be a little late.
const STRETCH: Bounds = Bounds(0.05, 0.20);
/// Behind the schedule by less than this is the start and end of a short run.
const MIN_BEHIND: Span = Span::from_millis(200);
/// Lag as a share of TTFT p50: below a tenth no reader would see it, above the whole it is what is seen. Another program's time
/// slice is 3 to 5 ms: two are no finding.
const LAG: Bounds = Bounds(0.1, 1.0);
const LAG_MS: Bounds = Bounds(10.0, 50.0);
/// Share of their time that the slots of a closed loop stood idle: the load is smaller by that.
const IDLE: Bounds = Bounds(0.1, 0.5);
/// Mean time that they stood idle: slots start one after the other, and where answers take a millisecond that shows.
const IDLE_MS: Bounds = Bounds(1.0, 5.0);
/// What ran meanwhile has the pause in its times, whichever it was.
const PAUSED: Bounds = Bounds(0.0, 0.05);
/// Reactor lag p99 as a share of the shortest thing measured. Beside it, what it is in itself: a shared machine that is
/// otherwise quiet reaches some 3 ms.
const REACTOR: Bounds = Bounds(0.1, 0.5);
const REACTOR_MS: Bounds = Bounds(4.0, 8.0);
/// Share of time in which the I/O thread was ready and had no core; a quiet machine is far below a hundredth.
const STARVED: Bounds = Bounds(0.05, 0.20);
/// A thread this busy serves its reads in queues. What is late then shows in the reactor's lag, so it is never invalid.
const BUSY: Bounds = Bounds(0.85, f64::INFINITY);
/// A throttled process stands still for tens of milliseconds at a time.
const THROTTLED: Bounds = Bounds(0.005, 0.05);
const STEAL: Bounds = Bounds(0.05, 0.25);
/// The next connection may be the one that fails.
const NEARLY_FULL: Bounds = Bounds(0.9, f64::INFINITY);
/// The token rates of two tokenizers this far apart are different quantities; smaller differences are a note.
const TOKENS: Bounds = Bounds(0.10, f64::INFINITY);
/// Share of the input that came out of the server's cache, which TTFT is shorter by. What all prompts of a run begin with, the
/// instruction and a chat template, is some 5 % of a prompt of 550 tokens, and less than 30 % of one of 100.
const CACHED: Bounds = Bounds(0.3, f64::INFINITY);
/// What a median needs, and p99, for a 95 % interval.
const MEDIAN_NEEDS: u64 = 6;
const P99_NEEDS: u64 = 368;
/// In a shorter run, one moment at the start is a large share.
const SHORTEST_S: f64 = 0.5;

/// Judges a run. Pure.
pub fn judge(summary: &Summary, health: &Health, facts: &LoadFacts) -> Verdict {
    let mut reasons = Reasons(Vec::new());
    reasons.of_requests(summary, facts);
    reasons.of_schedule(summary, facts);
    reasons.of_client(summary, health);
    reasons.of_samples(summary, facts);
    let mut reasons = reasons.0;
    reasons.sort_by_key(|(validity, _)| std::cmp::Reverse(*validity));
    let validity = reasons.first().map_or(Validity::Valid, |(validity, _)| *validity);
    Verdict { validity, reasons }
}

struct Reasons(Vec<(Validity, Reason)>);

impl Reasons {
    fn add(&mut self, validity: Option<Validity>, reason: Reason) {
        self.0.extend(validity.map(|validity| (validity, reason)));
    }

    fn of_requests(&mut self, summary: &Summary, facts: &LoadFacts) {
        let counts = summary.counts;
        self.add((counts.ok == 0).then_some(Validity::Invalid), Reason::NothingMeasured);
        self.add(facts.plugin_gave_up.then_some(Validity::Invalid), Reason::PluginGaveUp);
        let faults = summary.failures.iter().filter(|(kind, _)| kind.is_plugin_fault());
        let requests: u64 = faults.flat_map(|(_, codes)| codes.values()).map(|group| group.count).sum();
        self.add((requests > 0).then_some(Validity::Doubtful), Reason::PluginFaults { requests });
        let share = summary.error_rate.unwrap_or(0.0);
        self.add(ERRORS.judge(share), Reason::Errors { share });
        let cancelled = counts.cancelled;
        let share = cancelled as f64 / counts.sent().max(1) as f64;
        let censored = CANCELLED.judge(share);
        if facts.cut_short {
            self.add(censored.max(Some(Validity::Doubtful)), Reason::CutShort { cancelled });
        } else {
            self.add(censored, Reason::Cancelled { share });
        }
        let at_once = summary.notes.iter().find_map(|note| match *note {
            Note::NotStreaming { requests, of } => Some(requests as f64 / of as f64),
            _ => None,
        });
        let share = at_once.unwrap_or(0.0);
        self.add(NOT_STREAMING.judge(share), Reason::NotStreaming { share });
        let share = summary.tokens.output.disagreement.unwrap_or(0.0).abs();
        self.add(TOKENS.judge(share), Reason::TokensDisagree { share });
        let (share, meant) = (summary.tokens.cached_share.unwrap_or(0.0), facts.shares_prompts);
        let cached = CACHED.judge(share).map(|found| if meant { Validity::Valid } else { found });
        self.add(cached, Reason::CachedInput { share, meant });
    }

    fn of_schedule(&mut self, summary: &Summary, facts: &LoadFacts) {
        let at = |metric, level| value(summary, metric, level).unwrap_or(0.0);
        let Some(offered) = facts.offered_rate else { return };
        let share = summary.counts.dropped as f64 / summary.counts.scheduled().max(1) as f64;
        self.add(DROPS.judge(share), Reason::Dropped { share });
        if facts.queued {
            return;
        }
        let (due, sent) = facts.schedule.unwrap_or_default();
        let stretch = if due > Span(0) { sent.as_secs() / due.as_secs() - 1.0 } else { 0.0 };
        let behind = sent.0.saturating_sub(due.0) > MIN_BEHIND.0;
        let share = 1.0 / (1.0 + stretch);
        self.add(STRETCH.judge(stretch).filter(|_| behind), Reason::RateNotMet { offered, share });
        let (p99, ttft) = (at(Metric::ScheduleLag, Level::P99), at(Metric::Ttft, Level::P50));
        self.add(
            both(LAG, p99 / ttft.max(f64::MIN_POSITIVE), LAG_MS, p99),
            Reason::ScheduleLag { p99, ttft },
        );
    }

    fn of_client(&mut self, summary: &Summary, health: &Health) {
        let long = health.elapsed_s >= SHORTEST_S;
        let measured = [Metric::Ttft, Metric::Itl].map(|metric| value(summary, metric, Level::P50));
        let shortest = measured.into_iter().flatten().filter(|ms| *ms > 0.0).reduce(f64::min);
        if let (Some(lag), Some(shortest)) = (health.reactor_lag.filter(|_| long), shortest) {
            let p99 = lag.p99_ms;
            self.add(both(REACTOR, p99 / shortest, REACTOR_MS, p99), Reason::ReactorLag { p99, shortest });
        }
        if let Some(idle) = health.idle_slots {
            let reason = Reason::SlotsIdle { share: idle.share, mean: idle.mean_ms };
            self.add(both(IDLE, idle.share, IDLE_MS, idle.mean_ms), reason);
        }
        let pauses = health.pauses.unwrap_or_default();
        let reason = Reason::Paused { total_s: pauses.total_s, longest_s: pauses.longest_s };
        self.add(PAUSED.judge(health.share(pauses.total_s)), reason);
        let share = |seconds: Option<f64>| seconds.filter(|_| long).map_or(0.0, |s| health.share(s));
        let starved = share(health.io_thread.runqueue_wait_s);
        self.add(STARVED.judge(starved), Reason::IoStarved { share: starved });
        let busy = share(health.io_thread.cpu_s);
        self.add(BUSY.judge(busy), Reason::IoBusy { share: busy });
        let throttled = health.throttled.map_or(0.0, |throttled| health.share(throttled.time_s));
        self.add(THROTTLED.judge(throttled), Reason::Throttled { share: throttled });
        let steal = health.steal_share.filter(|_| long).unwrap_or(0.0);
        self.add(STEAL.judge(steal), Reason::Steal { share: steal });
        let files = health.open_files.map_or(0.0, |room| room.share());
        self.add(NEARLY_FULL.judge(files), Reason::OpenFiles { share: files });
        let ports = health.local_ports.map_or(0.0, |room| room.share());
        self.add(NEARLY_FULL.judge(ports), Reason::LocalPorts { share: ports });
        let waits = health.reading_waits;
        self.add((waits > 0).then_some(Validity::Doubtful), Reason::DecodeBacklog { waits });
        // Decoding may wait for the disk; only reading may not, and that is counted above.
        let waits = health.record_waits;
        self.add((waits > 0).then_some(Validity::Valid), Reason::RecordsStalled { waits });
    }

    fn of_samples(&mut self, summary: &Summary, facts: &LoadFacts) {
        if let Some(trend) = facts.trend.filter(Trend::is_there) {
            let reason = Reason::NotSteady { first: trend.first_ms, last: trend.last_ms };
            self.add(Some(Validity::Doubtful), reason);
        }
        let n = summary.distributions.get(&Metric::Ttft).map_or(0, |ttft| ttft.n);
        let few = match n {
            0 => None,
            1..MEDIAN_NEEDS => Some(Validity::Doubtful),
            MEDIAN_NEEDS..P99_NEEDS => Some(Validity::Valid),
            _ => None,
        };
        self.add(few, Reason::FewSamples { n });
        match facts.error_bar {
            None => self.add(Some(Validity::Valid), Reason::NotCalibrated),
            Some(bar) => {
                self.add(bar.beyond.then_some(Validity::Doubtful), Reason::BeyondCalibration);
            }
        }
    }
}

fn value(summary: &Summary, metric: Metric, level: Level) -> Option<f64> {
    Some(summary.distributions.get(&metric)?.at(level)?.value)
}

/// As bad as the milder of the two: large beside what is measured, and large in itself.
fn both(relative: Bounds, share: f64, absolute: Bounds, value: f64) -> Option<Validity> {
    Some(relative.judge(share)?.min(absolute.judge(value)?))
}

impl Validity {
    /// The word in results.
    pub fn word(self) -> &'static str {
        match self {
            Validity::Valid => "valid",
            Validity::Doubtful => "doubtful",
            Validity::Invalid => "invalid",
        }
    }

    /// What the word stands for; `None` where it is none of ours.
    pub fn of_word(word: &str) -> Option<Validity> {
        [Validity::Valid, Validity::Doubtful, Validity::Invalid]
            .into_iter()
            .find(|known| known.word() == word)
    }
}

mod wording;

#[cfg(test)]
mod tests;

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&wording::message(self))
    }
}
