//! From what runs came to when they were run again to the spread of a rate, and the spread of a share.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution};

use super::Quantity;
use super::rerun::{Served, Yield};
use crate::metrics::Aggregate;

/// The two-sided 95 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Draws of a rate around its value. A run that is run again comes to what the run came to on average, not to what it came to by
/// chance, so it is how far draws lie from their mean that counts; as a ratio, since a rate is one. Of n requests the spread is
/// too small by the share that a standard deviation without Bessel's correction lacks, and normal where Student's law is due;
/// and requests that are alike because they ran at the same time ([`kinship`]) count for fewer.
pub(super) fn rate_draws(
    quantity: Quantity,
    value: f64,
    runs: &[Yield],
    (requests, kinship): (usize, f64),
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
    let wider = (requests as f64 / (requests as f64 - 1.0)).sqrt() * student(requests) / Z * kinship;
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

/// How many times as large the spread of a rate is as that of requests which have nothing to do with each other. In a closed loop
/// those that run at the same time may wait for each other, or for the same slow moment: the residuals of the rate as a ratio, in
/// the order of start, are then alike from one to the next. The root of the sum of their autocorrelations, up to twice as many as
/// run at a time, with Bartlett's weights (Newey and West, 1987); never less than 1.
pub(super) fn kinship(requests: &[Served], slots: usize, quantity: Quantity) -> f64 {
    let gain = |request: &Served| match quantity {
        Quantity::Rate(Aggregate::OutputThroughput) => request.osl,
        Quantity::Rate(Aggregate::Goodput) => f64::from(u8::from(request.good)),
        _ => f64::from(u8::from(request.ok)),
    };
    let busy: f64 = requests.iter().map(|request| request.busy_s).sum();
    let rate = requests.iter().map(gain).sum::<f64>() / busy;
    let residuals: Vec<f64> = requests.iter().map(|request| gain(request) - rate * request.busy_s).collect();
    let with = |lag: usize| residuals.iter().zip(&residuals[lag..]).map(|(a, b)| a * b).sum::<f64>();
    let own = with(0);
    if own.is_nan() || own <= 0.0 {
        return 1.0;
    }
    let reach = (2 * slots).max((requests.len() as f64).sqrt() as usize).min(requests.len() / 4);
    let weight = |lag: usize| 1.0 - lag as f64 / (reach + 1) as f64;
    let alike: f64 = (1..=reach).map(|lag| 2.0 * weight(lag) * with(lag) / own).sum();
    (1.0 + alike).max(1.0).sqrt()
}

/// What the share may be of which `hits` of `of` are an observation.
pub(super) fn share_draws(hits: u64, of: u64, draws: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    match Beta::new(hits as f64 + 0.5, of.saturating_sub(hits) as f64 + 0.5) {
        Ok(share) => (0..draws).map(|_| share.sample(rng)).collect(),
        Err(_) => vec![],
    }
}

/// The two-sided 95 % quantile of Student's t-distribution for this number of values, from three on (Abramowitz and Stegun, 26.7.5).
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
    fn requests_that_are_alike_from_one_to_the_next_are_not_so_many() {
        let served = |busy_s| Served { ok: true, good: true, busy_s, osl: 1.0 };
        let of = |busy: &dyn Fn(usize) -> f64| {
            let requests: Vec<Served> = (0..400).map(|n| served(busy(n))).collect();
            kinship(&requests, 4, Quantity::Rate(Aggregate::RequestThroughput))
        };
        assert_eq!(of(&|n| 1.0 + (n % 2) as f64), 1.0, "they are as unlike as can be");
        let alike = of(&|n| 1.0 + ((n / 10).pow(2) * 617 % 101) as f64 / 100.0);
        assert!((1.7..3.6).contains(&alike), "ten at a time: {alike}");
        assert_eq!(of(&|_| 1.0), 1.0);
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
            middle95(rate_draws(
                Quantity::Rate(Aggregate::OutputThroughput),
                value,
                &runs,
                (1000, 1.0),
                &mut rng,
            ))
        };
        let (low, high) = of(50.0);
        assert!((low - 45.3).abs() < 0.2 && (high - 54.8).abs() < 0.2, "{low} {high}");
        assert_eq!(of(0.0), (0.0, 0.0));
        let mut good = |value| {
            middle95(rate_draws(Quantity::Rate(Aggregate::Goodput), value, &runs, (100, 1.0), &mut rng))
        };
        assert!((good(0.0).1 - 2.5).abs() < 0.4, "none of a hundred in a second");
    }
}
