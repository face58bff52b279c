//! What follows from the numbers of several runs, before it is put into any language: changes along a family's sizes, the
//! effect of quantisation, and an order for each scenario. Nothing is said that no rule here says.

use std::collections::BTreeMap;

use super::ComparedRun;
use crate::metrics::{Aggregate, Difference, Level, Metric, Moment, Quantity};

/// What is followed from size to size, as in the tables the mean of each: lower is better of the first three.
pub(super) const LATENCIES: [Quantity; 3] = [
    Quantity::Of(Metric::Ttft, Moment::Mean),
    Quantity::Of(Metric::Itl, Moment::Mean),
    Quantity::Of(Metric::E2el, Moment::Mean),
];
pub(super) const THROUGHPUTS: [Quantity; 2] = [
    Quantity::Of(Metric::OutputThroughputPerRequest, Moment::Mean),
    Quantity::Rate(Aggregate::OutputThroughput),
];

/// From one run to another.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// Numbers of runs.
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) latencies: Vec<(Quantity, Difference)>,
    pub(super) throughputs: Vec<(Quantity, Difference)>,
    /// What differs beside what the step is about, so that nobody takes its effect for that.
    pub(super) quantisation_differs: bool,
    pub(super) load_differs: bool,
}

/// A family of models with runs of two sizes at least.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Family {
    pub(super) name: String,
    /// One run a size, from the smallest.
    pub(super) runs: Vec<usize>,
    /// From each size to the next, and from the first to the last where there are more than two.
    pub(super) steps: Vec<Step>,
}

/// What a model is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scenario {
    Interactive,
    Throughput,
    LongOutput,
}

/// The runs in the order of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ranking {
    pub(super) scenario: Scenario,
    pub(super) places: Vec<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    /// From 1. Runs share one where they do not differ from the first of it by more than the noise.
    pub(super) place: usize,
    pub(super) run: usize,
    /// Whether it is not known that it differs from the run before: there is no interval.
    pub(super) unsure: bool,
}

/// A size class and the runs in it.
pub(super) type Class = (SizeClass, Vec<usize>);

/// Below 10, below 20, and from 20 thousand million parameters on, as the report that LLMPerf's users wrote by hand has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SizeClass {
    Small,
    Medium,
    Large,
}

impl Scenario {
    pub(super) const ALL: [Scenario; 3] = [Scenario::Interactive, Scenario::Throughput, Scenario::LongOutput];

    /// What decides, and whether less of it is better.
    pub(super) fn criterion(self) -> (Quantity, bool) {
        let median = Moment::At(Level::P50);
        match self {
            Scenario::Interactive => (Quantity::Of(Metric::Ttft, median), true),
            Scenario::Throughput => (Quantity::Rate(Aggregate::OutputThroughput), false),
            Scenario::LongOutput => (Quantity::Of(Metric::OutputThroughputPerRequest, median), false),
        }
    }

    /// The name in results.
    pub(super) fn name(self) -> &'static str {
        match self {
            Scenario::Interactive => "interactive",
            Scenario::Throughput => "throughput",
            Scenario::LongOutput => "long_output",
        }
    }
}

/// The families with more than one size, by name. Of several runs of one size the one counts that is quantised as the
/// smallest is, or else the first.
pub(super) fn families(runs: &[ComparedRun]) -> Vec<Family> {
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let sized = |run: &ComparedRun| run.traits.size.as_ref().is_some_and(|size| size.billions.is_finite());
    for (at, run) in runs.iter().enumerate().filter(|(_, run)| sized(run)) {
        by_name.entry(&run.traits.family).or_default().push(at);
    }
    let family = |(name, mut members): (&str, Vec<usize>)| {
        members.sort_by(|&a, &b| billions(&runs[a]).total_cmp(&billions(&runs[b])));
        let like_first = |at: usize| runs[at].traits.quantisation == runs[members[0]].traits.quantisation;
        let mut line: Vec<usize> = Vec::new();
        for &at in &members {
            match line.last_mut() {
                Some(last) if billions(&runs[*last]) == billions(&runs[at]) => {
                    if like_first(at) && !like_first(*last) {
                        *last = at;
                    }
                }
                _ => line.push(at),
            }
        }
        let mut steps: Vec<Step> = line.windows(2).map(|pair| step(runs, pair[0], pair[1])).collect();
        if let [first, _, .., last] = line[..] {
            steps.push(step(runs, first, last));
        }
        Family { name: name.to_owned(), runs: line, steps }
    };
    by_name.into_iter().map(family).filter(|family| family.runs.len() > 1).collect()
}

/// Pairs of one family, size and load that differ in quantisation: from the first given to the later.
pub(super) fn quantisations(runs: &[ComparedRun]) -> Vec<Step> {
    let mut steps = Vec::new();
    for (at, from) in runs.iter().enumerate() {
        for (to, other) in runs.iter().enumerate().skip(at + 1) {
            let alike = from.traits.family == other.traits.family
                && from.traits.size == other.traits.size
                && !load_differs(from, other);
            let known = from.traits.quantisation.is_some() && other.traits.quantisation.is_some();
            if alike && known && from.traits.quantisation != other.traits.quantisation {
                steps.push(step(runs, at, to));
            }
        }
    }
    steps
}

