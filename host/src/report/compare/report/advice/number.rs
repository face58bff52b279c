//! The numbers that advice looked at: a cell for each run and number, from which the table of every format is made.

use super::super::super::Accuracy;
use super::super::super::advice::Standing;
use super::super::super::number::{number, percent};
use super::super::super::words::Language;
use super::super::{ComparedRun, MS, fill};
use crate::metrics::{Aggregate, Metric, Quantity, Unit};

/// What a number is of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Number {
    Of(Quantity),
    /// Thousand millions of parameters.
    Size,
    /// The share of right replies in a check.
    Accuracy(String),
    /// Requests at a time.
    Concurrency,
    Offered,
    Achieved,
    /// Of the requests that were due.
    Dropped,
    TimeOut,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    pub(crate) run: usize,
    pub(crate) number: Number,
    pub(crate) value: f64,
    pub(crate) ci95: Option<(f64, f64)>,
    /// How far from the best, as a share of it, where that is what a rule looks at; 0 for the best.
    pub(crate) from_best: Option<(f64, Option<(f64, f64)>)>,
    pub(crate) standing: Option<Standing>,
}

impl Cell {
    pub(super) fn new(run: usize, number: Number, value: f64) -> Cell {
        Cell { run, number, value, ci95: None, from_best: None, standing: None }
    }

    /// As its run has it; `None` where it has not.
    pub(super) fn of(runs: &[ComparedRun], run: usize, quantity: Quantity) -> Option<Cell> {
        let estimate = runs[run].estimates.get(quantity)?;
        Some(Cell { ci95: estimate.ci95, ..Cell::new(run, Number::Of(quantity), estimate.value) })
    }

    pub(super) fn of_accuracy(run: usize, found: &Accuracy) -> Cell {
        let number = Number::Accuracy(found.check.clone());
        Cell { ci95: Some(found.right.interval95()), ..Cell::new(run, number, found.right.value()) }
    }

    /// The number, and in parentheses what a rule made of it.
    fn text(&self, language: Language) -> String {
        let (words, advice, scale) = (language.words(), language.advice(), self.number.scale());
        let mut remarks = Vec::new();
        match (self.from_best, self.ci95) {
            (Some((0.0, _)), _) => return format!("{} ({})", number(self.value * scale), advice.best),
            (Some((share, ci95)), _) => {
                remarks.push(percent(share));
                remarks.extend(ci95.map(|(low, high)| format!("{} … {}", percent(low), percent(high))));
            }
            (None, Some((low, high))) => {
                remarks.push(format!("{}–{}", number(low * scale), number(high * scale)));
            }
            (None, None) => {}
        }
        remarks.extend(self.standing.map(|standing| match standing {
            Standing::Within => advice.within.to_owned(),
            Standing::Beyond => advice.beyond.to_owned(),
            Standing::Open => advice.open.to_owned(),
            Standing::Unknown => advice.no_number.to_owned(),
        }));
        let value =
            if self.value.is_finite() { number(self.value * scale) } else { words.unknown.to_owned() };
        if remarks.is_empty() { value } else { format!("{value} ({})", remarks.join("; ")) }
    }
}

impl Number {
    /// The name in results.
    pub(crate) fn name(&self) -> String {
        match self {
            Number::Of(quantity) => quantity.name(),
            Number::Size => "size_billions".to_owned(),
            Number::Accuracy(check) => format!("accuracy.{check}"),
            Number::Concurrency => "concurrency".to_owned(),
            Number::Offered => "offered".to_owned(),
            Number::Achieved => "achieved".to_owned(),
            Number::Dropped => "dropped_share".to_owned(),
            Number::TimeOut => "time_out".to_owned(),
        }
    }

