//! The search for the highest rate that passes: doubling until one fails (or quartering until one passes),
//! then halving the distance. Pure: what passing
//! means, and how it is tried, is the caller's business.

/// The outcome of one tried rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    Passed,
    Failed,
    /// Neither could be shown. The search goes on below it, and it bounds nothing.
    Undecided,
}

/// Where the search stands: the highest rate that passed, and the lowest that failed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bracket {
    pub passed: Option<f64>,
    pub failed: Option<f64>,
}

/// A search under way. Rates are in requests per second.
#[derive(Debug, Clone)]
pub struct RateSearch {
    bracket: Bracket,
    /// The lowest that did not pass: failed, or undecided.
    ceiling: Option<f64>,
    /// Nothing higher is tried.
    most: f64,
    next: f64,
    steps_left: u32,
    /// How many more may fail before one passes.
    failures_left: u32,
}

/// The bracket is narrow enough where its ends are within 5 %.
const NARROW: f64 = 1.05;

/// Even twelve halvings of a doubled rate leave nothing to find; a search this long has found noise.
const MOST_STEPS: u32 = 12;

/// While nothing has passed, the next rate is this much lower…
const STEP_DOWN: f64 = 4.0;

/// …so often: where a 64th of the rate is too much as well, it is hardly the rate.
const MOST_FAILURES_BEFORE_A_PASS: u32 = 4;

impl RateSearch {
    /// Begins at `start`, and goes no higher than `most`.
    pub fn new(start: f64, most: f64) -> RateSearch {
        let next = start.min(most);
        RateSearch {
            bracket: Bracket::default(),
            ceiling: None,
            most,
            next,
            steps_left: MOST_STEPS,
            failures_left: MOST_FAILURES_BEFORE_A_PASS,
        }
    }

    /// The rate to try next; `None` where the search is over.
    pub fn next(&self) -> Option<f64> {
        let narrow = match (self.bracket.passed, self.ceiling) {
            (Some(passed), Some(ceiling)) => ceiling / passed <= NARROW,
            (Some(passed), None) => passed >= self.most,
            (None, _) => self.failures_left == 0,
        };
        (!narrow && self.steps_left > 0).then_some(self.next)
    }

    /// Takes the outcome of [`RateSearch::next`].
    pub fn tell(&mut self, trial: Trial) {
        let rate = self.next;
        self.steps_left = self.steps_left.saturating_sub(1);
        match trial {
            Trial::Passed => self.bracket.passed = Some(rate),
            Trial::Failed => self.bracket.failed = Some(rate),
            Trial::Undecided => {}
        }
        if trial != Trial::Passed {
            self.ceiling = Some(rate);
            self.failures_left = self.failures_left.saturating_sub(1);
        }
        self.next = match (self.bracket.passed, self.ceiling) {
            (Some(passed), Some(ceiling)) => (passed + ceiling) / 2.0,
            (Some(passed), None) => (passed * 2.0).min(self.most),
            (None, _) => rate / STEP_DOWN,
        };
    }

    pub fn bracket(&self) -> Bracket {
        self.bracket
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;
    use rand_distr::{Distribution, Exp1};

    use super::*;

    fn search(start: f64, most: f64, mut trial: impl FnMut(f64) -> Trial) -> (Bracket, u32) {
        let mut search = RateSearch::new(start, most);
        let mut steps = 0;
        while let Some(rate) = search.next() {
            search.tell(trial(rate));
            steps += 1;
        }
        (search.bracket(), steps)
    }

    fn at_most(capacity: f64) -> impl Fn(f64) -> Trial {
        move |rate| if rate <= capacity { Trial::Passed } else { Trial::Failed }
    }

    #[test]
    fn the_bracket_holds_the_capacity_wherever_it_starts() {
        for capacity in [0.7, 3.0, 17.0, 101.0] {
            for start in [1.0, 4.0, 16.0, 40.0] {
                let (bracket, steps) = search(start, 1e5, at_most(capacity));
                let (Some(passed), Some(failed)) = (bracket.passed, bracket.failed) else {
                    panic!("{capacity} from {start}: {bracket:?}")
                };
                assert!(passed <= capacity && capacity < failed && steps <= MOST_STEPS);
                assert!(failed / passed <= 1.12, "{capacity} from {start}: {bracket:?}");
                assert!(steps == MOST_STEPS || failed / passed <= NARROW, "{bracket:?}");
            }
        }
    }

    #[test]
    fn it_ends_at_the_bound_where_that_passes_and_soon_where_nothing_does() {
        assert_eq!(search(1.0, 10.0, at_most(1e9)), (Bracket { passed: Some(10.0), failed: None }, 5));
        assert_eq!(search(50.0, 10.0, at_most(1e9)).0.passed, Some(10.0));
        let (bracket, steps) = search(1.0, 10.0, |_| Trial::Failed);
        assert_eq!((bracket.passed, steps), (None, MOST_FAILURES_BEFORE_A_PASS));
    }

    #[test]
    fn what_is_undecided_bounds_nothing() {
        let trial = |rate: f64| match rate {
            ..=9.0 => Trial::Passed,
            ..=11.0 => Trial::Undecided,
            _ => Trial::Failed,
        };
        let (bracket, _) = search(1.0, 1e5, trial);
        let (passed, failed) = (bracket.passed.expect("passed"), bracket.failed.expect("failed"));
        assert!(passed <= 9.0 && failed > 11.0, "{bracket:?}");
    }

    /// Whether 95 % of 2000 requests to a server with `servers` exponential workers of one a second wait under a second.
    fn waits_are_short(rate: f64, servers: usize) -> Trial {
        let mut rng = ChaCha8Rng::seed_from_u64((rate * 1000.0) as u64);
        let mut free = vec![0.0f64; servers];
        let (mut now, mut short) = (0.0, 0);
        for _ in 0..2000 {
            let gap: f64 = Exp1.sample(&mut rng);
            now += gap / rate;
            let first = (0..servers).min_by(|&a, &b| free[a].total_cmp(&free[b])).expect("a worker");
            let start = now.max(free[first]);
            let service: f64 = Exp1.sample(&mut rng);
            free[first] = start + service;
            short += usize::from(start - now < 1.0);
        }
        if short >= 1900 { Trial::Passed } else { Trial::Failed }
    }

    #[test]
    fn the_capacity_of_a_queue_with_ten_servers_is_found() {
        // The wait exceeds 1 s with probability C(10, a) e^-(10 - a): 5 % at a = 7.9 (Erlang C is 0.39 there).
        let (bracket, _) = search(1.0, 1e5, |rate| waits_are_short(rate, 10));
        let (passed, failed) = (bracket.passed.expect("passed"), bracket.failed.expect("failed"));
        assert!(passed > 7.0 && failed < 9.0, "{bracket:?}");
    }
}
