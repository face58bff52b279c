//! From the records of a run to its summary.

use std::collections::BTreeMap;

use super::tokens::{TokenTotals, total};
use super::{Distribution, Metric, Note, SloReport, TokenBasis, request};
use crate::record::{FailureKind, Outcome, RequestRecord};
use crate::units::{Span, Stamp, Tokens};

/// What a summary needs to know beside the records.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context {
    /// Requests that were due and never sent; they leave no record.
    pub dropped: u64,
    pub token_basis: TokenBasis,
}

/// What a run amounts to. Every `Option` is `None` where the number is undefined, see [`super::Aggregate`].
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    pub counts: Counts,
    /// First `sent` to last `end`.
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
    /// Bytes of all response bodies, whatever became of the request.
    pub body_bytes: u64,
    pub notes: Vec<Note>,
    /// What became of the objectives; `None` where there are none. A [`super::SloCounter`] counts it.
    pub slo: Option<SloReport>,
}

/// How many requests met which fate. The identities `scheduled = sent + dropped` and
/// `sent = ok + failed + cancelled` hold by construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub ok: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub dropped: u64,
}

/// Failures by kind, then by code (empty where there is none).
pub type Failures = BTreeMap<FailureKind, BTreeMap<String, FailureGroup>>;

/// Failures of one kind and code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureGroup {
    pub count: u64,
    /// The message of the first of them, by request id.
    pub example: String,
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

    fn of(records: &[&RequestRecord], dropped: u64) -> Counts {
        let mut counts = Counts { dropped, ..Counts::default() };
        for record in records {
            match record.outcome {
                Outcome::Ok => counts.ok += 1,
                Outcome::Failed(_) => counts.failed += 1,
                Outcome::Cancelled => counts.cancelled += 1,
            }
        }
        counts
    }
}

/// Summarises the records of a run's measured phase, given in any order.
pub fn summarize(records: &[RequestRecord], context: Context) -> Summary {
    let mut all: Vec<&RequestRecord> = records.iter().collect();
    // The last bit of a sum depends on the order of its terms.
    all.sort_by_key(|record| (record.id, record.sent, record.end));
    let ok: Vec<&RequestRecord> = all.iter().copied().filter(|record| record.is_ok()).collect();

    let basis = context.token_basis;
    let counts = Counts::of(&all, context.dropped);
    let window = window(records);
    let seconds = window.filter(|&window| window > Span(0)).map(Span::as_secs);
    let output_tokens: Option<Vec<Tokens>> = ok.iter().map(|record| request::osl(record, basis)).collect();
    let output_tokens = output_tokens.map(|counts| total(counts.into_iter()));
    let tokens = TokenTotals::of(&ok);
    let with_token = ok.iter().filter(|record| record.first_token().is_some()).count() as u64;
    Summary {
        counts,
        window,
        token_basis: basis,
        distributions: distributions(&ok, basis),
        output_throughput: seconds.and_then(|seconds| Some(output_tokens?.0 as f64 / seconds)),
        request_throughput: seconds.map(|seconds| counts.ok as f64 / seconds),
        error_rate: (counts.finished() > 0).then(|| counts.failed as f64 / counts.finished() as f64),
        failures: failures(&all),
        notes: Note::about(&tokens, basis, counts.ok, with_token),
        tokens,
        finish_reasons: finish_reasons(&ok),
        body_bytes: all.iter().fold(0, |sum, record| sum.saturating_add(record.body_bytes)),
        slo: None,
    }
}

/// The measured window: first `sent` to last `end`. `None` where nothing was sent.
pub fn window(records: &[RequestRecord]) -> Option<Span> {
    let sent: Vec<&RequestRecord> = records.iter().filter(|record| reached_the_client(record)).collect();
    let first: Stamp = sent.iter().map(|record| record.sent).min()?;
    let last: Stamp = sent.iter().map(|record| record.end).max()?;
    Some(last.since(first))
}

/// A request that could not be built has a record, and no instants on the wire.
fn reached_the_client(record: &RequestRecord) -> bool {
    !matches!(&record.outcome, Outcome::Failed(failure) if failure.kind == FailureKind::PluginRequest)
}

fn distributions(ok: &[&RequestRecord], basis: TokenBasis) -> BTreeMap<Metric, Distribution> {
    let of = |metric: Metric| {
        let mut values = Vec::with_capacity(ok.len());
        for record in ok {
            metric.collect(record, basis, &mut values);
        }
        Some((metric, Distribution::of(values)?))
    };
    Metric::ALL.into_iter().filter_map(of).collect()
}

fn failures(all: &[&RequestRecord]) -> Failures {
    let mut failures = Failures::new();
    for record in all {
        let Outcome::Failed(failure) = &record.outcome else {
            continue;
        };
        failures
            .entry(failure.kind)
            .or_default()
            .entry(failure.code.clone())
            .or_insert_with(|| FailureGroup { count: 0, example: failure.message.clone() })
            .count += 1;
    }
    failures
}

fn finish_reasons(ok: &[&RequestRecord]) -> BTreeMap<String, u64> {
    let mut reasons = BTreeMap::new();
    for reason in ok.iter().filter_map(|record| record.finish.as_ref()) {
        *reasons.entry(reason.clone()).or_insert(0) += 1;
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::{ms, record};
    use crate::record::Failure;

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
        assert_eq!(summary.counts, Counts { ok: 2, failed: 3, cancelled: 1, dropped: 3 });
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

    #[test]
    fn a_request_that_was_never_built_does_not_stretch_the_window() {
        let unbuilt = RequestRecord {
            sent: ms(0),
            end: ms(90_000),
            ..failed(9, FailureKind::PluginRequest, "", "no such field")
        };
        assert_eq!(window(&[record(0, &[52]), unbuilt.clone()]), Some(Span::from_millis(51)));
        assert_eq!(window(&[unbuilt]), None);
    }
}
