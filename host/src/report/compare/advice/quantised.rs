//! What a quantisation does, where two runs differ in it alone.

use super::super::ComparedRun;
use super::super::analysis;
use super::mix::compared_accuracy;
use super::pick::{PACE, THROUGHPUT, TTFT};
use super::{is_sound, measured_alike};
use crate::metrics::{Difference, Quantity};

/// From one quantisation to another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quantised {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) changes: Vec<(Quantity, Difference)>,
    pub(crate) trade: Trade,
    /// By the check, the interval of the difference in accuracy.
    pub(crate) accuracy: Option<(String, (f64, f64))>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trade {
    /// Surely better in a number or more, and surely worse in none: the run. Its accuracy, where it is known, is not surely lower.
    Better(usize),
    /// The same, and surely less accurate than the other.
    FasterAndLessAccurate(usize),
    /// Each is surely better in something.
    Mixed,
    /// No number differs beyond the noise.
    Noise,
    /// No number has an interval.
    Unknown,
}

/// Every pair that differs in quantisation alone.
pub(super) fn quantised(runs: &[ComparedRun]) -> Vec<Quantised> {
    let fits = |from: usize, to: usize| {
        let (a, b) = (&runs[from], &runs[to]);
        is_sound(a) && is_sound(b) && measured_alike(a, b)
    };
    let steps = analysis::quantisations(runs).into_iter().filter(|step| fits(step.from, step.to));
    let pair = |step: analysis::Step| {
        let (from, to) = (step.from, step.to);
        let change = |quantity: Quantity| {
            Some((quantity, runs[from].estimates.difference(&runs[to].estimates, quantity)?))
        };
        let changes: Vec<_> = [TTFT, PACE, THROUGHPUT].into_iter().filter_map(change).collect();
        let accuracy = compared_accuracy(&runs[from], &runs[to]);
        let trade = trade((from, to), &changes, accuracy.as_ref().map(|(_, ci95)| *ci95));
        Quantised { from, to, changes, trade, accuracy }
    };
    steps.map(pair).collect()
}

fn trade(
    (from, to): (usize, usize),
    changes: &[(Quantity, Difference)],
    accuracy: Option<(f64, f64)>,
) -> Trade {
    let (mut better, mut worse, mut known) = (false, false, false);
    for (quantity, difference) in changes {
        let Some(is_real) = difference.is_real() else { continue };
        known = true;
        let improves = (difference.absolute() < 0.0) == (*quantity == TTFT);
        better |= is_real && improves;
        worse |= is_real && !improves;
    }
    let faster = match (better, worse) {
        _ if !known => return Trade::Unknown,
        (false, false) => return Trade::Noise,
        (true, true) => return Trade::Mixed,
        (true, false) => to,
        (false, true) => from,
    };
    // Of `to` against `from`.
    let less_accurate = accuracy.is_some_and(|(low, high)| if faster == to { high < 0.0 } else { low > 0.0 });
    if less_accurate { Trade::FasterAndLessAccurate(faster) } else { Trade::Better(faster) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::compare::report::tests::run;

    #[test]
    fn a_quantisation_is_better_where_something_is_surely_better_and_nothing_worse() {
        let change = |from: f64, to: f64, half: f64| Difference {
            from,
            to,
            absolute_ci95: Some((to - from - half, to - from + half)),
            relative_ci95: None,
        };
        let unsure = Difference { absolute_ci95: None, ..change(1.0, 2.0, 0.1) };
        let (up, down, same) = (change(10.0, 20.0, 1.0), change(20.0, 10.0, 1.0), change(10.0, 10.5, 1.0));
        for (ttft, throughput, accuracy, expected) in [
            (down, up, None, Trade::Better(1)),
            (up, down, None, Trade::Better(0)),
            (down, same, None, Trade::Better(1)),
            (down, down, None, Trade::Mixed),
            (same, same, None, Trade::Noise),
            (unsure, unsure, None, Trade::Unknown),
            (down, up, Some((-0.2, -0.1)), Trade::FasterAndLessAccurate(1)),
            (down, up, Some((-0.2, 0.1)), Trade::Better(1)),
            (up, down, Some((0.1, 0.2)), Trade::FasterAndLessAccurate(0)),
            (up, down, Some((-0.2, -0.1)), Trade::Better(0)),
        ] {
            let found = trade((0, 1), &[(TTFT, ttft), (THROUGHPUT, throughput)], accuracy);
            assert_eq!(found, expected, "{ttft:?} {throughput:?} {accuracy:?}");
        }
    }

    #[test]
    fn pairs_differ_in_quantisation_alone() {
        let (mut a, b, c) = (run("a:7b-q8_0", 20), run("a:7b-q4_K_M", 40), run("a:14b-q4_K_M", 40));
        let found = |runs: &[ComparedRun]| -> Vec<(usize, usize)> {
            quantised(runs).iter().map(|pair| (pair.from, pair.to)).collect()
        };
        assert_eq!(found(&[a.clone(), b.clone(), c.clone()]), [(0, 1)]);
        assert_eq!(quantised(&[a.clone(), b.clone()])[0].trade, Trade::Better(0));
        a.concurrency = Some(9);
        assert_eq!(found(&[a, b, c]), []);
    }
}
