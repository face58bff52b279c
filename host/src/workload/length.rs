//! Lengths in tokens, drawn as LLMPerf draws them. Every draw ends, whatever was asked for.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::WorkloadError;
use crate::units::Tokens;

/// A normal distribution of lengths in tokens. A standard deviation of 0 makes every length the mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normal {
    /// In tokens.
    pub mean: f64,
    /// In tokens.
    pub stddev: f64,
}

/// After this many draws below the floor the floor itself is taken. A mean three standard deviations below it
/// needs 740 draws on average, so this is met only where nearly every length would be the floor anyway.
const MAX_DRAWS: u32 = 10_000;

/// Their mean is then within a 90th of the standard deviation of a draw, and a thousand runs are estimated in a second.
const DRAWS_FOR_A_MEAN: u32 = 8192;

impl Normal {
    /// The longest length, in tokens: what the longest context windows in service hold. It bounds the cost of one
    /// prompt, which at this length takes 5 s and 600 MB to make.
    pub const MAX: u64 = 2_000_000;

    /// The length drawn: truncated toward zero, and drawn again until it is `floor` or more.
    pub(super) fn draw(self, rng: &mut impl Rng, floor: Tokens) -> Tokens {
        let draws = if self.stddev == 0.0 { 1 } else { MAX_DRAWS };
        for _ in 0..draws {
            let deviation: f64 = StandardNormal.sample(rng);
            let length = (self.mean + self.stddev * deviation).trunc();
            if length >= floor.0 as f64 {
                return Tokens((length as u64).min(Normal::MAX));
            }
        }
        floor
    }

    /// The mean of the lengths that are drawn, which is above that of the distribution where a good part of it is below `floor`.
    /// Found by drawing: within 1 % or so.
    pub fn mean_drawn(self, floor: Tokens) -> f64 {
        // Refused elsewhere; each draw would take as long as it may.
        if self.mean.is_nan() || self.is_below(floor) {
            return floor.0 as f64;
        }
        let draws = if self.stddev == 0.0 { 1 } else { DRAWS_FOR_A_MEAN };
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let sum: f64 = (0..draws).map(|_| self.draw(&mut rng, floor).0 as f64).sum();
        sum / f64::from(draws)
    }

    /// Checks that both numbers are lengths. `flags` are the mean's and the standard deviation's.
    pub(super) fn check(self, flags: [&'static str; 2]) -> Result<(), WorkloadError> {
        for (flag, value) in flags.into_iter().zip([self.mean, self.stddev]) {
            // NaN is in no range.
            if !(0.0..=Normal::MAX as f64).contains(&value) {
                return Err(WorkloadError::Length { flag, value });
            }
        }
        Ok(())
    }

    /// Whether the mean is below the shortest possible length: it could not be met, and without a deviation no draw would do.
    pub(super) fn is_below(self, floor: Tokens) -> bool {
        self.mean < floor.0 as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(mean: f64, stddev: f64, floor: u64) -> Vec<u64> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        (0..10_000).map(|_| Normal { mean, stddev }.draw(&mut rng, Tokens(floor)).0).collect()
    }

    #[test]
    fn lengths_are_distributed_as_asked() {
        let lengths = draws(550.0, 150.0, 26);
        let mean = lengths.iter().sum::<u64>() as f64 / 1e4;
        let variance = lengths.iter().map(|&n| (n as f64 - mean).powi(2)).sum::<f64>() / 1e4;
        // Truncation takes half a token off the mean; the standard error is 1.5.
        assert!((mean - 549.5).abs() < 6.0, "{mean}");
        assert!((variance.sqrt() - 150.0).abs() < 5.0, "{}", variance.sqrt());
    }

    #[test]
    fn what_is_drawn_again_raises_the_mean() {
        let check = |mean, stddev, floor, expected: f64| {
            let drawn = Normal { mean, stddev }.mean_drawn(Tokens(floor));
            assert!((drawn / expected - 1.0).abs() < 0.02, "{drawn}, not {expected}");
        };
        check(80.0, 0.0, 1, 80.0);
        check(550.0, 150.0, 26, 549.5);
        // Of a normal distribution cut off at its mean: mean + stddev * sqrt(2 / pi).
        check(1000.0, 100.0, 1000, 1079.3);
        check(150.0, 80.0, 1, 155.2);
    }

    #[test]
    fn no_length_is_below_the_floor_and_no_draw_hangs() {
        assert!(draws(10.0, 20.0, 26).iter().all(|&n| n >= 26));
        assert!(draws(150.0, 0.0, 1).iter().all(|&n| n == 150));
        assert!(draws(1.9, 0.0, 1).iter().all(|&n| n == 1));
        assert!(draws(0.0, 0.0, 1).iter().all(|&n| n == 1));
        assert!(draws(2e6, 2e6, 1).iter().all(|&n| n <= Normal::MAX));
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert_eq!(Normal { mean: 0.0, stddev: 1e-9 }.draw(&mut rng, Tokens(1)), Tokens(1));
    }

    #[test]
    fn what_is_no_length_is_refused_by_the_name_of_its_flag() {
        let check = |mean: f64, stddev: f64, expected: Option<&str>| {
            let found = Normal { mean, stddev }.check(["--mean", "--stddev"]).err();
            let flag = found.map(|error| match error {
                WorkloadError::Length { flag, .. } => flag,
                other => panic!("{other:?}"),
            });
            assert_eq!(flag, expected, "{mean} {stddev}");
        };
        check(550.0, 150.0, None);
        check(0.0, 0.0, None);
        check(-1.0, 0.0, Some("--mean"));
        check(f64::NAN, 0.0, Some("--mean"));
        check(f64::INFINITY, 0.0, Some("--mean"));
        check(1e18, 0.0, Some("--mean"));
        check(550.0, -0.5, Some("--stddev"));
        check(550.0, f64::NAN, Some("--stddev"));
        check(550.0, f64::INFINITY, Some("--stddev"));
    }
}
