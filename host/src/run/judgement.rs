//! From what a run left to the verdict on it: gathers what [`judge`] takes into account.

use serde_json::{Value, json};

use super::{Ended, Setup, calibration};
use crate::load::{Arrival, Overflow, Profile};
use crate::metrics::{
    ErrorBar, Health, IdleSlots, LoadFacts, Measured, Metric, Summary, Timeline, Verdict, judge,
};
use crate::plan::Plan;
use crate::units::Span;

/// What is to be thought of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    pub verdict: Verdict,
    pub health: Health,
    /// `None` where this machine was not calibrated.
    pub error_bar: Option<ErrorBar>,
}

pub(super) fn judgement(
    setup: &Setup,
    summary: &Summary,
    health: Health,
    timeline: &Timeline,
    ended: Ended,
) -> Judgement {
    let plan = &setup.plan;
    let error_bar = measured(summary, (!plan.is_open_loop()).then_some(plan.concurrency))
        .and_then(|load| calibration::stored()?.error_bar(load));
    let facts = LoadFacts {
        offered_rate: plan.is_open_loop().then(|| offered_rate(plan, summary, timeline)),
        queued: plan.overflow == Overflow::Queue,
        schedule: timeline.spans(),
        trend: timeline.trend(),
        cut_short: matches!(ended, Ended::TimedOut | Ended::Interrupted),
        plugin_gave_up: ended == Ended::PluginFaults,
        shares_prompts: plan.prefix.is_some() || plan.dataset.is_some() || plan.check.is_some(),
        error_bar,
    };
    Judgement { verdict: judge(summary, &health, &facts), health, error_bar }
}

/// What the slots of a closed loop did not use, with what was `unused` at the end.
pub(super) fn idle_slots(plan: &Plan, timeline: &Timeline, unused: Span) -> Option<IdleSlots> {
    if plan.is_open_loop() { None } else { timeline.idle_slots(unused) }
}

/// Requests per second that were due: the plan's rate, and where it changes, or is a trace's, the mean.
fn offered_rate(plan: &Plan, summary: &Summary, timeline: &Timeline) -> f64 {
    if let Some(Arrival { profile: Profile::Rate(rate), .. }) = plan.arrival {
        return rate;
    }
    let seconds = timeline.spans().map_or(0.0, |(due, _)| due.as_secs());
    if seconds > 0.0 { summary.counts.scheduled() as f64 / seconds } else { 0.0 }
}

/// The load that was made: slots in the closed loop, and in an open one the mean of requests at a time (Little's law).
fn measured(summary: &Summary, slots: Option<usize>) -> Option<Measured> {
    let seconds = summary.window?.as_secs();
    let of = |metric| summary.distributions.get(&metric);
    let (ttft, e2el) = (of(Metric::Ttft)?, of(Metric::E2el)?);
    let events = ttft.n + of(Metric::Itl).map_or(0, |itl| itl.n);
    let at_once = e2el.mean / 1000.0 * e2el.n as f64 / seconds;
    let streams = slots.map_or(at_once, |slots| (slots as f64).min(summary.counts.sent() as f64));
    (seconds > 0.0).then(|| Measured { streams, events_per_s: events as f64 / seconds })
}

impl Judgement {
    /// Adds itself to `summary.json`.
    pub(super) fn write(&self, json: &mut Value) {
        json["verdict"] = json!({
            "level": self.verdict.validity.word(),
            "reasons": self.verdict.reasons.iter().map(|(validity, reason)| json!({
                "level": validity.word(),
                "kind": reason.kind(),
                "message": reason.to_string(),
                "remedy": reason.remedy(),
            })).collect::<Vec<_>>(),
        });
        json["health"] = json!(self.health);
        json["error_bar"] = json!(self.error_bar);
    }
}
