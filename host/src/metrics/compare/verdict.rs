//! What becomes of a rule between a baseline and a candidate.

use super::estimate::least_values;
use super::{Difference, Estimates, Limit, Quantity, Rule};

/// The answer of a rule. The interval is the 95 % interval of the change, in the terms of the rule's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RulingVerdict {
    /// The whole interval lies beyond the limit: the rule fails.
    Worse,
    /// The interval holds the limit: the change may be on either side.
    Undecided,
    /// Worse than the baseline, and surely within the limit: the interval leaves zero out on the limit's side.
    WithinLimit,
    /// The interval holds zero, and all of it is within the limit.
    NoDifference,
    /// The interval leaves zero out on the other side.
    Better,
    /// One of the runs has too few requests for an interval, or lacks the number.
    TooFew,
}

/// The outcome of one rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    pub rule: Rule,
    pub verdict: RulingVerdict,
    /// `None` where one of the runs lacks the number.
    pub difference: Option<Difference>,
    /// About how many requests in each run would decide what is undecided, if the change stays as it is; `None` where it
    /// would take more than a hundred times as many.
    pub requests_needed: Option<u64>,
    /// How many values a run needs for this statistic to have an interval.
    pub least: usize,
}

impl RulingVerdict {
    /// The name in results.
    pub fn name(self) -> &'static str {
        match self {
            RulingVerdict::Worse => "worse",
            RulingVerdict::Undecided => "undecided",
            RulingVerdict::WithinLimit => "within_limit",
            RulingVerdict::NoDifference => "no_difference",
            RulingVerdict::Better => "better",
            RulingVerdict::TooFew => "too_few",
        }
    }
}

impl Ruling {
    /// Whether the gate is to stay shut. Strictly, whatever is not decided fails.
    pub fn fails(&self, strict: bool) -> bool {
        self.verdict == RulingVerdict::Worse || strict && !self.is_decided()
    }

    /// Whether it is known on which side of its limit the change is.
    pub fn is_decided(&self) -> bool {
        !matches!(self.verdict, RulingVerdict::Undecided | RulingVerdict::TooFew)
    }

    /// The change in the terms of the limit, and its interval.
    pub fn change(&self) -> Option<(f64, Option<(f64, f64)>)> {
        let difference = self.difference?;
        Some(match self.rule.limit {
            Limit::Relative(_) => (difference.relative(), difference.relative_ci95),
            Limit::Absolute(_) => (difference.absolute(), difference.absolute_ci95),
        })
    }
}

/// Holds a candidate to a rule against a baseline.
pub fn judge_rule(rule: &Rule, baseline: &Estimates, candidate: &Estimates) -> Ruling {
    let least = match rule.quantity {
        Quantity::Of(_, moment) => least_values(moment),
        _ => least_values(super::Moment::Mean),
    };
    let mut ruling = Ruling {
        rule: rule.clone(),
        verdict: RulingVerdict::TooFew,
        difference: baseline.difference(candidate, rule.quantity),
        requests_needed: None,
        least,
    };
    let Some((change, Some((low, high)))) = ruling.change() else { return ruling };
    let limit = rule.limit.amount();
    // Turned so that more is worse.
    let (limit, change, low, high) =
        if rule.limit.is_above() { (limit, change, low, high) } else { (-limit, -change, -high, -low) };
    ruling.verdict = if low > limit {
        RulingVerdict::Worse
    } else if high > limit {
        let requests = [baseline, candidate].into_iter().filter_map(Estimates::requests).max();
        ruling.requests_needed =
            requests.and_then(|requests| needed(requests, limit - change, (change - low, high - change)));
        RulingVerdict::Undecided
    } else if low > 0.0 {
        RulingVerdict::WithinLimit
    } else if high < 0.0 {
        RulingVerdict::Better
    } else {
        RulingVerdict::NoDifference
    };
    ruling
}

/// Advising more than this multiple of the requests is no advice.
const MOST_TIMES: f64 = 100.0;

