//! One model at several loads: where more load stops to help, how far the bounds of high quality are kept, and what a crowd beyond
//! saturation costs.

use super::super::ComparedRun;
use super::pick::{THROUGHPUT, TTFT};
use super::{Purpose, Standing, measured_alike};
use crate::metrics::{Difference, Quantity, Saturation, by_rate, by_throughput};

/// The way the loads differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    Concurrency,
    Rate,
}

/// Runs of one model that differ in their load.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sweep {
    pub(crate) axis: Axis,
    /// From the lowest load to the highest; two at least.
    pub(crate) steps: Vec<Step>,
    /// By the index of a step.
    pub(crate) saturation: Saturation,
    /// From saturation to the highest load; `None` where it was not passed.
    pub(crate) crowd: Option<Crowd>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    pub(crate) run: usize,
    /// Requests at a time, or a second.
    pub(crate) load: f64,
    /// Whether it surely keeps the bounds of high quality.
    pub(crate) is_within: bool,
}

/// What more requests at a time than saturate the target cost, and bring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Crowd {
    pub(crate) ttft: Difference,
    pub(crate) throughput: Difference,
}

impl Sweep {
    /// The highest load up to which every load keeps the bounds.
    pub(super) fn highest_within(&self) -> Option<f64> {
        self.steps.iter().take_while(|step| step.is_within).last().map(|step| step.load)
    }
}

/// In the order of their first runs. A run that was judged invalid has a part: beyond saturation an open loop cannot keep its
/// schedule, and that is what it shows.
pub(super) fn sweeps(runs: &[ComparedRun]) -> Vec<Sweep> {
    let load = |run: &ComparedRun| match (run.request_rate, run.concurrency) {
        (Some(rate), _) => Some((Axis::Rate, rate)),
        (None, concurrency) => Some((Axis::Concurrency, concurrency? as f64)),
    };
    let mut lines: Vec<(Axis, Vec<(usize, f64)>)> = Vec::new();
    for (at, run) in runs.iter().enumerate().filter(|(_, run)| run.ok > 0) {
        let Some((axis, load)) = load(run) else { continue };
        let alike = |(of, line): &&mut (Axis, Vec<(usize, f64)>)| {
            let first = &runs[line[0].0];
            *of == axis && first.is_of_model(run) && measured_alike(first, run)
        };
        match lines.iter_mut().find(alike) {
            // Of two runs at one load the first counts.
            Some((_, line)) if line.iter().any(|&(_, known)| known == load) => {}
            Some((_, line)) => line.push((at, load)),
            None => lines.push((axis, vec![(at, load)])),
        }
    }
    lines.retain(|(_, line)| line.len() > 1);
    lines.into_iter().map(|(axis, line)| sweep(runs, axis, line)).collect()
}

