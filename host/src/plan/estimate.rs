//! How many requests, tokens and seconds a run will take, before anything is sent. How fast the target is, nobody knows yet: the estimate says what it
//! assumes.

use super::{Plan, SearchPlan, Series};
use crate::load::{NO_LIMIT, Profile, RateSearch, Segment, Trial};
use crate::metrics::Slo;
use crate::units::{Span, Tokens};

/// What an answer is assumed to take: half a second to its first token, then 50 tokens a second, as a hosted model of
/// middling speed.
pub const ASSUMED_TTFT_S: f64 = 0.5;
pub const ASSUMED_TOKENS_PER_S: f64 = 50.0;
/// Tokens of English text in a byte, about.
const TOKENS_PER_BYTE: f64 = 0.25;
/// A reply to a question of the correctness test, about: a number is shorter, five sentences are longer.
const REPLY_TOKENS: f64 = 50.0;
/// LLMPerf's instruction, which every prompt of its begins with, is 25 to 28 tokens long.
const SHORTEST_PROMPT: Tokens = Tokens(27);

/// How much a run will take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Warm-up included.
    pub requests: f64,
    pub input_tokens: f64,
    pub output_tokens: f64,
    /// At the assumed speed, with the time limit of the plan.
    pub seconds: f64,
    /// It is the most that may come, of a search that decides as it goes.
    pub at_most: bool,
}

impl Estimate {
    /// Of no run.
    pub const NOTHING: Estimate =
        Estimate { requests: 0.0, input_tokens: 0.0, output_tokens: 0.0, seconds: 0.0, at_most: false };

    /// One after the other.
    #[must_use]
    pub fn and(self, other: Estimate) -> Estimate {
        Estimate {
            requests: self.requests + other.requests,
            input_tokens: self.input_tokens + other.input_tokens,
            output_tokens: self.output_tokens + other.output_tokens,
            seconds: self.seconds + other.seconds,
            at_most: self.at_most || other.at_most,
        }
    }
}

/// Estimates a run.
///
/// Requests are those of the plan, or, where only time ends it, those that the rate or the slots make in that time at the
/// assumed speed. Its time is that of the arrivals, or of the requests shared among the slots, and of the last answer; never
/// more than `--timeout`, `--duration` and the drain allow.
pub fn estimate(plan: &Plan) -> Estimate {
    let isl = match &plan.dataset {
        Some(dataset) => dataset.mean_prompt_bytes() as f64 * TOKENS_PER_BYTE,
        None => plan.workload.isl.mean_drawn(SHORTEST_PROMPT),
    };
    let prefix = plan.prefix.map_or(0.0, |prefix| prefix.tokens.0 as f64 * prefix.share);
    let osl = match plan.check {
        Some(_) => REPLY_TOKENS,
        None => plan.workload.osl.mean_drawn(Tokens(1)),
    };
    let answer = ASSUMED_TTFT_S + (osl - 1.0).max(0.0) / ASSUMED_TOKENS_PER_S;
    if let Some(Series::Search(how)) = plan.goals.series {
        let search = RateSearch::new(how.first_rate, how.max_rate);
        let (requests, seconds) = most(&search, how, &plan.goals.slos, answer);
        let (input_tokens, output_tokens) = (requests * (isl + prefix), requests * osl);
        return Estimate { requests, input_tokens, output_tokens, seconds, at_most: true };
    }
    let rate = arrival_rate(plan).unwrap_or(plan.concurrency as f64 / answer);
    let launching = launching_time(plan);
    let timed = rate * launching.as_secs();
    let planned = match plan.requests() {
        NO_LIMIT => f64::INFINITY,
        requests => requests as f64,
    };
    let requests = planned.min(timed.ceil());
    let seconds = if plan.is_open_loop() {
        requests / rate + answer
    } else {
        // Slots in step: the last round is a whole one.
        (requests / plan.concurrency as f64).ceil() * answer + plan.ramp_up.as_secs()
    };
    Estimate {
        requests,
        input_tokens: requests * (isl + prefix),
        output_tokens: requests * osl,
        seconds: seconds.min(launching.as_secs() + answer),
        at_most: false,
    }
}