/// The requests with which an interval no longer reaches the limit: its half on that side shrinks as the root of their number.
/// Two digits of it; it is an estimate.
fn needed(requests: usize, to_limit: f64, (below, above): (f64, f64)) -> Option<u64> {
    let half = if to_limit > 0.0 { above } else { below };
    let times = (half / to_limit).powi(2);
    if times.is_nan() || times > MOST_TIMES {
        return None;
    }
    let needed = (times * requests as f64).max(1.0);
    let unit = 10f64.powf((needed.log10().floor() - 1.0).max(0.0));
    Some(((needed / unit).ceil() * unit) as u64)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::metrics::request::tests::{ms, record};
    use crate::metrics::{Aggregate, Context, Sample, Terms, TokenBasis, summarize};
    use crate::record::RequestRecord;

    /// A server whose first token takes 100 ms and more, exponentially, and each gap 20 to 40 ms, all `slower` times; asked by four
    /// slots, each with one request after another.
    fn run(n: u64, slower: f64, seed: u64) -> Estimates {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut free = [2u64; 4];
        let records: Vec<_> = (0..n)
            .map(|id| {
                let slot = free.iter_mut().min().expect("four slots");
                let mut at = 100.0 - 40.0 * (1.0 - rng.random::<f64>()).ln();
                let mut events = vec![];
                for _ in 0..20 {
                    events.push(*slot + (at * slower) as u64);
                    at += rng.random_range(20.0..40.0);
                }
                let record = RequestRecord { sent: ms(*slot), ..record(id, &events) };
                *slot = events[19] + 1;
                record
            })
            .collect();
        let sample = Sample::of_records(&records, TokenBasis::Local, &Terms::default());
        let rate = summarize(&records, Context::default()).output_throughput.expect("a rate");
        Estimates::of(&sample, &[(Quantity::Rate(Aggregate::OutputThroughput), rate)], seed, seed)
    }

    const RULES: [&str; 4] =
        ["ttft.mean > +5%", "itl.p50 > +10%", "e2el.p50 > +30ms", "output_throughput < -5%"];

    fn verdicts(baseline: &Estimates, candidate: &Estimates) -> Vec<RulingVerdict> {
        let verdict = |text: &&str| judge_rule(&text.parse().unwrap(), baseline, candidate).verdict;
        RULES.iter().map(verdict).collect()
    }

    #[test]
    fn a_fifth_slower_is_worse_and_a_fifth_faster_is_better() {
        let (base, slow) = (run(200, 1.0, 1), run(200, 1.2, 2));
        assert_eq!(verdicts(&base, &slow), [RulingVerdict::Worse; 4]);
        assert_eq!(verdicts(&slow, &base), [RulingVerdict::Better; 4]);
    }

    #[test]
    fn what_may_be_on_either_side_of_its_limit_is_undecided_and_says_what_would_decide_it() {
        // Two fifths slower, of few requests: the interval goes from within the limit to far beyond it.
        let rule: Rule = "ttft.mean > +30%".parse().unwrap();
        let few = judge_rule(&rule, &run(30, 1.0, 1), &run(30, 1.4, 2));
        assert_eq!((few.verdict, few.fails(false), few.fails(true)), (RulingVerdict::Undecided, false, true));
        let needed = few.requests_needed.expect("a number") as f64;
        assert!(needed > 30.0, "{needed}");
        assert_ne!(
            judge_rule(&rule, &run(4 * needed as u64, 1.0, 1), &run(4 * needed as u64, 1.4, 2)).verdict,
            RulingVerdict::Undecided
        );
        // What holds zero may be beyond the limit too.
        let rule: Rule = "ttft.mean > +1%".parse().unwrap();
        assert_eq!(judge_rule(&rule, &run(30, 1.0, 1), &run(30, 1.0, 2)).verdict, RulingVerdict::Undecided);
    }

    #[test]
    fn the_requests_that_decide_grow_with_the_square_of_the_interval() {
        let check = |to_limit, halves, expected| assert_eq!(needed(40, to_limit, halves), expected);
        check(0.1, (0.5, 0.2), Some(160));
        check(-0.1, (0.2, 0.5), Some(160));
        check(0.1, (0.0, 0.31), Some(390));
        check(0.01, (0.2, 0.2), None);
        check(0.0, (0.2, 0.2), None);
    }

    #[test]
    fn the_same_server_twice_is_no_difference_but_for_the_odds_of_the_interval() {
        let mut different = [0; 4];
        for repetition in 0..100 {
            let pair = (run(120, 1.0, 1000 + 2 * repetition), run(120, 1.0, 1001 + 2 * repetition));
            for (count, rule) in different.iter_mut().zip(RULES) {
                let ruling = judge_rule(&rule.parse().unwrap(), &pair.0, &pair.1);
                assert_ne!(ruling.verdict, RulingVerdict::Worse);
                let (low, high) = ruling.change().and_then(|(_, interval)| interval).expect("an interval");
                *count += u32::from(low > 0.0 || high < 0.0);
            }
        }
        // 95 % intervals: 5 of 100 are expected to leave zero out, on either side; more than 12 come once in 700.
        assert!(different.iter().all(|&count| count <= 12), "{different:?}");
    }

    #[test]
    fn a_rule_without_slack_alarms_at_most_as_often_as_its_interval_allows() {
        for (rule, requests) in [("ttft.mean > +0%", 120), ("output_throughput < -0%", 40)] {
            let rule: Rule = rule.parse().unwrap();
            let alarms = (0..100).filter(|repetition| {
                let pair =
                    (run(requests, 1.0, 3000 + 2 * repetition), run(requests, 1.0, 3001 + 2 * repetition));
                judge_rule(&rule, &pair.0, &pair.1).fails(false)
            });
            let alarms = alarms.count();
            assert!(alarms <= 5, "{rule}: {alarms} of 100");
        }
    }

    #[test]
    fn a_small_change_is_within_the_limit_and_three_requests_are_too_few() {
        let rule: Rule = "ttft.mean > +50%".parse().unwrap();
        let ruling = judge_rule(&rule, &run(400, 1.0, 1), &run(400, 1.2, 2));
        assert_eq!((ruling.verdict, ruling.fails(true)), (RulingVerdict::WithinLimit, false));
        let few = judge_rule(&rule, &run(3, 1.0, 1), &run(400, 1.2, 2));
        assert_eq!((few.verdict, few.fails(false), few.fails(true)), (RulingVerdict::TooFew, false, true));
        assert!(few.difference.is_some() && few.least == 10);
    }

    #[test]
    fn an_interval_that_reaches_beyond_the_limit_fails_where_the_gate_is_strict() {
        let rule: Rule = "ttft.mean > +20%".parse().unwrap();
        let ruling = judge_rule(&rule, &run(60, 1.0, 1), &run(60, 1.2, 2));
        assert_eq!(ruling.verdict, RulingVerdict::Undecided);
        assert_eq!((ruling.fails(false), ruling.fails(true)), (false, true));
    }
}
