//! One run in the terms of other tools: what each of them would say of the same requests, by its own formulas and under its
//! own names, so that results can be laid beside older ones. Nothing here is a native metric. Fed record by record, in any
//! order; warm-up requests are left out.
//!
//! A record keeps the arrivals of events that carried text, reasoning or a tool call, and no others. Where a tool looks at
//! chunks, those stand for them.

mod aiperf;
mod guidellm;
mod llmperf;
mod sample;
mod vllm;

use super::TokenBasis;
use super::window::reached_the_client;
use crate::record::RequestRecord;
use crate::units::{Span, Stamp};

/// A tool whose terms are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    Llmperf,
    Aiperf,
    Guidellm,
    Vllm,
}

impl Dialect {
    /// Every dialect, in the order of the results.
    pub const ALL: [Dialect; 4] = [Dialect::Llmperf, Dialect::Aiperf, Dialect::Guidellm, Dialect::Vllm];

    /// The word for it, on the command line and in results.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Llmperf => "llmperf",
            Dialect::Aiperf => "aiperf",
            Dialect::Guidellm => "guidellm",
            Dialect::Vllm => "vllm",
        }
    }

    /// The tool, and the version whose formulas these are.
    pub fn tool(self) -> &'static str {
        match self {
            Dialect::Llmperf => "LLMPerf (2024-12)",
            Dialect::Aiperf => "AIPerf 0.13",
            Dialect::Guidellm => "GuideLLM 0.8",
            Dialect::Vllm => "vLLM bench serve 0.33",
        }
    }
}

/// What one tool would say of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub dialect: Dialect,
    pub figures: Vec<Figure>,
}

/// One number, or the statistics of one, under the tool's own name.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    pub name: &'static str,
    pub unit: &'static str,
    pub formula: &'static str,
    pub value: Value,
}

/// `None` is undefined.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Number(Option<f64>),
    /// Each statistic under the tool's own name, with the number of values behind it.
    Statistics {
        n: u64,
        statistics: Vec<(String, Statistic, Option<f64>)>,
    },
}

/// A statistic, whatever a tool calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    Mean,
    Stddev,
    Min,
    Max,
    /// In thousandths: 990 is the 99th percentile.
    Percentile(u16),
}

impl Figure {
    fn number(name: &'static str, unit: &'static str, formula: &'static str, value: Option<f64>) -> Figure {
        Figure { name, unit, formula, value: Value::Number(value) }
    }

    /// The statistic, where this figure has it and it is defined.
    pub fn statistic(&self, wanted: Statistic) -> Option<f64> {
        match &self.value {
            Value::Number(_) => None,
            Value::Statistics { statistics, .. } => {
                statistics.iter().find(|(_, statistic, _)| *statistic == wanted)?.2
            }
        }
    }
}

/// The dialects of a run, as its records come.
#[derive(Debug, Default)]
pub struct Dialects(Vec<Speaker>);

#[derive(Debug)]
enum Speaker {
    Llmperf(llmperf::Llmperf),
    Aiperf(aiperf::Aiperf),
    Guidellm(guidellm::Guidellm),
    Vllm(vllm::Vllm),
}

impl Dialects {
    /// For these dialects, each once. `basis` is whose token counts AIPerf's numbers use, as it lets its user choose too.
    pub fn new(dialects: &[Dialect], basis: TokenBasis) -> Dialects {
        let wanted = Dialect::ALL.into_iter().filter(|dialect| dialects.contains(dialect));
        let speaker = |dialect| match dialect {
            Dialect::Llmperf => Speaker::Llmperf(Default::default()),
            Dialect::Aiperf => Speaker::Aiperf(aiperf::Aiperf::new(basis)),
            Dialect::Guidellm => Speaker::Guidellm(Default::default()),
            Dialect::Vllm => Speaker::Vllm(Default::default()),
        };
        Dialects(wanted.map(speaker).collect())
    }

    /// Takes the record of a request that has ended.
    pub fn add(&mut self, record: &RequestRecord) {
        if record.warmup {
            return;
        }
        for speaker in &mut self.0 {
            match speaker {
                Speaker::Llmperf(llmperf) => llmperf.add(record),
                Speaker::Aiperf(aiperf) => aiperf.add(record),
                Speaker::Guidellm(guidellm) => guidellm.add(record),
                Speaker::Vllm(vllm) => vllm.add(record),
            }
        }
    }

    /// All records are in: what each tool would say.
    pub fn finish(self) -> Vec<Block> {
        let block = |speaker| match speaker {
            Speaker::Llmperf(llmperf) => Block { dialect: Dialect::Llmperf, figures: llmperf.finish() },
            Speaker::Aiperf(aiperf) => Block { dialect: Dialect::Aiperf, figures: aiperf.finish() },
            Speaker::Guidellm(guidellm) => Block { dialect: Dialect::Guidellm, figures: guidellm.finish() },
            Speaker::Vllm(vllm) => Block { dialect: Dialect::Vllm, figures: vllm.finish() },
        };
        self.0.into_iter().map(block).collect()
    }
}

/// From the first start to the last end of what was added.
#[derive(Debug, Clone, Copy, Default)]
struct Window(Option<(Stamp, Stamp)>);

impl Window {
    fn add(&mut self, start: Stamp, end: Stamp) {
        let (first, last) = self.0.unwrap_or((start, end));
        self.0 = Some((first.min(start), last.max(end)));
    }

    /// A request that could not be built has no instants on the wire.
    fn add_sent(&mut self, record: &RequestRecord, start: Stamp) {
        if reached_the_client(record) {
            self.add(start, record.end);
        }
    }

