//! The `aiperf` dialect: AIPerf 0.13. Reasoning is a token like any other; ITL is one number a request, and the gaps
//! between chunks are what it calls ICL. Failed requests are counted and in nothing else.

use super::sample::{Named, Sample};
use super::{Figure, Statistic, Window};
use crate::metrics::{TokenBasis, request};
use crate::record::{Outcome, RequestRecord};

/// AIPerf's own words.
const STATISTICS: &[Named] = &[
    ("avg", Statistic::Mean),
    ("p1", Statistic::Percentile(10)),
    ("p5", Statistic::Percentile(50)),
    ("p10", Statistic::Percentile(100)),
    ("p25", Statistic::Percentile(250)),
    ("p50", Statistic::Percentile(500)),
    ("p75", Statistic::Percentile(750)),
    ("p90", Statistic::Percentile(900)),
    ("p95", Statistic::Percentile(950)),
    ("p99", Statistic::Percentile(990)),
    ("min", Statistic::Min),
    ("max", Statistic::Max),
    ("std", Statistic::Stddev),
];

const TTFT: &str = "first content, reasoning or tool call - sent";
const ITL: &str = "(request_latency - time_to_first_token) / (output_sequence_length - 1) of each request";
const PER_USER: &str = "1 / inter_token_latency of each request";
const DURATION: &str = "last content of any successful request - first sent of one";
const OSL: &str = "output tokens, reasoning included; the local count, or the server's with --tokens server";
const TOTAL: &str = "sum of output_sequence_length; undefined where one is unknown";

#[derive(Debug)]
pub(super) struct Aiperf {
    basis: TokenBasis,
    completed: u64,
    failed: u64,
    /// `None` once the count of a successful request is unknown.
    output: Option<f64>,
    window: Window,
    latency: Sample,
    ttft: Sample,
    itl: Sample,
    icl: Sample,
    per_user: Sample,
    isl: Sample,
    osl: Sample,
}

impl Aiperf {
    pub(super) fn new(basis: TokenBasis) -> Aiperf {
        let sample = Sample::default;
        Aiperf {
            basis,
            completed: 0,
            failed: 0,
            output: Some(0.0),
            window: Window::default(),
            latency: sample(),
            ttft: sample(),
            itl: sample(),
            icl: sample(),
            per_user: sample(),
            isl: sample(),
            osl: sample(),
        }
    }

    pub(super) fn add(&mut self, record: &RequestRecord) {
        match record.outcome {
            Outcome::Ok => {}
            Outcome::Failed(_) => return self.failed += 1,
            Outcome::Cancelled => return,
        }
        let osl = request::osl(record, self.basis);
        let (ttft, latency) = (request::ttft(record), request::e2el(record));
        self.completed += 1;
        // Whole numbers, so their order changes no bit.
        self.output = self.output.zip(osl).map(|(sum, osl)| sum + osl.0 as f64);
        if let Some(last) = record.last_token() {
            self.window.add(record.sent, last);
        }
        self.ttft.add(ttft.map(|ttft| ttft.as_ms()));
        self.latency.add(latency.map(|latency| latency.as_ms()));
        self.isl.add(request::isl(record, self.basis).map(|isl| isl.0 as f64));
        self.osl.add(osl.map(|osl| osl.0 as f64));
        request::itl(record).for_each(|gap| self.icl.add(Some(gap.as_ms())));
        let decode = latency.zip(ttft).map(|(latency, ttft)| latency.as_ms() - ttft.as_ms());
        let gaps = osl.filter(|osl| osl.0 > 1).map(|osl| (osl.0 - 1) as f64);
        let itl = decode.zip(gaps).map(|(decode, gaps)| decode / gaps);
        self.itl.add(itl);
        self.per_user.add(itl.filter(|&itl| itl > 0.0).map(|itl| 1e3 / itl));
    }

