//! From the records of a run to its summary.

use std::collections::BTreeMap;

use super::{Accumulator, Distribution, Endings, Failures, Metric, Note, TokenBasis, TokenTotals};
use crate::record::{Ending, RequestRecord};
use crate::units::Span;

/// What a summary needs to know beside the records.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Context {
    /// Requests that were due and never sent; they leave no record.
    pub dropped: u64,
    pub token_basis: TokenBasis,
    /// How long the run was to be measured; `None` where it ends with its requests.
    pub measured: Option<Span>,
    /// The server puts every prompt into a chat template, which adds tokens of its own.
    pub chat_template: bool,
    /// How the API's streamed answers end; `None` where that is not known.
    pub ending: Option<Ending>,
}

/// Summary of a run. Every `Option` is `None` where the number is undefined, see [`super::Aggregate`].
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    pub counts: Counts,
    /// First `sent` to last `end` of measured requests, and at most the time that was to be measured.
    pub window: Option<Span>,
    pub token_basis: TokenBasis,
    /// Over successful requests; a metric that no request defines is absent.
    pub distributions: BTreeMap<Metric, Distribution>,
    /// Tokens per second.
    pub output_throughput: Option<f64>,
    /// Requests per second.
    pub request_throughput: Option<f64>,
    /// From 0 to 1.
    pub error_rate: Option<f64>,
    pub failures: Failures,
    /// Over successful requests.
    pub tokens: TokenTotals,
    /// How many successful requests ended with each of the provider's own words; those without one are not here.
    pub finish_reasons: BTreeMap<String, u64>,
    pub endings: Endings,
    /// Bytes of the response bodies of all measured requests, failed ones included.
    pub body_bytes: u64,
    pub notes: Vec<Note>,
    /// How the objectives were met; `None` where there are none. A [`super::SloCounter`] counts it.
    pub slo: Option<super::SloReport>,
}

/// How many requests met which fate. The identities `scheduled = sent + dropped` and
/// `sent = ok + failed + cancelled` hold by construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub ok: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub dropped: u64,
    /// Requests of the warm-up, failed ones included; no other count holds them.
    pub warmup: u64,
}

impl Counts {
    /// Requests that were to be sent.
    pub fn scheduled(self) -> u64 {
        self.sent() + self.dropped
    }

    /// Requests that were sent.
    pub fn sent(self) -> u64 {
        self.finished() + self.cancelled
    }

    /// Requests that ran to their end, good or bad.
    pub fn finished(self) -> u64 {
        self.ok + self.failed
    }
}

/// Summarises the records of a run, given in any order.
pub fn summarize(records: &[RequestRecord], context: Context) -> Summary {
    let mut accumulator = Accumulator::new(context);
    records.iter().for_each(|record| accumulator.add(record));
    accumulator.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::FailureGroup;
    use crate::metrics::request::tests::{ms, record};
    use crate::record::{Failure, FailureKind, Outcome};

    fn failed(id: u64, kind: FailureKind, code: &str, message: &str) -> RequestRecord {
        let failure = Failure { code: code.to_owned(), ..Failure::new(kind, message) };
        RequestRecord { outcome: Outcome::Failed(failure), ..record(id, &[502]) }
    }

    fn mixed() -> Vec<RequestRecord> {
        vec![
            failed(4, FailureKind::HttpStatus, "503", "later"),
            RequestRecord { sent: ms(12), finish: None, ..record(1, &[52, 62, 82]) },
            RequestRecord { outcome: Outcome::Cancelled, ..record(5, &[1001]) },
            record(0, &[52, 62]),
            failed(2, FailureKind::HttpStatus, "503", "first"),
            failed(3, FailureKind::Timeout, "", "90 s passed"),
        ]
    }

    #[test]
    fn what_was_scheduled_sent_and_finished_adds_up() {
        let summary = summarize(&mixed(), Context { dropped: 3, ..Context::default() });
        assert_eq!(summary.counts, Counts { ok: 2, failed: 3, cancelled: 1, dropped: 3, warmup: 0 });
        assert_eq!((summary.counts.scheduled(), summary.counts.sent(), summary.counts.finished()), (9, 6, 5));
        assert_eq!(summary.error_rate, Some(0.6));
        assert_eq!(summary.body_bytes, 600);
        assert_eq!(summary.finish_reasons, BTreeMap::from([("stop".to_owned(), 1)]));
    }

    #[test]
    fn throughput_counts_successes_over_the_window_of_all() {
        let summary = summarize(&mixed(), Context::default());
        // First sent at 2 ms; the cancelled request ended last, at 1002 ms.
        assert_eq!(summary.window, Some(Span::from_millis(1000)));
        assert_eq!(summary.output_throughput, Some(5.0));
        assert_eq!(summary.request_throughput, Some(2.0));
    }

    #[test]
    fn distributions_are_over_successful_requests_and_gaps_are_pooled() {
        let summary = summarize(&mixed(), Context::default());
        let check = |metric, n, mean| {
            let distribution = &summary.distributions[&metric];
            assert_eq!((distribution.n, distribution.mean), (n, mean), "{metric:?}");
        };
        check(Metric::Ttft, 2, 45.0);
        check(Metric::E2el, 2, 65.0);
        check(Metric::ScheduleLag, 2, 6.0);
        check(Metric::Itl, 3, 40.0 / 3.0);
        check(Metric::Tpot, 2, 12.5);
        check(Metric::Osl, 2, 2.5);
        assert!(!summary.distributions.contains_key(&Metric::Connect));
    }

    #[test]
    fn failures_are_grouped_by_kind_and_code_with_the_first_message() {
        let group = |count, example: &str| FailureGroup { count, example: example.to_owned() };
        assert_eq!(
            summarize(&mixed(), Context::default()).failures,
            Failures::from([
                (FailureKind::HttpStatus, BTreeMap::from([("503".to_owned(), group(2, "first"))])),
                (FailureKind::Timeout, BTreeMap::from([(String::new(), group(1, "90 s passed"))])),
            ])
        );
    }

    #[test]
    fn the_order_of_records_does_not_matter() {
        let mut records: Vec<RequestRecord> = (0..500u64)
            .map(|id| record(id, &[50 + id * 7919 % 131, 190 + id * 104_729 % 977, 1300 + id]))
            .chain((500..506).map(|id| failed(id, FailureKind::Reset, "", &id.to_string())))
            .collect();
        let expected = summarize(&records, Context::default());
        records.reverse();
        assert_eq!(summarize(&records, Context::default()), expected);
        records.sort_by_key(|record| record.id.0 * 7919 % 506);
        assert_eq!(summarize(&records, Context::default()), expected);
    }

    #[test]
    fn nothing_sent_leaves_everything_undefined() {
        let summary = summarize(&[], Context { dropped: 2, ..Context::default() });
        assert_eq!(summary.counts.scheduled(), 2);
        assert_eq!(
            (summary.window, summary.output_throughput, summary.request_throughput, summary.error_rate),
            (None, None, None, None)
        );
        assert!(summary.distributions.is_empty());
    }
}
