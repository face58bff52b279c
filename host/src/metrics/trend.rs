//! The course of a run: when requests were due and sent, and whether TTFT had a trend. Kept while the run goes, in bounded
//! memory, and the same whatever the order of the records.

use std::collections::BTreeMap;

use super::health::IdleSlots;
use super::request::{schedule_lag, ttft};
use crate::record::RequestRecord;
use crate::units::{RequestId, Span, Stamp};

/// Requests kept for the trend: beyond a few thousand a correlation does not get any surer.
const MOST_KEPT: usize = 8192;
/// With fewer, a correlation as strong as [`MIN_RHO`] is chance too often.
const MIN_KEPT: usize = 30;

/// What is kept of the records of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// One request in this number is kept, by id: a power of two.
    stride: u64,
    kept: BTreeMap<RequestId, (Stamp, Span)>,
    due: Option<(Stamp, Stamp)>,
    sent: Option<(Stamp, Stamp)>,
    requests: u64,
    /// Sums of `sent - due` and `end - sent`.
    late: Span,
    ran: Span,
}

impl Default for Timeline {
    fn default() -> Timeline {
        Timeline {
            stride: 1,
            kept: BTreeMap::new(),
            due: None,
            sent: None,
            requests: 0,
            late: Span(0),
            ran: Span(0),
        }
    }
}

impl Timeline {
    /// Takes a request's record. Warm-up does not count.
    pub fn see(&mut self, record: &RequestRecord) {
        if record.warmup {
            return;
        }
        widen(&mut self.due, record.due);
        widen(&mut self.sent, record.sent);
        self.requests += 1;
        self.late.0 = self.late.0.saturating_add(schedule_lag(record).0);
        self.ran.0 = self.ran.0.saturating_add(record.end.since(record.sent).0);
        let Some(ttft) = ttft(record).filter(|_| record.is_ok()) else { return };
        if !record.id.0.is_multiple_of(self.stride) {
            return;
        }
        self.kept.insert(record.id, (record.sent, ttft));
        while self.kept.len() > MOST_KEPT {
            self.stride *= 2;
            self.kept.retain(|id, _| id.0.is_multiple_of(self.stride));
        }
    }

    /// From the first due time to the last, and from the first request sent to the last; `None` where nothing was.
    pub fn spans(&self) -> Option<(Span, Span)> {
        let span = |(first, last): (Stamp, Stamp)| last.since(first);
        Some((span(self.due?), span(self.sent?)))
    }

    /// How much of their time the slots of a closed loop were not used, with what was `unused` at the end.
    pub fn idle_slots(&self, unused: Span) -> Option<IdleSlots> {
        IdleSlots::of(Span(self.late.0.saturating_add(unused.0)), self.ran, self.requests)
    }

    /// How TTFT developed in the order of sending; `None` where too few requests say so.
    pub fn trend(&self) -> Option<Trend> {
        if self.kept.len() < MIN_KEPT {
            return None;
        }
        let mut pairs: Vec<(Stamp, Span)> = self.kept.values().copied().collect();
        pairs.sort();
        let ttfts: Vec<f64> = pairs.iter().map(|(_, ttft)| ttft.as_ms()).collect();
        let quarter = ttfts.len() / 4;
        Some(Trend {
            rho: spearman(&ttfts),
            n: ttfts.len(),
            first_ms: median(&ttfts[..quarter]),
            last_ms: median(&ttfts[ttfts.len() - quarter..]),
        })
    }
}

/// TTFT against the order of sending.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Spearman's rank correlation, from -1 to 1; ties share their mean rank.
    pub rho: f64,
    pub n: usize,
    /// Median of the first quarter of the requests.
    pub first_ms: f64,
    /// Median of the last quarter.
    pub last_ms: f64,
}

/// A trend weaker than this explains less than a quarter of the spread.
const MIN_RHO: f64 = 0.5;
/// Two-sided at 0.001: `rho * sqrt(n - 1)` is standard normal without a trend.
const SURE: f64 = 3.29;
/// The quarters differ by less than this: no reader would call it another number.
const MIN_CHANGE: f64 = 0.2;
/// And by less than this: the noise of a machine that is shared.
const MIN_CHANGE_MS: f64 = 5.0;

impl Trend {
    /// Whether TTFT rose or fell throughout: surely, strongly, and by an amount that matters.
    pub fn is_there(&self) -> bool {
        let change = (self.last_ms - self.first_ms).abs();
        self.rho.abs() >= MIN_RHO
            && self.rho.abs() * ((self.n as f64) - 1.0).sqrt() >= SURE
            && change >= MIN_CHANGE_MS
            && change >= MIN_CHANGE * self.first_ms.min(self.last_ms)
    }
}

