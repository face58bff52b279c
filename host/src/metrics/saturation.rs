//! Where more load stops to help, found in the loads of a sweep.

/// A throughput of at least this share of the best is as good as the best.
const AS_GOOD: f64 = 0.95;

/// What a sweep says of it. The indices are those of the loads, in the order given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saturation {
    /// At this load, and more brings nothing, or less.
    At(usize),
    /// Not within this sweep: the highest load was still the best, or kept up.
    NotReached,
    /// Below the lowest load of the sweep already.
    BelowLowest,
    /// There is nothing to tell it from.
    Unknown,
}

/// Of loads that rise in concurrency: the lowest with at least 95 % of the best throughput. Where that is the highest of
/// all, throughput was still growing.
pub fn by_throughput(points: &[(f64, Option<f64>)]) -> Saturation {
    let best = points.iter().filter_map(|point| point.1).fold(0.0, f64::max);
    let rises: Vec<usize> = rising(points.iter().map(|point| point.0));
    if best <= 0.0 || points.len() < 2 {
        return Saturation::Unknown;
    }
    let found = rises.iter().copied().find(|&at| points[at].1.is_some_and(|value| value >= AS_GOOD * best));
    match found {
        Some(at) if Some(&at) == rises.last() => Saturation::NotReached,
        Some(at) => Saturation::At(at),
        None => Saturation::Unknown,
    }
}

/// Of loads that rise in rate: the highest up to which the target kept up at every load (with 95 % of the offered rate,
/// and nothing dropped). `None` is a load whose rate is not known.
pub fn by_rate(points: &[(f64, Option<bool>)]) -> Saturation {
    let rises = rising(points.iter().map(|point| point.0));
    if points.iter().all(|point| point.1.is_none()) {
        return Saturation::Unknown;
    }
    let kept_up = rises.iter().copied().take_while(|&at| points[at].1 != Some(false)).last();
    match kept_up {
        None => Saturation::BelowLowest,
        Some(at) if Some(&at) == rises.last() => Saturation::NotReached,
        Some(at) => Saturation::At(at),
    }
}

/// Indices from the lowest load to the highest.
fn rising(loads: impl Iterator<Item = f64>) -> Vec<usize> {
    let mut loads: Vec<(usize, f64)> = loads.enumerate().collect();
    loads.sort_by(|a, b| a.1.total_cmp(&b.1));
    loads.into_iter().map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throughput_saturates_where_the_best_is_nearly_reached() {
        let of = |values: &[(f64, f64)]| {
            by_throughput(&values.iter().map(|&(load, value)| (load, Some(value))).collect::<Vec<_>>())
        };
        assert_eq!(of(&[(1.0, 10.0), (2.0, 20.0), (4.0, 39.0), (8.0, 40.0)]), Saturation::At(2));
        assert_eq!(of(&[(8.0, 40.0), (4.0, 39.0), (1.0, 10.0)]), Saturation::At(1));
        assert_eq!(of(&[(1.0, 10.0), (2.0, 20.0)]), Saturation::NotReached);
        assert_eq!(of(&[(1.0, 10.0)]), Saturation::Unknown);
        assert_eq!(of(&[(1.0, 0.0), (2.0, 0.0)]), Saturation::Unknown);
        assert_eq!(by_throughput(&[(1.0, Some(5.0)), (2.0, None)]), Saturation::At(0));
    }

    #[test]
    fn a_rate_is_sustained_up_to_the_first_that_is_not() {
        let of = |values: &[(f64, bool)]| {
            by_rate(&values.iter().map(|&(load, kept_up)| (load, Some(kept_up))).collect::<Vec<_>>())
        };
        assert_eq!(of(&[(1.0, true), (2.0, true), (5.0, false)]), Saturation::At(1));
        assert_eq!(of(&[(1.0, true), (2.0, false), (5.0, true)]), Saturation::At(0));
        assert_eq!(of(&[(5.0, false), (1.0, true)]), Saturation::At(1));
        assert_eq!(of(&[(1.0, true), (2.0, true)]), Saturation::NotReached);
        assert_eq!(of(&[(1.0, false), (2.0, true)]), Saturation::BelowLowest);
        assert_eq!(by_rate(&[(1.0, None)]), Saturation::Unknown);
    }
}
