//! A run, run again: its requests are drawn with replacement and started as they were, so that a rate has the spread that it has
//! from run to run, the way a run happens to end included. What a rate is divided by ends with the last answer, and with many
//! requests at a time it is the longest of few that decides when.
//!
//! - In a *closed loop* a slot takes the next drawn request as its last one ends. In an *open loop* the gaps between two starts
//!   are drawn as well, each from the ten before and after it, so that a schedule keeps its shape; or starts are left as they were.
//! - No draw has a longer request than the run had, and the longest decides. So the tenth that took longest follows a Pareto
//!   law that is fitted to it (Hill's estimator): heavier than most tails, so that an interval is rather too wide than too narrow.
//!   An answer that took longer has as many more tokens.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};

use crate::metrics::window::reached_the_client;
use crate::metrics::{TokenBasis, request};
use crate::record::RequestRecord;
use crate::units::{Span, Stamp};

/// The part of the requests that counts as the tail, and the fewest that say something of it.
const TAIL: f64 = 0.1;
const LEAST_TAIL: usize = 3;
/// How far around its own place a gap is drawn from.
const NEAR: usize = 10;

/// A request as it is run again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Served {
    pub(super) ok: bool,
    /// Whether it met every objective.
    pub(super) good: bool,
    pub(super) busy_s: f64,
    /// 0 where it failed, or where the count is unknown.
    pub(super) osl: f64,
}

/// How the requests of a run were started, and when it ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Rerun {
    starts: Starts,
    /// The measured time in seconds; `None` where the run ended with its last request.
    limit_s: Option<f64>,
    /// What the warm-up left running as the window began: `busy_s` is what remained of it.
    carried: Vec<Served>,
    tail: Option<Tail>,
}

#[derive(Debug, Clone)]
enum Starts {
    /// When each slot took its first request, in seconds from the window's start.
    Slots(Vec<f64>),
    /// When each request was sent, in the same terms.
    Paced(Vec<f64>),
}

#[derive(Debug, Clone, Copy)]
struct Tail {
    from_s: f64,
    /// The mean of `ln(busy / from)` beyond it.
    excess: f64,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Yield {
    pub(super) seconds: f64,
    /// Successful requests that ended in the window, and their tokens.
    pub(super) ok: f64,
    pub(super) tokens: f64,
    /// Requests that met every objective, whenever they ended.
    pub(super) good: f64,
}

/// Where the starts of an open loop come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrivals {
    Drawn,
    AsTheyWere,
}

impl Default for Starts {
    fn default() -> Starts {
        Starts::Slots(vec![0.0])
    }
}

impl Rerun {
    /// Of a run whose requests took turns in this number of slots, from the first instant on.
    pub(super) fn in_slots(slots: usize, requests: &[Served]) -> Rerun {
        let slots = slots.clamp(1, requests.len().max(1));
        Rerun { starts: Starts::Slots(vec![0.0; slots]), tail: Tail::of(requests), ..Rerun::default() }
    }

    /// Of a run as its records tell. `requests` are those that may be drawn.
    pub(super) fn of(
        records: &[RequestRecord],
        basis: TokenBasis,
        (paced, window): (bool, Option<Span>),
        requests: &[Served],
    ) -> Rerun {
        let mut sent: Vec<&RequestRecord> =
            records.iter().filter(|record| reached_the_client(record)).collect();
        sent.sort_by_key(|record| (record.sent, record.id));
        let measured = || sent.iter().filter(|record| !record.warmup);
        let Some(start) = measured().map(|record| record.sent).min() else { return Rerun::default() };
        let last = measured().map(|record| record.end).max().unwrap_or(start);
        let seconds = |at: Stamp| at.since(start).as_secs();
        let carried: Vec<&RequestRecord> =
            sent.iter().copied().filter(|record| record.warmup && record.end > start).collect();
        let starts = if paced {
            Starts::Paced(measured().map(|record| seconds(record.sent)).collect())
        } else {
            Starts::Slots(
                first_of_each_slot(&carried, measured().copied()).into_iter().map(seconds).collect(),
            )
        };
        let left = |record: &&RequestRecord| Served {
            ok: record.is_ok(),
            good: false,
            busy_s: seconds(record.end),
            osl: tokens(record, basis),
        };
        Rerun {
            starts,
            limit_s: window.filter(|&window| start + window < last).map(Span::as_secs),
            carried: carried.iter().map(left).collect(),
            tail: Tail::of(requests),
        }
    }

    /// How many slots there were; `None` in an open loop.
    pub(super) fn slots(&self) -> Option<usize> {
        match &self.starts {
            Starts::Slots(starts) => Some(starts.len() + self.carried.len()),
            Starts::Paced(_) => None,
        }
    }

    /// Whether starts are given from without, and not by the end of what ran before.
    pub(super) fn is_paced(&self) -> bool {
        matches!(self.starts, Starts::Paced(_))
    }

