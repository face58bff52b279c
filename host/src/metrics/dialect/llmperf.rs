//! The `llmperf` dialect: LLMPerf (2024-12), the numbers of its two result files, in the form of the other dialects.

use super::{Figure, Statistic, Value};
use crate::metrics::llmperf::{Column, Rows};
use crate::metrics::{Distribution, Level};
use crate::record::RequestRecord;

const NAMES: [(&str, Level, u16); 6] = [
    ("p25", Level::P25, 250),
    ("p50", Level::P50, 500),
    ("p75", Level::P75, 750),
    ("p90", Level::P90, 900),
    ("p95", Level::P95, 950),
    ("p99", Level::P99, 990),
];

const THROUGHPUT: &str = "output tokens of successful requests / (last end - first sent)";
const PER_MINUTE: &str = "60 * num_completed_requests / (last end - first sent)";

#[derive(Debug, Default)]
pub(super) struct Llmperf(Rows);

impl Llmperf {
    pub(super) fn add(&mut self, record: &RequestRecord) {
        self.0.add(record);
    }

    pub(super) fn finish(self) -> Vec<Figure> {
        let (_, results) = self.0.finish();
        let column = |(column, distribution): &(Column, Option<Distribution>)| {
            let (unit, formula) = described(*column);
            Figure { name: column.name(), unit, formula, value: statistics(distribution.as_ref()) }
        };
        let mut figures: Vec<Figure> = results.statistics.iter().map(column).collect();
        let requests = |name, formula, n: u64| Figure::number(name, "requests", formula, Some(n as f64));
        figures.extend([
            requests("num_requests_started", "requests that were started", results.num_requests_started),
            requests("num_completed_requests", "successful requests", results.num_completed_requests),
            requests("number_errors", "failed requests", results.number_errors),
            Figure::number("error_rate", "share", "number_errors / finished requests", results.error_rate),
            Figure::number(
                "mean_output_throughput_token_per_s",
                "tokens/s",
                THROUGHPUT,
                results.mean_output_throughput_token_per_s,
            ),
            Figure::number(
                "num_completed_requests_per_min",
                "requests/min",
                PER_MINUTE,
                results.num_completed_requests_per_min,
            ),
        ]);
        figures
    }
}

fn described(column: Column) -> (&'static str, &'static str) {
    match column {
        Column::InterTokenLatency => {
            ("s", "(last content - sent) / SSE data chunks of each request, time to first token included")
        }
        Column::Ttft => ("s", "first non-empty content - sent"),
        Column::EndToEndLatency => ("s", "end of stream - sent"),
        Column::RequestOutputThroughput => ("tokens/s", "number_output_tokens / end_to_end_latency_s"),
        Column::InputTokens => ("tokens", "input tokens, local count"),
        Column::OutputTokens => ("tokens", "local count without reasoning + 1 (BOS)"),
    }
}

/// Percentiles by linear interpolation, and pandas' standard deviation (ddof 1).
fn statistics(distribution: Option<&Distribution>) -> Value {
    let of = |name: &str, statistic, value| (name.to_owned(), statistic, value);
    let mut statistics: Vec<_> = NAMES
        .iter()
        .map(|&(name, level, thousandths)| {
            let value = distribution.and_then(|d| d.at(level)).map(|quantile| quantile.value);
            of(name, Statistic::Percentile(thousandths), value)
        })
        .collect();
    statistics.extend([
        of("mean", Statistic::Mean, distribution.map(|d| d.mean)),
        of("min", Statistic::Min, distribution.map(|d| d.min)),
        of("max", Statistic::Max, distribution.map(|d| d.max)),
        of("stddev", Statistic::Stddev, distribution.and_then(|d| d.stddev)),
    ]);
    Value::Statistics { n: distribution.map_or(0, |d| d.n), statistics }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, figures, run};
    use crate::metrics::{Dialect, TokenBasis};

    #[test]
    fn a_run_has_llmperfs_numbers() {
        let figures = figures(Dialect::Llmperf, TokenBasis::Local, &run());
        let check = |name, statistic, expected| check(&figures, name, statistic, expected);
        // Content begins at 52 in A and, after reasoning, at 80 in B; sent at 2 and 10.
        check("ttft_s", "mean", Some(0.06));
        // ddof 1: the half of the difference, times the root of 2.
        check("ttft_s", "stddev", Some(0.01 * 2f64.sqrt()));
        // 90 over 3 chunks, 70 over 2.
        check("inter_token_latency_s", "min", Some(0.03));
        check("inter_token_latency_s", "max", Some(0.035));
        // 98 and 80; p75 lies three quarters of the way.
        check("end_to_end_latency_s", "p75", Some(0.0935));
        // A 5 + 1, B 2 - 1 + 1.
        check("number_output_tokens", "max", Some(6.0));
        check("number_output_tokens", "min", Some(2.0));
        check("num_requests_started", "", Some(4.0));
        check("number_errors", "", Some(1.0));
        check("error_rate", "", Some(1.0 / 3.0));
        // From 1 to 202.
        check("mean_output_throughput_token_per_s", "", Some(8.0 / 0.201));
        check("num_completed_requests_per_min", "", Some(120.0 / 0.201));
    }
}