    pub(super) fn finish(self) -> Vec<Figure> {
        let duration = self.window.seconds();
        let (completed, failed) = (self.completed as f64, self.failed as f64);
        let per_s = |amount: Option<f64>| Some(amount? / duration?);
        let statistics = |name: &'static str, unit, formula, sample: Sample| Figure {
            name,
            unit,
            formula,
            value: sample.statistics(STATISTICS, str::to_owned),
        };
        vec![
            statistics("request_latency", "ms", "last content - sent", self.latency),
            statistics("time_to_first_token", "ms", TTFT, self.ttft),
            statistics("inter_token_latency", "ms", ITL, self.itl),
            statistics("inter_chunk_latency", "ms", "gaps between token-bearing chunks, pooled", self.icl),
            statistics("output_token_throughput_per_user", "tokens/sec/user", PER_USER, self.per_user),
            statistics("output_sequence_length", "tokens", OSL, self.osl),
            statistics("input_sequence_length", "tokens", "input tokens, counted as those", self.isl),
            Figure::number(
                "output_token_throughput",
                "tokens/sec",
                "total_output_tokens / benchmark_duration",
                per_s(self.output),
            ),
            Figure::number(
                "request_throughput",
                "requests/sec",
                "request_count / benchmark_duration",
                per_s(Some(completed)),
            ),
            Figure::number("request_count", "requests", "successful requests", Some(completed)),
            Figure::number("error_request_count", "requests", "failed requests", Some(failed)),
            Figure::number("total_output_tokens", "tokens", TOTAL, self.output),
            Figure::number("benchmark_duration", "sec", DURATION, duration),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check as check_figure, figures, run};
    use crate::metrics::{Dialect, TokenBasis};
    use crate::record::RequestRecord;

    #[test]
    fn a_run_has_aiperfs_numbers() {
        let figures = figures(Dialect::Aiperf, TokenBasis::Local, &run());
        let check = |name, statistic, expected| check_figure(&figures, name, statistic, expected);
        // A 92 - 2, B 80 - 10.
        check("request_latency", "avg", Some(80.0));
        check("request_latency", "std", Some(10.0));
        // A 50, B 30 to its reasoning; p1 is 30 + 0.01 * 20.
        check("time_to_first_token", "avg", Some(40.0));
        check("time_to_first_token", "p1", Some(30.2));
        check("time_to_first_token", "max", Some(50.0));
        // A (90 - 50) / 4, B (70 - 30) / 1.
        check("inter_token_latency", "min", Some(10.0));
        check("inter_token_latency", "max", Some(40.0));
        check("output_token_throughput_per_user", "avg", Some((100.0 + 25.0) / 2.0));
        // 10, 30, 40.
        check("inter_chunk_latency", "avg", Some(80.0 / 3.0));
        check("inter_chunk_latency", "p50", Some(30.0));
        check("output_sequence_length", "avg", Some(3.5));
        check("input_sequence_length", "avg", Some(10.0));
        // From 2 to 92: neither the failed one nor what followed the last content is in it.
        check("benchmark_duration", "", Some(0.09));
        check("request_throughput", "", Some(2.0 / 0.09));
        check("output_token_throughput", "", Some(7.0 / 0.09));
        check("request_count", "", Some(2.0));
        check("error_request_count", "", Some(1.0));
    }

    #[test]
    fn the_servers_count_is_used_where_it_was_asked_for() {
        let figures = |records: &[RequestRecord]| figures(Dialect::Aiperf, TokenBasis::Server, records);
        let both = figures(&run());
        // A has no count of the server's: it is in no ITL, and there is no total.
        check_figure(&both, "inter_token_latency", "avg", Some(40.0 / 3.0));
        check_figure(&both, "total_output_tokens", "", None);
        check_figure(&both, "output_token_throughput", "", None);
        check_figure(&figures(&run()[1..2]), "total_output_tokens", "", Some(4.0));
    }
}
