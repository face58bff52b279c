//! Confidence intervals of quantiles by order statistics: no assumption about the distribution is made.

/// Half of what a two-sided 95 % interval leaves out.
pub(super) const TAIL: f64 = 0.025;

/// Terms this small against the largest cannot move a tail of [`TAIL`], even if there are millions of them.
const NEGLIGIBLE: f64 = 1e-18;

/// The ranks (from 1) of the order statistics that enclose the quantile `q` of `n` samples with 95 % confidence.
/// `None` where `n` is too small: then even the extremes do not enclose it.
///
/// The number of samples below the quantile is binomial, `B ~ Bin(n, q)`. The lower rank is the largest `l` with
/// `P(B <= l - 1) <= 0.025`, the upper the smallest `u` with `P(B >= u) <= 0.025`
/// (David and Nagaraja, Order Statistics, 3rd ed., section 7.1).
pub(super) fn order_ranks(n: u64, q: f64) -> Option<(u64, u64)> {
    let (first, terms) = binomial_terms(n, q);
    let tail = TAIL * terms.iter().sum::<f64>();
    let below = terms_within(terms.iter(), tail);
    let above = terms_within(terms.iter().rev(), tail);
    let lower = first + below;
    // With every term counted, the last one stands for B = first + len - 1; rank u = that - above + 1.
    let upper = first + terms.len() as u64 - above;
    (lower >= 1 && upper <= n).then_some((lower, upper))
}

/// The chance that at least `k` of `n` are hits where each is one with the chance `p`, above 0 and below 1.
pub(super) fn at_least(k: u64, n: u64, p: f64) -> f64 {
    let (first, terms) = binomial_terms(n, p);
    let below = usize::try_from(k.saturating_sub(first)).unwrap_or(usize::MAX).min(terms.len());
    terms[below..].iter().sum::<f64>() / terms.iter().sum::<f64>()
}

/// How many terms, from the front, sum up to at most `tail`.
fn terms_within<'a>(terms: impl Iterator<Item = &'a f64>, tail: f64) -> u64 {
    let mut sum = 0.0;
    let mut count = 0;
    for term in terms {
        sum += term;
        if sum > tail {
            break;
        }
        count += 1;
    }
    count
}

/// `P(B = k)` up to a common factor for the consecutive `k` that matter, and the first such `k`.
/// Started at the mode and continued by the ratio of neighbours, so that no factorial is needed.
fn binomial_terms(n: u64, q: f64) -> (u64, Vec<f64>) {
    let odds = q / (1.0 - q);
    let mode = (((n + 1) as f64 * q) as u64).min(n);
    let mut terms = vec![1.0];
    let mut first = mode;
    let mut term = 1.0;
    while first > 0 && term > NEGLIGIBLE {
        term *= first as f64 / (n - first + 1) as f64 / odds;
        terms.push(term);
        first -= 1;
    }
    terms.reverse();
    let (mut k, mut term) = (mode, 1.0);
    while k < n && term > NEGLIGIBLE {
        term *= (n - k) as f64 / (k + 1) as f64 * odds;
        terms.push(term);
        k += 1;
    }
    (first, terms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_interval_is_claimed_below_the_count_that_supports_it() {
        let check = |q: f64, least: u64| {
            assert_eq!(order_ranks(least - 1, q), None, "{q} with {}", least - 1);
            assert!(order_ranks(least, q).is_some(), "{q} with {least}");
        };
        check(0.25, 13);
        check(0.5, 6);
        check(0.75, 13);
        check(0.9, 36);
        check(0.95, 72);
        check(0.99, 368);
        check(0.999, 3688);
        assert_eq!(order_ranks(0, 0.5), None);
    }

    #[test]
    fn ranks_are_those_of_the_exact_binomial() {
        let check = |n, q, expected| assert_eq!(order_ranks(n, q), Some(expected), "{n} {q}");
        check(6, 0.5, (1, 6));
        check(10, 0.5, (2, 9));
        check(20, 0.5, (6, 15));
        check(100, 0.5, (40, 61));
        check(36, 0.9, (29, 36));
        check(1000, 0.99, (983, 997));
        check(100_000, 0.999, (99_880, 99_920));
    }

    #[test]
    fn both_tails_hold_at_most_two_and_a_half_percent_and_are_as_full_as_can_be() {
        for (n, q) in [(50, 0.5), (100, 0.9), (400, 0.99), (5000, 0.999), (1_000_000, 0.95)] {
            let (lower, upper) = order_ranks(n, q).unwrap();
            let (first, terms) = binomial_terms(n, q);
            let total: f64 = terms.iter().sum();
            let at_most = |k: u64| terms.iter().take((k + 1 - first) as usize).sum::<f64>() / total;
            assert!(at_most(lower - 1) <= TAIL && at_most(lower) > TAIL, "{n} {q}: lower {lower}");
            assert!(
                at_most(upper - 1) >= 1.0 - TAIL && at_most(upper - 2) < 1.0 - TAIL,
                "{n} {q}: upper {upper}"
            );
        }
    }
}
