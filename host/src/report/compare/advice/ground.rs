//! Which runs can be held against each other: those of several models at one load.

use super::super::ComparedRun;
use super::super::analysis::load_differs;
use super::{is_sound, measured_alike};

/// One run a model at one load, and the rest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ground {
    /// In the order given. Fewer than two are nothing to choose from.
    pub(crate) runs: Vec<usize>,
    pub(crate) left_out: Vec<(usize, LeftOut)>,
}

/// Why a run has no part in the choice of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeftOut {
    /// It was judged invalid, or no request succeeded.
    Unsound,
    /// Its load, its inputs or its tool is another.
    OtherLoad,
    /// There is one of this model already.
    SameModel,
}

impl Ground {
    /// The load that most models share; of several such the highest, and a closed loop before an open one. Of several runs of a
    /// model at that load the first counts.
    pub(super) fn of(runs: &[ComparedRun]) -> Ground {
        let alike =
            |a: usize, b: usize| !load_differs(&runs[a], &runs[b]) && measured_alike(&runs[a], &runs[b]);
        let mut loads: Vec<Vec<usize>> = Vec::new();
        for at in (0..runs.len()).filter(|&at| is_sound(&runs[at])) {
            match loads.iter_mut().find(|load| alike(load[0], at)) {
                Some(load) => load.push(at),
                None => loads.push(vec![at]),
            }
        }
        let models = |load: &[usize]| -> Vec<usize> {
            let mut models: Vec<usize> = Vec::new();
            for &at in load {
                if !models.iter().any(|&known| runs[known].is_of_model(&runs[at])) {
                    models.push(at);
                }
            }
            models
        };
        let rank = |load: &&Vec<usize>| {
            let run = &runs[load[0]];
            let height = run.request_rate.or(run.concurrency.map(|most| most as f64)).unwrap_or(0.0);
            (models(load).len(), run.request_rate.is_none(), height)
        };
        // The first of those that are equal.
        let best = loads
            .iter()
            .rev()
            .max_by(|a, b| rank(a).partial_cmp(&rank(b)).unwrap_or(std::cmp::Ordering::Equal));
        let chosen = best.map_or(vec![], |load| models(load));
        let why = |at: usize| match best {
            _ if !is_sound(&runs[at]) => LeftOut::Unsound,
            Some(load) if load.contains(&at) => LeftOut::SameModel,
            _ => LeftOut::OtherLoad,
        };
        let left_out = (0..runs.len()).filter(|at| !chosen.contains(at)).map(|at| (at, why(at))).collect();
        Ground { runs: chosen, left_out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::compare::report::tests::run;

    #[test]
    fn models_are_chosen_from_at_the_load_that_most_of_them_share() {
        // Model, requests at a time, verdict; then the runs that are held against each other, and why the others are not.
        type Row<'a> = (&'a [(&'a str, u64, &'a str)], &'a [usize], &'a [(usize, LeftOut)]);
        use LeftOut::{OtherLoad, SameModel, Unsound};
        let rows: [Row<'_>; 6] = [
            (&[("a:1b", 4, "VALID"), ("b:2b", 4, "VALID")], &[0, 1], &[]),
            (
                &[("a:1b", 4, "VALID"), ("b:2b", 8, "VALID"), ("c:3b", 4, "DOUBTFUL")],
                &[0, 2],
                &[(1, OtherLoad)],
            ),
            (&[("a:1b", 4, "VALID"), ("b:2b", 4, "INVALID")], &[0], &[(1, Unsound)]),
            (&[("a:1b", 4, "VALID"), ("b:2b", 4, "VALID"), ("a:1b", 4, "VALID")], &[0, 1], &[(2, SameModel)]),
            (
                &[("a:1b", 2, "VALID"), ("a:1b", 8, "VALID"), ("b:2b", 2, "VALID"), ("b:2b", 8, "VALID")],
                &[1, 3],
                &[(0, OtherLoad), (2, OtherLoad)],
            ),
            (&[], &[], &[]),
        ];
        for (given, chosen, left_out) in rows {
            let made = |&(model, concurrency, verdict): &(&str, u64, &str)| ComparedRun {
                concurrency: Some(concurrency),
                verdict: Some(verdict.to_owned()),
                ..run(model, 20)
            };
            let runs: Vec<ComparedRun> = given.iter().map(made).collect();
            let expected = Ground { runs: chosen.to_vec(), left_out: left_out.to_vec() };
            assert_eq!(Ground::of(&runs), expected, "{given:?}");
        }
    }
}
