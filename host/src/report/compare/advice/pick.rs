//! Which model for which purpose: the smallest that is as good as the best, or the largest that keeps its bounds.

use super::super::ComparedRun;
use super::standing::{Standing, of_best, share_difference};
use super::{AS_GOOD, Ground, HALF, PATIENCE_MS, READING_PACE, TWICE, billions};
use crate::metrics::{Aggregate, Bound, Level, Metric, Moment, Quantity, Rate};

pub(super) const TTFT: Quantity = Quantity::Of(Metric::Ttft, Moment::At(Level::P50));
pub(super) const PACE: Quantity = Quantity::Of(Metric::OutputThroughputPerRequest, Moment::At(Level::P50));
pub(super) const THROUGHPUT: Quantity = Quantity::Rate(Aggregate::OutputThroughput);

/// What a model is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A person waits: the smallest model that is not surely slower than the best by more than [`AS_GOOD`].
    Interactive,
    /// Nobody waits for one answer: the same by the output throughput.
    Batch,
    /// The largest model that surely costs no more than [`TWICE`] and [`HALF`] of the best.
    Balanced,
    /// The largest model that is surely within [`PATIENCE_MS`] and [`READING_PACE`].
    HighQuality,
}

/// A number that decides, and what it is held to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Measure {
    /// The change from the best of all, as a share.
    OfBest(Quantity, Bound),
    /// In its own unit.
    Itself(Quantity, Bound),
}

/// The model for a purpose, and the numbers that chose it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pick {
    pub(crate) purpose: Purpose,
    pub(crate) choice: Choice,
    pub(crate) candidates: Vec<Candidate>,
    /// Larger models that may keep the bounds too: more requests would tell.
    pub(crate) larger_open: Vec<usize>,
    /// The check that had a part: every model within the bounds was tested by it.
    pub(crate) check: Option<String>,
}

/// A run as the rules see it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) run: usize,
    pub(crate) billions: Option<f64>,
    /// By [`Purpose::measures`].
    pub(crate) standings: Vec<Standing>,
}

/// What a rule finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Several are of one size.
    Runs(Vec<usize>),
    Undecided(Missing),
}

/// What the runs lack for a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Missing {
    /// No two models were measured at one load.
    Models,
    /// These have too few requests for an interval, or lack a number.
    Requests(Vec<usize>),
    /// No model is near the best in every number.
    Best,
    /// No model surely keeps the bounds; these may.
    Bounds(Vec<usize>),
    /// All of these do, and how large they are is not known of all.
    Sizes(Vec<usize>),
}

impl Purpose {
    pub(crate) const ALL: [Purpose; 4] =
        [Purpose::Interactive, Purpose::Batch, Purpose::Balanced, Purpose::HighQuality];

    /// The name in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Purpose::Interactive => "interactive",
            Purpose::Batch => "batch",
            Purpose::Balanced => "balanced",
            Purpose::HighQuality => "high_quality",
        }
    }

    /// What decides.
    pub(crate) fn measures(self) -> Vec<Measure> {
        use Measure::{Itself, OfBest};
        match self {
            Purpose::Interactive => {
                vec![OfBest(TTFT, Bound::Below(AS_GOOD)), OfBest(PACE, Bound::Above(-AS_GOOD))]
            }
            Purpose::Batch => vec![OfBest(THROUGHPUT, Bound::Above(-AS_GOOD))],
            Purpose::Balanced => vec![
                OfBest(TTFT, Bound::Below(TWICE)),
                OfBest(PACE, Bound::Above(-HALF)),
                OfBest(THROUGHPUT, Bound::Above(-HALF)),
            ],
            Purpose::HighQuality => {
                vec![Itself(TTFT, Bound::Below(PATIENCE_MS)), Itself(PACE, Bound::Above(READING_PACE))]
            }
        }
    }

    fn wants_the_smallest(self) -> bool {
        matches!(self, Purpose::Interactive | Purpose::Batch)
    }
}

impl Measure {
    pub(crate) fn quantity(self) -> Quantity {
        match self {
            Measure::OfBest(quantity, _) | Measure::Itself(quantity, _) => quantity,
        }
    }

    /// Of each of these runs.
    pub(super) fn standings(self, runs: &[ComparedRun], among: &[usize]) -> Vec<Standing> {
        match self {
            Measure::OfBest(quantity, bound) => of_best(runs, among, quantity, bound),
            Measure::Itself(quantity, bound) => {
                let ci95 = |at: usize| runs[at].estimates.get(quantity).and_then(|found| found.ci95);
                among.iter().map(|&at| Standing::of(ci95(at), bound)).collect()
            }
        }
    }
}

impl Choice {
    /// The one model, where it is one.
    pub(crate) fn only(&self) -> Option<usize> {
        match self {
            Choice::Runs(runs) => Some(runs[0]).filter(|_| runs.len() == 1),
            Choice::Undecided(_) => None,
        }
    }
}