fn widen(range: &mut Option<(Stamp, Stamp)>, at: Stamp) {
    *range = Some(range.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len();
    if n == 0 { 0.0 } else { (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0 }
}

/// Spearman's rho of the values against their positions: Pearson's correlation of the ranks. 0 where all are equal.
fn spearman(values: &[f64]) -> f64 {
    let n = values.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; n];
    let mut from = 0;
    while from < n {
        let tied = order[from..].iter().take_while(|&&i| values[i] == values[order[from]]).count();
        let mean = from as f64 + (tied - 1) as f64 / 2.0;
        order[from..from + tied].iter().for_each(|&i| ranks[i] = mean);
        from += tied;
    }
    let middle = (n as f64 - 1.0) / 2.0;
    let (mut product, mut of_ranks, mut of_positions) = (0.0, 0.0, 0.0);
    for (position, rank) in ranks.iter().enumerate() {
        let (x, y) = (position as f64 - middle, rank - middle);
        product += x * y;
        of_positions += x * x;
        of_ranks += y * y;
    }
    if of_ranks == 0.0 { 0.0 } else { product / (of_ranks * of_positions).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::{ms, record};

    /// `n` requests 10 ms apart whose TTFT in ms is this function of their number.
    fn course(n: u64, ttft: impl Fn(u64) -> u64) -> Timeline {
        let mut course = Timeline::default();
        for id in (0..n).rev() {
            let sent = 10 * id;
            course.see(&RequestRecord { due: ms(sent), sent: ms(sent), ..record(id, &[sent + ttft(id)]) });
        }
        course
    }

    #[test]
    fn rank_correlation_is_that_of_the_textbook() {
        assert_eq!(spearman(&[1.0, 2.0, 3.0, 4.0]), 1.0);
        assert_eq!(spearman(&[9.0, 5.0, 3.0, 1.0]), -1.0);
        assert_eq!(spearman(&[2.0, 2.0, 2.0]), 0.0);
        // 1 - 6 * (1 + 1 + 1 + 1) / (4 * 15)
        assert!((spearman(&[2.0, 1.0, 4.0, 3.0]) - 0.6).abs() < 1e-12);
        // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(5 * 4.5)
        assert!((spearman(&[1.0, 2.0, 2.0, 3.0]) - 4.5 / 22.5f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_trend_is_sure_strong_and_of_an_amount_that_matters() {
        let noise = |id: u64| id * 7919 % 131 % 20;
        let check = |name: &str, course: &Timeline, expected: bool| {
            let trend = course.trend().expect("enough");
            assert_eq!(trend.is_there(), expected, "{name}: {trend:?}");
        };
        check("rising", &course(400, |id| 100 + id + noise(id)), true);
        check("falling", &course(400, |id| 600 - id + noise(id)), true);
        check("steady", &course(400, |id| 200 + noise(id)), false);
        check("constant", &course(400, |_| 200), false);
        check("a slow first tenth", &course(400, |id| if id < 40 { 900 } else { 200 + noise(id) }), false);
        check("surely rising, by 4 ms", &course(400, |id| 10 + id / 100), false);
        check("surely rising, by a tenth", &course(400, |id| 1000 + id / 4), false);
        assert_eq!(course(29, |id| 100 + 10 * id).trend(), None);
    }

    #[test]
    fn what_is_kept_is_bounded_and_hangs_on_no_order() {
        let long = course(50_000, |id| 100 + id / 100);
        assert!(long.kept.len() <= MOST_KEPT && long.kept.len() > MOST_KEPT / 2);
        assert!(long.trend().expect("enough").is_there());
        let mut other = Timeline::default();
        for id in (0..50_000u64).map(|id| id * 7919 % 50_000) {
            let sent = 10 * id;
            let at = RequestRecord { due: ms(sent), sent: ms(sent), ..record(id, &[sent + 100 + id / 100]) };
            other.see(&at);
        }
        assert_eq!(other, long);
    }

    #[test]
    fn the_schedule_and_what_became_of_it_are_spans_without_warm_up() {
        let mut course = Timeline::default();
        assert_eq!(course.spans(), None);
        let at = |id, due, sent| RequestRecord { due: ms(due), sent: ms(sent), ..record(id, &[sent + 50]) };
        course.see(&RequestRecord { warmup: true, ..at(0, 0, 0) });
        course.see(&at(2, 500, 900));
        course.see(&at(1, 100, 100));
        assert_eq!(course.spans(), Some((Span::from_millis(400), Span::from_millis(800))));
    }
}