/// The most requests and seconds that are left of a search: whatever passes, each step in as many runs as it may take.
fn most(search: &RateSearch, how: SearchPlan, slos: &[Slo], answer: f64) -> (f64, f64) {
    let Some(rate) = search.next() else { return (0.0, 0.0) };
    let runs = || (0..SearchPlan::RUNS_A_STEP).map(|doubling| how.requests(slos, rate, doubling) as f64);
    let (requests, seconds): (f64, f64) = (runs().sum(), runs().map(|run| run / rate + answer).sum());
    let rest = [Trial::Passed, Trial::Failed].map(|trial| {
        let mut search = search.clone();
        search.tell(trial);
        most(&search, how, slos, answer)
    });
    (requests + rest[0].0.max(rest[1].0), seconds + rest[0].1.max(rest[1].1))
}

/// Requests due a second on average; `None` in a closed loop.
fn arrival_rate(plan: &Plan) -> Option<f64> {
    if let (Some(speed), Some(dataset)) = (plan.replay, &plan.dataset) {
        let seconds = speed.apply(dataset.length()).as_secs();
        return (seconds > 0.0).then(|| dataset.rows() as f64 / seconds);
    }
    match &plan.arrival.as_ref()?.profile {
        Profile::Rate(rate) => Some(*rate),
        Profile::Schedule(segments) => {
            let seconds: f64 = segments.iter().map(|segment| segment.length.as_secs()).sum();
            let due = |segment: &Segment| (segment.from + segment.to) / 2.0 * segment.length.as_secs();
            Some(segments.iter().map(due).sum::<f64>() / seconds)
        }
    }
}

/// How long requests are launched at most.
fn launching_time(plan: &Plan) -> Span {
    let measured =
        plan.division.measured.map(|measured| Span(plan.division.warmup.0.saturating_add(measured.0)));
    let scheduled = plan.arrival.as_ref().and_then(|arrival| arrival.profile.length());
    [measured, scheduled].into_iter().flatten().fold(plan.timeout, Ord::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{LoadInput, resolve};

    fn estimated(change: impl FnOnce(&mut LoadInput)) -> Estimate {
        let mut input = LoadInput {
            target: Some("mock".to_owned()),
            mean_input_tokens: Some(100.0),
            stddev_input_tokens: Some(0.0),
            mean_output_tokens: Some(51.0),
            stddev_output_tokens: Some(0.0),
            ..LoadInput::default()
        };
        change(&mut input);
        estimate(&resolve(input, &|_| None).expect("a plan"))
    }

    #[test]
    fn a_closed_loop_takes_as_many_rounds_as_its_slots_need() {
        // An answer takes 0.5 + 50 / 50 = 1.5 s.
        let estimate = estimated(|input| {
            (input.max_num_completed_requests, input.num_concurrent_requests) = (Some(10), Some(4));
        });
        let expected = Estimate {
            requests: 10.0,
            input_tokens: 1000.0,
            output_tokens: 510.0,
            seconds: 4.5,
            at_most: false,
        };
        assert_eq!(estimate, expected);
    }

    #[test]
    fn a_search_is_bounded_by_its_highest_rate() {
        let estimate = estimated(|input| {
            (input.find_max_rate, input.max_rate, input.step_duration) = (true, Some(2.0), Some(100.0));
            input.slo = vec!["ttft:p50<1s".to_owned()];
        });
        // 1 a second passes, 2 does not, and then the distance is halved from below, until it is within 5 %; each in runs of
        // 100, 200 and 400 s.
        assert!(estimate.at_most);
        assert_eq!(estimate.requests, 7.0 * (100.0 + 200.0 + 150.0 + 175.0 + 188.0 + 194.0));
        assert!(estimate.seconds >= 6.0 * 700.0, "{estimate:?}");
    }

    #[test]
    fn time_bounds_what_is_sent() {
        let timed = estimated(|input| {
            (input.duration, input.num_concurrent_requests) = (Some(15.0), Some(4));
        });
        assert_eq!((timed.requests, timed.seconds), (40.0, 15.0));
        let open = estimated(|input| {
            (input.request_rate, input.max_num_completed_requests) = (Some(2.0), Some(20));
        });
        assert_eq!((open.requests, open.seconds), (20.0, 11.5));
        let schedule = estimated(|input| input.rate_schedule = Some("0..10:10s,2:5s".to_owned()));
        assert_eq!(schedule.requests, 60.0);
    }
}