    /// Runs as many requests once more, or as many as the measured time takes; `requests` is not empty.
    pub(super) fn again(&self, requests: &[Served], arrivals: Arrivals, rng: &mut ChaCha8Rng) -> Yield {
        let mut run = Again { limit_s: self.limit_s, ..Again::default() };
        let carried: Vec<Served> = self.carried.iter().map(|_| pick(&self.carried, rng)).collect();
        carried.iter().for_each(|request| run.carry(request));
        match &self.starts {
            Starts::Slots(starts) => {
                let mut slots: BinaryHeap<Reverse<Instant>> =
                    starts.iter().map(|&at| Reverse(Instant(at))).collect();
                slots.extend(carried.iter().map(|request| Reverse(Instant(request.busy_s))));
                for _ in 0..self.most(requests) {
                    let Some(mut slot) = slots.peek_mut().filter(|slot| run.goes_on_at(slot.0.0)) else {
                        break;
                    };
                    slot.0.0 = run.serve(slot.0.0, self.draw(requests, rng));
                }
            }
            Starts::Paced(starts) if arrivals == Arrivals::AsTheyWere => {
                starts.iter().for_each(|&at| {
                    run.serve(at, self.draw(requests, rng));
                });
            }
            Starts::Paced(starts) => {
                let mut at = 0.0;
                for number in 0..self.most(requests) {
                    at += if number == 0 { 0.0 } else { near_gap(starts, number, rng) };
                    if !run.goes_on_at(at) {
                        break;
                    }
                    run.serve(at, self.draw(requests, rng));
                }
            }
        }
        run.end()
    }

    /// How many requests are started at most. A measured time ends by itself, unless its requests take none.
    fn most(&self, requests: &[Served]) -> usize {
        requests.len() * if self.limit_s.is_some() { 4 } else { 1 }
    }

    fn draw(&self, requests: &[Served], rng: &mut ChaCha8Rng) -> Served {
        let drawn = pick(requests, rng);
        match self.tail.filter(|tail| drawn.busy_s > tail.from_s) {
            Some(tail) => {
                let excess: f64 = Exp1.sample(rng);
                let busy_s = tail.from_s * (tail.excess * excess).exp();
                Served { busy_s, osl: drawn.osl * busy_s / drawn.busy_s, ..drawn }
            }
            None => drawn,
        }
    }
}

impl Tail {
    fn of(requests: &[Served]) -> Option<Tail> {
        let mut busy: Vec<f64> = requests.iter().map(|request| request.busy_s).collect();
        busy.sort_unstable_by(|a, b| b.total_cmp(a));
        let most = LEAST_TAIL.max((requests.len() as f64 * TAIL).round() as usize);
        let from_s = *busy.get(most).filter(|&&from| from > 0.0)?;
        let excess: Vec<f64> =
            busy.iter().take_while(|&&busy| busy > from_s).map(|busy| (busy / from_s).ln()).collect();
        (!excess.is_empty())
            .then(|| Tail { from_s, excess: excess.iter().sum::<f64>() / excess.len() as f64 })
    }
}

/// A run that is run again, as far as it has come.
#[derive(Debug, Default)]
struct Again {
    limit_s: Option<f64>,
    last_s: f64,
    /// What the warm-up left counts as far as it ended in the window, whose end is not known yet.
    carried: Vec<Served>,
    sums: Yield,
}

impl Again {
    fn carry(&mut self, request: &Served) {
        self.carried.push(*request);
    }

    fn goes_on_at(&self, at: f64) -> bool {
        self.limit_s.is_none_or(|limit| at < limit)
    }

    /// Serves a request from this instant on; when it ends.
    fn serve(&mut self, at: f64, request: Served) -> f64 {
        let end = at + request.busy_s;
        self.last_s = self.last_s.max(end);
        self.sums.good += f64::from(u8::from(request.good));
        if request.ok && self.limit_s.is_none_or(|limit| end <= limit) {
            self.sums.ok += 1.0;
            self.sums.tokens += request.osl;
        }
        end
    }

    fn end(self) -> Yield {
        let seconds = self.limit_s.map_or(self.last_s, |limit| limit.min(self.last_s));
        let mut sums = Yield { seconds, ..self.sums };
        for request in self.carried.iter().filter(|request| request.ok && request.busy_s <= seconds) {
            sums.ok += 1.0;
            sums.tokens += request.osl;
        }
        sums
    }
}

/// The output tokens of a successful request, 0 of any other.
pub(super) fn tokens(record: &RequestRecord, basis: TokenBasis) -> f64 {
    let osl = request::osl(record, basis).filter(|_| record.is_ok());
    osl.map_or(0.0, |osl| osl.0 as f64)
}

/// When the first request was sent of each slot that no request of the warm-up held. A request takes the slot that is free
/// the longest, and where none is free it is the first of its own.
fn first_of_each_slot<'a>(
    carried: &[&RequestRecord],
    measured: impl Iterator<Item = &'a RequestRecord>,
) -> Vec<Stamp> {
    let mut ends: BinaryHeap<Reverse<Stamp>> = carried.iter().map(|record| Reverse(record.end)).collect();
    let mut starts = Vec::new();
    for record in measured {
        if ends.peek().is_some_and(|end| end.0 <= record.sent) {
            ends.pop();
        } else {
            starts.push(record.sent);
        }
        ends.push(Reverse(record.end));
    }
    starts
}

