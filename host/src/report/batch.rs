//! What the runs of a plan file come to, a line each.

use serde::{Deserialize, Serialize};

use super::console::{grouped, rate};
use super::{RunVerdict, inert};
use crate::metrics::{Level, Metric, Summary};

/// Columns of a run's name: a longer one leaves no room for numbers.
const NAME_WIDTH: usize = 60;

/// A run as the table has it, and as it is kept for the table of a later resumption. What is not defined is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchRow {
    pub name: String,
    pub ok: u64,
    /// Failed, cancelled and dropped.
    pub failed: u64,
    pub requests_per_s: Option<f64>,
    pub output_tokens_per_s: Option<f64>,
    pub ttft_p50_ms: Option<f64>,
    pub ttft_p99_ms: Option<f64>,
    pub itl_p50_ms: Option<f64>,
    pub itl_p99_ms: Option<f64>,
    pub e2el_p50_ms: Option<f64>,
    /// Of a search, the gravest of its steps. It is kept in the run's own document.
    #[serde(skip)]
    pub verdict: Option<RunVerdict>,
}

impl BatchRow {
    /// The line of a run.
    pub fn of(name: &str, summary: &Summary, verdict: Option<RunVerdict>) -> BatchRow {
        let quantile = |metric, level| {
            let distribution = summary.distributions.get(&metric)?;
            Some(distribution.at(level)?.value)
        };
        let counts = summary.counts;
        BatchRow {
            name: name.to_owned(),
            ok: counts.ok,
            failed: counts.failed + counts.cancelled + counts.dropped,
            requests_per_s: summary.request_throughput,
            output_tokens_per_s: summary.output_throughput,
            ttft_p50_ms: quantile(Metric::Ttft, Level::P50),
            ttft_p99_ms: quantile(Metric::Ttft, Level::P99),
            itl_p50_ms: quantile(Metric::Itl, Level::P50),
            itl_p99_ms: quantile(Metric::Itl, Level::P99),
            e2el_p50_ms: quantile(Metric::E2el, Level::P50),
            verdict,
        }
    }

    fn cells(&self) -> Vec<String> {
        let number = |value: Option<f64>| value.map_or("-".to_owned(), rate);
        let ms = |value: Option<f64>| {
            value.map_or("-".to_owned(), |value| grouped(value, if value < 1000.0 { 1 } else { 0 }))
        };
        vec![
            inert(&self.name, NAME_WIDTH),
            grouped(self.ok as f64, 0),
            grouped(self.failed as f64, 0),
            number(self.requests_per_s),
            number(self.output_tokens_per_s),
            ms(self.ttft_p50_ms),
            ms(self.ttft_p99_ms),
            ms(self.itl_p50_ms),
            ms(self.itl_p99_ms),
            ms(self.e2el_p50_ms),
            self.verdict.as_ref().map_or("-".to_owned(), RunVerdict::word),
        ]
    }
}

/// The lines of the table, each ended: one run a line, latencies in ms. `-` stands for what is undefined.
pub fn batch_table(rows: &[BatchRow]) -> String {
    let header =
        ["run", "ok", "failed", "req/s", "tok/s", "TTFT p50", "p99", "ITL p50", "p99", "E2EL p50", "verdict"];
    let mut lines = vec![header.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(BatchRow::cells));
    text_table(&lines)
}

/// Cells in columns: the first to the left, numbers to the right.
pub fn text_table(lines: &[Vec<String>]) -> String {
    let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines.first().map_or(0, Vec::len)).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cell = |(at, (cell, &width)): (usize, (&String, &usize))| match at {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        };
        let cells: Vec<String> = line.iter().zip(&widths).enumerate().map(cell).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::record;
    use crate::metrics::{Context, Validity, summarize};

    #[test]
    fn a_run_is_a_line_and_what_is_undefined_a_dash() {
        let summary = summarize(&[record(0, &[52, 62, 82]), record(1, &[53, 63])], Context::default());
        let verdict = RunVerdict { validity: Validity::Doubtful, reasons: vec!["a reason".to_owned()] };
        let rows = [
            BatchRow::of("fast one", &summary, Some(verdict)),
            BatchRow::of("nothing", &summarize(&[], Context::default()), None),
        ];
        let text = batch_table(&rows);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1][..4], ["fast", "one", "2", "0"]);
        assert_eq!(lines[1][6..], ["50.5", "51.0", "10.0", "19.8", "70.5", "DOUBTFUL"]);
        assert_eq!(lines[2], ["nothing", "0", "0", "-", "-", "-", "-", "-", "-", "-", "-"]);
    }
}
