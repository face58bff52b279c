//! How sure a share is: the Wilson score interval of a proportion, which holds for shares near 1, where goals are; and the exact
//! one, which is never too narrow.

use super::interval::{TAIL, at_least};

/// The two-sided 95 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The 95 % Wilson score interval of `hits` out of `n`, as shares; `None` where `n` is 0.
pub(super) fn wilson95(hits: u64, n: u64) -> Option<(f64, f64)> {
    if n == 0 {
        return None;
    }
    let (n, p) = (n as f64, hits as f64 / n as f64);
    let z2 = Z * Z;
    let centre = p + z2 / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let whole = 1.0 + z2 / n;
    Some((((centre - half) / whole).max(0.0), ((centre + half) / whole).min(1.0)))
}

/// Halvings of an interval of shares: the bound is then exact to more digits than are shown.
const HALVINGS: u32 = 50;

/// The exact 95 % interval of `hits` out of `n`, as shares (Clopper and Pearson, 1934); `None` where `n` is 0.
pub(super) fn exact95(hits: u64, n: u64) -> Option<(f64, f64)> {
    // The chance of that number of hits or more grows with the share: where it reaches `chance`.
    let share_at = |hits: u64, chance: f64| {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..HALVINGS {
            let middle = (low + high) / 2.0;
            if at_least(hits, n, middle) < chance { low = middle } else { high = middle }
        }
        (low + high) / 2.0
    };
    let low = || if hits == 0 { 0.0 } else { share_at(hits, TAIL) };
    let high = || if hits == n { 1.0 } else { share_at(hits + 1, 1.0 - TAIL) };
    (n > 0).then(|| (low(), high()))
}

/// How many samples it takes, if all of them hit, until the lower bound of the interval reaches `share`.
pub(super) fn least_samples(share: f64) -> u64 {
    // With every sample a hit, the lower bound is n / (n + z²).
    (share * Z * Z / (1.0 - share)).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_wilsons() {
        let check = |hits, n, expected: (f64, f64)| {
            let (lower, upper) = wilson95(hits, n).expect("an interval");
            assert!(
                (lower - expected.0).abs() < 1e-4 && (upper - expected.1).abs() < 1e-4,
                "{lower} {upper}"
            );
        };
        check(8, 10, (0.4902, 0.9433));
        check(0, 10, (0.0, 0.2775));
        check(10, 10, (0.7225, 1.0));
        check(950, 1000, (0.9347, 0.9619));
        assert_eq!(wilson95(0, 0), None);
    }

    #[test]
    fn the_exact_interval_is_clopper_and_pearsons() {
        let check = |hits, n, expected: (f64, f64)| {
            let (low, high) = exact95(hits, n).expect("an interval");
            assert!((low - expected.0).abs() < 1e-4 && (high - expected.1).abs() < 1e-4, "{low} {high}");
        };
        // Of none of n the upper bound is 1 - 0.025^(1/n).
        check(0, 40, (0.0, 0.0881));
        check(40, 40, (0.9119, 1.0));
        check(1, 10, (0.0025, 0.4450));
        check(8, 40, (0.0905, 0.3565));
        check(0, 1, (0.0, 0.975));
        check(50_000, 100_000, (0.4969, 0.5031));
        assert_eq!(exact95(0, 0), None);
    }

    #[test]
    fn the_least_samples_are_enough_and_one_fewer_is_not() {
        for (share, expected) in [(0.5, 4), (0.9, 35), (0.95, 73), (0.99, 381)] {
            let n = least_samples(share);
            assert_eq!(n, expected);
            let lower = |n| wilson95(n, n).expect("an interval").0;
            assert!(lower(n) >= share && lower(n - 1) < share, "{share}");
        }
    }
}
