//! A summary in the making: takes records one by one, keeps of each only what the numbers need, and gives the same summary
//! in whatever order they came.

use std::collections::BTreeMap;

use super::ending::EndingTally;
use super::failures::FailureTally;
use super::request::came_at_once;
use super::tokens::TokenTally;
use super::values::Values;
use super::window::{Extent, Served, Window};
use super::{Context, Counts, Distribution, Metric, Note, Summary};
use crate::record::{Outcome, RequestRecord};

/// The records so far. Memory is bounded by some 9 MiB a metric, and 24 bytes a successful request for the rates.
#[derive(Debug, Clone)]
pub struct Accumulator {
    context: Context,
    counts: Counts,
    extent: Extent,
    served: Served,
    /// In the order of [`Metric::ALL`].
    values: [Values; Metric::ALL.len()],
    tokens: TokenTally,
    /// Successful requests that brought a token.
    with_token: u64,
    /// Those that brought several events with tokens in one read.
    at_once: u64,
    failures: FailureTally,
    finish_reasons: BTreeMap<String, u64>,
    endings: EndingTally,
    body_bytes: u64,
}

impl Accumulator {
    /// Of no record yet.
    pub fn new(context: Context) -> Accumulator {
        Accumulator {
            context,
            counts: Counts { dropped: context.dropped, ..Counts::default() },
            extent: Extent::default(),
            served: Served::default(),
            values: std::array::from_fn(|_| Values::new()),
            tokens: TokenTally::default(),
            with_token: 0,
            at_once: 0,
            failures: FailureTally::default(),
            finish_reasons: BTreeMap::new(),
            endings: EndingTally::default(),
            body_bytes: 0,
        }
    }

    /// Takes a record in.
    pub fn add(&mut self, record: &RequestRecord) {
        self.served.add(record, self.context.token_basis);
        if record.warmup {
            self.counts.warmup += 1;
            return;
        }
        self.extent.add(record);
        self.body_bytes = self.body_bytes.saturating_add(record.body_bytes);
        match &record.outcome {
            Outcome::Ok => self.add_success(record),
            Outcome::Failed(failure) => {
                self.counts.failed += 1;
                self.failures.add(record, failure);
            }
            Outcome::Cancelled => self.counts.cancelled += 1,
        }
    }

    /// Counts requests that were due and never sent, beside those of the context: how many is known only at the end.
    pub fn add_dropped(&mut self, requests: u64) {
        self.counts.dropped = self.counts.dropped.saturating_add(requests);
    }

    /// The summary of all that was taken in.
    pub fn finish(self) -> Summary {
        let counts = self.counts;
        let basis = self.context.token_basis;
        let window = self.extent.window(self.context.measured);
        let rates = window.and_then(|window| Some((window.seconds()?, self.served.within(window))));
        let tokens = self.tokens.totals();
        let mut notes = Note::about(&tokens, self.context, counts.ok, (self.with_token, self.at_once));
        let (endings, of_endings) = self.endings.finish(self.context.ending);
        notes.extend(of_endings);
        Summary {
            slo: None,
            counts,
            window: window.map(Window::length),
            token_basis: basis,
            distributions: distributions(self.values),
            output_throughput: rates
                .and_then(|(seconds, served)| Some(served.output_tokens?.0 as f64 / seconds)),
            request_throughput: rates.map(|(seconds, served)| served.requests as f64 / seconds),
            error_rate: (counts.finished() > 0).then(|| counts.failed as f64 / counts.finished() as f64),
            failures: self.failures.failures(),
            notes,
            tokens,
            finish_reasons: self.finish_reasons,
            endings,
            body_bytes: self.body_bytes,
        }
    }

    fn add_success(&mut self, record: &RequestRecord) {
        self.counts.ok += 1;
        self.with_token += u64::from(record.last_token().is_some());
        self.at_once += u64::from(came_at_once(record));
        self.tokens.add(record);
        self.endings.add(record);
        for (metric, values) in Metric::ALL.into_iter().zip(&mut self.values) {
            metric.collect(record, self.context.token_basis, &mut |value| values.push(value));
        }
        let Some(reason) = &record.finish else { return };
        match self.finish_reasons.get_mut(reason) {
            Some(count) => *count += 1,
            None => {
                self.finish_reasons.insert(reason.clone(), 1);
            }
        }
    }
}

fn distributions(values: [Values; Metric::ALL.len()]) -> BTreeMap<Metric, Distribution> {
    let each = Metric::ALL.into_iter().zip(values);
    each.filter_map(|(metric, values)| Some((metric, values.distribution()?))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::request::tests::{ms, record};
    use crate::metrics::{TokenBasis, summarize};
    use crate::record::{Failure, FailureKind, Usage};
    use crate::units::{Span, Tokens};

    fn any_record() -> impl Strategy<Value = RequestRecord> {
        let gaps = prop::collection::vec(0u64..90, 0..8);
        (0..20u64, any::<bool>(), 0..500u64, gaps, 0..6u8, prop::option::of(any::<u64>())).prop_map(
            |(id, warmup, sent, gaps, fate, reported)| {
                let at = |gap: &u64| sent + 2 + gap;
                let mut events: Vec<u64> = gaps.iter().map(at).collect();
                events.sort_unstable();
                let outcome = match fate {
                    0 => Outcome::Cancelled,
                    1 => Outcome::Failed(Failure::new(FailureKind::Reset, format!("{sent}"))),
                    _ => Outcome::Ok,
                };
                let usage = Usage { output_tokens: reported.map(Tokens), ..Usage::default() };
                RequestRecord { warmup, sent: ms(sent), usage, outcome, ..record(id, &events) }
            },
        )
    }

    proptest! {
        #[test]
        fn any_order_gives_the_same_summary_bit_for_bit(
            (records, shuffled) in prop::collection::vec(any_record(), 0..60)
                .prop_flat_map(|records| (Just(records.clone()), Just(records).prop_shuffle())),
            measured in prop::option::of(1u64..400),
            server in any::<bool>(),
        ) {
            let token_basis = if server { TokenBasis::Server } else { TokenBasis::Local };
            let measured = measured.map(Span::from_millis);
            let context = Context { dropped: 1, token_basis, measured, ..Context::default() };
            prop_assert_eq!(summarize(&records, context), summarize(&shuffled, context));
        }
    }

    #[test]
    fn warm_up_is_in_no_count_but_its_own() {
        let cold = |id| RequestRecord { warmup: true, ..record(id, &[900]) };
        let failure = Failure::new(FailureKind::Reset, "no");
        let records =
            [cold(0), RequestRecord { outcome: Outcome::Failed(failure), ..cold(1) }, record(2, &[52, 62])];
        let summary = summarize(&records, Context::default());
        assert_eq!(summary.counts, Counts { ok: 1, warmup: 2, ..Counts::default() });
        assert_eq!((summary.error_rate, summary.body_bytes), (Some(0.0), 100));
        assert!(summary.failures.is_empty());
        assert_eq!(summary.tokens.output.local, Tokens(2));
        assert_eq!(summary.distributions[&Metric::Ttft].max, 50.0);
    }
}
