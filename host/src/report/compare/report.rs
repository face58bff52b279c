//! The report in words: the sections of the comparison that LLMPerf's users wrote by hand, made from the runs.

mod advice;
mod changes;
mod notes;

use super::analysis::{self, Scenario, SizeClass};
use super::document::{Document, fill};
use super::number::number;
use super::words::{Language, Words};
use super::{ComparedRun, Tool};
use crate::metrics::{Aggregate, Level, Metric, Moment, Quantity};

pub(super) use advice::{Cell, Item, advised};

/// A row of a table of results.
#[derive(Clone, Copy)]
enum Row {
    Of(Moment),
    /// No draw goes beyond it, so it has no interval.
    Least,
    Most,
}

const MEDIAN: Row = Row::Of(Moment::At(Level::P50));
const P95: Row = Row::Of(Moment::At(Level::P95));
const P99: Row = Row::Of(Moment::At(Level::P99));
const MEAN: Row = Row::Of(Moment::Mean);
const STDDEV: Row = Row::Of(Moment::Stddev);

/// Results have milliseconds; the report has seconds, as LLMPerf, but for the gaps between tokens.
const MS: f64 = 1e-3;

pub(super) fn report(runs: &[ComparedRun], language: Language, seed: u64) -> Document {
    let words = language.words();
    let mut document = Document::default();
    document.heading(1, words.title);
    document.heading(2, words.configuration);
    let mut rows = configuration(runs, words);
    rows.extend(advice::accuracy_rows(runs, language));
    document.table(rows);
    document.heading(2, words.details);
    document.paragraph(fill(words.interval_note, &[("seed", &seed.to_string())]));
    speed(&mut document, runs, words);
    throughput(&mut document, runs, words);
    document.heading(3, words.output);
    let output = [(words.mean_output, MEAN), (words.stddev, STDDEV), (words.longest_output, Row::Most)];
    document.table(metric_table(runs, words, Metric::Osl, 1.0, &output));

    document.heading(2, words.analysis);
    changes::sizes(&mut document, runs, words);
    gradient(&mut document, runs, words);
    changes::quantisation(&mut document, runs, words);
    rankings(&mut document, runs, words);
    advice::sections(&mut document, runs, language);
    let notes = notes::notes(runs, words);
    if !notes.is_empty() {
        document.heading(2, words.notes);
        document.list(notes);
    }
    document
}

/// What a reader must know before believing a comparison of these runs, a sentence each.
pub fn comparison_notes(runs: &[ComparedRun], language: Language) -> Vec<String> {
    notes::notes(runs, language.words())
}

/// Which of the runs were killed, or have torn records.
pub fn damage_notes(runs: &[ComparedRun], language: Language) -> Vec<String> {
    runs.iter().flat_map(|run| notes::damage(run, language.words())).collect()
}

fn header(first: &str, runs: &[ComparedRun]) -> Vec<String> {
    std::iter::once(first.to_owned()).chain(runs.iter().map(|run| run.label.clone())).collect()
}

fn row(name: &str, runs: &[ComparedRun], cell: impl Fn(&ComparedRun) -> String) -> Vec<String> {
    std::iter::once(name.to_owned()).chain(runs.iter().map(cell)).collect()
}

fn configuration(runs: &[ComparedRun], words: &Words) -> Vec<Vec<String>> {
    let unknown = || words.unknown.to_owned();
    let mut rows = vec![
        header(words.item, runs),
        row(words.model_name, runs, |run| run.model.clone()),
        row(words.family, runs, |run| run.traits.family.clone()),
        row(words.quantisation, runs, |run| run.traits.quantisation.clone().unwrap_or_else(unknown)),
        row(words.parameters, runs, |run| {
            run.traits.size.as_ref().map_or_else(unknown, |size| size.text.clone())
        }),
        row(words.concurrency, runs, |run| match (run.request_rate, run.concurrency) {
            (Some(rate), _) => fill(words.rate_cell, &[("rate", &number(rate))]),
            (None, Some(concurrency)) => concurrency.to_string(),
            (None, None) => unknown(),
        }),
        row(words.requests, runs, |run| {
            let gaps = [("ok", &*run.ok.to_string()), ("failed", &*run.failed.to_string())];
            fill(words.requests_cell, &gaps)
        }),
        row(words.input_length, runs, |run| {
            run.distributions.get(&Metric::Isl).map_or_else(unknown, |isl| number(isl.mean))
        }),
    ];
    if runs.iter().any(|run| run.verdict.is_some()) {
        rows.push(row(words.verdict, runs, |run| {
            run.verdict.as_deref().map_or_else(unknown, |verdict| words.verdict_of(verdict).to_owned())
        }));
    }
    if runs.iter().any(|run| !run.objectives.is_empty()) {
        let of = |run: &ComparedRun| match run.objectives.join(" ") {
            none if none.is_empty() => unknown(),
            objectives => objectives,
        };
        rows.push(row(words.objectives, runs, of));
    }
    if runs.iter().any(|run| run.tool == Tool::LegacyLlmperf) {
        rows.push(row(words.measured_by, runs, |run| run.tool.name().to_owned()));
    }
    rows
}