fn pick(requests: &[Served], rng: &mut ChaCha8Rng) -> Served {
    requests[rng.random_range(0..requests.len())]
}

/// A gap between two starts, from near a place in the run.
fn near_gap(starts: &[f64], place: usize, rng: &mut ChaCha8Rng) -> f64 {
    let last = starts.len().saturating_sub(1);
    if last == 0 {
        return 0.0;
    }
    let place = place.min(last);
    let at = rng.random_range(place.saturating_sub(NEAR).max(1)..=(place + NEAR).min(last));
    starts[at] - starts[at - 1]
}

/// Seconds, ordered. None is NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Instant(f64);

impl Eq for Instant {}

impl PartialOrd for Instant {
    fn partial_cmp(&self, other: &Instant) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Instant {
    fn cmp(&self, other: &Instant) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::metrics::request::tests::{ms, record};

    fn lasting(id: u64, sent: u64, end: u64) -> RequestRecord {
        RequestRecord { sent: ms(sent), ..record(id, &[end - 1]) }
    }

    fn served(busy_s: f64) -> Served {
        Served { ok: true, good: true, busy_s, osl: 10.0 }
    }

    fn again(rerun: &Rerun, requests: &[Served], arrivals: Arrivals) -> Yield {
        rerun.again(requests, arrivals, &mut ChaCha8Rng::seed_from_u64(1))
    }

    #[test]
    fn slots_are_found_in_the_records_and_run_again() {
        let records =
            [lasting(0, 0, 1000), lasting(1, 500, 1500), lasting(2, 1000, 2000), lasting(3, 1500, 2500)];
        let requests = [served(1.0); 4];
        let rerun = Rerun::of(&records, TokenBasis::Local, (false, None), &requests);
        assert!(matches!(&rerun.starts, Starts::Slots(starts) if starts == &[0.0, 0.5]), "{rerun:?}");
        let expected = Yield { seconds: 2.5, ok: 4.0, tokens: 40.0, good: 4.0 };
        assert_eq!(again(&rerun, &requests, Arrivals::Drawn), expected);
    }

    #[test]
    fn a_measured_time_takes_as_many_as_fit_and_what_the_warm_up_left() {
        let cold = RequestRecord { warmup: true, ..lasting(9, 0, 1400) };
        let records = [
            cold,
            lasting(0, 1000, 2000),
            lasting(1, 1400, 2400),
            lasting(2, 2000, 3000),
            lasting(3, 2400, 3400),
        ];
        let requests = [served(1.0); 4];
        let rerun = Rerun::of(&records, TokenBasis::Local, (false, Some(Span::from_millis(2100))), &requests);
        assert_eq!((rerun.limit_s, rerun.carried.len()), (Some(2.1), 1));
        // Two slots: ends at 1, 2 and 3 s in one, at 0.4 s (1 token), 1.4 and 2.4 s in the other.
        let expected = Yield { seconds: 2.1, ok: 4.0, tokens: 31.0, good: 5.0 };
        assert_eq!(again(&rerun, &requests, Arrivals::Drawn), expected);
    }

    #[test]
    fn an_open_loop_starts_when_it_is_due() {
        let records: Vec<_> = (0..50).map(|id| lasting(id, 100 * id, 100 * id + 1000)).collect();
        let requests = vec![served(1.0); 50];
        let rerun = Rerun::of(&records, TokenBasis::Local, (true, None), &requests);
        let (drawn, given) =
            (again(&rerun, &requests, Arrivals::Drawn), again(&rerun, &requests, Arrivals::AsTheyWere));
        // Its gaps are all the same.
        assert!(
            (drawn.seconds - 5.9).abs() < 1e-9 && (given.seconds - 5.9).abs() < 1e-9,
            "{drawn:?} {given:?}"
        );
        assert_eq!((rerun.is_paced(), drawn.ok, given.ok), (true, 50.0, 50.0));
    }

    #[test]
    fn a_run_without_requests_on_the_wire_or_without_time_ends_too() {
        assert_eq!(Rerun::of(&[], TokenBasis::Local, (true, None), &[]).limit_s, None);
        let instant = Rerun { limit_s: Some(1.0), ..Rerun::in_slots(2, &[served(0.0)]) };
        assert_eq!(again(&instant, &[served(0.0)], Arrivals::Drawn).ok, 4.0);
    }

    #[test]
    fn the_longest_requests_may_be_longer_in_another_run() {
        let requests: Vec<Served> = (0..40).map(|n| served(1.0 + f64::from(n) / 40.0)).collect();
        let rerun = Rerun::in_slots(4, &requests);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let drawn: Vec<f64> = (0..2000).map(|_| rerun.draw(&requests, &mut rng).busy_s).collect();
        let beyond = drawn.iter().filter(|&&busy| busy > requests[39].busy_s).count();
        assert!((20..120).contains(&beyond), "{beyond}");
        assert!(drawn.iter().all(|&busy| (1.0..6.0).contains(&busy)));
    }
}