fn sweep(runs: &[ComparedRun], axis: Axis, mut line: Vec<(usize, f64)>) -> Sweep {
    line.sort_by(|a, b| a.1.total_cmp(&b.1));
    let keeps_up = |run: &ComparedRun| Some(run.facts.pace?.keeps_up && run.facts.dropped == 0);
    let saturation = match axis {
        Axis::Concurrency => by_throughput(
            &line.iter().map(|&(at, load)| (load, runs[at].estimates.value(THROUGHPUT))).collect::<Vec<_>>(),
        ),
        Axis::Rate => {
            by_rate(&line.iter().map(|&(at, load)| (load, keeps_up(&runs[at]))).collect::<Vec<_>>())
        }
    };
    let step = |&(run, load): &(usize, f64)| {
        let measures = Purpose::HighQuality.measures();
        let is_within = measures.iter().all(|measure| measure.standings(runs, &[run]) == [Standing::Within]);
        Step { run, load, is_within }
    };
    let steps: Vec<Step> = line.iter().map(step).collect();
    let crowd = match saturation {
        Saturation::At(at) if axis == Axis::Concurrency => {
            let last = steps[steps.len() - 1].run;
            let change = |quantity: Quantity| {
                runs[steps[at].run].estimates.difference(&runs[last].estimates, quantity)
            };
            change(TTFT).zip(change(THROUGHPUT)).map(|(ttft, throughput)| Crowd { ttft, throughput })
        }
        _ => None,
    };
    Sweep { axis, steps, saturation, crowd }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Estimates, Pace};
    use crate::report::compare::report::tests::run;

    #[test]
    fn runs_of_one_model_at_several_loads_are_a_sweep() {
        use Saturation::{At, NotReached};
        // Model, requests at a time, tokens per second; and the sweeps: runs from the lowest load, saturation.
        type Row<'a> = (&'a [(&'a str, u64, f64)], &'a [(&'a [usize], Saturation)]);
        let rows: [Row<'_>; 4] = [
            (&[("a:1b", 8, 40.0), ("a:1b", 1, 10.0), ("a:1b", 4, 39.0)], &[(&[1, 2, 0], At(1))]),
            (&[("a:1b", 1, 10.0), ("a:1b", 2, 20.0), ("b:1b", 2, 20.0)], &[(&[0, 1], NotReached)]),
            (&[("a:1b", 1, 10.0), ("a:1b", 1, 20.0)], &[]),
            (
                &[("a:1b", 1, 9.0), ("b:1b", 1, 10.0), ("a:1b", 2, 18.0), ("b:1b", 2, 10.0)],
                &[(&[0, 2], NotReached), (&[1, 3], At(0))],
            ),
        ];
        for (given, expected) in rows {
            let made = |&(model, concurrency, throughput): &(&str, u64, f64)| ComparedRun {
                concurrency: Some(concurrency),
                estimates: Estimates::of_values([(THROUGHPUT, throughput), (TTFT, 1.0)]),
                ..run(model, 20)
            };
            let runs: Vec<ComparedRun> = given.iter().map(made).collect();
            let sweeps = sweeps(&runs);
            let found: Vec<(Vec<usize>, Saturation)> = sweeps
                .iter()
                .map(|sweep| (sweep.steps.iter().map(|step| step.run).collect(), sweep.saturation))
                .collect();
            let expected: Vec<(Vec<usize>, Saturation)> =
                expected.iter().map(|(runs, saturation)| (runs.to_vec(), *saturation)).collect();
            assert_eq!(found, expected, "{given:?}");
            assert!(sweeps.iter().all(|sweep| sweep.crowd.is_some() == matches!(sweep.saturation, At(_))));
        }
    }

    #[test]
    fn a_rate_saturates_where_the_target_stops_to_keep_up() {
        let at = |rate: f64, keeps_up, dropped| {
            let mut run = ComparedRun { request_rate: Some(rate), ..run("a:1b", 20) };
            run.facts.pace = Some(Pace { offered: rate, achieved: rate, keeps_up });
            run.facts.dropped = dropped;
            run
        };
        let found = |runs: &[ComparedRun]| sweeps(runs)[0].saturation;
        assert_eq!(found(&[at(1.0, true, 0), at(2.0, true, 0), at(4.0, false, 0)]), Saturation::At(1));
        assert_eq!(found(&[at(1.0, true, 0), at(2.0, true, 3)]), Saturation::At(0));
        assert_eq!(found(&[at(1.0, true, 0), at(2.0, true, 0)]), Saturation::NotReached);
    }

    #[test]
    fn bounds_are_kept_up_to_the_first_load_that_does_not() {
        let at = |concurrency, ttft| ComparedRun { concurrency: Some(concurrency), ..run("a:1b", ttft) };
        let highest = |runs: &[ComparedRun]| sweeps(runs)[0].highest_within();
        assert_eq!(highest(&[at(1, 20), at(2, 30), at(4, 800)]), Some(2.0));
        assert_eq!(highest(&[at(1, 800), at(2, 20)]), None);
    }
}