fn speed(document: &mut Document, runs: &[ComparedRun], words: &Words) {
    document.heading(3, words.speed);
    let mut table = |title: &str, metric: Metric, rows: &[(&str, Row)]| {
        // Gaps of some milliseconds are unreadable in seconds.
        let scale = if metric == Metric::Itl { 1.0 } else { MS };
        document.heading(4, title);
        document.table(metric_table(runs, words, metric, scale, rows));
    };
    let (mean, median, p95) = ((words.mean, MEAN), (words.median, MEDIAN), (words.p95, P95));
    let (stddev, p99) = ((words.stddev, STDDEV), (words.p99, P99));
    table(words.ttft_title, Metric::Ttft, &[mean, median, (words.fastest, Row::Least), p95, stddev]);
    table(words.itl_title, Metric::Itl, &[mean, median, p99, stddev]);
    table(words.e2el_title, Metric::E2el, &[mean, median, p95, stddev]);
}

fn throughput(document: &mut Document, runs: &[ComparedRun], words: &Words) {
    document.heading(3, words.throughput);
    document.heading(4, format!("{} ({})", words.per_request, words.unit_tok_s));
    let rows =
        [(words.mean, MEAN), (words.median, MEDIAN), (words.highest, Row::Most), (words.stddev, STDDEV)];
    document.table(metric_table(runs, words, Metric::OutputThroughputPerRequest, 1.0, &rows));
    document.heading(4, words.overall);
    let rate =
        |name: &str, rate: Quantity, scale: f64| row(name, runs, |run| estimate(run, rate, scale, words));
    let mut rows = vec![
        header(words.statistic, runs),
        rate(words.output_throughput, Quantity::Rate(Aggregate::OutputThroughput), 1.0),
        rate(words.request_rate_min, Quantity::Rate(Aggregate::RequestThroughput), 60.0),
        rate(words.request_rate_s, Quantity::Rate(Aggregate::RequestThroughput), 1.0),
        rate(words.error_rate, Quantity::Rate(Aggregate::ErrorRate), 100.0),
    ];
    if runs.iter().any(|run| !run.objectives.is_empty()) {
        rows.push(rate(words.goodput, Quantity::Rate(Aggregate::Goodput), 1.0));
        rows.push(rate(words.goodput_share, Quantity::GoodShare, 100.0));
    }
    document.table(rows);
}

fn metric_table(
    runs: &[ComparedRun],
    words: &Words,
    metric: Metric,
    scale: f64,
    rows: &[(&str, Row)],
) -> Vec<Vec<String>> {
    let extreme = |run: &ComparedRun, most: bool| {
        let of = run.distributions.get(&metric).map(|of| if most { of.max } else { of.min });
        of.map_or_else(|| words.unknown.to_owned(), |value| number(value * scale))
    };
    let cells = |&(name, kind): &(&str, Row)| {
        row(name, runs, |run| match kind {
            Row::Of(moment) => estimate(run, Quantity::Of(metric, moment), scale, words),
            Row::Least => extreme(run, false),
            Row::Most => extreme(run, true),
        })
    };
    std::iter::once(header(words.statistic, runs)).chain(rows.iter().map(cells)).collect()
}

