//! Advice on deployment and on how to run what is deployed: rules over the numbers of the runs, and what they find. Pure, and in no
//! language. What the runs do not decide is a finding too, with what is missing. Nothing is advised that no rule here finds.

mod ground;
mod mix;
mod pick;
mod quantised;
mod standing;
mod sweep;
mod wait;

use super::ComparedRun;

pub(super) use ground::{Ground, LeftOut};
pub(super) use mix::{Mix, OneModel};
pub(super) use pick::{Choice, Measure, Missing, Pick, Purpose};
pub(super) use quantised::{Quantised, Trade};
pub(super) use standing::{Standing, best, share_difference};
pub(super) use sweep::{Axis, Sweep};
pub(super) use wait::{Queue, TimeOut, Waiting};

/// A model that is slower than the best by no more than this is as good: readers of an answer do not see a tenth.
pub(super) const AS_GOOD: f64 = 0.10;
/// What balanced use may cost against the best model: the first token takes twice as long at most, and the throughputs are half.
pub(super) const TWICE: f64 = 1.0;
pub(super) const HALF: f64 = 0.5;
/// The longest wait that keeps a person's attention (Nielsen, Usability Engineering, 1993, ch. 5).
pub(super) const PATIENCE_MS: f64 = 10_000.0;
/// Tokens per second of one who reads: 238 words a minute (Brysbaert, 2019), at some 1.3 tokens a word.
pub(super) const READING_PACE: f64 = 5.0;
/// Mean inputs that differ by no more than this factor are one workload.
pub(super) const SAME_INPUT: f64 = 1.05;

/// All that the runs say.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Advice {
    pub(super) ground: Ground,
    /// One for each of [`Purpose::ALL`].
    pub(super) picks: Vec<Pick>,
    pub(super) one_model: OneModel,
    pub(super) mix: Mix,
    pub(super) sweeps: Vec<Sweep>,
    pub(super) queues: Vec<Queue>,
    pub(super) time_outs: Vec<TimeOut>,
    pub(super) quantised: Vec<Quantised>,
}

/// Applies every rule.
pub(super) fn advice(runs: &[ComparedRun]) -> Advice {
    let ground = Ground::of(runs);
    let picks: Vec<Pick> = Purpose::ALL.iter().map(|&purpose| Pick::of(runs, &ground, purpose)).collect();
    let sweeps = sweep::sweeps(runs);
    Advice {
        one_model: OneModel::of(runs, &picks),
        mix: Mix::of(runs, &picks, &sweeps),
        queues: wait::queues(runs),
        time_outs: wait::time_outs(runs),
        quantised: quantised::quantised(runs),
        ground,
        picks,
        sweeps,
    }
}

/// Whether numbers of the run may found advice.
fn is_sound(run: &ComparedRun) -> bool {
    run.ok > 0 && run.verdict.as_deref() != Some("INVALID")
}

fn inputs_are_alike(a: &ComparedRun, b: &ComparedRun) -> bool {
    let input = |run: &ComparedRun| run.distributions.get(&crate::metrics::Metric::Isl).map(|isl| isl.mean);
    match (input(a), input(b)) {
        (Some(a), Some(b)) => a.max(b) <= a.min(b) * SAME_INPUT,
        (a, b) => a.is_none() == b.is_none(),
    }
}

/// Whether both were measured in one way: by one tool, and with inputs alike.
fn measured_alike(a: &ComparedRun, b: &ComparedRun) -> bool {
    a.tool == b.tool && inputs_are_alike(a, b)
}

fn billions(run: &ComparedRun) -> Option<f64> {
    run.traits.size.as_ref().map(|size| size.billions).filter(|size| size.is_finite())
}