impl Pick {
    pub(super) fn of(runs: &[ComparedRun], ground: &Ground, purpose: Purpose) -> Pick {
        let columns: Vec<Vec<Standing>> =
            purpose.measures().into_iter().map(|measure| measure.standings(runs, &ground.runs)).collect();
        let candidate = |(at, &run): (usize, &usize)| Candidate {
            run,
            billions: billions(&runs[run]),
            standings: columns.iter().map(|column| column[at]).collect(),
        };
        let candidates: Vec<Candidate> = ground.runs.iter().enumerate().map(candidate).collect();
        let check = check(runs, purpose, &candidates);
        let rights = check.as_deref().map(|check| rights(runs, &candidates, check)).unwrap_or_default();
        let choice = choice(purpose, &candidates, &rights);
        let larger_open = larger_open(purpose, &candidates, &choice);
        Pick { purpose, choice, candidates, larger_open, check }
    }
}

/// The check by which every model within the bounds was tested; of several the one that judged the most replies, by the model of
/// which it judged the fewest.
fn check(runs: &[ComparedRun], purpose: Purpose, candidates: &[Candidate]) -> Option<String> {
    if purpose != Purpose::HighQuality {
        return None;
    }
    let within: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.is_within()).collect();
    let first = within.first()?;
    let judged = |check: &str| {
        let of = |candidate: &&Candidate| right(&runs[candidate.run], check).map(|right| right.of);
        within.iter().map(of).collect::<Option<Vec<u64>>>().and_then(|of| of.into_iter().min())
    };
    let checks = runs[first.run].facts.accuracy.iter();
    let tested = checks.filter_map(|accuracy| Some((judged(&accuracy.check)?, accuracy.check.clone())));
    tested.max_by_key(|(judged, _)| *judged).map(|(_, check)| check)
}

/// Of one check.
pub(super) fn right(run: &ComparedRun, check: &str) -> Option<Rate> {
    run.facts.accuracy.iter().find(|accuracy| accuracy.check == check).map(|accuracy| accuracy.right)
}

fn rights(runs: &[ComparedRun], candidates: &[Candidate], check: &str) -> Vec<(usize, Rate)> {
    let of = |candidate: &Candidate| Some((candidate.run, right(&runs[candidate.run], check)?));
    candidates.iter().filter(|candidate| candidate.is_within()).filter_map(of).collect()
}

impl Candidate {
    fn is_within(&self) -> bool {
        self.standings.iter().all(|&standing| standing == Standing::Within)
    }

    fn may_be_within(&self) -> bool {
        !self.standings.contains(&Standing::Beyond)
    }
}

/// The rule of the purpose. `rights` are the right replies of each model within the bounds; empty where accuracy has no part.
fn choice(purpose: Purpose, candidates: &[Candidate], rights: &[(usize, Rate)]) -> Choice {
    if candidates.len() < 2 {
        return Choice::Undecided(Missing::Models);
    }
    let runs = |of: &[&Candidate]| of.iter().map(|candidate| candidate.run).collect::<Vec<_>>();
    let unknown: Vec<&Candidate> =
        candidates.iter().filter(|candidate| candidate.standings.contains(&Standing::Unknown)).collect();
    if !unknown.is_empty() {
        return Choice::Undecided(Missing::Requests(runs(&unknown)));
    }
    let possible: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.may_be_within()).collect();
    let smallest = purpose.wants_the_smallest();
    let mut good = possible.clone();
    if !smallest {
        good.retain(|candidate| candidate.is_within());
    }
    if good.is_empty() {
        let missing = if smallest { Missing::Best } else { Missing::Bounds(runs(&possible)) };
        return Choice::Undecided(missing);
    }
    let best = rights
        .iter()
        .map(|&(_, right)| right)
        .reduce(|best, right| if right.value() > best.value() { right } else { best });
    let surely_worse = |run: usize| {
        let right = rights.iter().find(|(of, _)| *of == run).map(|(_, right)| *right);
        best.zip(right).is_some_and(|(best, right)| share_difference(best, right).1 < 0.0)
    };
    good.retain(|candidate| !surely_worse(candidate.run));
    if let [only] = good[..] {
        return Choice::Runs(vec![only.run]);
    }
    let Some(sizes) = good.iter().map(|candidate| candidate.billions).collect::<Option<Vec<f64>>>() else {
        return Choice::Undecided(Missing::Sizes(runs(&good)));
    };
    let end = sizes.into_iter().reduce(if smallest { f64::min } else { f64::max });
    good.retain(|candidate| candidate.billions == end);
    Choice::Runs(runs(&good))
}

fn larger_open(purpose: Purpose, candidates: &[Candidate], choice: &Choice) -> Vec<usize> {
    let Choice::Runs(chosen) = choice else { return vec![] };
    if purpose.wants_the_smallest() {
        return vec![];
    }
    let size =
        candidates.iter().find(|candidate| candidate.run == chosen[0]).and_then(|found| found.billions);
    let is_open = |candidate: &&Candidate| {
        let is_larger = candidate.billions.zip(size).is_some_and(|(of, chosen)| of > chosen);
        is_larger && candidate.may_be_within() && !candidate.is_within()
    };
    candidates.iter().filter(is_open).map(|candidate| candidate.run).collect()
}

#[cfg(test)]
mod tests;
