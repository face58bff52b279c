//! How a number stands to a bound, as sure as its interval is.

use super::super::ComparedRun;
use crate::metrics::{Bound, Quantity, Rate};

/// A number against a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The whole 95 % interval keeps the bound.
    Within,
    /// The whole interval lies beyond it.
    Beyond,
    /// The interval reaches across.
    Open,
    /// There is no number, or no interval.
    Unknown,
}

impl Standing {
    /// Of an interval.
    pub(super) fn of(ci95: Option<(f64, f64)>, bound: Bound) -> Standing {
        let Some((low, high)) = ci95 else { return Standing::Unknown };
        // Turned so that less is better.
        let (low, high, most) = match bound {
            Bound::Below(most) => (low, high, most),
            Bound::Above(least) => (-high, -low, -least),
        };
        match (high <= most, low > most) {
            (true, _) => Standing::Within,
            (_, true) => Standing::Beyond,
            _ => Standing::Open,
        }
    }

    /// The name in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Standing::Within => "within",
            Standing::Beyond => "beyond",
            Standing::Open => "open",
            Standing::Unknown => "unknown",
        }
    }
}

/// The run with the best number, which is the lowest where a bound is above it; `None` where no run has the number.
pub(crate) fn best(
    runs: &[ComparedRun],
    among: impl Iterator<Item = usize>,
    quantity: Quantity,
    bound: Bound,
) -> Option<usize> {
    let value = |at: usize| runs[at].estimates.value(quantity);
    among.filter(|&at| value(at).is_some()).reduce(|best, at| {
        let is_better = match bound {
            Bound::Below(_) => value(at) < value(best),
            Bound::Above(_) => value(at) > value(best),
        };
        if is_better { at } else { best }
    })
}

/// How far each run is from the best, as a share of it, against the bound. The best itself keeps it.
pub(super) fn of_best(
    runs: &[ComparedRun],
    among: &[usize],
    quantity: Quantity,
    bound: Bound,
) -> Vec<Standing> {
    let best = best(runs, among.iter().copied(), quantity, bound);
    let standing = |&at: &usize| {
        let Some(best) = best else { return Standing::Unknown };
        let difference = runs[best].estimates.difference(&runs[at].estimates, quantity);
        match difference.and_then(|difference| difference.relative_ci95) {
            Some(_) if at == best => Standing::Within,
            ci95 => Standing::of(ci95, bound),
        }
    };
    among.iter().map(standing).collect()
}

/// The 95 % interval of `to - from`, of two shares (Newcombe, Statistics in Medicine 17, 1998, method 10: from Wilson's).
pub(crate) fn share_difference(from: Rate, to: Rate) -> (f64, f64) {
    let (a, b) = (from.value(), to.value());
    let ((a_low, a_high), (b_low, b_high)) = (from.interval95(), to.interval95());
    let below = ((b - b_low).powi(2) + (a_high - a).powi(2)).sqrt();
    let above = ((b_high - b).powi(2) + (a - a_low).powi(2)).sqrt();
    (b - a - below, b - a + above)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_as_its_interval_does() {
        use Bound::{Above, Below};
        for (ci95, bound, expected) in [
            (Some((0.0, 0.1)), Below(0.1), Standing::Within),
            (Some((0.05, 0.2)), Below(0.1), Standing::Open),
            (Some((0.11, 0.2)), Below(0.1), Standing::Beyond),
            (Some((5.0, 9.0)), Above(5.0), Standing::Within),
            (Some((4.0, 9.0)), Above(5.0), Standing::Open),
            (Some((4.0, 4.9)), Above(5.0), Standing::Beyond),
            (Some((0.5, f64::INFINITY)), Below(1.0), Standing::Open),
            (None, Below(0.1), Standing::Unknown),
        ] {
            assert_eq!(Standing::of(ci95, bound), expected, "{ci95:?} {bound:?}");
        }
    }

    #[test]
    fn the_difference_of_two_shares_is_newcombes() {
        // His example: 56 of 70 and 48 of 80 differ by 0.2, interval 0.0524 to 0.3339.
        let (low, high) = share_difference(Rate { hits: 48, of: 80 }, Rate { hits: 56, of: 70 });
        assert!((low - 0.0524).abs() < 1e-4 && (high - 0.3339).abs() < 1e-4, "{low} {high}");
    }
}