    /// The unit in results.
    pub(crate) fn unit(&self) -> &'static str {
        match self {
            Number::Of(quantity) => quantity.definition().unit.name(),
            Number::Size => "billions",
            Number::Accuracy(_) | Number::Dropped => Unit::Share.name(),
            Number::Concurrency => "requests",
            Number::Offered | Number::Achieved => Unit::RequestsPerS.name(),
            Number::TimeOut => Unit::Ms.name(),
        }
    }

    /// The report has seconds and per cent.
    fn scale(&self) -> f64 {
        match self.unit() {
            "ms" => MS,
            "share" => 100.0,
            _ => 1.0,
        }
    }

    fn title(&self, language: Language) -> String {
        let (words, advice) = (language.words(), language.advice());
        match self {
            Number::Of(Quantity::Of(Metric::Ttft, _)) => {
                format!("{}, {} ({})", words.ttft, words.median, words.unit_s)
            }
            Number::Of(Quantity::Of(Metric::E2el, moment)) => {
                format!("{}, {} ({})", words.e2el, moment.name().to_uppercase(), words.unit_s)
            }
            Number::Of(Quantity::Of(Metric::ScheduleLag, _)) => advice.lag.to_owned(),
            Number::Of(Quantity::Rate(Aggregate::OutputThroughput)) => words.output_throughput.to_owned(),
            Number::Of(_) => format!("{}, {} ({})", words.per_request, words.median, words.unit_tok_s),
            Number::Size => advice.size.to_owned(),
            Number::Accuracy(check) => fill(advice.accuracy_of, &[("check", check)]),
            Number::Concurrency => words.concurrency.to_owned(),
            Number::Offered => advice.offered.to_owned(),
            Number::Achieved => advice.achieved.to_owned(),
            Number::Dropped => advice.dropped.to_owned(),
            Number::TimeOut => advice.time_out_column.to_owned(),
        }
    }
}

/// A row for each check that a model was tested by, for the table of what was run.
pub(crate) fn accuracy_rows(runs: &[ComparedRun], language: Language) -> Vec<Vec<String>> {
    let mut checks: Vec<&str> = Vec::new();
    for found in runs.iter().flat_map(|run| &run.facts.accuracy) {
        if !checks.contains(&&*found.check) {
            checks.push(&found.check);
        }
    }
    let row = |check: &str| {
        let cell = |(at, run): (usize, &ComparedRun)| {
            let found = run.facts.accuracy.iter().find(|found| found.check == check);
            found.map_or_else(
                || language.words().unknown.to_owned(),
                |found| Cell::of_accuracy(at, found).text(language),
            )
        };
        let title = Number::Accuracy(check.to_owned()).title(language);
        std::iter::once(title).chain(runs.iter().enumerate().map(cell)).collect()
    };
    checks.into_iter().map(row).collect()
}

/// A row for each run, a column for each number, in the order in which they come.
pub(super) fn table(cells: &[Cell], runs: &[ComparedRun], language: Language) -> Vec<Vec<String>> {
    let words = language.words();
    let mut numbers: Vec<&Number> = Vec::new();
    let mut members: Vec<usize> = Vec::new();
    for cell in cells {
        if !numbers.contains(&&cell.number) {
            numbers.push(&cell.number);
        }
        if !members.contains(&cell.run) {
            members.push(cell.run);
        }
    }
    let mut rows = vec![vec![words.run.to_owned()]];
    rows[0].extend(numbers.iter().map(|number| number.title(language)));
    for run in members {
        let cell = |number: &&Number| {
            let found = cells.iter().find(|cell| cell.run == run && cell.number == **number);
            found.map_or_else(|| words.unknown.to_owned(), |cell| cell.text(language))
        };
        let mut row = vec![runs[run].label.clone()];
        row.extend(numbers.iter().map(cell));
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_says_what_the_rule_made_of_its_number() {
        let number = || Number::Of(Quantity::Of(Metric::Ttft, crate::metrics::Moment::Mean));
        let cell = Cell::new(0, number(), 80.0);
        let best = Some((0.0, Some((0.0, 0.0))));
        let worse = Some((0.5, Some((-0.02, 1.0))));
        for (cell, expected) in [
            (cell.clone(), "0.0800"),
            (Cell { from_best: best, standing: Some(Standing::Within), ..cell.clone() }, "0.0800 (best)"),
            (
                Cell { from_best: worse, standing: Some(Standing::Open), ..cell.clone() },
                "0.0800 (+50%; -2.0% … +100%; undecided)",
            ),
            (
                Cell { ci95: Some((79.0, 81.0)), standing: Some(Standing::Beyond), ..cell },
                "0.0800 (0.0790–0.0810; beyond)",
            ),
            (Cell::new(0, Number::Dropped, 0.125), "12.50"),
        ] {
            assert_eq!(cell.text(Language::English), expected);
        }
    }
}
