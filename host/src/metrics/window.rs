//! The measured window, and what was served within it.

use super::TokenBasis;
use super::request;
use crate::record::{FailureKind, Outcome, RequestRecord};
use crate::units::{Span, Stamp, Tokens};

/// The measured window of these records; `None` where nothing was sent in it.
pub fn window(records: &[RequestRecord]) -> Option<Span> {
    let mut extent = Extent::default();
    records.iter().for_each(|record| extent.add(record));
    extent.window(None).map(Window::length)
}

/// What the measured requests span: the first `sent` and the last `end` of those that were sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extent(Option<Window>);

/// From the first `sent` of a measured request to the last `end` of one, or to the end of the measured time where that
/// comes first. Both instants are part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    start: Stamp,
    end: Stamp,
}

/// The successful requests, warm-up included, as far as the rates need them: whose `end` lies in the window is known
/// only when every record is there.
#[derive(Debug, Clone, Default)]
pub(super) struct Served(Vec<(Stamp, Option<Tokens>)>);

/// What was served within a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Throughput {
    pub(super) requests: u64,
    /// `None` where the `osl` of one of them is unknown.
    pub(super) output_tokens: Option<Tokens>,
}

impl Extent {
    /// Takes a record in, if it is a measured one.
    pub(super) fn add(&mut self, record: &RequestRecord) {
        if record.warmup || !reached_the_client(record) {
            return;
        }
        let Window { start, end } = self.0.unwrap_or(Window { start: record.sent, end: record.end });
        self.0 = Some(Window { start: start.min(record.sent), end: end.max(record.end) });
    }

    /// The window, which lasts `measured` at most; `None` where nothing was sent.
    pub(super) fn window(self, measured: Option<Span>) -> Option<Window> {
        self.0.map(|all| Window {
            end: measured.map_or(all.end, |measured| all.end.min(all.start + measured)),
            ..all
        })
    }
}

impl Window {
    pub(super) fn length(self) -> Span {
        self.end.since(self.start)
    }

    /// `None` for a window of no length, which has no rates.
    pub(super) fn seconds(self) -> Option<f64> {
        Some(self.length()).filter(|&length| length > Span(0)).map(Span::as_secs)
    }

    fn holds(self, at: Stamp) -> bool {
        (self.start..=self.end).contains(&at)
    }
}

impl Served {
    /// Takes a record in, if it succeeded.
    pub(super) fn add(&mut self, record: &RequestRecord, basis: TokenBasis) {
        if record.is_ok() {
            self.0.push((record.end, request::osl(record, basis)));
        }
    }

    /// What of it ended within the window.
    pub(super) fn within(&self, window: Window) -> Throughput {
        let none = Throughput { requests: 0, output_tokens: Some(Tokens(0)) };
        let ended = self.0.iter().filter(|(end, _)| window.holds(*end));
        ended.fold(none, |sum, &(_, osl)| Throughput {
            requests: sum.requests + 1,
            output_tokens: sum.output_tokens.zip(osl).map(|(sum, osl)| sum + osl),
        })
    }
}

/// A request that could not be built has a record, and no instants on the wire.
pub(super) fn reached_the_client(record: &RequestRecord) -> bool {
    !matches!(&record.outcome, Outcome::Failed(failure) if failure.kind == FailureKind::PluginRequest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::{ms, record};
    use crate::metrics::{Context, summarize};
    use crate::record::Failure;

    /// Sent at `sent`, one token a millisecond before its end at `end`.
    fn lasting(sent: u64, end: u64) -> RequestRecord {
        RequestRecord { sent: ms(sent), ..record(sent, &[end - 1]) }
    }

    fn warmup(sent: u64, end: u64) -> RequestRecord {
        RequestRecord { warmup: true, ..lasting(sent, end) }
    }

    #[test]
    fn a_request_that_was_never_built_does_not_stretch_the_window() {
        let failure = Failure::new(FailureKind::PluginRequest, "no such field");
        let unbuilt = RequestRecord {
            sent: ms(0),
            end: ms(90_000),
            outcome: Outcome::Failed(failure),
            ..record(9, &[502])
        };
        assert_eq!(window(&[record(0, &[52]), unbuilt.clone()]), Some(Span::from_millis(51)));
        assert_eq!(window(&[unbuilt]), None);
    }

    #[test]
    fn rates_count_what_ended_within_the_window_whichever_phase_sent_it() {
        let check = |records: &[RequestRecord], measured: Option<u64>, expected: (u64, Option<f64>, u64)| {
            let measured = measured.map(Span::from_millis);
            let summary = summarize(records, Context { measured, ..Context::default() });
            let (window_ms, requests_per_s, ttft_n) = expected;
            assert_eq!(summary.window, Some(Span::from_millis(window_ms)));
            assert_eq!(summary.request_throughput, requests_per_s);
            assert_eq!(summary.output_throughput, requests_per_s, "one token each");
            let n = summary.distributions.values().map(|d| d.n).max().unwrap_or(0);
            assert_eq!(n, ttft_n);
        };
        let measured = [lasting(100, 600), lasting(200, 1100)];
        check(&measured, None, (1000, Some(2.0), 2));
        // The second ends after the measured time: it has its latencies, and is in no rate.
        check(&measured, Some(500), (500, Some(2.0), 2));
        check(&measured, Some(5000), (1000, Some(2.0), 2));
        // The first warm-up request ended before; the second is a straggler; the third outlives the window.
        let stragglers = [warmup(0, 50), warmup(10, 700), warmup(20, 1200)];
        check(&[&measured[..], &stragglers].concat(), None, (1000, Some(3.0), 2));
        check(&[&measured[..], &stragglers].concat(), Some(500), (500, Some(2.0), 2));
    }

    #[test]
    fn warm_up_alone_has_no_window() {
        let summary = summarize(&[warmup(0, 50)], Context::default());
        assert_eq!((summary.window, summary.request_throughput), (None, None));
        assert_eq!((summary.counts.warmup, summary.counts.scheduled()), (1, 0));
    }
}
