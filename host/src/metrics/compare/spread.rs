//! From what runs came to when they were run again to the spread of a rate, and the spread of a share.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution};

use super::Quantity;
use super::rerun::Yield;
use crate::metrics::Aggregate;

/// The two-sided 95 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Draws of a rate around its value. A run that is run again comes to what the run came to on average, not to what it came to by
/// chance, so it is how far draws lie from their mean that counts; as a ratio, since a rate is one. Of n requests the spread is
/// too small by the share that a standard deviation without Bessel's correction lacks, and normal where Student's law is due.
pub(super) fn rate_draws(
    quantity: Quantity,
    value: f64,
    runs: &[Yield],
    requests: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<f64> {
    let rate = |run: &Yield| {
        let sum = match quantity {
            Quantity::Rate(Aggregate::OutputThroughput) => run.tokens,
            Quantity::Rate(Aggregate::Goodput) => run.good,
            _ => run.ok,
        };
        sum / run.seconds
    };
    if value == 0.0 && quantity == Quantity::Rate(Aggregate::Goodput) {
        // None of these requests was good; that the next ones are not either is not known.
        let shares = share_draws(0, requests as u64, runs.len(), rng);
        return runs.iter().zip(shares).map(|(run, share)| share * requests as f64 / run.seconds).collect();
    }
    let draws: Vec<f64> = runs.iter().map(rate).filter(|rate| rate.is_finite()).collect();
    let wider = (requests as f64 / (requests as f64 - 1.0)).sqrt() * student(requests) / Z;
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / draws.len() as f64;
    if draws.iter().all(|&draw| draw > 0.0) {
        let middle = mean(&mut draws.iter().map(|draw| draw.ln()));
        return draws.iter().map(|draw| value * ((draw.ln() - middle) * wider).exp()).collect();
    }
    let middle = mean(&mut draws.iter().copied());
    let around =
        |draw: f64| if middle > 0.0 { value * (1.0 + (draw / middle - 1.0) * wider).max(0.0) } else { 0.0 };
    draws.into_iter().map(around).collect()
}

/// What the share may be of which `hits` of `of` are an observation.
pub(super) fn share_draws(hits: u64, of: u64, draws: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    match Beta::new(hits as f64 + 0.5, of.saturating_sub(hits) as f64 + 0.5) {
        Ok(share) => (0..draws).map(|_| share.sample(rng)).collect(),
        Err(_) => vec![],
    }
}

/// The two-sided 95 % quantile of Student's law for so many values, from three on (Abramowitz and Stegun, 26.7.5).
fn student(values: usize) -> f64 {
    let freedom = values.saturating_sub(1).max(2) as f64;
    let (z3, z5) = (Z.powi(3), Z.powi(5));
    Z + (z3 + Z) / (4.0 * freedom) + (5.0 * z5 + 16.0 * z3 + 3.0 * Z) / (96.0 * freedom * freedom)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn middle95(mut draws: Vec<f64>) -> (f64, f64) {
        draws.sort_by(f64::total_cmp);
        (draws[draws.len() / 40], draws[draws.len() * 39 / 40])
    }

    #[test]
    fn a_share_of_none_may_be_one_of_some() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut check = |hits, of, expected: (f64, f64)| {
            let (low, high) = middle95(share_draws(hits, of, 20_000, &mut rng));
            assert!((low - expected.0).abs() < 0.004 && (high - expected.1).abs() < 0.004, "{low} {high}");
        };
        // Jeffreys' intervals.
        check(0, 40, (0.0, 0.0612));
        check(8, 40, (0.0994, 0.3424));
        check(40, 40, (0.9388, 1.0));
    }

    #[test]
    fn students_law_is_that_of_the_tables() {
        for (values, expected) in [(10, 2.262), (31, 2.042), (1001, 1.962)] {
            assert!((student(values) - expected).abs() < 0.004, "{values}");
        }
    }

    #[test]
    fn draws_lie_around_the_value_as_they_lay_around_their_mean() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let runs: Vec<Yield> = (0..=200)
            .map(|n| Yield { seconds: 1.0, tokens: 90.0 + f64::from(n) / 10.0, ..Yield::default() })
            .collect();
        let mut of = |value| {
            middle95(rate_draws(Quantity::Rate(Aggregate::OutputThroughput), value, &runs, 1000, &mut rng))
        };
        let (low, high) = of(50.0);
        assert!((low - 45.3).abs() < 0.2 && (high - 54.8).abs() < 0.2, "{low} {high}");
        assert_eq!(of(0.0), (0.0, 0.0));
        let mut good =
            |value| middle95(rate_draws(Quantity::Rate(Aggregate::Goodput), value, &runs, 100, &mut rng));
        assert!((good(0.0).1 - 2.5).abs() < 0.4, "none of a hundred in a second");
    }
}