    /// In seconds; `None` where it has no length.
    fn seconds(self) -> Option<f64> {
        let span = self.0.map(|(first, last)| last.since(first)).filter(|&span| span > Span(0));
        span.map(Span::as_secs)
    }
}

/// What speakers are tested with.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::{ms, record};
    use crate::record::{Failure, FailureKind, Outcome, Usage};
    use crate::units::Tokens;

    /// Two answers, a failure, a cancelled one, and a warm-up that must leave no trace. In milliseconds:
    ///
    /// | | sent | connected | tokens at | end | local osl | server's |
    /// |---|---|---|---|---|---|---|
    /// | A | 2 | 6 | 52, 62, 92 | 100 | 5 | - |
    /// | B | 10 | - | 40, 80 | 90 | 2 | 4 |
    /// | failed | 1 | - | 20 | 202 | | |
    /// | cancelled | 12 | - | 30 | 152 | | |
    ///
    /// A has 3 events, B has 2 (one of them reasoning, so that its text begins at 80), and each an end marker besides.
    pub(super) fn run() -> Vec<RequestRecord> {
        let a = RequestRecord {
            connected: Some(ms(6)),
            end: ms(100),
            osl: Tokens(5),
            ..record(0, &[52, 62, 92])
        };
        let b = RequestRecord {
            sent: ms(10),
            end: ms(90),
            first_output: Some(ms(80)),
            reasoning: Tokens(1),
            usage: Usage {
                input_tokens: Some(Tokens(30)),
                output_tokens: Some(Tokens(4)),
                ..Usage::default()
            },
            ..record(1, &[40, 80])
        };
        let failure = Outcome::Failed(Failure::new(FailureKind::Reset, "no"));
        let failed = RequestRecord { sent: ms(1), end: ms(202), outcome: failure, ..record(2, &[20]) };
        let cancelled =
            RequestRecord { sent: ms(12), end: ms(152), outcome: Outcome::Cancelled, ..record(3, &[30]) };
        let warmup = RequestRecord { warmup: true, sent: ms(0), end: ms(999), ..record(4, &[500, 900]) };
        vec![a, b, failed, cancelled, warmup]
    }

    /// The figures of one dialect over these records.
    pub(super) fn figures(dialect: Dialect, basis: TokenBasis, records: &[RequestRecord]) -> Vec<Figure> {
        let mut dialects = Dialects::new(&[dialect], basis);
        records.iter().for_each(|record| dialects.add(record));
        dialects.finish().remove(0).figures
    }

    /// Checks a number, or a statistic by the tool's name for it.
    #[track_caller]
    pub(super) fn check(figures: &[Figure], name: &str, statistic: &str, expected: Option<f64>) {
        let figure = figures.iter().find(|figure| figure.name == name).unwrap_or_else(|| panic!("{name}"));
        let actual = match &figure.value {
            Value::Number(number) => *number,
            Value::Statistics { statistics, .. } => {
                let found = statistics.iter().find(|(word, ..)| word == statistic);
                found.unwrap_or_else(|| panic!("{name} {statistic}")).2
            }
        };
        let close = match (actual, expected) {
            (Some(actual), Some(expected)) => (actual - expected).abs() <= 1e-9 * expected.abs(),
            (actual, expected) => actual == expected,
        };
        assert!(close, "{name} {statistic}: {actual:?}, not {expected:?}");
    }

    #[test]
    fn the_order_of_records_changes_no_bit() {
        let mut records: Vec<RequestRecord> = (0..300u64)
            .map(|id| record(id, &[50 + id * 7919 % 131, 190 + id * 104_729 % 977, 1300 + id]))
            .collect();
        let all = |records: &[RequestRecord]| {
            let mut dialects = Dialects::new(&Dialect::ALL, TokenBasis::Local);
            records.iter().for_each(|record| dialects.add(record));
            dialects.finish()
        };
        let expected = all(&records);
        records.reverse();
        assert_eq!(all(&records), expected);
        records.sort_by_key(|record| record.id.0 * 7919 % 300);
        assert_eq!(all(&records), expected);
    }

    #[test]
    fn what_nothing_defines_is_undefined_in_every_dialect() {
        let unbuilt = Outcome::Failed(Failure::new(FailureKind::PluginRequest, "no"));
        let unbuilt = RequestRecord { outcome: unbuilt, ..record(0, &[]) };
        for records in [vec![], vec![unbuilt], run()[4..].to_vec()] {
            for dialect in Dialect::ALL {
                for figure in figures(dialect, TokenBasis::Local, &records) {
                    assert!(!figure.formula.is_empty() && !figure.unit.is_empty(), "{figure:?}");
                    match figure.value {
                        // Counts and totals of nothing are 0, and so is the share of errors of one that failed.
                        Value::Number(number) => assert!(
                            number.is_none()
                                || figure.unit == "requests"
                                || figure.unit == "tokens"
                                || figure.name == "error_rate",
                            "{dialect:?} {} {number:?}",
                            figure.name
                        ),
                        Value::Statistics { n, statistics } => {
                            assert_eq!(n, 0);
                            assert!(statistics.iter().all(|(.., value)| value.is_none()));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_dialect_is_spoken_once_however_often_it_was_asked_for() {
        let dialects = Dialects::new(&[Dialect::Vllm, Dialect::Llmperf, Dialect::Vllm], TokenBasis::Local);
        let spoken: Vec<Dialect> = dialects.finish().iter().map(|block| block.dialect).collect();
        assert_eq!(spoken, [Dialect::Llmperf, Dialect::Vllm]);
    }
}
