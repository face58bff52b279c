//! Whether one model is enough, or a small and a large one are better together.

use super::super::ComparedRun;
use super::pick::{PACE, THROUGHPUT, TTFT, right};
use super::{Pick, Purpose, Standing, Sweep, share_difference};
use crate::metrics::{Difference, Quantity};

/// Which model, if it is to be one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OneModel {
    /// The one picked for every purpose.
    ForAll(usize),
    /// The balanced one, and what it costs against the model picked for another purpose.
    Balanced { run: usize, costs: Vec<(usize, Quantity, Difference)> },
    /// No model was picked for all, and none for balanced use.
    Undecided,
}

/// Whether two models are better than one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mix {
    /// The small one for who waits, the large one for the rest: from the small one to the large one.
    Both {
        small: usize,
        large: usize,
        changes: Vec<(Quantity, Difference)>,
        /// By the check, the 95 % interval of the difference in accuracy; `None` where that was not tested.
        accuracy: Option<(String, (f64, f64))>,
        /// The highest loads at which each keeps the bounds of high quality, where both have sweeps.
        loads: Option<(f64, f64)>,
    },
    /// One model is picked for both.
    One(usize),
    /// The large one is not surely slower than the small one by more than the margin, so it serves both.
    NotSlower { small: usize, large: usize, changes: Vec<(Quantity, Difference)> },
    /// The large one is not shown to be more accurate by the check.
    NotMoreAccurate { small: usize, large: usize, check: String, ci95: (f64, f64) },
    /// These purposes have no single model.
    Undecided(Vec<Purpose>),
}

fn picked(picks: &[Pick], purpose: Purpose) -> Option<usize> {
    picks.iter().find(|pick| pick.purpose == purpose)?.choice.only()
}

impl OneModel {
    pub(super) fn of(runs: &[ComparedRun], picks: &[Pick]) -> OneModel {
        let all: Vec<Option<usize>> = picks.iter().map(|pick| pick.choice.only()).collect();
        if let Some(Some(first)) = all.first()
            && all.iter().all(|pick| pick == &Some(*first))
        {
            return OneModel::ForAll(*first);
        }
        let Some(run) = picked(picks, Purpose::Balanced) else { return OneModel::Undecided };
        let cost = |(purpose, quantity): (Purpose, Quantity)| {
            let best = picked(picks, purpose).filter(|&best| best != run)?;
            Some((best, quantity, runs[best].estimates.difference(&runs[run].estimates, quantity)?))
        };
        let costs =
            [(Purpose::Interactive, TTFT), (Purpose::Interactive, PACE), (Purpose::Batch, THROUGHPUT)];
        OneModel::Balanced { run, costs: costs.into_iter().filter_map(cost).collect() }
    }
}

impl Mix {
    pub(super) fn of(runs: &[ComparedRun], picks: &[Pick], sweeps: &[Sweep]) -> Mix {
        let purposes = [Purpose::Interactive, Purpose::HighQuality];
        let [Some(small), Some(large)] = purposes.map(|purpose| picked(picks, purpose)) else {
            let open = |purpose: &Purpose| picked(picks, *purpose).is_none();
            return Mix::Undecided(purposes.into_iter().filter(open).collect());
        };
        if small == large {
            return Mix::One(small);
        }
        let change = |quantity: Quantity| {
            Some((quantity, runs[small].estimates.difference(&runs[large].estimates, quantity)?))
        };
        let changes: Vec<_> = [TTFT, PACE].into_iter().filter_map(change).collect();
        let is_slower = Purpose::Interactive
            .measures()
            .into_iter()
            .any(|measure| measure.standings(runs, &[small, large])[1] == Standing::Beyond);
        if !is_slower {
            return Mix::NotSlower { small, large, changes };
        }
        let accuracy = compared_accuracy(&runs[small], &runs[large]);
        match accuracy {
            Some((check, ci95)) if ci95.0 <= 0.0 => Mix::NotMoreAccurate { small, large, check, ci95 },
            accuracy => {
                let highest = |run: usize| {
                    let of_model = |sweep: &&Sweep| runs[sweep.steps[0].run].is_of_model(&runs[run]);
                    sweeps.iter().find(of_model).and_then(Sweep::highest_within)
                };
                let loads = highest(small).zip(highest(large));
                Mix::Both { small, large, changes, accuracy, loads }
            }
        }
    }
}

/// The check that both models were tested by, and the interval of the difference.
pub(super) fn compared_accuracy(from: &ComparedRun, to: &ComparedRun) -> Option<(String, (f64, f64))> {
    from.facts.accuracy.iter().find_map(|accuracy| {
        let other = right(to, &accuracy.check)?;
        Some((accuracy.check.clone(), share_difference(accuracy.right, other)))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Ground, advice};
    use super::*;
    use crate::metrics::Rate;
    use crate::report::compare::Accuracy;
    use crate::report::compare::report::tests::run;

    fn right(run: &mut ComparedRun, hits: u64) {
        let right = Rate { hits, of: 100 };
        run.facts.accuracy = vec![Accuracy { check: "number".to_owned(), right }];
    }

    #[test]
    fn a_mix_is_advised_where_the_large_model_is_surely_slower_and_not_shown_to_be_no_better() {
        // First tokens of the small and the large model in ms, right replies of each of 100, and what is found.
        type Row = ((u64, u64), Option<(u64, u64)>, &'static str);
        let rows: [Row; 5] = [
            ((20, 60), None, "both"),
            ((20, 60), Some((60, 95)), "both"),
            ((20, 60), Some((95, 95)), "not more accurate"),
            ((20, 20), None, "not slower"),
            ((20, 2000), None, "one"),
        ];
        for (ttft, rights, expected) in rows {
            let mut runs = [run("a:7b", ttft.0), run("a:32b", ttft.1)];
            if let Some((small, large)) = rights {
                right(&mut runs[0], small);
                right(&mut runs[1], large);
            }
            let found = match advice(&runs).mix {
                Mix::Both { small: 0, large: 1, accuracy, .. } if accuracy.is_some() == rights.is_some() => {
                    "both"
                }
                Mix::NotMoreAccurate { small: 0, large: 1, .. } => "not more accurate",
                Mix::NotSlower { small: 0, large: 1, .. } => "not slower",
                Mix::One(0) => "one",
                other => panic!("{ttft:?} {rights:?}: {other:?}"),
            };
            assert_eq!(found, expected, "{ttft:?} {rights:?}");
        }
        assert_eq!(
            advice(&[run("a:7b", 20)]).mix,
            Mix::Undecided(vec![Purpose::Interactive, Purpose::HighQuality])
        );
    }

    #[test]
    fn one_model_is_the_one_of_every_purpose_or_the_balanced_one_with_its_costs() {
        let one = |runs: &[ComparedRun]| {
            let ground = Ground::of(runs);
            let picks: Vec<Pick> =
                Purpose::ALL.iter().map(|&purpose| Pick::of(runs, &ground, purpose)).collect();
            OneModel::of(runs, &picks)
        };
        assert_eq!(one(&[run("a:7b", 20), run("a:32b", 2000)]), OneModel::ForAll(0));
        match one(&[run("a:7b", 20), run("a:14b", 30), run("a:32b", 400)]) {
            OneModel::Balanced { run: 1, costs } => {
                let found: Vec<_> = costs.iter().map(|(best, quantity, _)| (*best, *quantity)).collect();
                assert_eq!(found, [(0, TTFT), (0, PACE), (0, THROUGHPUT)]);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(one(&[run("a:7b", 20)]), OneModel::Undecided);
    }
}