/// The runs in the order of a scenario; those without its number are left out.
pub(super) fn ranking(runs: &[ComparedRun], scenario: Scenario) -> Ranking {
    let (quantity, less_is_better) = scenario.criterion();
    let value = |at: usize| runs[at].estimates.value(quantity);
    let mut order: Vec<usize> = (0..runs.len()).filter(|&at| value(at).is_some()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (value(a).unwrap_or(0.0), value(b).unwrap_or(0.0));
        if less_is_better { a.total_cmp(&b) } else { b.total_cmp(&a) }
    });
    let is_real = |a: usize, b: usize| {
        runs[a].estimates.difference(&runs[b].estimates, quantity).and_then(Difference::is_real)
    };
    let mut places: Vec<Place> = Vec::new();
    let mut leader = 0;
    for (number, &run) in order.iter().enumerate() {
        let against_leader = (number > 0).then(|| is_real(order[leader], run));
        let shares = against_leader == Some(Some(false));
        if !shares {
            leader = number;
        }
        places.push(Place { place: leader + 1, run, unsure: against_leader == Some(None) });
    }
    Ranking { scenario, places }
}

/// The runs by size class, from the smallest; those of unknown size are left out.
pub(super) fn classes(runs: &[ComparedRun]) -> Vec<Class> {
    let mut classes: BTreeMap<SizeClass, Vec<usize>> = BTreeMap::new();
    for (at, run) in runs.iter().enumerate() {
        let class = match billions(run) {
            size if size.is_nan() => continue,
            size if size < 10.0 => SizeClass::Small,
            size if size < 20.0 => SizeClass::Medium,
            _ => SizeClass::Large,
        };
        classes.entry(class).or_default().push(at);
    }
    classes.into_iter().collect()
}

/// The runs by quantisation, in the order in which each is first met; those of unknown quantisation are left out.
pub(super) fn by_quantisation(runs: &[ComparedRun]) -> Vec<(String, Vec<usize>)> {
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    for (at, run) in runs.iter().enumerate() {
        let Some(quantisation) = &run.traits.quantisation else { continue };
        match groups.iter_mut().find(|(name, _)| name == quantisation) {
            Some((_, members)) => members.push(at),
            None => groups.push((quantisation.clone(), vec![at])),
        }
    }
    groups
}

/// Whether the two were asked in another way: a difference may be the load's.
pub(super) fn load_differs(a: &ComparedRun, b: &ComparedRun) -> bool {
    (a.concurrency, a.request_rate) != (b.concurrency, b.request_rate)
}

fn billions(run: &ComparedRun) -> f64 {
    run.traits.size.as_ref().map_or(f64::NAN, |size| size.billions)
}

fn step(runs: &[ComparedRun], from: usize, to: usize) -> Step {
    let changes = |quantities: &[Quantity]| {
        let change = |&quantity: &Quantity| {
            Some((quantity, runs[from].estimates.difference(&runs[to].estimates, quantity)?))
        };
        quantities.iter().filter_map(change).collect()
    };
    Step {
        from,
        to,
        latencies: changes(&LATENCIES),
        throughputs: changes(&THROUGHPUTS),
        quantisation_differs: runs[from].traits.quantisation != runs[to].traits.quantisation,
        load_differs: load_differs(&runs[from], &runs[to]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::compare::report::tests::run;

    #[test]
    fn a_family_is_followed_from_size_to_size_and_as_a_whole() {
        let runs =
            [run("qwen2.5:32b", 90), run("gemma2:9b", 10), run("qwen2.5:7b", 20), run("qwen2.5:14b", 40)];
        let families = families(&runs);
        assert_eq!(families.len(), 1);
        assert_eq!((families[0].name.as_str(), &families[0].runs[..]), ("Qwen2.5", &[2, 3, 0][..]));
        let steps: Vec<_> = families[0].steps.iter().map(|step| (step.from, step.to)).collect();
        assert_eq!(steps, [(2, 3), (3, 0), (2, 0)]);
        let (quantity, difference) = families[0].steps[2].latencies[0];
        assert_eq!(quantity, LATENCIES[0]);
        assert!((difference.relative() - 70.0 / 40.0).abs() < 0.1, "{difference:?}");
    }

    #[test]
    fn quantisation_is_compared_only_where_nothing_else_differs() {
        let runs = [
            run("llama3.1:8b-q8_0", 20),
            run("llama3.1:8b-q4_K_M", 10),
            run("llama3.1:70b-q4_K_M", 50),
            run("llama3.1:8b", 20),
        ];
        let steps: Vec<_> = quantisations(&runs).iter().map(|step| (step.from, step.to)).collect();
        assert_eq!(steps, [(0, 1)]);
        let groups = [("Q8_0".to_owned(), vec![0]), ("Q4_K_M".to_owned(), vec![1, 2])];
        assert_eq!(by_quantisation(&runs), groups);
        // The size is followed between runs that are quantised alike, if there are such.
        assert_eq!(families(&runs)[0].runs, [0, 2]);
        assert!(families(&runs)[0].steps[0].quantisation_differs);
    }

    #[test]
    fn runs_that_differ_by_noise_alone_share_a_place() {
        let runs = [run("c:3b", 60), run("a:1b", 20), run("b:2b", 20)];
        let places: Vec<_> = ranking(&runs, Scenario::Interactive)
            .places
            .iter()
            .map(|place| (place.place, place.run))
            .collect();
        assert_eq!(places, [(1, 1), (1, 2), (3, 0)]);
        let classes: Vec<_> = classes(&runs);
        assert_eq!(classes, [(SizeClass::Small, vec![0, 1, 2])]);
    }
}
