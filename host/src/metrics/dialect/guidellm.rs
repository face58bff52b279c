//! The `guidellm` dialect: GuideLLM 0.8. Time counts from where the request is written to a connection that stands; per-token
//! times are weighted by the tokens of their request; a percentile is a value that occurred. All statistics are those of
//! its successful requests.

use super::sample::{Named, WeightedSample};
use super::{Figure, Statistic, Window};
use crate::record::{Outcome, RequestRecord};
use crate::units::{Stamp, Tokens};

/// GuideLLM's own words; those that begin with p stand under `percentiles` there.
const STATISTICS: &[Named] = &[
    ("mean", Statistic::Mean),
    ("median", Statistic::Percentile(500)),
    ("std_dev", Statistic::Stddev),
    ("min", Statistic::Min),
    ("max", Statistic::Max),
    ("p001", Statistic::Percentile(1)),
    ("p01", Statistic::Percentile(10)),
    ("p05", Statistic::Percentile(50)),
    ("p10", Statistic::Percentile(100)),
    ("p25", Statistic::Percentile(250)),
    ("p75", Statistic::Percentile(750)),
    ("p90", Statistic::Percentile(900)),
    ("p95", Statistic::Percentile(950)),
    ("p99", Statistic::Percentile(990)),
    ("p999", Statistic::Percentile(999)),
];

const LATENCY: &str = "end of stream - t0; t0 is when the request was sent on a connection that stood";
const ITL: &str = "(last token - first token) / (n - 1) of each request with n > 1, weighted by n - 1";
const TPOT: &str = "(last token - t0) / n of each request, time to first token included, weighted by n";
const OUTPUT: &str = "n: the server's count, else token-bearing chunks";
const INPUT: &str = "the server's count, else the local one";
const DURATION: &str = "last end - first t0 of the measured phase";

#[derive(Debug, Default)]
pub(super) struct Guidellm {
    successful: u64,
    incomplete: u64,
    errored: u64,
    output: Tokens,
    window: Window,
    latency: WeightedSample,
    ttft: WeightedSample,
    itl: WeightedSample,
    tpot: WeightedSample,
    input_tokens: WeightedSample,
    output_tokens: WeightedSample,
}

/// Sending is all that comes before the head of the request where the connection stood already.
fn t0(record: &RequestRecord) -> Stamp {
    record.connected.unwrap_or(record.sent)
}

impl Guidellm {
    pub(super) fn add(&mut self, record: &RequestRecord) {
        let t0 = t0(record);
        self.window.add_sent(record, t0);
        match record.outcome {
            Outcome::Ok => self.successful += 1,
            Outcome::Failed(_) => return self.errored += 1,
            Outcome::Cancelled => return self.incomplete += 1,
        }
        let n = record.usage.output_tokens.unwrap_or(Tokens(record.token_events.len() as u64));
        let input = record.usage.prompt().unwrap_or(record.isl);
        self.output += n;
        self.input_tokens.add(Some(input.0 as f64), 1);
        self.output_tokens.add(Some(n.0 as f64), 1);
        self.latency.add(Some(record.end.since(t0).as_secs()), 1);
        let (Some(first), Some(last)) = (record.first_token(), record.last_token()) else { return };
        self.ttft.add(Some(first.since(t0).as_ms()), 1);
        let gaps = n.0.saturating_sub(1);
        self.itl.add((gaps > 0).then(|| last.since(first).as_ms() / gaps as f64), gaps);
        self.tpot.add((n.0 > 0).then(|| last.since(t0).as_ms() / n.0 as f64), n.0);
    }

    pub(super) fn finish(self) -> Vec<Figure> {
        let duration = self.window.seconds();
        let per_s = |amount: f64| duration.map(|duration| amount / duration);
        let statistics = |name, unit, formula, sample: WeightedSample| Figure {
            name,
            unit,
            formula,
            value: sample.statistics(STATISTICS),
        };
        let count = |name, formula, count: u64| Figure::number(name, "requests", formula, Some(count as f64));
        vec![
            statistics("request_latency", "s", LATENCY, self.latency),
            statistics("time_to_first_token_ms", "ms", "first token - t0", self.ttft),
            statistics("inter_token_latency_ms", "ms", ITL, self.itl),
            statistics("time_per_output_token_ms", "ms", TPOT, self.tpot),
            statistics("prompt_token_count", "tokens", INPUT, self.input_tokens),
            statistics("output_token_count", "tokens", OUTPUT, self.output_tokens),
            Figure::number(
                "requests_per_second",
                "requests/s",
                "successful / duration",
                per_s(self.successful as f64),
            ),
            Figure::number(
                "output_tokens_per_second",
                "tokens/s",
                "sum of n / duration",
                per_s(self.output.0 as f64),
            ),
            count("successful", "successful requests", self.successful),
            count("incomplete", "cancelled requests", self.incomplete),
            count("errored", "failed requests", self.errored),
            Figure::number("duration", "s", DURATION, duration),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, figures, run};
    use crate::metrics::{Dialect, TokenBasis};

    #[test]
    fn a_run_has_guidellms_numbers() {
        let figures = figures(Dialect::Guidellm, TokenBasis::Local, &run());
        let check = |name, statistic, expected| check(&figures, name, statistic, expected);
        // t0: A 6, where its connection stood, B 10. n: A 3 chunks, B 4 by the server.
        // A 100 - 6, B 90 - 10.
        check("request_latency", "mean", Some(0.087));
        // A 46, B 30: half of the requests took 30 or less, so that is the median.
        check("time_to_first_token_ms", "mean", Some(38.0));
        check("time_to_first_token_ms", "std_dev", Some(8.0));
        check("time_to_first_token_ms", "median", Some(30.0));
        check("time_to_first_token_ms", "p75", Some(46.0));
        // A 40 / 2 twice, B 40 / 3 three times.
        check("inter_token_latency_ms", "mean", Some(80.0 / 5.0));
        check("inter_token_latency_ms", "median", Some(40.0 / 3.0));
        check("inter_token_latency_ms", "max", Some(20.0));
        // A 86 / 3 three times, B 70 / 4 four times; 4/7 lie at or below 17.5.
        check("time_per_output_token_ms", "mean", Some((86.0 + 70.0) / 7.0));
        check("time_per_output_token_ms", "median", Some(17.5));
        check("time_per_output_token_ms", "p75", Some(86.0 / 3.0));
        // A 10 counted here, B 30 by the server.
        check("prompt_token_count", "mean", Some(20.0));
        check("output_token_count", "mean", Some(3.5));
        // From 1 (the failed one) to 202.
        check("duration", "", Some(0.201));
        check("requests_per_second", "", Some(2.0 / 0.201));
        check("output_tokens_per_second", "", Some(7.0 / 0.201));
        check("successful", "", Some(2.0));
        check("incomplete", "", Some(1.0));
        check("errored", "", Some(1.0));
    }
}