/// `9.36 (8.10–10.70)`.
fn estimate(run: &ComparedRun, quantity: Quantity, scale: f64, words: &Words) -> String {
    let Some(estimate) = run.estimates.get(quantity) else { return words.unknown.to_owned() };
    let value = number(estimate.value * scale);
    match estimate.ci95 {
        Some((low, high)) => format!("{value} ({}–{})", number(low * scale), number(high * scale)),
        None => value,
    }
}

/// The least and the most of the runs of each size class.
fn gradient(document: &mut Document, runs: &[ComparedRun], words: &Words) {
    document.heading(3, words.gradient);
    let classes = analysis::classes(runs);
    if classes.is_empty() {
        return document.paragraph(words.no_sizes);
    }
    let named = classes.into_iter().map(|(class, members)| {
        let name = match class {
            SizeClass::Small => words.small,
            SizeClass::Medium => words.medium,
            SizeClass::Large => words.large,
        };
        (name.to_owned(), members)
    });
    document.table(ranges(words.class, named, runs, words));
}

/// From the least to the most of the runs in each group.
fn ranges(
    title: &str,
    groups: impl Iterator<Item = (String, Vec<usize>)>,
    runs: &[ComparedRun],
    words: &Words,
) -> Vec<Vec<String>> {
    let columns = [
        (format!("{}, {} ({})", words.ttft, words.mean, words.unit_s), analysis::LATENCIES[0], MS),
        (
            format!("{}, {} ({})", words.per_request, words.mean, words.unit_tok_s),
            analysis::THROUGHPUTS[0],
            1.0,
        ),
        (words.output_throughput.to_owned(), analysis::THROUGHPUTS[1], 1.0),
        (words.mean_output.to_owned(), Quantity::Of(Metric::Osl, Moment::Mean), 1.0),
    ];
    let mut rows = vec![vec![title.to_owned(), words.runs_in.to_owned()]];
    rows[0].extend(columns.iter().map(|(name, ..)| name.clone()));
    for (name, members) in groups {
        let labels: Vec<&str> = members.iter().map(|&at| runs[at].label.as_str()).collect();
        let mut cells = vec![name, labels.join(", ")];
        cells.extend(columns.iter().map(|&(_, quantity, scale)| {
            let values =
                || members.iter().filter_map(|&at| runs[at].estimates.value(quantity)).map(|v| v * scale);
            match (values().reduce(f64::min), values().reduce(f64::max)) {
                (Some(least), Some(most)) if number(least) != number(most) => {
                    format!("{}–{}", number(least), number(most))
                }
                (Some(value), _) => number(value),
                _ => words.unknown.to_owned(),
            }
        }));
        rows.push(cells);
    }
    rows
}

fn rankings(document: &mut Document, runs: &[ComparedRun], words: &Words) {
    document.heading(2, words.ranking);
    for (number, scenario) in (1..).zip(Scenario::ALL) {
        let (name, rule, column, scale) = match scenario {
            Scenario::Interactive => (words.interactive, words.interactive_rule, words.ttft, MS),
            Scenario::Throughput => {
                (words.throughput_scenario, words.throughput_rule, words.output_throughput, 1.0)
            }
            Scenario::LongOutput => (words.long_output, words.long_output_rule, words.per_request, 1.0),
        };
        document.heading(3, format!("{number}. {name}"));
        document.paragraph(fill(words.rule, &[("rule", rule)]));
        let column = match scenario {
            Scenario::Interactive => format!("{column}, {} ({})", words.median, words.unit_s),
            Scenario::Throughput => column.to_owned(),
            Scenario::LongOutput => format!("{column}, {} ({})", words.median, words.unit_tok_s),
        };
        let mut rows = vec![vec![words.place.to_owned(), words.run.to_owned(), column]];
        let places = analysis::ranking(runs, scenario).places;
        for place in &places {
            let shares = places.iter().filter(|other| other.place == place.place).count() > 1;
            let remark = match (shares, place.unsure) {
                (true, _) => format!(" ({})", words.shared),
                (false, true) => format!(" ({})", words.unsure),
                (false, false) => String::new(),
            };
            let run = &runs[place.run];
            let value = estimate(run, scenario.criterion().0, scale, words);
            rows.push(vec![format!("{}{remark}", place.place), run.label.clone(), value]);
        }
        document.table(rows);
    }
}

#[cfg(test)]
pub(super) mod tests;
