//! The `vllm` dialect: `vllm bench serve` 0.33. Every time counts from sending, connecting included; failures lengthen the
//! duration; where nothing defines a mean, it says 0 and this says nothing.

use super::sample::{Named, Sample};
use super::{Figure, Statistic, Window};
use crate::metrics::request;
use crate::record::{Outcome, RequestRecord};
use crate::units::Tokens;

/// vLLM's own words; its user chooses the percentiles, of which these are the usual ones.
const STATISTICS: &[Named] = &[
    ("mean", Statistic::Mean),
    ("median", Statistic::Percentile(500)),
    ("std", Statistic::Stddev),
    ("p90", Statistic::Percentile(900)),
    ("p95", Statistic::Percentile(950)),
    ("p99", Statistic::Percentile(990)),
];

const TTFT: &str = "first token-bearing chunk - sent";
const TPOT: &str =
    "(e2el - ttft) / (n - 1) of each request with n > 1; n is the server's count, else the tokenizer's";
const ITL: &str = "gaps between token-bearing chunks, pooled over all requests";
const E2EL: &str = "last token-bearing chunk - sent";
const DURATION: &str = "last end - first sent, failed and cancelled requests included";

#[derive(Debug, Default)]
pub(super) struct Vllm {
    completed: u64,
    failed: u64,
    input: Tokens,
    output: Tokens,
    window: Window,
    ttft: Sample,
    tpot: Sample,
    itl: Sample,
    e2el: Sample,
}

impl Vllm {
    pub(super) fn add(&mut self, record: &RequestRecord) {
        self.window.add_sent(record, record.sent);
        match record.outcome {
            Outcome::Ok => {}
            Outcome::Failed(_) => return self.failed += 1,
            Outcome::Cancelled => return,
        }
        let n = record.usage.output_tokens.unwrap_or(record.osl);
        let (ttft, e2el) = (request::ttft(record), request::e2el(record));
        self.completed += 1;
        self.input += record.isl;
        self.output += n;
        self.ttft.add(ttft.map(|ttft| ttft.as_ms()));
        self.e2el.add(e2el.map(|e2el| e2el.as_ms()));
        request::itl(record).for_each(|gap| self.itl.add(Some(gap.as_ms())));
        let decode = e2el.zip(ttft).map(|(e2el, ttft)| e2el.as_ms() - ttft.as_ms());
        self.tpot.add(decode.filter(|_| n.0 > 1).map(|decode| decode / (n.0 - 1) as f64));
    }

    pub(super) fn finish(self) -> Vec<Figure> {
        let duration = self.window.seconds();
        let count = |count: u64| Some(count as f64);
        let per_s = |tokens: f64| duration.map(|duration| tokens / duration);
        let (input, output) = (self.input.0 as f64, self.output.0 as f64);
        let statistics = |name: &'static str, formula, sample: Sample| Figure {
            name,
            unit: "ms",
            formula,
            value: sample.statistics(STATISTICS, |word| format!("{word}_{name}")),
        };
        vec![
            Figure::number("duration", "s", DURATION, duration),
            Figure::number("completed", "requests", "successful requests", count(self.completed)),
            Figure::number("failed", "requests", "failed requests", count(self.failed)),
            Figure::number("total_input_tokens", "tokens", "prompt tokens, local count", Some(input)),
            Figure::number("total_output_tokens", "tokens", "sum of n", Some(output)),
            Figure::number(
                "request_throughput",
                "requests/s",
                "completed / duration",
                per_s(self.completed as f64),
            ),
            Figure::number("output_throughput", "tokens/s", "total_output_tokens / duration", per_s(output)),
            Figure::number(
                "total_token_throughput",
                "tokens/s",
                "(total_input_tokens + total_output_tokens) / duration",
                per_s(input + output),
            ),
            statistics("ttft_ms", TTFT, self.ttft),
            statistics("tpot_ms", TPOT, self.tpot),
            statistics("itl_ms", ITL, self.itl),
            statistics("e2el_ms", E2EL, self.e2el),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, figures, run};
    use crate::metrics::{Dialect, TokenBasis};

    #[test]
    fn a_run_has_vllms_numbers() {
        let figures = figures(Dialect::Vllm, TokenBasis::Local, &run());
        let check =
            |name, statistic: &str, expected| check(&figures, name, &format!("{statistic}_{name}"), expected);
        // From 1 (the failed one) to 202.
        check("duration", "", Some(0.201));
        check("completed", "", Some(2.0));
        check("failed", "", Some(1.0));
        // n: A 5 by the tokenizer, B 4 by the server; 10 input tokens each.
        check("total_output_tokens", "", Some(9.0));
        check("total_input_tokens", "", Some(20.0));
        check("request_throughput", "", Some(2.0 / 0.201));
        check("output_throughput", "", Some(9.0 / 0.201));
        check("total_token_throughput", "", Some(29.0 / 0.201));
        // A 52 - 2, B 40 - 10: 50 and 30.
        check("ttft_ms", "mean", Some(40.0));
        check("ttft_ms", "std", Some(10.0));
        check("ttft_ms", "median", Some(40.0));
        check("ttft_ms", "p99", Some(30.0 + 0.99 * 20.0));
        // A (90 - 50) / 4, B (70 - 30) / 3.
        check("tpot_ms", "mean", Some((10.0 + 40.0 / 3.0) / 2.0));
        // 10, 30 and 40: squares about 80/3 are 2500/9, 100/9, 1600/9.
        check("itl_ms", "mean", Some(80.0 / 3.0));
        check("itl_ms", "median", Some(30.0));
        check("itl_ms", "std", Some((4200.0f64 / 27.0).sqrt()));
        // 90 and 70.
        check("e2el_ms", "mean", Some(80.0));
    }
}
