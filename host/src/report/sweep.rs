//! What a series of runs comes to: a table for people, a document for programs.

use serde_json::{Value, json};

use super::RunVerdict;
use super::console::{grouped, rate};
use crate::load::{Bracket, Trial};
use crate::metrics::{Level, Metric, Pace, Saturation, Summary, Verdict};

/// A run as the table has it.
#[derive(Debug, Clone, Copy)]
pub struct SeriesRow<'a> {
    /// Requests at a time, or a second.
    pub load: f64,
    pub summary: &'a Summary,
    pub verdict: &'a Verdict,
    pub pace: Option<Pace>,
    /// Its outcome as a step of a search, and why.
    pub trial: Option<(Trial, &'a str)>,
}

/// The way the loads of a series differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadAxis {
    Concurrency,
    RequestRate,
}

impl LoadAxis {
    /// The name in results.
    pub fn name(self) -> &'static str {
        match self {
            LoadAxis::Concurrency => "concurrency",
            LoadAxis::RequestRate => "request_rate",
        }
    }

    fn words(self, load: f64) -> String {
        match self {
            LoadAxis::Concurrency => format!("{load} concurrent requests"),
            LoadAxis::RequestRate => format!("{load:.4} requests/s"),
        }
    }
}

/// The lines of the table, each ended: one run a line, latencies in ms. `-` stands for what is undefined.
pub fn series_table(axis: LoadAxis, rows: &[SeriesRow<'_>]) -> String {
    let with_slo = rows.iter().any(|row| row.summary.slo.is_some());
    let with_trial = rows.iter().any(|row| row.trial.is_some());
    let load = if axis == LoadAxis::Concurrency { "concurrency" } else { "rate" };
    let mut header = vec![load, "ok", "failed", "req/s", "tok/s"];
    header.extend(["TTFT p50", "p99", "ITL p50", "p99", "E2EL p50"]);
    if with_slo {
        header.push("goodput");
    }
    if with_trial {
        header.push("step");
    }
    header.push("verdict");
    let mut lines: Vec<Vec<String>> = vec![header.into_iter().map(str::to_owned).collect()];
    lines.extend(rows.iter().map(|row| cells(axis, row, with_slo, with_trial)));
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|at| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in &lines {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    for row in rows {
        if let Some((trial, reason)) = row.trial.filter(|(_, reason)| !reason.is_empty()) {
            text.push_str(&format!("  {} {}: {reason}\n", axis.words(row.load), trial_word(trial)));
        }
        if let Some(verdict) = RunVerdict::of(row.verdict).explained() {
            text.push_str(&format!("  {} {verdict}\n", axis.words(row.load)));
        }
    }
    text
}

fn cells(axis: LoadAxis, row: &SeriesRow<'_>, with_slo: bool, with_trial: bool) -> Vec<String> {
    let summary = row.summary;
    let counts = summary.counts;
    let number = |value: Option<f64>| value.map_or("-".to_owned(), rate);
    let quantile = |metric, level| {
        let value = summary.distributions.get(&metric).and_then(|of| of.at(level)).map(|at| at.value);
        value.map_or("-".to_owned(), |value| grouped(value, if value < 1000.0 { 1 } else { 0 }))
    };
    let load = match axis {
        LoadAxis::Concurrency => grouped(row.load, 0),
        LoadAxis::RequestRate => grouped(row.load, 2),
    };
    let mut cells = vec![
        load,
        grouped(counts.ok as f64, 0),
        grouped((counts.failed + counts.cancelled + counts.dropped) as f64, 0),
        number(achieved(row)),
        number(summary.output_throughput),
        quantile(Metric::Ttft, Level::P50),
        quantile(Metric::Ttft, Level::P99),
        quantile(Metric::Itl, Level::P50),
        quantile(Metric::Itl, Level::P99),
        quantile(Metric::E2el, Level::P50),
    ];
    if with_slo {
        cells.push(number(summary.slo.as_ref().and_then(|slo| slo.goodput)));
    }
    if with_trial {
        cells.push(row.trial.map_or("-", |(trial, _)| trial_word(trial)).to_owned());
    }
    cells.push(RunVerdict::of(row.verdict).word());
    cells
}

/// In an open loop the rate that the tail of the last answers does not lower; see [`Pace`].
fn achieved(row: &SeriesRow<'_>) -> Option<f64> {
    row.pace.map(|pace| pace.achieved).or(row.summary.request_throughput)
}

fn trial_word(trial: Trial) -> &'static str {
    match trial {
        Trial::Passed => "passed",
        Trial::Failed => "failed",
        Trial::Undecided => "undecided",
    }
}

/// Where the sweep saturates, and by which rule.
pub fn saturation_line(axis: LoadAxis, loads: &[f64], saturation: Saturation) -> String {
    let (what, more) = match axis {
        LoadAxis::Concurrency => {
            ("the lowest with 95 % of the best output throughput", "throughput still grows")
        }
        LoadAxis::RequestRate => {
            ("the highest that is kept up with, 95 % achieved and none dropped", "all are kept up with")
        }
    };
    match saturation {
        Saturation::At(at) => {
            format!("saturation at {}, {what}", loads.get(at).map_or(String::new(), |&load| axis.words(load)))
        }
        Saturation::NotReached => format!("saturation is not reached: {more}"),
        Saturation::BelowLowest => "saturation is below the lowest load".to_owned(),
        Saturation::Unknown => "saturation cannot be told from these runs".to_owned(),
    }
}

/// The answer of a search in one line.
pub fn bracket_line(bracket: Bracket) -> String {
    match (bracket.passed, bracket.failed) {
        (Some(passed), Some(failed)) => {
            format!("max rate between {passed:.4} (passed) and {failed:.4} (failed) requests/s")
        }
        (Some(passed), None) => format!("max rate at least {passed:.4} requests/s (passed); no rate failed"),
        (None, Some(failed)) => format!(
            "max rate below {failed:.4} requests/s (failed); no rate passed; a search may begin lower, at --request-rate"
        ),
        (None, None) => "max rate unknown: no rate was decided".to_owned(),
    }
}

/// A sweep as JSON. `runs` are the documents of its runs, in the order of `rows`.
pub fn sweep_json(axis: LoadAxis, rows: &[SeriesRow<'_>], runs: Vec<Value>, saturation: Saturation) -> Value {
    let (at, word) = match saturation {
        Saturation::At(at) => (rows.get(at).map(|row| row.load), "found"),
        Saturation::NotReached => (None, "not_reached"),
        Saturation::BelowLowest => (None, "below_lowest"),
        Saturation::Unknown => (None, "unknown"),
    };
    let loads: Vec<f64> = rows.iter().map(|row| row.load).collect();
    json!({
        "schema_version": super::SCHEMA_VERSION,
        "kind": "sweep",
        "axis": axis.name(),
        "runs": with_load(axis, rows, runs),
        "saturation": { "state": word, axis.name(): at, "rule": saturation_line(axis, &loads, saturation) },
    })
}

/// A search as JSON.
pub fn search_json(rows: &[SeriesRow<'_>], runs: Vec<Value>, bracket: Bracket) -> Value {
    json!({
        "schema_version": super::SCHEMA_VERSION,
        "kind": "find_max_rate",
        "max_rate": {
            "passed_requests_per_s": bracket.passed,
            "failed_requests_per_s": bracket.failed,
        },
        "runs": with_load(LoadAxis::RequestRate, rows, runs),
    })
}

fn with_load(axis: LoadAxis, rows: &[SeriesRow<'_>], runs: Vec<Value>) -> Vec<Value> {
    let add = |(row, mut run): (&SeriesRow<'_>, Value)| {
        run["load"] = json!({
            axis.name(): row.load,
            "offered_requests_per_s": row.pace.map(|pace| pace.offered),
            "achieved_requests_per_s": achieved(row),
            "keeps_up": row.pace.map(|pace| pace.keeps_up && row.summary.counts.dropped == 0),
            "verdict": row.trial.map(|(trial, _)| trial_word(trial)),
            "reason": row.trial.map(|(_, reason)| reason),
        });
        run
    };
    rows.iter().zip(runs).map(add).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::request::tests::record;
    use crate::metrics::{Context, Reason, Slo, SloCounter, TokenBasis, Validity, summarize};

    fn summary() -> Summary {
        let records = [record(0, &[52, 62, 82]), record(1, &[53, 63])];
        let mut summary = summarize(&records, Context::default());
        let slos = Slo::parse_all("ttft<1s").expect("an objective");
        let mut counter = SloCounter::new(&slos, TokenBasis::Local);
        records.iter().for_each(|record| counter.add(record));
        summary.slo = Some(counter.finish(summary.window, 0));
        summary
    }

    const VALID: &Verdict = &Verdict { validity: Validity::Valid, reasons: vec![] };

    #[test]
    fn a_run_is_a_line_and_reasons_stand_below() {
        let summary = summary();
        let pace = Some(Pace { offered: 5.0, achieved: 4.5, keeps_up: false });
        let reasons = vec![(Validity::Invalid, Reason::Errors { share: 0.5 })];
        let verdict = &Verdict { validity: Validity::Invalid, reasons };
        let trial = Some((Trial::Failed, "too slow"));
        let row = SeriesRow { load: 5.0, summary: &summary, verdict, pace, trial };
        let text = series_table(LoadAxis::RequestRate, &[row]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        let words: Vec<&str> = lines[1].split_whitespace().collect();
        assert_eq!(
            words,
            [
                "5.00", "2", "0", "4.50", "61.73", "50.5", "51.0", "10.0", "19.8", "70.5", "24.69", "failed",
                "INVALID"
            ]
        );
        assert_eq!(lines[2], "  5.0000 requests/s failed: too slow");
        assert!(lines[3].starts_with("  5.0000 requests/s INVALID: "), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn documents_say_the_load_of_each_run_and_the_rule() {
        let summary = summary();
        let row = |load| SeriesRow { load, summary: &summary, verdict: VALID, pace: None, trial: None };
        let rows = [row(1.0), row(2.0)];
        let json = sweep_json(LoadAxis::Concurrency, &rows, vec![json!({}), json!({})], Saturation::At(1));
        assert_eq!(json["runs"][1]["load"]["concurrency"], 2.0);
        assert_eq!(json["saturation"]["concurrency"], 2.0);
        assert!(json["saturation"]["rule"].as_str().expect("a rule").contains("95 %"));
        let bracket = Bracket { passed: Some(3.0), failed: Some(3.1) };
        let json = search_json(&rows, vec![json!({}), json!({})], bracket);
        assert_eq!(json["max_rate"], json!({"passed_requests_per_s": 3.0, "failed_requests_per_s": 3.1}));
        assert_eq!(bracket_line(bracket), "max rate between 3.0000 (passed) and 3.1000 (failed) requests/s");
    }
}
