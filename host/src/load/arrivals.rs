//! When requests are due in an open loop. Pure: the same process, rate and seed give the same times.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Exp1, Gamma};

use crate::units::Span;

/// How requests arrive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrival {
    /// Requests per second: finite and above 0.
    pub rate: f64,
    pub process: Process,
}

/// How the times between arrivals spread around their mean, which is `1 / rate`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Process {
    /// All the same.
    Constant,
    /// Exponential: arrivals know nothing of each other, as of many independent users.
    Poisson,
    /// Gamma with this shape: 1 is Poisson, below 1 arrivals come in bursts, above 1 they are more even.
    Gamma { burstiness: f64 },
}

impl Arrival {
    /// The due times, from the start of the measured phase; the first is one interval after it. Never ends.
    pub fn due_times(self, seed: u64) -> impl Iterator<Item = Span> + Send {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Prompts draw from the streams of their request ids.
        rng.set_stream(u64::MAX);
        let gamma = match self.process {
            Process::Gamma { burstiness } => Gamma::new(burstiness, 1.0 / burstiness).ok(),
            Process::Constant | Process::Poisson => None,
        };
        let mut due = 0.0;
        std::iter::repeat_with(move || {
            let intervals: f64 = match (self.process, &gamma) {
                (Process::Constant, _) => 1.0,
                (_, Some(gamma)) => gamma.sample(&mut rng),
                (_, None) => Exp1.sample(&mut rng),
            };
            due += intervals / self.rate;
            Span((due * 1e9).round() as u64)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and coefficient of variation of the times between 20,000 arrivals.
    fn spread(process: Process) -> (f64, f64) {
        let due: Vec<f64> =
            Arrival { rate: 200.0, process }.due_times(7).take(20_001).map(Span::as_secs).collect();
        let gaps: Vec<f64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        (mean, variance.sqrt() / mean)
    }

    #[test]
    fn the_rate_is_met_and_the_spread_is_that_of_the_process() {
        let processes = [
            (Process::Constant, 0.0),
            (Process::Poisson, 1.0),
            (Process::Gamma { burstiness: 1.0 }, 1.0),
            (Process::Gamma { burstiness: 0.25 }, 2.0),
            (Process::Gamma { burstiness: 4.0 }, 0.5),
        ];
        for (process, variation) in processes {
            let (mean, cv) = spread(process);
            assert!((mean * 200.0 - 1.0).abs() < 0.05, "{process:?}: mean {mean}");
            assert!((cv - variation).abs() < 0.05, "{process:?}: variation {cv}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_times() {
        let times = |seed| {
            let arrival = Arrival { rate: 3.0, process: Process::Poisson };
            arrival.due_times(seed).take(50).collect::<Vec<_>>()
        };
        assert_eq!(times(1), times(1));
        assert_ne!(times(1), times(2));
    }
}
