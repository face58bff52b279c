//! When requests are due in an open loop. Pure: the same process, rate and seed give the same times.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Exp1, Gamma};

use crate::units::Span;

/// How requests arrive.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    pub profile: Profile,
    pub process: Process,
}

/// How many arrive a second, over time.
#[derive(Debug, Clone, PartialEq)]
pub enum Profile {
    /// Always as many: finite and above 0.
    Rate(f64),
    /// One segment after the other; with the last one the arrivals end.
    Schedule(Vec<Segment>),
}

/// A part of a schedule, over which the rate goes evenly from one to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// Requests per second at its start: finite, 0 or more.
    pub from: f64,
    /// And at its end.
    pub to: f64,
    /// Above 0.
    pub length: Span,
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
    /// The due times, from the start of the run; the first is one interval after it. They end with the profile.
    ///
    /// The process says after how many mean intervals each arrival comes, and the profile when that number has passed:
    /// the inverse of the rate cumulated over time (Cinlar, Introduction to Stochastic Processes, chapter 4.7).
    pub fn due_times(self, seed: u64) -> impl Iterator<Item = Span> + Send {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Prompts draw from the streams of their request ids.
        rng.set_stream(u64::MAX);
        let gamma = match self.process {
            Process::Gamma { burstiness } => Gamma::new(burstiness, 1.0 / burstiness).ok(),
            Process::Constant | Process::Poisson => None,
        };
        let mut passed = 0.0;
        std::iter::from_fn(move || {
            let intervals: f64 = match (self.process, &gamma) {
                (Process::Constant, _) => 1.0,
                (_, Some(gamma)) => gamma.sample(&mut rng),
                (_, None) => Exp1.sample(&mut rng),
            };
            passed += intervals;
            self.profile.reaches(passed).map(|s| Span((s * 1e9).round() as u64))
        })
    }
}

impl Profile {
    /// Requests per second: the rate, or the highest of the schedule.
    pub fn highest_rate(&self) -> f64 {
        match self {
            Profile::Rate(rate) => *rate,
            Profile::Schedule(segments) => segments.iter().fold(0.0, |most, s| s.from.max(s.to).max(most)),
        }
    }

    /// Requests that are due in all, on average; `None` where they never end.
    pub fn expected_requests(&self) -> Option<f64> {
        match self {
            Profile::Rate(_) => None,
            Profile::Schedule(segments) => Some(segments.iter().map(|segment| segment.requests()).sum()),
        }
    }

    /// How long it lasts; `None` where it never ends.
    pub fn length(&self) -> Option<Span> {
        match self {
            Profile::Rate(_) => None,
            Profile::Schedule(segments) => Some(Span(segments.iter().map(|segment| segment.length.0).sum())),
        }
    }

    /// Seconds until this number of requests is due on average; `None` where the profile ends before.
    fn reaches(&self, requests: f64) -> Option<f64> {
        match self {
            Profile::Rate(rate) => Some(requests / rate),
            Profile::Schedule(segments) => {
                let (mut before, mut start) = (0.0, 0.0);
                for segment in segments {
                    if requests <= before + segment.requests() {
                        return Some(start + segment.reaches(requests - before));
                    }
                    before += segment.requests();
                    start += segment.length.as_secs();
                }
                None
            }
        }
    }
}

impl Segment {
    fn requests(&self) -> f64 {
        (self.from + self.to) / 2.0 * self.length.as_secs()
    }

    /// Seconds after which `from t + (to - from) t^2 / 2 length` reaches the number.
    fn reaches(&self, requests: f64) -> f64 {
        let slope = (self.to - self.from) / self.length.as_secs();
        let root = (self.from * self.from + 2.0 * slope * requests).max(0.0).sqrt();
        if requests > 0.0 { 2.0 * requests / (self.from + root) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and coefficient of variation of the times between 20,000 arrivals.
    fn spread(process: Process) -> (f64, f64) {
        let due: Vec<f64> = Arrival { profile: Profile::Rate(200.0), process }
            .due_times(7)
            .take(20_001)
            .map(Span::as_secs)
            .collect();
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
            let arrival = Arrival { profile: Profile::Rate(3.0), process: Process::Poisson };
            arrival.due_times(seed).take(50).collect::<Vec<_>>()
        };
        assert_eq!(times(1), times(1));
        assert_ne!(times(1), times(2));
    }

    fn schedule(segments: &[(f64, f64, u64)], process: Process) -> Vec<f64> {
        let segment = |&(from, to, s): &(f64, f64, u64)| Segment { from, to, length: Span::from_secs(s) };
        let profile = Profile::Schedule(segments.iter().map(segment).collect());
        Arrival { profile, process }.due_times(5).map(Span::as_secs).collect()
    }

    #[test]
    fn a_schedule_goes_through_its_steps_and_ramps_and_ends() {
        let steps = schedule(&[(2.0, 2.0, 2), (0.0, 0.0, 3), (4.0, 4.0, 1)], Process::Constant);
        assert_eq!(steps, [0.5, 1.0, 1.5, 2.0, 5.25, 5.5, 5.75, 6.0]);
        // t^2 = n where the rate rises from 0 by 2 a second.
        let ramp = schedule(&[(0.0, 8.0, 4)], Process::Constant);
        assert_eq!(ramp.len(), 16);
        assert!(ramp.iter().zip(1u8..).all(|(at, n)| (at - f64::from(n).sqrt()).abs() < 1e-6), "{ramp:?}");
        assert!(schedule(&[(0.0, 0.0, 4)], Process::Poisson).is_empty());
    }

    #[test]
    fn each_part_of_a_schedule_has_the_arrivals_it_is_to_have() {
        let times = schedule(&[(100.0, 100.0, 20), (100.0, 500.0, 20), (500.0, 0.0, 20)], Process::Poisson);
        assert!(times.is_sorted() && times.last().is_some_and(|&last| last <= 60.0));
        for (start, end, expected) in [(0.0, 20.0, 2000.0), (20.0, 40.0, 6000.0), (40.0, 60.0, 5000.0)] {
            let count = times.iter().filter(|&&at| at > start && at <= end).count() as f64;
            // Five standard deviations of a Poisson count.
            assert!((count - expected).abs() < 5.0 * f64::sqrt(expected), "{start}: {count}");
        }
    }
}
